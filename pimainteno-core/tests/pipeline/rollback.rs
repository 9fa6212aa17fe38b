//! Taking back what was delivered, because a person asks for it or because the service fails.

use std::{fs, time::Duration};

use pimainteno_core::{
    Edit, Job, Maintainer, Outcome, ProposalStatus, RunRecord, StepStatus, Task,
    config::SandboxMode,
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{Agent, World, git, outcome};

const LOCAL: [&str; 6] = ["propose", "apply", "verify", "commit", "restart", "monitor"];

fn shorten() -> Agent {
    Agent::writes("README.md", "# Radio\n")
}

/// Delivers a change.
async fn deliver(maintainer: &Maintainer) -> RunRecord {
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    records[0].clone()
}

fn run(maintainer: &Maintainer, run: &RunRecord) -> RunRecord {
    maintainer.history().run(run.id).unwrap().unwrap()
}

fn assert_applied(record: &RunRecord) {
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
}

#[tokio::test]
async fn a_change_that_was_pushed_is_taken_back_by_its_inverse_and_once_only() {
    let world = World::new().with_service();
    let backend = ScriptedBackend::new("scripted", Edit::Workspace).answer(
        Task::Propose,
        Scripted::Edit {
            path: "README.md".into(),
            content: "# Radio\n".into(),
            text: "docs: edit".into(),
        },
    );
    let maintainer = world.maintainer(backend.clone());
    let (base, delivered) = (world.head(), deliver(&maintainer).await);
    let asked = backend.requests().len();
    maintainer.pause("radio").unwrap();
    let record = maintainer.rollback("radio", None).await.unwrap();
    assert_applied(&record);
    assert_eq!(record.job, Job::Reversal { of: delivered.id });
    assert_eq!(world.git(&["log", "--format=%s"]), "Revert \"docs: edit\"\ndocs: edit\nfirst");
    assert_eq!(
        (world.git(&["diff", "--stat", &base, "HEAD"]).as_str(), world.head()),
        ("", world.remote_head())
    );
    assert_eq!(
        (world.restarts(), backend.requests().len()),
        (2, asked),
        "restarted again, and nobody was asked"
    );
    let told = run(&maintainer, &delivered);
    assert_eq!(told.rolled_back_by, Some(record.id));
    assert!(matches!(told.outcome, Some(Outcome::RolledBack { .. })), "{told:#?}");
    assert!(matches!(
        maintainer.proposal_of(delivered.id).unwrap().unwrap().status,
        ProposalStatus::RolledBack { .. }
    ));

    // Neither is it taken back again, nor what took it back, nor proposed again.
    for (run, problem) in [
        (None, "that was done already by run"),
        (Some(record.id.to_string()), "it took a change back itself"),
    ] {
        let error = maintainer.rollback("radio", run.as_deref()).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
    maintainer.resume("radio").unwrap();
    assert!(matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { .. }));
    assert_eq!(world.git(&["rev-list", "--count", "HEAD"]), "3");
}

#[tokio::test]
async fn a_commit_that_never_left_the_machine_is_dropped_unless_others_are_built_upon_it() {
    for is_covered in [false, true] {
        let world = World::new().with_service().with_steps(&LOCAL);
        world.write("untracked", "mine\n");
        let maintainer = world.maintainer(shorten());
        let before = world.seen_from_outside();
        deliver(&maintainer).await;
        if is_covered {
            world.write("NEWS", "news\n");
            world.git(&["add", "NEWS"]);
            world.git(&["commit", "--quiet", "--message", "news"]);
        }
        let record = maintainer.rollback("radio", None).await.unwrap();
        assert_applied(&record);
        if is_covered {
            assert_eq!(
                world.git(&["log", "--format=%s"]),
                "Revert \"docs: edit\"\nnews\ndocs: edit\nfirst"
            );
            assert!(
                record
                    .steps
                    .iter()
                    .any(|step| step.name == "verify" && step.status == StepStatus::Done),
                "{record:#?}"
            );
        } else {
            assert_eq!(world.seen_from_outside(), before);
        }
        assert_eq!(
            (world.restarts(), world.read("README.md").as_str()),
            (2, "# Radio\n\nPlays musik.\n")
        );
        assert_eq!(git(&world.remote(), &["log", "--format=%s"]), "first");
        // Commits that are not pushed are no obstacle to a project that does not push.
        world.write("src/play.sh", "#!/bin/sh\n");
        world.git(&["commit", "--quiet", "--all", "--message", "play"]);
        let records = maintainer.run_once().await.unwrap();
        assert!(
            !matches!(outcome(&records), Outcome::Skipped { reason } if reason.contains("push first")),
            "{records:#?}"
        );
    }
}

#[tokio::test]
async fn a_rollback_does_not_begin_where_the_sandbox_that_its_checks_need_cannot_be_had() {
    let mut world = World::new().with_steps(&LOCAL);
    let maintainer = world.maintainer(shorten());
    let delivered = deliver(&maintainer).await;
    drop(maintainer);
    world.write("src/play.sh", "#!/bin/sh\n");
    world.git(&["commit", "--quiet", "--all", "--message", "play"]);
    world.project.sandbox = SandboxMode::Required;
    let before = world.seen_from_outside();
    let maintainer = world.maintainer(shorten());
    let error = maintainer.rollback("radio", None).await.unwrap_err().to_string();
    assert!(error.contains("a whole sandbox, which cannot be had"), "{error}");
    assert_eq!(world.seen_from_outside(), before);
    assert_eq!(maintainer.history().runs(Some("radio"), 9).unwrap()[0].id, delivered.id);
}

#[tokio::test]
async fn a_rollback_is_refused_where_it_would_touch_what_is_not_ours() {
    let world = World::new();
    let maintainer = world.maintainer(shorten());
    let refused = async |problem: &str| {
        let before = world.seen_from_outside();
        let error = maintainer.rollback("radio", None).await.unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
        assert_eq!(world.seen_from_outside(), before);
    };
    refused("has delivered anything").await;
    let delivered = deliver(&maintainer).await;
    world.write("README.md", "my work\n");
    refused("uncommitted changes: README.md").await;
    world.git(&["commit", "--quiet", "--all", "--message", "work"]);
    refused("push first").await;
    assert!(
        maintainer
            .rollback("radio", Some("ffff"))
            .await
            .unwrap_err()
            .to_string()
            .contains("no run begins with")
    );
    world.git(&["push", "--quiet"]);
    // Later commits changed the same lines.
    let before = world.seen_from_outside();
    let record = maintainer.rollback("radio", Some(&delivered.id.to_string())).await.unwrap();
    assert!(
        matches!(&record.outcome, Some(Outcome::Failed { step, message }) if step == "apply" && message.contains("cannot be taken back") && !message.contains("git add")),
        "{record:#?}"
    );
    assert_eq!(world.seen_from_outside(), before);
    assert!(run(&maintainer, &delivered).rolled_back_by.is_none());
    world.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    refused("is not in the checkout").await;
}

/// Nobody would take it up again, as a run of the schedule is taken up again.
#[tokio::test]
async fn a_rollback_whose_remote_cannot_be_reached_fails_and_does_not_park_the_project() {
    let world = World::new();
    let maintainer = world.maintainer(shorten());
    let delivered = deliver(&maintainer).await;
    let away = world.root().join("away.git");
    fs::rename(world.remote(), &away).unwrap();
    let record = maintainer.rollback("radio", None).await.unwrap();
    assert!(
        matches!(&record.outcome, Some(Outcome::Failed { step, message }) if step == "push" && message.ends_with("ask for it again when that is over")),
        "{record:#?}"
    );
    assert_eq!(
        (
            maintainer.projects()[0].state.parked().cloned(),
            run(&maintainer, &delivered).rolled_back_by
        ),
        (None, None)
    );
    fs::rename(away, world.remote()).unwrap();
    assert_applied(&maintainer.rollback("radio", None).await.unwrap());
}

#[tokio::test]
async fn a_rollback_whose_service_is_unhealthy_says_so() {
    let world = World::new().with_service();
    let maintainer = world.maintainer(shorten());
    let delivered = deliver(&maintainer).await;
    drop(maintainer);
    let mut world = world;
    if let Some(health) = &mut world.project.health {
        health.command = Some("false".into());
    }
    let maintainer = world.maintainer(shorten());
    let record = maintainer.rollback("radio", None).await.unwrap();
    assert!(
        matches!(&record.outcome, Some(Outcome::Failed { step, .. }) if step == "monitor"),
        "{record:#?}"
    );
    // It was taken back all the same, and what a person wanted to be rid of does not come back.
    assert_eq!(
        (world.read("README.md").as_str(), world.head()),
        ("# Radio\n\nPlays musik.\n", world.remote_head())
    );
    assert_eq!(run(&maintainer, &delivered).rolled_back_by, Some(record.id));
}

/// A user begins to edit while the service is watched: his files stay, and the remote gets rid of
/// the change.
#[tokio::test]
async fn an_edit_during_probation_keeps_the_checkout_and_not_the_remote() {
    let mut world = World::new().with_service();
    let base = world.head();
    if let Some(health) = &mut world.project.health {
        // Healthy until the change is in the checkout; then somebody begins to edit.
        health.command =
            Some("grep -q musik README.md || { echo mine > src/play.sh; exit 1; }".into());
    }
    let maintainer = world.maintainer(shorten());
    let records = maintainer.run_once().await.unwrap();
    let Outcome::Failed { step, message } = outcome(&records) else { panic!("{records:#?}") };
    assert!(
        step == "rollback" && message.contains("uncommitted changes: src/play.sh"),
        "{message}"
    );
    assert!(message.contains("at the remote it is taken back"), "{message}");
    assert_eq!(
        git(&world.remote(), &["diff", "--stat", &base, "main"]),
        "",
        "the remote is as it was"
    );
    assert_eq!(
        (world.read("src/play.sh").as_str(), world.read("README.md").as_str()),
        ("mine\n", "# Radio\n")
    );
}

/// The service fails within the probation of our change, and the program was restarted meanwhile:
/// it is taken back, and nobody is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_fails_within_probation_after_a_restart_of_the_program_gets_its_old_state_back()
 {
    let mut world = World::new().with_service();
    let sick = world.root().join("sick");
    world.project.probation = Some(Duration::from_secs(600));
    if let Some(health) = &mut world.project.health {
        health.command = Some(format!("! test -e {}", sick.display()));
    }
    let maintainer = world.maintainer(shorten());
    let running = tokio::spawn({
        let maintainer = maintainer.clone();
        async move { maintainer.run_once().await }
    });
    let restarts = world.root().join("restarts");
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !restarts.exists() {
        assert!(std::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
    maintainer.stop();
    let records = running.await.unwrap().unwrap();
    assert_eq!(*outcome(&records), Outcome::Interrupted);
    drop(maintainer);

    fs::write(&sick, "").unwrap();
    let backend = ScriptedBackend::new("scripted", Edit::Workspace);
    let maintainer = world.maintainer(backend.clone());
    let records = maintainer.recover().await.unwrap();
    // The probe fails whatever is in the checkout, so that taking the change back does not help; it
    // is back all the same.
    assert!(!outcome(&records).is_success(), "{records:#?}");
    assert_eq!(
        (world.read("README.md").as_str(), world.head()),
        ("# Radio\n\nPlays musik.\n", world.remote_head())
    );
    assert!(backend.requests().is_empty());
}

/// What a rollback by hand left open is finished by the next start, and not done twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_that_is_cut_off_is_finished_by_the_next_start() {
    for steps in
        [&["propose", "apply", "verify", "commit", "push", "restart", "monitor"][..], &LOCAL]
    {
        let mut world = World::new().with_service().with_steps(steps);
        let maintainer = world.maintainer(shorten());
        let delivered = deliver(&maintainer).await;
        drop(maintainer);
        let reached = world.root().join("reached");
        let restart = world.project.restart.clone();
        world.project.restart = pimainteno_core::config::RestartConfig::Command(format!(
            "touch {}; sleep 600",
            reached.display()
        ));
        let maintainer = world.maintainer(shorten());
        let running = tokio::spawn(async move { maintainer.rollback("radio", None).await });
        let deadline = std::time::Instant::now() + Duration::from_secs(60);
        while !reached.exists() {
            assert!(std::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        running.abort();
        assert!(running.await.unwrap_err().is_cancelled());
        while world.builder(shorten()).build().is_err() {
            assert!(std::time::Instant::now() < deadline);
            tokio::task::yield_now().await;
        }
        world.project.restart = restart;
        let maintainer = world.maintainer(shorten());
        let records = maintainer.recover().await.unwrap();
        assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{steps:?}: {records:#?}");
        assert_eq!(world.read("README.md"), "# Radio\n\nPlays musik.\n", "{steps:?}");
        assert_eq!((world.head(), world.restarts()), (world.remote_head(), 2), "{steps:?}");
        assert_eq!(run(&maintainer, &delivered).rolled_back_by, Some(records[0].id), "{steps:?}");
        assert!(
            maintainer
                .rollback("radio", None)
                .await
                .unwrap_err()
                .to_string()
                .contains("done already"),
            "{steps:?}"
        );
    }
}

/// A Git that was killed in the middle of an earlier run.
#[tokio::test]
async fn locks_that_a_killed_git_left_in_the_workspace_are_not_in_the_way() {
    let world = World::new();
    let maintainer = world.maintainer(shorten());
    deliver(&maintainer).await;
    for lock in ["REVERT_HEAD.lock", "AUTO_MERGE.lock", "index.lock"] {
        fs::write(world.path().join(".git/worktrees/radio").join(lock), "").unwrap();
    }
    assert_applied(&maintainer.rollback("radio", None).await.unwrap());
}
