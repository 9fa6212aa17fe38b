//! Adds a step of one's own that deploys a file:
//! `cargo run --example custom_step -- CHECKOUT PLACE [rollback]`.
//!
//! The step copies `README.md` to PLACE once the change is committed. What it does there is
//! announced in the journal, so that it is taken back with the change and not done twice, also when
//! the program is killed in the middle. With `rollback`, the change that was delivered last is
//! taken back.

#![expect(clippy::print_stdout, reason = "a program may print; the library does not")]

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use pimainteno_core::{
    Effects, Error, ErrorKind, Event, Flow, Happened, Maintainer, Result, Step, StepContext,
    config::{Mode, ProjectConfig, SandboxMode, StepConfig},
    process::Environment,
    store::Effect,
};
use pimainteno_offline::Offline;
use serde_json::json;

const FILE: &str = "README.md";

/// Copies a file of the project to a place outside of it.
#[derive(Debug)]
struct Deploy(PathBuf);

#[async_trait]
impl Step for Deploy {
    fn name(&self) -> &str {
        "deploy"
    }

    /// Whatever it does outside, it announces.
    fn effects(&self) -> Effects {
        Effects::Announced
    }

    /// Copies the file. To take that back is the same again: the workspace holds what was there
    /// before the change then.
    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let (from, to) = (context.workspace().join(FILE), self.0.clone());
        context
            .effect("copy", json!({ "to": to }), async { replace(&from, &to).map_err(failed) })
            .await?;
        Ok(Flow::Done(format!("{FILE} is live")))
    }

    /// After the program was killed: the file is replaced at once or not at all, so a look at it
    /// tells.
    async fn happened(&self, context: &StepContext<'_>, _: &Effect) -> Result<Happened> {
        let is_live = fs::read(context.workspace().join(FILE)).ok() == fs::read(&self.0).ok();
        Ok(if is_live { Happened::Yes } else { Happened::No })
    }
}

fn replace(from: &Path, to: &Path) -> io::Result<()> {
    let new = to.with_extension("new");
    fs::copy(from, &new)?;
    fs::rename(new, to)
}

fn failed(source: io::Error) -> Error {
    Error::new(ErrorKind::Step, format!("cannot deploy {FILE}")).source(source)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut project = ProjectConfig::new(arguments.next().unwrap_or_else(|| ".".into()));
    let place = PathBuf::from(arguments.next().unwrap_or_else(|| "/tmp/README.live".into()));
    // It delivers without asking; the check is the owner's own, and needs no sandbox.
    project.mode = Mode::Auto;
    project.sandbox = SandboxMode::Off;
    project.verify = vec![format!("test -s {FILE}")];
    project.units = Some(Vec::new());
    let steps = [
        "summarize",
        "propose",
        "apply",
        "verify",
        "commit",
        "push",
        "restart",
        "deploy",
        "monitor",
    ];
    project.steps = Some(steps.map(|step| StepConfig::Named(step.into())).to_vec());
    let maintainer = Maintainer::builder()
        .project(project)
        .step(Deploy(place))
        .provider("offline")
        .backend_factory(
            "offline",
            Arc::new(|context| Ok(Arc::new(Offline::new(context.environment.clone())))),
        )
        .environment(Environment::from_variables(std::env::vars_os()))
        .state_directory(std::env::temp_dir().join("pi-mainteno-custom-step"))
        .events(|event: &Event| println!("{event}"))
        .build()?;
    if arguments.next().as_deref() == Some("rollback") {
        let project = maintainer.projects().remove(0).project.id;
        maintainer.rollback(&project, None).await?;
    } else {
        maintainer.run_once().await?;
    }
    Ok(())
}
