//! How the outside sees the inside: events, and who receives them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::RunId,
    run::{Outcome, RunRecord, StepRecord, StepStatus},
    secrets::Secrets,
};

/// Something that happened; what the terminal, the log and the dashboard show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
#[non_exhaustive]
pub enum Event {
    /// A run left the queue.
    RunStarted {
        /// The project's id.
        project: String,
        /// The run.
        run: RunId,
        /// Why it was started; [`crate::Trigger::name`].
        trigger: String,
        /// The names of the steps to come.
        steps: Vec<String>,
    },
    /// A step began.
    StepStarted {
        /// The project's id.
        project: String,
        /// The run.
        run: RunId,
        /// The step's name.
        step: String,
    },
    /// A step tells what it is doing: one line, may be frequent.
    StepProgress {
        /// The project's id.
        project: String,
        /// The run.
        run: RunId,
        /// The step's name.
        step: String,
        /// What it is doing.
        message: String,
    },
    /// A step ended.
    StepFinished {
        /// The project's id.
        project: String,
        /// The run.
        run: RunId,
        /// What it did.
        step: StepRecord,
    },
    /// A run ended.
    RunFinished {
        /// The whole record; its outcome is set.
        record: Box<RunRecord>,
    },
    /// A project was looked at and no run was needed; nothing is stored for it.
    ProjectSkipped {
        /// The project's id.
        project: String,
        /// Why.
        reason: String,
    },
    /// Something that a person should know, outside of any step.
    Notice {
        /// The project's id.
        project: String,
        /// When.
        at: Timestamp,
        /// What.
        message: String,
    },
}

/// Receives events.
///
/// It is called in order, from whichever task the event comes from, and must return quickly: a run waits for it.
pub trait EventSink: Send + Sync {
    /// Takes note of an event; does nothing unless overridden.
    fn event(&self, event: &Event) {
        let _ = event;
    }
}

/// Takes no note of anything.
impl EventSink for () {}

impl<F: Fn(&Event) + Send + Sync> EventSink for F {
    fn event(&self, event: &Event) {
        self(event);
    }
}

impl Event {
    /// The id of the project that the event is about.
    pub fn project(&self) -> &str {
        match self {
            Self::RunStarted { project, .. }
            | Self::StepStarted { project, .. }
            | Self::StepProgress { project, .. }
            | Self::StepFinished { project, .. }
            | Self::ProjectSkipped { project, .. }
            | Self::Notice { project, .. } => project,
            Self::RunFinished { record } => &record.project,
        }
    }

    /// The event without the secrets in it.
    pub(crate) fn redacted(&self, secrets: &Secrets) -> Self {
        let mut event = self.clone();
        match &mut event {
            Self::StepProgress { message: text, .. } | Self::ProjectSkipped { reason: text, .. } | Self::Notice { message: text, .. } => {
                secrets.clean(text);
            }
            Self::StepFinished { step, .. } => secrets.clean(&mut step.note),
            Self::RunFinished { record } => record.redact(secrets),
            Self::RunStarted { .. } | Self::StepStarted { .. } => {}
        }
        event
    }
}

/// Writes the event as one plain line.
impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.project())?;
        match self {
            Self::RunStarted { run, trigger, .. } => write!(formatter, "run {run} started ({trigger})"),
            Self::StepStarted { step, .. } => write!(formatter, "{step}: started"),
            Self::StepProgress { step, message, .. } => write!(formatter, "{step}: {message}"),
            Self::StepFinished { step, .. } => {
                let status = match step.status {
                    StepStatus::Done => "done",
                    StepStatus::Skipped => "skipped",
                    StepStatus::Ended => "ended the run",
                    StepStatus::Failed => "failed",
                };
                write!(formatter, "{}: {status} in {} ms", step.name, step.milliseconds)?;
                if step.note.is_empty() { Ok(()) } else { write!(formatter, ": {}", step.note) }
            }
            Self::RunFinished { record } => match &record.outcome {
                Some(outcome) => write!(formatter, "{outcome}"),
                None => write!(formatter, "{}", Outcome::Interrupted),
            },
            Self::ProjectSkipped { reason, .. } => write!(formatter, "skipped: {reason}"),
            Self::Notice { message, .. } => formatter.write_str(message),
        }
    }
}
