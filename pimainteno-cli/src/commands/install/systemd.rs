//! What systemd is asked and told about the service.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use pimainteno_core::{
    Error, ErrorKind, Result,
    process::{Command, End, Environment, Output},
};

use super::{
    place::{Manager, UNIT},
    plan::Change,
};
use crate::setup;

/// How long an answer may take.
const QUERY: Duration = Duration::from_secs(20);

/// How long a start, a stop or a restart may take: a little more than systemd grants the unit.
const ACT: Duration = Duration::from_secs(200);

/// How many of its last lines are told of a service that does not start.
const TOLD_LINES: &str = "15";

/// The systemd of the machine or of the user.
pub(super) struct Systemd {
    manager: Manager,
    environment: Environment,
}

/// What systemd knows of the service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// Whether it has read the unit.
    pub(super) is_loaded: bool,
    /// Whether the service runs.
    pub(super) is_active: bool,
    /// Whether it is started with the machine or the session.
    pub(super) is_enabled: bool,
    /// Whether the unit's file is another than the one that systemd has read.
    pub(super) is_outdated: bool,
    /// Its main process; 0 if there is none.
    pub(super) process: u32,
}

/// What is to be done by systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It reads its units again.
    ReloadUnits,
    /// The service starts with the machine or the session from now on.
    Enable,
    /// It starts now.
    Start,
    /// It runs, and starts anew.
    Restart,
    /// It stops, and does not start by itself any more.
    Disable,
}

impl Systemd {
    pub(super) fn new(manager: Manager) -> Self {
        // What is read from its answers must not depend on the user's language.
        let mut environment = setup::environment().with("LC_ALL", "C");
        if manager == Manager::User && environment.get("XDG_RUNTIME_DIR").is_none() {
            // Whoever came by `su` or from cron has not got the variable.
            let usual = format!("/run/user/{}", rustix::process::geteuid().as_raw());
            if Path::new(&usual).is_dir() {
                environment = environment.with("XDG_RUNTIME_DIR", usual);
            }
        }
        Self { manager, environment }
    }

    /// What it knows of the service.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if it cannot be asked.
    pub(super) async fn state(&self) -> Result<State> {
        let properties = "--property=LoadState,ActiveState,UnitFileState,NeedDaemonReload,MainPID";
        let output = self.systemctl(&["show", properties, UNIT], QUERY).await?;
        if !output.success() {
            return Err(self.unreachable(&output));
        }
        Ok(State::read(&output.text()))
    }

    /// Which of `units` exist.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if it cannot be asked.
    pub(super) async fn has_unit(&self, unit: &str) -> Result<bool> {
        let output =
            self.systemctl(&["show", "--property=LoadState", "--value", "--", unit], QUERY).await?;
        if !output.success() {
            return Err(self.unreachable(&output));
        }
        Ok(output.text().trim() != "not-found")
    }

    /// Has it do something.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if it does not succeed.
    pub(super) async fn carry_out(&self, step: Step) -> Result<()> {
        if matches!(step, Step::Start | Step::Restart) {
            // One that has failed too often would not be started again.
            drop(self.systemctl(&["reset-failed", UNIT], QUERY).await);
        }
        let output = self.systemctl(step.arguments(), ACT).await?;
        if output.success() {
            return Ok(());
        }
        let what = self.words(step);
        let said = output.tail(5);
        let error = match output.end {
            End::TimedOut => format!("`{what}` is not done after {} s", ACT.as_secs()),
            _ => format!("`{what}` does not succeed: {}", said.trim_end()),
        };
        let error = Error::new(ErrorKind::Service, error);
        if matches!(step, Step::Start | Step::Restart) {
            return Err(self.with_journal(error).await);
        }
        Err(error)
    }

    /// The command that a person would type for a step.
    pub(super) fn words(&self, step: Step) -> String {
        format!("{} {}", self.manager.systemctl(), step.arguments().join(" "))
    }

    /// The error with what the service has logged last, and where more of it is.
    pub(super) async fn with_journal(&self, error: Error) -> Error {
        let command = Command::new("journalctl")
            .args(self.manager.option())
            .args(["--unit", UNIT, "--lines", TOLD_LINES, "--output", "cat", "--no-pager"])
            .args(["--quiet"])
            .envs(self.environment.iter())
            .timeout(QUERY);
        let lines = match command.run().await {
            Ok(output) if output.success() => output.text(),
            _ => String::new(),
        };
        let mut message = error.message().to_owned();
        for line in lines.lines() {
            message.push_str("\n  ");
            message.push_str(line);
        }
        let hint = format!(
            "put right what it says and install again; `{} --unit {UNIT}` tells more",
            self.manager.journalctl()
        );
        Error::new(error.kind(), message).hint(hint)
    }

    async fn systemctl(&self, arguments: &[&str], limit: Duration) -> Result<Output> {
        let command = Command::new("systemctl").args(self.manager.option()).args(arguments);
        command.envs(self.environment.iter()).timeout(limit).run().await.map_err(|source| {
            Error::new(ErrorKind::Service, "cannot speak to systemd").source(source).hint(
                "a machine without systemd starts `pi-mainteno` by its own means; it needs no more than to be kept running",
            )
        })
    }

