//! Agents, checks, users and remotes that do what they should not, at the wrong moment.

use std::{
    fs,
    path::Path,
    sync::{Arc, OnceLock},
    time::Duration,
};

use pimainteno_core::{
    Edit, Event, EventKind, Maintainer, Outcome, RunOptions, RunRecord, Task, Trigger,
    config::{Globs, HealthConfig},
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{Agent, World, git, outcome};

fn shorten() -> Agent {
    Agent::writes("README.md", "# Radio\n")
}

fn breaking() -> Agent {
    Agent::writes("README.md", "# Radio\n\nbroken\n")
}

async fn run(world: &World, agent: Agent) -> Vec<RunRecord> {
    world.maintainer(agent).run_once().await.unwrap()
}

/// Runs once, and does `what` the first time that `step` begins.
async fn run_and_at(
    world: &World,
    agent: Agent,
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
    world.builder(agent).events(sink).build().unwrap().run_once().await.unwrap()
}

fn is_applied(records: &[RunRecord]) -> bool {
    matches!(outcome(records), Outcome::Applied { .. })
}

#[tokio::test]
async fn what_an_agent_commits_by_itself_is_taken_as_its_edit() {
    let world = World::new();
    let base = world.head();
    let agent = Agent::new(|workspace| {
        fs::write(workspace.join("README.md"), "# Radio\n").unwrap();
        git(workspace, &["commit", "--quiet", "--all", "--message", "by the agent"]);
    });
    let records = run(&world, agent).await;
    assert!(is_applied(&records), "{records:#?}");
    assert_eq!(world.git(&["rev-parse", "HEAD^"]), base, "there is our commit and no other");
}

#[tokio::test]
async fn an_agent_that_switches_to_a_branch_does_not_move_it() {
    let world = World::new();
    world.git(&["switch", "--quiet", "--create", "feature"]);
    world.write("feature.txt", "work of weeks\n");
    world.commit("feature");
    world.git(&["switch", "--quiet", "main"]);
    let feature = world.git(&["rev-parse", "feature"]);
    let agent = Agent::new(|workspace| {
        git(workspace, &["switch", "--quiet", "feature"]);
        fs::write(workspace.join("README.md"), "# Radio\n").unwrap();
    });
    let records = run(&world, agent).await;
    assert_eq!(world.git(&["rev-parse", "feature"]), feature, "{records:#?}");
}

#[tokio::test]
async fn a_git_file_that_an_agent_wrote_is_not_used() {
    let world = World::new();
    let agent = Agent::new(|workspace| {
        fs::remove_file(workspace.join(".git")).unwrap();
        git(workspace, &["init", "--quiet"]);
        git(workspace, &["config", "core.hooksPath", "evil"]);
        fs::write(workspace.join("README.md"), "# Radio\n").unwrap();
    });
    let records = run(&world, agent).await;
    assert!(is_applied(&records), "{records:#?}");
    assert!(
        world.root().join("state/workspaces/radio/.git").is_file(),
        "the link to the repository is put right"
    );
}

#[tokio::test]
async fn a_huge_file_that_an_agent_left_is_refused_and_not_stored() {
    let world = World::new();
    let agent = Agent::new(|workspace| {
        fs::write(workspace.join("README.md"), "# Radio\n").unwrap();
        let mut state = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        })
        .take(32 << 20)
        .collect();
        fs::write(workspace.join("core"), noise).unwrap();
    });
    let before = world.seen_from_outside();
    let records = run(&world, agent).await;
    assert!(
        matches!(outcome(&records), Outcome::Failed { message, .. } if message.contains("larger than")),
        "{records:#?}"
    );
    assert_eq!(world.seen_from_outside(), before);
    let loose = world.git(&["count-objects", "-v"]);
    let size =
        loose.lines().find_map(|line| line.strip_prefix("size: ")).unwrap().parse::<u64>().unwrap();
    assert!(size < 1024, "{size} KiB are left in the user's repository");
}

