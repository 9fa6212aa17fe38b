//! How much leftovers take up.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use crate::process::Limits;

/// What is in a directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// The space that it takes up on the disk.
    bytes: u64,
    /// The files and directories.
    files: u64,
}

impl Size {
    /// The size of what is in `directory`. What cannot be looked into counts as itself alone.
    ///
    /// # Errors
    /// If the directory itself cannot be read.
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let mut size = Self::default();
        let mut linked = HashSet::new();
        let mut rest: Vec<PathBuf> = Vec::new();
        let mut entries = fs::read_dir(directory)?;
        loop {
            for entry in entries.flatten() {
                let Ok(metadata) = entry.metadata() else { continue };
                // Hard links are one file.
                if !metadata.is_dir() && metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
                    continue;
                }
                size.bytes += metadata.blocks() * 512;
                size.files += 1;
                if metadata.is_dir() {
                    rest.push(entry.path());
                }
            }
            entries = loop {
                let Some(next) = rest.pop() else { return Ok(size) };
                if let Ok(entries) = fs::read_dir(next) {
                    break entries;
                }
            };
        }
    }

    /// What is more than there may be, in words.
    pub(crate) fn excess(self, limits: &Limits) -> Option<String> {
        let (mebibytes, most) = (self.bytes >> 20, limits.disk >> 20);
        if self.bytes > limits.disk {
            return Some(format!("it takes up {mebibytes} MiB where `sandbox_disk` allows {most}"));
        }
        (self.files > limits.files).then(|| format!("it has {} files where `sandbox_files` allows {}", self.files, limits.files))
    }
}
