//! What the machine and the user do to a run that goes on: the power fails, the checkout is edited,
//! committed to, switched or deleted.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{Arc, OnceLock},
};

use pimainteno_core::{
    Edit, Event, EventKind, Outcome, RunRecord, Task, testing::Scripted, testing::ScriptedBackend,
};

use crate::{
    recovery::{assert_applied_once, begins, run_and_cut_off, start_again},
    support::{Agent, World, git, outcome},
};

const STEPS: [&str; 8] =
    ["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"];

fn shorten() -> Agent {
    Agent::writes("README.md", "# Radio\n")
}

/// Runs once, and does `what` when `step` begins for the first time.
async fn run_and_at(
    world: &World,
    step: &'static str,
    what: impl Fn() + Send + Sync + 'static,
) -> Vec<RunRecord> {
    let done = OnceLock::new();
    let sink = move |event: &Event| {
        if matches!(&event.what, EventKind::StepStarted { step: started, .. } if started == step)
            && done.set(()).is_ok()
        {
            what();
        }
    };
    world.builder(shorten()).events(sink).build().unwrap().run_once().await.unwrap()
}

/// Takes away what a power cut may take: everything behind the last line that was synced.
fn cut_the_power(world: &World) {
    for file in fs::read_dir(world.root().join("state/journal")).unwrap() {
        let file = file.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        let is_synced = |line: &&str| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            entry["entry"] == "intent" || entry["entry"] == "approved"
        };
        let lines: Vec<_> = text.lines().collect();
        let kept = lines.iter().rposition(is_synced).map_or(0, |last| last + 1);
        // Half a line of what came next may have reached the disk.
        let torn = lines.get(kept).map_or("", |line| &line[..line.len() / 2]);
        fs::write(
            &file,
            lines[..kept].iter().flat_map(|line| [*line, "\n"]).chain([torn]).collect::<String>(),
        )
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_power_cut_takes_from_a_journal_is_not_missed() {
    for step in STEPS {
        let world = World::new().with_service();
        run_and_cut_off(&world, shorten(), begins(step, 1)).await;
        cut_the_power(&world);
        let maintainer = start_again(&world, shorten()).await;
        assert_applied_once(&world, &maintainer, step);
    }
}

/// Each answer is journalled before anything is done with it, and found there by the run that comes
/// after.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_paid_for_twice_wherever_a_run_is_cut_off() {
    for (step, count) in [
        ("apply", 1),
        ("verify", 1),
        ("mend", 1),
        ("apply", 2),
        ("verify", 2),
        ("commit", 1),
        ("push", 1),
    ] {
        let mut world = World::new();
        world.project.verify.push("! grep -q broken README.md".into());
        let edit = |content: &str| Scripted::Edit {
            path: "README.md".into(),
            content: content.into(),
            text: "docs: edit".into(),
        };
        let (first, second) = (edit("# Radio\n\nbroken\n"), edit("# Radio\n"));
        let backend = ScriptedBackend::new("scripted", Edit::Workspace)
            .answer(Task::Propose, first)
            .answer(Task::Mend, second);
        run_and_cut_off(&world, backend.clone(), begins(step, count)).await;
        let maintainer = world.maintainer(backend.clone());
        maintainer.run_once().await.unwrap();
        assert_eq!(
            (world.read("README.md").as_str(), world.head()),
            ("# Radio\n", world.remote_head()),
            "{step} {count}"
        );
        let calls = backend.requests().len();
        assert_eq!(
            (backend.calls(Task::Propose), backend.calls(Task::Mend)),
            (1, 1),
            "{step} {count}"
        );
        let runs = maintainer.history().runs(None, 10).unwrap();
        assert_eq!(
            runs.iter().map(|run| run.usage.calls).sum::<u64>(),
            calls as u64,
            "{step} {count}: each is counted once"
        );
    }
}

