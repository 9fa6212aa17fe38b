//! The HTTP API of a maintainer: what can be asked for, the router that answers, and the client
//! that asks the daemon.
//!
//! A [`Verb`] is one struct in one place: its fields are what a request names, its documentation is
//! the API's. [`router`] answers all of them in any axum program, a [`Client`] asks a daemon for
//! any of them, and a [`Service`] answers them in this process.
//!
//! | request | verb | fields | answer |
//! |---|---|---|---|
//! | `GET /healthz` | [`Healthz`] | | [`Health`] |
//! | `GET /api/status` | [`Status`] | | [`Overview`] |
//! | `GET /api/runs` | [`Runs`] | `project`, `limit` | a list of [`RunRecord`] |
//! | `GET /api/projects/{project}/runs` | [`ProjectRuns`] | `project`, `limit` | a list of [`RunRecord`] |
//! | `GET /api/runs/{id}` | [`ShowRun`] | `id` | [`RunDetail`] |
//! | `GET /api/proposals` | [`Proposals`] | `project`, `all`, `limit` | a list of [`Proposal`] without their diffs |
//! | `GET /api/proposals/{id}` | [`ShowProposal`] | `id` | [`Proposal`] |
//! | `GET /api/notices` | [`Notices`] | `project`, `limit` | a list of [`Notice`] |
//! | `GET /api/incidents` | [`Incidents`] | `project`, `limit` | a list of [`Incident`] |
//! | `GET /api/incidents/{id}` | [`ShowIncident`] | `id` | an [`Incident`] |
//! | `POST /api/units/{unit}/failed` | [`NotifyFailure`] | `unit` | [`Heard`] |
//! | `POST /api/proposals/{id}/reject` | [`Reject`] | `id`, `reason` | [`Proposal`] |
//! | `POST /api/projects/{project}/pause` | [`Pause`] | `project` | [`Paused`] |
//! | `POST /api/projects/{project}/resume` | [`Resume`] | `project` | [`Paused`] |
//! | `POST /api/projects/{project}/forget` | [`Forget`] | `project`, `history` | [`Forgotten`] |
//! | `POST /api/reload` | [`Reload`] | | [`Reloaded`] |
//! | `POST /api/run` | [`Run`] | `projects`, `chore`, `dry_run`, `force` | lines |
//! | `POST /api/proposals/{id}/approve` | [`Approve`] | `id`, `sha256` | lines |
//! | `POST /api/projects/{project}/rollback` | [`Rollback`] | `project`, `run` | lines |
//! | `GET /api/events` | events | | server-sent events |
//!
//! Fields that are not in the path are in the query of a `GET`, and in a JSON object that is the
//! body of a `POST`. Of ids the beginning will do, projects are named by their ids or names. Lists
//! have the newest first. Whatever is refused is answered with a fitting status code and a
//! [`Problem`].
//!
//! *Lines* are JSON, each a [`RunLine`], the last one the records or a problem; empty ones are
//! signs of life. *Server-sent events* have an [`Event`] as `data` and its number as `id`, and
//! begin after `Last-Event-ID` where that is given; `event: resync` stands where some may be
//! missing.
//!
//! What decides anything is refused to pages of other origins. Who may connect at all is for the
//! program to say that mounts the router.
//!
//! [`Event`]: pimainteno_core::Event
//! [`Forgotten`]: pimainteno_core::Forgotten
//! [`Notice`]: pimainteno_core::store::Notice
//! [`Incident`]: pimainteno_core::incident::Incident
//! [`Proposal`]: pimainteno_core::Proposal
//! [`RunRecord`]: pimainteno_core::RunRecord

mod client;
mod codec;
mod configuration;
mod origin;
mod refusal;
mod routes;
mod service;
mod stream;
mod verb;
mod verbs;

use axum::Router;
use pimainteno_core::{Maintainer, process::Cancel};

pub use client::{Client, is_nobody};
pub use configuration::{Configuration, ReadAgain};
pub use refusal::{Problem, Refusal};
pub use routes::{Route, routes};
pub use service::Service;
pub use stream::RunLine;
pub use verb::{Order, Verb};
pub use verbs::{deciding::*, incidents::*, reading::*, running::*};

/// The version of this program.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Answers for a maintainer, for as long as the program runs. [`Service::serving`] is for one that
/// wants to end the answers in good order.
pub fn router(maintainer: Maintainer) -> Router {
    Service::serving(maintainer, Cancel::new()).router()
}
