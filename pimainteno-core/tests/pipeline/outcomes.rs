//! How runs end when something goes wrong: in the right way, and with the project as it was.

use std::{fs, os::unix::fs::PermissionsExt as _};

use pimainteno_core::{
    Edit, Outcome, Task,
    config::{CommandStepConfig, Globs, Mode, StepConfig},
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{Agent, World, outcome};

fn backend(answer: Scripted) -> ScriptedBackend {
    ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, answer)
}

fn edit(content: &str) -> ScriptedBackend {
    backend(Scripted::Edit {
        path: "README.md".into(),
        content: content.into(),
        text: "docs: edit".into(),
    })
}

/// Runs once; nothing outside the state directory may change but our summary, which these backends
/// do not make.
async fn run_without_trace(world: &World, backend: ScriptedBackend) -> Outcome {
    let before = world.seen_from_outside();
    let records = world.maintainer(backend).run_once().await.unwrap();
    assert_eq!(world.seen_from_outside(), before);
    outcome(&records).clone()
}

#[tokio::test]
async fn every_kind_of_trouble_leaves_the_project_as_it_was() {
    let failed = |step: &str, outcome: &Outcome| matches!(outcome, Outcome::Failed { step: at, .. } if at == step);
    let outcome = run_without_trace(&World::new(), backend(Scripted::Failure("no".into()))).await;
    assert!(failed("propose", &outcome), "{outcome}");
    let outcome = run_without_trace(&World::new(), backend(Scripted::Panic)).await;
    assert!(failed("propose", &outcome) && outcome.to_string().contains("panicked"), "{outcome}");
    let outcome =
        run_without_trace(&World::new(), backend(Scripted::Trouble("quota".into(), 3600))).await;
    assert!(matches!(outcome, Outcome::Parked { .. }), "{outcome}");
    assert_eq!(
        run_without_trace(&World::new(), backend(Scripted::Text("NO CHANGE".into()))).await,
        Outcome::NoChange
    );
    assert_eq!(
        run_without_trace(&World::new(), backend(Scripted::Text(String::new()))).await,
        Outcome::NoChange
    );
    let garbage = ScriptedBackend::new("scripted", Edit::Reply)
        .answer(Task::Propose, Scripted::Text("I cannot do that.".into()));
    let outcome = run_without_trace(&World::new(), garbage).await;
    assert!(
        failed("propose", &outcome) && outcome.to_string().contains("I cannot do that."),
        "{outcome}"
    );
    let misfit =
        "fix\n--- a/README.md\n+++ b/README.md\n@@ -1,2 +1,2 @@\n-not there\n+new\n same\n";
    let outcome = run_without_trace(&World::new(), backend(Scripted::Text(misfit.into()))).await;
    assert!(failed("apply", &outcome), "{outcome}");
    let escape = "fix\n--- /dev/null\n+++ b/../outside\n@@ -0,0 +1 @@\n+new\n";
    let outcome = run_without_trace(&World::new(), backend(Scripted::Text(escape.into()))).await;
    assert!(
        failed("apply", &outcome) && outcome.to_string().contains("must not touch"),
        "{outcome}"
    );
}

#[tokio::test]
async fn a_failing_check_ends_the_run_and_one_that_was_red_before_is_not_blamed() {
    let mut world = World::new();
    world.project.verify = vec!["grep -q Radio README.md".into()];
    let outcome = run_without_trace(&world, edit("nothing\n")).await;
    assert!(
        matches!(&outcome, Outcome::Failed { step, message } if step == "verify" && message.contains("passes without it")),
        "{outcome}"
    );

    let mut world = World::new();
    world.project.verify = vec!["false".into()];
    let outcome = run_without_trace(&world, edit("# Radio\n")).await;
    assert!(
        matches!(&outcome, Outcome::Held { reason } if reason.contains("no check passes")),
        "{outcome}"
    );

    let mut world = World::new();
    world.project.verify = vec!["false".into(), "test -f README.md".into()];
    let records = world.maintainer(edit("# Radio\n")).run_once().await.unwrap();
    assert!(matches!(records[0].outcome, Some(Outcome::Applied { .. })), "{records:#?}");
    let verify = records[0].steps.iter().find(|step| step.name == "verify").unwrap();
    assert_eq!(verify.note, "1 of 2 checks passed; red before the change too: `false`");
}

#[tokio::test]
async fn mode_limits_and_globs_decide_what_is_held_and_what_is_refused() {
    let held = |outcome: &Outcome, reason: &str| matches!(outcome, Outcome::Held { reason: why } if why.contains(reason));
    let mut world = World::new();
    world.project.mode = Mode::Review;
    assert!(held(&run_without_trace(&world, edit("x\n")).await, "review"));
    let mut world = World::new();
    world.project.verify.clear();
    assert!(held(&run_without_trace(&world, edit("x\n")).await, "nothing was checked"));
    let mut world = World::new();
    world.project.max_lines = Some(2);
    assert!(held(&run_without_trace(&world, edit("x\ny\n")).await, "max_lines"));
    let mut world = World::new();
    world.project.protect = Globs::compile(["*.md"]).unwrap();
    let outcome = run_without_trace(&world, edit("x\n")).await;
    assert!(
        matches!(&outcome, Outcome::Rejected { reason } if reason.contains("README.md")),
        "{outcome}"
    );
    let mut world = World::new();
    world.project.allow = Globs::compile(["src/**"]).unwrap();
    assert!(matches!(run_without_trace(&world, edit("x\n")).await, Outcome::Rejected { .. }));
}

