//! The files of a layer, as the kernel keeps them (`Documentation/filesystems/overlayfs.rst`): what
//! was removed is a character device 0,0, and a directory that took the place of another one has
//! the attribute `user.overlay.opaque`.
//!
//! Nothing here is read but names and kinds, and no link is followed. No layer is in use meanwhile.

use std::{
    fs::{self, DirEntry, Metadata, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, XattrFlags, lgetxattr, lremovexattr, lsetxattr, mknodat},
    io::Errno,
};

use crate::process::remove;

/// Says that nothing of the layers below shows through a directory.
const OPAQUE: &str = "user.overlay.opaque";

/// How deep directories may lie that are gone through one by one. A builder that makes them deeper
/// is not known.
const DEEPEST: usize = 256;

/// The files in which Git is told what to ignore.
const IGNORE_FILE: &str = ".gitignore";

/// What a layer makes of a file below it.
pub(super) enum Sight {
    /// Nothing: it is seen as it is.
    Below,
    /// It is seen no more.
    Gone,
    /// Another one, or a link, is seen in its place.
    Here(Metadata),
}

/// Removes from `upper` what covers something in `tree`, and directories that are empty after that.
/// What a directory hid of the same ones in `below`, because it was made anew, stays removed.
pub(super) fn uncover(upper: &Path, tree: &Path, below: &[PathBuf]) -> io::Result<()> {
    open(upper)?;
    for_each(upper, |entry, metadata| {
        let name = entry.file_name();
        let (above, covered) = (entry.path(), tree.join(&name));
        let Some(standing) = standing(&covered)? else {
            // Git does not see what is no file; and what is ignored in the project's directories,
            // the project says.
            let is_unseen = !metadata.is_file()
                && !metadata.is_dir()
                && !metadata.is_symlink()
                && !is_removal(metadata);
            return if is_unseen || name == IGNORE_FILE { remove(&above) } else { Ok(()) };
        };
        if !(standing.is_dir() && metadata.is_dir()) {
            return remove(&above);
        }
        open(&above)?;
        let below: Vec<_> = below.iter().map(|below| below.join(&name)).collect();
        show_what_lies_below(&above, &covered, &below)?;
        uncover(&above, &covered, &below)?;
        match fs::remove_dir(&above) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => Ok(()),
            ended => ended,
        }
    })?;
    // A check may have changed what the directory lets people do.
    fs::set_permissions(upper, fs::symlink_metadata(tree)?.permissions())
}

/// Puts copies of the files of `tree` that say what is ignored where `upper` has the same
/// directories; over what is there too, if `over`.
pub(super) fn lend_ignore_files(upper: &Path, tree: &Path, over: bool) -> io::Result<()> {
    let (own, lent) = (upper.join(IGNORE_FILE), tree.join(IGNORE_FILE));
    if standing(&lent)?.is_some_and(|metadata| metadata.is_file())
        && (over || standing(&own)?.is_none())
    {
        fs::copy(lent, own)?;
    }
    for_each(upper, |entry, metadata| {
        let below = tree.join(entry.file_name());
        if metadata.is_dir() && standing(&below)?.is_some_and(|below| below.is_dir()) {
            lend_ignore_files(&entry.path(), &below, over)
        } else {
            Ok(())
        }
    })
}

/// What `upper` makes of the file `path` below it. No link on the way is followed.
pub(super) fn sight(upper: &Path, path: &Path) -> io::Result<Sight> {
    let (mut at, mut hides) = (upper.to_owned(), false);
    let mut names = path.components().peekable();
    while let Some(name) = names.next() {
        hides |= is_opaque(&at)?;
        at.push(name);
        match standing(&at)? {
            None => return Ok(if hides { Sight::Gone } else { Sight::Below }),
            Some(metadata)
                if names.peek().is_none() && (metadata.is_file() || metadata.is_symlink()) =>
            {
                return Ok(Sight::Here(metadata));
            }
            Some(metadata) if names.peek().is_some() && metadata.is_dir() => {}
            Some(_) => return Ok(Sight::Gone),
        }
    }
    Ok(Sight::Gone)
}

/// Does to the file `path` of `tree` what `upper` shows of it. Neither in the one nor in the other a
/// link is followed: one that stands in `tree` where `upper` has a directory is removed.
pub(super) fn bring(upper: &Path, tree: &Path, path: &Path) -> io::Result<()> {
    let (from, to) = (upper.join(path), tree.join(path));
    let metadata = match sight(upper, path)? {
        Sight::Below => return Ok(()),
        Sight::Gone => return if has_directory_for(tree, path)? { remove(&to) } else { Ok(()) },
        Sight::Here(metadata) => metadata,
    };
    make_directory_for(tree, path)?;
    remove(&to)?;
    if metadata.is_symlink() {
        return std::os::unix::fs::symlink(fs::read_link(&from)?, to);
    }
    // Of its mode, Git knows one thing.
    let mode = if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 };
    fs::copy(&from, &to)?;
    fs::set_permissions(&to, Permissions::from_mode(mode))
}

