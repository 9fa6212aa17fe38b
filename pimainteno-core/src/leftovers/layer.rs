//! The files of a layer, as the kernel keeps them (`Documentation/filesystems/overlayfs.rst`): what was removed is a character device 0,0, and a directory that
//! took the place of another one has the attribute `user.overlay.opaque`.
//!
//! Nothing here is read but names and kinds, and no link is followed. No layer is in use meanwhile.

use std::{
    fs::{self, DirEntry, Metadata, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use rustix::{
    fs::{lgetxattr, lremovexattr},
    io::Errno,
};

use crate::process::remove;

/// Says that nothing of the layers below shows through a directory.
const OPAQUE: &str = "user.overlay.opaque";

/// The files in which Git is told what to ignore.
const IGNORE_FILE: &str = ".gitignore";

/// Removes from `upper` what covers something in `tree`, and directories that are empty after that.
pub(super) fn uncover(upper: &Path, tree: &Path) -> io::Result<()> {
    for_each(upper, |entry, metadata| {
        let (above, below) = (entry.path(), tree.join(entry.file_name()));
        let Some(covered) = standing(&below)? else { return Ok(()) };
        if !(covered.is_dir() && metadata.is_dir()) {
            return remove(&above);
        }
        clear_opaque(&above)?;
        open(&above, metadata)?;
        uncover(&above, &below)?;
        match fs::remove_dir(&above) {
            // A check may have changed what the directory lets people do.
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => fs::set_permissions(&above, covered.permissions()),
            ended => ended,
        }
    })
}

/// Puts copies of the files of `tree` that say what is ignored where `upper` has the same directories.
pub(super) fn lend_ignore_files(upper: &Path, tree: &Path) -> io::Result<()> {
    if standing(&tree.join(IGNORE_FILE))?.is_some_and(|metadata| metadata.is_file()) {
        fs::copy(tree.join(IGNORE_FILE), upper.join(IGNORE_FILE))?;
    }
    for_each(upper, |entry, metadata| {
        let below = tree.join(entry.file_name());
        if metadata.is_dir() && standing(&below)?.is_some_and(|below| below.is_dir()) {
            lend_ignore_files(&entry.path(), &below)
        } else {
            Ok(())
        }
    })
}

/// Moves what is in `upper` into `kept`, as the kernel would show the one on top of the other. What is moved is moved, so that it can be gone on with.
pub(super) fn merge(upper: &Path, kept: &Path) -> io::Result<()> {
    for_each(upper, |entry, metadata| {
        let (from, to) = (entry.path(), kept.join(entry.file_name()));
        if is_removal(metadata) {
            remove(&to)?;
            return fs::remove_file(&from);
        }
        let below = standing(&to)?;
        match below.filter(|below| below.is_dir() && metadata.is_dir()) {
            Some(below) if !is_opaque(&from)? => {
                open(&from, metadata)?;
                open(&to, &below)?;
                merge(&from, &to)?;
                fs::set_permissions(&to, metadata.permissions())?;
                fs::remove_dir(&from)
            }
            _ => {
                remove(&to)?;
                carry(&from, &to, metadata)
            }
        }
    })
}

fn for_each(directory: &Path, mut act: impl FnMut(&DirEntry, &Metadata) -> io::Result<()>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        act(&entry, &metadata)?;
    }
    Ok(())
}

/// What stands at `path`; `None` if nothing does.
fn standing(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_removal(metadata: &Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

fn is_opaque(directory: &Path) -> io::Result<bool> {
    match lgetxattr(directory, OPAQUE, &mut [0_u8; 1][..]) {
        Ok(_) => Ok(true),
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn clear_opaque(directory: &Path) -> io::Result<()> {
    match lremovexattr(directory, OPAQUE) {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Lets the owner change what is in a directory.
fn open(directory: &Path, metadata: &Metadata) -> io::Result<()> {
    let mode = metadata.permissions().mode();
    if mode & 0o700 == 0o700 { Ok(()) } else { fs::set_permissions(directory, Permissions::from_mode(mode | 0o700)) }
}

/// Renames something, also a directory that its owner may not write to.
fn carry(from: &Path, to: &Path, metadata: &Metadata) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && metadata.is_dir() => {
            open(from, metadata)?;
            fs::rename(from, to)?;
            fs::set_permissions(to, metadata.permissions())
        }
        ended => ended,
    }
}
