//! What is kept, to be read.

use std::sync::Arc;

use jiff::civil::Date;

use super::{Entry, Output, ProjectState, Store, Summary, UsageEntry};
use crate::{
    error::Result,
    id::{ProposalId, RunId},
    proposal::{Proposal, ProposalStatus},
    run::RunRecord,
    words::ProjectId,
};

/// What is kept of projects, runs and changes, to be read by whoever embeds the library. It changes
/// by runs, and by what a maintainer is asked to do, alone.
///
/// Reading takes a few pages of the file per run, so that an async caller may do it in place.
/// Clones are the same.
#[derive(Clone, Debug)]
pub struct History(Store);

impl History {
    pub(crate) fn new(store: Store) -> Self {
        Self(store)
    }

    /// What is remembered about a project between runs, answered from memory.
    pub fn project(&self, project: &str) -> Arc<ProjectState> {
        self.0.project(project)
    }

    /// The ids of all projects of which something is kept, also of those that are not in the
    /// configuration any more.
    pub fn known_projects(&self) -> Vec<ProjectId> {
        self.0.known_projects()
    }

    /// The last `limit` runs that ended, the newest first: of one project, or of all.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`], as of all that follow.
    pub fn runs(&self, project: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
        self.0.runs(project, limit)
    }

    /// The record of a run that ended.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub fn run(&self, run: RunId) -> Result<Option<RunRecord>> {
        self.0.run(run)
    }

    /// The journal of a run that ended; empty if there is no such run.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub fn run_journal(&self, run: RunId) -> Result<Vec<Entry>> {
        self.0.run_journal(run)
    }

    /// What a run left behind: logs of checks, answers of backends.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub fn run_outputs(&self, run: RunId) -> Result<Vec<Output>> {
        self.0.run_outputs(run)
    }

    /// The last `limit` proposals whose status is wanted, the newest first, without their diffs: of
    /// one project, or of all.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub fn proposals(
        &self,
        project: Option<&str>,
        is_wanted: impl Fn(&ProposalStatus) -> bool,
        limit: usize,
    ) -> Result<Vec<Proposal>> {
        self.0.proposals(project, is_wanted, limit)
    }

    /// A proposal with its exact diff, in which secrets may be; [`crate::Maintainer::proposal`] is
    /// for showing.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub fn proposal(&self, id: ProposalId) -> Result<Option<Proposal>> {
        self.0.proposal(id)
    }

    /// What the answers of backends cost a project on a day, by task and backend.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub fn usage_of(&self, project: &str, day: Date) -> Result<Vec<UsageEntry>> {
        self.0.usage_of(project, day)
    }

    /// A project's last summary.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub fn summary(&self, project: &str) -> Result<Option<Summary>> {
        self.0.summary(project)
    }

    /// The messages of a project's last 50 commits made by us, the newest first, as far as their
    /// proposals are kept.
    ///
    /// # Errors
    /// As [`Self::runs`].
    pub fn commit_messages(&self, project: &str) -> Result<Vec<String>> {
        self.0.commit_messages(project)
    }
}
