//! What is done about units that failed: what broke them is taken back, or they are repaired, and
//! what helped once helps again; and where no change can help, a person is told.

use std::time::Duration;

use pimainteno_core::{
    EventKind, NoticeKind, Outcome, Task,
    config::{Mode, StepConfig},
    incident::{EndedBy, Remedy, TroubleKind},
    testing::{Scripted, ScriptedBackend},
};

use crate::{
    causes::nobody,
    house::{House, Watching, systemctl},
    support::World,
};

pub(crate) const UNIT: &str = "[Service]\nExecStart=/usr/bin/python3 {path}/app.py\n";

pub(crate) const BROKEN: &str = "import time\n\n\ndef share(total, guests):\n    return total / guests\n\n\n\
time.sleep(0.1)\nprint(share(12, 0), flush=True)\nwhile True:\n    time.sleep(1)\n";

pub(crate) const MENDED: &str = "import time\n\n\ndef share(total, guests):\n    return total / guests if guests else 0\n\n\n\
time.sleep(0.1)\nprint(share(12, 0), flush=True)\nwhile True:\n    time.sleep(1)\n";

/// Fails as before, a little later: longer than it takes to be restarted.
const NO_HELP: &str = "import time\n\n\ndef share(total, guests):\n    return total / guests\n\n\n\
time.sleep(0.4)\nprint(share(12, 0), flush=True)\nwhile True:\n    time.sleep(1)\n";

/// A project whose program is this, committed and pushed.
pub(crate) fn house(program: &str) -> House {
    let mut house = House::new(&[("app.service", UNIT)]);
    house.world.project.probation = Some(Duration::from_secs(1));
    publish(&house.world, program, "app");
    house
}

/// Commits and pushes this program.
pub(crate) fn publish(world: &World, program: &str, message: &str) {
    world.write("app.py", program);
    world.commit(message);
    world.git(&["push", "--quiet"]);
}

pub(crate) fn edits(contents: &[&str]) -> ScriptedBackend {
    contents.iter().fold(nobody(), |backend, content| {
        backend.answer(
            Task::Propose,
            Scripted::Edit {
                path: "app.py".into(),
                content: (*content).into(),
                text: "share: nobody is no divisor".into(),
            },
        )
    })
}

/// Waits for a notice of this kind; gives what it says.
pub(crate) async fn notice(watching: &mut Watching, kind: NoticeKind) -> String {
    watching
        .hear(|event| match &event.what {
            EventKind::Notice { notice, message, .. } if *notice == kind => Some(message.clone()),
            _ => None,
        })
        .await
}

#[tokio::test]
async fn a_crash_is_repaired_and_the_same_one_again_without_a_model() {
    let house = house(BROKEN);
    let backend = edits(&[MENDED]);
    let mut watching = house.watch(backend.clone()).await;
    let before = house.world.head();
    house.start();
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Applied { .. })), "{run:#?}");
    assert_eq!(run.job.name(), "repair");
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    let [incident] = incidents.as_slice() else { panic!("{incidents:#?}") };
    assert_eq!(incident.ended.as_ref().map(|ended| ended.by), Some(EndedBy::Repair));
    assert!(incident.minutes().is_some_and(|minutes| minutes > 0.0 && minutes < 1.0));
    assert_eq!(incident.done[0].run, Some(run.id));
    // Whoever was asked knew what there is to know.
    let prompt = backend.requests()[0].prompt.clone();
    for known in ["ZeroDivisionError", "app.py:5", "exited with code 1", "return total / guests"] {
        assert!(prompt.contains(known), "{known}: {prompt}");
    }
    assert_eq!(
        (house.world.head(), house.world.read("app.py")),
        (house.world.remote_head(), MENDED.into())
    );
    assert_ne!(house.world.head(), before);

    // Somebody brings it back.
    house.world.write("app.py", BROKEN);
    house.world.commit("as it was");
    house.world.git(&["push", "--quiet"]);
    house.shell(&format!("{} restart {}", systemctl(), house.unit()));
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Applied { .. })), "{run:#?}");
    assert_eq!(backend.calls(Task::Propose), 1);
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    assert_eq!(incidents[0].ended.as_ref().map(|ended| ended.by), Some(EndedBy::Playbook));
    assert_eq!(house.world.read("app.py"), MENDED);
    watching.stop().await;
}

