//! Runs of the configured projects: everything that was built at start, and the way from a trigger
//! to a record.

mod blocked;
mod forget;
mod incidents;
mod live;
mod news;
mod orders;
mod parked;
mod preconditions;
mod prepared;
mod review;
mod rollback;
mod run;
mod succession;
mod unfinished;

use std::{
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use jiff::tz::TimeZone;

use crate::{
    config::Config,
    error::{Error, ErrorKind, Result},
    event::Bus,
    process::{Cancel, Environment, SandboxHelper},
    queue::Queue,
    store::Store,
    words::ProjectId,
};

pub use forget::Forgotten;
pub(crate) use incidents::{Due, Incidents};
pub(crate) use live::Live;
pub(crate) use orders::UnderWay;
pub(crate) use parked::Releases;
pub(crate) use prepared::{Prepared, PreparedChore};
pub(crate) use review::cut_off;
pub(crate) use run::learn_key;
pub(crate) use unfinished::Recovery;

/// Runs the configured projects.
pub(crate) struct Runner {
    pub(crate) config: Arc<Config>,
    pub(crate) timezone: TimeZone,
    pub(crate) projects: Vec<Arc<Prepared>>,
    pub(crate) store: Store,
    pub(crate) environment: Environment,
    /// The store's file.
    pub(crate) state_file: PathBuf,
    /// Where the store, the workspaces and the private places of sandboxes are.
    pub(crate) state_directory: PathBuf,
    pub(crate) sandbox_helper: Option<SandboxHelper>,
    /// What sandboxed commands of any project may change by its `sandbox_write`.
    pub(crate) written: Vec<PathBuf>,
    pub(crate) bus: Arc<Bus>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) recovery: Arc<Recovery>,
    pub(crate) releases: Arc<Releases>,
    pub(crate) under_way: Arc<UnderWay>,
    pub(crate) incidents: Arc<Incidents>,
    /// Set when the repositories were looked at for what an earlier program left half made.
    pub(crate) looked: OnceLock<()>,
    /// What took the place of this one, when another configuration was read.
    pub(crate) newer: OnceLock<Arc<Self>>,
    /// Raised when the program is to stop.
    pub(crate) cancel: Cancel,
}

impl Runner {
    /// Where the worktrees of a project's checkout are: the workspace, and what a backend edits in.
    pub(crate) fn trees(&self, prepared: &Prepared) -> [PathBuf; 2] {
        self.trees_of(&prepared.repository)
    }

    /// The same, by what they are called after: a project, whose id has no full stop.
    fn trees_of(&self, repository: &ProjectId) -> [PathBuf; 2] {
        let workspaces = self.state_directory.join("workspaces");
        ["", ".agent"].map(|kind| workspaces.join(format!("{repository}{kind}")))
    }

    /// The projects that are in one checkout.
    pub(crate) fn projects_in(&self, repository: &ProjectId) -> Vec<&Prepared> {
        let projects = self.projects.iter().map(|prepared| &**prepared);
        projects.filter(|prepared| prepared.repository == *repository).collect()
    }

    /// One project, named by its id or its name.
    pub(crate) fn project(&self, name: &str) -> Result<Arc<Prepared>> {
        let found = self
            .projects
            .iter()
            .find(|prepared| prepared.project.id == name || prepared.project.name == name);
        found.cloned().ok_or_else(|| {
            let known: Vec<_> =
                self.projects.iter().map(|prepared| prepared.project.id.as_str()).collect();
            Error::new(ErrorKind::Usage, format!("there is no project `{name}`"))
                .hint(format!("there are: {}", known.join(", ")))
        })
    }
}
