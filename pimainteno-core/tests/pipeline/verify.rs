//! What checks say about a change, relative to the base: blamed, flaky, skipped, weakened, or worth
//! nothing.

use std::fs;

use pimainteno_core::{
    Outcome, RunOptions, RunRecord, StepStatus, Trigger,
    config::{Globs, Mode},
};

use crate::support::{Agent, World, outcome};

fn shorten() -> Agent {
    Agent::writes("README.md", "# Radio\n")
}

/// A world with these checks, of which `$W` is the world's directory.
fn world(checks: &[&str]) -> World {
    let mut world = World::new();
    world.project.verify = checks
        .iter()
        .map(|check| check.replace("$W", &world.root().display().to_string()))
        .collect();
    world.project.repairs = Some(0);
    world
}

async fn run(world: &World, agent: Agent) -> Vec<RunRecord> {
    world.maintainer(agent).run_once().await.unwrap()
}

fn held(records: &[RunRecord]) -> &str {
    match outcome(records) {
        Outcome::Held { reason } => reason,
        other => panic!("{other}"),
    }
}

/// How many lines a check has written to a file beside the project.
fn lines(world: &World, file: &str) -> usize {
    fs::read_to_string(world.root().join(file)).unwrap_or_default().lines().count()
}

fn note(records: &[RunRecord]) -> &str {
    &records[0].steps.iter().find(|step| step.name == "verify").unwrap().note
}

#[tokio::test]
async fn a_check_that_fails_once_is_flaky_and_proves_nothing() {
    let world = world(&[
        "test -f README.md",
        "if grep -q musik README.md || test -e $W/seen; then exit 0; fi; touch $W/seen; exit 1",
    ]);
    let before = world.seen_from_outside();
    let records = run(&world, shorten()).await;
    assert!(held(&records).contains("is flaky"), "{records:#?}");
    assert!(note(&records).starts_with("1 of 2 checks passed; flaky: `if grep"), "{records:#?}");
    assert_eq!(world.seen_from_outside(), before);
}

#[tokio::test]
async fn a_check_that_was_seen_to_be_flaky_is_not_trusted_until_it_or_the_files_change() {
    // It fails the first time.
    let flaky = "test -e $W/seen || { touch $W/seen; exit 1; }";
    let mut world = world(&["test -f README.md", flaky]);
    let force = async |world: &World, agent: Agent| {
        let mut options = RunOptions::default();
        options.force = true;
        let maintainer = world.maintainer(agent);
        maintainer.run_project("radio", Trigger::Manual, options).await.unwrap()
    };
    for _ in 0..3 {
        let records = force(&world, shorten()).await;
        assert!(held(&records).contains("is flaky"), "{records:#?}");
        assert!(note(&records).starts_with("1 of 2 checks passed; flaky: "), "{records:#?}");
    }
    // With other files it may be another one.
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    let records = force(&world, shorten()).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    // And so may another check.
    fs::remove_file(world.root().join("seen")).unwrap();
    let grow = Agent::writes("README.md", "# Radio\n\nMusic.\n");
    assert!(held(&force(&world, grow.clone()).await).contains("is flaky"));
    world.project.verify[1] = "test -f README.md && true".into();
    let records = force(&world, grow).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
}

#[tokio::test]
async fn a_check_that_is_flaky_without_the_change_blames_and_proves_nothing() {
    // It fails with the change, and fails and passes without it.
    let world = world(&["test -f README.md", "echo x >> $W/runs; test $(wc -l < $W/runs) -ge 3"]);
    let records = run(&world, shorten()).await;
    assert!(held(&records).contains("is flaky"), "{records:#?}");
    assert_eq!(lines(&world, "runs"), 3);
}

#[tokio::test]
async fn a_check_that_checks_nothing_has_not_passed() {
    for nothing in ["exit 77", "echo 'collected 0 items'; exit 5", "echo '1..0 # SKIP no display'"]
    {
        let records = run(&world(&[nothing]), shorten()).await;
        assert!(held(&records).contains("the checks run no tests"), "{records:#?}");
        // Beside one that passes, it is told and does no harm.
        let records = run(&world(&["test -f README.md", nothing]), shorten()).await;
        assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
        assert!(note(&records).contains("1 of 2 checks passed"), "{records:#?}");
    }
    let records =
        run(&world(&["test -f README.md", "grep -q musik README.md || exit 77"]), shorten()).await;
    assert!(held(&records).contains("checks nothing with the change"), "{records:#?}");
}

#[tokio::test]
async fn what_checks_say_about_a_base_is_found_out_once() {
    let world = world(&[
        "test -f README.md",
        "grep -q musik README.md && exit 0; echo x >> $W/runs; exit 1",
        "echo x >> $W/red; false",
    ]);
    let maintainer = world.maintainer(shorten());
    for round in 1..=2 {
        let mut options = RunOptions::default();
        options.force = true;
        let record =
            maintainer.run_project("radio", Trigger::Manual, options).await.unwrap().remove(0);
        assert!(
            matches!(&record.outcome, Some(Outcome::Failed { message, .. }) if message.contains("passes without it")),
            "{record:#?}"
        );
        // Twice with each change; the red one is run twice without it, and never again.
        assert_eq!(
            (lines(&world, "runs"), lines(&world, "red")),
            (2 * round, round + 2),
            "{round}"
        );
    }
}

