//! What answers cost, by day.

use std::collections::BTreeMap;

use jiff::civil::Date;
use pimainteno_plugin::{Task, Usage};
use redb::{Error as RedbError, ReadableTable};
use serde::{Deserialize, Serialize};

use super::{
    Store, locked, rows,
    schema::{Key, Table, USAGE},
};
use crate::error::Result;

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

/// What all answers cost, by day.
#[derive(Debug, Default)]
pub(super) struct Totals(BTreeMap<Date, Usage>);

impl Store {
    /// What the answers of all projects cost on `day`, those of open runs included. Reads no disk.
    pub fn usage_on(&self, day: Date) -> Usage {
        locked(&self.0.totals).0.get(&day).copied().unwrap_or_default()
    }

    /// What the answers of a project's ended runs cost on `day`, by task and backend. The last 31 days with any usage are kept.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn usage_of(&self, project: &str, day: Date) -> Result<Vec<UsageEntry>> {
        self.read(|table| Ok(rows::get_json(table, project, USAGE, &id(day))?.unwrap_or_default()))
    }
}

impl Totals {
    /// Reads the usage of `projects`.
    pub(super) fn load(table: &impl ReadableTable<Key, &'static [u8]>, projects: &[String]) -> Result<Self, RedbError> {
        let mut totals = Self::default();
        for project in projects {
            for id in rows::ids(table, project, USAGE)? {
                let Some(day) = day(&id) else { return Err(RedbError::Corrupted("a row of usage has no date".into())) };
                for entry in rows::get_json::<Vec<UsageEntry>>(table, project, USAGE, &id)?.unwrap_or_default() {
                    totals.add(day, entry.usage);
                }
            }
        }
        Ok(totals)
    }

    /// Counts a cost.
    pub(super) fn add(&mut self, day: Date, usage: Usage) {
        *self.0.entry(day).or_default() += usage;
    }
}

/// Adds a cost to a project's day, and drops days that are too old.
pub(super) fn add(table: &mut Table<'_>, project: &str, day: Date, task: Task, backend: &str, usage: Usage) -> Result<(), RedbError> {
    let mut entries = rows::get_json::<Vec<UsageEntry>>(table, project, USAGE, &id(day))?.unwrap_or_default();
    match entries.iter_mut().find(|entry| entry.task == task && entry.backend == backend) {
        Some(entry) => entry.usage += usage,
        None => entries.push(UsageEntry { task, backend: backend.to_owned(), usage }),
    }
    rows::put_json(table, project, USAGE, &id(day), &entries)?;
    // The newest day comes first.
    for old in rows::ids(table, project, USAGE)?.into_iter().skip(KEEP_DAYS) {
        rows::remove(table, project, USAGE, &old)?;
    }
    Ok(())
}

/// The key of a day: `yyyymmdd`, complemented, so that the newest comes first.
fn id(day: Date) -> [u8; 4] {
    let number = i32::from(day.year()) * 10_000 + i32::from(day.month()) * 100 + i32::from(day.day());
    (!number.cast_unsigned()).to_be_bytes()
}

fn day(id: &[u8]) -> Option<Date> {
    let number = (!u32::from_be_bytes(id.try_into().ok()?)).cast_signed();
    Date::new(i16::try_from(number / 10_000).ok()?, i8::try_from(number / 100 % 100).ok()?, i8::try_from(number % 100).ok()?).ok()
}
