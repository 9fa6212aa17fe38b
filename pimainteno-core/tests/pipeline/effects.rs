//! What steps do to the world belongs to them: it is taken back with the change, and not done
//! twice.

use std::{fs, path::PathBuf, time::Duration};

use async_trait::async_trait;
use pimainteno_core::{
    Effects, Flow, Happened, Maintainer, Outcome, Result, RunRecord, Step, StepContext, StepStatus,
    config::{HealthConfig, StepConfig},
    store::Effect,
};

use crate::{
    recovery::{run_and_cut_off, start_again},
    support::{Agent, World, outcome},
};

const OLD: &str = "# Radio\n\nPlays musik.\n";

/// A world whose steps after `verify` are these, where `deploy` copies a file to where it is live,
/// and more of its settings are given.
fn world(steps: &[&str], settings: &str) -> World {
    let mut world = World::new();
    let deploy = format!(
        "name = \"deploy\"\nsandbox = \"off\"\ncommand = \"cp README.md {0}/live; echo x >> {0}/deployed\"\n{settings}",
        world.root().display()
    );
    let deploy: StepConfig =
        toml::from_str(&deploy.replace("$W", &world.root().display().to_string())).unwrap();
    let named = |name: &&str| {
        if *name == "deploy" { deploy.clone() } else { StepConfig::Named((*name).into()) }
    };
    world.project.steps =
        Some(["propose", "apply", "verify"].iter().chain(steps).map(named).collect());
    fs::write(world.root().join("live"), OLD).unwrap();
    let mut health = HealthConfig::default();
    health.command = Some(format!("! grep -q broken {}/live", world.root().display()));
    health.within = Some(Duration::from_millis(300));
    world.project.health = Some(health);
    world
}

fn live(world: &World) -> String {
    fs::read_to_string(world.root().join("live")).unwrap()
}

fn deployed(world: &World) -> usize {
    fs::read_to_string(world.root().join("deployed")).unwrap_or_default().lines().count()
}

fn breaking() -> Agent {
    Agent::writes("README.md", "# Radio\n\nbroken\n")
}

fn reversal(maintainer: &Maintainer, of: &RunRecord) -> RunRecord {
    let runs = maintainer.history().runs(Some("radio"), 9).unwrap();
    runs.into_iter().find(|run| run.job.takes_back() == Some(of.id)).unwrap()
}

fn entered(record: &RunRecord) -> Vec<&str> {
    record
        .steps
        .iter()
        .filter(|step| step.status == StepStatus::Done)
        .map(|step| &*step.name)
        .collect()
}

#[tokio::test]
async fn what_a_command_deployed_is_taken_back_with_the_change() {
    for (steps, expected) in [
        (
            &["commit", "push", "deploy", "monitor"][..],
            &["apply", "commit", "push", "deploy", "monitor"][..],
        ),
        (
            &["commit", "push", "restart", "deploy", "monitor"],
            &["apply", "commit", "push", "restart", "deploy", "monitor"],
        ),
        // Nothing has left the machine, so nothing is committed either.
        (&["commit", "deploy", "monitor", "push"], &["deploy", "monitor"]),
        (&["commit", "restart", "deploy", "monitor", "push"], &["restart", "deploy", "monitor"]),
    ] {
        let world = world(steps, "");
        let maintainer = world.maintainer(breaking());
        let records = maintainer.run_once().await.unwrap();
        assert!(matches!(outcome(&records), Outcome::RolledBack { .. }), "{steps:?}: {records:#?}");
        assert_eq!((live(&world).as_str(), deployed(&world)), (OLD, 2), "{steps:?}");
        assert_eq!(entered(&reversal(&maintainer, &records[0])), expected);
        assert_eq!(
            crate::support::git(&world.remote(), &["show", "main:README.md"]),
            OLD.trim_end()
        );
    }
}

#[tokio::test]
async fn a_person_takes_back_what_was_deployed_too() {
    for steps in [
        &["commit", "push", "restart", "deploy", "monitor"][..],
        &["commit", "restart", "deploy", "monitor"],
    ] {
        let world = world(steps, "");
        let maintainer = world.maintainer(Agent::writes("README.md", "# Radio\n"));
        let delivered = maintainer.run_once().await.unwrap();
        assert!(matches!(outcome(&delivered), Outcome::Applied { .. }), "{delivered:#?}");
        assert_eq!(live(&world), "# Radio\n");
        let record = maintainer.rollback("radio", None).await.unwrap();
        assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
        assert_eq!(
            (live(&world).as_str(), world.read("README.md").as_str()),
            (OLD, OLD),
            "{steps:?}"
        );
    }
}

