//! What a person decides about a change that is held, and what happens when nobody does.

use std::{
    fs,
    sync::{Mutex, mpsc},
    time::{Duration, Instant},
};

use pimainteno_core::{
    Edit, Event, EventKind, Job, Maintainer, Outcome, Proposal, ProposalStatus, RunRecord, Task,
    config::{Globs, Mode, OnSilence, SandboxMode},
    testing::{RecordingSink, Scripted, ScriptedBackend},
};

use crate::support::{Agent, World, outcome};

const CHANGED: &str = "# Radio\n\nPlays music.\n";

/// A world whose changes wait for a person.
pub(crate) fn world() -> World {
    let mut world = World::new().with_service();
    world.project.mode = Mode::Review;
    world
}

/// Spells music right, wherever it is wrong.
pub(crate) fn speller() -> Agent {
    Agent::new(|workspace| {
        let file = workspace.join("README.md");
        fs::write(&file, fs::read_to_string(&file).unwrap().replace("musik", "music")).unwrap();
    })
}

/// The only change that waits.
fn held(maintainer: &Maintainer) -> Proposal {
    let held = maintainer.proposals(None, false, 10).unwrap();
    assert_eq!(held.len(), 1, "{held:#?}");
    maintainer.proposal(&held[0].id.to_string()).unwrap()
}

fn status(maintainer: &Maintainer, proposal: &Proposal) -> ProposalStatus {
    maintainer.history().proposal(proposal.id).unwrap().unwrap().status
}

/// Runs once, so that a change is held.
pub(crate) async fn hold(maintainer: &Maintainer) -> Proposal {
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Held { .. }), "{records:#?}");
    held(maintainer)
}

pub(crate) async fn approve(maintainer: &Maintainer, proposal: &Proposal) -> RunRecord {
    maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap()
}

pub(crate) fn assert_applied(record: &RunRecord) {
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
}

#[tokio::test]
async fn a_held_change_is_delivered_when_it_is_approved_and_once_only() {
    let world = world();
    let backend = ScriptedBackend::new("scripted", Edit::Workspace).answer(
        Task::Propose,
        Scripted::Edit {
            path: "README.md".into(),
            content: CHANGED.into(),
            text: "docs: spell".into(),
        },
    );
    let maintainer = world.maintainer(backend.clone());
    let before = world.seen_from_outside();
    let proposal = hold(&maintainer).await;
    assert_eq!(world.seen_from_outside(), before);
    let run = maintainer.history().runs(None, 1).unwrap().remove(0);
    assert_eq!(
        (proposal.run, Some(&proposal.base), proposal.message.as_str()),
        (Some(run.id), run.base.as_ref(), "docs: spell")
    );
    assert!(
        proposal.expires.unwrap() > proposal.created && proposal.diff.contains("+Plays music."),
        "{proposal:#?}"
    );
    let checks: Vec<_> =
        proposal.checks.iter().map(|check| (check.check.as_str(), check.result.as_str())).collect();
    assert_eq!(checks, [("test -f README.md", "passed")]);

    let record =
        maintainer.approve(&proposal.id.to_string()[..20], &proposal.sha256[..12]).await.unwrap();
    assert_applied(&record);
    assert_eq!(record.job, Job::Delivery { proposal: proposal.id });
    let steps: Vec<_> = record.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["apply", "verify", "commit", "push", "restart", "monitor"]);
    assert_eq!(
        (world.read("README.md").as_str(), world.head(), world.restarts()),
        (CHANGED, world.remote_head(), 1)
    );
    assert_eq!(
        status(&maintainer, &proposal),
        ProposalStatus::Applied { commit: world.head().parse().unwrap() }
    );
    assert!(maintainer.proposals(None, false, 10).unwrap().is_empty());
    let journal = format!("{:?}", maintainer.history().run_journal(record.id).unwrap());
    assert!(journal.find("Approved {").unwrap() < journal.find("Commit {").unwrap(), "{journal}");

    let error = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap_err();
    assert!(error.to_string().contains("not held any more; it is applied"), "{error}");
    assert!(
        matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { .. }),
        "our own commit starts no run"
    );
    assert_eq!(
        (world.git(&["rev-list", "--count", "HEAD"]).as_str(), backend.calls(Task::Propose)),
        ("2", 1)
    );
}