#[tokio::test]
async fn what_a_summarizing_agent_left_is_not_part_of_the_change() {
    let world = World::new();
    let edit = |path: &str, content: &str| Scripted::Edit {
        path: path.into(),
        content: content.into(),
        text: "docs: edit".into(),
    };
    let backend = ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Summarize, edit("scratch.txt", "notes\n"))
        .answer(Task::Propose, edit("README.md", "# Radio\n"));
    let records = world.maintainer(backend).run_once().await.unwrap();
    assert!(is_applied(&records), "{records:#?}");
    assert!(!world.path().join("scratch.txt").exists());
}

#[tokio::test]
async fn a_check_cannot_change_what_is_committed() {
    let checks = [
        "echo more >> README.md",
        "rm src/play.sh",
        "echo more >> README.md; git add README.md",
        "git -c user.name=E -c user.email=e@x commit --quiet --allow-empty -m sneaky",
        "git -c user.name=E -c user.email=e@x commit --quiet -a -m sneaky",
        "git reset --quiet --hard",
        "rm -f $(git rev-parse --git-dir)/index",
    ];
    for check in checks {
        let mut world = World::new();
        let base = world.head();
        world.project.verify.push(check.into());
        let records = run(&world, shorten()).await;
        assert!(is_applied(&records), "{check}: {records:#?}");
        assert_eq!(world.git(&["diff", "--stat", &base, "HEAD"]).lines().count(), 2, "{check}");
        assert_eq!(world.git(&["rev-parse", "HEAD^"]), base, "{check}");
        assert_eq!(world.read("README.md"), "# Radio\n", "{check}");
    }
}

#[tokio::test]
async fn a_change_of_which_nothing_could_be_checked_is_held() {
    let mut world = World::new();
    world.project.verify = vec!["no-such-compiler --build".into()];
    let before = world.seen_from_outside();
    let records = run(&world, shorten()).await;
    assert!(matches!(outcome(&records), Outcome::Held { .. }), "{records:#?}");
    assert_eq!(world.seen_from_outside(), before);
}

#[tokio::test]
async fn work_that_the_user_begins_during_a_run_stays() {
    let world = World::new();
    let file = world.path().join("README.md");
    let (base, remote) = (world.head(), world.remote_head());
    let records =
        run_and_at(&world, shorten(), "commit", move || fs::write(&file, "# My work\n").unwrap())
            .await;
    assert!(
        matches!(outcome(&records), Outcome::Held { reason } if reason.contains("uncommitted")),
        "{records:#?}"
    );
    assert_eq!(
        (world.read("README.md"), world.head(), world.remote_head()),
        ("# My work\n".into(), base, remote)
    );
    // Between push and restart, it costs a revert at the remote, never the work. Git itself would
    // move a checkout in which another file is modified.
    let world = World::new();
    let file = world.path().join("src/play.sh");
    let base = world.head();
    let records =
        run_and_at(&world, shorten(), "restart", move || fs::write(&file, "# My work\n").unwrap())
            .await;
    assert!(!outcome(&records).is_success(), "{records:#?}");
    assert_eq!((world.read("src/play.sh"), world.head()), ("# My work\n".into(), base));
}

#[tokio::test]
async fn a_commit_that_the_user_makes_during_a_run_is_neither_pushed_nor_lost() {
    let world = World::new();
    let remote = world.remote_head();
    let path = world.path().to_owned();
    let commit = move || {
        fs::write(path.join("mine.txt"), "mine\n").unwrap();
        git(&path, &["add", "mine.txt"]);
        git(&path, &["commit", "--quiet", "--message", "mine"]);
    };
    let records = run_and_at(&world, shorten(), "verify", commit).await;
    assert!(
        matches!(outcome(&records), Outcome::Held { reason } if reason.contains("the checkout moved")),
        "{records:#?}"
    );
    assert_eq!(
        (world.remote_head(), world.git(&["log", "--format=%s"])),
        (remote, "mine\nfirst".into())
    );
    // Once it is at the remote, ours goes on top of it.
    world.git(&["push", "--quiet"]);
    let records = run(&world, Agent::new(|_| panic!("nobody is asked"))).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert!(world.git(&["log", "--format=%s"]).ends_with("mine\nfirst"));
}

