//! Whether there is room in the checkout for the files of a commit: what the user has lying there,
//! ignored or not, is never overwritten, and Git finds some of it late and some not at all.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{checkout::Checkout, mend::Versions};
use crate::{error::Result, words::CommitId};

impl Checkout {
    /// What keeps a checkout at `from`, with nothing modified, from being moved to `to`, which is a
    /// commit or a tree; `None` if nothing does.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Git`] if one does not exist.
    pub(crate) async fn in_the_way(&self, from: &CommitId, to: &str) -> Result<Option<String>> {
        let versions = self.versions(from, to).await?;
        let goes = |path: &str| versions.get(path).is_some_and(|versions| !versions.to.exists());
        let added = versions.iter().filter(|(_, versions)| !versions.from.exists());
        for (path, _) in added.filter(|(_, versions)| versions.to.exists()) {
            if let Some(obstacle) = self.obstacle_at(path, &goes) {
                return Ok(Some(obstacle));
            }
        }
        Ok(self.not_writable_for(&versions))
    }

    /// What lies where a new file is to be, or where a directory for it is. What `goes` with the
    /// move makes room.
    fn obstacle_at(&self, path: &str, goes: &dyn Fn(&str) -> bool) -> Option<String> {
        let parents = path.match_indices('/').map(|(at, _)| path.get(..at).unwrap_or_default());
        for parent in parents {
            match fs::symlink_metadata(self.top().join(parent)) {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) if goes(parent) => return None,
                Ok(_) => {
                    return Some(format!(
                        "an untracked file is in the way of the change: `{parent}`, where it has a directory"
                    ));
                }
                Err(_) => return None,
            }
        }
        let place = self.top().join(path);
        let metadata = fs::symlink_metadata(&place).ok()?;
        if !metadata.is_dir() {
            return Some(format!("an untracked file is in the way of the change: `{path}`"));
        }
        let stays = |file: &Path| {
            let path = file.strip_prefix(self.top()).ok().and_then(Path::to_str);
            path.is_none_or(|path| !goes(path))
        };
        // What cannot be looked at is somebody's, too.
        let kept = match first_file(&place, &stays) {
            Ok(kept) => kept?,
            Err(_) => place.clone(),
        };
        let kept = kept.strip_prefix(self.top()).unwrap_or(&kept).display();
        Some(format!("a directory is in the way of the change: `{path}`, which holds `{kept}`"))
    }

    /// A directory in which files are to come and go, and that this user may not write to.
    fn not_writable_for(&self, versions: &BTreeMap<String, Versions>) -> Option<String> {
        let may_write =
            |directory: &Path| rustix::fs::access(directory, rustix::fs::Access::WRITE_OK).is_ok();
        let nearest = |path: &str| {
            let path = self.top().join(path);
            path.ancestors().skip(1).find(|parent| parent.is_dir()).map(Path::to_owned)
        };
        let directory =
            versions.keys().filter_map(|path| nearest(path)).find(|place| !may_write(place))?;
        Some(format!("this user may not write to `{}`", directory.display()))
    }
}

/// The first file below `directory` that `stays`.
fn first_file(directory: &Path, stays: &dyn Fn(&Path) -> bool) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if fs::symlink_metadata(&path)?.is_dir() {
            if let Some(found) = first_file(&path, stays)? {
                return Ok(Some(found));
            }
        } else if stays(&path) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
