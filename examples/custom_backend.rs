//! Answers prompts with a backend of one's own:
//! `cargo run --example custom_backend -- PATH-OF-A-CHECKOUT`.
//!
//! This one knows a single thing: every project should have a `NOTES.md`. A real one would send
//! `request.prompt` to a model, and hand its text on.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program may print; the library does not"
)]

use std::process::ExitCode;

use async_trait::async_trait;
use pimainteno_core::{
    Call, Edit, Event, LlmBackend, Maintainer, Reply, Request, Result, Task,
    config::ProjectConfig,
    process::{self, Environment, SandboxHelper},
};

/// Proposes a `NOTES.md`, as a diff in the reply.
#[derive(Debug)]
struct NoteTaker;

#[async_trait]
impl LlmBackend for NoteTaker {
    fn name(&self) -> &str {
        "note-taker"
    }

    fn edit(&self) -> Edit {
        Edit::Reply
    }

    /// It asks nobody, so it needs no budget.
    fn is_paid(&self) -> bool {
        false
    }

    async fn complete(&self, request: &Request, call: &Call) -> Result<Reply> {
        call.progress("thinks of notes");
        Ok(Reply::new(match request.task {
            Task::Propose if request.workspace.join("NOTES.md").exists() => "NO CHANGE".into(),
            Task::Propose => {
                let diff = "--- /dev/null\n+++ b/NOTES.md\n@@ -0,0 +1 @@\n+# Notes\n";
                format!("docs: begin the notes\n\n```diff\n{diff}```\n")
            }
            _ => "A project whose notes matter.".into(),
        }))
    }
}

fn main() -> ExitCode {
    // First of all: the sandbox of checks is set up by this program itself, started again.
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
    let maintainer = Maintainer::builder()
        .project(ProjectConfig::new(path))
        .backend(NoteTaker)
        .provider("note-taker")
        .environment(Environment::from_variables(std::env::vars_os()))
        .sandbox_helper(SandboxHelper::new("/proc/self/exe"))
        .state_directory(std::env::temp_dir().join("pi-mainteno-custom-backend"))
        .events(|event: &Event| println!("{event}"))
        .build()?;
    maintainer.run_once().await?;
    Ok(())
}
