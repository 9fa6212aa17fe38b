//! What a change is: plain data.

mod blocked;

use std::{fmt, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    id::{ProposalId, RunId},
    job::IMPROVE,
    secrets::Secrets,
    words::{CommitId, ProjectId, Sha256, UnitName, filled},
};

pub use blocked::Blocked;
pub(crate) use blocked::waiting;

/// Why a dry run goes no further, and what it proposes is held.
pub(crate) const DRY: &str = "a dry run changes nothing outside the state directory";

/// Whether a change that is held for `reason` is held because its run was a dry one.
pub(crate) fn is_held_dry(reason: &str) -> bool {
    reason == DRY
}

/// A change as stored data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proposal {
    /// The proposal's id.
    pub id: ProposalId,
    /// The project's id.
    pub project: ProjectId,
    /// The chore that it was made for.
    #[serde(default = "improve")]
    pub chore: String,
    /// The unit that it is to mend, if it was made because one failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitName>,
    /// The commit that the diff was made against.
    pub base: CommitId,
    /// The project's directory in its repository, which the diff's paths begin at; empty for the
    /// whole of it, `None` where that was not noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// The change, as `git diff --binary` writes it.
    pub diff: String,
    /// The SHA-256 of `diff`: what an approval is bound to.
    pub sha256: Sha256,
    /// What the proposer says about the change; becomes the commit message when the backend gives
    /// no other.
    pub message: String,
    /// The backend that proposed it.
    pub backend: String,
    /// When it was made.
    pub created: Timestamp,
    /// What became of it.
    pub status: ProposalStatus,
    /// The run that made it, or tried it last; `None` while that run goes on.
    #[serde(default)]
    pub run: Option<RunId>,
    /// What the project's checks said about it, in their order.
    #[serde(default)]
    pub checks: Vec<CheckVerdict>,
    /// When a held change is given up, or its owner is reminded of it; `None` if it waits for as
    /// long as it takes.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// The fingerprints of the change and of what it was before it was repaired: the same lines
    /// are not tried again in vain.
    #[serde(default)]
    pub fingerprints: Vec<String>,
    /// The fingerprint of what that run depended on besides the project's files, as in
    /// [`crate::store::Seen`]; `None` while it is not known.
    #[serde(default, deserialize_with = "filled")]
    pub inputs: Option<Sha256>,
    /// What outside keeps a held change from being delivered; `None` if only a person does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Blocked>,
    /// How many places of the diff are redacted where it is shown: what is there cannot be seen,
    /// and is delivered all the same.
    #[serde(default)]
    pub redactions: usize,
}

/// What one check said about a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckVerdict {
    /// The check's command.
    pub check: String,
    /// What came of it, in a few words, such as `passed`.
    pub result: String,
    /// How many tests it ran, if it passed and tells that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tests: Option<u64>,
}

impl CheckVerdict {
    /// The result of a check that passed.
    pub(crate) const PASSED: &str = "passed";

    /// The result of a check that finds nothing to check, with the change and without it.
    pub(crate) const SILENT: &str = "runs no tests";
}

/// What became of a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum ProposalStatus {
    /// A run is busy with it, or was put off or cut off before anything came of it.
    #[default]
    Open,
    /// It waits for a person.
    Held {
        /// Why.
        reason: String,
    },
    /// It is committed.
    Applied {
        /// The commit.
        commit: CommitId,
    },
    /// A policy or a person refused it.
    Rejected {
        /// Why.
        reason: String,
    },
    /// It could not be placed, or its checks failed.
    Failed {
        /// Why.
        reason: String,
    },
    /// It was delivered and taken back.
    RolledBack {
        /// Why.
        reason: String,
    },
    /// Another change was held or delivered in its place: a chore has one at most that waits.
    Superseded {
        /// That one.
        by: ProposalId,
    },
    /// Nobody answered in time.
    Expired,
    /// The project has it already: somebody else has done the same.
    Obsolete,
}

impl ProposalStatus {
    /// Whether the change waits for a person.
    pub fn is_held(&self) -> bool {
        matches!(self, Self::Held { .. })
    }

