//! Makes a commit of the verified change.

use async_trait::async_trait;
use pimainteno_plugin::Task;

use super::{Candidate, Effects, Flow, Need, Part, Step, StepContext};
use crate::{
    backend::prompt,
    commit_message,
    config::HooksMode,
    error::{Error, ErrorKind, Result},
    git::{Change, CommitEnd, CommitHooks},
    patch,
    run::Outcome,
    store::Effect,
    words::CommitId,
};

/// The longest message that is committed, in bytes; what a person still reads.
const LONGEST: usize = 8 << 10;

/// Commits the staged change in the workspace, with a message from the backend and the run's id as
/// a trailer.
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
        let (Some(change), Some(_)) = (context.run.change.clone(), &context.run.proposal) else {
            return Ok(Flow::End(Outcome::NoChange));
        };
        let message = message(context, &change).await?;
        let message = context.policy().commit_message(context.facts(), &message)?;
        if let Some(reason) = context.untold(&message) {
            return Ok(Flow::End(Outcome::Held { reason }));
        }
        let Some(commit) = context.commit_change(&message).await? else {
            return Ok(Flow::Done("the project's hooks made another change of it".into()));
        };
        let subject = context.run.message().lines().next().unwrap_or_default();
        Ok(Flow::Done(format!("{commit:.12} {subject}")))
    }
}

impl StepContext<'_> {
    /// Why a message is for a person to look at before it is committed; `None` if a person has, or
    /// if it is of what takes something back.
    fn untold(&self, message: &str) -> Option<String> {
        let is_seen = self.run.approved.is_some() || !self.run.rules().may_be_held;
        let message = commit_message::without_effects(message);
        self.parts.store.secrets().concern_about_message(&message).filter(|_| !is_seen)
    }

    /// Makes a commit of exactly the change that was allowed, signed as the owner signs and asked
    /// about by the repository's hooks, with the run's id as a trailer; gives its id. `None` where
    /// hooks made another change of it, as the project lets them: then the run goes back to `apply`
    /// behind this step. What in `message` has effects on forges or hides something is taken out,
    /// and so is a secret in the message of an approved change, which was shown without it.
    ///
    /// # Errors
    /// [`ErrorKind::Step`] if there is no change, if `message` tells a secret that nobody was shown,
    /// if the step says that it changes nothing outside and was let through as such, or if something
    /// else is staged; [`ErrorKind::Git`] if a hook refuses it or it cannot be signed, with
    /// [`crate::Retry::WhenUnblocked`].
    pub async fn commit_change(&mut self, message: &str) -> Result<Option<CommitId>> {
        self.must_be_allowed("commits the change")?;
        let (Some(change), Some(proposal)) = (&self.run.change, &self.run.proposal) else {
            return Err(Error::new(ErrorKind::Step, "there is no change to commit")
                .hint("put the step behind `apply`"));
        };
        if let Some(reason) = self.untold(message) {
            return Err(Error::new(ErrorKind::Step, reason).hint("let the step say it otherwise"));
        }
        let workspace = self.parts.workspace;
        // Hidden characters go before secrets are looked for: one in the middle of a token would
        // keep it from being found.
        let message = self
            .parts
            .store
            .secrets()
            .redact(&commit_message::without_effects(message))
            .into_owned();
        let message = if message.is_empty() { describe(change) } else { message };
        let files = change.files.clone();
        let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        let base = self.run.base.clone();
        // Checks may have changed the index, and so may whoever was asked for the message.
        if workspace.staged(&base).await?.diff != proposal.diff {
            return Err(Error::new(
                ErrorKind::Step,
                "what is staged is not the change that was verified",
            )
            .hint("a check changes Git's index; let it work on files alone"));
        }
        let tree = workspace.write_tree().await?;
        // What brings something back is not kept waiting.
        if !self.run.rules().brings_back && self.is_needed(Need::Checkout) {
            self.expect_movable_to(&base, &tree).await.map_err(Error::blocked)?;
        }
        let intent = self.announce(Effect::Commit {
            branch: self.run.branch.clone(),
            base: base.clone(),
            tree: tree.clone(),
        })?;
        // What takes something back is exactly that.
        let mode = match self.project().hooks {
            HooksMode::Amend if self.run.rules().brings_back => HooksMode::Sandbox,
            mode => mode,
        };
        let id = self.run.record.id.to_string();
        let hooks = CommitHooks {
            mode,
            write: self.project().sandbox.write.clone(),
            prepared: self.parts.leftovers.prepared_for_base(),
        };
        let end = workspace
            .commit(&base, &tree, &message, &id, hooks, &paths)
            .await
            // Neither hooks nor keys are the change's, and what it is has been verified.
            .map_err(Error::blocked)?;
        let commit = match end {
            CommitEnd::Made(commit) => commit,
            CommitEnd::Amended(amended) => {
                self.parts.journal.failed(intent, "hooks made another change of it")?;
                let message = self.run.message().to_owned();
                self.run.candidate = Some(Candidate::of_diff(amended.diff, message));
                return Ok(None);
            }
        };
        self.parts.journal.done(intent)?;
        self.run.record.commit = Some(commit.clone());
        if let Some(proposal) = &mut self.run.proposal {
            proposal.message = message;
        }
        Ok(Some(commit))
    }
}

/// The proposal's own message; where it has none, one that the backend makes from the diff; where
/// it makes none, what was changed.
async fn message(context: &mut StepContext<'_>, change: &Change) -> Result<String> {
    let mut message = context.run.message().trim().to_owned();
    if message.is_empty() && !context.run.asks_nobody {
        let recent = context.parts.store.commit_messages(&context.run.record.project)?;
        let prompt = prompt::commit_message(context.project(), &change.diff, &recent)?;
        let mut request = context.request(Task::CommitMessage, prompt);
        request.diff = Some(change.diff.clone());
        message = patch::unfenced(&context.ask(request).await?.text);
        // A change that has to wait keeps it, so that it is not asked for again.
        if let Some(proposal) = &mut context.run.proposal {
            proposal.message.clone_from(&message);
        }
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
