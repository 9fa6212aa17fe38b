//! What is kept, changed by hand: as time, people and earlier versions leave it.

use pimainteno_plugin::Reply;
use serde_json::Value;

use crate::{
    error::Result,
    id::ProposalId,
    job::{IMPROVE, Job},
    maintainer::Maintainer,
    proposal::Proposal,
    run::{RunRecord, Trigger},
    store::{CheckResults, FinishedRun, ProjectState, ReplyKey},
    words::Sha256,
};

/// Changes what is remembered about a project.
///
/// # Errors
/// [`crate::ErrorKind::Store`], as of all that follow.
pub fn change_project(
    maintainer: &Maintainer,
    project: &str,
    change: impl FnOnce(&mut ProjectState),
) -> Result<()> {
    maintainer.0.store.update_project(project, change).map(drop)
}

/// Changes a proposal that is kept.
///
/// # Errors
/// As [`change_project`].
pub fn change_proposal(
    maintainer: &Maintainer,
    id: ProposalId,
    change: impl FnOnce(&mut Proposal),
) -> Result<()> {
    maintainer.0.store.update_proposal(id, change).map(drop)
}

/// Keeps what `checks`, told by a fingerprint, said about a commit, in the history of a run that
/// did nothing else.
///
/// # Errors
/// As [`change_project`].
pub fn keep_check_results(
    maintainer: &Maintainer,
    project: &str,
    commit: &str,
    checks: &str,
    results: Value,
) -> Result<()> {
    let record = RunRecord::new(
        project,
        Trigger::Manual,
        Job::Upkeep { chore: IMPROVE.into() },
        jiff::Timestamp::UNIX_EPOCH,
    );
    let journal = maintainer.0.store.begin_run(&record)?;
    let mut finished = FinishedRun::new(record);
    finished.checks.push(CheckResults {
        commit: commit.into(),
        checks: Sha256::unchecked(checks),
        results,
    });
    maintainer.0.store.finish_run(&journal, finished, |_| {})
}

/// The answer that would be given to the same question without asking a backend.
///
/// # Errors
/// As [`change_project`].
pub fn cached_reply(
    maintainer: &Maintainer,
    project: &str,
    key: &ReplyKey,
) -> Result<Option<Reply>> {
    maintainer.0.store.cached_reply(project, key)
}
