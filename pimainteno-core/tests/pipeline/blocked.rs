//! A good change that something outside keeps from being delivered waits for that, and is delivered
//! afterwards without asking a backend again.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use jiff::Timestamp;
use pimainteno_core::{
    Edit, Event, EventKind, Job, Maintainer, NoticeKind, Outcome, Proposal, ProposalStatus,
    RunOptions, RunRecord, Task, Trigger,
    config::{CommandStepConfig, Mode, StepConfig},
    testing::{RecordingSink, Scripted, ScriptedBackend, change_project},
};

use crate::{
    parked::serve_until_applied,
    recovery::{begins, run_and_cut_off},
    support::{World, git, outcome},
};

const CHANGED: &str = "# Radio\n\nPlays music.\n";

/// A backend that answers each task once: what it is asked for again, it has nothing to say to.
fn backend() -> ScriptedBackend {
    let edit =
        Scripted::Edit { path: "README.md".into(), content: CHANGED.into(), text: String::new() };
    ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Propose, edit)
        .answer(Task::CommitMessage, Scripted::Text("docs: spell music right".into()))
}

fn executable(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Something outside that keeps a change from being delivered: how it comes and goes, and what is
/// said of it.
struct Trouble {
    step: &'static str,
    begin: fn(&World),
    end: fn(&World),
    said: &'static str,
}

const TROUBLES: [Trouble; 6] = [
    Trouble {
        step: "commit",
        begin: |world| {
            world.git(&["config", "gpg.program", "/nowhere/gpg"]);
            world.git(&["config", "commit.gpgsign", "true"]);
        },
        end: |world| drop(world.git(&["config", "commit.gpgsign", "false"])),
        said: "/nowhere/gpg",
    },
    Trouble {
        step: "commit",
        begin: |world| {
            executable(
                &world.path().join(".git/hooks/pre-commit"),
                "#!/bin/sh\necho no linter here\nexit 1\n",
            );
        },
        end: |world| fs::remove_file(world.path().join(".git/hooks/pre-commit")).unwrap(),
        said: "no linter here",
    },
    Trouble {
        step: "commit",
        begin: |world| {
            executable(&world.path().join(".git/hooks/commit-msg"), "#!/bin/sh\nexit 1\n");
        },
        end: |world| fs::remove_file(world.path().join(".git/hooks/commit-msg")).unwrap(),
        said: "`commit-msg` refused",
    },
    Trouble {
        step: "push",
        begin: |world| {
            executable(
                &world.remote().join("hooks/pre-receive"),
                "#!/bin/sh\necho the branch is protected\nexit 1\n",
            );
        },
        end: |world| fs::remove_file(world.remote().join("hooks/pre-receive")).unwrap(),
        said: "the branch is protected",
    },
    Trouble {
        step: "push",
        begin: |world| {
            executable(
                &world.path().join(".git/hooks/pre-push"),
                "#!/bin/sh\necho not today\necho a warning >&2\nexit 1\n",
            );
        },
        end: |world| fs::remove_file(world.path().join(".git/hooks/pre-push")).unwrap(),
        said: "not today",
    },
    Trouble {
        step: "push",
        begin: |world| drop(git(&world.remote(), &["config", "receive.maxInputSize", "1"])),
        end: |world| drop(git(&world.remote(), &["config", "--unset", "receive.maxInputSize"])),
        said: "remote `origin` refused",
    },
];

fn notices(sink: &RecordingSink) -> Vec<String> {
    let notice = |event: Event| match event.what {
        EventKind::Notice { notice: NoticeKind::Blocked, message, .. } => Some(message),
        _ => None,
    };
    sink.events().into_iter().filter_map(notice).collect()
}

async fn by_hand(maintainer: &Maintainer) -> RunRecord {
    let options = RunOptions::default();
    maintainer.run_project("radio", Trigger::Manual, options).await.unwrap().remove(0)
}

async fn by_slot(maintainer: &Maintainer) -> RunRecord {
    let options = RunOptions::default();
    maintainer.run_project("radio", Trigger::Schedule, options).await.unwrap().remove(0)
}

fn waiting(maintainer: &Maintainer) -> Proposal {
    let held = maintainer.proposals(None, false, 10).unwrap();
    assert_eq!(held.len(), 1, "{held:#?}");
    maintainer.proposal(&held[0].id.to_string()).unwrap()
}

/// Makes the time come at which it is tried again.
fn make_due(maintainer: &Maintainer) {
    change_project(maintainer, "radio", |state| {
        state.chore_mut("improve").held.as_mut().unwrap().again = Some(Timestamp::UNIX_EPOCH);
    })
    .unwrap();
}

fn assert_held(record: &RunRecord, said: &str) {
    assert!(
        matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains(said)),
        "{record:#?}"
    );
}

