//! Finds the journals of runs that were cut off.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use pimainteno_plugin::Task;

use super::{Answer, Effect, Entry, Intent, Journal, What, writer, writer::Writer};
use crate::{
    error::{Context, ErrorKind, Result},
    id::RunId,
    proposal::Proposal,
    run::RunRecord,
    store::{Store, locked},
    words::{ProjectId, Sha256},
};

/// What was left over by earlier processes.
#[derive(Debug, Default)]
#[non_exhaustive]
pub(crate) struct OpenRuns {
    /// The runs that were cut off, the oldest first.
    pub runs: Vec<OpenRun>,
    /// What a person should know: files that were damaged, and where they are kept.
    pub notices: Vec<String>,
}

/// A run that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub(crate) struct OpenRun {
    /// The run's record as it was when it began, with the steps that ended since and what answers
    /// cost.
    pub record: RunRecord,
    /// What its journal says.
    pub entries: Vec<Entry>,
    /// The length of the file up to the last whole line.
    length: u64,
}

impl Store {
    /// The runs that were cut off: those with a journal which nobody in this process writes.
    ///
    /// A last line that was torn by a power cut is dropped: its effect was not announced yet.
    /// A file that is damaged elsewhere is kept aside with the ending `.damaged`, and what can be
    /// read before the damage is an open run. In a store that is only in memory there are none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the directory or a file cannot be read.
    pub(crate) fn open_runs(&self) -> Result<OpenRuns> {
        let mut found = OpenRuns {
            notices: std::mem::take(&mut *locked(&self.0.notices)),
            ..OpenRuns::default()
        };
        let Some(directory) = &self.0.journals else { return Ok(found) };
        for run in journals(directory)? {
            if locked(&self.0.open_journals).contains(&run) {
                continue;
            }
            let path = writer::path(directory, run);
            // The power failed between the end of the run and the removal of its journal.
            // Or it ended right now, and whoever ended it has removed it.
            let is_gone = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
            if self.run(run)?.is_some() {
                let removed = fs::remove_file(&path);
                removed
                    .or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
                    .context(ErrorKind::Store, || {
                        format!(
                            "cannot remove the journal of a run that ended: `{}`",
                            path.display()
                        )
                    })?;
                continue;
            }
            match read(&path, run, &mut found.notices) {
                Err(error) if is_gone(&error) => {}
                read => {
                    let read = read.context(ErrorKind::Store, || cannot_read(&path))?;
                    found.runs.extend(read);
                }
            }
        }
        Ok(found)
    }

    /// Whether a run of a project was cut off and is not finished yet. What a person should know of
    /// damaged files is told by the next [`Self::open_runs`].
    ///
    /// # Errors
    /// As [`Self::open_runs`].
    pub(crate) fn has_open_run(&self, project: &ProjectId) -> Result<bool> {
        Ok(!self.open_runs_of(|other| other == project)?.is_empty())
    }

    /// The runs of such projects that were cut off and are not finished yet, as
    /// [`Self::has_open_run`].
    ///
    /// # Errors
    /// As [`Self::open_runs`].
    pub(crate) fn open_runs_of(
        &self,
        is_wanted: impl Fn(&ProjectId) -> bool,
    ) -> Result<Vec<OpenRun>> {
        let mut found = self.open_runs()?;
        locked(&self.0.notices).extend(found.notices);
        found.runs.retain(|open| is_wanted(&open.record.project));
        Ok(found.runs)
    }

    /// Goes on with the journal of a run that was cut off.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the file cannot be opened.
    pub(crate) fn reopen(&self, open: OpenRun) -> Result<Journal> {
        let OpenRun { record, entries, length } = open;
        Journal::open(self, &record, |directory| {
            Writer::reopen(directory, record.id, entries, length)
        })
    }
}

impl OpenRun {
    /// The effects that were announced and have no mark: each may have happened, or not.
    pub(crate) fn pending(&self) -> Vec<(Intent, &Effect)> {
        let marked = |wanted: Intent| {
            self.entries.iter().any(|entry| match &entry.what {
                What::Done { number } | What::Failed { number, .. } => *number == wanted,
                _ => false,
            })
        };
        self.effects().filter(|(number, _)| !marked(*number)).collect()
    }

    /// The effects in the order in which they were announced, and whether each is marked as done;
    /// without those that are marked as failed.
    pub(crate) fn announced(&self) -> impl Iterator<Item = (&Effect, bool)> {
        self.effects().filter_map(|(wanted, effect)| {
            let mark = self.entries.iter().find_map(|entry| match &entry.what {
                What::Done { number } if *number == wanted => Some(true),
                What::Failed { number, .. } if *number == wanted => Some(false),
                _ => None,
            });
            (mark != Some(false)).then_some((effect, mark == Some(true)))
        })
    }

