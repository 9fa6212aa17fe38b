//! What Git has of the files of a workspace, and what it has not.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::workspace::Workspace;
use crate::{error::Result, words::CommitId};

/// The most bytes that a list of all tracked files may have: some hundred thousand files.
pub(super) const LIST_LIMIT: usize = 64 << 20;

/// What a tree has at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// From the project's directory on, also of what lies outside; of a submodule from the top on.
    pub(crate) path: PathBuf,
    /// The id of what it holds.
    pub(crate) object: String,
    /// Whether it is another repository's commit.
    pub(crate) is_submodule: bool,
}

/// What is tracked, by kind; what has a name that is not UTF-8 is left out.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The project's plain files.
    pub(crate) files: BTreeSet<String>,
    /// The places of the project's submodules.
    pub(crate) submodules: BTreeSet<String>,
    /// The names of the directories at the repository's top.
    pub(crate) top: BTreeSet<String>,
}

impl Workspace {
    /// What is tracked, by kind.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn listing(&self) -> Result<Listing> {
        let list = self.list().await?;
        let mut listing = Listing::default();
        for entry in entries(&list).filter_map(|entry| std::str::from_utf8(entry).ok()) {
            let Some((head, path)) = entry.split_once('\t') else { continue };
            let is_submodule = head.starts_with("160000 ");
            match path.split_once('/') {
                Some((first, _)) => _ = listing.top.insert(first.to_owned()),
                None if is_submodule => _ = listing.top.insert(path.to_owned()),
                None => {}
            }
            let Some(path) = self.scope().inner(Path::new(path)).and_then(Path::to_str) else {
                continue;
            };
            if is_submodule {
                listing.submodules.insert(path.to_owned());
            } else if head.starts_with("100") {
                listing.files.insert(path.to_owned());
            }
        }
        Ok(listing)
    }

    /// What is tracked of the project as a plain file: the path of each, and the id of what it
    /// holds.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot tell.
    pub async fn tracked(&self) -> Result<Vec<(PathBuf, String)>> {
        let list = self.list().await?;
        Ok(entries(&list).filter_map(|entry| self.inner(file(entry, 1)?)).collect())
    }

    /// The paths of all files and links that are tracked, from the top on.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn tracked_everywhere(&self) -> Result<Vec<PathBuf>> {
        let list = self.list().await?;
        let is_submodule = |entry: &&[u8]| entry.starts_with(b"160000 ");
        let path = |entry: &[u8]| {
            let tab = entry.iter().position(|byte| *byte == b'\t')?;
            Some(PathBuf::from(OsStr::from_bytes(entry.get(tab + 1..)?)))
        };
        Ok(entries(&list).filter(|entry| !is_submodule(entry)).filter_map(path).collect())
    }

    /// Everything that the repository has in `commit`, or that is staged, and all submodules.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn contents(&self, commit: Option<&CommitId>) -> Result<Vec<Content>> {
        let (list, object) = match commit {
            Some(commit) => (self.call(["ls-tree", "-r", "-z", "--full-tree", commit]), 2),
            None => (self.call(["ls-files", "--stage", "-z"]), 1),
        };
        let list = list.output_limit(LIST_LIMIT).bytes().await?;
        let content = |entry: &[u8]| {
            let (head, path) =
                entry.split_at_checked(entry.iter().position(|byte| *byte == b'\t')?)?;
            let path = Path::new(OsStr::from_bytes(path.get(1..)?));
            let is_submodule = head.starts_with(b"160000 ");
            let path = if is_submodule { path.to_owned() } else { self.scope().seen(path) };
            let object = std::str::from_utf8(head).ok()?.split(' ').nth(object)?.to_owned();
            Some(Content { path, object, is_submodule })
        };
        Ok(entries(&list).filter_map(content).collect())
    }

    /// The names of what is not tracked, ignored or not, from the top on; a directory stands for all
    /// that is in it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn untracked_names(&self) -> Result<Vec<String>> {
        let list = self.call(["ls-files", "--others", "--directory", "-z"]).text().await?;
        Ok(list.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }

    /// The symbolic links that are tracked: the path of each, from the top on, and what it says.
    /// Those with names that are not UTF-8 are left out.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if Git cannot tell.
    pub async fn links(&self) -> Result<Vec<(String, String)>> {
        let list = self.list().await?;
        let link = |entry: &[u8]| {
            let (_, path) =
                std::str::from_utf8(entry.strip_prefix(b"120000 ")?).ok()?.split_once('\t')?;
            let target = fs::read_link(self.top().join(path)).ok()?.to_str()?.to_owned();
            Some((path.to_owned(), target))
        };
        Ok(entries(&list).filter_map(link).collect())
    }

    /// What is tracked, as `git ls-files --stage -z` lists it.
    pub(super) async fn list(&self) -> Result<Vec<u8>> {
        self.call(["ls-files", "--stage", "-z"]).output_limit(LIST_LIMIT).bytes().await
    }

    /// A file of a list, with the project's path; `None` if it lies outside.
    fn inner(&self, (path, object): (PathBuf, String)) -> Option<(PathBuf, String)> {
        if self.scope().is_all() {
            return Some((path, object));
        }
        self.scope().inner(&path).map(|path| (path.to_owned(), object))
    }
}

/// What a list has in it whose entries end with a NUL.
pub(super) fn entries(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|byte| *byte == 0).filter(|entry| !entry.is_empty())
}

/// A plain file of a list of Git's: its path, and the id of what it holds, which is the word of
/// this number of an entry. An entry is a mode and other words, a tab, the path; links and
/// submodules have other modes.
fn file(entry: &[u8], id: usize) -> Option<(PathBuf, String)> {
    let entry = entry.strip_prefix(b"100")?;
    let (head, path) = entry.split_at_checked(entry.iter().position(|byte| *byte == b'\t')?)?;
    let object = std::str::from_utf8(head).ok()?.split(' ').nth(id)?.to_owned();
    Some((PathBuf::from(OsStr::from_bytes(path.get(1..)?)), object))
}