#[tokio::test]
async fn what_is_not_taken_back_is_said() {
    let steps = ["commit", "push", "restart", "deploy", "monitor"];
    let told = "what `deploy` did is not taken back";
    let world_of = |agent| {
        let world = world(&steps, "revert = \"none\"");
        let maintainer = world.maintainer(agent);
        (world, maintainer)
    };
    let (world, maintainer) = world_of(breaking());
    let records = maintainer.run_once().await.unwrap();
    // It is still live, and so the reversal does not prove healthy either.
    assert!(
        matches!(outcome(&records), Outcome::Failed { step, message } if step == "rollback" && message.contains(told)),
        "{records:#?}"
    );
    assert_eq!((world.read("README.md").as_str(), deployed(&world)), (OLD, 1));

    let (world, maintainer) = world_of(Agent::writes("README.md", "# Radio\n"));
    maintainer.run_once().await.unwrap();
    let record = maintainer.rollback("radio", None).await.unwrap();
    assert!(
        matches!(&record.outcome, Some(Outcome::Failed { message, .. }) if message.contains(told)),
        "{record:#?}"
    );
    assert_eq!((world.read("README.md").as_str(), live(&world).as_str()), (OLD, "# Radio\n"));
    let reasons: Vec<_> = maintainer
        .history()
        .runs(Some("radio"), 9)
        .unwrap()
        .into_iter()
        .map(|run| run.told())
        .collect();
    assert!(reasons[1].starts_with("rolled-back"), "{reasons:?}");
}

#[tokio::test]
async fn a_command_of_its_own_takes_back_what_another_one_did() {
    let world =
        world(&["commit", "push", "deploy", "monitor"], "revert = \"echo undone > $W/live\"");
    let records = world.maintainer(breaking()).run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::RolledBack { .. }), "{records:#?}");
    assert_eq!((live(&world).as_str(), deployed(&world)), ("undone\n", 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_deployed_before_the_change_was_delivered_is_taken_back_when_the_program_was_stopped()
 {
    let world = world(&["commit", "deploy", "push"], "");
    run_and_cut_off(
        &world,
        Agent::writes("README.md", "# Radio\n"),
        crate::recovery::begins("push", 1),
    )
    .await;
    assert_eq!(live(&world), "# Radio\n");
    let maintainer = world.maintainer(Agent::new(|_| {}));
    let records = maintainer.recover().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::RolledBack { .. }), "{records:#?}");
    assert_eq!((live(&world).as_str(), world.remote_head()), (OLD, world.head()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_command_did_before_the_program_was_stopped_is_not_done_again() {
    let world = world(&["commit", "push", "deploy", "restart", "monitor"], "");
    run_and_cut_off(
        &world,
        Agent::writes("README.md", "# Radio\n"),
        crate::recovery::begins("restart", 1),
    )
    .await;
    start_again(&world, Agent::new(|_| {})).await;
    assert_eq!((live(&world).as_str(), deployed(&world)), ("# Radio\n", 1));
}

/// Appends a line to a file, announces that, and can look whether it did.
#[derive(Debug)]
struct Publish(PathBuf);

#[async_trait]
impl Step for Publish {
    fn name(&self) -> &str {
        "publish"
    }

    fn effects(&self) -> Effects {
        Effects::Announced
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let (file, commit) = (self.0.clone(), context.run_id().to_string());
        context
            .effect("line", serde_json::json!({ "commit": commit }), async {
                let before = fs::read_to_string(&file).unwrap_or_default();
                fs::write(&file, format!("{before}{commit}\n")).unwrap();
                // Where the test cuts it off.
                while file.with_extension("hold").exists() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Ok(())
            })
            .await?;
        Ok(Flow::Done("published".into()))
    }

    async fn happened(&self, _: &StepContext<'_>, effect: &Effect) -> Result<Happened> {
        let Effect::Own { data, .. } = effect else { return Ok(Happened::Unknown) };
        let is_there = fs::read_to_string(&self.0)
            .unwrap_or_default()
            .contains(data["commit"].as_str().unwrap());
        Ok(if is_there { Happened::Yes } else { Happened::No })
    }
}

#[tokio::test]
async fn a_step_of_somebody_elses_is_asked_whether_its_effect_happened() {
    let world = World::new()
        .with_steps(&["propose", "apply", "verify", "commit", "push", "publish", "restart"]);
    let file = world.root().join("published");
    let hold = file.with_extension("hold");
    fs::write(&hold, "").unwrap();
    let build = |agent: Agent| world.builder(agent).step(Publish(file.clone())).build();
    let maintainer = build(Agent::writes("README.md", "# Radio\n")).unwrap();
    let run = tokio::spawn(async move { maintainer.run_once().await });
    crate::recovery::wait_until("it is published", || file.exists()).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    fs::remove_file(&hold).unwrap();
    crate::recovery::wait_until("the state directory is free", || {
        build(Agent::new(|_| {})).is_ok()
    })
    .await;
    let records = build(Agent::new(|_| {})).unwrap().recover().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    let skipped = |step: &&pimainteno_core::StepRecord| {
        step.name == "publish" && step.status == StepStatus::Skipped
    };
    assert!(records[0].steps.iter().find(skipped).is_some(), "{records:#?}");
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 1, "once");
}
