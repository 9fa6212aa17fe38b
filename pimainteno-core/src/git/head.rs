//! Reading where a checkout is, without starting a process.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::error::{Context, Error, ErrorKind, Result};

/// How many symbolic references are followed before they are taken for a circle; Git's own limit is 5 as well.
const MAX_DEPTH: usize = 5;

/// Where a checkout is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The commit, in hexadecimal.
    pub commit: String,
    /// The branch, without `refs/heads/`; `None` when the head is detached.
    pub branch: Option<String>,
}

impl Head {
    /// Reads the head of the checkout at `path`: two small files where nothing is special.
    ///
    /// `Ok(None)` means that it cannot be told from files: the repository keeps its references in another way (reftable), or the branch has no
    /// commit yet. Git knows.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if `path` is no checkout or its files cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        // The usual case first, without a look at what `.git` is.
        let mut git_directory = path.join(".git");
        let head = match fs::read_to_string(git_directory.join("HEAD")) {
            Ok(head) => head,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                git_directory = linked_directory(path, &git_directory)?;
                read(&git_directory.join("HEAD"))?
            }
            Err(error) => {
                return Err(Error::new(ErrorKind::Git, format!("not a Git checkout: `{}`", path.display()))
                    .source(error)
                    .hint("a project's path is the directory that contains `.git`"));
            }
        };
        resolve(&git_directory, head.trim_end())
    }
}

/// The directory that a `.git` file (of a worktree or a submodule) names.
fn linked_directory(path: &Path, file: &Path) -> Result<PathBuf> {
    let content = read(file)?;
    let target = content.trim_end().strip_prefix("gitdir: ");
    let target =
        target.ok_or_else(|| Error::new(ErrorKind::Git, format!("not a Git checkout: `{}` names no directory", file.display())))?;
    Ok(path.join(target))
}

fn resolve(git_directory: &Path, head: &str) -> Result<Option<Head>> {
    let Some(reference) = head.strip_prefix("ref: ") else {
        return Ok(is_object_id(head).then(|| Head { commit: head.to_owned(), branch: None }));
    };
    let branch = reference.strip_prefix("refs/heads/").map(str::to_owned);
    // A linked worktree has its own HEAD, and shares the branches.
    let common = match fs::read_to_string(git_directory.join("commondir")) {
        Ok(common) => git_directory.join(common.trim_end()),
        Err(_) => git_directory.to_owned(),
    };
    let mut reference = reference.to_owned();
    for _ in 0..MAX_DEPTH {
        let Ok(content) = fs::read_to_string(common.join(&reference)) else {
            return Ok(packed(&common, &reference)?.map(|commit| Head { commit, branch }));
        };
        match content.trim_end().strip_prefix("ref: ") {
            Some(next) => reference = next.to_owned(),
            None if is_object_id(content.trim_end()) => return Ok(Some(Head { commit: content.trim_end().to_owned(), branch })),
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// The commit that `packed-refs` gives for `reference`.
fn packed(common: &Path, reference: &str) -> Result<Option<String>> {
    let file = common.join("packed-refs");
    let content = match fs::read_to_string(&file) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(ErrorKind::Git, || format!("cannot read `{}`", file.display())),
    };
    let entries = content.lines().filter_map(|line| line.split_once(' '));
    let mut matching = entries.filter(|(id, name)| *name == reference && is_object_id(id));
    Ok(matching.next().map(|(id, _)| id.to_owned()))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).context(ErrorKind::Git, || format!("cannot read `{}`", file.display()))
}

/// SHA-1 or SHA-256, in hexadecimal.
fn is_object_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
