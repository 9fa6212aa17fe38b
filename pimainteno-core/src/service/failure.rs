//! What failed, from the states that a unit was seen in.

use super::{ActiveState, LoadState, UnitState};
use crate::incident::{Ending, Phase, UnitFailure};

impl UnitState {
    /// What failed since another look, or before the first; `None` if nothing did.
    pub(crate) fn failed_since(&self, before: Option<&Self>) -> Option<UnitFailure> {
        failure(before, self)
    }
}

fn failure(before: Option<&UnitState>, now: &UnitState) -> Option<UnitFailure> {
    let is_same_start = before.is_some_and(|it| it.invocation == now.invocation);
    let was = |active: ActiveState| before.is_some_and(|it| it.active == active);
    // One that ended well and is started again was meant to.
    let waits_for_restart =
        now.active == ActiveState::Activating && is_auto_restart(now) && now.result != "success";
    let ending = |state: &UnitState, is_over: bool| Ending {
        result: state.result.clone(),
        code: state.code,
        status: state.status,
        restarts: now.restarts,
        gave_up: is_over && now.restarts > 0,
        phase: phase(before, now),
    };
    if now.active == ActiveState::Failed {
        let is_known = was(ActiveState::Failed) && is_same_start;
        return (!is_known).then(|| UnitFailure {
            invocation: now.invocation.clone(),
            ending: ending(now, true),
            is_restarted: false,
        });
    }
    let is_unusable =
        |it: &UnitState| it.load == LoadState::Invalid && it.active == ActiveState::Inactive;
    if is_unusable(now) {
        let is_known = before.is_some_and(is_unusable);
        return (!is_known).then(|| UnitFailure::without_start("bad-setting"));
    }
    if waits_for_restart {
        let is_known = before.is_some_and(|it| is_auto_restart(it) && is_same_start);
        return (!is_known).then(|| UnitFailure {
            invocation: now.invocation.clone(),
            ending: ending(now, false),
            is_restarted: true,
        });
    }
    // It was restarted faster than it could be looked at. How it ended is forgotten by then, and
    // only the journal knows.
    let is_known = |it: &&UnitState| !it.invocation.is_empty() && !is_auto_restart(it);
    let before = before.filter(|it| it.restarts < now.restarts).filter(is_known)?;
    let unknown = Ending { restarts: now.restarts, ..Ending::default() };
    let (invocation, is_restarted) = (before.invocation.clone(), true);
    Some(UnitFailure { invocation, ending: unknown, is_restarted })
}

/// What a unit was doing when it failed.
fn phase(before: Option<&UnitState>, now: &UnitState) -> Phase {
    match before.map(|before| before.active) {
        Some(ActiveState::Deactivating) if now.since >= now.begun => Phase::Stopping,
        Some(ActiveState::Active | ActiveState::Reloading) => Phase::Running,
        // Waiting to be started again counts as the beginning of that.
        _ if now.since < now.begun && !is_auto_restart(now) => Phase::Starting,
        Some(ActiveState::Activating) if !before.is_some_and(is_auto_restart) => Phase::Starting,
        _ => Phase::Running,
    }
}

/// `auto-restart`, and `auto-restart-queued` since systemd 254: it ended, and waits to be started
/// again.
fn is_auto_restart(state: &UnitState) -> bool {
    state.sub.starts_with("auto-restart")
}