#[tokio::test]
async fn a_branch_that_the_user_switches_to_during_a_run_gets_nothing() {
    for step in ["verify", "restart"] {
        let world = World::new();
        world.git(&["branch", "--quiet", "other"]);
        world.git(&["push", "--quiet", "--set-upstream", "origin", "other"]);
        let (base, path) = (world.head(), world.path().to_owned());
        let records = run_and_at(&world, shorten(), step, move || {
            drop(git(&path, &["switch", "--quiet", "other"]));
        })
        .await;
        match outcome(&records) {
            Outcome::Held { reason } => {
                assert!(step == "verify" && reason.contains("switched"), "{reason}");
            }
            outcome => assert!(step == "restart" && !outcome.is_success(), "{records:#?}"),
        }
        assert_eq!(
            (world.head(), git(&world.remote(), &["rev-parse", "other"])),
            (base.clone(), base.clone()),
            "{step}"
        );
        assert_eq!(
            git(&world.remote(), &["diff", "--stat", &base, "main"]),
            "",
            "{step}: what was pushed is taken back"
        );
    }
}

#[tokio::test]
async fn a_remote_that_moves_again_and_again_is_built_upon_until_it_is_enough() {
    let mut world = World::new();
    // Each verification is followed by a commit of somebody else.
    world.commit_at_remote("NEWS", "0\n");
    let other = world.root().join("other");
    let push = |limit: u32| {
        format!(
            "cd {} && n=$(wc -l < NEWS) && if [ $n -lt {limit} ]; then echo more >> NEWS; \
             git -c user.name=B -c user.email=b@x commit --quiet -am more; git push --quiet; fi",
            other.display()
        )
    };
    world.project.verify = vec!["test -f README.md".into(), push(3)];
    let records = run(&world, shorten()).await;
    assert!(is_applied(&records), "{records:#?}");
    assert_eq!((world.head(), world.read("NEWS").lines().count()), (world.remote_head(), 3));

    world.write("src/play.sh", "#!/bin/sh\n");
    world.git(&["commit", "--quiet", "--all", "--message", "quiet"]);
    world.git(&["push", "--quiet"]);
    git(&world.root().join("other"), &["pull", "--quiet"]);
    world.project.verify = vec!["test -f README.md".into(), push(100)];
    let head = world.head();
    let records = run(&world, Agent::writes("README.md", "# Radio 2\n")).await;
    assert!(
        matches!(outcome(&records), Outcome::Failed { message, .. } if message.contains("moved 4 times")),
        "{records:#?}"
    );
    assert_eq!(world.head(), head);
}

#[tokio::test]
async fn a_change_that_fails_on_top_of_the_remote_is_not_tried_at_every_scan() {
    let mut world = World::new();
    world.commit_at_remote("NEWS", "news\n");
    world.project.verify.push("! test -f NEWS || ! grep -q short README.md".into());
    let maintainer = world.maintainer(Agent::writes("README.md", "# short\n"));
    let records = maintainer.run_once().await.unwrap();
    assert!(
        matches!(outcome(&records), Outcome::Failed { step, .. } if step == "verify"),
        "{records:#?}"
    );
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Skipped { .. }), "{records:#?}");
}

#[tokio::test]
async fn a_remote_that_was_rewritten_is_left_alone() {
    let world = World::new();
    world.write("leak.txt", "secret\n");
    world.commit("leak");
    world.git(&["push", "--quiet"]);
    // Somebody takes the commit off the remote, and this checkout does not know yet.
    git(&world.remote(), &["update-ref", "refs/heads/main", "main~1"]);
    let (before, head) = (world.remote_head(), world.head());
    let records = run(&world, shorten()).await;
    assert!(
        matches!(outcome(&records), Outcome::Held { reason } if reason.contains("diverged")),
        "{records:#?}"
    );
    assert_eq!((world.remote_head(), world.head()), (before, head));
}

