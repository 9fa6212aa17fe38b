//! The one way of events from whoever tells them to whoever receives them.
//!
//! Each gets its number here, loses its secrets, is kept if it is a notice, and goes to the
//! streams, to every [`EventSink`] and to its project's policy.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use jiff::Timestamp;
use tokio::sync::broadcast::{self, error::RecvError};

use super::{Event, EventId, EventKind, EventSink, NoticeKind};
use crate::{id::RunId, policy::Policy, run::RunRecord, store::Store, words::ProjectId};

/// How many events are kept for a reader that comes back, and how many one may be behind.
const KEPT: usize = 512;

/// How far ahead of the last number that is known to be used a clock that was set back begins, in
/// microseconds: a day of events that nothing was stored after.
const MARGIN: u64 = 24 * 60 * 60 * 1_000_000;

/// Passes events on. Sinks are told in order by each task; streams get all of them in the order of
/// their numbers.
pub(crate) struct Bus {
    store: Store,
    /// By project.
    policies: RwLock<BTreeMap<ProjectId, Policy>>,
    sinks: Vec<Arc<dyn EventSink>>,
    feed: Mutex<Feed>,
}

struct Feed {
    last: u64,
    recent: VecDeque<Arc<Event>>,
    live: broadcast::Sender<Arc<Event>>,
    /// The runs that go on, by project.
    running: HashMap<ProjectId, RunId>,
}

/// A stream of events, in the order of their numbers; made by [`crate::Maintainer::events`].
#[derive(Debug)]
pub struct Events {
    missed: bool,
    backlog: VecDeque<Arc<Event>>,
    live: broadcast::Receiver<Arc<Event>>,
}

/// What a stream of events gives next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Heard {
    /// An event.
    Event(Arc<Event>),
    /// Some events are missing here: the reader was too slow, or was away for too long. What they
    /// said is in the store.
    Missed,
}

impl Bus {
    /// A bus for the projects of these policies.
    pub(crate) fn new(
        store: Store,
        policies: BTreeMap<ProjectId, Policy>,
        sinks: Vec<Arc<dyn EventSink>>,
    ) -> Self {
        let last = first_number(store.last_event(), Timestamp::now());
        let feed = Feed {
            last,
            recent: VecDeque::new(),
            live: broadcast::Sender::new(KEPT),
            running: HashMap::new(),
        };
        Self { store, policies: RwLock::new(policies), sinks, feed: Mutex::new(feed) }
    }

    /// Tells these projects' policies from now on. Those of others stay: a run of a project that is
    /// not configured any more may still go on.
    pub(crate) fn learn(&self, policies: impl IntoIterator<Item = (ProjectId, Policy)>) {
        self.policies.write().unwrap_or_else(PoisonError::into_inner).extend(policies);
    }