fn assert_applied(record: &RunRecord) {
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
}

#[tokio::test]
async fn what_the_owner_has_to_put_right_keeps_the_change_waiting_and_costs_nothing_twice() {
    for trouble in &TROUBLES {
        let (world, sink, backend) = (World::new(), RecordingSink::default(), backend());
        (trouble.begin)(&world);
        let build = || world.builder(backend.clone()).events(sink.clone()).build().unwrap();
        let maintainer = build();
        let before = world.seen_from_outside();
        let first = by_slot(&maintainer).await;
        assert_held(&first, trouble.said);
        assert_held(&first, &format!("{} failed", trouble.step));
        let proposal = waiting(&maintainer);
        let blocked = proposal.blocked.clone().unwrap();
        assert_eq!((blocked.step.as_str(), blocked.tries), (trouble.step, 1));
        assert_eq!(first.proposal, Some(proposal.id));

        // The slots that follow wait longer each time, in whatever program.
        drop(maintainer);
        let maintainer = build();
        let slot = by_slot(&maintainer).await;
        assert!(
            matches!(&slot.outcome, Some(Outcome::Skipped { reason }) if reason.contains("waits for something outside")),
            "{slot:#?}"
        );
        make_due(&maintainer);
        let again = by_slot(&maintainer).await;
        assert_held(&again, trouble.said);
        assert_eq!(again.job, Job::Delivery { proposal: proposal.id });
        assert_eq!(waiting(&maintainer).blocked.unwrap().tries, 2);
        // Who asks is not made to wait.
        assert_held(&by_hand(&maintainer).await, trouble.said);
        assert_eq!((notices(&sink).len(), world.seen_from_outside()), (1, before));

        (trouble.end)(&world);
        let delivered = by_hand(&maintainer).await;
        assert_applied(&delivered);
        assert_eq!(
            (world.read("README.md").as_str(), world.head()),
            (CHANGED, world.remote_head())
        );
        assert!(world.git(&["log", "-1", "--format=%s"]).contains("spell music right"));
        let stored = maintainer.history().proposal(proposal.id).unwrap().unwrap();
        assert!(
            matches!(stored.status, ProposalStatus::Applied { .. }) && stored.blocked.is_none(),
            "{stored:#?}"
        );
        assert_eq!(
            (backend.calls(Task::Propose), backend.calls(Task::CommitMessage)),
            (1, 1),
            "{}",
            trouble.said
        );
        let journal = format!("{:?}", maintainer.history().run_journal(delivered.id).unwrap());
        let allowed = journal.find(&format!("commit is allowed for the diff {}", proposal.sha256));
        assert!(allowed.unwrap() < journal.find("Commit {").unwrap(), "{journal}");
        // What was looked at needs no run of its own.
        let after = by_hand(&maintainer).await;
        assert!(matches!(after.outcome, Some(Outcome::Skipped { .. })), "{after:#?}");
    }
}

#[tokio::test]
async fn another_cause_is_told_again() {
    let (world, sink) = (World::new(), RecordingSink::default());
    (TROUBLES[1].begin)(&world);
    let maintainer = world.builder(backend()).events(sink.clone()).build().unwrap();
    assert_held(&by_hand(&maintainer).await, "no linter here");
    (TROUBLES[1].end)(&world);
    (TROUBLES[3].begin)(&world);
    assert_held(&by_hand(&maintainer).await, "the branch is protected");
    assert_eq!((notices(&sink).len(), waiting(&maintainer).blocked.unwrap().tries), (2, 1));
}

#[tokio::test]
async fn what_waits_fits_a_project_that_moved_on_or_is_left_to_a_person() {
    for (file, fits) in [("NEWS", true), ("README.md", false)] {
        let (world, backend) = (World::new(), backend());
        (TROUBLES[3].begin)(&world);
        let maintainer = world.maintainer(backend.clone());
        assert_held(&by_hand(&maintainer).await, "protected");
        let first = waiting(&maintainer);
        (TROUBLES[3].end)(&world);
        world.commit_at_remote(file, "Something else altogether.\n");
        world.git(&["pull", "--quiet"]);
        let record = by_slot(&maintainer).await;
        assert!(matches!(record.outcome, Some(Outcome::Skipped { .. })), "{record:#?}");
        make_due(&maintainer);
        let record = by_slot(&maintainer).await;
        if fits {
            assert_applied(&record);
            assert_eq!(world.head(), world.remote_head());
        } else {
            assert!(matches!(record.outcome, Some(Outcome::Failed { .. })), "{record:#?}");
            let held = waiting(&maintainer);
            assert!(held.id == first.id && held.blocked.is_none(), "{held:#?}");
            assert!(
                held.status.to_string().contains("does not fit the project any more"),
                "{held:#?}"
            );
            // The next one looks at what is new.
            let next = by_slot(&maintainer).await;
            assert!(matches!(next.job, Job::Upkeep { .. }), "{next:#?}");
        }
        assert_eq!(backend.calls(Task::Rebase), 0);
    }
}

