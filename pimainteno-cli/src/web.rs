//! What the daemon answers over HTTP; see [`crate::api`] for the requests.

mod handlers;
mod live;
mod refusal;
mod review;
mod stream;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, Request},
    http::{Method, StatusCode},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use pimainteno_core::{Maintainer, Result, process::Cancel};
use tokio::sync::{OnceCell, Semaphore};

pub(crate) use live::Live;

use crate::daemon::peer::Peer;
use refusal::Refusal;

/// How often a streaming answer says that the daemon is alive when there is nothing else to say.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many requests to run projects may be open at once, and how many readers of events.
const MOST: u32 = 16;

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 64 << 10;

/// What the answers are made from.
pub(crate) struct Control {
    maintainer: Maintainer,
    live: Arc<Live>,
    /// Raised when the daemon is to stop: no run is begun any more, and streams of events end.
    stopping: Cancel,
    /// A permit for each request to run projects that is being carried out.
    orders: Arc<Semaphore>,
    /// A permit for each reader of events.
    readers: Arc<Semaphore>,
    recovered: OnceCell<()>,
}

impl Control {
    /// Answers for `maintainer`, whose events go to `live`.
    pub(crate) fn new(maintainer: Maintainer, live: Arc<Live>, stopping: Cancel) -> Self {
        let permits = || Arc::new(Semaphore::new(MOST as usize));
        Self { maintainer, live, stopping, orders: permits(), readers: permits(), recovered: OnceCell::new() }
    }

    /// Finishes or undoes what an earlier process left open: once, whoever asks first. The others wait for it.
    pub(crate) async fn recover(&self) -> Result<()> {
        self.recovered.get_or_try_init(async || self.maintainer.recover().await.map(drop)).await.map(drop)
    }

    /// Waits for the end of the runs that were asked for. New ones are refused from now on.
    pub(crate) async fn finish_orders(&self) {
        drop(self.orders.acquire_many(MOST).await);
    }
}

/// The daemon's answers.
pub(crate) fn router(control: Arc<Control>) -> Router {
    Router::new()
        .route("/healthz", get(handlers::health))
        .route("/api/status", get(handlers::status))
        .route("/api/runs", get(handlers::runs))
        .route("/api/runs/{id}", get(handlers::run))
        .route("/api/projects/{id}/runs", get(handlers::project_runs))
        .route("/api/projects/{id}/rollback", post(review::rollback))
        .route("/api/projects/{id}/pause", post(review::pause))
        .route("/api/projects/{id}/resume", post(review::resume))
        .route("/api/proposals", get(review::proposals))
        .route("/api/proposals/{id}", get(review::proposal))
        .route("/api/proposals/{id}/approve", post(review::approve))
        .route("/api/proposals/{id}/reject", post(review::reject))
        .route("/api/notices", get(handlers::notices))
        .route("/api/run", post(handlers::start))
        .route("/api/events", get(handlers::events))
        .method_not_allowed_fallback(async |request: Request| {
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, format!("`{}` does not go with `{}`", request.method(), request.uri().path()))
        })
        .fallback(async |request: Request| Refusal::new(StatusCode::NOT_FOUND, format!("there is no `{}`", request.uri().path())))
        .layer(from_fn(decided_by_somebody))
        .layer(from_fn(contained))
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .with_state(control)
}

/// Refuses to decide anything for whoever a run may have started; reading is for everybody who can connect.
async fn decided_by_somebody(request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    let objection = match request.extensions().get::<ConnectInfo<Peer>>() {
        Some(ConnectInfo(peer)) => peer.objection().map(str::to_owned),
        None => Some("it cannot be told who asks".into()),
    };
    match objection {
        None => next.run(request).await,
        Some(objection) => {
            tracing::warn!(%objection, path = request.uri().path(), "A request to decide was refused.");
            Refusal::new(StatusCode::FORBIDDEN, format!("this is not for you to decide: {objection}")).into_response()
        }
    }
}

/// Answers in a task of its own, so that a handler that panics still gives an answer.
async fn contained(request: Request, next: Next) -> Response {
    tokio::spawn(next.run(request)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "An answer was lost; this is a defect.");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer was lost; this is a defect").into_response()
    })
}

#[cfg(test)]
mod tests {
    use pimainteno_core::ErrorKind;

    use super::*;
    use crate::client::Client;

    #[tokio::test]
    async fn an_answer_that_panics_is_an_error_and_the_next_one_works() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let router = Router::new()
            .route("/healthz", get(handlers::health))
            .route(
                "/broken",
                get(async || {
                    if true {
                        panic!("on purpose")
                    }
                }),
            )
            .layer(from_fn(contained));
        tokio::spawn(axum::serve(listener, router).into_future());
        let client = Client::find(&path, Arc::new(())).await.unwrap().unwrap();
        let error = client.get::<serde_json::Value>("/broken").await.unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Internal, "the answer was lost; this is a defect"));
        client.get::<serde_json::Value>("/healthz").await.unwrap();
    }
}
