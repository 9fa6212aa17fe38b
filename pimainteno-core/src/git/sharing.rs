//! `core.sharedRepository` (git-config(1)): the owner lets a group, or everybody, write to the
//! repository.
//!
//! Git then gives each directory that it makes among the objects the set-group-ID bit, and their
//! mode with it. In the sandbox that is not done, see `process/sandbox/seccomp.rs`; so it is done
//! here, after each of Git's calls there.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

const SET_GROUP_ID: u32 = 0o2000;

/// Whom a repository is shared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sharing {
    /// What files have, for reading and writing.
    mode: u32,
    /// Whether that is all that they have, whatever the umask leaves.
    is_exact: bool,
}

/// A repository's directory of objects that is shared.
#[derive(Clone, Debug)]
pub(super) struct SharedObjects {
    sharing: Sharing,
    objects: PathBuf,
}

impl Sharing {
    const GROUP: Self = Self { mode: 0o660, is_exact: false };
    const EVERYBODY: Self = Self { mode: 0o664, is_exact: false };

    /// What the value of `core.sharedRepository` says; `None` if nothing is shared.
    pub(super) fn parse(value: &str) -> Option<Self> {
        match value.to_ascii_lowercase().as_str() {
            "" | "umask" | "false" | "no" | "off" => return None,
            "group" | "true" | "yes" | "on" => return Some(Self::GROUP),
            "all" | "world" | "everybody" => return Some(Self::EVERYBODY),
            _ => {}
        }
        match u32::from_str_radix(value, 8).ok()? {
            0 => None,
            1 => Some(Self::GROUP),
            2 => Some(Self::EVERYBODY),
            // Git refuses what the owner could not use himself.
            mode if mode & 0o600 != 0o600 => None,
            mode => Some(Self { mode: mode & 0o666, is_exact: true }),
        }
    }

    /// The mode that Git gives a directory which has `mode`.
    fn of_directory(self, mode: u32) -> u32 {
        let kept = if self.is_exact { mode & !0o777 } else { mode };
        let mode = kept | self.mode;
        let mode = mode | (mode & 0o444) >> 2;
        let is_of_group = (mode >> 3) & 7 != mode & 7;
        if is_of_group { mode | SET_GROUP_ID } else { mode }
    }
}

impl SharedObjects {
    /// Those of the repository whose directory is `common_directory`.
    pub(super) fn new(sharing: Sharing, common_directory: &Path) -> Self {
        Self { sharing, objects: common_directory.join("objects") }
    }

    /// Gives the directories in it the modes that Git would have given them. What somebody else
    /// owns, or removes meanwhile, is his.
    pub(super) fn settle(&self) {
        for entry in fs::read_dir(&self.objects).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir())
                && let Err(error) = self.settle_directory(&entry.path())
            {
                tracing::debug!(%error, path = %entry.path().display(), "It cannot be shared.");
            }
        }
    }

    /// What runs in the sandbox can put a link where a directory was, so that is not followed.
    fn settle_directory(&self, path: &Path) -> io::Result<()> {
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let directory: File = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let mode = directory.metadata()?.permissions().mode() & 0o7777;
        let wanted = self.sharing.of_directory(mode);
        if mode == wanted {
            return Ok(());
        }
        directory.set_permissions(Permissions::from_mode(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_get_the_modes_that_git_gives_them() {
        for value in ["group", "all", "0660", "0640", "0664", "0600", "1", "true", "umask"] {
            let directory = tempfile::tempdir().unwrap();
            let git = |arguments: &[&str]| {
                let mut command = std::process::Command::new("git");
                let command = command.current_dir(directory.path()).args(arguments);
                assert!(command.status().unwrap().success(), "{value}: {arguments:?}");
            };
            git(&["init", "--quiet"]);
            let plain = directory.path().join(".git/objects/ff");
            fs::create_dir(&plain).unwrap();
            fs::set_permissions(&plain, Permissions::from_mode(0o755)).unwrap();
            git(&["config", "core.sharedRepository", value]);
            fs::write(directory.path().join("file"), "").unwrap();
            git(&["add", "file"]);
            let objects = directory.path().join(".git/objects");
            // The id of what is empty.
            let made = fs::metadata(objects.join("e6")).unwrap().permissions().mode();
            if let Some(sharing) = Sharing::parse(value) {
                SharedObjects::new(sharing, &directory.path().join(".git")).settle();
            }
            let settled = fs::metadata(plain).unwrap().permissions().mode();
            assert_eq!(format!("{settled:o}"), format!("{made:o}"), "{value}");
        }
    }

    #[test]
    fn a_link_among_the_objects_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let [objects, private] = ["objects", "private"].map(|name| directory.path().join(name));
        fs::create_dir(&objects).unwrap();
        fs::create_dir(&private).unwrap();
        fs::set_permissions(&private, Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink(&private, objects.join("ab")).unwrap();
        let shared = SharedObjects::new(Sharing::GROUP, directory.path());
        shared.settle();
        assert!(shared.settle_directory(&objects.join("ab")).is_err());
        assert_eq!(fs::metadata(private).unwrap().permissions().mode() & 0o7777, 0o700);
    }
}
