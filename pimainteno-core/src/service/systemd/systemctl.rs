//! systemd by way of `systemctl`: where there is no bus, and for what is asked now and then.

use std::{collections::BTreeSet, time::Duration};

use super::{QUERY_DEADLINE, Systemd, TOLD_LINES, Verb, refusal::Refusal};
use crate::{
    config::Bus,
    error::{Error, ErrorKind, Result},
    process::{Cancel, Command, End, Output},
    service::{UnitState, properties::PROPERTIES},
    words::UnitName,
};

impl Systemd {
    /// Restarts a unit, or has it reload.
    pub(super) async fn act_by_systemctl(
        &self,
        unit: &UnitName,
        verb: Verb,
        cancel: &Cancel,
    ) -> std::result::Result<(), Refusal> {
        let verb = match verb {
            Verb::Restart => "restart",
            Verb::Reload => "reload-or-restart",
        };
        // A unit that has crashed too often is not started again by systemd until somebody says so.
        self.forget_crashes(unit).await;
        // Nobody is there to type a password.
        let done =
            self.systemctl(&[verb, "--no-ask-password"], &[unit], self.deadline, cancel).await;
        let output = done.map_err(Refusal::Other)?;
        match output.end {
            End::Exited(0) => {
                // As by the bus.
                if self.has_old_counter(unit).await {
                    self.forget_crashes(unit).await;
                }
                Ok(())
            }
            _ => Err(self.refusal(unit, &output)),
        }
    }

    /// The state of a unit.
    pub(super) async fn state_by_systemctl(&self, unit: &UnitName) -> Result<UnitState> {
        let text = self.show(&PROPERTIES.join(","), &[unit]).await?;
        let mut state = UnitState::default();
        for (property, value) in text.lines().filter_map(|line| line.split_once('=')) {
            state.note(property, value);
        }
        Ok(state)
    }

    /// Whether the files of one of these units are others than systemd has read.
    pub(super) async fn have_changed_files(&self, units: &[UnitName]) -> Result<bool> {
        let units: Vec<_> = units.iter().collect();
        if units.is_empty() {
            return Ok(false);
        }
        let text = self.show("NeedDaemonReload", &units).await?;
        Ok(text.lines().any(|line| line == "NeedDaemonReload=yes"))
    }

    /// Reads the files of all units again; why it cannot, if so.
    pub(super) async fn reload_by_systemctl(&self) -> std::result::Result<(), String> {
        let done = self
            .systemctl(&["daemon-reload", "--no-ask-password"], &[], self.deadline, &Cancel::new())
            .await
            .map_err(|error| error.to_string())?;
        if done.success() { Ok(()) } else { Err(done.tail(3)) }
    }

