//! Buses that go away, units that come later, and units under other names.

use pimainteno_core::{config::Bus, incident::CauseKind};

use crate::{
    causes::nobody,
    house::{House, systemctl},
    systemd::TestSystemd,
};

const FAILS: &str = "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 4'\n";

#[tokio::test]
async fn a_systemd_that_executes_itself_anew_is_watched_on() {
    let house = House::alone(&[("anew.service", FAILS)]);
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!("{} daemon-reexec", systemctl()));
    house.start();
    assert_eq!(watching.incident(house.unit()).await.cause.kind, CauseKind::ExitCode);
}

#[tokio::test]
async fn what_failed_while_there_was_no_bus_is_found_when_it_is_there_again() {
    if TestSystemd::get().bus == Bus::User {
        return;
    }
    let house = House::alone(&[("without.service", FAILS)]);
    let mut watching = house.watch(nobody()).await;
    house.shell("systemctl stop dbus.socket dbus.service");
    house.start();
    house.shell(&format!(
        "until systemctl is-failed --quiet {}; do sleep 0.05; done; systemctl start dbus.socket dbus.service",
        house.unit()
    ));
    assert_eq!(watching.incident(house.unit()).await.cause.kind, CauseKind::ExitCode);
}

#[tokio::test]
async fn a_unit_that_is_not_there_yet_is_watched_from_when_it_is() {
    let house = House::new(&[("later.service", FAILS)]);
    let unit = house.unit().clone();
    let file = format!("/run/systemd/system/{unit}");
    house.shell(&format!("mv {file} /run/later && {} daemon-reload", systemctl()));
    let mut watching = house.watch(nobody()).await;
    // Nobody tells systemd of it.
    house.shell(&format!("mv /run/later {file} && {} start {unit}", systemctl()));
    assert_eq!(watching.incident(&unit).await.cause.kind, CauseKind::ExitCode);
}

#[tokio::test]
async fn a_unit_is_watched_under_any_of_its_names() {
    let mut house = House::new(&[("real.service", FAILS), ("template@.service", FAILS)]);
    let real = house.unit().clone();
    let alias = real.replace("real", "alias");
    let instance = house.units[1].name.replace('@', "@one");
    house.shell(&format!(
        "ln -sf {real} /run/systemd/system/{alias} && {} daemon-reload",
        systemctl()
    ));
    let names: Vec<_> = [&alias, &instance].map(|name| name.parse().unwrap()).into();
    house.world.project.units = Some(names.clone());
    let mut watching = house.watch(nobody()).await;
    for (name, started) in [(&names[0], &*real), (&names[1], &*instance)] {
        house.shell(&format!("{} start {started}", systemctl()));
        assert_eq!(watching.incident(name).await.cause.kind, CauseKind::ExitCode);
    }
    house.shell(&format!("rm /run/systemd/system/{alias}; {} daemon-reload", systemctl()));
}

#[tokio::test]
async fn a_unit_that_a_socket_starts_is_watched() {
    let house = House::new(&[("echo.socket", ""), ("echo.service", FAILS)]);
    let (socket, service) = (house.unit().clone(), house.units[1].name.clone());
    let text = format!("[Socket]\nListenStream=/run/{socket}.sock\nService={service}\n");
    house.shell(&format!(
        "printf '{}' >/run/systemd/system/{socket}; {1} daemon-reload; {1} start {socket}",
        text.replace('\n', "\\n"),
        systemctl()
    ));
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!(
        "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"/run/{socket}.sock\")'"
    ));
    let incident = watching.incident(&service).await;
    assert_eq!(incident.cause.kind, CauseKind::ExitCode);
    house.shell(&format!("{} stop {socket} {service}", systemctl()));
}

#[tokio::test]
async fn a_name_that_systemd_refuses_is_told_and_the_others_are_watched() {
    let mut house = House::new(&[("other.service", FAILS)]);
    let mut names: Vec<_> = ["no-type", "template@.service"].map(|it| it.parse().unwrap()).into();
    names.push(house.unit().clone());
    house.world.config.systemd_monitor.units = names;
    let mut watching = house.watch(nobody()).await;
    house.start();
    assert_eq!(watching.incident(house.unit()).await.cause.kind, CauseKind::ExitCode);
    let notices = watching.maintainer.notices(None, 10).unwrap();
    for refused in ["`no-type` is not watched", "`template@.service` is not watched"] {
        assert!(notices.iter().any(|notice| notice.message.contains(refused)), "{notices:#?}");
    }
}
