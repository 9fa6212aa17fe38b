//! Makes a commit of the verified change.

use async_trait::async_trait;
use pimainteno_plugin::Task;

use super::{Effects, Flow, Part, Step, StepContext};
use crate::{
    backend::prompt,
    commit_message,
    config::HooksMode,
    error::{Error, ErrorKind, Result},
    git::Change,
    run::Outcome,
    store::Effect,
};

/// The longest message that is committed, in bytes; what a person still reads.
const LONGEST: usize = 8 << 10;

/// Commits the staged change in the workspace, with a message from the backend and the run's id as a trailer.
#[derive(Debug)]
pub(crate) struct Commit;

#[async_trait]
impl Step for Commit {
    fn name(&self) -> &str {
        "commit"
    }

    fn effects(&self) -> Effects {
        Effects::Announced
    }

    fn part(&self) -> Part {
        Part::Commit
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let (Some(change), Some(proposal)) = (context.run.change.clone(), context.run.proposal.clone()) else {
            return Ok(Flow::End(Outcome::NoChange));
        };
        let workspace = context.parts.workspace;
        let message = message(context, &change, &proposal.message).await?;
        let message = context.parts.policy.commit_message(&context.run.facts, &message)?;
        // Hidden characters go before secrets are looked for: one in the middle of a token would keep it from being found.
        let message = context.parts.store.secrets().redact(&commit_message::without_effects(&message)).into_owned();
        let message = if message.is_empty() { describe(&change) } else { message };
        // Checks may have changed the index, and so may whoever was asked for the message.
        if workspace.staged(&context.run.record.base).await?.diff != proposal.diff {
            return Err(Error::new(ErrorKind::Step, "what is staged is not the change that was verified")
                .hint("a check changes Git's index; let it work on files alone"));
        }
        let branch = context.run.branch.to_owned();
        let tree = workspace.write_tree().await?;
        let journal = context.parts.journal;
        let intent = context.announce(Effect::Commit { branch, base: context.run.record.base.clone(), tree: tree.clone() })?;
        let with_hooks = context.project().hooks == HooksMode::Sandbox;
        let commit = workspace.commit(&context.run.record.base, &tree, &message, &context.run.record.id.to_string(), with_hooks).await?;
        journal.done(intent)?;
        context.run.record.commit = Some(commit.clone());
        if let Some(proposal) = &mut context.run.proposal {
            proposal.message.clone_from(&message);
        }
        Ok(Flow::Done(format!("{commit:.12} {}", message.lines().next().unwrap_or_default())))
    }
}

/// The proposal's own message; where it has none, one that the backend makes from the diff; where it makes none, what was changed.
async fn message(context: &mut StepContext<'_>, change: &Change, proposed: &str) -> Result<String> {
    let mut message = proposed.trim().to_owned();
    if message.is_empty() {
        let recent = context.parts.store.commit_messages(&context.run.record.project)?;
        let prompt = prompt::commit_message(context.project(), &change.diff, &recent)?;
        let mut request = context.request(Task::CommitMessage, prompt);
        request.diff = Some(change.diff.clone());
        message = context.ask(request).await?.text.trim().trim_matches('`').trim().to_owned();
    }
    if message.len() > LONGEST {
        message.truncate(message.floor_char_boundary(LONGEST));
    }
    Ok(if message.is_empty() { describe(change) } else { message })
}

/// A message for a change that nobody says anything about.
fn describe(change: &Change) -> String {
    format!("maintenance: change {}", change.describe())
}
