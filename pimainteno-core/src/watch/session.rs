//! Watching over one connection: from looking at all units once to what they tell from then on.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, hash_map::Entry},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::task::{JoinError, JoinSet};

use super::{
    needs,
    signals::{self, Changes, Signals, Told},
    unit::{News, Watched},
    window::Window,
};
use crate::{
    event::NoticeKind,
    incident::{EndedBy, UnitFailure},
    runner::{Due, Live, Runner},
    service::{
        ActiveState, LoadState, UnitState,
        systemd::{
            bus::{self, Manager1},
            places::unnamed_services,
        },
    },
    words::{ProjectId, UnitName},
};

/// How often it is found out, at most, why a unit fails that systemd restarts again and again.
const NOTED_EVERY: Duration = Duration::from_secs(10);

/// The longest time until what is to be done about open incidents is asked again: a project that was
/// paused may be resumed.
const LONGEST_WAIT: Duration = Duration::from_secs(120);

/// Units under watch, and what is known of them over all connections.
#[derive(Default)]
pub(super) struct Watch {
    units: BTreeMap<UnitName, Unit>,
    /// Units that failed, and when: many together are the machine's trouble.
    storm: Option<Window<UnitName>>,
    /// Units that others could not be started without, watched until they are well.
    needed: BTreeSet<UnitName>,
    /// Those of whom something is done already.
    in_hand: BTreeSet<UnitName>,
    /// What was begun and has not ended.
    running: JoinSet<Ended>,
}

/// A unit under watch.
#[derive(Default)]
struct Unit {
    watched: Watched,
    owner: Option<ProjectId>,
    /// When it failed and was restarted by itself.
    flaps: Option<Window<()>>,
    /// A failure that came while a run of its project went on: that may have been the run's doing.
    during_run: Option<(Instant, UnitFailure)>,
    /// Whether it is being found out why it failed: one failure of a unit after the other.
    is_noting: bool,
    /// What is to be found out about next.
    next: Option<Next>,
    /// When that was begun last.
    noted: Option<Instant>,
    /// Whether it was put away after it had failed, perhaps by a run that goes on.
    is_put_away: bool,
    /// Since when it is well after a failure, and whether it got so by itself.
    well: Option<(Instant, bool)>,
}

/// Failures of a unit of which nothing is known yet.
struct Next {
    /// The newest.
    failure: UnitFailure,
    /// How many.
    times: u32,
    /// Whether systemd is left to it.
    is_flap: bool,
}

/// What was begun about a unit, and has ended.
enum Ended {
    /// A failure of it was taken note of.
    Noting(UnitName),
    /// Something was done about it.
    Attending(UnitName),
}

/// Why a connection is not watched any more.
pub(super) enum End {
    /// The program stops.
    Stopped,
    /// Another configuration is in place.
    Replaced,
    /// The connection was lost.
    Lost,
}

impl Watch {
    /// Waits for what was begun.
    pub(super) async fn finish(&mut self, runner: &Runner) {
        while self.running.join_next().await.is_some() {}
        runner.write_open_incidents();
    }

    /// Watches over one connection.
    pub(super) async fn session(
        &mut self,
        live: &Live,
        runner: &Arc<Runner>,
        manager: &Manager1,
    ) -> zbus::Result<End> {
        let Some((paths, mut signals)) = self.begin(runner, manager).await? else {
            return Ok(End::Replaced);
        };
        runner.incidents.is_watching.set(true);
        let mut again = self.attend(runner);
        loop {
            let wait = again.saturating_duration_since(Instant::now());
            // None before the others: a unit may fail faster than all else is done.
            tokio::select! {
                () = runner.cancel.raised() => return Ok(End::Stopped),
                () = live.replaced_for_watch() => return Ok(End::Replaced),
                told = signals.next() => match self.hear(runner, manager, &paths, told).await? {
                    Heed::Nothing => continue,
                    Heed::Attend => {}
                    // Units may be there that were not, or be others by now.
                    Heed::Anew => return Ok(End::Replaced),
                    Heed::Lost => return Ok(End::Lost),
                },
                () = runner.queue.ended() => {
                    runner.hear_again().await;
                    self.judge_again(runner);
                }
                () = runner.incidents.found.notified() => self.judge_again(runner),
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => {
                    self.note_ended(runner, ended);
                }
                () = tokio::time::sleep(wait), if self.is_waiting(runner) => {
                    // Others may have handed over units that are not watched.
                    runner.end_what_is_well(|unit| !self.units.contains_key(unit)).await;
                }
            }
            again = self.attend(runner);
        }
    }

