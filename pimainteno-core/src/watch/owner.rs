//! Which project a unit runs from: one that names it, or else the one that its files are in. And
//! which units it needs.

use std::collections::{BTreeSet, HashMap};

use zbus::Variant;

use crate::{
    config::{Project, RestartConfig},
    runner::Runner,
    service::{
        ActiveState,
        systemd::{
            bus::{Manager1, UNIT},
            places::{nearest, places, real, services_in, texts},
        },
    },
    words::{ProjectId, UnitName},
};

/// The properties that name the units without which one is not started; see systemd.unit(5).
const NEEDS: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

/// The project whose configuration names a unit; of several, the one that it runs from.
pub(super) async fn named(
    runner: &Runner,
    unit: &UnitName,
    place: impl Future<Output = Option<ProjectId>>,
) -> Option<ProjectId> {
    // A name that was guessed may be that of something else.
    let names = |project: &Project| project.units_are_explicit && project.units.contains(unit);
    let projects = runner.projects.iter().map(|prepared| &prepared.project);
    let all: Vec<_> = projects.filter(|project| names(project)).map(|it| it.id.clone()).collect();
    match all.as_slice() {
        [] | [_] => all.into_iter().next(),
        [first, ..] => Some(place.await.filter(|it| all.contains(it)).unwrap_or(first.clone())),
    }
}

/// The project whose files a unit works with.
pub(super) async fn by_place(
    runner: &Runner,
    manager: &Manager1,
    unit: &UnitName,
    path: &str,
) -> Option<ProjectId> {
    let all: Vec<_> = runner.projects.iter().map(|it| it.project.path.clone()).collect();
    let place = nearest(&places(manager, unit, path).await, &real(&all).await)?;
    runner.projects.get(place).map(|prepared| prepared.project.id.clone())
}

/// The services that nobody names and that run from a project which systemd restarts and whose units
/// are not named.
pub(super) async fn unnamed(runner: &Runner, manager: &Manager1) -> zbus::Result<Vec<UnitName>> {
    let projects = runner.projects.iter().map(|prepared| &prepared.project);
    let (of_systemd, others): (Vec<_>, Vec<_>) = projects.partition(|project| {
        project.restart == RestartConfig::Systemd && !project.units_are_explicit
    });
    if of_systemd.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<_> = of_systemd.iter().chain(&others).map(|it| it.path.clone()).collect();
    let found = services_in(manager, &all).await?;
    let is_of_systemd = |place: &usize| *place < of_systemd.len();
    Ok(found.into_iter().filter(|(_, place)| is_of_systemd(place)).map(|(unit, _)| unit).collect())
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
