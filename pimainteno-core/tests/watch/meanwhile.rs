//! What people and other units do meanwhile: what is well again needs no repair, what is nobody's is
//! let be, and many failures are one incident only while they are.

use std::time::Duration;

use pimainteno_core::{
    EventKind, Maintainer, Outcome, RunOptions, Task, UnitName,
    config::RestartConfig,
    incident::{EndedBy, Incident},
};

use crate::{
    causes::nobody,
    house::{House, Watching, systemctl},
    repairs::{BROKEN, MENDED, edits, house},
    support::World,
};

/// Fails once it is told to.
fn told(name: &str) -> String {
    format!(
        "[Service]\nExecStart=/bin/sh -c 'until test -e {{root}}/{name}; do sleep 0.02; done; exit 5'\n"
    )
}

impl House {
    /// Breaks the unit that waits for this name, and waits until that is seen.
    async fn fail(&self, watching: &mut Watching, unit: &UnitName, name: &str) {
        self.shell(&format!("touch {}/{name}", self.world.root().display()));
        let _ = watching.incident(unit).await;
    }

    /// The incidents until `mark` fails, after the unit that waits for this name has.
    async fn incidents_before(
        &self,
        mark: &UnitName,
        unit: &UnitName,
        name: &str,
    ) -> Vec<Incident> {
        self.shell(&format!("{} start {unit} {mark}", systemctl()));
        let watching = self.watch(nobody()).await;
        self.shell(&format!(
            "touch {1}/{name}; until {0} is-failed --quiet {unit}; do sleep 0.02; done; touch {1}/mark",
            systemctl(),
            self.world.root().display()
        ));
        watching.failed_before(mark).await
    }
}

#[tokio::test]
async fn what_a_person_got_well_during_a_repair_is_let_be() {
    let mut house = house(BROKEN);
    let go_on = house.world.root().join("go-on");
    // The person is faster than the checks.
    house.world.project.verify =
        vec![format!("until test -e {}; do sleep 0.02; done", go_on.display())];
    let mut watching = house.watch(edits(&[MENDED])).await;
    let before = house.world.head();
    house.start();
    watching
        .hear(|event| {
            matches!(&event.what, EventKind::StepStarted { step } if step == "verify").then_some(())
        })
        .await;
    // What is installed beside the project may have been what was missing.
    let unit = house.unit();
    house.shell(&format!(
        "mkdir -p /run/systemd/system/{unit}.d; printf '[Service]\\nExecStart=\\nExecStart=/bin/sleep infinity\\n' >/run/systemd/system/{unit}.d/own.conf; \
         {0} daemon-reload; {0} restart {unit}; sleep 1.1; touch {1}",
        systemctl(),
        go_on.display()
    ));
    let run = watching.run().await;
    house.shell(&format!("rm -r /run/systemd/system/{unit}.d"));
    let Some(Outcome::Skipped { reason }) = &run.outcome else { panic!("{run:#?}") };
    assert!(reason.contains("well again without a change"), "{reason}");
    assert_eq!(watching.end(unit).await, EndedBy::Person);
    assert_eq!((house.world.head(), house.world.remote_head()), (before.clone(), before));
    watching.stop().await;
}