    /// Attends to incidents that others have found, without watching any unit.
    pub(super) async fn idle(&mut self, live: &Live, runner: &Arc<Runner>) -> End {
        self.units.clear();
        runner.settle_what_ended();
        runner.let_go_of_others(|_| false).await;
        loop {
            runner.end_what_is_well(|_| true).await;
            let again = self.attend(runner);
            let wait = again.saturating_duration_since(Instant::now());
            tokio::select! {
                biased;
                () = runner.cancel.raised() => return End::Stopped,
                () = live.replaced_for_watch() => return End::Replaced,
                () = runner.queue.ended() => runner.hear_again().await,
                () = runner.incidents.found.notified() => {}
                Some(ended) = self.running.join_next(), if !self.running.is_empty() => {
                    self.note_ended(runner, ended);
                }
                () = tokio::time::sleep(wait), if self.is_waiting(runner) => {}
            }
        }
    }

    fn note_ended(&mut self, runner: &Arc<Runner>, ended: Result<Ended, JoinError>) {
        match ended {
            Ok(Ended::Noting(name)) => {
                if let Some(unit) = self.units.get_mut(&name) {
                    unit.is_noting = false;
                    // What was over before it was known why it failed has ended no incident.
                    let is_over = !unit.watched.is_failing() && unit.well.is_none();
                    unit.is_put_away |= is_over && unit.next.is_none();
                }
                self.note_next(runner, &name);
            }
            Ok(Ended::Attending(name)) => drop(self.in_hand.remove(&name)),
            Err(error) => tracing::error!(%error, "Looking after a unit ended by a panic."),
        }
    }

    /// Has systemd tell of the units, and looks at each once; gives their names by their paths. `None`
    /// if there are more to be watched.
    async fn begin(
        &mut self,
        runner: &Arc<Runner>,
        manager: &Manager1,
    ) -> zbus::Result<Option<(HashMap<String, UnitName>, Signals)>> {
        // Those with a name of their own first: a unit has several.
        let mut names = runner.watched_units();
        if runner.config.systemd_monitor.units.is_empty() {
            let projects = runner.projects.iter().map(|prepared| &prepared.project);
            names.extend(unnamed_services(manager, projects).await?);
        }
        names.extend(self.needed.iter().cloned());
        let mut paths = HashMap::new();
        for name in names {
            let path = match manager.manager.load_unit(&name).await {
                Ok(path) => path.to_string(),
                Err(error) => {
                    let Some(reason) = bus::refusal(&error) else { return Err(error) };
                    self.units.remove(&name);
                    tell_refused(runner, &name, reason);
                    continue;
                }
            };
            if let Entry::Vacant(place) = paths.entry(path) {
                self.units.entry(name.clone()).or_default();
                place.insert(name);
            }
        }
        self.units.retain(|unit, _| paths.values().any(|name| name == unit));
        let mut missing = Vec::new();
        for (path, name) in &paths {
            // Looked at twice where it changes in between, which does no harm.
            let state = manager.state(path, name).await?;
            if state.load == LoadState::NotFound {
                missing.push(name.to_string());
            } else if !self.find_owner(runner, manager, path, name).await {
                self.units.remove(name);
            }
        }
        paths.retain(|_, name| self.units.contains_key(name));
        let all: Vec<_> = paths.keys().cloned().collect();
        let signals = signals::subscribe(manager, &all, &missing).await?;
        runner.settle_what_ended();
        runner.let_go_of_others(|unit| self.units.contains_key(unit)).await;
        for incident in runner.open_incidents() {
            for name in incident.units() {
                if let Some(unit) = self.units.get_mut(name) {
                    unit.watched.fails_already(incident.start_of(name));
                }
            }
        }
        let known = self.needed.len();
        for (path, name) in &paths {
            let state = manager.state(path, name).await?;
            // What a job came to was told once, and perhaps nobody heard.
            if state.active == ActiveState::Inactive {
                let failed = needs::failed_needs(manager, path).await?;
                self.needed.extend(failed.into_iter().filter(|it| !self.units.contains_key(it)));
            }
            self.look(runner, name, state);
        }
        runner.incidents.is_watching.note(self.units.keys().cloned().collect());
        Ok((self.needed.len() == known).then_some((paths, signals)))
    }

