//! Who answers prompts, as `PiMainteno.toml` says it.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Address, BudgetConfig, PriceConfig, Secret, check::Check, duration};
use crate::error::Result;

/// Who answers prompts: `[llm]`, and `[project.llm]` over it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LlmConfig {
    /// The backend's name: `codex`, `offline`, or one that the embedding program registered.
    #[serde(deserialize_with = "String::text")]
    pub provider: String,
    /// The model; empty leaves the choice to the backend.
    pub model: String,
    /// The key for the provider. Prefer `api_key_file`.
    pub api_key: Option<Secret>,
    /// A file with the key, and nothing else.
    #[serde(deserialize_with = "super::path::text")]
    pub api_key_file: Option<PathBuf>,
    /// The address of an OpenAI-compatible server, ending in `/v1`; the provider's own if it is
    /// not given.
    #[serde(deserialize_with = "Address::text_or_empty")]
    pub base_url: Option<Address>,
    /// Arguments added to the backend's command line.
    pub extra_args: Vec<String>,
    /// How a change is handed over.
    pub edit: EditMode,
    /// Wall-clock limit for one answer.
    #[serde(deserialize_with = "duration::limit")]
    pub timeout: Duration,
    /// How long the backend may show no sign of life.
    #[serde(deserialize_with = "duration::limit")]
    pub silence_timeout: Duration,
    /// What may be spent: in [`Config`](super::Config) by all projects together, in
    /// [`Project`](super::Project) by that one.
    pub budget: BudgetConfig,
    /// What tokens cost, by model or provider.
    pub prices: BTreeMap<String, PriceConfig>,
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

/// Overrides of `[llm]` for one project: each key that is set wins.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct LlmOverrides {
    /// See [`LlmConfig::provider`].
    #[serde(deserialize_with = "String::text")]
    pub provider: Option<String>,
    /// See [`LlmConfig::model`].
    pub model: Option<String>,
    /// See [`LlmConfig::api_key`].
    pub api_key: Option<Secret>,
    /// See [`LlmConfig::api_key_file`].
    #[serde(deserialize_with = "super::path::text")]
    pub api_key_file: Option<PathBuf>,
    /// See [`LlmConfig::base_url`]; one that is empty goes back to the provider's own.
    #[serde(deserialize_with = "Address::text_or_empty")]
    pub base_url: Option<Option<Address>>,
    /// See [`LlmConfig::extra_args`].
    pub extra_args: Option<Vec<String>>,
    /// See [`LlmConfig::edit`].
    pub edit: Option<EditMode>,
    /// See [`LlmConfig::timeout`].
    #[serde(deserialize_with = "duration::limit")]
    pub timeout: Option<Duration>,
    /// See [`LlmConfig::silence_timeout`].
    #[serde(deserialize_with = "duration::limit")]
    pub silence_timeout: Option<Duration>,
    /// What this project may spend: figures for a day besides those for all projects, figures for
    /// a run instead of theirs.
    pub budget: Option<BudgetConfig>,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            provider: "codex".into(),
            model: String::new(),
            api_key: None,
            api_key_file: None,
            base_url: None,
            extra_args: Vec::new(),
            edit: EditMode::default(),
            timeout: Duration::from_secs(15 * 60),
            silence_timeout: Duration::from_secs(3 * 60),
            budget: BudgetConfig::default(),
            prices: BTreeMap::new(),
        }
    }
}

impl LlmConfig {
    /// What its tokens cost: those of its model, or else of its provider; `None` if nobody says.
    pub fn price(&self) -> Option<&PriceConfig> {
        self.prices.get(&self.model).or_else(|| self.prices.get(&self.provider))
    }

    /// The key for the provider, read now if it is in a file; `None` if the configuration has none.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if the file cannot be read or does not hold
    /// one line.
    pub fn key(&self) -> Result<Option<Secret>> {
        match &self.api_key_file {
            Some(path) => Secret::read(path).map(Some),
            None => Ok(self.api_key.clone()),
        }
    }
}
