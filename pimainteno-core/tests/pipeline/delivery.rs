//! What a run delivers.

use pimainteno_core::{
    Edit, Job, Outcome, ProposalStatus, RunOptions, StepStatus, Task, Trigger,
    config::RestartConfig,
    testing::{RecordingSink, Scripted, ScriptedBackend},
};

use crate::support::{World, git, outcome};

/// A backend that corrects the project's misspelling by editing.
fn editor() -> ScriptedBackend {
    let content = "# Radio\n\nPlays music.\n".into();
    ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Summarize, Scripted::Text("# Radio\n\nA radio.".into()))
        .answer(
            Task::Propose,
            Scripted::Edit {
                path: "README.md".into(),
                content,
                text: "docs: spell music\n\nIt was wrong.".into(),
            },
        )
}

#[tokio::test]
async fn an_edit_ends_as_a_verified_commit_at_the_remote_and_in_the_checkout() {
    let world = World::new().with_service();
    let base = world.head();
    let (backend, sink) = (editor(), RecordingSink::default());
    let maintainer = world.builder(backend.clone()).events(sink.clone()).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    let Outcome::Applied { commit } = outcome(&records) else { panic!("{records:#?}") };
    assert_eq!((&*world.head(), &*world.remote_head()), (&**commit, &**commit));
    assert_eq!(world.git(&["rev-parse", "HEAD^"]), base);
    assert_eq!(world.read("README.md"), "# Radio\n\nPlays music.\n");
    let message = world.git(&["show", "--no-patch", "--format=%an%n%B", "HEAD"]);
    assert_eq!(
        message,
        format!("Ada\ndocs: spell music\n\nIt was wrong.\n\nPiMainteno-Run: {}", records[0].id)
    );
    assert_eq!(world.restarts(), 1);
    let steps: Vec<_> =
        records[0].steps.iter().map(|step| (step.name.as_str(), step.status)).collect();
    let names = ["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"];
    assert_eq!(steps, names.map(|name| (name, StepStatus::Done)));
    let proposal = maintainer.proposal_of(records[0].id).unwrap().unwrap();
    assert_eq!(proposal.status, ProposalStatus::Applied { commit: commit.clone() });
    assert!(sink.events().len() > 16, "{:#?}", sink.events());
    assert_eq!(records[0].usage.calls, 2);
    assert_eq!(
        maintainer.history().commit_messages("radio").unwrap(),
        ["docs: spell music\n\nIt was wrong."]
    );
}

#[tokio::test]
async fn a_diff_in_the_reply_ends_the_same_way() {
    let world = World::new();
    let reply = "docs: spell music\n\n```diff\n--- a/README.md\n+++ b/README.md\n@@ -1,3 +1,3 @@\n # Radio\n \n-Plays musik.\n+Plays music.\n```\n";
    let backend = ScriptedBackend::new("scripted", Edit::Reply)
        .answer(Task::Propose, Scripted::Text(reply.into()));
    let records = world.maintainer(backend).run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(git(&world.remote(), &["show", "main:README.md"]), "# Radio\n\nPlays music.");
    assert_eq!(world.git(&["show", "--no-patch", "--format=%s"]), "docs: spell music");
}

#[tokio::test]
async fn a_second_scan_asks_nobody_and_stores_nothing() {
    let world = World::new();
    let backend = editor();
    let maintainer = world.maintainer(backend.clone());
    maintainer.run_once().await.unwrap();
    let asked = backend.requests().len();
    let records = maintainer.run_once().await.unwrap();
    assert_eq!(
        *outcome(&records),
        Outcome::Skipped { reason: "nothing changed since the last run".into() }
    );
    assert_eq!(backend.requests().len(), asked);
    assert_eq!(maintainer.history().runs(Some("radio"), 10).unwrap().len(), 1);
    // Nor does another process that finds the same state.
    drop(maintainer);
    let records = world.maintainer(backend.clone()).run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Skipped { .. }), "{records:#?}");
    assert_eq!(backend.requests().len(), asked);
}

#[tokio::test]
async fn a_commit_of_somebody_else_is_summarized_from_what_changed() {
    let world = World::new();
    let backend =
        editor().answer(Task::Summarize, Scripted::Text("# Radio\n\nA louder radio.".into()));
    let maintainer = world.maintainer(backend.clone());
    maintainer.run_once().await.unwrap();
    assert!(world.read("codex.md").contains("A radio."));
    world.write("src/play.sh", "#!/bin/sh\necho LOUD\n");
    world.git(&["commit", "--quiet", "--all", "--message", "louder"]);
    world.git(&["push", "--quiet"]);
    maintainer.run_once().await.unwrap();
    let requests = backend.requests();
    let second = requests.iter().filter(|request| request.task == Task::Summarize).nth(1).unwrap();
    assert!(
        second.prompt.contains("A radio.")
            && second.prompt.contains("+echo LOUD")
            && second.prompt.contains(" louder\n")
            && !second.prompt.contains("Read what you need"),
        "{}",
        second.prompt
    );
    assert!(world.read("codex.md").contains("A louder radio."));
    assert_eq!(world.git(&["status", "--porcelain"]), "", "the summary is kept out of Git");
}

