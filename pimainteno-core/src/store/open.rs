//! Opening the store, and what can be in the way.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
};

use jiff::Timestamp;
use redb::{
    Builder, Error as RedbError, ReadableDatabase, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};

use super::{
    Inner, Store, contained,
    file::Quiet,
    is_damage,
    project::States,
    rows,
    schema::{self, FORMAT, Format, ROWS},
    usage::Totals,
};
use crate::error::{Context, Error, ErrorKind, Result};

/// What redb may keep of the file in memory, in bytes. Its own default is 1 GiB.
const CACHE: usize = 2 << 20;

/// The name of the store's file where only its directory is given.
const FILE_NAME: &str = "state.redb";

/// Why a store did not open.
#[derive(Debug)]
pub(super) enum Failure {
    /// The file holds what nobody wrote.
    Damaged(RedbError),
    /// Anything else.
    Refused(Error),
}

impl Store {
    /// Opens the store, and makes it if there is none. `path` is its file, or a directory in which it is `state.redb`.
    ///
    /// Directories are made for the owner alone (0700), and so is the file (0600). Journals are kept in `journal` beside the file.
    /// `keep_runs` is how many runs are kept per project.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]: another process has it open, it is damaged, it is of a newer version or of another program, or the disk refuses.
    /// The file is left as it is.
    pub fn open(path: &Path, keep_runs: usize) -> Result<Self> {
        let path = file_path(path);
        Self::attempt(&path, keep_runs).map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Damaged(source) => damaged(&path, source),
        })
    }

    /// Like [`Store::open`], but a damaged file is renamed to `<name>.damaged-<time>` and a new one is begun.
    /// The text says so, for a person to read: the history is in the renamed file, projects are not touched.
    ///
    /// # Errors
    /// As [`Store::open`], except for a damaged file that can be renamed.
    pub fn open_or_set_aside(path: &Path, keep_runs: usize) -> Result<(Self, Option<String>)> {
        let path = file_path(path);
        let source = match Self::attempt(&path, keep_runs) {
            Ok(store) => return Ok((store, None)),
            Err(Failure::Refused(error)) => return Err(error),
            Err(Failure::Damaged(source)) => source,
        };
        let kept = PathBuf::from(format!("{}.damaged-{}", path.display(), Timestamp::now().strftime("%Y%m%dT%H%M%SZ")));
        if kept.exists() {
            return Err(damaged(&path, source));
        }
        fs::rename(&path, &kept).context(ErrorKind::Store, || format!("cannot set the damaged store aside: `{}`", path.display()))?;
        let notice = format!(
            "the store `{}` was damaged ({source}); it is kept as `{}` and a new one is begun; projects are not touched",
            path.display(),
            kept.display()
        );
        Ok((Self::open(&path, keep_runs)?, Some(notice)))
    }

    /// A store that is only in memory, and so are its journals. For tests and throwaway programs.
    ///
    /// # Errors
    /// None are expected.
    pub fn in_memory(keep_runs: usize) -> Result<Self> {
        let path = PathBuf::from(":memory:");
        Self::with_backend(InMemoryBackend::new(), &path, None, keep_runs).map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Damaged(source) => damaged(&path, source),
        })
    }

    fn attempt(path: &Path, keep_runs: usize) -> Result<Self, Failure> {
        let (file, journals) = prepare(path).map_err(Failure::Refused)?;
        let backend = FileBackend::new(file).map_err(|error| failure(path, error.into()))?;
        Self::with_backend(backend, path, Some(journals), keep_runs)
    }

    pub(super) fn with_backend(
        backend: impl StorageBackend,
        path: &Path,
        journals: Option<PathBuf>,
        keep_runs: usize,
    ) -> Result<Self, Failure> {
        let (backend, mark) = Quiet::new(backend);
        let opened = contained(|| {
            let database = Builder::new().set_cache_size(CACHE).create_with_backend(backend)?;
            let format = schema::format(&database)?;
            if matches!(format, Format::Empty) {
                mark.write()?;
                schema::create(&database)?;
            }
            Ok((database, format))
        });
        let (database, format) = opened.map_err(|error| failure(path, error))?;
        if let Some(error) = refused(path, format) {
            mark.drop_unwritten();
            return Err(Failure::Refused(error));
        }
        let loaded = contained(|| {
            let table = database.begin_read()?.open_table(ROWS)?;
            let projects = rows::projects(&table)?;
            Ok((States::load(&table, &projects)?, Totals::load(&table, &projects)?))
        });
        let (states, totals) = match loaded {
            Ok(loaded) => loaded,
            Err(error) => {
                mark.drop_unwritten();
                return Err(failure(path, error));
            }
        };
        let store = Self(Arc::new(Inner {
            database,
            mark,
            path: path.to_owned(),
            journals,
            keep_runs: keep_runs.max(1),
            states: RwLock::new(states),
            totals: Mutex::new(totals),
            pending_replies: Mutex::default(),
            open_journals: Mutex::default(),
            notices: Mutex::default(),
            turn: Mutex::default(),
        }));
        store.count_open_runs().map_err(Failure::Refused)?;
        Ok(store)
    }

    /// Counts what runs that were cut off had paid for.
    fn count_open_runs(&self) -> Result<()> {
        let found = self.open_runs()?;
        found.runs.iter().flat_map(|open| open.answers()).for_each(|answer| self.count(answer));
        *super::locked(&self.0.notices) = found.notices;
        Ok(())
    }
}