#[tokio::test]
async fn a_remote_that_moved_after_the_checkout_ends_in_a_clean_rollback() {
    let world = World::new()
        .with_service()
        .with_steps(&["propose", "apply", "verify", "commit", "restart", "monitor", "push"]);
    world.commit_at_remote("NEWS", "news\n");
    let base = world.head();
    let records = run(&world, shorten()).await;
    assert!(matches!(outcome(&records), Outcome::RolledBack { .. }), "{records:#?}");
    assert_eq!(
        (world.head(), world.read("README.md").as_str()),
        (base, "# Radio\n\nPlays musik.\n")
    );
    assert_eq!((world.git(&["status", "--porcelain"]), world.restarts()), (String::new(), 2));
}

#[tokio::test]
async fn a_policy_that_forbids_the_restart_after_the_push_takes_the_push_back() {
    let world = World::new().with_service().with_policy(
        "fn allow(facts) { if facts.step == \"restart\" { deny(\"not now\") } else { allow() } }",
    );
    let base = world.head();
    let records = run(&world, shorten()).await;
    assert!(
        matches!(outcome(&records), Outcome::RolledBack { reason } if reason.contains("not now")),
        "{records:#?}"
    );
    assert_eq!((world.head(), world.restarts()), (base.clone(), 0));
    assert_eq!(git(&world.remote(), &["diff", "--stat", &base, "main"]), "");
}

#[tokio::test]
async fn a_policy_that_maps_files_to_units_is_told_the_files_of_a_rollback() {
    let policy = "fn restart_units(facts) { if facts.files.contains(\"README.md\") { facts.units } else { [] } }";
    for steps in [
        &["propose", "apply", "verify", "commit", "push", "restart", "monitor"][..],
        &["propose", "apply", "verify", "commit", "restart", "monitor"],
    ] {
        let world = World::new().with_service().with_policy(policy).with_steps(steps);
        let records = run(&world, breaking()).await;
        assert!(matches!(outcome(&records), Outcome::RolledBack { .. }), "{records:#?}");
        assert_eq!(world.restarts(), 2, "{steps:?}");
    }
}

#[tokio::test]
async fn a_deleted_link_comes_back_in_a_rollback() {
    let mut world = World::new().with_service();
    // A change of a link waits otherwise.
    world.project.hold = Some(Globs::default());
    std::os::unix::fs::symlink("README.md", world.path().join("link")).unwrap();
    world.commit("link");
    world.git(&["push", "--quiet"]);
    let agent = Agent::new(|workspace| {
        fs::remove_file(workspace.join("link")).unwrap();
        fs::write(workspace.join("README.md"), "broken\n").unwrap();
    });
    let records = run(&world, agent).await;
    assert!(matches!(outcome(&records), Outcome::RolledBack { .. }), "{records:#?}");
    assert_eq!(fs::read_link(world.path().join("link")).unwrap(), Path::new("README.md"));
}

#[tokio::test]
async fn a_restart_that_fails_is_taken_back_and_one_that_fails_again_is_said() {
    let mut world = World::new().with_service();
    let command = |condition: &str| {
        pimainteno_core::config::RestartConfig::Command(format!(
            "{condition} && echo restarted >> ../restarts"
        ))
    };
    world.project.restart = command("! grep -q broken README.md");
    let records = run(&world, breaking()).await;
    assert!(
        matches!(outcome(&records), Outcome::RolledBack { reason } if reason.contains("restart")),
        "{records:#?}"
    );
    assert_eq!(
        (world.read("README.md").as_str(), world.restarts()),
        ("# Radio\n\nPlays musik.\n", 1)
    );

    let mut world = World::new().with_service();
    world.project.restart = command("false");
    let records = run(&world, breaking()).await;
    assert!(
        matches!(outcome(&records), Outcome::Failed { step, .. } if step == "rollback"),
        "{records:#?}"
    );
    assert_eq!(
        (world.read("README.md"), world.head()),
        ("# Radio\n\nPlays musik.\n".into(), world.remote_head())
    );
}

