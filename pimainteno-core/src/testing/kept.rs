//! What is kept, changed by hand: as time, people and earlier versions leave it.

use pimainteno_plugin::Reply;

use crate::{
    error::Result,
    id::ProposalId,
    maintainer::Maintainer,
    proposal::Proposal,
    store::{ProjectState, ReplyKey},
    words::ProjectId,
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
    maintainer.0.store.update_project(&ProjectId::of(project), change).map(drop)
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
