//! The entries of `steps`: registered steps by their names, with settings of their own, and shell
//! commands.

use std::time::Duration;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};

use super::{
    check::{self, Check as _},
    duration,
    sandbox::SandboxMode,
};
use crate::error::{Error, ErrorKind, Result};

/// One entry of `steps`: a name, `{ name = "…", settings = { … } }`, or `{ name = "…", command =
/// "…" }`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StepConfig {
    /// A registered step.
    Named(String),
    /// A registered step with settings of its own.
    Set(SetStepConfig),
    /// A shell command as a step.
    Command(CommandStepConfig),
}

/// A registered step with settings of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SetStepConfig {
    /// The step's name.
    pub name: String,
    /// What it is told.
    pub settings: Settings,
}

/// A shell command as a step of the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandStepConfig {
    /// The step's name.
    pub name: String,
    /// The command, run by `sh -c` in the workspace.
    pub command: String,
    /// Wall-clock limit; ten minutes if it is not given.
    pub timeout: Option<Duration>,
    /// How much of a sandbox it runs in; the project's `sandbox` if it is not given.
    pub sandbox: Option<SandboxMode>,
    /// How it is taken back with the whole change: `"again"`, which is the command once more with
    /// what is there then; `"none"`; or another command.
    pub revert: Option<String>,
    /// Whether what it does to the project's files becomes part of the change, as of a formatter;
    /// it does nothing else then that would have to be taken back. Without, nobody sees it but
    /// later commands.
    pub amend: bool,
}

/// What the configuration tells one step: a table that only the step understands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Settings(Map<String, Value>);

impl StepConfig {
    /// The step's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Set(step) => &step.name,
            Self::Command(step) => &step.name,
        }
    }

    /// What a registered step is told.
    pub fn settings(&self) -> Option<&Settings> {
        match self {
            Self::Set(step) => Some(&step.settings),
            _ => None,
        }
    }
}

impl SetStepConfig {
    /// The registered step of this name, with these settings.
    pub fn new(name: impl Into<String>, settings: Settings) -> Self {
        Self { name: name.into(), settings }
    }
}

impl CommandStepConfig {
    /// A step of this name that runs a command.
    pub fn new(name: impl Into<String>, command: impl Into<String>) -> Self {
        Self { name: name.into(), command: command.into(), ..Self::default() }
    }
}

impl Settings {
    /// Reads them as whatever a step wants to know.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if they are something else.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_value(Value::Object(self.0.clone()))
            .map_err(|source| Error::new(ErrorKind::Config, format!("in `settings`: {source}")))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<(String, Value)> for Settings {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

/// A step that is written as a table.
struct Tabled(StepConfig);

impl<'de> Deserialize<'de> for StepConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let named = |text: &str| check::filled(text).map(|()| Self::Named(text.to_owned()));
        check::text_or_table(
            deserializer,
            "the name of a step, or a table with `name` and `command`",
            named,
            |table: Tabled| table.0,
        )
    }
}

impl<'de> Deserialize<'de> for Tabled {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            #[serde(deserialize_with = "String::text")]
            name: String,
            #[serde(default, deserialize_with = "String::text")]
            command: Option<String>,
            #[serde(default, deserialize_with = "duration::limit")]
            timeout: Option<Duration>,
            #[serde(default)]
            sandbox: Option<SandboxMode>,
            #[serde(default)]
            revert: Option<String>,
            #[serde(default)]
            amend: Option<bool>,
            #[serde(default)]
            settings: Option<Settings>,
        }

        let Table { name, command, timeout, sandbox, revert, amend, settings } =
            Table::deserialize(deserializer)?;
        let is_of_commands =
            timeout.is_some() || sandbox.is_some() || revert.is_some() || amend.is_some();
        match (command, settings) {
            (Some(_), None) if amend == Some(true) && revert.is_some() => Err(D::Error::custom(
                "has `revert`, which is for what can be seen from outside; a step with `amend` does nothing of the kind",
            )),
            (Some(command), None) => {
                let amend = amend.unwrap_or_default();
                Ok(Self(StepConfig::Command(CommandStepConfig {
                    name,
                    command,
                    timeout,
                    sandbox,
                    revert,
                    amend,
                })))
            }
            (None, Some(settings)) if !is_of_commands => {
                Ok(Self(StepConfig::Set(SetStepConfig { name, settings })))
            }
            (_, Some(_)) => Err(D::Error::custom(
                "has `settings`, which are for steps that are no commands, beside what is for commands",
            )),
            (None, None) => Err(D::Error::missing_field("command")),
        }
    }
}
