//! What is known of runs that an earlier program, or this one, left open.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::OwnedMutexGuard;

use crate::words::ProjectId;

/// What is known of runs that were left open.
#[derive(Default)]
pub(crate) struct Recovery(Mutex<BTreeMap<ProjectId, Arc<Known>>>);

/// What is known of those in one checkout. Each has a lock of its own: one whose remote is silent
/// keeps no other waiting.
#[derive(Default)]
struct Known {
    /// Held by whoever tries to finish its runs.
    attempt: Arc<tokio::sync::Mutex<()>>,
    /// How often somebody did.
    attempts: AtomicU64,
    unfinished: Mutex<Unfinished>,
}

#[derive(Default)]
struct Unfinished {
    /// Why a run that was cut off cannot be finished yet.
    why: Option<String>,
    /// How many runs of this program were left open.
    left_open: u64,
}

/// The right to finish the runs in a checkout, until this is dropped.
pub(crate) struct Attempt {
    known: Arc<Known>,
    /// How many runs had been left open when it began: it may not have seen a later one.
    left_open: u64,
    _only: OwnedMutexGuard<()>,
}

impl Recovery {
    /// Waits until nobody finishes the runs in a checkout, and lets nobody else do so; `None` if
    /// somebody has tried meanwhile.
    pub(crate) async fn begin(&self, repository: &ProjectId) -> Option<Attempt> {
        let known = self.known(repository);
        let before = known.attempts.load(Ordering::Acquire);
        let only = known.attempt.clone().lock_owned().await;
        let is_first = known.attempts.load(Ordering::Acquire) == before;
        let left_open = known.unfinished().left_open;
        is_first.then(|| Attempt { known, left_open, _only: only })
    }

    /// Why the runs in a checkout cannot be finished yet; where that is not known, waits until
    /// nobody tries to.
    pub(crate) async fn unfinished(&self, repository: &ProjectId) -> Option<String> {
        let known = self.known(repository);
        // Whoever tries again may wait for long.
        if let Some(why) = known.unfinished().why.clone() {
            return Some(why);
        }
        let _only = known.attempt.lock().await;
        known.unfinished().why.clone()
    }

    /// Whether the runs in a checkout, of which some are open if `has_open`, are being finished, or
    /// will be: nobody has said yet that they cannot be.
    pub(crate) fn is_due(&self, repository: &ProjectId, has_open: impl FnOnce() -> bool) -> bool {
        let known = self.known(repository);
        known.attempt.try_lock().is_err() || known.unfinished().why.is_none() && has_open()
    }

    /// Notes that a run of this program was left open, once its journal is not written any more.
    pub(crate) fn leave_open(&self, repository: &ProjectId, why: String) {
        let known = self.known(repository);
        let mut unfinished = known.unfinished();
        unfinished.why = Some(why);
        unfinished.left_open += 1;
    }

    /// The checkouts whose runs could not be finished.
    pub(crate) fn all_unfinished(&self) -> BTreeSet<ProjectId> {
        let all = self.all();
        let unfinished = all.iter().filter(|(_, known)| known.unfinished().why.is_some());
        unfinished.map(|(id, _)| id.clone()).collect()
    }

    fn known(&self, repository: &ProjectId) -> Arc<Known> {
        self.all().entry(repository.clone()).or_default().clone()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<ProjectId, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn unfinished(&self) -> MutexGuard<'_, Unfinished> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Notes how it ended: why the runs cannot be finished yet, if they cannot.
    pub(crate) fn end(self, why: Option<String>) {
        let mut unfinished = self.known.unfinished();
        if why.is_some() || unfinished.left_open == self.left_open {
            unfinished.why = why;
        }
        drop(unfinished);
        self.known.attempts.fetch_add(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use std::{pin::pin, task::Poll};

    use super::*;

    #[tokio::test]
    async fn one_tries_at_a_time_and_whoever_waited_for_that_does_not_try_again() {
        let (recovery, radio) = (Recovery::default(), ProjectId::of("radio"));
        let first = recovery.begin(&radio).await.unwrap();
        assert!(recovery.begin(&ProjectId::of("site")).await.is_some(), "others are not kept");
        let mut second = pin!(recovery.begin(&radio));
        let waits =
            std::future::poll_fn(|task| Poll::Ready(second.as_mut().poll(task).is_pending())).await;
        assert!(waits);
        first.end(Some("its remote is silent".into()));
        assert!(second.await.is_none());
        assert_eq!(recovery.unfinished(&radio).await.as_deref(), Some("its remote is silent"));
        assert_eq!(recovery.all_unfinished(), [radio.clone()].into());
        // One that was cut off in the middle says nothing, and the next one tries.
        drop(recovery.begin(&radio).await.unwrap());
        recovery.begin(&radio).await.unwrap().end(None);
        assert!(recovery.all_unfinished().is_empty());
        // One that was left open meanwhile is not among those that were looked for.
        let attempt = recovery.begin(&radio).await.unwrap();
        recovery.leave_open(&radio, "the push was not heard of".into());
        attempt.end(None);
        let why = recovery.unfinished(&radio).await;
        assert_eq!(why.as_deref(), Some("the push was not heard of"));
        recovery.begin(&radio).await.unwrap().end(None);
        assert!(recovery.all_unfinished().is_empty());
    }
}
