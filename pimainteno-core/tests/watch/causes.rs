//! Every way in which a unit fails is seen, once, with its cause.

use pimainteno_core::{
    Edit, Task,
    incident::{CauseKind, EndedBy},
    testing::ScriptedBackend,
};

use crate::house::{House, systemctl};

/// A backend that knows no change.
pub(crate) fn nobody() -> ScriptedBackend {
    ScriptedBackend::new("scripted", Edit::Workspace)
}

/// What is told of a unit with this text that fails by itself, or when `breaks` is done to it.
async fn cause(name: &str, text: &str, breaks: &str) -> (CauseKind, String) {
    let house = House::new(&[(name, text)]);
    let mut watching = house.watch(nobody()).await;
    let unit = house.unit().clone();
    let systemctl = systemctl();
    house.shell(&format!("{systemctl} start --no-block {unit}"));
    if !breaks.is_empty() {
        house.shell(&breaks.replace("{unit}", &unit).replace("{systemctl}", systemctl));
    }
    let incident = watching.incident(&unit).await;
    assert_eq!((incident.count, incident.unit), (1, unit));
    (incident.cause.kind, incident.cause.text)
}

/// Waits until a unit is active, and then does something.
const WHEN_ACTIVE: &str = "until {systemctl} is-active --quiet {unit}; do sleep 0.02; done; ";

#[tokio::test]
async fn an_exit_code_is_told() {
    let told =
        cause("exit.service", "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 3'\n", "").await;
    assert_eq!(told, (CauseKind::ExitCode, "exited with code 3".into()));
}

#[tokio::test]
async fn a_signal_is_told() {
    let kill = format!("{WHEN_ACTIVE}{{systemctl}} kill --signal=KILL {{unit}}");
    let told = cause("kill.service", "[Service]\nExecStart=/bin/sleep infinity\n", &kill).await;
    assert_eq!(told, (CauseKind::Signal, "was killed by SIGKILL".into()));
}

#[tokio::test]
async fn a_core_dump_is_told() {
    let dump = format!("{WHEN_ACTIVE}{{systemctl}} kill --signal=SEGV {{unit}}");
    // Where the kernel writes it to the working directory, that is one that vanishes.
    let text =
        "[Service]\nWorkingDirectory={root}\nExecStart=/bin/sleep infinity\nLimitCORE=infinity\n";
    let told = cause("dump.service", text, &dump).await;
    assert_eq!(told, (CauseKind::CoreDump, "was killed by SIGSEGV and dumped core".into()));
}

#[tokio::test]
async fn a_watchdog_is_told() {
    let text = "[Service]\nType=notify\nNotifyAccess=all\nWatchdogSec=300ms\nTimeoutStopSec=1s\n\
                ExecStart=/bin/sh -c 'systemd-notify --ready; sleep infinity'\n";
    let (kind, text) = cause("watchdog.service", text, "").await;
    assert_eq!(kind, CauseKind::Watchdog, "{text}");
}

#[tokio::test]
async fn a_start_that_takes_too_long_is_told() {
    let text = "[Service]\nType=notify\nTimeoutStartSec=300ms\nExecStart=/bin/sleep infinity\n";
    let (kind, text) = cause("slow.service", text, "").await;
    assert_eq!(kind, CauseKind::StartTimeout, "{text}");
}

#[tokio::test]
async fn a_stop_that_takes_too_long_is_told() {
    let text = "[Service]\nTimeoutStopSec=300ms\nExecStart=/bin/sh -c 'trap : TERM; while :; do sleep 0.1; done'\n";
    let stop = format!("{WHEN_ACTIVE}{{systemctl}} stop {{unit}}");
    let (kind, text) = cause("stop.service", text, &stop).await;
    assert_eq!(kind, CauseKind::StopTimeout, "{text}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told_with_what_to_do() {
    let house = House::new(&[("nothing.service", "[Service]\nExecStart=/nowhere/at-all\n")]);
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!("{} start --no-block {}", systemctl(), house.unit()));
    let incident = watching.incident(house.unit()).await;
    assert_eq!(incident.cause.kind, CauseKind::Setup, "{incident:?}");
    assert!(incident.trouble.unwrap().remedy.contains("/nowhere/at-all"));
}

