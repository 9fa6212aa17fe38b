//! What the stages of the helper are told, on the command line.

use std::{ffi::OsString, fmt, io, path::PathBuf, process::Command};

use serde::{Deserialize, Serialize};

use super::Sandbox;

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
