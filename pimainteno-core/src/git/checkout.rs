//! The directory that the user and the service live in.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{
    change::Change,
    command::{Call, Git, failed},
    head::{Head, no_checkout},
    ownership::{open_plain, refuse_foreign},
    scope::{Scope, top_above},
    tracked::{LIST_LIMIT, entries},
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    words::{BranchName, CommitId, RemoteName},
};

/// How many modified files a message names.
const NAMED_FILES: usize = 3;

/// A project's checkout. It is only ever looked at, fast-forwarded to a verified commit, or moved
/// back from one that we made.
#[derive(Clone, Debug)]
pub struct Checkout {
    /// The project's directory.
    path: PathBuf,
    /// The top of the work tree that it is in.
    top: PathBuf,
    scope: Scope,
    /// The directory that all worktrees of the repository share.
    common_directory: PathBuf,
    /// What it is worked on with.
    pub(super) git: Git,
}

/// Where a branch is pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upstream {
    /// The remote's name.
    pub remote: RemoteName,
    /// The branch's name there, without `refs/heads/`.
    pub branch: BranchName,
    /// How many commits the branch has that the remote, as last seen, has not; `None` if the
    /// branch was not seen there.
    pub ahead: Option<usize>,
}

impl Checkout {
    /// The checkout of the project at `path`, which is the top of a work tree or a directory in it
    /// that has files of its repository.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if it is neither, or if another user owns it; then no Git was run in it.
    pub async fn open(path: &Path, git: Git) -> Result<Self> {
        let top = top_above(path).unwrap_or_else(|| path.to_owned());
        refuse_foreign(&top)?;
        let text = git
            .call(
                path,
                ["rev-parse", "--show-toplevel", "--path-format=absolute", "--git-common-dir"],
            )
            .text()
            .await;
        let text = text.map_err(|error| no_checkout(path, error))?;
        let (said, common) = text.split_once('\n').unwrap_or((&text, ""));
        let is_top = fs::canonicalize(&top).ok() == fs::canonicalize(said).ok();
        let scope = Scope::of(path, &top).filter(|_| is_top && !common.is_empty());
        let scope = scope.ok_or_else(|| {
            let message = format!("not a directory of a Git checkout: `{}`", path.display());
            Error::new(ErrorKind::Git, message).hint(format!("Git takes `{said}` for its top"))
        })?;
        let common_directory = PathBuf::from(common);
        let checkout = Self { path: path.to_owned(), top, scope, common_directory, git };
        checkout.must_have_files().await?;
        Ok(checkout)
    }

    /// The project's directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The top of the work tree.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// Which part of the repository the project is.
    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The directory that all worktrees of the repository share.
    pub(crate) fn common_directory(&self) -> &Path {
        &self.common_directory
    }

    /// Lets its remote keep another run waiting for as long as the one before.
    pub(crate) fn begin_anew(&self) {
        self.git.remote.begin_anew();
    }

    /// A call at its top, without hooks.
    pub(super) fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Call {
        self.git.call(&self.top, arguments)
    }

    /// Where its head is.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if it has no commit yet or cannot be read.
    pub async fn head(&self) -> Result<Head> {
        if let Some(head) = Head::read(&self.top)? {
            return Ok(head);
        }
        let commit = self.call(["rev-parse", "--verify", "HEAD^{commit}"]).text().await;
        let commit = commit.map_err(|error| {
            Error::new(ErrorKind::Git, format!("`{}` has no commit yet", self.path.display()))
                .source(error)
                .hint("make a first commit")
        })?;
        let branch = self.call(["symbolic-ref", "--quiet", "--short", "HEAD"]).text().await;
        let branch = branch.ok().map(BranchName::unchecked);
        Ok(Head { commit: commit.parse()?, branch })
    }

    /// Whether its branch has no commit yet.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot be asked.
    pub async fn is_unborn(&self) -> Result<bool> {
        if matches!(Head::read(&self.top), Ok(Some(_))) {
            return Ok(false);
        }
        let branch = self.call(["symbolic-ref", "--quiet", "HEAD"]).output().await?;
        if !branch.success() {
            return Ok(false);
        }
        let known = self.call(["show-ref", "--verify", "--quiet", branch.text().trim()]);
        Ok(!known.output().await?.success())
    }

