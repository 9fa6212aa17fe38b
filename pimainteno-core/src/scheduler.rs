//! When: the cron slots of each project, once each.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::{
    config::CatchUp,
    error::Result,
    job::Job,
    recovery,
    run::{RunOptions, Trigger},
    runner::{Live, Prepared, PreparedChore, Runner},
    watch,
    words::ProjectId,
};

/// The longest sleep in one go. The clock is read again after it: it may have been set, and the
/// machine may have slept.
const LONGEST_SLEEP: Duration = Duration::from_secs(120);

/// A chore and when it is due.
struct Due<'r> {
    prepared: &'r Arc<Prepared>,
    chore: &'r PreparedChore,
    /// Its next slot; `None` if there is none.
    at: Option<Timestamp>,
    /// The end of its being parked that was seen last.
    resumed: Option<Timestamp>,
}

/// When a chore was due as another configuration had it.
struct WasDue {
    project: ProjectId,
    chore: String,
    at: Option<Timestamp>,
    resumed: Option<Timestamp>,
}

/// What one configuration's turn of [`serve`] ended with.
enum End {
    /// The program stops.
    Shutdown,
    /// Another configuration is in place.
    Replaced(Vec<WasDue>),
}

/// Starts runs at their slots until `shutdown` is ready, then stops those that go on and waits for
/// them.
///
/// Whenever another configuration takes the place of the one that is there, it goes on with that.
pub(crate) async fn serve(
    live: &Arc<Live>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut running = JoinSet::new();
    let mut runner = live.current();
    runner.queue.serve(true);
    // Nobody waits for it whose project has nothing left open.
    let recovering = runner.clone();
    running.spawn(async move { look_around(&recovering).await });
    begin_kept(&runner, &mut running, |_| true);
    let watched = live.clone();
    running.spawn(async move { watch::serve(&watched).await });
    let mut before: Option<Vec<WasDue>> = None;
    while let End::Replaced(was_due) =
        serve_one(live, &runner, before.as_deref(), &mut running, shutdown.as_mut()).await
    {
        runner = live.current();
        // Of those that are in the configuration again.
        begin_kept(&runner, &mut running, |project| {
            !was_due.iter().any(|was| was.project == *project)
        });
        before = Some(was_due);
        let runner = runner.clone();
        running.spawn(async move { look_around(&runner).await });
    }
    runner.cancel.raise();
    while running.join_next().await.is_some() {}
    runner.queue.serve(false);
    Ok(())
}

/// Begins what was asked for of these projects before the program was stopped, unless it is under
/// way: it may have waited since before its project was taken out of the configuration.
fn begin_kept(
    runner: &Arc<Runner>,
    running: &mut JoinSet<()>,
    is_wanted: impl Fn(&ProjectId) -> bool,
) {
    for (prepared, order) in runner.kept_orders() {
        if is_wanted(&prepared.project.id) && !runner.under_way.has(&order) {
            let (runner, mark) = (runner.clone(), runner.under_way.mark(&order));
            running.spawn(async move {
                look_after_open(&runner, &prepared).await;
                runner.carry_out_kept(&prepared, order).await;
                drop(mark);
            });
        }
    }
}

