//! Mending: a change that fails goes back to its backend, as long as something new comes of it.

use crate::{
    fingerprint,
    step::{Failure, StepContext},
};

/// How often the change of one run was mended so far, and of what.
#[derive(Default)]
pub(super) struct Mending {
    made: usize,
    /// The signature of the last failure.
    last: Option<String>,
    /// The fingerprints of the changes that failed.
    tried: Vec<String>,
}

impl Mending {
    /// Takes note of a failure; says whether its change may be repaired.
    ///
    /// It is not where a person approved the exact change, where there is nobody to ask, where it
    /// was delivered already, when the project's repairs are used up, and when the last repair
    /// changed nothing: it failed in the same way.
    pub(super) fn may_mend(&mut self, context: &StepContext<'_>, failure: &Failure) -> bool {
        let signature = fingerprint::of_failure(&failure.message);
        let is_new = self.last.replace(signature.clone()) != Some(signature);
        self.tried.extend(context.run.fingerprint());
        let may = is_new
            && context.run.rules().may_mend
            && !context.run.is_delivered()
            && self.made < context.project().repairs;
        self.made += usize::from(may);
        may
    }

    /// Whether the placed change failed in this run already.
    pub(super) fn has_failed(&self, context: &StepContext<'_>) -> bool {
        !self.tried.is_empty()
            && context.run.fingerprint().is_some_and(|placed| self.tried.contains(&placed))
    }
}
