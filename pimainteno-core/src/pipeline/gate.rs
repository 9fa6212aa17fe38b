//! The one gate before each step: policy, mode and limits.

use std::path::Path;

use crate::{
    config::Mode,
    error::Result,
    git::Change,
    policy::{Checks, Decision},
    proposal::{DRY, Proposal},
    run::Outcome,
    step::{Step, StepContext},
};

/// What the gate says about a step.
pub(super) enum Ruling {
    /// It may run.
    Go,
    /// It is passed over, for this reason.
    Pass(String),
    /// The run ends before it.
    End(Outcome),
}

/// Rules whether `step` may run now.
///
/// The policy is asked before each step. A step with effects outside the state directory is let
/// through only when the mode, the limits and the checks allow it, or when a person approved
/// exactly this diff. A job that may not be held answers to the policy's denial alone.
pub(super) fn rule(context: &StepContext<'_>, step: &dyn Step) -> Result<Ruling> {
    let may_be_held = context.run.rules().may_be_held;
    let approved = context.run.approved.as_ref();
    let is_approved = approved.is_some()
        && context.run.proposal.as_ref().map(|proposal| &proposal.sha256) == approved;
    let asked = match context.parts.policy.allow(&context.run.facts) {
        Decision::Allow => None,
        Decision::Ask(_) if !may_be_held || is_approved => None,
        Decision::Ask(reason) => Some(reason),
        Decision::Deny(reason) => return Ok(Ruling::End(Outcome::Rejected { reason })),
    };
    let held = |reason: &str| Ok(Ruling::End(Outcome::Held { reason: reason.to_owned() }));
    let is_dry = context.parts.mode == Mode::DryRun;
    let (true, true, Some(change)) =
        (step.effects().is_outside(), may_be_held, &context.run.change)
    else {
        return match asked {
            Some(reason) => held(&reason),
            None if is_dry && step.effects().is_outside() && may_be_held => {
                Ok(Ruling::Pass(DRY.into()))
            }
            None => Ok(Ruling::Go),
        };
    };
    if let Some(reason) = forbidden(context, change) {
        return Ok(Ruling::End(Outcome::Rejected { reason }));
    }
    // What was delivered before the run was cut off had its allow; holding it now would take it
    // back.
    let is_delivered = context.run.is_out();
    if approved.is_some() && !is_approved && !is_delivered {
        return match &context.run.amended_by {
            Some(step) => held(&format!(
                "`{step}` made another change of what was approved; look at it again"
            )),
            None => held(
                "the project changed since it was approved, and so did the change; look at it again",
            ),
        };
    }
    let none_passes = context.run.facts.checks() == Checks::None
        && !context.project().verify.is_empty()
        && context.run.is_checked;
    if is_approved && !is_delivered && none_passes && context.had_passed {
        return held(&none_passes_told(context, " any more"));
    }
    if is_dry && !is_delivered {
        return held(DRY);
    }
    let mut reasons: Vec<_> = asked.into_iter().collect();
    if !is_approved && !is_delivered {
        reasons.extend(hold(context, change));
    }
    if !reasons.is_empty() {
        return held(&reasons.join("; "));
    }
    if let Some(proposal) = &context.run.proposal {
        // The allow that a commit must have: bound to the exact diff.
        context.parts.journal.note(format!(
            "{} is allowed for the diff {}",
            step.name(),
            proposal.sha256
        ))?;
    }
    Ok(Ruling::Go)
}

/// What is said where no check passes: how each ended, and what is known that it lacks.
fn none_passes_told(context: &StepContext<'_>, since: &str) -> String {
    let ends = context.run.red.iter().map(|end| format!("; {end}")).collect::<String>();
    let lacking = context.run.lacking.iter().map(|lack| format!("; in the sandbox, {lack}"));
    format!(
        "no check passes{since}, with the change or without it: so nothing is known about it{ends}{}; the log of the run has all that they said",
        lacking.collect::<String>()
    )
}

/// Why a change is refused whoever approves it: it touches what it must not.
fn forbidden(context: &StepContext<'_>, change: &Change) -> Option<String> {
    let project = context.project();
    // Whoever may change the policy decides what the policy says.
    let policy =
        project.policy.as_deref().and_then(|policy| policy.strip_prefix(&project.path).ok());
    let is_protected =
        |path: &str| project.protect.matches(path) || policy == Some(Path::new(path));
    let paths = || change.files.iter().map(|file| file.path.as_str());
    if let Some(path) = paths().find(|path| is_protected(path)) {
        return Some(format!("it touches `{path}`, which is protected"));
    }
    let outside = paths().find(|path| !project.allow.is_empty() && !project.allow.matches(path));
    outside.map(|path| format!("it touches `{path}`, which is not among the allowed files"))
}

/// Why a change waits for a person: every reason, so that he need not find out one after the other.
fn hold(context: &StepContext<'_>, change: &Change) -> Vec<String> {
    let project = context.project();
    let (added, removed) = change.lines();
    let lines = added + removed;
    let mut reasons = Vec::new();
    if change.files.len() > project.max_files {
        reasons.push(format!(
            "it touches {} files; `max_files` is {}",
            change.files.len(),
            project.max_files
        ));
    }
    if lines > project.max_lines {
        reasons.push(format!("it changes {lines} lines; `max_lines` is {}", project.max_lines));
    }
    reasons.extend(context.run.concerns.iter().cloned());
    let proposal = context.run.proposal.as_ref();
    reasons.extend(proposal.and_then(|it| context.parts.sandboxing.told_unprepared(&it.sha256)));
    if let Some(lacks) = context.parts.sandboxing.lacks() {
        let way_out = "`sandbox = \"off\"` does without one";
        reasons.push(format!("its checks ran without a whole sandbox, because {lacks}; {way_out}"));
    }
    if context.run.facts.checks() == Checks::None && !project.verify.is_empty() {
        let has_no_tests = context.run.proposal.as_ref().is_some_and(Proposal::has_no_tests);
        reasons.push(match context.run.is_checked {
            true if has_no_tests => {
                "the checks run no tests, so nothing is known about it; add some, or set `verify` to what checks something".into()
            }
            true => none_passes_told(context, ""),
            false => {
                format!("the checks have not run before `{}`, which may change something outside; put it behind `verify`", context.step)
            }
        });
    }
    match (context.parts.mode, context.run.facts.checks()) {
        (Mode::DryRun | Mode::Review, _) => reasons.push("`mode` is \"review\"".into()),
        (Mode::Auto, Checks::None) if project.verify.is_empty() => {
            reasons.push("nothing was checked, and what cannot be checked is not delivered unseen; set `verify`".into());
        }
        (Mode::Auto, _) => {}
    }
    reasons
}
