//! What `PiMainteno.toml` says, as data.
//!
//! [`Config`] mirrors the file key by key. [`Project`] is what the rest of the library works with: one project with every default filled in.

mod duration;
mod project;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

pub use project::Project;

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

/// Who answers prompts: `[llm]`, and `[project.llm]` over it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LlmConfig {
    /// The backend's name: `codex`, `offline`, or one that the embedding program registered.
    pub provider: String,
    /// The model; empty leaves the choice to the backend.
    pub model: String,
    /// The key for the provider. Prefer `api_key_file`.
    pub api_key: Option<Secret>,
    /// A file with the key, and nothing else.
    pub api_key_file: Option<PathBuf>,
    /// The address of an OpenAI-compatible server, ending in `/v1`; empty means the provider's own.
    pub base_url: String,
    /// Arguments added to the backend's command line.
    pub extra_args: Vec<String>,
    /// How a change is handed over.
    pub edit: EditMode,
    /// Wall-clock limit for one answer.
    #[serde(with = "duration")]
    pub timeout: Duration,
    /// How long the backend may show no sign of life.
    #[serde(with = "duration")]
    pub silence_timeout: Duration,
    /// What may be spent.
    pub budget: BudgetConfig,
}

/// How the backend hands over a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EditMode {
    /// It edits the files of the workspace.
    #[default]
    Workspace,
    /// It answers with a unified diff.
    Reply,
}

/// What may be spent. The figures are for all projects together, per day in the scheduler's time zone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct BudgetConfig {
    /// Calls a day; `None` is no limit.
    pub calls_per_day: Option<u64>,
    /// Tokens a day, read and written; `None` is no limit.
    pub tokens_per_day: Option<u64>,
    /// Calls kept back for repairs.
    pub repair_reserve: Option<u64>,
}

/// Where state is kept: `[cache]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct CacheConfig {
    /// The store's file. The workspaces live beside it.
    pub path: Option<PathBuf>,
    /// How many runs, and their outputs, are kept per project.
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
    pub cron: String,
    /// IANA name of the time zone of the slots; empty is the machine's.
    pub timezone: String,
    /// What happens to slots that passed while the daemon was off.
    pub catch_up: CatchUp,
    /// Upper bound of the delay added to each slot, so that not everything starts at once.
    #[serde(with = "duration")]
    pub jitter: Duration,
    /// How many runs may go on at once.
    pub concurrency: usize,
    /// The short form of `[[project]]`: paths of projects with every default.
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

/// One project: `[[project]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ProjectConfig {
    /// The checkout.
    pub path: PathBuf,
    /// The project's name; the checkout's directory name if it is not given.
    pub name: Option<String>,
    /// The branch that is maintained; the checked-out one if it is not given.
    pub branch: Option<String>,
    /// The remote that is pushed to; the branch's own, or else `origin`, if it is not given.
    pub remote: Option<String>,
    /// The project's slots, instead of the scheduler's.
    pub cron: Option<String>,
    /// What may be done without asking.
    pub mode: Mode,
    /// The steps of a run, in order.
    pub steps: Option<Vec<StepConfig>>,
    /// A Rhai policy.
    pub policy: Option<PathBuf>,
    /// Shell commands that must succeed in the workspace.
    pub verify: Vec<String>,
    /// Wall-clock limit for each of them.
    #[serde(with = "duration::option")]
    pub verify_timeout: Option<Duration>,
    /// The units that run from this checkout; `<directory name>.service` if they are not given.
    pub units: Option<Vec<String>>,
    /// Who restarts them.
    pub restart: RestartConfig,
    /// How the service shows that it is healthy.
    pub health: Option<HealthConfig>,
    /// How long the service must stay healthy after a change.
    #[serde(with = "duration::option")]
    pub probation: Option<Duration>,
    /// Globs of files that a change must not touch.
    pub protect: Vec<String>,
    /// Globs of files that a change may touch; empty is all.
    pub allow: Vec<String>,
    /// The most files that a change may touch.
    pub max_files: Option<usize>,
    /// The most lines that a change may add and remove.
    pub max_lines: Option<usize>,
    /// What to tell the backend about the project.
    pub instructions: String,
    /// Whether `codex.md` is committed instead of being kept out of Git.
    pub commit_summary: bool,
    /// Overrides of `[llm]`.
    pub llm: Option<LlmOverrides>,
}