#[tokio::test]
async fn a_repair_that_does_not_help_is_taken_back_and_after_some_nobody_is_asked_any_more() {
    let mut house = house(BROKEN);
    house.world.config.systemd_monitor.freeze_after = 2;
    // Each another change, so that none was tried before.
    let again = NO_HELP.replace("0.4", "0.5");
    let backend = edits(&[NO_HELP, &again, MENDED]);
    let mut watching = house.watch(backend.clone()).await;
    house.start();
    // The run that takes it back is told first.
    let outcomes =
        [watching.repair().await, watching.repair().await].map(|run| run.outcome.unwrap());
    let is_taken_back = |outcome: &Outcome| matches!(outcome, Outcome::RolledBack { .. });
    assert!(outcomes.iter().all(is_taken_back), "{outcomes:#?}");
    assert_eq!(house.world.read("app.py"), BROKEN);
    assert_eq!(house.world.head(), house.world.remote_head());
    let notices = watching.maintainer.notices(None, 10).unwrap();
    let frozen = notices.iter().find(|notice| notice.notice == NoticeKind::Frozen).unwrap();
    assert!(frozen.message.contains("2 times") && frozen.count == 1, "{frozen:?}");
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    assert!(incidents.len() == 1 && incidents[0].ended.is_none(), "{incidents:#?}");
    watching.stop().await;
    assert_eq!(backend.calls(Task::Propose), 2);
}

#[tokio::test]
async fn a_delivery_that_breaks_its_unit_later_is_taken_back_without_a_model() {
    let mut house = house(MENDED);
    house.world.config.systemd_monitor.enabled = false;
    house.start();
    // It does well for longer than its probation.
    let later = BROKEN.replace("0.1", "2.5");
    let maintainer = house
        .world
        .builder(edits(&[&later]))
        .environment(crate::house::environment())
        .build()
        .unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(records[0].outcome, Some(Outcome::Applied { .. })), "{records:#?}");
    drop(maintainer);
    house.world.config.systemd_monitor.enabled = true;
    let backend = nobody();
    let mut watching = house.watch(backend.clone()).await;
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Applied { .. })), "{run:#?}");
    assert_eq!(run.job.takes_back(), Some(records[0].id));
    assert_eq!(house.world.read("app.py"), MENDED);
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    assert_eq!(incidents[0].ended.as_ref().map(|ended| ended.by), Some(EndedBy::Reversal));
    assert_eq!(incidents[0].done[0].what, Remedy::Reversal);
    watching.stop().await;
    assert_eq!(backend.requests().len(), 0);
}

#[tokio::test]
async fn what_no_change_can_mend_is_told_once_and_nobody_is_asked() {
    let full = "import errno\nraise OSError(errno.ENOSPC, 'No space left on device', '/var/lib/app/data')\n";
    let house = house(full);
    let backend = edits(&[MENDED]);
    let mut watching = house.watch(backend.clone()).await;
    house.start();
    let said = notice(&mut watching, NoticeKind::Incident).await;
    assert!(said.contains("No space left"), "{said}");
    house.shell(&format!("{} restart {}", systemctl(), house.unit()));
    let incident = loop {
        let incident = watching.incident(house.unit()).await;
        if incident.count == 2 {
            break incident;
        }
    };
    assert_eq!(incident.trouble.map(|trouble| trouble.kind), Some(TroubleKind::DiskFull));
    let notices = watching.maintainer.notices(None, 10).unwrap();
    assert_eq!((notices.len(), notices[0].count), (1, 1), "{notices:#?}");
    watching.stop().await;
    assert_eq!(backend.requests().len(), 0);
}

#[tokio::test]
async fn in_review_mode_a_repair_waits_and_ends_the_incident_when_it_is_approved() {
    let mut house = house(BROKEN);
    house.world.project.mode = Mode::Review;
    let backend = edits(&[MENDED, MENDED]);
    let mut watching = house.watch(backend.clone()).await;
    house.start();
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Held { .. })), "{run:#?}");
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    assert!(incidents[0].ended.is_none() && incidents[0].done[0].outcome.starts_with("held"));
    // Another failure of the same kind makes no other change.
    house.shell(&format!("{} restart {}", systemctl(), house.unit()));
    let again = loop {
        let incident = watching.incident(house.unit()).await;
        if incident.count == 2 {
            break incident;
        }
    };
    assert_eq!(again.id, incidents[0].id);
    let proposal = run.proposal.unwrap().to_string();
    let sha256 = watching.maintainer.proposal(&proposal).unwrap().sha256;
    let approved = watching.maintainer.approve(&proposal, &sha256).await.unwrap();
    assert!(matches!(approved.outcome, Some(Outcome::Applied { .. })), "{approved:#?}");
    let incident = watching.maintainer.incident(&again.id.to_string()).unwrap();
    assert_eq!(incident.ended.map(|ended| ended.by), Some(EndedBy::Repair));
    watching.stop().await;
    assert_eq!(backend.calls(Task::Propose), 1);
}

#[tokio::test]
async fn without_a_restart_nothing_is_proven() {
    let mut house = house(BROKEN);
    let steps = ["propose", "apply", "verify", "commit", "push"];
    house.world.project.steps = Some(steps.map(|step| StepConfig::Named(step.into())).into());
    house.world.project.probation = Some(Duration::from_millis(200));
    let mut watching = house.watch(edits(&[MENDED])).await;
    house.start();
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Unproven { .. })), "{run:#?}");
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    assert!(incidents[0].ended.is_none(), "{incidents:#?}");
    watching.stop().await;
}

