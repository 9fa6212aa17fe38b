//! What is remembered about one chore of a project between runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use crate::{
    id::ProposalId,
    proposal::{Proposal, ProposalStatus},
    secrets::Secrets,
    words::{CommitId, Sha256, UnitName},
};

/// How often a chore may fail in the same way before it is left alone, unless the configuration
/// says otherwise.
pub(crate) const FREEZE_AFTER: u32 = 3;

/// The most bytes that are kept of the reason.
const MAX_REASON: usize = 500;

/// The most heads that [`ChoreState::seen`] holds.
const MAX_SEEN: usize = 4;

/// What is remembered about one chore of a project between runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ChoreState {
    /// What was looked at and needs no new run, the newest last; at most four.
    pub seen: Vec<Seen>,
    /// How the last run that looked for something to do failed; `None` if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// When it may be tried again, and what the trouble was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked: Option<Parked>,
    /// The last cron slot that was taken care of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_slot: Option<Timestamp>,
    /// The failure that was seen last and how many times in a row: of each unit, and of the project
    /// itself.
    #[serde(
        alias = "failures",
        deserialize_with = "repeated",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub repeated: Vec<RepeatedFailure>,
    /// Why it is left alone until a person resumes the project: it fails in the same way again and
    /// again. Of looking after units that failed, what came first; each unit has its own in
    /// [`Self::repeated`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
    /// The change that waits for a person; there is one at most. The store keeps this in step with
    /// the proposals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

/// A change waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The change.
    pub proposal: ProposalId,
    /// See [`Proposal::expires`].
    pub expires: Option<Timestamp>,
    /// When its delivery is tried again by itself; `None` if only a person keeps it waiting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Timestamp>,
}

/// A state of a project that needs no new run of a chore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The commit.
    pub head: CommitId,
    /// A fingerprint of whatever else a run depends on: configuration, instructions, policy,
    /// backend.
    pub inputs: Sha256,
}

/// A chore is left alone for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// When it is tried again.
    pub until: Timestamp,
    /// What the trouble was.
    pub reason: String,
    /// A fingerprint of the backend's settings then: with others, it is not known to be in trouble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<Sha256>,
    /// Whether a person has to set up the backend: whoever asks for a run has it looked at again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub needs_setup: bool,
}

/// A chore is left alone until a person looks at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// Since when.
    pub since: Timestamp,
    /// How it failed, the last time.
    pub reason: String,
    /// How often it had failed so.
    #[serde(default = "freeze_after")]
    pub after: u32,
}

/// A failure that came more than once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedFailure {
    /// The unit that failed; `None` if it is not about one.
    #[serde(default)]
    pub unit: Option<UnitName>,
    /// What tells this failure from others.
    pub signature: String,
    /// How many times in a row it was seen.
    pub count: u32,
    /// Why nothing is tried about it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<Frozen>,
}

impl Parked {
    /// One line: until when and why.
    pub fn describe(&self) -> String {
        format!("parked until {:.0}: {}", self.until, self.reason)
    }
}

impl Frozen {
    /// One line: since when and why.
    pub fn describe(&self) -> String {
        let reason = self.reason.lines().next().unwrap_or_default();
        format!(
            "frozen since {:.0}: it failed {} times in the same way: {reason}",
            self.since, self.after
        )
    }
}

impl ChoreState {
    /// Why it is left alone as far as `unit` goes, or the project itself.
    pub(crate) fn frozen_for(&self, unit: Option<&UnitName>) -> Option<&Frozen> {
        // It may have been written before that was told apart.
        if self.repeated.iter().all(|failure| failure.frozen.is_none()) {
            return self.frozen.as_ref();
        }
        let of_unit = self.repeated.iter().find(|failure| failure.unit.as_ref() == unit)?;
        of_unit.frozen.as_ref()
    }

    /// Takes note of a failure of `unit`, or of the project itself: so many with the same signature
    /// in a row freeze the chore, as far as that goes.
    pub fn note_failure(
        &mut self,
        unit: Option<&UnitName>,
        signature: String,
        mut reason: String,
        freeze_after: u32,
    ) {
        let before = self.repeated.iter().position(|failure| failure.unit.as_ref() == unit);
        let before = before.map(|place| self.repeated.remove(place));
        let was_frozen = before.as_ref().and_then(|failure| failure.frozen.clone());
        let count = before
            .filter(|failure| failure.signature == signature)
            .map_or(1, |failure| failure.count.saturating_add(1));
        let frozen = (count >= freeze_after).then(|| {
            reason.truncate(reason.floor_char_boundary(MAX_REASON));
            Frozen { since: Timestamp::now(), reason, after: count }
        });
        let frozen = was_frozen.or(frozen);
        if self.frozen.is_none() {
            self.frozen.clone_from(&frozen);
        }
        self.repeated.push(RepeatedFailure { unit: unit.cloned(), signature, count, frozen });
    }

    /// Takes note that a change was delivered and proved healthy: whatever failed before is
    /// forgotten. A repair of `unit` says nothing of other units.
    pub fn note_success(&mut self, unit: Option<&UnitName>) {
        self.repeated.retain(|failure| unit.is_some() && failure.unit.as_ref() != unit);
        self.frozen = self.repeated.iter().find_map(|failure| failure.frozen.clone());
    }

    /// Takes note of how the last run that looked for something to do failed, if it did.
    pub(crate) fn note_end(&mut self, mut failure: Option<String>) {
        if let Some(failure) = &mut failure {
            failure.truncate(failure.floor_char_boundary(MAX_REASON));
        }
        self.failed = failure;
    }