#[tokio::test]
async fn a_policy_can_skip_hold_and_refuse() {
    let policy = |text: &str| {
        let mut world = World::new();
        let file = world.root().join("policy.rhai");
        fs::write(&file, text).unwrap();
        world.project.policy = Some(file);
        world
    };
    let outcome =
        run_without_trace(&policy("fn skip(facts) { \"not on a full moon\" }"), edit("x\n")).await;
    assert_eq!(outcome, Outcome::Skipped { reason: "not on a full moon".into() });
    let outcome =
        run_without_trace(&policy("fn allow(facts) { if facts.step == \"commit\" { ask(\"look at it\") } else { allow() } }"), edit("x\n"))
            .await;
    assert_eq!(outcome, Outcome::Held { reason: "look at it".into() });
    let outcome =
        run_without_trace(&policy("fn allow(facts) { facts.nonsense }"), edit("x\n")).await;
    assert!(
        matches!(&outcome, Outcome::Rejected { reason } if reason.contains("nonsense")),
        "{outcome}"
    );
}

#[tokio::test]
async fn a_change_waits_whose_commit_a_hook_refuses_or_changes() {
    for (script, reason) in [
        ("exit 1", "`pre-commit`"),
        ("echo more >> README.md; git add README.md", "not what was verified"),
    ] {
        let world = World::new();
        let hook = world.path().join(".git/hooks/pre-commit");
        fs::create_dir_all(hook.parent().unwrap()).unwrap();
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let outcome = run_without_trace(&world, edit("# Radio\n")).await;
        assert!(
            matches!(&outcome, Outcome::Held { reason: said } if said.starts_with("commit failed") && said.contains(reason)),
            "{outcome}"
        );
    }
}

#[tokio::test]
async fn a_remote_that_refuses_keeps_the_change_waiting_and_one_that_is_gone_parks_the_project() {
    let world = World::new();
    let hook = world.remote().join("hooks/pre-receive");
    fs::write(&hook, "#!/bin/sh\necho no entry >&2\nexit 1\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = run_without_trace(&world, edit("# Radio\n")).await;
    assert!(
        matches!(&outcome, Outcome::Held { reason } if reason.starts_with("push failed") && reason.contains("no entry")),
        "{outcome}"
    );

    let world = World::new();
    world.git(&["remote", "set-url", "origin", "../nowhere.git"]);
    let outcome = run_without_trace(&world, edit("# Radio\n")).await;
    assert!(matches!(outcome, Outcome::Parked { .. }), "{outcome}");
}

#[tokio::test]
async fn an_external_command_is_a_step() {
    let mut world = World::new();
    let mut steps: Vec<_> =
        ["propose", "apply", "verify"].map(|step| StepConfig::Named(step.into())).to_vec();
    steps.push(StepConfig::Command(CommandStepConfig::new("stamp", "cat README.md > ../../stamp")));
    world.project.steps = Some(steps);
    let records = world.maintainer(edit("# Stamped\n")).run_once().await.unwrap();
    assert!(records[0].steps.iter().any(|step| step.name == "stamp"), "{records:#?}");
    let stamp = fs::read_to_string(world.root().join("state/stamp")).unwrap();
    assert_eq!(stamp, "# Stamped\n", "the command runs in the workspace, with the change in place");
}

#[tokio::test]
async fn what_is_not_known_to_be_harmless_waits_with_its_reason() {
    let writes = |file: &str| {
        backend(Scripted::Edit {
            path: file.into(),
            content: "{}\n".into(),
            text: "docs: edit".into(),
        })
    };
    let held = |reason: &str| Outcome::Held { reason: reason.to_owned() };
    let data = run_without_trace(&World::new(), writes("data.json")).await;
    assert_eq!(
        data,
        held("it touches `data.json`, which is of a kind that is not known to be harmless")
    );
    // What is found by the name of a link is what that name says.
    let world = World::new();
    std::os::unix::fs::symlink("README.md", world.path().join("CLAUDE.md")).unwrap();
    world.commit("link");
    world.git(&["push", "--quiet"]);
    assert_eq!(
        run_without_trace(&world, writes("README.md")).await,
        held("it touches `README.md`, which is what the link `CLAUDE.md` leads to")
    );
    // A new name counts as the old one does.
    let mut world = World::new();
    world.project.verify = vec!["test -d src".into()];
    let renames = Agent::new(|workspace| {
        fs::rename(workspace.join("README.md"), workspace.join("Makefile")).unwrap();
    });
    let records = world.maintainer(renames).run_once().await.unwrap();
    assert!(
        matches!(outcome(&records), Outcome::Held { reason } if reason.contains("`Makefile`, which decides")),
        "{records:#?}"
    );
    // The owner knows better.
    let mut world = World::new();
    world.project.unasked = Globs::compile(["*.json"]).unwrap();
    let records = world.maintainer(writes("data.json")).run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
}
