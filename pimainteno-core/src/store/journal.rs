//! The journal of an open run: an append-only file, so that intent is durable before effect.
//!
//! A transaction of redb costs about 20 KiB in 6 writes and a sync, however little it says, which
//! an SD card pays for in wear. A run announces several effects, so its journal is a file of its
//! own, `journal/<run id>.jsonl` beside the store: one JSON line per entry, a line costs its length
//! (a page of 4 KiB as the card sees it), and only announcements are synced. When the run ends, its
//! record and its journal go into redb in one transaction, and the file is removed. A file that is
//! still there at the next start is a run that was cut off: [`Store::open_runs`].
//!
//! | entry | durable when the call returns |
//! |---|---|
//! | [`Journal::intend`] | yes: the effect may happen right after |
//! | [`Journal::approved`] | yes: nothing is done because of it before |
//! | [`Journal::answer`] | if it was paid for: a crash must not make us pay twice |
//! | all others | no: they survive the end of the process, and a power cut only if a durable entry comes after them |
//!
//! So after a power cut an effect that happened may lack its mark; recovery looks at the world
//! before it does anything again.
//!
//! Every line is written without the secrets in it, but for a proposal's diff.
//!
//! Paid answers stay in the journal also when it is stored, and [`Store::cached_reply`] finds them
//! there: a cache of its own would store them twice.

mod announced;
mod open_runs;
mod redact;
mod writer;

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
};

use jiff::{Timestamp, civil::Date};
use pimainteno_plugin::{Reply, Task, Usage};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

pub(crate) use announced::{Announced, OfStep};
pub(crate) use open_runs::OpenRun;

use self::writer::Writer;
use super::{Store, locked};
use crate::{
    error::Result,
    id::RunId,
    proposal::Proposal,
    run::{RunRecord, StepRecord},
    words::{BranchName, CommitId, ProjectId, RemoteName, Sha256, UnitName, filled},
};

/// The journal of one open run. [`Store::finish_run`] ends it; one that is dropped instead is an
/// open run again.
pub(crate) struct Journal {
    store: Store,
    run: RunId,
    project: ProjectId,
    writer: Mutex<Writer>,
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub what: What,
}

/// What a line of a journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "entry")]
#[non_exhaustive]
pub enum What {
    /// The run began; always the first line.
    Started {
        /// The run's record as it was then.
        record: Box<RunRecord>,
    },
    /// An effect is about to happen.
    Intent {
        /// Which intent of the run it is.
        number: Intent,
        /// The effect.
        effect: Effect,
        /// The step that it is one of; earlier versions did not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
        /// Whether it takes back another one of that step.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reverts: bool,
    },
    /// An intended effect happened.
    Done {
        /// Which one.
        number: Intent,
    },
    /// An intended effect did not happen and will not.
    Failed {
        /// Which one.
        number: Intent,
        /// Why.
        reason: String,
    },
    /// A backend answered, or was paid without answering.
    Answer(Answer),
    /// There is a change.
    Proposed {
        /// The change.
        proposal: Box<Proposal>,
    },
    /// A person approved a change; the run is about it.
    Approved {
        /// The SHA-256 of the diff that was approved, and no other.
        sha256: Sha256,
    },
    /// A step ended.
    Step {
        /// What it did.
        step: StepRecord,
    },
    /// Something worth keeping, in words.
    Note {
        /// What.
        text: String,
    },
}

/// Names an intent within its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Intent(u32);

/// Something that can be seen from outside, or that costs money.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
#[non_exhaustive]
pub enum Effect {
    /// A backend is asked.
    Call {
        /// What for.
        task: Task,
        /// The backend's name.
        backend: String,
    },
    /// A commit is made in the workspace.
    Commit {
        /// The branch; `None` if the checkout is on none.
        #[serde(deserialize_with = "filled")]
        branch: Option<BranchName>,
        /// The commit it is made on.
        base: CommitId,
        /// The tree of the new commit: what tells whether it was made.
        tree: String,
    },
    /// A remote's branch is moved.
    Push {
        /// The remote's name.
        remote: RemoteName,
        /// The branch.
        branch: BranchName,
        /// The commit it was at.
        from: CommitId,
        /// The commit it will be at.
        to: CommitId,
    },
    /// The checkout is moved: a fast-forward to a verified commit, or the undo of one.
    Move {
        /// The commit it was at.
        from: CommitId,
        /// The commit it will be at.
        to: CommitId,
    },
    /// A unit is restarted.
    Restart {
        /// The unit's name.
        unit: UnitName,
    },
    /// Whatever a step of somebody else's does.
    Own {
        /// What, as the step calls it.
        name: String,
        /// What the step wants to know of it when it asks whether it happened.
        #[serde(default)]
        data: serde_json::Value,
    },
}

