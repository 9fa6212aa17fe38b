//! What a run is: plain data.

use std::fmt;

use jiff::Timestamp;
use pimainteno_plugin::Usage;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value, json};

use crate::{
    id::{ProposalId, RunId},
    job::{IMPROVE, Job},
    proposal::{ProposalStatus, is_held_dry},
    secrets::Secrets,
    words::{CommitId, ProjectId, UnitName, filled},
};

/// What failed where a change could not be taken back: no step of its own.
pub(crate) const ROLLBACK: &str = "rollback";

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
        unit: UnitName,
    },
    /// A delivered change proved unhealthy, or a person asked to have it taken back.
    Rollback,
    /// A person approved a held proposal.
    Approval,
}

/// How a run that was asked for differs from a scheduled one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct RunOptions {
    /// Nothing outside the state directory changes, whatever the project's mode.
    pub dry_run: bool,
    /// Run although nothing changed, the project is parked, or an answer is in the cache.
    pub force: bool,
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
        commit: CommitId,
    },
    /// The change is committed and delivered, and nobody knows whether it helped: it was to mend a
    /// unit, and nothing watched that.
    Unproven {
        /// The commit.
        commit: CommitId,
        /// What is missing.
        reason: String,
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
#[serde(remote = "Self")]
#[non_exhaustive]
pub struct RunRecord {
    /// The run's id.
    pub id: RunId,
    /// The project's id.
    pub project: ProjectId,
    /// Why the run was started.
    pub trigger: Trigger,
    /// What it does.
    pub job: Job,
    /// The chore that it is of, and under whose name is remembered what came of it.
    pub chore: String,
    /// When the run left the queue.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// The commit that the checkout was at; `None` if the run never got that far.
    #[serde(deserialize_with = "filled")]
    pub base: Option<CommitId>,
    /// The commit that the run made.
    pub commit: Option<CommitId>,
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
    /// What became of the change that it held, where it waits no more, or of the one that was
    /// approved, where the project has it already. This is looked up when the record is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub became: Option<ProposalStatus>,
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
            Self::Rollback => "rollback",
            Self::Approval => "approval",
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
            Self::Unproven { .. } => "unproven",
            Self::Rejected { .. } => "rejected",
            Self::Failed { .. } => "failed",
            Self::RolledBack { .. } => "rolled-back",
            Self::Parked { .. } => "parked",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether a change is held because the run was a dry one.
    pub fn is_dry(&self) -> bool {
        matches!(self, Self::Held { reason } if is_held_dry(reason))
    }

    /// Takes the secrets out of its reason.
    pub(crate) fn redact(&mut self, secrets: &Secrets) {
        match self {
            Self::Skipped { reason }
            | Self::Held { reason }
            | Self::Rejected { reason }
            | Self::RolledBack { reason }
            | Self::Unproven { reason, .. }
            | Self::Parked { reason, .. }
            | Self::Failed { message: reason, .. } => secrets.clean(reason),
            Self::NoChange | Self::Applied { .. } | Self::Interrupted => {}
        }
    }

    /// Whether the run did what it could: nothing failed, was refused, taken back, parked or cut
    /// off.
    pub fn is_success(&self) -> bool {
        matches!(
            self,
            Self::NoChange | Self::Skipped { .. } | Self::Held { .. } | Self::Applied { .. }
        )
    }
}

/// Writes the outcome with its reason in one line.
impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        match self {
            Self::NoChange | Self::Interrupted => Ok(()),
            Self::Skipped { reason }
            | Self::Held { reason }
            | Self::Rejected { reason }
            | Self::RolledBack { reason } => {
                write!(formatter, ": {reason}")
            }
            Self::Applied { commit } => write!(formatter, ": {commit:.12}"),
            Self::Unproven { commit, reason } => write!(formatter, ": {commit:.12}: {reason}"),
            Self::Failed { step, message } => write!(formatter, " in {step}: {message}"),
            Self::Parked { until, reason } => write!(formatter, " until {until:.0}: {reason}"),
        }
    }
}

impl RunRecord {
    /// The record of a run that starts now.
    pub fn new(project: &ProjectId, trigger: Trigger, job: Job, started: Timestamp) -> Self {
        let chore = job.chore().unwrap_or(IMPROVE).to_owned();
        Self {
            id: RunId::new(),
            project: project.clone(),
            trigger,
            job,
            chore,
            started,
            ended: None,
            base: None,
            commit: None,
            proposal: None,
            steps: Vec::new(),
            usage: Usage::default(),
            outcome: None,
            rolled_back_by: None,
            became: None,
        }
    }

