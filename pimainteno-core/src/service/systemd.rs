//! Units that systemd manages: by its bus, or by way of `systemctl` where there is none.

pub(crate) mod bus;
pub(crate) mod places;
mod refusal;
mod systemctl;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use tokio::time::timeout;

use self::{
    bus::{Manager1, Verb},
    refusal::Refusal,
};
use super::{ActiveState, Journal, JournalEntry, ServiceManager, Since, UnitState};
use crate::{
    config::Bus,
    error::{Error, ErrorKind, Result},
    incident::{Cause, Ending, Phase},
    process::{Cancel, Environment},
    words::UnitName,
};

/// How long a restart may take: a little more than the 90 s to stop and the 90 s to start that
/// systemd grants a unit by default.
const RESTART_DEADLINE: Duration = Duration::from_secs(190);

/// How long systemd may take to say what state a unit is in.
const QUERY_DEADLINE: Duration = Duration::from_secs(10);

/// How many of a unit's last log lines are told when its start fails.
const TOLD_LINES: usize = 10;

/// Restarts units, of the machine's systemd or of the user's.
#[derive(Clone, Debug)]
pub struct Systemd {
    deadline: Duration,
    journal: Journal,
}

impl Systemd {
    /// The systemd of `bus`; where its bus is not to be had, `systemctl` is looked for in the `PATH`
    /// of `environment`.
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

    /// Connects to its bus, as whoever watches units does.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if it does not answer there.
    pub async fn connect(&self) -> Result<()> {
        let connected = async { self.manager().await?.manager.subscribe().await };
        connected.await.map_err(|source| {
            Error::new(ErrorKind::Service, "systemd cannot be reached by its bus").source(source).hint(
                match self.journal.bus {
                    Bus::System => "D-Bus must run, and this user reach /run/dbus/system_bus_socket",
                    Bus::User => "`bus = \"user\"` needs XDG_RUNTIME_DIR, and a systemd of the user's: `loginctl enable-linger` keeps it",
                },
            )
        })
    }

    async fn manager(&self) -> zbus::Result<Manager1> {
        Manager1::connect(self.journal.bus, &self.journal.environment).await
    }

    /// Does something with a unit, by the bus if there is one.
    async fn act(&self, unit: &UnitName, verb: Verb, cancel: &Cancel) -> Result<()> {
        // One that was never looked at could be a pattern, which names several.
        unit.parse::<UnitName>()?;
        let started = Timestamp::now();
        let acting = async {
            match self.manager().await {
                Ok(manager) => self.act_by_bus(&manager, unit, verb).await,
                Err(_) => self.act_by_systemctl(unit, verb, cancel).await,
            }
        };
        let refusal = tokio::select! {
            biased;
            () = raised(cancel) => return cancel.check(),
            done = acting => match done {
                Ok(()) => return Ok(()),
                Err(refusal) => refusal,
            },
        };
        let entries = match &refusal {
            Refusal::Job(_) => self.journal.entries_of_failure(unit, started, TOLD_LINES).await,
            _ => Vec::new(),
        };
        let user = self.journal.environment.get("USER").and_then(|user| user.to_str());
        Err(refusal.into_error(unit, verb, self.journal.bus, user, &entries))
    }

    async fn act_by_bus(
        &self,
        manager: &Manager1,
        unit: &UnitName,
        verb: Verb,
    ) -> std::result::Result<(), Refusal> {
        // A unit that has crashed too often is not started again by systemd until somebody says so.
        // Where that is not allowed or there is nothing to forget, the restart itself tells more.
        drop(manager.manager.reset_failed_unit(unit).await);
        self.start_triggers(unit).await;
        match timeout(self.deadline, manager.do_job(unit, verb)).await {
            Err(_) => Err(Refusal::TimedOut(self.deadline)),
            Ok(Err(error)) => Err(Refusal::of_bus(error)),
            Ok(Ok(result)) if matches!(result.as_str(), "done" | "skipped") => {
                // The counter of restarts outlives a restart that comes while the unit waits for
                // its next one, and would be held against what runs now.
                if self.has_old_counter(unit).await {
                    drop(manager.manager.reset_failed_unit(unit).await);
                }
                Ok(())
            }
            Ok(Ok(result)) if result == "failed" => {
                Err(Refusal::Job(format!("failed{}", self.how_it_ended(unit).await)))
            }
            Ok(Ok(result)) => Err(Refusal::of_job(&result)),
        }
    }

