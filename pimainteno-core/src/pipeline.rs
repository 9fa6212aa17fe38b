//! In which order: the gate before each step, the journal, and how a run ends.

mod futility;
mod gate;
mod mending;
mod rollback;

use std::{
    panic::AssertUnwindSafe,
    path::Path,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{
    error::{Error, ErrorKind, Result, Retry},
    event::EventKind,
    fingerprint,
    policy::Checks,
    proposal::{Blocked, Proposal, waiting},
    run::{Outcome, ROLLBACK, StepRecord, StepStatus},
    step::{
        Candidate, Effects, Failed, Flow, Happened, Part, Run, RunParts, Step, StepContext,
        mend::Mend, quoted, told, too_late,
    },
    words::CommitId,
};

use gate::Ruling;
use mending::Mending;
use rollback::not_taken_back;
pub(crate) use rollback::{Way, prepare, roll_back, rolled_back};

/// How often a change is placed anew because its branch moved, in one run.
const REBASES: usize = 3;

/// How often a change is placed anew because a step changed it, in a row.
const AMENDMENTS: usize = 3;

/// Takes a run through its steps. It always ends with an outcome; nothing is stored but the
/// journal.
pub(crate) async fn execute(run: Run, parts: &RunParts<'_>) -> Run {
    let had_passed = run.proposal.as_ref().is_none_or(Proposal::had_passed);
    let mut context = StepContext {
        parts,
        step: String::new(),
        had_passed,
        is_allowed: false,
        has_announced: false,
        run,
    };
    let summarized = context.run.summary.clone();
    context.tell(EventKind::RunStarted {
        trigger: context.run.record.trigger.name().into(),
        job: context.run.record.job.clone(),
        steps: context.run.steps.iter().map(|step| step.name().to_owned()).collect(),
    });
    if let Some(change) = context.run.change.clone() {
        let message = context.run.message().to_owned();
        context.tell_policy(&change, &message);
    }
    let mut mending = Mending::default();
    let outcome = go_through(&mut context, &mut mending).await;
    let mut run = context.run;
    run.outputs.extend(parts.sandboxing.take_logs());
    if let Some(proposal) = &mut run.proposal {
        proposal.run = Some(run.record.id);
        proposal.inputs = Some(parts.inputs.clone());
        proposal.fingerprints = run.placed.clone();
        proposal.fingerprints.push(fingerprint::of_change(&proposal.diff));
        proposal.fingerprints.sort();
        proposal.fingerprints.dedup();
    }
    run.record.outcome = Some(outcome);
    run.record.redact(parts.store.secrets());
    run.record.ended = Some(Timestamp::now());
    run.record.base = Some(run.base.clone());
    run.summary = run.summary.filter(|summary| summarized.as_ref() != Some(summary));
    run
}

async fn go_through(context: &mut StepContext<'_>, mending: &mut Mending) -> Outcome {
    let steps = context.run.steps.clone();
    // What is dropped is not there any more.
    if let (true, None, Some(commit)) =
        (context.run.rules().brings_back, &context.run.candidate, &context.run.record.commit)
        && let Err(error) = context.parts.workspace.reset(commit).await
    {
        return outcome_of(ROLLBACK, &error);
    }
    let apply = steps.iter().position(|step| step.part() == Part::Place);
    let (mut rebases, mut amendments, mut next) = (0, 0, 0);
    // What comes before the next step.
    let mut detour: Option<Arc<dyn Step>> = None;
    loop {
        let step = match detour.take() {
            Some(step) => step,
            None => {
                let Some(step) = steps.get(next) else { break };
                next += 1;
                step.clone()
            }
        };
        step.name().clone_into(&mut context.step);
        context.run.facts = context.run.facts.at_step(step.name(), step.effects().name());
        if context.parts.cancel.is_raised() {
            return Outcome::Interrupted;
        }
        if step.effects().is_outside()
            && let Some(reason) = context.needs_no_mending().await
        {
            return Outcome::Skipped { reason };
        }
        match gate::rule(context, step.as_ref()) {
            Ok(Ruling::Go) => context.is_allowed = step.effects().is_outside(),
            Ok(Ruling::Pass(reason)) => {
                record_step(context, Timestamp::now(), Duration::ZERO, StepStatus::Skipped, reason);
                continue;
            }
            Ok(Ruling::End(outcome)) => return outcome,
            Err(error) => return outcome_of(step.name(), &error),
        }
        if step.part() == Part::Place {
            context.run.lasting_concerns = context.run.concerns.len();
        }
        context.tell(EventKind::StepStarted { step: step.name().into() });
        let (started, clock) = (Timestamp::now(), Instant::now());
        let flow = contained(enter(step.as_ref(), context)).await;
        let end = match flow {
            // A change that is there already has another one in its place.
            Ok(Flow::Done(note) | Flow::Skipped(note))
                if context.run.candidate.is_some() && apply.is_some_and(|apply| next > apply) =>
            {
                amendments += 1;
                match apply.filter(|_| amendments <= AMENDMENTS) {
                    _ if context.run.record.commit.is_some() => Err(too_late(step.name())),
                    None => {
                        let message = "it changes the change again each time that it is placed";
                        let error = Error::new(ErrorKind::Step, message);
                        // Those of the owner's hooks are no fault of the change.
                        Err(if step.part() == Part::Commit { error.blocked() } else { error })
                    }
                    Some(apply) => {
                        next = apply;
                        context.run.amended_by = Some(step.name().to_owned());
                        start_over(context);
                        Ok((StepStatus::Done, joined(note, "the change is placed anew"), None))
                    }
                }
            }
            Ok(Flow::Done(note)) => {
                let unused = unused(step.as_ref(), context).await;
                Ok((StepStatus::Done, joined(note, &unused), None))
            }
            Ok(Flow::Skipped(note)) => Ok((StepStatus::Skipped, note, None)),
            Ok(Flow::End(outcome)) => Ok((StepStatus::Ended, outcome.to_string(), Some(outcome))),
            // The service runs the commit already; another one would have to be restarted and
            // watched anew.
            Ok(Flow::Rebase(base)) if context.run.delivery.moved => Err(Error::new(
                ErrorKind::Git,
                format!("the branch moved to {base:.12} after the checkout was at the change"),
            )),
            Ok(Flow::Rebase(base)) if base == context.run.base => {
                Err(Error::new(ErrorKind::Step, "the change is on that commit already")
                    .hint("a step that changes the change calls `propose` or `amend`"))
            }
            Ok(Flow::Rebase(base)) => {
                (rebases, amendments) = (rebases + 1, 0);
                match apply.filter(|_| rebases <= REBASES) {
                    Some(apply) => {
                        next = apply;
                        let note = format!(
                            "the branch moved to {base:.12}; placing the change on top of it"
                        );
                        rebase(context, base);
                        start_over(context);
                        Ok((StepStatus::Done, note, None))
                    }
                    None => Err(Error::new(
                        ErrorKind::Git,
                        format!("the branch moved {rebases} times during the run"),
                    )),
                }
            }
            Ok(Flow::Mend(failure)) => {
                let (name, message) = (step.name().to_owned(), failure.message.clone());
                let outcome = match apply.filter(|_| mending.may_mend(context, &failure)) {
                    Some(apply) => {
                        (next, amendments) = (apply, 0);
                        detour = Some(Arc::new(Mend));
                        context.run.amended_by = None;
                        context.run.failed = Some(Failed { step: name, failure });
                        start_over(context);
                        None
                    }
                    None => Some(Outcome::Failed { step: name, message: message.clone() }),
                };
                Ok((StepStatus::Failed, message, outcome))
            }
            Err(error) => Err(error),
        };
        let (status, note, outcome) = end.unwrap_or_else(|error| {
            context.run.needs_setup = error.is_of_setup();
            let outcome = blocked(context, &error);
            let outcome = outcome.unwrap_or_else(|| outcome_of(step.name(), &error));
            (StepStatus::Failed, error.to_string(), Some(outcome))
        });
        record_step(context, started, clock.elapsed(), status, note);
        if let Some(outcome) = outcome {
            return outcome;
        }
        match step.part() {
            Part::Place => {
                context.run.is_checked = false;
                context.run.placed.extend(context.run.fingerprint());
            }
            Part::Check => context.run.is_checked = true,
            _ => {}
        }
        if step.part() == Part::Place
            && let Some(outcome) = tried_before(context, mending).await
        {
            return outcome;
        }
    }
    context.run.is_complete = true;
    if !context.run.left.is_empty() {
        return Outcome::Failed {
            step: context.step.clone(),
            message: not_taken_back(&context.run.left),
        };
    }
    match &context.run.record.commit {
        Some(commit) => match &context.run.doubt {
            Some(doubt) if context.run.mends_unit() => {
                Outcome::Unproven { commit: commit.clone(), reason: doubt.clone() }
            }
            _ => Outcome::Applied { commit: commit.clone() },
        },
        None => Outcome::NoChange,
    }
}

/// Lets a step do its work, or take it back. What was announced before the program was stopped, and
/// happened, is not done again.
async fn enter(step: &dyn Step, context: &mut StepContext<'_>) -> Result<Flow> {
    context.has_announced = false;
    let unknown: Vec<_> =
        context.run.unknown.extract_if(.., |own| own.step == step.name()).collect();
    let mut is_done = !unknown.is_empty();
    for own in &unknown {
        // Nobody knows yet: the run stays open, and it is asked again.
        let unknown = |error: Error| {
            Error::new(
                ErrorKind::Cancelled,
                format!("whether `{}` happened is not known: {error}", step.name()),
            )
        };
        is_done &= step.happened(context, &own.effect).await.map_err(unknown)? == Happened::Yes;
        if is_done {
            context.parts.journal.done(own.intent)?;
        }
    }
    if is_done {
        return Ok(Flow::Skipped("it was done before the program was stopped".into()));
    }
    let announced = match step.effects() {
        Effects::Outside if context.counts() => {
            Some(context.announce_own(step.name(), serde_json::Value::Null)?)
        }
        _ => None,
    };
    let reverts = context.run.reverts.iter().any(|name| name == step.name());
    let flow = if reverts { step.revert(context).await? } else { step.run(context).await? };
    // With the step, whatever was open of it is done as well.
    for intent in unknown.iter().map(|own| own.intent).chain(announced) {
        context.parts.journal.done(intent)?;
    }
    Ok(flow)
}

/// How the run ends because the change that was just placed was tried before, in this run or in an
/// earlier one.
async fn tried_before(context: &mut StepContext<'_>, mending: &Mending) -> Option<Outcome> {
    let is_again = mending.has_failed(context);
    if let Some(Failed { step, failure }) = context.run.failed.as_ref().filter(|_| is_again) {
        return Some(Outcome::Failed {
            step: step.clone(),
            message: format!("{}; the repair is the same change again", failure.message),
        });
    }
    let reason = match futility::earlier(context).await {
        Ok(reason) => reason?,
        Err(error) => return Some(outcome_of(&context.step, &error)),
    };
    if let Some(Failed { step, failure }) = &context.run.failed {
        return Some(Outcome::Failed {
            step: step.clone(),
            message: format!("{}; as for the repair, {reason}", failure.message),
        });
    }
    // What became of the change is stored already.
    (context.run.proposal, context.run.record.proposal, context.run.is_futile) = (None, None, true);
    Some(Outcome::Skipped { reason })
}

/// Takes the same change for another base.
fn rebase(context: &mut StepContext<'_>, base: CommitId) {
    if let Some(proposal) = &context.run.proposal {
        context.run.candidate = Some(Candidate::of_diff(&proposal.diff, &proposal.message));
    }
    context.run.base = base;
}

/// What a step did to the project's files that comes to nothing: it is not part of the change. What
/// checks do to them is theirs.
async fn unused(step: &dyn Step, context: &StepContext<'_>) -> String {
    if step.part() != Part::Other
        || context.run.change.is_none()
        || context.run.record.commit.is_some()
    {
        return String::new();
    }
    let workspace = context.parts.workspace;
    let edited = match context.parts.leftovers.edited(workspace).await {
        Ok(edited) => edited,
        Err(error) => {
            return format!("whether it changed the project's files is not known: {error}");
        }
    };
    let scope = workspace.scope();
    let (own, others): (Vec<_>, Vec<_>) =
        edited.into_iter().partition(|path| scope.inner(Path::new(path)).is_some());
    let seen = |paths: Vec<String>| {
        let seen = paths.iter().map(|path| scope.seen(Path::new(path)).display().to_string());
        told(quoted(seen.collect()))
    };
    let mut note = String::new();
    if !own.is_empty() {
        note = format!(
            "what it did to {} is not part of the change, unless a step behind it amends it",
            seen(own)
        );
    }
    if !others.is_empty() {
        let outside =
            format!("what it did to {}, outside of the project, comes to nothing", seen(others));
        note = joined(note, &outside);
    }
    note
}

fn joined(note: String, more: &str) -> String {
    match (note.is_empty(), more.is_empty()) {
        (_, true) => note,
        (true, _) => more.to_owned(),
        _ => format!("{note}; {more}"),
    }
}

/// Forgets what was found out about the change: it is placed anew.
fn start_over(context: &mut StepContext<'_>) {
    context.run.record.commit = None;
    context.run.note_checks(Checks::None);
    context.run.concerns.truncate(context.run.lasting_concerns);
}

fn record_step(
    context: &mut StepContext<'_>,
    started: Timestamp,
    elapsed: Duration,
    status: StepStatus,
    mut note: String,
) {
    context.parts.store.secrets().clean(&mut note);
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    let step = StepRecord { name: context.step.clone(), started, milliseconds, status, note };
    context.run.record.steps.push(step.clone());
    if let Err(error) = context.parts.journal.step(&step) {
        tracing::warn!(%error, "The journal misses a step.");
    }
    context.tell(EventKind::StepFinished { step });
}

/// Runs a step so that one that panics ends the run and not the program.
async fn contained(step: impl Future<Output = Result<Flow>>) -> Result<Flow> {
    let mut step = pin!(step);
    std::future::poll_fn(move |task| {
        std::panic::catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(task))).unwrap_or_else(
            |panic| {
                let text = panic
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| panic.downcast_ref::<&str>().copied());
                let message = format!("the step panicked: {}", text.unwrap_or("without a word"));
                std::task::Poll::Ready(Err(Error::new(ErrorKind::Internal, message)
                    .hint("this is a defect; please report it")))
            },
        )
    })
    .await
}

