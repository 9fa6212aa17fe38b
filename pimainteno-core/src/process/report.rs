//! What a helper says of the command that it ran, and the file that it says it in.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::End;

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Report {
    Ended(End),
    /// The command could not be run.
    Failed(String),
    /// The command could not be started, for a reason that the system gives by this number.
    NotStarted(i32),
    /// A symbolic link is where something is to be shown: at this place.
    Obstructed(String),
}

impl Report {
    /// That the command could not be started.
    pub(super) fn not_started(error: &io::Error) -> Self {
        error.raw_os_error().map_or_else(|| Self::Failed(error.to_string()), Self::NotStarted)
    }

    /// Opens the file that it is looked for in. What is there stays until it is written: the guard
    /// may have told of an excess already.
    pub(super) fn open(scratch: &Path) -> io::Result<File> {
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(scratch.join("report"))
    }

    /// Opens the file that another stage has open as `descriptor`.
    pub(super) fn reopen(descriptor: i32) -> io::Result<File> {
        File::options().read(true).write(true).open(format!("/proc/self/fd/{descriptor}"))
    }

    /// Writes it.
    pub(super) fn write(&self, file: &File) -> io::Result<()> {
        file.set_len(0)?;
        file.write_all_at(&serde_json::to_vec(self)?, 0)
    }

    /// Whether something was written to `file`.
    pub(super) fn is_written(file: &File) -> bool {
        file.metadata().is_ok_and(|metadata| metadata.len() > 0)
    }

    /// Reads it; `None` if the helper was killed before it could write one.
    pub(super) fn read(scratch: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(scratch.join("report")).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Excess;

    /// The guard may tell of an excess while the command is still being set up.
    #[test]
    fn a_report_stays_until_another_one_is_written() {
        let scratch = tempfile::tempdir().unwrap();
        let open = || Report::open(scratch.path()).unwrap();
        Report::Failed("a long sentence about what could not be set up".into())
            .write(&open())
            .unwrap();
        let exceeded = Report::Ended(End::Exceeded(Excess::Memory(1)));
        exceeded.write(&open()).unwrap();
        drop(open());
        assert_eq!(Report::read(scratch.path()), Some(exceeded));
    }
}
