//! The sandbox of checks and of commands that are steps, as `PiMainteno.toml` says it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ProjectConfig;

/// How much of a sandbox there must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SandboxMode {
    /// As much as this machine supports. Where that is not whole, each run tells so, and every
    /// change waits for a person.
    #[default]
    Auto,
    /// All of it; without, a run fails before it starts.
    Required,
    /// None.
    Off,
}

/// Whether the repository's hooks are asked about our commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HooksMode {
    /// They are, in the sandbox, on a tree of what is committed.
    #[default]
    Sandbox,
    /// The same, and what they make of the files of the change becomes part of it, as of a
    /// formatter: it is placed and checked anew.
    Amend,
    /// They are not.
    Off,
}

/// The sandbox of a project, with every default that does not depend on the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SandboxSettings {
    /// How much of it there must be.
    pub mode: SandboxMode,
    /// Whether the network can be reached.
    pub network: bool,
    /// What may be read besides what every project may.
    pub read: Vec<PathBuf>,
    /// What may be read and changed besides the workspace.
    pub write: Vec<PathBuf>,
    /// The most memory, in MiB; three quarters of the machine's if it is not given.
    pub memory: Option<usize>,
    /// The most processes; 1024 if it is not given.
    pub processes: Option<usize>,
    /// The most that may be written to the disk, and kept of what is left, in MiB; 8192 if it is
    /// not given.
    pub disk: Option<usize>,
    /// The most files and directories that may be made, and kept of those that are left; 1,000,000
    /// if it is not given.
    pub files: Option<usize>,
}

impl SandboxSettings {
    /// What `project` says.
    pub(super) fn new(project: &ProjectConfig) -> Self {
        Self {
            mode: project.sandbox,
            network: project.sandbox_network,
            read: project.sandbox_read.clone(),
            write: project.sandbox_write.clone(),
            memory: project.sandbox_memory,
            processes: project.sandbox_processes,
            disk: project.sandbox_disk,
            files: project.sandbox_files,
        }
    }
}