    /// Tells what happened to a project, or in a run of it; gives what was told.
    pub(crate) fn tell<'a>(
        &self,
        project: impl Into<Option<&'a ProjectId>>,
        run: Option<RunId>,
        mut what: EventKind,
    ) -> Arc<Event> {
        let project = project.into();
        what.redact(self.store.secrets());
        let event = self.number(project, run, what);
        if let EventKind::Notice { notice, key, message } = &event.what {
            self.store.keep_notice(project, run, *notice, key, message, event.at);
        }
        for sink in &self.sinks {
            // A sink is somebody else's; what goes wrong in it does not end a run between two
            // steps.
            if std::panic::catch_unwind(AssertUnwindSafe(|| sink.event(&event))).is_err() {
                tracing::error!(%event, "A receiver of events panicked.");
            }
        }
        // Progress lines are for people who watch; a script is told what happened.
        if !matches!(event.what, EventKind::StepProgress { .. })
            && let Some(policy) = project.and_then(|project| self.policy(project))
            && let Err(error) = policy.on_event(&event)
        {
            tracing::warn!(%error, "The policy's `on_event` failed.");
        }
        event
    }

    /// Tells the end of a run.
    pub(crate) fn finished(&self, record: &RunRecord) {
        self.tell(
            &record.project,
            Some(record.id),
            EventKind::RunFinished { record: Box::new(record.clone()) },
        );
    }

    /// Tells what a person should know about a project, or about none.
    pub(crate) fn notice<'a>(
        &self,
        project: impl Into<Option<&'a ProjectId>>,
        run: Option<RunId>,
        notice: NoticeKind,
        key: impl Into<String>,
        message: String,
    ) {
        self.tell(project, run, EventKind::Notice { notice, key: key.into(), message });
    }

    /// All events from now on, or from the one after `after`.
    pub(crate) fn events(&self, after: Option<EventId>) -> Events {
        let feed = self.feed();
        let backlog: VecDeque<_> = match after {
            Some(after) => feed.recent.iter().filter(|event| event.id > after).cloned().collect(),
            None => VecDeque::new(),
        };
        // Whether there was anything between the two, nobody knows any more.
        let missed = after.is_some_and(|after| {
            after.0 < feed.last && !feed.recent.iter().any(|event| event.id == after)
        });
        Events { missed, backlog, live: feed.live.subscribe() }
    }

    /// The run of a project that goes on.
    pub(crate) fn running(&self, project: &str) -> Option<RunId> {
        self.feed().running.get(project).copied()
    }

    fn number(
        &self,
        project: Option<&ProjectId>,
        run: Option<RunId>,
        what: EventKind,
    ) -> Arc<Event> {
        let mut feed = self.feed();
        let at = Timestamp::now();
        feed.last = microseconds(at).max(feed.last + 1);
        self.store.note_event(feed.last);
        let event = Arc::new(Event::new(EventId(feed.last), at, project.cloned(), run, what));
        if feed.recent.len() == KEPT {
            feed.recent.pop_front();
        }
        feed.recent.push_back(event.clone());
        match (&event.what, &event.project, event.run) {
            (EventKind::RunStarted { .. }, Some(project), Some(run)) => {
                feed.running.insert(project.clone(), run);
            }
            (EventKind::RunFinished { .. }, Some(project), _) => drop(feed.running.remove(project)),
            _ => {}
        }
        // An error says that nobody listens.
        drop(feed.live.send(event.clone()));
        event
    }

    fn policy(&self, project: &ProjectId) -> Option<Policy> {
        self.policies.read().unwrap_or_else(PoisonError::into_inner).get(project).cloned()
    }

    fn feed(&self) -> MutexGuard<'_, Feed> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Events {
    /// The next event; `None` when the maintainer is gone. Waits for it, and may be dropped
    /// meanwhile.
    pub async fn next(&mut self) -> Option<Heard> {
        if let Some(heard) = self.waiting() {
            return Some(heard);
        }
        match self.live.recv().await {
            Ok(event) => Some(Heard::Event(event)),
            Err(RecvError::Lagged(_)) => Some(Heard::Missed),
            Err(RecvError::Closed) => None,
        }
    }

    /// What is there already; `None` if nothing is.
    pub fn now(&mut self) -> Option<Heard> {
        self.waiting().or_else(|| match self.live.try_recv() {
            Ok(event) => Some(Heard::Event(event)),
            Err(broadcast::error::TryRecvError::Lagged(_)) => Some(Heard::Missed),
            Err(_) => None,
        })
    }

    fn waiting(&mut self) -> Option<Heard> {
        if std::mem::take(&mut self.missed) {
            return Some(Heard::Missed);
        }
        self.backlog.pop_front().map(Heard::Event)
    }
}

/// Where numbers begin: at the clock, unless it was set back behind numbers that were used.
fn first_number(used: u64, now: Timestamp) -> u64 {
    let now = microseconds(now);
    if now > used { now } else { used.saturating_add(MARGIN) }
}

fn microseconds(at: Timestamp) -> u64 {
    u64::try_from(at.as_microsecond()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(store: &Store) -> Bus {
        Bus::new(store.clone(), BTreeMap::new(), Vec::new())
    }

    fn tell(bus: &Bus, reason: &str) {
        bus.tell(
            &ProjectId::of("site"),
            None,
            EventKind::ProjectSkipped { chore: "improve".into(), reason: reason.into() },
        );
    }

    fn heard(events: &mut Events) -> Vec<String> {
        let line = |heard| match heard {
            Heard::Event(event) => event.to_string(),
            Heard::Missed => "missed".into(),
        };
        std::iter::from_fn(|| events.now()).map(line).collect()
    }

    #[test]
    fn a_reader_that_comes_back_goes_on_where_it_was_or_is_told_that_it_missed_something() {
        let store = Store::in_memory(9).unwrap();
        let bus = bus(&store);
        let mut first = bus.events(None);
        tell(&bus, "one");
        tell(&bus, "two");
        let Some(Heard::Event(one)) = first.now() else { panic!() };
        assert_eq!(heard(&mut bus.events(Some(one.id))), ["site: skipped: two"]);
        for _ in 0..=KEPT {
            tell(&bus, "more");
        }
        let all = heard(&mut bus.events(Some(one.id)));
        assert_eq!((all.len(), &*all[0]), (KEPT + 1, "missed"));
        // One that was too slow, as well.
        assert_eq!(heard(&mut first)[0], "missed");
    }

    #[test]
    fn numbers_grow_over_restarts_also_when_the_clock_was_set_back() {
        let now: Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
        let used = microseconds("2027-05-01T00:00:00Z".parse().unwrap());
        assert!(first_number(used, now) > used);
        assert_eq!(first_number(microseconds(now) - 1, now), microseconds(now));
        let store = Store::in_memory(9).unwrap();
        tell(&bus(&store), "one");
        let before = store.last_event();
        tell(&bus(&store), "two");
        assert!(before > 0 && store.last_event() > before);
    }
}
