//! How the outside sees the inside: events, and who receives them.

mod bus;

use std::{fmt, num::ParseIntError, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::RunId,
    incident::Incident,
    job::Job,
    run::{RunRecord, StepRecord, StepStatus},
    secrets::Secrets,
    words::ProjectId,
};

pub(crate) use bus::Bus;
pub use bus::{Events, Heard};

/// Something that happened; what the terminal, the log and the dashboard show.
///
/// As JSON, what happened lies beside the other fields, and `event` names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// Tells it from all others, and where a reader goes on.
    pub id: EventId,
    /// When.
    pub at: Timestamp,
    /// The id of the project that it is about.
    pub project: Option<ProjectId>,
    /// The run that it is about.
    pub run: Option<RunId>,
    /// What happened.
    #[serde(flatten)]
    pub what: EventKind,
}

/// The number of an event: it grows, also over restarts, and can be written exactly in JSON (it
/// stays below 2⁵³ until the year 2255).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub(crate) u64);

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
#[non_exhaustive]
pub enum EventKind {
    /// A run left the queue.
    RunStarted {
        /// Why it was started; [`crate::Trigger::name`].
        trigger: String,
        /// What it does.
        job: Job,
        /// The names of the steps to come.
        steps: Vec<String>,
    },
    /// A step began.
    StepStarted {
        /// The step's name.
        step: String,
    },
    /// A step tells what it is doing: one line, may be frequent.
    StepProgress {
        /// The step's name.
        step: String,
        /// What it is doing.
        message: String,
    },
    /// A step ended.
    StepFinished {
        /// What it did.
        step: StepRecord,
    },
    /// A run ended.
    RunFinished {
        /// The whole record; its outcome is set.
        record: Box<RunRecord>,
    },
    /// What was asked for waits for its turn.
    Queued {
        /// What is to be done.
        job: Job,
    },
    /// A chore of a project was looked at and no run was needed; nothing is stored for it.
    ProjectSkipped {
        /// The chore that was to be run; empty in what earlier versions told.
        #[serde(default)]
        chore: String,
        /// Why.
        reason: String,
    },
    /// A unit failed, or what was known of that changed: more was done about it, or it is over.
    Incident {
        /// What is known of it now.
        incident: Box<Incident>,
    },
    /// Something that a person should know, outside of any step; it is kept, see
    /// [`crate::Maintainer::notices`].
    Notice {
        /// What it is about.
        notice: NoticeKind,
        /// Tells one of its kind from others; two of the same kind and key say the same thing
        /// again.
        key: String,
        /// What.
        message: String,
    },
}

/// What a notice is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum NoticeKind {
    /// The project is left alone for a while.
    Parked,
    /// The project is left alone until a person looks at it.
    Frozen,
    /// A held change: nobody answers.
    Approval,
    /// A good change waits for something outside that a person has to put right.
    Blocked,
    /// A run that was cut off cannot be finished yet, or a change not be taken back.
    Unfinished,
    /// Files of the checkout were left as somebody else made them.
    Checkout,
    /// A unit failed in a way that no change of the project can mend, or many did.
    Incident,
    /// What checks left is not kept.
    Leftovers,
    /// The sandbox is not whole.
    Sandbox,
    /// What was kept by earlier programs is damaged.
    Store,
    /// The daemon, or what was asked of it.
    Daemon,
}

/// Receives events.
///
/// It is called in order, from whichever task the event comes from, and must return quickly: a run
/// waits for it.
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
    /// Something that happened at `at`. A maintainer makes its own; this is for what stands in for
    /// one.
    pub fn new(
        id: EventId,
        at: Timestamp,
        project: Option<ProjectId>,
        run: Option<RunId>,
        what: EventKind,
    ) -> Self {
        Self { id, at, project, run, what }
    }

    /// The same about a notice, of no project.
    pub fn notice(kind: NoticeKind, message: impl Into<String>) -> Self {
        let what = EventKind::Notice { notice: kind, key: String::new(), message: message.into() };
        Self::new(EventId(0), Timestamp::now(), None, None, what)
    }
}

impl EventKind {
    /// Takes the secrets out of it.
    fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::StepProgress { message: text, .. }
            | Self::ProjectSkipped { reason: text, .. }
            | Self::Notice { message: text, .. } => {
                secrets.clean(text);
            }
            Self::StepFinished { step } => secrets.clean(&mut step.note),
            Self::RunFinished { record } => record.redact(secrets),
            Self::Incident { incident } => incident.redact(secrets),
            Self::RunStarted { .. } | Self::StepStarted { .. } | Self::Queued { .. } => {}
        }
    }
}

impl NoticeKind {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Frozen => "frozen",
            Self::Approval => "approval",
            Self::Blocked => "blocked",
            Self::Unfinished => "unfinished",
            Self::Checkout => "checkout",
            Self::Incident => "incident",
            Self::Leftovers => "leftovers",
            Self::Sandbox => "sandbox",
            Self::Store => "store",
            Self::Daemon => "daemon",
        }
    }
}

/// Reads what [`EventId`] writes.
impl FromStr for EventId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Writes a decimal number.
impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Writes the event as one plain line.
impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(project) = &self.project {
            write!(formatter, "{project}: ")?;
        }
        match (&self.what, self.run) {
            (EventKind::RunStarted { trigger, job, .. }, Some(run)) => {
                write!(formatter, "run {run} started ({trigger}; {job})")
            }
            (what, _) => what.fmt(formatter),
        }
    }
}

/// Writes what happened as one plain line.
impl fmt::Display for EventKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RunStarted { trigger, .. } => write!(formatter, "a run started ({trigger})"),
            Self::StepStarted { step } => write!(formatter, "{step}: started"),
            Self::StepProgress { step, message } => write!(formatter, "{step}: {message}"),
            Self::StepFinished { step } => {
                let status = match step.status {
                    StepStatus::Done => "done",
                    StepStatus::Skipped => "skipped",
                    StepStatus::Ended => "ended the run",
                    StepStatus::Failed => "failed",
                };
                write!(formatter, "{}: {status} in {} ms", step.name, step.milliseconds)?;
                if step.note.is_empty() { Ok(()) } else { write!(formatter, ": {}", step.note) }
            }
            Self::RunFinished { record } => formatter.write_str(&record.told()),
            Self::Queued { job } => write!(formatter, "waits for its turn: {job}"),
            Self::ProjectSkipped { reason, .. } => write!(formatter, "skipped: {reason}"),
            Self::Incident { incident } => match &incident.ended {
                None => formatter.write_str(&incident.told()),
                Some(ended) => write!(formatter, "{} is well again, {}", incident.unit, ended.by),
            },
            Self::Notice { message, .. } => formatter.write_str(message),
        }
    }
}
