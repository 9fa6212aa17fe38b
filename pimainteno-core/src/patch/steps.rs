//! How much work a reply may be.

use super::refusal::{Reason, Refusal};

/// The most steps that one reply takes: what needs more is too large or too repetitive to be placed
/// with certainty. The inputs that use all of them up took about a fifth of a second where this was
/// measured; `cargo bench` prints what they take elsewhere.
const MOST: usize = 20_000_000;

/// After so many steps it is asked again whether anybody waits for the result.
const BETWEEN_LOOKS: usize = 1 << 20;

/// How much work is left for one reply.
pub(super) struct Steps<'a> {
    left: usize,
    until_look: usize,
    is_cancelled: &'a (dyn Fn() -> bool + 'a),
}

impl<'a> Steps<'a> {
    /// All of it; `is_cancelled` tells that nobody waits for the result any more.
    pub(super) fn new(is_cancelled: &'a (dyn Fn() -> bool + 'a)) -> Self {
        Self { left: MOST, until_look: 0, is_cancelled }
    }

    /// Takes some of it.
    ///
    /// # Errors
    /// [`Reason::TooLarge`] if not so much is left, [`Reason::Cancelled`] if nobody waits any more.
    pub(super) fn take(&mut self, count: usize) -> Result<(), Refusal> {
        self.left = self.left.checked_sub(count).ok_or_else(|| {
            Refusal::new(
                Reason::TooLarge,
                "the file is too large or too repetitive to place this change in it with certainty",
            )
        })?;
        self.until_look = self.until_look.saturating_sub(count);
        if self.until_look == 0 {
            self.until_look = BETWEEN_LOOKS;
            if (self.is_cancelled)() {
                return Err(Refusal::new(
                    Reason::Cancelled,
                    "nobody waits for the result any more",
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_ends_when_it_is_used_up_and_when_nobody_waits() {
        let mut steps = Steps::new(&|| false);
        steps.take(MOST).unwrap();
        assert_eq!(steps.take(1).unwrap_err().reason, Reason::TooLarge);
        let waits = std::cell::Cell::new(true);
        let is_cancelled = || !waits.get();
        let mut steps = Steps::new(&is_cancelled);
        steps.take(1).unwrap();
        waits.set(false);
        steps.take(BETWEEN_LOOKS - 2).unwrap();
        assert_eq!(steps.take(BETWEEN_LOOKS).unwrap_err().reason, Reason::Cancelled);
    }
}
