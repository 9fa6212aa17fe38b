//! One verb of the pipeline: what a step is and what it may use.

pub(crate) mod apply;
pub(crate) mod command;
pub(crate) mod commit;
pub(crate) mod monitor;
pub(crate) mod propose;
pub(crate) mod push;
pub(crate) mod repair;
pub(crate) mod restart;
mod run;
pub(crate) mod sandboxed;
pub(crate) mod summarize;
mod trial;
pub(crate) mod verify;

mod context;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{error::Result, run::Outcome};

pub(crate) use context::RunParts;
pub use context::StepContext;
pub(crate) use run::{Candidate, Checks, Delivery, Failed, Run};

/// One verb of the pipeline: built in, from the embedding program, or a command.
///
/// Steps run one after the other and know nothing of each other: what one leaves for the next is in the [`StepContext`].
#[async_trait]
pub trait Step: Debug + Send + Sync {
    /// The name that selects it in `steps`: a verb, in lower-case letters, digits and `-`.
    fn name(&self) -> &str;

    /// What it can change. The cautious answer is the default: such a step does not run before a change that has to wait for a person.
    fn effects(&self) -> Effects {
        Effects::Outside
    }

    /// Whether it makes something that others need, such as installed packages. Where it stands before `apply`, it is run too in a run that begins there:
    /// when a held change is approved, or one that was delivered is taken back.
    fn prepares(&self) -> bool {
        false
    }

    /// Does its work.
    ///
    /// # Errors
    /// Whatever kept it from its work; the run ends as failed and everything is left, or put back, as it was.
    /// An error with [`crate::Retry::After`] parks the project instead.
    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow>;
}

/// What a step can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effects {
    /// Nothing outside the state directory, where the workspace is.
    Workspace,
    /// Something that can be seen from outside: a commit, a remote, the checkout, a service.
    Outside,
}

impl Effects {
    /// The name that policies see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Outside => "outside",
        }
    }
}

/// How a run goes on after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// With the next step; the line says what was done.
    Done(String),
    /// With the next step; there was nothing to do, and the line says why.
    Skipped(String),
    /// Not at all.
    End(Outcome),
    /// From `apply` again, on top of this commit, because the branch moved meanwhile.
    Rebase(String),
    /// From `apply` again, with the change as the backend mended it; where it may not or cannot, the run fails in this step.
    Repair(Failure),
}

/// What is wrong with a change, for whoever made it to mend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What failed, as the run's outcome tells it.
    pub message: String,
    /// What failed, by name, and what it wrote.
    pub logs: Vec<(String, String)>,
}

impl Failure {
    /// A failure of which this is told.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), logs: Vec::new() }
    }

    /// The same failure, with what `name` wrote.
    #[must_use]
    pub fn with_log(mut self, name: impl Into<String>, log: impl Into<String>) -> Self {
        self.logs.push((name.into(), log.into()));
        self
    }
}
