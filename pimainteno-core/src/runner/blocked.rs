//! Good changes that something outside kept from being delivered: they are tried again by
//! themselves, without a backend.

use jiff::Timestamp;

use super::{Prepared, Runner, orders::Ordered, preconditions::Obstacle};
use crate::{
    error::{Error, ErrorKind},
    id::ProposalId,
    job::Job,
    proposal::{Blocked, Proposal, ProposalStatus},
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
    let is_kept = matches!(finished.record.outcome, Some(Outcome::Held { .. }));
    is_kept.then(|| (blocked.signature.clone(), reason.clone()))
}

/// What becomes of a change that `was` waiting for something outside, and of its waiting, where that
/// is something else than of any other. What says nothing about it lets it wait on, now with its
/// approval; and one that was good is not given up because the project moved on: a person decides.
pub(super) fn status_after(
    record: &RunRecord,
    was: Proposal,
    prepared: &Prepared,
) -> Option<(ProposalStatus, Option<Blocked>)> {
    let part =
        |name: &str| step::named(&prepared.steps, name).map_or(Part::Other, |step| step.part());
    let held = |reason: String| Some((ProposalStatus::Held { reason }, None));
    match record.outcome.as_ref().unwrap_or(&Outcome::Interrupted) {
        Outcome::Interrupted | Outcome::Parked { .. } => {
            let is_approved = |blocked: &Blocked| blocked.is_approved || !is_tried_again(record);
            let blocked = was
                .blocked
                .map(|blocked| Blocked { is_approved: is_approved(&blocked), ..blocked });
            Some((was.status, blocked))
        }
        Outcome::Failed { step, message } if is_tried_again(record) => match part(step) {
            Part::Place => held(format!(
                "it does not fit the project any more, which has moved on: {message}; approving has it made for the files as they are now"
            )),
            Part::Check => None,
            _ if step == ROLLBACK => None,
            _ => held(format!("{step} failed: {message}")),
        },
        _ => None,
    }
}
