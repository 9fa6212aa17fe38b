//! Nothing futile twice: what was tried in vain is not tried again, also after a restart, until
//! something changes.

use std::sync::{Arc, Mutex};

use pimainteno_core::{
    Edit, EventKind, NoticeKind, Outcome, ProposalStatus, RunOptions, RunRecord, Task, Trigger,
    testing::{RecordingSink, Scripted, ScriptedBackend},
};

use crate::support::{World, outcome};

/// A backend that proposes these contents of the file, one after the other.
fn proposes(contents: &[&str]) -> ScriptedBackend {
    contents.iter().fold(ScriptedBackend::new("scripted", Edit::Workspace), |backend, content| {
        let answer = Scripted::Edit {
            path: "README.md".into(),
            content: (*content).into(),
            text: format!("docs: say {content}"),
        };
        backend.answer(Task::Propose, answer)
    })
}

fn world() -> World {
    let mut world = World::new();
    world.project.verify = vec!["grep -q Radio README.md".into()];
    world
}

/// Something else changes, so that the project is looked at again.
fn news(world: &World, text: &str) {
    world.write("NEWS", text);
    world.commit("news");
    world.git(&["push", "--quiet"]);
}

async fn run(world: &World, backend: &ScriptedBackend) -> Vec<RunRecord> {
    // A maintainer for each run: whatever is remembered outlives the program.
    world.maintainer(backend.clone()).run_once().await.unwrap()
}

fn is_skipped(records: &[RunRecord], reason: &str) -> bool {
    matches!(outcome(records), Outcome::Skipped { reason: why } if why.contains(reason))
}

fn proposals(world: &World) -> usize {
    world.maintainer(proposes(&[])).history().proposals(Some("radio"), |_| true, 100).unwrap().len()
}

#[tokio::test]
async fn a_run_after_one_that_failed_says_that_it_failed() {
    let world = world();
    let backend = proposes(&["# TV\n"]);
    let first = run(&world, &backend).await;
    assert!(matches!(outcome(&first), Outcome::Failed { .. }), "{first:#?}");
    let again = run(&world, &backend).await;
    assert!(is_skipped(&again, "nothing changed since the last run, which failed in verify: "));
    assert!(is_skipped(&again, "a forced run tries it again"), "{again:#?}");
    // Once it came to something, that is forgotten.
    let mut options = RunOptions::default();
    options.force = true;
    let maintainer = world.maintainer(proposes(&[]));
    let forced = maintainer.run_project("radio", Trigger::Manual, options).await.unwrap();
    assert_eq!(outcome(&forced), &Outcome::NoChange);
    drop(maintainer);
    let last = run(&world, &backend).await;
    assert!(is_skipped(&last, "nothing changed since the last run"), "{last:#?}");
    assert!(!is_skipped(&last, "failed"), "{last:#?}");
}

#[tokio::test]
async fn a_change_that_failed_is_not_tried_again_until_its_files_or_inputs_change() {
    let mut world = world();
    let backend = proposes(&["# TV\n"; 5]);
    let first = run(&world, &backend).await;
    assert!(matches!(outcome(&first), Outcome::Failed { .. }), "{first:#?}");
    news(&world, "one\n");
    let second = run(&world, &backend).await;
    assert!(
        is_skipped(&second, &format!("the same change failed in run {}", first[0].id)),
        "{second:#?}"
    );
    assert!(!second[0].steps.iter().any(|step| step.name == "verify"));
    assert_eq!((backend.calls(Task::Mend), proposals(&world)), (1, 1));
    // It is settled: nobody is asked again at the next slot.
    assert!(is_skipped(&run(&world, &backend).await, "nothing changed"));
    assert_eq!(backend.calls(Task::Propose), 2);
    // The file that it touches is another one now.
    world.write("README.md", "# Radio\n\nPlays music.\n");
    world.commit("spelling");
    world.git(&["push", "--quiet"]);
    let third = run(&world, &backend).await;
    assert!(matches!(outcome(&third), Outcome::Failed { .. }), "{third:#?}");
    // Other checks are other inputs.
    world.project.verify = vec!["test -f README.md".into()];
    let fourth = run(&world, &backend).await;
    assert!(matches!(outcome(&fourth), Outcome::Applied { .. }), "{fourth:#?}");
}