    /// These units, each behind those of them that it is started after; as they are where that
    /// cannot be found out.
    pub(super) async fn ordered(&self, units: Vec<UnitName>) -> Vec<UnitName> {
        let all: Vec<_> = units.iter().collect();
        let Ok(text) = self.show("Id,Names,After", &all).await else { return units };
        // A block a unit, in the order in which they were asked for.
        let blocks: Vec<_> = text.split("\n\n").collect();
        if blocks.len() != units.len() {
            return units;
        }
        let words = |block: &str, key: &str| -> BTreeSet<String> {
            let line = block.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let names: Vec<_> = blocks.iter().map(|block| words(block, "Names=")).collect();
        let after: Vec<_> = blocks.iter().map(|block| words(block, "After=")).collect();
        let mut left: Vec<_> = (0..units.len()).collect();
        let mut order = Vec::new();
        while !left.is_empty() {
            let waits = |at: &usize| {
                let others = left.iter().filter(|other| *other != at);
                others.into_iter().any(|other| !after[*at].is_disjoint(&names[*other]))
            };
            // systemd refuses a circle; if there is one all the same, the first breaks it.
            let next = left.iter().position(|at| !waits(at)).unwrap_or(0);
            order.push(left.remove(next));
        }
        let mut units: Vec<_> = units.into_iter().map(Some).collect();
        order.into_iter().filter_map(|at| units[at].take()).collect()
    }

    /// Properties of units, as lines `Property=value`, a block a unit.
    async fn show(&self, properties: &str, units: &[&UnitName]) -> Result<String> {
        let output = self
            .systemctl(&["show", "--property", properties], units, QUERY_DEADLINE, &Cancel::new())
            .await?;
        if output.success() {
            return Ok(output.text());
        }
        let said = output.tail(3);
        Err(self.connection_error(&said).unwrap_or_else(|| {
            let units = units.iter().map(|unit| format!("`{unit}`")).collect::<Vec<_>>().join(", ");
            Error::new(
                ErrorKind::Service,
                format!(
                    "cannot read the state of {units}: `systemctl` ended with {}: {said}",
                    output.end
                ),
            )
        }))
    }

    /// Runs `systemctl` with `arguments` on `units`.
    async fn systemctl(
        &self,
        arguments: &[&str],
        units: &[&UnitName],
        deadline: Duration,
        cancel: &Cancel,
    ) -> Result<Output> {
        for unit in units {
            // One that was never looked at could be a pattern, which names several.
            unit.parse::<UnitName>()?;
        }
        let user = (self.journal.bus == Bus::User).then_some("--user");
        let command = Command::new("systemctl")
            .args(user)
            .args(arguments)
            .arg("--")
            .args(units.iter().map(|unit| unit.as_str()))
            .envs(self.journal.environment.iter())
            .timeout(deadline)
            .cancel(cancel);
        command.run().await.map_err(|source| {
            Error::new(ErrorKind::Service, "cannot speak to systemd")
                .source(source)
                .hint("without systemd, set the project's `restart` to `\"none\"` or to `{ command = \"…\" }`")
        })
    }

    /// Why `systemctl` could not restart `unit`.
    fn refusal(&self, unit: &UnitName, output: &Output) -> Refusal {
        let said = output.tail(TOLD_LINES);
        if output.end == End::TimedOut {
            Refusal::TimedOut(self.deadline)
        } else if let Some(error) = self.connection_error(&said) {
            Refusal::Other(error)
        } else if said.contains("authentication required") || said.contains("Access denied") {
            Refusal::NotAllowed
        } else if said.contains(&format!("Unit {unit}")) && said.contains("not found") {
            Refusal::NoSuchUnit
        } else if said.contains("is masked") {
            Refusal::Masked
        } else if let Some((_, reason)) =
            said.strip_prefix("Job for ").and_then(|line| line.lines().next()?.split_once(' '))
        {
            Refusal::Job(reason.trim_end_matches('.').to_owned())
        } else {
            Refusal::Said(format!("`systemctl` ended with {}: {said}", output.end))
        }
    }

    /// Sets back the counters of a unit's crashes. Where that is not allowed or there is nothing to
    /// forget, the restart itself tells more.
    async fn forget_crashes(&self, unit: &UnitName) {
        drop(
            self.systemctl(
                &["reset-failed", "--no-ask-password"],
                &[unit],
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

#[cfg(test)]
mod tests {
    use crate::service::{ActiveState, LoadState, UnitState};

    #[test]
    fn a_unit_without_restarts_or_processes_has_a_state_too() {
        let timer = "Result=success\nLoadState=loaded\nActiveState=active\nSubState=waiting\nActiveEnterTimestampMonotonic=17\n";
        let mut state = UnitState::default();
        for (property, value) in timer.lines().filter_map(|line| line.split_once('=')) {
            state.note(property, value);
        }
        let expected = UnitState {
            load: LoadState::Loaded,
            active: ActiveState::Active,
            sub: "waiting".into(),
            result: "success".into(),
            since: 17,
            ..UnitState::default()
        };
        assert_eq!(state, expected);
    }
}
