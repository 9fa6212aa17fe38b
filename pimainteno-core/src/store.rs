//! The store: history, proposals, ledgers and what is remembered about projects. The only place
//! that knows redb. What is public of it reads; runs alone write, and what a maintainer is asked.
//!
//! It lies in one directory, with one process at a time:
//!
//! | file | is |
//! |---|---|
//! | `state.redb` (or the configured name) | everything that is kept; see `store/schema.rs` |
//! | `journal/<run id>.jsonl` | the journal of an open run; see `store/journal.rs` |
//! | `*.damaged*` | what could not be read and was kept aside |
//!
//! Every method is synchronous. What is asked often (`project`, `usage_on`) is answered from
//! memory. Reading the history reads a few pages per run, so an async caller may call it in place.
//! Writing waits for the disk, and happens a few times per run; a caller with many tasks on one
//! thread may move `finish_run` to a blocking thread.
//!
//! A function that is passed in to change something must not change the store itself: it would wait
//! for its own turn for ever.
//!
//! Whatever is kept is kept without the secrets in it, see `Store::secrets`; only the diff of a
//! proposal stays as it is.
//!
//! Each write is one transaction that is durable when the call returns. A session that stores
//! nothing writes nothing.

mod checks;
mod chore;
mod file;
mod forget;
mod ids;
mod incidents;
mod journal;
mod notices;
mod open;
mod order;
mod project;
mod proposals;
mod rows;
mod runs;
mod schema;
mod usage;

#[cfg(test)]
mod tests;

use std::{
    any::Any,
    collections::{HashMap, HashSet},
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use pimainteno_plugin::Reply;
use redb::{Database, Durability, Error as RedbError, ReadableDatabase};

pub(crate) use checks::CheckResults;
pub(crate) use chore::FREEZE_AFTER;
pub use chore::{ChoreState, Frozen, Held, Parked, RepeatedFailure, Seen};
pub(crate) use incidents::{Play, PlayedChange};
pub(crate) use journal::{Announced, By, Intent, Journal, OfStep, OpenRun};
pub use journal::{Answer, Effect, Entry, ReplyKey, What};
pub use notices::Notice;
pub use order::Order;
pub use project::{ProjectState, Summary};
pub use runs::Output;
pub(crate) use runs::{FinishedRun, TakenBack};
pub use usage::UsageEntry;

use self::{
    file::Mark,
    open::Failure,
    project::States,
    schema::{ROWS, Snapshot, Table},
    usage::Totals,
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::RunId,
    secrets::Secrets,
};

/// What is kept of projects, runs and changes. Whoever embeds the library reads it: it changes by
/// runs, and by what a maintainer is asked to do, alone. Clones are the same store.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    /// `None` after the disk failed, until it is tried again.
    opened: RwLock<Option<Opened>>,
    open: Box<dyn Fn() -> Result<Opened, Failure> + Send + Sync>,
    /// The store's file, for messages.
    path: PathBuf,
    /// Where the journals of open runs are; `None` in a store that is only in memory.
    journals: Option<PathBuf>,
    keep_runs: AtomicUsize,
    secrets: Secrets,
    states: RwLock<States>,
    totals: Mutex<Totals>,
    /// The answers that open runs got, which redb does not have yet.
    pending_replies: Mutex<HashMap<ReplyKey, Reply>>,
    /// The runs whose journals this process writes.
    open_journals: Mutex<HashSet<RunId>>,
    /// What the next [`Store::open_runs`] has to say.
    notices: Mutex<Vec<String>>,
    /// What a person should know, and redb does not have yet.
    pending_notices: Mutex<notices::Pending>,
    /// The number of the last event.
    last_event: AtomicU64,
    /// Held while a project's state is changed in memory and on disk.
    turn: Mutex<()>,
}

/// The file, open.
struct Opened {
    /// Taken out when this is dropped, and not before.
    database: Option<Database>,
    mark: Mark,
}

impl Store {
    /// What is taken out of everything that is kept. It knows the formats of secrets; values of
    /// this configuration are for [`Secrets::learn`].
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// Keeps so many runs per project from now on.
    pub(crate) fn keep_runs(&self, runs: usize) {
        self.0.keep_runs.store(runs.max(1), Ordering::Relaxed);
    }

    /// The number of the last event that was told, as far as something was stored after it.
    pub(crate) fn last_event(&self) -> u64 {
        self.0.last_event.load(Ordering::Relaxed)
    }

