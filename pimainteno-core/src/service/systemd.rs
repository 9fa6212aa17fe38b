//! Units that systemd manages, by way of `systemctl`.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{
    Deserialize,
    de::{IntoDeserializer as _, value},
};

use super::{Journal, JournalEntry, ServiceManager, Since, UnitState};
use crate::{
    config::Bus,
    error::{Error, ErrorKind, Result},
    process::{Cancel, Command, End, Environment, Output},
    words::UnitName,
};

/// How long a restart may take: a little more than the 90 s to stop and the 90 s to start that
/// systemd grants a unit by default.
const RESTART_DEADLINE: Duration = Duration::from_secs(190);

/// How long systemd may take to say what state a unit is in.
const QUERY_DEADLINE: Duration = Duration::from_secs(10);

/// How many of a unit's last log lines are told when its start fails.
const TOLD_LINES: usize = 10;

/// The properties that a [`UnitState`] is read from.
const PROPERTIES: &str =
    "LoadState,ActiveState,SubState,Result,Type,NRestarts,MainPID,ActiveEnterTimestampMonotonic";

/// Restarts units by `systemctl`, of the machine's systemd or of the user's.
#[derive(Clone, Debug)]
pub struct Systemd {
    deadline: Duration,
    journal: Journal,
}

impl Systemd {
    /// The systemd of `bus`; `systemctl` is looked for in the `PATH` of `environment`.
    pub fn new(bus: Bus, environment: Environment) -> Self {
        // What is read from its messages must not depend on the user's language.
        let environment = environment.with("LC_ALL", "C");
        Self { journal: Journal::new(bus, environment), deadline: RESTART_DEADLINE }
    }

    /// The same with another limit for a restart; 190 s unless set.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs `systemctl` with `arguments` on `unit`.
    async fn systemctl(
        &self,
        arguments: &[&str],
        unit: &UnitName,
        deadline: Duration,
        cancel: &Cancel,
    ) -> Result<Output> {
        // One that was never looked at could be a pattern, which names several.
        unit.parse::<UnitName>()?;
        let user = (self.journal.bus == Bus::User).then_some("--user");
        let command = Command::new("systemctl")
            .args(user)
            .args(arguments)
            .args(["--", unit])
            .envs(self.journal.environment.iter())
            .timeout(deadline)
            .cancel(cancel);
        command.run().await.map_err(|source| {
            Error::new(ErrorKind::Service, "cannot speak to systemd")
                .source(source)
                .hint("without systemd, set the project's `restart` to `\"none\"` or to `{ command = \"…\" }`")
        })
    }

    /// Why `systemctl` could not restart `unit`, and what to do about it.
    async fn restart_error(&self, unit: &UnitName, output: &Output, started: Timestamp) -> Error {
        let said = output.tail(TOLD_LINES);
        let error = |message: String| Error::new(ErrorKind::Service, message);
        if output.end == End::TimedOut {
            error(format!("cannot restart `{unit}`: not done after {:?}", self.deadline))
                .hint("systemd goes on with it; a unit that ignores the request to stop is killed after its `TimeoutStopSec=`")
        } else if let Some(error) = self.connection_error(&said) {
            error
        } else if said.contains("authentication required") || said.contains("Access denied") {
            error(format!("cannot restart `{unit}`: systemd does not allow it to this user")).hint(format!(
                "let a polkit rule in /etc/polkit-1/rules.d allow `org.freedesktop.systemd1.manage-units` for `{unit}` to this user, \
                 run the daemon as root, or set `restart = {{ command = \"sudo -n systemctl restart {unit}\" }}` with a rule for sudo"
            ))
        } else if said.contains(&format!("Unit {unit}")) && said.contains("not found") {
            error(format!("cannot restart `{unit}`: there is no such unit"))
                .hint("correct the project's `units`, or run `systemctl daemon-reload` if the unit's file is new")
        } else if said.contains("is masked") {
            error(format!("cannot restart `{unit}`: it is masked"))
                .hint(format!("`systemctl unmask {unit}` allows to start it again"))
        } else if let Some((_, reason)) =
            said.strip_prefix("Job for ").and_then(|line| line.lines().next()?.split_once(' '))
        {
            let entries = self.journal.entries_of_failure(unit, started, TOLD_LINES).await;
            let lines: String =
                entries.iter().map(|entry| format!("\n{}", entry.message)).collect();
            error(format!(
                "cannot restart `{unit}`: its job {}{lines}",
                reason.trim_end_matches('.')
            ))
            .hint(format!("`systemctl status {unit}` tells more"))
        } else {
            error(format!("cannot restart `{unit}`: `systemctl` ended with {}: {said}", output.end))
        }
    }

