//! Which files steps and checks see: those of the change, or those of something else for
//! comparison.

use super::StepContext;
use crate::{error::Result, fingerprint, git::Change, leftovers::Trial};

impl StepContext<'_> {
    /// Lets checks see the change that was just placed in the workspace, and what was left by
    /// checks of no other one.
    pub(crate) async fn try_change(&self, change: &Change) -> Result<()> {
        self.turn_to(Trial::Change(fingerprint::of_change(&change.diff))).await
    }

    /// Puts the change, and nothing else, into the workspace and Git's index, and lets checks see
    /// it.
    pub(crate) async fn place(&self, change: &Change) -> Result<()> {
        self.parts.workspace.reset(&self.run.base).await?;
        self.parts.workspace.apply(&change.diff).await?;
        self.try_change(change).await
    }

    /// Puts the base into the workspace, and lets checks see it on top of what `trial` says.
    pub(crate) async fn place_base(&self, trial: Trial) -> Result<()> {
        self.parts.workspace.reset(&self.run.base).await?;
        self.turn_to(trial).await
    }

    /// Lets checks see what the workspace holds, on top of what `trial` says.
    pub(crate) async fn turn_to(&self, trial: Trial) -> Result<()> {
        self.parts.leftovers.turn_to(trial, self.parts.workspace).await
    }

    /// Makes every file of the project be seen as the workspace holds it, after a check that may
    /// have edited some.
    pub(crate) async fn restore(&self) -> Result<()> {
        self.parts.leftovers.restore(self.parts.workspace).await
    }
}
