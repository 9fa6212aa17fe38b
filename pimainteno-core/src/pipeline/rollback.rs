//! A change is taken back by a run too: of its inverse, and without a model.

use std::sync::Arc;

use super::execute;
use crate::{
    git::{Change, Checkout},
    policy::Facts,
    run::{Outcome, ROLLBACK, RunRecord},
    step::{
        self, Candidate, Form, Part, Run, RunParts, Step, apply::Apply, commit::Commit, quoted,
    },
    words::CommitId,
};

/// What is taken back, why, and how.
pub(crate) struct Way<'a> {
    /// The checkout, of which the commit's message is read.
    pub(crate) checkout: &'a Checkout,
    /// The steps of the project.
    pub(crate) steps: &'a [Arc<dyn Step>],
    /// Why it is taken back.
    pub(crate) reason: &'a str,
    /// The commit of which the inverse is committed; `None` if the checkout just goes back: the
    /// commit never left the machine, and nothing was built upon it.
    pub(crate) inverted: Option<&'a CommitId>,
    /// The commit that the change was made on.
    pub(crate) base: &'a CommitId,
    /// Whether somebody committed something after it, so that what is left has never been checked.
    pub(crate) is_covered: bool,
    /// The steps that did something that can be seen from outside.
    pub(crate) touched: &'a [String],
    /// Whether something runs by now that is to be watched.
    pub(crate) is_watched: bool,
}

/// Prepares a run to take a change back: by `apply` with its inverse and `commit`, unless it is
/// dropped; then by each step that did something, in the project's order, as it reverts that; and
/// by watching what runs.
pub(crate) async fn prepare(run: &mut Run, way: &Way<'_>, change: Option<Change>) {
    let steps = way.steps;
    run.change = change;
    let of = |part: Part| step::of_part(steps, part).cloned();
    if let Some(commit) = way.inverted {
        let message = rollback_message(way.checkout, commit, way.reason).await;
        run.candidate = Some(Candidate { form: Form::Inverse(commit.clone()), message });
        let is_check = |step: &&Arc<dyn Step>| way.is_covered && step.part() == Part::Check;
        let checks: Vec<_> = steps.iter().filter(is_check).cloned().collect();
        if !checks.is_empty() {
            run.steps.extend(step::preparing(steps).cloned());
        }
        run.steps.push(of(Part::Place).unwrap_or_else(|| Arc::new(Apply)));
        run.steps.extend(checks);
        run.steps.push(of(Part::Commit).unwrap_or_else(|| Arc::new(Commit)));
    } else {
        run.record.commit = Some(way.base.clone());
    }
    let did = |step: &&Arc<dyn Step>| {
        step.part() == Part::Other && way.touched.iter().any(|name| name == step.name())
    };
    let reverting: Vec<_> = steps.iter().filter(did).cloned().collect();
    run.reverts = reverting.iter().map(|step| step.name().to_owned()).collect();
    // One that is not configured any more cannot be asked, and whoever checks or watches is not
    // asked to.
    let is_left = |name: &&String| {
        step::named(steps, name).is_none_or(|step| matches!(step.part(), Part::Check | Part::Watch))
    };
    run.left = way.touched.iter().filter(is_left).cloned().collect();
    run.steps.extend(reverting);
    if way.is_watched {
        run.steps.extend(of(Part::Watch));
    }
}

/// Takes back what `failed` delivered, in the run of `record`. Sets the failed run's outcome, and
/// gives the reversal.
pub(crate) async fn roll_back(
    failed: &mut Run,
    reason: &str,
    record: RunRecord,
    facts: Facts,
    parts: &RunParts<'_>,
) -> Run {
    let commit = failed.record.commit.clone();
    let base = commit.as_ref().unwrap_or(&failed.base).clone();
    let mut run = Run::new(record, base, failed.branch.clone(), facts);
    let way = Way {
        checkout: parts.checkout,
        steps: parts.steps,
        reason,
        inverted: commit.as_ref().filter(|_| failed.delivery.pushed),
        base: &failed.base,
        is_covered: false,
        touched: &failed.touched,
        is_watched: failed.delivery.moved || failed.has_own_effects,
    };
    prepare(&mut run, &way, failed.change.clone()).await;
    run.delivery.before = Some(failed.delivery.before.clone().unwrap_or_default());
    run.delivery.refused.clone_from(&failed.delivery.refused);
    let rollback = execute(run, parts).await;
    failed.record.rolled_back_by =
        Some(rollback.record.id).filter(|_| rollback.record.outcome != Some(Outcome::Interrupted));
    failed.record.outcome = Some(rolled_back(&rollback, reason));
    if rollback.delivery.pushed
        && !rollback.delivery.moved
        && let Some(Outcome::Failed { message, .. }) = &mut failed.record.outcome
    {
        message.push_str("; at the remote it is taken back, so pull it into the checkout (`git pull`) and restart what runs from there");
    }
    rollback
}

/// The message of the commit that takes `commit` back.
async fn rollback_message(checkout: &Checkout, commit: &CommitId, reason: &str) -> String {
    let message = checkout.message(commit).await.unwrap_or_default();
    let subject = message.lines().next().unwrap_or_default();
    format!("Revert \"{subject}\"\n\nThis takes back {commit}: {reason}")
}

/// How a run ended whose change `reversal` takes back.
pub(crate) fn rolled_back(reversal: &Run, reason: &str) -> Outcome {
    let also = match reversal.left.as_slice() {
        [] => String::new(),
        left => format!("; {}", not_taken_back(left)),
    };
    match &reversal.record.outcome {
        Some(Outcome::Applied { .. } | Outcome::Failed { .. }) if reversal.is_complete => {
            Outcome::RolledBack { reason: format!("{reason}{also}") }
        }
        // It is taken back at the next start.
        None | Some(Outcome::Interrupted) => Outcome::Interrupted,
        Some(outcome) => Outcome::Failed {
            step: ROLLBACK.into(),
            message: format!("{reason}; taking it back did not succeed: {outcome}{also}"),
        },
    }
}

/// What is said of a reversal whose steps left something.
pub(super) fn not_taken_back(left: &[String]) -> String {
    let left = quoted(left.to_vec()).join(" and ");
    format!("what {left} did is not taken back; everything else is")
}
