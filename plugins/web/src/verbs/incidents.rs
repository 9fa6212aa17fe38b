//! Units that failed.

use axum::http::Method;
use pimainteno_core::{Result, UnitName, incident::Incident};
use serde::{Deserialize, Serialize};

use super::reading::{known_id, length};
use crate::{Refusal, Service, Verb};

/// The last incidents, the newest first: of one project, or of all and of units of none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Incidents {
    /// Id or name of a project; all if it is not given.
    pub project: Option<String>,
    /// How many to list at most.
    #[cfg_attr(feature = "clap", arg(long, short = 'n', default_value = "20", value_parser = super::reading::number()))]
    pub limit: Option<usize>,
}

/// Everything that is kept of one incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShowIncident {
    /// The id of an incident, or the beginning of it.
    pub id: String,
}

/// Says that a unit has failed, for those who have systemd say so by `OnFailure=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct NotifyFailure {
    /// The name of the unit, such as `blog.service`.
    pub unit: UnitName,
}

/// What became of the word that a unit has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// The incident; `None` if it is known already, or somebody had told the unit to stop.
    pub incident: Option<Incident>,
    /// Whether it is attended to now, and not only when the daemon starts.
    pub daemon: bool,
}

impl Verb for Incidents {
    const PATH: &'static str = "/api/incidents";
    type Answer = Vec<Incident>;

    async fn answer(self, service: &Service) -> Result<Vec<Incident>, Refusal> {
        let id = known_id(service.maintainer(), self.project)?;
        Ok(service.maintainer().incidents(id.as_deref(), length(self.limit))?)
    }
}

impl Verb for ShowIncident {
    const PATH: &'static str = "/api/incidents/{id}";
    type Answer = Incident;

    async fn answer(self, service: &Service) -> Result<Incident, Refusal> {
        Ok(service.maintainer().incident(&self.id)?)
    }
}

impl Verb for NotifyFailure {
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/api/units/{unit}/failed";
    type Answer = Heard;

    async fn answer(self, service: &Service) -> Result<Heard, Refusal> {
        let incident = service.maintainer().notify_failure(&self.unit).await?;
        Ok(Heard { incident, daemon: service.serves() })
    }
}