#[tokio::test]
async fn what_a_person_approved_goes_on_by_itself_and_what_he_did_not_waits_for_him() {
    let (mut world, backend) = (World::new(), backend());
    world.project.mode = Mode::Review;
    (TROUBLES[0].begin)(&world);
    let maintainer = world.maintainer(backend.clone());
    assert_held(&by_hand(&maintainer).await, "review");
    let proposal = waiting(&maintainer);
    assert!(proposal.blocked.is_none());
    let skipped = by_hand(&maintainer).await;
    assert!(matches!(skipped.outcome, Some(Outcome::Skipped { .. })), "{skipped:#?}");
    let approved = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap();
    assert_held(&approved, "/nowhere/gpg");
    assert!(waiting(&maintainer).blocked.unwrap().is_approved);
    (TROUBLES[0].end)(&world);
    make_due(&maintainer);
    let delivered = by_slot(&maintainer).await;
    assert_applied(&delivered);
    let journal = format!("{:?}", maintainer.history().run_journal(delivered.id).unwrap());
    assert!(journal.find("Approved {").unwrap() < journal.find("Commit {").unwrap(), "{journal}");
    assert_eq!(backend.calls(Task::Propose), 1);
}

#[tokio::test]
async fn another_failure_of_what_does_not_judge_the_change_lets_it_wait_on_with_its_approval() {
    for is_approved_again in [false, true] {
        let steps = ["tools", "propose", "apply", "verify", "commit", "push"];
        let (mut world, sink, backend) =
            (World::new().with_steps(&steps), RecordingSink::default(), backend());
        world.project.mode = Mode::Review;
        let broken = world.root().join("broken");
        let tools = CommandStepConfig::new("tools", format!("test ! -e {}", broken.display()));
        world.project.steps.as_mut().unwrap()[0] = StepConfig::Command(tools);
        (TROUBLES[0].begin)(&world);
        let maintainer = world.builder(backend.clone()).events(sink.clone()).build().unwrap();
        assert_held(&by_hand(&maintainer).await, "review");
        let proposal = waiting(&maintainer);
        let id = proposal.id.to_string();
        let approve = || maintainer.approve(&id, &proposal.sha256);
        assert_held(&approve().await.unwrap(), "/nowhere/gpg");

        fs::write(&broken, "").unwrap();
        make_due(&maintainer);
        let record = match is_approved_again {
            true => approve().await.unwrap(),
            false => by_slot(&maintainer).await,
        };
        assert!(
            matches!(&record.outcome, Some(Outcome::Failed { step, .. }) if step == "tools"),
            "{record:#?}"
        );
        let held = waiting(&maintainer);
        let blocked = held.blocked.clone().unwrap();
        assert_eq!((held.id, blocked.step.as_str(), blocked.tries), (proposal.id, "tools", 1));
        assert!(blocked.is_approved && blocked.again > Timestamp::now(), "{blocked:#?}");
        assert!(held.status.to_string().contains("tools failed"), "{}", held.status);
        assert_eq!(notices(&sink).len(), 2, "{:#?}", notices(&sink));
        // No other change takes its place meanwhile.
        let slot = by_slot(&maintainer).await;
        assert!(matches!(slot.outcome, Some(Outcome::Skipped { .. })), "{slot:#?}");

        fs::remove_file(&broken).unwrap();
        (TROUBLES[0].end)(&world);
        make_due(&maintainer);
        assert_applied(&by_slot(&maintainer).await);
        assert_eq!(backend.calls(Task::Propose), 1);
    }
}

#[tokio::test]
async fn a_mode_that_became_review_has_what_waited_approved_first() {
    let mut world = World::new();
    (TROUBLES[0].begin)(&world);
    let maintainer = world.maintainer(backend());
    assert_held(&by_hand(&maintainer).await, "/nowhere/gpg");
    drop(maintainer);
    (TROUBLES[0].end)(&world);
    world.project.mode = Mode::Review;
    let maintainer = world.maintainer(backend());
    assert_held(&by_hand(&maintainer).await, "`mode` is \"review\"");
    let proposal = waiting(&maintainer);
    assert!(proposal.blocked.is_none());
    assert_applied(&maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap());
}

