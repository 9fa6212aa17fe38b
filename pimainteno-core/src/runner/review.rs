//! What a person decides about a held change, and what happens when nobody does.

use std::path::Path;

use jiff::Timestamp;

use super::{
    Prepared, Runner, blocked,
    orders::Ordered,
    preconditions::{self, Obstacle},
};
use crate::{
    config::{Mode, OnSilence},
    error::{Error, ErrorKind, Result},
    event::NoticeKind,
    git::{Workspace, place_in_repository},
    id::ProposalId,
    job::Job,
    proposal::{Proposal, ProposalStatus},
    queue::Deciding,
    run::{Outcome, ROLLBACK, RunOptions, RunRecord, Trigger},
    step::{self, Candidate, Part},
    store::{FinishedRun, Held, Order, Store},
};

/// The fewest digits of a SHA-256 that say which diff is meant: nobody finds another diff with the
/// same ones by accident.
const LEAST_DIGITS: usize = 8;

/// The longest reason for a rejection, in bytes: it is told to the backend in every later prompt.
const LONGEST_REASON: usize = 4 << 10;

/// Why an approved change waits again whose run was stopped with the program.
const CUT_OFF: &str = "its run was cut off before it delivered anything";

impl Runner {
    /// Delivers a held change, in a run that begins at `apply` with the stored diff on the
    /// checkout's head. `sha256` is that of the diff that was looked at.
    ///
    /// The approval is in the run's journal before anything else is. Until the run has delivered
    /// the change, the proposal stays held in the store: a run that is cut off before that
    /// leaves it to be approved again, and one that is cut off after that is finished at the next
    /// start.
    pub(crate) async fn approve(&self, id: ProposalId, sha256: &str) -> Result<RunRecord> {
        let mut order =
            Order::new(Trigger::Approval, Job::Delivery { proposal: id }, RunOptions::default());
        order.approved = Some(sha256.to_owned());
        let project = self.store.proposal(id)?.ok_or_else(|| unknown(id))?.project;
        self.deliver(&*self.project(&project)?, id, &order).await
    }

    /// Carries out an order to deliver a held change.
    pub(super) async fn deliver(
        &self,
        prepared: &Prepared,
        id: ProposalId,
        order: &Order,
    ) -> Result<RunRecord> {
        self.approvable(prepared, id, order)?;
        let deciding = self.decide(id)?;
        let mut ordered = self.turn(prepared, order).await?;
        if let Some((newest, prepared)) = self.successor(&prepared.project.id)? {
            drop(deciding);
            ordered.hand_on();
            return Box::pin(newest.deliver(&prepared, id, order)).await;
        }
        let delivered = self.deliver_in_turn(prepared, id, order, &mut ordered).await;
        delivered.map_err(|obstacle| {
            obstacle.into_error(|reason| {
                let message = format!("the change cannot be applied now: {reason}");
                Error::new(ErrorKind::Usage, message).hint("it is still held")
            })
        })
    }

    /// The same, once its turn has come and nobody else decides about the change. Without an
    /// approval the change is one that waited for something outside, and the gate decides.
    pub(super) async fn deliver_in_turn(
        &self,
        prepared: &Prepared,
        id: ProposalId,
        order: &Order,
        ordered: &mut Ordered<'_>,
    ) -> Result<RunRecord, Obstacle> {
        let locked = self.lock(prepared).await?;
        // Looked at again: while this waited it may have been decided, or a run may have held
        // another change in its place.
        let proposal = self.approvable(prepared, id, order)?;
        let head = preconditions::place_to_start(prepared, &locked.checkout).await?;
        preconditions::units_exist(prepared).await?;
        // Found out by the checks, it would count as the change's failure.
        self.sandboxing(prepared).require().await?;
        let mut record = prepared.record(&order.trigger, &order.job).of_chore(&proposal.chore);
        record.proposal = Some(id);
        let mut run = self.run_at(prepared, &locked.checkout, head, record).await?;
        let delivering = prepared.steps.iter().skip_while(|step| step.part() != Part::Place);
        run.steps = step::preparing(&prepared.steps).chain(delivering).cloned().collect();
        run.candidate = Some(Candidate::of_diff(&proposal.diff, &proposal.message));
        run.approved = order.approved.is_some().then(|| proposal.sha256.clone());
        // What a slot tries again has been paid for.
        run.asks_nobody = order.trigger != Trigger::Approval;
        let approved = run.approved.clone();
        run.proposal = Some(proposal);
        let ready = self.begin(prepared, locked, run).await?;
        if let Some(sha256) = approved {
            ready.journal.approved(sha256)?;
        }
        ordered.forget()?;
        Ok(self.carry_out(prepared, ready, order.options).await?)
    }