    /// What keeps it from being moved: tracked files that are modified, or an operation that is
    /// under way. `None` if nothing does.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell.
    pub async fn obstacle(&self) -> Result<Option<String>> {
        let unfinished = [
            ("MERGE_HEAD", "merge"),
            ("rebase-merge", "rebase"),
            ("rebase-apply", "rebase"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("BISECT_LOG", "bisect"),
        ];
        let status = self
            .call([
                "status",
                "--porcelain=v1",
                "-z",
                "--untracked-files=no",
                "--ignore-submodules=none",
            ])
            .text()
            .await?;
        let files: Vec<_> = status
            .split('\0')
            .filter_map(|entry| entry.get(3..))
            .filter(|file| !file.is_empty())
            .collect();
        if !files.is_empty() {
            let named = files.iter().take(NAMED_FILES).copied().collect::<Vec<_>>().join(", ");
            let more = if files.len() > NAMED_FILES {
                format!(" and {} more", files.len() - NAMED_FILES)
            } else {
                String::new()
            };
            return Ok(Some(format!("the checkout has uncommitted changes: {named}{more}")));
        }
        let directory = self.git_directory().await?;
        let operation = unfinished.iter().find(|(file, _)| directory.join(file).exists());
        Ok(operation.map(|(_, name)| format!("a {name} is under way in the checkout")))
    }

    /// Where `branch` is pushed to: to `remote` if that is given, or else where Git's configuration
    /// says, or else to the same branch of `origin`. `None` if there is no such remote, or no
    /// branch.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell, or if `remote` is given and does not exist.
    pub async fn upstream(
        &self,
        branch: Option<&BranchName>,
        remote: Option<&RemoteName>,
    ) -> Result<Option<Upstream>> {
        let Some(branch) = branch else { return Ok(None) };
        let remotes = self.call(["remote"]).text().await?;
        let exists = |name: &str| remotes.lines().any(|remote| remote == name);
        let format = "%(upstream:remotename)%00%(upstream:remoteref)";
        let configured = self
            .call(["for-each-ref", &format!("--format={format}"), &format!("refs/heads/{branch}")])
            .text()
            .await?;
        let (configured_remote, configured_branch) =
            configured.split_once('\0').unwrap_or_default();
        let name = match remote {
            Some(remote) if !exists(remote) => {
                return Err(Error::new(
                    ErrorKind::Git,
                    format!("`{}` has no remote `{remote}`", self.path.display()),
                )
                .hint(format!(
                    "its remotes are: {}",
                    remotes.lines().collect::<Vec<_>>().join(", ")
                )));
            }
            Some(remote) => remote,
            None if exists(configured_remote) => configured_remote,
            None if exists("origin") => "origin",
            None => return Ok(None),
        };
        let target = match configured_branch.strip_prefix("refs/heads/") {
            Some(target) if configured_remote == name => target,
            _ => branch,
        };
        let range = format!("refs/remotes/{name}/{target}..refs/heads/{branch}");
        let ahead = self.call(["rev-list", "--count", &range, "--"]).output().await?;
        let ahead = ahead.text().trim().parse().ok().filter(|_| ahead.success());
        let (remote, branch) = (RemoteName::unchecked(name), BranchName::unchecked(target));
        Ok(Some(Upstream { remote, branch, ahead }))
    }

    /// Moves the checkout from `from` forward to `to`, durably. Its hooks run.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if it is not at `from`, has modified files, or something untracked is in
    /// the way; then nothing was moved.
    pub async fn fast_forward(&self, from: &CommitId, to: &CommitId) -> Result<()> {
        self.expect_at(from).await?;
        self.git
            .call_with_hooks(
                &self.top,
                [
                    "merge",
                    "--ff-only",
                    "--no-overwrite-ignore",
                    "--no-squash",
                    "--quiet",
                    "--no-stat",
                    to,
                ],
            )
            .text()
            .await?;
        self.sync_move(from, to).await
    }

    /// Moves the checkout from our own commit `from` back to `to`, its ancestor, durably. Modified
    /// files stay as they are, and so does what is staged of them: `git reset` would empty the whole
    /// index.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if it is not at `from` or something is in the way; then nothing was
    /// moved.
    pub async fn undo(&self, from: &CommitId, to: &CommitId) -> Result<()> {
        self.expect_at(from).await?;
        self.move_back(from, to).await?;
        self.sync_move(from, to).await
    }

    /// The same, whatever is edited or staged of files that are alike in both.
    pub(super) async fn move_back(&self, from: &CommitId, to: &CommitId) -> Result<()> {
        // Whoever only touched a file is not in the way; what it cannot refresh is.
        self.call(["update-index", "-q", "--refresh"]).output().await?;
        self.call(["read-tree", "-m", "-u", from, to]).text().await?;
        let message = format!("PiMainteno: back to {to:.12}");
        let moved = self.call(["update-ref", "-m", &message, "HEAD", to, from]).text().await;
        if let Err(error) = moved {
            self.call(["read-tree", "-m", "-u", to, from]).text().await?;
            return Err(error);
        }
        Ok(())
    }

    /// Keeps the file `path` of the project out of Git for this checkout alone, through
    /// `info/exclude`.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the file cannot be written.
    pub fn exclude(&self, path: &str) -> Result<()> {
        let pattern = self.pattern(path);
        let file = self.common_directory.join("info/exclude");
        let write = || {
            let mut file =
                open_plain(&file, OpenOptions::new().create(true).read(true).append(true))?;
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            let content = String::from_utf8_lossy(&content);
            if content.lines().any(|line| line.trim_end() == pattern) {
                return Ok(());
            }
            let separator = if content.is_empty() || content.ends_with('\n') { "" } else { "\n" };
            file.write_all(format!("{separator}{pattern}\n").as_bytes())
        };
        write().context(ErrorKind::Git, || format!("cannot write `{}`", file.display()))
    }

    /// What names the file `path` of the project in `info/exclude`, which counts from the top. Its
    /// directory may have letters that are patterns there.
    pub(super) fn pattern(&self, path: &str) -> String {
        let path = self.scope.outer(path);
        let escaped = path.to_string_lossy().chars().fold(String::new(), |mut pattern, letter| {
            pattern.extend(Some('\\').filter(|_| "\\*?[]".contains(letter)));
            pattern.push(letter);
            pattern
        });
        format!("/{escaped}")
    }

    /// Whether Git tracks the project's file `path`.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell.
    pub async fn is_tracked(&self, path: &str) -> Result<bool> {
        let path = self.scope.outer(path);
        let list = self.call([Path::new("ls-files"), Path::new("--"), &path]);
        Ok(!list.env("GIT_LITERAL_PATHSPECS", "1").text().await?.is_empty())
    }

    /// Whether the project's files are the same in two commits.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if one does not exist.
    pub(crate) async fn is_same(&self, one: &CommitId, other: &CommitId) -> Result<bool> {
        let compare = ["diff", "--quiet", "--no-ext-diff", "--no-textconv", one, other, "--"];
        let output = self.call(self.scope.relative(&compare)).output().await?;
        match output.end {
            crate::process::End::Exited(code @ (0 | 1)) => Ok(code == 0),
            _ => Err(failed("git diff", &output)),
        }
    }

    /// The files outside of the project that differ between two commits, from its directory on.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if one does not exist.
    pub(crate) async fn changed_outside(
        &self,
        one: &CommitId,
        other: &CommitId,
    ) -> Result<Vec<PathBuf>> {
        let Some(others) = self.scope.others() else { return Ok(Vec::new()) };
        let list = ["diff", "--name-only", "-z", "--no-renames", one, other, "--"];
        let list = list.map(OsString::from).into_iter().chain(others);
        let list = self.call(list).output_limit(LIST_LIMIT).bytes().await?;
        let path = |path: &[u8]| self.scope.seen(Path::new(OsStr::from_bytes(path)));
        Ok(entries(&list).map(path).collect())
    }

    /// Makes sure that a directory below the top is a part of the repository, and not only of the
    /// disk: whoever keeps his settings in a repository of his home has all else in it, too.
    async fn must_have_files(&self) -> Result<()> {
        let Some(files) = self.scope.files() else { return Ok(()) };
        let list = [OsStr::new("ls-tree"), OsStr::new("--name-only"), OsStr::new("HEAD")];
        let directory = self.scope.outer("");
        let list = self.call(list.into_iter().chain([directory.as_os_str()]));
        let staged = self.call([OsStr::new("ls-files"), OsStr::new("--"), &files]);
        // Before there is a commit Git has no list of it.
        let listed = list.output().await?;
        if !listed.text().trim().is_empty() || !staged.text().await?.is_empty() {
            return Ok(());
        }
        let (path, top) = (self.path.display(), self.top.display());
        Err(Error::new(ErrorKind::Git, format!("Git keeps no file of `{path}` in `{top}`"))
            .hint("commit its files, or make it a repository of its own with `git init`"))
    }

    /// The log from `from` (exclusive) to `to` with the files that changed, at most `commits` of
    /// them; the whole history if there is no `from`.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if a commit does not exist.
    pub async fn log(
        &self,
        from: Option<&CommitId>,
        to: &CommitId,
        commits: usize,
    ) -> Result<String> {
        let range = from.map_or_else(|| to.to_string(), |from| format!("{from}..{to}"));
        let limit = format!("--max-count={commits}");
        let arguments = [
            "log",
            &limit,
            "--no-color",
            "--no-decorate",
            "--no-ext-diff",
            "--stat=100",
            "--format=%h %s%n%b",
            &range,
            "--",
        ];
        self.call(self.scope.relative(&arguments)).output_limit(64 << 10).text().await
    }

    /// The last `commits` up to `to` that changed one of these files of the project, a line each.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the commit does not exist.
    pub(crate) async fn log_of(
        &self,
        to: &CommitId,
        files: &[&str],
        commits: usize,
    ) -> Result<String> {
        let limit = format!("--max-count={commits}");
        let format = "--format=%h %ad %s";
        let mut arguments = vec![
            "log",
            &limit,
            "--no-color",
            "--no-decorate",
            "--date=iso-strict",
            format,
            to,
            "--",
        ];
        // Names, not patterns.
        let files: Vec<_> = files
            .iter()
            .map(|file| self.scope.outer(Path::new(file)).to_string_lossy().into_owned())
            .map(|file| format!(":(top,literal){file}"))
            .collect();
        arguments.extend(files.iter().map(String::as_str));
        self.call(arguments).output_limit(16 << 10).text().await
    }

    /// The differences between two commits as text, at most `bytes` of it.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if a commit does not exist.
    pub async fn diff(&self, from: &CommitId, to: &CommitId, bytes: usize) -> Result<String> {
        let arguments = ["diff", "--no-color", "--no-ext-diff", "--no-textconv", from, to, "--"];
        self.call(self.scope.relative(&arguments)).output_limit(bytes).text().await
    }

    /// Whether `ancestor` is an ancestor of `commit`, or the same.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if one does not exist.
    pub async fn is_ancestor(&self, ancestor: &CommitId, commit: &CommitId) -> Result<bool> {
        let output = self.call(["merge-base", "--is-ancestor", ancestor, commit]).output().await?;
        match output.end {
            crate::process::End::Exited(code @ (0 | 1)) => Ok(code == 0),
            _ => Err(failed("git merge-base --is-ancestor", &output)),
        }
    }

    /// Whether the repository has a commit at all.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn has_commit(&self, commit: &CommitId) -> Result<bool> {
        let output = self.call(["cat-file", "-e", commit]).output().await?;
        match output.end {
            crate::process::End::Exited(code @ (0 | 1)) => Ok(code == 0),
            _ => Err(failed("git cat-file -e", &output)),
        }
    }

