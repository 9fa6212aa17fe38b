//! How a change comes into the files: where it fits, after one more question where it does not, or
//! not at all.

use std::fs;

use async_trait::async_trait;
use pimainteno_core::{
    Call, Edit, LlmBackend, Outcome, Reply, Request, Result, RunRecord, Task,
    config::{Globs, Mode},
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{World, outcome};

const TWO_SHOWS: &str = "# Radio\n\n## Morning\n\nPlays musik.\nUntil noon.\n\n## Evening\n\nPlays musik.\nUntil noon.\n";

/// A backend that answers with text: `first` when it is asked for a change, and `again` when it is
/// asked for it once more.
fn backend(first: &str, again: &[&str]) -> ScriptedBackend {
    let backend = ScriptedBackend::new("scripted", Edit::Reply)
        .answer(Task::Propose, Scripted::Text(first.into()));
    again.iter().fold(backend, |backend, answer| {
        backend.answer(Task::Rebase, Scripted::Text((*answer).into()))
    })
}

/// A diff of the README in a reply with a subject.
fn reply(hunk: &str) -> String {
    format!("docs: spell music\n\n```diff\n--- a/README.md\n+++ b/README.md\n{hunk}```\n")
}

fn two_shows() -> World {
    let world = World::new();
    world.write("README.md", TWO_SHOWS);
    world.commit("two shows");
    world.git(&["push", "--quiet"]);
    world
}

async fn run(world: &World, backend: &ScriptedBackend) -> Vec<RunRecord> {
    world.maintainer(backend.clone()).run_once().await.unwrap()
}

#[track_caller]
fn assert_applied(records: &[RunRecord]) {
    assert!(matches!(outcome(records), Outcome::Applied { .. }), "{records:#?}");
}

#[tokio::test]
async fn a_reply_with_damaged_context_is_placed_where_it_is_meant() {
    let world = two_shows();
    // The numbers are invented, the blank line is lost, and the marker of context too.
    let backend = backend(
        &reply("@@ -70,9 +70,9 @@\n## Evening\n-Plays musik.\n+Plays music.\n Until  noon.\n"),
        &[],
    );
    let records = run(&world, &backend).await;
    assert_applied(&records);
    let (morning, evening) = TWO_SHOWS.split_once("## Evening").unwrap();
    assert_eq!(
        world.read("README.md"),
        format!("{morning}## Evening{}", evening.replace("musik", "music"))
    );
    assert_eq!(world.git(&["log", "-1", "--format=%s"]), "docs: spell music");
    assert_eq!(backend.calls(Task::Rebase), 0);
}

#[tokio::test]
async fn a_change_that_fits_two_places_is_asked_for_once_more_and_lands() {
    let world = two_shows();
    // The second answer comes without a subject.
    let again = "```diff\n--- a/README.md\n+++ b/README.md\n@@ -8,4 +8,4 @@\n ## Evening\n \n-Plays musik.\n+Plays music.\n Until noon.\n```\n";
    let backend =
        backend(&reply("@@ ... @@\n-Plays musik.\n+Plays music.\n Until noon.\n"), &[again]);
    let maintainer = world.maintainer(backend.clone());
    let records = maintainer.run_once().await.unwrap();
    assert_applied(&records);
    assert_eq!(world.read("README.md").lines().filter(|line| line.contains("music")).count(), 1);
    assert_eq!(world.read("README.md").lines().nth(9), Some("Plays music."));
    assert_eq!(world.git(&["log", "-1", "--format=%s"]), "docs: spell music");
    let requests = backend.requests();
    let request = requests.iter().find(|request| request.task == Task::Rebase).unwrap();
    for told in [
        "at lines 5, 10",
        "    5  Plays musik.\n",
        "    8  ## Evening\n",
        "   10  Plays musik.\n",
        "+Plays music.",
    ] {
        assert!(request.prompt.contains(told), "no {told:?} in {}", request.prompt);
    }
    assert_eq!((request.edit, backend.calls(Task::Rebase)), (Edit::Reply, 1));
    // What was paid for is journalled and counted.
    let journal = format!("{:?}", maintainer.history().run_journal(records[0].id).unwrap());
    assert!(journal.contains("task: Rebase"), "{journal}");
    assert_eq!(u64::try_from(requests.len()).unwrap(), records[0].usage.calls);
}

/// Answers with a diff apart from the text, whatever is asked.
#[derive(Debug)]
struct Apart(String);

#[async_trait]
impl LlmBackend for Apart {
    fn name(&self) -> &str {
        "scripted"
    }

    fn edit(&self) -> Edit {
        Edit::Reply
    }

    async fn complete(&self, _: &Request, _: &Call) -> Result<Reply> {
        let mut reply = Reply::new("docs: spell music");
        reply.diff = Some(self.0.clone());
        Ok(reply)
    }
}

/// Git would take the place that is nearest to the line number.
#[tokio::test]
async fn a_diff_apart_from_the_text_is_placed_as_carefully() {
    let diff = |hunk: &str| format!("--- a/README.md\n+++ b/README.md\n{hunk}");
    let world = two_shows();
    let records = world
        .maintainer(Apart(diff("@@ -7,2 +7,2 @@\n-Plays musik.\n+Plays music.\n Until noon.\n")))
        .run_once()
        .await
        .unwrap();
    let Outcome::Failed { message, .. } = outcome(&records) else { panic!("{records:#?}") };
    assert!(message.contains("at lines 5, 10"), "{message}");
    assert_eq!(world.read("README.md"), TWO_SHOWS);
    let world = two_shows();
    let exact = diff("@@ -10,2 +10,2 @@\n-Plays musik.\n+Plays music.\n Until noon.\n");
    assert_applied(&world.maintainer(Apart(exact)).run_once().await.unwrap());
    assert_eq!(world.read("README.md").lines().nth(9), Some("Plays music."));
    assert_eq!(world.git(&["log", "-1", "--format=%s"]), "docs: spell music");
}

#[tokio::test]
async fn a_change_that_is_refused_twice_fails_the_run_with_both_reasons() {
    let world = two_shows();
    let (first, again) = (
        reply("@@ ... @@\n-Plays musik.\n+Plays music.\n"),
        reply("@@ -1 +1 @@\n-Plays jazz and soul.\n+Plays jazz.\n"),
    );
    // A third answer is there and is not asked for.
    let backend = backend(&first, &[&again, &reply("@@ -1 +1 @@\n-# Radio\n+# Music\n")]);
    let before = world.seen_from_outside();
    let records = run(&world, &backend).await;
    let Outcome::Failed { step, message } = outcome(&records) else { panic!("{records:#?}") };
    assert_eq!((step.as_str(), backend.calls(Task::Rebase)), ("apply", 1));
    for told in [
        "README.md, hunk 1: its lines stand in 2 places, at lines 5, 10",
        "refused again: README.md, hunk 1",
        "more unchanged lines",
    ] {
        assert!(message.contains(told), "no {told:?} in {message}");
    }
    assert_eq!(world.seen_from_outside(), before);
}

/// More context would help none of them.
#[tokio::test]
async fn what_is_asked_for_once_more_is_what_would_mend_it() {
    let change = reply("@@ -5 +5 @@\n-Plays musik.\n+Plays music.\n");
    let other = "--- a/NEWS.md\n+++ b/NEWS.md\n@@ -1 +1 @@\n-a\n+b\n".to_owned();
    let rows = [
        (format!("NO CHANGE\n\n{change}"), "one change", "Give one change"),
        (
            format!("Option A\n\n{change}\nOption B\n\n{}", change.replace("music", "jazz")),
            "one change",
            "Give one change",
        ),
        (
            format!("{change}\n```sh\ngit mv README.md a.md\n```\n"),
            "moves and removes",
            "`rename from` and `rename to`",
        ),
        (other, "by the paths that they have", "look whether it is there"),
        (
            reply("@@ -1 +1 @@\n-Plays jazz and soul.\n+Plays jazz.\n"),
            "as the file has them",
            "exactly as they are in the file",
        ),
    ];
    for (text, hint, advice) in &rows {
        let world = two_shows();
        let backend = backend(text, &["I cannot."]);
        let records = run(&world, &backend).await;
        let Outcome::Failed { message, .. } = outcome(&records) else { panic!("{records:#?}") };
        assert!(message.contains(hint) && !message.contains("more unchanged lines"), "{message}");
        let requests = backend.requests();
        let again = requests.iter().find(|request| request.task == Task::Rebase).unwrap();
        assert!(again.prompt.contains(advice), "{}", again.prompt);
        assert!(!again.prompt.contains("Copy the lines around"), "{}", again.prompt);
    }
}

#[tokio::test]
async fn a_backend_that_cannot_answer_once_more_leaves_the_first_reason() {
    for answer in [
        None,
        Some(Scripted::Failure("no such task".into())),
        Some(Scripted::Text("I cannot.".into())),
    ] {
        let world = two_shows();
        let mut backend = backend(&reply("@@ ... @@\n-Plays musik.\n+Plays music.\n"), &[]);
        if let Some(answer) = answer {
            backend = backend.answer(Task::Rebase, answer);
        }
        let records = run(&world, &backend).await;
        let Outcome::Failed { step, message } = outcome(&records) else { panic!("{records:#?}") };
        assert!(
            step == "apply" && message.contains("at lines 5, 10") && !message.contains("once more"),
            "{message}"
        );
    }
    // There may be nothing to change any more.
    let world = two_shows();
    let records =
        run(&world, &backend(&reply("@@ ... @@\n-Plays musik.\n+Plays music.\n"), &["NO CHANGE"]))
            .await;
    assert_eq!(outcome(&records), &Outcome::NoChange);
}

#[tokio::test]
async fn what_is_edited_while_a_change_is_asked_for_once_more_is_not_in_it() {
    let world = two_shows();
    let stray = Scripted::Edit {
        path: "stray".into(),
        content: "x\n".into(),
        text: reply("@@ -1 +1 @@\n-# Radio\n+# Music\n"),
    };
    let backend = backend(&reply("@@ ... @@\n-Plays musik.\n+Plays music.\n"), &[])
        .answer(Task::Rebase, stray);
    assert_applied(&run(&world, &backend).await);
    assert_eq!(world.git(&["show", "--format=", "--name-only"]), "README.md");
}

#[tokio::test]
async fn a_placed_change_keeps_to_protected_and_allowed_files() {
    let damaged = reply("@@ -70,9 +70,9 @@\n## Evening\n-Plays musik.\n+Plays music.\n");
    let globs = |glob: &str| Globs::compile([glob]).unwrap();
    for (protect, allow) in [(globs("*.md"), Globs::default()), (Globs::default(), globs("src/**"))]
    {
        let mut world = two_shows();
        (world.project.protect, world.project.allow) = (protect, allow);
        let before = world.seen_from_outside();
        let records = run(&world, &backend(&damaged, &[])).await;
        assert!(
            matches!(outcome(&records), Outcome::Rejected { reason } if reason.contains("README.md")),
            "{records:#?}"
        );
        assert_eq!(world.seen_from_outside(), before);
    }
}

#[tokio::test]
async fn what_git_ignores_is_committed_if_the_change_makes_it_and_left_alone_if_it_was_there() {
    let mut world = World::new();
    world.write(".gitignore", "*.log\n");
    world.commit("ignore");
    world.git(&["push", "--quiet"]);
    // What is ignored is of no known kind.
    world.project.hold = Some(Globs::default());
    // A check leaves a file that is ignored, and that outlasts the run.
    world.project.verify = vec!["echo built > build.log; test -f README.md".into()];
    let create =
        |file: &str| format!("docs: add\n\n--- /dev/null\n+++ b/{file}\n@@ -0,0 +1 @@\n+kept\n");
    let records = run(&world, &backend(&create("kept.log"), &[])).await;
    assert_applied(&records);
    assert_eq!(world.git(&["show", "HEAD:kept.log"]), "kept");
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    let change =
        "docs: change\n\n--- a/build.log\n+++ b/build.log\n@@ -1 +1 @@\n-built\n+changed\n";
    let records = run(&world, &backend(change, &[])).await;
    assert!(
        matches!(outcome(&records), Outcome::Failed { message, .. } if message.contains("not the project's")),
        "{records:#?}"
    );
}

#[tokio::test]
async fn a_held_change_whose_file_moved_is_placed_by_what_is_around_it() {
    let mut world = two_shows();
    world.project.mode = Mode::Review;
    let edited = TWO_SHOWS.replacen("## Evening\n\nPlays musik.", "## Evening\n\nPlays music.", 1);
    let backend = ScriptedBackend::new("scripted", Edit::Workspace).answer(
        Task::Propose,
        Scripted::Edit {
            path: "README.md".into(),
            content: edited,
            text: "docs: spell music".into(),
        },
    );
    let maintainer = world.maintainer(backend.clone());
    let records = maintainer.run_once().await.unwrap();
    let proposal = maintainer.proposal_of(records[0].id).unwrap().unwrap();
    // A new morning pushes the old one to where the evening was.
    let longer = TWO_SHOWS.replacen("# Radio\n", "# Radio\n\n## Dawn\n\nSilence.\nUntil six.\n", 1);
    fs::write(world.path().join("README.md"), longer).unwrap();
    world.commit("dawn");
    world.git(&["push", "--quiet"]);
    let record = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap();
    assert!(
        matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("changed since it was approved")),
        "{record:#?}"
    );
    let placed = maintainer.proposal_of(record.id).unwrap().unwrap();
    assert!(
        placed.diff.contains(" ## Evening\n \n-Plays musik.\n+Plays music.\n"),
        "{}",
        placed.diff
    );
    assert_eq!(backend.calls(Task::Rebase), 0);
}
