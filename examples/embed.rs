//! Maintains one project from a program of one's own, without a model:
//! `cargo run --example embed -- PATH-OF-A-CHECKOUT`.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program may print; the library does not"
)]

use std::{process::ExitCode, sync::Arc};

use pimainteno_core::{
    Event, Maintainer, Result,
    config::ProjectConfig,
    process::{self, Environment, SandboxHelper},
};
use pimainteno_offline::Offline;

fn main() -> ExitCode {
    // The sandbox of checks is set up by this program itself, started again.
    if let Some(code) = process::help(std::env::args_os()) {
        return code;
    }
    match maintain() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn maintain() -> Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let environment = Environment::from_variables(std::env::vars_os());
    let maintainer = Maintainer::builder()
        .project(ProjectConfig::new(path))
        .provider("offline")
        .backend_factory(
            "offline",
            Arc::new(|context| Ok(Arc::new(Offline::new(context.environment.clone())))),
        )
        .environment(environment)
        .sandbox_helper(SandboxHelper::new("/proc/self/exe"))
        .state_directory(std::env::temp_dir().join("pi-mainteno-embed"))
        .events(|event: &Event| println!("{event}"))
        .build()?;
    for record in maintainer.run_once().await? {
        println!("{} took {} steps", record.project, record.steps.len());
    }
    Ok(())
}