#[tokio::test]
async fn a_reversal_that_waited_for_its_turn_is_let_be_where_somebody_has_put_the_unit_away() {
    let mut house = house(MENDED);
    let go_on = house.world.root().join("go-on");
    let world = World::new();
    let mut other = world.project.clone();
    (other.name, other.units) = (Some("other".into()), Some(Vec::new()));
    other.verify = vec![format!("until test -e {}; do sleep 0.02; done", go_on.display())];
    house.world.config.project.push(other);
    house.world.config.scheduler.concurrency = 1;
    house.start();
    // It does well for longer than its probation.
    let later = BROKEN.replace("0.1", "3");
    let mut watching = house.watch(edits(&[&later, "another\n"])).await;
    let run = |maintainer: Maintainer, id: &'static str| async move {
        maintainer.run_projects(&[id], None, RunOptions::default()).await.unwrap().remove(0)
    };
    let delivery = run(watching.maintainer.clone(), "radio").await;
    assert!(matches!(delivery.outcome, Some(Outcome::Applied { .. })), "{delivery:#?}");
    let busy = tokio::spawn(run(watching.maintainer.clone(), "other"));
    let unit = house.unit();
    watching
        .hear(|event| {
            let EventKind::Queued { job } = &event.what else { return None };
            (job.takes_back() == Some(delivery.id)).then_some(())
        })
        .await;
    house.shell(&format!("{} reset-failed {unit}; touch {}", systemctl(), go_on.display()));
    let reason = watching
        .hear(|event| match &event.what {
            EventKind::ProjectSkipped { reason, .. } => Some(reason.clone()),
            _ => None,
        })
        .await;
    assert!(reason.contains("somebody wants it to be so"), "{reason}");
    assert_eq!(watching.end(unit).await, EndedBy::Person);
    assert_eq!(house.world.read("app.py"), later);
    busy.await.unwrap();
    watching.stop().await;
}

#[tokio::test]
async fn what_a_person_stops_while_a_repair_proves_itself_stays_stopped_and_the_repair_stays() {
    let mut house = house(BROKEN);
    house.world.project.probation = Some(Duration::from_secs(4));
    let mut watching = house.watch(edits(&[MENDED])).await;
    house.start();
    watching
        .hear(|event| {
            matches!(&event.what, EventKind::StepStarted { step } if step == "monitor")
                .then_some(())
        })
        .await;
    house.shell(&format!("{} stop {}", systemctl(), house.unit()));
    let run = watching.run().await;
    let Some(Outcome::Unproven { reason, .. }) = &run.outcome else { panic!("{run:#?}") };
    assert!(reason.contains("somebody stopped"), "{reason}");
    assert_eq!(house.world.read("app.py"), MENDED);
    let state = format!("{} is-active {} || :", systemctl(), house.unit());
    assert_eq!(house.shell(&state), "inactive");
    watching.stop().await;
}

#[tokio::test]
async fn a_repair_is_not_taken_back_because_somebody_kills_its_unit() {
    let house = house(BROKEN);
    let backend = edits(&[MENDED]);
    let mut watching = house.watch(backend.clone()).await;
    house.start();
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Applied { .. })), "{run:#?}");
    let repaired = house.world.head();
    house.shell(&format!("{} kill --signal=KILL {}", systemctl(), house.unit()));
    let run = watching.run().await;
    assert!(run.job.takes_back().is_none(), "{run:#?}");
    assert_eq!((house.world.head(), house.world.remote_head()), (repaired.clone(), repaired));
    watching.stop().await;
}

#[tokio::test]
async fn a_repair_that_a_storm_comes_to_mends_nothing() {
    let python = "[Service]\nExecStart=/usr/bin/python3 {path}/app.py\n";
    let [one, two] = ["one", "two"].map(told);
    let units = [("app.service", python), ("one.service", &*one), ("two.service", &*two)];
    let mut house = House::new(&units);
    let go_on = house.world.root().join("go-on");
    house.world.project.verify =
        vec![format!("until test -e {}; do sleep 0.02; done", go_on.display())];
    house.world.config.systemd_monitor.storm.units = 3;
    house.world.write("app.py", BROKEN);
    house.world.commit("app");
    house.world.git(&["push", "--quiet"]);
    // Those are of nobody's project.
    house.world.project.units = Some(vec![house.unit().clone()]);
    let all: Vec<_> = house.units.iter().map(|unit| unit.name.clone()).collect();
    house.world.config.systemd_monitor.units.clone_from(&all);
    let before = house.world.head();
    house.shell(&format!("{} start {} {}", systemctl(), all[1], all[2]));
    let mut watching = house.watch(edits(&[MENDED])).await;
    house.start();
    watching
        .hear(|event| {
            matches!(&event.what, EventKind::StepStarted { step } if step == "verify").then_some(())
        })
        .await;
    let root = house.world.root().display();
    house.shell(&format!("touch {root}/one {root}/two"));
    let machine = loop {
        let incident = watching.incident(&all[2]).await;
        if incident.is_of_machine {
            break incident;
        }
    };
    std::fs::write(&go_on, "").unwrap();
    let run = watching.run().await;
    let Some(Outcome::Skipped { reason }) = &run.outcome else { panic!("{run:#?}") };
    assert!(reason.contains("failed together with others"), "{reason}");
    assert_eq!((house.world.head(), house.world.remote_head()), (before.clone(), before));
    let open = watching.maintainer.incident(&machine.id.to_string()).unwrap();
    assert!(open.ended.is_none() && open.done.iter().all(|it| it.run.is_none()), "{open:#?}");
    watching.stop().await;
}

