//! A daemon that is killed, or that was not there: nothing is lost by that, and nothing done twice.

use serde_json::Value;

use super::scene::{MENDED, Scene};

/// Has systemd start a daemon that was killed at once.
const QUICK: &str = "mkdir -p /run/systemd/system/Pi-Maintainer.service.d && \
printf '[Service]\\nRestartSec=100ms\\n' > /run/systemd/system/Pi-Maintainer.service.d/quick.conf && systemctl daemon-reload";

const KILL: &str = "systemctl kill --signal=KILL --kill-who=main Pi-Maintainer.service";

/// Kills the daemon and waits until systemd has started another one, which watches units.
fn kill(scene: &Scene) {
    let process = scene.machine.property("MainPID");
    let _ = scene.machine.root(KILL).expect(0);
    scene.wait("another daemon runs", || {
        let now = scene.machine.property("MainPID");
        (now != "0" && now != process).then_some(())
    });
    scene.wait_until_watching();
}

#[test]
fn a_daemon_that_is_killed_between_failure_and_repair_repairs_once() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    // A repair that was cut off has not been one: no time has to pass until the next.
    scene.install("", "mode = \"auto\"");
    let _ = scene.machine.root(QUICK).expect(0);
    scene.shut(true);
    scene.guests(0);
    let id = scene.incident(1, |_| true)["id"].clone();
    kill(&scene);
    scene.wait("codex asks", || (!scene.questions().is_empty()).then_some(()));
    kill(&scene);
    scene.wait("codex asks again", || (scene.questions().len() > 1).then_some(()));
    assert_eq!((scene.delivered(), scene.state()), (0, "failed".into()));
    scene.shut(false);
    let incident = scene.ended(1);
    assert_eq!(
        (&incident["id"], &incident["ended"]["by"], &incident["count"]),
        (&id, &"repair".into(), &1.into()),
        "{incident:#}"
    );
    let outcomes: Vec<_> =
        scene.repairs().iter().map(|run| run["outcome"]["kind"].clone()).collect();
    assert_eq!(outcomes[0], "applied", "{outcomes:?}");
    assert!(outcomes[1..].iter().all(|outcome| outcome == "interrupted"), "{outcomes:?}");
    assert_eq!((scene.delivered(), scene.state()), (1, "active".into()));
    assert_eq!(scene.machine.property("NRestarts"), "2");
}

#[test]
fn a_daemon_that_is_killed_while_a_repair_proves_itself_has_it_prove_itself() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    scene.install("", "mode = \"auto\"\nprobation = \"4s\"");
    let _ = scene.machine.root(QUICK).expect(0);
    scene.guests(0);
    scene.wait("the repair runs", || {
        (scene.delivered() == 1 && scene.state() == "active").then_some(())
    });
    kill(&scene);
    let incident = scene.ended(1);
    assert_eq!(incident["ended"]["by"], "repair", "{incident:#}");
    let runs = scene.repairs();
    assert_eq!((runs.len(), &runs[0]["outcome"]["kind"]), (1, &"applied".into()), "{runs:#?}");
    assert_eq!(&incident["done"][0]["run"], &runs[0]["id"]);
    assert_eq!((scene.delivered(), scene.state()), (1, "active".into()));
    assert_eq!(scene.questions().len(), 1);
}

#[test]
fn what_failed_while_no_daemon_ran_is_found_once() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    scene.install("cooldown = \"0s\"", "mode = \"auto\"");
    let daemon = |verb: &str| {
        let _ = scene.machine.root(&format!("systemctl {verb} Pi-Maintainer")).expect(0);
    };
    // What a person mended before anybody looked is nobody's business.
    daemon("stop");
    scene.guests(0);
    scene.wait_until_failed();
    scene.guests(3);
    let _ = scene.machine.root("systemctl restart radio").expect(0);
    daemon("start");
    scene.wait_until_watching();
    assert_eq!(scene.incidents(), [Value::Null; 0]);

    daemon("stop");
    scene.guests(0);
    scene.wait_until_failed();
    daemon("start");
    let incident = scene.ended(1);
    assert_eq!(incident["ended"]["by"], "repair", "{incident:#}");
    assert_eq!((scene.delivered(), scene.state()), (1, "active".into()));

    // A failure of which a person was told is known to the next daemon, and so is one that is over.
    let _ = scene.machine.root("systemctl stop radio; rm -r /var/lib/radio").expect(0);
    let _ = scene.machine.root("systemctl start radio").expect(0);
    let told = scene.incident(2, |it| !it["trouble"].is_null());
    daemon("restart");
    scene.wait_until_watching();
    assert_eq!(scene.incidents(), [told.clone(), incident.clone()]);
    let notices = scene.machine.json("notices");
    assert_eq!((notices.as_array().map(Vec::len), &notices[0]["count"]), (Some(1), &1.into()));
    let _ = scene.machine.root("systemctl reset-failed radio").expect(0);
    let over = scene.ended(2);
    assert_eq!((&over["id"], &over["ended"]["by"]), (&told["id"], &"person".into()));
    daemon("restart");
    scene.wait_until_watching();
    assert_eq!(scene.incidents(), [over, incident]);
    assert_eq!(scene.questions().len(), 1);
}
