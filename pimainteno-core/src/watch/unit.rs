//! One unit under watch: what a change of its state means.

use crate::{
    incident::UnitFailure,
    service::{ActiveState, LoadState, UnitState},
};

/// A unit under watch, as it was seen last.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// `None` before it was looked at.
    state: Option<UnitState>,
    /// The same with what was told since.
    next: UnitState,
    /// The start of it that failed, if it has not been well since.
    failing: Option<String>,
    /// Whether it got well since, and was not put away again.
    is_well_again: bool,
}

/// What a change of a unit's state means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It failed.
    Failed(UnitFailure),
    /// It failed before, and is well.
    Well {
        /// Whether systemd started it.
        by_itself: bool,
    },
    /// It failed before, and a person wants it to be down, or away.
    PutAway,
}

impl Watched {
    /// Whether there is such a unit, as far as is known.
    pub(super) fn is_there(&self) -> bool {
        self.state.as_ref().is_some_and(|state| state.load != LoadState::NotFound)
    }

    /// Its state with what was told of it since it was looked at, to be changed by what is told.
    pub(super) fn next(&mut self) -> &mut UnitState {
        &mut self.next
    }

    /// The start of it that failed, if it has not been well since.
    pub(super) fn failing(&self) -> Option<&str> {
        self.failing.as_deref()
    }

    /// How it fails, as it was seen last.
    pub(super) fn failure(&self) -> Option<UnitFailure> {
        self.state.as_ref().and_then(|state| state.failed_since(None))
    }