    /// Finds out which project a unit runs from; says whether it is one to watch: not where its name
    /// was only guessed from a project's, and it runs from something else.
    async fn find_owner(
        &mut self,
        runner: &Runner,
        manager: &Manager1,
        path: &str,
        name: &UnitName,
    ) -> bool {
        let owner = runner.owner_at(manager, name, path).await;
        let is_asked_for = runner.config.systemd_monitor.units.contains(name);
        let is_wanted = owner.is_some() || is_asked_for || self.needed.contains(name);
        if let Some(unit) = self.units.get_mut(name) {
            unit.owner = owner;
        }
        is_wanted
    }

    /// Takes note of what systemd told.
    async fn hear(
        &mut self,
        runner: &Arc<Runner>,
        manager: &Manager1,
        paths: &HashMap<String, UnitName>,
        told: Told,
    ) -> zbus::Result<Heed> {
        if told.is_lost {
            return Ok(Heed::Lost);
        }
        let mut is_news = false;
        for (path, changes) in told.changed {
            if let Some(name) = paths.get(&path) {
                is_news |= self.hear_of_change(runner, manager, &path, name, &changes).await?;
            }
        }
        for name in told.new {
            is_news |= self.hear_of_new(runner, manager, &name).await?;
        }
        let mut is_anew = told.is_anew;
        for unit in told.dependency {
            // The incident is of the one that failed, not of those that are not started for it. It is
            // told under its own name, and watched under any.
            let Ok(path) = manager.manager.load_unit(&unit).await else { continue };
            let Some(name) = paths.get(path.as_str()) else { continue };
            let failed = needs::failed_needs(manager, &path).await?;
            if failed.is_empty() {
                // A device that does not come has not failed.
                if let Some(unit) = self.units.get_mut(name) {
                    let failure = unit.watched.was_not_started("dependency");
                    (unit.well, unit.is_put_away) = (None, false);
                    self.failed(runner, name, Instant::now(), failure);
                    is_news = true;
                }
                continue;
            }
            let new = failed.into_iter().filter(|it| !self.units.contains_key(it));
            let known = self.needed.len();
            self.needed.extend(new);
            is_anew |= self.needed.len() > known;
        }
        Ok(match (is_anew, is_news) {
            (true, _) => Heed::Anew,
            (false, true) => Heed::Attend,
            (false, false) => Heed::Nothing,
        })
    }

    /// Takes note that a unit changed; says whether that is news.
    async fn hear_of_change(
        &mut self,
        runner: &Arc<Runner>,
        manager: &Manager1,
        path: &str,
        name: &UnitName,
        changes: &Changes,
    ) -> zbus::Result<bool> {
        let Some(unit) = self.units.get_mut(name) else { return Ok(false) };
        changes.note(unit.watched.next());
        let mut state = unit.watched.next().clone();
        // Each state is told that it goes through: `failed` before `auto-restart`, and the next start
        // while the last state still stands. What it is by now is what counts.
        if matches!(state.active, ActiveState::Failed | ActiveState::Inactive) {
            let now = manager.state(path, name).await?;
            // One that systemd forgets as soon as it has ended is as it was told.
            if !now.is_forgotten() {
                state = now;
            }
        }
        Ok(self.look(runner, name, state))
    }

    /// Takes note that systemd knows a unit that it did not know; says whether that is news.
    async fn hear_of_new(
        &mut self,
        runner: &Arc<Runner>,
        manager: &Manager1,
        name: &str,
    ) -> zbus::Result<bool> {
        let is_missing = |unit: &Unit| !unit.watched.is_there();
        let awaited = self.units.iter().find(|(it, unit)| ***it == *name && is_missing(unit));
        let Some(name) = awaited.map(|(name, _)| name.clone()) else { return Ok(false) };
        // Looking at it in the usual way would make it known once more, and tell of it.
        let Ok(path) = manager.manager.get_unit(&name).await else { return Ok(false) };
        if !self.find_owner(runner, manager, &path, &name).await {
            self.units.remove(&name);
            return Ok(false);
        }
        let state = manager.state(&path, &name).await?;
        Ok(self.look(runner, &name, state))
    }

