//! What the stages of the helper tell each other: a plan on the command line, a report in a file.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde::{Deserialize, Serialize};

use super::Sandbox;
use crate::process::End;

/// The first argument of a program that is started as helper. No person would type it.
pub(super) const ARGUMENT: &str = "--be-the-sandbox-helper";

/// The first argument of a helper that is to tell the version of Landlock, by its exit code.
pub(super) const PROBE: &str = "--tell-the-version-of-landlock";

/// The exit code of a helper that could not set up the sandbox; the report says why.
pub(super) const FAILED: u8 = 125;

/// What the helper is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) stage: Stage,
    pub(super) sandbox: Sandbox,
    /// Where the command runs.
    pub(super) directory: PathBuf,
    /// The directory with the temporary directory and the report. It is not there any more in a
    /// root of its own.
    pub(super) scratch: PathBuf,
    /// The descriptor that the last stage reports to.
    pub(super) report: Option<i32>,
    /// Who started the helper, and without whom nothing is to go on.
    pub(super) parent: u32,
    /// The value of the variable that every descendant carries.
    pub(super) marker: String,
}

/// What the helper does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Stage {
    Enter,
    Guard,
    Confine,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process) enum Report {
    Ended(End),
    /// The command could not be run.
    Failed(String),
}

/// Says what could not be done, before the reason.
pub(super) fn told<E: fmt::Display>(what: impl fmt::Display) -> impl FnOnce(E) -> io::Error {
    move |error| io::Error::other(format!("{what}: {error}"))
}

impl Plan {
    /// The temporary directory.
    pub(super) fn temporary(&self) -> PathBuf {
        self.scratch.join("tmp")
    }

    /// Where the root is put together.
    pub(super) fn root(&self) -> PathBuf {
        self.scratch.join("root")
    }

    /// Whether whoever started the helper is gone. To be asked by the process that was started.
    pub(super) fn is_orphaned(&self) -> bool {
        std::os::unix::process::parent_id() != self.parent
    }

    /// The command that starts the next stage: this program again.
    pub(super) fn next(&self, stage: Stage, command: &[OsString]) -> io::Result<Command> {
        let mut next = Command::new("/proc/self/exe");
        next.args(Self { stage, ..self.clone() }.arguments()?).args(command);
        Ok(next)
    }

    /// The arguments of a helper that is to carry this out, up to those of the command.
    pub(super) fn arguments(&self) -> io::Result<[OsString; 2]> {
        Ok([ARGUMENT.into(), serde_json::to_string(self)?.into()])
    }
}

impl Report {
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
