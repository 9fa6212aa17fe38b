use std::sync::Mutex;

use async_trait::async_trait;

use super::*;
use crate::{
    config::HealthConfig,
    error::{Error, ErrorKind},
    process::Environment,
    service::{ActiveState, LoadState},
};

const PROBATION: Duration = Duration::from_millis(300);

/// Tells a prepared state at each look; the last one for ever.
#[derive(Debug)]
struct Script(Mutex<Vec<Result<UnitState>>>);

#[async_trait]
impl ServiceManager for Script {
    fn name(&self) -> &str {
        "script"
    }

    async fn restart(&self, _: &UnitName, _: &Cancel) -> Result<()> {
        Ok(())
    }

    async fn state(&self, _: &UnitName) -> Result<UnitState> {
        let mut script = self.0.lock().unwrap();
        if script.len() > 1 {
            script.remove(0)
        } else {
            script[0].as_ref().cloned().map_err(|_| unreachable())
        }
    }
}

fn unreachable() -> Error {
    Error::new(ErrorKind::Service, "no connection")
}

fn state(active: ActiveState, sub: &str, restarts: u32, since: u64) -> UnitState {
    let result = "success".into();
    UnitState {
        load: LoadState::Loaded,
        active,
        sub: sub.into(),
        result,
        restarts,
        main_pid: 1,
        since,
        ..UnitState::default()
    }
}

fn running(restarts: u32, since: u64) -> UnitState {
    state(ActiveState::Active, "running", restarts, since)
}

fn failed() -> UnitState {
    UnitState { result: "exit-code".into(), ..state(ActiveState::Failed, "failed", 0, 1) }
}

/// A probe whose command answers once for each line of `answers`: `y` is good, `n` is bad; the last
/// one stays.
fn probe(directory: &std::path::Path, answers: &str, within: Duration) -> HealthProbe {
    std::fs::write(directory.join("answers"), answers).unwrap();
    let command =
        "read -r answer <answers; [ $(wc -l <answers) = 1 ] || sed -i 1d answers; [ $answer = y ]";
    let config = HealthConfig { command: Some(command.into()), within: Some(within), http: None };
    HealthProbe::new(&config, directory, Environment::default().with("PATH", "/usr/bin:/bin"))
        .unwrap()
}

async fn watch(
    states: Vec<Result<UnitState>>,
    probe: Option<&HealthProbe>,
    before: &Baseline,
) -> Result<Verdict> {
    let manager = Script(Mutex::new(states));
    let units = ["web.service".parse().unwrap()];
    Probation::new(&manager, &units, probe, PROBATION).watch(before, &Cancel::new(), &|_| {}).await
}

async fn baseline(state: UnitState, probe: Option<&HealthProbe>) -> Baseline {
    let manager = Script(Mutex::new(vec![Ok(state)]));
    let units = ["web.service".parse().unwrap()];
    Probation::new(&manager, &units, probe, PROBATION).baseline(&Cancel::new()).await.unwrap()
}

#[track_caller]
fn assert_unhealthy(verdict: Result<Verdict>, expected: &str) {
    match verdict.unwrap() {
        Verdict::Unhealthy { reason, .. } => assert!(reason.contains(expected), "{reason}"),
        verdict => panic!("{verdict:?}"),
    }
}

#[tokio::test]
async fn a_unit_that_stays_as_it_is_is_healthy_after_the_whole_probation() {
    let before = baseline(running(4, 5), None).await;
    let verdict = watch(vec![Ok(running(0, 9))], None, &before).await.unwrap();
    assert!(matches!(verdict, Verdict::Healthy { watched } if watched >= PROBATION), "{verdict:?}");
    // Nobody restarted it, so its counter is what it was.
    assert!(matches!(
        watch(vec![Ok(running(4, 5))], None, &before).await.unwrap(),
        Verdict::Healthy { .. }
    ));
}

#[tokio::test]
async fn a_restart_that_nobody_asked_for_is_seen_by_counter_and_by_time() {
    let before = baseline(running(0, 5), None).await;
    assert_unhealthy(
        watch(vec![Ok(running(0, 9)), Ok(running(1, 9))], None, &before).await,
        "restarted by systemd once",
    );
    // Before the first look, and less often than before the restart that was asked for.
    let looping = baseline(running(4, 5), None).await;
    assert_unhealthy(
        watch(vec![Ok(running(2, 9))], None, &looping).await,
        "restarted by systemd 2 times",
    );
    // The counter was set back meanwhile.
    assert_unhealthy(
        watch(vec![Ok(running(0, 9)), Ok(running(0, 12))], None, &before).await,
        "started again",
    );
    let waiting = state(ActiveState::Activating, "auto-restart", 0, 9);
    assert_unhealthy(
        watch(vec![Ok(running(0, 9)), Ok(waiting)], None, &before).await,
        "auto-restart",
    );
}

#[tokio::test]
async fn a_unit_that_only_ends_well_as_a_oneshot_is_unhealthy_otherwise() {
    let before = Baseline::default();
    let ended = state(ActiveState::Inactive, "dead", 0, 9);
    assert_unhealthy(watch(vec![Ok(ended.clone())], None, &before).await, "is inactive (dead)");
    let oneshot = UnitState { oneshot: true, ..ended };
    let again = UnitState { since: 20, ..oneshot.clone() };
    assert!(matches!(
        watch(vec![Ok(oneshot), Ok(again)], None, &before).await.unwrap(),
        Verdict::Healthy { .. }
    ));
    assert_unhealthy(
        watch(vec![Ok(UnitState { oneshot: true, ..failed() })], None, &before).await,
        "is failed (exit-code)",
    );
}

