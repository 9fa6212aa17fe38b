//! Nothing futile twice: a change that was refused, failed or was taken back is not tried again
//! until its inputs change.

use crate::{
    error::Result,
    fingerprint,
    proposal::{Proposal, ProposalStatus},
    run::Outcome,
    step::{self, Need, StepContext},
};

/// Among how many of a project's proposals an earlier one is looked for.
const LOOKED_AT: usize = 200;

/// Why the placed change is futile; `None` if it is worth trying.
///
/// It is when an earlier run tried the same lines, with the same configuration, policy and backend,
/// and the files that it touches are as they were. What a person asks for by force or approves is
/// tried again, and so is what only could not be pushed: that was not the change's fault.
pub(super) async fn earlier(context: &StepContext<'_>) -> Result<Option<String>> {
    let is_wanted = context.parts.force || !context.run.rules().avoids_what_failed;
    let (Some(change), false) = (&context.run.change, is_wanted) else { return Ok(None) };
    let fingerprint = fingerprint::of_change(&change.diff);
    let paths: Vec<_> = change.files.iter().map(|file| file.path.as_str()).collect();
    for earlier in context.parts.store.proposals(
        Some(&context.run.record.project),
        ProposalStatus::is_bad,
        LOOKED_AT,
    )? {
        if !earlier.fingerprints.contains(&fingerprint)
            || earlier.inputs.as_ref() != Some(context.parts.inputs)
        {
            continue;
        }
        let Some(reason) = reason(context, &earlier)? else { continue };
        if !context.parts.workspace.differ(&earlier.base, &context.run.base, &paths).await {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// What became of the same change before, and in which run.
fn reason(context: &StepContext<'_>, earlier: &Proposal) -> Result<Option<String>> {
    let outcome = match earlier.run {
        Some(run) => context.parts.store.run(run)?.and_then(|record| record.outcome),
        None => None,
    };
    let sends = |name: &str| {
        step::named(context.parts.steps, name)
            .is_some_and(|step| step.needs().contains(&Need::Remote))
    };
    if matches!(&outcome, Some(Outcome::Failed { step, .. }) if sends(step)) {
        return Ok(None);
    }
    let Some((what, reason)) = earlier.status.why_bad() else { return Ok(None) };
    let run = earlier.run.map_or_else(String::new, |run| format!(" in run {run}"));
    let reason = reason.lines().next().unwrap_or_default();
    Ok(Some(format!(
        "the same change {what}{run} and nothing that it depends on has changed: {reason}"
    )))
}
