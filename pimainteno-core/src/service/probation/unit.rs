//! What is wrong with a unit, by itself and compared with how it was.

use std::time::Duration;

use crate::{
    service::{ActiveState, LoadState, UnitState},
    words::UnitName,
};

/// A unit under watch.
pub(super) struct WatchedUnit<'a> {
    /// The unit.
    pub(super) name: &'a UnitName,
    /// What later states are compared with; `None` before the first look.
    reference: Option<UnitState>,
    /// Whether it is neither on its way up nor on its way down.
    pub(super) settled: bool,
}

impl<'a> WatchedUnit<'a> {
    /// A unit that was not looked at yet.
    pub(super) fn new(name: &'a UnitName) -> Self {
        Self { name, reference: None, settled: false }
    }

    /// Compares `state` with earlier ones, and with how it was `before` the change; says what is
    /// wrong.
    pub(super) fn look(
        &mut self,
        state: UnitState,
        before: Option<&UnitState>,
        overdue: bool,
    ) -> Option<String> {
        if let Some(fault) = fault(&state) {
            return Some(fault);
        }
        self.settled = state.runs_to_end()
            || !matches!(state.active, ActiveState::Activating | ActiveState::Deactivating);
        if overdue && !self.settled {
            return Some(format!("is still {state}"));
        }
        match &self.reference {
            Some(reference) if state.restarts > reference.restarts => {
                return Some(restarted_itself(&state));
            }
            Some(reference)
                if !state.runs_to_end()
                    && reference.since != 0
                    && state.since != reference.since =>
            {
                return Some("was started again during the probation".to_owned());
            }
            // A restart that was asked for has set the counter to 0: what is more was added since.
            None if before.is_some_and(|before| {
                state.restarts > if before.since == state.since { before.restarts } else { 0 }
            }) =>
            {
                return Some(restarted_itself(&state));
            }
            _ => {}
        }
        // Only once it has settled is the moment at which it became active the one that must not
        // move.
        if self.settled {
            self.reference = Some(state);
        }
        None
    }
}

/// What is wrong with a unit in this state, whatever came before.
pub(super) fn fault(state: &UnitState) -> Option<String> {
    let ended_well = state.runs_to_end() && matches!(state.result.as_str(), "" | "success");
    let bad = match (state.load, state.active) {
        (LoadState::NotFound | LoadState::Masked | LoadState::Invalid, _)
        | (_, ActiveState::Failed) => true,
        (_, ActiveState::Inactive) => !ended_well,
        // `auto-restart`, and `auto-restart-queued` since systemd 254: it ended and waits to be
        // started again.
        (_, ActiveState::Activating) => state.sub.starts_with("auto-restart"),
        _ => false,
    };
    bad.then(|| format!("is {state}"))
}

/// What is wrong with a unit that runs, but was restarted by systemd so lately that it is likely to
/// be again.
pub(super) fn restarting(state: &UnitState, lately: Duration) -> Option<String> {
    (state.restarts > 0 && state.runs_for()? < lately).then(|| restarted_itself(state))
}

fn restarted_itself(state: &UnitState) -> String {
    let times =
        if state.restarts == 1 { "once".to_owned() } else { format!("{} times", state.restarts) };
    format!("ended and was restarted by systemd {times}")
}