    /// Looks at a unit's state; says whether that is news.
    fn look(&mut self, runner: &Arc<Runner>, name: &UnitName, state: UnitState) -> bool {
        let Some(unit) = self.units.get_mut(name) else { return false };
        match unit.watched.look(state) {
            None => return false,
            Some(News::Failed(failure)) => {
                (unit.well, unit.is_put_away) = (None, false);
                self.failed(runner, name, Instant::now(), failure);
            }
            Some(News::Well { by_itself }) => {
                (unit.well, unit.is_put_away) = (Some((Instant::now(), by_itself)), false);
            }
            Some(News::PutAway) => (unit.well, unit.is_put_away) = (None, true),
        }
        true
    }

    /// Takes note of a unit's failure.
    fn failed(&mut self, runner: &Arc<Runner>, name: &UnitName, at: Instant, failure: UnitFailure) {
        // As after a start of the program.
        if runner.is_dealt_with(name, &failure) {
            return;
        }
        let config = &runner.config.systemd_monitor;
        let Some(unit) = self.units.get_mut(name) else { return };
        if unit.owner.as_ref().is_some_and(|owner| runner.is_at_work(owner)) {
            // That run may have restarted it, and watches it then.
            unit.during_run = Some((at, failure));
            return;
        }
        // What is known to fail by itself fails so once more.
        if runner.own_incident(name).is_none() {
            let storm = self.storm.get_or_insert_with(Window::default);
            storm.note(at, name.clone(), config.storm.within);
            let together = storm.all();
            if together.len() >= config.storm.units {
                let start = |unit: &Unit| unit.watched.failing().unwrap_or_default().to_owned();
                let start = |name: &UnitName| self.units.get(name).map(start).unwrap_or_default();
                let failed: Vec<_> = together.iter().map(|it| ((*it).clone(), start(it))).collect();
                runner.note_machine(&failed);
                return;
            }
        }
        let flaps = unit.flaps.get_or_insert_with(Window::default);
        let mut repeats = || flaps.note(at, (), config.flap.within) >= config.flap.failures;
        let is_flap = failure.is_restarted && !repeats();
        let times = unit.next.as_ref().map_or(0, |next| next.times).saturating_add(1);
        unit.next = Some(Next { failure, times, is_flap });
        self.note_next(runner, name);
    }

    /// Has the next failure of a unit taken note of, unless one is already, or it failed time after
    /// time and that was done just now; gives when that is to be done.
    fn note_next(&mut self, runner: &Arc<Runner>, name: &UnitName) -> Option<Instant> {
        let unit = self.units.get_mut(name).filter(|unit| !unit.is_noting)?;
        let is_open = runner.open_incident(name).is_some();
        if let (Some(noted), Some(next)) = (unit.noted, &unit.next)
            && (is_open && next.failure.is_restarted)
            && noted.elapsed() < NOTED_EVERY
        {
            return Some(noted + NOTED_EVERY);
        }
        let Next { failure, times, is_flap } = unit.next.take()?;
        (unit.is_noting, unit.noted) = (true, Some(Instant::now()));
        let (runner, name, owner) = (runner.clone(), name.clone(), unit.owner.clone());
        self.running.spawn(async move {
            if is_flap && !is_open {
                runner.note_recovered(&name, owner.as_ref(), &failure).await;
            } else {
                runner.note_failure(&name, owner.as_ref(), &failure, times).await;
            }
            Ended::Noting(name)
        });
        None
    }

    /// Judges again what failed while a run of its project went on that is over.
    fn judge_again(&mut self, runner: &Arc<Runner>) {
        let mut all = Vec::new();
        for (name, unit) in &mut self.units {
            let is_free = unit.owner.as_ref().is_none_or(|owner| !runner.is_at_work(owner));
            if is_free && let Some((at, failure)) = unit.during_run.take()
                // One that is well by now is as the run wanted it to be.
                && unit.watched.is_failing()
            {
                all.push((name.clone(), at, failure));
            }
        }
        for (name, at, failure) in all {
            self.failed(runner, &name, at, failure);
        }
    }

    /// Takes out of an incident of the machine what still fails when others of it have been well again
    /// since: that fails by itself.
    fn judge_what_a_storm_left(&mut self, runner: &Arc<Runner>) {
        let within = runner.config.systemd_monitor.storm.within;
        for incident in runner.open_incidents().iter().filter(|incident| incident.is_of_machine) {
            let state = |name: &UnitName| self.units.get(name).map(|unit| &unit.watched);
            let fails = |name: &&UnitName| state(name).is_some_and(Watched::is_failing);
            let failing: Vec<_> = incident.units().filter(fails).cloned().collect();
            let is_storm_over = Timestamp::now() >= incident.last + within;
            if !is_storm_over || failing.len() == incident.units().count() {
                continue;
            }
            for name in failing {
                let failure = self.units.get(&name).and_then(|unit| unit.watched.failure());
                if let Some(failure) = failure {
                    runner.leave_machine(&name);
                    self.failed(runner, &name, Instant::now(), failure);
                }
            }
        }
    }

