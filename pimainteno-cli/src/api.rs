//! What the daemon and the commands exchange, as JSON; also the shape of `--json`.
//!
//! | request | answer |
//! |---|---|
//! | `GET /healthz` | [`Health`] |
//! | `GET /api/status` | [`Status`] |
//! | `GET /api/runs?limit=`, `GET /api/projects/{id}/runs?limit=` | a list of [`RunRecord`], the newest first |
//! | `GET /api/runs/{id}` | [`RunDetail`]; the beginning of an id will do |
//! | `GET /api/proposals?project=&all=&limit=` | a list of [`Proposal`] without their diffs, the newest first: those that are held, or with `all=true` all |
//! | `GET /api/proposals/{id}` | [`Proposal`]; the beginning of an id will do, here and below |
//! | `POST /api/proposals/{id}/approve` with an [`ApproveRequest`], `POST /api/projects/{id}/rollback` with a [`RollbackRequest`] | as `POST /api/run` |
//! | `POST /api/proposals/{id}/reject` with a [`RejectRequest`] | [`Proposal`] |
//! | `POST /api/projects/{id}/pause`, `POST /api/projects/{id}/resume` | [`Paused`] |
//! | `POST /api/run` with a [`RunRequest`] | lines, each a [`RunLine`], the last one the records or a problem; empty ones are signs of life |
//! | `GET /api/notices?project=&limit=` | a list of [`Notice`](pimainteno_core::store::Notice), the newest first |
//! | `GET /api/events` | server-sent events: [`Event`] as `data` with its number as `id`, from the one after `Last-Event-ID` where that is given; `event: resync` where some may be missing |
//!
//! Whatever is refused is answered with a fitting status code and a [`Problem`].

use std::path::PathBuf;

use jiff::{Timestamp, civil::Date};
use pimainteno_core::{
    Error, Event, Proposal, RunId, RunOptions, RunRecord, Spending,
    config::Mode,
    store::{Entry, Frozen, Held, Output, Parked, UsageEntry},
};
use serde::{Deserialize, Serialize};

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Says that the daemon answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Health {
    /// The version of the program that answers.
    pub(crate) version: String,
}

/// All projects at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// The version of the program that answers.
    pub(crate) version: String,
    /// Whether the daemon answers; without one, nothing runs on schedule.
    pub(crate) daemon: bool,
    /// The day that pays for calls now, in the scheduler's time zone.
    #[serde(default)]
    pub(crate) day: Option<Date>,
    /// What all projects together spent on that day, of how much.
    #[serde(default)]
    pub(crate) today: Spending,
    /// The projects, in the configuration's order.
    pub(crate) projects: Vec<ProjectStatus>,
}

/// A project at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProjectStatus {
    /// The project's id.
    pub(crate) id: String,
    /// The project's name.
    pub(crate) name: String,
    /// The checkout.
    pub(crate) path: PathBuf,
    /// What may be done without asking.
    pub(crate) mode: Mode,
    /// The backend that answers its prompts.
    pub(crate) backend: String,
    /// The cron expression of its slots, as written.
    pub(crate) cron: String,
    /// The next slot; `None` if there is none.
    pub(crate) next_slot: Option<Timestamp>,
    /// Whether a person paused the project.
    pub(crate) paused: bool,
    /// What it spent today, and what its own budget is.
    #[serde(default)]
    pub(crate) today: Spending,
    /// Until when it is left alone, and why; `None` once that is over.
    pub(crate) parked: Option<Parked>,
    /// Why it is left alone until a person resumes it.
    #[serde(default)]
    pub(crate) frozen: Option<Frozen>,
    /// The change that waits for a person.
    pub(crate) held: Option<Held>,
    /// The last run that ended.
    pub(crate) last_run: Option<RunRecord>,
    /// The run that goes on.
    pub(crate) running: Option<RunId>,
}

/// Everything that is kept of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunDetail {
    /// The run.
    pub(crate) record: RunRecord,
    /// The change that it was about.
    pub(crate) proposal: Option<Proposal>,
    /// What its answers cost, by task and backend.
    #[serde(default)]
    pub(crate) usage: Vec<UsageEntry>,
    /// What it announced and did.
    pub(crate) journal: Vec<Entry>,
    /// Check logs and the backend's answers.
    pub(crate) outputs: Vec<Output>,
}

/// What is to be run, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RunRequest {
    /// Ids or names; none means all projects.
    pub(crate) projects: Vec<String>,
    /// See [`RunOptions::dry_run`].
    pub(crate) dry_run: bool,
    /// See [`RunOptions::force`].
    pub(crate) force: bool,
}

/// Which diff is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApproveRequest {
    /// The SHA-256 of the diff that was looked at, or at least eight digits of its beginning.
    pub(crate) sha256: String,
}

/// Why a change is rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RejectRequest {
    /// What is wrong with it; the backend is told.
    pub(crate) reason: String,
}

/// What is taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RollbackRequest {
    /// The run whose change it is; the last one that delivered something if it is not given.
    pub(crate) run: Option<String>,
}

/// Whether a project is paused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Paused {
    /// The project's id.
    pub(crate) project: String,
    /// Whether it is.
    pub(crate) paused: bool,
}

/// One line of the answer to a request to run projects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum RunLine {
    /// Something happened.
    Event(Event),
    /// The end: a record for each project.
    Records(Vec<RunRecord>),
    /// The end: the runs could not be carried out.
    Problem(Problem),
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// What failed, on what, and its causes, in one line.
    pub(crate) error: String,
    /// What to do about it.
    #[serde(default)]
    pub(crate) hints: Vec<String>,
}

impl RunRequest {
    /// What the command line asked for.
    pub(crate) fn new(projects: &[String], options: RunOptions) -> Self {
        Self { projects: projects.to_vec(), dry_run: options.dry_run, force: options.force }
    }

    /// How the runs differ from scheduled ones.
    pub(crate) fn options(&self) -> RunOptions {
        let mut options = RunOptions::default();
        options.dry_run = self.dry_run;
        options.force = self.force;
        options
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self { error: error.to_string(), hints: error.hints().map(str::to_owned).collect() }
    }
}
