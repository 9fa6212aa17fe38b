//! What is going on now.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use pimainteno_core::{Event, RunId};
use tokio::sync::broadcast;

/// How many events a reader may be behind before it misses some.
const BACKLOG: usize = 256;

/// Passes events on to whoever reads them, and remembers which runs go on.
pub(crate) struct Live {
    events: broadcast::Sender<Arc<Event>>,
    /// By project.
    running: Mutex<HashMap<String, RunId>>,
}

impl Live {
    /// Nothing is going on.
    pub(crate) fn new() -> Self {
        Self { events: broadcast::Sender::new(BACKLOG), running: Mutex::default() }
    }

    /// Takes note of an event.
    pub(crate) fn take(&self, event: &Event) {
        match event {
            Event::RunStarted { project, run, .. } => drop(self.running().insert(project.clone(), *run)),
            Event::RunFinished { record } => drop(self.running().remove(&record.project)),
            _ => {}
        }
        if self.events.receiver_count() > 0 {
            drop(self.events.send(Arc::new(event.clone())));
        }
    }

    /// The events from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.events.subscribe()
    }

    /// The run of a project that goes on.
    pub(super) fn run_of(&self, project: &str) -> Option<RunId> {
        self.running().get(project).copied()
    }

    fn running(&self) -> MutexGuard<'_, HashMap<String, RunId>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
