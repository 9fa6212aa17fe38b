//! The hooks of a commit: the owner's programs, which look at files that others wrote.
//!
//! They are taken from where the checkout has them, and run in the sandbox, on a tree that holds
//! exactly what is committed: what an agent or a check left in the workspace, such as programs in
//! `node_modules`, is not there, but for what `prepare` made for the base. They have an index and a
//! place for objects of their own, so that whatever Git they call works, and nothing of it stays but,
//! where the project says so, what they make of the files of the change, which begins anew then.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Read as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;

use super::{
    change::Change,
    checkout::Checkout,
    command::{Call, LOCAL_TIMEOUT, NAMES_OF_EDITED},
    tracked::{LIST_LIMIT, entries},
    workspace::{Workspace, read_change},
};
use crate::{
    config::HooksMode,
    error::{Context, Error, ErrorKind, Result},
    process::{Command, Shown, make_writable, remove_all_in},
    words::CommitId,
};

/// The hooks that are asked before a commit is made, in the order in which Git asks them.
pub(super) const BEFORE: [&str; 3] = ["pre-commit", "prepare-commit-msg", "commit-msg"];

/// The hook that is told of it.
pub(super) const AFTER: &str = "post-commit";

/// The longest message that a hook may make, in bytes.
const MESSAGE_LIMIT: u64 = 64 << 10;

/// How many files a message names.
const TOLD: usize = 3;

/// What to do about hooks that change what is committed.
const AMEND: &str = "`hooks = \"amend\"` makes what hooks do to the files of the change part of it, and has it checked anew; `hooks = \"off\"` makes our commits without them";

/// What hooks say to a commit.
pub(super) enum Said {
    /// It may be made, with this message.
    Message(String),
    /// They made this other change of it.
    Change(Change),
}

/// How the hooks of a commit are asked, and what they have besides what is committed.
#[derive(Clone, Debug, Default)]
pub struct CommitHooks {
    /// Whether they are, and whether they may change what is committed.
    pub mode: HooksMode,
    /// What they may change, as the project's checks may.
    pub write: Vec<PathBuf>,
    /// A directory whose files they see beside those that are committed: what `prepare` made for the
    /// base, which neither an agent nor a check can have written.
    pub prepared: Option<PathBuf>,
}

/// Where hooks run.
pub(super) struct Stage<'workspace> {
    workspace: &'workspace Workspace,
    asked: CommitHooks,
    /// The directory in which all of this lies.
    place: PathBuf,
    /// Where the hooks are.
    hooks: PathBuf,
    /// What is committed.
    tree: String,
    identity: Vec<(&'static str, &'static str)>,
}

impl<'workspace> Stage<'workspace> {
    /// Makes the tree in which the hooks of a commit of `tree` on `base` run; `None` if there are
    /// no hooks.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if it cannot be made.
    pub(super) async fn build(
        workspace: &'workspace Workspace,
        base: &CommitId,
        tree: &str,
        identity: &[(&'static str, &'static str)],
        asked: CommitHooks,
    ) -> Result<Option<Self>> {
        let hooks = hooks_directory(&workspace.checkout, workspace.owner.moves_hooks).await?;
        if fs::canonicalize(workspace.top()).is_ok_and(|top| hooks.starts_with(top)) {
            return Err(Error::new(
                ErrorKind::Git,
                format!("the hooks lie in the workspace: `{}`", hooks.display()),
            )
            .hint("set `core.hooksPath` to a directory that nobody else writes to"));
        }
        if !BEFORE.iter().chain(&[AFTER]).any(|name| is_hook(&hooks.join(name))) {
            return Ok(None);
        }
        let stage = Self {
            workspace,
            asked,
            place: workspace.stage_directory(),
            hooks,
            tree: tree.to_owned(),
            identity: identity.to_vec(),
        };
        let make = || {
            stage.clear()?;
            fs::create_dir_all(stage.files())?;
            fs::create_dir(stage.objects())
        };
        make().context(ErrorKind::Git, || {
            format!("cannot make `{}`, where hooks run", stage.place.display())
        })?;
        workspace.call(["update-ref", "--no-deref", "HEAD", base]).text().await?;
        workspace.call(["read-tree", tree]).env("GIT_INDEX_FILE", stage.index()).text().await?;
        workspace
            .call_on(&stage.files(), ["checkout-index", "--all", "--force", "-u"])
            .env("GIT_INDEX_FILE", stage.index())
            .text()
            .await?;
        Ok(Some(stage))
    }

