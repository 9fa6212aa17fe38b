//! Where code runs that nobody has read: the description of a sandbox, as plain data, and what this
//! machine can enforce of it.
//!
//! A sandboxed [`Command`](super::Command) is not started directly but by a *helper*, a program
//! that calls [`help`] first thing in its `main`, as `pi-mainteno` does. The helper is a process of
//! one thread, so that it may do to itself what a program with several threads must not, and it
//! does so in stages, each of which is the same program started again:
//!
//! 1. `enter` makes namespaces (users, mounts, processes, System V objects, network) and puts a new
//!    root together, in which there is only what is named;
//! 2. `guard` is the first process of the new process namespace: it turns into the new root, and
//!    watches memory, processes and disk; when it ends, the kernel kills whatever is left;
//! 3. `confine` sets limits, restricts itself by Landlock, gives up system calls, and becomes the
//!    command, or serves many of them, one after the other ([`Session`]).
//!
//! Where there are no namespaces, `enter` is left out, and whatever loses its parent comes to the
//! guard, which finds its processes by that.

mod confine;
mod enclosure;
mod guard;
mod helper;
mod named_places;
mod namespaces;
mod places;
mod protocol;
mod root;
mod seccomp;
mod server;
mod session;
mod support;
mod watch;

use std::{fmt, fs, path::PathBuf};

use serde::{Deserialize, Serialize};

pub(super) use enclosure::Enclosure;
pub use helper::help;
pub use places::Places;
pub(crate) use session::Session;
pub use support::{SandboxHelper, Support};

/// A sandbox: what a command may see, change and use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// The program that sets it up.
    pub helper: PathBuf,
    /// Where its temporary directory is made, which is removed when the command has ended; an
    /// absolute path, as all of these.
    pub scratch: PathBuf,
    /// What may be read and changed, beside the temporary directory.
    pub write: Vec<PathBuf>,
    /// What other sandboxes may change. As in what this one may, no symbolic link is followed in
    /// there: somebody may have put it in the place of what is named.
    pub written: Vec<PathBuf>,
    /// Directories that are written to through a layer. Needs namespaces, and [`Support::layers`].
    pub layers: Vec<Layer>,
    /// What may be read and run at another place than its own. Needs namespaces.
    pub shown: Vec<Shown>,
    /// What may be read and run. What does not exist is passed over, here and in the other lists.
    pub read: Vec<PathBuf>,
    /// What is not there although it lies in what is named above, unless it is named itself. Needs
    /// namespaces.
    pub cover: Vec<PathBuf>,
    /// Whether the network can be reached. A loopback interface of its own is there in any case.
    pub network: bool,
    /// What may be used up.
    pub limits: Limits,
    /// What earlier commands used up of that.
    pub used: Used,
    /// What is to be enforced; what cannot be is an error.
    pub support: Support,
}

/// A directory in which everything can be changed, and nothing is: what is written goes into
/// another one, which can be kept or dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Where it is in the sandbox; a directory that exists.
    pub at: PathBuf,
    /// What shows through, the uppermost first.
    pub lower: Vec<PathBuf>,
    /// Where goes what is written. What was removed is a character device 0,0 there.
    pub upper: PathBuf,
    /// An empty directory beside it, on the same file system.
    pub work: PathBuf,
}

/// Something that can be read and run at another place than its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Where it is in the sandbox, in a directory that exists.
    pub at: PathBuf,
    /// What it is outside; what does not exist is passed over.
    pub source: PathBuf,
}

/// What a sandboxed command and its descendants may use up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of all of them together, in bytes.
    pub memory: u64,
    /// Processes, at the same time. Where the kernel counts for us, it counts threads too.
    pub processes: u32,
    /// By how much the free space of the disk may shrink while it runs, in bytes. No single file
    /// may become larger.
    pub disk: u64,
    /// How many files and directories it may make, as far as the file system counts them.
    pub files: u64,
}

/// What was used up of [`Limits`] and does not come back when a command ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Used {
    /// Of the disk, in bytes.
    pub disk: u64,
    /// Files and directories.
    pub files: u64,
}

/// Which limit a command was killed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Excess {
    /// Memory; the limit in bytes.
    Memory(u64),
    /// Processes; the limit.
    Processes(u32),
    /// Disk; the limit in bytes.
    Disk(u64),
    /// Files and directories; the limit.
    Files(u64),
}

impl Limits {
    /// Three quarters of the memory of this machine, 1024 processes, and 8 GiB of disk in a million
    /// files.
    pub fn of_this_machine() -> Self {
        let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        });
        Self {
            memory: memory.map_or(u64::MAX, |kibibytes| kibibytes / 4 * 3 * 1024),
            processes: 1024,
            disk: 8 << 30,
            files: 1_000_000,
        }
    }
}

/// Writes what was exceeded, as the end of a sentence: "used more than 512 MiB of memory".
impl fmt::Display for Excess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(bytes) => {
                write!(formatter, "used more than {} MiB of memory", bytes >> 20)
            }
            Self::Processes(count) => write!(formatter, "had more than {count} processes"),
            Self::Disk(bytes) => {
                write!(formatter, "filled the disk with more than {} MiB", bytes >> 20)
            }
            Self::Files(count) => write!(formatter, "made more than {count} files"),
        }
    }
}
