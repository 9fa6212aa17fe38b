//! One project, as `PiMainteno.toml` says it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer, Serialize};

use super::{
    ChoreConfig, CronExpression, Globs, HooksMode, LinkPath, LlmOverrides, PrepareConfig,
    ProbeAddress, SandboxMode, StepConfig,
    check::{self, Check},
    chores, duration,
};
use crate::words::{BranchName, RemoteName, UnitName};

/// One project: `[[project]]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ProjectConfig {
    /// The checkout.
    #[serde(deserialize_with = "super::path::text")]
    pub path: PathBuf,
    /// The project's name; the checkout's directory name if it is not given.
    #[serde(deserialize_with = "String::text")]
    pub name: Option<String>,
    /// The branch that is maintained; the checked-out one if it is not given.
    #[serde(deserialize_with = "BranchName::text")]
    pub branch: Option<BranchName>,
    /// The remote that is pushed to; the branch's own, or else `origin`, if it is not given.
    #[serde(deserialize_with = "RemoteName::text")]
    pub remote: Option<RemoteName>,
    /// How long the remote may say nothing, in all that one run asks of it.
    #[serde(deserialize_with = "duration::limit")]
    pub remote_timeout: Option<Duration>,
    /// The project's slots, instead of the scheduler's.
    #[serde(deserialize_with = "CronExpression::text")]
    pub cron: Option<CronExpression>,
    /// What may be done without asking.
    pub mode: Mode,
    /// How long a held change waits for an answer.
    #[serde(deserialize_with = "duration::limit")]
    pub approval_expires: Option<Duration>,
    /// What happens when nobody answers in that time.
    pub on_silence: OnSilence,
    /// The steps of a run, in order.
    pub steps: Option<Vec<StepConfig>>,
    /// A Rhai policy.
    #[serde(deserialize_with = "super::path::text")]
    pub policy: Option<PathBuf>,
    /// Shell commands that make the project's dependencies ready for its checks, with the network.
    pub prepare: Vec<PrepareConfig>,
    /// Wall-clock limit for each of them.
    #[serde(deserialize_with = "duration::limit")]
    pub prepare_timeout: Option<Duration>,
    /// Directories of the checkout that checks see at the same place, for reading only.
    #[serde(deserialize_with = "LinkPath::texts")]
    pub link: Vec<LinkPath>,
    /// Shell commands that must succeed in the workspace.
    #[serde(deserialize_with = "String::texts")]
    pub verify: Vec<String>,
    /// Wall-clock limit for each of them.
    #[serde(deserialize_with = "duration::limit")]
    pub verify_timeout: Option<Duration>,
    /// How often the backend may mend a change that makes a check fail, in one run; 0 is never.
    pub repairs: Option<usize>,
    /// How much of a sandbox checks and command steps run in.
    pub sandbox: SandboxMode,
    /// Whether they can reach the network.
    pub sandbox_network: bool,
    /// What they may read besides what every project may.
    #[serde(deserialize_with = "super::path::texts")]
    pub sandbox_read: Vec<PathBuf>,
    /// What they may read and change besides the workspace.
    #[serde(deserialize_with = "super::path::texts")]
    pub sandbox_write: Vec<PathBuf>,
    /// The most memory that one of them may use, with its children, in MiB.
    #[serde(deserialize_with = "check::at_least_one")]
    pub sandbox_memory: Option<usize>,
    /// The most processes that one of them may have at a time.
    #[serde(deserialize_with = "check::at_least_one")]
    pub sandbox_processes: Option<usize>,
    /// The most that one of them may write to the disk, in MiB, and that is kept of what all of
    /// them leave.
    #[serde(deserialize_with = "check::at_least_one")]
    pub sandbox_disk: Option<usize>,
    /// The most files and directories that one of them may make, and that are kept of those that
    /// all of them leave.
    #[serde(deserialize_with = "check::at_least_one")]
    pub sandbox_files: Option<usize>,
    /// Whether the repository's hooks are asked about our commits.
    pub hooks: HooksMode,
    /// The units that run from this checkout; `<directory name>.service` if they are not given.
    #[serde(deserialize_with = "UnitName::texts")]
    pub units: Option<Vec<UnitName>>,
    /// Who restarts them.
    pub restart: RestartConfig,
    /// How the service shows that it is healthy.
    pub health: Option<HealthConfig>,
    /// How long the service must stay healthy after a change.
    #[serde(deserialize_with = "duration::any")]
    pub probation: Option<Duration>,
    /// Globs of files that a change must not touch.
    pub protect: Globs,
    /// Globs of files that a change may touch; empty is all.
    pub allow: Globs,
    /// Globs of files that a person looks at before a change to them is delivered; whatever is not
    /// known to be harmless if they are not given.
    pub hold: Option<Globs>,
    /// Globs of files that may be delivered without asking although their kind is not known to be
    /// harmless.
    pub unasked: Globs,
    /// The most files that a change may touch.
    #[serde(deserialize_with = "check::at_least_one")]
    pub max_files: Option<usize>,
    /// The most lines that a change may add and remove.
    #[serde(deserialize_with = "check::at_least_one")]
    pub max_lines: Option<usize>,
    /// What to tell the backend about the project.
    pub instructions: String,
    /// Whether `codex.md` is committed instead of being kept out of Git.
    pub commit_summary: bool,
    /// Its lines of upkeep, by name: `[project.chores.NAME]`; `improve` alone if none is given.
    #[serde(deserialize_with = "chores::chores")]
    pub chores: BTreeMap<String, ChoreConfig>,
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

/// What happens to a held change that nobody answers. It is never delivered: silence is no consent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnSilence {
    /// It is given up.
    #[default]
    Expire,
    /// Its owner is told again, each time that this long has passed, and it goes on waiting.
    Remind,
    /// It goes on waiting.
    Keep,
}

/// Who restarts a project's units: `"systemd"`, `"none"` or `{ command = "…" }`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// An `http://` address that answers a GET with a status from 200 to 399.
    #[serde(deserialize_with = "ProbeAddress::text")]
    pub http: Option<ProbeAddress>,
    /// A shell command that exits with 0, run in the checkout.
    #[serde(deserialize_with = "String::text")]
    pub command: Option<String>,
    /// How long after a restart the probe may still fail.
    #[serde(deserialize_with = "duration::any")]
    pub within: Option<Duration>,
}

impl ProjectConfig {
    /// The project in the checkout at `path`, with every default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ..Self::default() }
    }
}

impl<'de> Deserialize<'de> for RestartConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Shell {
            #[serde(deserialize_with = "String::text")]
            command: String,
        }

        let named = |text: &str| match text {
            "systemd" => Ok(Self::Systemd),
            "none" => Ok(Self::None),
            _ => {
                Err(format!("expected `systemd`, `none` or a table with `command`, found `{text}`"))
            }
        };
        check::text_or_table(
            deserializer,
            "`systemd`, `none` or a table with `command`",
            named,
            |shell: Shell| Self::Command(shell.command),
        )
    }
}
