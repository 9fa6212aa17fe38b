//! Programs that give no helper for sandboxes, or one that is none.

use pimainteno_core::{
    ErrorKind, Maintainer, MaintainerBuilder, Outcome,
    config::{CommandStepConfig, SandboxMode, StepConfig},
    process::SandboxHelper,
};

use crate::support::{Agent, World, environment, outcome};

fn shorten() -> Agent {
    Agent::writes("README.md", "# Radio\n")
}

/// What a program builds that knows nothing of helpers.
fn forgetful(world: &World) -> MaintainerBuilder {
    let mut config = world.config.clone();
    config.project.push(world.project.clone());
    Maintainer::builder()
        .config(config)
        .state_directory(world.root().join("state"))
        .environment(environment())
        .backend(shorten())
}

/// A world whose checks are to run in a sandbox.
fn world(sandbox: SandboxMode) -> World {
    let mut world = World::new();
    world.project.sandbox = sandbox;
    world
}

#[test]
fn a_program_that_forgot_its_helper_is_told_so_before_anything_is_run() {
    let mut with_step = world(SandboxMode::Off);
    let mut step = CommandStepConfig::new("format", "true");
    step.sandbox = Some(SandboxMode::Auto);
    with_step.project.steps = Some(vec![StepConfig::Command(step)]);
    for world in [world(SandboxMode::Auto), world(SandboxMode::Required), with_step] {
        let Err(error) = forgetful(&world).build() else { panic!("it is built") };
        let told = format!("{error} {}", error.hints().collect::<Vec<_>>().join(" "));
        assert_eq!(error.kind(), ErrorKind::Config);
        for part in [
            "project `radio`",
            "this program has no helper",
            "pimainteno_core::process::help",
            "SandboxHelper::new",
            "`sandbox = \"off\"`",
            "without_sandbox_helper",
        ] {
            assert!(told.contains(part), "no {part} in {told}");
        }
        assert!(!told.contains("namespaces"), "nobody looked at the machine: {told}");
        assert!(!world.root().join("state").exists());
    }
    assert!(forgetful(&world(SandboxMode::Off)).build().is_ok());
}

#[tokio::test]
async fn so_it_is_where_another_configuration_wants_sandboxes() {
    let mut world = world(SandboxMode::Off);
    let maintainer = forgetful(&world).build().unwrap();
    world.project.sandbox = SandboxMode::Auto;
    let error = maintainer.reload(forgetful(&world)).unwrap_err().to_string();
    assert!(error.contains("this program has no helper"), "{error}");
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
}

#[tokio::test]
async fn whoever_goes_without_a_helper_is_told_that_and_not_what_the_machine_lacks() {
    let world = world(SandboxMode::Auto);
    let maintainer = forgetful(&world).without_sandbox_helper().build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    let Outcome::Held { reason } = outcome(&records) else { panic!("{records:#?}") };
    let notices = maintainer.notices(Some("radio"), 9).unwrap();
    let notice = notices.iter().find(|notice| notice.message.contains("sandbox")).unwrap();
    for told in [reason, &notice.message] {
        assert!(
            told.contains(
                "nothing sets up sandboxes (this program goes without a helper for them)"
            ) && !told.contains("namespaces"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_helper_that_is_none_is_told_as_that() {
    let world = world(SandboxMode::Required);
    let helper = SandboxHelper::new("/bin/false");
    let maintainer = forgetful(&world).sandbox_helper(helper).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    let Outcome::Failed { message, .. } = outcome(&records) else { panic!("{records:#?}") };
    assert!(
        message.contains("`/bin/false`, which is to do so, does not answer")
            && message.contains("process::help")
            && !message.contains("namespaces"),
        "{message}"
    );
}