    /// The same record of another chore: that of the change which the run delivers, or takes back.
    #[must_use]
    pub fn of_chore(mut self, chore: impl Into<String>) -> Self {
        self.chore = chore.into();
        self
    }

    /// How the run ended, in one line: a success of a reversal is told as what it took back, and a
    /// change that waits no more as what became of it.
    pub fn told(&self) -> String {
        if let (Some(Outcome::Held { .. } | Outcome::NoChange), Some(became)) =
            (&self.outcome, &self.became)
        {
            return became.to_string();
        }
        match (&self.outcome, self.job.takes_back()) {
            (None, _) => "running".into(),
            (Some(Outcome::Applied { commit }), Some(of)) => {
                format!("took back run {of}: {commit:.12}")
            }
            (Some(outcome), _) => outcome.to_string(),
        }
    }

    /// Takes the secrets out of what steps and outcome say.
    pub(crate) fn redact(&mut self, secrets: &Secrets) {
        self.steps.iter_mut().for_each(|step| secrets.clean(&mut step.note));
        self.outcome.iter_mut().for_each(|outcome| outcome.redact(secrets));
    }
}

impl Serialize for RunRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // What is derived: `remote` makes it a function of the type.
        Self::serialize(self, serializer)
    }
}

impl<'de> Deserialize<'de> for RunRecord {
    /// Reads a record, also one from before there were jobs: the trigger told what a run was about.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut written = Map::deserialize(deserializer)?;
        if !written.contains_key("job") {
            let trigger = written.get("trigger").cloned().unwrap_or_default();
            let [of, proposal, unit] = ["of", "proposal", "unit"].map(|key| trigger.get(key));
            let job = match (of, proposal, unit) {
                (Some(of), ..) => json!({ "kind": "reversal", "of": of }),
                (_, Some(proposal), _) => json!({ "kind": "delivery", "proposal": proposal }),
                (.., Some(unit)) => json!({ "kind": "repair", "unit": unit }),
                _ => json!({ "kind": "upkeep", "chore": IMPROVE }),
            };
            written.insert("job".into(), job);
        }
        if !written.contains_key("chore") {
            let job = Job::deserialize(&written["job"]).map_err(D::Error::custom)?;
            written.insert("chore".into(), job.chore().unwrap_or(IMPROVE).into());
        }
        Self::deserialize(Value::Object(written)).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_from_before_there_were_jobs_is_read() {
        let job = |trigger: &str| {
            let record = format!(
                r#"{{"id":"0199a3b4-c5d6-7000-8000-000000000000","project":"site","trigger":{trigger},"started":"2026-01-02T03:04:05Z","ended":null,"base":"","commit":null,
                "proposal":null,"steps":[],"usage":{{"calls":0,"input_tokens":0,"cached_input_tokens":0,"output_tokens":0,"cost_micros":0}},"outcome":null,"rolled_back_by":null}}"#
            );
            let record: RunRecord = serde_json::from_str(&record).unwrap();
            assert_eq!(
                serde_json::from_value::<RunRecord>(serde_json::to_value(&record).unwrap())
                    .unwrap(),
                record
            );
            record.job.to_string()
        };
        assert_eq!(job(r#"{"kind":"manual"}"#), "upkeep: improve");
        let id = "0199a3b4c5d670008000000000000001";
        assert_eq!(
            job(&format!(r#"{{"kind":"rollback","of":"{id}"}}"#)),
            format!("reversal of run {id}")
        );
        assert_eq!(
            job(&format!(r#"{{"kind":"approval","proposal":"{id}"}}"#)),
            format!("delivery of proposal {id}")
        );
        assert_eq!(job(r#"{"kind":"unit-failure","unit":"a.service"}"#), "repair of a.service");
    }

    #[test]
    fn outcomes_read_as_one_line() {
        let parked = Outcome::Parked {
            until: "2026-01-02T03:04:05.678Z".parse().unwrap(),
            reason: "quota".into(),
        };
        assert_eq!(parked.to_string(), "parked until 2026-01-02T03:04:05Z: quota");
        assert_eq!(
            Outcome::Failed { step: "verify".into(), message: "2 checks failed".into() }
                .to_string(),
            "failed in verify: 2 checks failed"
        );
    }
}
