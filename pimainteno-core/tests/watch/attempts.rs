//! How often something is tried, when a failure is judged, and whose it is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use pimainteno_core::{
    EventKind, Outcome, Task, UnitName,
    config::Mode,
    incident::{EndedBy, Incident, Remedy, WaitsOn},
};

use crate::{
    causes::nobody,
    house::{House, systemctl},
    repairs::{BROKEN, MENDED, UNIT, edits, house, publish},
    support::{Agent, git},
    systemd::TestSystemd,
};

/// Helps for as long as there is a file `tables` beside the checkout.
const HELPS_FOR_NOW: &str = "import os, time\n\n\ndef share(total, guests):\n    return 0 if os.path.exists('{root}/tables') else total / guests\n\n\n\
time.sleep(0.1)\nprint(share(12, 0), flush=True)\nwhile True:\n    time.sleep(1)\n";

#[tokio::test]
async fn what_helped_before_and_does_not_now_is_not_tried_again() {
    let house = house(BROKEN);
    let tables = house.world.root().join("tables");
    std::fs::write(&tables, "").unwrap();
    let for_now = HELPS_FOR_NOW.replace("{root}", &house.world.root().display().to_string());
    let backend = edits(&[&for_now, MENDED]);
    let mut watching = house.watch(backend.clone()).await;
    house.start();
    let run = watching.repair().await;
    assert!(matches!(run.outcome, Some(Outcome::Applied { .. })), "{run:#?}");

    // Somebody brings it back, and what helped cannot help any more.
    std::fs::remove_file(&tables).unwrap();
    publish(&house.world, BROKEN, "as it was");
    house.shell(&format!("{} restart {}", systemctl(), house.unit()));
    let second = watching.repair().await;
    assert!(matches!(second.outcome, Some(Outcome::RolledBack { .. })), "{second:#?}");
    assert_eq!(backend.calls(Task::Propose), 1, "the second came from the playbook");
    let third = watching.repair().await;
    assert!(matches!(third.outcome, Some(Outcome::Applied { .. })), "{third:#?}");
    assert_eq!((backend.calls(Task::Propose), house.world.read("app.py")), (2, MENDED.into()));
    let incident = &watching.maintainer.incidents(None, 10).unwrap()[0];
    let tried: Vec<_> = incident.done.iter().map(|attempt| attempt.what).collect();
    assert_eq!(tried, [Remedy::Playbook, Remedy::Repair], "{incident:#?}");
    assert_eq!(incident.ended.as_ref().map(|ended| ended.by), Some(EndedBy::Repair));
    watching.stop().await;
}

#[tokio::test]
async fn within_the_cooldown_nothing_is_tried_again_and_after_it_something_is() {
    let mut house = house(BROKEN);
    let cooldown = Duration::from_secs(6);
    house.world.config.systemd_monitor.cooldown = cooldown;
    let mut watching = house.watch(nobody()).await;
    house.start();
    let first = watching.repair().await;
    assert!(matches!(first.outcome, Some(Outcome::Failed { .. })), "{first:#?}");
    house.shell(&format!("{} restart {}", systemctl(), house.unit()));
    let again = loop {
        let incident = watching.incident(house.unit()).await;
        if incident.count == 2 {
            break incident;
        }
    };
    assert_eq!(again.done.len(), 1, "{again:#?}");
    let waiting = watching.maintainer.incident(&again.id.to_string()).unwrap().waiting.unwrap();
    assert_eq!(waiting.on, WaitsOn::Cooldown);
    let second = watching.repair().await;
    let incident = watching.maintainer.incident(&again.id.to_string()).unwrap();
    assert!(second.started >= waiting.until.unwrap(), "{second:#?}");
    let [one, two] = incident.done.as_slice() else { panic!("{incident:#?}") };
    assert_eq!((one.run, two.run), (Some(first.id), Some(second.id)));
    assert!(again.last < two.at, "it failed again before: {incident:#?}");
    let between = Duration::try_from(two.at.duration_since(one.at)).unwrap();
    assert!(between >= cooldown, "{between:?}");
    watching.stop().await;
}

#[tokio::test]
async fn a_unit_that_waits_for_a_repair_of_another_one_says_so() {
    let fails = "[Service]\nExecStart=/bin/sh -c 'echo no table; exit 3'\n";
    let mut house = House::new(&[("app.service", UNIT), ("other.service", fails)]);
    house.world.project.mode = Mode::Review;
    publish(&house.world, BROKEN, "app");
    let backend = edits(&[MENDED]);
    let mut watching = house.watch(backend.clone()).await;
    house.start();
    let run = watching.repair().await;
    assert!(matches!(run.outcome, Some(Outcome::Held { .. })), "{run:#?}");
    let other = house.units[1].name.clone();
    house.shell(&format!("{} start {other}", systemctl()));
    let seen = watching.incident(&other).await;
    assert_eq!(seen.waiting, None, "an event does not tell what may be otherwise by now");
    let waiting = |unit: &UnitName| {
        let all = watching.maintainer.incidents(None, 10).unwrap();
        all.into_iter().find(|it| it.unit == *unit).unwrap().waiting.map(|it| it.on)
    };
    let proposal = run.proposal.unwrap();
    assert_eq!(waiting(house.unit()), Some(WaitsOn::Held { proposal, unit: None }));
    let unit = Some(house.unit().clone());
    assert_eq!(waiting(&other), Some(WaitsOn::Held { proposal, unit }));
    watching.maintainer.pause("radio").unwrap();
    assert_eq!(waiting(&other), Some(WaitsOn::Paused));
    watching.stop().await;
    assert_eq!(backend.calls(Task::Propose), 1);
}

