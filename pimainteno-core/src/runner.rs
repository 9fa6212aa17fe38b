//! Runs of the configured projects: everything that was built at start, and the way from a trigger to a record.

mod parked;
mod prepared;
mod queue;
mod review;
mod rollback;
mod run;

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify, Semaphore};

use crate::{
    config::{Config, Project},
    error::{Error, ErrorKind, Result},
    event::Bus,
    id::ProposalId,
    process::{Cancel, Environment, SandboxHelper},
    store::Store,
};

pub(crate) use prepared::Prepared;
pub(crate) use review::cut_off;
pub(crate) use run::learn_key;

/// Runs the configured projects.
pub(crate) struct Runner {
    pub(crate) config: Config,
    pub(crate) timezone: TimeZone,
    pub(crate) projects: Vec<Arc<Prepared>>,
    pub(crate) store: Store,
    pub(crate) environment: Environment,
    pub(crate) workspaces: PathBuf,
    /// Where the store, the workspaces and the private places of sandboxes are.
    pub(crate) state_directory: PathBuf,
    pub(crate) sandbox_helper: Option<SandboxHelper>,
    /// What sandboxed commands of any project may change by its `sandbox_write`.
    pub(crate) written: Vec<PathBuf>,
    pub(crate) bus: Arc<Bus>,
    /// The projects whose last run was cut off and cannot be finished yet, and why. Held by whoever tries to.
    pub(crate) unfinished: Mutex<BTreeMap<String, String>>,
    /// Set when the repositories were looked at for what an earlier program left half made.
    pub(crate) looked: OnceLock<()>,
    /// The proposals that somebody is deciding about.
    pub(crate) deciding: std::sync::Mutex<HashSet<ProposalId>>,
    /// The parked projects that a person let go on, until the scheduler runs them.
    pub(crate) released: std::sync::Mutex<HashSet<String>>,
    /// Wakes the scheduler.
    pub(crate) wake: Notify,
    /// Raised when the program is to stop.
    pub(crate) cancel: Cancel,
    /// How many runs may go on at once.
    pub(crate) slots: Semaphore,
}

/// How a run that was asked for differs from a scheduled one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunOptions {
    /// Nothing outside the state directory changes, whatever the project's mode.
    pub dry_run: bool,
    /// Run although nothing changed, the project is parked, or an answer is in the cache.
    pub force: bool,
}

impl Runner {
    /// Where a project's worktrees are: its workspace, and what a backend edits in. A project's name has no full stop.
    pub(crate) fn trees(&self, project: &Project) -> [PathBuf; 2] {
        [self.workspaces.join(&project.id), self.workspaces.join(format!("{}.agent", project.id))]
    }

    /// One project, named by its id or its name.
    pub(crate) fn project(&self, name: &str) -> Result<Arc<Prepared>> {
        let found = self.projects.iter().find(|prepared| prepared.project.id == name || prepared.project.name == name);
        found.cloned().ok_or_else(|| {
            let known: Vec<_> = self.projects.iter().map(|prepared| prepared.project.id.as_str()).collect();
            Error::new(ErrorKind::Usage, format!("there is no project `{name}`")).hint(format!("there are: {}", known.join(", ")))
        })
    }
}
