//! A run as it grows: what is known of it so far, from its first step to its record.

use std::sync::Arc;

use pimainteno_plugin::{Edit, Reply};

use super::{Failure, Step};
use crate::{
    error::Result,
    fingerprint,
    git::Change,
    id::IncidentId,
    job::{REPAIR, Rules},
    patch,
    policy::{Checks, Facts},
    proposal::{Blocked, Proposal, ProposalStatus},
    run::{Outcome, RunRecord},
    service::Baseline,
    store::{CheckResults, FinishedRun, OfStep, Output, Summary},
    words::{BranchName, CommitId, Sha256, UnitName},
};

/// A run as it grows. It begins with a record alone, or with what the journal tells of one that was
/// cut off.
pub(crate) struct Run {
    pub(crate) record: RunRecord,
    /// The commit that it starts from, or by now goes on from; the record is told of it when the
    /// run ends.
    pub(crate) base: CommitId,
    /// The branch that the checkout was on when it started.
    pub(crate) branch: Option<BranchName>,
    /// What it goes through.
    pub(crate) steps: Vec<Arc<dyn Step>>,
    /// What the policy is told.
    pub(crate) facts: Facts,
    /// The SHA-256 of the diff that a person approved.
    pub(crate) approved: Option<Sha256>,
    /// Whether the commit is the one that takes the run's change back.
    pub(crate) taken_back: bool,
    /// A change that is not placed yet.
    pub(crate) candidate: Option<Candidate>,
    pub(crate) proposal: Option<Proposal>,
    pub(crate) change: Option<Change>,
    /// What a person should see before the change is delivered: each holds it, in whatever mode.
    pub(crate) concerns: Vec<String>,
    /// How many of them are older than the change, and stay when it is placed anew.
    pub(crate) lasting_concerns: usize,
    /// What checks that are red without the change too lack, and which key gives them that.
    pub(crate) lacking: Vec<String>,
    /// How the checks ended that are red without the change too.
    pub(crate) red: Vec<String>,
    /// Whether a step failed because the backend is not set up.
    pub(crate) needs_setup: bool,
    /// The fingerprints of everything that was placed.
    pub(crate) placed: Vec<String>,
    /// The step that changed the change last.
    pub(crate) amended_by: Option<String>,
    /// Why the change is being repaired.
    pub(crate) failed: Option<Failed>,
    /// The change was tried before and is not tried again: it need not be looked at again.
    pub(crate) is_futile: bool,
    /// Nothing is left of the change to be done: the project has it already.
    pub(crate) is_there_already: bool,
    pub(crate) delivery: Delivery,
    /// The newest summary of the project, which may be stored already.
    pub(crate) summary: Option<Summary>,
    /// What checks said about the base.
    pub(crate) base_checks: Vec<CheckResults>,
    /// The steps that have done something that can be seen from outside.
    pub(crate) touched: Vec<String>,
    /// Whether one of them did so to something that is neither the remote nor the checkout.
    pub(crate) has_own_effects: bool,
    /// The steps that take back what they did, instead of doing it.
    pub(crate) reverts: Vec<String>,
    /// The steps that have not taken back what they did.
    pub(crate) left: Vec<String>,
    /// Whether it went through all of its steps.
    pub(crate) is_complete: bool,
    /// What was announced before the program was stopped, and of which nobody knows whether it
    /// happened.
    pub(crate) unknown: Vec<OfStep>,
    /// Why the run has to be taken back whatever its steps say: it was cut off.
    pub(crate) cut_off: Option<String>,
    /// Whether the change has gone through the checks since it was placed.
    pub(crate) is_checked: bool,
    /// The incident that its change is for, where it was made for one.
    pub(crate) incident: Option<IncidentId>,
    /// Why it is not known whether the unit that it is to mend is well; `None` where that was watched
    /// and is so.
    pub(crate) doubt: Option<String>,
    /// Whether its change is one that helped before.
    pub(crate) is_played: bool,
    /// Whether no backend is asked whatever the job allows: its change waited for something
    /// outside, and delivering it costs nothing.
    pub(crate) asks_nobody: bool,
    /// Why the change waits for a person once what was done of it is taken back: something outside
    /// kept the rest from being done.
    pub(crate) hindered: Option<String>,
    /// What outside keeps the change from being delivered.
    pub(crate) blocked: Option<Blocked>,
    /// Texts to keep with it, such as the logs of checks.
    pub(crate) outputs: Vec<Output>,
}

