//! Under which names a repository's worktrees stand in a directory: what its project was called
//! before it was moved or renamed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{scope::top_above, unfinished::worktrees};

/// The names of the worktrees in `directory` that the repository of the checkout at `path` knows
/// of, also of those that are gone, as far as files tell where they usually are.
pub(crate) fn worktrees_in(path: &Path, directory: &Path) -> Vec<String> {
    let Ok(directory) = fs::canonicalize(directory) else { return Vec::new() };
    let repository = top_above(path).map(|top| top.join(".git"));
    let top = |entry: PathBuf| {
        let link = fs::read_to_string(entry.join("gitdir")).ok()?;
        Path::new(link.trim_end_matches('\n')).parent().map(Path::to_owned)
    };
    let tops = repository.iter().flat_map(|git| worktrees(git)).filter_map(top);
    let names = tops.filter(|top| top.parent() == Some(&*directory));
    names.filter_map(|top| Some(top.file_name()?.to_str()?.to_owned())).collect()
}
