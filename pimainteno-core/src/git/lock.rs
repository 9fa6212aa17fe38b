//! One run per project at a time, and what a killed one leaves in the way of the next.

use std::{
    fs::{self, File, Metadata, TryLockError},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use super::{checkout::Checkout, ownership::open_plain};
use crate::{
    error::{Context, ErrorKind, Result},
    process::survivors,
};

/// The name of the lock's file, in the checkout's Git directory.
pub(super) const FILE_NAME: &str = "pimainteno.lock";

/// How long a `git` that outlived its program may take to come to its end: a checkout of a large
/// tree on an SD card takes its time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the lock may seem to be taken when who took it is gone: a child that it forked right
/// before it was killed has the lock too, until that becomes another program.
const ECHO: Duration = Duration::from_millis(500);

/// How often to look whether it still is.
const GLANCE: Duration = Duration::from_millis(20);

/// How much earlier than the run a lock of Git's may seem to be made: file systems count time in
/// steps, of 2 s at the most (FAT).
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// The right to work on a project. The system takes it back when the process ends.
#[derive(Debug)]
pub(crate) struct ProjectLock(File);

impl Drop for ProjectLock {
    /// A child that was just forked has the file open too until it becomes another program: closing
    /// it here would not be enough.
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}

impl Checkout {
    /// Takes the project's lock, and waits until nothing works on it any more that an earlier
    /// program left running; `None` if somebody has the lock. A tree, one of `trees`, that such
    /// a program left half made is removed.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if the file cannot be made.
    pub(crate) async fn lock(&self, trees: &[PathBuf]) -> Result<Option<ProjectLock>> {
        let path = self.git_directory().await?.join(FILE_NAME);
        let open = || {
            let mut options = File::options();
            open_plain(&path, options.create(true).truncate(false).read(true).write(true))
                .context(ErrorKind::Git, || format!("cannot open `{}`", path.display()))
        };
        let (mut file, start) = (open()?, Instant::now());
        loop {
            match file.try_lock() {
                Ok(()) if is_at(&file, &path) => break,
                // Who had it has forgotten the project, and removed the file.
                Ok(()) => file = open()?,
                Err(TryLockError::WouldBlock) if start.elapsed() < ECHO && !holder_lives(&file) => {
                    tokio::time::sleep(GLANCE).await;
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    return Err(error)
                        .context(ErrorKind::Git, || format!("cannot lock `{}`", path.display()));
                }
            }
        }
        // Only for the question above: without it, a lock that seems taken is taken.
        drop(
            file.set_len(0)
                .and_then(|()| file.write_all_at(std::process::id().to_string().as_bytes(), 0)),
        );
        survivors::end_survivors(self.top(), trees, PATIENCE).await;
        trees.iter().for_each(|tree| self.remove_half_made(tree));
        Ok(Some(ProjectLock(file)))
    }

    /// Removes the locks that a killed `git` left behind, made at or after `since`, unless a `git`
    /// works in the checkout: then they may be its own. Gives those that were removed.
    pub(crate) async fn remove_stale_locks(&self, since: SystemTime) -> Result<Vec<PathBuf>> {
        let since = since.checked_sub(CLOCK_STEP).unwrap_or(SystemTime::UNIX_EPOCH);
        let directory = self.git_directory().await?;
        let mut locks = Vec::new();
        for place in [&directory, self.common_directory()] {
            find_locks(place, false, since, &mut locks);
        }
        for place in ["refs", "reftable"] {
            find_locks(&self.common_directory().join(place), true, since, &mut locks);
        }
        locks.sort();
        locks.dedup();
        if locks.is_empty()
            || survivors::git_works_in(self.top())
            || survivors::git_works_in(self.common_directory())
        {
            return Ok(Vec::new());
        }
        locks.retain(|lock| fs::remove_file(lock).is_ok());
        Ok(locks)
    }
}

/// Whether a file that is open is the one that has this path.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    let (open, there) = (file.metadata().map(identity), fs::symlink_metadata(path).map(identity));
    open.is_ok_and(|open| there.is_ok_and(|there| there == open))
}

/// Whether the program that wrote its number into the lock is there; also if that is not known.
fn holder_lives(file: &File) -> bool {
    let mut number = [0; 10];
    let number = file
        .read_at(&mut number, 0)
        .ok()
        .and_then(|length| std::str::from_utf8(number.get(..length)?).ok()?.parse::<u32>().ok());
    number.is_none_or(|number| Path::new("/proc").join(number.to_string()).exists())
}

fn find_locks(directory: &Path, and_below: bool, since: SystemTime, locks: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
        if metadata.is_dir() && and_below {
            find_locks(&path, true, since, locks);
        }
        let is_lock = metadata.is_file()
            && path.extension().is_some_and(|extension| extension == "lock")
            && entry.file_name() != FILE_NAME;
        if is_lock && metadata.modified().is_ok_and(|time| time >= since) {
            locks.push(path);
        }
    }
}
