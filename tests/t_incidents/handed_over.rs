//! Units that nobody watches and that tell of their failure themselves, and those of a user's own
//! systemd.

use super::scene::{MENDED, Scene};

#[test]
fn a_unit_that_tells_of_its_failure_is_repaired_though_nobody_watches_it() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    scene
        .machine
        .configure(&scene.configuration("enabled = false\ncooldown = \"0s\"", "mode = \"auto\""));
    let install = "SUDO_USER=ada pi-mainteno install --yes --with-on-failure";
    let _ = scene.machine.root(install).expect(0);
    let tells = "mkdir -p /etc/systemd/system/radio.service.d && \
        printf '[Unit]\\nOnFailure=pi-mainteno-failed@%%n.service\\n' > /etc/systemd/system/radio.service.d/tells.conf && systemctl daemon-reload";
    let _ = scene.machine.root(tells).expect(0);
    scene.guests(0);
    let incident = scene.ended(1);
    assert_eq!(
        (&incident["ended"]["by"], &incident["message"]),
        (&"repair".into(), &"ZeroDivisionError: division by zero".into()),
        "{incident:#}"
    );
    assert_eq!((scene.state(), scene.delivered()), ("active".into(), 1));

    // With no daemon it is kept for the next one.
    let _ = scene.machine.root("systemctl stop Pi-Maintainer").expect(0);
    scene.bring_back();
    let kept = scene.incident(2, |_| true);
    assert_eq!(
        (&kept["ended"], &kept["message"], scene.state()),
        (&serde_json::Value::Null, &"ZeroDivisionError: division by zero".into(), "failed".into()),
        "{kept:#}"
    );
    let _ = scene.machine.root("systemctl start Pi-Maintainer").expect(0);
    let again = scene.ended(2);
    assert_eq!((&again["id"], &again["ended"]["by"]), (&kept["id"], &"playbook".into()));
    assert_eq!((scene.state(), scene.delivered()), ("active".into(), 2));
    assert_eq!(scene.questions().len(), 1);
}

#[test]
fn a_unit_of_a_user_is_repaired_by_a_daemon_of_that_user() {
    let Some(scene) = Scene::boot(MENDED) else { return };
    let machine = &scene.machine;
    // As whoever sets up such a machine is.
    let _ = machine.root("usermod --append --groups systemd-journal ada").expect(0);
    machine.begin_session();
    let _ = machine.root("systemctl stop radio; rm /etc/systemd/system/radio.service; systemctl daemon-reload; rm -r /var/lib/pi-mainteno/* /etc/pi-mainteno; true").expect(0);
    let unit = "mkdir -p ~/.config/systemd/user && printf '[Service]\\nExecStart=/usr/bin/python3 %s/radio/radio.py\\n' $HOME > ~/.config/systemd/user/radio.service && \
        systemctl --user daemon-reload && systemctl --user start radio";
    let _ = machine.in_session(unit).expect(0);
    let config = scene.configuration("enabled = true\nbus = \"user\"", "mode = \"auto\"");
    machine.write("/home/ada/PiMainteno.toml", &config);
    let _ = machine
        .in_session(
            "PATH=$HOME/.local/bin:$PATH pi-mainteno install --user --yes && rm PiMainteno.toml",
        )
        .expect(0);
    scene.wait_until_watching();
    scene.guests(0);
    let incident = scene.ended(1);
    assert_eq!(
        (&incident["ended"]["by"], &incident["message"], &incident["unit"]),
        (&"repair".into(), &"ZeroDivisionError: division by zero".into(), &"radio.service".into()),
        "{incident:#}"
    );
    assert_eq!(machine.in_session("systemctl --user is-active radio").stdout, "active\n");
    assert_eq!(scene.delivered(), 1);
}
