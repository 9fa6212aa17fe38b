//! Chores: each has its slots, its mode, its proposer, and what is remembered of it; and what is
//! asked for waits in one queue.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use async_trait::async_trait;
use pimainteno_core::{
    Call, Edit, EventKind, Flow, LlmBackend, Outcome, Proposer, Reply, Request, Result, RunOptions,
    StepContext, Task, Trigger,
    config::{Chore, ChoreConfig, Mode, Settings},
};

use crate::{
    recovery::wait_until,
    support::{Agent, World},
};

/// Writes the file that it is told to, in the words of the prompt.
#[derive(Debug)]
struct Obedient;

#[async_trait]
impl LlmBackend for Obedient {
    fn name(&self) -> &str {
        "scripted"
    }

    fn edit(&self) -> Edit {
        Edit::Workspace
    }

    async fn complete(&self, request: &Request, _: &Call) -> Result<Reply> {
        if request.task == Task::Propose
            && let Some(file) =
                request.prompt.split_whitespace().find_map(|word| word.strip_prefix("touch:"))
        {
            fs::write(request.workspace.join(file), "written\n").unwrap();
        }
        Ok(Reply::new("docs: write"))
    }
}

fn chore(instructions: &str, mode: Mode) -> ChoreConfig {
    let mut chore = ChoreConfig::default();
    (chore.instructions, chore.mode) = (instructions.into(), Some(mode));
    chore
}

fn outcomes(records: &[pimainteno_core::RunRecord]) -> Vec<(&str, &str)> {
    records
        .iter()
        .map(|record| (record.chore.as_str(), record.outcome.as_ref().unwrap().name()))
        .collect()
}

#[tokio::test]
async fn what_a_chore_saw_and_holds_is_its_own() {
    let mut world = World::new();
    world.project.chores.insert("docs".into(), chore("touch:DOCS.md", Mode::Review));
    world.project.chores.insert("notes".into(), chore("touch:NOTES.md", Mode::Review));
    world.project.chores.insert("tidy".into(), chore("touch:TIDY.md", Mode::Auto));
    let maintainer = world.maintainer(Obedient);
    let records = maintainer.run_once().await.unwrap();
    assert_eq!(outcomes(&records), [("docs", "held"), ("notes", "held"), ("tidy", "applied")]);
    assert_eq!(
        maintainer.proposals(Some("radio"), false, 9).unwrap().len(),
        2,
        "each chore has a change that waits"
    );
    // The commit of one is news for the others, and not for itself.
    let again = maintainer.run_once().await.unwrap();
    assert_eq!(outcomes(&again), [("docs", "held"), ("notes", "held"), ("tidy", "skipped")]);
    assert_eq!(
        outcomes(&maintainer.run_once().await.unwrap()),
        [("docs", "skipped"), ("notes", "skipped"), ("tidy", "skipped")]
    );
    let held = maintainer.proposals(Some("radio"), false, 9).unwrap();
    let notes = held.iter().find(|proposal| proposal.chore == "notes").unwrap();
    let record = maintainer.approve(&notes.id.to_string(), &notes.sha256).await.unwrap();
    assert_eq!((record.chore.as_str(), record.outcome.unwrap().name()), ("notes", "applied"));
    assert!(maintainer.history().project("radio").chore("docs").held.is_some());
    drop(maintainer);
    // What is said to one is nothing to the others.
    world.project.chores.insert("docs".into(), chore("touch:OTHER.md", Mode::Auto));
    let records = world.maintainer(Obedient).run_once().await.unwrap();
    assert_eq!(
        outcomes(&records),
        [("docs", "applied"), ("notes", "skipped"), ("tidy", "no-change")]
    );
}

#[tokio::test]
async fn a_chore_that_fails_again_and_again_is_left_alone_and_the_others_go_on() {
    let mut world = World::new();
    world.project.verify = vec!["test ! -e BROKEN && test -f README.md".into()];
    world.project.repairs = Some(0);
    world.project.chores.insert("bad".into(), chore("touch:BROKEN", Mode::Auto));
    world.project.chores.insert("good".into(), chore("", Mode::Auto));
    let maintainer = world.maintainer(Obedient);
    let mut force = RunOptions::default();
    force.force = true;
    for _ in 0..3 {
        let record = maintainer.run_chore("radio", "bad", Trigger::Manual, force).await.unwrap();
        assert_eq!(record.outcome.unwrap().name(), "failed");
    }
    let records = maintainer.run_once().await.unwrap();
    assert_eq!(outcomes(&records), [("bad", "skipped"), ("good", "no-change")]);
    assert!(records[0].outcome.as_ref().unwrap().to_string().contains("frozen"));
    maintainer.resume("radio").unwrap();
    assert!(maintainer.history().project("radio").frozen().is_none());
    let error = maintainer.run_chore("radio", "worse", Trigger::Manual, force).await.unwrap_err();
    assert_eq!(error.hints().collect::<Vec<_>>(), ["there are: bad, good"]);
}