    /// Begins what is due, and ends what is over; gives when to ask again.
    fn attend(&mut self, runner: &Arc<Runner>) -> Instant {
        let now = Instant::now();
        let mut again = now + LONGEST_WAIT;
        let waits = |unit: &Unit| unit.next.is_some() && !unit.is_noting;
        let waiting = self.units.iter().filter(|(_, unit)| waits(unit));
        for name in waiting.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            again = self.note_next(runner, &name).map_or(again, |at| again.min(at));
        }
        self.judge_what_a_storm_left(runner);
        let mut over = Vec::new();
        for (name, unit) in &mut self.units {
            if unit.well.is_none() && !unit.is_put_away {
                continue;
            }
            // What a run of ours does to it, that says.
            if unit.owner.as_ref().is_some_and(|owner| runner.is_at_work(owner)) {
                continue;
            }
            if std::mem::take(&mut unit.is_put_away) {
                over.push((name.clone(), false));
            }
            let Some((since, by_itself)) = unit.well else { continue };
            let probation = runner.probation_of(unit.owner.as_ref());
            if now >= since + probation {
                if !by_itself {
                    runner.learn_restart(name);
                }
                over.push((name.clone(), by_itself));
            } else {
                again = again.min(since + probation);
            }
        }
        for (name, by_itself) in over {
            if let Some(unit) = self.units.get_mut(&name) {
                // What comes from now on is another matter.
                (unit.well, unit.flaps) = (None, None);
            }
            self.end(runner, &name, if by_itself { EndedBy::Itself } else { EndedBy::Person });
        }
        for incident in runner.open_incidents() {
            // What is well for the moment may be over; one that fails time after time is not.
            let unit = self.units.get(&incident.unit);
            let is_well =
                unit.is_some_and(|unit| unit.well.is_some_and(|(_, by_itself)| !by_itself));
            if is_well || self.in_hand.contains(&incident.unit) {
                continue;
            }
            match runner.due(&incident) {
                Due::Nothing(_) => {}
                Due::Later(at, _) => {
                    let wait = Duration::try_from(at.duration_since(Timestamp::now()));
                    again = again.min(now + wait.unwrap_or_default());
                }
                Due::Restart(prepared) => {
                    self.in_hand.insert(incident.unit.clone());
                    let runner = runner.clone();
                    self.running.spawn(async move {
                        runner.restart_again(&prepared, &incident).await;
                        Ended::Attending(incident.unit.clone())
                    });
                }
                Due::Now(due) => {
                    self.in_hand.insert(incident.unit.clone());
                    let (runner, unit) = (runner.clone(), incident.unit.clone());
                    self.running.spawn(async move {
                        let (prepared, order) = *due;
                        runner.carry_out_about(&prepared, order).await;
                        Ended::Attending(unit)
                    });
                }
            }
        }
        again
    }

    /// Whether anything is to be asked again after a while; while nothing is wrong nothing is.
    fn is_waiting(&self, runner: &Arc<Runner>) -> bool {
        self.units.values().any(|unit| unit.well.is_some()) || !runner.open_incidents().is_empty()
    }

    fn end(&mut self, runner: &Arc<Runner>, name: &UnitName, by: EndedBy) {
        self.needed.remove(name);
        let is_failing =
            |name: &UnitName| self.units.get(name).is_some_and(|unit| unit.watched.is_failing());
        runner.end_incident(name, by, is_failing);
    }
}

/// What is to be done about something that systemd told.
enum Heed {
    Nothing,
    /// Something may be due.
    Attend,
    /// All units are to be looked at again.
    Anew,
    /// The connection was lost.
    Lost,
}

/// Tells a person that systemd does not let a unit be watched.
fn tell_refused(runner: &Runner, name: &UnitName, reason: &str) {
    let why = name.refusal().unwrap_or(reason);
    let message = format!("`{name}` is not watched: systemd refuses it: {why}");
    runner.bus.notice(None, None, NoticeKind::Daemon, format!("watch {name}"), message);
}
