//! Chores that are left alone for a while: a person is told once, and they go on by themselves.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::{Prepared, PreparedChore, Runner};
use crate::{error::Result, event::NoticeKind, store::ProjectState, words::ProjectId};

/// The chores that were parked, or whose change waits for something outside, and that a person let
/// go on, until the scheduler runs them.
#[derive(Default)]
pub(crate) struct Releases {
    /// By project and name.
    released: Mutex<HashSet<(ProjectId, String)>>,
    /// Wakes the scheduler.
    pub(crate) wake: Notify,
}

impl Releases {
    fn released(&self) -> MutexGuard<'_, HashSet<(ProjectId, String)>> {
        self.released.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runner {
    /// Tells a person that a chore is parked, when that begins.
    ///
    /// While the trouble goes on, nothing more is said: not at each slot, not when it is tried
    /// again in vain, and, as it is in the store that the chore is parked, not after a restart
    /// either. Neither are others told of that are parked for the same reason: one account has one
    /// quota, and all projects have one budget.
    pub(super) fn tell_parked(&self, prepared: &Prepared, chore: &str, was_parked: bool) {
        let state = self.store.project(&prepared.project.id);
        let Some(parked) = state.chore(chore).parked.as_ref().filter(|_| !was_parked) else {
            return;
        };
        let now = Timestamp::now();
        let is_told = self.projects.iter().any(|other| {
            let is_same = other.project.id == prepared.project.id;
            self.store.project(&other.project.id).chores.iter().any(|(name, state)| {
                let other = state.parked.as_ref().filter(|_| !is_same || name != chore);
                other.is_some_and(|other| other.until > now && other.reason == parked.reason)
            })
        });
        if !is_told {
            let message = format!(
                "{}; what was answered so far is kept; resume the project to go on at once",
                parked.describe()
            );
            self.bus.notice(&prepared.project.id, None, NoticeKind::Parked, "", message);
        }
    }

    /// Lets a project be run again. Chores that were parked, and those whose change waits for
    /// something outside, are run by the scheduler at once.
    pub(crate) fn release(&self, prepared: &Prepared) -> Result<()> {
        let id = &prepared.project.id;
        let state = self.store.project(id);
        self.store.update_project(id, ProjectState::release)?;
        let parked = state.chores.iter().filter(|(_, chore)| chore.goes_on_at().is_some());
        let mut released = self.releases.released();
        released.extend(parked.map(|(name, _)| (id.clone(), name.clone())));
        if !released.is_empty() {
            self.releases.wake.notify_one();
        }
        Ok(())
    }

    /// Whether the scheduler is to run a chore now that is or was parked, or whose change waits for
    /// something outside: a person released it, or its time has come. `taken_care_of` is the time
    /// that was seen last; each is seen once.
    pub(crate) fn goes_on(
        &self,
        prepared: &Prepared,
        chore: &PreparedChore,
        taken_care_of: &mut Option<Timestamp>,
    ) -> bool {
        let (id, name) = (&prepared.project.id, &chore.chore.name);
        let is_released = self.releases.released().remove(&(id.clone(), name.clone()));
        let until = self.store.project(id).chore(name).goes_on_at();
        let over = until.filter(|until| *until <= Timestamp::now());
        let is_over = over.is_some() && over != *taken_care_of;
        if is_over {
            *taken_care_of = over;
        }
        is_released || is_over
    }
}
