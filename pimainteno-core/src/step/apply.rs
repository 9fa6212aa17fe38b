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

/// Places the proposed change in a workspace that is clean and at the base commit, and stores it as a proposal.
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
        let Some(candidate) = context.run.candidate.clone() else { return Ok(Flow::End(Outcome::NoChange)) };
        let workspace = context.parts.workspace;
        workspace.reset(&context.run.record.base).await?;
        let Some(message) = place::place(context, &candidate).await? else { return Ok(Flow::End(Outcome::NoChange)) };
        let mut change = workspace.staged(&context.run.record.base).await?;
        if change.is_empty() {
            return Ok(Flow::End(Outcome::NoChange));
        }
        let summary = context.summary();
        if context.project().commit_summary && !summary.is_empty() {
            summarize::write_summary(workspace.path(), summary)?;
            change = workspace.take_change(&context.run.record.base).await?;
        }
        patch::check_paths(&change)?;
        // What is brought back was there before.
        if change.makes_links() && !context.run.record.job.rules().brings_back {
            return Err(Error::new(ErrorKind::Patch, "the change adds or moves a symbolic link or a submodule"));
        }
        let secrets = context.parts.store.secrets();
        context.run.concerns.extend(secrets.concern(&change.diff));
        context.run.concerns.extend(hidden_text::concern(&change));
        let message = secrets.redact(&commit_message::without_effects(&message)).into_owned();
        let note = change.describe();
        // A stored proposal that is placed again on the same lines stays the same proposal: an approval is bound to its diff.
        let unchanged = context.run.proposal.take().filter(|proposal| proposal.diff == change.diff);
        let proposal = unchanged.unwrap_or_else(|| {
            Proposal::new(
                &context.run.record.project,
                &context.run.record.base,
                change.diff.clone(),
                message,
                context.parts.desk.backend_name(),
            )
        });
        context.parts.journal.proposed(&proposal)?;
        context.run.record.proposal = Some(proposal.id);
        context.tell_policy(&change, &proposal.message);
        context.run.proposal = Some(proposal);
        let links = workspace.links().await?.iter().filter_map(|(path, target)| Link::new(path, target)).collect();
        context.run.concerns.extend(held_files(context.project(), &change, workspace.path(), links)?);
        context.try_change(&change).await?;
        context.run.change = Some(change);
        Ok(Flow::Done(note))
    }
}
