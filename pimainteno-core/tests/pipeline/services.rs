//! Whole runs whose service is a unit of a real systemd.

use pimainteno_core::{
    Edit, Outcome, Task,
    config::Globs,
    process::Environment,
    service::{ActiveState, ServiceManager as _, Systemd},
    testing::{Scripted, ScriptedBackend},
};

use crate::{
    support::{World, outcome},
    systemd::{TestSystemd, Unit},
};

/// A project whose service says what its README says, until it is told to break.
fn world() -> (World, Unit) {
    let mut world = World::new();
    world.write("serve.sh", "#!/bin/sh\nexec sleep infinity\n");
    world.commit("serve");
    world.git(&["push", "--quiet"]);
    let text = format!(
        "[Service]\nExecStart=/bin/sh {}/serve.sh\nRestart=always\nRestartSec=100ms\n",
        world.path().display()
    );
    let unit = TestSystemd::get().unit(
        &format!(
            "pipeline-{}.service",
            world.root().file_name().unwrap().to_str().unwrap().trim_start_matches('.')
        ),
        &text,
    );
    world.project.units = Some(vec![unit.name.clone()]);
    world.config.systemd_monitor.bus = TestSystemd::get().bus;
    world.project.probation = Some(std::time::Duration::from_secs(1));
    // The change is of a shell script, which waits otherwise.
    world.project.hold = Some(Globs::default());
    (world, unit)
}

/// The tools of the test's systemd, and a Git that knows nothing of the machine.
fn environment() -> Environment {
    let environment = TestSystemd::get().environment.clone();
    environment.with("GIT_CONFIG_GLOBAL", "/dev/null").with("GIT_CONFIG_SYSTEM", "/dev/null")
}

fn proposal(script: &str) -> ScriptedBackend {
    let answer = Scripted::Edit {
        path: "serve.sh".into(),
        content: script.into(),
        text: "serve: other".into(),
    };
    ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, answer)
}

#[tokio::test]
async fn a_unit_is_restarted_into_the_new_commit_and_taken_back_from_one_that_crashes() {
    let (world, unit) = world();
    let systemd = Systemd::new(TestSystemd::get().bus, environment());
    systemd.restart(&unit.name, &pimainteno_core::process::Cancel::new()).await.unwrap();
    let first = systemd.state(&unit.name).await.unwrap();

    let good = proposal("#!/bin/sh\necho new\nexec sleep infinity\n");
    let maintainer = world.builder(good).environment(environment()).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    let second = systemd.state(&unit.name).await.unwrap();
    assert_eq!(second.active, ActiveState::Active);
    assert!(
        second.main_pid != first.main_pid && second.since > first.since,
        "{first:?} {second:?}"
    );
    // Taken back by hand, the same unit is restarted into what was there before.
    let record = maintainer.rollback("radio", None).await.unwrap();
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    let back = systemd.state(&unit.name).await.unwrap();
    assert!(
        back.active == ActiveState::Active && back.main_pid != second.main_pid,
        "{second:?} {back:?}"
    );
    assert_eq!(world.read("serve.sh"), "#!/bin/sh\nexec sleep infinity\n");
    drop(maintainer);

    world.write("README.md", "# Radio 2\n");
    world.commit("readme");
    world.git(&["push", "--quiet"]);
    let delivered = world.read("serve.sh");
    // It starts, so that the restart succeeds, and then falls over again and again.
    let bad = proposal("#!/bin/sh\nsleep 0.1\nexit 1\n");
    let maintainer = world.builder(bad).environment(environment()).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(
        matches!(outcome(&records), Outcome::RolledBack { reason } if reason.contains(unit.name.as_str())),
        "{records:#?}"
    );
    assert_eq!(world.read("serve.sh"), delivered);
    assert_eq!(world.head(), world.remote_head());
    assert_eq!(systemd.state(&unit.name).await.unwrap().active, ActiveState::Active);
}

#[tokio::test]
async fn a_unit_that_does_not_exist_is_noticed_before_anything_is_asked_or_pushed() {
    let (mut world, _unit) = world();
    world.project.units = Some(vec!["pimainteno-test-nowhere.service".parse().unwrap()]);
    let (before, backend) = (world.seen_from_outside(), proposal("#!/bin/sh\n"));
    let records = world
        .builder(backend.clone())
        .environment(environment())
        .build()
        .unwrap()
        .run_once()
        .await
        .unwrap();
    assert!(
        matches!(outcome(&records), Outcome::Failed { message, .. } if message.contains("there is no unit")),
        "{records:#?}"
    );
    assert_eq!((world.seen_from_outside(), backend.requests().len()), (before, 0));
}

/// Units of a project of which each writes its name where it is started, or reloaded.
fn writing(world: &World, name: &str, more: &str) -> Unit {
    let log = world.root().join("log");
    let text = format!(
        "{more}\n[Service]\nExecStartPre=/bin/sh -c 'echo start {name} >>{0}'\nExecStart=/bin/sleep infinity\n\
         ExecReload=/bin/sh -c 'echo reload {name} >>{0}'\n",
        log.display()
    );
    let unique = world.root().file_name().unwrap().to_str().unwrap().trim_start_matches('.');
    TestSystemd::get().unit(&format!("{name}-{unique}.service"), &text)
}

#[tokio::test]
async fn units_are_restarted_in_their_order_or_reloaded_and_their_changed_files_are_taken_up() {
    let mut world = World::new();
    let database = writing(&world, "database", "");
    let web = writing(&world, "web", &format!("[Unit]\nAfter={}", database.name));
    let proxy = writing(&world, "proxy", "");
    world.project.units = Some(vec![web.name.clone(), database.name.clone(), proxy.name.clone()]);
    world.config.systemd_monitor.bus = TestSystemd::get().bus;
    world.project.hold = Some(Globs::default());
    let policy = format!(
        "fn restart_units(facts) {{ [\"{}\", \"reload:{}\", \"{}\"] }}",
        web.name, proxy.name, database.name
    );
    let world = world.with_policy(&policy);
    let units = [&web, &database, &proxy].map(|unit| unit.name.to_string()).join(" ");
    let directory = match TestSystemd::get().bus {
        pimainteno_core::config::Bus::System => "/run/systemd/system",
        pimainteno_core::config::Bus::User => return,
    };
    // The file of one is another since systemd has read it.
    let log = world.root().join("log");
    TestSystemd::get().shell(
        &format!(
            "systemctl start {units} && rm {} && sleep 0.01 && sed -i 's/echo start web/echo start newer/' {directory}/{}",
            log.display(),
            web.name
        ),
        "",
    );
    let backend = proposal("#!/bin/sh\necho other\n");
    let maintainer = world.builder(backend).environment(environment()).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    let told = std::fs::read_to_string(&log).unwrap();
    let mut lines: Vec<_> = told.lines().collect();
    // One that is reloaded has no place among those that wait for each other.
    let reloaded = lines.iter().position(|line| *line == "reload proxy").unwrap();
    lines.remove(reloaded);
    assert_eq!(lines, ["start database", "start newer"]);
}
