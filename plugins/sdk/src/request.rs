//! What PiMainteno asks of a backend.

use std::{fmt, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

/// One question to a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Request {
    /// What the answer is for.
    pub task: Task,
    /// The whole question as text, for backends that read text.
    pub prompt: String,
    /// How a change is handed over; [`Edit::None`] for every other task.
    pub edit: Edit,
    /// Directory with the project's files at the base commit; absolute.
    ///
    /// It may be read by every task, and written only under [`Edit::Workspace`].
    pub workspace: PathBuf,
    /// The change that the question is about, as a unified diff; set for [`Task::CommitMessage`]
    /// and [`Task::Mend`].
    pub diff: Option<String>,
    /// The summary made by an earlier run, if there is one.
    pub previous_summary: Option<String>,
    /// Wall-clock limit for the whole answer.
    pub timeout: Duration,
    /// How long the backend may show no sign of life before it is given up.
    pub silence_timeout: Duration,
}

/// What an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Task {
    /// A Markdown summary of the project.
    Summarize,
    /// One minimal change to the project.
    Propose,
    /// A commit message for [`Request::diff`].
    CommitMessage,
    /// The change of [`Request::diff`] once more, so that it passes the checks that it failed.
    #[serde(alias = "repair")]
    Mend,
    /// The change of a reply that did not fit the files once more, so that it does.
    Rebase,
}

/// How a backend hands over a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Edit {
    /// Nothing is changed; the answer is text.
    #[default]
    None,
    /// The backend edits files in [`Request::workspace`] and leaves them uncommitted.
    Workspace,
    /// The backend answers with a unified diff and edits nothing.
    Reply,
}

impl Request {
    /// A request of `task` about the files in `workspace`, with a limit of ten minutes and of two
    /// minutes' silence.
    pub fn new(task: Task, workspace: impl Into<PathBuf>, prompt: impl Into<String>) -> Self {
        Self {
            task,
            prompt: prompt.into(),
            edit: Edit::None,
            workspace: workspace.into(),
            diff: None,
            previous_summary: None,
            timeout: Duration::from_secs(600),
            silence_timeout: Duration::from_secs(120),
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Summarize => "summarize",
            Self::Propose => "propose",
            Self::CommitMessage => "commit-message",
            Self::Mend => "mend",
            Self::Rebase => "rebase",
        })
    }
}
