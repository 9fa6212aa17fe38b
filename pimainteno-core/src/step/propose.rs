//! Has a change made.

use async_trait::async_trait;

use super::{Effects, Flow, Step, StepContext};
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

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let proposer = context.parts.proposer.clone();
        proposer.propose(context).await
    }
}
