//! The project's private worktree, where everything is edited, built and tested.

use std::{
    ffi::{OsStr, OsString},
    fs, io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{
    change::Change,
    checkout::Checkout,
    command::{Call, Git, NAMES_OF_EDITED, failed},
    gitlinks::Gitlinks,
    outside::outside,
    owner::OwnerSettings,
    scope::Scope,
    sharing::SharedObjects,
    tracked::{LIST_LIMIT, entries},
    unfinished::{top_of, worktrees},
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    process::{End, Sandbox, Session, make_writable, remove, remove_unseen},
    words::CommitId,
};

/// The largest diff that is handled, in bytes. What is larger cannot be reviewed and is no minimal
/// change.
const DIFF_LIMIT: usize = 8 << 20;

/// The most that the files of a change may hold together, in bytes: a small change of a large file
/// is still a small change.
pub(crate) const FILES_LIMIT: u64 = 32 << 20;

/// A project's worktree in the state directory. It stays from run to run, so that build caches last
/// and a run costs what changed.
#[derive(Clone, Debug)]
pub struct Workspace {
    top: PathBuf,
    /// The project's directory.
    path: PathBuf,
    /// The repository's directory for this worktree. It is always passed on: the `.git` file in
    /// the workspace is within reach of whoever edits there.
    pub(super) git_directory: PathBuf,
    /// What it, and its hooks, is worked on with.
    pub(super) git: Git,
    pub(super) checkout: Checkout,
    pub(super) owner: OwnerSettings,
    /// What hooks are kept in, but for where they may write.
    pub(super) sandbox: Option<Sandbox>,
    /// Where Git runs: what it is asked about was written by others, and it runs filters and
    /// drivers on it.
    session: Option<Session>,
    pub(super) known_gitlinks: Gitlinks,
}

impl Workspace {
    /// The workspace of `checkout` with its top at `path`, clean and at `commit`. It is made if it is
    /// missing or of no use any more.
    ///
    /// Whatever looks at files in it runs in `sandbox`, which is given what else it needs to write
    /// to; without one, where everything else runs.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot make it, [`ErrorKind::Process`] if the sandbox cannot be
    /// set up.
    pub async fn prepare(
        path: &Path,
        checkout: &Checkout,
        commit: &CommitId,
        sandbox: Option<Sandbox>,
    ) -> Result<Self> {
        let owner = OwnerSettings::read(checkout).await?;
        let known = || registered(checkout.common_directory(), path);
        if let Some(git_directory) = known().filter(|_| path.is_dir()) {
            let workspace = Self::new(path, git_directory, checkout, &owner, sandbox.as_ref())?;
            match workspace.check_out(commit).await {
                Ok(()) => {
                    workspace.has_project()?;
                    return Ok(workspace);
                }
                // Not the workspace's fault.
                Err(error) if error.kind() == ErrorKind::Process => return Err(error),
                Err(_) => {}
            }
        }
        if path.exists() {
            remove(path).context(ErrorKind::Git, || {
                format!("cannot remove the broken workspace `{}`", path.display())
            })?;
        }
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .context(ErrorKind::Git, || format!("cannot create `{}`", parent.display()))?;
        }
        // Forced twice: the repository may still have a worktree registered there, and it may be
        // locked.
        let add = ["worktree", "add", "--detach", "--no-checkout", "-f", "-f"].map(Path::new);
        checkout.call(add.into_iter().chain([path, Path::new(commit.as_str())])).text().await?;
        let git_directory = known().ok_or_else(|| {
            Error::new(
                ErrorKind::Git,
                format!("Git does not know the worktree that it made: `{}`", path.display()),
            )
        })?;
        let workspace = Self::new(path, git_directory, checkout, &owner, sandbox.as_ref())?;
        workspace.reset(commit).await?;
        Ok(workspace)
    }

    fn new(
        path: &Path,
        git_directory: PathBuf,
        checkout: &Checkout,
        owner: &OwnerSettings,
        sandbox: Option<&Sandbox>,
    ) -> Result<Self> {
        let mut workspace = Self {
            top: path.to_owned(),
            path: checkout.scope().within(path),
            git_directory,
            git: checkout.git.clone(),
            checkout: checkout.clone(),
            owner: owner.clone(),
            sandbox: None,
            session: None,
            known_gitlinks: Gitlinks::default(),
        };
        let Some(sandbox) = sandbox else { return Ok(workspace) };
        let mut sandbox = sandbox.clone();
        let stage = workspace.stage_directory();
        fs::create_dir_all(&stage)
            .context(ErrorKind::Git, || format!("cannot create `{}`", stage.display()))?;
        sandbox.read.extend(owner.files.iter().cloned());
        workspace.sandbox = Some(sandbox.clone());
        let common = checkout.common_directory();
        sandbox.write.extend([
            path.to_owned(),
            workspace.git_directory.clone(),
            common.join("objects"),
            common.join("lfs"),
            stage,
        ]);
        workspace.session = Some(Session::new(sandbox, path.to_owned()));
        workspace.git = checkout.git.apart();
        Ok(workspace)
    }

    /// Where the project is in it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The top of the worktree.
    pub(crate) fn top(&self) -> &Path {
        &self.top
    }

    /// Which part of the repository the project is.
    pub(crate) fn scope(&self) -> &Scope {
        self.checkout.scope()
    }

    /// The text of each hook of the checkout.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell where they are.
    pub(crate) async fn hook_texts(&self) -> Result<Vec<String>> {
        self.checkout.hook_texts_in(self.owner.moves_hooks).await
    }

    /// The directory in which hooks run, beside the workspace. A project's name has no full stop.
    pub(super) fn stage_directory(&self) -> PathBuf {
        let name = self.top.file_name().unwrap_or_default();
        self.top.with_file_name([name, OsStr::new(".commit")].join(OsStr::new("")))
    }

    /// Makes every file as it is in `commit`. Ignored files, where build caches live, stay.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the commit does not exist, or has no directory for the project.
    pub async fn reset(&self, commit: &CommitId) -> Result<()> {
        self.check_out(commit).await?;
        self.has_project()
    }

    async fn check_out(&self, commit: &CommitId) -> Result<()> {
        self.link().context(ErrorKind::Git, || {
            format!("cannot link the workspace to its repository: `{}`", self.top.display())
        })?;
        // A process that was killed leaves its locks behind, also those of references that come and
        // go, as `REVERT_HEAD`; the workspace is ours alone, under the project's lock.
        for entry in fs::read_dir(&self.git_directory).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "lock") {
                drop(fs::remove_file(entry.path()));
            }
        }
        self.close_gitlinks(commit).await?;
        // A hard reset would move the branch that an agent or a check switched to.
        let checkout = ["checkout", "--force", "--detach", "--quiet", commit, "--"];
        if !self.call(checkout).output().await?.success() {
            make_writable(&self.top);
            self.call(checkout).text().await?;
        }
        self.clean_tree(&self.top, "-ffdq").await
    }

    /// Removes everything that is not tracked, ignored files too.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if something cannot be removed.
    pub(crate) async fn remove_ignored(&self) -> Result<()> {
        if self.clean_tree(&self.top, "-ffdxq").await.is_ok() {
            return remove_unseen(&self.top).context(ErrorKind::Git, || {
                format!("cannot clean the workspace `{}`", self.top.display())
            });
        }
        // Git gives up where a path is longer than it can be.
        let empty = || {
            let entries = fs::read_dir(&self.top)?
                .filter(|entry| entry.as_ref().map_or(true, |entry| entry.file_name() != ".git"));
            entries.into_iter().try_for_each(|entry| remove(&entry?.path()))
        };
        empty().context(ErrorKind::Git, || {
            format!("cannot empty the workspace `{}`", self.top.display())
        })?;
        self.restore().await
    }

    /// Removes from `layer`, which holds what lies beside the files of the workspace, and copies of
    /// the files that say what is ignored, whatever is not ignored.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot.
    pub(crate) async fn clean_layer(&self, layer: &Path) -> Result<()> {
        self.known_gitlinks.empty_in(layer)?;
        self.clean_tree(layer, "-ffdq").await
    }

    async fn clean_tree(&self, tree: &Path, how: &str) -> Result<()> {
        let cleaned = self.call_on(tree, ["clean", how]).output().await?;
        match cleaned.end {
            End::Exited(0) => return Ok(()),
            End::TimedOut => return Err(failed("git clean", &cleaned)),
            _ => {}
        }
        // A tool may have left directories that nothing can be removed from, as Go does with its
        // cache of modules.
        make_writable(tree);
        self.call_on(tree, ["clean", how]).text().await.map(drop)
    }

    /// Makes every tracked file as it is staged again. What is not tracked stays.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot.
    pub async fn restore(&self) -> Result<()> {
        self.call(["checkout-index", "--force", "--all"]).text().await.map(drop)
    }

    /// Makes `paths` as they are in `commit`, which removes those that it does not have; all of
    /// them are staged.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if one is neither in the commit nor staged.
    pub async fn put_back(&self, commit: &CommitId, paths: &[&str]) -> Result<()> {
        let arguments = ["checkout", "--no-overlay", "--quiet", commit, "--"].map(PathBuf::from);
        self.call(arguments.into_iter().chain(self.outer(paths)))
            .env("GIT_LITERAL_PATHSPECS", "1")
            .text()
            .await
            .map(drop)
    }

    /// Whether any of `paths` differs between two commits; one that is not known any more differs.
    pub async fn differ(&self, one: &CommitId, other: &CommitId, paths: &[&str]) -> bool {
        let arguments = ["diff", "--quiet", "--no-ext-diff", "--no-textconv", one, other, "--"];
        let arguments = arguments.map(PathBuf::from).into_iter().chain(self.outer(paths));
        let output = self.call(arguments).env("GIT_LITERAL_PATHSPECS", "1").output().await;
        !output.is_ok_and(|output| output.success())
    }

    /// Takes everything of the project that is changed against `base`, new files and commits that
    /// somebody made meanwhile too, and stages it.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if it is too large or not UTF-8.
    pub async fn take_change(&self, base: &CommitId) -> Result<Change> {
        // Git would wait for what a pipe says that is called as its own files are.
        remove_unseen(&self.top)
            .context(ErrorKind::Git, || format!("cannot look through `{}`", self.top.display()))?;
        let named = self.close_gitlinks(base).await?;
        // Looked at before: what is staged stays in the user's repository for weeks.
        let list = ["ls-files", "-z", "--modified", "--others", "--exclude-standard", "--"];
        let list = list.into_iter().map(OsString::from).chain(self.scope().files());
        let files = self.call(list).output_limit(DIFF_LIMIT).output().await?;
        let sizes = entries(&files.stdout).filter_map(|file| {
            let metadata = fs::symlink_metadata(self.top.join(OsStr::from_bytes(file))).ok()?;
            Some(metadata.len()).filter(|_| metadata.is_file())
        });
        if files.truncated || sizes.sum::<u64>() > FILES_LIMIT {
            return Err(too_large());
        }
        let add = ["add", "--all", "--"].into_iter().map(OsStr::new);
        self.call(add.chain(named.iter().map(OsString::as_os_str))).text().await?;
        self.staged(base).await
    }

    /// What is staged against `base`.
    ///
    /// # Errors
    /// As [`Self::take_change`].
    pub async fn staged(&self, base: &CommitId) -> Result<Change> {
        self.staged_around(base, "--unified=3").await
    }

    /// The same, with each file from its first line to its last.
    ///
    /// # Errors
    /// As [`Self::take_change`].
    pub async fn staged_whole(&self, base: &CommitId) -> Result<Change> {
        self.staged_around(base, "--unified=1000000").await
    }

    async fn staged_around(&self, base: &CommitId, context: &str) -> Result<Change> {
        if let Some(others) = self.scope().others() {
            let list = ["diff", "--cached", "--name-only", "-z", base, "--"].map(OsString::from);
            let list = self.call(list.into_iter().chain(others)).output_limit(LIST_LIMIT);
            if let Some(path) = entries(&list.bytes().await?).next() {
                return Err(outside(Path::new(OsStr::from_bytes(path))));
            }
        }
        read_change(self.difference(base, context)).await
    }

    /// A call that tells what the index has of the project against `base`, in the shape of a change.
    pub(super) fn difference(&self, base: &CommitId, context: &str) -> Call {
        self.call(self.scope().relative(&[
            "diff",
            context,
            "--cached",
            "--numstat",
            "--patch",
            "--binary",
            "--full-index",
            "--no-renames",
            "--ignore-submodules=none",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            base,
            "--",
        ]))
    }

    /// Places `diff` in the clean workspace and stages it: all of it or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if Git refuses it.
    pub async fn apply(&self, diff: &str) -> Result<()> {
        let output = self.applying(&["--index"]).input(diff).output().await?;
        if output.success() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Patch,
            format!("the change does not fit the project's files: {}", output.tail(6)),
        ))
    }

    /// Whether `diff` could be placed in the clean workspace, on files that are as it says.
    pub(crate) async fn applies(&self, diff: &str) -> bool {
        let checked = self.applying(&["--index", "--check"]).input(diff).output().await;
        checked.is_ok_and(|output| output.success())
    }

    /// A call that applies a diff of the project, which is its input.
    pub(super) fn applying(&self, options: &[&str]) -> Call {
        let directory = self.scope().directory();
        let options = options.iter().map(OsString::from).chain(directory);
        let apply = ["apply".into(), "--whitespace=nowarn".into()].into_iter().chain(options);
        self.call(apply.chain(["-".into()]))
    }

    /// The tracked files, from the top on, that are not as they are staged.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn edited(&self) -> Result<Vec<String>> {
        let list = self.call(NAMES_OF_EDITED).text().await?;
        Ok(list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }

    /// The files in `layer`, which lies over the workspace, that are neither tracked nor ignored, from
    /// the top on.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn untracked_in(&self, layer: &Path) -> Result<Vec<PathBuf>> {
        let list = self
            .call_on(layer, ["ls-files", "--others", "-z", "--exclude-standard"])
            .output_limit(DIFF_LIMIT)
            .bytes()
            .await?;
        Ok(entries(&list).map(|path| PathBuf::from(OsStr::from_bytes(path))).collect())
    }

    /// The paths that `diff`, which Git wrote, is about.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot read it.
    pub async fn touched(&self, diff: &str) -> Result<Vec<String>> {
        let list = self
            .call(["apply", "--numstat", "--whitespace=nowarn", "-z", "-"])
            .input(diff)
            .text()
            .await?;
        Ok(list
            .split('\0')
            .filter_map(|entry| entry.trim_start_matches('\n').splitn(3, '\t').nth(2))
            .map(str::to_owned)
            .collect())
    }

    /// Stages `paths` as they are in the workspace, also those that Git is told to ignore.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if one is neither there nor tracked.
    pub async fn stage(&self, paths: &[&str]) -> Result<()> {
        // Paths go through the input: there may be many.
        let list = self.outer(paths).flat_map(|path| [path.as_os_str().as_bytes(), b"\0"].concat());
        let list: Vec<_> = list.collect();
        let arguments =
            ["add", "--all", "--force", "--pathspec-from-file=-", "--pathspec-file-nul"];
        self.call(arguments).env("GIT_LITERAL_PATHSPECS", "1").input(list).text().await.map(drop)
    }

    /// Stages the inverse of `commit`.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if later commits are in its way; then the workspace is unclean.
    pub async fn revert(&self, commit: &CommitId) -> Result<()> {
        let output = self.call(["revert", "--no-commit", "--no-edit", commit]).output().await?;
        // Without a commit of its own, Git notes a revert under way; the note is not wanted.
        drop(fs::remove_file(self.git_directory.join("REVERT_HEAD")));
        if output.success() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Patch,
            format!("commit {commit:.12} cannot be taken back: {}", output.tail(6)),
        )
        .hint("later commits changed the same lines; revert it by hand"))
    }

    /// Writes what is staged as a tree, and gives its id.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot.
    pub async fn write_tree(&self) -> Result<String> {
        self.call(["write-tree"]).text().await
    }

    /// Makes every file, and the index, as they are in `tree`. What is not tracked stays.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot.
    pub(crate) async fn read_tree(&self, tree: &str) -> Result<()> {
        self.call(["read-tree", "--reset", "-u", tree]).text().await.map(drop)
    }

    /// Puts the file right that tells programs in the workspace where the repository is: it is
    /// within reach of whoever edits there.
    fn link(&self) -> io::Result<()> {
        let (link, content) =
            (self.top.join(".git"), format!("gitdir: {}\n", self.git_directory.display()));
        match fs::symlink_metadata(&link) {
            Ok(metadata) if metadata.is_dir() => remove(&link)?,
            Ok(metadata) if metadata.is_file() && fs::read(&link)? == content.as_bytes() => {
                return Ok(());
            }
            Ok(_) => fs::remove_file(&link)?,
            Err(_) => {}
        }
        fs::write(link, content)
    }

    /// Paths of the project, from the top on.
    fn outer<'p>(&'p self, paths: &'p [&str]) -> impl Iterator<Item = PathBuf> + 'p {
        paths.iter().map(|path| self.scope().outer(path))
    }

    /// Where Git runs; `None` where everything else does.
    pub(super) fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// A call in the workspace, without hooks.
    pub(super) fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Call {
        self.call_on(&self.top, arguments)
    }

    /// The same on another tree of files.
    pub(super) fn call_on<A: AsRef<OsStr>>(
        &self,
        tree: &Path,
        arguments: impl IntoIterator<Item = A>,
    ) -> Call {
        let call = self
            .git
            .call(tree, arguments)
            .env("GIT_DIR", &self.git_directory)
            .env("GIT_WORK_TREE", tree);
        let common = self.checkout.common_directory();
        let shared = self.owner.sharing.map(|sharing| SharedObjects::new(sharing, common));
        call.env("GIT_COMMON_DIR", common).within(self.session.as_ref()).sharing(shared)
    }
}

