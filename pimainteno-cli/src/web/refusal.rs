//! Answers that say why not.

use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use pimainteno_core::{Error, ErrorKind};

use crate::api::Problem;

/// Why a request is not answered as asked.
pub(super) struct Refusal(StatusCode, Problem);

impl Refusal {
    /// A refusal without hints.
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self(status, Problem { error: error.into(), hints: Vec::new() })
    }

    /// The same with a hint about what to do.
    pub(super) fn hint(mut self, hint: &str) -> Self {
        self.1.hints.push(hint.to_owned());
        self
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            // What a request names is a run or a project.
            ErrorKind::Usage => StatusCode::NOT_FOUND,
            ErrorKind::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, Problem::from(&error))
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}
