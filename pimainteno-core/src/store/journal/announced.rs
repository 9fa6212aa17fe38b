//! Which steps announced which effects, as a journal tells.

use super::{Effect, Entry, Intent, What};

/// What steps announced, in its order, without what is known not to have happened.
pub(crate) struct Announced(Vec<OfStep>);

/// An effect of a step.
#[derive(Clone)]
pub(crate) struct OfStep {
    pub(crate) step: String,
    pub(crate) intent: Intent,
    pub(crate) effect: Effect,
    pub(crate) is_done: bool,
}

impl Announced {
    /// The effects that take others back, or those that do not.
    pub(crate) fn read(entries: &[Entry], reverting: bool) -> Self {
        let mut all: Vec<OfStep> = Vec::new();
        for what in entries.iter().map(|entry| &entry.what) {
            match what {
                What::Intent { number, effect, reverts, .. }
                    if *reverts == reverting && !matches!(effect, Effect::Commit { .. }) =>
                {
                    let Some(step) = what.step().map(str::to_owned) else { continue };
                    all.push(OfStep {
                        step,
                        intent: *number,
                        effect: effect.clone(),
                        is_done: false,
                    });
                }
                What::Done { number } => all
                    .iter_mut()
                    .filter(|own| own.intent == *number)
                    .for_each(|own| own.is_done = true),
                What::Failed { number, .. } => all.retain(|own| own.intent != *number),
                _ => {}
            }
        }
        Self(all)
    }

    /// Without what is known not to be there: at the remote, or in the checkout.
    pub(crate) fn only(mut self, is_pushed: bool, is_moved: bool) -> Self {
        self.0.retain(|own| match own.effect {
            Effect::Push { .. } => is_pushed,
            Effect::Move { .. } | Effect::Restart { .. } => is_moved,
            _ => true,
        });
        self
    }

    /// Whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The steps that announced something, each once.
    pub(crate) fn steps(&self) -> Vec<String> {
        let mut steps: Vec<_> = self.0.iter().map(|own| own.step.clone()).collect();
        let mut seen = std::collections::HashSet::new();
        steps.retain(|step| seen.insert(step.clone()));
        steps
    }

    /// The effects of a step.
    pub(crate) fn of(&self, step: &str) -> Vec<&OfStep> {
        self.0.iter().filter(|own| own.step == step).collect()
    }

    /// Whether there are effects on something that is neither the remote nor the checkout.
    pub(crate) fn has_own(&self) -> bool {
        self.0.iter().any(|own| matches!(own.effect, Effect::Own { .. }))
    }

    /// Whether anything but a remote was changed, so that something else runs by now.
    pub(crate) fn is_beyond_remote(&self) -> bool {
        self.0.iter().any(|own| !matches!(own.effect, Effect::Push { .. }))
    }

    /// Those of which nobody knows whether they happened; what the remote and the checkout know is
    /// looked up there.
    pub(crate) fn unknown(&self) -> Vec<OfStep> {
        self.0
            .iter()
            .filter(|own| !own.is_done && matches!(own.effect, Effect::Own { .. }))
            .cloned()
            .collect()
    }
}
