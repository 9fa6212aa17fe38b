//! Restart and health of the units that run from a checkout.
//!
//! A [`ServiceManager`] restarts a unit and says what became of it: systemd, a command of the
//! user's, or nobody. [`Probation`] watches units and a [`HealthProbe`] for a while after a change
//! and gives a [`Verdict`].

mod command;
mod failure;
mod health;
mod journal;
mod none;
mod probation;
mod properties;
pub(crate) mod systemd;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    config::{Project, RestartConfig, SystemdMonitorConfig},
    error::Result,
    process::{Cancel, Environment},
    words::UnitName,
};

pub use command::RestartCommand;
pub use health::HealthProbe;
pub use journal::{Journal, JournalEntry, Since};
pub use none::Unmanaged;
pub use probation::{Baseline, Probation, Verdict};
pub use systemd::Systemd;

/// Restarts units and says what state they are in.
#[async_trait]
pub trait ServiceManager: fmt::Debug + Send + Sync {
    /// What it is called in messages.
    fn name(&self) -> &str;

    /// Restarts `unit`, or starts it if it does not run, and waits until that is done.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Service`] if it cannot be restarted or takes too long,
    /// [`crate::ErrorKind::Cancelled`].
    async fn restart(&self, unit: &UnitName, cancel: &Cancel) -> Result<()>;

    /// Has `unit` read its configuration again, or restarts it if it cannot, and waits until that is
    /// done; restarts it unless overridden.
    ///
    /// # Errors
    /// As [`Self::restart`].
    async fn reload(&self, unit: &UnitName, cancel: &Cancel) -> Result<()> {
        self.restart(unit, cancel).await
    }

    /// Takes up the files of these units if they have changed, and says whether they had; does
    /// nothing unless overridden.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Service`] if they cannot be taken up.
    async fn take_up_files(&self, units: &[UnitName]) -> Result<bool> {
        let _ = units;
        Ok(false)
    }

    /// These units in the order in which they are to be restarted: each behind those of them that it
    /// is started after. As they are unless overridden.
    async fn in_order(&self, units: Vec<UnitName>) -> Vec<UnitName> {
        units
    }

    /// The state that `unit` is in. A unit that does not exist is a state, not an error.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Service`] if there is nobody to ask.
    async fn state(&self, unit: &UnitName) -> Result<UnitState>;

    /// The last entries, at most `limit`, that `unit` has logged since `since`, oldest first; none
    /// unless overridden.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Service`] if the log cannot be read.
    async fn journal(
        &self,
        unit: &UnitName,
        since: &Since,
        limit: usize,
    ) -> Result<Vec<JournalEntry>> {
        let _ = (unit, since, limit);
        Ok(Vec::new())
    }
}

/// What is known of a unit; by default nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct UnitState {
    /// Whether it exists.
    pub load: LoadState,
    /// Whether it runs.
    pub active: ActiveState,
    /// The same in more detail, in the words of the unit's type: `running`, `auto-restart`,
    /// `waiting` …
    pub sub: String,
    /// How its last run ended: `success`, `exit-code`, `signal`, `watchdog` …
    pub result: String,
    /// Whether it is a service that runs to its end (`Type=oneshot`), so that not running is
    /// nothing bad.
    pub oneshot: bool,
    /// How often systemd restarted it by itself. Every restart that somebody asks for sets it back
    /// to 0.
    pub restarts: u32,
    /// Its main process; 0 if there is none.
    pub main_pid: u32,
    /// When it last became active, in microseconds of the machine's monotonic clock; 0 is never.
    pub since: u64,
    /// When it was last begun to be started, by the same clock.
    pub begun: u64,
    /// How its main process ended: 1 by an exit code, 2 by a signal, 3 by one and with a core dump
    /// (`CLD_EXITED` … of waitid(2)); 0 if it has not.
    pub code: i32,
    /// That exit code or signal.
    pub status: i32,
    /// What tells this start of it from others, in hexadecimal; empty if it was never started, or
    /// systemd has forgotten that.
    pub invocation: String,
    /// Whether systemd forgets it as soon as it has ended, also when it failed
    /// (`CollectMode=inactive-or-failed`).
    pub is_collected: bool,
    /// The units that start it: timers, sockets, paths.
    pub triggered_by: Vec<UnitName>,
}

/// Whether a unit exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LoadState {
    /// Not known.
    #[default]
    Unknown,
    /// It exists.
    #[serde(alias = "merged", alias = "stub")]
    Loaded,
    /// There is no such unit.
    NotFound,
    /// Somebody has forbidden to start it.
    Masked,
    /// Its file cannot be used.
    #[serde(alias = "bad-setting", alias = "error")]
    Invalid,
}

/// Whether a unit runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActiveState {
    /// Not known.
    #[default]
    Unknown,
    /// It runs, or has done what it is for.
    Active,
    /// It runs and reads its configuration again.
    #[serde(alias = "refreshing")]
    Reloading,
    /// It does not run.
    Inactive,
    /// It does not run because it failed.
    Failed,
    /// It is being started, or waits to be.
    Activating,
    /// It is being stopped.
    Deactivating,
}

/// The manager that the configuration of `project` names, where `monitor` says which systemd that is
/// and which units it watches.
pub fn manager(
    project: &Project,
    monitor: &SystemdMonitorConfig,
    environment: &Environment,
) -> Arc<dyn ServiceManager> {
    let systemd = Systemd::new(monitor.bus, environment.clone());
    match &project.restart {
        RestartConfig::Systemd => Arc::new(systemd),
        RestartConfig::None => Arc::new(Unmanaged),
        RestartConfig::Command(command) => {
            let command = RestartCommand::new(command, &project.path, environment.clone());
            Arc::new(command.known_to(systemd, &monitor.units))
        }
    }
}

/// Text of a service without what a terminal would take as a command; line ends and tabs stay.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control() || matches!(character, '\n' | '\t'))
        .collect()
}

impl fmt::Display for UnitState {
    /// Writes it as systemd does: `active (running)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match (self.load, self.active) {
            (LoadState::NotFound, _) => "not found",
            (LoadState::Masked, _) => "masked",
            (LoadState::Invalid, _) => "invalid",
            (_, ActiveState::Unknown) => "unknown",
            (_, ActiveState::Active) => "active",
            (_, ActiveState::Reloading) => "reloading",
            (_, ActiveState::Inactive) => "inactive",
            (_, ActiveState::Failed) => "failed",
            (_, ActiveState::Activating) => "activating",
            (_, ActiveState::Deactivating) => "deactivating",
        })?;
        let detail = if self.active == ActiveState::Failed { &self.result } else { &self.sub };
        if detail.is_empty() { Ok(()) } else { write!(formatter, " ({detail})") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_wrote_cannot_command_a_terminal() {
        assert_eq!(plain("\u{1b}[31mred\r\n\tend\u{7}\u{9b}"), "[31mred\n\tend");
    }
}
