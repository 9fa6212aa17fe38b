//! Maintains Git projects and their services with a language model; a run is a transaction.
//!
//! A [`Maintainer`] takes each project of its configuration through a **run**: summarize, propose,
//! apply, verify, commit, push, restart, monitor. A run ends with a verified commit whose service
//! proved healthy, or leaves everything as it was.
//!
//! ```standalone_crate
//! use std::process::ExitCode;
//!
//! use pimainteno_core::{
//!     Event, Maintainer,
//!     config::ProjectConfig,
//!     process::{self, Environment, SandboxHelper},
//! };
//! # use pimainteno_core::{Edit, Task, testing::{Scripted, ScriptedBackend}};
//!
//! # fn git(directory: &std::path::Path, arguments: &[&str]) {
//! #     assert!(std::process::Command::new("git").args(arguments).current_dir(directory).status().unwrap().success());
//! # }
//! fn main() -> ExitCode {
//!     // The sandbox of checks is set up by this program itself, started again.
//!     if let Some(code) = process::help(std::env::args_os()) {
//!         return code;
//!     }
//!     match maintain() {
//!         Ok(()) => ExitCode::SUCCESS,
//!         Err(error) => {
//!             eprintln!("{error}");
//!             ExitCode::FAILURE
//!         }
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn maintain() -> pimainteno_core::Result<()> {
//!     # let directory = tempfile::tempdir().unwrap();
//!     # let (checkout, state) = (directory.path().join("radio"), directory.path().join("state"));
//!     # std::fs::create_dir(&checkout).unwrap();
//!     # git(&checkout, &["init", "--quiet"]);
//!     # git(&checkout, &["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "--allow-empty", "--message=first"]);
//!     # let my_backend = ScriptedBackend::new("mine", Edit::Workspace)
//!     #     .answer(Task::Propose, Scripted::Edit { path: "NOTES".into(), content: "notes\n".into(), text: "docs: begin notes".into() });
//!     let maintainer = Maintainer::builder()
//!         .project(ProjectConfig::new(&checkout))
//!         .backend(my_backend)
//!         .provider("mine")
//!         .environment(Environment::from_variables(std::env::vars_os()))
//!         .sandbox_helper(SandboxHelper::new("/proc/self/exe"))
//!         .state_directory(state)
//!         .events(|event: &Event| println!("{event}"))
//!         .build()?;
//!     for record in maintainer.run_once().await? {
//!         println!("{}: {:?}", record.project, record.outcome);
//!         # assert_eq!(record.outcome.unwrap().name(), "held");
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # What there is
//!
//! - [`Maintainer`] runs projects once ([`Maintainer::run_once`]), on request
//!   ([`Maintainer::run_project`]) or on their schedules ([`Maintainer::serve`]); [`config`] says
//!   which projects and how, also from a file.
//! - [`Step`] is a verb of the pipeline, [`LlmBackend`] what answers a prompt, [`EventSink`] who is
//!   told: a program adds its own to [`MaintainerBuilder`].
//! - [`policy`] decides allow, deny or ask before each step, by a script.
//! - [`RunRecord`], [`Proposal`], [`Outcome`] and [`Event`] are plain data; [`store`] keeps them.
//! - [`service`], [`git`] and [`process`] are what steps work with.
//!
//! # What the library does not do
//!
//! It prints nothing, reads no environment variable and no home directory, and changes no global
//! state: whoever builds a [`Maintainer`] passes in what it needs. It panics nowhere; a step or a
//! backend that does ends its run, not the program.
//!
//! # Features
//!
//! - `testing` (off): a scripted backend, a recording sink and a contract check for backends, for
//!   the tests of embedding programs.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "a test may look around"))]

mod backend;
mod chore;
mod commit_message;
pub mod config;
mod error;
mod event;
mod fingerprint;
pub mod git;
pub mod hidden_text;
mod id;
pub mod incident;
mod job;
mod leftovers;
mod maintainer;
pub mod patch;
mod pipeline;
pub mod policy;
pub mod process;
mod proposal;
mod queue;
mod recovery;
mod registry;
mod run;
mod runner;
mod scheduler;
mod secrets;
pub mod service;
mod step;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod watch;
mod words;

pub use backend::{Call, LlmBackend};
pub use chore::Proposer;
pub use config::Schedule;
pub use error::{Error, ErrorKind, Result, Retry};
pub use event::{Event, EventId, EventKind, EventSink, Events, Heard, NoticeKind};
pub use git::{Change, FileChange};
pub use id::{IncidentId, ProposalId, RunId};
pub use job::Job;
pub use maintainer::{ChoreStatus, Maintainer, MaintainerBuilder, ProjectStatus, Spending};
pub use pimainteno_plugin::{Edit, Reply, Request, Task, Usage};
pub use proposal::{Blocked, CheckVerdict, Proposal, ProposalStatus};
pub use registry::{BackendContext, BackendFactory};
pub use run::{Outcome, RunOptions, RunRecord, StepRecord, StepStatus, Trigger};
pub use runner::Forgotten;
pub use secrets::{AddedSecret, Finding, Secrets};
pub use step::{Effects, Failure, Flow, Happened, Need, Part, Step, StepContext, find_programs};
pub use words::{BranchName, CommitId, ProjectId, RemoteName, Sha256, UnitName};
