//! How much leftovers take up.

use std::{
    collections::HashSet,
    ffi::CString,
    io,
    os::fd::{AsFd, OwnedFd},
    path::Path,
    rc::Rc,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, chmodat, openat, statat},
    io::Errno,
    path::Arg,
};

use crate::process::{Limits, Used};

impl Used {
    /// What is used up by what is in `directory`, however deep it lies. A directory that its owner
    /// may not look into is opened to him: what nobody sees takes up space too.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(crate) fn of(directory: &Path) -> io::Result<Self> {
        let mut size = Self::default();
        let mut linked = HashSet::new();
        // By descriptor: a path may not be as long as directories can lie deep.
        let mut rest = vec![(Rc::new(open(CWD, directory)?), None::<CString>)];
        while let Some((parent, name)) = rest.pop() {
            let directory = name.map_or_else(
                || Ok(Rc::clone(&parent)),
                |name| open(&parent, name.as_c_str()).map(Rc::new),
            )?;
            // A parent of which nothing is left to look at is closed before what is in it.
            drop(parent);
            for entry in Dir::read_from(&directory)? {
                let name = entry?.file_name().to_owned();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                let stat = statat(&directory, &name, AtFlags::SYMLINK_NOFOLLOW)?;
                let is_directory = FileType::from_raw_mode(stat.st_mode).is_dir();
                // Hard links are one file.
                if !is_directory && stat.st_nlink > 1 && !linked.insert((stat.st_dev, stat.st_ino))
                {
                    continue;
                }
                size.disk += u64::try_from(stat.st_blocks).unwrap_or_default() * 512;
                size.files += 1;
                if is_directory {
                    rest.push((Rc::clone(&directory), Some(name)));
                }
            }
        }
        Ok(size)
    }

    /// What is left without `other`.
    pub(crate) fn without(self, other: Self) -> Self {
        Self {
            disk: self.disk.saturating_sub(other.disk),
            files: self.files.saturating_sub(other.files),
        }
    }

    /// Both together.
    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            disk: self.disk.saturating_add(other.disk),
            files: self.files.saturating_add(other.files),
        }
    }

    /// What is more than there may be, in words.
    pub(crate) fn excess(self, limits: &Limits) -> Option<String> {
        let (mebibytes, most) = (self.disk >> 20, limits.disk >> 20);
        if self.disk > limits.disk {
            return Some(format!("it takes up {mebibytes} MiB where `sandbox_disk` allows {most}"));
        }
        (self.files > limits.files).then(|| {
            format!("it has {} files where `sandbox_files` allows {}", self.files, limits.files)
        })
    }
}

fn open<Name: Arg + Copy>(parent: impl AsFd, name: Name) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(&parent, name, flags, Mode::empty()) {
        Err(Errno::ACCESS) => {
            chmodat(&parent, name, Mode::RWXU, AtFlags::empty())?;
            openat(&parent, name, flags, Mode::empty())
        }
        opened => opened,
    }
}
