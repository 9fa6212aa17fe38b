//! What a step can do with the change of its run: hand one over, change it, and have a person look
//! at it.

use pimainteno_plugin::{Edit, Reply};

use super::{StepContext, run::Candidate};
use crate::error::{Error, ErrorKind, Result};

impl StepContext<'_> {
    /// Hands the run a change, as a unified diff from the top of the project at [`Self::base`], for
    /// `apply` to place.
    ///
    /// After `apply` it takes the place of the one that is there: the run goes back to `apply`
    /// behind this step, and everything that was found out about the change is found out anew.
    /// Once there is a commit, it comes too late, and the run fails.
    pub fn propose(&mut self, diff: impl Into<String>, message: impl Into<String>) {
        self.run.candidate = Some(Candidate::of_diff(diff, message));
    }

    /// The same with the change that is in a backend's reply to a request with `edit`. Says whether
    /// there is one; a backend may want none.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if it answers with something else.
    pub fn propose_reply(&mut self, reply: Reply, edit: Edit) -> Result<bool> {
        let candidate = Candidate::of_reply(reply, edit)?;
        let is_one = candidate.is_some();
        self.run.candidate = candidate.or(self.run.candidate.take());
        Ok(is_one)
    }

    /// Hands the run, as by [`Self::propose`], whatever the project's files are now: as this step
    /// left them in [`Self::workspace`], or as [`Self::sandboxed`] commands see them. An empty
    /// message keeps that of the change. Says whether that is another change than the one that is
    /// placed.
    ///
    /// So a formatter changes the change before it is verified. What is taken back is not amended.
    ///
    /// # Errors
    /// [`ErrorKind::Step`] once there is a commit; [`ErrorKind::Patch`] if it is too large or not
    /// text.
    pub async fn amend(&mut self, message: impl Into<String>) -> Result<bool> {
        if self.run.rules().brings_back {
            return Ok(false);
        }
        if self.run.record.commit.is_some() {
            return Err(too_late(&self.step));
        }
        let workspace = self.parts.workspace;
        self.parts.leftovers.bring(workspace).await?;
        let change = workspace.take_change(&self.run.base).await?;
        let placed = self.run.change.as_ref().map_or("", |change| &change.diff);
        if change.diff == placed {
            return Ok(false);
        }
        let before = match &self.run.candidate {
            Some(candidate) if self.run.proposal.is_none() => &candidate.message,
            _ => self.run.message(),
        };
        self.run.candidate = Some(Candidate::of_diff(change.diff, message).or_message(before));
        Ok(true)
    }

    /// Has the change wait for a person before anything of it can be seen from outside, for this
    /// reason, in whatever mode. Holds for the change as it is: one that is placed anew is
    /// judged anew. What was delivered already is not held; let the step fail, and it is taken
    /// back.
    pub fn hold(&mut self, reason: impl Into<String>) {
        self.run.concerns.push(reason.into());
    }
}

/// What a change is that comes after the commit.
pub(crate) fn too_late(step: &str) -> Error {
    Error::new(ErrorKind::Step, format!("`{step}` changes the change after it was committed"))
        .hint("put it before `commit`")
}
