//! What runs and changes are called where they are shown, and in which colour.

use anstyle::Style;
use pimainteno_core::{Outcome, Proposal, ProposalStatus, RunRecord};

use super::{BAD, FAINT, GOOD, NOTABLE};

/// How many hexadecimal digits of an id are shown: those that tell the millisecond at which it was
/// made.
const SHORT_ID: usize = 12;

/// The id of a run or a proposal as it is shown in lists.
pub(crate) fn short_id(id: impl std::fmt::Display) -> String {
    id.to_string().chars().take(SHORT_ID).collect()
}

/// A project, and the chore of it that something is of, where that is not the one which every
/// project has.
pub(crate) fn of_chore(project: &str, chore: &str) -> String {
    if chore == "improve" { project.to_owned() } else { format!("{project}, {chore}") }
}

/// How many places of a change's diff are not shown as they are; `None` if all are.
pub(crate) fn redacted_places(proposal: &Proposal) -> Option<String> {
    match proposal.redactions {
        0 => None,
        1 => Some("1 place is redacted".into()),
        places => Some(format!("{places} places are redacted")),
    }
}

/// How a run ended, in one line: a success that takes another run back is told as that, so that
/// nobody takes it for good news.
pub(crate) fn told(record: &RunRecord) -> String {
    match (&record.outcome, record.job.takes_back()) {
        (Some(Outcome::Applied { .. }), Some(of)) => format!("took back run {}", short_id(of)),
        _ => record.told(),
    }
}

/// The colour of how a run ended; of one that has not, if there is no outcome.
pub(crate) fn outcome_style(record: &RunRecord) -> Style {
    match &record.outcome {
        Some(Outcome::Applied { .. }) if record.job.takes_back().is_none() => GOOD,
        Some(Outcome::NoChange | Outcome::Skipped { .. }) => FAINT,
        Some(Outcome::Failed { .. } | Outcome::RolledBack { .. } | Outcome::Rejected { .. }) => BAD,
        // Held, parked, interrupted, and whatever may come.
        _ => NOTABLE,
    }
}

/// The colour of what became of a change.
pub(crate) fn status_style(status: &ProposalStatus) -> Style {
    match status {
        ProposalStatus::Applied { .. } => GOOD,
        ProposalStatus::Failed { .. }
        | ProposalStatus::RolledBack { .. }
        | ProposalStatus::Rejected { .. } => BAD,
        ProposalStatus::Superseded { .. } | ProposalStatus::Expired | ProposalStatus::Obsolete => {
            FAINT
        }
        // Held, open, and whatever may come.
        _ => NOTABLE,
    }
}
