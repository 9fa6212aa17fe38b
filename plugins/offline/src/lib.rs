//! Upkeep without a language model, as a backend of PiMainteno.
//!
//! [`Offline`] summarises a repository from what can be counted in it, and proposes one small
//! change at a time of kinds that are right without understanding the code: known misspellings,
//! dead links whose target only moved, stray white space. It prefers to leave something alone: a
//! wrong change is worse than none. The same files give the same answer, and no answer costs
//! anything.

mod comments;
mod files;
mod git;
mod languages;
mod markdown;
mod message;
mod summary;
mod upkeep;

use std::{path::Path, time::Duration};

use async_trait::async_trait;
use pimainteno_core::{
    Call, Edit, Error, ErrorKind, LlmBackend, Reply, Request, Result, Task,
    process::{Cancel, Environment},
};

use git::Git;

/// The backend `offline`.
#[derive(Clone, Debug)]
pub struct Offline {
    environment: Environment,
}

impl Offline {
    /// A backend whose Git commands see `environment`, which needs a `PATH`.
    pub fn new(environment: Environment) -> Self {
        Self { environment }
    }

    fn git(&self, request: &Request, call: &Call) -> Git {
        Git::new(&request.workspace, self.environment.clone(), call.cancel.clone(), request.timeout)
    }
}

#[async_trait]
impl LlmBackend for Offline {
    fn name(&self) -> &str {
        "offline"
    }

    fn edit(&self) -> Edit {
        Edit::Workspace
    }

    fn is_paid(&self) -> bool {
        false
    }

    /// Answers from the files of the workspace, which must be a Git worktree.
    ///
    /// A proposal is written to the workspace; its text is a commit message, and empty when there
    /// is nothing to do.
    async fn complete(&self, request: &Request, call: &Call) -> Result<Reply> {
        call.cancel.check()?;
        let text = match request.task {
            Task::Summarize => {
                call.progress("counting what is in the repository");
                summary::summarize(&self.git(request, call), request.previous_summary.as_deref())
                    .await?
            }
            Task::Propose if request.edit == Edit::Workspace => {
                call.progress("looking for something small to put right");
                upkeep::propose(&self.git(request, call)).await?.unwrap_or_default()
            }
            Task::Propose => {
                let error = Error::new(
                    ErrorKind::Backend,
                    "the backend `offline` edits the workspace and answers with no diff",
                );
                return Err(error.hint(
                    "let it edit the workspace: leave out `edit`, or set it to \"workspace\"",
                ));
            }
            Task::CommitMessage => message::commit_message(
                &request.prompt,
                request.diff.as_deref().unwrap_or_default(),
            ),
            task => {
                return Err(Error::new(
                    ErrorKind::Backend,
                    format!("the backend `offline` knows no task `{task}`"),
                ));
            }
        };
        Ok(Reply::new(text))
    }

    async fn health(&self) -> Result<String> {
        let git = Git::new(
            Path::new("/"),
            self.environment.clone(),
            Cancel::new(),
            Duration::from_secs(10),
        );
        let version = git.run(["version"]).await?;
        Ok(format!("{}; needs no model and no network", String::from_utf8_lossy(&version).trim()))
    }
}
