//! What a person should know, kept until newer things take its place.

use std::collections::BTreeMap;

use jiff::Timestamp;
use redb::Error as RedbError;
use serde::{Deserialize, Serialize};

use super::{
    Store, locked, rows,
    schema::{NOTICES, Table},
};
use crate::{
    error::Result,
    event::NoticeKind,
    id::RunId,
    words::{ProjectId, filled},
};

/// The most notices that are kept of one project.
const KEPT: usize = 50;

/// Something that a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Notice {
    /// The project that it is about.
    #[serde(deserialize_with = "filled")]
    pub project: Option<ProjectId>,
    /// What it is about.
    pub notice: NoticeKind,
    /// Tells one of its kind from others.
    pub key: String,
    /// What, as it was said last.
    pub message: String,
    /// The run that said it last.
    pub run: Option<RunId>,
    /// When it was said first.
    pub first: Timestamp,
    /// When it was said last.
    pub last: Timestamp,
    /// How often.
    pub count: u32,
}

/// Notices that are not written yet, by project.
pub(super) type Pending = BTreeMap<Option<ProjectId>, Vec<Notice>>;

impl Store {
    /// The last `limit` notices of one project, or of all and those about none, the newest first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn notices(&self, project: Option<&str>, limit: usize) -> Result<Vec<Notice>> {
        let pending = locked(&self.0.pending_notices).clone();
        let mut all: Vec<Notice> = self.read(|table| {
            let mut all = Vec::new();
            let mut projects: Vec<_> = match project {
                Some(project) => vec![Some(ProjectId::unchecked(project))],
                // Also of one that was never run.
                None => rows::projects(table)?.into_iter().map(Some).chain([None]).collect(),
            };
            if project.is_none() {
                projects.extend(pending.keys().cloned());
            }
            projects.sort();
            projects.dedup();
            for project in &projects {
                let row = row(project.as_ref());
                let mut kept = rows::get_json(table, row, NOTICES, &[])?.unwrap_or_default();
                add(&mut kept, pending.get(project).cloned().unwrap_or_default());
                all.extend(kept);
            }
            Ok(all)
        })?;
        all.sort_by_key(|notice| std::cmp::Reverse(notice.last));
        all.truncate(limit);
        Ok(all)
    }

    /// Keeps a notice: one of a run is written when that ends, any other at once. The secrets in it
    /// are gone already.
    pub(crate) fn keep_notice(
        &self,
        project: Option<&ProjectId>,
        run: Option<RunId>,
        notice: NoticeKind,
        key: &str,
        message: &str,
        at: Timestamp,
    ) {
        let (project, key, message) = (project.cloned(), key.to_owned(), message.to_owned());
        let kept = Notice {
            project: project.clone(),
            notice,
            key,
            message,
            run,
            first: at,
            last: at,
            count: 1,
        };
        add(locked(&self.0.pending_notices).entry(project).or_default(), vec![kept]);
        if run.is_some() {
            return;
        }
        let pending = std::mem::take(&mut *locked(&self.0.pending_notices));
        if let Err(error) = self.write(|table| put(table, &pending)) {
            tracing::error!(%error, "A notice could not be kept.");
            self.put_back_notices(pending);
        }
    }

    /// The notices that are to be written with the end of a run of `project`.
    pub(super) fn take_notices(&self, project: &ProjectId) -> Pending {
        locked(&self.0.pending_notices).remove_entry(&Some(project.clone())).into_iter().collect()
    }

    /// Puts back what could not be written.
    pub(super) fn put_back_notices(&self, notices: Pending) {
        let mut pending = locked(&self.0.pending_notices);
        for (project, mut earlier) in notices {
            let later = pending.entry(project).or_default();
            add(&mut earlier, std::mem::take(later));
            *later = earlier;
        }
    }
}

/// Writes notices to those that are kept.
pub(super) fn put(table: &mut Table<'_>, pending: &Pending) -> Result<(), RedbError> {
    for (project, new) in pending {
        let row = row(project.as_ref());
        let mut kept = rows::get_json(table, row, NOTICES, &[])?.unwrap_or_default();
        add(&mut kept, new.clone());
        rows::put_json(table, row, NOTICES, &[], &kept)?;
    }
    Ok(())
}

/// Where the notices of a project are kept, and those about none.
fn row(project: Option<&ProjectId>) -> &str {
    project.map_or("", |project| project.as_str())
}

/// Adds notices: one that says again what is there takes its place, at the end.
fn add(kept: &mut Vec<Notice>, new: Vec<Notice>) {
    for mut notice in new {
        if let Some(place) =
            kept.iter().position(|kept| (kept.notice, &kept.key) == (notice.notice, &notice.key))
        {
            let before = kept.remove(place);
            (notice.first, notice.count) =
                (before.first, before.count.saturating_add(notice.count));
        }
        kept.push(notice);
    }
    kept.drain(..kept.len().saturating_sub(KEPT));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        job::Job,
        run::{Outcome, RunRecord, Trigger},
        store::FinishedRun,
    };

    #[test]
    fn a_notice_is_kept_once_with_how_often_it_was_said_and_one_of_a_run_when_that_ends() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.redb");
        let store = Store::open(&path, 10).unwrap();
        let (at, site) = (Timestamp::now(), ProjectId::of("site"));
        let say = |run: Option<RunId>, key: &str, message: &str| {
            store.keep_notice(Some(&site), run, NoticeKind::Leftovers, key, message, at);
        };
        let mut record =
            RunRecord::new(&site, Trigger::Manual, Job::Upkeep { chore: "improve".into() }, at);
        let journal = store.begin_run(&record).unwrap();
        say(Some(record.id), "", "cold");
        say(Some(record.id), "", "cold again");
        let told = |store: &Store| -> Vec<(String, u32)> {
            store
                .notices(Some("site"), 9)
                .unwrap()
                .into_iter()
                .map(|notice| (notice.message, notice.count))
                .collect()
        };
        assert_eq!(told(&store), [("cold again".to_owned(), 2)]);
        record.outcome = Some(Outcome::NoChange);
        store.finish_run(&journal, FinishedRun::new(record), |_| {}).unwrap();
        say(None, "x", "another");
        store.keep_notice(None, None, NoticeKind::Store, "", "of none", at);
        drop((store.clone(), journal));
        let written = store.notices(None, 9).unwrap();
        drop(store);
        let store = Store::open(&path, 10).unwrap();
        assert_eq!(store.notices(None, 9).unwrap(), written);
        assert_eq!(written.len(), 3);
        assert!(store.last_event() == 0);
    }
}