    /// Sets back the counters of a unit's crashes. Where that is not allowed or there is nothing to
    /// forget, the restart itself tells more.
    async fn forget_crashes(&self, unit: &UnitName) {
        drop(
            self.systemctl(
                &["reset-failed", "--no-ask-password"],
                unit,
                QUERY_DEADLINE,
                &Cancel::new(),
            )
            .await,
        );
    }

    /// Why systemd could not even be asked, if that is what `said` means.
    fn connection_error(&self, said: &str) -> Option<Error> {
        if said.contains("not been booted with systemd") {
            return Some(
                Error::new(ErrorKind::Service, "systemd does not run on this machine")
                    .hint("set the project's `restart` to `\"none\"` or to `{ command = \"…\" }`"),
            );
        }
        let reason = said.lines().find_map(|line| line.strip_prefix("Failed to connect to "))?;
        let hint = match self.journal.bus {
            Bus::System => "the daemon needs access to /run/dbus/system_bus_socket",
            Bus::User => {
                "the user's systemd runs only while the user is logged in, or for ever after `loginctl enable-linger USER`; XDG_RUNTIME_DIR must be set"
            }
        };
        Some(
            Error::new(
                ErrorKind::Service,
                format!("cannot speak to systemd: no connection to {reason}"),
            )
            .hint(hint),
        )
    }
}

#[async_trait]
impl ServiceManager for Systemd {
    fn name(&self) -> &str {
        "systemd"
    }

    async fn restart(&self, unit: &UnitName, cancel: &Cancel) -> Result<()> {
        let started = Timestamp::now();
        // A unit that has crashed too often is not started again by systemd until somebody says so.
        self.forget_crashes(unit).await;
        // Nobody is there to type a password.
        let output =
            self.systemctl(&["restart", "--no-ask-password"], unit, self.deadline, cancel).await?;
        match output.end {
            End::Exited(0) => {
                // The counter of restarts outlives a restart that comes while the unit waits for
                // its next one, and would be held against what runs now.
                self.forget_crashes(unit).await;
                Ok(())
            }
            End::Cancelled => cancel.check(),
            _ => Err(self.restart_error(unit, &output, started).await),
        }
    }

    async fn state(&self, unit: &UnitName) -> Result<UnitState> {
        let output = self
            .systemctl(&["show", "--property", PROPERTIES], unit, QUERY_DEADLINE, &Cancel::new())
            .await?;
        if output.success() {
            return Ok(read_state(&output.text()));
        }
        let said = output.tail(3);
        Err(self.connection_error(&said).unwrap_or_else(|| {
            Error::new(
                ErrorKind::Service,
                format!(
                    "cannot read the state of `{unit}`: `systemctl` ended with {}: {said}",
                    output.end
                ),
            )
        }))
    }

    async fn journal(
        &self,
        unit: &UnitName,
        since: &Since,
        limit: usize,
    ) -> Result<Vec<JournalEntry>> {
        self.journal.entries(unit, since, limit).await
    }
}

/// Reads the lines `Property=value` of `systemctl show`; what a unit's type does not have is
/// missing or empty.
fn read_state(text: &str) -> UnitState {
    let mut state = UnitState::default();
    for (property, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match property {
            "LoadState" => state.load = word(value),
            "ActiveState" => state.active = word(value),
            "SubState" => value.clone_into(&mut state.sub),
            "Result" => value.clone_into(&mut state.result),
            "Type" => state.oneshot = value == "oneshot",
            "NRestarts" => state.restarts = value.parse().unwrap_or_default(),
            "MainPID" => state.main_pid = value.parse().unwrap_or_default(),
            "ActiveEnterTimestampMonotonic" => state.since = value.parse().unwrap_or_default(),
            _ => {}
        }
    }
    state
}

/// The state that a word of systemd's stands for.
fn word<'de, S: Deserialize<'de> + Default>(word: &'de str) -> S {
    let word: value::StrDeserializer<'de, value::Error> = word.into_deserializer();
    S::deserialize(word).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::{ActiveState, LoadState};

    #[test]
    fn a_unit_without_restarts_or_processes_has_a_state_too() {
        let timer = "Result=success\nLoadState=loaded\nActiveState=active\nSubState=waiting\nActiveEnterTimestampMonotonic=17\n";
        let expected = UnitState {
            load: LoadState::Loaded,
            active: ActiveState::Active,
            sub: "waiting".into(),
            result: "success".into(),
            since: 17,
            ..UnitState::default()
        };
        assert_eq!(read_state(timer), expected);
    }
}