#[tokio::test]
async fn two_approvals_at_once_are_one() {
    let world = world();
    let maintainer = world.maintainer(speller());
    let (proposal, id) = (hold(&maintainer).await, held(&maintainer).id.to_string());
    let (one, other) = tokio::join!(
        maintainer.approve(&id, &proposal.sha256),
        maintainer.approve(&id, &proposal.sha256)
    );
    assert_applied(&one.unwrap());
    assert!(other.unwrap_err().to_string().contains("being decided about already"));
    assert_eq!(world.git(&["rev-list", "--count", "HEAD"]), "2");
}

#[tokio::test]
async fn an_approval_is_of_the_diff_that_was_looked_at() {
    let world = world();
    let maintainer = world.maintainer(speller());
    let (proposal, before) = (hold(&maintainer).await, world.seen_from_outside());
    for (sha256, problem) in [
        ("0123456789ab", "not the one that was looked at"),
        (&proposal.sha256[..7], "at least 8"),
        ("", "SHA-256"),
    ] {
        let error = maintainer.approve(&proposal.id.to_string(), sha256).await.unwrap_err();
        let told = format!("{error} {}", error.hints().collect::<String>());
        assert!(told.contains(problem), "{told}");
    }
    assert_eq!(
        (status(&maintainer, &proposal), world.seen_from_outside()),
        (proposal.status, before)
    );
}

#[tokio::test]
async fn a_change_is_delivered_on_the_newest_base_and_one_that_became_another_is_held_again() {
    let world = world();
    let maintainer = world.maintainer(speller());
    let proposal = hold(&maintainer).await;
    // Somebody works on another file: the diff is the same.
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    assert_applied(&approve(&maintainer, &proposal).await);
    assert_eq!(world.git(&["log", "--format=%s"]), "docs: edit\nnews\nfirst");

    let lines = (1..30).map(|line| format!("Line {line}.\n")).collect::<String>();
    world.write("README.md", &format!("# Radio\n{lines}Plays musik.\n"));
    world.commit("longer");
    world.git(&["push", "--quiet"]);
    let proposal = hold(&maintainer).await;
    // Somebody works on the same file, elsewhere: the change has the same meaning in another place,
    // and another diff.
    world.write("README.md", &format!("# Radio\n\nNew.\n{lines}Plays musik.\n"));
    world.commit("new");
    world.git(&["push", "--quiet"]);
    let before = world.seen_from_outside();
    let record = approve(&maintainer, &proposal).await;
    assert!(
        matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("changed since it was approved")),
        "{record:#?}"
    );
    assert_eq!(world.seen_from_outside(), before);
    let again = held(&maintainer);
    assert_ne!(again.sha256, proposal.sha256);
    assert_eq!((again.run, record.proposal), (Some(record.id), Some(again.id)));
    assert_eq!(status(&maintainer, &proposal), ProposalStatus::Superseded { by: again.id });
    assert_applied(&approve(&maintainer, &again).await);
    assert_eq!(world.read("README.md"), format!("# Radio\n\nNew.\n{lines}Plays music.\n"));
}

#[tokio::test]
async fn an_approval_goes_before_what_held_the_change() {
    let mut limited = World::new();
    limited.project.max_lines = Some(1);
    let mut unchecked = World::new();
    unchecked.project.verify.clear();
    let asks = World::new().with_policy(
        "fn allow(facts) { if facts.step == \"push\" { ask(\"look\") } else { allow() } }",
    );
    for world in [limited, unchecked, asks] {
        let maintainer = world.maintainer(speller());
        let proposal = hold(&maintainer).await;
        assert_applied(&approve(&maintainer, &proposal).await);
        assert_eq!(world.head(), world.remote_head());
    }
}

#[tokio::test]
async fn a_held_change_tells_every_reason_at_once() {
    let mut world = world().with_policy(
        "fn allow(facts) { if facts.step == \"commit\" { ask(\"look at it\") } else { allow() } }",
    );
    world.project.max_lines = Some(1);
    let maintainer = world.maintainer(speller());
    let told = hold(&maintainer).await.status.to_string();
    for reason in ["look at it; ", "`max_lines` is 1; ", "`mode` is \"review\""] {
        assert!(told.contains(reason), "{told}");
    }
}

