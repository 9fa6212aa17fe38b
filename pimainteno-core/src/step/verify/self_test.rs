//! Whether the checks can fail at all: on a project that is broken on purpose, at least one must go
//! red.
//!
//! A check that says yes to anything says nothing about a change. What a change is about is broken:
//!
//! | the change touches | broken is | how |
//! |---|---|---|
//! | code, or in a project with code its tests or what builds it | the code | nonsense; then everything is gone |
//! | documents, settings or data, or anything in a project without code | all that no check is driven by, in a project without code the tests too | nonsense; then the faults that linters look for; then it is gone |
//!
//! Everything is broken at once, because each try costs a run of the checks; at most three a check,
//! and no longer than one check may take. That a check notices is found out once for the commands
//! and the scripts that they run, and kept; that none does, or that it cannot be told, holds for
//! the base that it was tried on.

mod breakage;
mod subject;

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(super) use self::subject::is_code;
use self::{breakage::Breakage, subject::Subject};
use super::{StepContext, run_check, verdict::Verdict};
use crate::{
    error::Result,
    git::Change,
    leftovers::Trial,
    policy::is_run_by,
    step::{quoted, told},
    store::CheckResults,
    words::Sha256,
};

/// Programs, and how they are told to only say what they would do.
const REHEARSALS: [(&str, &[&str]); 4] = [
    ("make", &["-n", "--just-print", "--dry-run", "--recon"]),
    ("ninja", &["-n"]),
    ("just", &["-n", "--dry-run"]),
    ("rake", &["-n", "--dry-run"]),
];

/// What a broken project makes of the checks. What is kept names no command, which may hold a
/// secret.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Finding {
    /// One notices.
    Noticed,
    /// None does, whatever was done to the files.
    Unmoved,
    /// Each of them only says what it would do.
    Rehearsed,
    /// There is nothing that could be broken.
    Nothing,
    /// To try it to the end would take too long.
    TooLong,
    /// These, by their places, do not come to an end on it, and no other one notices.
    Overdue(Vec<usize>),
}

/// What a check says about one broken project.
enum Answer {
    Fails,
    Passes,
    /// It was killed at its deadline.
    Overdue,
}

/// Why a person should see `change` although `checks` pass on it: none of them notices a project
/// that is broken, or that could not be found out. The workspace is left at the base.
pub(super) async fn concern(
    context: &mut StepContext<'_>,
    change: &Change,
    checks: &[String],
) -> Result<Option<String>> {
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
    let known = checks.iter().cloned().chain(scripts).chain(state).collect::<Vec<_>>().join("\n");
    let touched: Vec<_> = change.files.iter().map(|file| file.path.as_str()).collect();
    let paths = tracked.iter().map(|(path, _)| path.clone()).collect();
    let subject = Subject::choose(paths, &touched, checks, context.workspace());
    let key = |of: &str| Sha256::of(&format!("{known}{of}"));
    let limit = context.project().verify_timeout;
    let key_of_base = key(&format!("\n{} {base} {limit:?}", subject.name()));
    // A check that notices broken code notices, whatever the change is about.
    for key in [key(""), key(subject.name())] {
        if context.check_results(None, &key)? == Some(Value::Bool(true)) {
            return Ok(None);
        }
    }
    let kept = context.check_results(None, &key_of_base)?;
    if let Some(kept) = kept.and_then(|kept| serde_json::from_value::<Finding>(kept).ok()) {
        return Ok(kept.told(&subject, checks, limit));
    }
    let finding = find(context, &subject, checks).await?;
    // That none fails may be the fault of this change alone.
    let is_noticed = matches!(finding, Finding::Noticed);
    if is_noticed || !context.parts.leftovers.has_left() {
        let (checks, results) = if is_noticed {
            (key(subject.name()), Value::Bool(true))
        } else {
            (key_of_base, serde_json::to_value(&finding).unwrap_or_default())
        };
        context.run.base_checks.push(CheckResults { commit: None, checks, results });
    }
    Ok(finding.told(&subject, checks, limit))
}

