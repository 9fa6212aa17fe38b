//! The front door: whoever embeds the library meets [`Maintainer`].

mod builder;
mod prepared;
mod run;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    event::EventSink,
    process::{Cancel, Environment},
    proposal::Proposal,
    recovery,
    registry::Registry,
    run::{RunId, RunRecord, Trigger},
    scheduler,
    store::{ProjectState, Store},
};

pub use builder::MaintainerBuilder;
pub(crate) use prepared::Prepared;
pub(crate) use run::Start;

/// Maintains the projects of a configuration: runs them once, on request, or on their schedules.
///
/// Clones share everything. One program at a time can hold a state directory.
#[derive(Clone)]
pub struct Maintainer(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) timezone: TimeZone,
    pub(crate) projects: Vec<Arc<Prepared>>,
    pub(crate) registry: Registry,
    pub(crate) store: Store,
    pub(crate) environment: Environment,
    pub(crate) workspaces: std::path::PathBuf,
    pub(crate) events: Arc<dyn EventSink>,
    /// The projects whose last run was cut off and cannot be finished yet, and why. Held by whoever tries to.
    pub(crate) unfinished: tokio::sync::Mutex<BTreeMap<String, String>>,
    /// Raised when the program is to stop.
    pub(crate) cancel: Cancel,
    /// How many runs may go on at once.
    pub(crate) slots: Semaphore,
}

/// How a run that was asked for differs from a scheduled one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOptions {
    /// Nothing outside the state directory changes, whatever the project's mode.
    pub dry_run: bool,
    /// Run although nothing changed, the project is parked, or an answer is in the cache.
    pub force: bool,
}

/// A project at a glance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProjectStatus {
    /// What the configuration says.
    pub project: crate::config::Project,
    /// The backend that answers its prompts.
    pub backend: String,
    /// What is remembered.
    pub state: Arc<ProjectState>,
    /// The next slot; `None` if there is none.
    pub next_slot: Option<Timestamp>,
}

impl Maintainer {
    /// What to maintain, and with what, is said to the builder.
    pub fn builder() -> MaintainerBuilder {
        MaintainerBuilder::default()
    }

    /// Looks at every project once and runs those that changed; gives a record for each project, in the configuration's order.
    ///
    /// What a stopped program left open is finished first.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if a record cannot be stored. Whatever goes wrong in a run is in its record.
    pub async fn run_once(&self) -> Result<Vec<RunRecord>> {
        self.run_all(RunOptions::default()).await
    }

    /// The same, with options.
    ///
    /// # Errors
    /// As [`Self::run_once`].
    pub async fn run_all(&self, options: RunOptions) -> Result<Vec<RunRecord>> {
        self.recover().await?;
        let mut records = BTreeMap::new();
        let mut running = JoinSet::new();
        for (place, prepared) in self.0.projects.iter().enumerate() {
            // Most projects did not change; for them no task is started.
            match self.0.futile(prepared, options) {
                Some(reason) => drop(records.insert(place, self.0.skipped(prepared, Trigger::Manual, reason))),
                None => {
                    let (inner, prepared) = (self.0.clone(), prepared.clone());
                    running.spawn(async move { (place, inner.run(&prepared, Trigger::Manual, options).await) });
                }
            }
        }
        let mut failure = None;
        // All are waited for: those that go on would be cut off otherwise.
        while let Some(joined) = running.join_next().await {
            match joined {
                Ok((place, Ok(record))) => drop(records.insert(place, record)),
                Ok((_, Err(error))) => failure = Some(error),
                Err(source) => failure = Some(Error::new(ErrorKind::Internal, "a run was lost").source(source)),
            }
        }
        failure.map_or_else(|| Ok(records.into_values().collect()), Err)
    }

    /// Runs one project, named by its id or its name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is no such project; otherwise as [`Self::run_once`].
    pub async fn run_project(&self, project: &str, trigger: Trigger, options: RunOptions) -> Result<RunRecord> {
        self.recover().await?;
        let prepared = self.0.project(project)?;
        self.0.run(&prepared, trigger, options).await
    }

    /// Runs projects on their schedules until `shutdown` is ready; runs that go on are stopped then, and finished or undone at the next start.
    ///
    /// # Errors
    /// As [`Self::run_once`].
    pub async fn serve(&self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        self.recover().await?;
        scheduler::serve(self, shutdown).await
    }

    /// Finishes or undoes what a stopped program left open; gives the records of those runs.
    ///
    /// # Errors
    /// As [`Self::run_once`].
    pub async fn recover(&self) -> Result<Vec<RunRecord>> {
        recovery::recover(&self.0).await
    }

    /// Tells all runs to stop.
    pub fn stop(&self) {
        self.0.cancel.raise();
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The projects, at a glance.
    pub fn projects(&self) -> Vec<ProjectStatus> {
        let now = Timestamp::now();
        let status = |prepared: &Arc<Prepared>| ProjectStatus {
            project: prepared.project.clone(),
            backend: prepared.backend.name().to_owned(),
            state: self.0.store.project(&prepared.project.id),
            next_slot: prepared.schedule.next_after(now),
        };
        self.0.projects.iter().map(status).collect()
    }

    /// Whether each project's backend could answer now: a line about what was found, or what is missing.
    pub async fn health(&self) -> Vec<(String, Result<String>)> {
        let mut answers = Vec::new();
        for prepared in &self.0.projects {
            answers.push((prepared.project.id.clone(), prepared.backend.health().await));
        }
        answers
    }

    /// The state that is kept: history, summaries, proposals.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// One run, named by its id or the beginning of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is none or more than one.
    pub fn run(&self, id: &str) -> Result<RunRecord> {
        self.0.store.find_run(id)
    }

    /// One proposal, named by its id or the beginning of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is none or more than one.
    pub fn proposal(&self, id: &str) -> Result<Proposal> {
        self.0.store.find_proposal(id)
    }

    /// The proposal that a run was about.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn proposal_of(&self, run: RunId) -> Result<Option<Proposal>> {
        let record = self.0.store.run(run)?;
        match record.and_then(|record| record.proposal) {
            Some(id) => self.0.store.proposal(id),
            None => Ok(None),
        }
    }
}

impl Inner {
    /// One project, named by its id or its name.
    pub(crate) fn project(&self, name: &str) -> Result<Arc<Prepared>> {
        let found = self.projects.iter().find(|prepared| prepared.project.id == name || prepared.project.name == name);
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = self.projects.iter().map(|prepared| prepared.project.id.as_str()).collect();
            Error::new(ErrorKind::Usage, format!("there is no project `{name}`")).hint(format!("there are: {}", known.join(", ")))
        })
    }
}
