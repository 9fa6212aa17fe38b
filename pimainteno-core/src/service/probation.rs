//! Whether services stay healthy for a while after a change.
//!
//! - A service must be active and stay so. One that systemd restarted by itself is unhealthy even
//!   if it runs again: the counter of restarts went up, or the moment at which it became active
//!   moved. The main process may change without harm, because some services hand over to a
//!   successor.
//! - A unit of `Type=oneshot` may end, and run again by its timer, as long as it does not fail.
//!   Timers, sockets and other units are healthy while active.
//! - The probe may fail until it first answers, but not longer than it is allowed to; from then on
//!   three failures in a row are one too many.
//! - Whatever was unhealthy before the change and still is, is not the change's fault:
//!   [`Verdict::UnchangedUnhealthy`].

mod unit;

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};

use self::unit::WatchedUnit;
use super::{HealthProbe, ServiceManager, UnitState};
use crate::{error::Result, process::Cancel, words::UnitName};

/// How often a probe, or a look at a unit, may fail in a row before that is believed.
const TRIES: u32 = 3;

/// The time between two looks, where the probation is not short.
const LONGEST_INTERVAL: Duration = Duration::from_secs(1);

/// The time between two words that all is well.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The least time between two looks, however short the probation is.
const SHORTEST_INTERVAL: Duration = Duration::from_millis(50);

/// What is watched, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Probation<'a> {
    manager: &'a dyn ServiceManager,
    units: &'a [UnitName],
    probe: Option<&'a HealthProbe>,
    duration: Duration,
}

/// How things were before a change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Baseline {
    /// The units that were looked at.
    pub units: BTreeMap<UnitName, UnitState>,
    /// What was wrong with those that were unhealthy.
    pub unit_faults: BTreeMap<UnitName, String>,
    /// What was wrong if the probe did not answer.
    pub probe_fault: Option<String>,
}

/// What came out of a probation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Everything stayed healthy.
    Healthy {
        /// For how long that was watched.
        watched: Duration,
    },
    /// Something that was healthy before is so no more, or never became so.
    Unhealthy {
        /// The unit; `None` if it was the probe.
        unit: Option<UnitName>,
        /// What is wrong.
        reason: String,
    },
    /// Something is unhealthy, but it was so before the change; everything else stayed healthy.
    UnchangedUnhealthy {
        /// The first unit; `None` if it was the probe.
        unit: Option<UnitName>,
        /// What is wrong, and what was before.
        reason: String,
    },
}

/// What is watched and what has become of it.
struct Watch<'a> {
    probation: Probation<'a>,
    before: &'a Baseline,
    started: Instant,
    /// Those with which nothing is wrong so far.
    units: Vec<WatchedUnit<'a>>,
    /// The probe, unless something was and is wrong with it.
    probe: Option<WatchedProbe<'a>>,
    /// How many looks at a unit failed in a row.
    failed_looks: u32,
    /// What is wrong but not the change's fault.
    excused: Vec<(Option<UnitName>, String)>,
}

/// What was told last, and when it was that all is well.
#[derive(Default)]
struct Told {
    news: String,
    well_at: Option<Duration>,
}

struct WatchedProbe<'a> {
    probe: &'a HealthProbe,
    answered: bool,
    /// How many probes failed in a row since it last answered.
    failures: u32,
}

impl<'a> Probation<'a> {
    /// Watches `units`, and `probe` if there is one, for `duration`.
    pub fn new(
        manager: &'a dyn ServiceManager,
        units: &'a [UnitName],
        probe: Option<&'a HealthProbe>,
        duration: Duration,
    ) -> Self {
        Self { manager, units, probe, duration }
    }

    /// Looks how things are before a change.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Service`] if a unit's state cannot be read,
    /// [`crate::ErrorKind::Cancelled`].
    pub async fn baseline(&self, cancel: &Cancel) -> Result<Baseline> {
        let looking = async {
            let mut baseline = Baseline::default();
            for name in self.units {
                let state = self.manager.state(name).await?;
                if let Some(fault) =
                    unit::fault(&state).or_else(|| unit::restarting(&state, self.duration))
                {
                    baseline.unit_faults.insert(name.clone(), fault);
                }
                baseline.units.insert(name.clone(), state);
            }
            if let Some(probe) = self.probe {
                baseline.probe_fault = self.lasting_fault(probe, cancel).await;
            }
            Ok(baseline)
        };
        tokio::select! {
            biased;
            error = cancelled(cancel) => error,
            baseline = looking => baseline,
        }
    }

    /// Watches until the probation is over or something is wrong that was not so `before`, and
    /// tells `progress` in one line at a time what it sees.
    ///
    /// It begins right after the restart. It lasts longer than the probation where a unit or the
    /// probe may still need time, never by more than what the probe is allowed plus a few
    /// probes. With nothing to watch, the verdict is immediate.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Service`] if a unit's state cannot be read three times in a row,
    /// [`crate::ErrorKind::Cancelled`].
    pub async fn watch(
        &self,
        before: &Baseline,
        cancel: &Cancel,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Verdict> {
        tokio::select! {
            biased;
            error = cancelled(cancel) => error,
            verdict = Watch::new(*self, before).run(cancel, progress) => verdict,
        }
    }

    /// What is wrong if the probe fails time after time.
    async fn lasting_fault(&self, probe: &HealthProbe, cancel: &Cancel) -> Option<String> {
        let mut fault = probe.check(cancel).await.err()?;
        for _ in 1..TRIES {
            sleep(self.interval()).await;
            fault = probe.check(cancel).await.err()?;
        }
        Some(fault.to_string())
    }

    fn interval(&self) -> Duration {
        (self.duration / 10).clamp(SHORTEST_INTERVAL, LONGEST_INTERVAL)
    }
}

impl Baseline {
    /// Whether nothing was wrong.
    pub fn is_healthy(&self) -> bool {
        self.unit_faults.is_empty() && self.probe_fault.is_none()
    }
}

impl Told {
    /// Whether these news are to be told after so long: other ones at once, that all is still well
    /// now and then.
    fn is_due(&mut self, news: &str, is_well: bool, waited: Duration) -> bool {
        let is_soon = self.well_at.is_some_and(|at| waited < at + TELL_EVERY);
        if news == self.news || (is_well && is_soon) {
            return false;
        }
        news.clone_into(&mut self.news);
        self.well_at = is_well.then_some(waited);
        true
    }
}

impl<'a> Watch<'a> {
    fn new(probation: Probation<'a>, before: &'a Baseline) -> Self {
        Self {
            probation,
            before,
            started: Instant::now(),
            units: probation.units.iter().map(WatchedUnit::new).collect(),
            probe: probation.probe.map(|probe| WatchedProbe {
                probe,
                answered: false,
                failures: 0,
            }),
            failed_looks: 0,
            excused: Vec::new(),
        }
    }

