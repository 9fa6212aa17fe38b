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

    /// The refusal of what cannot be done with something that is there.
    pub(super) fn conflict(error: Error) -> Self {
        let Self(status, problem) = Self::from(error);
        Self(if status == StatusCode::NOT_FOUND { StatusCode::CONFLICT } else { status }, problem)
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
            // What a request names is a run, a project or a change.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_from_what_cannot_be_done_with_it() {
        let error = || Error::new(ErrorKind::Usage, "a rejection needs a reason");
        assert_eq!((Refusal::from(error()).0, Refusal::conflict(error()).0), (StatusCode::NOT_FOUND, StatusCode::CONFLICT));
        assert_eq!(Refusal::conflict(Error::new(ErrorKind::Store, "the disk is full")).0, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