/// The error of a change whose files are larger than [`FILES_LIMIT`].
pub(crate) fn too_large() -> Error {
    let message = format!("the files of the change are larger than {} MiB", FILES_LIMIT >> 20);
    Error::new(ErrorKind::Patch, message)
}

/// The change that [`Workspace::difference`] tells.
///
/// # Errors
/// As [`Workspace::take_change`].
pub(super) async fn read_change(call: Call) -> Result<Change> {
    let output = call.output_limit(2 * DIFF_LIMIT).output().await?;
    if !output.success() {
        return Err(failed("git diff --cached", &output));
    }
    if output.truncated || output.stdout.len() > DIFF_LIMIT {
        return Err(Error::new(
            ErrorKind::Patch,
            format!("the change is larger than {} MiB", DIFF_LIMIT >> 20),
        ));
    }
    let text = String::from_utf8(output.stdout).map_err(|source| {
        Error::new(ErrorKind::Patch, "the change touches a text file that is not UTF-8")
            .source(source)
            .hint("convert the file to UTF-8, or list it under `protect`")
    })?;
    Ok(Change::parse(&text))
}

/// The directory in which the repository keeps the worktree at `path`.
fn registered(common_directory: &Path, path: &Path) -> Option<PathBuf> {
    let path = fs::canonicalize(path).ok()?;
    worktrees(common_directory).find(|directory| top_of(directory).as_ref() == Some(&path))
}
