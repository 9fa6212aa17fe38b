//! What answers cost, by day.

use std::collections::BTreeMap;

use jiff::civil::Date;
use pimainteno_plugin::{Task, Usage};
use redb::{Error as RedbError, ReadableTable};
use serde::{Deserialize, Serialize};

use super::{
    Store,
    journal::{Entry, What},
    locked, rows,
    schema::{Key, Table, USAGE},
};
use crate::{error::Result, words::ProjectId};

/// How many days with any usage are kept per project.
const KEEP_DAYS: usize = 31;

/// What one backend's answers to one task cost on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UsageEntry {
    /// What the answers were for.
    pub task: Task,
    /// The backend's name.
    pub backend: String,
    /// What they cost.
    pub usage: Usage,
}

/// What answers cost, by day and project, and how many calls are being made.
#[derive(Debug, Default)]
pub(super) struct Totals {
    spent: BTreeMap<(Date, ProjectId), Usage>,
    claimed: BTreeMap<(Date, ProjectId), u64>,
}

/// A call that is being made and not counted yet. It counts until this is dropped, so that two
/// calls at a time do not both take the last one that is left.
#[derive(Debug)]
#[must_use]
pub(crate) struct CallClaim {
    store: Store,
    day: Date,
    project: ProjectId,
}

impl UsageEntry {
    /// What the answers of one run cost by task and backend, as its journal tells; in the order in
    /// which they were asked first, without what cost nothing.
    pub fn of_journal(journal: &[Entry]) -> Vec<Self> {
        let mut entries = Vec::new();
        for entry in journal {
            if let What::Answer(answer) = &entry.what
                && answer.usage != Usage::default()
            {
                Self::add(&mut entries, answer.task, &answer.backend, answer.usage);
            }
        }
        entries
    }

    fn add(entries: &mut Vec<Self>, task: Task, backend: &str, usage: Usage) {
        match entries.iter_mut().find(|entry| entry.task == task && entry.backend == backend) {
            Some(entry) => entry.usage += usage,
            None => entries.push(Self { task, backend: backend.to_owned(), usage }),
        }
    }
}

impl Drop for CallClaim {
    fn drop(&mut self) {
        let mut totals = locked(&self.store.0.totals);
        if let Some(claimed) = totals.claimed.get_mut(&(self.day, self.project.clone())) {
            *claimed = claimed.saturating_sub(1);
        }
    }
}

impl Store {
    /// What the answers of all projects cost on `day`, those of open runs included. Reads no disk.
    pub(crate) fn usage_on(&self, day: Date) -> Usage {
        locked(&self.0.totals).sum(day, |_| true)
    }

    /// What the answers of one project cost on `day`, those of open runs included. Reads no disk.
    pub(crate) fn usage_of_project_on(&self, project: &str, day: Date) -> Usage {
        locked(&self.0.totals).sum(day, |other| other == project)
    }

    /// Takes the right to one call, if `allow` has nothing against it when it is told what the
    /// project and all projects spent on `day`.
    ///
    /// # Errors
    /// What `allow` says.
    pub(crate) fn claim_call(
        &self,
        project: &ProjectId,
        day: Date,
        allow: impl FnOnce(Usage, Usage) -> Result<()>,
    ) -> Result<CallClaim> {
        let mut totals = locked(&self.0.totals);
        let with_claims = |is_wanted: &dyn Fn(&str) -> bool| {
            let mut usage = totals.sum(day, is_wanted);
            let claims = totals
                .claimed
                .iter()
                .filter(|((other, project), _)| *other == day && is_wanted(project));
            usage.calls =
                claims.fold(usage.calls, |calls, (_, claimed)| calls.saturating_add(*claimed));
            usage
        };
        allow(with_claims(&|other| other == project.as_str()), with_claims(&|_| true))?;
        *totals.claimed.entry((day, project.clone())).or_default() += 1;
        Ok(CallClaim { store: self.clone(), day, project: project.clone() })
    }

    /// What the answers of a project's ended runs cost on `day`, by task and backend. The last 31
    /// days with any usage are kept.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn usage_of(&self, project: &str, day: Date) -> Result<Vec<UsageEntry>> {
        self.read(|table| Ok(rows::get_json(table, project, USAGE, &id(day))?.unwrap_or_default()))
    }
}

impl Totals {
    /// Reads the usage of `projects`.
    pub(super) fn load(
        table: &impl ReadableTable<Key, &'static [u8]>,
        projects: &[ProjectId],
    ) -> Result<Self, RedbError> {
        let mut totals = Self::default();
        for project in projects {
            for id in rows::ids(table, project, USAGE)? {
                let Some(day) = day(&id) else {
                    return Err(RedbError::Corrupted("a row of usage has no date".into()));
                };
                for entry in rows::get_json::<Vec<UsageEntry>>(table, project, USAGE, &id)?
                    .unwrap_or_default()
                {
                    totals.add(day, project, entry.usage);
                }
            }
        }
        Ok(totals)
    }

    /// Counts a cost.
    pub(super) fn add(&mut self, day: Date, project: &ProjectId, usage: Usage) {
        *self.spent.entry((day, project.clone())).or_default() += usage;
    }

    fn sum(&self, day: Date, is_wanted: impl Fn(&str) -> bool) -> Usage {
        let mut sum = Usage::default();
        self.spent
            .iter()
            .filter(|((other, project), _)| *other == day && is_wanted(project))
            .for_each(|(_, usage)| sum += *usage);
        sum
    }
}

/// Adds a cost to a project's day, and drops days that are too old.
pub(super) fn add(
    table: &mut Table<'_>,
    project: &str,
    day: Date,
    task: Task,
    backend: &str,
    usage: Usage,
) -> Result<(), RedbError> {
    let mut entries =
        rows::get_json::<Vec<UsageEntry>>(table, project, USAGE, &id(day))?.unwrap_or_default();
    UsageEntry::add(&mut entries, task, backend, usage);
    rows::put_json(table, project, USAGE, &id(day), &entries)?;
    // The newest day comes first.
    for old in rows::ids(table, project, USAGE)?.into_iter().skip(KEEP_DAYS) {
        rows::remove(table, project, USAGE, &old)?;
    }
    Ok(())
}

/// The key of a day: `yyyymmdd`, complemented, so that the newest comes first.
fn id(day: Date) -> [u8; 4] {
    let number =
        i32::from(day.year()) * 10_000 + i32::from(day.month()) * 100 + i32::from(day.day());
    (!number.cast_unsigned()).to_be_bytes()
}

pub(super) fn day(id: &[u8]) -> Option<Date> {
    let number = (!u32::from_be_bytes(id.try_into().ok()?)).cast_signed();
    Date::new(
        i16::try_from(number / 10_000).ok()?,
        i8::try_from(number / 100 % 100).ok()?,
        i8::try_from(number % 100).ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::error::{Error, ErrorKind};

    #[test]
    fn two_calls_at_a_time_do_not_both_take_the_last_one() {
        let (store, day) = (Store::in_memory(5).unwrap(), date(2026, 3, 4));
        let claim = |project: &str| {
            store.claim_call(&ProjectId::of(project), day, |_, all| {
                if all.calls < 1 { Ok(()) } else { Err(Error::new(ErrorKind::Backend, "used up")) }
            })
        };
        let first = claim("radio").unwrap();
        assert!(claim("radio").is_err() && claim("garden").is_err());
        assert_eq!(store.usage_on(day), Usage::default(), "nothing is spent yet");
        drop(first);
        drop(claim("garden").unwrap());
    }
}