/// How a run ends because something outside keeps its change from being delivered: it waits, as
/// nothing of it can be seen. `None` if the step just failed, or what was done is taken back first.
fn blocked(context: &mut StepContext<'_>, error: &Error) -> Option<Outcome> {
    let run = &mut context.run;
    let waits = error.retry() == Retry::WhenUnblocked
        && context.is_allowed
        && run.rules().may_be_held
        && run.proposal.is_some();
    if !waits {
        return None;
    }
    let reason = format!("{} failed: {}", context.step, with_hints(error));
    // What is done is taken back, and not done again and again in vain: a service runs of it.
    if run.is_delivered() {
        run.hindered = Some(format!(
            "{reason}; what had been done was taken back, and the change waits to be approved once that is put right"
        ));
        return None;
    }
    run.blocked = Some(Blocked::new(&context.step, &reason, run.approved.is_some()));
    Some(Outcome::Held { reason: waiting(&reason) })
}

/// How a run ends when a step fails.
pub(crate) fn outcome_of(step: &str, error: &Error) -> Outcome {
    if error.kind() == ErrorKind::Cancelled {
        return Outcome::Interrupted;
    }
    match error.retry() {
        Retry::After(delay) => Outcome::Parked {
            until: Timestamp::now().checked_add(delay).unwrap_or(Timestamp::MAX),
            reason: error.to_string(),
        },
        // What has no change that could wait just failed.
        Retry::Never | Retry::WhenUnblocked => {
            Outcome::Failed { step: step.to_owned(), message: with_hints(error) }
        }
    }
}

fn with_hints(error: &Error) -> String {
    let hints = error.hints().map(|hint| format!("; {hint}")).collect::<String>();
    format!("{error}{hints}")
}