impl Finding {
    /// Why a person should see a change about `subject`; `None` if he need not.
    fn told(&self, subject: &Subject, checks: &[String], limit: Duration) -> Option<String> {
        let limit = limit.as_secs();
        let why = match self {
            Self::Noticed => return None,
            Self::Unmoved => return Some(subject.unmoved()),
            Self::Rehearsed => format!(
                "{} only says what would be done; give `verify` a command that does it",
                told(quoted(checks.to_vec()))
            ),
            Self::Nothing => subject.nothing_to_break(),
            Self::TooLong => format!(
                "breaking the project in every way that is known would take the checks longer than {limit} s, which is what `verify_timeout` gives one of them"
            ),
            Self::Overdue(places) => {
                let checks = places.iter().filter_map(|place| checks.get(*place).cloned());
                format!(
                    "on a copy of the project that was broken on purpose, {} did not end within {limit} s (`verify_timeout`)",
                    told(quoted(checks.collect()))
                )
            }
        };
        Some(format!("whether any check can fail could not be found out: {why}"))
    }
}

/// Tries the checks on the broken project, until one notices.
async fn find(
    context: &mut StepContext<'_>,
    subject: &Subject,
    checks: &[String],
) -> Result<Finding> {
    // What installs and builds comes first mostly, and what notices last.
    let meant = || checks.iter().enumerate().rev().filter(|(_, check)| !is_rehearsal(check));
    if meant().next().is_none() {
        return Ok(Finding::Rehearsed);
    }
    if subject.broken(Breakage::Gone).next().is_none() {
        return Ok(Finding::Nothing);
    }
    // What the checks of the change left: they may need it, and it may be what makes them fail, or
    // pass. So they have to fail beside it and without; where they do not find what they need
    // they fail too, which is no harm.
    let has_left = context.parts.leftovers.has_left();
    let (begin, limit) = (Instant::now(), context.project().verify_timeout);
    let mut overdue = Vec::new();
    for breakage in subject.breakages() {
        let broken: Vec<_> = subject.broken(*breakage).collect();
        for (place, check) in meant() {
            if overdue.contains(&place) {
                continue;
            }
            if begin.elapsed() > limit {
                return Ok(match overdue.is_empty() {
                    true => Finding::TooLong,
                    false => Finding::Overdue(overdue),
                });
            }
            let mut answer = answer(context, check, *breakage, &broken, Trial::Aside).await?;
            if has_left && matches!(answer, Answer::Fails) {
                answer = self::answer(context, check, *breakage, &broken, Trial::Alone).await?;
            }
            match answer {
                Answer::Fails => return Ok(Finding::Noticed),
                Answer::Passes => {}
                Answer::Overdue => overdue.push(place),
            }
        }
    }
    Ok(if overdue.is_empty() { Finding::Unmoved } else { Finding::Overdue(overdue) })
}

/// What a check says about the project where these files are broken.
async fn answer(
    context: &mut StepContext<'_>,
    check: &str,
    breakage: Breakage,
    broken: &[&PathBuf],
    trial: Trial,
) -> Result<Answer> {
    context.place_base(trial).await?;
    // Of the whole project: nothing is installed for a broken one.
    context.prepared().await?;
    let (leftovers, workspace) = (context.parts.leftovers, context.parts.workspace);
    for path in broken {
        let file = context.workspace().join(path);
        match breakage {
            Breakage::Nonsense => {
                leftovers.replace(workspace, path, Some(breakage::NONSENSE))?;
            }
            Breakage::Gone => leftovers.replace(workspace, path, None)?,
            Breakage::Faults => {
                if let Some(text) = breakage::with_faults(&file, check) {
                    leftovers.replace(workspace, path, Some(&text))?;
                }
            }
        }
    }
    context.progress(format!("runs `{check}` on a broken copy, to see that it notices"));
    let checked = run_check(context, check).await?;
    Ok(match checked.verdict {
        _ if checked.is_overdue => Answer::Overdue,
        Verdict::Failed => Answer::Fails,
        _ => Answer::Passes,
    })
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
    fn a_rehearsal_is_no_check() {
        assert!(is_rehearsal("make -n test") && is_rehearsal("make test --dry-run"));
        assert!(!is_rehearsal("make test") && !is_rehearsal("cargo test -n"));
    }
}