    /// A commit's message.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if it does not exist.
    pub async fn message(&self, commit: &CommitId) -> Result<String> {
        self.call(["show", "--no-patch", "--format=%B", commit, "--"]).text().await
    }

    /// What differs between two commits, in the same shape as a change of ours: of the project.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if a commit does not exist.
    pub async fn change(&self, from: &CommitId, to: &CommitId) -> Result<Change> {
        let arguments = [
            "diff",
            "--numstat",
            "--patch",
            "--no-renames",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            from,
            to,
            "--",
        ];
        Ok(Change::parse(&self.call(self.scope.relative(&arguments)).text().await?))
    }

    pub(super) async fn expect_at(&self, commit: &CommitId) -> Result<()> {
        let head = self.head().await?.commit;
        if head != *commit {
            return Err(Error::new(
                ErrorKind::Git,
                format!("the checkout moved meanwhile: it is at {head:.12}, not at {commit:.12}"),
            ));
        }
        match self.obstacle().await? {
            Some(obstacle) => Err(Error::new(ErrorKind::Git, obstacle).hint("commit or undo them")),
            None => Ok(()),
        }
    }

    /// The checkout's own Git directory; differs from the common one when it is a linked worktree
    /// itself.
    pub(crate) async fn git_directory(&self) -> Result<PathBuf> {
        let plain = self.top.join(".git");
        if plain.is_dir() {
            return Ok(plain);
        }
        Ok(PathBuf::from(self.call(["rev-parse", "--absolute-git-dir"]).text().await?))
    }
}
