//! The proposer of a chore that names none: a model is asked for one minimal change.

use async_trait::async_trait;
use pimainteno_plugin::Task;

use super::Proposer;
use crate::{
    backend::prompt,
    config::BACKEND,
    error::Result,
    proposal::{Proposal, ProposalStatus},
    run::Outcome,
    step::{Flow, StepContext},
};

/// How many changes that were not wanted the backend is told of, so that it does not propose them
/// again.
const TOLD_TRIED: usize = 5;

/// The most bytes that it is told of each.
const TOLD_LENGTH: usize = 400;

/// Asks the backend for one minimal change: edits in the workspace, or a diff in the reply.
#[derive(Debug)]
pub(crate) struct Backend;

#[async_trait]
impl Proposer for Backend {
    fn name(&self) -> &str {
        BACKEND
    }

    async fn propose(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let edit = context.edit();
        let prompt = prompt::propose(
            context.project(),
            context.instructions(),
            context.summary(),
            &tried(context)?,
            context.directory(),
            edit,
        )?;
        let mut request = context.request(Task::Propose, prompt);
        request.edit = edit;
        let reply = context.ask(request).await?;
        if !context.propose_reply(reply, edit)? {
            return Ok(Flow::End(Outcome::NoChange));
        }
        let message = context.run.candidate.as_ref().map_or("", |candidate| &candidate.message);
        let backend = context.parts.desk.backend_name();
        Ok(Flow::Done(format!("{backend} proposes: {}", subject(message))))
    }
}

/// What was tried lately and is not wanted: what each change was, and why, in one line.
pub(super) fn tried(context: &StepContext<'_>) -> Result<Vec<String>> {
    let bad = context.parts.store.proposals(
        Some(&context.run.record.project),
        ProposalStatus::is_bad,
        TOLD_TRIED,
    )?;
    let line = |proposal: &Proposal| {
        let (_, why) = proposal.status.why_bad()?;
        let is_rejected = matches!(proposal.status, ProposalStatus::Rejected { .. });
        let what = if is_rejected { "rejected" } else { "failed" };
        let words: Vec<_> = why.split_whitespace().collect();
        let mut line = format!("{}: {what}: {}", subject(&proposal.message), words.join(" "));
        line.truncate(line.floor_char_boundary(TOLD_LENGTH));
        Some(line)
    };
    Ok(bad.iter().filter_map(line).collect())
}

pub(super) fn subject(message: &str) -> &str {
    message.lines().next().filter(|line| !line.is_empty()).unwrap_or("a change without a word")
}