#[tokio::test]
async fn a_service_that_stays_down_after_the_rollback_is_not_called_rolled_back() {
    let mut world = World::new().with_service();
    let mut health = HealthConfig::default();
    // Once it has seen the broken change it never recovers.
    health.command =
        Some("if grep -q broken README.md; then touch ../down; fi; ! test -e ../down".into());
    health.within = Some(Duration::from_millis(300));
    world.project.health = Some(health);
    let records = run(&world, breaking()).await;
    assert!(
        matches!(outcome(&records), Outcome::Failed { step, .. } if step == "rollback"),
        "{records:#?}"
    );
    assert_eq!(
        (world.read("README.md"), world.head()),
        ("# Radio\n\nPlays musik.\n".into(), world.remote_head())
    );
}

#[tokio::test]
async fn a_sink_that_panics_harms_nobody() {
    let world = World::new();
    let sink = |_: &Event| panic!("full disk");
    let maintainer = world.builder(shorten()).events(sink).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(is_applied(&records), "{records:#?}");
    assert_eq!(world.head(), world.remote_head());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_run_twice_at_once_is_run_once() {
    let mut world = World::new();
    world.config.scheduler.concurrency = 4;
    let maintainer = world.maintainer(shorten());
    let runs = (0..4).map(|_| {
        let maintainer = maintainer.clone();
        tokio::spawn(async move {
            maintainer
                .run_project("radio", Trigger::Manual, RunOptions::default())
                .await
                .unwrap()
                .remove(0)
        })
    });
    let mut outcomes = Vec::new();
    for run in runs.collect::<Vec<_>>() {
        outcomes.push(run.await.unwrap().outcome.unwrap());
    }
    let applied =
        outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Applied { .. })).count();
    let skipped =
        outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Skipped { .. })).count();
    assert_eq!((applied, skipped), (1, 3), "{outcomes:#?}");
    assert_eq!(world.git(&["rev-list", "--count", "HEAD"]), "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_projects_are_run_four_at_a_time() {
    let mut world = World::new();
    world.config.scheduler.concurrency = 4;
    let going =
        Arc::new((std::sync::atomic::AtomicUsize::new(0), std::sync::atomic::AtomicUsize::new(0)));
    let sink = {
        let going = going.clone();
        move |event: &Event| match event.what {
            EventKind::RunStarted { .. } => {
                let now = going.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
                going.1.fetch_max(now, std::sync::atomic::Ordering::SeqCst);
            }
            EventKind::RunFinished { .. } => {
                going.0.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
            }
            _ => {}
        }
    };
    let mut builder = Maintainer::builder().config(world.config.clone());
    for number in 0..20 {
        let path = world.root().join(format!("radio-{number}"));
        git(
            world.root(),
            &["clone", "--quiet", "--bare", "remote.git", &format!("remote-{number}.git")],
        );
        git(
            world.root(),
            &["clone", "--quiet", &format!("remote-{number}.git"), &path.display().to_string()],
        );
        let mut project = world.project.clone();
        project.path = path;
        builder = builder.project(project);
    }
    let builder = builder
        .state_directory(world.root().join("state"))
        .environment(crate::support::environment());
    let records =
        builder.backend(shorten()).events(sink).build().unwrap().run_once().await.unwrap();
    assert_eq!(records.len(), 20);
    assert!(
        records.iter().all(|record| matches!(record.outcome, Some(Outcome::Applied { .. }))),
        "{records:#?}"
    );
    assert!((2..=4).contains(&going.1.load(std::sync::atomic::Ordering::SeqCst)));
}
