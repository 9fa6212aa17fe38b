//! The project's private worktree, where everything is edited, built and tested.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    checkout::Checkout,
    command::{Call, Git},
};
use crate::error::{Context, Error, ErrorKind, Result};

/// The largest diff that is handled, in bytes. What is larger cannot be reviewed and is no minimal change.
const DIFF_LIMIT: usize = 8 << 20;

/// A project's worktree in the state directory. It stays from run to run, so that build caches last and a run costs what changed.
#[derive(Clone, Debug)]
pub struct Workspace {
    path: PathBuf,
    /// The repository's directory for this worktree. It is always passed on: the `.git` file in the workspace is within reach of whoever edits there.
    git_directory: PathBuf,
    git: Git,
}

/// What is changed in the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The change as `git diff --binary` writes it; empty if there is none.
    pub diff: String,
    /// The files it touches. A renamed file is one removed and one added.
    pub files: Vec<FileChange>,
}

/// What is changed in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileChange {
    /// The path from the top of the project, with `/`.
    pub path: String,
    /// Lines added; 0 for a binary file.
    pub added: usize,
    /// Lines removed; 0 for a binary file.
    pub removed: usize,
}

impl Workspace {
    /// The workspace of `checkout` at `path`, clean and at `commit`. It is made if it is missing or of no use any more.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot make it.
    pub async fn prepare(path: &Path, checkout: &Checkout, commit: &str) -> Result<Self> {
        let git = checkout.git().clone();
        if let Some(git_directory) = registered(checkout.common_directory(), path).filter(|_| path.is_dir()) {
            let workspace = Self { path: path.to_owned(), git_directory, git: git.clone() };
            if workspace.reset(commit).await.is_ok() {
                return Ok(workspace);
            }
        }
        if path.exists() {
            fs::remove_dir_all(path).context(ErrorKind::Git, || format!("cannot remove the broken workspace `{}`", path.display()))?;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).context(ErrorKind::Git, || format!("cannot create `{}`", parent.display()))?;
        }
        // Forced twice: the repository may still have a worktree registered there, and it may be locked.
        let add = [Path::new("worktree"), "add".as_ref(), "--detach".as_ref(), "-f".as_ref(), "-f".as_ref(), path, commit.as_ref()];
        git.call(checkout.path(), add).text().await?;
        let git_directory = registered(checkout.common_directory(), path)
            .ok_or_else(|| Error::new(ErrorKind::Git, format!("Git does not know the worktree that it made: `{}`", path.display())))?;
        Ok(Self { path: path.to_owned(), git_directory, git })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes every file as it is in `commit`. Ignored files, where build caches live, stay.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the commit does not exist.
    pub async fn reset(&self, commit: &str) -> Result<()> {
        // A process that was killed leaves its lock behind; the workspace is ours alone, under the project's lock.
        drop(fs::remove_file(self.git_directory.join("index.lock")));
        self.call(["reset", "--hard", "--quiet", commit]).text().await?;
        self.call(["clean", "-ffdq"]).text().await?;
        Ok(())
    }

    /// Takes everything that is changed against the workspace's commit, new files too, and stages it.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if it is too large, not text, or adds a symbolic link or a submodule.
    pub async fn take_change(&self) -> Result<Change> {
        self.call(["add", "--all"]).text().await?;
        self.staged().await
    }

    /// What is staged against the workspace's commit.
    ///
    /// # Errors
    /// As [`Self::take_change`].
    pub async fn staged(&self) -> Result<Change> {
        let arguments = [
            "diff",
            "--cached",
            "--numstat",
            "--patch",
            "--binary",
            "--full-index",
            "--no-renames",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
        ];
        let output = self.call(arguments).output_limit(2 * DIFF_LIMIT).output().await?;
        if !output.success() {
            return Err(super::command::failed("git diff --cached", &output));
        }
        if output.truncated || output.stdout.len() > DIFF_LIMIT {
            return Err(Error::new(ErrorKind::Patch, format!("the change is larger than {} MiB", DIFF_LIMIT >> 20)));
        }
        let text = String::from_utf8(output.stdout).map_err(|source| {
            Error::new(ErrorKind::Patch, "the change touches a text file that is not UTF-8")
                .source(source)
                .hint("convert the file to UTF-8, or list it under `protect`")
        })?;
        let change = Change::parse(&text);
        change.check_modes()?;
        Ok(change)
    }

