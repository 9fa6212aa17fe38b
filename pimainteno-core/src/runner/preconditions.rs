//! What must be so before a run begins: its project is nobody else's, and the checkout is as it has
//! to be.

use super::{Prepared, Runner};
use crate::{
    config::Project,
    error::{Error, ErrorKind, Result},
    git::{Checkout, Git, Head, ProjectLock},
    service::LoadState,
    step::Need,
};

/// A project that nobody else runs until this is dropped, in whatever program.
pub(super) struct Locked {
    pub(super) checkout: Checkout,
    _lock: ProjectLock,
}

impl Runner {
    /// Locks a project, or says why it cannot be had now.
    pub(super) async fn lock(
        &self,
        prepared: &Prepared,
    ) -> Result<std::result::Result<Locked, String>> {
        if let Some(reason) = self.recovery.unfinished.lock().await.get(&prepared.project.id) {
            return Ok(Err(reason.clone()));
        }
        let checkout =
            Checkout::open(&prepared.project.path, Git::new(self.environment.clone())).await?;
        match checkout.lock(&self.trees(&prepared.project)).await? {
            Some(lock) => Ok(Ok(Locked { checkout, _lock: lock })),
            None => Ok(Err("another run of the project is going on".into())),
        }
    }
}

/// Makes sure that the units which the configuration names can be restarted: found out after the
/// push, it would cost a push and its revert.
pub(super) async fn units_exist(prepared: &Prepared) -> Result<()> {
    let project = &prepared.project;
    if !project.units_are_explicit || !prepared.needs(Need::Units) {
        return Ok(());
    }
    for unit in &project.units {
        if prepared.services.state(unit).await?.load == LoadState::NotFound {
            return Err(Error::new(ErrorKind::Service, format!("there is no unit `{unit}`"))
                .hint("set `units` to the units that run from this checkout, or `units = []`"));
        }
    }
    Ok(())
}

/// Where a run starts, or why it must not start now: the checkout is not as it has to be.
pub(super) async fn place_to_start(
    prepared: &Prepared,
    checkout: &Checkout,
) -> Result<std::result::Result<Head, String>> {
    let project = &prepared.project;
    let head = match clean_place(project, checkout).await? {
        Ok(head) => head,
        Err(obstacle) => return Ok(Err(obstacle)),
    };
    // What is not pushed takes nothing along.
    if !prepared.needs(Need::Remote) {
        return Ok(Ok(head));
    }
    Ok(unpushed(project, checkout, &head).await?.map_or(Ok(head), Err))
}

/// The head of a checkout that is on its branch and has no uncommitted changes, or what is in the
/// way.
pub(super) async fn clean_place(
    project: &Project,
    checkout: &Checkout,
) -> Result<std::result::Result<Head, String>> {
    let head = checkout.head().await?;
    let Some(branch) = &head.branch else { return Ok(Err("the checkout is on no branch".into())) };
    if let Some(wanted) = project.branch.as_ref().filter(|wanted| *wanted != branch) {
        return Ok(Err(format!("the checkout is on branch `{branch}`, not on `{wanted}`")));
    }
    Ok(checkout.obstacle().await?.map_or(Ok(head), Err))
}

/// Says so if the checkout has commits that are not at the remote: pushing ours would push theirs.
pub(super) async fn unpushed(
    project: &Project,
    checkout: &Checkout,
    head: &Head,
) -> Result<Option<String>> {
    let upstream = checkout.upstream(head.branch.as_ref(), project.remote.as_ref()).await?;
    let Some(upstream) = upstream else { return Ok(None) };
    let commits = match upstream.ahead {
        Some(0) => return Ok(None),
        Some(1) => "1 commit that is",
        Some(_) => "commits that are",
        // Not every clone follows every branch of its remote.
        None if checkout.remote_commit(&upstream).await?.as_ref() == Some(&head.commit) => {
            return Ok(None);
        }
        None => "commits that are",
    };
    Ok(Some(format!(
        "the checkout has {commits} not at `{}/{}` yet; push first",
        upstream.remote, upstream.branch
    )))
}