/// Whose effect it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct By<'a> {
    /// The step's name.
    pub step: Option<&'a str>,
    /// Whether it takes back another one of that step.
    pub reverts: bool,
}

/// What came of asking a backend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// The day whose budget pays, in the scheduler's time zone.
    pub day: Date,
    /// What the answer is for.
    pub task: Task,
    /// The backend's name.
    pub backend: String,
    /// What it cost.
    pub usage: Usage,
    /// The question, and the answer if there was one.
    pub key: ReplyKey,
    /// The answer's text; `None` if the backend failed.
    pub text: Option<String>,
    /// The change that came with the answer, apart from its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// Whether a secret was taken out of text or diff. Such an answer is kept for reading and is
    /// not given again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
}

/// Tells one question to a backend from all others.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReplyKey(String);

impl What {
    /// The step whose effect is announced here; by the effect where the line does not say.
    pub(crate) fn step(&self) -> Option<&str> {
        let Self::Intent { effect, step, .. } = self else { return None };
        step.as_deref().or(match effect {
            Effect::Push { .. } => Some("push"),
            Effect::Move { .. } | Effect::Restart { .. } => Some("restart"),
            Effect::Call { .. } | Effect::Commit { .. } | Effect::Own { .. } => None,
        })
    }
}

impl Answer {
    /// The backend answered.
    pub fn new(
        day: Date,
        task: Task,
        backend: impl Into<String>,
        key: ReplyKey,
        reply: &Reply,
    ) -> Self {
        let (text, diff) = (Some(reply.text.clone()), reply.diff.clone());
        Self { text, diff, ..Self::failed(day, task, backend, key, reply.usage) }
    }

    /// The backend failed, and `usage` was spent on it.
    pub fn failed(
        day: Date,
        task: Task,
        backend: impl Into<String>,
        key: ReplyKey,
        usage: Usage,
    ) -> Self {
        Self {
            day,
            task,
            backend: backend.into(),
            usage,
            key,
            text: None,
            diff: None,
            redacted: false,
        }
    }

    /// The program was killed before it heard the answer, or could note it. The question is not
    /// known any more.
    pub(crate) fn lost(day: Date, task: Task, backend: &str) -> Self {
        Self::failed(day, task, backend, ReplyKey(String::new()), Usage::call(0, 0, 0))
    }

    /// The answer, if there was one and nothing is missing from it.
    pub(super) fn reply(&self) -> Option<Reply> {
        if self.redacted {
            return None;
        }
        let mut reply = Reply::new(self.text.clone()?).with_usage(self.usage);
        reply.diff.clone_from(&self.diff);
        Some(reply)
    }
}

impl ReplyKey {
    /// The key of a question: what was asked of whom about which commit of which project.
    pub fn new(
        project: &str,
        head: &CommitId,
        task: Task,
        backend: &str,
        model: &str,
        prompt: &str,
    ) -> Self {
        let mut hash = sha2::Sha256::new();
        for part in [project, head, &task.to_string(), backend, model, prompt] {
            // The length first, so that no two questions run into each other.
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl Store {
    /// Opens the journal of a run that begins.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`] if the file cannot be made.
    pub(crate) fn begin_run(&self, record: &RunRecord) -> Result<Journal> {
        let journal =
            Journal::open(self, record, |directory| Writer::create(directory, record.id))?;
        if let Err(error) = journal.write(What::Started { record: Box::new(record.clone()) }) {
            journal.remove();
            return Err(error);
        }
        Ok(journal)
    }
}

impl Journal {
    /// Announces an effect. It may happen once this returns without an error, and not before.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`] if the announcement is not certain to survive a power cut.
    pub(crate) fn intend(&self, effect: Effect) -> Result<Intent> {
        self.intend_by(By::default(), effect)
    }

    /// The same for an effect of a step.
    ///
    /// # Errors
    /// As [`Self::intend`].
    pub(crate) fn intend_by(&self, by: By<'_>, effect: Effect) -> Result<Intent> {
        let mut writer = self.writer();
        let number = Intent(
            writer
                .entries()
                .iter()
                .filter(|entry| matches!(entry.what, What::Intent { .. }))
                .count() as u32
                + 1,
        );
        let mut what =
            What::Intent { number, effect, step: by.step.map(str::to_owned), reverts: by.reverts };
        what.redact(self.store.secrets());
        writer.append(Entry { at: Timestamp::now(), what })?;
        writer.sync()?;
        Ok(number)
    }

    /// Marks an intended effect as done.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn done(&self, number: Intent) -> Result<()> {
        self.write(What::Done { number })
    }

    /// Marks an intended effect as one that did not happen and will not.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn failed(&self, number: Intent, reason: impl Into<String>) -> Result<()> {
        self.write(What::Failed { number, reason: reason.into() })
    }

    /// Keeps what came of asking a backend; durable if it was paid for. From now on it counts in
    /// [`Store::usage_on`] and is found by [`Store::cached_reply`].
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`]. The cost is counted all the same.
    pub(crate) fn answer(&self, answer: Answer) -> Result<()> {
        let is_paid = answer.usage.calls > 0;
        let mut what = What::Answer(answer);
        what.redact(self.store.secrets());
        if let What::Answer(answer) = &what {
            self.store.count(&self.project, answer);
        }
        let mut writer = self.writer();
        writer.append(Entry { at: Timestamp::now(), what })?;
        if is_paid { writer.sync() } else { Ok(()) }
    }

    /// Keeps a change that was proposed, so that it outlives a crash. [`Store::finish_run`] stores
    /// it for good.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn proposed(&self, proposal: &Proposal) -> Result<()> {
        self.write(What::Proposed { proposal: Box::new(proposal.clone()) })
    }

    /// Keeps that a person approved the diff with this SHA-256.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`] if it is not certain to survive a power cut.
    pub(crate) fn approved(&self, sha256: Sha256) -> Result<()> {
        self.write(What::Approved { sha256 })?;
        self.writer().sync()
    }

