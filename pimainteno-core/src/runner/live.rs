//! The runner of the configuration that is used now, and how another one takes its place.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

use super::{Prepared, Runner};
use crate::{error::Result, store::Store, words::ProjectId};

/// The runner of the configuration that is used now.
///
/// Another configuration makes another runner, with the same store, queue and events. Runs that go
/// on end with the one that they began with; what has not begun is done by the newest.
pub(crate) struct Live {
    current: RwLock<Arc<Runner>>,
    /// What all of them share.
    pub(crate) store: Store,
    replaced: Notify,
    /// The same for the one who watches units.
    replaced_for_watch: Notify,
}

impl Live {
    pub(crate) fn new(runner: Runner) -> Self {
        let store = runner.store.clone();
        Self {
            current: RwLock::new(Arc::new(runner)),
            store,
            replaced: Notify::new(),
            replaced_for_watch: Notify::new(),
        }
    }

    /// The newest one.
    pub(crate) fn current(&self) -> Arc<Runner> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the runner in place that `make` makes of the one that is there.
    pub(crate) fn replace(&self, make: impl FnOnce(&Runner) -> Result<Runner>) -> Result<()> {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let newer = Arc::new(make(&current)?);
        // Nobody else sets it: it was the newest one until now.
        drop(current.newer.set(newer.clone()));
        *current = newer;
        self.replaced.notify_one();
        self.replaced_for_watch.notify_one();
        Ok(())
    }

    /// Ready once for whoever waits when another runner is in place.
    pub(crate) async fn replaced(&self) {
        self.replaced.notified().await;
    }

    /// The same for the one who watches units.
    pub(crate) async fn replaced_for_watch(&self) {
        self.replaced_for_watch.notified().await;
    }
}

impl Runner {
    /// Who does what waited while another configuration was read: the newest runner, with the
    /// project as it is now. `None` if this is the newest one.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if there is no such project any more.
    pub(super) fn successor(
        &self,
        project: &ProjectId,
    ) -> Result<Option<(Arc<Self>, Arc<Prepared>)>> {
        let Some(mut newest) = self.newer.get() else { return Ok(None) };
        while let Some(newer) = newest.newer.get() {
            newest = newer;
        }
        Ok(Some((newest.clone(), newest.project(project)?)))
    }
}
