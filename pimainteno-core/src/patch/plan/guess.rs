//! How much of a change must be in a file that it does not name, to be meant for it.
//!
//! A path may have directories too many in front, such as those of somebody's checkout, or lack
//! some. Then all lines of the change are in the file; but a few short ones are in many files.

use crate::patch::{
    change::{self, Section},
    files::{Entry, Files},
    paths,
    refusal::{Reason, Refusal},
};

/// How many letters and digits all different lines must have together, if both paths end in the same
/// directories and a name that few files have, or the one is that of a checkout.
const OF_PATH: usize = 0;
/// If all that is named is the name of one file alone, and few files have that.
const OF_ONLY_NAME: usize = 8;
/// If they share either of these, or many files have the name alone: a long line, or two.
const OF_NAME: usize = 16;
/// If all that they share is a name that is short, or that many files have, and the directory of
/// another is named: several lines.
const OF_COMMON_NAME: usize = 40;
/// If the directory that is named is there, so that the file could have been meant to be in it: more
/// than two files of one project say alike.
const OF_DIRECTORY: usize = 150;

/// The least letters and digits of a name that few files have: `main` and `util` have four.
const RARE: usize = 5;

/// Where checkouts are.
const CHECKOUTS: [&str; 14] = [
    "home",
    "Users",
    "root",
    "mnt",
    "tmp",
    "opt",
    "srv",
    "work",
    "workspace",
    "workspaces",
    "project",
    "repo",
    "repository",
    "checkout",
];

/// Directories with copies of what others wrote.
const COPIES: [&str; 6] =
    ["vendor", "vendored", "third_party", "third-party", "thirdparty", "node_modules"];

/// Names, without extensions, that files of several directories have.
const COMMON: [&str; 22] = [
    "__init__",
    "__main__",
    "build",
    "changelog",
    "cmakelists",
    "config",
    "constants",
    "dockerfile",
    "errors",
    "index",
    "license",
    "makefile",
    "models",
    "module",
    "package",
    "project",
    "readme",
    "setup",
    "settings",
    "tests",
    "types",
    "utils",
];

/// Refuses `path` for a section whose label can be read as `readings`, none of which there is,
/// where too little of the section speaks for that file.
pub(super) fn check(
    files: &dyn Files,
    readings: &[String],
    path: &str,
    section: &Section,
) -> Result<(), Refusal> {
    let related = |reading: &&String| {
        reading.ends_with(&format!("/{path}")) || path.ends_with(&format!("/{reading}"))
    };
    let Some(label) = readings.iter().find(related) else { return Ok(()) };
    let enough = enough(files, label, path)?;
    let said = change::letters(section.hunks.iter().flat_map(|hunk| hunk.old_lines()));
    if enough.is_some_and(|enough| said >= enough) {
        return Ok(());
    }
    let message = format!(
        "there is no such file; it could be `{path}`, but too little of what the change shows tells that"
    );
    Err(Refusal::new(Reason::Missing, message).file(label))
}

/// How many different lines that say something are enough; `None` if no number is.
fn enough(files: &dyn Files, label: &str, path: &str) -> Result<Option<usize>, Refusal> {
    // In front of either.
    let more = path.strip_suffix(label).or_else(|| label.strip_suffix(path));
    if more.is_some_and(|more| more.split('/').any(|part| COPIES.contains(&part))) {
        return Ok(None);
    }
    let directory = label.rsplit_once('/').map(|(directory, _)| directory);
    if let Some(directory) = directory
        && paths::entry(files, directory)? == Entry::Directory
    {
        return Ok(Some(OF_DIRECTORY));
    }
    let first = label.split('/').next().unwrap_or_default();
    let is_of_checkout = label.len() > path.len() && CHECKOUTS.contains(&first);
    let (shared, least) = if label.len() > path.len() { (path, 1) } else { (label, 2) };
    let is_path = shared.matches('/').count() >= least;
    let is_common = is_common(shared);
    if directory.is_none() {
        return Ok(Some(if is_common { OF_NAME } else { OF_ONLY_NAME }));
    }
    Ok(Some(match (is_of_checkout, is_path, is_common) {
        (_, true, false) | (true, true, _) | (true, _, false) => OF_PATH,
        (_, true, true) | (_, _, false) => OF_NAME,
        _ => OF_COMMON_NAME,
    }))
}

/// Whether many files have a name, or could.
fn is_common(path: &str) -> bool {
    let name = paths::last(path);
    let stem = name.trim_start_matches('.').split('.').next().unwrap_or_default();
    letters(name) < RARE || letters(stem) < RARE || COMMON.contains(&stem.to_lowercase().as_str())
}

fn letters(text: &str) -> usize {
    text.chars().filter(|character| character.is_alphanumeric()).count()
}
