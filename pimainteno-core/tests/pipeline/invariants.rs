//! What always holds; each test breaks when its invariant does. The rest are checked where they are
//! kept.

use std::{
    fs,
    time::{Duration, Instant},
};

use pimainteno_core::{
    Edit, ErrorKind, Outcome, RunOptions, Task, Trigger,
    config::{Globs, Mode},
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{Agent, World, outcome};

fn edit(content: &str) -> ScriptedBackend {
    let answer = Scripted::Edit {
        path: "README.md".into(),
        content: content.into(),
        text: "docs: edit".into(),
    };
    ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, answer)
}

/// 1. The checkout is sacred.
#[tokio::test]
async fn uncommitted_work_is_never_touched() {
    let world = World::new();
    world.write("README.md", "# My unfinished work\n");
    world.write("notes.txt", "untracked\n");
    let before = world.seen_from_outside();
    let backend = edit("# Radio\n");
    let maintainer = world.maintainer(backend.clone());
    let records = maintainer.run_once().await.unwrap();
    assert!(
        matches!(outcome(&records), Outcome::Skipped { reason } if reason.contains("uncommitted changes: README.md")),
        "{records:#?}"
    );
    assert_eq!(world.seen_from_outside(), before);
    assert!(backend.requests().is_empty(), "nobody is asked about a dirty checkout");
    // With the work committed and pushed, the run goes ahead and leaves the untracked file alone.
    world.git(&["commit", "--quiet", "--all", "--message", "work"]);
    world.git(&["push", "--quiet"]);
    assert!(matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Applied { .. }));
    assert_eq!(world.read("notes.txt"), "untracked\n");
}