/// What the user has: each file of the checkout but ours, and the commits of every branch.
fn users(path: &Path) -> BTreeMap<String, String> {
    let files = ["README.md", "src/play.sh", "mine.txt", "notes.txt"];
    let files = files
        .map(|file| (file.to_owned(), fs::read_to_string(path.join(file)).unwrap_or_default()));
    let log = git(path, &["log", "--all", "--format=%s %an", "--author=User"]);
    files.into_iter().chain([("commits".to_owned(), log)]).collect()
}

type Deed = (&'static str, fn(&Path));

/// What a user does in the checkout while a run goes on.
const DEEDS: [Deed; 4] = [
    ("edits", |path| fs::write(path.join("src/play.sh"), "#!/bin/sh\necho mine\n").unwrap()),
    ("stages", |path| {
        fs::write(path.join("mine.txt"), "mine\n").unwrap();
        git(path, &["add", "mine.txt"]);
    }),
    ("commits", |path| {
        fs::write(path.join("mine.txt"), "mine\n").unwrap();
        git(path, &["add", "mine.txt"]);
        git(
            path,
            &[
                "-c",
                "user.name=User",
                "-c",
                "user.email=u@x",
                "commit",
                "--quiet",
                "--message",
                "mine",
            ],
        );
    }),
    ("switches", |path| drop(git(path, &["switch", "--quiet", "--create", "other"]))),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_the_user_does_in_the_checkout_during_a_run_stays() {
    for step in ["verify", "push", "restart", "monitor"] {
        for (name, deed) in DEEDS {
            let world = World::new().with_service();
            fs::write(world.path().join("notes.txt"), "notes\n").unwrap();
            let (path, after) = (world.path().to_owned(), Arc::new(OnceLock::new()));
            let (deeds_path, seen) = (path.clone(), after.clone());
            let records = run_and_at(&world, step, move || {
                deed(&deeds_path);
                seen.set(users(&deeds_path)).unwrap();
            })
            .await;
            let what = format!("{name} at {step}: {records:#?}");
            let mut wanted = after.get().unwrap().clone();
            // The change itself may have arrived, if it did not have to be taken back.
            if matches!(outcome(&records), Outcome::Applied { .. }) {
                wanted.insert("README.md".into(), "# Radio\n".into());
            }
            assert_eq!(users(&path), wanted, "{what}");
            let remote = world.remote();
            assert!(
                !git(&remote, &["log", "--all", "--format=%an"]).contains("User"),
                "nobody else's commit is pushed: {what}"
            );
            // Every run has an outcome, and what is at the remote is the change that was applied,
            // or nothing of it.
            let at_remote = git(&remote, &["show", "main:README.md"]);
            let is_delivered = matches!(outcome(&records), Outcome::Applied { .. });
            assert_eq!(at_remote == "# Radio", is_delivered, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_is_deleted_during_a_run_ends_it_and_comes_back_whole() {
    for step in STEPS {
        let world = World::new().with_service();
        let (path, away) = (world.path().to_owned(), world.root().join("away"));
        let (from, to) = (path.clone(), away.clone());
        let records = run_and_at(&world, step, move || fs::rename(&from, &to).unwrap()).await;
        assert!(records[0].outcome.is_some(), "{step}");
        let gone = world.maintainer(shorten()).run_once().await.unwrap();
        assert!(
            !matches!(gone[0].outcome, None | Some(Outcome::Applied { .. })),
            "{step}: {gone:#?}"
        );
        fs::remove_dir_all(&path).ok();
        fs::rename(&away, &path).unwrap();
        // A commit that had arrived at the remote alone is pulled by the user.
        let maintainer = world.maintainer(shorten());
        maintainer.recover().await.unwrap();
        world.git(&["pull", "--quiet", "--ff-only"]);
        maintainer.run_once().await.unwrap();
        assert_eq!(
            (world.git(&["status", "--porcelain"]), world.head()),
            (String::new(), world.remote_head()),
            "{step}"
        );
        let runs = maintainer.history().runs(None, 10).unwrap();
        assert!(
            runs.iter().all(|run| run.outcome.is_some())
                && maintainer.recover().await.unwrap().is_empty(),
            "{step}: {runs:#?}"
        );
    }
}
