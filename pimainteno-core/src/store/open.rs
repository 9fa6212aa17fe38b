//! Opening the store, and what can be in the way.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, RwLock},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use redb::{
    Builder, Error as RedbError, ReadableDatabase, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};

use super::{
    Inner, Opened, Store, contained,
    file::Quiet,
    is_damage,
    project::States,
    rows,
    schema::{self, FORMAT, Format, ROWS},
    usage::Totals,
};
use crate::{
    error::{Context, Error, ErrorKind, Result},
    secrets::Secrets,
    words::ProjectId,
};

/// What redb may keep of the file in memory, in bytes. Its own default is 1 GiB.
const CACHE: usize = 2 << 20;

/// The name of the store's file where only its directory is given.
const FILE_NAME: &str = "state.redb";

/// How long a store may seem to be in use: a child that a program forked right before it was killed
/// has the lock too, until it becomes another program.
const ECHO: Duration = Duration::from_millis(500);

/// How often to look whether it still is.
const GLANCE: Duration = Duration::from_millis(20);

/// How much is told of the command that has the store, in characters.
const MOST_TOLD: usize = 100;

/// Why a store did not open.
#[derive(Debug)]
pub(super) enum Failure {
    /// The file holds what nobody wrote.
    Damaged(RedbError),
    /// Another program has it open.
    InUse(Error),
    /// Anything else.
    Refused(Error),
}

impl Store {
    /// Opens the store, and makes it if there is none. `path` is its file, or a directory in which
    /// it is `state.redb`.
    ///
    /// Directories are made for the owner alone (0700), and so is the file (0600). Journals are
    /// kept in `journal` beside the file. `keep_runs` is how many runs are kept per project.
    ///
    /// # Errors
    /// [`ErrorKind::Store`]: another process has it open, it is damaged, it is of a newer version or of another program, or the disk refuses.
    /// The file is left as it is.
    pub(crate) fn open(path: &Path, keep_runs: usize) -> Result<Self> {
        let path = file_path(path);
        Self::attempt(&path, keep_runs).map_err(|failure| failure.explain(&path))
    }

