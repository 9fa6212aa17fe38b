//! Maintains Git projects and their services with a language model; a run is a transaction.

mod backend;
pub mod config;
mod error;
mod event;
pub mod policy;
pub mod process;
mod proposal;
mod run;
pub mod service;
mod scheduler;
pub mod store;

pub use backend::{Call, LlmBackend};
pub use error::{Error, ErrorKind, Result, Retry};
pub use event::{Event, EventSink};
pub use pimainteno_plugin::{Edit, Reply, Request, Task, Usage};
pub use proposal::{Proposal, ProposalId, ProposalStatus};
pub use run::{Outcome, RunId, RunRecord, StepRecord, StepStatus, Trigger};
pub use scheduler::Schedule;
pub use store::{Effect, Journal, ProjectState, Store};