    /// Asks the hooks that can refuse a commit, and gives the message as they leave it, or the
    /// change of `base` that they make of the files at the paths which they may change.
    ///
    /// A hook that changes them and refuses, so that a person looks at it, is asked again about
    /// what it made.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if one refuses, or changes anything else of what is committed.
    pub(super) async fn rehearse(
        &self,
        message: &str,
        base: &CommitId,
        amends: Option<&[&str]>,
    ) -> Result<Said> {
        let file = self.place.join("COMMIT_EDITMSG");
        fs::write(&file, message)
            .context(ErrorKind::Git, || format!("cannot write `{}`", file.display()))?;
        let path = file.to_string_lossy().into_owned();
        for name in BEFORE {
            let arguments: &[&str] = match name {
                "prepare-commit-msg" => &[&path, "message"],
                "commit-msg" => &[&path],
                _ => &[],
            };
            let Some(command) = self.hook(name, arguments) else { continue };
            let output = command.run().await?;
            if output.success() {
                continue;
            }
            if let Some(change) = self.made_of(base, amends).await? {
                return Ok(Said::Change(change));
            }
            let refused = format!(
                "the hook `{name}` refused the commit ({}): {}",
                output.end,
                output.tail_of_both(6)
            );
            let edited = self.edited().await;
            if edited.is_empty() || amends.is_some() {
                return Err(Error::new(ErrorKind::Git, refused).hint(self.surroundings()));
            }
            let message = format!("{refused}; it edited {}", edited.join(", "));
            return Err(Error::new(ErrorKind::Git, message).hint(AMEND));
        }
        if let Some(change) = self.made_of(base, amends).await? {
            return Ok(Said::Change(change));
        }
        let staged = self.staged().await?;
        if !staged.is_empty() {
            let message = format!(
                "a hook changed what was committed, so it is not what was verified: {}",
                named(&staged)
            );
            let hint = if amends.is_some() {
                "what hooks make of files that the change does not touch is not taken; let them leave those alone"
            } else {
                AMEND
            };
            return Err(Error::new(ErrorKind::Git, message).hint(hint));
        }
        let read = read_message(&file).map_err(|error| {
            Error::new(
                ErrorKind::Git,
                format!("a hook left a commit message that cannot be used: {error}"),
            )
            .hint("let hooks leave a message that is text, of 64 KiB at most")
        });
        read.map(Said::Message)
    }

    /// What hooks made of the files at the paths which they may change; `None` if nothing, or if
    /// they may change none.
    async fn made_of(&self, base: &CommitId, amends: Option<&[&str]>) -> Result<Option<Change>> {
        let Some(paths) = amends else { return Ok(None) };
        let scope = self.workspace.checkout.scope();
        let paths: Vec<_> = paths.iter().map(|path| scope.outer(path)).collect();
        // Some tell Git of what they did, and some leave that to whoever commits.
        let is_there = |path: &&PathBuf| fs::symlink_metadata(self.files().join(path)).is_ok();
        let list =
            paths.iter().filter(is_there).flat_map(|path| [path.as_os_str().as_bytes(), b"\0"]);
        let list = list.collect::<Vec<_>>().concat();
        if !list.is_empty() {
            let add = ["add", "--all", "--force", "--pathspec-from-file=-", "--pathspec-file-nul"];
            self.call(add).env("GIT_LITERAL_PATHSPECS", "1").input(list).text().await?;
        }
        let staged = self.staged().await?;
        if staged.is_empty() || !staged.iter().all(|path| paths.contains(&PathBuf::from(path))) {
            return Ok(None);
        }
        read_change(self.on_stage(self.workspace.difference(base, "--unified=3"))).await.map(Some)
    }

