//! What a change is: plain data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::ProposalId;

/// A change as stored data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Proposal {
    /// The proposal's id.
    pub id: ProposalId,
    /// The project's id.
    pub project: String,
    /// The commit that the diff was made against.
    pub base: String,
    /// The change, as `git diff --binary` writes it.
    pub diff: String,
    /// The SHA-256 of `diff`, in hexadecimal: what an approval is bound to.
    pub sha256: String,
    /// What the proposer says about the change; becomes the commit message when the backend gives no other.
    pub message: String,
    /// The backend that proposed it.
    pub backend: String,
    /// When it was made.
    pub created: Timestamp,
    /// What became of it.
    pub status: ProposalStatus,
}

/// What became of a proposal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum ProposalStatus {
    /// A run is busy with it.
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
        commit: String,
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
}

impl Proposal {
    /// A proposal that is made now.
    pub fn new(
        project: impl Into<String>,
        base: impl Into<String>,
        diff: String,
        message: impl Into<String>,
        backend: impl Into<String>,
    ) -> Self {
        Self {
            id: ProposalId::new(),
            project: project.into(),
            base: base.into(),
            sha256: sha256(&diff),
            diff,
            message: message.into(),
            backend: backend.into(),
            created: Timestamp::now(),
            status: ProposalStatus::Open,
        }
    }
}

/// The SHA-256 of `text`, in hexadecimal.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
