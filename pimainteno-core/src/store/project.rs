//! What is remembered about a project between runs.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use jiff::Timestamp;
use redb::{Error as RedbError, ReadableTable};
use serde::{Deserialize, Serialize};

use super::{
    Store, locked, rows,
    schema::{Key, STATE, SUMMARY, Table},
};
use crate::{
    error::Result,
    id::{ProposalId, RunId},
    proposal::Proposal,
    run::Outcome,
    secrets::Secrets,
};

/// How often a project may fail in the same way before it is left alone.
const FREEZE_AFTER: u32 = 3;

/// The most bytes that are kept of the reason.
const MAX_REASON: usize = 500;

/// The most heads that [`ProjectState::seen`] holds.
const MAX_SEEN: usize = 4;

/// What is remembered about a project between runs.
///
/// All of them are kept in memory, so that looking at an unchanged project reads no disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ProjectState {
    /// What was looked at and needs no new run, the newest last; at most four.
    pub seen: Vec<Seen>,
    /// Whether a person paused the project.
    pub paused: bool,
    /// When a person resumed it last.
    pub resumed: Option<Timestamp>,
    /// When a parked project may be tried again, and what the trouble was.
    pub parked: Option<Parked>,
    /// The last cron slot that was taken care of.
    pub last_slot: Option<Timestamp>,
    /// The commit that the last summary describes; [`Store::summary`] has its text.
    pub summary_head: Option<String>,
    /// The last run that was recorded.
    pub last_run: Option<RunId>,
    /// How it ended.
    pub last_outcome: Option<Outcome>,
    /// By unit: the failure that was seen last and how many times in a row. What is not about a unit is under the empty name.
    pub failures: BTreeMap<String, RepeatedFailure>,
    /// Why the project is left alone until a person resumes it: it fails in the same way again and again.
    pub frozen: Option<Frozen>,
    /// The change that waits for a person; there is one at most. The store keeps this in step with the proposals.
    pub held: Option<Held>,
    /// The number of the last event that was told when this was written.
    pub last_event: u64,
}

/// A change waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The change.
    pub proposal: ProposalId,
    /// See [`Proposal::expires`].
    pub expires: Option<Timestamp>,
}

/// A state of a project that needs no new run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The commit.
    pub head: String,
    /// A fingerprint of whatever else a run depends on: configuration, instructions, policy, backend.
    pub inputs: String,
}

/// A project is left alone for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// When it is tried again.
    pub until: Timestamp,
    /// What the trouble was.
    pub reason: String,
}

/// A project is left alone until a person looks at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Since when.
    pub since: Timestamp,
    /// How it failed, the last time.
    pub reason: String,
}

/// A failure of a unit that came more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedFailure {
    /// What tells this failure from others.
    pub signature: String,
    /// How many times in a row it was seen.
    pub count: u32,
}

/// A summary of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The commit that it describes.
    pub head: String,
    /// The summary, in Markdown.
    pub text: String,
}

impl Parked {
    /// One line: until when and why.
    pub fn describe(&self) -> String {
        format!("parked until {:.0}: {}", self.until, self.reason)
    }
}

impl Frozen {
    /// One line: since when and why.
    pub fn describe(&self) -> String {
        let reason = self.reason.lines().next().unwrap_or_default();
        format!("frozen since {:.0}: it failed {FREEZE_AFTER} times in the same way: {reason}", self.since)
    }
}

impl ProjectState {
    /// Takes note of a failure of `unit`, or of the project where that is empty: the third with the same signature in a row freezes the project.
    pub fn note_failure(&mut self, unit: &str, signature: String, mut reason: String) {
        let failure = self.failures.entry(unit.to_owned()).or_default();
        if failure.signature != signature {
            *failure = RepeatedFailure { signature, count: 0 };
        }
        failure.count = failure.count.saturating_add(1);
        if failure.count >= FREEZE_AFTER && self.frozen.is_none() {
            reason.truncate(reason.floor_char_boundary(MAX_REASON));
            self.frozen = Some(Frozen { since: Timestamp::now(), reason });
        }
    }

    /// Takes note that a change was delivered and proved healthy: whatever failed before is forgotten.
    pub fn note_success(&mut self) {
        self.failures.clear();
        self.frozen = None;
    }

    /// Whether a run on this commit with these inputs would be futile.
    pub fn has_seen(&self, head: &str, inputs: &str) -> bool {
        self.seen.iter().any(|seen| seen.head == head && seen.inputs == inputs)
    }

    /// Remembers that this commit with these inputs needs no new run.
    pub fn see(&mut self, head: impl Into<String>, inputs: impl Into<String>) {
        let seen = Seen { head: head.into(), inputs: inputs.into() };
        self.seen.retain(|other| *other != seen);
        self.seen.push(seen);
        self.seen.drain(..self.seen.len().saturating_sub(MAX_SEEN));
    }