#[tokio::test]
async fn a_unit_may_take_its_time_to_start_but_not_longer_than_the_probation() {
    let starting = state(ActiveState::Activating, "start", 0, 0);
    let verdict = watch(
        vec![Ok(starting.clone()), Ok(starting.clone()), Ok(running(0, 9))],
        None,
        &Baseline::default(),
    )
    .await
    .unwrap();
    assert!(matches!(verdict, Verdict::Healthy { .. }), "{verdict:?}");
    assert_unhealthy(
        watch(vec![Ok(starting)], None, &Baseline::default()).await,
        "is still activating (start)",
    );
}

#[tokio::test]
async fn what_was_unhealthy_before_is_not_blamed_on_the_change() {
    let before = baseline(failed(), None).await;
    assert!(!before.is_healthy());
    let verdict = watch(vec![Ok(failed())], None, &before).await.unwrap();
    let Verdict::UnchangedUnhealthy { unit, reason } = verdict else { panic!("{verdict:?}") };
    assert_eq!(unit.as_deref(), Some("web.service"));
    assert_eq!(
        reason,
        "`web.service` is failed (exit-code); `web.service` was already unhealthy before: is failed (exit-code)"
    );
    // The change has repaired it.
    assert!(matches!(
        watch(vec![Ok(running(0, 9))], None, &before).await.unwrap(),
        Verdict::Healthy { .. }
    ));
    // It was restarted a moment ago, and not for the first time.
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic).tv_sec;
    let before =
        baseline(running(7, u64::try_from(now).unwrap() * 1_000_000 + 999_999), None).await;
    assert!(before.unit_faults["web.service"].contains("7 times"));
}

#[tokio::test]
async fn a_probe_may_be_late_and_may_fail_now_and_then() {
    let directory = tempfile::tempdir().unwrap();
    let before = Baseline::default();
    let patient = probe(directory.path(), "n\nn\nn\nn\ny\nn\nn\ny\n", Duration::from_secs(60));
    assert!(matches!(
        watch(vec![Ok(running(0, 9))], Some(&patient), &before).await.unwrap(),
        Verdict::Healthy { .. }
    ));
    let failing = probe(directory.path(), "y\nn\n", Duration::from_secs(60));
    assert_unhealthy(
        watch(vec![Ok(running(0, 9))], Some(&failing), &before).await,
        "3 times in a row",
    );
    let silent = probe(directory.path(), "n\n", Duration::from_millis(100));
    assert_unhealthy(
        watch(vec![Ok(running(0, 9))], Some(&silent), &before).await,
        "did not succeed within 100ms",
    );
    // What has not answered when the probation is over is not healthy.
    let slow = probe(directory.path(), "n\n", 2 * PROBATION);
    assert_unhealthy(
        watch(vec![Ok(running(0, 9))], Some(&slow), &before).await,
        "did not succeed within 600ms",
    );
}

#[tokio::test]
async fn a_probe_that_never_answered_excuses_itself_but_not_its_unit() {
    let directory = tempfile::tempdir().unwrap();
    let silent = probe(directory.path(), "n\n", Duration::ZERO);
    let before = baseline(running(0, 5), Some(&silent)).await;
    assert!(before.probe_fault.is_some() && before.unit_faults.is_empty());
    let verdict = watch(vec![Ok(running(0, 9))], Some(&silent), &before).await.unwrap();
    assert!(matches!(verdict, Verdict::UnchangedUnhealthy { unit: None, .. }), "{verdict:?}");
    assert_unhealthy(
        watch(vec![Ok(running(0, 9)), Ok(failed())], Some(&silent), &before).await,
        "is failed",
    );
}

#[tokio::test]
async fn a_manager_that_stays_silent_is_an_error_but_a_short_silence_is_not() {
    let silence = || Err(unreachable());
    let verdict = watch(vec![silence(), silence(), Ok(running(0, 9))], None, &Baseline::default())
        .await
        .unwrap();
    assert!(matches!(verdict, Verdict::Healthy { .. }), "{verdict:?}");
    assert_eq!(
        watch(vec![silence()], None, &Baseline::default()).await.unwrap_err().kind(),
        ErrorKind::Service
    );
}

#[tokio::test]
async fn a_raised_flag_ends_the_probation() {
    let manager = Script(Mutex::new(vec![Ok(running(0, 9))]));
    let units = ["web.service".parse().unwrap()];
    let cancel = Cancel::new();
    let probation = Probation::new(&manager, &units, None, Duration::from_secs(600));
    let raise = |_: &str| cancel.raise();
    let error = probation.watch(&Baseline::default(), &cancel, &raise).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
}

#[test]
fn that_all_is_well_is_told_now_and_then_and_anything_else_at_once() {
    let mut told = Told::default();
    let mut due = Vec::new();
    for second in 0..30 {
        let is_well = second != 14;
        let news = if is_well { format!("healthy for {second} s") } else { "waits".into() };
        if told.is_due(&news, is_well, Duration::from_secs(second)) {
            due.push(second);
        }
    }
    assert_eq!(due, [0, 10, 14, 15, 25]);
}
