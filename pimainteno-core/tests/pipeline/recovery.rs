//! What a run that was stopped or cut off leaves, and what the next start makes of it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    time::{Duration, Instant},
};

use pimainteno_core::{
    Event, EventKind, LlmBackend, Maintainer, Outcome, ProjectId, ProposalStatus, RunRecord,
    StepStatus, config::RestartConfig,
};

use crate::support::{Agent, World};

const STEPS: [&str; 8] =
    ["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"];

fn shorten() -> Agent {
    Agent::new(|workspace| fs::write(workspace.join("README.md"), "# Radio\n").unwrap())
}

fn breaking() -> Agent {
    Agent::new(|workspace| fs::write(workspace.join("README.md"), "# Radio\n\nbroken\n").unwrap())
}

/// Runs once and stops the maintainer when `moment` comes.
async fn run_and_stop(
    world: &World,
    agent: Agent,
    moment: impl Fn(&Event) -> bool + Send + Sync + 'static,
) -> Vec<RunRecord> {
    let handle = Arc::new(Mutex::new(None::<Maintainer>));
    let sink = {
        let handle = handle.clone();
        move |event: &Event| {
            if moment(event) {
                handle.lock().unwrap().as_ref().unwrap().stop();
            }
        }
    };
    let maintainer = world.builder(agent).events(sink).build().unwrap();
    *handle.lock().unwrap() = Some(maintainer.clone());
    let records = maintainer.run_once().await.unwrap();
    // The sink would keep its maintainer, and that the store.
    *handle.lock().unwrap() = None;
    records
}

/// Begins a run and cuts it off when `moment` comes: nothing of it is carried out after that.
pub(crate) async fn run_and_cut_off(
    world: &World,
    backend: impl LlmBackend + 'static,
    moment: impl Fn(&Event) -> bool + Send + Sync + 'static,
) {
    let (reached, wait_for_moment) = mpsc::channel();
    let (go_on, wait_for_end) = mpsc::channel::<()>();
    let ends = Mutex::new(Some((reached, wait_for_end)));
    let sink = move |event: &Event| {
        if moment(event)
            && let Some((reached, wait_for_end)) = ends.lock().unwrap().take()
        {
            reached.send(()).unwrap();
            // The run stands still here until it is cut off.
            let _ = wait_for_end.recv();
        }
    };
    let maintainer = world.builder(backend).events(sink).build().unwrap();
    let run = tokio::spawn(async move { maintainer.run_once().await });
    tokio::task::spawn_blocking(move || {
        wait_for_moment.recv_timeout(Duration::from_secs(60)).unwrap();
    })
    .await
    .unwrap();
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    drop(go_on);
    wait_until("the state directory is free", || world.builder(Agent::new(|_| {})).build().is_ok())
        .await;
}

pub(crate) async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Begins a run and cuts it off when `file` appears.
async fn run_and_cut_off_at(world: &World, agent: Agent, file: &Path) {
    let maintainer = world.maintainer(agent);
    let run = tokio::spawn(async move { maintainer.run_once().await });
    wait_until("the moment comes", || file.exists()).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    wait_until("the state directory is free", || world.builder(Agent::new(|_| {})).build().is_ok())
        .await;
}

/// A moment: the `count`th time that `step` begins.
pub(crate) fn begins(
    step: &'static str,
    count: usize,
) -> impl Fn(&Event) -> bool + Send + Sync + 'static {
    let seen = Mutex::new(0);
    move |event| {
        let mut seen = seen.lock().unwrap();
        *seen += usize::from(
            matches!(&event.what, EventKind::StepStarted { step: begun, .. } if begun == step),
        );
        *seen == count
    }
}

/// Starts again and runs once more; everything must then be as after a run that was not disturbed.
pub(crate) async fn start_again(world: &World, agent: Agent) -> Maintainer {
    let maintainer = world.maintainer(agent);
    maintainer.run_once().await.unwrap();
    assert!(maintainer.recover().await.unwrap().is_empty(), "nothing is left open");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.head(), world.remote_head());
    let runs = maintainer.history().runs(Some("radio"), 20).unwrap();
    assert!(runs.iter().all(|run| run.outcome.is_some()), "{runs:#?}");
    maintainer
}