#[tokio::test]
async fn a_person_who_mends_it_ends_the_incident() {
    let house = house(BROKEN);
    let mut watching = house.watch(nobody()).await;
    house.start();
    // Nobody knows a change.
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Failed { .. } | Outcome::NoChange)), "{run:#?}");
    house.world.write("app.py", MENDED);
    house.world.commit("mended by hand");
    house.shell(&format!("{} restart {}", systemctl(), house.unit()));
    assert_eq!(watching.end(house.unit()).await, EndedBy::Person);
    watching.stop().await;
}

#[tokio::test]
async fn a_restart_that_helped_a_person_is_tried_before_anybody_is_asked() {
    // It works once its three starts have failed, so that only a start after that helps.
    let text = "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=3\n[Service]\nRestart=on-failure\nRestartSec=50ms\n\
                ExecStart=/bin/sh -c 'sleep 0.1; test -e {root}/ready || exit 9; exec sleep infinity'\n\
                ExecStopPost=/bin/sh -c 'echo >>{root}/tries; test $(wc -l <{root}/tries) -lt 3 || touch {root}/ready'\n";
    let mut house = House::new(&[("lazy.service", text)]);
    house.world.project.probation = Some(Duration::from_secs(1));
    let backend = nobody();
    let mut watching = house.watch(backend.clone()).await;
    // Nobody but the person does anything.
    watching.maintainer.pause("radio").unwrap();
    house.start();
    loop {
        let incident = watching.incident(house.unit()).await;
        if incident.cause.gave_up {
            break;
        }
    }
    house.shell(&format!("{0} reset-failed {1}; {0} start {1}", systemctl(), house.unit()));
    assert_eq!(watching.end(house.unit()).await, EndedBy::Person);
    watching.maintainer.resume("radio").unwrap();
    let again = house.world.root().display();
    house.shell(&format!(
        "{0} stop {1}; rm {again}/ready {again}/tries; {0} start {1}",
        systemctl(),
        house.unit()
    ));
    // What systemd restarts by itself in between is told, too.
    let ended = loop {
        let by = watching.end(house.unit()).await;
        if by != EndedBy::Itself {
            break by;
        }
    };
    assert_eq!(ended, EndedBy::Playbook);
    let incidents = watching.maintainer.incidents(None, 10).unwrap();
    assert_eq!(incidents[0].done.last().map(|attempt| attempt.what), Some(Remedy::Restart));
    watching.stop().await;
    assert_eq!(backend.requests().len(), 0);
}

#[tokio::test]
async fn a_delivery_is_not_taken_back_for_what_was_down_before_it() {
    let mut house = house(BROKEN);
    // Nobody is asked about the unit any more, and the project goes on.
    house.world.config.systemd_monitor.freeze_after = 1;
    house.world.config.systemd_monitor.cooldown = Duration::from_secs(3600);
    let backend = nobody();
    let mut watching = house.watch(backend).await;
    house.start();
    let run = watching.run().await;
    assert!(matches!(run.outcome, Some(Outcome::Failed { .. })), "{run:#?}");
    watching.stop().await;
    house.world.config.systemd_monitor.enabled = false;
    let upkeep = nobody().answer(
        Task::Propose,
        Scripted::Edit {
            path: "README.md".into(),
            content: "# Radio\n".into(),
            text: "readme: shorter".into(),
        },
    );
    let environment = crate::house::environment();
    let maintainer = house.world.builder(upkeep).environment(environment).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(records[0].outcome, Some(Outcome::Applied { .. })), "{records:#?}");
    drop(maintainer);
    house.world.config.systemd_monitor.enabled = true;
    let delivered = house.world.head();
    let watching = house.watch(nobody()).await;
    // What is to be done about it was asked when watching began.
    let incident = &watching.maintainer.incidents(None, 10).unwrap()[0];
    assert!(incident.ended.is_none(), "{incident:#?}");
    watching.stop().await;
    assert_eq!(house.world.head(), delivered);
    let incident = &house.world.builder(nobody()).build().unwrap().incidents(None, 10).unwrap()[0];
    assert!(incident.done.iter().all(|it| it.what != Remedy::Reversal), "{incident:#?}");
}

#[tokio::test]
async fn a_unit_that_is_stopped_after_it_failed_is_let_be() {
    // It ends with an error when it is told to stop, and by itself.
    let text = "[Service]\nRestart=always\nRestartSec=50ms\n\
                ExecStart=/bin/sh -c 'trap \"exit 1\" TERM; sleep 0.4 & wait; exit 1'\n";
    let mut house = House::new(&[("rude.service", text)]);
    house.world.config.systemd_monitor.flap.failures = 1;
    let mut watching = house.watch(nobody()).await;
    watching.maintainer.pause("radio").unwrap();
    house.start();
    assert!(watching.incident(house.unit()).await.ended.is_none());
    house.shell(&format!("{} stop {}", systemctl(), house.unit()));
    assert_eq!(watching.end(house.unit()).await, EndedBy::Person);
    watching.stop().await;
}
