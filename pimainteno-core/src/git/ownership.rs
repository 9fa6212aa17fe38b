//! Whose a checkout is: only its owner works on it, because Git runs what its configuration names.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, process::geteuid};

use super::head::common_directory;
use crate::error::{Context, Error, ErrorKind, Result};

/// Refuses a checkout of which a part belongs to another user than this process. Starts no process.
///
/// # Errors
/// [`ErrorKind::Git`] if it does, or if that cannot be seen.
pub(super) fn refuse_foreign(checkout: &Path) -> Result<()> {
    let us = geteuid().as_raw();
    for place in places(checkout) {
        // Whoever owns a link decides where it leads; those of root have led there before.
        for (look, may_be_of_root) in
            [(fs::metadata as fn(_) -> _, false), (fs::symlink_metadata, true)]
        {
            match look(place.as_path()) {
                Ok(metadata)
                    if metadata.uid() != us && !(may_be_of_root && metadata.uid() == 0) =>
                {
                    return Err(foreign(checkout, &place, metadata.uid(), us));
                }
                Ok(_) => {}
                // Git says what is missing.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                    ) => {}
                Err(error) => {
                    return Err(error).context(ErrorKind::Git, || {
                        format!("cannot see whose `{}` is", place.display())
                    });
                }
            }
        }
    }
    Ok(())
}

/// Opens a file of ours in a directory of the checkout, which is made if it is missing; neither a
/// link, nor a file that has other names, nor anything else that is no plain file of this user's.
///
/// # Errors
/// What is in the way, as the system or a sentence.
pub(super) fn open_plain(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let odd = |what: &str| io::Error::other(format!("it is {what}; look at it, and remove it"));
    let directory = path.parent().unwrap_or(Path::new("/"));
    match fs::symlink_metadata(directory) {
        Ok(metadata) if !metadata.is_dir() => {
            return Err(odd("in what is no directory of its own"));
        }
        Ok(_) => {}
        Err(_) => fs::create_dir(directory)?,
    }
    if fs::symlink_metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(odd("no plain file"));
    }
    let file = options
        .custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed())
        .open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.nlink() != 1 || metadata.uid() != geteuid().as_raw() {
        return Err(odd("a file that lies elsewhere too, or is somebody else's"));
    }
    Ok(file)
}

/// The top directory, its `.git`, the Git directory that this leads to, and the one that all
/// worktrees share.
fn places(checkout: &Path) -> Vec<PathBuf> {
    let dot_git = checkout.join(".git");
    let named = fs::metadata(&dot_git)
        .ok()
        .filter(fs::Metadata::is_file)
        .and_then(|_| fs::read_to_string(&dot_git).ok());
    let linked = named
        .as_deref()
        .and_then(|content| content.strip_prefix("gitdir: "))
        .map(|target| checkout.join(target.trim_end()));
    let directory = linked.unwrap_or_else(|| dot_git.clone());
    vec![checkout.to_owned(), dot_git, common_directory(&directory), directory]
}

fn foreign(checkout: &Path, place: &Path, owner: u32, us: u32) -> Error {
    let (owner, us) = (name(owner), name(us));
    let message = format!(
        "`{}` belongs to {owner}, and this runs as {us}: `{}`",
        place.display(),
        checkout.display()
    );
    Error::new(ErrorKind::Git, message)
        .hint(format!(
            "run the program as {owner}: `User={owner}` in its unit, or `sudo -u {owner}`"
        ))
        .hint(format!("or give the whole checkout to {us} with `chown -R`"))
}

/// The user's name by `/etc/passwd`, or else the number.
fn name(uid: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let number = uid.to_string();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(number.as_str())).then(|| name.to_owned())
    });
    name.unwrap_or(number)
}
