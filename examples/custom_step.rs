//! Adds a step of one's own to the pipeline: `cargo run --example custom_step -- PATH-OF-A-CHECKOUT`.
//!
//! The step looks at the change after it was verified and ends the run as held if the change
//! touches more than one directory. It changes nothing itself and says so, so that it also runs before a change that waits for a person.

#![expect(clippy::print_stdout, reason = "a program may print; the library does not")]

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use pimainteno_core::{
    Effects, Event, Flow, Maintainer, Outcome, Result, Step, StepContext,
    config::{ProjectConfig, StepConfig},
    process::Environment,
};
use pimainteno_offline::Offline;

/// Holds changes that reach across directories.
#[derive(Debug)]
struct Scope;

#[async_trait]
impl Step for Scope {
    fn name(&self) -> &str {
        "scope"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let Some(change) = context.change() else { return Ok(Flow::Skipped("there is no change yet".into())) };
        let directories: BTreeSet<_> =
            change.files.iter().map(|file| file.path.rsplit_once('/').map_or("", |(directory, _)| directory)).collect();
        if directories.len() > 1 {
            return Ok(Flow::End(Outcome::Held { reason: format!("it touches {} directories", directories.len()) }));
        }
        Ok(Flow::Done("one directory".into()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut project = ProjectConfig::new(std::env::args().nth(1).unwrap_or_else(|| ".".into()));
    let steps = ["summarize", "propose", "apply", "verify", "scope", "commit", "push", "restart", "monitor"];
    project.steps = Some(steps.map(|step| StepConfig::Named(step.into())).to_vec());
    let maintainer = Maintainer::builder()
        .project(project)
        .step(Scope)
        .provider("offline")
        .backend_factory("offline", Arc::new(|context| Ok(Arc::new(Offline::new(context.environment.clone())))))
        .environment(Environment::from_variables(std::env::vars_os()))
        .state_directory(std::env::temp_dir().join("pi-mainteno-custom-step"))
        .events(|event: &Event| println!("{event}"))
        .build()?;
    maintainer.run_once().await?;
    Ok(())
}
