//! The chores of a project: `[project.chores.NAME]`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};

use super::{CronExpression, Mode, Project, ProjectConfig, Settings, check::Check};
use crate::job::{IMPROVE, REPAIR};

/// The proposer of a chore that names none: the project's backend, which is asked for one minimal
/// change.
pub(crate) const BACKEND: &str = "backend";

/// A chore, as `PiMainteno.toml` says it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ChoreConfig {
    /// What makes its changes; `"backend"` if it is not given.
    #[serde(deserialize_with = "String::text")]
    pub proposer: Option<String>,
    /// Its slots, instead of the project's.
    #[serde(deserialize_with = "CronExpression::text")]
    pub cron: Option<CronExpression>,
    /// What may be done without asking, instead of the project's.
    pub mode: Option<Mode>,
    /// What to tell the backend about it, after what is told about the project.
    pub instructions: String,
    /// What its proposer is told.
    pub settings: Settings,
}

/// One chore of a project with every default filled in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Chore {
    /// The name: lower-case letters, digits and `-`.
    pub name: String,
    /// What makes its changes.
    pub proposer: String,
    /// Its slots.
    pub cron: CronExpression,
    /// What may be done without asking.
    pub mode: Mode,
    /// What to tell the backend about it, and about the project.
    pub instructions: String,
    /// What its proposer is told.
    pub settings: Settings,
}

impl Chore {
    /// The chores of `project`, whose slots are those of `cron` where nothing else is said;
    /// `improve` alone where it names none.
    pub(super) fn all(project: &ProjectConfig, cron: &CronExpression) -> Vec<Self> {
        let improve = BTreeMap::from([(IMPROVE.to_owned(), ChoreConfig::default())]);
        let named = if project.chores.is_empty() { &improve } else { &project.chores };
        named.iter().map(|(name, chore)| Self::new(name, chore, project, cron)).collect()
    }

    /// What looks after the failed units of a project: its backend, as the project says.
    pub(crate) fn repair(project: &Project) -> Self {
        Self {
            name: REPAIR.to_owned(),
            proposer: REPAIR.to_owned(),
            cron: project.cron.clone(),
            mode: project.mode,
            instructions: project.instructions.clone(),
            settings: Settings::default(),
        }
    }

    fn new(
        name: &str,
        chore: &ChoreConfig,
        project: &ProjectConfig,
        cron: &CronExpression,
    ) -> Self {
        let instructions = [project.instructions.trim(), chore.instructions.trim()];
        Self {
            name: name.to_owned(),
            proposer: chore.proposer.clone().unwrap_or_else(|| BACKEND.to_owned()),
            cron: chore.cron.clone().unwrap_or_else(|| cron.clone()),
            mode: chore.mode.unwrap_or(project.mode),
            instructions: instructions
                .into_iter()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("\n\n"),
            settings: chore.settings.clone(),
        }
    }
}

/// Reads the chores by their names.
pub(super) fn chores<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, ChoreConfig>, D::Error> {
    let chores = BTreeMap::<String, ChoreConfig>::deserialize(deserializer)?;
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    match chores.keys().find(|name| {
        name.is_empty() || *name == REPAIR || name.starts_with('-') || !name.bytes().all(fits)
    }) {
        Some(name) if name == REPAIR => Err(de::Error::custom(
            "`repair` is what is done about units that fail; call the chore otherwise",
        )),
        Some(name) => Err(de::Error::custom(format!(
            "not a name for a chore: `{name}`; use lower-case letters, digits and `-`"
        ))),
        None => Ok(chores),
    }
}