    /// Like [`Store::open`], but a damaged file is renamed to `<name>.damaged-<time>` and a new one
    /// is begun, in which `projects` are paused: that a person had paused one is forgotten, and
    /// so is what the day's budget has paid for. The text says so, for a person to read, and so
    /// does the next [`Store::open_runs`]: the history is in the renamed file, checkouts are not
    /// touched.
    ///
    /// # Errors
    /// As [`Store::open`], except for a damaged file that can be renamed.
    pub(crate) fn open_or_set_aside<'p>(
        path: &Path,
        keep_runs: usize,
        projects: impl IntoIterator<Item = &'p ProjectId>,
    ) -> Result<(Self, Option<String>)> {
        let path = file_path(path);
        let source = match Self::attempt(&path, keep_runs) {
            Ok(store) => return Ok((store, None)),
            Err(Failure::Refused(error) | Failure::InUse(error)) => return Err(error),
            Err(Failure::Damaged(source)) => source,
        };
        let kept = PathBuf::from(format!(
            "{}.damaged-{}",
            path.display(),
            Timestamp::now().strftime("%Y%m%dT%H%M%SZ")
        ));
        if kept.exists() {
            return Err(damaged(&path, source));
        }
        fs::rename(&path, &kept).context(ErrorKind::Store, || {
            format!("cannot set the damaged store aside: `{}`", path.display())
        })?;
        let notice = format!(
            "the store `{}` was damaged ({source}); it is kept as `{}` and a new one is begun; checkouts are not touched, and all projects are paused until \
             they are resumed: their history and today's use of the budget are forgotten",
            path.display(),
            kept.display()
        );
        let store = Self::open(&path, keep_runs)?;
        for project in projects {
            store.update_project(project, |state| state.paused = true)?;
        }
        super::locked(&store.0.notices).push(notice.clone());
        Ok((store, Some(notice)))
    }

    /// A store that is only in memory, and so are its journals. For tests and throwaway programs.
    ///
    /// # Errors
    /// None are expected.
    pub(crate) fn in_memory(keep_runs: usize) -> Result<Self> {
        let path = PathBuf::from(":memory:");
        let backend = || Ok(InMemoryBackend::new());
        Self::with_backend(backend, &path, None, keep_runs)
            .map_err(|failure| failure.explain(&path))
    }

    fn attempt(path: &Path, keep_runs: usize) -> Result<Self, Failure> {
        let journals = prepare(path).map_err(Failure::Refused)?;
        if !path.exists() {
            create(path)?;
        }
        // redb would take it for a new one, and nobody would hear that the history is gone.
        if fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0) {
            return Err(Failure::Damaged(RedbError::Corrupted("the file is empty".into())));
        }
        let start = Instant::now();
        loop {
            let file = path.to_owned();
            let backend = move || {
                FileBackend::new(open_file(&file)?).map_err(|error| failure(&file, error.into()))
            };
            match Self::with_backend(backend, path, Some(journals.clone()), keep_runs) {
                Err(Failure::InUse(_)) if start.elapsed() < ECHO => thread::sleep(GLANCE),
                opened => return opened,
            }
        }
    }

    pub(super) fn with_backend<B: StorageBackend>(
        backend: impl Fn() -> Result<B, Failure> + Send + Sync + 'static,
        path: &Path,
        journals: Option<PathBuf>,
        keep_runs: usize,
    ) -> Result<Self, Failure> {
        let file = path.to_owned();
        let open = move || Opened::new(backend()?, &file);
        let opened = open()?;
        let (states, totals) = opened.load().map_err(|error| failure(path, error))?;
        let secrets = Secrets::new().map_err(Failure::Refused)?;
        let store = Self(Arc::new(Inner {
            opened: RwLock::new(Some(opened)),
            open: Box::new(open),
            path: path.to_owned(),
            journals,
            keep_runs: keep_runs.max(1).into(),
            secrets,
            last_event: states.last_event().into(),
            pending_notices: Mutex::default(),
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
        for open in &found.runs {
            open.answers().for_each(|answer| self.count(&open.record.project, answer));
        }
        *super::locked(&self.0.notices) = found.notices;
        Ok(())
    }
}

impl Opened {
    /// Opens a database of ours, or makes it.
    fn new(backend: impl StorageBackend, path: &Path) -> Result<Self, Failure> {
        let (backend, mark) = Quiet::new(backend);
        let database =
            contained(|| Ok(Builder::new().set_cache_size(CACHE).create_with_backend(backend)?));
        let opened = Self { database: Some(database.map_err(|error| failure(path, error))?), mark };
        let format = contained(|| {
            let format = schema::format(opened.database()?)?;
            if matches!(format, Format::Empty | Format::Version(..FORMAT)) {
                opened.mark.write()?;
                schema::create(opened.database()?)?;
            }
            Ok(format)
        });
        match refused(path, format.map_err(|error| failure(path, error))?) {
            Some(error) => Err(Failure::Refused(error)),
            None => Ok(opened),
        }
    }

    /// Reads what is kept in memory.
    fn load(&self) -> Result<(States, Totals), RedbError> {
        contained(|| {
            let table = self.database()?.begin_read()?.open_table(ROWS)?;
            let projects = rows::projects(&table)?;
            Ok((States::load(&table, &projects)?, Totals::load(&table, &projects)?))
        })
    }
}

impl Failure {
    pub(super) fn explain(self, path: &Path) -> Error {
        match self {
            Self::Refused(error) | Self::InUse(error) => error,
            Self::Damaged(source) => damaged(path, source),
        }
    }
}

fn file_path(path: &Path) -> PathBuf {
    if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() }
}

/// Makes the directories; returns that of the journals.
fn prepare(path: &Path) -> Result<PathBuf> {
    let directory =
        path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let journals = directory.join("journal");
    match DirBuilder::new().recursive(true).mode(0o700).create(&journals) {
        Ok(()) => Ok(journals),
        Err(source) => {
            Err(unusable(format!("cannot make the state directory: `{}`", journals.display()))
                .source(source))
        }
    }
}

/// Makes an empty store beside `path` and then puts it there, whole: one that a full disk or a
/// power cut left half made would be taken for a damaged one.
fn create(path: &Path) -> Result<(), Failure> {
    let new = PathBuf::from(format!("{}.new-{}", path.display(), std::process::id()));
    drop(fs::remove_file(&new));
    let backend = FileBackend::new(open_file(&new)?).map_err(|error| failure(path, error.into()));
    let made = backend.and_then(|backend| Opened::new(backend, path).map(drop)).and_then(|()| {
        // Whoever was faster made the same. Not every file system has links.
        let placed = match fs::hard_link(&new, path) {
            Err(_) if !path.exists() => fs::rename(&new, path),
            _ => Ok(()),
        };
        placed.map_err(|source| {
            Failure::Refused(
                unusable(format!("cannot make the store: `{}`", path.display())).source(source),
            )
        })
    });
    drop(fs::remove_file(&new));
    made
}

fn open_file(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    file.map_err(|source| {
        Failure::Refused(
            unusable(format!("cannot open the store: `{}`", path.display())).source(source),
        )
    })
}

fn unusable(message: String) -> Error {
    Error::new(ErrorKind::Store, message).hint(
        "the user that runs the program must own this path; `[cache] path` chooses another one",
    )
}

/// The process that has the lock on `path`, in words, as far as the kernel tells.
fn holder(path: &Path) -> Option<String> {
    let inode = fs::metadata(path).ok()?.ino();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // `1: FLOCK  ADVISORY  WRITE 1234 fe:00:5678 0 EOF`; numbers of devices differ in containers and
    // with overlays.
    let process = locks.lines().find_map(|lock| {
        let words: Vec<_> = lock.split_whitespace().filter(|word| *word != "->").collect();
        let is_it = words.get(5)?.rsplit(':').next()?.parse() == Ok(inode);
        words.get(4)?.parse::<u32>().ok().filter(|_| is_it)
    })?;
    let command = fs::read(format!("/proc/{process}/cmdline")).ok()?;
    let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
    // Numbers of files are of one device each: one that has another file open is not it.
    let has_it = fs::read_dir(format!("/proc/{process}/fd"))
        .ok()?
        .flatten()
        .any(|entry| fs::metadata(entry.path()).is_ok_and(|open| open.ino() == inode));
    let (program, rest) = command.split_once(' ').unwrap_or((&command, ""));
    let program = program.rsplit('/').next().unwrap_or_default();
    let told: String = format!("{program} {rest}").trim_end().chars().take(MOST_TOLD).collect();
    has_it.then(|| format!("process {process} (`{told}`)"))
}

fn failure(place: &Path, error: RedbError) -> Failure {
    let path = place.display();
    match error {
        RedbError::DatabaseAlreadyOpen => Failure::InUse(
            Error::new(ErrorKind::Store, format!("another program uses the store: `{path}`")).hint(
                match holder(place) {
                    Some(holder) => format!("{holder} has it: wait for its end, or stop it"),
                    None => "wait for the end of the command or the daemon that has it".into(),
                },
            ),
        ),
        RedbError::UpgradeRequired(version) => Failure::Refused(
            Error::new(
                ErrorKind::Store,
                format!("the store has another file format of redb ({version}): `{path}`"),
            )
            .hint("use the version that wrote it, or move the file aside"),
        ),
        error if is_damage(&error) => Failure::Damaged(error),
        error => {
            let is_full = matches!(&error, RedbError::Io(source) if source.kind() == io::ErrorKind::StorageFull);
            let hint = if is_full { "free some space" } else { "look at the disk" };
            Failure::Refused(
                Error::new(ErrorKind::Store, format!("cannot open the store: `{path}`"))
                    .source(error)
                    .hint(hint),
            )
        }
    }
}

/// What is wrong with a file of this format.
fn refused(path: &Path, format: Format) -> Option<Error> {
    let path = path.display();
    match format {
        Format::Empty | Format::Version(..=FORMAT) => None,
        Format::Version(version) => Some(
            Error::new(ErrorKind::Store, format!("the store has format {version}, and this program knows format {FORMAT}: `{path}`"))
                .hint("install the version that wrote it, or a newer one; or move the file aside to begin anew"),
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
