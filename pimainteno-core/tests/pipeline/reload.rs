//! Another configuration while the program runs.

use std::{
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use pimainteno_core::{
    ErrorKind, EventKind, Maintainer, MaintainerBuilder, Outcome, Result, RunOptions, RunRecord,
    Trigger,
    config::{ChoreConfig, Mode},
    testing::change_project,
};

use crate::{
    recovery::wait_until,
    support::{Agent, World},
};

/// A run that stands still in its backend, and one that waits behind it, while another
/// configuration is read; how both ended.
async fn runs_around(
    world: &World,
    newer: MaintainerBuilder,
) -> (Maintainer, RunRecord, Result<RunRecord>) {
    let (asked, wait_for_question) = mpsc::channel();
    let (asked, goes_on) = (Mutex::new(asked), Arc::new(AtomicBool::new(false)));
    let slow = {
        let goes_on = goes_on.clone();
        Agent::new(move |workspace| {
            asked.lock().unwrap().send(()).unwrap();
            // So that timers go on, whichever worker this is.
            tokio::task::block_in_place(|| {
                while !goes_on.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            });
            std::fs::write(workspace.join("README.md"), "# Radio\n\nPlays music.\n").unwrap();
        })
    };
    let waits = Arc::new(AtomicBool::new(false));
    let sink = {
        let waits = waits.clone();
        move |event: &pimainteno_core::Event| {
            waits.fetch_or(matches!(event.what, EventKind::Queued { .. }), Ordering::Relaxed);
        }
    };
    let maintainer = world.builder(slow).events(sink).build().unwrap();
    // Only a program that serves keeps what it is asked for.
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = {
        let maintainer = maintainer.clone();
        tokio::spawn(async move { maintainer.serve(async { drop(stopped.await) }).await })
    };
    let orders = || maintainer.history().project("radio").orders.len();
    let run = || {
        let maintainer = maintainer.clone();
        let mut force = RunOptions::default();
        force.force = true;
        tokio::spawn(async move {
            maintainer.run_chore("radio", "improve", Trigger::Manual, force).await
        })
    };
    let first = run();
    let asked = tokio::task::spawn_blocking(move || {
        wait_for_question.recv_timeout(Duration::from_secs(60)).unwrap();
    });
    asked.await.unwrap();
    let second = run();
    wait_until("it waits", || waits.load(Ordering::Relaxed)).await;
    assert_eq!(orders(), 1);
    maintainer.reload(newer).unwrap();
    goes_on.store(true, Ordering::Relaxed);
    let (first, second) = (first.await.unwrap().unwrap(), second.await.unwrap());
    // However it ended, nobody does it once more.
    assert_eq!(orders(), 0);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
    (maintainer, first, second)
}

/// A world whose schedule has hardly a slot.
fn world() -> World {
    let mut world = World::new();
    world.project.cron = Some("0 0 29 2 *".parse().unwrap());
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_ends_as_it_began_and_one_that_waits_is_as_the_newer_configuration_says()
{
    let mut world = world();
    let mut project = world.project.clone();
    project.mode = Mode::Review;
    let older = std::mem::replace(&mut world.project, project);
    let newer = world.builder(Agent::writes("README.md", "# Radio\n"));
    world.project = older;

    let (maintainer, first, second) = runs_around(&world, newer).await;
    assert!(matches!(first.outcome, Some(Outcome::Applied { .. })), "{:?}", first.outcome);
    let second = second.unwrap();
    assert!(matches!(second.outcome, Some(Outcome::Held { .. })), "{:?}", second.outcome);
    assert_eq!(world.read("README.md"), "# Radio\n\nPlays music.\n");
    assert_eq!(maintainer.history().runs(Some("radio"), 9).unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_newer_configuration_refuses_is_not_done_by_a_later_program() {
    let mut world = world();
    let project = world.project.clone();
    let mut tidy = ChoreConfig::default();
    tidy.instructions = "Tidy up.".into();
    world.project.chores.insert("tidy".into(), tidy);
    let newer = world.builder(Agent::writes("README.md", "# Radio\n"));
    world.project = project;

    let (_, first, second) = runs_around(&world, newer).await;
    assert!(matches!(first.outcome, Some(Outcome::Applied { .. })), "{:?}", first.outcome);
    let error = second.unwrap_err();
    assert!(error.to_string().contains("has no chore `improve`"), "{error}");
}

#[tokio::test]
async fn whoever_is_told_of_a_reload_may_ask_the_maintainer() {
    let mut world = world();
    let asked: Arc<OnceLock<Maintainer>> = Arc::default();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let (asked, heard) = (asked.clone(), heard.clone());
        move |event: &pimainteno_core::Event| {
            if let (EventKind::Notice { .. }, Some(maintainer)) = (&event.what, asked.get()) {
                let projects = maintainer.projects();
                heard.lock().unwrap().extend(projects.into_iter().map(|it| it.project.id));
            }
        }
    };
    let maintainer =
        world.builder(Agent::writes("README.md", "# Radio\n")).events(sink).build().unwrap();
    assert!(asked.set(maintainer.clone()).is_ok());
    maintainer.run_once().await.unwrap();
    maintainer.pause("radio").unwrap();
    world.project.name = Some("Tuner".into());
    let newer = world.builder(Agent::writes("README.md", "# Radio\n"));
    // It would wait for itself for ever.
    let reloading = maintainer.clone();
    let reload = tokio::task::spawn_blocking(move || reloading.reload(newer));
    tokio::time::timeout(Duration::from_secs(60), reload).await.unwrap().unwrap().unwrap();
    assert_eq!(*heard.lock().unwrap(), [pimainteno_core::ProjectId::of("tuner")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_project_that_is_gone_from_the_configuration_is_told() {
    let mut world = world();
    let project = world.project.clone();
    world.project.name = Some("Piano".into());
    let newer = world.builder(Agent::writes("README.md", "# Radio\n"));
    world.project = project;

    let (maintainer, first, second) = runs_around(&world, newer).await;
    assert!(matches!(first.outcome, Some(Outcome::Applied { .. })), "{:?}", first.outcome);
    let error = second.unwrap_err();
    assert!(
        error.kind() == ErrorKind::Usage
            && error.to_string().contains("there is no project `radio`"),
        "{error}"
    );
    let ids: Vec<_> = maintainer.projects().into_iter().map(|status| status.project.id).collect();
    assert_eq!(ids, ["piano".to_owned()].map(|id| pimainteno_core::ProjectId::of(&id)));
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_changes_nothing() {
    let mut world = World::new();
    let maintainer = world.maintainer(Agent::writes("README.md", "# Radio\n"));
    let elsewhere = world.builder(Agent::new(|_| {})).state_directory(world.root().join("other"));
    let error = maintainer.reload(elsewhere).unwrap_err();
    assert!(error.hints().any(|hint| hint.contains("restart")), "{error}");
    world.project.policy = Some(world.root().join("nowhere.rhai"));
    assert!(maintainer.reload(world.builder(Agent::new(|_| {}))).is_err());
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(records[0].outcome, Some(Outcome::Applied { .. })), "{:?}", records[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_waits_while_its_project_is_taken_out_and_put_back_is_carried_out_once() {
    let mut world = World::new();
    world.project.cron = Some("0 0 29 2 *".parse().unwrap());
    let other = World::new();
    let radio = world.project.clone();
    let mut piano = other.project.clone();
    (piano.name, piano.cron) = (Some("Piano".into()), radio.cron.clone());
    let (asked, wait_for_question) = mpsc::channel();
    let (asked, goes_on) = (Mutex::new(asked), Arc::new(AtomicBool::new(false)));
    let agent = {
        let goes_on = goes_on.clone();
        Agent::new(move |_| {
            asked.lock().unwrap().send(()).unwrap();
            tokio::task::block_in_place(|| {
                while !goes_on.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            });
        })
    };
    world.config.scheduler.concurrency = 1;
    let queued = Arc::new(Mutex::new(Vec::new()));
    let sink = {
        let queued = queued.clone();
        move |event: &pimainteno_core::Event| {
            if let EventKind::Queued { .. } = event.what {
                queued.lock().unwrap().extend(event.project.clone());
            }
        }
    };
    // Once at least: what is due and is released besides may wait twice.
    let waits = async |project: &str| {
        wait_until("it waits", || queued.lock().unwrap().iter().any(|id| **id == *project)).await;
    };
    let maintainer = world.builder(agent.clone()).events(sink).build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = {
        let maintainer = maintainer.clone();
        tokio::spawn(async move { maintainer.serve(async { drop(stopped.await) }).await })
    };
    let run = || {
        let maintainer = maintainer.clone();
        let mut force = RunOptions::default();
        force.force = true;
        tokio::spawn(async move {
            maintainer.run_chore("radio", "improve", Trigger::Manual, force).await
        })
    };
    let first = run();
    let asked = tokio::task::spawn_blocking(move || {
        wait_for_question.recv_timeout(Duration::from_secs(60)).unwrap();
        wait_for_question
    });
    let _questions = asked.await.unwrap();
    let second = run();
    waits("radio").await;
    // The scheduler has the newer configuration when it runs what only that one has.
    let wake = |project: &str| {
        change_project(&maintainer, project, |state| {
            let parked = r#"{"until": "1970-01-01T00:00:00Z", "reason": "of old"}"#;
            state.chore_mut("improve").parked = serde_json::from_str(parked).unwrap();
        })
        .unwrap();
        maintainer.resume(project).unwrap();
    };
    world.project = piano.clone();
    maintainer.reload(world.builder(agent.clone())).unwrap();
    wake("piano");
    waits("piano").await;
    world.config.project.push(radio);
    let mut drums = piano;
    drums.name = Some("Drums".into());
    world.config.project.push(drums);
    maintainer.reload(world.builder(agent)).unwrap();
    wake("drums");
    waits("drums").await;

    let third = run();
    goes_on.store(true, Ordering::Relaxed);
    for run in [first, second, third] {
        let record = run.await.unwrap().unwrap();
        assert_eq!(record.outcome, Some(Outcome::NoChange), "{record:#?}");
    }
    assert_eq!(maintainer.history().runs(Some("radio"), 9).unwrap().len(), 3);
    assert!(maintainer.history().project("radio").orders.is_empty());
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
