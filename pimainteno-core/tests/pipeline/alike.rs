//! What somebody else has done meanwhile, too, is not done twice, is no failure, and costs nothing.

use std::fs;

use pimainteno_core::{
    Edit, Outcome, ProposalStatus, RunRecord, Task,
    config::Mode,
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{Agent, World, git};

const LIST: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n";

/// What we do, what others did meanwhile, and what comes of it: nothing, if that is the same.
type Case = (&'static str, fn(&World), fn(&std::path::Path), Option<(&'static str, &'static str)>);

fn appended(more: &str) -> String {
    format!("{LIST}{more}")
}

fn write(workspace: &std::path::Path, file: &str, text: &str) {
    fs::write(workspace.join(file), text).unwrap();
}

const CASES: [Case; 9] = [
    (
        "a line at the end",
        |world| world.commit_at_remote("LIST.md", &appended("nine\n")),
        |tree| write(tree, "LIST.md", &appended("nine\n")),
        None,
    ),
    (
        "a line at the end, and others after it",
        |world| world.commit_at_remote("LIST.md", &appended("nine\nten\n")),
        |tree| write(tree, "LIST.md", &appended("nine\n")),
        None,
    ),
    (
        "a line at the end, and others before it",
        |world| world.commit_at_remote("LIST.md", &appended("ten\nnine\n")),
        |tree| write(tree, "LIST.md", &appended("nine\n")),
        None,
    ),
    (
        "a line in the middle",
        |world| world.commit_at_remote("LIST.md", &LIST.replace("four\n", "four\nand a half\n")),
        |tree| write(tree, "LIST.md", &LIST.replace("four\n", "four\nand a half\n")),
        None,
    ),
    (
        "a file of the same content",
        |world| world.commit_at_remote("NEW.md", "new\n"),
        |tree| write(tree, "NEW.md", "new\n"),
        None,
    ),
    (
        "a line that is taken out",
        |world| world.commit_at_remote("LIST.md", &LIST.replace("four\n", "")),
        |tree| write(tree, "LIST.md", &LIST.replace("four\n", "")),
        None,
    ),
    (
        "one of two files",
        |world| world.commit_at_remote("LIST.md", &appended("nine\n")),
        |tree| {
            write(tree, "LIST.md", &appended("nine\n"));
            write(tree, "README.md", "# Radio\n");
        },
        Some(("README.md", "# Radio\n")),
    ),
    (
        "one of two places in a file",
        |world| world.commit_at_remote("LIST.md", &appended("nine\n")),
        |tree| write(tree, "LIST.md", &format!("zero\n{LIST}nine\n")),
        Some(("LIST.md", "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\n")),
    ),
    (
        "another line that says the same again",
        |world| world.commit_at_remote("LIST.md", &format!("zero\n{LIST}")),
        |tree| write(tree, "LIST.md", &appended("eight\n")),
        Some(("LIST.md", "zero\none\ntwo\nthree\nfour\nfive\nsix\nseven\neight\neight\n")),
    ),
];

fn world() -> World {
    let world = World::new();
    world.write("LIST.md", LIST);
    world.commit("a list");
    world.git(&["push", "--quiet"]);
    world
}

fn assert_came_of_it(
    name: &str,
    world: &World,
    record: &RunRecord,
    status: &ProposalStatus,
    remote: &str,
    expected: Option<(&str, &str)>,
) {
    match expected {
        None => {
            assert_eq!(record.outcome, Some(Outcome::NoChange), "{name}: {record:#?}");
            assert_eq!(
                (status, world.remote_head().as_str()),
                (&ProposalStatus::Obsolete, remote),
                "{name}"
            );
        }
        Some((file, text)) => {
            assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{name}: {record:#?}");
            assert_eq!(
                git(&world.remote(), &["show", &format!("main:{file}")]) + "\n",
                text,
                "{name}"
            );
        }
    }
}

#[tokio::test]
async fn a_push_that_comes_too_late_does_nothing_twice() {
    for (name, theirs, ours, expected) in CASES {
        let world = world();
        theirs(&world);
        let remote = world.remote_head();
        let maintainer = world.maintainer(Agent::new(ours));
        let record = maintainer.run_once().await.unwrap().remove(0);
        let proposal = maintainer.proposal_of(record.id).unwrap().unwrap();
        assert_came_of_it(name, &world, &record, &proposal.status, &remote, expected);
    }
}

#[tokio::test]
async fn an_approval_that_comes_too_late_does_nothing_twice() {
    for (name, theirs, ours, expected) in CASES.into_iter().filter(|case| case.3.is_none()) {
        let mut world = world();
        world.project.mode = Mode::Review;
        let maintainer = world.maintainer(Agent::new(ours));
        let held = maintainer.run_once().await.unwrap().remove(0);
        let proposal = maintainer.proposal_of(held.id).unwrap().unwrap();
        theirs(&world);
        world.git(&["pull", "--quiet"]);
        let remote = world.remote_head();
        let record = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap();
        let status = maintainer.history().proposal(proposal.id).unwrap().unwrap().status;
        assert_came_of_it(name, &world, &record, &status, &remote, expected);
    }
}

#[tokio::test]
async fn a_reply_that_says_what_the_file_says_is_no_change_and_nobody_is_asked_again() {
    for hunk in [
        "@@ -6,2 +6,3 @@\n six\n seven\n+eight and more\n",
        "@@ -1,3 +1,4 @@\n one\n two\n+and a half\n three\n",
    ] {
        let world = world();
        world.write(
            "LIST.md",
            "one\ntwo\nand a half\nthree\nfour\nfive\nsix\nseven\neight and more\n",
        );
        world.commit("more");
        world.git(&["push", "--quiet"]);
        let hunk = hunk.replace("-6,2 +6,3", "-7,2 +7,3");
        let reply = format!("docs: more\n\n```diff\n--- a/LIST.md\n+++ b/LIST.md\n{hunk}```\n");
        let backend = ScriptedBackend::new("scripted", Edit::Reply)
            .answer(Task::Propose, Scripted::Text(reply));
        let record = world.maintainer(backend.clone()).run_once().await.unwrap().remove(0);
        assert_eq!(record.outcome, Some(Outcome::NoChange), "{record:#?}");
        assert_eq!(backend.calls(Task::Rebase), 0);
    }
}