    /// Whether it failed, and has not been well since.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.is_some()
    }

    /// Says that this start of it is known to have failed before it was looked at.
    pub(super) fn fails_already(&mut self, invocation: &str) {
        self.failing = Some(invocation.to_owned());
    }

    /// Says that it was not started, and for which result of its job; that is a failure without a
    /// start.
    pub(super) fn was_not_started(&mut self, result: &str) -> UnitFailure {
        self.failing = Some(String::new());
        UnitFailure::without_start(result)
    }

    /// Takes note of its state; says what that means, if anything.
    pub(super) fn look(&mut self, now: UnitState) -> Option<News> {
        let before = self.state.replace(now.clone());
        self.next = now.clone();
        if matches!(now.load, LoadState::Masked | LoadState::NotFound) {
            return self.put_away();
        }
        if let Some(failure) = now.failed_since(before.as_ref()) {
            // Whoever looks for the first time may know it already.
            let is_known = self.failing.as_ref() == Some(&failure.invocation);
            if is_known && failure.invocation.is_empty() {
                return None;
            }
            (self.failing, self.is_well_again) = (Some(failure.invocation.clone()), false);
            return Some(News::Failed(failure));
        }
        let has_ended_well = now.runs_to_end() && matches!(now.result.as_str(), "" | "success");
        match now.active {
            ActiveState::Active => {
                let by_itself = now.restarts > 0 || !now.triggered_by.is_empty();
                self.is_well_again |= self.failing.is_some();
                self.failing.take().map(|_| News::Well { by_itself })
            }
            ActiveState::Inactive if now.is_forgotten() => None,
            // It was not started, and is not yet.
            ActiveState::Inactive if self.waits_for_start(before.as_ref(), &now) => None,
            // One that runs to its end was started again and has; any other was stopped.
            ActiveState::Inactive if has_ended_well => {
                self.is_well_again = false;
                let failing = self.failing.take()?;
                let is_new = failing != now.invocation;
                Some(if is_new { News::Well { by_itself: true } } else { News::PutAway })
            }
            ActiveState::Inactive => self.put_away(),
            _ => None,
        }
    }

    /// Says that it is down, or away, if it failed before, also if it has got well since.
    fn put_away(&mut self) -> Option<News> {
        let (failing, was_well) = (self.failing.take(), std::mem::take(&mut self.is_well_again));
        (failing.is_some() || was_well).then_some(News::PutAway)
    }

    /// Whether it could not be started, and nothing is different yet.
    fn waits_for_start(&self, before: Option<&UnitState>, now: &UnitState) -> bool {
        let is_right = now.load == LoadState::Loaded
            && before.is_some_and(|before| before.load == LoadState::Invalid);
        self.failing.as_deref() == Some("") && now.invocation.is_empty() && !is_right
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::incident::Phase;

    fn state(active: ActiveState, sub: &str, invocation: &str, restarts: u32) -> UnitState {
        UnitState {
            load: LoadState::Loaded,
            active,
            sub: sub.into(),
            result: if active == Failed { "exit-code" } else { "success" }.into(),
            invocation: invocation.into(),
            restarts,
            since: 2,
            begun: 1,
            ..UnitState::default()
        }
    }

    /// What is told of a unit that goes through these states.
    fn told(states: &[UnitState]) -> Vec<String> {
        let mut unit = Watched::default();
        let say = |news: News| match news {
            News::Failed(failure) => {
                let end = if failure.is_restarted { ", restarted" } else { "" };
                format!("{} failed: {}{end}", failure.invocation, failure.ending.result)
            }
            News::Well { by_itself } => format!("well {by_itself}"),
            News::PutAway => "put away".into(),
        };
        states.iter().filter_map(|state| unit.look(state.clone())).map(say).collect()
    }

    use ActiveState::{Activating, Active, Deactivating, Failed, Inactive};

    #[test]
    fn a_unit_fails_once_a_start() {
        let running = state(Active, "running", "a", 0);
        let failed = state(Failed, "failed", "a", 0);
        let all =
            [running.clone(), failed.clone(), failed.clone(), state(Failed, "failed", "b", 0)];
        assert_eq!(told(&all), ["a failed: exit-code", "b failed: exit-code"]);
        // Whoever looks for the first time does not know since when.
        assert_eq!(told(&[failed]), ["a failed: exit-code"]);
        assert_eq!(told(&[running, state(Inactive, "dead", "a", 0)]), [""; 0]);
    }

    #[test]
    fn a_unit_that_systemd_restarts_fails_at_each_restart_and_at_last() {
        let waits = |invocation: &str, restarts| UnitState {
            result: "exit-code".into(),
            ..state(Activating, "auto-restart", invocation, restarts)
        };
        let all = [
            state(Active, "running", "a", 0),
            waits("a", 0),
            // The counter is told before the unit is started again.
            waits("a", 1),
            state(Active, "running", "b", 1),
            waits("b", 1),
            waits("b", 2),
            state(Failed, "failed", "b", 2),
        ];
        assert_eq!(
            told(&all),
            [
                "a failed: exit-code, restarted",
                "well true",
                "b failed: exit-code, restarted",
                "b failed: exit-code"
            ]
        );
        // Faster than anybody could look.
        let all = [state(Active, "running", "a", 0), state(Active, "running", "b", 1)];
        assert_eq!(told(&all), ["a failed: , restarted"]);
        // The counter is set back by whoever restarts it.
        let all = [state(Active, "running", "b", 3), state(Active, "running", "c", 0)];
        assert_eq!(told(&all), [""; 0]);
    }

    #[test]
    fn what_failed_is_over_when_it_runs_has_run_or_is_put_away() {
        let failed = state(Failed, "failed", "a", 0);
        assert_eq!(
            told(&[failed.clone(), state(Active, "running", "b", 0)]),
            ["a failed: exit-code", "well false"]
        );
        assert_eq!(
            told(&[
                failed.clone(),
                state(Active, "running", "b", 0),
                state(Inactive, "dead", "b", 0),
                state(Inactive, "dead", "b", 0)
            ]),
            ["a failed: exit-code", "well false", "put away"],
            "it was stopped before anybody knew that it is well"
        );
        let once = |active, invocation| UnitState {
            oneshot: true,
            ..state(active, "dead", invocation, 0)
        };
        assert_eq!(
            told(&[once(Failed, "a"), once(Activating, "b"), once(Inactive, "b")]),
            ["a failed: exit-code", "well true"]
        );
        assert_eq!(
            told(&[once(Failed, "a"), once(Inactive, "a")]),
            ["a failed: exit-code", "put away"],
            "somebody had systemd forget it"
        );
        let masked = UnitState { load: LoadState::Masked, ..state(Inactive, "dead", "a", 0) };
        assert_eq!(told(&[failed.clone(), masked]), ["a failed: exit-code", "put away"]);
        assert_eq!(
            told(&[failed, state(Inactive, "dead", "a", 0)]),
            ["a failed: exit-code", "put away"]
        );
    }

    #[test]
    fn what_a_unit_was_doing_when_it_failed_is_told() {
        let phase = |states: [UnitState; 2]| {
            let mut unit = Watched::default();
            let news = states.into_iter().filter_map(|state| unit.look(state)).last();
            let Some(News::Failed(failure)) = news else { panic!("{news:?}") };
            failure.ending.phase
        };
        let failed = state(Failed, "failed", "a", 0);
        let never = UnitState { since: 0, begun: 1, ..failed.clone() };
        assert_eq!(phase([state(Active, "running", "a", 0), failed.clone()]), Phase::Running);
        assert_eq!(phase([state(Activating, "start", "a", 0), never]), Phase::Starting);
        assert_eq!(phase([state(Deactivating, "stop-sigterm", "a", 0), failed]), Phase::Stopping);
    }
}
