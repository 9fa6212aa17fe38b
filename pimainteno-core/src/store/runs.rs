//! The history: records, journals and outputs of runs that ended.

use std::{cmp::Reverse, collections::BinaryHeap, sync::atomic::Ordering};

use pimainteno_plugin::{Reply, Usage};
use redb::Error as RedbError;
use serde::{Deserialize, Serialize};

use super::{
    Store, checks,
    checks::CheckResults,
    ids,
    journal::{Answer, Entry, Journal, ReplyKey, What},
    locked, notices,
    project::{ProjectState, Summary, put_state},
    proposals, rows,
    schema::{ARCHIVE, PROPOSAL, RUN, SUMMARY, Snapshot, Table},
    usage,
};
use crate::{
    error::Result,
    id::RunId,
    proposal::{Proposal, ProposalStatus},
    run::{Outcome, RunRecord},
    words::ProjectId,
};

/// The most bytes kept of one output: its beginning and its end.
const MAX_OUTPUT: usize = 64 << 10;

/// The most outputs kept of one run.
const MAX_OUTPUTS: usize = 64;

/// Among how many of a project's last runs a reply is looked for, besides those that were parked.
const REPLY_RUNS: usize = 16;

/// What is stored when a run ends, besides its journal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub(crate) struct FinishedRun {
    /// The run's record; its outcome is set.
    pub record: RunRecord,
    /// Check logs and the like; of each the first and the last 32 KiB are kept. Answers of
    /// backends are kept by the journal.
    pub outputs: Vec<Output>,
    /// The change that the run was about, with its new status and, if it was committed, the
    /// message of the commit.
    pub proposal: Option<Proposal>,
    /// A new summary of the project.
    pub summary: Option<Summary>,
    /// Results of checks that were run on a commit.
    pub checks: Vec<CheckResults>,
    /// The run whose change this one took back: its record and its proposal say so from now on.
    pub takes_back: Option<TakenBack>,
    /// Whether its change is one that helped before.
    pub is_played: bool,
    /// Whether it was put off because the backend is not set up.
    pub needs_setup: bool,
    /// Whether no check passed, with the change or without it.
    pub none_passed: bool,
    /// Whether it ended because its change was tried before.
    pub is_futile: bool,
}

/// A run's change is taken back by another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TakenBack {
    /// The run whose change it is.
    pub run: RunId,
    /// Why.
    pub reason: String,
}

/// A text that a run left behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// What it is, such as the command of a check.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What is kept of a run behind its record.
#[derive(Default, Serialize, Deserialize)]
struct Archive {
    journal: Vec<Entry>,
    outputs: Vec<Output>,
}

impl FinishedRun {
    /// The end of a run that leaves nothing but its record.
    pub(crate) fn new(record: RunRecord) -> Self {
        Self {
            record,
            outputs: Vec::new(),
            proposal: None,
            summary: None,
            checks: Vec::new(),
            takes_back: None,
            is_played: false,
            needs_setup: false,
            none_passed: false,
            is_futile: false,
        }
    }
}