    /// Starts what starts a unit, where that has given up: a socket whose service crashed too often
    /// does not listen any more. Where that is not allowed, the unit itself is all that there is.
    async fn start_triggers(&self, unit: &UnitName) {
        let Ok(state) = self.state(unit).await else { return };
        for trigger in state.triggered_by {
            let has_failed = self.state(&trigger).await;
            if has_failed.is_ok_and(|state| state.active == ActiveState::Failed)
                && let Ok(manager) = self.manager().await
            {
                drop(manager.manager.reset_failed_unit(&trigger).await);
                match timeout(QUERY_DEADLINE, manager.do_job(&trigger, Verb::Restart)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => {
                        tracing::warn!(%unit, %trigger, %error, "What starts the unit has failed, and cannot be started.");
                    }
                    Err(_) => {
                        tracing::warn!(%unit, %trigger, "What starts the unit has failed, and does not start.");
                    }
                }
            }
        }
    }

    /// Whether a unit that was just restarted runs with restarts on its counter. One that has failed
    /// since keeps what says so.
    async fn has_old_counter(&self, unit: &UnitName) -> bool {
        let state = self.state(unit).await;
        state.is_ok_and(|state| state.active == ActiveState::Active && state.restarts > 0)
    }

    /// How a unit ended that has just failed, as the end of a sentence; nothing if that is not known.
    async fn how_it_ended(&self, unit: &UnitName) -> String {
        let Ok(state) = self.state(unit).await else { return String::new() };
        let ending = Ending {
            result: state.result,
            code: state.code,
            status: state.status,
            phase: Phase::Starting,
            ..Ending::default()
        };
        format!(": it {}", Cause::of(&ending).text)
    }
}

#[async_trait]
impl ServiceManager for Systemd {
    fn name(&self) -> &str {
        "systemd"
    }

    async fn restart(&self, unit: &UnitName, cancel: &Cancel) -> Result<()> {
        self.act(unit, Verb::Restart, cancel).await
    }

    async fn reload(&self, unit: &UnitName, cancel: &Cancel) -> Result<()> {
        self.act(unit, Verb::Reload, cancel).await
    }

    async fn state(&self, unit: &UnitName) -> Result<UnitState> {
        // One that was never looked at could be a pattern, which names several.
        unit.parse::<UnitName>()?;
        let by_bus = async {
            let manager = self.manager().await?;
            let path = manager.manager.load_unit(unit).await?;
            manager.state(&path, unit).await
        };
        match timeout(QUERY_DEADLINE, by_bus).await {
            Ok(Ok(state)) => Ok(state),
            // It knows better what is missing.
            _ => self.state_by_systemctl(unit).await,
        }
    }

    async fn take_up_files(&self, units: &[UnitName]) -> Result<bool> {
        if !self.have_changed_files(units).await? {
            return Ok(false);
        }
        let error = |reason: String| {
            Error::new(ErrorKind::Service, format!("systemd cannot read unit files again: {reason}"))
                .hint("run `systemctl daemon-reload`, or let a polkit rule allow `org.freedesktop.systemd1.reload-daemon` to this user")
        };
        match self.manager().await {
            Ok(manager) => {
                manager.manager.reload().await.map_err(|source| error(source.to_string()))?;
            }
            Err(_) => self.reload_by_systemctl().await.map_err(error)?,
        }
        Ok(true)
    }

    async fn in_order(&self, units: Vec<UnitName>) -> Vec<UnitName> {
        if units.len() < 2 {
            return units;
        }
        self.ordered(units).await
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

async fn raised(cancel: &Cancel) {
    loop {
        cancel.raised().await;
        if cancel.check().is_err() {
            return;
        }
    }
}