    /// The calls of backends of whose answers nothing is known, and when each was announced: they
    /// may have been paid for.
    pub(crate) fn lost_calls(&self) -> impl Iterator<Item = (Intent, Timestamp, Task, &str)> {
        self.entries.iter().enumerate().filter_map(|(place, entry)| {
            let What::Intent { number, effect: Effect::Call { task, backend }, .. } = &entry.what
            else {
                return None;
            };
            let mut later = self.entries.iter().skip(place).map(|entry| &entry.what);
            let is_known = later.any(|what| match what {
                What::Answer(_) => true,
                What::Done { number: other } | What::Failed { number: other, .. } => {
                    other == number
                }
                _ => false,
            });
            (!is_known).then_some((*number, entry.at, *task, backend.as_str()))
        })
    }

    /// When the run was heard of last.
    pub(crate) fn last_sign(&self) -> Timestamp {
        self.entries.last().map_or(self.record.started, |entry| entry.at)
    }

    /// The change that the run was about, as it was journalled last. The change that takes it back
    /// is not meant.
    pub(crate) fn proposal(&self) -> Option<&Proposal> {
        let mut last = None;
        let mut delivered = Vec::new();
        for entry in &self.entries {
            match &entry.what {
                What::Intent {
                    effect: Effect::Push { to, .. } | Effect::Move { to, .. }, ..
                } => delivered.push(to),
                // What is made on a commit of the run's own takes that back. A checkout that goes
                // back later is brought to where the change was made, too.
                What::Proposed { proposal } if !delivered.contains(&&proposal.base) => {
                    last = Some(&**proposal);
                }
                _ => {}
            }
        }
        last
    }

    /// The SHA-256 of the diff that a person approved for this run.
    pub(crate) fn approved(&self) -> Option<&Sha256> {
        self.entries.iter().find_map(|entry| match &entry.what {
            What::Approved { sha256 } => Some(sha256),
            _ => None,
        })
    }

    /// What came of asking backends.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Answer(answer) => Some(answer),
            _ => None,
        })
    }

    fn effects(&self) -> impl Iterator<Item = (Intent, &Effect)> {
        self.entries.iter().filter_map(|entry| match &entry.what {
            What::Intent { number, effect, .. } => Some((*number, effect)),
            _ => None,
        })
    }
}

/// The runs that have a journal, the oldest first.
fn journals(directory: &Path) -> Result<Vec<RunId>> {
    let context = || format!("cannot read the journals: `{}`", directory.display());
    let mut runs = Vec::new();
    for file in fs::read_dir(directory).context(ErrorKind::Store, context)? {
        let name = file.context(ErrorKind::Store, context)?.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_suffix(".jsonl")) else {
            continue;
        };
        runs.extend(name.parse::<RunId>().ok().filter(|run| run.to_string() == name));
    }
    runs.sort_unstable();
    Ok(runs)
}

/// Reads a journal. What does not even say that it started is of a run that did nothing.
fn read(path: &Path, run: RunId, notices: &mut Vec<String>) -> io::Result<Option<OpenRun>> {
    let bytes = fs::read(path)?;
    let (mut entries, mut length) = (Vec::new(), 0);
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
    let mut is_damaged = false;
    while let Some(line) = lines.next() {
        match serde_json::from_slice::<Entry>(line) {
            Ok(entry) if line.ends_with(b"\n") => {
                entries.push(entry);
                length += line.len() as u64;
            }
            _ => {
                is_damaged = lines.peek().is_some();
                break;
            }
        }
    }
    let record = match entries.first().map(|entry| &entry.what) {
        Some(What::Started { record }) if record.id == run => Some(RunRecord::clone(record)),
        Some(_) => {
            is_damaged = true;
            None
        }
        None => None,
    };
    if is_damaged {
        let kept = keep_aside(
            path,
            record.as_ref().and(bytes.get(..usize::try_from(length).unwrap_or(0))),
        )?;
        let rest = if record.is_some() {
            "the run is recovered from what comes before the damage"
        } else {
            "nothing of it could be read"
        };
        notices.push(format!(
            "the journal of run {run} is damaged and kept as `{}`; {rest}",
            kept.display()
        ));
    } else if record.is_none() {
        fs::remove_file(path)?;
    }
    let Some(mut record) = record else { return Ok(None) };
    for entry in &entries {
        match &entry.what {
            What::Step { step } => record.steps.push(step.clone()),
            What::Answer(answer) => record.usage += answer.usage,
            _ => {}
        }
    }
    Ok(Some(OpenRun { record, entries, length }))
}

/// Renames a damaged journal and puts its readable beginning in its place.
fn keep_aside(path: &Path, readable: Option<&[u8]>) -> io::Result<PathBuf> {
    let kept = PathBuf::from(format!("{}.damaged", path.display()));
    if let Some(readable) = readable {
        // A copy first, so that no power cut leaves the run without a journal.
        fs::copy(path, &kept)?;
        let mut file = File::options().write(true).open(path)?;
        file.set_len(readable.len() as u64)?;
        file.flush()?;
        file.sync_all()?;
    } else {
        fs::rename(path, &kept)?;
    }
    Ok(kept)
}

fn cannot_read(path: &Path) -> String {
    format!("cannot read the run's journal: `{}`", path.display())
}