impl Store {
    /// Ends a run: stores whatever it leaves behind, changes what is remembered about its project,
    /// and removes its journal.
    ///
    /// All of it is one durable transaction. The state's last run, last outcome and summarised head
    /// are set from `finished` before `change` sees it. The project's runs beyond the number to
    /// keep are dropped, with their outputs.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`], and nothing is changed: the journal stays, and this can be
    /// called again.
    pub(crate) fn finish_run(
        &self,
        journal: &Journal,
        finished: FinishedRun,
        change: impl FnOnce(&mut ProjectState),
    ) -> Result<()> {
        let _turn = locked(&self.0.turn);
        let FinishedRun {
            mut record,
            mut outputs,
            mut proposal,
            mut summary,
            checks,
            mut takes_back,
            is_played: _,
            needs_setup: _,
            none_passed: _,
            is_futile: _,
        } = finished;
        let secrets = self.secrets();
        record.redact(secrets);
        proposal.iter_mut().for_each(|proposal| proposal.redact(secrets));
        takes_back.iter_mut().for_each(|taken_back| secrets.clean(&mut taken_back.reason));
        summary.iter_mut().for_each(|summary| secrets.clean(&mut summary.text));
        let project = &record.project;
        let mut state = ProjectState::clone(&self.project(project));
        state.last_run = Some(record.id);
        state.last_outcome = record.outcome.clone();
        if let Some(summary) = &summary {
            state.summary_head = Some(summary.head.clone());
        }
        // What takes a change back is no newer one.
        let is_newer = record.job.takes_back().is_none();
        let superseded = proposal.as_ref().and_then(|proposal| state.note(proposal, is_newer));
        change(&mut state);
        state.redact(secrets);
        outputs.truncate(MAX_OUTPUTS);
        for output in &mut outputs {
            // Before it is cut: what is left of a secret is not recognised any more.
            secrets.clean(&mut output.name);
            secrets.clean(&mut output.text);
            output.text = capped(std::mem::take(&mut output.text), MAX_OUTPUT);
        }
        let (entries, notices, last_event) =
            (journal.entries(), self.take_notices(project), self.last_event());
        let written = self.write(|table| {
            put_state(table, project, &state, last_event)?;
            if let Some(summary) = &summary {
                rows::put_json(table, project, SUMMARY, &[], summary)?;
            }
            if let Some(proposal) = &proposal {
                proposals::put(table, proposal, superseded)?;
            }
            if let Some(taken_back) = &takes_back {
                take_back(table, project, taken_back, record.id)?;
            }
            checks::put(table, project, checks)?;
            for answer in
                entries.iter().filter_map(answer).filter(|answer| answer.usage != Usage::default())
            {
                usage::add(table, project, answer.day, answer.task, &answer.backend, answer.usage)?;
            }
            // The record, its steps and the change have places of their own.
            let is_elsewhere = |entry: &Entry| {
                matches!(
                    entry.what,
                    What::Started { .. } | What::Step { .. } | What::Proposed { .. }
                )
            };
            let archive = Archive {
                journal: entries.into_iter().filter(|entry| !is_elsewhere(entry)).collect(),
                outputs,
            };
            rows::put_json(table, project, ARCHIVE, record.id.as_bytes(), &archive)?;
            rows::put_json(table, project, RUN, record.id.as_bytes(), &record)?;
            notices::put(table, &notices)?;
            drop_old(table, project, self.0.keep_runs.load(Ordering::Relaxed))
        });
        if let Err(error) = written {
            self.put_back_notices(notices);
            return Err(error);
        }
        self.set_state(project, state, true);
        journal.remove();
        self.forget_pending(&journal.entries());
        Ok(())
    }