/// What may be done without asking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Nothing outside the state directory changes.
    DryRun,
    /// Changes are proposed, checked and held for a person.
    #[default]
    Review,
    /// Changes that pass their checks are delivered.
    Auto,
}

/// One entry of `steps`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum StepConfig {
    /// A registered step.
    Named(String),
    /// A shell command as a step.
    Command(CommandStepConfig),
}

/// A shell command as a step of the pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CommandStepConfig {
    /// The step's name.
    pub name: String,
    /// The command, run by `sh -c` in the workspace.
    pub command: String,
    /// Wall-clock limit; ten minutes if it is not given.
    #[serde(default, with = "duration::option")]
    pub timeout: Option<Duration>,
}

/// Who restarts a project's units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartConfig {
    /// systemd.
    #[default]
    Systemd,
    /// Nobody.
    None,
    /// This shell command, run in the checkout.
    Command(String),
}

/// How a service shows that it is healthy: one probe and how long it may take to answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HealthConfig {
    /// An address that answers a GET with a status from 200 to 399.
    pub http: Option<String>,
    /// A shell command that exits with 0, run in the checkout.
    pub command: Option<String>,
    /// How long after a restart the probe may still fail.
    #[serde(with = "duration::option")]
    pub within: Option<Duration>,
}

/// Overrides of `[llm]` for one project: each key that is set wins.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LlmOverrides {
    /// See [`LlmConfig::provider`].
    pub provider: Option<String>,
    /// See [`LlmConfig::model`].
    pub model: Option<String>,
    /// See [`LlmConfig::api_key`].
    pub api_key: Option<Secret>,
    /// See [`LlmConfig::api_key_file`].
    pub api_key_file: Option<PathBuf>,
    /// See [`LlmConfig::base_url`].
    pub base_url: Option<String>,
    /// See [`LlmConfig::extra_args`].
    pub extra_args: Option<Vec<String>>,
    /// See [`LlmConfig::edit`].
    pub edit: Option<EditMode>,
    /// See [`LlmConfig::timeout`].
    #[serde(with = "duration::option")]
    pub timeout: Option<Duration>,
    /// See [`LlmConfig::silence_timeout`].
    #[serde(with = "duration::option")]
    pub silence_timeout: Option<Duration>,
}

/// Which units are watched for failures: `[systemd_monitor]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SystemdMonitorConfig {
    /// Whether a failed unit starts a run.
    pub enabled: bool,
    /// The units; empty is those of the projects.
    pub units: Vec<String>,
    /// Which systemd the units belong to.
    pub bus: Bus,
    /// The least time between two runs for the same unit.
    #[serde(with = "duration")]
    pub cooldown: Duration,
    /// After how many equal failures repair is frozen.
    pub freeze_after: u32,
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
    pub token_file: Option<PathBuf>,
    /// The control socket; beside the store if it is not given.
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
    pub name: String,
    /// The shared library.
    pub path: PathBuf,
    /// The library's SHA-256, in hexadecimal.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Handed to the plugin as it is.
    #[serde(default)]
    pub config: BTreeMap<String, toml::Value>,
}

/// A value that is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            provider: "codex".into(),
            model: String::new(),
            api_key: None,
            api_key_file: None,
            base_url: String::new(),
            extra_args: Vec::new(),
            edit: EditMode::default(),
            timeout: Duration::from_secs(15 * 60),
            silence_timeout: Duration::from_secs(3 * 60),
            budget: BudgetConfig::default(),
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
            cron: "0 3 * * *".into(),
            timezone: String::new(),
            catch_up: CatchUp::default(),
            jitter: Duration::ZERO,
            concurrency: 1,
            projects: Vec::new(),
        }
    }
}

impl Default for SystemdMonitorConfig {
    fn default() -> Self {
        Self { enabled: false, units: Vec::new(), bus: Bus::default(), cooldown: Duration::from_secs(15 * 60), freeze_after: 3 }
    }
}

impl Secret {
    /// A value that is never shown.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[secret]")
    }
}
