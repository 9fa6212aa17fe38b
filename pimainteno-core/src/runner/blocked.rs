//! Good changes that something outside kept from being delivered: they are tried again by
//! themselves, without a backend.

use jiff::Timestamp;

use super::{Prepared, Runner, orders::Ordered, preconditions::Obstacle};
use crate::{
    error::{Error, ErrorKind},
    id::ProposalId,
    job::Job,
    proposal::{Blocked, Proposal, ProposalStatus, waiting},
    run::{Outcome, ROLLBACK, RunOptions, RunRecord, Trigger},
    step::{self, Part},
    store::{ChoreState, FinishedRun, Order},
};

impl Runner {
    /// The change of a chore that waits for something outside, if it is to be tried now instead of
    /// what was ordered, or why nothing is: as long as it waits, another change would come no
    /// further. `None` if there is none.
    pub(super) fn blocked(
        &self,
        chore: &ChoreState,
        trigger: &Trigger,
        options: RunOptions,
    ) -> Option<Result<ProposalId, String>> {
        let (held, again) = chore.blocked()?;
        let id = held.proposal;
        // A person who asks has put it right.
        let is_due = *trigger != Trigger::Schedule || again <= Timestamp::now();
        Some(match (options.dry_run, is_due || options.force) {
            (true, _) if options.force => return None,
            (true, _) => Err(format!(
                "the change {id} waits for something outside, and that of a dry run would take its place"
            )),
            (false, true) => Ok(id),
            (false, false) => Err(format!(
                "the change {id} waits for something outside to be put right; it is tried again at {again:.0}"
            )),
        })
    }

    /// Tries to deliver the change of a chore that waits for something outside; `None` if there is
    /// none that is to be tried now.
    pub(super) async fn try_blocked(
        &self,
        prepared: &Prepared,
        order: &Order,
        ordered: &mut Ordered<'_>,
    ) -> Option<Result<RunRecord, Obstacle>> {
        let state = self.store.project(&prepared.project.id);
        let id =
            self.blocked(state.chore(order.job.chore()?), &order.trigger, order.options)?.ok()?;
        // What the person decides comes first.
        let Some(_deciding) = self.queue.decide(id) else {
            let reason = format!("the change {id} is being decided about");
            return Some(Err(Obstacle::Reason(reason)));
        };
        let approved = match self.store.proposal(id) {
            Ok(Some(Proposal { blocked: Some(blocked), sha256, .. })) => {
                blocked.is_approved.then(|| sha256.to_string())
            }
            Ok(_) => return None,
            Err(error) => return Some(Err(error.into())),
        };
        let job = Job::Delivery { proposal: id };
        let delivery = Order { approved, ..Order::new(order.trigger.clone(), job, order.options) };
        let delivered = self.deliver_in_turn(prepared, id, &delivery, ordered).await;
        Some(delivered.map_err(|obstacle| match obstacle {
            // It was decided about just now, or the configuration lets nothing be delivered.
            Obstacle::Failed(error) if error.kind() == ErrorKind::Usage => reason(&error),
            obstacle => obstacle,
        }))
    }
}

fn reason(error: &Error) -> Obstacle {
    let hints = error.hints().map(|hint| format!("; {hint}")).collect::<String>();
    Obstacle::Reason(format!("{error}{hints}"))
}

/// Whether a run delivers a change that waited for something outside, and that nobody approved just
/// now.
pub(super) fn is_tried_again(record: &RunRecord) -> bool {
    record.job.delivers().is_some() && record.trigger != Trigger::Approval
}

/// What a person is to know of a change that waits from now on for something outside, and what
/// tells that from other causes. Once per cause: not each time that it is tried in vain.
pub(super) fn blocked_anew(finished: &FinishedRun) -> Option<(String, String)> {
    let proposal = finished.proposal.as_ref()?;
    let blocked = proposal.blocked.as_ref().filter(|blocked| blocked.is_news())?;
    let ProposalStatus::Held { reason } = &proposal.status else { return None };
    let was_tried =
        matches!(finished.record.outcome, Some(Outcome::Held { .. } | Outcome::Failed { .. }));
    was_tried.then(|| (blocked.signature.clone(), reason.clone()))
}

/// What becomes of a change that `was` waiting for something outside, and of its waiting, where that
/// is something else than of any other. Only what judges the change ends its waiting: what says
/// nothing about it lets it wait on, with the approval that it has; and one that was good is not
/// given up because the project moved on: a person decides.
pub(super) fn status_after(
    record: &RunRecord,
    was: Proposal,
    prepared: &Prepared,
) -> Option<(ProposalStatus, Option<Blocked>)> {
    let before = was.blocked.as_ref()?;
    let is_approved = before.is_approved || !is_tried_again(record);
    match record.outcome.as_ref().unwrap_or(&Outcome::Interrupted) {
        Outcome::Interrupted | Outcome::Parked { .. } => {
            let blocked = Blocked { is_approved, ..before.clone() };
            Some((was.status, Some(blocked)))
        }
        Outcome::Failed { step, .. } if step == ROLLBACK => None,
        Outcome::Failed { step, message } if !prepared.judges(step) => {
            let reason = format!("{step} failed: {message}");
            let blocked = Blocked::new(step, &reason, is_approved).after(Some(before));
            Some((ProposalStatus::Held { reason: waiting(&reason) }, Some(blocked)))
        }
        Outcome::Failed { step, message } if is_tried_again(record) => {
            let places =
                step::named(&prepared.steps, step).is_some_and(|step| step.part() == Part::Place);
            let reason = format!(
                "it does not fit the project any more, which has moved on: {message}; approving has it made for the files as they are now"
            );
            places.then_some((ProposalStatus::Held { reason }, None))
        }
        _ => None,
    }
}
