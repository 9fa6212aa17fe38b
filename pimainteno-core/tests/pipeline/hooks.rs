//! Hooks of a commit that change what is committed, as formatters do.

use std::{fs, os::unix::fs::PermissionsExt as _};

use pimainteno_core::{
    Outcome, RunRecord,
    config::{HooksMode, Mode},
};

use crate::support::{Agent, World, git, outcome};

/// Adds a line to the file once, and tells Git of it.
const ADDS: &str =
    "grep -q formatted README.md || { echo formatted >> README.md; git add README.md; }";

/// The same, and has a person look at it, as many formatters do.
const REFUSES: &str = "grep -q formatted README.md && exit 0; echo formatted >> README.md; echo files were modified; exit 1";

fn world(script: &str, hooks: HooksMode) -> World {
    let mut world = World::new();
    world.project.hooks = hooks;
    world.project.verify = vec!["echo x >> ../../../verified; test -f README.md".into()];
    let hook = world.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    world
}

fn agent() -> Agent {
    Agent::writes("README.md", "# Radio\n")
}

fn entered(record: &RunRecord) -> Vec<&str> {
    record.steps.iter().map(|step| step.name.as_str()).collect()
}

#[tokio::test]
async fn what_a_hook_makes_of_the_files_of_the_change_is_part_of_it_where_the_project_says_so() {
    for script in [ADDS, REFUSES] {
        let world = world(script, HooksMode::Amend);
        let maintainer = world.maintainer(agent());
        let record = maintainer.run_once().await.unwrap().remove(0);
        assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
        assert_eq!(world.read("README.md"), "# Radio\nformatted\n");
        assert_eq!(git(&world.remote(), &["show", "main:README.md"]), "# Radio\nformatted");
        assert_eq!(
            entered(&record)[2..],
            [
                "apply", "verify", "commit", "apply", "verify", "commit", "push", "restart",
                "monitor"
            ]
        );
        // What is committed is stored, bound and allowed as it is.
        let proposal = maintainer.proposal_of(record.id).unwrap().unwrap();
        assert!(proposal.diff.contains("+formatted"), "{}", proposal.diff);
        let journal = format!("{:?}", maintainer.history().run_journal(record.id).unwrap());
        let allowed = format!("commit is allowed for the diff {}", proposal.sha256);
        assert!(journal.contains(&allowed), "{journal}");
        assert_eq!(world.git(&["rev-list", "--count", "HEAD"]), "2");
    }
}

#[tokio::test]
async fn without_leave_it_is_said_what_the_hook_did_and_which_key_helps() {
    for (script, said) in [
        (ADDS, "is not what was verified: `README.md`"),
        (REFUSES, "files were modified; it edited `README.md`"),
    ] {
        let world = world(script, HooksMode::Sandbox);
        let before = world.seen_from_outside();
        let records = world.maintainer(agent()).run_once().await.unwrap();
        assert!(
            matches!(outcome(&records), Outcome::Held { reason } if reason.contains(said) && reason.contains("`hooks = \"amend\"`")),
            "{records:#?}"
        );
        assert_eq!(world.seen_from_outside(), before);
    }
}

#[tokio::test]
async fn a_hook_that_goes_beyond_the_change_or_never_ends_has_it_wait() {
    for (script, said) in [
        ("echo more >> src/play.sh; git add src/play.sh", "`src/play.sh`"),
        ("echo more >> README.md; git add README.md", "each time that it is placed"),
        ("echo not so; exit 1", "not so"),
    ] {
        let world = world(script, HooksMode::Amend);
        let before = world.seen_from_outside();
        let records = world.maintainer(agent()).run_once().await.unwrap();
        assert!(
            matches!(outcome(&records), Outcome::Held { reason } if reason.contains(said)),
            "{records:#?}"
        );
        assert_eq!(world.seen_from_outside(), before);
    }
}

#[tokio::test]
async fn what_a_hook_made_of_an_approved_change_is_looked_at_again() {
    let mut world = world(ADDS, HooksMode::Amend);
    world.project.mode = Mode::Review;
    let maintainer = world.maintainer(agent());
    let held = maintainer.run_once().await.unwrap().remove(0);
    let first = maintainer.proposal_of(held.id).unwrap().unwrap();
    let again = maintainer.approve(&first.id.to_string(), &first.sha256).await.unwrap();
    assert!(
        matches!(&again.outcome, Some(Outcome::Held { reason }) if reason.contains("`commit` made another change")),
        "{again:#?}"
    );
    let second = maintainer.proposal_of(again.id).unwrap().unwrap();
    assert!(second.sha256 != first.sha256 && second.diff.contains("+formatted"), "{second:#?}");
    let record = maintainer.approve(&second.id.to_string(), &second.sha256).await.unwrap();
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert_eq!(world.read("README.md"), "# Radio\nformatted\n");
}