    /// The last `limit` runs that ended, the newest first: of one project, or of all.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn runs(&self, project: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
        let projects = self.named_or_known(project);
        self.read(|table| {
            let newest = newest(table, &projects, RUN, limit)?;
            newest
                .iter()
                .map(|(project, id)| record(table, project, id))
                .filter_map(Result::transpose)
                .collect()
        })
    }

    /// The record of a run that ended.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn run(&self, run: RunId) -> Result<Option<RunRecord>> {
        let Some(project) = self.project_of(RUN, run.as_bytes())? else { return Ok(None) };
        self.read(|table| record(table, &project, run.as_bytes()))
    }

    /// The one run whose id begins with `prefix`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if there is none or more than one, [`crate::ErrorKind::Store`].
    pub(crate) fn find_run(&self, prefix: &str) -> Result<RunRecord> {
        let id = ids::one_match("run", prefix, self.matches(RUN, prefix)?)?;
        self.run(RunId::from_bytes(id))?.ok_or_else(|| ids::none_match("run", prefix))
    }

    /// The journal of a run that ended; empty if there is no such run.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn run_journal(&self, run: RunId) -> Result<Vec<Entry>> {
        Ok(self.archive(run)?.journal)
    }

    /// The texts that a run left behind, the answers of its backends among them; empty if there is
    /// no such run.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn run_outputs(&self, run: RunId) -> Result<Vec<Output>> {
        let Archive { journal, mut outputs } = self.archive(run)?;
        let answers = journal.into_iter().filter_map(|entry| match entry.what {
            What::Answer(Answer { task, text: Some(text), .. }) => {
                Some(Output { name: format!("answer: {task}"), text })
            }
            _ => None,
        });
        outputs.extend(answers);
        Ok(outputs)
    }

    /// The answer that this question already got: from an open run, or from one of the project's
    /// last 16 runs. Those that were parked are not counted: trouble that lasts makes many of
    /// them, and what was answered before it is not to be paid for again after it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn cached_reply(&self, project: &str, key: &ReplyKey) -> Result<Option<Reply>> {
        if let Some(reply) = locked(&self.0.pending_replies).get(key) {
            return Ok(Some(reply.clone()));
        }
        self.read(|table| {
            let mut counted = 0;
            for id in rows::last_ids(table, project, RUN, self.0.keep_runs.load(Ordering::Relaxed))?
            {
                let archive = read_archive(table, project, &id)?;
                if let Some(reply) = archive
                    .journal
                    .iter()
                    .filter_map(answer)
                    .filter(|answer| answer.key == *key)
                    .find_map(Answer::reply)
                {
                    return Ok(Some(reply));
                }
                let record = rows::get_json::<RunRecord>(table, project, RUN, &id)?;
                counted +=
                    usize::from(!record.is_some_and(|record| {
                        matches!(record.outcome, Some(Outcome::Parked { .. }))
                    }));
                if counted == REPLY_RUNS {
                    break;
                }
            }
            Ok(None)
        })
    }

    /// Counts an answer of an open run.
    pub(super) fn count(&self, project: &ProjectId, answer: &Answer) {
        locked(&self.0.totals).add(answer.day, project, answer.usage);
        if let Some(reply) = answer.reply() {
            locked(&self.0.pending_replies).insert(answer.key.clone(), reply);
        }
    }

    /// The ids of a kind that begin with `prefix`, of all projects.
    pub(super) fn matches(&self, kind: u8, prefix: &str) -> Result<Vec<[u8; 16]>> {
        let range = ids::range(prefix)?;
        let projects = self.known_projects();
        self.read(|table| {
            let mut found = Vec::new();
            for project in &projects {
                for row in table.range(
                    (project.as_str(), kind, &range.0[..], 0)
                        ..=(project.as_str(), kind, &range.1[..], 0),
                )? {
                    let key = row?.0;
                    let (_, _, id, part) = key.value();
                    found.extend(<[u8; 16]>::try_from(id).ok().filter(|_| part == 0));
                }
            }
            Ok(found)
        })
    }

    /// The project that has this id.
    pub(super) fn project_of(&self, kind: u8, id: &[u8]) -> Result<Option<ProjectId>> {
        let projects = self.known_projects();
        self.read(|table| {
            for project in projects {
                if table.get((project.as_str(), kind, id, 0))?.is_some() {
                    return Ok(Some(project));
                }
            }
            Ok(None)
        })
    }

    fn archive(&self, run: RunId) -> Result<Archive> {
        let Some(project) = self.project_of(RUN, run.as_bytes())? else {
            return Ok(Archive::default());
        };
        self.read(|table| read_archive(table, &project, run.as_bytes()))
    }

    fn forget_pending(&self, entries: &[Entry]) {
        let mut pending = locked(&self.0.pending_replies);
        for answer in entries.iter().filter_map(answer) {
            pending.remove(&answer.key);
        }
    }
}