    fn unreachable(&self, output: &Output) -> Error {
        let said = output.tail(3);
        let hint = match self.manager {
            Manager::System => "it has to be the machine's init (process 1)",
            Manager::User => {
                "the user's systemd runs while the user is logged in, or for ever after `loginctl enable-linger USER`"
            }
        };
        Error::new(ErrorKind::Service, format!("cannot speak to systemd: {}", said.trim_end()))
            .hint(hint)
    }
}

impl State {
    /// Reads the lines `Property=value` of `systemctl show`.
    fn read(text: &str) -> Self {
        let value = |name: &str| {
            let line =
                |line: &'_ str| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
            text.lines().find_map(line).unwrap_or_default()
        };
        Self {
            is_loaded: value("LoadState") == "loaded",
            is_active: matches!(value("ActiveState").as_str(), "active" | "reloading"),
            is_enabled: value("UnitFileState") == "enabled",
            is_outdated: value("NeedDaemonReload") == "yes",
            process: value("MainPID").parse().unwrap_or(0),
        }
    }
}

impl Step {
    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::ReloadUnits => &["daemon-reload"],
            Self::Enable => &["enable", "--quiet", UNIT],
            Self::Start => &["start", UNIT],
            Self::Restart => &["restart", UNIT],
            Self::Disable => &["disable", "--now", "--quiet", UNIT],
        }
    }
}

/// What systemd has to do for `changes` to come into force.
pub(super) fn steps(changes: &[Change], state: &State, program: &Path) -> Vec<Step> {
    let changed =
        |is_meant: fn(&Path) -> bool| changes.iter().any(|change| is_meant(&change.file.path));
    let is_unit = |path: &Path| path.extension().is_some_and(|end| end == "service");
    let is_read = |path: &Path| {
        path.file_name().is_some_and(|name| name == UNIT || name == "PiMainteno.toml")
    };
    let mut steps = Vec::new();
    if changed(is_unit) || state.is_outdated {
        steps.push(Step::ReloadUnits);
    }
    if !state.is_enabled {
        steps.push(Step::Enable);
    }
    if !state.is_active {
        steps.push(Step::Start);
    } else if changed(is_read) || state.is_outdated || is_other_program(state.process, program) {
        steps.push(Step::Restart);
    }
    steps
}

/// Whether the process runs another program than the one that is at this path now, as after an
/// update.
fn is_other_program(process: u32, program: &Path) -> bool {
    let identity =
        |path: PathBuf| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    let runs = identity(format!("/proc/{process}/exe").into());
    runs.zip(identity(program.to_owned())).is_some_and(|(runs, is)| runs != is)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::install::{place::Places, plan, tests::service};

    const RUNNING: &str = "LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nNeedDaemonReload=no\nMainPID=0\n";

    /// Changes of files of the service whose path ends so.
    fn changed(end: &str) -> Vec<Change> {
        let files = plan::files(&service(), &Places::of_system(), Some(""), true).unwrap();
        let files = files.into_iter().filter(|file| file.path.ends_with(end));
        files.map(|file| Change { file, old: None }).collect()
    }

    fn of(changes: &[Change], state: &str) -> Vec<Step> {
        steps(changes, &State::read(state), Path::new("/nowhere"))
    }

    #[test]
    fn nothing_is_done_for_a_service_that_runs_as_it_should() {
        assert_eq!(of(&[], RUNNING), []);
        assert_eq!(of(&changed("pi-mainteno.1"), RUNNING), []);
        assert_eq!(of(&changed("50-pi-mainteno.rules"), RUNNING), []);
    }

    #[test]
    fn what_changed_decides_what_is_done() {
        assert_eq!(of(&changed(UNIT), RUNNING), [Step::ReloadUnits, Step::Restart]);
        assert_eq!(of(&changed("pi-mainteno-failed@.service"), RUNNING), [Step::ReloadUnits]);
        assert_eq!(of(&changed("PiMainteno.toml"), RUNNING), [Step::Restart]);
        assert_eq!(of(&[], &RUNNING.replace("=active", "=failed")), [Step::Start]);
        assert_eq!(of(&[], &RUNNING.replace("=enabled", "=disabled")), [Step::Enable]);
        assert_eq!(
            of(&[], &RUNNING.replace("Reload=no", "Reload=yes")),
            [Step::ReloadUnits, Step::Restart]
        );
        assert_eq!(of(&changed(UNIT), ""), [Step::ReloadUnits, Step::Enable, Step::Start]);
    }

    #[test]
    fn a_program_that_took_the_place_of_the_one_that_runs_is_started() {
        let own = std::env::current_exe().unwrap();
        assert!(!is_other_program(std::process::id(), &own));
        assert!(is_other_program(std::process::id(), Path::new("/bin/sh")));
        assert!(!is_other_program(std::process::id(), Path::new("/nowhere")));
    }
}