    /// Keeps what a step did.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn step(&self, step: &StepRecord) -> Result<()> {
        self.write(What::Step { step: step.clone() })
    }

    /// Keeps a note.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn note(&self, text: impl Into<String>) -> Result<()> {
        self.write(What::Note { text: text.into() })
    }

    /// Whether something could not be written, so that less is noted than was done.
    pub(crate) fn has_failed(&self) -> bool {
        self.writer().has_failed()
    }

    /// Gives up a run that did nothing yet: it leaves no trace.
    pub(crate) fn discard(&self) {
        self.remove();
    }

    /// What was written so far.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.writer().entries().to_vec()
    }

    /// The journal of a run, whose file `open` makes or opens.
    fn open(
        store: &Store,
        record: &RunRecord,
        open: impl FnOnce(&Path) -> Result<Writer>,
    ) -> Result<Self> {
        // Before there is a file: whoever looks meanwhile what was cut off would take it for that
        // of a run that did nothing, and remove it.
        locked(&store.0.open_journals).insert(record.id);
        let journal = Self {
            store: store.clone(),
            run: record.id,
            project: record.project.clone(),
            writer: Mutex::new(Writer::in_memory()),
        };
        if let Some(directory) = &store.0.journals {
            *journal.writer() = open(directory)?;
        }
        Ok(journal)
    }

    fn write(&self, mut what: What) -> Result<()> {
        what.redact(self.store.secrets());
        self.writer().append(Entry { at: Timestamp::now(), what })
    }

    fn writer(&self) -> std::sync::MutexGuard<'_, Writer> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the file: the run is recorded.
    pub(super) fn remove(&self) {
        self.writer().remove();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        locked(&self.store.0.open_journals).remove(&self.run);
    }
}

/// Writes the run and the project.
impl std::fmt::Debug for Journal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Journal")
            .field("run", &self.run)
            .field("project", &self.project)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::{Error, ErrorKind},
        job::Job,
        run::Trigger,
        words::ProjectId,
    };

    #[test]
    fn whoever_looks_while_a_journal_is_made_does_not_take_it_for_one_that_was_cut_off() {
        let place = tempfile::tempdir().unwrap();
        let store = Store::open(&place.path().join("state.redb"), 9).unwrap();
        let job = Job::Upkeep { chore: "improve".into() };
        let record = RunRecord::new(&ProjectId::of("site"), Trigger::Manual, job, Timestamp::now());
        let mut file = None;
        let journal = Journal::open(&store, &record, |directory| {
            let writer = Writer::create(directory, record.id)?;
            file = Some(writer::path(directory, record.id));
            assert!(store.open_runs()?.runs.is_empty());
            Ok(writer)
        });
        assert!(file.unwrap().exists());
        drop(journal.unwrap());
        // One that cannot be made keeps nothing.
        let failed = Journal::open(&store, &record, |_| Err(Error::new(ErrorKind::Store, "full")));
        assert!(failed.is_err() && locked(&store.0.open_journals).is_empty());
    }
}
