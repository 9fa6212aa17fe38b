//! Projects that are left alone for a while: a person is told once, and they go on by themselves.

use jiff::Timestamp;

use super::{Prepared, Runner};
use crate::{error::Result, event::NoticeKind, store::ProjectState};

impl Runner {
    /// Tells a person that a project is parked, when that begins.
    ///
    /// While the trouble goes on, nothing more is said: not at each slot, not when it is tried again in vain, and, as it is in the store that the project is
    /// parked, not after a restart either. Neither are other projects told of that are parked for the same reason: one account has one quota, and all
    /// projects have one budget.
    pub(super) fn tell_parked(&self, prepared: &Prepared, was_parked: bool) {
        let state = self.store.project(&prepared.project.id);
        let Some(parked) = state.parked.as_ref().filter(|_| !was_parked) else { return };
        let now = Timestamp::now();
        let is_told = self.projects.iter().filter(|other| other.project.id != prepared.project.id).any(|other| {
            let other = self.store.project(&other.project.id);
            other.parked.as_ref().is_some_and(|other| other.until > now && other.reason == parked.reason)
        });
        if !is_told {
            let message = format!("{}; what was answered so far is kept; resume the project to go on at once", parked.describe());
            self.bus.notice(&prepared.project.id, None, NoticeKind::Parked, "", message);
        }
    }

    /// Lets a project be run again. If it was parked, the scheduler runs it at once.
    pub(crate) fn release(&self, prepared: &Prepared) -> Result<()> {
        let id = &prepared.project.id;
        let was_parked = self.store.project(id).parked.is_some();
        self.store.update_project(id, ProjectState::release)?;
        if was_parked {
            self.released.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(id.clone());
            self.wake.notify_one();
        }
        Ok(())
    }

    /// Whether the scheduler is to run a project that is or was parked now: a person released it, or its time has come. `taken_care_of` is the end of
    /// its being parked that was seen last; each is seen once.
    pub(crate) fn goes_on(&self, prepared: &Prepared, taken_care_of: &mut Option<Timestamp>) -> bool {
        let id = &prepared.project.id;
        let is_released = self.released.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(id);
        let over = self.store.project(id).parked.as_ref().map(|parked| parked.until).filter(|until| *until <= Timestamp::now());
        let is_over = over.is_some() && over != *taken_care_of;
        if is_over {
            *taken_care_of = over;
        }
        is_released || is_over
    }
}