/// A change that is not placed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) form: Form,
    /// What is said about it.
    pub(crate) message: String,
}

/// How a change comes that is not placed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A diff, as Git wrote it.
    Diff(String),
    /// A whole reply, as a model wrote it.
    Reply(String),
    /// The commit that it is the inverse of.
    Inverse(CommitId),
}

/// A failure of the change that its backend is to mend.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    /// The step that found it.
    pub(crate) step: String,
    pub(crate) failure: Failure,
}

/// How far the change has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Delivery {
    /// The commit is at the remote.
    pub(crate) pushed: bool,
    /// The commit may be at the remote: the connection broke, and the remote does not answer.
    pub(crate) is_unclear: bool,
    /// The checkout is at the commit.
    pub(crate) moved: bool,
    /// The units that were restarted.
    pub(crate) restarted: Vec<UnitName>,
    /// The units that nobody let be restarted: they run as they did before.
    pub(crate) refused: Vec<UnitName>,
    /// How units and probe were before the change came to the checkout; `None` while it has not.
    pub(crate) before: Option<Baseline>,
}

impl Run {
    /// A run of which nothing is there yet but its record, not even its steps.
    pub(crate) fn new(
        record: RunRecord,
        base: CommitId,
        branch: Option<BranchName>,
        facts: Facts,
    ) -> Self {
        Self {
            record,
            base,
            branch,
            steps: Vec::new(),
            facts,
            approved: None,
            taken_back: false,
            candidate: None,
            proposal: None,
            change: None,
            concerns: Vec::new(),
            lasting_concerns: 0,
            lacking: Vec::new(),
            red: Vec::new(),
            needs_setup: false,
            placed: Vec::new(),
            amended_by: None,
            failed: None,
            is_futile: false,
            is_there_already: false,
            delivery: Delivery::default(),
            summary: None,
            base_checks: Vec::new(),
            touched: Vec::new(),
            has_own_effects: false,
            reverts: Vec::new(),
            left: Vec::new(),
            is_complete: false,
            unknown: Vec::new(),
            cut_off: None,
            is_checked: false,
            incident: None,
            doubt: Some("nothing watched whether the unit is well with it".into()),
            is_played: false,
            asks_nobody: false,
            hindered: None,
            blocked: None,
            outputs: Vec::new(),
        }
    }

    /// Whether anything of it can be seen from outside, as far as is known.
    pub(crate) fn is_delivered(&self) -> bool {
        self.is_out() || self.has_own_effects
    }

    /// Whether its commit is at the remote or in the checkout, as far as is known: it had its
    /// allow.
    pub(crate) fn is_out(&self) -> bool {
        self.delivery.pushed || self.delivery.moved
    }