#[tokio::test]
async fn an_approval_does_not_go_before_a_denial_protected_files_failing_checks_or_a_dry_run() {
    let denies: fn(World) -> World = |world| {
        world.with_policy("fn allow(facts) { if facts.trigger == \"approval\" { deny(\"no\") } else { allow() } }")
    };
    let protects: fn(World) -> World = |mut world| {
        world.project.protect = Globs::compile(["*.md"]).unwrap();
        world
    };
    let fails: fn(World) -> World = |mut world| {
        world.project.verify = vec!["grep -q musik README.md".into()];
        world
    };
    let only_shows: fn(World) -> World = |mut world| {
        world.project.mode = Mode::DryRun;
        world
    };
    for (change, name) in
        [(denies, "rejected"), (protects, "rejected"), (fails, "failed"), (only_shows, "")]
    {
        let world = world();
        let maintainer = world.maintainer(speller());
        let proposal = hold(&maintainer).await;
        drop(maintainer);
        let world = change(world);
        let before = world.seen_from_outside();
        let maintainer = world.maintainer(speller());
        match maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await {
            Ok(record) => {
                assert_eq!(record.outcome.as_ref().map(Outcome::name), Some(name), "{record:#?}");
                assert!(maintainer.proposals(None, false, 1).unwrap().is_empty());
                assert!(status(&maintainer, &proposal).to_string().starts_with(name));
            }
            Err(error) => assert!(
                name.is_empty()
                    && error.to_string().contains("dry-run")
                    && held(&maintainer) == proposal,
                "{error}"
            ),
        }
        assert_eq!(world.seen_from_outside(), before);
    }
}

#[tokio::test]
async fn an_approved_change_that_could_not_be_delivered_waits_again() {
    let world = world();
    let maintainer = world.maintainer(speller());
    let proposal = hold(&maintainer).await;
    world.write("src/play.sh", "my work\n");
    let error = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap_err();
    assert!(error.to_string().contains("uncommitted changes: src/play.sh"), "{error}");
    assert_eq!(held(&maintainer), proposal);
    world.git(&["checkout", "--quiet", "src/play.sh"]);

    fs::rename(world.remote(), world.root().join("away")).unwrap();
    let record = approve(&maintainer, &proposal).await;
    assert!(matches!(record.outcome, Some(Outcome::Parked { .. })), "{record:#?}");
    assert!(
        matches!(&held(&maintainer).status, ProposalStatus::Held { reason } if reason.contains("it was approved, but its run was put off"))
    );
    fs::rename(world.root().join("away"), world.remote()).unwrap();

    let hook = world.path().join(".git/hooks/pre-push");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    approve(&maintainer, &proposal).await;
    assert!(
        matches!(&held(&maintainer).status, ProposalStatus::Held { reason } if reason.contains("push failed"))
    );
    fs::remove_file(hook).unwrap();
    assert_applied(&approve(&maintainer, &proposal).await);
}

#[tokio::test]
async fn a_rejected_change_is_kept_with_the_reason_and_cannot_be_approved() {
    let world = world();
    let maintainer = world.maintainer(speller());
    let (proposal, before) = (hold(&maintainer).await, world.seen_from_outside());
    let id = proposal.id.to_string();
    assert!(
        maintainer.reject(&id, " \n").await.unwrap_err().to_string().contains("needs a reason")
    );
    let rejected = maintainer.reject(&id, "keep the old spelling").await.unwrap();
    assert_eq!(
        rejected.status,
        ProposalStatus::Rejected { reason: "keep the old spelling".into() }
    );
    assert!(maintainer.proposals(None, false, 10).unwrap().is_empty());
    assert_eq!(maintainer.proposals(Some("radio"), true, 10).unwrap()[0].status, rejected.status);
    for error in [
        maintainer.reject(&id, "again").await.unwrap_err(),
        maintainer.approve(&id, &proposal.sha256).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("it is rejected: keep the old spelling"), "{error}");
    }
    assert!(
        matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { .. }),
        "it is not proposed again"
    );
    assert_eq!(world.seen_from_outside(), before);
}