fn file_path(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() }
}

/// Makes the directories, and opens the file.
fn prepare(path: &Path) -> Result<(File, PathBuf)> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let journals = directory.join("journal");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&journals)
        .map_err(|source| unusable(format!("cannot make the state directory: `{}`", journals.display())).source(source))?;
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|source| unusable(format!("cannot open the store: `{}`", path.display())).source(source))?;
    Ok((file, journals))
}

fn unusable(message: String) -> Error {
    Error::new(ErrorKind::Store, message).hint("the user that runs the program must own this path; `[cache] path` chooses another one")
}

fn failure(path: &Path, error: RedbError) -> Failure {
    let path = path.display();
    match error {
        RedbError::DatabaseAlreadyOpen => Failure::Refused(
            Error::new(ErrorKind::Store, format!("another pi-mainteno uses the store: `{path}`"))
                .hint("ask the running daemon through its control socket, or stop it first"),
        ),
        RedbError::UpgradeRequired(version) => Failure::Refused(
            Error::new(ErrorKind::Store, format!("the store has another file format of redb ({version}): `{path}`"))
                .hint("use the version of pi-mainteno that wrote it, or move the file aside"),
        ),
        error if is_damage(&error) => Failure::Damaged(error),
        error => Failure::Refused(Error::new(ErrorKind::Store, format!("cannot open the store: `{path}`")).source(error)),
    }
}

/// What is wrong with a file of this format.
fn refused(path: &Path, format: Format) -> Option<Error> {
    let path = path.display();
    match format {
        Format::Empty | Format::Version(FORMAT) => None,
        Format::Version(version) => Some(
            Error::new(ErrorKind::Store, format!("the store has format {version}, and this program knows format {FORMAT}: `{path}`"))
                .hint("install the version of pi-mainteno that wrote it, or a newer one; or move the file aside to begin anew"),
        ),
        Format::Foreign => Some(
            Error::new(ErrorKind::Store, format!("the file belongs to another program: `{path}`")).hint("choose another `[cache] path`"),
        ),
    }
}

fn damaged(path: &Path, source: RedbError) -> Error {
    Error::new(ErrorKind::Store, format!("the store is damaged: `{}`", path.display()))
        .source(source)
        .hint("move the file aside to begin anew: projects are not touched, the history stays in the moved file")
}
