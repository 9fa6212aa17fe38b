//! What keeps anything from being done about an incident for now.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{id::ProposalId, words::UnitName};

/// Nothing is done about an incident for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Waiting {
    /// What for.
    #[serde(flatten)]
    pub on: WaitsOn,
    /// When that is over; `None` until something else happens, or a person does something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What keeps anything from being done about an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "on", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum WaitsOn {
    /// The unit runs from no project.
    NoProject,
    /// It is one of the whole machine.
    Machine,
    /// No change of the project can mend it; see [`super::Incident::trouble`].
    Trouble,
    /// A person paused the project.
    Paused,
    /// A run of the project goes on, or waits for its turn.
    Work,
    /// A repair waits for a person, or for something outside to let it be delivered.
    Held {
        /// That one.
        proposal: ProposalId,
        /// The unit that it mends, if that is another one.
        unit: Option<UnitName>,
    },
    /// Too many repairs failed in the same way; a person resumes the project.
    Frozen {
        /// How they failed.
        reason: String,
    },
    /// The backend is in trouble.
    Parked {
        /// Which.
        reason: String,
    },
    /// The last attempt was a short while ago.
    Cooldown,
    /// The last attempt could not begin.
    Retry {
        /// Why.
        reason: String,
    },
    /// systemd may still restart the unit by itself.
    Systemd,
}

impl From<WaitsOn> for Waiting {
    fn from(on: WaitsOn) -> Self {
        Self { on, until: None }
    }
}

/// Writes what it waits for, without until when: "the last attempt was a short while ago".
impl fmt::Display for WaitsOn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProject => formatter.write_str("it runs from no project"),
            Self::Machine => formatter
                .write_str("many units failed together, which no repair of one of them mends"),
            Self::Trouble => formatter.write_str("no change of the project mends that"),
            Self::Paused => formatter.write_str("the project is paused"),
            Self::Work => formatter.write_str("a run of its project goes on or waits for its turn"),
            Self::Held { unit: None, .. } => formatter.write_str("a repair waits for you"),
            Self::Held { unit: Some(unit), .. } => {
                write!(
                    formatter,
                    "a repair of {unit} waits for you, and a project has one at a time"
                )
            }
            Self::Frozen { reason } => {
                write!(
                    formatter,
                    "nobody is asked any more: it failed in the same way again and again: {reason}"
                )
            }
            Self::Parked { reason } => write!(formatter, "parked: {reason}"),
            Self::Cooldown => formatter.write_str(
                "something was done about it a short while ago (`[systemd_monitor] cooldown`)",
            ),
            Self::Retry { reason } => write!(formatter, "the last attempt did not begin: {reason}"),
            Self::Systemd => formatter.write_str("systemd may still restart it by itself"),
        }
    }
}