#[tokio::test]
async fn a_change_that_nobody_answers_is_given_up_told_again_or_kept() {
    for (on_silence, stays, notices) in
        [(OnSilence::Expire, 0, 1), (OnSilence::Remind, 1, 1), (OnSilence::Keep, 1, 0)]
    {
        let mut world = world();
        world.project.on_silence = on_silence;
        world.project.approval_expires = Some(Duration::from_millis(1));
        let sink = RecordingSink::default();
        let maintainer = world.builder(speller()).events(sink.clone()).build().unwrap();
        maintainer.run_once().await.unwrap();
        let proposal = maintainer.history().proposals(None, |_| true, 1).unwrap().remove(0);
        let over = Instant::now() + Duration::from_millis(2);
        while Instant::now() < over {
            tokio::task::yield_now().await;
        }
        assert_eq!(maintainer.proposals(None, false, 10).unwrap().len(), stays, "{on_silence:?}");
        let id = proposal.id.to_string();
        let told = |event: &Event| matches!(&event.what, EventKind::Notice { message, .. } if message.contains(&id));
        assert_eq!(
            sink.events().iter().filter(|event| told(event)).count(),
            notices,
            "{on_silence:?}"
        );
        let answer = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await;
        assert_eq!(answer.is_ok(), stays == 1, "{on_silence:?}: {answer:?}");
        if let Err(error) = answer {
            assert!(error.to_string().contains("expired: nobody answered in time"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_schedule_gives_up_what_nobody_answers_without_being_asked() {
    let mut world = world();
    world.project.approval_expires = Some(Duration::from_millis(1));
    let maintainer = world.maintainer(speller());
    maintainer.run_once().await.unwrap();
    let proposal = maintainer.history().proposals(None, |_| true, 1).unwrap().remove(0);
    let given_up = async {
        let deadline = Instant::now() + Duration::from_secs(60);
        while status(&maintainer, &proposal) != ProposalStatus::Expired {
            assert!(Instant::now() < deadline, "it is still {}", status(&maintainer, &proposal));
            tokio::task::yield_now().await;
        }
    };
    // It sleeps until its shutdown is ready, which never comes unless the first look gives the
    // change up.
    tokio::time::timeout(Duration::from_secs(60), maintainer.serve(given_up))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn a_project_has_one_change_at_most_that_waits() {
    let world = world();
    let maintainer = world.maintainer(speller());
    let first = hold(&maintainer).await;
    assert!(
        matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { .. }),
        "it is not asked for again"
    );
    world.write("README.md", "# Radio 2\n\nPlays musik.\n");
    world.commit("two");
    world.git(&["push", "--quiet"]);
    let second = hold(&maintainer).await;
    assert_eq!(status(&maintainer, &first), ProposalStatus::Superseded { by: second.id });
    assert!(
        maintainer
            .approve(&first.id.to_string(), &first.sha256)
            .await
            .unwrap_err()
            .to_string()
            .contains("superseded")
    );
    assert_applied(&approve(&maintainer, &second).await);
}

#[tokio::test]
async fn a_change_that_is_delivered_takes_the_place_of_the_one_that_waits() {
    let mut world = world();
    let first = hold(&world.maintainer(speller())).await;
    world.project.mode = Mode::Auto;
    let maintainer = world.maintainer(Agent::writes("README.md", CHANGED));
    let records = maintainer.run_once().await.unwrap();
    assert_applied(&records[0]);
    let by = records[0].proposal.unwrap();
    assert_eq!(status(&maintainer, &first), ProposalStatus::Superseded { by });
    assert_eq!(maintainer.proposals(None, false, 10).unwrap(), []);
    // What takes a change back is no newer one.
    let second = {
        world.project.mode = Mode::Review;
        drop(maintainer);
        let maintainer = world.maintainer(Agent::writes("NEWS", "news\n"));
        hold(&maintainer).await
    };
    let maintainer = world.maintainer(speller());
    assert_applied(&maintainer.rollback("radio", None).await.unwrap());
    assert!(status(&maintainer, &second).is_held());
}

#[tokio::test]
async fn a_change_that_a_person_made_by_hand_waits_no_more() {
    let by_hand = |world: &World| {
        world.write("README.md", CHANGED);
        world.commit("by hand");
        world.git(&["push", "--quiet"]);
    };
    // A run finds nothing more to do.
    let world = world();
    let maintainer = world.maintainer(speller());
    let proposal = hold(&maintainer).await;
    by_hand(&world);
    let records = maintainer.run_once().await.unwrap();
    assert_eq!(outcome(&records), &Outcome::NoChange);
    assert_eq!(status(&maintainer, &proposal), ProposalStatus::Obsolete);
    assert_eq!(maintainer.proposals(None, false, 10).unwrap(), []);
    // Or it is approved before.
    let world = self::world();
    let maintainer = world.maintainer(speller());
    let proposal = hold(&maintainer).await;
    by_hand(&world);
    let record = approve(&maintainer, &proposal).await;
    assert_eq!(record.told(), "obsolete: the project has it already");
    let stored = maintainer.history().run(record.id).unwrap().unwrap();
    assert_eq!(stored.told(), record.told());
    assert_eq!(status(&maintainer, &proposal), ProposalStatus::Obsolete);
    // What has not got there waits on.
    let world = self::world();
    let maintainer = world.maintainer(speller());
    let proposal = hold(&maintainer).await;
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    drop(maintainer);
    let maintainer = world.maintainer(Agent::new(|_| ()));
    assert_eq!(outcome(&maintainer.run_once().await.unwrap()), &Outcome::NoChange);
    assert!(status(&maintainer, &proposal).is_held());
}

/// Approves and cuts that off when `step` begins: nothing of it is carried out after that.
async fn approve_and_cut_off(world: &World, proposal: &Proposal, step: &'static str) {
    let (reached, wait_for_step) = mpsc::channel();
    let (go_on, wait_for_end) = mpsc::channel::<()>();
    let ends = Mutex::new(Some((reached, wait_for_end)));
    let sink = move |event: &Event| {
        if matches!(&event.what, EventKind::StepStarted { step: begun, .. } if begun == step)
            && let Some((reached, wait_for_end)) = ends.lock().unwrap().take()
        {
            reached.send(()).unwrap();
            // The run stands still here until it is cut off.
            let _ = wait_for_end.recv();
        }
    };
    let maintainer = world.builder(speller()).events(sink).build().unwrap();
    let (id, sha256) = (proposal.id.to_string(), proposal.sha256.clone());
    let run = tokio::spawn(async move { maintainer.approve(&id, &sha256).await });
    tokio::task::spawn_blocking(move || {
        wait_for_step.recv_timeout(Duration::from_secs(60)).unwrap();
    })
    .await
    .unwrap();
    run.abort();
    drop(go_on);
    assert!(run.await.unwrap_err().is_cancelled());
    let deadline = Instant::now() + Duration::from_secs(60);
    while world.builder(speller()).build().is_err() {
        assert!(Instant::now() < deadline, "the state directory is not free");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_that_is_cut_off_is_finished_or_waits_again_and_is_never_carried_out_twice() {
    for (step, is_delivered) in
        [("apply", false), ("commit", false), ("push", false), ("restart", true), ("monitor", true)]
    {
        // Asked again at each step, the policy would take back what is out there if the approval
        // were forgotten.
        let mut world = world().with_policy(
            "fn allow(facts) { if facts.step == \"monitor\" { ask(\"look\") } else { allow() } }",
        );
        world.project.mode = Mode::Review;
        let maintainer = world.maintainer(speller());
        let proposal = hold(&maintainer).await;
        drop(maintainer);
        approve_and_cut_off(&world, &proposal, step).await;
        let maintainer = world.maintainer(speller());
        if !is_delivered {
            maintainer.recover().await.unwrap();
            let again = held(&maintainer);
            assert!(
                matches!(&again.status, ProposalStatus::Held { reason } if reason.contains("was cut off")),
                "{step}: {again:#?}"
            );
            assert_eq!((again.id, &again.sha256), (proposal.id, &proposal.sha256), "{step}");
            assert_applied(&approve(&maintainer, &again).await);
        }
        let error =
            maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap_err();
        assert!(error.to_string().contains("it is applied"), "{step}: {error}");
        assert_eq!(world.git(&["log", "--format=%s"]), "docs: edit\nfirst", "{step}");
        assert_eq!(
            (world.head(), world.read("README.md").as_str()),
            (world.remote_head(), CHANGED),
            "{step}"
        );
        assert!(maintainer.recover().await.unwrap().is_empty(), "{step}");
    }
}

#[tokio::test]
async fn an_approved_change_waits_on_where_the_sandbox_that_its_checks_need_cannot_be_had() {
    let mut world = world();
    let maintainer = world.maintainer(speller());
    let proposal = hold(&maintainer).await;
    drop(maintainer);
    world.project.sandbox = SandboxMode::Required;
    let before = world.seen_from_outside();
    let maintainer = world.maintainer(speller());
    let approval = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await;
    let error = approval.unwrap_err().to_string();
    assert!(error.contains("a whole sandbox, which cannot be had"), "{error}");
    assert_eq!((held(&maintainer).id, world.seen_from_outside()), (proposal.id, before));
}
