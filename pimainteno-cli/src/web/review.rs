//! Routes for what a person decides: about held changes, delivered ones, and whole projects.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    response::Response,
};
use pimainteno_core::{Proposal, ProposalId};
use serde::Deserialize;

use super::{
    Control,
    handlers::{Answer, carry_out},
    refusal::Refusal,
};
use crate::{
    access::local,
    api::{ApproveRequest, Paused, RejectRequest, RollbackRequest},
};

/// How many changes are listed if the request does not say.
const PROPOSALS: usize = 20;

/// The most changes that are listed.
const MOST_PROPOSALS: usize = 1000;

/// Which changes to list.
#[derive(Deserialize)]
pub(super) struct Which {
    project: Option<String>,
    #[serde(default)]
    all: bool,
    limit: Option<usize>,
}

/// The last changes that are held, or all.
pub(super) async fn proposals(
    State(control): State<Arc<Control>>,
    which: Result<Query<Which>, QueryRejection>,
) -> Answer<Json<Vec<Proposal>>> {
    let Query(Which { project, all, limit }) = which?;
    let limit = limit.unwrap_or(PROPOSALS).min(MOST_PROPOSALS);
    Ok(Json(local::proposals(&control.maintainer, project.as_deref(), all, limit)?))
}

/// One change with its diff.
pub(super) async fn proposal(State(control): State<Arc<Control>>, Path(id): Path<String>) -> Answer<Json<Proposal>> {
    Ok(Json(control.maintainer.proposal(&id)?))
}

/// Approves a held change, and delivers it.
pub(super) async fn approve(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    order: Result<Json<ApproveRequest>, JsonRejection>,
) -> Answer<Response> {
    let Json(ApproveRequest { sha256 }) = order?;
    ProposalId::is_enough(&id)?;
    let proposal = control.maintainer.proposal(&id)?;
    let (maintainer, id) = (control.maintainer.clone(), proposal.id.to_string());
    carry_out(control, vec![proposal.project], async move { Ok(vec![maintainer.approve(&id, &sha256).await?]) })
}

/// Rejects a held change.
pub(super) async fn reject(
    State(control): State<Arc<Control>>,
    Path(id): Path<String>,
    order: Result<Json<RejectRequest>, JsonRejection>,
) -> Answer<Json<Proposal>> {
    let Json(RejectRequest { reason }) = order?;
    ProposalId::is_enough(&id)?;
    let id = control.maintainer.proposal(&id)?.id.to_string();
    Ok(Json(control.maintainer.reject(&id, &reason).await.map_err(Refusal::conflict)?))
}

/// Takes back what a run of a project delivered.
pub(super) async fn rollback(
    State(control): State<Arc<Control>>,
    Path(project): Path<String>,
    order: Result<Json<RollbackRequest>, JsonRejection>,
) -> Answer<Response> {
    let Json(RollbackRequest { run }) = order?;
    let project = local::project_id(&control.maintainer, &project)?;
    let (maintainer, id) = (control.maintainer.clone(), project.clone());
    carry_out(control, vec![project], async move { Ok(vec![maintainer.rollback(&id, run.as_deref()).await?]) })
}

/// Keeps a project from its runs.
pub(super) async fn pause(State(control): State<Arc<Control>>, Path(project): Path<String>) -> Answer<Json<Paused>> {
    Ok(Json(local::set_paused(&control.maintainer, &project, true)?))
}

/// Lets a project go on.
pub(super) async fn resume(State(control): State<Arc<Control>>, Path(project): Path<String>) -> Answer<Json<Paused>> {
    Ok(Json(local::set_paused(&control.maintainer, &project, false)?))
}
