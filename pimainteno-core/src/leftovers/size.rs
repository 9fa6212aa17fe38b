//! How much leftovers take up.

use std::{
    collections::HashSet,
    fs::{self, Permissions, ReadDir},
    io,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
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
    /// The size of what is in `directory`. A directory that its owner may not look into is opened to him: what nobody sees takes up space too.
    ///
    /// # Errors
    /// If one cannot be read, as where it lies deeper than a path may be long.
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let mut size = Self::default();
        let mut linked = HashSet::new();
        let mut rest = vec![directory.to_owned()];
        while let Some(directory) = rest.pop() {
            for entry in entries(&directory)? {
                let entry = entry?;
                let metadata = entry.metadata()?;
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
        }
        Ok(size)
    }

    /// What is left without `other`.
    pub(crate) fn without(self, other: Self) -> Self {
        Self { bytes: self.bytes.saturating_sub(other.bytes), files: self.files.saturating_sub(other.files) }
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

fn entries(directory: &Path) -> io::Result<ReadDir> {
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            fs::set_permissions(directory, Permissions::from_mode(0o700))?;
            fs::read_dir(directory)
        }
        entries => entries,
    }
}
