//! Moving the checkout so that a power cut half way can be put right.
//!
//! Git moves a checkout file by file, then writes its index, then the branch. Whoever is killed in
//! between leaves files of both commits. Before the move nothing tracked was modified, so whatever
//! holds exactly what one of the two commits holds, or only the beginning of it, is what the move
//! left. It is brought to where the branch is. Anything else the user wrote since, and it is not
//! touched.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::checkout::Checkout;
use crate::{
    error::{Context, Error, ErrorKind, Result},
    words::CommitId,
};

/// What Git may list of a move, in bytes: the paths of some hundred thousand files.
const LIST_LIMIT: usize = 64 << 20;

/// The largest file of which a beginning is recognised, in bytes. A larger one that was cut off is
/// left for a person.
const FILE_LIMIT: usize = 64 << 20;

/// What a commit has at a path: the mode and the object, as Git writes them. The mode is zeros if
/// it has nothing there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Version {
    mode: String,
    object: String,
}

/// The two versions of a path.
#[derive(Clone, Debug)]
pub(super) struct Versions {
    pub(super) from: Version,
    pub(super) to: Version,
}

impl Versions {
    fn both(&self) -> [&Version; 2] {
        [&self.from, &self.to]
    }
}

impl Version {
    pub(super) fn exists(&self) -> bool {
        self.mode != "000000"
    }

    /// Whether the path is a file with text or bytes in it.
    fn is_file(&self) -> bool {
        self.mode.starts_with("100")
    }

    fn is_link(&self) -> bool {
        self.mode == "120000"
    }
}

impl Checkout {
    /// Brings a move between two commits that was cut off to where the branch is, whichever of the
    /// two that is; gives the paths that were left because they hold something of the user's.
    ///
    /// If the branch is at neither commit, the user has gone on and nothing is touched.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if a commit does not exist or a file cannot be written.
    pub(crate) async fn mend_move(&self, from: &CommitId, to: &CommitId) -> Result<Vec<String>> {
        let head = self.head().await?.commit;
        if head != *from && head != *to {
            return Ok(Vec::new());
        }
        let at_head = |versions: &Versions| {
            if head == *to { versions.to.clone() } else { versions.from.clone() }
        };
        let mut index = self.index_differences(&head).await?;
        let (mut left, mut entries, mut files, mut removed) =
            (Vec::new(), String::new(), BTreeSet::new(), Vec::new());
        for (path, versions) in self.versions(from, to).await? {
            let wanted = at_head(&versions);
            let staged = index.remove(&path);
            // A name that is not UTF-8 is not known exactly here.
            let is_known = !path.contains(char::REPLACEMENT_CHARACTER);
            let is_stage_ours =
                staged.as_ref().is_none_or(|staged| versions.both().contains(&staged));
            if !is_known || !is_stage_ours || !self.is_left_by_move(&path, &versions).await? {
                left.push(path);
                continue;
            }
            if staged.is_some() {
                entries.push_str(&format!(
                    "{} {}\t{path}\0",
                    if wanted.exists() { &wanted.mode } else { "0" },
                    wanted.object
                ));
            }
            if wanted.exists() {
                files.insert(path);
            } else {
                removed.push(path);
            }
        }
        if !entries.is_empty() {
            self.call(["update-index", "-z", "--index-info"]).input(entries).text().await?;
        }
        for path in &removed {
            self.remove(path).context(ErrorKind::Git, || {
                format!("cannot remove `{path}`, which a cut-off move left")
            })?;
        }
        // Git would put a file in the place of a directory with all that is in it, or of a link
        // that leads there.
        left.extend(files.extract_if(.., |path| !self.is_free_for_file(path)));
        if !files.is_empty() {
            let list: String = files.iter().flat_map(|path| [path.as_str(), "\0"]).collect();
            self.call(["checkout-index", "--force", "-u", "-z", "--stdin"])
                .input(list)
                .text()
                .await?;
        }
        self.sync_move(from, to).await?;
        Ok(left)
    }

    /// Makes sure that a move can be told from what the user does: the checkout is at `from` and
    /// unmodified, and nothing untracked is where `to` has a new file.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] with what is in the way.
    pub(crate) async fn expect_movable(&self, from: &CommitId, to: &CommitId) -> Result<()> {
        self.expect_at(from).await?;
        self.expect_room(from, to).await
    }

    /// Makes sure that nothing lies in the checkout where `to`, a commit or a tree, has something
    /// new.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] with what is in the way.
    pub(crate) async fn expect_room(&self, from: &CommitId, to: &str) -> Result<()> {
        match self.in_the_way(from, to).await? {
            Some(obstacle) => {
                Err(Error::new(ErrorKind::Git, obstacle)
                    .hint("move it aside, or let it be written"))
            }
            None => Ok(()),
        }
    }

