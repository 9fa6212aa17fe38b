//! What a run is: plain data.

use std::fmt;

use jiff::Timestamp;
use pimainteno_plugin::Usage;
use serde::{Deserialize, Serialize};

use crate::{
    id::{ProposalId, RunId},
    secrets::Secrets,
};

/// Why a run was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Trigger {
    /// A cron slot came.
    Schedule,
    /// A person or a program asked.
    Manual,
    /// A unit failed.
    UnitFailure {
        /// The unit's name.
        unit: String,
    },
    /// A delivered change is taken back.
    Rollback {
        /// The run that delivered it.
        of: RunId,
    },
    /// A person approved a held proposal.
    Approval {
        /// The proposal.
        proposal: ProposalId,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Outcome {
    /// There was nothing to change.
    NoChange,
    /// The run was not worth starting, or not allowed to.
    Skipped {
        /// Why.
        reason: String,
    },
    /// The change waits for a person; nothing outside the state directory was touched.
    Held {
        /// Why it is held.
        reason: String,
    },
    /// The change is committed and, as far as the project's steps go, delivered and healthy.
    Applied {
        /// The commit.
        commit: String,
    },
    /// A policy refused the change.
    Rejected {
        /// Why.
        reason: String,
    },
    /// A step failed; everything is as it was.
    Failed {
        /// The step.
        step: String,
        /// What failed.
        message: String,
    },
    /// The change was delivered, proved unhealthy and was taken back.
    RolledBack {
        /// What was unhealthy.
        reason: String,
    },
    /// Quota, sign-in or network trouble; the project is left alone for a while.
    Parked {
        /// When it is tried again.
        until: Timestamp,
        /// What the trouble was.
        reason: String,
    },
    /// The program was stopped in the middle of the run.
    Interrupted,
}

/// The record of a run, as it is kept in the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RunRecord {
    /// The run's id.
    pub id: RunId,
    /// The project's id.
    pub project: String,
    /// Why the run was started.
    pub trigger: Trigger,
    /// When the run left the queue.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The commit that the checkout was at; empty if the run never got that far.
    pub base: String,
    /// The commit that the run made.
    pub commit: Option<String>,
    /// The change that the run was about.
    pub proposal: Option<ProposalId>,
    /// The steps that were entered, in order.
    pub steps: Vec<StepRecord>,
    /// What the backend's answers cost.
    pub usage: Usage,
    /// How the run ended; `None` while it goes on.
    pub outcome: Option<Outcome>,
    /// The run that took this one's change back.
    pub rolled_back_by: Option<RunId>,
}

/// What one step of a run did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepRecord {
    /// The step's name.
    pub name: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// How it ended.
    pub status: StepStatus,
    /// What it has to say, in one line.
    pub note: String,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum StepStatus {
    /// It did its work.
    Done,
    /// There was nothing for it to do.
    Skipped,
    /// It ended the run without failing.
    Ended,
    /// It failed.
    Failed,
}

impl Trigger {
    /// The trigger's name, without what it carries.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
            Self::UnitFailure { .. } => "unit-failure",
            Self::Rollback { .. } => "rollback",
            Self::Approval { .. } => "approval",
        }
    }
}

impl Outcome {
    /// The outcome's name, without what it carries.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoChange => "no-change",
            Self::Skipped { .. } => "skipped",
            Self::Held { .. } => "held",
            Self::Applied { .. } => "applied",
            Self::Rejected { .. } => "rejected",
            Self::Failed { .. } => "failed",
            Self::RolledBack { .. } => "rolled-back",
            Self::Parked { .. } => "parked",
            Self::Interrupted => "interrupted",
        }
    }

    /// Takes the secrets out of its reason.
    pub(crate) fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::Skipped { reason }
            | Self::Held { reason }
            | Self::Rejected { reason }
            | Self::RolledBack { reason }
            | Self::Parked { reason, .. }
            | Self::Failed { message: reason, .. } => secrets.clean(reason),
            Self::NoChange | Self::Applied { .. } | Self::Interrupted => {}
        }
    }

    /// Whether the run did what it could: nothing failed, was refused, taken back, parked or cut off.
    pub fn is_success(&self) -> bool {
        matches!(self, Self::NoChange | Self::Skipped { .. } | Self::Held { .. } | Self::Applied { .. })
    }
}

/// Writes the outcome with its reason in one line.
impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        match self {
            Self::NoChange | Self::Interrupted => Ok(()),
            Self::Skipped { reason } | Self::Held { reason } | Self::Rejected { reason } | Self::RolledBack { reason } => {
                write!(formatter, ": {reason}")
            }
            Self::Applied { commit } => write!(formatter, ": {}", commit.get(..12).unwrap_or(commit)),
            Self::Failed { step, message } => write!(formatter, " in {step}: {message}"),
            Self::Parked { until, reason } => write!(formatter, " until {until:.0}: {reason}"),
        }
    }
}

impl RunRecord {
    /// The record of a run that starts now.
    pub fn new(project: impl Into<String>, trigger: Trigger, started: Timestamp) -> Self {
        Self {
            id: RunId::new(),
            project: project.into(),
            trigger,
            started,
            ended: None,
            base: String::new(),
            commit: None,
            proposal: None,
            steps: Vec::new(),
            usage: Usage::default(),
            outcome: None,
            rolled_back_by: None,
        }
    }

    /// Takes the secrets out of what steps and outcome say.
    pub(crate) fn redact(&mut self, secrets: &Secrets) {
        self.steps.iter_mut().for_each(|step| secrets.clean(&mut step.note));
        self.outcome.iter_mut().for_each(|outcome| outcome.redact(secrets));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_read_as_one_line() {
        let parked = Outcome::Parked { until: "2026-01-02T03:04:05.678Z".parse().unwrap(), reason: "quota".into() };
        assert_eq!(parked.to_string(), "parked until 2026-01-02T03:04:05Z: quota");
        assert_eq!(
            Outcome::Failed { step: "verify".into(), message: "2 checks failed".into() }.to_string(),
            "failed in verify: 2 checks failed"
        );
    }
}