    /// Gives up a held change, for a reason that the backend is told the next time.
    pub(crate) fn reject(&self, id: ProposalId, reason: &str) -> Result<Proposal> {
        let reason = reason.trim();
        let problem = match reason.len() {
            0 => Some("a rejection needs a reason".to_owned()),
            1..=LONGEST_REASON => None,
            _ => Some(format!("a reason has at most {LONGEST_REASON} bytes")),
        };
        if let Some(problem) = problem {
            return Err(Error::new(ErrorKind::Usage, problem)
                .hint("say in a sentence what is wrong with the change; the backend is told"));
        }
        let _deciding = self.decide(id)?;
        self.held(id)?;
        let status = ProposalStatus::Rejected { reason: reason.to_owned() };
        self.store
            .update_proposal(id, |proposal| proposal.status = status)?
            .ok_or_else(|| unknown(id))
    }

    /// Does what the configuration says about held changes that nobody answered in time.
    pub(crate) fn hear_silence(&self) -> Result<()> {
        let now = Timestamp::now();
        for prepared in &self.projects {
            let state = self.store.project(&prepared.project.id);
            let is_over = |held: &&Held| held.expires.is_some_and(|expires| expires <= now);
            for held in state.held().filter(is_over) {
                self.hear_silence_about(prepared, held)?;
            }
        }
        Ok(())
    }

    fn hear_silence_about(&self, prepared: &Prepared, held: &Held) -> Result<()> {
        // Somebody is answering right now, or has just answered.
        let Some(_deciding) = self.queue.decide(held.proposal) else { return Ok(()) };
        if !self.store.project(&prepared.project.id).held().any(|still| still == held) {
            return Ok(());
        }
        let message = match prepared.project.on_silence {
            OnSilence::Keep => return Ok(()),
            OnSilence::Expire => {
                self.store.update_proposal(held.proposal, |proposal| {
                    proposal.status = ProposalStatus::Expired;
                })?;
                format!("nobody answered in time, so the change {} is given up", held.proposal)
            }
            OnSilence::Remind => {
                let expires = self.expiry(prepared);
                self.store.update_proposal(held.proposal, |proposal| proposal.expires = expires)?;
                format!("the change {} is still waiting to be approved or rejected", held.proposal)
            }
        };
        let key = held.proposal.to_string();
        self.bus.notice(&prepared.project.id, None, NoticeKind::Approval, key, message);
        Ok(())
    }

    /// Gives up the change of the chore that waits if the project has it already: a run that looked
    /// around found nothing more to change, and somebody else may have done the same.
    pub(super) async fn outdate(
        &self,
        prepared: &Prepared,
        record: &RunRecord,
        workspace: &Workspace,
    ) -> Result<()> {
        if !record.job.rules().looks_around {
            return Ok(());
        }
        let state = self.store.project(&prepared.project.id);
        let Some(held) = &state.chore(&record.chore).held else { return Ok(()) };
        // Somebody is deciding about it right now.
        let Some(_deciding) = self.queue.decide(held.proposal) else { return Ok(()) };
        let Some(proposal) = self.store.proposal(held.proposal)? else { return Ok(()) };
        if workspace.has_already(&proposal.diff).await? {
            self.store.update_proposal(held.proposal, |proposal| {
                proposal.status = ProposalStatus::Obsolete;
                proposal.blocked = None;
            })?;
        }
        Ok(())
    }

    /// Completes what a run that ended leaves of its change: which run it was, how long a held one
    /// waits, and what a run that was approved makes of the proposal.
    pub(super) fn settle(&self, prepared: &Prepared, stored: &mut FinishedRun) -> Result<()> {
        if let Some(proposal) = stored.record.job.delivers() {
            self.settle_approval(prepared, proposal, stored)?;
        }
        let run = stored.record.id;
        if let Some(proposal) = &mut stored.proposal {
            proposal.run.get_or_insert(run);
            if proposal.status.is_held() {
                proposal.expires = self.expiry(prepared);
            }
        }
        Ok(())
    }

    /// The change that was approved keeps its place in the store unless another one, which came of
    /// it, is held instead.
    fn settle_approval(
        &self,
        prepared: &Prepared,
        id: ProposalId,
        stored: &mut FinishedRun,
    ) -> Result<()> {
        let outcome = stored.record.outcome.clone().unwrap_or(Outcome::Interrupted);
        let was = self.store.proposal(id)?;
        if stored.proposal.as_ref().is_some_and(|proposal| proposal.id != id)
            && !matches!(outcome, Outcome::Held { .. })
        {
            let status = stored.proposal.take().map(|proposal| proposal.status).unwrap_or_default();
            let was = was.clone().map(|was| Proposal { status, blocked: None, ..was });
            (stored.proposal, stored.record.proposal) = (was, Some(id));
        }
        let waited = was.filter(|was| was.blocked.is_some());
        let status = waited.and_then(|was| blocked::status_after(&stored.record, was, prepared));
        let or_approved = || status_after_approval(&outcome, prepared).map(|status| (status, None));
        let is_left = |proposal: &&mut Proposal| proposal.status != ProposalStatus::Obsolete;
        if let (Some(proposal), Some(status)) =
            (stored.proposal.as_mut().filter(is_left), status.or_else(or_approved))
        {
            (proposal.status, proposal.blocked) = status;
        }
        Ok(())
    }

