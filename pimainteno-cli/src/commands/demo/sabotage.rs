//! The demo's villain: a backend whose change looks right and is not.

use async_trait::async_trait;
use pimainteno_core::{Call, Edit, LlmBackend, Reply, Request, Result, Task};

/// Proposes a setting that the checks let through and that the service cannot live with.
#[derive(Debug)]
pub(super) struct Saboteur;

impl Saboteur {
    /// The name that selects it.
    pub(super) const NAME: &str = "saboteur";
}

#[async_trait]
impl LlmBackend for Saboteur {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn edit(&self) -> Edit {
        Edit::Reply
    }

    fn is_paid(&self) -> bool {
        false
    }

    async fn complete(&self, request: &Request, _call: &Call) -> Result<Reply> {
        // `sleep soon` fails, but not before the service runs.
        let change = "radio: write as often as makes sense\n\n```diff\n--- a/radio.conf\n+++ b/radio.conf\n@@ -1,2 +1,2 @@\n # Seconds between two \
                      writes.\n-INTERVAL=0.2\n+INTERVAL=soon\n```\n";
        Ok(Reply::new(if request.task == Task::Propose { change } else { "" }))
    }
}
