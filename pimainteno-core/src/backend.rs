//! What answers a prompt, and the one place where it is asked.

mod agent_tree;
mod budget;
mod desk;
pub(crate) mod prompt;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use pimainteno_plugin::{Edit, Reply, Request};

use crate::{error::Result, process::Cancel};

pub(crate) use agent_tree::AgentTree;
pub(crate) use budget::Budget;
pub(crate) use desk::Desk;

/// Answers prompts: the codex command line, a server, a plugin, or no model at all.
///
/// A backend only answers. Whether it is asked at all, what it may cost and what becomes of the
/// answer is decided around it.
#[async_trait]
pub trait LlmBackend: Debug + Send + Sync {
    /// The name that selects it in the configuration: lower-case letters, digits and `-`.
    fn name(&self) -> &str;

    /// The model that answers; part of the cache's key. Empty if there is no choice.
    fn model(&self) -> &str {
        ""
    }

    /// How it hands over a change: by editing the workspace or in its reply.
    fn edit(&self) -> Edit {
        Edit::Reply
    }

    /// Whether an answer costs money or quota. A paid call is journalled before it is made and
    /// needs a budget.
    fn is_paid(&self) -> bool {
        true
    }

    /// Answers `request`, within its limits and until `call` is cancelled.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Backend`]. Trouble that passes by itself (quota, sign-in, network) carries [`crate::Retry::After`]:
    /// it parks the project instead of counting as a failure.
    async fn complete(&self, request: &Request, call: &Call) -> Result<Reply>;

    /// Looks whether it could answer now, without a paid call, and says in one line what was found.
    ///
    /// # Errors
    /// What is missing, with a hint about how to get it.
    async fn health(&self) -> Result<String> {
        Ok("not checked".into())
    }
}

/// What surrounds one call.
#[derive(Clone)]
#[non_exhaustive]
pub struct Call {
    /// Raised when the answer is not wanted any more.
    pub cancel: Cancel,
    progress: Arc<dyn Fn(&str) + Send + Sync>,
}

impl Call {
    /// A call that can be cancelled and that tells nobody what it is doing.
    pub fn new(cancel: Cancel) -> Self {
        Self { cancel, progress: Arc::new(|_| {}) }
    }

    /// The same call, telling `progress` in one line at a time what it is doing.
    #[must_use]
    pub fn with_progress(mut self, progress: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.progress = Arc::new(progress);
        self
    }

    /// Tells in one line what the backend is doing.
    pub fn progress(&self, message: &str) {
        (self.progress)(message);
    }
}