/// Starts runs at the slots of one configuration. `before` is when they were due as the one before
/// it had them.
async fn serve_one(
    live: &Live,
    runner: &Arc<Runner>,
    before: Option<&[WasDue]>,
    running: &mut JoinSet<()>,
    mut shutdown: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> End {
    let (mut last_recovery, mut clock) = (Instant::now(), Timestamp::now());
    let mut chores = Vec::new();
    for prepared in &runner.projects {
        let due = |chore| match before {
            None => Due::first(runner, prepared, chore),
            Some(before) => Due::again(runner, prepared, chore, before),
        };
        chores.extend(prepared.chores.iter().map(due));
    }
    loop {
        let now = Timestamp::now();
        let was_set_back = now < std::mem::replace(&mut clock, now);
        // No wake-up of its own: nobody waits for the minute in which a change is given up.
        if let Err(error) = runner.hear_silence() {
            tracing::error!(%error, "What nobody answered could not be given up.");
        }
        // After a power cut the machine may be up before its network is.
        if last_recovery.elapsed() >= LONGEST_SLEEP && !runner.recovery.all_unfinished().is_empty()
        {
            last_recovery = Instant::now();
            let runner = runner.clone();
            running.spawn(async move { look_around(&runner).await });
        }
        if runner.config.scheduler.enabled {
            for due in &mut chores {
                let (id, name) = (&due.prepared.project.id, &due.chore.chore.name);
                if was_set_back {
                    due.at = sooner(due.at, due.slot_after(runner, now));
                    // Until when was said by the wrong clock.
                    runner.store.note_project(id, |state| state.chore_mut(name).forget_times());
                }
                // A parked chore, and a change that waits for something outside, is tried again when
                // its time has come, not only at its next slot; also if it came while the program
                // was off.
                if runner.goes_on(due.prepared, due.chore, &mut due.resumed) {
                    due.at = Some(now);
                }
                if due.at.is_some_and(|at| at <= now) {
                    // The slot counts as taken care of when its run starts; several that passed
                    // during a sleep are one.
                    runner
                        .store
                        .note_project(id, |state| state.chore_mut(name).last_slot = Some(now));
                    due.at = due.slot_after(runner, now);
                    // Several slots that pass while it waits are one, too.
                    if runner.queue.has_waiting(id, &Job::Upkeep { chore: name.clone() }) {
                        continue;
                    }
                    let (runner, prepared, name) =
                        (runner.clone(), due.prepared.clone(), name.clone());
                    running.spawn(async move {
                        // What could not be finished at the start may be by now.
                        let recovered =
                            recovery::recover_checkout(&runner, &prepared.repository).await;
                        if let Err(error) = recovered.and(runner.run(&prepared, &name, Trigger::Schedule, RunOptions::default()).await) {
                            tracing::error!(project = %prepared.project.id, %error, "A run could not be stored.");
                        }
                    });
                }
            }
        }
        let parked = |due: &Due<'_>| {
            let state = runner.store.project(&due.prepared.project.id);
            state.chore(&due.chore.chore.name).goes_on_at()
        };
        let parked = chores.iter().filter_map(parked).filter(|until| *until > now);
        let next = chores.iter().filter_map(|due| due.at).chain(parked).min();
        let sleep = next
            .and_then(|next| Duration::try_from(next.duration_since(now)).ok())
            .map_or(LONGEST_SLEEP, |left| left.min(LONGEST_SLEEP));
        tokio::select! {
            biased;
            () = shutdown.as_mut() => return End::Shutdown,
            () = live.replaced() => return End::Replaced(chores.into_iter().map(Due::was).collect()),
            // Joined as they end, so that their tasks do not pile up.
            Some(_) = running.join_next(), if !running.is_empty() => {}
            () = runner.releases.wake.notified() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
}

/// Finishes what was left open; what cannot be is told, and tried again later.
async fn look_around(runner: &Arc<Runner>) {
    if let Err(error) = recovery::recover(runner).await {
        tracing::error!(%error, "What was left open could not be looked at.");
    }
}

/// The same for the checkout of one project.
async fn look_after_open(runner: &Runner, prepared: &Prepared) {
    if let Err(error) = recovery::recover_checkout(runner, &prepared.repository).await {
        tracing::error!(project = %prepared.project.id, %error, "What was left open could not be looked at.");
    }
}

impl<'r> Due<'r> {
    /// A chore after the program started: due at once if slots were missed and are to be caught up.
    fn first(runner: &Runner, prepared: &'r Arc<Prepared>, chore: &'r PreparedChore) -> Self {
        let (now, state) = (Timestamp::now(), runner.store.project(&prepared.project.id));
        let last = state.chore(&chore.chore.name).last_slot;
        let missed =
            last.and_then(|last| chore.schedule.next_after(last)).is_some_and(|slot| slot <= now);
        let is_caught_up = missed && runner.config.scheduler.catch_up == CatchUp::Once;
        let due = Self { prepared, chore, at: Some(now), resumed: None };
        if is_caught_up { due } else { Self { at: due.slot_after(runner, now), ..due } }
    }

    /// A chore after another configuration was read: due if it was, and else at its next slot as it
    /// is now. No slot was missed meanwhile.
    fn again(
        runner: &Runner,
        prepared: &'r Arc<Prepared>,
        chore: &'r PreparedChore,
        before: &[WasDue],
    ) -> Self {
        let is_same =
            |was: &&WasDue| was.project == prepared.project.id && was.chore == chore.chore.name;
        let Some(was) = before.iter().find(is_same) else {
            return Self::first(runner, prepared, chore);
        };
        let now = Timestamp::now();
        let due = Self { prepared, chore, at: was.at, resumed: was.resumed };
        let is_due = was.at.is_some_and(|at| at <= now);
        if is_due { due } else { Self { at: due.slot_after(runner, now), ..due } }
    }

    fn was(self) -> WasDue {
        WasDue {
            project: self.prepared.project.id.clone(),
            chore: self.chore.chore.name.clone(),
            at: self.at,
            resumed: self.resumed,
        }
    }

    /// The next slot, with the delay of the project.
    fn slot_after(&self, runner: &Runner, time: Timestamp) -> Option<Timestamp> {
        let delay = jitter(&self.prepared.project.id, runner.config.scheduler.jitter);
        // The delay is taken off first: a slot whose delayed time is still to come has not been
        // taken care of.
        let slot = self.chore.schedule.next_after(time.checked_sub(delay).ok()?)?;
        slot.checked_add(delay).ok()
    }
}

/// When the next run is due: a clock that was set back has slots again that lie before the one that
/// was waited for.
fn sooner(due: Option<Timestamp>, next: Option<Timestamp>) -> Option<Timestamp> {
    [due, next].into_iter().flatten().min()
}

/// The delay of a project's slots: always the same one, so that slots stay apart as evenly as the
/// schedule has them.
fn jitter(project: &ProjectId, window: Duration) -> SignedDuration {
    let mut hasher = DefaultHasher::new();
    project.hash(&mut hasher);
    let milliseconds = u64::try_from(window.as_millis()).unwrap_or(u64::MAX);
    let delay = if milliseconds == 0 { 0 } else { hasher.finish() % milliseconds };
    SignedDuration::from_millis(i64::try_from(delay).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_neither_puts_off_a_slot_nor_brings_one_forward() {
        let at = |text: &str| text.parse::<Timestamp>().ok();
        // The clock was a year ahead, and what was due is due at the next slot of the right time.
        assert_eq!(
            sooner(at("2027-05-02T03:00:00Z"), at("2026-05-01T03:00:00Z")),
            at("2026-05-01T03:00:00Z")
        );
        // What was missed, or is tried again, does not wait for the next slot.
        assert_eq!(
            sooner(at("2026-04-30T12:00:00Z"), at("2026-05-01T03:00:00Z")),
            at("2026-04-30T12:00:00Z")
        );
        assert_eq!(
            (sooner(None, at("2026-05-01T03:00:00Z")), sooner(None, None)),
            (at("2026-05-01T03:00:00Z"), None)
        );
    }

    #[test]
    fn the_delay_of_a_project_is_always_the_same_and_within_its_window() {
        let window = Duration::from_secs(600);
        let delays: std::collections::BTreeSet<_> = (0..50)
            .map(|number| jitter(&ProjectId::of(&format!("project-{number}")), window))
            .collect();
        let radio = ProjectId::of("radio");
        assert!(delays.len() > 40 && delays.iter().all(|delay| delay.as_secs() < 600));
        assert_eq!(jitter(&radio, window), jitter(&radio, window));
        assert_eq!(jitter(&radio, Duration::ZERO), SignedDuration::ZERO);
    }
}
