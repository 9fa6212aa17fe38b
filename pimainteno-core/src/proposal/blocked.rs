//! A good change that something outside keeps from being delivered.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::fingerprint;

/// How long it takes until the delivery is tried again for the first time; each time in vain
/// doubles it.
const FIRST: Duration = Duration::from_secs(60 * 60);

/// The longest that it takes: somebody who has put things right sees it go on within a day.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// What outside keeps a good change from being delivered. It is tried again by itself, without a
/// backend, and goes on where that has been put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Blocked {
    /// The step that could not do its work.
    pub step: String,
    /// Tells this cause from others.
    pub signature: String,
    /// Whether a person has approved the change, so that it is delivered in whatever mode.
    pub is_approved: bool,
    /// How often it was tried, in a row and for the same cause.
    pub tries: u32,
    /// When it is tried again.
    pub again: Timestamp,
}

impl Blocked {
    /// What keeps a change in `step`, for `reason`, now.
    pub(crate) fn new(step: &str, reason: &str, is_approved: bool) -> Self {
        Self {
            step: step.to_owned(),
            signature: fingerprint::of_failure(reason),
            is_approved,
            tries: 1,
            again: later(1),
        }
    }

    /// The same, where `before` kept it the last time: the same cause is waited for longer each
    /// time.
    pub(crate) fn after(self, before: Option<&Self>) -> Self {
        match before.filter(|before| before.signature == self.signature) {
            Some(before) => {
                let tries = before.tries.saturating_add(1);
                Self { tries, again: later(tries), ..self }
            }
            None => self,
        }
    }

    /// Whether nobody has been told of this cause yet.
    pub(crate) fn is_news(&self) -> bool {
        self.tries == 1
    }
}

/// What is said of a change that `reason`, something outside, keeps from being delivered.
pub(crate) fn waiting(reason: &str) -> String {
    format!(
        "{reason}; the change waits: once that is put right it goes on by itself, without asking a backend again, or at once when it is approved; rejecting gives it up"
    )
}

/// When a change is tried again that was tried so often.
fn later(tries: u32) -> Timestamp {
    let factor = 1u32.checked_shl(tries.saturating_sub(1)).unwrap_or(u32::MAX);
    let delay = FIRST.saturating_mul(factor).min(LONGEST);
    Timestamp::now().checked_add(delay).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_cause_is_waited_for_longer_each_time_and_another_one_is_news() {
        let hours = |blocked: &Blocked| {
            let left = blocked.again.duration_since(Timestamp::now()).as_secs();
            (left + 1800) / 3600
        };
        let mut blocked = Blocked::new("commit", "no key", false);
        let mut waited = vec![hours(&blocked)];
        for _ in 0..40 {
            blocked = Blocked::new("commit", "no key", true).after(Some(&blocked));
            waited.push(hours(&blocked));
        }
        assert_eq!(waited[..7], [1, 2, 4, 8, 16, 24, 24]);
        assert!(waited.ends_with(&[24]) && !blocked.is_news() && blocked.is_approved);
        assert!(Blocked::new("push", "the remote is full", false).after(Some(&blocked)).is_news());
    }
}
