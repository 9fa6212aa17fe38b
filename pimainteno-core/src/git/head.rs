//! Reading where a checkout is, without starting a process.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::scope::top_above;
use crate::{
    error::{Context, Error, ErrorKind, Result},
    words::{BranchName, CommitId},
};

/// How many symbolic references are followed before they are taken for a circle; Git's own limit is
/// 5 as well.
const MAX_DEPTH: usize = 5;

/// How long the files are in the usual case: a commit, or the name of a branch.
const PLAIN_BYTES: usize = 256;

/// Where a checkout is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The commit, in hexadecimal.
    pub commit: CommitId,
    /// The branch, without `refs/heads/`; `None` when the head is detached.
    pub branch: Option<BranchName>,
}

impl Head {
    /// Reads the head of the checkout that `path` is in: two small files where nothing is special.
    ///
    /// `Ok(None)` means that it cannot be told from files: the repository keeps its references in
    /// another way (reftable), or the branch has no commit yet. Git knows.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if `path` is no checkout or its files cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if let Some(head) = read_plain(path) {
            return Ok(Some(head));
        }
        let top = top_above(path).unwrap_or_else(|| path.to_owned());
        let mut git_directory = top.join(".git");
        let head = match fs::read_to_string(git_directory.join("HEAD")) {
            Ok(head) => head,
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                git_directory = linked_directory(&top, &git_directory)?;
                read(&git_directory.join("HEAD"))?
            }
            Err(error) => return Err(no_checkout(path, error)),
        };
        resolve(&git_directory, head.trim_end())
    }
}

/// The head where nothing is special: a branch whose file lies beside HEAD. `None` for all else,
/// which is looked at with care then.
///
/// This is what a scan does for each project, so each file is opened and read once, without a look
/// at what it is or how long.
fn read_plain(path: &Path) -> Option<Head> {
    let git_directory = path.join(".git");
    let (mut head, mut commit) = ([0; PLAIN_BYTES], [0; PLAIN_BYTES]);
    let reference = read_line(&git_directory.join("HEAD"), &mut head)?.strip_prefix("ref: ")?;
    let branch = reference.strip_prefix("refs/heads/")?;
    let commit = read_line(&git_directory.join(reference), &mut commit)?.parse().ok()?;
    Some(Head { commit, branch: Some(BranchName::unchecked(branch)) })
}

/// The only line of a file; `None` if it does not fit, as it may have been cut off then.
fn read_line<'a>(file: &Path, buffer: &'a mut [u8]) -> Option<&'a str> {
    let count = File::open(file).ok()?.read(buffer).ok()?;
    std::str::from_utf8(buffer.get(..count)?).ok()?.strip_suffix('\n')
}

/// The directory that a `.git` file (of a worktree or a submodule) names.
fn linked_directory(path: &Path, file: &Path) -> Result<PathBuf> {
    let content = read(file)?;
    let target = content.trim_end().strip_prefix("gitdir: ");
    let target = target.ok_or_else(|| {
        Error::new(
            ErrorKind::Git,
            format!("not a Git checkout: `{}` names no directory", file.display()),
        )
    })?;
    Ok(path.join(target))
}

fn resolve(git_directory: &Path, head: &str) -> Result<Option<Head>> {
    let Some(reference) = head.strip_prefix("ref: ") else {
        return Ok(head.parse().ok().map(|commit| Head { commit, branch: None }));
    };
    let branch = reference.strip_prefix("refs/heads/").map(BranchName::unchecked);
    // A linked worktree has its own HEAD, and shares the branches.
    let common = common_directory(git_directory);
    let mut reference = reference.to_owned();
    for _ in 0..MAX_DEPTH {
        let Ok(content) = fs::read_to_string(common.join(&reference)) else {
            return Ok(packed(&common, &reference)?.map(|commit| Head { commit, branch }));
        };
        match content.trim_end().strip_prefix("ref: ") {
            Some(next) => reference = next.to_owned(),
            None => {
                return Ok(content.trim_end().parse().ok().map(|commit| Head { commit, branch }));
            }
        }
    }
    Ok(None)
}

