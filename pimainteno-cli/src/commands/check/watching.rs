//! Whether units that fail are seen, and what they say can be read.

use std::time::Duration;

use pimainteno_core::{
    UnitName,
    config::{Bus, Config, Project, RestartConfig},
    process::Environment,
    service::{Journal, LoadState, ServiceManager as _, Since, Systemd},
};
use tokio::time::timeout;

use super::{Finding, Items};

/// How long a question to systemd may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is looked at.
pub(super) struct Watching {
    is_enabled: bool,
    bus: Bus,
    environment: Environment,
    /// The units that the configuration names, and whether they were only guessed.
    units: Vec<(UnitName, bool)>,
    /// The projects of which services are seen that nobody names.
    unnamed: Vec<Project>,
}

impl Watching {
    /// What this configuration has watched.
    pub(super) fn new(config: &Config, environment: &Environment) -> Self {
        let monitor = &config.systemd_monitor;
        let mut units: Vec<_> = monitor.units.iter().map(|unit| (unit.clone(), false)).collect();
        let mut unnamed = Vec::new();
        if units.is_empty() {
            unnamed = config.projects();
            let of_systemd = |project: &&Project| project.restart == RestartConfig::Systemd;
            for project in unnamed.iter().filter(of_systemd) {
                let is_guessed = !project.units_are_explicit;
                units.extend(project.units.iter().map(|unit| (unit.clone(), is_guessed)));
            }
        }
        units.sort();
        units.dedup();
        let environment = environment.clone();
        Self { is_enabled: monitor.enabled, bus: monitor.bus, environment, units, unnamed }
    }
}

/// Looks whether the units are seen.
pub(super) async fn look(watching: &Watching, items: &mut Items) {
    if !watching.is_enabled {
        return items.ok("watching", "off: `[systemd_monitor]` is not enabled");
    }
    let systemd = Systemd::new(watching.bus, watching.environment.clone());
    match timeout(DEADLINE, systemd.connect()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return items.error("watching", Finding::Problem, &error),
        Err(_) => {
            return items.problem(
                "watching",
                "systemd does not answer on its bus",
                "look at `systemctl status`",
            );
        }
    }
    let (mut there, mut guessed, mut awaited) = (Vec::new(), Vec::new(), Vec::new());
    for (unit, is_guessed) in &watching.units {
        let Ok(state) = timeout(DEADLINE, systemd.state(unit)).await else {
            items.problem(
                "watching",
                format!("systemd does not say what `{unit}` is"),
                "look at `systemctl status`",
            );
            continue;
        };
        match state.map(|state| state.load) {
            Ok(LoadState::NotFound) if *is_guessed => {}
            Ok(LoadState::NotFound) => awaited.push(unit),
            Ok(_) if *is_guessed => guessed.push(unit),
            Ok(_) => there.push(unit),
            Err(error) => items.error("watching", Finding::Problem, &error),
        }
    }
    let names = |units: &[&UnitName]| {
        units.iter().map(|unit| format!("`{unit}`")).collect::<Vec<_>>().join(", ")
    };
    if !there.is_empty() {
        items.ok("watching", format!("seen when it fails: {}", names(&there)));
    }
    if !guessed.is_empty() {
        let message =
            format!("seen when it fails, if it runs from the project: {}", names(&guessed));
        items.note("watching", message, "if it does, name it in the project's `units`");
    }
    if !awaited.is_empty() {
        let message = format!("not there, and watched from when it is: {}", names(&awaited));
        items.note("watching", message, "correct `units`, or install it");
    }
    match systemd.unnamed_services(&watching.unnamed).await {
        Ok(found) if found.is_empty() => {}
        Ok(found) => {
            let found: Vec<_> = found.iter().collect();
            items.ok("watching", format!("seen, as it runs from a checkout: {}", names(&found)));
        }
        Err(error) => items.error("watching", Finding::Problem, &error),
    }
    let Some(unit) = there.first() else { return };
    let journal = Journal::new(watching.bus, watching.environment.clone());
    match journal.entries(unit, &Since::Beginning, 1).await {
        Ok(entries) if entries.is_empty() => items.note(
            "journal",
            format!("has nothing of `{unit}`"),
            "unless it was never started: the daemon's user must be in the group `systemd-journal`, or what it says is not known and nobody is asked about it",
        ),
        Ok(_) => items.ok("journal", "what units say can be read"),
        Err(error) => items.error("journal", Finding::Problem, &error),
    }
}
