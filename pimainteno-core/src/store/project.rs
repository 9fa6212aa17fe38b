//! What is remembered about a project between runs.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    sync::{Arc, LazyLock},
};

use jiff::Timestamp;
use redb::{Error as RedbError, ReadableTable};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value, json};

use super::{
    Store,
    chore::{ChoreState, Frozen, Held, Parked},
    locked,
    order::Order,
    rows,
    schema::{Key, STATE, SUMMARY, Table},
};
use crate::{
    error::Result,
    id::{ProposalId, RunId},
    job::{IMPROVE, REPAIR},
    proposal::Proposal,
    run::Outcome,
    secrets::Secrets,
    words::{CommitId, ProjectId},
};

/// What is remembered about a project between runs.
///
/// All of them are kept in memory, so that looking at an unchanged project reads no disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, remote = "Self")]
#[non_exhaustive]
pub struct ProjectState {
    /// What is remembered about its chores, by their names.
    pub chores: BTreeMap<String, ChoreState>,
    /// What was asked for and has not begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<Order>,
    /// Whether a person paused the project.
    pub paused: bool,
    /// When a person resumed it last.
    pub resumed: Option<Timestamp>,
    /// Where its checkout is, as its last run had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<PathBuf>,
    /// The commit that the last summary describes; [`Store::summary`]
    /// has its text.
    pub summary_head: Option<CommitId>,
    /// The last run that was recorded.
    pub last_run: Option<RunId>,
    /// How it ended.
    pub last_outcome: Option<Outcome>,
    /// The number of the last event that was told when this was written.
    pub last_event: u64,
}

/// A summary of a project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// The commit that it describes.
    pub head: CommitId,
    /// The summary, in Markdown.
    pub text: String,
}

/// What is remembered about a chore that has never run.
static UNKNOWN: LazyLock<ChoreState> = LazyLock::new(ChoreState::default);

impl ProjectState {
    /// What is remembered about a chore.
    pub fn chore(&self, name: &str) -> &ChoreState {
        self.chores.get(name).unwrap_or(&UNKNOWN)
    }

    /// What is remembered about looking after its units that failed.
    pub fn repair(&self) -> &ChoreState {
        self.chore(REPAIR)
    }

    /// The same, to be changed.
    pub fn chore_mut(&mut self, name: &str) -> &mut ChoreState {
        self.chores.entry(name.to_owned()).or_default()
    }

    /// Until when a chore is left alone, and why: the one that waits longest.
    pub fn parked(&self) -> Option<&Parked> {
        self.chores
            .values()
            .filter_map(|chore| chore.parked.as_ref())
            .max_by_key(|parked| parked.until)
    }

    /// Why a chore is left alone until a person resumes the project: the first that was frozen.
    pub fn frozen(&self) -> Option<&Frozen> {
        self.chores
            .values()
            .filter_map(|chore| chore.frozen.as_ref())
            .min_by_key(|frozen| frozen.since)
    }

    /// The changes that wait for a person.
    pub fn held(&self) -> impl Iterator<Item = &Held> {
        self.chores.values().filter_map(|chore| chore.held.as_ref())
    }

    /// Forgets everything that keeps the project from its runs: that it is paused, that chores are
    /// parked, and failures that froze them. A run that was cut off before and cannot be
    /// finished is given up.
    pub fn release(&mut self) {
        self.resumed = Some(Timestamp::now());
        self.paused = false;
        self.chores.values_mut().for_each(ChoreState::release);
    }

    /// Whether anything keeps the project from its runs, or a change from being tried again, that a
    /// person could end.
    pub fn is_kept_from_runs(&self) -> bool {
        let waits = self.chores.values().any(|chore| chore.goes_on_at().is_some());
        self.paused || waits || self.frozen().is_some()
    }

    /// Whether nothing is remembered but its history.
    pub(crate) fn is_forgotten(&self) -> bool {
        let (paused, checkout) = (self.paused, self.checkout.clone());
        *self == Self { paused, checkout, ..self.forgotten() }
    }

    /// What is left of it when all is forgotten but its history.
    pub(super) fn forgotten(&self) -> Self {
        Self {
            last_run: self.last_run,
            last_outcome: self.last_outcome.clone(),
            last_event: self.last_event,
            ..Self::default()
        }
    }