    /// Places `diff` in the clean workspace and stages it: all of it or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if Git refuses it.
    pub async fn apply(&self, diff: &str) -> Result<()> {
        let output = self.call(["apply", "--index", "--whitespace=nowarn", "-"]).input(diff).output().await?;
        if output.success() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Patch, format!("the change does not fit the project's files: {}", output.tail(6))))
    }

    /// Places `diff`, whose counts of lines may be wrong, as [`Self::apply`] does.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if Git refuses it.
    pub async fn apply_reply(&self, diff: &str, strip: usize) -> Result<()> {
        let strip = format!("-p{strip}");
        let output = self.call(["apply", "--index", "--recount", "--whitespace=nowarn", &strip, "-"]).input(diff).output().await?;
        if output.success() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Patch, format!("the change does not fit the project's files: {}", output.tail(6))))
    }

    /// Stages the inverse of `commit`.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if later commits are in its way; then the workspace is unclean.
    pub async fn revert(&self, commit: &str) -> Result<()> {
        let output = self.call(["revert", "--no-commit", "--no-edit", commit]).output().await?;
        // Without a commit of its own, Git notes a revert under way; the note is not wanted.
        drop(fs::remove_file(self.git_directory.join("REVERT_HEAD")));
        if output.success() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Patch, format!("commit {commit:.12} cannot be taken back: {}", output.tail(6)))
            .hint("later commits changed the same lines; revert it by hand"))
    }

    /// Writes what is staged as a tree, and gives its id.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot.
    pub async fn write_tree(&self) -> Result<String> {
        self.call(["write-tree"]).text().await
    }

    /// Commits `tree`, which is what is staged, and gives the commit. The repository's hooks and signing are respected.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if a hook refuses, or if one changed what is committed: that is not what was verified.
    pub async fn commit(&self, tree: &str, message: &str, run: &str) -> Result<String> {
        let trailer = format!("--trailer=PiMainteno-Run: {run}");
        let mut call =
            self.call_with_hooks(["commit", "--quiet", "--no-edit", "--cleanup=whitespace", "--file=-", &trailer]).input(message);
        for (name, value) in self.identity().await? {
            call = call.env(name, value);
        }
        call.text().await?;
        let text = self.call(["rev-parse", "HEAD", "HEAD^{tree}"]).text().await?;
        match text.split_once('\n') {
            Some((commit, committed)) if committed == tree => Ok(commit.to_owned()),
            _ => Err(Error::new(ErrorKind::Git, "a hook of the repository changed what was committed, so it is not what was verified")
                .hint("let the hook check instead of change, or put what it does into `verify`")),
        }
    }

    /// A call in the workspace, without hooks.
    fn call<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Call {
        self.locate(self.git.call(&self.path, arguments))
    }

    /// A call in the workspace, with the repository's hooks.
    fn call_with_hooks<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Call {
        self.locate(self.git.call_with_hooks(&self.path, arguments))
    }

    fn locate(&self, call: Call) -> Call {
        call.env("GIT_DIR", &self.git_directory).env("GIT_WORK_TREE", &self.path)
    }

    /// The variables that make up for an identity that Git's configuration does not give.
    async fn identity(&self) -> Result<Vec<(&'static str, &'static str)>> {
        if self.call(["var", "GIT_COMMITTER_IDENT"]).output().await?.success() {
            return Ok(Vec::new());
        }
        let (name, email) = ("PiMainteno", "pi-mainteno@localhost");
        Ok(vec![("GIT_AUTHOR_NAME", name), ("GIT_AUTHOR_EMAIL", email), ("GIT_COMMITTER_NAME", name), ("GIT_COMMITTER_EMAIL", email)])
    }
}

