//! Which project a unit runs from: one that names it, or else the one that its files are in.

use crate::{
    config::Project,
    runner::Runner,
    service::systemd::{
        bus::Manager1,
        places::{nearest, places, real},
    },
    words::{ProjectId, UnitName},
};

impl Runner {
    /// The project that a unit runs from, if any; one that names it where no bus tells more.
    pub(crate) async fn owner(&self, unit: &UnitName) -> Option<ProjectId> {
        let place = async {
            let bus = self.config.systemd_monitor.bus;
            let manager = Manager1::connect(bus, &self.environment).await.ok()?;
            let path = manager.manager.load_unit(unit).await.ok()?;
            self.by_place(&manager, unit, &path).await
        };
        self.by_name_or(unit, place).await
    }

    /// The project that the unit at `path` runs from, if any.
    pub(crate) async fn owner_at(
        &self,
        manager: &Manager1,
        unit: &UnitName,
        path: &str,
    ) -> Option<ProjectId> {
        self.by_name_or(unit, self.by_place(manager, unit, path)).await
    }

    /// The project whose configuration names a unit, or else that of its `place`, which also decides
    /// between several.
    async fn by_name_or(
        &self,
        unit: &UnitName,
        place: impl Future<Output = Option<ProjectId>>,
    ) -> Option<ProjectId> {
        // A name that was guessed may be that of something else.
        let names = |project: &&Project| project.units_are_explicit && project.units.contains(unit);
        let projects = self.projects.iter().map(|prepared| &prepared.project);
        let all: Vec<_> = projects.filter(names).map(|project| project.id.clone()).collect();
        match all.as_slice() {
            [] => place.await,
            [only] => Some(only.clone()),
            [first, ..] => Some(place.await.filter(|it| all.contains(it)).unwrap_or(first.clone())),
        }
    }

    /// The project whose files a unit works with.
    async fn by_place(&self, manager: &Manager1, unit: &UnitName, path: &str) -> Option<ProjectId> {
        let all: Vec<_> = self.projects.iter().map(|it| it.project.path.clone()).collect();
        let place = nearest(&places(manager, unit, path).await, &real(&all).await)?;
        self.projects.get(place).map(|prepared| prepared.project.id.clone())
    }
}