#[tokio::test]
async fn incidents_that_came_one_after_the_other_stay_so_when_they_are_found_again() {
    let names = ["one", "two", "three"];
    let texts = names.map(told);
    let files = names.map(|name| format!("{name}.service"));
    let units: Vec<_> = (0..3).map(|place| (&*files[place], &*texts[place])).collect();
    let mut house = House::new(&units);
    house.world.config.systemd_monitor.storm.units = 3;
    house.world.config.systemd_monitor.storm.within = Duration::from_millis(1);
    let all: Vec<_> = house.units.iter().map(|unit| unit.name.clone()).collect();
    house.shell(&format!("{} start {}", systemctl(), all.join(" ")));
    let mut watching = house.watch(nobody()).await;
    watching.maintainer.pause("radio").unwrap();
    for (unit, name) in all.iter().zip(names) {
        house.fail(&mut watching, unit, name).await;
    }
    let before: Vec<_> = watching.maintainer.incidents(None, 10).unwrap();
    assert!(before.len() == 3 && before.iter().all(|it| !it.is_of_machine), "{before:#?}");
    watching.stop().await;
    house.world.config.systemd_monitor.storm.within = Duration::from_secs(30);
    let watching = house.watch(nobody()).await;
    let after: Vec<_> = watching.maintainer.incidents(None, 10).unwrap();
    assert_eq!(
        after.iter().map(|it| it.id).collect::<Vec<_>>(),
        before.iter().map(|it| it.id).collect::<Vec<_>>()
    );
    watching.stop().await;
}

#[tokio::test]
async fn a_unit_that_fails_after_a_storm_is_its_own_incident() {
    let names = ["one", "two"];
    let texts = names.map(told);
    let mut house = House::new(&[("one.service", &*texts[0]), ("two.service", &*texts[1])]);
    house.world.config.systemd_monitor.storm.units = 2;
    house.world.config.systemd_monitor.storm.within = Duration::from_millis(1500);
    let all: Vec<_> = house.units.iter().map(|unit| unit.name.clone()).collect();
    let both = all.join(" ");
    house.shell(&format!("{} start {both}", systemctl()));
    let mut watching = house.watch(nobody()).await;
    watching.maintainer.pause("radio").unwrap();
    let root = house.world.root().display();
    house.shell(&format!("touch {root}/one {root}/two"));
    let machine = loop {
        let incident = watching.incident(&all[0]).await;
        if incident.is_of_machine {
            break incident;
        }
    };
    assert_eq!(machine.others.len(), 1, "{machine:#?}");
    // One is started again in vain, when the storm is over.
    house.shell(&format!("sleep 1.6; {} start {}", systemctl(), all[0]));
    let own = loop {
        let incident = watching.incident(&all[0]).await;
        if !incident.is_of_machine {
            break incident;
        }
    };
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    let left = incidents.iter().find(|it| it.id == machine.id).unwrap();
    assert_eq!((&left.unit, left.others.len(), &left.ended), (&all[1], 0, &None));
    assert!(own.id != machine.id && own.unit == all[0]);
    watching.stop().await;
}

#[tokio::test]
async fn a_unit_that_nobody_names_is_found_by_where_it_runs() {
    let text = "[Service]\nWorkingDirectory={path}\nExecStart=/usr/bin/python3 app.py\n";
    let mut house = House::new(&[("found.service", text)]);
    house.world.project.units = None;
    house.world.project.probation = Some(Duration::from_secs(1));
    house.world.write("app.py", BROKEN);
    house.world.commit("app");
    house.world.git(&["push", "--quiet"]);
    // systemd knows what was started once.
    house.start();
    let mut watching = house.watch(edits(&[MENDED])).await;
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Applied { .. })), "{run:#?}");
    assert_eq!(watching.maintainer.incidents(None, 10).unwrap()[0].unit, *house.unit());
    watching.stop().await;
}