impl Change {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.diff.is_empty()
    }

    /// Lines added and removed, in all files.
    pub fn lines(&self) -> (usize, usize) {
        self.files.iter().fold((0, 0), |(added, removed), file| (added + file.added, removed + file.removed))
    }

    /// The paths of the files that it deletes.
    pub fn deleted(&self) -> impl Iterator<Item = &str> {
        let sections = self.diff.split("\ndiff --git ");
        let deleted = sections
            .zip(&self.files)
            .filter(|(section, _)| section.lines().nth(1).is_some_and(|line| line.starts_with("deleted file mode ")));
        deleted.map(|(_, file)| file.path.as_str())
    }

    /// One line: how many files and lines.
    pub fn describe(&self) -> String {
        let (added, removed) = self.lines();
        let files = self.files.len();
        format!("{files} file{}, +{added} -{removed}", if files == 1 { "" } else { "s" })
    }

    /// Reads what `git diff --numstat --patch` writes: a line for each file, an empty line, the diff.
    pub(crate) fn parse(text: &str) -> Self {
        let (numbers, diff) = text.split_once("\n\n").unwrap_or((text, ""));
        let file = |line: &str| {
            let mut fields = line.splitn(3, '\t');
            let (added, removed, path) = (fields.next()?, fields.next()?, fields.next()?);
            // Binary files have dashes for numbers.
            Some(FileChange { path: unquoted(path), added: added.parse().unwrap_or(0), removed: removed.parse().unwrap_or(0) })
        };
        Self { diff: diff.to_owned(), files: numbers.lines().filter_map(file).collect() }
    }

    /// Refuses symbolic links (which could lead out of the project) and submodules (which name code that nobody saw).
    fn check_modes(&self) -> Result<()> {
        let header = |line: &str| {
            let mode = line.strip_prefix("new file mode ").or_else(|| line.strip_prefix("new mode "))?;
            matches!(mode, "120000" | "160000").then_some(())
        };
        match self.diff.lines().find_map(header) {
            Some(()) => Err(Error::new(ErrorKind::Patch, "the change adds a symbolic link or a submodule")),
            None => Ok(()),
        }
    }
}

/// The directory in which the repository keeps the worktree at `path`.
fn registered(common_directory: &Path, path: &Path) -> Option<PathBuf> {
    let link = path.join(".git");
    let directories = fs::read_dir(common_directory.join("worktrees")).ok()?.flatten().map(|entry| entry.path());
    directories
        .into_iter()
        .find(|directory| fs::read_to_string(directory.join("gitdir")).is_ok_and(|target| Path::new(target.trim_end()) == link))
}

/// A path as Git writes it: in quotes and with C escapes if it holds quotes, backslashes or control characters.
fn unquoted(path: &str) -> String {
    let Some(quoted) = path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) else { return path.to_owned() };
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'r') => bytes.push(b'\r'),
            Some(digit @ b'0'..=b'3') => {
                let digits = [Some(digit), rest.next(), rest.next()];
                bytes.push(
                    digits.into_iter().flatten().fold(0_u8, |value, digit| value.wrapping_mul(8).wrapping_add(digit.wrapping_sub(b'0'))),
                );
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_read_with_its_numbers() {
        let change = Change::parse("3\t1\tsrc/a.rs\n-\t-\t\"a\\tb\\303\\244.png\"\n\ndiff --git a/src/a.rs b/src/a.rs\n");
        assert_eq!(change.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["src/a.rs", "a\tbä.png"]);
        assert_eq!((change.lines(), change.describe().as_str()), ((3, 1), "2 files, +3 -1"));
        assert_eq!(Change::parse(""), Change::default());
    }
}