    /// A proposal of a project that can be approved as the diff that the order names.
    fn approvable(&self, prepared: &Prepared, id: ProposalId, order: &Order) -> Result<Proposal> {
        let proposal = self.held(id)?;
        // Without an approval the gate decides, of a change that it had let through before.
        if order.approved.is_some() || proposal.blocked.is_none() {
            must_be_looked_at(&proposal, order.approved.as_deref().unwrap_or_default())?;
        }
        let project = &prepared.project.id;
        let now = place_in_repository(&prepared.project.path).map(|(_, directory)| directory);
        if let (Some(then), Some(now)) = (&proposal.directory, &now)
            && then != now
        {
            let place = |directory: &Path| match directory.as_os_str().is_empty() {
                true => "the whole repository".to_owned(),
                false => format!("`{}`", directory.display()),
            };
            let message = format!(
                "the change was made for {}, and project `{project}` is {} by now",
                place(then),
                place(now)
            );
            return Err(Error::new(ErrorKind::Usage, message).hint("reject it"));
        }
        if prepared.chore(&proposal.chore).chore.mode == Mode::DryRun {
            let message = format!(
                "`mode` of project `{project}` is \"dry-run\", so nothing of it is applied"
            );
            return Err(Error::new(ErrorKind::Usage, message).hint("set `mode = \"review\"`"));
        }
        if self.store.project(project).paused {
            let message = format!("project `{project}` is paused");
            return Err(Error::new(ErrorKind::Usage, message).hint("resume it first"));
        }
        Ok(proposal)
    }

    /// A proposal that is held, or why it cannot be decided about.
    fn held(&self, id: ProposalId) -> Result<Proposal> {
        self.hear_silence()?;
        let proposal = self.store.proposal(id)?.ok_or_else(|| unknown(id))?;
        if proposal.status.is_held() {
            return Ok(proposal);
        }
        let error = Error::new(
            ErrorKind::Usage,
            format!("proposal {id} is not held any more; it is {}", proposal.status),
        );
        Err(match proposal.status {
            ProposalStatus::Superseded { .. } => error.hint("look at the other one"),
            ProposalStatus::Expired => {
                error.hint("a forced run of the project asks for a change again")
            }
            _ => error,
        })
    }

    /// Keeps everybody else from deciding about a proposal.
    fn decide(&self, proposal: ProposalId) -> Result<Deciding<'_>> {
        self.queue.decide(proposal).ok_or_else(|| {
            let message = format!("proposal {proposal} is being decided about already");
            Error::new(ErrorKind::Usage, message).hint("wait for what comes of it; where it waits for its turn, pausing the project keeps it from being delivered")
        })
    }

    fn expiry(&self, prepared: &Prepared) -> Option<Timestamp> {
        let project = &prepared.project;
        // Longer than time goes on is for ever.
        if project.on_silence == OnSilence::Keep {
            None
        } else {
            Timestamp::now().checked_add(project.approval_expires).ok()
        }
    }
}

/// Makes sure that `sha256` is that of the proposal's diff, or its beginning.
fn must_be_looked_at(proposal: &Proposal, sha256: &str) -> Result<()> {
    let digits = sha256.trim().to_ascii_lowercase();
    if digits.len() < LEAST_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(Error::new(ErrorKind::Usage, format!("not the beginning of a SHA-256: `{sha256}`"))
            .hint(format!("give at least {LEAST_DIGITS} hexadecimal digits of the SHA-256 of the diff that you looked at")));
    }
    if proposal.sha256.starts_with(&digits) {
        return Ok(());
    }
    let message = format!(
        "the diff of proposal {} is not the one that was looked at: its SHA-256 is {}",
        proposal.id, proposal.sha256
    );
    Err(Error::new(ErrorKind::Usage, message).hint("look at it again before you approve it"))
}

/// The approved proposal of a run that was cut off before it delivered anything: it waits again.
pub(crate) fn cut_off(store: &Store, proposal: ProposalId) -> Result<Option<Proposal>> {
    Ok(store.proposal(proposal)?.map(|mut proposal| {
        // What waits for something outside goes on by itself.
        if proposal.status.is_held() && proposal.blocked.is_none() {
            proposal.status = held_again(CUT_OFF);
        }
        proposal
    }))
}

/// What becomes of an approved change, where that is something else than of any other: what says
/// nothing about the change lets it wait again.
fn status_after_approval(outcome: &Outcome, prepared: &Prepared) -> Option<ProposalStatus> {
    Some(match outcome {
        Outcome::NoChange => {
            ProposalStatus::Failed { reason: "no step of the project commits it".into() }
        }
        Outcome::Interrupted => held_again(CUT_OFF),
        Outcome::Parked { reason, .. } => held_again(&format!("its run was put off: {reason}")),
        Outcome::Failed { step, message } if step != ROLLBACK && !prepared.judges(step) => {
            held_again(&format!("{step} failed: {message}"))
        }
        _ => return None,
    })
}

fn held_again(what: &str) -> ProposalStatus {
    let reason = format!("it was approved, but {what}; approve it again");
    ProposalStatus::Held { reason }
}

fn unknown(id: ProposalId) -> Error {
    Error::new(ErrorKind::Usage, format!("there is no proposal {id}"))
}