    /// Whether a run on this commit with these inputs would be futile.
    pub fn has_seen(&self, head: &CommitId, inputs: &Sha256) -> bool {
        self.seen.iter().any(|seen| seen.head == *head && seen.inputs == *inputs)
    }

    /// The last commit that needs no new run with these inputs.
    pub(crate) fn last_seen(&self, inputs: &Sha256) -> Option<&CommitId> {
        self.seen.iter().rev().find(|seen| seen.inputs == *inputs).map(|seen| &seen.head)
    }

    /// Remembers that this commit with these inputs needs no new run.
    pub fn see(&mut self, head: CommitId, inputs: Sha256) {
        let seen = Seen { head, inputs };
        self.seen.retain(|other| *other != seen);
        self.seen.push(seen);
        self.seen.drain(..self.seen.len().saturating_sub(MAX_SEEN));
    }

    /// Forgets everything that keeps the chore from its runs.
    pub(super) fn release(&mut self) {
        self.forget_times();
        self.frozen = None;
        self.repeated.clear();
    }

    /// Forgets until when something is not tried again.
    pub(crate) fn forget_times(&mut self) {
        self.parked = None;
        if let Some(again) = self.held.as_mut().and_then(|held| held.again.as_mut()) {
            *again = Timestamp::now();
        }
    }

    /// Its change that waits for something outside.
    pub(crate) fn blocked(&self) -> Option<(&Held, Timestamp)> {
        self.held.as_ref().and_then(|held| Some((held, held.again?)))
    }

    /// When it is tried again by itself, before any slot.
    pub(crate) fn goes_on_at(&self) -> Option<Timestamp> {
        let parked = self.parked.as_ref().map(|parked| parked.until);
        parked.or_else(|| self.blocked().map(|(_, again)| again))
    }

    /// Takes note of what became of a change. Gives the one that it takes the place of, if there is
    /// one: one that is held does, and one that is delivered if it `is_newer`.
    pub(super) fn note(&mut self, proposal: &Proposal, is_newer: bool) -> Option<ProposalId> {
        let held = self.held.as_ref().map(|held| held.proposal);
        let others = held.filter(|held| *held != proposal.id);
        if proposal.status.is_held() {
            let again = proposal.blocked.as_ref().map(|blocked| blocked.again);
            self.held = Some(Held { proposal: proposal.id, expires: proposal.expires, again });
            return others;
        }
        let is_delivered = matches!(proposal.status, ProposalStatus::Applied { .. });
        let superseded = others.filter(|_| is_newer && is_delivered);
        if held == Some(proposal.id) || superseded.is_some() {
            self.held = None;
        }
        superseded
    }

    /// Takes the secrets out of what was said.
    pub(super) fn redact(&mut self, secrets: &Secrets) {
        self.parked.iter_mut().for_each(|parked| secrets.clean(&mut parked.reason));
        let each = self.repeated.iter_mut().filter_map(|failure| failure.frozen.as_mut());
        each.chain(&mut self.frozen).for_each(|frozen| secrets.clean(&mut frozen.reason));
        self.failed.iter_mut().for_each(|failure| secrets.clean(failure));
    }
}

fn freeze_after() -> u32 {
    FREEZE_AFTER
}

/// Reads repeated failures, also as they were written before: by unit, those of none under the
/// empty name.
fn repeated<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RepeatedFailure>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        List(Vec<RepeatedFailure>),
        ByUnit(BTreeMap<String, RepeatedFailure>),
    }

    Ok(match Written::deserialize(deserializer)? {
        Written::List(list) => list,
        Written::ByUnit(failures) => {
            let of = |(unit, failure): (String, RepeatedFailure)| {
                let unit = Some(unit).filter(|unit| !unit.is_empty()).map(UnitName::unchecked);
                RepeatedFailure { unit, ..failure }
            };
            failures.into_iter().map(of).collect()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_that_were_written_by_unit_are_read() {
        let written = r#"{"failures": {"": {"signature": "s", "count": 2},
            "a.service": {"signature": "t", "count": 1}}}"#;
        let mut state: ChoreState = serde_json::from_str(written).unwrap();
        let again: ChoreState =
            serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!((again, state.repeated.len()), (state.clone(), 2));
        state.note_failure(None, "s".into(), "again".into(), FREEZE_AFTER);
        assert!(state.frozen.is_some(), "{state:?}");
    }

    #[test]
    fn a_unit_that_is_given_up_keeps_no_other_waiting() {
        let [broken, other]: [UnitName; 2] =
            ["a.service", "b.service"].map(|it| it.parse().unwrap());
        let mut state = ChoreState::default();
        for _ in 0..2 {
            state.note_failure(Some(&broken), "s".into(), "of a".into(), 2);
        }
        assert!(state.frozen_for(Some(&broken)).is_some() && state.frozen.is_some());
        assert_eq!(state.frozen_for(Some(&other)), None);
        for _ in 0..2 {
            state.note_failure(Some(&other), "t".into(), "of b".into(), 2);
        }
        assert_eq!(state.frozen_for(Some(&other)).map(|frozen| &*frozen.reason), Some("of b"));
        assert_eq!(state.frozen.as_ref().map(|frozen| &*frozen.reason), Some("of a"));
        let mut mended = state.clone();
        mended.note_success(Some(&broken));
        assert_eq!(mended.frozen_for(Some(&broken)), None);
        assert_eq!(mended.frozen.as_ref().map(|frozen| &*frozen.reason), Some("of b"));
        mended.note_success(None);
        assert_eq!((mended.repeated.len(), mended.frozen), (0, None));
        // What was written before that was told apart is of all.
        let before = ChoreState { frozen: state.frozen.take(), ..ChoreState::default() };
        assert!(before.frozen_for(Some(&other)).is_some() && before.frozen_for(None).is_some());
    }
}