    /// Takes note of what became of a change. Gives the one that it takes the place of, if there is
    /// one; `is_newer` is as for [`ChoreState::note`].
    pub(super) fn note(&mut self, proposal: &Proposal, is_newer: bool) -> Option<ProposalId> {
        self.chore_mut(&proposal.chore).note(proposal, is_newer)
    }

    /// Takes the secrets out of what was said.
    pub(super) fn redact(&mut self, secrets: &Secrets) {
        self.chores.values_mut().for_each(|chore| chore.redact(secrets));
        self.last_outcome.iter_mut().for_each(|outcome| outcome.redact(secrets));
    }
}

impl Serialize for ProjectState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What is derived: `remote` makes it a function of the type.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for ProjectState {
    /// Reads a state, also one from before there were several chores: it was that of one.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut written = Map::deserialize(deserializer)?;
        if !written.contains_key("chores") {
            let improve = Value::Object(written.clone());
            written.insert("chores".into(), json!({ IMPROVE: improve }));
        }
        Self::deserialize(Value::Object(written)).map_err(D::Error::custom)
    }
}

impl Store {
    /// What is remembered about a project; the default for one that is not known. Reads no disk and
    /// copies nothing.
    pub fn project(&self, project: &str) -> Arc<ProjectState> {
        let states = self.0.states.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        states.known.get(project).unwrap_or(&states.unknown).clone()
    }

    /// The ids of the projects that anything is remembered about, in order, also of those that are
    /// not in the configuration any more.
    pub fn known_projects(&self) -> Vec<ProjectId> {
        self.0
            .states
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .known
            .keys()
            .cloned()
            .collect()
    }

    /// The project that is named, or else all of which anything is remembered.
    pub(super) fn named_or_known(&self, project: Option<&str>) -> Vec<ProjectId> {
        project.map_or_else(|| self.known_projects(), |project| vec![ProjectId::unchecked(project)])
    }

    /// Changes what is remembered about a project, durably; writes nothing if `change` changes
    /// nothing.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`], and nothing is changed.
    pub(crate) fn update_project(
        &self,
        project: &ProjectId,
        change: impl FnOnce(&mut ProjectState),
    ) -> Result<Arc<ProjectState>> {
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

    /// Changes what is remembered about a project in memory. It is stored when something else about
    /// the project is.
    ///
    /// For what may be forgotten when the power fails, such as the last slot: an unchanged project
    /// must not cost a write at each slot.
    pub(crate) fn note_project(
        &self,
        project: &ProjectId,
        change: impl FnOnce(&mut ProjectState),
    ) -> Arc<ProjectState> {
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
    pub(super) fn set_state(
        &self,
        project: &ProjectId,
        state: ProjectState,
        saved: bool,
    ) -> Arc<ProjectState> {
        let state = Arc::new(state);
        let mut states = self.0.states.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        states.known.insert(project.clone(), state.clone());
        if saved {
            states.unsaved.remove(project);
        } else {
            states.unsaved.insert(project.clone());
        }
        state
    }

    /// Takes a project out of memory.
    pub(super) fn drop_state(&self, project: &ProjectId) {
        let mut states = self.0.states.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        states.known.remove(project);
        states.unsaved.remove(project);
    }

    fn is_unsaved(&self, project: &str) -> bool {
        self.0
            .states
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .unsaved
            .contains(project)
    }
}

/// The states of all projects.
#[derive(Default)]
pub(super) struct States {
    known: BTreeMap<ProjectId, Arc<ProjectState>>,
    /// Those of which the disk knows an older state.
    unsaved: HashSet<ProjectId>,
    unknown: Arc<ProjectState>,
}

impl States {
    /// The number of the last event that any of them knows.
    pub(super) fn last_event(&self) -> u64 {
        self.known.values().map(|state| state.last_event).max().unwrap_or_default()
    }

    /// Reads the states of `projects`.
    pub(super) fn load(
        table: &impl ReadableTable<Key, &'static [u8]>,
        projects: &[ProjectId],
    ) -> Result<Self, RedbError> {
        let mut states = Self::default();
        for project in projects {
            let state = rows::get_json(table, project, STATE, &[])?.unwrap_or_default();
            states.known.insert(project.clone(), Arc::new(state));
        }
        Ok(states)
    }
}

/// Writes a project's state.
pub(super) fn put_state(
    table: &mut Table<'_>,
    project: &str,
    state: &ProjectState,
    last_event: u64,
) -> Result<(), RedbError> {
    rows::put_json(table, project, STATE, &[], &ProjectState { last_event, ..state.clone() })
}
