//! Which runs go on now.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pimainteno_core::{Event, EventKind, EventSink, RunId};

/// Remembers which runs go on, by project.
#[derive(Default)]
pub(crate) struct Live(Mutex<HashMap<String, RunId>>);

impl Live {
    /// The run of a project that goes on.
    pub(super) fn run_of(&self, project: &str) -> Option<RunId> {
        self.running().get(project).copied()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, RunId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for Live {
    fn event(&self, event: &Event) {
        let (Some(project), Some(run)) = (&event.project, event.run) else { return };
        match &event.what {
            EventKind::RunStarted { .. } => drop(self.running().insert(project.clone(), run)),
            EventKind::RunFinished { .. } => drop(self.running().remove(project)),
            _ => {}
        }
    }
}