/// The directory that all worktrees share, of a Git directory.
pub(super) fn common_directory(git_directory: &Path) -> PathBuf {
    fs::read_to_string(git_directory.join("commondir"))
        .map_or_else(|_| git_directory.to_owned(), |common| git_directory.join(common.trim_end()))
}

/// The commit that `packed-refs` gives for `reference`.
fn packed(common: &Path, reference: &str) -> Result<Option<CommitId>> {
    let file = common.join("packed-refs");
    // Names need not be UTF-8; those that are not cannot be the one that is looked for.
    let content = match fs::read(&file) {
        Ok(content) => String::from_utf8_lossy(&content).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error)
                .context(ErrorKind::Git, || format!("cannot read `{}`", file.display()));
        }
    };
    let mut entries = content
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, name)| *name == reference);
    Ok(entries.find_map(|(id, _)| id.parse().ok()))
}

/// The error of a directory that is no checkout.
pub(super) fn no_checkout(
    path: &Path,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    let shown = path.display();
    let error = |message| Error::new(ErrorKind::Git, message);
    match fs::metadata(path) {
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            error(format!("there is no directory `{shown}`"))
                .hint("correct the project's `path`, or put the checkout there")
        }
        Ok(metadata) if !metadata.is_dir() => error(format!("`{shown}` is no directory"))
            .hint("a project's path is a directory of a checkout"),
        _ if is_bare(path) => {
            error(format!("a bare repository has no files to work on: `{shown}`"))
                .hint("clone it; a project's path is the clone")
        }
        _ => error(format!("not a Git checkout: `{shown}`"))
            .source(source)
            .hint("a project's path is the directory that contains `.git`, or one below it"),
    }
}

/// Whether a directory is a repository without files to work on.
pub fn is_bare(path: &Path) -> bool {
    !path.join(".git").exists()
        && path.join("HEAD").is_file()
        && path.join("objects").is_dir()
        && path.join("refs").is_dir()
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(file).context(ErrorKind::Git, || format!("cannot read `{}`", file.display()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn git(directory: &Path, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        let output = Command::new("git")
            .args(identity)
            .args(arguments)
            .current_dir(directory)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "git {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    #[test]
    fn a_head_is_found_wherever_git_keeps_it() {
        let directory = tempfile::tempdir().unwrap();
        let (checkout, worktree) =
            (directory.path().join("checkout"), directory.path().join("worktree"));
        fs::create_dir(&checkout).unwrap();
        git(&checkout, &["init", "--quiet", "--initial-branch=main"]);
        assert_eq!(Head::read(&checkout).unwrap(), None);
        git(&checkout, &["commit", "--quiet", "--allow-empty", "--message", "first"]);
        git(&checkout, &["worktree", "add", "--quiet", "-b", "side", "../worktree"]);
        git(&worktree, &["commit", "--quiet", "--allow-empty", "--message", "second"]);
        let head = |path: &Path, branch: Option<&str>| {
            let expected = Head {
                commit: git(path, &["rev-parse", "HEAD"]).parse().unwrap(),
                branch: branch.map(BranchName::unchecked),
            };
            assert_eq!(Head::read(path).unwrap(), Some(expected));
        };
        head(&checkout, Some("main"));
        head(&worktree, Some("side"));
        git(&checkout, &["pack-refs", "--all"]);
        head(&checkout, Some("main"));
        head(&worktree, Some("side"));
        git(&checkout, &["symbolic-ref", "refs/heads/alias", "refs/heads/side"]);
        git(&checkout, &["symbolic-ref", "HEAD", "refs/heads/alias"]);
        head(&checkout, Some("alias"));
        git(&checkout, &["checkout", "--quiet", "--detach"]);
        head(&checkout, None);
        assert_eq!(Head::read(directory.path()).unwrap_err().kind(), ErrorKind::Git);
    }
}
