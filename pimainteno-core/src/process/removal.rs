//! Removing what somebody else left, whatever it is.
//!
//! Directories may be closed to their owner, and lie deeper than a path may be long, or than a
//! program has stack for that goes down by calling itself. The programs `rm` and `chmod` go down
//! step by step.

use std::{
    fs, io,
    path::Path,
    process::{Command, Stdio},
};

/// Removes a file, a link, or a directory with whatever is in it, however it was left. What is not
/// there is removed. No link is followed.
///
/// # Errors
/// What kept the last thing from being removed.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.is_dir() => return fs::remove_file(path),
        // Mostly there is next to nothing in it.
        Ok(_) if remove_flat(path).is_ok() => return Ok(()),
        Ok(_) => {}
    }
    on_all("rm", &["-rf"], path).or_else(|_| {
        make_writable(path);
        on_all("rm", &["-rf"], path)
    })
}

/// Removes something of which nobody may ever see a part: it is gone from its name before the first
/// of its files is. What is left as `old` of one that was cut off is removed first.
///
/// # Errors
/// As [`remove`].
pub(crate) fn remove_at_once(path: &Path, old: &Path) -> io::Result<()> {
    remove(old)?;
    match fs::rename(path, old) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        renamed => renamed.and_then(|()| remove(old)),
    }
}

/// Removes what is in a directory, and leaves that.
///
/// # Errors
/// What kept something from being removed.
pub(crate) fn remove_all_in(directory: &Path) -> io::Result<()> {
    fs::read_dir(directory)?.try_for_each(|entry| remove(&entry?.path()))
}

/// Removes pipes, sockets and devices below a directory, which Git does not see. What cannot be
/// looked into is left.
///
/// # Errors
/// If one cannot be removed.
pub(crate) fn remove_unseen(directory: &Path) -> io::Result<()> {
    let mut rest = vec![directory.to_owned()];
    while let Some(directory) = rest.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            match entry.file_type()? {
                kind if kind.is_dir() => rest.push(entry.path()),
                kind if kind.is_file() || kind.is_symlink() => {}
                _ => fs::remove_file(entry.path())?,
            }
        }
    }
    Ok(())
}

/// Lets the owner remove whatever is in a directory. What cannot be changed is left; whoever
/// removes it will say so.
pub(crate) fn make_writable(directory: &Path) {
    drop(on_all("chmod", &["-R", "u+rwX"], directory));
}

/// Removes a directory in which there are only files and empty directories.
fn remove_flat(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(directory)
}

fn on_all(program: &str, arguments: &[&str], path: &Path) -> io::Result<()> {
    let output =
        Command::new(program).args(arguments).arg("--").arg(path).stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(io::Error::other(said.lines().last().unwrap_or("it cannot be removed").to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use rustix::fs::{Mode, OFlags, mkdirat, openat};

    use super::*;

    #[test]
    fn whatever_is_left_is_removed_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let (left, other) = (place.path().join("left"), place.path().join("other"));
        fs::create_dir_all(left.join("closed/in")).unwrap();
        fs::create_dir(&other).unwrap();
        fs::write(other.join("file"), "").unwrap();
        symlink(&other, left.join("closed/in/link")).unwrap();
        fs::set_permissions(left.join("closed"), fs::Permissions::from_mode(0o000)).unwrap();
        // Deeper than a path may be long, and than a test's thread has stack for.
        let mut directory = fs::File::open(&left).unwrap();
        for _ in 0..5_000 {
            mkdirat(&directory, "deep", Mode::RWXU).unwrap();
            directory =
                openat(&directory, "deep", OFlags::DIRECTORY, Mode::empty()).unwrap().into();
        }
        remove(&left).unwrap();
        assert!(!left.exists() && other.join("file").exists());
        remove(&left).unwrap();
        remove(&other.join("file")).unwrap();
        assert!(!other.join("file").exists());
    }
}