#[tokio::test]
async fn a_crash_loop_is_an_incident_when_it_repeats_and_again_when_systemd_gives_up() {
    let text = "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=4\n[Service]\nRestart=on-failure\nRestartSec=100ms\n\
                ExecStart=/bin/sh -c 'sleep 0.3; exit 7'\n";
    let house = House::new(&[("loop.service", text)]);
    let mut watching = house.watch(nobody()).await;
    house.start();
    // The first is told as one that systemd recovered from; it is no incident that goes on.
    let first = watching.incident(house.unit()).await;
    assert_eq!(first.ended.map(|ended| ended.by), Some(EndedBy::Itself), "{}", first.cause.text);
    let third = watching.incident(house.unit()).await;
    assert!(third.ended.is_none() && !third.cause.gave_up, "{third:?}");
    assert_eq!(third.cause.kind, CauseKind::ExitCode);
    let last = loop {
        let incident = watching.incident(house.unit()).await;
        if incident.cause.gave_up {
            break incident;
        }
    };
    assert_eq!(last.id, third.id);
}

#[tokio::test]
async fn an_oneshot_of_a_timer_fails_and_is_over_when_it_succeeds() {
    let house = House::new(&[
        ("backup.service", "[Service]\nType=oneshot\nExecStart=/bin/test -e {root}/disk\n"),
        ("backup.timer", ""),
    ]);
    let unit = house.unit().clone();
    let timer = house.units[1].name.clone();
    let text = format!("[Timer]\nOnActiveSec=100ms\nAccuracySec=10ms\nUnit={unit}\n");
    house.shell(&format!(
        "printf '{}' >/run/systemd/system/{timer}; {} daemon-reload",
        text.replace('\n', "\\n"),
        systemctl()
    ));
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!("{} start {timer}", systemctl()));
    let incident = watching.incident(&unit).await;
    assert_eq!(incident.cause.kind, CauseKind::ExitCode);
    std::fs::write(house.world.root().join("disk"), "").unwrap();
    house.shell(&format!("{} restart {timer}", systemctl()));
    assert_eq!(watching.end(&unit).await, EndedBy::Itself);
}

#[tokio::test]
async fn what_a_person_stops_restarts_or_masks_is_no_failure() {
    // Each ends with an exit code of its own when it is told to.
    let rude = "[Service]\nType=notify\nNotifyAccess=all\n\
                ExecStart=/bin/sh -c 'trap \"exit 5\" TERM; systemd-notify --ready; while :; do sleep 0.05; done'\n";
    let mark = "[Service]\nType=oneshot\nExecStart=/bin/false\n";
    let house = House::new(&[("rude.service", rude), ("mark.service", mark)]);
    let watching = house.watch(nobody()).await;
    let (unit, mark) = (house.unit(), &house.units[1].name);
    house.start();
    house.shell(&format!(
        "{0} stop {unit}; {0} start {unit}; {0} restart {unit}; {0} stop {unit}; {0} mask --runtime {unit}; {0} start {mark} || :",
        systemctl()
    ));
    let failed = watching.failed_before(mark).await;
    assert!(failed.is_empty(), "{failed:#?}");
    house.shell(&format!("{} unmask --runtime {unit}", systemctl()));
}

#[tokio::test]
async fn a_unit_that_fails_and_is_put_away_is_over() {
    let house = House::new(&[("gone.service", "[Service]\nExecStart=/bin/false\n")]);
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!("{} start {} || :", systemctl(), house.unit()));
    assert!(watching.incident(house.unit()).await.ended.is_none());
    house.shell(&format!("{} reset-failed {}", systemctl(), house.unit()));
    assert_eq!(watching.end(house.unit()).await, EndedBy::Person);
}

#[tokio::test]
async fn the_incident_is_of_the_unit_that_failed_and_not_of_those_that_need_it() {
    let house = House::new(&[
        ("web.service", ""),
        ("database.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n"),
    ]);
    let (web, database) = (house.unit().clone(), house.units[1].name.clone());
    let text = format!(
        "[Unit]\nRequires={database}\nAfter={database}\n[Service]\nExecStart=/bin/sleep infinity\n"
    );
    house.shell(&format!(
        "printf '{}' >/run/systemd/system/{web}; {} daemon-reload",
        text.replace('\n', "\\n"),
        systemctl()
    ));
    // The database is nothing of the project's.
    let mut house = house;
    house.world.project.units = Some(vec![web.clone()]);
    let mut watching = house.watch(nobody()).await;
    house.shell(&format!("{} start {web} || :", systemctl()));
    let incident = watching.incident(&database).await;
    assert_eq!((incident.project, incident.cause.kind), (None, CauseKind::ExitCode));
    let open = watching.maintainer.incidents(None, 10).unwrap();
    assert_eq!(open.len(), 1, "{open:#?}");
}

