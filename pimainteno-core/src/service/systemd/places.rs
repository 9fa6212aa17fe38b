//! Which services run from a directory: by the files that systemd has for them.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};
use zbus::Variant;

use super::{
    Systemd,
    bus::{Manager1, UNIT, interface_of},
};
use crate::{
    config::{Project, RestartConfig},
    error::{Error, ErrorKind, Result},
    words::UnitName,
};

/// How long it may take to find out where a unit's paths lead to.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many threads may wait for disks that do not answer.
const MOST_WAITING: usize = 4;

/// Where the unit files of packages are: nothing of a project's.
const OF_PACKAGES: [&str; 2] = ["/usr/lib/", "/lib/"];

impl Systemd {
    /// The services that run from one of these projects and that none of them names: their program,
    /// working directory or file lies in the checkout. Of projects that systemd restarts and whose
    /// units are not named at all; of the services none of a package's, and of a template's
    /// instances those that systemd knows by now.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if its bus does not answer.
    pub async fn unnamed_services(&self, projects: &[Project]) -> Result<Vec<UnitName>> {
        let found = async { unnamed_services(&self.manager().await?, projects).await };
        found.await.map_err(|source| {
            Error::new(ErrorKind::Service, "systemd does not say which services there are")
                .source(source)
        })
    }
}

/// The same over a connection.
pub(crate) async fn unnamed_services(
    manager: &Manager1,
    projects: impl IntoIterator<Item = &Project>,
) -> zbus::Result<Vec<UnitName>> {
    let (meant, others): (Vec<_>, Vec<_>) = projects.into_iter().partition(|project| {
        project.restart == RestartConfig::Systemd && !project.units_are_explicit
    });
    if meant.is_empty() {
        return Ok(Vec::new());
    }
    // A project inside of another one has its own.
    let all: Vec<_> = meant.iter().chain(&others).map(|project| project.path.clone()).collect();
    let found = services_in(manager, &all).await?;
    let is_meant = |place: &usize| *place < meant.len();
    Ok(found.into_iter().filter(|(_, place)| is_meant(place)).map(|(unit, _)| unit).collect())
}

/// The services that run from one of these directories, each with the place of that among them.
async fn services_in(
    manager: &Manager1,
    directories: &[PathBuf],
) -> zbus::Result<Vec<(UnitName, usize)>> {
    let services = ["*.service"];
    let files = manager.manager.list_unit_files_by_patterns(&[], &services).await?;
    let own = files.iter().filter_map(|(path, _)| {
        let is_of_package = OF_PACKAGES.iter().any(|directory| path.starts_with(directory));
        path.rsplit('/').next().filter(|_| !is_of_package)
    });
    let own: BTreeSet<_> = own.collect();
    let listed = manager.manager.list_units_by_patterns(&[], &services).await?;
    let mut all: BTreeSet<_> = listed.into_iter().map(|(name, ..)| name).collect();
    // One that is not known by now may be started later.
    let is_service = |name: &&&str| !name.ends_with("@.service");
    all.extend(own.iter().filter(is_service).map(|name| (*name).to_owned()));
    let directories = real(directories).await;
    let mut found = Vec::new();
    for name in all {
        // Of an instance, the file may be the template's.
        let template = name.split_once('@').map(|(template, _)| format!("{template}@.service"));
        let is_own = |name: &str| own.contains(name);
        if !is_own(&name) && !template.as_deref().is_some_and(is_own) {
            continue;
        }
        let Ok(unit) = name.parse::<UnitName>() else { continue };
        let Ok(path) = manager.manager.load_unit(&unit).await else { continue };
        if let Some(place) = nearest(&places(manager, &unit, &path).await, &directories) {
            found.push((unit, place));
        }
    }
    Ok(found)
}

/// The place of the directory that one of these paths is in: of the innermost, where one is inside
/// of another.
pub(crate) fn nearest(paths: &[PathBuf], directories: &[PathBuf]) -> Option<usize> {
    let length = |place: &usize| directories[*place].as_os_str().len();
    let within = |path: &PathBuf| {
        let all = 0..directories.len();
        all.filter(|place| path.starts_with(&directories[*place])).max_by_key(length)
    };
    paths.iter().filter_map(within).max_by_key(length)
}

/// The files and directories that a unit is made of and works with: as systemd has them, and what
/// they lead to.
pub(crate) async fn places(manager: &Manager1, unit: &UnitName, path: &str) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for (interface, names) in [
        (interface_of(unit), ["WorkingDirectory", "ExecStart", "RootDirectory"]),
        (UNIT.to_owned(), ["FragmentPath", "SourcePath", "DropInPaths"]),
    ] {
        let Ok(reply) = manager.properties(path, &interface).await else { continue };
        let body = reply.body();
        let Ok(properties) = body.deserialize::<HashMap<&str, Variant<'_>>>() else { continue };
        for value in names.iter().filter_map(|name| properties.get(name)) {
            texts(value, &mut places);
        }
    }
    places.extend(led_to(&places).await.into_iter().flatten());
    places.retain(|place| place.is_absolute() && place != Path::new("/"));
    places
}

/// The texts in a value that may be paths: of a command, the program and its arguments.
pub(crate) fn texts(value: &Variant<'_>, places: &mut Vec<PathBuf>) {
    match value {
        // A working directory that may be missing has a `!` in front.
        Variant::Str(text) => places.push(text.trim_start_matches('!').into()),
        Variant::Array(values) => values.iter().for_each(|value| texts(value, places)),
        Variant::Structure(fields) => fields.fields().iter().for_each(|it| texts(it, places)),
        _ => {}
    }
}

/// These directories without links.
pub(crate) async fn real(directories: &[PathBuf]) -> Vec<PathBuf> {
    let led_to = led_to(directories).await;
    let each = directories.iter().enumerate();
    let real =
        each.map(|(at, own)| led_to.get(at).cloned().flatten().unwrap_or_else(|| own.clone()));
    real.collect()
}

/// Where each of these paths leads to, if anywhere; nothing if that cannot be found out in a moment.
///
/// A disk may not answer. What waits for it is a thread of its own, which keeps nothing from ending,
/// and there are not many of them.
async fn led_to(paths: &[PathBuf]) -> Vec<Option<PathBuf>> {
    static WAITING: AtomicUsize = AtomicUsize::new(0);
    if WAITING.load(Ordering::Relaxed) >= MOST_WAITING {
        return Vec::new();
    }
    WAITING.fetch_add(1, Ordering::Relaxed);
    let (paths, (sender, receiver)) = (paths.to_vec(), oneshot::channel());
    thread::spawn(move || {
        let led_to = paths.iter().map(|path| fs::canonicalize(path).ok()).collect();
        WAITING.fetch_sub(1, Ordering::Relaxed);
        // Nobody waits any more, perhaps.
        drop::<std::result::Result<(), Vec<_>>>(sender.send(led_to));
    });
    match timeout(PATIENCE, receiver).await {
        Ok(Ok(led_to)) => led_to,
        _ => Vec::new(),
    }
}