    /// Whether the change is held because the run that proposed it was a dry one.
    pub fn is_dry(&self) -> bool {
        matches!(self, Self::Held { reason } if is_held_dry(reason))
    }

    /// Whether the change was tried and is not wanted: it was refused, failed or was taken back.
    pub fn is_bad(&self) -> bool {
        self.why_bad().is_some()
    }

    /// What became of a change that is not wanted, and why.
    pub(crate) fn why_bad(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Rejected { reason } => Some(("was rejected", reason)),
            Self::Failed { reason } => Some(("failed", reason)),
            Self::RolledBack { reason } => Some(("was taken back", reason)),
            _ => None,
        }
    }
}

/// The chore of what was made before there were several.
fn improve() -> String {
    IMPROVE.to_owned()
}

impl Proposal {
    /// A proposal that is made now.
    pub fn new(
        project: ProjectId,
        base: CommitId,
        diff: String,
        message: impl Into<String>,
        backend: impl Into<String>,
    ) -> Self {
        Self {
            id: ProposalId::new(),
            project,
            chore: improve(),
            unit: None,
            base,
            directory: None,
            sha256: Sha256::of(&diff),
            diff,
            message: message.into(),
            backend: backend.into(),
            created: Timestamp::now(),
            status: ProposalStatus::Open,
            run: None,
            checks: Vec::new(),
            expires: None,
            fingerprints: Vec::new(),
            inputs: None,
            blocked: None,
            redactions: 0,
        }
    }

    /// Whether one of its checks passed, or none was run.
    pub(crate) fn had_passed(&self) -> bool {
        self.checks.is_empty()
            || self.checks.iter().any(|verdict| verdict.result == CheckVerdict::PASSED)
    }

    /// Whether its checks were run and found nothing to check, none of them.
    pub(crate) fn has_no_tests(&self) -> bool {
        let is_silent = |verdict: &CheckVerdict| verdict.result == CheckVerdict::SILENT;
        !self.checks.is_empty() && self.checks.iter().all(is_silent)
    }

    /// The same proposal for showing: without the secrets that its diff adds. Its SHA-256 stays
    /// that of the exact diff.
    #[must_use]
    pub(crate) fn for_showing(mut self, secrets: &Secrets) -> Self {
        // It counts the places of the exact diff.
        self.redact(secrets);
        secrets.clean(&mut self.diff);
        self
    }

    /// Takes the secrets out of what is said about the change, and counts those of the diff, which
    /// stays exact.
    pub(crate) fn redact(&mut self, secrets: &Secrets) {
        self.redactions = secrets.find(&self.diff).len();
        secrets.clean(&mut self.message);
        self.checks.iter_mut().for_each(|verdict| secrets.clean(&mut verdict.check));
        match &mut self.status {
            ProposalStatus::Held { reason }
            | ProposalStatus::Rejected { reason }
            | ProposalStatus::Failed { reason }
            | ProposalStatus::RolledBack { reason } => secrets.clean(reason),
            ProposalStatus::Open
            | ProposalStatus::Applied { .. }
            | ProposalStatus::Superseded { .. }
            | ProposalStatus::Expired
            | ProposalStatus::Obsolete => {}
        }
    }
}

/// Writes the status with its reason in one line.
impl fmt::Display for ProposalStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => formatter.write_str("open"),
            Self::Held { reason } => write!(formatter, "held: {reason}"),
            Self::Applied { commit } => write!(formatter, "applied: {commit:.12}"),
            Self::Rejected { reason } => write!(formatter, "rejected: {reason}"),
            Self::Failed { reason } => write!(formatter, "failed: {reason}"),
            Self::RolledBack { reason } => write!(formatter, "rolled back: {reason}"),
            Self::Superseded { by } => write!(formatter, "superseded by {by}"),
            Self::Expired => formatter.write_str("expired: nobody answered in time"),
            Self::Obsolete => formatter.write_str("obsolete: the project has it already"),
        }
    }
}
