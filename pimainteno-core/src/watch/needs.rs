//! Which units one needs, and which of these have failed.

use std::collections::{BTreeSet, HashMap};

use zbus::Variant;

use crate::{
    service::{
        ActiveState,
        systemd::{
            bus::{Manager1, UNIT},
            places::texts,
        },
    },
    words::UnitName,
};

/// The properties that name the units without which one is not started; see systemd.unit(5).
const NEEDS: [&str; 3] = ["Requires", "Requisite", "BindsTo"];

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
