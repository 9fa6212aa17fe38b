//! What the Git hooks of a checkout run.

use std::{fs, path::Path};

use super::scope::top_above;

/// The most bytes that are read of one hook; nobody writes a longer one by hand.
const HOOK_LIMIT: u64 = 256 << 10;

/// The text of each hook in the directory that Git looks in by itself. A directory that lies in the
/// project is no matter of this: its files have names.
///
/// What cannot be read, such as a program, is left out.
pub(crate) fn hook_texts(checkout: &Path) -> Vec<String> {
    let top = top_above(checkout).unwrap_or_else(|| checkout.to_owned());
    let entries = fs::read_dir(top.join(".git/hooks")).into_iter().flatten().flatten();
    let hooks = entries
        .filter(|entry| entry.path().extension().is_none_or(|extension| extension != "sample"));
    let small = hooks.filter(|entry| {
        entry.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= HOOK_LIMIT)
    });
    small.filter_map(|entry| fs::read_to_string(entry.path()).ok()).collect()
}