#[tokio::test]
async fn a_project_with_an_empty_list_of_units_has_none_whatever_runs_from_it() {
    let told = |name| told(name).replace("[Service]", "[Service]\nWorkingDirectory={path}");
    let (own, mark) = (told("own"), told("mark"));
    let mut house = House::new(&[("own.service", &*own), ("mark.service", &*mark)]);
    let (unit, mark) = (house.unit().clone(), house.units[1].name.clone());
    house.world.project.units = Some(Vec::new());
    let world = World::new();
    let mut other = world.project.clone();
    (other.name, other.units) = (Some("other".into()), Some(vec![mark.clone()]));
    other.restart = RestartConfig::Systemd;
    house.world.config.project.push(other);
    let failed = house.incidents_before(&mark, &unit, "own").await;
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn a_guessed_name_is_not_answered_for_where_something_else_runs_under_it() {
    let mark = told("mark").replace("[Service]", "[Service]\nWorkingDirectory={root}/link");
    let foreign = told("foreign");
    let mut house = House::new(&[("foreign.service", &*foreign), ("mark.service", &*mark)]);
    let (unit, mark) = (house.unit().clone(), house.units[1].name.clone());
    // The unit that has the directory's name.
    house.world.project.units = None;
    let at = house.world.root().join(unit.trim_end_matches(".service"));
    std::fs::rename(house.world.path(), &at).unwrap();
    std::os::unix::fs::symlink(&at, house.world.root().join("link")).unwrap();
    house.world.project.path = at;
    let failed = house.incidents_before(&mark, &unit, "foreign").await;
    assert!(failed.is_empty(), "{failed:#?}");
}

#[tokio::test]
async fn a_unit_that_is_taken_out_of_the_configuration_is_let_be() {
    let text = told("it");
    let mut house = House::new(&[("mine.service", &*text), ("yours.service", &*text)]);
    let (mine, yours) = (house.unit().clone(), house.units[1].name.clone());
    house.shell(&format!("{} start {mine}", systemctl()));
    let mut watching = house.watch(nobody()).await;
    watching.maintainer.pause("radio").unwrap();
    house.fail(&mut watching, &mine, "it").await;
    watching.stop().await;
    house.world.project.units = Some(vec![yours]);
    let watching = house.watch(nobody()).await;
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    assert_eq!(incidents[0].ended.as_ref().map(|ended| ended.by), Some(EndedBy::Person));
    watching.stop().await;
}

#[tokio::test]
async fn a_project_that_a_command_restarts_has_its_repair_proven_by_what_systemd_says() {
    let mut house = house(BROKEN);
    let restart = format!("{} restart {}", systemctl(), house.unit());
    // The command runs beside the test, so systemd is reached as the test reaches it.
    let rig = crate::house::environment();
    let path = rig.get("PATH").unwrap().to_str().unwrap();
    house.world.project.restart = RestartConfig::Command(format!(
        "PATH='{path}' RIG_NAME='{}' {restart}",
        rig.get("RIG_NAME").map(|it| it.to_str().unwrap()).unwrap_or_default()
    ));
    house.world.config.systemd_monitor.units = vec![house.unit().clone()];
    let backend = edits(&[BROKEN.replace("0.1", "0.3").as_str(), MENDED]);
    let mut watching = house.watch(backend.clone()).await;
    house.start();
    let outcomes =
        [watching.repair().await, watching.repair().await].map(|run| run.outcome.unwrap());
    assert!(matches!(&outcomes[0], Outcome::RolledBack { .. }), "{outcomes:#?}");
    assert!(matches!(&outcomes[1], Outcome::Applied { .. }), "{outcomes:#?}");
    watching.stop().await;
    assert_eq!(backend.calls(Task::Propose), 2);
}
