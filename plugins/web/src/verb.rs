//! What can be asked for.

use std::time::Duration;

use axum::http::Method;
use pimainteno_core::{Maintainer, ProjectId, Result, RunRecord};
use serde::{Serialize, de::DeserializeOwned};

use crate::{Refusal, Service};

/// Something that can be asked for, and is answered as a whole.
pub trait Verb: Serialize + DeserializeOwned + Send + 'static {
    /// `GET` for what changes nothing, `POST` for what does.
    const METHOD: Method = Method::GET;

    /// Where it is asked for. What stands in braces is the field of that name.
    const PATH: &'static str;

    /// How long it may take.
    const ANSWER: Duration = Duration::from_secs(15);

    /// What is answered.
    type Answer: Serialize + DeserializeOwned + Send + 'static;

    /// Does what is asked for.
    fn answer(
        self,
        service: &Service,
    ) -> impl Future<Output = Result<Self::Answer, Refusal>> + Send;
}

/// Something that can be asked for and takes runs; their events are told meanwhile. It is asked for
/// by `POST`.
pub trait Order: Serialize + DeserializeOwned + Send + 'static {
    /// As [`Verb::PATH`].
    const PATH: &'static str;

    /// Whether a person decides something by it, which is taken however much else was asked for.
    const DECIDES: bool = false;

    /// The ids of the projects that it runs; none means all.
    ///
    /// # Errors
    /// [`pimainteno_core::ErrorKind::Usage`] if what it names is not there; then nothing is begun.
    fn projects(&self, maintainer: &Maintainer) -> Result<Vec<ProjectId>>;

    /// Carries out the runs; gives a record for each.
    fn carry_out(
        self,
        maintainer: &Maintainer,
    ) -> impl Future<Output = Result<Vec<RunRecord>>> + Send;
}
