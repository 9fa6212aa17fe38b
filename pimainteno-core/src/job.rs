//! What a run does, and what it may.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, ErrorKind, Result},
    id::{ProposalId, RunId},
    run::Trigger,
    words::UnitName,
};

/// The chore that every project has: a model is asked for one minimal change.
pub(crate) const IMPROVE: &str = "improve";

/// Under this name is remembered what came of looking after units that failed.
pub(crate) const REPAIR: &str = "repair";

/// What a run does. Only a maintainer makes one: whoever asks for a run says why, by a [`Trigger`],
/// and opens nothing by that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Job {
    /// Looks after a project.
    Upkeep {
        /// The line of upkeep.
        chore: String,
    },
    /// Delivers a change that a person approved.
    Delivery {
        /// The change.
        proposal: ProposalId,
    },
    /// Takes back what another run delivered.
    Reversal {
        /// That run.
        of: RunId,
    },
    /// Looks after a project because a unit failed.
    Repair {
        /// The unit.
        unit: UnitName,
    },
}

/// What a job may, and how its end counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// Before what it is done where both are due; the smallest first. A service that is down comes
    /// before everything, and a person before a slot.
    pub(crate) urgency: u8,
    /// Whether mode, limits and concerns hold its change for a person. Where they do not, the
    /// policy's denial alone stops it.
    pub(crate) may_be_held: bool,
    /// Whether a backend may be asked.
    pub(crate) may_ask: bool,
    /// Whether a change that fails goes back to its backend, as often as the project says.
    pub(crate) may_mend: bool,
    /// Whether its change is not tried where it was tried in vain before.
    pub(crate) avoids_what_failed: bool,
    /// Whether it is in vain on a commit that was looked at.
    pub(crate) needs_news: bool,
    /// Whether its commit counts as looked at, and trouble as over, however it ends: it was found
    /// out.
    pub(crate) looks_around: bool,
    /// Whether its failures freeze the project when they come again and again.
    pub(crate) counts_failures: bool,
    /// Whether its calls may come from those that the budget keeps back.
    pub(crate) uses_reserve: bool,
    /// Whether trouble that passes parks the project. Where not, it failed: nobody but whoever
    /// asked does so again.
    pub(crate) may_park: bool,
    /// Whether what it delivered is taken back if that proves unhealthy.
    pub(crate) is_taken_back: bool,
    /// Whether its change brings back what was there: links and all, over whatever is in the
    /// checkout by now, by going back where nothing was pushed.
    pub(crate) brings_back: bool,
}

const UPKEEP: Rules = Rules {
    urgency: 3,
    may_be_held: true,
    may_ask: true,
    may_mend: true,
    avoids_what_failed: true,
    needs_news: true,
    looks_around: true,
    counts_failures: true,
    uses_reserve: false,
    may_park: true,
    is_taken_back: true,
    brings_back: false,
};

/// What failed says that there is something to do.
const INCIDENT: Rules = Rules { urgency: 1, needs_news: false, uses_reserve: true, ..UPKEEP };

/// A person saw exactly this change, and wants it now.
const DELIVERY: Rules = Rules {
    urgency: 2,
    may_mend: false,
    avoids_what_failed: false,
    needs_news: false,
    looks_around: false,
    counts_failures: false,
    ..UPKEEP
};

/// Nobody can be asked while a service is down, and what a person wanted to be rid of does not come
/// back by itself.
const REVERSAL: Rules = Rules {
    urgency: 0,
    may_be_held: false,
    may_ask: false,
    may_park: false,
    is_taken_back: false,
    brings_back: true,
    ..DELIVERY
};

impl Job {
    /// The job of a run that is started because of `trigger`, of a chore where it is upkeep.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for what is decided about one change, and so not by a trigger.
    pub(crate) fn because_of(trigger: &Trigger, chore: &str) -> Result<Self> {
        match trigger {
            Trigger::Schedule | Trigger::Manual => Ok(Self::Upkeep { chore: chore.to_owned() }),
            Trigger::UnitFailure { unit } => Ok(Self::Repair { unit: unit.clone() }),
            Trigger::Approval | Trigger::Rollback => Err(Error::new(
                ErrorKind::Usage,
                format!("no run is started by `{}` alone", trigger.name()),
            )
            .hint("approve a proposal, or roll a run back, by its id")),
        }
    }

    /// The job's name, without what it carries.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Upkeep { .. } => "upkeep",
            Self::Delivery { .. } => "delivery",
            Self::Reversal { .. } => "reversal",
            Self::Repair { .. } => "repair",
        }
    }

    /// What it may, and how its end counts.
    pub(crate) fn rules(&self) -> &'static Rules {
        match self {
            Self::Upkeep { .. } => &UPKEEP,
            Self::Delivery { .. } => &DELIVERY,
            Self::Reversal { .. } => &REVERSAL,
            Self::Repair { .. } => &INCIDENT,
        }
    }

    /// The chore that it is of, as far as the job says so: what delivers a change or takes one back
    /// is of the chore that the change is of.
    pub(crate) fn chore(&self) -> Option<&str> {
        match self {
            Self::Upkeep { chore } => Some(chore),
            Self::Repair { .. } => Some(REPAIR),
            Self::Delivery { .. } | Self::Reversal { .. } => None,
        }
    }

    /// The run that it takes back.
    pub fn takes_back(&self) -> Option<RunId> {
        match self {
            Self::Reversal { of } => Some(*of),
            _ => None,
        }
    }

    /// The approved change that it delivers.
    pub fn delivers(&self) -> Option<ProposalId> {
        match self {
            Self::Delivery { proposal } => Some(*proposal),
            _ => None,
        }
    }

    /// The unit that its failures are about; `None` if they are about the project.
    pub(crate) fn unit(&self) -> Option<&UnitName> {
        match self {
            Self::Repair { unit } => Some(unit),
            _ => None,
        }
    }
}

/// Writes what it does, as the end of a sentence: "reversal of run …".
impl fmt::Display for Job {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upkeep { chore } => write!(formatter, "upkeep: {chore}"),
            Self::Delivery { proposal } => write!(formatter, "delivery of proposal {proposal}"),
            Self::Reversal { of } => write!(formatter, "reversal of run {of}"),
            Self::Repair { unit } => write!(formatter, "repair of {unit}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trigger_opens_nothing() {
        for trigger in [
            Trigger::Schedule,
            Trigger::Manual,
            Trigger::UnitFailure { unit: UnitName::unchecked("a.service") },
        ] {
            let rules = Job::because_of(&trigger, IMPROVE).unwrap().rules();
            assert!(rules.may_be_held && !rules.brings_back && rules.is_taken_back, "{trigger:?}");
        }
        assert!(
            [Trigger::Rollback, Trigger::Approval]
                .iter()
                .all(|trigger| Job::because_of(trigger, IMPROVE).is_err())
        );
    }
}
