//! Writing what was planned: all files or none.

use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    files::{Content, Directory, Entry, Files as _},
    paths::check_way,
    plan::Plan,
};
use crate::error::{Context as _, Error, ErrorKind, Result};

/// How many names are tried for a file of our own; others may have been left behind.
const TRIES: u32 = 10_000;

impl Plan {
    /// Writes the files below `directory`. Each appears as a whole; if one cannot be written, those
    /// that were are put back.
    ///
    /// Whoever else writes there meanwhile must be kept out. A process that is killed here can
    /// leave files named `.pimainteno-…` behind.
    ///
    /// # Errors
    /// [`ErrorKind::Patch`] if a file is not what the plan was made for, or cannot be written. Then
    /// everything is as it was.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let planned = self.files.iter().map(|file| directory.join(&file.path)).collect();
        let mut writer = Writer {
            directory,
            planned,
            next: 0,
            made: Vec::new(),
            undo: Vec::new(),
            spare: Vec::new(),
        };
        let written = writer.write(self);
        match &written {
            Ok(()) => writer.tidy(self),
            Err(_) => writer.undo()?,
        }
        written
    }
}

/// How to take back one step.
enum Undo {
    /// Remove a file that was made.
    Remove(PathBuf),
    /// Rename a file back.
    Rename { from: PathBuf, to: PathBuf },
}

struct Writer<'a> {
    directory: &'a Path,
    /// Where files are made or removed, so that none of our own has the same name.
    planned: BTreeSet<PathBuf>,
    /// The number of the next file of our own.
    next: u32,
    /// Directories that were made, the outer first.
    made: Vec<PathBuf>,
    undo: Vec<Undo>,
    /// Files of our own that are not wanted in the end.
    spare: Vec<PathBuf>,
}

impl Writer<'_> {
    fn write(&mut self, plan: &Plan) -> Result<()> {
        let files = Directory::new(self.directory);
        for file in &plan.files {
            check_way(&files, &file.path)?;
            let now = files
                .entry(&file.path)
                .context(ErrorKind::Patch, || format!("cannot read `{}`", file.path))?;
            let expected = file.before.clone().map_or(Entry::Missing, Entry::File);
            if now != expected {
                return Err(Error::new(
                    ErrorKind::Patch,
                    format!("`{}` was changed after the change was placed", file.path),
                ));
            }
        }
        // Files make room before others need it as a directory.
        for file in plan.files.iter().filter(|file| file.after.is_none()) {
            let path = self.directory.join(&file.path);
            let backup = self.step(&path, |backup| fs::rename(&path, backup))?;
            self.undo.push(Undo::Rename { from: backup.clone(), to: path });
            self.spare.push(backup);
        }
        // All content is on the disk before the first file appears.
        let mut ready = Vec::new();
        for file in &plan.files {
            let Some(after) = &file.after else { continue };
            let path = self.directory.join(&file.path);
            self.make_parents(&path).context(ErrorKind::Patch, || {
                format!("cannot make the directories of `{}`", file.path)
            })?;
            let old = file.before.is_some().then_some(&path);
            let new = self.step(&path, |new| write_new(new, after, old.map(PathBuf::as_path)))?;
            self.spare.push(new.clone());
            ready.push((path, new, file.before.is_some()));
        }
        for (path, new, replaces) in ready {
            if replaces {
                let backup = self.step(&path, |backup| {
                    fs::hard_link(&path, backup).or_else(|_| copy(&path, backup))
                })?;
                self.spare.push(backup.clone());
                fs::rename(&new, &path)
                    .context(ErrorKind::Patch, || format!("cannot replace `{}`", path.display()))?;
                self.undo.push(Undo::Rename { from: backup, to: path });
            } else {
                fs::rename(&new, &path)
                    .context(ErrorKind::Patch, || format!("cannot create `{}`", path.display()))?;
                self.undo.push(Undo::Remove(path));
            }
        }
        Ok(())
    }

    /// Does something with a new name beside `path`, and gives the name.
    fn step(&mut self, path: &Path, act: impl Fn(&Path) -> io::Result<()>) -> Result<PathBuf> {
        let parent = path.parent().unwrap_or(self.directory);
        let fail = || format!("cannot write beside `{}`", path.display());
        for _ in 0..TRIES {
            let name = parent.join(format!(".pimainteno-{}", self.next));
            self.next = self.next.wrapping_add(1);
            if self.planned.contains(&name) || fs::symlink_metadata(&name).is_ok() {
                continue;
            }
            return match act(&name) {
                Ok(()) => Ok(name),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => Err(error).context(ErrorKind::Patch, fail),
            };
        }
        Err(Error::new(ErrorKind::Patch, fail()))
    }

    fn make_parents(&mut self, path: &Path) -> io::Result<()> {
        let missing: Vec<_> = path
            .ancestors()
            .skip(1)
            .take_while(|parent| *parent != self.directory && !parent.is_dir())
            .collect();
        for parent in missing.into_iter().rev() {
            fs::create_dir(parent)?;
            self.made.push(parent.to_owned());
        }
        Ok(())
    }

    /// Removes what is not wanted after everything was written: backups, and directories that
    /// became empty.
    fn tidy(&self, plan: &Plan) {
        for spare in &self.spare {
            drop(fs::remove_file(spare));
        }
        for file in plan.files.iter().filter(|file| file.after.is_none()) {
            let path = self.directory.join(&file.path);
            for parent in path.ancestors().skip(1).take_while(|parent| *parent != self.directory) {
                // One that is not empty stays.
                if fs::remove_dir(parent).is_err() {
                    break;
                }
            }
        }
    }

    /// Puts everything back.
    fn undo(&mut self) -> Result<()> {
        let mut failed = Vec::new();
        for step in self.undo.drain(..).rev() {
            let (done, path) = match step {
                Undo::Remove(path) => (fs::remove_file(&path), path),
                Undo::Rename { from, to } => (fs::rename(&from, &to), to),
            };
            if let Err(error) = done {
                failed.push(format!("`{}`: {error}", path.display()));
            }
        }
        for spare in &self.spare {
            drop(fs::remove_file(spare));
        }
        for directory in self.made.iter().rev() {
            drop(fs::remove_dir(directory));
        }
        if failed.is_empty() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Patch,
            format!("the change could not be written, nor taken back: {}", failed.join(", ")),
        ))
    }
}

/// Writes a new file with the permissions of the one that it replaces, and those that its content
/// asks for.
fn write_new(path: &Path, content: &Content, old: Option<&Path>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let written = file.write_all(&content.bytes).and_then(|()| {
        let mode = match old {
            Some(old) => fs::symlink_metadata(old)?.permissions().mode(),
            None => file.metadata()?.permissions().mode(),
        };
        // Whoever may read it may execute it.
        let mode = if content.executable { mode | (mode & 0o444) >> 2 } else { mode & !0o111 };
        fs::set_permissions(path, Permissions::from_mode(mode))
    });
    if written.is_err() {
        drop(fs::remove_file(path));
    }
    written
}

/// Copies a file to a name that is free, on file systems without hard links.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to).map(drop)
}
