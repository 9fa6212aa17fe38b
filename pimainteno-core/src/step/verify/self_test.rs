//! Whether the checks can fail at all: on a project that is broken on purpose, at least one must go red.
//!
//! A check that says yes to anything says nothing about a change. It is found out once for the commands and the scripts that they run, and kept.

use std::path::PathBuf;

use serde_json::Value;

use super::{StepContext, files, run_check, verdict::Verdict};
use crate::{
    error::Result,
    leftovers::{Trial, Way},
    policy::is_run_by,
    proposal::sha256,
    store::CheckResults,
};

/// What stands in a broken file: an error in every language that has a syntax, and nothing that a search for a word would find.
const NONSENSE: &str = ")]}>\"'`\u{0}<<<<<<< )]}>\n";

/// How a project is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breakage {
    /// Its files hold nonsense, but for the tests.
    Nonsense,
    /// Its files are gone, and the tests too.
    Gone,
}

/// Programs, and how they are told to only say what they would do.
const REHEARSALS: [(&str, &[&str]); 4] = [
    ("make", &["-n", "--just-print", "--dry-run", "--recon"]),
    ("ninja", &["-n"]),
    ("just", &["-n", "--dry-run"]),
    ("rake", &["-n", "--dry-run"]),
];

/// Whether one of `checks`, which pass, fails on the broken project. The workspace is left at the base.
pub(super) async fn can_fail(context: &mut StepContext<'_>, checks: &[String]) -> Result<bool> {
    let base = context.record.base.clone();
    let workspace = context.parts.workspace;
    workspace.reset(&base).await?;
    let tracked = workspace.tracked().await?;
    let scripts = tracked.iter().filter_map(|(path, object)| {
        let path = path.to_str()?;
        checks.iter().any(|check| is_run_by(check, path)).then(|| format!("{path} {object}"))
    });
    // What earlier checks left can make one say yes to anything.
    let state = [context.parts.leftovers.generation()];
    let key = sha256(&checks.iter().cloned().chain(scripts).chain(state).collect::<Vec<_>>().join("\n"));
    if let Some(Value::Bool(known)) = context.parts.store.check_results(&context.record.project, CheckResults::BROKEN, &key)? {
        return Ok(known);
    }
    // Beside what the checks of the change have made, because they may need that. If none fails there, that can be the fault of just this change.
    let found = one_fails(context, checks, &tracked, Trial::Aside).await?;
    let is_known = match found {
        true => !context.parts.leftovers.is_stripped(),
        false => context.parts.leftovers.way() == Way::Warm || !one_fails(context, checks, &tracked, Trial::Alone).await?,
    };
    if is_known {
        let kept = CheckResults { commit: CheckResults::BROKEN.into(), checks: key, results: Value::Bool(found) };
        context.base_checks.push(kept);
    }
    Ok(found)
}

/// Whether one of `checks` fails on the project, broken in one way or another.
async fn one_fails(context: &mut StepContext<'_>, checks: &[String], tracked: &[(PathBuf, String)], trial: Trial) -> Result<bool> {
    for breakage in [Breakage::Nonsense, Breakage::Gone] {
        for check in checks.iter().filter(|check| !is_rehearsal(check)) {
            let workspace = context.parts.workspace;
            workspace.reset(&context.record.base).await?;
            context.turn_to(trial.clone()).await?;
            for (path, _) in tracked {
                if is_broken(breakage, &path.to_string_lossy(), checks) {
                    let content = Some(NONSENSE).filter(|_| breakage == Breakage::Nonsense);
                    context.parts.leftovers.replace(workspace.path(), path, content)?;
                }
            }
            context.progress(format!("runs `{check}` on a broken copy, to see that it notices"));
            if run_check(context, check).await?.verdict == Verdict::Failed {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a file is broken. What builds the project and what the checks run stay: without them, a check fails for want of itself.
fn is_broken(breakage: Breakage, path: &str, checks: &[String]) -> bool {
    let is_kept = files::is_manifest(path) || checks.iter().any(|check| is_run_by(check, path));
    !is_kept && (breakage == Breakage::Gone || !files::is_test(path))
}

/// Whether a check only says what it would do. It may miss a file and fail, but it checks nothing.
fn is_rehearsal(check: &str) -> bool {
    let mut words = check.split_whitespace();
    let program = words.next().and_then(|program| program.rsplit('/').next()).unwrap_or_default();
    REHEARSALS.iter().any(|(name, options)| *name == program && words.clone().any(|word| options.contains(&word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_broken_without_what_builds_and_checks_it() {
        let checks = ["./check.sh".to_owned(), "test -f README.md".to_owned()];
        for path in ["check.sh", "Makefile", "web/package.json", ".gitignore"] {
            assert!(!is_broken(Breakage::Gone, path, &checks), "{path}");
        }
        assert!(is_broken(Breakage::Nonsense, "README.md", &checks) && is_broken(Breakage::Gone, "tests/a.rs", &checks));
        assert!(!is_broken(Breakage::Nonsense, "tests/a.rs", &checks));
    }

    #[test]
    fn a_rehearsal_is_no_check() {
        assert!(is_rehearsal("make -n test") && is_rehearsal("make test --dry-run"));
        assert!(!is_rehearsal("make test") && !is_rehearsal("cargo test -n"));
    }
}