    /// The paths at which the index is not as what is committed.
    async fn staged(&self) -> Result<Vec<String>> {
        let compare = [
            "diff-index",
            "--cached",
            "--name-only",
            "-z",
            "--ignore-submodules=none",
            &self.tree,
            "--",
        ];
        let list = self.call(compare).output_limit(LIST_LIMIT).bytes().await?;
        Ok(entries(&list).map(|path| String::from_utf8_lossy(path).into_owned()).collect())
    }

    /// The first files that hooks edited, as far as it can be told.
    async fn edited(&self) -> Vec<String> {
        let compare = NAMES_OF_EDITED.into_iter().chain([&*self.tree, "--"]);
        let list = self.call(compare).output_limit(LIST_LIMIT).bytes().await.unwrap_or_default();
        let name = |path: &[u8]| format!("`{}`", String::from_utf8_lossy(path));
        entries(&list).map(name).take(TOLD).collect()
    }

    /// Git on the stage's files.
    fn call<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Call {
        self.on_stage(self.workspace.call_on(&self.files(), arguments))
    }

    /// A call with the index of the stage, and with its place for objects: what hooks make does not
    /// come into the repository.
    fn on_stage(&self, call: Call) -> Call {
        let shared = self.workspace.checkout.common_directory().join("objects");
        call.env("GIT_INDEX_FILE", self.index())
            .env("GIT_OBJECT_DIRECTORY", self.objects())
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", shared)
    }

    /// Tells the hooks that the commit is made. What they make of it is their own matter.
    pub(super) async fn conclude(self) {
        if let Some(command) = self.hook(AFTER, &[])
            && let Err(error) = command.run().await
        {
            tracing::debug!(%error, "The hook `{AFTER}` could not be run.");
        }
        drop(self.clear());
    }

    /// A hook as it is run; `None` if there is none of this name.
    fn hook(&self, name: &str, arguments: &[&str]) -> Option<Command> {
        let hook = Some(self.hooks.join(name)).filter(|hook| is_hook(hook))?;
        let workspace = self.workspace;
        let common = workspace.checkout.common_directory();
        // The shell runs a script without a first line that names its interpreter, as Git does.
        let command =
            Command::shell("exec \"$0\" \"$@\"").arg(&hook).args(arguments).directory(self.files());
        let command = command
            .environment(&workspace.git.environment)
            .envs(self.identity.iter().copied())
            .env("GIT_DIR", &workspace.git_directory)
            .env("GIT_COMMON_DIR", common)
            .env("GIT_WORK_TREE", self.files())
            .env("GIT_INDEX_FILE", self.index())
            .env("GIT_OBJECT_DIRECTORY", self.objects())
            .env("GIT_ALTERNATE_OBJECT_DIRECTORIES", common.join("objects"))
            .env("GIT_EDITOR", ":")
            .env("GIT_PREFIX", "")
            .timeout(LOCAL_TIMEOUT);
        Some(match &workspace.sandbox {
            Some(sandbox) => {
                let mut sandbox = sandbox.clone();
                sandbox.write = vec![self.place.clone()];
                sandbox.write.extend(self.asked.write.iter().cloned());
                sandbox.read.extend(self.readable());
                if sandbox.support.has_namespaces()
                    && let Some(prepared) = &self.asked.prepared
                {
                    show_beside(prepared, &self.files(), &mut sandbox.shown);
                }
                // Asking for what cannot be reached takes long and says nothing.
                command.env("npm_config_offline", "true").sandbox(sandbox)
            }
            None => command,
        })
    }

    /// What hooks need of where they lie: their directory, and what is beside it if that is not all
    /// of the checkout.
    fn readable(&self) -> Vec<PathBuf> {
        let checkout = self.workspace.checkout.top();
        let is_apart = |directory: &Path| directory.starts_with(checkout) && directory != checkout;
        if checkout.starts_with(&self.hooks) {
            return BEFORE.iter().chain(&[AFTER]).map(|name| self.hooks.join(name)).collect();
        }
        let beside =
            self.hooks.parent().filter(|parent| is_apart(parent) && !parent.join("HEAD").exists());
        [self.hooks.clone()].into_iter().chain(beside.map(Path::to_owned)).collect()
    }