    async fn run(
        mut self,
        cancel: &Cancel,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Verdict> {
        let duration = self.probation.duration;
        let mut told = Told::default();
        loop {
            if let Some(verdict) = self.look_at_units().await? {
                return Ok(verdict);
            }
            let probe_error = match self.look_at_probe(cancel).await {
                Ok(error) => error,
                Err(verdict) => return Ok(verdict),
            };
            let waited = self.started.elapsed();
            let settled = self.failed_looks == 0
                && self.units.iter().all(|unit| unit.settled)
                && probe_error.is_none();
            if self.units.is_empty() && self.probe.is_none() || settled && waited >= duration {
                break;
            }
            let news = match &probe_error {
                Some(error) => format!("waiting for the health probe: {error}"),
                None if !settled => "waiting for the units to settle".to_owned(),
                None => format!("healthy for {} s of {} s", waited.as_secs(), duration.as_secs()),
            };
            if told.is_due(&news, settled, waited) {
                progress(&news);
            }
            let left = duration.saturating_sub(waited);
            sleep(if left.is_zero() {
                self.probation.interval()
            } else {
                left.min(self.probation.interval())
            })
            .await;
        }
        let (units, reasons): (Vec<_>, Vec<_>) = self.excused.into_iter().unzip();
        Ok(match units.into_iter().next() {
            Some(unit) => Verdict::UnchangedUnhealthy { unit, reason: reasons.join("; ") },
            None => Verdict::Healthy { watched: self.started.elapsed() },
        })
    }

    /// Looks at every unit once; gives a verdict if one of them became unhealthy.
    async fn look_at_units(&mut self) -> Result<Option<Verdict>> {
        let patience = self.patience();
        let mut faults = Vec::new();
        for unit in &mut self.units {
            let state = match self.probation.manager.state(unit.name).await {
                Ok(state) => state,
                Err(error) => {
                    // systemd does not answer for a moment when it reloads itself.
                    self.failed_looks += 1;
                    if self.failed_looks >= TRIES {
                        return Err(error);
                    }
                    return Ok(None);
                }
            };
            let overdue = self.started.elapsed() >= patience;
            if let Some(fault) = unit.look(state, self.before.units.get(unit.name), overdue) {
                faults.push((unit.name, fault));
            }
        }
        self.failed_looks = 0;
        for (name, fault) in faults {
            self.units.retain(|unit| unit.name != name);
            let reason = format!("`{name}` {fault}");
            if let Some(verdict) =
                self.fault(Some(name.clone()), reason, self.before.unit_faults.get(name))
            {
                return Ok(Some(verdict));
            }
        }
        Ok(None)
    }

    /// Asks the probe once: what is wrong so far, or a verdict if that is too much.
    async fn look_at_probe(&mut self, cancel: &Cancel) -> Result<Option<String>, Verdict> {
        let Some(watched) = &mut self.probe else { return Ok(None) };
        let Err(error) = watched.probe.check(cancel).await else {
            watched.answered = true;
            watched.failures = 0;
            return Ok(None);
        };
        let within = watched.probe.within();
        watched.failures += 1;
        let reason = match watched.answered {
            true if watched.failures >= TRIES => {
                format!("the health probe failed {TRIES} times in a row: {error}")
            }
            false if self.started.elapsed() >= within => {
                format!("the health probe did not succeed within {within:?}: {error}")
            }
            _ => return Ok(Some(error.to_string())),
        };
        self.probe = None;
        match self.fault(None, reason, self.before.probe_fault.as_ref()) {
            Some(verdict) => Err(verdict),
            None => Ok(None),
        }
    }

    /// Takes note of something that is wrong; gives a verdict unless that `was` so before.
    fn fault(
        &mut self,
        unit: Option<UnitName>,
        reason: String,
        was: Option<&String>,
    ) -> Option<Verdict> {
        let Some(was) = was else { return Some(Verdict::Unhealthy { unit, reason }) };
        let subject = unit
            .as_deref()
            .map_or_else(|| "the health probe".to_owned(), |unit| format!("`{unit}`"));
        self.excused
            .push((unit, format!("{reason}; {subject} was already unhealthy before: {was}")));
        None
    }

    /// How long a unit may be on its way up or down.
    fn patience(&self) -> Duration {
        self.probation
            .duration
            .max(self.probation.probe.map_or(Duration::ZERO, HealthProbe::within))
    }
}

async fn cancelled<T>(cancel: &Cancel) -> Result<T> {
    loop {
        cancel.raised().await;
        cancel.check()?;
    }
}

#[cfg(test)]
mod tests;