#[tokio::test]
async fn a_change_that_is_asked_for_by_force_is_tried_again() {
    let world = world();
    let backend = proposes(&["# TV\n"; 2]);
    run(&world, &backend).await;
    let mut options = RunOptions::default();
    options.force = true;
    let record = world
        .maintainer(backend)
        .run_project("radio", Trigger::Manual, options)
        .await
        .unwrap()
        .remove(0);
    assert!(matches!(record.outcome, Some(Outcome::Failed { .. })), "{record:#?}");
}

#[tokio::test]
async fn a_change_that_was_taken_back_or_rejected_is_not_tried_again_and_the_backend_is_told() {
    let world = World::new().with_service();
    let backend = proposes(&["# broken\n", "# broken\n", "# broken\n"]);
    let first = run(&world, &backend).await;
    assert!(matches!(outcome(&first), Outcome::RolledBack { .. }), "{first:#?}");
    news(&world, "one\n");
    assert!(is_skipped(&run(&world, &backend).await, "the same change was taken back"));

    // A person says no.
    let world = World::new();
    let backend = proposes(&["# Film\n", "# Film\n", "# Radio 2\n"]);
    let maintainer = world.maintainer(backend.clone());
    let mut options = RunOptions::default();
    options.dry_run = true;
    let held = maintainer.run_project("radio", Trigger::Manual, options).await.unwrap().remove(0);
    let reason = "we do not show films".to_owned();
    pimainteno_core::testing::change_proposal(&maintainer, held.proposal.unwrap(), |proposal| {
        proposal.status = ProposalStatus::Rejected { reason }
    })
    .unwrap();
    drop(maintainer);
    news(&world, "one\n");
    assert!(is_skipped(&run(&world, &backend).await, "the same change was rejected"));
    news(&world, "two\n");
    let last = run(&world, &backend).await;
    assert!(matches!(outcome(&last), Outcome::Applied { .. }), "{last:#?}");
    let asked = backend.requests();
    let prompt = &asked.iter().rfind(|request| request.task == Task::Propose).unwrap().prompt;
    assert!(prompt.contains("docs: say # Film: rejected: we do not show films"), "{prompt}");
}

#[tokio::test]
async fn what_could_only_not_be_pushed_is_tried_again_and_not_made_again() {
    let world = World::new();
    let hook = world.remote().join("hooks/pre-receive");
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let backend = proposes(&["# Film\n"; 2]);
    assert!(
        matches!(outcome(&run(&world, &backend).await), Outcome::Held { reason } if reason.starts_with("push failed"))
    );
    std::fs::remove_file(&hook).unwrap();
    news(&world, "one\n");
    assert!(matches!(outcome(&run(&world, &backend).await), Outcome::Applied { .. }));
    assert_eq!(backend.calls(Task::Propose), 1);
}

#[tokio::test]
async fn the_same_failure_three_times_freezes_the_project_and_is_told_once() {
    let world = world();
    let backend = proposes(&["# TV 1\n", "# TV 2\n", "# TV 3\n", "# TV 4\n", "# Radio 2\n"]);
    let sink = RecordingSink::default();
    let told = || {
        sink.events().iter().filter(|event| matches!(&event.what, EventKind::Notice { message, .. } if message.contains("frozen"))).count()
    };
    let run = async || {
        world
            .builder(backend.clone())
            .events(sink.clone())
            .build()
            .unwrap()
            .run_once()
            .await
            .unwrap()
    };
    for round in 1..=3 {
        assert_eq!(told(), 0, "{round}");
        let records = run().await;
        assert!(matches!(outcome(&records), Outcome::Failed { .. }), "{round}: {records:#?}");
        news(&world, &format!("{round}\n"));
    }
    assert!(is_skipped(&run().await, "frozen since"), "nobody is asked");
    assert!(is_skipped(&run().await, "failed 3 times in the same way"));
    assert_eq!((told(), backend.calls(Task::Propose)), (1, 3));
    // By force it is run, and stays frozen.
    let maintainer = world.maintainer(backend.clone());
    let mut options = RunOptions::default();
    options.force = true;
    let record = maintainer.run_project("radio", Trigger::Manual, options).await.unwrap().remove(0);
    assert!(matches!(record.outcome, Some(Outcome::Failed { .. })), "{record:#?}");
    assert!(maintainer.history().project("radio").frozen().is_some());
    maintainer.resume("radio").unwrap();
    drop(maintainer);
    news(&world, "resumed\n");
    let records = run().await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(told(), 1);
}

