//! What the Git hooks of a checkout run.

use std::fs;

use super::{checkout::Checkout, hooks::hooks_directory, owner::OwnerSettings};
use crate::error::Result;

/// The most bytes that are read of one hook; nobody writes a longer one by hand.
const HOOK_LIMIT: u64 = 256 << 10;

impl Checkout {
    /// The text of each hook, from where Git looks for them. What cannot be read, such as a program,
    /// is left out.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot tell where they are.
    pub async fn hook_texts(&self) -> Result<Vec<String>> {
        let is_moved = OwnerSettings::read(self).await?.moves_hooks;
        self.hook_texts_in(is_moved).await
    }

    /// The same; `is_moved` if the configuration names a place for them.
    pub(super) async fn hook_texts_in(&self, is_moved: bool) -> Result<Vec<String>> {
        let directory = hooks_directory(self, is_moved).await?;
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let hooks = entries
            .filter(|entry| entry.path().extension().is_none_or(|extension| extension != "sample"));
        let small = hooks.filter(|entry| {
            entry
                .metadata()
                .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= HOOK_LIMIT)
        });
        Ok(small.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect())
    }
}
