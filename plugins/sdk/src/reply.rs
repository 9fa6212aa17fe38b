//! What a backend answers.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

/// A backend's answer.
///
/// To a request for a change, an answer without one in the workspace, in `diff` and in `text` means
/// that there is nothing to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reply {
    /// The final text, as the model wrote it. It is data: the host never runs it.
    pub text: String,
    /// The change as a unified diff, where it is apart from the text. The host fills it in for a
    /// backend that edited the workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// What the answer cost.
    pub usage: Usage,
}

/// What answers cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Usage {
    /// Calls to the model's provider; 0 for a backend that pays nobody.
    pub calls: u64,
    /// Tokens read by the model, those from its cache among them.
    pub input_tokens: u64,
    /// The part of `input_tokens` that came from the provider's cache.
    pub cached_input_tokens: u64,
    /// Tokens written by the model, its reasoning among them.
    pub output_tokens: u64,
    /// Money, in millionths of the unit that the host's prices are in. 0 where the backend does
    /// not know; the host then goes by its prices.
    pub cost_micros: u64,
}

impl Reply {
    /// An answer that cost nothing.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// The same answer at the given cost.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }
}

impl Usage {
    /// The cost of one call of so many tokens.
    pub fn call(input_tokens: u64, cached_input_tokens: u64, output_tokens: u64) -> Self {
        Self { calls: 1, input_tokens, cached_input_tokens, output_tokens, cost_micros: 0 }
    }

    /// All tokens, read and written.
    pub fn tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.calls = self.calls.saturating_add(other.calls);
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.cached_input_tokens =
            self.cached_input_tokens.saturating_add(other.cached_input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
        self.cost_micros = self.cost_micros.saturating_add(other.cost_micros);
    }
}