pub(crate) fn assert_applied_once(world: &World, maintainer: &Maintainer, moment: &str) {
    assert_eq!(world.read("README.md"), "# Radio\n", "{moment}");
    assert_eq!(world.git(&["log", "--format=%s"]), "docs: edit\nfirst", "{moment}");
    let runs = maintainer.history().runs(Some("radio"), 20).unwrap();
    let applied =
        runs.iter().find(|run| matches!(run.outcome, Some(Outcome::Applied { .. }))).unwrap();
    let proposal = maintainer.proposal_of(applied.id).unwrap();
    assert_eq!(
        proposal.unwrap().status,
        ProposalStatus::Applied { commit: world.head().parse().unwrap() },
        "{moment}"
    );
    assert!((1..=2).contains(&world.restarts()), "{moment}: {} restarts", world.restarts());
    let monitored =
        applied.steps.iter().any(|step| step.name == "monitor" && step.status == StepStatus::Done);
    assert!(monitored, "{moment}: {applied:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_at_any_step_is_finished_by_the_next_start() {
    for step in STEPS {
        let world = World::new().with_service();
        run_and_stop(&world, shorten(), begins(step, 1)).await;
        let maintainer = start_again(&world, shorten()).await;
        assert_applied_once(&world, &maintainer, step);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cut_off_at_any_step_is_finished_by_the_next_start() {
    for step in STEPS {
        let world = World::new().with_service();
        run_and_cut_off(&world, shorten(), begins(step, 1)).await;
        let maintainer = start_again(&world, shorten()).await;
        assert_applied_once(&world, &maintainer, step);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_change_is_taken_back_whenever_its_run_is_cut_off() {
    for (step, count) in [
        ("restart", 1),
        ("monitor", 1),
        ("apply", 2),
        ("commit", 2),
        ("push", 2),
        ("restart", 2),
        ("monitor", 2),
    ] {
        for stop in [true, false] {
            let world = World::new().with_service();
            if stop {
                run_and_stop(&world, breaking(), begins(step, count)).await;
            } else {
                run_and_cut_off(&world, breaking(), begins(step, count)).await;
            }
            let maintainer = start_again(&world, Agent::new(|_| {})).await;
            assert_eq!(
                world.read("README.md"),
                "# Radio\n\nPlays musik.\n",
                "{step} {count} {stop}"
            );
            assert_eq!(world.git(&["rev-list", "--count", "HEAD"]), "3", "{step} {count} {stop}");
            let runs = maintainer.history().runs(Some("radio"), 20).unwrap();
            assert!(
                runs.iter().any(|run| matches!(run.outcome, Some(Outcome::RolledBack { .. }))),
                "{step} {count} {stop}: {runs:#?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_an_unhealthy_verdict_and_its_rollback_does_not_leave_the_change() {
    let world = World::new().with_service();
    let failed = |event: &Event| matches!(&event.what, EventKind::StepFinished { step, .. } if step.name == "monitor" && step.status == StepStatus::Failed);
    let records = run_and_stop(&world, breaking(), failed).await;
    assert_eq!(records[0].outcome, Some(Outcome::Interrupted), "{records:#?}");
    start_again(&world, Agent::new(|_| {})).await;
    assert_eq!(world.read("README.md"), "# Radio\n\nPlays musik.\n");
}

/// The remote has the commit, and the machine died before that was noted.
#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_was_cut_off_after_it_arrived_is_not_made_twice() {
    for reachable in [true, false] {
        let world = World::new().with_service();
        let (hook, arrived) =
            (world.remote().join("hooks/post-receive"), world.root().join("arrived"));
        fs::write(&hook, format!("#!/bin/sh\ntouch {}\nsleep 600\n", arrived.display())).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        run_and_cut_off_at(&world, shorten(), &arrived).await;
        fs::remove_file(&hook).unwrap();
        let pushed = world.remote_head();
        assert_ne!(pushed, world.head());
        if !reachable {
            // The network comes up later than the machine.
            fs::rename(world.remote(), world.root().join("away")).unwrap();
            let maintainer = world.maintainer(shorten());
            maintainer.run_once().await.unwrap();
            assert_ne!(world.head(), pushed);
            fs::rename(world.root().join("away"), world.remote()).unwrap();
        }
        let maintainer = start_again(&world, shorten()).await;
        assert_eq!(world.head(), pushed);
        assert_applied_once(&world, &maintainer, "push");
    }
}

/// The checkout is at the commit and the unit half restarted.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_was_cut_off_is_made_again() {
    let mut world = World::new().with_service();
    let restart = world.project.restart.clone();
    let reached = world.root().join("reached");
    world.project.restart =
        RestartConfig::Command(format!("touch {}; sleep 600", reached.display()));
    run_and_cut_off_at(&world, shorten(), &reached).await;
    world.project.restart = restart;
    let maintainer = start_again(&world, shorten()).await;
    assert_applied_once(&world, &maintainer, "restart");
    assert_eq!(world.restarts(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_cannot_be_recovered_does_not_keep_others_from_their_runs() {
    let world = World::new().with_service();
    run_and_stop(&world, shorten(), begins("restart", 1)).await;
    // Its workspace cannot be made: there is a file where the directory was.
    fs::remove_dir_all(world.root().join("state/workspaces")).unwrap();
    fs::write(world.root().join("state/workspaces"), "").unwrap();
    let maintainer = world.maintainer(shorten());
    let records = maintainer.run_once().await.unwrap();
    assert!(
        !records[0].outcome.as_ref().unwrap().is_success()
            || matches!(records[0].outcome, Some(Outcome::Skipped { .. })),
        "{records:#?}"
    );
    drop(maintainer);
    fs::remove_file(world.root().join("state/workspaces")).unwrap();
    let maintainer = start_again(&world, shorten()).await;
    assert_applied_once(&world, &maintainer, "workspace");
}

/// The machine died during the push, and the remote never comes back.
async fn lose_the_remote_during_a_push(world: &World) {
    let (hook, arrived) = (world.remote().join("hooks/post-receive"), world.root().join("arrived"));
    fs::write(&hook, format!("#!/bin/sh\ntouch {}\nsleep 600\n", arrived.display())).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    run_and_cut_off_at(world, shorten(), &arrived).await;
    fs::rename(world.remote(), world.root().join("away")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_remote_is_gone_for_good_waits_until_a_person_resumes_the_project() {
    let world = World::new().with_service();
    lose_the_remote_during_a_push(&world).await;
    let head = world.head();
    let maintainer = world.maintainer(shorten());
    for _ in 0..2 {
        let records = maintainer.run_once().await.unwrap();
        let Some(Outcome::Skipped { reason }) = &records[0].outcome else { panic!("{records:#?}") };
        assert!(
            reason.contains("cannot be finished yet")
                && reason.contains("until the project is resumed"),
            "{reason}"
        );
    }
    // Also if it is another program that resumes.
    drop(maintainer);
    world.maintainer(shorten()).resume("radio").unwrap();
    let maintainer = world.maintainer(shorten());
    let records = maintainer.recover().await.unwrap();
    let Some(Outcome::Failed { step, message }) = &records[0].outcome else {
        panic!("{records:#?}")
    };
    assert!(
        step == "recovery"
            && message.contains("whether `origin/main` has commit")
            && message.contains("is not known"),
        "{message}"
    );
    assert_eq!((world.head(), world.restarts()), (head, 0));
    let records = maintainer.run_once().await.unwrap();
    assert!(
        matches!(records[0].outcome, Some(Outcome::Parked { .. })),
        "the next run meets the remote itself: {records:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_remote_is_gone_for_good_is_given_up_after_a_day() {
    let world = World::new().with_service();
    lose_the_remote_during_a_push(&world).await;
    let journals = world.root().join("state/journal");
    let journal = fs::read_dir(&journals).unwrap().next().unwrap().unwrap().path();
    let mut lines = String::new();
    for line in fs::read_to_string(&journal).unwrap().lines() {
        let mut entry: serde_json::Value = serde_json::from_str(line).unwrap();
        entry["at"] = "2020-01-01T00:00:00Z".into();
        lines.push_str(&format!("{entry}\n"));
    }
    fs::write(&journal, lines).unwrap();
    let records = world.maintainer(shorten()).recover().await.unwrap();
    assert!(
        matches!(&records[0].outcome, Some(Outcome::Failed { step, .. }) if step == "recovery"),
        "{records:#?}"
    );
    assert!(fs::read_dir(&journals).unwrap().next().is_none());
}

/// A maintainer whose run pushed: the remote took the commit, and nothing was heard of it any more
/// after that. And where the remote is now.
async fn pushed_and_not_heard_of(world: &World) -> (Maintainer, PathBuf) {
    let away = world.root().join("away");
    let hook = world.remote().join("hooks/post-receive");
    fs::write(&hook, "#!/bin/sh\nmv ../remote.git ../away\nkill -9 $PPID\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let maintainer = world.maintainer(shorten());
    let records = maintainer.run_once().await.unwrap();
    assert_eq!(records[0].outcome, Some(Outcome::Interrupted), "{records:#?}");
    fs::remove_file(away.join("hooks/post-receive")).unwrap();
    (maintainer, away)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_nobody_knows_the_end_of_is_finished_when_the_remote_answers() {
    let world = World::new().with_service();
    let (maintainer, away) = pushed_and_not_heard_of(&world).await;
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(records[0].outcome, Some(Outcome::Skipped { .. })), "{records:#?}");
    drop(maintainer);
    fs::rename(away, world.remote()).unwrap();
    let maintainer = start_again(&world, shorten()).await;
    assert_applied_once(&world, &maintainer, "push");
}

/// Whether its push arrived only its own remote can tell.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_open_waits_until_its_project_is_in_the_configuration_again() {
    let mut world = World::new().with_service();
    let (maintainer, away) = pushed_and_not_heard_of(&world).await;

    world.project.name = Some("Piano".into());
    maintainer.reload(world.builder(shorten())).unwrap();
    let mut reloaded = Some(maintainer);
    for _ in 0..2 {
        let other = reloaded.take().unwrap_or_else(|| world.maintainer(shorten()));
        assert!(other.recover().await.unwrap().is_empty());
        assert_eq!(other.unfinished().unwrap(), [ProjectId::of("radio")]);
        let told = other.notices(None, 9).unwrap();
        assert!(told.iter().any(|told| told.message.contains("put it back there")), "{told:#?}");
        let error = other.forget("radio", false).await.unwrap_err();
        let hint = error.hints().next().unwrap();
        assert!(
            error.to_string().contains("not finished yet") && hint.contains("configuration"),
            "{error}: {hint}"
        );
    }

    world.project.name = None;
    fs::rename(away, world.remote()).unwrap();
    let maintainer = start_again(&world, shorten()).await;
    assert_applied_once(&world, &maintainer, "push");
    assert!(maintainer.unfinished().unwrap().is_empty());
}