    /// What to know about a hook that refuses.
    fn surroundings(&self) -> &'static str {
        if self.workspace.sandbox.is_some() {
            "hooks run in the sandbox, on a tree of what is committed: without network, and of ignored files with what `prepare` made alone; \
             `sandbox_read` and `sandbox_write` name what else they need, and `hooks = \"off\"` makes commits without them"
        } else {
            "hooks run on a tree of what is committed, without ignored files such as `node_modules`; `hooks = \"off\"` makes commits without them"
        }
    }

    fn files(&self) -> PathBuf {
        self.place.join("tree")
    }

    fn index(&self) -> PathBuf {
        self.place.join("index")
    }

    fn objects(&self) -> PathBuf {
        self.place.join("objects")
    }

    /// Removes what is in the place. The place itself stays: the sandbox that Git works in has it
    /// open.
    fn clear(&self) -> io::Result<()> {
        fs::create_dir_all(&self.place)?;
        make_writable(&self.place);
        remove_all_in(&self.place)
    }
}

/// Has what is in `made` seen beside what is in `files`, where that has nothing. What cannot be looked
/// at is not seen; links are left out, as what they lead to may be elsewhere.
fn show_beside(made: &Path, files: &Path, shown: &mut Vec<Shown>) {
    for entry in fs::read_dir(made).into_iter().flatten().flatten() {
        let (source, at) = (entry.path(), files.join(entry.file_name()));
        let is_directory = |path: &Path| fs::symlink_metadata(path).is_ok_and(|it| it.is_dir());
        let is_plain = entry.file_type().is_ok_and(|kind| kind.is_dir() || kind.is_file());
        if fs::symlink_metadata(&at).is_err() {
            shown.extend(Some(Shown { at, source }).filter(|_| is_plain));
        } else if is_directory(&source) && is_directory(&at) {
            show_beside(&source, &at, shown);
        }
    }
}

/// The first of some paths.
fn named(paths: &[String]) -> String {
    let first: Vec<_> = paths.iter().take(TOLD).map(|path| format!("`{path}`")).collect();
    first.join(", ")
}

/// Where a checkout has its hooks; `is_moved` if the configuration names a place.
pub(super) async fn hooks_directory(checkout: &Checkout, is_moved: bool) -> Result<PathBuf> {
    let directory = if is_moved {
        // A relative one is relative to the top of the work tree, which is the checkout's here.
        let arguments = ["rev-parse", "--path-format=absolute", "--git-path", "hooks"];
        PathBuf::from(checkout.git.call_with_hooks(checkout.top(), arguments).text().await?)
    } else {
        checkout.common_directory().join("hooks")
    };
    Ok(fs::canonicalize(&directory).unwrap_or(directory))
}

/// Whether there is a hook that Git would run.
fn is_hook(path: &Path) -> bool {
    fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// A message that was within reach of hooks and of what they ran: a plain file, not a way to
/// another one.
fn read_message(path: &Path) -> io::Result<String> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    file.take(MESSAGE_LIMIT + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MESSAGE_LIMIT {
        return Err(io::Error::other("it is too long"));
    }
    text.retain(|character| character == '\n' || character == '\t' || !character.is_control());
    if text.trim().is_empty() { Err(io::Error::other("it is empty")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_leads_elsewhere_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("secret"), "of somebody").unwrap();
        std::os::unix::fs::symlink(path("secret"), path("link")).unwrap();
        fs::write(path("long"), vec![b'a'; 70 << 10]).unwrap();
        fs::write(path("bytes"), b"\xff").unwrap();
        fs::write(path("plain"), "fix: \u{1b}[31mx\n").unwrap();
        for name in ["link", "long", "bytes", "missing"] {
            assert!(read_message(&path(name)).is_err(), "{name}");
        }
        assert!(read_message(place.path()).is_err());
        assert_eq!(read_message(&path("plain")).unwrap(), "fix: [31mx\n");
    }
}