#[tokio::test]
async fn what_fails_before_its_first_step_is_a_record_that_counts_and_is_not_taken_for_looked_at() {
    let mut world = world();
    let policy = world.root().join("policy.rhai");
    std::fs::write(&policy, "fn skip(facts) { throw \"no idea\" }").unwrap();
    world.project.policy = Some(policy.clone());
    let backend = proposes(&["# Radio 2\n"]);
    for round in 1..=3 {
        let records = run(&world, &backend).await;
        let failed = matches!(outcome(&records), Outcome::Failed { step, message } if step == "queue" && message.contains("no idea"));
        assert!(failed && records[0].steps.is_empty(), "{round}: {records:#?}");
    }
    let maintainer = world.maintainer(backend.clone());
    let (stored, state) = (
        maintainer.history().runs(Some("radio"), 9).unwrap(),
        maintainer.history().project("radio"),
    );
    assert_eq!((stored.len(), state.last_run), (3, Some(stored[0].id)));
    assert!(state.frozen().is_some() && state.chore("improve").seen.is_empty(), "{state:?}");
    let notices = maintainer.notices(None, 9).unwrap();
    assert!(
        matches!(&notices[..], [notice] if notice.notice == NoticeKind::Frozen && notice.project.as_deref() == Some("radio")),
        "{notices:?}"
    );
    maintainer.resume("radio").unwrap();
    drop(maintainer);
    std::fs::write(&policy, "fn skip(facts) {}").unwrap();
    let records = run(&world, &backend).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
}

#[tokio::test]
async fn other_failures_and_a_success_count_anew() {
    let mut world = world();
    world.project.verify = vec!["grep -q Radio README.md || { head -1 README.md; exit 1; }".into()];
    let backend =
        proposes(&["# TV\n", "# TV\n\n", "# Film\n", "# Radio\n", "# TV\n", "# TV\n\n\n"]);
    let states = Arc::new(Mutex::new(Vec::new()));
    for round in 0..6 {
        let maintainer = world.maintainer(backend.clone());
        maintainer.run_once().await.unwrap();
        let state = maintainer.history().project("radio");
        states.lock().unwrap().push((
            state.chore("improve").repeated.first().map_or(0, |failure| failure.count),
            state.frozen().is_some(),
        ));
        drop(maintainer);
        news(&world, &format!("{round}\n"));
    }
    // The change that differs in blanks alone is the same change, and no new failure.
    assert_eq!(
        *states.lock().unwrap(),
        [(1, false), (1, false), (1, false), (0, false), (1, false), (1, false)]
    );
}

#[tokio::test]
async fn a_commit_of_ours_starts_no_run_also_after_a_restart() {
    let world = world();
    let backend = proposes(&["# Radio 2\n", "# Radio 3\n"]);
    assert!(matches!(outcome(&run(&world, &backend).await), Outcome::Applied { .. }));
    for _ in 0..2 {
        assert!(is_skipped(&run(&world, &backend).await, "nothing changed"));
    }
    assert_eq!(
        (backend.calls(Task::Propose), world.git(&["rev-list", "--count", "HEAD"])),
        (1, "2".into())
    );
}
