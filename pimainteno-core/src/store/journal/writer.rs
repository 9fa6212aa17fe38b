//! Appends lines to a journal's file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::Entry;
use crate::{
    error::{Context, Error, ErrorKind, Result},
    id::RunId,
};

/// The file of a journal, and what is in it.
pub(super) struct Writer {
    entries: Vec<Entry>,
    /// Whether something was refused by the disk.
    has_failed: bool,
    /// `None` in a store that is only in memory.
    file: Option<JournalFile>,
}

struct JournalFile {
    file: File,
    path: PathBuf,
    /// The length of what was written whole.
    length: u64,
    /// Whether the file's name is durable too.
    directory_is_synced: bool,
    /// Set when it is not known any more what is on the disk: nothing may be announced from then
    /// on.
    is_broken: bool,
}

/// The path of a run's journal.
pub(super) fn path(directory: &Path, run: RunId) -> PathBuf {
    directory.join(format!("{run}.jsonl"))
}

impl Writer {
    /// A new file.
    pub(super) fn create(directory: &Path, run: RunId) -> Result<Self> {
        let path = path(directory, run);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .context(ErrorKind::Store, || cannot(&path))?;
        let file =
            JournalFile { file, path, length: 0, directory_is_synced: false, is_broken: false };
        Ok(Self { entries: Vec::new(), has_failed: false, file: Some(file) })
    }

    /// No file at all.
    pub(super) fn in_memory() -> Self {
        Self { entries: Vec::new(), has_failed: false, file: None }
    }

    /// The file of a run that was cut off; what comes after its first `length` bytes is dropped.
    pub(super) fn reopen(
        directory: &Path,
        run: RunId,
        entries: Vec<Entry>,
        length: u64,
    ) -> Result<Self> {
        let path = path(directory, run);
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .context(ErrorKind::Store, || cannot(&path))?;
        file.set_len(length).context(ErrorKind::Store, || cannot(&path))?;
        let file = JournalFile { file, path, length, directory_is_synced: false, is_broken: false };
        Ok(Self { entries, has_failed: false, file: Some(file) })
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Appends a line; it is not durable yet.
    pub(super) fn append(&mut self, entry: Entry) -> Result<()> {
        if let Some(file) = &mut self.file {
            let mut line = serde_json::to_vec(&entry)
                .context(ErrorKind::Internal, || "cannot write a journal entry as JSON")?;
            line.push(b'\n');
            let appended = file.append(&line);
            self.has_failed |= appended.is_err();
            appended.context(ErrorKind::Store, || cannot(&file.path))?;
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Makes durable what was appended, and the file's name.
    pub(super) fn sync(&mut self) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let synced = file.sync();
        self.has_failed |= synced.is_err();
        synced.map_err(|source| {
            Error::new(ErrorKind::Store, cannot(&file.path))
                .source(source)
                .hint("look at the disk and its free space")
        })
    }

    /// Removes the file. One that stays is recognised at the next start as that of a run that is
    /// recorded.
    pub(super) fn remove(&mut self) {
        if let Some(file) = self.file.take() {
            drop(fs::remove_file(file.path));
        }
    }
}

impl JournalFile {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        self.check()?;
        if let Err(error) = self.file.write_all(line) {
            // A full disk may have taken half a line, and the next one would be glued to it.
            self.is_broken = self.file.set_len(self.length).is_err();
            return Err(error);
        }
        self.length += line.len() as u64;
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.check()?;
        // After a failed sync the kernel may have dropped what it could not write, and a second
        // sync would succeed for nothing.
        self.is_broken = true;
        self.file.sync_data()?;
        if !self.directory_is_synced {
            if let Some(directory) = self.path.parent() {
                File::open(directory)?.sync_all()?;
            }
            self.directory_is_synced = true;
        }
        self.is_broken = false;
        Ok(())
    }

    fn check(&self) -> io::Result<()> {
        if self.is_broken {
            Err(io::Error::other("an earlier write to this file failed"))
        } else {
            Ok(())
        }
    }
}

fn cannot(path: &Path) -> String {
    format!("cannot write the run's journal: `{}`", path.display())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::What;

    fn writer(file: File, path: &str) -> Writer {
        let file = JournalFile {
            file,
            path: path.into(),
            length: 0,
            directory_is_synced: false,
            is_broken: false,
        };
        Writer { entries: Vec::new(), has_failed: false, file: Some(file) }
    }

    fn note(text: &str) -> Entry {
        Entry { at: Timestamp::now(), what: What::Note { text: text.into() } }
    }

    #[test]
    fn what_a_full_disk_refuses_was_not_said_and_nothing_can_be_announced_after() {
        // Every write to this device fails for want of space, and it cannot be cut back either.
        let mut writer =
            writer(OpenOptions::new().append(true).open("/dev/full").unwrap(), "/dev/full");
        let error = writer.append(note("one")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(error.to_string().contains("No space left"), "{error}");
        assert!(writer.entries().is_empty() && writer.has_failed());
        assert!(writer.sync().unwrap_err().to_string().contains("an earlier write"));
    }
}
