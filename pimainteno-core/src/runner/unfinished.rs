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
    /// Why a run that was cut off cannot be finished yet.
    unfinished: Mutex<Option<String>>,
}

/// The right to finish the runs in a checkout, until this is dropped.
pub(crate) struct Attempt {
    known: Arc<Known>,
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
        is_first.then(|| Attempt { known, _only: only })
    }

    /// Why the runs in a checkout cannot be finished yet; where that is not known, waits until
    /// nobody tries to.
    pub(crate) async fn unfinished(&self, repository: &ProjectId) -> Option<String> {
        let known = self.known(repository);
        // Whoever tries again may wait for long.
        if let Some(why) = known.why().clone() {
            return Some(why);
        }
        let _only = known.attempt.lock().await;
        known.why().clone()
    }

    /// Notes that a run of this program was left open.
    pub(crate) fn leave_open(&self, repository: &ProjectId, why: String) {
        *self.known(repository).why() = Some(why);
    }

    /// The checkouts whose runs could not be finished.
    pub(crate) fn all_unfinished(&self) -> BTreeSet<ProjectId> {
        let all = self.all();
        let unfinished = all.iter().filter(|(_, known)| known.why().is_some());
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
    fn why(&self) -> MutexGuard<'_, Option<String>> {
        self.unfinished.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// Notes how it ended: why the runs cannot be finished yet, if they cannot.
    pub(crate) fn end(self, why: Option<String>) {
        *self.known.why() = why;
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
    }
}
