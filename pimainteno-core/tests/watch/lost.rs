//! What systemd tells of no unit's state, or takes back at once.

use pimainteno_core::{
    Task, UnitName,
    incident::{CauseKind, EndedBy, TroubleKind},
};

use crate::{
    causes::nobody,
    house::{House, systemctl, unit},
};

const RUNS: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const FAILS: &str = "[Service]\nType=oneshot\nExecStart=/bin/false\n";

/// A unit that needs these.
fn needs(units: &[&str]) -> String {
    let all = units.join(" ");
    format!("[Unit]\nRequires={all}\nAfter={all}\n{RUNS}")
}

#[tokio::test]
async fn a_unit_that_was_needed_and_failed_while_nobody_watched_is_found() {
    let mut house = House::new(&[("database.service", FAILS)]);
    let database = house.unit().clone();
    let web = unit(&house.world, "web.service", &needs(&[&database]));
    house.world.project.units = Some(vec![web.name.clone()]);
    house.shell(&format!("{} start {} || :", systemctl(), web.name));
    let mut watching = house.watch(nobody()).await;
    let incident = watching.incident(&database).await;
    assert_eq!((incident.project, incident.cause.kind), (None, CauseKind::ExitCode));
}

#[tokio::test]
async fn a_unit_that_is_needed_by_one_with_another_name_is_found() {
    let mut house = House::new(&[("database.service", FAILS)]);
    let database = house.unit().clone();
    let web = unit(&house.world, "web.service", &needs(&[&database]));
    let alias: UnitName = web.name.replace("web", "front").parse().unwrap();
    house.shell(&format!(
        "ln -sf {} /run/systemd/system/{alias} && {} daemon-reload",
        web.name,
        systemctl()
    ));
    house.world.project.units = Some(vec![alias.clone()]);
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!("{} start {alias} || :", systemctl()));
    let incident = watching.incident(&database).await;
    assert_eq!(incident.cause.kind, CauseKind::ExitCode);
    house.shell(&format!("rm /run/systemd/system/{alias}; {} daemon-reload", systemctl()));
}

#[tokio::test]
async fn a_unit_that_is_needed_by_what_is_needed_is_found() {
    let mut house = House::new(&[("disk.service", FAILS)]);
    let disk = house.unit().clone();
    let database = unit(&house.world, "database.service", &needs(&[&disk]));
    let web = unit(&house.world, "web.service", &needs(&[&database.name]));
    house.world.project.units = Some(vec![web.name.clone()]);
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!("{} start {} || :", systemctl(), web.name));
    assert_eq!(watching.incident(&disk).await.cause.kind, CauseKind::ExitCode);
}

#[tokio::test]
async fn a_unit_whose_device_never_comes_is_told_and_nobody_is_asked() {
    let device = "dev-pimainteno\\x2dnowhere.device";
    let house = House::new(&[("web.service", &needs(&[device]))]);
    let backend = nobody();
    let mut watching = house.watch(backend.clone()).await;
    house.shell(&format!("{} start {} || :", systemctl(), house.unit()));
    let incident = watching.incident(house.unit()).await;
    assert_eq!(incident.cause.kind, CauseKind::Dependency, "{incident:#?}");
    assert_eq!(incident.trouble.map(|trouble| trouble.kind), Some(TroubleKind::Dependency));
    watching.stop().await;
    assert_eq!(backend.calls(Task::Propose), 0);
}

#[tokio::test]
async fn a_unit_that_systemd_forgets_as_it_fails_is_told_and_over_when_it_runs() {
    let text = "[Unit]\nCollectMode=inactive-or-failed\n\
                [Service]\nExecStart=/bin/sh -c 'sleep 0.2; test -e {root}/disk || exit 4; exec sleep infinity'\n";
    let house = House::new(&[("brief.service", text)]);
    let mut watching = house.watch(nobody()).await;
    house.start();
    let incident = watching.incident(house.unit()).await;
    assert_eq!((incident.count, incident.cause.kind), (1, CauseKind::ExitCode), "{incident:#?}");
    assert!(incident.ended.is_none());
    // It is looked at again, and is not there.
    house.shell(&format!("{} daemon-reload", systemctl()));
    std::fs::write(house.world.root().join("disk"), "").unwrap();
    house.start();
    assert_eq!(watching.end(house.unit()).await, EndedBy::Person);
    let own = watching.maintainer.incident(&incident.id.to_string()).unwrap();
    assert!(own.minutes().unwrap() * 60.0 >= 2.0, "it was well for a while: {own:#?}");
}

#[tokio::test]
async fn a_unit_whose_file_is_wrong_is_told_and_over_when_it_is_right() {
    let house = House::new(&[("bad.service", "[Service]\nType=oneshot\n")]);
    let backend = nobody();
    let mut watching = house.watch(backend.clone()).await;
    let incident = watching.incident(house.unit()).await;
    assert_eq!(incident.cause.kind, CauseKind::Setup, "{incident:#?}");
    assert_eq!(incident.trouble.map(|trouble| trouble.kind), Some(TroubleKind::UnitFile));
    house.shell(&format!(
        "printf 'ExecStart=/bin/true\\n' >>/run/systemd/system/{}; {} daemon-reload",
        house.unit(),
        systemctl()
    ));
    assert_eq!(watching.end(house.unit()).await, EndedBy::Person);
    watching.stop().await;
    assert_eq!(backend.calls(Task::Propose), 0);
}

#[tokio::test]
async fn a_unit_that_ends_well_and_is_started_again_has_not_failed() {
    let rounds = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=50ms\n\
                  ExecStart=/bin/sh -c 'sleep 0.05; echo >>{root}/rounds'\n";
    let house = House::new(&[("rounds.service", rounds), ("mark.service", FAILS)]);
    let backend = nobody();
    let watching = house.watch(backend.clone()).await;
    let mark = &house.units[1].name;
    house.start();
    let file = house.world.root().join("rounds").display().to_string();
    house.shell(&format!(
        "until test $(wc -l <{file}) -gt 12; do sleep 0.02; done 2>/dev/null; {0} stop {1}; {0} start {mark} || :",
        systemctl(),
        house.unit()
    ));
    let failed = watching.failed_before(mark).await;
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn a_unit_that_is_needed_and_fails_as_all_units_are_read_again_is_found() {
    let mut house = House::alone(&[("database.service", FAILS)]);
    let database = house.unit().clone();
    let web = unit(&house.world, "web.service", &needs(&[&database]));
    house.world.project.units = Some(vec![web.name.clone()]);
    let mut watching = house.watch(nobody()).await;
    // As whoever installs a new version does.
    house.shell(&format!("{0} daemon-reload; {0} start {1} || :", systemctl(), web.name));
    assert_eq!(watching.incident(&database).await.cause.kind, CauseKind::ExitCode);
}