    /// Forgets everything that keeps the project from its runs: that it is paused or parked, and failures that froze the repair of a unit. A run that was cut
    /// off before and cannot be finished is given up.
    pub fn release(&mut self) {
        self.resumed = Some(Timestamp::now());
        self.paused = false;
        self.parked = None;
        self.frozen = None;
        self.failures.clear();
    }

    /// Takes note of what became of a change. Gives the one that it takes the place of, if there is one.
    pub(super) fn note(&mut self, proposal: &Proposal) -> Option<ProposalId> {
        let held = self.held.as_ref().map(|held| held.proposal);
        if proposal.is_held() {
            self.held = Some(Held { proposal: proposal.id, expires: proposal.expires });
            return held.filter(|held| *held != proposal.id);
        }
        if held == Some(proposal.id) {
            self.held = None;
        }
        None
    }

    /// Takes the secrets out of what was said.
    pub(super) fn redact(&mut self, secrets: &Secrets) {
        self.parked.iter_mut().for_each(|parked| secrets.clean(&mut parked.reason));
        self.frozen.iter_mut().for_each(|frozen| secrets.clean(&mut frozen.reason));
        self.last_outcome.iter_mut().for_each(|outcome| outcome.redact(secrets));
    }
}

impl Store {
    /// What is remembered about a project; the default for one that is not known. Reads no disk and copies nothing.
    pub fn project(&self, project: &str) -> Arc<ProjectState> {
        let states = self.0.states.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        states.known.get(project).unwrap_or(&states.unknown).clone()
    }

    /// The ids of the projects that anything is remembered about, in order.
    pub fn known_projects(&self) -> Vec<String> {
        self.0.states.read().unwrap_or_else(std::sync::PoisonError::into_inner).known.keys().cloned().collect()
    }

    /// Changes what is remembered about a project, durably; writes nothing if `change` changes nothing.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`], and nothing is changed.
    pub fn update_project(&self, project: &str, change: impl FnOnce(&mut ProjectState)) -> Result<Arc<ProjectState>> {
        let _turn = locked(&self.0.turn);
        let old = self.project(project);
        let mut new = ProjectState::clone(&old);
        change(&mut new);
        new.redact(self.secrets());
        if new == *old && !self.is_unsaved(project) {
            return Ok(old);
        }
        let last_event = self.last_event();
        self.write(|table| put_state(table, project, &new, last_event))?;
        Ok(self.set_state(project, new, true))
    }

    /// Changes what is remembered about a project in memory. It is stored when something else about the project is.
    ///
    /// For what may be forgotten when the power fails, such as the last slot: an unchanged project must not cost a write at each slot.
    pub fn note_project(&self, project: &str, change: impl FnOnce(&mut ProjectState)) -> Arc<ProjectState> {
        let _turn = locked(&self.0.turn);
        let old = self.project(project);
        let mut new = ProjectState::clone(&old);
        change(&mut new);
        new.redact(self.secrets());
        if new == *old { old } else { self.set_state(project, new, false) }
    }

    /// The project's last summary.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn summary(&self, project: &str) -> Result<Option<Summary>> {
        self.read(|table| rows::get_json(table, project, SUMMARY, &[]))
    }

    /// Puts a state into memory; `saved` says whether it is also on disk.
    pub(super) fn set_state(&self, project: &str, state: ProjectState, saved: bool) -> Arc<ProjectState> {
        let state = Arc::new(state);
        let mut states = self.0.states.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        states.known.insert(project.to_owned(), state.clone());
        if saved {
            states.unsaved.remove(project);
        } else {
            states.unsaved.insert(project.to_owned());
        }
        state
    }

    fn is_unsaved(&self, project: &str) -> bool {
        self.0.states.read().unwrap_or_else(std::sync::PoisonError::into_inner).unsaved.contains(project)
    }
}

/// The states of all projects.
#[derive(Default)]
pub(super) struct States {
    known: BTreeMap<String, Arc<ProjectState>>,
    /// Those of which the disk knows an older state.
    unsaved: HashSet<String>,
    unknown: Arc<ProjectState>,
}

impl States {
    /// The number of the last event that any of them knows.
    pub(super) fn last_event(&self) -> u64 {
        self.known.values().map(|state| state.last_event).max().unwrap_or_default()
    }

    /// Reads the states of `projects`.
    pub(super) fn load(table: &impl ReadableTable<Key, &'static [u8]>, projects: &[String]) -> Result<Self, RedbError> {
        let mut states = Self::default();
        for project in projects {
            let state = rows::get_json(table, project, STATE, &[])?.unwrap_or_default();
            states.known.insert(project.clone(), Arc::new(state));
        }
        Ok(states)
    }
}

/// Writes a project's state.
pub(super) fn put_state(table: &mut Table<'_>, project: &str, state: &ProjectState, last_event: u64) -> Result<(), RedbError> {
    rows::put_json(table, project, STATE, &[], &ProjectState { last_event, ..state.clone() })
}
