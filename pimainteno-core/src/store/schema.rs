//! What lies in the store's file: the tables, their keys and the format version.
//!
//! One table, `rows`, holds everything, because every further table that a transaction touches
//! costs a page of 4 KiB. Its key is `(project, kind, id, part)`, so that all rows of a project are
//! neighbours and one run changes few pages:
//!
//! | kind | id | value |
//! |---|---|---|
//! | [`SUMMARY`] | empty | [`Summary`](super::Summary) |
//! | [`ARCHIVE`] | the run's 16 bytes | the run's journal and outputs |
//! | [`PROPOSAL`] | the proposal's 16 bytes | head: [`Proposal`](crate::Proposal) without its diff; body: the diff |
//! | [`RUN`] | the run's 16 bytes | [`RunRecord`](crate::RunRecord) |
//! | [`STATE`] | empty | [`ProjectState`](super::ProjectState) |
//! | [`USAGE`] | the day, complemented, so that the newest comes first | list of [`UsageEntry`](super::UsageEntry) |
//! | [`CHECKS`] | empty | list of [`CheckResults`](super::CheckResults) |
//! | [`NOTICES`] | empty | list of [`Notice`](super::Notice); those of no project are under the empty name |
//! | [`INCIDENT`] | the incident's 16 bytes | [`Incident`](crate::incident::Incident); those of no project are under the empty name |
//! | [`PLAYBOOK`] | empty | list of what helped against failures |
//!
//! The kinds are numbered so that what one run writes lies together: its record, the state and the
//! newest day's usage are neighbours. The archive is apart, so that looking through the records
//! reads few pages: reading much fills redb's cache, and that costs writes. Values are JSON in the
//! shape that serde gives these types; head and body are separated by a newline. A value longer
//! than [`PART`] bytes continues in rows with the next part numbers: redb rounds the page of a long
//! value up to a power of two, which would write up to twice what is stored.
//!
//! Measured with redb 4.4, when every run drops an old one: a run of 30 journal entries, four of
//! them announcements, a paid answer, a change and 4 KiB of output writes 47 to 63 KB, 53 KB on
//! average: 5.7 KB of journal with five syncs of the file and one of its directory, and 9 to 14
//! writes of redb with one sync. Changing a project's state alone writes 25 KB. There is a test
//! that a run stays below 64 KiB. The kernel counts in whole pages, and each sync of the journal
//! costs one: by its count the same run writes 66 to 82 KB. Opening and closing a clean file writes
//! nothing, see [`super::file`]; closing one that was written to writes 21 KB.

use redb::{ReadOnlyTable, ReadableDatabase, TableDefinition};

/// `(project, kind, id, part)`.
pub(super) type Key = (&'static str, u8, &'static [u8], u16);

/// The table of everything, open for reading.
pub(super) type Snapshot = ReadOnlyTable<Key, &'static [u8]>;

/// The table of everything, open for writing.
pub(super) type Table<'t> = redb::Table<'t, Key, &'static [u8]>;

/// The table of everything.
pub(super) const ROWS: TableDefinition<'_, Key, &[u8]> = TableDefinition::new("rows");

/// What is written when the file is made, or first opened by a newer program: [`FORMAT`] under
/// `"format"`.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The version of all of the above. It rises when an older program could no longer read what is
/// written; what an older one wrote is read.
///
/// In 2, what is missing is `null`, where 1 had empty texts, and a project has chores.
pub(super) const FORMAT: u64 = 2;

/// The most bytes in one row: with its key it fits a page of 16 KiB.
pub(super) const PART: usize = 16_000;

pub(super) const SUMMARY: u8 = 1;
pub(super) const ARCHIVE: u8 = 2;
pub(super) const PROPOSAL: u8 = 3;
pub(super) const RUN: u8 = 4;
pub(super) const STATE: u8 = 5;
pub(super) const USAGE: u8 = 6;
pub(super) const CHECKS: u8 = 7;
pub(super) const NOTICES: u8 = 8;
pub(super) const INCIDENT: u8 = 9;
pub(super) const PLAYBOOK: u8 = 10;

/// What a file turned out to be.
pub(super) enum Format {
    /// Nothing is in it yet.
    Empty,
    /// It is ours, and of this version.
    Version(u64),
    /// It is a redb file of another program.
    Foreign,
}

/// Looks what is in the file.
pub(super) fn format(database: &redb::Database) -> Result<Format, redb::Error> {
    let transaction = database.begin_read()?;
    match transaction.open_table(META) {
        Ok(meta) => Ok(meta
            .get("format")?
            .map_or(Format::Foreign, |version| Format::Version(version.value()))),
        Err(redb::TableError::TableDoesNotExist(_))
            if transaction.list_tables()?.next().is_none() =>
        {
            Ok(Format::Empty)
        }
        Err(redb::TableError::Storage(error)) => Err(error.into()),
        Err(_) => Ok(Format::Foreign),
    }
}

/// Makes the tables of an empty file, and marks one of an older version as one of this.
pub(super) fn create(database: &redb::Database) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(META)?.insert("format", FORMAT)?;
    transaction.open_table(ROWS)?;
    Ok(transaction.commit()?)
}
