//! Answers that say why not.

use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use pimainteno_core::{Error, ErrorKind};
use serde::{Deserialize, Serialize};

/// Why a request is not answered as asked.
#[derive(Debug)]
pub struct Refusal(StatusCode, Error);

/// Why a request was refused, as it is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What failed, on what, and its causes, in one line.
    pub error: String,
    /// What to do about it.
    #[serde(default)]
    pub hints: Vec<String>,
}

impl Refusal {
    /// A refusal without hints.
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self(status, Problem { error: error.into(), hints: Vec::new() }.into_error(status))
    }

    /// The refusal of what cannot be done with something that is there.
    pub fn conflict(error: Error) -> Self {
        let Self(status, error) = Self::from(error);
        Self(if status == StatusCode::NOT_FOUND { StatusCode::CONFLICT } else { status }, error)
    }
}

impl Problem {
    /// The error that it was, as far as the status tells.
    pub(crate) fn into_error(self, status: StatusCode) -> Error {
        let kind = match status {
            StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Service,
            _ if status.is_client_error() => ErrorKind::Usage,
            _ => ErrorKind::Internal,
        };
        self.hints.into_iter().fold(Error::new(kind, self.error), Error::hint)
    }
}

impl From<&Error> for Problem {
    fn from(error: &Error) -> Self {
        Self { error: error.to_string(), hints: error.hints().map(str::to_owned).collect() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            // What a request names is a run, a project or a change.
            ErrorKind::Usage => StatusCode::NOT_FOUND,
            ErrorKind::Config | ErrorKind::Policy => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::Service | ErrorKind::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error)
    }
}

impl From<Refusal> for Error {
    fn from(Refusal(_, error): Refusal) -> Self {
        error
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
        (self.0, Json(Problem::from(&self.1))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_from_what_cannot_be_done_with_it() {
        let error = || Error::new(ErrorKind::Usage, "a rejection needs a reason");
        assert_eq!(
            (Refusal::from(error()).0, Refusal::conflict(error()).0),
            (StatusCode::NOT_FOUND, StatusCode::CONFLICT)
        );
        assert_eq!(
            Refusal::conflict(Error::new(ErrorKind::Store, "the disk is full")).0,
            StatusCode::INTERNAL_SERVER_ERROR
        );
    }
}
