//! When: the cron slots of each project, once each.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use crate::{
    config::CatchUp,
    error::Result,
    recovery,
    run::Trigger,
    runner::{Prepared, RunOptions, Runner},
};

/// The longest sleep in one go. The clock is read again after it: it may have been set, and the machine may have slept.
const LONGEST_SLEEP: Duration = Duration::from_secs(120);

/// Starts runs at their slots until `shutdown` is ready, then stops those that go on and waits for them.
pub(crate) async fn serve(runner: &Arc<Runner>, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut running = JoinSet::new();
    let mut due: Vec<_> = runner.projects.iter().map(|prepared| first_slot(runner, prepared)).collect();
    let (mut last_recovery, mut clock) = (Instant::now(), Timestamp::now());
    let mut resumed = vec![None; runner.projects.len()];
    let parked = |prepared: &Arc<Prepared>| runner.store.project(&prepared.project.id).parked.as_ref().map(|parked| parked.until);
    loop {
        let now = Timestamp::now();
        let was_set_back = now < std::mem::replace(&mut clock, now);
        // No wake-up of its own: nobody waits for the minute in which a change is given up.
        if let Err(error) = runner.hear_silence() {
            tracing::error!(%error, "What nobody answered could not be given up.");
        }
        // After a power cut the machine may be up before its network is.
        if last_recovery.elapsed() >= LONGEST_SLEEP && runner.unfinished.try_lock().is_ok_and(|unfinished| !unfinished.is_empty()) {
            last_recovery = Instant::now();
            let runner = runner.clone();
            running.spawn(async move {
                if let Err(error) = recovery::recover(&runner).await {
                    tracing::error!(%error, "What was left open could not be looked at.");
                }
            });
        }
        if runner.config.scheduler.enabled {
            for ((prepared, due), resumed) in runner.projects.iter().zip(&mut due).zip(&mut resumed) {
                if was_set_back {
                    *due = sooner(*due, slot_after(runner, prepared, now));
                    // Until when was said by the wrong clock.
                    runner.store.note_project(&prepared.project.id, |state| state.parked = None);
                }
                // A parked project is tried again when its time has come, not only at its next slot; also if it came while the program was off.
                if runner.goes_on(prepared, resumed) {
                    *due = Some(now);
                }
                if due.is_some_and(|due| due <= now) {
                    // The slot counts as taken care of when its run starts; several that passed during a sleep are one.
                    runner.store.note_project(&prepared.project.id, |state| state.last_slot = Some(now));
                    *due = slot_after(runner, prepared, now);
                    let (runner, prepared) = (runner.clone(), prepared.clone());
                    running.spawn(async move {
                        // What could not be finished at the start may be by now.
                        let recovered = recovery::recover(&runner).await;
                        if let Err(error) = recovered.and(runner.run(&prepared, Trigger::Schedule, RunOptions::default()).await) {
                            tracing::error!(project = prepared.project.id, %error, "A run could not be stored.");
                        }
                    });
                }
            }
        }
        let next = due.iter().copied().flatten().chain(runner.projects.iter().filter_map(parked).filter(|until| *until > now)).min();
        let sleep =
            next.and_then(|next| Duration::try_from(next.duration_since(now)).ok()).map_or(LONGEST_SLEEP, |left| left.min(LONGEST_SLEEP));
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            // Joined as they end, so that their tasks do not pile up.
            Some(_) = running.join_next(), if !running.is_empty() => {}
            () = runner.wake.notified() => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
    runner.cancel.raise();
    while running.join_next().await.is_some() {}
    Ok(())
}

/// The first slot of a project after the program started: at once if slots were missed and are to be caught up.
fn first_slot(runner: &Runner, prepared: &Prepared) -> Option<Timestamp> {
    let now = Timestamp::now();
    let last = runner.store.project(&prepared.project.id).last_slot;
    let missed = last.and_then(|last| prepared.schedule.next_after(last)).is_some_and(|slot| slot <= now);
    if missed && runner.config.scheduler.catch_up == CatchUp::Once { Some(now) } else { slot_after(runner, prepared, now) }
}

/// When the next run is due: a clock that was set back has slots again that lie before the one that was waited for.
fn sooner(due: Option<Timestamp>, next: Option<Timestamp>) -> Option<Timestamp> {
    [due, next].into_iter().flatten().min()
}

/// The next slot of a project, with its delay.
fn slot_after(runner: &Runner, prepared: &Prepared, time: Timestamp) -> Option<Timestamp> {
    let delay = jitter(&prepared.project.id, runner.config.scheduler.jitter);
    // The delay is taken off first: a slot whose delayed time is still to come has not been taken care of.
    let slot = prepared.schedule.next_after(time.checked_sub(delay).ok()?)?;
    slot.checked_add(delay).ok()
}

/// The delay of a project's slots: always the same one, so that slots stay apart as evenly as the schedule has them.
fn jitter(project: &str, window: Duration) -> SignedDuration {
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
        assert_eq!(sooner(at("2027-05-02T03:00:00Z"), at("2026-05-01T03:00:00Z")), at("2026-05-01T03:00:00Z"));
        // What was missed, or is tried again, does not wait for the next slot.
        assert_eq!(sooner(at("2026-04-30T12:00:00Z"), at("2026-05-01T03:00:00Z")), at("2026-04-30T12:00:00Z"));
        assert_eq!((sooner(None, at("2026-05-01T03:00:00Z")), sooner(None, None)), (at("2026-05-01T03:00:00Z"), None));
    }

    #[test]
    fn the_delay_of_a_project_is_always_the_same_and_within_its_window() {
        let window = Duration::from_secs(600);
        let delays: std::collections::BTreeSet<_> = (0..50).map(|number| jitter(&format!("project-{number}"), window)).collect();
        assert!(delays.len() > 40 && delays.iter().all(|delay| delay.as_secs() < 600));
        assert_eq!(jitter("radio", window), jitter("radio", window));
        assert_eq!(jitter("radio", Duration::ZERO), SignedDuration::ZERO);
    }
}