    /// What it may, and how its end counts.
    pub(crate) fn rules(&self) -> &'static Rules {
        self.record.job.rules()
    }

    /// Whether it takes something back.
    pub(crate) fn takes_back(&self) -> bool {
        self.taken_back || self.rules().brings_back
    }

    /// Whether its change is to mend a unit that failed: then that has to be shown.
    pub(crate) fn mends_unit(&self) -> bool {
        self.record.chore == REPAIR && !self.takes_back()
    }

    /// The unit that its change is to mend.
    pub(crate) fn unit_to_mend(&self) -> Option<&UnitName> {
        let proposal = || self.proposal.as_ref().and_then(|proposal| proposal.unit.as_ref());
        self.record.job.unit().or_else(proposal).filter(|_| self.mends_unit())
    }

    /// What is said about its change; empty if nothing is, or there is none.
    pub(crate) fn message(&self) -> &str {
        self.proposal.as_ref().map_or("", |proposal| &proposal.message)
    }

    /// The fingerprint of its change.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        self.change.as_ref().map(|change| fingerprint::of_change(&change.diff))
    }

    /// Takes note of what the checks say about the change.
    pub(crate) fn note_checks(&mut self, checks: Checks) {
        self.facts = self.facts.clone().with_checks(checks);
    }

    /// Takes note that a step does something that can be seen from outside.
    pub(crate) fn touch(&mut self, step: &str) {
        if !self.touched.iter().any(|touched| touched == step) {
            self.touched.push(step.to_owned());
        }
    }

    /// What the store is to keep.
    pub(crate) fn into_stored(self) -> FinishedRun {
        let mut proposal = self.proposal;
        if let (Some(proposal), Some(outcome)) = (&mut proposal, &self.record.outcome) {
            proposal.status = match outcome {
                Outcome::NoChange if self.is_there_already => ProposalStatus::Obsolete,
                Outcome::RolledBack { .. } if let Some(reason) = self.hindered => {
                    ProposalStatus::Held { reason }
                }
                outcome => status_after(outcome),
            };
            let before = proposal.blocked.take();
            proposal.blocked = self.blocked.map(|blocked| blocked.after(before.as_ref()));
        }
        FinishedRun {
            record: self.record,
            outputs: self.outputs,
            proposal,
            summary: self.summary,
            checks: self.base_checks,
            takes_back: None,
            is_played: self.is_played,
            needs_setup: self.needs_setup,
            is_futile: self.is_futile,
            none_passed: self.facts.checks() == Checks::None && !self.red.is_empty(),
        }
    }
}

impl Candidate {
    /// A change as Git wrote it.
    pub(crate) fn of_diff(diff: impl Into<String>, message: impl Into<String>) -> Self {
        Self { form: Form::Diff(diff.into()), message: message.into() }
    }

    /// The change that a reply to a request with `edit` holds; `None` if the backend wants none.
    pub(crate) fn of_reply(reply: Reply, edit: Edit) -> Result<Option<Self>> {
        let Reply { text, diff, .. } = reply;
        let message = patch::message_of(&text);
        let form = match diff {
            // What was edited was told by Git; a backend's own diff has the mistakes that models
            // make.
            Some(diff) if edit == Edit::Reply => Form::Reply(format!("{message}\n\n{diff}")),
            Some(diff) => Form::Diff(diff),
            // A backend that may edit can still choose to answer with a diff.
            None if patch::holds_change(&text) => Form::Reply(text),
            // One that may edit would have done so.
            None if edit == Edit::Reply && patch::shows_change(&text) => Form::Reply(text),
            None if edit == Edit::Reply && !text.trim().is_empty() && !patch::declines(&text) => {
                return Err(patch::no_change_in(&text));
            }
            None => return Ok(None),
        };
        Ok(Some(Self { form, message }))
    }

    /// The same change, with another message if it has none.
    pub(crate) fn or_message(mut self, other: &str) -> Self {
        if self.message.trim().is_empty() {
            other.clone_into(&mut self.message);
        }
        self
    }
}

/// What became of the proposal of a run that ended so.
fn status_after(outcome: &Outcome) -> ProposalStatus {
    match outcome {
        Outcome::Held { reason } => ProposalStatus::Held { reason: reason.clone() },
        Outcome::Applied { commit } | Outcome::Unproven { commit, .. } => {
            ProposalStatus::Applied { commit: commit.clone() }
        }
        Outcome::Rejected { reason } => ProposalStatus::Rejected { reason: reason.clone() },
        Outcome::RolledBack { reason } => ProposalStatus::RolledBack { reason: reason.clone() },
        Outcome::Failed { message, .. } => ProposalStatus::Failed { reason: message.clone() },
        Outcome::NoChange
        | Outcome::Skipped { .. }
        | Outcome::Parked { .. }
        | Outcome::Interrupted => ProposalStatus::Open,
    }
}
