//! Forgetting a project: what runs left is gone, what others made is there.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use pimainteno_core::{
    ErrorKind, Maintainer, Outcome, ProjectId, ProposalStatus, config::Mode, process::Environment,
};

use crate::{
    recovery::wait_until,
    support::{Agent, World},
};

/// A world in which a run left all that runs leave, with a change that waits.
async fn worked_on() -> World {
    let mut world = World::new();
    world.project.mode = Mode::Review;
    fs::write(world.path().join(".git/info/exclude"), "# mine\n*.swp\n").unwrap();
    world.git(&["worktree", "add", "--quiet", "--detach", "../mine"]);
    let records = world.maintainer(Summarizer).run_once().await.unwrap();
    assert!(matches!(records[0].outcome, Some(Outcome::Held { .. })), "{:?}", records[0]);
    assert!(world.path().join("codex.md").exists());
    world
}

/// Writes a summary and a change.
#[derive(Debug)]
pub(crate) struct Summarizer;

#[async_trait::async_trait]
impl pimainteno_core::LlmBackend for Summarizer {
    fn name(&self) -> &str {
        "scripted"
    }

    fn edit(&self) -> pimainteno_core::Edit {
        pimainteno_core::Edit::Workspace
    }

    async fn complete(
        &self,
        request: &pimainteno_core::Request,
        _: &pimainteno_core::Call,
    ) -> pimainteno_core::Result<pimainteno_core::Reply> {
        if request.task == pimainteno_core::Task::Propose {
            fs::write(request.workspace.join("README.md"), "# Radio\n").unwrap();
        }
        Ok(pimainteno_core::Reply::new("docs: shorten"))
    }
}

/// A maintainer with the same state, and another project.
fn without_it(world: &World) -> Maintainer {
    let other = world.root().join("other");
    if !other.exists() {
        fs::create_dir(&other).unwrap();
        let run = |arguments: &[&str]| {
            assert!(
                Command::new("git").args(arguments).current_dir(&other).status().unwrap().success()
            );
        };
        run(&["init", "--quiet"]);
    }
    let mut config = world.config.clone();
    config.project.push(pimainteno_core::config::ProjectConfig::new(&other));
    Maintainer::builder()
        .config(config)
        .state_directory(world.root().join("state"))
        .environment(environment())
        .without_sandbox_helper()
        .backend(Agent::new(|_| {}))
        .build()
        .unwrap()
}

fn environment() -> Environment {
    crate::support::environment()
}

/// What is left in the state directory and in the repository that has to do with the project.
fn traces(world: &World) -> Vec<PathBuf> {
    let state = world.root().join("state");
    let git = world.path().join(".git");
    let places = [
        state.join("workspaces/radio"),
        state.join("workspaces/radio.agent"),
        state.join("sandbox/radio"),
        world.path().join("codex.md"),
        git.join("pimainteno.lock"),
    ];
    let worktrees = fs::read_dir(git.join("worktrees")).unwrap().map(|entry| entry.unwrap().path());
    let foreign = git.join("worktrees/mine");
    places
        .into_iter()
        .filter(|place| place.exists())
        .chain(worktrees.filter(|entry| *entry != foreign))
        .collect()
}

#[tokio::test]
async fn what_runs_left_of_a_project_is_removed_and_nothing_else_is() {
    let world = worked_on().await;
    let (head, remote) = (world.head(), world.remote_head());
    assert!(traces(&world).len() >= 4, "{:?}", traces(&world));
    let maintainer = without_it(&world);
    assert_eq!(maintainer.left_over(), [ProjectId::of("radio")]);
    let run = maintainer.history().runs(Some("radio"), 1).unwrap().remove(0);

    let forgotten = maintainer.forget("radio", false).await.unwrap();
    assert!(forgotten.removed.contains(&world.path().join("codex.md")), "{forgotten:?}");
    assert_eq!((traces(&world), maintainer.left_over()), (Vec::new(), Vec::new()));
    let exclude = fs::read_to_string(world.path().join(".git/info/exclude")).unwrap();
    assert_eq!(exclude, "# mine\n*.swp\n");
    assert_eq!((world.head(), world.remote_head()), (head, remote));
    assert!(world.git(&["status", "--porcelain"]).is_empty());
    assert!(world.git(&["worktree", "list"]).contains("mine"), "that is the owner's");

    // The history is there, and nobody is waited for.
    let kept = maintainer.history().runs(Some("radio"), 9).unwrap();
    assert_eq!(kept.iter().map(|run| run.id).collect::<Vec<_>>(), [run.id]);
    let proposals = maintainer.history().proposals(Some("radio"), |_| true, 9).unwrap();
    assert!(matches!(proposals[0].status, ProposalStatus::Rejected { .. }), "{proposals:?}");
    assert!(maintainer.history().summary("radio").unwrap().is_none());
    drop(maintainer);

    let maintainer = without_it(&world);
    assert!(maintainer.left_over().is_empty());
    maintainer.forget("radio", true).await.unwrap();
    assert!(maintainer.history().runs(Some("radio"), 9).unwrap().is_empty());
    assert!(maintainer.history().proposals(Some("radio"), |_| true, 9).unwrap().is_empty());
    drop(maintainer);
    let error = without_it(&world).forget("nothing", false).await.unwrap_err();
    assert!(error.to_string().contains("nothing is known of a project `nothing`"), "{error}");

    // It begins as if it had never been there.
    let records = world.maintainer(Summarizer).run_once().await.unwrap();
    assert!(matches!(records[0].outcome, Some(Outcome::Held { .. })), "{:?}", records[0]);
}