#[tokio::test]
async fn the_old_tests_judge_the_new_code() {
    let world = world(&["sh tests/all.sh"]);
    world.write("tests/all.sh", "grep -q play src/play.sh\n");
    world.commit("tests");
    world.git(&["push", "--quiet"]);
    let both = |test: &'static str| {
        Agent::new(move |workspace| {
            fs::write(workspace.join("src/play.sh"), "#!/bin/sh\necho stop\n").unwrap();
            fs::write(workspace.join("tests/more.sh"), "true\n").unwrap();
            fs::write(workspace.join("tests/all.sh"), test).unwrap();
        })
    };
    let records = run(&world, both("grep -q stop src/play.sh\n")).await;
    assert!(
        held(&records).contains("with the tests as they were `sh tests/all.sh` fails"),
        "{records:#?}"
    );
    let outputs = world.maintainer(shorten()).history().run_outputs(records[0].id).unwrap();
    assert!(outputs.iter().any(|output| output.name.contains("with the old tests")), "{outputs:?}");
}

#[tokio::test]
async fn a_change_that_weakens_its_checks_is_held_in_every_mode() {
    let prepared = || {
        let world = world(&["./check.sh"]);
        world.write("check.sh", "#!/bin/sh\nset -e\nsh test_play.sh\n");
        world.write("test_play.sh", "grep -q play src/play.sh\n");
        world.git(&["add", "check.sh"]);
        world.git(&["update-index", "--chmod=+x", "check.sh"]);
        fs::set_permissions(
            world.path().join("check.sh"),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        world.commit("checks");
        world.git(&["push", "--quiet"]);
        world
    };
    let agents: [(&str, Agent); 3] = [
        (
            "decides what the checks do: check.sh",
            Agent::new(|workspace| {
                fs::write(workspace.join("check.sh"), "#!/bin/sh\nsh test_play.sh\n").unwrap();
            }),
        ),
        (
            "disables tests or checks",
            Agent::writes("test_play.sh", "grep -q play src/play.sh || true\n"),
        ),
        (
            "deletes tests",
            Agent::new(|workspace| {
                fs::remove_file(workspace.join("test_play.sh")).unwrap();
                fs::write(workspace.join("check.sh"), "#!/bin/sh\ngrep -q play src/play.sh\n")
                    .unwrap();
            }),
        ),
    ];
    for (reason, agent) in agents {
        for mode in [Mode::Auto, Mode::Review] {
            let mut world = prepared();
            world.project.mode = mode;
            let before = world.seen_from_outside();
            let records = run(&world, agent.clone()).await;
            assert!(held(&records).contains(reason), "{records:#?}");
            assert_eq!(world.seen_from_outside(), before);
        }
    }
    let world = prepared();
    assert!(matches!(outcome(&run(&world, shorten()).await), Outcome::Applied { .. }));
}

#[tokio::test]
async fn checks_that_cannot_fail_let_nothing_through_unseen() {
    for check in ["true", "echo ok", "test -f README.md || true", "git log -1"] {
        let records = run(&world(&[check]), shorten()).await;
        assert!(
            held(&records).contains("no check fails on a project that is broken on purpose"),
            "{check}: {records:#?}"
        );
    }
    for check in [
        "test -f README.md",
        "grep -q Radio README.md",
        "sh -n src/play.sh",
        "true",
        "for f in src/*.sh; do sh -n $f || exit 1; done",
    ] {
        let checks =
            if check == "true" { vec!["true", "test -s src/play.sh"] } else { vec![check] };
        let records = run(&world(&checks), shorten()).await;
        assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{check}: {records:#?}");
    }
}

#[tokio::test]
async fn that_checks_can_fail_is_found_out_once_until_they_change() {
    let mut world = world(&["./check.sh"]);
    let script = |world: &World, text: &str| {
        world.write(
            "check.sh",
            &format!("#!/bin/sh\necho x >> {}\n{text}\n", world.root().join("runs").display()),
        );
        fs::set_permissions(
            world.path().join("check.sh"),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        world.commit("check");
        world.git(&["push", "--quiet"]);
    };
    script(&world, "grep -q Radio README.md");
    let records = run(&world, shorten()).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(lines(&world, "runs"), 2, "once with the change, once on the broken project");
    let records = run(&world, Agent::writes("README.md", "# Radio 2\n")).await;
    assert!(
        matches!(outcome(&records), Outcome::NoChange | Outcome::Skipped { .. }),
        "{records:#?}"
    );
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    let records = run(&world, Agent::writes("README.md", "# Radio 2\n")).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(lines(&world, "runs"), 3, "what was found out is kept");
    // Another script is another check.
    script(&world, "exit 0");
    world.project.name = Some("radio".into());
    let records = run(&world, Agent::writes("README.md", "# Radio 3\n")).await;
    assert!(held(&records).contains("broken on purpose"), "{records:#?}");
}

#[tokio::test]
async fn a_check_that_edits_files_does_not_change_what_the_next_one_sees() {
    let world = world(&[
        "echo wrong > README.md; rm src/play.sh",
        "grep -q Radio README.md && test -x src/play.sh -o -f src/play.sh",
    ]);
    let records = run(&world, shorten()).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(world.read("README.md"), "# Radio\n");
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_to_does_not_stop_the_next_run() {
    let world = world(&[
        "test -f README.md && mkdir -p cache/mod && touch cache/mod/a && chmod -R a-w cache",
    ]);
    assert!(matches!(outcome(&run(&world, shorten()).await), Outcome::Applied { .. }));
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    let records = run(&world, Agent::writes("README.md", "# Radio 2\n")).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
}

#[tokio::test]
async fn a_new_failure_is_told_with_its_log() {
    let world = world(&[
        "test -f README.md",
        "grep -q musik README.md || { echo 'the word is gone'; exit 3; }",
    ]);
    let records = run(&world, shorten()).await;
    let Outcome::Failed { step, message } = outcome(&records) else { panic!("{records:#?}") };
    assert!(
        step == "verify" && message.contains("exit code 3") && message.contains("the word is gone"),
        "{message}"
    );
    assert_eq!(records[0].steps.last().unwrap().status, StepStatus::Failed);
}

#[tokio::test]
async fn a_project_without_tests_is_told_that_it_has_none() {
    let mut world = World::new();
    world.project.verify = vec!["echo 'no tests to run'".into()];
    let agent = Agent::writes("README.md", "# Radio\n");
    let record = world.maintainer(agent).run_once().await.unwrap().remove(0);
    let verify = record.steps.iter().find(|step| step.name == "verify").unwrap();
    assert_eq!(verify.note, "0 of 1 checks passed; runs no tests: `echo 'no tests to run'`");
    assert!(
        matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("the checks run no tests") && !reason.contains("red")),
        "{record:#?}"
    );
}

#[tokio::test]
async fn a_change_with_which_fewer_tests_run_is_held() {
    // What the code says decides how many tests are run, and the tests stay as they are.
    let world = || {
        let mut world = world(&["sh tests/all.sh && echo x >> $W/runs"]);
        world.project.unasked = Globs::compile(["**"]).unwrap();
        world.write(
            "tests/all.sh",
            "sh -n src/play.sh || exit 1; n=0; grep -q few src/play.sh || n=2; grep -q none src/play.sh && exit 0\necho \"Ran $((n + 1)) tests in 0.1s\"\n",
        );
        world.commit("tests");
        world.git(&["push", "--quiet"]);
        world
    };
    let force = async |world: &World, text: &'static str| {
        let mut options = RunOptions::default();
        options.force = true;
        let maintainer = world.maintainer(Agent::writes("src/play.sh", text));
        maintainer.run_project("radio", Trigger::Manual, options).await.unwrap()
    };
    let ran = |now: &str| format!("ran 3 tests before and {now} with the change");
    for (text, now) in [("# few\n", "1"), ("# none\n", "tells no number")] {
        let records = force(&world(), text).await;
        assert!(held(&records).contains(&ran(now)), "{records:#?}");
    }
    // The base is run once to know, and not at all once a change was delivered.
    let world = world();
    for (text, runs) in [("# a\n", 2), ("# b\n", 1), ("# c\n", 1)] {
        let before = lines(&world, "runs");
        let records = force(&world, text).await;
        assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
        assert_eq!(lines(&world, "runs") - before, runs, "{text}");
    }
    let records = force(&world, "# few\n").await;
    assert!(held(&records).contains(&ran("1")), "{records:#?}");
    // It is the base that counts: a person may have taken out tests.
    world.write("tests/all.sh", "sh -n src/play.sh || exit 1; echo 'Ran 1 test in 0.1s'\n");
    world.commit("fewer tests");
    world.git(&["push", "--quiet"]);
    let records = force(&world, "# few\n").await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
}

#[tokio::test]
async fn where_no_check_passes_each_says_how_it_ended_and_a_forced_run_is_named() {
    let mut world = world(&["sleep 60", "echo begin; echo 'make: *** No rule'; echo bye; exit 2"]);
    world.project.mode = Mode::Auto;
    world.project.verify_timeout = Some(std::time::Duration::from_secs(1));
    let records = run(&world, shorten()).await;
    let reason = held(&records);
    for part in [
        "no check passes, with the change or without it",
        "`sleep 60` was killed after 1 s (`verify_timeout`)",
        "exit 2` ended with exit code 2: make: *** No rule;",
    ] {
        assert!(reason.contains(part), "{reason}");
    }
    assert!(!reason.contains("sandbox"), "{reason}");
    // What is mended outside of the project is seen by nobody but a person.
    let again = run(&world, shorten()).await;
    assert!(
        matches!(outcome(&again), Outcome::Skipped { reason } if reason.contains("was held because no check passes; once that is mended outside of the project, a forced run")),
        "{again:?}"
    );
}
