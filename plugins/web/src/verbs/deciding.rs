//! What decides something at once.

use std::time::Duration;

use axum::http::Method;
use pimainteno_core::{Forgotten, ProjectId, Proposal, ProposalId, Result};
use serde::{Deserialize, Serialize};

use crate::{Refusal, Service, Verb};

/// Rejects a held change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Reject {
    /// The id of a proposal, or at least four digits of its beginning.
    pub id: String,
    /// What is wrong with it, in a sentence; the backend is told.
    #[cfg_attr(feature = "clap", arg(long, short))]
    pub reason: String,
}

/// Keeps a project from its runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Id or name of a project.
    pub project: String,
}

/// Lets a project go on that is paused, parked or frozen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// Id or name of a project.
    pub project: String,
}

/// Whether a project is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// The project's id.
    pub project: ProjectId,
    /// Whether it is.
    pub paused: bool,
    /// Whether this is new: it was not so before, or something else kept the project from its runs.
    #[serde(default)]
    pub changed: bool,
}

/// Removes what runs of a project left, and forgets what is remembered of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forget {
    /// Id or name of a project.
    pub project: String,
    /// Forgets its runs, changes and notices, too.
    #[serde(default)]
    pub history: bool,
}

/// Has the configuration read again. Runs that go on end as they began; what is wrong with the new
/// one is told, and then the one before goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reload {}

/// Says that the configuration was read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// How many projects are in it.
    pub projects: usize,
}

impl Verb for Reject {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api/proposals/{id}/reject";
    type Answer = Proposal;

    async fn answer(self, service: &Service) -> Result<Proposal, Refusal> {
        ProposalId::is_enough(&self.id)?;
        let id = service.maintainer().proposal(&self.id)?.id.to_string();
        service.maintainer().reject(&id, &self.reason).await.map_err(Refusal::conflict)
    }
}

impl Verb for Pause {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api/projects/{project}/pause";
    type Answer = Paused;

    async fn answer(self, service: &Service) -> Result<Paused, Refusal> {
        let project = service.maintainer().project_id(&self.project)?;
        let changed = !service.maintainer().history().project(&project).paused;
        service.maintainer().pause(&project)?;
        Ok(Paused { project, paused: true, changed })
    }
}

impl Verb for Resume {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api/projects/{project}/resume";
    type Answer = Paused;

    async fn answer(self, service: &Service) -> Result<Paused, Refusal> {
        let project = service.maintainer().project_id(&self.project)?;
        let changed = service.maintainer().resume(&project)?;
        Ok(Paused { project, paused: false, changed })
    }
}

impl Verb for Forget {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api/projects/{project}/forget";
    /// The leavings of builds may be millions of files on a slow disk.
    const ANSWER: Duration = Duration::from_secs(15 * 60);
    type Answer = Forgotten;

    async fn answer(self, service: &Service) -> Result<Forgotten, Refusal> {
        let forgotten = service.maintainer().forget(&self.project, self.history).await;
        forgotten.map_err(Refusal::conflict)
    }
}

impl Verb for Reload {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api/reload";
    type Answer = Reloaded;

    async fn answer(self, service: &Service) -> Result<Reloaded, Refusal> {
        Ok(Reloaded { projects: service.reload().map_err(Refusal::conflict)? })
    }
}
