//! What lies around a project in its workspace, where it is a part of its repository: nothing there
//! is a change's business.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{
    command::NAMES_OF_EDITED,
    tracked::{LIST_LIMIT, entries},
    workspace::Workspace,
};
use crate::{
    error::{Error, ErrorKind, Result},
    words::CommitId,
};

impl Workspace {
    /// Makes sure that the project's directory is there, and that no symbolic link stands in for it
    /// or for one above: what is written there would be written elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if that is not so.
    pub(crate) fn has_project(&self) -> Result<()> {
        // With a slash at its end, a path would be looked at behind the link.
        let place = self.scope().place();
        let ways: Vec<_> = place.ancestors().filter(|way| !way.as_os_str().is_empty()).collect();
        for way in ways.into_iter().rev() {
            let found = fs::symlink_metadata(self.top().join(way));
            let what = match found {
                Ok(metadata) if metadata.is_dir() => continue,
                Ok(metadata) if metadata.is_symlink() => "a symbolic link in the place of",
                _ => "no",
            };
            let message = format!(
                "the commit that is checked out has {what} directory `{}`, where the project `{}` is",
                way.display(),
                self.checkout.path().display()
            );
            return Err(Error::new(ErrorKind::Git, message)
                .hint("correct the project's `path`, or the repository"));
        }
        Ok(())
    }

    /// The first file outside of the project that was changed or is new, whether staged or not.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if Git cannot tell.
    pub(crate) async fn changed_outside(&self, base: &CommitId) -> Result<Option<PathBuf>> {
        let Some(others) = self.scope().others() else { return Ok(None) };
        // Git runs the programs that a repository names which somebody left in their places.
        self.close_gitlinks(base).await?;
        let edited = NAMES_OF_EDITED.into_iter().chain([base, "--"]).collect();
        let new = vec!["ls-files", "--others", "--exclude-standard", "-z", "--"];
        for list in [edited, new] {
            let list = list.into_iter().map(OsString::from).chain(others.clone());
            let list = self.call(list).output_limit(LIST_LIMIT).bytes().await?;
            if let Some(path) = entries(&list).next() {
                return Ok(Some(PathBuf::from(OsStr::from_bytes(path))));
            }
        }
        Ok(None)
    }
}

/// The error of a change of a file that is not the project's.
pub(crate) fn outside(path: &Path) -> Error {
    let message = format!("the change touches a file outside of the project: `{}`", path.display());
    Error::new(ErrorKind::Patch, message).hint(
        "a project may change files in its own directory alone; give it a `path` that has both",
    )
}
