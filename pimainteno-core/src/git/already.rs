//! Whether a project has a change already.

use super::workspace::Workspace;
use crate::error::Result;

impl Workspace {
    /// Whether what is staged holds all of `diff`, which Git wrote: it could be taken out again,
    /// line by line.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Process`] if Git cannot be asked.
    pub(crate) async fn has_already(&self, diff: &str) -> Result<bool> {
        if diff.is_empty() {
            return Ok(false);
        }
        let check = self.applying(&["--check", "--cached", "--reverse"]);
        Ok(check.input(diff).output().await?.success())
    }
}
