//! Units of every kind, and what can become of them while they are watched.

use std::{collections::BTreeMap, fs};

use pimainteno_core::{
    EventKind, NoticeKind, Task, UnitName,
    incident::{CauseKind, EndedBy, Incident, TroubleKind},
};

use crate::{
    causes::nobody,
    house::{House, Watching, systemctl, unit},
    systemd::TestSystemd,
};

const RUNS: &str = "[Service]\nExecStart=/bin/sleep infinity\n";
const FAILS: &str = "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 4'\n";

/// The news of a unit's incident that this holds for.
async fn incident_that(
    watching: &mut Watching,
    house: &House,
    is_meant: impl Fn(&Incident) -> bool,
) -> Incident {
    loop {
        let incident = watching.incident(house.unit()).await;
        if is_meant(&incident) {
            return incident;
        }
    }
}

/// Marks the control group of a unit as systemd-oomd does before it kills what is in it, and kills
/// that.
///
/// The rig has no controller for memory, so nothing in it can run out; systemd takes the kill from
/// the same place either way.
const RUN_OUT_OF_MEMORY: &str =
    "group=/sys/fs/cgroup$(systemctl show --property=ControlGroup --value {unit})
python3 -c 'import os, sys
for name in (\"user.oomd_ooms\", \"user.oomd_kill\"):
    os.setxattr(sys.argv[1], name, b\"1\")' \"$group\"
systemctl kill --signal=KILL {unit}";

#[tokio::test]
async fn a_unit_that_is_killed_as_memory_ran_out_is_told_and_nobody_is_asked() {
    if TestSystemd::get().bus == pimainteno_core::config::Bus::User {
        return;
    }
    let house = House::new(&[("hungry.service", RUNS)]);
    let backend = nobody();
    let mut watching = house.watch(backend.clone()).await;
    house.start();
    house.shell(&RUN_OUT_OF_MEMORY.replace("{unit}", house.unit()));
    let incident = watching.incident(house.unit()).await;
    assert_eq!(incident.cause.kind, CauseKind::OutOfMemory, "{incident:#?}");
    let trouble = incident.trouble.map(|trouble| trouble.kind);
    assert_eq!(trouble, Some(TroubleKind::OutOfMemory));
    let notices = watching.maintainer.notices(None, 10).unwrap();
    assert!(notices.iter().any(|it| it.notice == NoticeKind::Incident), "{notices:#?}");
    watching.stop().await;
    assert_eq!(backend.calls(Task::Propose), 0);
}

#[tokio::test]
async fn a_oneshot_that_a_path_starts_fails_and_is_over_when_it_succeeds() {
    let once = "[Service]\nType=oneshot\nExecStart=/bin/test -e {root}/disk\n";
    // A path is not watched for the moment in which all units are read again.
    let house = House::alone(&[("import.service", once)]);
    let text = format!("[Path]\nPathChanged={{root}}/inbox\nUnit={}\n", house.unit());
    let path = unit(&house.world, "import.path", &text);
    house.shell(&format!("{} start {}", systemctl(), path.name));
    let mut watching = house.watch(nobody()).await;
    let waits = format!(
        "until systemctl show --property=SubState {} | grep -q waiting; do sleep 0.02; done",
        path.name
    )
    .replace("systemctl", systemctl());
    let inbox = house.world.root().join("inbox");
    fs::write(&inbox, "one").unwrap();
    let incident = watching.incident(house.unit()).await;
    assert_eq!((incident.count, incident.cause.kind), (1, CauseKind::ExitCode), "{incident:#?}");
    assert_eq!(incident.unit, *house.unit());
    // The same once more is the same incident.
    house.shell(&waits);
    fs::write(&inbox, "two").unwrap();
    let again = incident_that(&mut watching, &house, |it| it.count == 2).await;
    assert_eq!(again.id, incident.id);
    house.shell(&waits);
    fs::write(house.world.root().join("disk"), "").unwrap();
    fs::write(&inbox, "three").unwrap();
    assert_eq!(watching.end(house.unit()).await, EndedBy::Itself);
}

#[tokio::test]
async fn a_path_that_gives_up_is_an_incident_beside_that_of_what_it_starts() {
    let once = "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=3\n\
                [Service]\nType=oneshot\nExecStart=/bin/false\n";
    let mut house = House::new(&[("queue.service", once)]);
    let text = format!("[Path]\nPathExists={{root}}/inbox\nUnit={}\n", house.unit());
    let path = unit(&house.world, "queue.path", &text);
    house.world.project.units = Some(vec![house.unit().clone(), path.name.clone()]);
    let mut watching = house.watch(nobody()).await;
    watching.maintainer.pause("radio").unwrap();
    house.shell(&format!("{} start {}", systemctl(), path.name));
    fs::write(house.world.root().join("inbox"), "").unwrap();
    let mut kinds = BTreeMap::new();
    while kinds.len() < 2 {
        let incident = watching.hear(|event| match &event.what {
            EventKind::Incident { incident } => Some(Incident::clone(incident)),
            _ => None,
        });
        let incident = incident.await;
        kinds.insert(incident.unit, incident.cause.kind);
    }
    assert_eq!(kinds[&path.name], CauseKind::StartLimit);
    assert_eq!(kinds[house.unit()], CauseKind::ExitCode);
    watching.stop().await;
}

#[tokio::test]
async fn a_unit_whose_file_is_removed_while_it_is_down_is_over_and_seen_when_it_is_back() {
    let house = House::new(&[("moved.service", FAILS)]);
    let unit = house.unit().clone();
    let (file, away) = (format!("/run/systemd/system/{unit}"), format!("/run/{unit}.away"));
    let mut watching = house.watch(nobody()).await;
    house.start();
    let first = watching.incident(&unit).await;
    assert!(first.ended.is_none());
    house.shell(&format!("mv {file} {away} && {} daemon-reload", systemctl()));
    assert_eq!(watching.end(&unit).await, EndedBy::Person);
    house.shell(&format!("mv {away} {file} && {} daemon-reload", systemctl()));
    house.start();
    let second = watching.incident(&unit).await;
    assert_eq!((second.count, second.cause.kind), (1, CauseKind::ExitCode), "{second:#?}");
    assert!(second.id != first.id && second.ended.is_none());
}

#[tokio::test]
async fn a_unit_that_is_removed_and_comes_back_without_a_word_is_seen() {
    // Whoever else has all units read again would tell of it.
    let house = House::alone(&[("back.service", FAILS)]);
    let unit = house.unit().clone();
    let (file, away) = (format!("/run/systemd/system/{unit}"), format!("/run/{unit}.away"));
    let mut watching = house.watch(nobody()).await;
    house.start();
    let first = watching.incident(&unit).await;
    house.shell(&format!("mv {file} {away}; {0} daemon-reload", systemctl()));
    assert_eq!(watching.end(&unit).await, EndedBy::Person);
    // Nobody tells systemd of it: it is forgotten, and read as it is started.
    house.shell(&format!(
        "{0} reset-failed {unit}; mv {away} {file}; {0} start {unit}",
        systemctl()
    ));
    let second = watching.incident(&unit).await;
    assert!(second.id != first.id && second.ended.is_none(), "{second:#?}");
    assert_eq!((second.count, second.cause.kind), (1, CauseKind::ExitCode), "{second:#?}");
}

#[tokio::test]
async fn a_mount_that_cannot_be_is_the_incident_of_what_needs_it() {
    // What a job came to is told once, and nobody hears it while all units are looked at again.
    let mut house = House::alone(&[("web.service", "")]);
    let place = house.world.root().join("disk").display().to_string();
    let name = house.shell(&format!("systemd-escape --path --suffix=mount {place}"));
    let text = format!("[Mount]\nWhat=none\nWhere={place}\nType=nosuchfs\n");
    let web = house.unit().clone();
    house.shell(&format!(
        "cd /run/systemd/system; printf '{}' >'{name}'; printf '{}' >{web}; {} daemon-reload",
        text.replace('\n', "\\n"),
        format!("[Unit]\nRequiresMountsFor={place}\n{RUNS}").replace('\n', "\\n"),
        systemctl()
    ));
    let mount: UnitName = name.parse().unwrap();
    house.world.project.units = Some(vec![web.clone()]);
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!("{} start {web} || :", systemctl()));
    let incident = watching.incident(&mount).await;
    assert_eq!((incident.project, incident.cause.kind), (None, CauseKind::ExitCode));
    house.shell(&format!("rm '/run/systemd/system/{name}'; {} daemon-reload", systemctl()));
}