    /// Makes a move durable: the files that it changed, the index and the branch. Git syncs none of
    /// the files.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the disk refuses.
    pub(super) async fn sync_move(&self, from: &CommitId, to: &CommitId) -> Result<()> {
        let mut paths: BTreeSet<PathBuf> = BTreeSet::new();
        for (path, _) in self.versions(from, to).await? {
            let path = self.top().join(path);
            paths.extend(
                path.ancestors()
                    .skip(1)
                    .take_while(|parent| parent.starts_with(self.top()))
                    .map(Path::to_owned),
            );
            paths.insert(path);
        }
        let directory = self.git_directory().await?;
        paths.extend([directory.join("index"), directory]);
        let sync = move || {
            // A path that is gone, or no file any more, was removed by the move or by the user.
            let is_plain = |path: &Path| {
                fs::symlink_metadata(path)
                    .is_ok_and(|metadata| metadata.is_file() || metadata.is_dir())
            };
            paths.iter().filter(|path| is_plain(path)).try_for_each(|path| match File::open(path) {
                Ok(file) => file.sync_all(),
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied
                    ) =>
                {
                    Ok(())
                }
                Err(error) => Err(error),
            })
        };
        let synced = tokio::task::spawn_blocking(sync)
            .await
            .context(ErrorKind::Internal, || "syncing was cut off")?;
        synced.context(ErrorKind::Git, || {
            format!("cannot write `{}` to the disk", self.top().display())
        })
    }

    /// What a commit, and another one or a tree, have at each path that differs between them.
    pub(super) async fn versions(
        &self,
        from: &CommitId,
        to: &str,
    ) -> Result<BTreeMap<String, Versions>> {
        let list = ["diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-commit-id", from, to];
        Ok(parse_raw(&self.call(list).output_limit(LIST_LIMIT).text().await?))
    }

    /// What the index has at each path where it is not as `commit` is.
    async fn index_differences(&self, commit: &CommitId) -> Result<BTreeMap<String, Version>> {
        let list = ["diff-index", "--cached", "-z", "--raw", "--no-renames", commit, "--"];
        let differences = parse_raw(&self.call(list).output_limit(LIST_LIMIT).text().await?);
        Ok(differences.into_iter().map(|(path, versions)| (path, versions.to)).collect())
    }

    /// Whether what lies at `path` is what one of two versions has there, or a beginning of it:
    /// nothing is lost when it is replaced by one of them.
    async fn is_left_by_move(&self, path: &str, versions: &Versions) -> Result<bool> {
        let file = self.top().join(path);
        // A submodule has a life of its own.
        if versions
            .both()
            .iter()
            .any(|version| version.exists() && !version.is_file() && !version.is_link())
        {
            return Ok(false);
        }
        let Ok(metadata) = fs::symlink_metadata(&file) else { return Ok(true) };
        if !self.has_plain_parents(path) {
            // Something else is in the way there; what that is, its own path tells.
            return Ok(true);
        }
        if metadata.is_dir() {
            // One that Git made for files below it. What else it holds keeps it from being
            // replaced.
            return Ok(true);
        }
        if metadata.is_symlink() {
            let target = fs::read_link(&file)
                .context(ErrorKind::Git, || format!("cannot read `{}`", file.display()))?;
            for version in versions.both().into_iter().filter(|version| version.is_link()) {
                let there = self.call(["cat-file", "blob", &version.object]).output().await?;
                if there.stdout == target.as_os_str().as_bytes() {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let object = self.call(["hash-object", "--", path]).text().await?;
        if versions.both().iter().any(|version| version.is_file() && version.object == object) {
            return Ok(true);
        }
        if metadata.len() > FILE_LIMIT as u64 {
            return Ok(false);
        }
        let content = fs::read(&file)
            .context(ErrorKind::Git, || format!("cannot read `{}`", file.display()))?;
        // A power cut may leave zeros where data did not reach the disk.
        let end = content.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let content = content.get(..end).unwrap_or_default();
        for version in versions.both().into_iter().filter(|version| version.is_file()) {
            let filters = format!("--path={path}");
            let whole = self
                .call(["cat-file", "--filters", &filters, &version.object])
                .output_limit(2 * FILE_LIMIT)
                .output()
                .await?;
            if whole.success() && !whole.truncated && whole.stdout.starts_with(content) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes a file, and the directories that are empty then.
    fn remove(&self, path: &str) -> io::Result<()> {
        let file = self.top().join(path);
        if !self.is_free_for_file(path) {
            return Ok(());
        }
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let parents = file.ancestors().skip(1).take_while(|parent| *parent != self.top());
        // The first that is not empty is where it ends.
        let _ = parents.map(fs::remove_dir).find(io::Result::is_err);
        Ok(())
    }

    /// Whether a file can be written at `path` without anything of another kind being replaced.
    fn is_free_for_file(&self, path: &str) -> bool {
        self.has_plain_parents(path)
            && !fs::symlink_metadata(self.top().join(path)).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Whether everything above `path` is a directory, or is not there.
    fn has_plain_parents(&self, path: &str) -> bool {
        let parents =
            Path::new(path).ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
        let mut parents = parents.map(|parent| fs::symlink_metadata(self.top().join(parent)));
        parents.all(|metadata| match metadata {
            Ok(metadata) => metadata.is_dir(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        })
    }
}

/// Reads `--raw -z`: `:mode mode object object status`, then the path.
fn parse_raw(text: &str) -> BTreeMap<String, Versions> {
    let mut fields = text.split('\0');
    let mut found = BTreeMap::new();
    while let (Some(head), Some(path)) = (fields.next(), fields.next()) {
        let parts: Vec<_> = head.trim_start_matches(':').split(' ').collect();
        let [from_mode, to_mode, from_object, to_object, ..] = parts.as_slice() else { break };
        let version =
            |mode: &str, object: &str| Version { mode: mode.to_owned(), object: object.to_owned() };
        found.insert(
            path.to_owned(),
            Versions { from: version(from_mode, from_object), to: version(to_mode, to_object) },
        );
    }
    found
}

#[cfg(test)]
mod tests;