/// Raises the number in a file to what the day says.
#[derive(Debug)]
struct Bump(Arc<Mutex<u32>>);

#[async_trait]
impl Proposer for Bump {
    fn name(&self) -> &str {
        "bump"
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        settings.read::<std::collections::BTreeMap<String, String>>().map(drop)
    }

    fn inputs(&self, _: &Chore) -> String {
        self.0.lock().unwrap().to_string()
    }

    async fn propose(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let settings: std::collections::BTreeMap<String, String> =
            context.chore().settings.read()?;
        let file = context.workspace().join(&settings["file"]);
        fs::write(file, format!("{}\n", self.0.lock().unwrap())).unwrap();
        if !context.amend("deps: bump").await? {
            return Ok(Flow::End(Outcome::NoChange));
        }
        Ok(Flow::Done("bumped".into()))
    }
}

#[tokio::test]
async fn a_proposer_of_somebody_elses_makes_the_changes_of_a_chore_when_its_inputs_change() {
    let mut world = World::new();
    let mut dependencies = ChoreConfig::default();
    dependencies.proposer = Some("bump".into());
    dependencies.settings =
        [("file".to_owned(), serde_json::json!("VERSION.md"))].into_iter().collect();
    world.project.chores.insert("dependencies".into(), dependencies.clone());
    let day = Arc::new(Mutex::new(1));
    let maintainer = world
        .builder(Agent::new(|_| panic!("nobody is asked")))
        .proposer(Bump(day.clone()))
        .build()
        .unwrap();
    let names = async || maintainer.run_once().await.unwrap().remove(0).outcome.unwrap().name();
    assert_eq!((names().await, names().await), ("applied", "skipped"));
    assert_eq!(world.git(&["log", "-1", "--format=%s"]), "deps: bump");
    *day.lock().unwrap() = 2;
    assert_eq!((names().await, names().await), ("applied", "skipped"));
    assert_eq!(world.read("VERSION.md"), "2\n");
    drop(maintainer);
    let error = world.builder(Obedient).build().err().unwrap();
    assert!(
        error.to_string().contains("chore `dependencies`: there is no proposer named `bump`"),
        "{error}"
    );
    dependencies.settings = [("file".to_owned(), serde_json::json!(3))].into_iter().collect();
    world.project.chores.insert("dependencies".into(), dependencies);
    let error = world.builder(Obedient).proposer(Bump(day)).build().err().unwrap();
    assert!(error.to_string().contains("settings"), "{error}");
}

/// Leaves an order as a program does that is stopped while it waits: a first run stands still in
/// its backend, and `ask` comes behind it.
async fn stop_while_it_waits<F: Future<Output = bool> + Send + 'static>(
    world: &World,
    ask: impl FnOnce(pimainteno_core::Maintainer) -> F,
) {
    // The first run stands still in its backend, and what is asked for waits for its turn.
    let (asked, wait_for_question) = mpsc::channel();
    let is_stopped = Arc::new(AtomicBool::new(false));
    let slow = {
        let (asked, is_stopped) = (Mutex::new(asked), is_stopped.clone());
        Agent::new(move |_| {
            asked.lock().unwrap().send(()).unwrap();
            while !is_stopped.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        })
    };
    let is_queued = Arc::new(AtomicBool::new(false));
    let sink = {
        let is_queued = is_queued.clone();
        move |event: &pimainteno_core::Event| {
            if matches!(event.what, EventKind::Queued { .. }) {
                is_queued.store(true, Ordering::Relaxed);
            }
        }
    };
    let maintainer = world.builder(slow).events(sink).build().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn({
        let maintainer = maintainer.clone();
        async move { maintainer.serve(async move { drop(stopped.await) }).await }
    });
    let mut force = RunOptions::default();
    force.force = true;
    let run = tokio::spawn({
        let maintainer = maintainer.clone();
        async move { maintainer.run_chore("radio", "docs", Trigger::Manual, force).await }
    });
    tokio::task::spawn_blocking(move || {
        wait_for_question.recv_timeout(Duration::from_secs(60)).unwrap();
    })
    .await
    .unwrap();
    let asked_for = tokio::spawn(ask(maintainer.clone()));
    wait_until("it waits", || is_queued.load(Ordering::Relaxed)).await;
    assert_eq!(
        maintainer.history().project("radio").orders.len(),
        1,
        "the run that goes on is none any more"
    );
    stop.send(()).unwrap();
    is_stopped.store(true, Ordering::Relaxed);
    serving.await.unwrap().unwrap();
    assert!(asked_for.await.unwrap(), "it is told that it was not done");
    drop(run.await.unwrap());
    drop(maintainer);
}

