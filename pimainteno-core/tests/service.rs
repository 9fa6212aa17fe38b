//! Restart, probation and journal with a real systemd.

#![expect(
    clippy::disallowed_methods,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the helpers of a test fail as it does"
)]

#[path = "../../tests/support/systemd.rs"]
mod systemd;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use pimainteno_core::{
    Error, ErrorKind, UnitName,
    config::{Bus, HealthConfig},
    process::{Cancel, Environment},
    service::{
        ActiveState, Baseline, HealthProbe, LoadState, Probation, ServiceManager, Since, Systemd,
        Verdict,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use systemd::{TestSystemd, environment_with_tools};

/// Runs a program as somebody who may do nothing.
const AS_NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups";

fn manager() -> Systemd {
    let systemd = TestSystemd::get();
    Systemd::new(systemd.bus, systemd.environment.clone())
}

async fn restart_error(manager: &Systemd, unit: &UnitName) -> Error {
    let error = manager.restart(unit, &Cancel::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Service, "{error}");
    assert_ne!(error.hints().count(), 0, "{error}");
    error
}

async fn watch(
    unit: &UnitName,
    probe: Option<&HealthProbe>,
    before: &Baseline,
    duration: Duration,
) -> Verdict {
    let units = [unit.clone()];
    Probation::new(&manager(), &units, probe, duration)
        .watch(before, &Cancel::new(), &|_| {})
        .await
        .unwrap()
}

async fn baseline(unit: &UnitName) -> Baseline {
    let units = [unit.clone()];
    Probation::new(&manager(), &units, None, Duration::from_secs(30))
        .baseline(&Cancel::new())
        .await
        .unwrap()
}

#[tokio::test]
async fn a_restart_gives_a_running_unit_a_new_process() {
    let unit =
        TestSystemd::get().unit("plain.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    let manager = manager();
    assert_eq!(manager.state(&unit.name).await.unwrap().active, ActiveState::Inactive);
    manager.restart(&unit.name, &Cancel::new()).await.unwrap();
    let first = manager.state(&unit.name).await.unwrap();
    assert_eq!(
        (first.load, first.active, first.sub.as_str(), first.restarts),
        (LoadState::Loaded, ActiveState::Active, "running", 0)
    );
    manager.restart(&unit.name, &Cancel::new()).await.unwrap();
    let second = manager.state(&unit.name).await.unwrap();
    assert!(
        first.main_pid != 0 && second.main_pid != 0 && second.main_pid != first.main_pid,
        "{first:?} {second:?}"
    );
    assert!(second.since > first.since && first.since > 0, "{first:?} {second:?}");
}

#[tokio::test]
async fn a_unit_that_fails_to_start_says_what_it_logged() {
    let text = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo the disk is on fire; sleep 0.3; exit 3'\n";
    let unit = TestSystemd::get().unit("fails.service", text);
    let error = restart_error(&manager(), &unit.name).await;
    assert!(error.message().contains("its job failed: it exited with code 3\n"), "{error}");
    assert!(error.message().contains("\nthe disk is on fire\n"), "{error}");
    let state = manager().state(&unit.name).await.unwrap();
    assert_eq!(
        (state.active, state.result.as_str(), state.oneshot),
        (ActiveState::Failed, "exit-code", true)
    );
}

#[tokio::test]
async fn a_unit_that_fails_right_after_its_restart_is_known_to_have_failed() {
    // It counts as started once it is executed.
    let text = "[Service]\nExecStart=/bin/sh -c 'exit 3'\n";
    let unit = TestSystemd::get().unit("after.service", text);
    for _ in 0..10 {
        manager().restart(&unit.name, &Cancel::new()).await.unwrap();
        let state = loop {
            let state = manager().state(&unit.name).await.unwrap();
            if !matches!(state.active, ActiveState::Active | ActiveState::Deactivating) {
                break state;
            }
        };
        assert_eq!((state.active, state.result.as_str()), (ActiveState::Failed, "exit-code"));
    }
}

#[tokio::test]
async fn a_unit_that_does_not_exist_is_a_state_but_cannot_be_restarted() {
    let name: UnitName = "pimainteno-test-missing.service".parse().unwrap();
    assert_eq!(manager().state(&name).await.unwrap().load, LoadState::NotFound);
    let error = restart_error(&manager(), &name).await;
    assert_eq!(error.message(), format!("cannot restart `{name}`: there is no such unit"));
}

#[tokio::test]
async fn a_masked_unit_is_not_restarted() {
    // An empty file masks as a link to /dev/null does.
    let unit = TestSystemd::get().unit("masked.service", "");
    let error = restart_error(&manager(), &unit.name).await;
    assert!(error.message().ends_with("it is masked"), "{error}");
    assert_eq!(manager().state(&unit.name).await.unwrap().load, LoadState::Masked);
}

#[tokio::test]
async fn a_hung_stop_is_bounded_by_the_deadline() {
    let text = "[Service]\nExecStart=/bin/sleep infinity\nExecStop=/bin/sleep infinity\nTimeoutStopSec=infinity\n";
    let unit = TestSystemd::get().unit("hangs.service", text);
    manager().restart(&unit.name, &Cancel::new()).await.unwrap();
    let started = Instant::now();
    let error = restart_error(&manager().with_deadline(Duration::from_secs(1)), &unit.name).await;
    assert!(
        started.elapsed() < Duration::from_secs(30)
            && error.message().ends_with("not done after 1s"),
        "{error}"
    );
    assert_eq!(manager().state(&unit.name).await.unwrap().active, ActiveState::Deactivating);
    let cancel = Cancel::new();
    cancel.raise();
    assert_eq!(
        manager().restart(&unit.name, &cancel).await.unwrap_err().kind(),
        ErrorKind::Cancelled
    );
}

#[tokio::test]
async fn whoever_may_not_restart_a_unit_is_told_how_to_get_the_right() {
    let systemd = TestSystemd::get();
    // Whoever runs these tests with a systemd of the user's may not restart the machine's units
    // either.
    let (environment, unit) = match systemd.bus {
        Bus::System => (systemd.environment_by_way_of("nobody", AS_NOBODY), "dbus.service"),
        Bus::User => (systemd.environment.clone(), "systemd-tmpfiles-clean.service"),
    };
    let error =
        restart_error(&Systemd::new(Bus::System, environment), &unit.parse().unwrap()).await;
    assert!(error.message().ends_with("systemd does not allow it to this user"), "{error}");
    assert!(error.hints().any(|hint| hint.contains("polkit")));
}

#[tokio::test]
async fn a_machine_without_systemd_is_told_from_a_unit_that_fails() {
    // Without /run there is no sign of systemd, whatever this machine was booted with.
    let user = if rustix::process::geteuid().is_root() { "" } else { "--user --map-root-user" };
    let prefix = format!(
        "exec unshare {user} --mount -- /bin/sh -c 'mount -t tmpfs none /run && exec \"$@\"' sh"
    );
    let manager = Systemd::new(Bus::System, environment_with_tools("unbooted", &prefix));
    let plain = "plain.service".parse().unwrap();
    let error = restart_error(&manager, &plain).await;
    assert_eq!(error.message(), "systemd does not run on this machine");
    assert_eq!(manager.state(&plain).await.unwrap_err().message(), error.message());
    let nowhere = Systemd::new(Bus::System, Environment::default().with("PATH", "/nowhere"));
    assert_eq!(restart_error(&nowhere, &plain).await.message(), "cannot speak to systemd");
}

#[tokio::test]
async fn a_users_own_systemd_is_spoken_to() {
    let systemd = TestSystemd::get();
    if systemd.bus == Bus::User {
        // Then every other test here does that.
        return;
    }
    let text = "[Service]\nType=notify\nUser=65534\nGroup=65534\nDelegate=yes\nRuntimeDirectory=pimainteno-user\nRuntimeDirectoryMode=0700\n\
                Environment=XDG_RUNTIME_DIR=/run/pimainteno-user HOME=/run/pimainteno-user\nExecStart=/usr/lib/systemd/systemd --user\n";
    let user = systemd.unit("user.service", text);
    manager().restart(&user.name, &Cancel::new()).await.unwrap();
    let directory = "/run/pimainteno-user/systemd/user";
    systemd.shell(
        &format!("mkdir -p {directory} && cat >{directory}/mine.service"),
        "[Service]\nExecStart=/bin/sleep infinity\n",
    );
    let prefix = format!("env XDG_RUNTIME_DIR=/run/pimainteno-user {AS_NOBODY}");
    let manager = Systemd::new(Bus::User, systemd.environment_by_way_of("user", &prefix));
    let mine = "mine.service".parse().unwrap();
    manager.restart(&mine, &Cancel::new()).await.unwrap();
    assert_eq!(manager.state(&mine).await.unwrap().active, ActiveState::Active);

    let nobody = Systemd::new(
        Bus::User,
        systemd
            .environment_by_way_of("nobody-else", &format!("env -u XDG_RUNTIME_DIR {AS_NOBODY}")),
    );
    let error = restart_error(&nobody, &mine).await;
    assert!(
        error.message().starts_with("cannot speak to systemd: no connection to bus"),
        "{error}"
    );
    assert!(error.hints().any(|hint| hint.contains("enable-linger")));
}

#[tokio::test]
async fn a_service_that_crashes_and_comes_back_does_not_pass_its_probation() {
    let text = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sh -c 'sleep 1; exit 1'\nRestart=always\nRestartSec=100ms\n";
    let unit = TestSystemd::get().unit("crashes.service", text);
    manager().restart(&unit.name, &Cancel::new()).await.unwrap();
    let started = Instant::now();
    let verdict = watch(&unit.name, None, &Baseline::default(), Duration::from_secs(60)).await;
    let Verdict::Unhealthy { unit: Some(name), reason } = verdict else { panic!("{verdict:?}") };
    assert!(name == unit.name && reason.contains("restart"), "{reason}");
    assert!(started.elapsed() < Duration::from_secs(30), "an unhealthy unit ends the probation");

    // From now on a change is not to blame, even if the unit happens to run when one looks.
    let before = loop {
        let before = baseline(&unit.name).await;
        if before.units[&unit.name].active == ActiveState::Active
            && before.units[&unit.name].restarts > 0
        {
            break before;
        }
    };
    assert!(!before.is_healthy(), "{before:?}");
    manager().restart(&unit.name, &Cancel::new()).await.unwrap();
    let verdict = watch(&unit.name, None, &before, Duration::from_secs(60)).await;
    assert!(
        matches!(&verdict, Verdict::UnchangedUnhealthy { reason, .. } if reason.contains("already unhealthy before")),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_service_that_runs_and_answers_passes_its_probation() {
    let unit =
        TestSystemd::get().unit("healthy.service", "[Service]\nExecStart=/bin/sleep infinity\n");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut config = HealthConfig::default();
    let address = format!("http://{}/health", listener.local_addr().unwrap());
    config.http = Some(address.parse().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.read(&mut [0; 1024]).await);
            drop(stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await);
        }
    });
    let probe = HealthProbe::new(&config, "/", Environment::default()).unwrap();
    manager().restart(&unit.name, &Cancel::new()).await.unwrap();
    let before = baseline(&unit.name).await;
    manager().restart(&unit.name, &Cancel::new()).await.unwrap();
    let verdict = watch(&unit.name, Some(&probe), &before, Duration::from_secs(2)).await;
    assert!(
        matches!(verdict, Verdict::Healthy { watched } if watched >= Duration::from_secs(2)),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn the_journal_is_read_from_a_time_or_a_place_on() {
    // The sleep lets the journal see whose lines they are, where it cannot take systemd's word for
    // it.
    let text = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo one; printf \"bytes \\\\377\\\\n\"; echo last; sleep 0.3'\n";
    let unit = TestSystemd::get().unit("logs.service", text);
    let entries = async |since: Since| {
        // What was written may take a moment to arrive, and what systemd says about it comes in
        // between.
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let entries = manager().journal(&unit.name, &since, 100).await.unwrap();
            let arrived =
                |start: &str| entries.iter().any(|entry| entry.message.starts_with(start));
            if arrived("last") && arrived("Finished") {
                return entries;
            }
            assert!(Instant::now() < deadline, "{entries:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let start = Timestamp::now();
    manager().restart(&unit.name, &Cancel::new()).await.unwrap();
    let first = entries(Since::Time(start)).await;
    let own: Vec<_> = first.iter().filter(|entry| entry.identifier == "sh").collect();
    assert_eq!(
        own.iter().map(|entry| entry.message.as_str()).collect::<Vec<_>>(),
        ["one", "bytes \u{fffd}", "last"]
    );
    assert!(own[0].at >= start && own[0].priority == 6, "{own:?}");

    let between = Timestamp::now();
    let place = first.last().unwrap().cursor.clone();
    manager().restart(&unit.name, &Cancel::new()).await.unwrap();
    let second = entries(Since::Cursor(place)).await;
    assert_eq!(second, entries(Since::Time(between)).await);
    assert!(second.iter().all(|entry| !first.contains(entry)), "{second:?}");
    let capped = manager().journal(&unit.name, &Since::Beginning, 2).await.unwrap();
    assert_eq!(capped, second[second.len() - 2..]);
}

#[tokio::test]
async fn a_socket_that_gave_up_its_service_listens_again_when_that_is_restarted() {
    let systemd = TestSystemd::get();
    let crashes = "[Unit]\nStartLimitBurst=2\n[Service]\nExecStart=/bin/sh -c 'test -e /run/mended-socket || exit 3; exec sleep infinity'\n";
    let service = systemd.unit("gaveup.service", crashes);
    let socket = systemd.unit("gaveup.socket", "[Socket]\nListenStream=/run/gaveup.sock\n");
    let ask = "/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"/run/gaveup.sock\")'";
    let (systemctl, user) = match systemd.bus {
        Bus::System => ("systemctl", false),
        Bus::User => ("systemctl --user", true),
    };
    if user {
        return;
    }
    systemd.shell(
        &format!(
            "{systemctl} start {0}; until {systemctl} is-failed --quiet {0}; do {ask} 2>/dev/null || :; sleep 0.05; done; touch /run/mended-socket",
            socket.name
        ),
        "",
    );
    manager().restart(&service.name, &Cancel::new()).await.unwrap();
    assert_eq!(manager().state(&socket.name).await.unwrap().active, ActiveState::Active);
    systemd.shell(&format!("rm /run/mended-socket; {ask}"), "");
}