#[tokio::test]
async fn an_unhealthy_change_is_taken_back_by_a_run_of_its_own() {
    let world = World::new().with_service();
    let content = "# Radio\n\nbroken\n".into();
    let backend = ScriptedBackend::new("scripted", Edit::Workspace).answer(
        Task::Propose,
        Scripted::Edit { path: "README.md".into(), content, text: "docs: break it".into() },
    );
    let maintainer = world.maintainer(backend);
    let base = world.head();
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::RolledBack { .. }), "{records:#?}");
    assert_eq!(world.read("README.md"), "# Radio\n\nPlays musik.\n");
    assert_eq!(world.head(), world.remote_head());
    assert_eq!(
        world.git(&["log", "--format=%s"]),
        "Revert \"docs: break it\"\ndocs: break it\nfirst"
    );
    assert_eq!(world.git(&["diff", "--stat", &base, "HEAD"]), "");
    assert_eq!(world.restarts(), 2);
    let runs = maintainer.history().runs(Some("radio"), 10).unwrap();
    let rollback = runs
        .iter()
        .find(|run| matches!(run.job, Job::Reversal { of } if of == records[0].id))
        .unwrap();
    assert_eq!(records[0].rolled_back_by, Some(rollback.id));
    // And it is not tried again.
    assert!(matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { .. }));
}

#[tokio::test]
async fn an_unhealthy_change_that_was_not_pushed_never_leaves_the_machine() {
    let mut world = World::new().with_service();
    let steps = ["propose", "apply", "verify", "commit", "restart", "monitor", "push"];
    world.project.steps =
        Some(steps.map(|step| pimainteno_core::config::StepConfig::Named(step.into())).to_vec());
    let content = "# Radio\n\nbroken\n".into();
    let backend = ScriptedBackend::new("scripted", Edit::Workspace).answer(
        Task::Propose,
        Scripted::Edit { path: "README.md".into(), content, text: "docs: break it".into() },
    );
    let before = world.seen_from_outside();
    let records = world.maintainer(backend).run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::RolledBack { .. }), "{records:#?}");
    assert_eq!(world.seen_from_outside(), before);
    assert_eq!(world.restarts(), 2);
}

#[tokio::test]
async fn a_branch_that_moved_at_the_remote_is_built_upon() {
    let world = World::new();
    world.commit_at_remote("NEWS", "news\n");
    let records = world.maintainer(editor()).run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(world.git(&["log", "--format=%s"]), "docs: spell music\nNEWS\nfirst");
    assert_eq!(world.head(), world.remote_head());
    let verified = records[0].steps.iter().filter(|step| step.name == "verify").count();
    assert_eq!(verified, 2, "the change is verified again on the new base");
}

#[tokio::test]
async fn a_dry_run_changes_nothing_that_can_be_seen() {
    let world = World::new().with_service();
    let before = world.seen_from_outside();
    let mut options = RunOptions::default();
    options.dry_run = true;
    let maintainer = world.maintainer(editor());
    let record = maintainer.run_project("radio", Trigger::Manual, options).await.unwrap().remove(0);
    assert!(matches!(record.outcome, Some(Outcome::Held { .. })), "{record:#?}");
    assert_eq!(world.seen_from_outside(), before);
    assert_eq!(world.restarts(), 0);
    assert!(maintainer.proposal_of(record.id).unwrap().unwrap().diff.contains("+Plays music."));
}

#[tokio::test]
async fn where_nobody_restarts_units_none_is_said_to_be_restarted_or_watched() {
    let mut world = World::new();
    world.project.units = Some(vec!["radio.service".parse().unwrap()]);
    world.project.restart = RestartConfig::None;
    world.project.probation = Some(std::time::Duration::from_secs(600));
    let sink = RecordingSink::default();
    let maintainer = world.builder(editor()).events(sink.clone()).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    let step = |name: &str| records[0].steps.iter().find(|step| step.name == name).unwrap();
    let note = &step("restart").note;
    assert!(note.ends_with("nothing is restarted: `restart` is \"none\""), "{note}");
    assert_eq!(step("monitor").status, StepStatus::Skipped);
}
