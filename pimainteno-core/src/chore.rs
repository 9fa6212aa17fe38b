//! A chore's changes, and who makes them.

pub(crate) mod backend;
pub(crate) mod repair;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{
    config::{Chore, Settings},
    error::Result,
    step::{Flow, StepContext, no_settings},
};

/// What makes a chore's change: the backend that is asked for one, or an engine such as a package
/// manager.
///
/// The step `propose` has it make one; from there on it is placed, verified and delivered as any
/// other.
#[async_trait]
pub trait Proposer: Debug + Send + Sync {
    /// The name that selects it in `[project.chores.NAME]`: lower-case letters, digits and `-`.
    fn name(&self) -> &str;

    /// Looks at the `settings` that a chore has for it, when the project is made ready. By default
    /// it wants none.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] for settings that it cannot use.
    fn check(&self, settings: &Settings) -> Result<()> {
        no_settings(settings, "proposer", self.name())
    }

    /// What its proposals depend on besides the project's commit and the configuration, such as the
    /// day or the state of a registry as far as it is known. While that stays as it is, the
    /// chore is not run again on the same commit. It is asked at each slot, and must not wait for
    /// anything.
    fn inputs(&self, chore: &Chore) -> String {
        let _ = chore;
        String::new()
    }

    /// Makes a change and hands it to the run: by [`StepContext::propose`],
    /// [`StepContext::propose_reply`], or edits in the workspace and [`StepContext::amend`].
    /// Where there is nothing to do, it ends the run with [`crate::Outcome::NoChange`].
    ///
    /// # Errors
    /// As [`crate::Step::run`].
    async fn propose(&self, context: &mut StepContext<'_>) -> Result<Flow>;
}
