//! Units that fail on a machine with a real systemd, seen by the daemon that `install` installed
//! there, and repaired by the real codex.
//!
//! Only root can boot a systemd apart from the machine's; for anybody else there is nothing to see
//! here.

mod cut_off;
mod handed_over;
mod people;
mod scene;

use serde_json::Value;

use self::scene::{BUG, MENDED, NO_HELP, Scene};

#[test]
fn a_crash_is_repaired_by_codex_and_the_same_one_again_by_what_helped() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    scene.install("cooldown = \"0s\"", "mode = \"auto\"");
    assert_eq!((scene.state(), scene.incidents().len()), ("active".into(), 0));
    scene.shut(true);
    scene.guests(0);

    // While the model thinks, everybody can see what goes on.
    scene.wait("codex asks", || (!scene.questions().is_empty()).then_some(()));
    let open = scene.incident(1, |_| true);
    assert_eq!((&open["ended"], &open["unit"]), (&Value::Null, &"radio.service".into()));
    let status = scene.machine.ada("pi-mainteno status").expect(0);
    assert!(
        status
            .stdout
            .starts_with("✖ radio.service exited with code 1: ZeroDivisionError: division by zero"),
        "{}",
        status.stdout
    );
    let _ = status.says(&["running"]);
    assert_eq!(scene.state(), "failed");
    let prompt = scene.questions()[0].prompt();
    for known in [
        "`radio.service` exited with code 1",
        "<error>\nZeroDivisionError: division by zero\n</error>",
        "- radio.py:5 in share",
        BUG,
        "tuned in\n",
        "python3: Traceback (most recent call last):",
        "systemd: radio.service: Main process exited, code=exited, status=1/FAILURE",
        " a service\n",
        "python3 -B -m unittest",
    ] {
        assert!(prompt.contains(known), "{known:?} in {prompt}");
    }
    scene.shut(false);

    let incident = scene.ended(1);
    assert_eq!(
        (&incident["ended"]["by"], &incident["cause"]["kind"], &incident["project"]),
        (&"repair".into(), &"exit-code".into(), &"radio".into()),
        "{incident:#}"
    );
    let run = scene.repairs().remove(0);
    assert_eq!(
        (&run["outcome"]["kind"], &run["trigger"]["unit"], &incident["done"][0]["run"]),
        (&"applied".into(), &"radio.service".into(), &run["id"]),
        "{run:#}"
    );
    let id = incident["id"].as_str().unwrap();
    let _ = scene.machine.ada(&format!("pi-mainteno show {id}")).expect(0).says(&[
        "radio.service exited with code 1: ZeroDivisionError",
        "by a repair, after ",
        " min",
        "asked for a repair, run ",
        ": applied: ",
        "radio.py:5 in share",
        "tuned in",
    ]);
    let _ = scene.machine.ada("pi-mainteno incidents").expect(0).says(&["by a repair, ", " min"]);
    assert_eq!((scene.state(), scene.delivered()), ("active".into(), 1));
    let _ = scene
        .machine
        .ada("git -C radio.git show main:radio.py; cat radio/radio.py")
        .expect(0)
        .says(&[&format!("{MENDED}\n")]);
    let calls = scene.calls();

    // A person brings it back, and nobody is asked.
    scene.bring_back();
    let again = scene.ended(2);
    assert_eq!(
        (&again["ended"]["by"], &again["done"][0]["what"], &again["signature"]),
        (&"playbook".into(), &"playbook".into(), &incident["signature"]),
        "{again:#}"
    );
    assert_eq!((scene.calls(), scene.state(), scene.delivered()), (calls, "active".into(), 2));
}

#[test]
fn a_unit_that_systemd_gives_up_after_restarts_is_repaired() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    let restarts = "mkdir -p /etc/systemd/system/radio.service.d && printf '[Service]\\nRestart=always\\n' > /etc/systemd/system/radio.service.d/restart.conf && \
        systemctl daemon-reload";
    let _ = scene.machine.root(restarts).expect(0);
    scene.install("cooldown = \"0s\"", "mode = \"auto\"");
    scene.guests(0);
    let is_over =
        |incident: &Value| !incident["ended"].is_null() && incident["ended"]["by"] != "itself";
    let incident = scene
        .wait("it is repaired", || scene.incidents().first().filter(|it| is_over(it)).cloned());
    assert_eq!(incident["ended"]["by"], "repair", "{incident:#}");
    assert_eq!(
        (scene.state(), scene.delivered(), scene.questions().len()),
        ("active".into(), 1, 1)
    );
    // Nothing is held against what runs now.
    let restarts = scene.machine.root("systemctl show --property=NRestarts --value radio");
    assert_eq!(restarts.stdout, "0\n");
}

