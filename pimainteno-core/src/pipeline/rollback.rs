//! Rollback is a run too: its change is the inverse of a commit, and no model is involved.

use super::execute;
use crate::{
    git::Checkout,
    policy::Facts,
    registry::Registry,
    run::{Outcome, RunRecord},
    step::{Candidate, Run, RunParts},
};

/// Takes back what `failed` delivered, in the run of `record`. Sets the failed run's outcome, and gives the rollback's own run.
///
/// A commit that is at the remote is taken back by a commit of its inverse. One that never left the machine is dropped: the checkout goes back.
pub(crate) async fn roll_back(
    failed: &mut Run,
    reason: &str,
    mut record: RunRecord,
    facts: Facts,
    parts: &RunParts<'_>,
    registry: &Registry,
) -> Run {
    let commit = failed.record.commit.clone().unwrap_or_default();
    record.base.clone_from(&commit);
    let message = rollback_message(parts.checkout, &commit, reason).await;
    let mut run = Run::new(record, failed.branch.clone(), facts);
    let mut names = Vec::new();
    if failed.delivery.pushed {
        names.extend(["apply", "commit", "push"]);
        run.candidate = Some(Candidate::Inverse { commit, message });
    } else {
        run.record.commit = Some(failed.record.base.clone());
    }
    if failed.delivery.moved {
        names.extend(["restart", "monitor"]);
    }
    run.steps = names.into_iter().filter_map(|name| registry.step_named(name)).collect();
    run.change.clone_from(&failed.change);
    run.delivery.before = Some(failed.delivery.before.clone().unwrap_or_default());
    let rollback = execute(run, parts).await;
    failed.record.rolled_back_by = Some(rollback.record.id).filter(|_| rollback.record.outcome != Some(Outcome::Interrupted));
    failed.record.outcome = rollback.record.outcome.clone();
    conclude_rollback(failed, reason);
    if rollback.delivery.pushed
        && !rollback.delivery.moved
        && let Some(Outcome::Failed { message, .. }) = &mut failed.record.outcome
    {
        message.push_str("; at the remote it is taken back, so pull it into the checkout (`git pull`) and restart what runs from there");
    }
    rollback
}

/// The message of the commit that takes `commit` back.
pub(crate) async fn rollback_message(checkout: &Checkout, commit: &str, reason: &str) -> String {
    let message = checkout.message(commit).await.unwrap_or_default();
    let subject = message.lines().next().unwrap_or_default();
    format!("Revert \"{subject}\"\n\nThis takes back {commit}: {reason}")
}

/// Says of a run how it ended, from how taking its change back ended.
pub(crate) fn conclude_rollback(failed: &mut Run, reason: &str) {
    failed.record.outcome = Some(match &failed.record.outcome {
        Some(Outcome::Applied { .. }) => Outcome::RolledBack { reason: reason.to_owned() },
        // It is taken back at the next start.
        None | Some(Outcome::Interrupted) => Outcome::Interrupted,
        Some(outcome) => {
            Outcome::Failed { step: "rollback".into(), message: format!("{reason}; taking it back did not succeed: {outcome}") }
        }
    });
}
