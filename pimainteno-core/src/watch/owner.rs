//! Which project a unit runs from: one that names it, or else the one that its files are in. And
//! which units it needs.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{task::spawn_blocking, time::timeout};
use zbus::Variant;

use crate::{
    config::{Project, RestartConfig},
    runner::Runner,
    service::{
        ActiveState,
        systemd::bus::{Manager1, UNIT, interface_of},
    },
    words::{ProjectId, UnitName},
};

/// The properties that name the units without which one is not started; see systemd.unit(5).
const NEEDS: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

/// How long it may take to find out where a unit's paths lead to.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the unit files of packages are: nothing of a project's.
const OF_PACKAGES: [&str; 2] = ["/usr/lib/", "/lib/"];

/// The project whose configuration names a unit.
pub(super) fn named(runner: &Runner, unit: &UnitName) -> Option<ProjectId> {
    // A name that was guessed may be that of something else.
    let names = |project: &Project| project.units_are_explicit && project.units.contains(unit);
    let prepared = runner.projects.iter().find(|prepared| names(&prepared.project))?;
    Some(prepared.project.id.clone())
}

/// The project whose files a unit works with.
pub(super) async fn by_place(
    runner: &Runner,
    manager: &Manager1,
    unit: &UnitName,
    path: &str,
) -> Option<ProjectId> {
    let places = places(manager, unit, path).await;
    // The nearest one, where one project is inside of another.
    let owns = |place: &PathBuf| {
        let in_it = runner.projects.iter().filter(|it| place.starts_with(&it.project.path));
        let nearest = in_it.max_by_key(|it| it.project.path.as_os_str().len())?;
        Some(nearest.project.id.clone())
    };
    places.iter().find_map(owns)
}

/// The services that nobody names and that run from a project which systemd restarts.
pub(super) async fn unnamed(runner: &Runner, manager: &Manager1) -> zbus::Result<Vec<UnitName>> {
    let of_systemd = |project: &Project| project.restart == RestartConfig::Systemd;
    if !runner.projects.iter().any(|prepared| of_systemd(&prepared.project)) {
        return Ok(Vec::new());
    }
    let services = ["*.service"];
    let files = manager.manager.list_unit_files_by_patterns(&[], &services).await?;
    let own = files.iter().filter_map(|(path, _)| {
        let is_of_package = OF_PACKAGES.iter().any(|directory| path.starts_with(directory));
        path.rsplit('/').next().filter(|_| !is_of_package)
    });
    let own: BTreeSet<_> = own.collect();
    let mut found = Vec::new();
    for (name, _, _, _, _, _, path, ..) in
        manager.manager.list_units_by_patterns(&[], &services).await?
    {
        // Of an instance, the file is the template's.
        let template = name.split_once('@').map(|(template, _)| format!("{template}@.service"));
        if !own.contains(template.as_deref().unwrap_or(&name)) {
            continue;
        }
        let Ok(unit) = name.parse::<UnitName>() else { continue };
        if let Some(owner) = by_place(runner, manager, &unit, &path).await
            && runner.project(&owner).is_ok_and(|it| of_systemd(&it.project))
        {
            found.push(unit);
        }
    }
    Ok(found)
}

/// The units that the one at `path` needs and that have failed: by way of others that were not
/// started for them, too.
pub(super) async fn failed_needs(manager: &Manager1, path: &str) -> zbus::Result<Vec<UnitName>> {
    let (mut failed, mut known) = (Vec::new(), BTreeSet::new());
    let mut left = vec![path.to_owned()];
    while let Some(path) = left.pop() {
        for name in needs(manager, &path).await? {
            if !known.insert(name.clone()) {
                continue;
            }
            let path = manager.manager.load_unit(&name).await?;
            let state = manager.state(&path, &name).await?;
            if state.failed_since(None).is_some() {
                failed.push(name);
            } else if state.active == ActiveState::Inactive {
                left.push(path.to_string());
            }
        }
    }
    Ok(failed)
}

/// The units that the one at `path` is not started without.
async fn needs(manager: &Manager1, path: &str) -> zbus::Result<Vec<UnitName>> {
    let reply = manager.properties(path, UNIT).await?;
    let body = reply.body();
    let properties: HashMap<&str, Variant<'_>> = body.deserialize()?;
    let mut names = Vec::new();
    for value in NEEDS.iter().filter_map(|name| properties.get(name)) {
        texts(value, &mut names);
    }
    Ok(names.iter().filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// The files and directories that a unit is made of and works with: as systemd has them, and what
/// they lead to.
async fn places(manager: &Manager1, unit: &UnitName, path: &str) -> Vec<PathBuf> {
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
    // A place may be on a disk that does not answer.
    let named = places.clone();
    let led_to = spawn_blocking(move || {
        named.iter().filter_map(|place| fs::canonicalize(place).ok()).collect::<Vec<_>>()
    });
    if let Ok(Ok(led_to)) = timeout(PATIENCE, led_to).await {
        places.extend(led_to);
    }
    places.retain(|place| place.is_absolute() && place != Path::new("/"));
    places
}

/// The texts in a value that may be paths: of a command, the program and its arguments.
fn texts(value: &Variant<'_>, places: &mut Vec<PathBuf>) {
    match value {
        // A working directory that may be missing has a `!` in front.
        Variant::Str(text) => places.push(text.trim_start_matches('!').into()),
        Variant::Array(values) => values.iter().for_each(|value| texts(value, places)),
        Variant::Structure(fields) => fields.fields().iter().for_each(|it| texts(it, places)),
        _ => {}
    }
}