#[tokio::test]
async fn many_units_that_fail_together_are_one_incident_of_the_machine() {
    let text = "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 1'\n";
    let names: Vec<_> = (0..50).map(|number| format!("storm-{number}.service")).collect();
    let units: Vec<_> = names.iter().map(|name| (name.as_str(), text)).collect();
    let house = House::new(&units);
    let backend = nobody();
    let mut watching = house.watch(backend.clone()).await;
    let all: Vec<_> = house.units.iter().map(|unit| unit.name.as_str()).collect();
    house.shell(&format!("{} start --no-block {}", systemctl(), all.join(" ")));
    let incident = watching
        .hear(|event| match &event.what {
            pimainteno_core::EventKind::Incident { incident } if incident.others.len() == 49 => {
                Some((**incident).clone())
            }
            _ => None,
        })
        .await;
    assert!(incident.is_of_machine && incident.project.is_none());
    let open = watching.maintainer.incidents(None, 100).unwrap();
    assert_eq!(open.iter().filter(|it| it.ended.is_none()).count(), 1, "{open:#?}");
    watching.stop().await;
    assert_eq!(backend.calls(Task::Propose), 0);
}

#[tokio::test]
async fn a_failure_that_came_while_nobody_watched_is_found_once() {
    let house = House::new(&[("off.service", "[Service]\nExecStart=/bin/false\n")]);
    house.shell(&format!("{} start {} || :", systemctl(), house.unit()));
    let mut watching = house.watch(nobody()).await;
    let first = watching.incident(house.unit()).await;
    assert_eq!(first.cause.kind, CauseKind::ExitCode);
    watching.stop().await;
    // Whoever comes next knows it already, and that it goes on.
    house.watch(nobody()).await.stop().await;
    let known = house.world.builder(nobody()).build().unwrap().incidents(None, 10).unwrap();
    assert_eq!((known.len(), known[0].id, known[0].count), (1, first.id, 1));
}

#[tokio::test]
async fn what_is_put_away_while_it_is_found_out_why_it_failed_is_over() {
    // That takes a while where the journal says nothing of its end.
    let quiet = "[Service]\nLogLevelMax=emerg\nExecStart=/bin/sh -c 'sleep 0.1; exit 4'\n";
    let mark = "[Service]\nExecStart=/bin/sh -c 'sleep 0.2; exit 5'\n";
    let mut house = House::new(&[("quiet.service", quiet), ("mark.service", mark)]);
    house.world.config.systemd_monitor.flap.failures = 1;
    let mut watching = house.watch(nobody()).await;
    let (systemctl, unit, mark) = (systemctl(), &house.units[0].name, &house.units[1].name);
    house.shell(&format!("{systemctl} start {unit} {mark}"));
    // The other one failed later.
    assert_eq!(watching.incident(mark).await.cause.kind, CauseKind::ExitCode);
    house.shell(&format!("{systemctl} reset-failed {unit}"));
    assert_eq!(watching.end(unit).await, EndedBy::Person);
    watching.stop().await;
}

#[tokio::test]
async fn a_unit_that_fails_faster_than_it_can_be_looked_at_is_an_incident_all_the_same() {
    let spins = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=1ms\nExecStart=/bin/false\n";
    let names = ["one.service", "two.service", "three.service"];
    let mut house = House::alone(&names.map(|name| (name, spins)));
    house.world.config.systemd_monitor.storm.units = 10;
    let mut watching = house.watch(nobody()).await;
    watching.maintainer.pause("radio").unwrap();
    let units: Vec<_> = house.units.iter().map(|unit| unit.name.clone()).collect();
    house.shell(&format!("{} start {}", systemctl(), units.join(" ")));
    loop {
        let incident = watching.incident(&units[0]).await;
        if incident.ended.is_none() {
            break;
        }
    }
    house.shell(&format!("{} stop {}", systemctl(), units.join(" ")));
    watching.stop().await;
}
