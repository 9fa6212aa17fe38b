//! Places the proposed change in a clean workspace.

mod place;

use async_trait::async_trait;

use super::{Effects, Flow, Part, Step, StepContext, summarize};
use crate::{
    commit_message,
    error::{Error, ErrorKind, Result},
    hidden_text, patch,
    policy::{Link, held_files},
    proposal::Proposal,
    run::Outcome,
};

/// Places the proposed change in a workspace that is clean and at the base commit, and stores it as
/// a proposal.
#[derive(Debug)]
pub(crate) struct Apply;

#[async_trait]
impl Step for Apply {
    fn name(&self) -> &str {
        "apply"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    fn part(&self) -> Part {
        Part::Place
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        context.place_change().await
    }
}

impl StepContext<'_> {
    /// Places the change that was proposed in the workspace, which is made clean and at the base
    /// for it, looks what it touches, and stores it as a proposal. The backend is asked once
    /// more if it does not fit.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if it cannot be placed, or touches what no change may.
    pub async fn place_change(&mut self) -> Result<Flow> {
        let Some(candidate) = self.run.candidate.take() else {
            return Ok(Flow::End(Outcome::NoChange));
        };
        let workspace = self.parts.workspace;
        workspace.reset(&self.run.base).await?;
        let message = place::place(self, candidate).await?;
        let mut change = workspace.staged(&self.run.base).await?;
        let Some(message) = message.filter(|_| !change.is_empty()) else {
            self.run.is_there_already = true;
            return Ok(Flow::End(Outcome::NoChange));
        };
        let summary = self.summary().to_owned();
        // What a step made of the summary is in the change already.
        if self.project().commit_summary && !summary.is_empty() && self.run.amended_by.is_none() {
            summarize::write_summary(workspace.path(), &summary)?;
            change = workspace.take_change(&self.run.base).await?;
        }
        patch::check_paths(&change)?;
        // What is brought back was there before.
        if change.makes_links() && !self.run.rules().brings_back {
            return Err(Error::new(
                ErrorKind::Patch,
                "the change adds or moves a symbolic link or a submodule",
            ));
        }
        let secrets = self.parts.store.secrets();
        self.run.concerns.extend(secrets.concern(&change.diff));
        self.run.concerns.extend(hidden_text::concern(&change));
        let message = commit_message::without_effects(&message);
        self.run.concerns.extend(secrets.concern_about_message(&message));
        let message = secrets.redact(&message).into_owned();
        let note = change.describe();
        // A stored proposal that is placed again on the same lines stays the same proposal: an
        // approval is bound to its diff.
        let unit = self.run.unit_to_mend().cloned();
        let before = self.run.proposal.take();
        let blocked = before.as_ref().and_then(|proposal| proposal.blocked.clone());
        let unchanged = before.filter(|proposal| proposal.diff == change.diff);
        let proposal = unchanged.unwrap_or_else(|| {
            let record = &self.run.record;
            let new = Proposal::new(
                record.project.clone(),
                self.run.base.clone(),
                change.diff.clone(),
                message,
                self.parts.desk.backend_name(),
            );
            let directory = Some(workspace.scope().place().to_owned());
            Proposal { chore: record.chore.clone(), unit, directory, blocked, ..new }
        });
        self.parts.journal.proposed(&proposal)?;
        self.run.record.proposal = Some(proposal.id);
        self.tell_policy(&change, &proposal.message);
        self.run.proposal = Some(proposal);
        let links = workspace
            .links()
            .await?
            .iter()
            .filter_map(|(path, target)| Link::new(path, target))
            .collect();
        let hooks = workspace.hook_texts().await?;
        let held = held_files(self.project(), &change, workspace.path(), links, hooks)?;
        self.run.concerns.extend(held);
        self.try_change(&change).await?;
        self.run.change = Some(change);
        Ok(Flow::Done(note))
    }
}
