//! Names for projects that their directories' names would not tell apart.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use pimainteno_core::ProjectId;

/// For each of the checkouts, in their order, the name that it needs: none for the first with an
/// id, and for others as many of the directories above as tell it from those.
pub(super) fn distinct(checkouts: &[PathBuf]) -> Vec<Option<String>> {
    let own = |checkout: &PathBuf| ProjectId::of(&last_parts(checkout, 1));
    // What has its id by its directory's name alone keeps it, whoever stands before.
    let mut taken: BTreeSet<ProjectId> = checkouts.iter().map(own).collect();
    let mut met = BTreeSet::new();
    let names = checkouts.iter().map(|checkout| {
        if met.insert(own(checkout)) {
            return None;
        }
        let depth = checkout.components().count();
        let longer = (2..=depth).map(|parts| last_parts(checkout, parts));
        let numbered = (2..).map(|number| format!("{} {number}", last_parts(checkout, 1)));
        longer.chain(numbered).find(|name| taken.insert(ProjectId::of(name)))
    });
    names.collect()
}

/// The last directories of a path.
fn last_parts(path: &Path, count: usize) -> String {
    let parts: Vec<_> =
        path.iter().map(|part| part.to_string_lossy()).filter(|part| part != "/").collect();
    parts[parts.len().saturating_sub(count)..].join("/")
}
