//! What takes runs.

use pimainteno_core::{
    Error, ErrorKind, Maintainer, ProjectId, ProposalId, Result, RunOptions, RunRecord,
};
use serde::{Deserialize, Serialize};

use crate::Order;

/// Runs projects, or all of them if none is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Run {
    /// Ids or names of projects; all if none is given.
    #[cfg_attr(feature = "clap", arg(value_name = "PROJECT"))]
    pub projects: Vec<String>,
    /// Runs this chore alone.
    #[cfg_attr(feature = "clap", arg(long, value_name = "NAME"))]
    pub chore: Option<String>,
    /// Proposes and checks changes, and applies nothing outside the state directory.
    #[cfg_attr(feature = "clap", arg(long))]
    pub dry_run: bool,
    /// Runs although nothing changed or the project is parked, and asks the backend again.
    #[cfg_attr(feature = "clap", arg(long))]
    pub force: bool,
}

/// Approves a held change, and delivers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The id of a proposal, or at least four digits of its beginning.
    pub id: String,
    /// The SHA-256 of the diff that was looked at, or at least eight digits of its beginning.
    pub sha256: String,
}

/// Takes back what a run of a project delivered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Rollback {
    /// Id or name of a project.
    pub project: String,
    /// The id of a run, or the beginning of it, instead of the last one that delivered something.
    #[cfg_attr(feature = "clap", arg(long, value_name = "ID"))]
    pub run: Option<String>,
}

impl Order for Run {
    const PATH: &'static str = "/api/run";

    fn projects(&self, maintainer: &Maintainer) -> Result<Vec<ProjectId>> {
        // Nothing that was run is no success.
        if self.projects.is_empty() && maintainer.config().projects().is_empty() {
            return Err(Error::new(ErrorKind::Usage, "there are no projects to run")
                .hint("add a `[[project]]` to the configuration"));
        }
        let mut ids = Vec::new();
        for name in &self.projects {
            let id = maintainer.project_id(name)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    async fn carry_out(self, maintainer: &Maintainer) -> Result<Vec<RunRecord>> {
        let mut options = RunOptions::default();
        options.dry_run = self.dry_run;
        options.force = self.force;
        let ids = self.projects(maintainer)?;
        maintainer.run_projects(&ids, self.chore.as_deref(), options).await
    }
}

impl Order for Approve {
    const PATH: &'static str = "/api/proposals/{id}/approve";
    const DECIDES: bool = true;

    fn projects(&self, maintainer: &Maintainer) -> Result<Vec<ProjectId>> {
        ProposalId::is_enough(&self.id)?;
        Ok(vec![maintainer.proposal(&self.id)?.project])
    }

    async fn carry_out(self, maintainer: &Maintainer) -> Result<Vec<RunRecord>> {
        Ok(vec![maintainer.approve(&self.id, &self.sha256).await?])
    }
}

impl Order for Rollback {
    const PATH: &'static str = "/api/projects/{project}/rollback";
    const DECIDES: bool = true;

    fn projects(&self, maintainer: &Maintainer) -> Result<Vec<ProjectId>> {
        Ok(vec![maintainer.project_id(&self.project)?])
    }

    async fn carry_out(self, maintainer: &Maintainer) -> Result<Vec<RunRecord>> {
        Ok(vec![maintainer.rollback(&self.project, self.run.as_deref()).await?])
    }
}
