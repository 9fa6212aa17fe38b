//! Maintains Git projects and their services with a language model; a run is a transaction.

mod backend;
pub mod config;
mod error;
mod event;
pub mod git;
mod maintainer;
mod patch;
mod pipeline;
pub mod policy;
pub mod process;
mod proposal;
mod recovery;
mod registry;
mod run;
mod scheduler;
pub mod service;
mod step;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use backend::{Call, LlmBackend};
pub use error::{Error, ErrorKind, Result, Retry};
pub use event::{Event, EventSink};
pub use git::{Change, FileChange};
pub use maintainer::{Maintainer, MaintainerBuilder, ProjectStatus, RunOptions};
pub use pimainteno_plugin::{Edit, Reply, Request, Task, Usage};
pub use proposal::{Proposal, ProposalId, ProposalStatus};
pub use registry::{BackendContext, BackendFactory};
pub use run::{Outcome, RunId, RunRecord, StepRecord, StepStatus, Trigger};
pub use scheduler::Schedule;
pub use step::{Effects, Flow, Step, StepContext};