/// The newest ids of a kind among all `projects`, with the project of each.
pub(super) fn newest(
    table: &Snapshot,
    projects: &[ProjectId],
    kind: u8,
    limit: usize,
) -> Result<Vec<(ProjectId, Vec<u8>)>, RedbError> {
    // The oldest of the candidates is on top, so that a newer one replaces it.
    let mut newest = BinaryHeap::new();
    for project in projects {
        for id in rows::last_ids(table, project, kind, limit)? {
            newest.push(Reverse((id, project)));
            if newest.len() > limit
                && newest.pop().is_some_and(|Reverse((_, dropped))| dropped == project)
            {
                // What this project has besides is older still.
                break;
            }
        }
    }
    Ok(newest
        .into_sorted_vec()
        .into_iter()
        .map(|Reverse((id, project))| (project.clone(), id))
        .collect())
}

/// Notes of a run, and of its proposal, that its change was taken back by the run `by`.
fn take_back(
    table: &mut Table<'_>,
    project: &str,
    taken_back: &TakenBack,
    by: RunId,
) -> Result<(), RedbError> {
    let TakenBack { run, reason } = taken_back;
    let Some(mut record) = rows::get_json::<RunRecord>(table, project, RUN, run.as_bytes())? else {
        return Ok(());
    };
    record.rolled_back_by = Some(by);
    record.outcome = Some(Outcome::RolledBack { reason: reason.clone() });
    rows::put_json(table, project, RUN, run.as_bytes(), &record)?;
    match record.proposal {
        Some(id) => proposals::update(table, project, id, |proposal| {
            proposal.status = ProposalStatus::RolledBack { reason: reason.clone() }
        }),
        None => Ok(()),
    }
}

fn answer(entry: &Entry) -> Option<&Answer> {
    match &entry.what {
        What::Answer(answer) => Some(answer),
        _ => None,
    }
}

fn read_archive(table: &Snapshot, project: &str, id: &[u8]) -> Result<Archive, RedbError> {
    Ok(rows::get_json(table, project, ARCHIVE, id)?.unwrap_or_default())
}

/// The record of a run, with what became of the change that it held.
fn record(table: &Snapshot, project: &str, id: &[u8]) -> Result<Option<RunRecord>, RedbError> {
    let Some(mut record) = rows::get_json::<RunRecord>(table, project, RUN, id)? else {
        return Ok(None);
    };
    record.became = match (&record.outcome, record.proposal) {
        (Some(Outcome::Held { .. }), Some(held)) => {
            let held: Option<Proposal> = rows::get_head(table, project, PROPOSAL, held.as_bytes())?;
            held.map(|held| held.status).filter(|status| !status.is_held())
        }
        (Some(Outcome::NoChange), Some(approved)) if record.job.delivers().is_some() => {
            let approved: Option<Proposal> =
                rows::get_head(table, project, PROPOSAL, approved.as_bytes())?;
            approved
                .map(|approved| approved.status)
                .filter(|status| *status == ProposalStatus::Obsolete)
        }
        _ => None,
    };
    Ok(Some(record))
}

/// Drops a project's oldest runs with all that belongs to them.
fn drop_old(table: &mut Table<'_>, project: &str, keep: usize) -> Result<(), RedbError> {
    let ids = rows::ids(table, project, RUN)?;
    for id in ids.iter().take(ids.len().saturating_sub(keep)) {
        if let Some(proposal) =
            rows::get_json::<RunRecord>(table, project, RUN, id)?.and_then(|record| record.proposal)
        {
            proposals::drop_unless_held(table, project, proposal.as_bytes())?;
        }
        rows::remove(table, project, ARCHIVE, id)?;
        rows::remove(table, project, RUN, id)?;
    }
    Ok(())
}

/// A text of at most about `limit` bytes: what is too much is taken out of the middle.
fn capped(text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let head = text.floor_char_boundary(limit / 2);
    let tail = text.ceil_char_boundary(text.len() - limit / 2);
    let (first, last) =
        (text.get(..head).unwrap_or_default(), text.get(tail..).unwrap_or_default());
    format!("{first}\n[{} bytes left out]\n{last}", tail - head)
}
