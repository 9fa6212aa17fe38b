//! Directories of submodules in the workspace.
//!
//! Their commits are not here, so the directories are empty; and whoever edits in the workspace can
//! make repositories in them, with a configuration that names programs. Git looks into such a
//! repository, and runs them, when it is asked what is changed. So what lies in there is removed,
//! and Git is told to leave the directories out.

use std::{
    ffi::OsString,
    fs, io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    tracked::{LIST_LIMIT, entries},
    workspace::Workspace,
};
use crate::{
    error::{Context, ErrorKind, Result},
    process::remove,
    words::CommitId,
};

/// The submodules of the commit that was asked for last.
#[derive(Clone, Debug, Default)]
pub(super) struct Gitlinks(Arc<Mutex<Known>>);

#[derive(Clone, Debug, Default)]
struct Known {
    commit: Option<CommitId>,
    links: Vec<PathBuf>,
}

impl Gitlinks {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes what lies where they are, of a tree that lies over the workspace or under it.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if something cannot be removed.
    pub(super) fn empty_in(&self, tree: &Path) -> Result<()> {
        self.known().links.iter().try_for_each(|link| empty(tree, link))
    }
}

impl Workspace {
    /// Where `commit` has submodules.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the commit does not exist.
    pub(super) async fn gitlinks(&self, commit: &CommitId) -> Result<Vec<PathBuf>> {
        let known = self.known_gitlinks.known().clone();
        if known.commit.as_ref() == Some(commit) {
            return Ok(known.links);
        }
        let call = self.call(["ls-tree", "-r", "-z", "--full-tree", commit]);
        let list = call.output_limit(LIST_LIMIT).bytes().await?;
        let path = |entry: &[u8]| {
            let entry = entry.strip_prefix(b"160000 ")?;
            let tab = entry.iter().position(|byte| *byte == b'\t')?;
            Some(PathBuf::from(OsString::from_vec(entry.get(tab + 1..)?.to_vec())))
        };
        let links: Vec<_> = entries(&list).filter_map(path).collect();
        *self.known_gitlinks.known() = Known { commit: Some(commit.clone()), links: links.clone() };
        Ok(links)
    }

    /// Removes what lies where `commit` has submodules, and gives the words that name the project's
    /// files to Git without looking there; none if those are all.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the commit does not exist, or something cannot be removed.
    pub(super) async fn close_gitlinks(&self, commit: &CommitId) -> Result<Vec<OsString>> {
        let links = self.gitlinks(commit).await?;
        links.iter().try_for_each(|link| empty(self.top(), link))?;
        let exclude = |link: PathBuf| {
            OsString::from_vec([b":(exclude,literal)", link.as_os_str().as_bytes()].concat())
        };
        let all = Some(":/".into()).filter(|_| !links.is_empty());
        let files = self.checkout.scope().files().or(all);
        Ok(files.into_iter().chain(links.into_iter().map(exclude)).collect())
    }
}

/// Makes the place of a submodule in `tree` an empty directory, if there is anything.
fn empty(tree: &Path, link: &Path) -> Result<()> {
    let parents = link.ancestors().skip(1).filter(|parent| !parent.as_os_str().is_empty());
    // Through a link, what would be removed lay elsewhere; neither does Git follow one.
    let is_plain = |parent: &Path| {
        fs::symlink_metadata(tree.join(parent)).is_ok_and(|metadata| metadata.is_dir())
    };
    if !parents.into_iter().all(is_plain) {
        return Ok(());
    }
    let place = tree.join(link);
    let make_empty = || {
        match fs::symlink_metadata(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
            Ok(metadata)
                if metadata.is_dir()
                    && fs::read_dir(&place).is_ok_and(|mut entries| entries.next().is_none()) =>
            {
                return Ok(());
            }
            Ok(_) => remove(&place)?,
        }
        fs::create_dir(&place)
    };
    make_empty().context(ErrorKind::Git, || {
        format!("cannot empty `{}`, the place of a submodule", place.display())
    })
}
