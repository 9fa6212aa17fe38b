//! The router: every verb, and what goes for all of them.

use std::any::type_name;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, RawPathParams, Request, State},
    http::{HeaderMap, Method, StatusCode},
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    routing::{MethodRouter, get, post},
};

use crate::{
    Approve, Forget, Healthz, Incidents, Notices, NotifyFailure, Order, Pause, ProjectRuns,
    Proposals, Refusal, Reject, Reload, Resume, Rollback, Run, Runs, Service, ShowIncident,
    ShowProposal, ShowRun, Status, Verb,
    codec::{decode, fields},
    origin,
};

/// The longest body of a request, in bytes.
const LONGEST_BODY: usize = 64 << 10;

/// Where something can be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// How.
    pub method: Method,
    /// Where; what stands in braces is the field of that name.
    pub path: &'static str,
    /// What it is called here.
    pub verb: &'static str,
    /// What is said with it.
    pub fields: &'static [&'static str],
}

/// Everything that can be asked for.
pub fn routes() -> Vec<Route> {
    Table::whole().routes
}

/// The routes, as they are and as axum has them.
#[derive(Default)]
struct Table {
    routes: Vec<Route>,
    router: Router<Service>,
}

impl Table {
    fn whole() -> Self {
        Self::default()
            .verb::<Healthz>()
            .verb::<Status>()
            .verb::<Runs>()
            .verb::<ProjectRuns>()
            .verb::<ShowRun>()
            .verb::<Proposals>()
            .verb::<ShowProposal>()
            .verb::<Notices>()
            .verb::<Incidents>()
            .verb::<ShowIncident>()
            .verb::<NotifyFailure>()
            .verb::<Reject>()
            .verb::<Pause>()
            .verb::<Resume>()
            .verb::<Forget>()
            .verb::<Reload>()
            .order::<Run>()
            .order::<Approve>()
            .order::<Rollback>()
            .route(
                Route { method: Method::GET, path: "/api/events", verb: "events", fields: &[] },
                get(async |State(service): State<Service>, headers: HeaderMap| {
                    service.events(&headers)
                }),
            )
    }

    fn verb<V: Verb>(self) -> Self {
        let handler =
            async |State(service): State<Service>, path: RawPathParams, request: Request| {
                let verb: V = decode(V::PATH, path, request).await?;
                Ok::<_, Refusal>(Json(verb.answer(&service).await?))
            };
        let routing = if V::METHOD == Method::GET { get(handler) } else { post(handler) };
        self.route(
            Route { method: V::METHOD, path: V::PATH, verb: name::<V>(), fields: fields::<V>() },
            routing,
        )
    }

    fn order<O: Order>(self) -> Self {
        let handler =
            async |State(service): State<Service>, path: RawPathParams, request: Request| {
                service.carry_out(decode::<O>(O::PATH, path, request).await?)
            };
        self.route(
            Route { method: Method::POST, path: O::PATH, verb: name::<O>(), fields: fields::<O>() },
            post(handler),
        )
    }

    fn route(mut self, route: Route, routing: MethodRouter<Service>) -> Self {
        let router = self.router.route(route.path, routing);
        self.routes.push(route);
        Self { router, ..self }
    }
}

impl Service {
    /// Its answers over HTTP.
    pub fn router(self) -> Router {
        let router = Table::whole().router;
        router
            .method_not_allowed_fallback(async |request: Request| {
                Refusal::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    format!("`{}` does not go with `{}`", request.method(), request.uri().path()),
                )
            })
            .fallback(async |request: Request| {
                Refusal::new(
                    StatusCode::NOT_FOUND,
                    format!("there is no `{}`", request.uri().path()),
                )
            })
            .layer(from_fn(origin::own))
            .layer(from_fn(contained))
            .layer(DefaultBodyLimit::max(LONGEST_BODY))
            .with_state(self)
    }
}

/// Answers in a task of its own, so that a handler that panics still gives an answer.
async fn contained(request: Request, next: Next) -> Response {
    tokio::spawn(next.run(request)).await.unwrap_or_else(|error| {
        tracing::error!(%error, "An answer was lost; this is a defect.");
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer was lost; this is a defect")
            .into_response()
    })
}

/// A type's name without where it is from.
fn name<T>() -> &'static str {
    type_name::<T>().rsplit("::").next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