/// Serves until `is_over`.
async fn serve_until(
    maintainer: &pimainteno_core::Maintainer,
    what: &str,
    is_over: impl Fn() -> bool,
) {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn({
        let maintainer = maintainer.clone();
        async move { maintainer.serve(async move { drop(stopped.await) }).await }
    });
    wait_until(what, is_over).await;
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}

fn world_with_docs() -> World {
    let mut world = World::new();
    world.project.chores.insert("docs".into(), chore("touch:DOCS.md", Mode::Review));
    world.project.cron = Some("@yearly".parse().unwrap());
    world
}

async fn held_change(world: &World) -> pimainteno_core::Proposal {
    let maintainer = world.maintainer(Obedient);
    maintainer.run_once().await.unwrap();
    maintainer.proposals(Some("radio"), false, 1).unwrap().remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_and_had_not_begun_when_the_program_was_stopped_is_done_by_the_next_one()
{
    let world = world_with_docs();
    let held = held_change(&world).await;
    let approved = held.clone();
    stop_while_it_waits(&world, |maintainer| async move {
        maintainer.approve(&approved.id.to_string(), &approved.sha256).await.is_err()
    })
    .await;
    assert!(world.git(&["ls-files", "DOCS.md"]).is_empty());
    let maintainer = world.maintainer(Obedient);
    let delivered =
        || maintainer.history().runs(Some("radio"), 1).unwrap()[0].job.delivers() == Some(held.id);
    serve_until(&maintainer, "the approved change is delivered", delivered).await;
    assert_eq!(world.read("DOCS.md"), "written\n");
    assert!(maintainer.history().project("radio").orders.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_any_more_is_told_once_and_forgotten() {
    let world = world_with_docs();
    let held = held_change(&world).await;
    let approved = held.clone();
    stop_while_it_waits(&world, |maintainer| async move {
        maintainer.approve(&approved.id.to_string(), &approved.sha256).await.is_err()
    })
    .await;
    let maintainer = world.maintainer(Obedient);
    maintainer.reject(&held.id.to_string(), "not now").await.unwrap();
    serve_until(&maintainer, "it is told", || {
        !maintainer.notices(Some("radio"), 9).unwrap().is_empty()
    })
    .await;
    drop(maintainer);
    let maintainer = world.maintainer(Obedient);
    let notices = maintainer.notices(Some("radio"), 9).unwrap();
    assert!(
        notices.len() == 1 && notices[0].message.contains("is not done: delivery of proposal"),
        "{notices:?}"
    );
    assert!(maintainer.history().project("radio").orders.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chore_that_is_not_configured_any_more_is_not_run() {
    let mut world = world_with_docs();
    world.project.chores.insert("notes".into(), chore("touch:NOTES.md", Mode::Review));
    world.project.mode = Mode::Auto;
    let mut force = RunOptions::default();
    force.force = true;
    let ask = move |maintainer: pimainteno_core::Maintainer| async move {
        maintainer.run_chore("radio", "notes", Trigger::Manual, force).await.is_err()
    };
    stop_while_it_waits(&world, ask).await;
    world.project.chores.remove("notes");
    let maintainer = world.maintainer(Obedient);
    serve_until(&maintainer, "it is told", || {
        !maintainer.notices(Some("radio"), 9).unwrap().is_empty()
    })
    .await;
    let notices = maintainer.notices(Some("radio"), 9).unwrap();
    assert!(
        notices.iter().any(|notice| notice.message.contains("has no chore `notes`")),
        "{notices:?}"
    );
    assert!(world.git(&["ls-files", "NOTES.md"]).is_empty());
}
