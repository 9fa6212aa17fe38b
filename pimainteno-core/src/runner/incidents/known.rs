//! What is known of incidents without reading them again: those that go on, and the last one of each
//! unit.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Notify, watch};

use crate::{
    id::IncidentId,
    incident::{Attempt, Incident, Remedy},
    store::Store,
    words::UnitName,
};

/// How often an incident is written down that only came once more, at most.
const WRITTEN_EVERY: SignedDuration = SignedDuration::from_mins(5);

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
    /// When those that go on were last written down.
    written: BTreeMap<IncidentId, Timestamp>,
    /// Units that were said to have failed, and are to be looked at when a run has ended.
    heard: BTreeSet<UnitName>,
}

/// Whether units are watched now, and which.
#[derive(Debug, Default)]
pub(crate) struct IsWatching {
    sender: watch::Sender<bool>,
    units: Mutex<BTreeSet<UnitName>>,
}

impl IsWatching {
    /// Says so.
    pub(crate) fn set(&self, is_watching: bool) {
        self.sender.send_replace(is_watching);
    }

    /// Says whether they are.
    pub(crate) fn get(&self) -> bool {
        *self.sender.borrow()
    }

    /// Says which they are.
    pub(crate) fn note(&self, units: BTreeSet<UnitName>) {
        *self.units.lock().unwrap_or_else(PoisonError::into_inner) = units;
    }

    /// Says whether this one is watched.
    pub(crate) fn of(&self, unit: &UnitName) -> bool {
        self.get() && self.units.lock().unwrap_or_else(PoisonError::into_inner).contains(unit)
    }

    /// Waits until they are.
    pub(crate) async fn wait(&self) {
        // It fails where nobody can say so any more, and this is one who could.
        drop(self.sender.subscribe().wait_for(|is_watching| *is_watching).await);
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

    /// Takes note of an incident, as it is now; says whether that is to be written down.
    pub(super) fn note(&self, store: &Store, incident: &Incident) -> bool {
        let mut state = self.loaded(store);
        let before = state.note(Arc::new(incident.clone()));
        let now = Timestamp::now();
        let is_old = |at: &Timestamp| now > *at + WRITTEN_EVERY || now < *at;
        let is_due = before.is_none_or(|before| is_other(&before, incident))
            || state.written.get(&incident.id).is_none_or(is_old);
        if incident.ended.is_some() {
            state.written.remove(&incident.id);
        } else if is_due {
            state.written.insert(incident.id, now);
        }
        is_due
    }

    /// Has a unit looked at again when a run has ended.
    pub(super) fn hear_again(&self, unit: &UnitName) {
        self.state().heard.insert(unit.clone());
    }

    /// The units that are to be looked at again, once.
    pub(super) fn heard_again(&self) -> BTreeSet<UnitName> {
        std::mem::take(&mut self.state().heard)
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

/// Whether an incident is another than before, beside that it came once more.
fn is_other(before: &Incident, incident: &Incident) -> bool {
    let what = |it: &Incident| {
        (it.signature.clone(), it.cause.gave_up, it.trouble.as_ref().map(|trouble| trouble.kind))
    };
    what(before) != what(incident)
        || before.done != incident.done
        || before.ended != incident.ended
        || before.others != incident.others
        || before.project != incident.project
}

impl State {
    fn note(&mut self, incident: Arc<Incident>) -> Option<Arc<Incident>> {
        // What was cut off, as by the end of the program, does not count: it is done again at once.
        let is_repair = |attempt: &&Attempt| {
            matches!(attempt.what, Remedy::Repair | Remedy::Playbook | Remedy::Restart)
                && !attempt.was_cut_off()
        };
        match incident.done.iter().filter(is_repair).map(|attempt| attempt.at).max() {
            Some(last) => _ = self.attempts.insert(incident.unit.clone(), last),
            // The one that was noted may have been cut off since.
            None if incident.done.iter().any(Attempt::was_cut_off) => {
                _ = self.attempts.remove(&incident.unit);
            }
            None => {}
        }
        let place = self.open.iter().position(|open| open.id == incident.id);
        if incident.ended.is_some() {
            self.ended.insert(incident.unit.clone(), incident);
            return place.map(|place| self.open.remove(place));
        }
        match place.and_then(|place| self.open.get_mut(place)) {
            Some(open) => Some(std::mem::replace(open, incident)),
            None => {
                // One that was over may go on.
                self.ended.retain(|_, ended| ended.id != incident.id);
                self.open.push(incident);
                None
            }
        }
    }
}
