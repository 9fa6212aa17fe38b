//! Which project a unit runs from: one that names it, or else the one that its files are in. And
//! which units it needs.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use zbus::Variant;

use crate::{
    runner::Runner,
    service::{
        ActiveState,
        systemd::bus::{Manager1, UNIT, interface_of},
    },
    words::{ProjectId, UnitName},
};

/// The properties that name the units without which one is not started; see systemd.unit(5).
const NEEDS: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

/// The project that a unit runs from, if any.
pub(super) async fn owner(
    runner: &Runner,
    manager: &Manager1,
    unit: &UnitName,
    path: &str,
) -> Option<ProjectId> {
    let names = |it: &&std::sync::Arc<crate::runner::Prepared>| it.project.units.contains(unit);
    if let Some(prepared) = runner.projects.iter().find(names) {
        return Some(prepared.project.id.clone());
    }
    let places = places(manager, unit, path).await;
    // The nearest one, where one project is inside of another.
    let owns = |place: &PathBuf| {
        let in_it = runner.projects.iter().filter(|it| place.starts_with(&it.project.path));
        let nearest = in_it.max_by_key(|it| it.project.path.as_os_str().len())?;
        Some(nearest.project.id.clone())
    };
    places.iter().find_map(owns)
}

/// The units that `unit` needs and that have failed.
pub(super) async fn failed_needs(manager: &Manager1, path: &str) -> zbus::Result<Vec<UnitName>> {
    let reply = manager.properties(path, UNIT).await?;
    let body = reply.body();
    let properties: HashMap<&str, Variant<'_>> = body.deserialize()?;
    let mut names = Vec::new();
    for value in NEEDS.iter().filter_map(|name| properties.get(name)) {
        texts(value, &mut names);
    }
    let mut failed = Vec::new();
    for name in names.iter().filter_map(|name| name.to_str()?.parse::<UnitName>().ok()) {
        let path = manager.manager.load_unit(&name).await?;
        let state = manager.state(&path, &name).await?;
        if state.active == ActiveState::Failed && !failed.contains(&name) {
            failed.push(name);
        }
    }
    Ok(failed)
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
    let led_to: Vec<_> = places.iter().filter_map(|place| fs::canonicalize(place).ok()).collect();
    places.extend(led_to);
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
