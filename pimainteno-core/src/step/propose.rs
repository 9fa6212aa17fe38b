//! Has a change made.

use async_trait::async_trait;

use super::{Effects, Flow, Part, Step, StepContext};
use crate::error::Result;

/// Has the chore's proposer make a change.
#[derive(Debug)]
pub(crate) struct Propose;

#[async_trait]
impl Step for Propose {
    fn name(&self) -> &str {
        "propose"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    fn part(&self) -> Part {
        Part::Propose
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        if context.run.candidate.is_some() {
            return Ok(Flow::Skipped("a step before it has made a change".into()));
        }
        let proposer = context.parts.proposer.clone();
        proposer.propose(context).await
    }
}
