//! What `PiMainteno.toml` says, as data.
//!
//! [`find`] says which file it is, [`Config::load`] reads and checks it. [`Config`] mirrors the
//! file key by key. [`Project`] is what the rest of the library works with: one project with every
//! default filled in.

mod address;
mod budget;
mod check;
mod chores;
mod consistency;
mod cron;
mod duration;
mod expand;
mod globs;
mod llm;
mod load;
mod notice;
mod path;
mod prepare;
mod problem;
mod project;
mod project_section;
mod read;
mod sandbox;
mod schedule;
mod secret;
mod steps;
mod time_zone;
mod tree;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    words::{Sha256, UnitName},
};

use check::Check;

pub use address::{Address, ProbeAddress};
pub use budget::{BudgetConfig, Money, PriceConfig};
pub(crate) use chores::BACKEND;
pub use chores::{Chore, ChoreConfig};
pub use cron::CronExpression;
pub use globs::Globs;
pub use llm::{EditMode, LlmConfig, LlmOverrides};
pub use load::{Loaded, SYSTEM_PATH, find};
pub use prepare::{LinkPath, PrepareConfig};
pub use project::Project;
pub(crate) use project::{PREPARE, REMOTE_TIMEOUT};
pub use project_section::{HealthConfig, Mode, OnSilence, ProjectConfig, RestartConfig};
pub use sandbox::{HooksMode, SandboxMode, SandboxSettings};
pub use schedule::Schedule;
pub use secret::Secret;
pub use steps::{CommandStepConfig, SetStepConfig, Settings, StepConfig};

/// The whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Who answers prompts.
    pub llm: LlmConfig,
    /// Where state is kept.
    pub cache: CacheConfig,
    /// When runs start.
    pub scheduler: SchedulerConfig,
    /// The projects, `[[project]]` in the file.
    pub project: Vec<ProjectConfig>,
    /// Which units are watched for failures.
    pub systemd_monitor: SystemdMonitorConfig,
    /// The dashboard, the JSON API and the control socket.
    pub web: WebConfig,
    /// Backend plugins, `[[plugin]]` in the file.
    pub plugin: Vec<PluginConfig>,
}

/// Where state is kept: `[cache]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheConfig {
    /// The store's file. The workspaces live beside it.
    #[serde(deserialize_with = "path::text")]
    pub path: Option<PathBuf>,
    /// How many runs, and their outputs, are kept per project.
    #[serde(deserialize_with = "check::at_least_one")]
    pub keep_runs: usize,
}

/// When runs start: `[scheduler]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SchedulerConfig {
    /// Whether the daemon starts runs by itself.
    pub enabled: bool,
    /// The slots of projects that name none: cron with 5, 6 or 7 fields.
    #[serde(deserialize_with = "CronExpression::text")]
    pub cron: CronExpression,
    /// The time zone of the slots, in the file an IANA name; the machine's if it is not given.
    #[serde(deserialize_with = "time_zone::named")]
    pub timezone: Option<TimeZone>,
    /// What happens to slots that passed while the daemon was off.
    pub catch_up: CatchUp,
    /// Upper bound of the delay added to each slot, so that not everything starts at once.
    #[serde(deserialize_with = "duration::any")]
    pub jitter: Duration,
    /// How many runs may go on at once.
    #[serde(deserialize_with = "check::at_least_one")]
    pub concurrency: usize,
    /// The short form of `[[project]]`: paths of projects with every default.
    #[serde(deserialize_with = "path::texts")]
    pub projects: Vec<PathBuf>,
}

/// What happens to slots that passed while the daemon was off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// One run, however many slots were missed.
    #[default]
    Once,
    /// None.
    Skip,
}

/// Which units are watched for failures: `[systemd_monitor]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SystemdMonitorConfig {
    /// Whether a failed unit starts a run.
    pub enabled: bool,
    /// The units; empty is those of the projects, and services that run from their checkouts.
    #[serde(deserialize_with = "UnitName::texts")]
    pub units: Vec<UnitName>,
    /// Which systemd the units belong to.
    pub bus: Bus,
    /// The least time between two runs for the same unit.
    #[serde(deserialize_with = "duration::any")]
    pub cooldown: Duration,
    /// After how many equal failures of a unit nothing is tried about it any more.
    #[serde(deserialize_with = "check::positive")]
    pub freeze_after: u32,
    /// When a unit that systemd restarts by itself is in trouble all the same.
    pub flap: FlapConfig,
    /// When units that fail together are the machine's trouble.
    pub storm: StormConfig,
}

/// When a unit that systemd restarts by itself is in trouble all the same: `flap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FlapConfig {
    /// After so many failures.
    #[serde(deserialize_with = "check::at_least_one")]
    pub failures: usize,
    /// Within this time.
    #[serde(deserialize_with = "duration::limit")]
    pub within: Duration,
}

/// When units that fail together are the machine's trouble: `storm`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StormConfig {
    /// So many units.
    #[serde(deserialize_with = "check::at_least_one")]
    pub units: usize,
    /// Within this time.
    #[serde(deserialize_with = "duration::limit")]
    pub within: Duration,
}

/// Which systemd is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bus {
    /// The machine's.
    #[default]
    System,
    /// The user's own.
    User,
}

/// The dashboard, the JSON API and the control socket: `[web]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WebConfig {
    /// The address to listen on; `None` is no dashboard.
    pub host: Option<String>,
    /// The port to listen on; `None` is no dashboard.
    pub port: Option<u16>,
    /// What a caller must present. Prefer `token_file`.
    pub token: Option<Secret>,
    /// A file with the token, and nothing else.
    #[serde(deserialize_with = "path::text")]
    pub token_file: Option<PathBuf>,
    /// The control socket; beside the store if it is not given.
    #[serde(deserialize_with = "path::text")]
    pub socket: Option<PathBuf>,
    /// Names that the Host header may carry besides the loopback's.
    pub allowed_hosts: Vec<String>,
}

/// A backend plugin: `[[plugin]]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PluginConfig {
    /// The provider's name that selects it.
    #[serde(deserialize_with = "String::text")]
    pub name: String,
    /// The shared library.
    #[serde(deserialize_with = "path::text")]
    pub path: PathBuf,
    /// The library's SHA-256, in hexadecimal.
    #[serde(default, deserialize_with = "Sha256::text")]
    pub sha256: Option<Sha256>,
    /// Handed to the plugin as it is.
    #[serde(default)]
    pub config: BTreeMap<String, toml::Value>,
}

impl WebConfig {
    /// What a caller must present, read now if it is in a file; `None` if the configuration has
    /// none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file cannot be read or does not hold
    /// one line.
    pub fn access_token(&self) -> Result<Option<Secret>> {
        match &self.token_file {
            Some(path) => Secret::read(path).map(Some),
            None => Ok(self.token.clone()),
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { path: None, keep_runs: 200 }
    }
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            cron: CronExpression::default(),
            timezone: None,
            catch_up: CatchUp::default(),
            jitter: Duration::ZERO,
            concurrency: 1,
            projects: Vec::new(),
        }
    }
}

impl Default for SystemdMonitorConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            units: Vec::new(),
            bus: Bus::default(),
            cooldown: Duration::from_secs(15 * 60),
            freeze_after: 3,
            flap: FlapConfig::default(),
            storm: StormConfig::default(),
        }
    }
}

impl Default for FlapConfig {
    fn default() -> Self {
        Self { failures: 3, within: Duration::from_secs(10 * 60) }
    }
}

impl Default for StormConfig {
    fn default() -> Self {
        Self { units: 5, within: Duration::from_secs(30) }
    }
}

#[cfg(test)]
mod tests;