    /// Takes note of the number of an event. It is stored when something else is: events must not
    /// cost writes.
    pub(crate) fn note_event(&self, number: u64) {
        self.0.last_event.fetch_max(number, Ordering::Relaxed);
    }

    /// Reads from one consistent state of the file.
    fn read<T>(&self, work: impl FnOnce(&Snapshot) -> Result<T, RedbError>) -> Result<T> {
        self.with_opened("read", |opened| work(&opened.database()?.begin_read()?.open_table(ROWS)?))
    }

    /// Changes the file in one transaction, which is durable when this returns.
    fn write<T>(&self, work: impl FnOnce(&mut Table<'_>) -> Result<T, RedbError>) -> Result<T> {
        self.with_opened("write", |opened| {
            opened.mark.write()?;
            let database = opened.database()?;
            // While somebody reads the old state, redb does not reuse its pages right after the
            // commit but in the next one. Otherwise it keeps the changed bookkeeping in
            // its cache, and writes up to 16 KiB of it early and again when reads fill the cache.
            let _reader = database.begin_read()?;
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            let result = work(&mut transaction.open_table(ROWS)?)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    /// Opens the file again if the disk had failed: redb does not touch a file any more after a
    /// failed write, and a disk that was full must not stop the daemon for good.
    fn with_opened<T>(
        &self,
        verb: &str,
        work: impl FnOnce(&Opened) -> Result<T, RedbError>,
    ) -> Result<T> {
        let mut guard = self.0.opened.read().unwrap_or_else(PoisonError::into_inner);
        if guard.is_none() {
            drop(guard);
            let mut opened = self.0.opened.write().unwrap_or_else(PoisonError::into_inner);
            if opened.is_none() {
                *opened = Some((self.0.open)().map_err(|failure| failure.explain(&self.0.path))?);
            }
            drop(opened);
            guard = self.0.opened.read().unwrap_or_else(PoisonError::into_inner);
        }
        let result = contained(|| guard.as_ref().map_or(Err(RedbError::DatabaseClosed), work));
        drop(guard);
        if matches!(result, Err(RedbError::Io(_) | RedbError::PreviousIo)) {
            *self.0.opened.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result.map_err(|error| self.explain(verb, error))
    }

    fn explain(&self, verb: &str, error: RedbError) -> Error {
        let path = self.0.path.display();
        let hint = match &error {
            error if is_damage(error) => format!(
                "the file seems to be damaged; stop the program, move `{path}` aside and start it again: projects are not touched, the history is lost"
            ),
            RedbError::Io(source) if source.kind() == io::ErrorKind::StorageFull => {
                "free some space".into()
            }
            _ => "look at the disk".into(),
        };
        Error::new(ErrorKind::Store, format!("cannot {verb} the store: `{path}`"))
            .source(error)
            .hint(hint)
    }
}

impl Opened {
    fn database(&self) -> Result<&Database, RedbError> {
        self.database.as_ref().ok_or(RedbError::DatabaseClosed)
    }
}

/// Cuts closing the file short if nothing was stored, and contains what redb says about closing a
/// damaged one.
impl Drop for Opened {
    fn drop(&mut self) {
        self.mark.drop_unwritten();
        let database = self.database.take();
        // What was stored is durable already: a file that is not closed properly costs the next
        // opening some time.
        drop(contained(|| {
            drop(database);
            Ok(())
        }));
    }
}

/// Writes the path.
impl fmt::Debug for Store {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Store").field("path", &self.0.path).finish_non_exhaustive()
    }
}

/// Runs `work`; where redb gives up on a damaged file by a panic, that becomes an error.
fn contained<T>(work: impl FnOnce() -> Result<T, RedbError>) -> Result<T, RedbError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        Err(RedbError::Corrupted(format!("redb gave up: {}", words(&*panic))))
    })
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

/// Whether the error means that the file holds what nobody wrote.
fn is_damage(error: &RedbError) -> bool {
    match error {
        RedbError::Corrupted(_)
        | RedbError::LockPoisoned(_)
        | RedbError::TableTypeMismatch { .. }
        | RedbError::TypeDefinitionChanged { .. } => true,
        RedbError::TableDoesNotExist(_) | RedbError::TableIsMultimap(_) => true,
        RedbError::Io(error) => {
            matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}

/// Locks, also after a panic of another holder: what is locked here is always consistent.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
