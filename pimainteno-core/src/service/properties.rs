//! A unit's state, property by property, whoever was asked for them: `systemctl` or the bus.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{
    Deserialize,
    de::{IntoDeserializer as _, value},
};

use super::{ActiveState, LoadState, UnitState};
use crate::words::UnitName;

/// The properties that a [`UnitState`] is read from; see org.freedesktop.systemd1(5).
pub(super) const PROPERTIES: [&str; 14] = [
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "Type",
    "NRestarts",
    "MainPID",
    "ActiveEnterTimestampMonotonic",
    "InactiveExitTimestampMonotonic",
    "ExecMainCode",
    "ExecMainStatus",
    "InvocationID",
    "TriggeredBy",
    "CollectMode",
];

impl UnitState {
    /// For how long it has been active, where it is; `None` if the clock cannot be read.
    pub(crate) fn runs_for(&self) -> Option<Duration> {
        let now = clock_gettime(ClockId::Monotonic);
        let now = Duration::new(u64::try_from(now.tv_sec).ok()?, u32::try_from(now.tv_nsec).ok()?);
        Some(now.saturating_sub(Duration::from_micros(self.since)))
    }

    /// Whether it is one that does its work and ends, so that not running is nothing bad: by its type,
    /// or because a timer, a path or a socket starts it.
    pub(crate) fn runs_to_end(&self) -> bool {
        self.oneshot || !self.triggered_by.is_empty()
    }

    /// Whether it runs.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.active, ActiveState::Active | ActiveState::Reloading)
    }

    /// Whether somebody wants it to be down, or away, after it failed.
    pub(crate) fn is_put_away(&self) -> bool {
        match (self.load, self.active) {
            (LoadState::Masked | LoadState::NotFound, _) => true,
            // One that runs to its end is down most of the time.
            (_, ActiveState::Inactive) => !self.runs_to_end() && !self.is_forgotten(),
            _ => false,
        }
    }

    /// Whether systemd knows no more of it than its file, so that how it ended cannot be asked for.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.is_collected && self.active == ActiveState::Inactive && self.invocation.is_empty()
    }

    /// Whether it has been well for so long, not by a restart of systemd's, after `failed` failed: that
    /// start of it.
    pub(crate) fn is_well_after(&self, failed: &str, for_so_long: Duration) -> bool {
        match self.active {
            ActiveState::Active => {
                self.restarts == 0 && self.runs_for().is_some_and(|it| it >= for_so_long)
            }
            ActiveState::Inactive => {
                let has_run = !self.invocation.is_empty() && self.invocation != failed;
                self.runs_to_end() && self.result == "success" && has_run
            }
            _ => false,
        }
    }

    /// Why nothing has to be done any more about `unit`, whose state it is and whose start `failed` did:
    /// it has been well for its `probation`, or somebody has put it away.
    pub(crate) fn needs_nothing(
        &self,
        unit: &UnitName,
        failed: &str,
        probation: Duration,
    ) -> Option<String> {
        if self.is_put_away() {
            Some(format!("`{unit}` is {self}: somebody wants it to be so"))
        } else {
            self.is_well_after(failed, probation)
                .then(|| format!("`{unit}` is well again without a change"))
        }
    }

    /// Takes note of a property, as text; of others than [`PROPERTIES`] nothing. What a unit's type
    /// does not have is missing or empty.
    pub(crate) fn note(&mut self, property: &str, value: &str) {
        match property {
            "LoadState" => self.load = word(value),
            "ActiveState" => self.active = word(value),
            "SubState" => value.clone_into(&mut self.sub),
            "Result" => value.clone_into(&mut self.result),
            "Type" => self.oneshot = value == "oneshot",
            "NRestarts" => self.restarts = value.parse().unwrap_or_default(),
            "MainPID" => self.main_pid = value.parse().unwrap_or_default(),
            "ActiveEnterTimestampMonotonic" => self.since = value.parse().unwrap_or_default(),
            "InactiveExitTimestampMonotonic" => self.begun = value.parse().unwrap_or_default(),
            "ExecMainCode" => self.code = value.parse().unwrap_or_default(),
            "ExecMainStatus" => self.status = value.parse().unwrap_or_default(),
            "InvocationID" => value.clone_into(&mut self.invocation),
            "CollectMode" => self.is_collected = value == "inactive-or-failed",
            "TriggeredBy" => {
                let names = value.split_whitespace();
                self.triggered_by = names.filter_map(|name| name.parse().ok()).collect();
            }
            _ => {}
        }
    }
}

/// The state that a word of systemd's stands for.
fn word<'de, S: Deserialize<'de> + Default>(word: &'de str) -> S {
    let word: value::StrDeserializer<'de, value::Error> = word.into_deserializer();
    S::deserialize(word).unwrap_or_default()
}