/// A backend that kills this unit when it is asked for the first time, waits until it is down, and
/// then makes this of `README.md`, if anything; later it knows no change.
fn saboteur(unit: &UnitName, readme: Option<&'static str>) -> Agent {
    let (unit, is_done) = (unit.clone(), Arc::new(AtomicBool::new(false)));
    Agent::new(move |workspace| {
        if is_done.swap(true, Ordering::Relaxed) {
            return;
        }
        let systemctl = systemctl();
        let kill = format!("{systemctl} kill --signal=KILL {unit}; ");
        let wait = format!("until {systemctl} is-failed --quiet {unit}; do sleep 0.02; done");
        TestSystemd::get().shell(&format!("{kill}{wait}"), "");
        if let Some(readme) = readme {
            std::fs::write(workspace.join("README.md"), readme).unwrap();
        }
    })
}

/// A project with a unit that runs, and a unit of nobody that fails at once when it is started.
fn house_with_mark() -> House {
    let mut house = House::new(&[
        ("app.service", "[Service]\nExecStart=/bin/sleep infinity\n"),
        ("mark.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n"),
    ]);
    let (unit, mark) = (house.unit().clone(), house.units[1].name.clone());
    house.world.config.systemd_monitor.units = vec![unit.clone(), mark];
    house.world.project.units = Some(vec![unit]);
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_during_a_run_that_restarts_it_is_no_incident() {
    let house = house_with_mark();
    let (unit, mark) = (house.unit(), &house.units[1].name);
    house.start();
    let watching = house.watch(saboteur(unit, Some("# Radio\n"))).await;
    let runs = watching.maintainer.run_once().await.unwrap();
    assert!(matches!(runs[0].outcome, Some(Outcome::Applied { .. })), "{runs:#?}");
    house.shell(&format!("{} start {mark} || :", systemctl()));
    let failed = watching.failed_before(mark).await;
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_during_a_run_and_is_still_down_is_an_incident_when_that_is_over() {
    let house = house_with_mark();
    let unit = house.unit();
    house.start();
    let mut watching = house.watch(saboteur(unit, None)).await;
    let runs = watching.maintainer.run_once().await.unwrap();
    assert!(matches!(runs[0].outcome, Some(Outcome::NoChange)), "{runs:#?}");
    let mut is_over = false;
    let incident = loop {
        let news = watching.hear(|event| match &event.what {
            EventKind::RunFinished { record } if record.id == runs[0].id => Some(None),
            EventKind::Incident { incident } => Some(Some(Incident::clone(incident))),
            _ => None,
        });
        match news.await {
            None => is_over = true,
            Some(incident) => break incident,
        }
    };
    assert!(is_over && incident.seen >= runs[0].ended.unwrap(), "{incident:#?}");
    assert_eq!((&incident.unit, incident.count), (unit, 1));
    assert!(incident.cause.text.contains("SIGKILL") && incident.ended.is_none(), "{incident:#?}");
    watching.stop().await;
}

/// A house whose project names no unit, though this one runs from it.
fn house_of_nobody(unit: &str) -> House {
    let mut house = House::new(&[("app.service", unit)]);
    house.world.project.probation = Some(Duration::from_secs(1));
    house.world.config.systemd_monitor.units = vec![house.unit().clone()];
    house.world.project.units = Some(Vec::new());
    publish(&house.world, BROKEN, "app");
    house
}

#[tokio::test]
async fn a_unit_that_no_project_names_is_of_the_one_that_it_runs_from() {
    for unit in [
        UNIT,
        "[Service]\nWorkingDirectory={path}\nExecStart=/usr/bin/python3 app.py\n",
        // One that may be missing.
        "[Service]\nWorkingDirectory=-{path}\nExecStart=/usr/bin/python3 app.py\n",
    ] {
        let house = house_of_nobody(unit);
        let mut watching = house.watch(edits(&[MENDED])).await;
        house.start();
        let run = watching.repair().await;
        assert!(matches!(run.outcome, Some(Outcome::Applied { .. })), "{unit}: {run:#?}");
        assert_eq!(house.world.read("app.py"), MENDED);
        let incident = &watching.maintainer.incidents(None, 10).unwrap()[0];
        assert_eq!(incident.project.as_ref(), Some(&run.project), "{unit}");
        assert_eq!(incident.ended.as_ref().map(|ended| ended.by), Some(EndedBy::Repair));
        watching.stop().await;
    }
}

#[tokio::test]
async fn of_projects_inside_of_each_other_the_nearest_has_the_unit() {
    let text = "[Service]\nWorkingDirectory={path}/inner/src\nExecStart=/bin/false\n";
    let mut house = house_of_nobody(text);
    let inner = house.world.path().join("inner");
    let remote = house.world.remote().display().to_string();
    house.world.write(".gitignore", "inner\n");
    house.world.commit("not ours");
    git(house.world.root(), &["clone", "--quiet", &remote, inner.to_str().unwrap()]);
    let mut project = house.world.project.clone();
    project.path = inner;
    house.world.config.project.push(project);
    let mut watching = house.watch(nobody()).await;
    let all = watching.maintainer.projects();
    let nearest = all.iter().find(|it| it.project.path.ends_with("inner")).unwrap();
    house.start();
    let incident = watching.incident(house.unit()).await;
    assert_eq!(incident.project.as_ref(), Some(&nearest.project.id), "{incident:#?}");
    watching.stop().await;
}