#[test]
fn what_a_service_said_is_known_though_the_journal_is_slow() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    scene.install("", "mode = \"auto\"");
    // Its lines are taken in when nobody can tell any more which start they are of.
    let _ = scene.machine.root("systemctl stop radio").expect(0);
    scene.guests(0);
    let _ = scene
        .machine
        .root("systemctl kill --signal=STOP systemd-journald && systemctl start radio")
        .expect(0);
    scene.wait_until_failed();
    let _ = scene.machine.root("systemctl kill --signal=CONT systemd-journald").expect(0);
    let incident = scene.ended(1);
    assert_eq!(
        (&incident["ended"]["by"], &incident["message"]),
        (&"repair".into(), &"ZeroDivisionError: division by zero".into()),
        "{incident:#}"
    );
}

#[test]
fn a_repair_that_does_not_help_is_taken_back() {
    let Some(scene) = Scene::boot(NO_HELP) else { return };
    scene.install("cooldown = \"0s\"\nfreeze_after = 2", "mode = \"auto\"");
    let before = scene.contents();
    scene.guests(0);
    // The model says the same once more, which is not tried, and then nobody asks it any more.
    let said = |incident: &Value, at: usize| {
        incident["done"][at]["outcome"].as_str().unwrap_or_default().to_owned()
    };
    let done = scene.incident(1, |incident| !said(incident, 1).is_empty());
    assert!(said(&done, 0).starts_with("rolled-back: monitor: `radio.service` is "), "{done:#}");
    assert!(
        said(&done, 1).starts_with("skipped: the same change was taken back in run"),
        "{done:#}"
    );
    let told = scene.wait("a person is told", || {
        let told = scene.machine.json("notices");
        (told != Value::Array(Vec::new())).then_some(told)
    });
    assert_eq!((told.as_array().map(Vec::len), &told[0]["notice"]), (Some(1), &"frozen".into()));
    assert_eq!((scene.contents(), scene.delivered()), (before, 1));
    assert_eq!((&done["ended"], scene.state()), (&Value::Null, "failed".into()));
    let last = done["invocation"].clone();
    let _ = scene.machine.root("systemctl restart radio").expect(0);
    let again = scene.incident(1, |it| it["invocation"] != last);
    assert_eq!((&again["id"], again["done"].as_array().map(Vec::len)), (&done["id"], Some(2)));
    assert_eq!((scene.questions().len(), scene.repairs().len()), (2, 2));
    assert_eq!(scene.machine.json("notices"), told);
    let _ = scene
        .machine
        .ada("pi-mainteno status")
        .expect(0)
        .says(&["✖ radio.service exited with code 1", "nobody is asked any more"]);
}

#[test]
fn a_full_disk_is_told_and_nobody_is_asked() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    scene.install("cooldown = \"0s\"", "mode = \"auto\"");
    let before = scene.contents();
    // It has room for a second of what the service keeps.
    let disk = "systemctl stop radio && mount -t tmpfs -o size=96k,mode=777 tmpfs /var/lib/radio && systemctl start radio";
    let _ = scene.machine.root(disk).expect(0);
    let incident = scene.incident(1, |_| true);
    assert_eq!(incident["trouble"]["kind"], "disk-full", "{incident:#}");
    let remedy = incident["trouble"]["remedy"].as_str().unwrap();
    let told = scene.machine.json("notices");
    assert_eq!(told[0]["notice"], "incident", "{told:#}");
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.contains("No space left on device") && message.contains(remedy), "{message}");
    let _ = scene
        .machine
        .ada("pi-mainteno status")
        .expect(0)
        .says(&["✖ radio.service exited with code 1: OSError: [Errno 28]", remedy]);
    // Once more it is no news.
    let _ = scene.machine.root("systemctl restart radio").expect(0);
    let again = scene.incident(1, |it| it["count"] == 2);
    assert_eq!((&again["ended"], &again["done"]), (&Value::Null, &serde_json::json!([])));
    let told = scene.machine.json("notices");
    assert_eq!(
        (told.as_array().map(Vec::len), &told[0]["count"]),
        (Some(1), &1.into()),
        "{told:#}"
    );
    assert_eq!((scene.calls(), scene.repairs().len()), (0, 0));
    assert_eq!(scene.contents(), before);
    // A person makes room.
    let _ = scene.machine.root("umount /var/lib/radio; systemctl restart radio").expect(0);
    assert_eq!(scene.ended(1)["ended"]["by"], "person");
}
