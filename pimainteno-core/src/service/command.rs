//! Services that a command restarts.

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;

use super::{JournalEntry, ServiceManager, Since, Systemd, UnitState, plain};
use crate::{
    error::{Error, ErrorKind, Result},
    process::{Cancel, Command, End, Environment},
    words::UnitName,
};

/// How long the command may take.
const DEADLINE: Duration = Duration::from_secs(3 * 60);

/// How many lines of what the command wrote are told when it fails.
const TOLD_LINES: usize = 10;

/// Restarts by a shell command; what it starts stays when it has ended.
///
/// It runs in the checkout, once for each unit, with the unit's name, which may be any text, in
/// `PIMAINTENO_UNIT`. What it leaves running must write elsewhere than to the command's own output,
/// which is closed when the command has ended. Nothing is known of the state, and only a health probe
/// can tell; of units that systemd watches it is what systemd says.
#[derive(Clone, Debug)]
pub struct RestartCommand {
    known: Option<(Systemd, Vec<UnitName>)>,
    command: String,
    checkout: PathBuf,
    environment: Environment,
}

impl RestartCommand {
    /// Restarts by `command`, run by `sh -c` in `checkout`.
    pub fn new(
        command: impl Into<String>,
        checkout: impl Into<PathBuf>,
        environment: Environment,
    ) -> Self {
        Self { known: None, command: command.into(), checkout: checkout.into(), environment }
    }

    /// The same where `systemd` knows the state and the journal of these units.
    #[must_use]
    pub fn known_to(mut self, systemd: Systemd, units: &[UnitName]) -> Self {
        self.known = Some((systemd, units.to_vec()));
        self
    }

    fn known(&self, unit: &UnitName) -> Option<&Systemd> {
        let (systemd, units) = self.known.as_ref()?;
        units.contains(unit).then_some(systemd)
    }
}

#[async_trait]
impl ServiceManager for RestartCommand {
    fn name(&self) -> &str {
        "command"
    }

    async fn restart(&self, unit: &UnitName, cancel: &Cancel) -> Result<()> {
        let command = Command::shell(&self.command)
            .directory(&self.checkout)
            .environment(&self.environment)
            .env("PIMAINTENO_UNIT", unit.as_str())
            .timeout(DEADLINE)
            .cancel(cancel)
            .keep_descendants();
        let output = command.run().await?;
        match output.end {
            End::Exited(0) => Ok(()),
            End::Cancelled => cancel.check(),
            end => {
                let message = format!(
                    "cannot restart `{unit}`: the restart command failed: `{}`: {end}",
                    self.command
                );
                Err(Error::new(ErrorKind::Service, told(message, &output.tail(TOLD_LINES))))
            }
        }
    }

    async fn state(&self, unit: &UnitName) -> Result<UnitState> {
        match self.known(unit) {
            Some(systemd) => systemd.state(unit).await,
            None => Ok(UnitState::default()),
        }
    }

    async fn journal(
        &self,
        unit: &UnitName,
        since: &Since,
        limit: usize,
    ) -> Result<Vec<JournalEntry>> {
        match self.known(unit) {
            Some(systemd) => systemd.journal(unit, since, limit).await,
            None => Ok(Vec::new()),
        }
    }
}

/// The message, with what was written below it if there is something.
fn told(message: String, written: &str) -> String {
    if written.is_empty() { message } else { format!("{message}\n{}", plain(written)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restart_command(command: &str) -> RestartCommand {
        RestartCommand::new(command, "/tmp", Environment::default().with("PATH", "/usr/bin:/bin"))
    }

    #[tokio::test]
    async fn the_service_that_the_command_starts_keeps_running() {
        let directory = tempfile::tempdir().unwrap();
        let pid_file = directory.path().join("pid");
        let command =
            format!("sleep 60 >/dev/null 2>&1 & echo $! $PIMAINTENO_UNIT >{}", pid_file.display());
        restart_command(&command)
            .restart(&"web.service".parse().unwrap(), &Cancel::new())
            .await
            .unwrap();
        let written = std::fs::read_to_string(pid_file).unwrap();
        let (pid, unit) = written.trim().split_once(' ').unwrap();
        assert_eq!(unit, "web.service");
        let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        // A process that was killed and not yet waited for could still be signalled; it has no
        // command line any more.
        assert!(
            std::fs::read_to_string(format!("/proc/{}/cmdline", pid.as_raw_nonzero()))
                .unwrap()
                .starts_with("sleep")
        );
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }

    #[tokio::test]
    async fn a_command_that_fails_says_what_it_wrote() {
        let error = restart_command("pwd; echo no such container >&2; exit 4")
            .restart(&"web".parse().unwrap(), &Cancel::new())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Service);
        assert!(error.message().contains("exit code 4\nno such container"), "{error}");
    }

    #[tokio::test]
    async fn a_raised_flag_stops_the_command() {
        let cancel = Cancel::new();
        cancel.raise();
        assert_eq!(
            restart_command("sleep 60")
                .restart(&"web".parse().unwrap(), &cancel)
                .await
                .unwrap_err()
                .kind(),
            ErrorKind::Cancelled
        );
    }
}
