//! What is known of incidents without reading them again: those that go on, and the last one of each
//! unit.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use tokio::sync::{Notify, watch};

use crate::{
    incident::{Attempt, Incident, Remedy},
    store::Store,
    words::UnitName,
};

/// The incidents that go on, whichever configuration they are found in.
#[derive(Default)]
pub(crate) struct Incidents {
    state: Mutex<State>,
    /// Whether units are watched now.
    pub(crate) is_watching: IsWatching,
    /// Told when somebody else than the one who watches has found an incident.
    pub(crate) found: Notify,
}

#[derive(Default)]
struct State {
    is_loaded: bool,
    /// Those that go on, the oldest first.
    open: Vec<Arc<Incident>>,
    /// The last one of each unit that is over.
    ended: BTreeMap<UnitName, Arc<Incident>>,
    /// When each unit was last repaired, or that was tried.
    attempts: BTreeMap<UnitName, Timestamp>,
}

/// Whether units are watched now.
#[derive(Debug, Default)]
pub(crate) struct IsWatching(watch::Sender<bool>);

impl IsWatching {
    /// Says so.
    pub(crate) fn set(&self, is_watching: bool) {
        self.0.send_replace(is_watching);
    }

    /// Says whether they are.
    pub(crate) fn get(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until they are.
    pub(crate) async fn wait(&self) {
        // It fails where nobody can say so any more, and this is one who could.
        drop(self.0.subscribe().wait_for(|is_watching| *is_watching).await);
    }
}

impl Incidents {
    /// Those that go on, the oldest first.
    pub(super) fn open(&self, store: &Store) -> Vec<Arc<Incident>> {
        self.loaded(store).open.clone()
    }

    /// The one of a unit that goes on.
    pub(super) fn open_of(&self, store: &Store, unit: &UnitName) -> Option<Arc<Incident>> {
        let state = self.loaded(store);
        state.open.iter().find(|it| it.units().any(|of| of == unit)).cloned()
    }

    /// The last one of a unit that is over.
    pub(super) fn ended_of(&self, store: &Store, unit: &UnitName) -> Option<Arc<Incident>> {
        self.loaded(store).ended.get(unit).cloned()
    }

    /// When a unit was last repaired, or that was tried.
    pub(super) fn last_attempt(&self, store: &Store, unit: &UnitName) -> Option<Timestamp> {
        self.loaded(store).attempts.get(unit).copied()
    }

    /// Takes note of an incident, as it is now; gives how it was before.
    pub(super) fn note(&self, store: &Store, incident: &Incident) -> Option<Arc<Incident>> {
        self.loaded(store).note(Arc::new(incident.clone()))
    }

    /// Forgets one, as if it had never been.
    pub(super) fn forget(&self, incident: &Incident) {
        self.state().open.retain(|open| open.id != incident.id);
    }

    fn loaded(&self, store: &Store) -> MutexGuard<'_, State> {
        let mut state = self.state();
        if !state.is_loaded {
            match store.incidents(None, usize::MAX) {
                Ok(all) => {
                    all.into_iter().rev().for_each(|incident| drop(state.note(incident.into())));
                    state.is_loaded = true;
                }
                Err(error) => tracing::error!(%error, "Incidents cannot be read."),
            }
        }
        state
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, incident: Arc<Incident>) -> Option<Arc<Incident>> {
        let is_repair =
            |what: Remedy| matches!(what, Remedy::Repair | Remedy::Playbook | Remedy::Restart);
        // What was cut off, as by the end of the program, is done again at once.
        let is_made = |attempt: &&Attempt| is_repair(attempt.what) && !attempt.was_cut_off();
        let repairs = incident.done.iter().filter(is_made);
        if let Some(last) = repairs.map(|attempt| attempt.at).max() {
            self.attempts.insert(incident.unit.clone(), last);
        }
        let place = self.open.iter().position(|open| open.id == incident.id);
        if incident.ended.is_some() {
            self.ended.insert(incident.unit.clone(), incident);
            return place.map(|place| self.open.remove(place));
        }
        match place.and_then(|place| self.open.get_mut(place)) {
            Some(open) => Some(std::mem::replace(open, incident)),
            None => {
                self.open.push(incident);
                None
            }
        }
    }
}