/// 5. No trigger opens the gate, nor what a commit that was looked at is left alone for.
#[tokio::test]
async fn a_trigger_opens_nothing() {
    let mut world = World::new();
    world.project.mode = Mode::Review;
    world.project.protect = Globs::compile(["README.md"]).unwrap();
    let before = world.seen_from_outside();
    let maintainer = world.maintainer(edit("# Radio\n"));
    for trigger in [Trigger::Rollback, Trigger::Approval] {
        let error =
            maintainer.run_project("radio", trigger, RunOptions::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    }
    let record = maintainer
        .run_project("radio", Trigger::Manual, RunOptions::default())
        .await
        .unwrap()
        .remove(0);
    assert!(matches!(record.outcome, Some(Outcome::Rejected { .. })), "{record:#?}");
    assert_eq!(world.seen_from_outside(), before);
    let again = maintainer
        .run_project("radio", Trigger::Schedule, RunOptions::default())
        .await
        .unwrap()
        .remove(0);
    assert!(
        matches!(&again.outcome, Some(Outcome::Skipped { reason }) if reason.contains("nothing changed")),
        "{again:#?}"
    );
    // A unit that fails is something new.
    let unit = Trigger::UnitFailure { unit: "radio.service".parse().unwrap() };
    let record =
        maintainer.run_project("radio", unit, RunOptions::default()).await.unwrap().remove(0);
    assert!(!record.steps.is_empty(), "{record:#?}");
}

/// 1. An untracked file in the way of the commit stays, and the remote ends as it was.
#[tokio::test]
async fn what_lies_in_the_way_is_not_overwritten_and_keeps_the_change_waiting() {
    type Lies = (&'static str, fn(&World));
    let lies: [Lies; 5] = [
        ("`plan/a.md`", |world| world.write("plan/a.md", "mine\n")),
        ("`plan/a.md`", |world| {
            world.write(".git/info/exclude", "a.md\n");
            world.write("plan/a.md", "mine\n");
        }),
        ("`plan`, where it has a directory", |world| world.write("plan", "mine\n")),
        ("`plan/a.md`, which holds `plan/a.md/deep/mine`", |world| {
            world.write("plan/a.md/deep/mine", "mine\n");
        }),
        ("`plan`, where it has a directory", |world| {
            std::os::unix::fs::symlink("/nowhere", world.path().join("plan")).unwrap();
        }),
    ];
    let reply =
        "docs: plan\n\n```diff\n--- /dev/null\n+++ b/plan/a.md\n@@ -0,0 +1 @@\n+theirs\n```\n";
    for (said, lie) in lies {
        let world = World::new();
        lie(&world);
        let backend = ScriptedBackend::new("scripted", Edit::Reply)
            .answer(Task::Propose, Scripted::Text(reply.into()));
        let maintainer = world.maintainer(backend.clone());
        let before = world.seen_from_outside();
        let records = maintainer.run_once().await.unwrap();
        assert!(
            matches!(outcome(&records), Outcome::Held { reason } if reason.starts_with("commit failed") && reason.contains(said)),
            "{said}: {records:#?}"
        );
        assert_eq!(world.seen_from_outside(), before, "{said}");
        fs::rename(world.path().join("plan"), world.root().join("aside")).unwrap();
        let records = maintainer.run_once().await.unwrap();
        assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{said}: {records:#?}");
        assert_eq!(
            (world.read("plan/a.md").as_str(), backend.calls(Task::Propose)),
            ("theirs\n", 1)
        );
    }
}

#[tokio::test]
async fn a_directory_takes_the_place_of_a_file_that_goes_with_the_change() {
    let world = World::new();
    world.write("plan.md", "old\n");
    world.commit("a plan");
    world.git(&["push", "--quiet"]);
    let agent = Agent::new(|workspace| {
        fs::remove_file(workspace.join("plan.md")).unwrap();
        fs::create_dir(workspace.join("plan.md")).unwrap();
        fs::write(workspace.join("plan.md/a.md"), "new\n").unwrap();
    });
    let maintainer = world.maintainer(agent);
    let held = maintainer.run_once().await.unwrap().remove(0);
    let proposal = maintainer.proposal_of(held.id).unwrap().unwrap();
    let record = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap();
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert_eq!(world.read("plan.md/a.md"), "new\n");
}

/// 1. Unpushed work of the user is not pushed along.
#[tokio::test]
async fn commits_that_the_user_did_not_push_are_not_pushed() {
    let world = World::new();
    world.write("README.md", "# Radio 2\n");
    world.commit("private");
    let before = world.seen_from_outside();
    let records = world.maintainer(edit("# Radio\n")).run_once().await.unwrap();
    assert!(
        matches!(outcome(&records), Outcome::Skipped { reason } if reason.contains("push first")),
        "{records:#?}"
    );
    assert_eq!(world.seen_from_outside(), before);
}

/// 4. One run per project at a time, also across processes.
#[tokio::test]
async fn a_project_that_another_process_holds_is_left_alone() {
    let world = World::new();
    let file = fs::File::create(world.path().join(".git/pimainteno.lock")).unwrap();
    file.lock().unwrap();
    let maintainer = world.maintainer(edit("# Radio\n"));
    let records = maintainer.run_once().await.unwrap();
    assert_eq!(
        *outcome(&records),
        Outcome::Skipped { reason: "another run in the checkout is going on".into() }
    );
    // Not dropped: another test may just be starting a child, which has it until it becomes a program.
    file.unlock().unwrap();
    assert!(matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Applied { .. }));
}

/// 5. Nothing is committed without a recorded allow, which is bound to the exact diff.
#[tokio::test]
async fn a_commit_has_a_recorded_allow_of_its_diff() {
    let world = World::new();
    let maintainer = world.maintainer(edit("# Radio\n"));
    let records = maintainer.run_once().await.unwrap();
    let proposal = maintainer.proposal_of(records[0].id).unwrap().unwrap();
    let journal = format!("{:?}", maintainer.history().run_journal(records[0].id).unwrap());
    let allow =
        journal.find(&format!("commit is allowed for the diff {}", proposal.sha256)).unwrap();
    assert!(allow < journal.find("Commit {").unwrap(), "{journal}");
}

/// 6. No call without a budget.
#[tokio::test]
async fn the_days_budget_is_asked_before_each_call() {
    let mut world = World::new();
    world.config.llm.budget.calls_per_day = Some(1);
    let backend = edit("# Radio\n").answer(Task::Summarize, Scripted::Text("# Radio".into()));
    let maintainer = world.maintainer(backend.clone());
    let records = maintainer.run_once().await.unwrap();
    assert!(
        matches!(outcome(&records), Outcome::Parked { reason, .. } if reason.contains("1 of 1 calls")),
        "{records:#?}"
    );
    assert_eq!((backend.calls(Task::Summarize), backend.calls(Task::Propose)), (1, 0));
    // Parked means that nobody is asked again.
    assert!(
        matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { reason } if reason.starts_with("parked"))
    );
}

/// 7. Nothing futile twice.
#[tokio::test]
async fn a_change_that_failed_its_checks_is_not_tried_again_until_something_changes() {
    let mut world = World::new();
    world.project.verify = vec!["grep -q Radio README.md".into()];
    let again = Scripted::Edit {
        path: "README.md".into(),
        content: "# Radio\n".into(),
        text: "docs: shorten".into(),
    };
    let backend = edit("nothing\n").answer(Task::Propose, again);
    let maintainer = world.maintainer(backend.clone());
    assert!(matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Failed { .. }));
    assert!(matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { .. }));
    assert_eq!(backend.calls(Task::Propose), 1);
    drop(maintainer);
    // Other checks are other inputs.
    world.project.verify = vec!["test -f README.md".into()];
    assert!(matches!(
        outcome(&world.maintainer(backend).run_once().await.unwrap()),
        Outcome::Applied { .. }
    ));
}

/// 8. Nothing waits for ever: a run that is told to stop does, and leaves no trace.
#[tokio::test]
async fn a_run_that_is_told_to_stop_is_interrupted() {
    let world = World::new();
    let before = world.seen_from_outside();
    let backend =
        ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, Scripted::Hang);
    let maintainer = world.maintainer(backend.clone());
    let running = tokio::spawn({
        let maintainer = maintainer.clone();
        async move { maintainer.run_once().await }
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while backend.calls(Task::Propose) == 0 {
        assert!(Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    maintainer.stop();
    let records = running.await.unwrap().unwrap();
    assert_eq!(*outcome(&records), Outcome::Interrupted);
    assert_eq!(world.seen_from_outside(), before);
}

/// 8. A check that hangs is killed at its deadline.
#[tokio::test]
async fn a_check_that_hangs_fails_at_its_deadline() {
    let mut world = World::new();
    world.project.verify = vec!["if grep -q hang README.md; then sleep 600; fi".into()];
    world.project.verify_timeout = Some(Duration::from_millis(300));
    let records = world.maintainer(edit("hang\n")).run_once().await.unwrap();
    assert!(
        matches!(outcome(&records), Outcome::Failed { step, message } if step == "verify" && message.contains("deadline")),
        "{records:#?}"
    );
}
