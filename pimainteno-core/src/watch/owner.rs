//! Which project a unit runs from: one that names it, or else the one that its files are in. And
//! which units it needs.

use std::collections::{BTreeSet, HashMap};

use zbus::Variant;

use crate::{
    config::Project,
    runner::Runner,
    service::{
        ActiveState,
        systemd::{
            bus::{Manager1, UNIT},
            places::{nearest, places, real, texts},
        },
    },
    words::{ProjectId, UnitName},
};

/// The properties that name the units without which one is not started; see systemd.unit(5).
const NEEDS: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

/// The project that a unit runs from, if any: the one whose configuration names it, or else that of
/// its `place`, which also decides between several.
pub(super) async fn owner(
    runner: &Runner,
    unit: &UnitName,
    place: impl Future<Output = Option<ProjectId>>,
) -> Option<ProjectId> {
    // A name that was guessed may be that of something else.
    let names = |project: &Project| project.units_are_explicit && project.units.contains(unit);
    let projects = runner.projects.iter().map(|prepared| &prepared.project);
    let all: Vec<_> = projects.filter(|project| names(project)).map(|it| it.id.clone()).collect();
    match all.as_slice() {
        [] => place.await,
        [only] => Some(only.clone()),
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
