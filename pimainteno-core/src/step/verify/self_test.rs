//! Whether the checks can fail at all: on a project that is broken on purpose, at least one must go
//! red.
//!
//! A check that says yes to anything says nothing about a change. It is found out once for the
//! commands and the scripts that they run, and kept.

use std::path::PathBuf;

use serde_json::Value;

use super::{StepContext, files, run_check, verdict::Verdict};
use crate::{
    error::Result, leftovers::Trial, policy::is_run_by, store::CheckResults, words::Sha256,
};

/// What stands in a broken file: an error in every language that has a syntax, and nothing that a
/// search for a word would find.
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

/// Whether one of `checks`, which pass, fails on the broken project. The workspace is left at the
/// base.
pub(super) async fn can_fail(context: &mut StepContext<'_>, checks: &[String]) -> Result<bool> {
    let base = context.run.base.clone();
    let workspace = context.parts.workspace;
    workspace.reset(&base).await?;
    let tracked = workspace.tracked().await?;
    let scripts = tracked.iter().filter_map(|(path, object)| {
        let path = path.to_str()?;
        checks.iter().any(|check| is_run_by(check, path)).then(|| format!("{path} {object}"))
    });
    // What earlier checks left can make one say yes to anything.
    let state = context.parts.leftovers.state();
    let key = Sha256::of(
        &checks.iter().cloned().chain(scripts).chain(state).collect::<Vec<_>>().join("\n"),
    );
    if let Some(Value::Bool(known)) = context.check_results(None, &key)? {
        return Ok(known);
    }
    // What the checks of the change left: they may need it, and it may be what makes them fail, or
    // pass. So they have to fail beside it and without; where they do not find what they need
    // they fail too, which is no harm.
    let has_left = context.parts.leftovers.has_left();
    let mut found = false;
    for (check, breakage) in attempts(checks) {
        let broken: Vec<_> = tracked
            .iter()
            .map(|(path, _)| path)
            .filter(|path| is_broken(breakage, &path.to_string_lossy(), checks))
            .collect();
        found = fails(context, check, breakage, &broken, Trial::Aside).await?
            && (!has_left || fails(context, check, breakage, &broken, Trial::Alone).await?);
        if found {
            break;
        }
    }
    // That none fails may be the fault of this change alone.
    if found || !has_left {
        let kept = CheckResults { commit: None, checks: key, results: Value::Bool(found) };
        context.run.base_checks.push(kept);
    }
    Ok(found)
}

/// Each check with each way to break the project, in the order in which they are tried.
fn attempts(checks: &[String]) -> Vec<(&String, Breakage)> {
    // What installs and builds comes first mostly, and what notices last.
    let meant = || checks.iter().rev().filter(|check| !is_rehearsal(check));
    let ways = [Breakage::Nonsense, Breakage::Gone].into_iter();
    ways.flat_map(|breakage| meant().map(move |check| (check, breakage))).collect()
}

/// Whether a check fails on the project where these files are broken.
async fn fails(
    context: &mut StepContext<'_>,
    check: &str,
    breakage: Breakage,
    broken: &[&PathBuf],
    trial: Trial,
) -> Result<bool> {
    context.place_base(trial).await?;
    // Of the whole project: nothing is installed for a broken one.
    context.prepared().await?;
    let content = Some(NONSENSE).filter(|_| breakage == Breakage::Nonsense);
    for path in broken {
        context.parts.leftovers.replace(context.parts.workspace, path, content)?;
    }
    context.progress(format!("runs `{check}` on a broken copy, to see that it notices"));
    Ok(run_check(context, check).await?.verdict == Verdict::Failed)
}

/// Whether a file is broken. What builds the project and what the checks run stay: without them, a
/// check fails for want of itself.
fn is_broken(breakage: Breakage, path: &str, checks: &[String]) -> bool {
    let is_kept = files::is_manifest(path) || checks.iter().any(|check| is_run_by(check, path));
    !is_kept && (breakage == Breakage::Gone || !files::is_test(path))
}

/// Whether a check only says what it would do. It may miss a file and fail, but it checks nothing.
fn is_rehearsal(check: &str) -> bool {
    let mut words = check.split_whitespace();
    let program = words.next().and_then(|program| program.rsplit('/').next()).unwrap_or_default();
    REHEARSALS.iter().any(|(name, options)| {
        *name == program && words.clone().any(|word| options.contains(&word))
    })
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
        assert!(
            is_broken(Breakage::Nonsense, "README.md", &checks)
                && is_broken(Breakage::Gone, "tests/a.rs", &checks)
        );
        assert!(!is_broken(Breakage::Nonsense, "tests/a.rs", &checks));
    }

    #[test]
    fn a_rehearsal_is_no_check() {
        assert!(is_rehearsal("make -n test") && is_rehearsal("make test --dry-run"));
        assert!(!is_rehearsal("make test") && !is_rehearsal("cargo test -n"));
    }
}