/// The directories that a path lies in, from the top of `tree` on.
fn directories(tree: &Path, path: &Path) -> Vec<PathBuf> {
    let parents: Vec<_> = path.ancestors().skip(1).collect();
    parents
        .iter()
        .rev()
        .filter(|path| !path.as_os_str().is_empty())
        .map(|path| tree.join(path))
        .collect()
}

/// Whether `tree` has the directories that `path` lies in, and no links in their places.
fn has_directory_for(tree: &Path, path: &Path) -> io::Result<bool> {
    for directory in directories(tree, path) {
        if !standing(&directory)?.is_some_and(|metadata| metadata.is_dir()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Makes the directories that `path` lies in, in the place of whatever else stands there.
fn make_directory_for(tree: &Path, path: &Path) -> io::Result<()> {
    for directory in directories(tree, path) {
        if standing(&directory)?.is_some_and(|metadata| metadata.is_dir()) {
            continue;
        }
        remove(&directory)?;
        fs::create_dir(&directory)?;
    }
    Ok(())
}

/// Moves what is in `upper` into `kept`, as the kernel would show the one on top of the other. What
/// is moved is moved, so that it can be gone on with.
pub(super) fn merge(upper: &Path, kept: &Path) -> io::Result<()> {
    open(upper)?;
    for_each(upper, |entry, metadata| {
        let (from, to) = (entry.path(), kept.join(entry.file_name()));
        if is_removal(metadata) {
            remove(&to)?;
            return fs::remove_file(&from);
        }
        let below = standing(&to)?;
        if metadata.is_dir() && below.is_some_and(|below| below.is_dir()) {
            open(&from)?;
            if !is_opaque(&from)? {
                open(&to)?;
                merge(&from, &to)?;
                fs::set_permissions(&to, metadata.permissions())?;
                return fs::remove_dir(&from);
            }
        }
        remove(&to)?;
        carry(&from, &to, metadata)
    })
}

/// Makes the file `path` be seen no more, of what lies below the layer.
pub(super) fn remove_below(upper: &Path, path: &Path) -> io::Result<()> {
    let place = upper.join(path);
    place.parent().map_or(Ok(()), fs::create_dir_all)?;
    remove(&place)?;
    put_removal(&place)
}

/// Lets a directory of a layer show what lies below it, but for what `below` has there and
/// `covered` has not: that was removed.
fn show_what_lies_below(above: &Path, covered: &Path, below: &[PathBuf]) -> io::Result<()> {
    if !is_opaque(above)? {
        return Ok(());
    }
    for below in below.iter().filter(|below| below.is_dir()) {
        for_each(below, |entry, metadata| {
            let name = entry.file_name();
            if standing(&covered.join(&name))?.is_some() {
                return Ok(());
            }
            match standing(&above.join(&name))? {
                None if is_removal(metadata) => Ok(()),
                None => put_removal(&above.join(&name)),
                // It has never seen the other one.
                Some(own) if own.is_dir() => make_opaque(&above.join(&name)),
                Some(_) => Ok(()),
            }
        })?;
    }
    // What the project has there hides what it hid, one level down.
    for_each(above, |entry, metadata| {
        let is_covered =
            standing(&covered.join(entry.file_name()))?.is_some_and(|covered| covered.is_dir());
        if metadata.is_dir() && is_covered { make_opaque(&entry.path()) } else { Ok(()) }
    })?;
    clear_opaque(above)
}

fn for_each(
    directory: &Path,
    mut act: impl FnMut(&DirEntry, &Metadata) -> io::Result<()>,
) -> io::Result<()> {
    if directory.components().count() > DEEPEST {
        return Err(io::Error::other(format!("directories lie more than {DEEPEST} deep")));
    }
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
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
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

fn make_opaque(directory: &Path) -> io::Result<()> {
    Ok(lsetxattr(directory, OPAQUE, b"y", XattrFlags::empty())?)
}

fn clear_opaque(directory: &Path) -> io::Result<()> {
    match lremovexattr(directory, OPAQUE) {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Lets the owner change what is in a directory.
fn open(directory: &Path) -> io::Result<()> {
    let mode = fs::symlink_metadata(directory)?.permissions().mode();
    if mode & 0o700 == 0o700 {
        Ok(())
    } else {
        fs::set_permissions(directory, Permissions::from_mode(mode | 0o700))
    }
}

fn put_removal(path: &Path) -> io::Result<()> {
    Ok(mknodat(CWD, path, FileType::CharacterDevice, Mode::empty(), 0)?)
}

/// Renames something, also a directory that its owner may not write to.
fn carry(from: &Path, to: &Path, metadata: &Metadata) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied && metadata.is_dir() => {
            open(from)?;
            fs::rename(from, to)?;
            fs::set_permissions(to, metadata.permissions())
        }
        ended => ended,
    }
}
