//! What must be so before a run begins: its project is nobody else's, and the checkout is as it has
//! to be.

use super::{Prepared, Runner};
use crate::{
    config::Project,
    error::{Error, Result},
    git::{Checkout, Git, Head, ProjectLock, RemoteTime},
    service::LoadState,
    step::{Need, restart::no_such_unit},
};

/// A project that nobody else runs until this is dropped, in whatever program.
pub(crate) struct Locked {
    pub(crate) checkout: Checkout,
    _lock: ProjectLock,
}

/// What keeps a run from beginning.
pub(super) enum Obstacle {
    /// Something is not as it has to be now.
    Reason(String),
    /// It could not be found out, or will not be otherwise by itself.
    Failed(Error),
}

impl Obstacle {
    /// The error of whoever cannot wait; `refused` makes one of a reason.
    pub(super) fn into_error(self, refused: impl FnOnce(String) -> Error) -> Error {
        match self {
            Self::Reason(reason) => refused(reason),
            Self::Failed(error) => error,
        }
    }
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<String> for Obstacle {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl Runner {
    /// Locks a project, or says why it cannot be had now.
    pub(super) async fn lock(&self, prepared: &Prepared) -> Result<Locked, Obstacle> {
        // Also of another project in the checkout: what its run left there is not looked at yet.
        if let Some(reason) = self.recovery.unfinished(&prepared.repository).await {
            return Err(reason.into());
        }
        let locked = self.lock_checkout(prepared).await?;
        locked.ok_or_else(|| Obstacle::Reason("another run in the checkout is going on".into()))
    }

    /// Locks a project, whatever is known of its last run; `None` if somebody else has it. All that
    /// is asked of its remote until it is unlocked shares one limit of time.
    pub(crate) async fn lock_checkout(&self, prepared: &Prepared) -> Result<Option<Locked>> {
        let project = &prepared.project;
        let (queue, id) = (self.queue.clone(), project.id.clone());
        let told = move |waits| queue.set_aside(&id, waits);
        let remote = RemoteTime::new(project.remote_timeout, &self.cancel, told);
        let git = Git::new(self.environment.clone()).waiting(remote);
        let checkout = Checkout::open(&project.path, git).await?;
        let trees = self.trees(prepared);
        // What an earlier program left running may take its time to end.
        let lock = tokio::select! {
            biased;
            lock = checkout.lock(&trees) => lock?,
            () = self.cancel.raised() => {
                self.cancel.check()?;
                None
            }
        };
        Ok(lock.map(|lock| Locked { checkout, _lock: lock }))
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
            return Err(no_such_unit(unit));
        }
    }
    Ok(())
}

/// Where a run starts, or why it must not start now: the checkout is not as it has to be.
pub(super) async fn place_to_start(
    prepared: &Prepared,
    checkout: &Checkout,
) -> Result<Head, Obstacle> {
    let head = clean_place(&prepared.project, checkout).await?;
    // What is not pushed takes nothing along.
    if prepared.needs(Need::Remote) {
        must_be_pushed(&prepared.project, checkout, &head).await?;
    }
    Ok(head)
}

/// The head of a checkout that is on its branch and has no uncommitted changes, or what is in the
/// way.
pub(super) async fn clean_place(project: &Project, checkout: &Checkout) -> Result<Head, Obstacle> {
    if checkout.is_unborn().await? {
        return Err(Obstacle::Reason("the repository has no commit yet; make a first one".into()));
    }
    let head = checkout.head().await?;
    let Some(branch) = &head.branch else {
        return Err(Obstacle::Reason("the checkout is on no branch".into()));
    };
    if let Some(wanted) = project.branch.as_ref().filter(|wanted| *wanted != branch) {
        return Err(format!("the checkout is on branch `{branch}`, not on `{wanted}`").into());
    }
    checkout.obstacle().await?.map_or(Ok(head), |obstacle| Err(obstacle.into()))
}

/// Makes sure that the checkout has no commits that are not at the remote: pushing ours would push
/// theirs.
pub(super) async fn must_be_pushed(
    project: &Project,
    checkout: &Checkout,
    head: &Head,
) -> Result<(), Obstacle> {
    let upstream = checkout.upstream(head.branch.as_ref(), project.remote.as_ref()).await?;
    let Some(upstream) = upstream else { return Ok(()) };
    let commits = match upstream.ahead {
        Some(0) => return Ok(()),
        Some(1) => "1 commit that is",
        Some(_) => "commits that are",
        // Not every clone follows every branch of its remote.
        None if checkout.remote_commit(&upstream).await?.as_ref() == Some(&head.commit) => {
            return Ok(());
        }
        None => "commits that are",
    };
    let there = format!("{}/{}", upstream.remote, upstream.branch);
    Err(format!("the checkout has {commits} not at `{there}` yet; push first").into())
}
