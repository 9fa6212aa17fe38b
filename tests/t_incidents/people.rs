//! What a person has to do with a repair: it waits for them, or for a right that they have to give.

use serde_json::Value;

use super::scene::{MENDED, Scene};

#[test]
fn in_review_mode_a_repair_waits_for_a_person_who_sees_it_first() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    scene.install("cooldown = \"0s\"", "mode = \"review\"");
    let before = scene.contents();
    scene.guests(0);
    let is_held = |incident: &Value| {
        incident["done"][0]["outcome"].as_str().is_some_and(|it| it.starts_with("held"))
    };
    let open = scene.incident(1, is_held);
    assert_eq!((&open["ended"], scene.state()), (&Value::Null, "failed".into()));
    assert_eq!(scene.contents(), before);
    let proposal = scene.machine.json("proposals")[0].clone();
    let id = proposal["id"].as_str().unwrap();
    let status = scene.machine.ada("pi-mainteno status").expect(0);
    let mut lines = status.stdout.lines();
    let first = lines.next().unwrap();
    assert!(first.starts_with("✖ radio.service exited with code 1: ZeroDivisionError"), "{first}");
    let (second, short) = (lines.next().unwrap(), id.replace('-', "")[..12].to_owned());
    assert_eq!(second, format!("  a repair waits for you; pi-mainteno diff {short} shows it"));
    let _ = scene.machine.ada(&format!("pi-mainteno diff {short}")).expect(0).says(&[MENDED]);
    let _ = scene
        .machine
        .ada(&format!("pi-mainteno approve {short}"))
        .expect(0)
        .says(&["restarted radio.service", "applied"]);
    let ended = scene.ended(1);
    assert_eq!((&ended["id"], &ended["ended"]["by"]), (&open["id"], &"repair".into()));
    assert_eq!((scene.state(), scene.delivered()), ("active".into(), 1));
    assert_eq!(scene.questions().len(), 1);
    let status = scene.machine.ada("pi-mainteno status").expect(0);
    assert!(!status.stdout.contains('✖'), "{}", status.stdout);
}

#[test]
fn a_repair_that_may_not_restart_the_unit_says_what_would_allow_it_and_is_taken_back() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    scene.install("cooldown = \"0s\"", "mode = \"auto\"");
    let rules = "rm /etc/polkit-1/rules.d/50-pi-mainteno.rules && systemctl restart polkit";
    let _ = scene.machine.root(rules).expect(0);
    let before = scene.contents();
    scene.guests(0);
    let done =
        scene.incident(1, |it| it["done"][0]["outcome"].as_str().is_some_and(|it| !it.is_empty()));
    let outcome = done["done"][0]["outcome"].as_str().unwrap();
    for part in [
        "cannot restart `radio.service`",
        "/etc/polkit-1/rules.d/50-pi-mainteno.rules",
        "polkit.addRule",
        "action.lookup(\"unit\") == \"radio.service\"",
        "subject.user == \"ada\"",
    ] {
        assert!(outcome.contains(part), "{part} in {outcome}");
    }
    assert_eq!((&done["ended"], scene.state()), (&Value::Null, "failed".into()));
    assert_eq!(scene.contents(), before);
    assert!(outcome.starts_with("rolled-back: restart: "), "{outcome}");
    // It waits for whoever puts that right, and nobody is asked meanwhile.
    let status = scene.machine.ada("pi-mainteno status").expect(0);
    let _ = status.says(&["✖ radio.service exited with code 1", "a repair waits for you"]);
    let proposal = scene.machine.json("proposals")[0].clone();
    let reason = proposal["status"]["reason"].as_str().unwrap();
    let rule = reason.split("allows exactly this: ").nth(1).unwrap();
    let rule = rule.split("; or run the daemon as root").next().unwrap();
    scene.machine.write("/etc/polkit-1/rules.d/50-pi-mainteno.rules", &format!("{rule}\n"));
    let _ = scene.machine.root("systemctl restart polkit").expect(0);
    let id = proposal["id"].as_str().unwrap();
    let _ = scene.machine.ada(&format!("pi-mainteno approve {id}")).expect(0).says(&["applied"]);
    let ended = scene.ended(1);
    assert_eq!((&ended["ended"]["by"], scene.state()), (&"repair".into(), "active".into()));
    assert_eq!((scene.questions().len(), scene.repairs().len()), (1, 1));
}