#[tokio::test]
async fn forgetting_that_was_cut_off_is_finished_by_doing_it_again() {
    for stopped_after in ["worktrees", "workspaces", "all files"] {
        let world = worked_on().await;
        let (git, state) = (world.path().join(".git"), world.root().join("state"));
        let workspaces = state.join("workspaces");
        if stopped_after == "worktrees" || stopped_after == "all files" {
            for entry in fs::read_dir(git.join("worktrees")).unwrap() {
                let entry = entry.unwrap();
                if entry.file_name() != "mine" {
                    fs::remove_dir_all(entry.path()).unwrap();
                }
            }
        }
        if stopped_after != "worktrees" {
            fs::remove_dir_all(&workspaces).unwrap();
        }
        if stopped_after == "all files" {
            fs::remove_file(world.path().join("codex.md")).unwrap();
            drop(fs::remove_dir_all(state.join("sandbox")));
        }
        let maintainer = without_it(&world);
        assert_eq!(maintainer.left_over(), [ProjectId::of("radio")], "{stopped_after}");
        maintainer.forget("radio", false).await.unwrap();
        assert_eq!((traces(&world), maintainer.left_over()), (Vec::new(), Vec::new()));
        let exclude = fs::read_to_string(git.join("info/exclude")).unwrap();
        assert_eq!(exclude, "# mine\n*.swp\n", "{stopped_after}");
    }
}

#[tokio::test]
async fn a_summary_of_somebody_else_and_a_checkout_that_is_gone_are_no_obstacle() {
    let world = worked_on().await;
    fs::write(world.path().join("codex.md"), "mine\n").unwrap();
    let maintainer = without_it(&world);
    let forgotten = maintainer.forget("radio", false).await.unwrap();
    assert!(forgotten.left[0].contains("somebody else's"), "{forgotten:?}");
    assert_eq!(world.read("codex.md"), "mine\n");
    assert_eq!(traces(&world), [world.path().join("codex.md")]);

    let gone = worked_on().await;
    fs::remove_dir_all(gone.path()).unwrap();
    let maintainer = without_it(&gone);
    maintainer.forget("radio", true).await.unwrap();
    assert!(maintainer.left_over().is_empty());
    assert!(!gone.root().join("state/workspaces/radio").exists());
}

#[tokio::test]
async fn a_project_that_is_configured_is_forgotten_only_where_it_is_paused_and_stays_so() {
    let world = worked_on().await;
    let maintainer = world.maintainer(Summarizer);
    let error = maintainer.forget("radio", false).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("in the configuration"));
    assert!(traces(&world).len() >= 4);
    maintainer.pause("radio").unwrap();
    maintainer.forget("radio", true).await.unwrap();
    assert_eq!(traces(&world), Vec::<PathBuf>::new());
    assert!(maintainer.history().project("radio").paused);
    drop(maintainer);
    assert!(world.maintainer(Summarizer).history().project("radio").paused);
}

#[tokio::test]
async fn a_run_that_was_cut_off_is_finished_before_its_project_is_forgotten() {
    let world = worked_on().await;
    let run = world.maintainer(Summarizer).history().runs(Some("radio"), 1).unwrap().remove(0);
    // As a program leaves it that is killed right after the run began.
    let mut open = run.clone();
    open.id = pimainteno_core::RunId::new();
    (open.outcome, open.ended, open.proposal) = (None, None, None);
    open.steps.clear();
    let line = serde_json::json!({"at": open.started, "entry": "started", "record": open});
    let journal = world.root().join("state/journal").join(format!("{}.jsonl", open.id));
    fs::write(&journal, format!("{line}\n")).unwrap();
    let maintainer = without_it(&world);
    let error = maintainer.forget("radio", false).await.unwrap_err();
    assert!(error.to_string().contains("is not finished yet"), "{error}");
    assert!(traces(&world).len() >= 4);
    maintainer.recover().await.unwrap();
    maintainer.forget("radio", false).await.unwrap();
    assert_eq!(traces(&world), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_of_which_a_run_goes_on_is_not_forgotten() {
    let world = World::new();
    let (asked, goes_on) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let agent = {
        let (asked, goes_on) = (asked.clone(), goes_on.clone());
        Agent::new(move |_| {
            asked.store(true, Ordering::Relaxed);
            // So that timers go on, whichever worker this is.
            tokio::task::block_in_place(|| {
                while !goes_on.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
            });
        })
    };
    let maintainer = world.maintainer(agent);
    let run = tokio::spawn({
        let maintainer = maintainer.clone();
        async move { maintainer.run_once().await }
    });
    wait_until("it runs", || asked.load(Ordering::Relaxed)).await;
    maintainer.pause("radio").unwrap();
    let error = maintainer.forget("radio", true).await.unwrap_err();
    assert!(error.to_string().contains("a run of project `radio` goes on"), "{error}");
    // Neither by another configuration that does not have it.
    let mut elsewhere = World::new();
    elsewhere.project.name = Some("Piano".into());
    let newer = elsewhere.builder(Agent::new(|_| {})).state_directory(world.root().join("state"));
    maintainer.reload(newer).unwrap();
    assert!(maintainer.forget("radio", true).await.is_err());
    goes_on.store(true, Ordering::Relaxed);
    run.await.unwrap().unwrap();
    maintainer.forget("radio", true).await.unwrap();
    assert_eq!(maintainer.left_over(), Vec::<ProjectId>::new());
}
