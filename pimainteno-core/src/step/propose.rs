//! Asks for one minimal change.

use async_trait::async_trait;
use pimainteno_plugin::{Edit, Reply, Task};

use super::{Candidate, Effects, Flow, Step, StepContext};
use crate::{backend::prompt, error::Result, patch, run::Outcome};

/// Asks the backend for one minimal change: edits in the workspace, or a diff in the reply.
#[derive(Debug)]
pub(crate) struct Propose;

#[async_trait]
impl Step for Propose {
    fn name(&self) -> &str {
        "propose"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let edit = context.parts.desk.edit();
        let prompt = prompt::propose(context.project(), context.summary(), edit)?;
        let mut request = context.request(Task::Propose, prompt);
        request.edit = edit;
        let reply = context.ask(request).await?;
        let Some(candidate) = candidate(reply, edit)? else { return Ok(Flow::End(Outcome::NoChange)) };
        context.candidate = Some(candidate);
        Ok(Flow::Done(format!("{} proposes: {}", context.parts.desk.backend_name(), subject(context))))
    }
}

/// The change that a reply to a request with `edit` holds; `None` if the backend wants none.
pub(super) fn candidate(reply: Reply, edit: Edit) -> Result<Option<Candidate>> {
    let text = reply.text;
    match reply.diff {
        Some(diff) => Ok(Some(Candidate::Diff { diff, message: patch::message_of(&text) })),
        // A backend that may edit can still choose to answer with a diff.
        None if patch::holds_diff(&text) => Ok(Some(Candidate::Reply { text })),
        None if edit == Edit::Reply && !text.trim().is_empty() && !patch::declines(&text) => Err(patch::no_diff_in(&text)),
        None => Ok(None),
    }
}

fn subject(context: &StepContext<'_>) -> String {
    let message = match &context.candidate {
        Some(Candidate::Diff { message, .. } | Candidate::Inverse { message, .. }) => message.clone(),
        Some(Candidate::Reply { text }) => patch::message_of(text),
        None => String::new(),
    };
    message.lines().next().filter(|line| !line.is_empty()).unwrap_or("a change without a word").to_owned()
}
