//! Taking out of a repository what it was given for the runs of a project, and nothing else.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{
    checkout::Checkout,
    lock::FILE_NAME,
    ownership::open_plain,
    unfinished::{top_of, worktrees},
};
use crate::{
    error::{Context, ErrorKind, Result},
    process::remove,
};

impl Checkout {
    /// Removes what the repository knows of the worktrees at `trees`, whether those are there or
    /// not. Gives the directories that were removed.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if one cannot be removed.
    pub(crate) fn forget_worktrees(&self, trees: &[PathBuf]) -> Result<Vec<PathBuf>> {
        let places: Vec<_> = trees.iter().map(|tree| place(tree)).collect();
        let is_ours = |directory: &PathBuf| {
            let said = fs::read_to_string(directory.join("gitdir")).unwrap_or_default();
            let said = Path::new(said.trim_end_matches('\n')).parent().map(Path::to_owned);
            let top = top_of(directory);
            [said, top]
                .into_iter()
                .flatten()
                .any(|top| trees.contains(&top) || places.contains(&top))
        };
        let known: Vec<_> = worktrees(self.common_directory()).filter(is_ours).collect();
        for directory in &known {
            remove(directory)
                .context(ErrorKind::Git, || format!("cannot remove `{}`", directory.display()))?;
        }
        // As Git does with its last one; where there are others, it stays.
        drop(fs::remove_dir(self.common_directory().join("worktrees")));
        Ok(known)
    }

    /// Takes the line of the project's file `path` out of `info/exclude`; says whether it was there.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the file cannot be read or written.
    pub(crate) fn stop_excluding(&self, path: &str) -> Result<bool> {
        let pattern = self.pattern(path);
        let file = self.common_directory().join("info/exclude");
        let write = || {
            let mut content = Vec::new();
            match open_plain(&file, OpenOptions::new().read(true)) {
                Ok(mut open) => open.read_to_end(&mut content)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            };
            let lines = content.split_inclusive(|byte| *byte == b'\n');
            let is_other = |line: &&[u8]| line.trim_ascii_end() != pattern.as_bytes();
            let rest = lines.filter(is_other).collect::<Vec<_>>().concat();
            if rest.len() == content.len() {
                return Ok(false);
            }
            // Whole or not at all: the other lines are somebody else's.
            let new = file.with_extension(format!("new-{}", std::process::id()));
            let replace = || {
                fs::write(&new, rest)?;
                fs::set_permissions(&new, fs::metadata(&file)?.permissions())?;
                fs::rename(&new, &file)
            };
            replace().inspect_err(|_| drop(fs::remove_file(&new)))?;
            Ok(true)
        };
        write().context(ErrorKind::Git, || format!("cannot write `{}`", file.display()))
    }

    /// Removes the file of the project's lock, which is held.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if it cannot be removed.
    pub(crate) async fn remove_lock_file(&self) -> Result<()> {
        let file = self.git_directory().await?.join(FILE_NAME);
        remove(&file).context(ErrorKind::Git, || format!("cannot remove `{}`", file.display()))
    }
}

/// The checkout that a worktree is of, as far as its `.git` file tells; `None` if the repository's
/// directory is not where it usually is.
pub(crate) fn checkout_of(tree: &Path) -> Option<PathBuf> {
    let link = fs::read_to_string(tree.join(".git")).ok()?;
    let directory = PathBuf::from(link.trim_end().strip_prefix("gitdir: ")?);
    let git_directory = directory.parent()?.parent()?;
    (git_directory.file_name()? == ".git").then(|| git_directory.parent().map(Path::to_owned))?
}

/// A path without symbolic links, also of what is gone.
fn place(tree: &Path) -> PathBuf {
    let (Some(parent), Some(name)) = (tree.parent(), tree.file_name()) else {
        return tree.to_owned();
    };
    fs::canonicalize(parent).map_or_else(|_| tree.to_owned(), |parent| parent.join(name))
}
