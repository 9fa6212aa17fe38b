//! One function per route.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{HeaderMap, StatusCode},
    response::Response,
};
use pimainteno_core::{RunRecord, store::Notice};
use serde::Deserialize;

use super::{Control, refusal::Refusal, stream};
use crate::{
    access::local,
    api::{Health, RunDetail, RunRequest, Status, VERSION},
};

/// How many runs are listed if the request does not say.
const RUNS: usize = 20;

/// The most runs that are listed.
const MOST_RUNS: usize = 1000;

/// What a route gives.
pub(super) type Answer<T> = Result<T, Refusal>;

/// How many runs to list.
#[derive(Deserialize)]
pub(super) struct Limit {
    limit: Option<usize>,
}

/// Which notices to list.
#[derive(Deserialize)]
pub(super) struct Wanted {
    project: Option<String>,
    limit: Option<usize>,
}

/// Says that the daemon answers.
pub(super) async fn health() -> Json<Health> {
    Json(Health { version: VERSION.to_owned() })
}

/// All projects at a glance.
pub(super) async fn status(State(control): State<Arc<Control>>) -> Answer<Json<Status>> {
    Ok(Json(local::status(&control.maintainer, true, |project| control.live.run_of(project))?))
}

/// The last runs.
pub(super) async fn runs(State(control): State<Arc<Control>>, limit: Result<Query<Limit>, QueryRejection>) -> Answer<Json<Vec<RunRecord>>> {
    Ok(Json(local::runs(&control.maintainer, None, limit?.number())?))
}

/// The last runs of one project.
pub(super) async fn project_runs(
    State(control): State<Arc<Control>>,
    Path(project): Path<String>,
    limit: Result<Query<Limit>, QueryRejection>,
) -> Answer<Json<Vec<RunRecord>>> {
    Ok(Json(local::runs(&control.maintainer, Some(&project), limit?.number())?))
}

/// Everything about one run.
pub(super) async fn run(State(control): State<Arc<Control>>, Path(id): Path<String>) -> Answer<Json<RunDetail>> {
    Ok(Json(local::run(&control.maintainer, &id)?))
}

/// Runs projects.
pub(super) async fn start(State(control): State<Arc<Control>>, order: Result<Json<RunRequest>, JsonRejection>) -> Answer<Response> {
    let Json(order) = order?;
    let projects = local::project_ids(&control.maintainer, &order.projects)?;
    let (options, names, maintainer) = (order.options(), projects.clone(), control.maintainer.clone());
    carry_out(control, projects, async move { local::start(&maintainer, &names, options).await })
}

/// Has runs of `projects`, or of all if none is given, carried out. They go on when the caller is gone.
pub(super) fn carry_out(
    control: Arc<Control>,
    projects: Vec<String>,
    work: impl Future<Output = pimainteno_core::Result<Vec<RunRecord>>> + Send + 'static,
) -> Answer<Response> {
    if control.stopping.is_raised() {
        return Err(unavailable("the daemon is stopping").hint("try again when it runs"));
    }
    let permit = control.orders.clone().try_acquire_owned();
    let permit = permit.map_err(|_| unavailable("too many runs were asked for at once").hint("wait until some have ended"))?;
    let events = control.maintainer.events(None);
    let run = tokio::spawn(async move {
        let _permit = permit;
        control.recover().await?;
        work.await
    });
    Ok(stream::run_lines(projects, run, events))
}

/// Whatever happens from now on, or from where the reader was when it went away.
pub(super) async fn events(State(control): State<Arc<Control>>, headers: HeaderMap) -> Answer<Response> {
    let permit = control.readers.clone().try_acquire_owned().map_err(|_| unavailable("too many read the events at once"))?;
    let after = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    Ok(stream::server_sent_events(control.maintainer.events(after), after.is_none(), permit, control.stopping.clone()))
}

/// The last things that a person should know.
pub(super) async fn notices(
    State(control): State<Arc<Control>>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer<Json<Vec<Notice>>> {
    let Query(Wanted { project, limit }) = wanted?;
    Ok(Json(local::notices(&control.maintainer, project.as_deref(), Limit { limit }.number())?))
}

impl Limit {
    fn number(&self) -> usize {
        self.limit.unwrap_or(RUNS).min(MOST_RUNS)
    }
}

fn unavailable(error: &str) -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error)
}