#[tokio::test]
async fn a_program_that_serves_delivers_what_waited_when_it_is_resumed_or_its_time_has_come() {
    for is_resumed in [true, false] {
        let mut world = World::new();
        world.project.cron = Some("0 0 29 2 *".parse().unwrap());
        (TROUBLES[3].begin)(&world);
        let backend = backend();
        let maintainer = world.maintainer(backend.clone());
        assert_held(&by_hand(&maintainer).await, "protected");
        (TROUBLES[3].end)(&world);
        if !is_resumed {
            make_due(&maintainer);
        }
        drop(maintainer);
        serve_until_applied(&world, &backend, |maintainer| {
            if is_resumed {
                maintainer.resume("radio").unwrap();
            }
        })
        .await;
        assert_eq!((world.head(), backend.calls(Task::Propose)), (world.remote_head(), 1));
    }
}

#[tokio::test]
async fn a_rejected_change_does_not_wait_and_a_dry_run_does_not_take_its_place() {
    let world = World::new();
    (TROUBLES[1].begin)(&world);
    let maintainer = world.maintainer(backend());
    assert_held(&by_hand(&maintainer).await, "no linter here");
    let mut options = RunOptions::default();
    options.dry_run = true;
    let dry = maintainer.run_project("radio", Trigger::Manual, options).await.unwrap();
    assert!(matches!(outcome(&dry), Outcome::Skipped { .. }), "{dry:#?}");
    let proposal = waiting(&maintainer);
    maintainer.reject(&proposal.id.to_string(), "the linter is right").await.unwrap();
    make_sure_nothing_waits(&maintainer);
    let next = by_hand(&maintainer).await;
    assert!(!matches!(next.job, Job::Delivery { .. }), "{next:#?}");
}

fn make_sure_nothing_waits(maintainer: &Maintainer) {
    let state = maintainer.history().project("radio");
    assert!(state.held().next().is_none(), "{state:#?}");
}

// Where a run stands still until it is cut off, it keeps its thread.
#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_is_cut_off_goes_on_and_is_made_once() {
    for step in ["commit", "push", "restart"] {
        let (world, backend) = (World::new(), backend());
        (TROUBLES[3].begin)(&world);
        let maintainer = world.maintainer(backend.clone());
        assert_held(&by_hand(&maintainer).await, "protected");
        let proposal = waiting(&maintainer);
        drop(maintainer);
        (TROUBLES[3].end)(&world);
        run_and_cut_off(&world, backend.clone(), begins(step, 1)).await;
        let maintainer = world.maintainer(backend.clone());
        let record = by_hand(&maintainer).await;
        assert!(record.outcome.as_ref().is_some_and(Outcome::is_success), "{step}: {record:#?}");
        let status = maintainer.history().proposal(proposal.id).unwrap().unwrap().status;
        assert!(matches!(status, ProposalStatus::Applied { .. }), "{step}: {status}");
        assert_eq!(world.head(), world.remote_head(), "{step}");
        assert_eq!(world.git(&["rev-list", "--count", "HEAD"]), "2", "{step}");
        assert_eq!(backend.calls(Task::Propose), 1, "{step}");
    }
}

#[tokio::test]
async fn what_is_refused_after_a_restart_is_taken_back_and_waits_for_a_person() {
    let steps = ["propose", "apply", "verify", "commit", "restart", "monitor", "push"];
    let (world, backend) = (World::new().with_service().with_steps(&steps), backend());
    (TROUBLES[3].begin)(&world);
    let maintainer = world.maintainer(backend.clone());
    let base = world.head();
    let record = by_hand(&maintainer).await;
    assert!(
        matches!(&record.outcome, Some(Outcome::RolledBack { reason }) if reason.contains("the branch is protected")),
        "{record:#?}"
    );
    let (proposal, restarts) = (waiting(&maintainer), world.restarts());
    assert!(proposal.blocked.is_none() && proposal.status.to_string().contains("taken back"));
    assert_eq!(world.head(), base);
    // The service is not restarted in vain by each slot.
    by_slot(&maintainer).await;
    assert_eq!(world.restarts(), restarts);
    (TROUBLES[3].end)(&world);
    assert_applied(&maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap());
    assert_eq!((world.head(), backend.calls(Task::Propose)), (world.remote_head(), 1));
}
