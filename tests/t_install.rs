//! The daemon as a service of a real systemd, installed by itself.
//!
//! Only root can boot a systemd apart from the machine's; for anybody else there is nothing to see
//! here.

use std::{
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    model_server::{Answer, ModelServer},
    service::ServiceMachine,
};

/// A configuration with Ada's project, which delivers without asking, and what it says besides.
fn configuration(backend: &str, project: &str) -> String {
    format!(
        "[llm]\n{backend}\n[scheduler]\ncron = \"0 3 1 1 *\"\n[[project]]\npath = \"~/radio\"\nmode = \"auto\"\nunits = [\"radio.service\"]\n\
         probation = \"0s\"\nhold = []\n{project}\n"
    )
}

const OFFLINE: &str = "provider = \"offline\"";

/// A server for SSH, and Ada's project whose remote is reached by it, with a key in her home.
const SSH: &str = r#"
set -e
mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f /run/sshd/host
usermod --password '*' ada
runuser -u ada -- sh -ec '
    cd
    mkdir -m 700 .ssh
    ssh-keygen -q -t ed25519 -N "" -f .ssh/id_ed25519
    cp .ssh/id_ed25519.pub .ssh/authorized_keys
    git -C radio remote set-url origin ssh://ada@127.0.0.1:PORT/home/ada/radio.git'
/usr/sbin/sshd -f /dev/null -h /run/sshd/host -o ListenAddress=127.0.0.1:PORT -o PidFile=none
runuser -u ada -- sh -ec '
    cd
    ssh-keyscan -p PORT 127.0.0.1 > .ssh/known_hosts 2> /dev/null
    git -C radio fetch --quiet'
"#;

/// Every file that `install` writes but for the configuration.
const FILES: [&str; 6] = [
    "/etc/systemd/system/Pi-Maintainer.service",
    "/etc/polkit-1/rules.d/50-pi-mainteno.rules",
    "/usr/local/share/man/man1/pi-mainteno.1",
    "/usr/local/share/bash-completion/completions/pi-mainteno",
    "/usr/local/share/fish/vendor_completions.d/pi-mainteno.fish",
    "/usr/local/share/zsh/site-functions/_pi-mainteno",
];

#[test]
fn a_service_is_shown_installed_brought_up_to_date_and_removed() {
    let Some(machine) = ServiceMachine::boot() else { return };
    machine.configure(&configuration(OFFLINE, "verify = [\"true\"]"));
    let list = format!("ls {}", FILES.join(" "));
    // All files of ours that there are, wherever they are.
    let ours =
        "find / -xdev -iname '*pi*maint*' -not -path '/proc/*' -not -path '/tmp/*' 2> /dev/null";
    let before = machine.root(ours).stdout;

    // Nobody can be asked, so it is shown and not done.
    let _ = machine.root("SUDO_USER=ada pi-mainteno install").expect(2).tells(&[
        FILES[0],
        "+User=ada",
        FILES[1],
        "systemctl enable",
        "`--yes`",
    ]);
    assert_eq!(machine.root(&list).stdout, "");
    // Ada's home is not root's, and nobody guesses.
    let _ = machine
        .root("pi-mainteno install --yes")
        .expect(2)
        .tells(&["/root/radio", "`--owner USER`"]);

    machine
        .install()
        .says(&["Pi-Maintainer.service runs as ada and answers at /run/pi-mainteno/control.sock"]);
    let _ = machine.root(&list).expect(0);
    assert_eq!(
        ["ActiveState", "UnitFileState", "User"].map(|name| machine.property(name)),
        ["active", "enabled", "ada"]
    );
    // Whoever owns the projects finds the daemon, and so does root, who decides, too.
    for person in [ServiceMachine::ada, ServiceMachine::root] {
        let _ = person(&machine, "pi-mainteno status").expect(0).says(&["radio"]);
        let _ = person(&machine, "pi-mainteno pause radio").expect(0);
        let _ = person(&machine, "pi-mainteno resume radio").expect(0);
    }
    let _ = machine.ada("pi-mainteno check").says(&["answers at `/run/pi-mainteno/control.sock`"]);
    let _ = machine.root(&format!("grep -q '^.SS install' {}", FILES[2])).expect(0);

    // Again, there is nothing to do: no file is written, and the daemon goes on.
    let seen = format!("stat --format '%n %i %Z' {}", FILES.join(" "));
    let (files, process) = (machine.root(&seen).stdout, machine.property("MainPID"));
    machine.root("pi-mainteno install").expect(0).says(&["; nothing to do"]);
    assert_eq!((machine.root(&seen).stdout, machine.property("MainPID")), (files, process.clone()));

    // What a person edited is shown, and only then written over.
    let _ = machine.root(&format!("sed -i 's/^CPUWeight=.*/CPUWeight=17/' {}", FILES[0])).expect(0);
    let edited = ["-CPUWeight=17", "+CPUWeight=50", "systemctl restart"];
    let _ = machine.root("pi-mainteno install").expect(2).tells(&edited);
    let _ = machine.root(&format!("grep CPUWeight=17 {}", FILES[0])).expect(0);
    let _ = machine.root("pi-mainteno install --yes").expect(0).tells(&edited);
    assert_ne!(machine.property("MainPID"), process);
    assert_eq!(machine.property("CPUWeight"), "50");

    // Other units are configured: only the rule changes, and the template is there once it is wanted.
    let more = configuration(OFFLINE, "verify = [\"true\"]")
        .replace("\"radio.service\"", "\"radio.service\", \"other.service\"");
    machine.configure(&more);
    let _ = machine.root("pi-mainteno reload").expect(0);
    let output = machine.root("pi-mainteno install --yes --with-on-failure").expect(0);
    let _ = output
        .tells(&["+    var units = [\"other.service\", \"radio.service\"];", "failed@.service"]);
    assert!(!output.stderr.contains("restart Pi-Maintainer"), "{}", output.stderr);
    let _ = machine.root("systemd-analyze verify /etc/systemd/system/pi-mainteno-failed@x.service /etc/systemd/system/Pi-Maintainer.service").expect(0);

    let _ =
        machine.root("pi-mainteno uninstall").expect(2).tells(&["removes", FILES[1], "`--yes`"]);
    assert_eq!(machine.property("ActiveState"), "active");
    machine.root("pi-mainteno uninstall --yes").expect(0).says(&[
        "removed Pi-Maintainer.service",
        "/var/lib/pi-mainteno ",
        "/etc/pi-mainteno ",
    ]);
    let after = machine.root(ours).stdout;
    // What is built meanwhile is nothing that was installed.
    let is_new = |path: &&str| !path.contains("/target/") && !before.lines().any(|it| it == *path);
    // The configuration and a place for state were there before.
    assert_eq!(after.lines().filter(is_new).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(machine.root("test -s /etc/pi-mainteno/PiMainteno.toml").code, Some(0));
    assert_eq!(machine.property("LoadState"), "not-found");
    assert!(machine.root("test -s /var/lib/pi-mainteno/state.redb").code == Some(0));
    machine.root("pi-mainteno uninstall").expect(0).says(&["nothing to do"]);
}

#[test]
fn whom_a_service_runs_as_is_not_guessed() {
    let Some(machine) = ServiceMachine::boot() else { return };
    let install = |more: &str| machine.root(&format!("pi-mainteno install --yes {more}"));
    // The projects tell, whoever installs.
    let at_home = configuration(OFFLINE, "").replace("~/radio", "/home/ada/radio");
    machine.configure(&format!("{at_home}[[project]]\npath = \"/home/bob/site\"\n"));
    let _ = machine.root("mkdir /home/bob/site && chown bob: /home/bob/site").expect(0);
    let _ = install("").expect(2).tells(&[
        "several users: ada (`/home/ada/radio`), bob (`/home/bob/site`)",
        "install --user",
    ]);
    machine.configure(&at_home);
    let _ = install("--owner bob").expect(2).tells(&["belong to ada, not to bob"]);
    let _ = install("--owner carol").expect(2).tells(&["there is no user `carol`"]);
    let _ = machine.ada("pi-mainteno install --yes").expect(2).tells(&["by root", "`--user`"]);
    let _ = install("").expect(0).says(&["runs as ada"]);
    let _ = machine.root("pi-mainteno uninstall --yes").expect(0);

    // Without any, the owner is named, and the annotated configuration is there to be filled in.
    let _ = machine.root("rm /etc/pi-mainteno/PiMainteno.toml").expect(0);
    let _ = install("").expect(2).tells(&["there are no projects yet", "`--owner USER`"]);
    let _ =
        install("--owner ada").expect(0).says(&["runs as ada"]).tells(&["there are no projects"]);
    let _ = machine.ada("grep -q concurrency /etc/pi-mainteno/PiMainteno.toml").expect(0);
    assert_ne!(
        machine.root("runuser -u bob -- cat /etc/pi-mainteno/PiMainteno.toml").code,
        Some(0)
    );

    // The one that is named takes its place, and means the same there or is refused.
    machine.write("/home/ada/own.toml", &configuration(OFFLINE, ""));
    let output = install("--config /home/ada/own.toml").expect(0);
    let _ = output.tells(&["+path = \"~/radio\"", "restart Pi-Maintainer.service"]);
    assert_eq!(machine.json("status")["projects"][0]["id"], "radio");
    machine.write("/home/ada/own.toml", &configuration(OFFLINE, "").replace("~/radio", "radio"));
    let _ = install("--config /home/ada/own.toml").expect(2).tells(&["would mean something else"]);
}

#[test]
fn a_service_that_does_not_start_tells_why() {
    let Some(machine) = ServiceMachine::boot() else { return };
    machine.configure(&configuration(OFFLINE, "policy = \"~/policy.rhai\""));
    let _ = machine.ada("echo 'fn allow(facts) {' > policy.rhai").expect(0);
    let output = machine.root("SUDO_USER=ada pi-mainteno install --yes").expect(2);
    let _ = output.tells(&["systemctl start", "policy.rhai", "journalctl --unit Pi-Maintainer"]);
    let _ = machine.ada("echo 'fn allow(facts) { allow() }' > policy.rhai").expect(0);
    machine.install().says(&["runs as ada"]);
}

#[test]
fn a_whole_run_goes_on_inside_of_the_walls_of_the_service() {
    let Some(machine) = ServiceMachine::boot() else { return };
    // A remote that is reached by SSH with a key in the home, and no agent.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let _ = machine.root(&SSH.replace("PORT", &port.to_string())).expect(0);
    let server = format!("ssh-keyscan -T 2 -p {port} 127.0.0.1 2> /dev/null | grep -q ed25519");
    // `prepare` has the network, and what it makes is there for the checks.
    let prepare = [
        server.clone(),
        "lib=$XDG_CACHE_HOME/lib; mkdir -p $lib; echo '{\"name\":\"lib\",\"version\":\"1.0.0\"}' > $lib/package.json; \
         npm install --silent --offline --no-save --install-links --prefix . $lib"
            .to_owned(),
    ];
    // They have a whole sandbox: no rights, filters, and nothing of the home, the machine and the
    // network.
    let checks = [
        "grep -q 'CapEff:.0000000000000000' /proc/self/status",
        "grep -q 'Seccomp:.2' /proc/self/status",
        "test ! -e /home/ada/.ssh",
        "test $(ls /proc | grep -c '^[0-9]*$') -lt 12",
        &format!("! {server}"),
        "test -f node_modules/lib/package.json && test -f $XDG_CACHE_HOME/lib/package.json",
        "grep -q receive README.md",
    ];
    machine.configure(&configuration(
        OFFLINE,
        &format!(
            "prepare = {prepare:?}\nverify = {checks:?}\nsandbox = \"required\"\n\
             health = {{ command = \"pgrep --full radio.sh || systemctl is-active radio.service\", within = \"5s\" }}\n"
        ),
    ));
    let _ = machine.install();

    let before = machine.root("systemctl show --property=MainPID radio.service").stdout;
    let run = machine.ada("pi-mainteno run radio");
    let _ = run.expect(0).says(&[
        "checks passed",
        "to origin/main",
        "restarted radio.service",
        "applied",
    ]);
    assert_ne!(machine.root("systemctl show --property=MainPID radio.service").stdout, before);
    let _ = machine.ada("git -C radio.git show main:README.md").expect(0).says(&["receive"]);
    let log = machine.log();
    assert!(!log.contains("without a whole sandbox"), "{log}");

    // A newer systemd than this one leaves nothing of the machine's /proc to be seen behind such a
    // mount, and then no sandbox could have its own.
    let below_proc = "grep -c ' /proc/' /proc/$(systemctl show --property=MainPID --value Pi-Maintainer)/mountinfo";
    assert_eq!(machine.root(below_proc).stdout, "0\n");

    // Measured, not read off the unit.
    let exposure =
        machine.root("systemd-analyze security --no-pager Pi-Maintainer.service | tail -1");
    let level: f64 =
        exposure.stdout.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    println!("exposure: {}", exposure.stdout.trim());
    assert!(level <= 4.0, "{}", exposure.stdout);
}

#[test]
fn the_owner_may_restart_the_configured_units_and_no_other() {
    let Some(machine) = ServiceMachine::boot() else { return };
    machine.configure(&configuration(OFFLINE, ""));
    let restart = "systemctl --no-ask-password restart";
    let refused = ["authentication required"];
    let _ = machine.ada(&format!("{restart} radio.service")).expect(1).tells(&refused);
    let _ = machine.install();
    for verb in ["restart", "stop", "start", "reload-or-restart", "reset-failed"] {
        let _ = machine.ada(&format!("systemctl --no-ask-password {verb} radio.service")).expect(0);
    }
    for command in [
        "restart other.service",
        "stop Pi-Maintainer.service",
        "kill radio.service",
        "enable radio.service",
        "set-property radio.service CPUWeight=1",
        "daemon-reload",
    ] {
        let output = machine.ada(&format!("systemctl --no-ask-password {command}"));
        assert_ne!(output.code, Some(0), "{command}");
        let _ = output.tells(&refused);
    }
    let of_bob = format!("runuser -u bob -- {restart} radio.service");
    let _ = machine.root(&of_bob).expect(1).tells(&refused);
    let transient = "systemd-run --no-ask-password --unit radio2.service true";
    assert_ne!(machine.ada(transient).code, Some(0));

    // A unit whose file is part of the project changes with it, so systemd may be told to read it.
    let _ = machine
        .root("mv /etc/systemd/system/radio.service /home/ada/radio/ && chown ada: /home/ada/radio/radio.service && systemctl link /home/ada/radio/radio.service")
        .expect(0);
    let _ = machine.root("pi-mainteno install --yes").expect(0).tells(&["reload-daemon"]);
    let _ = machine.ada("systemctl --no-ask-password daemon-reload").expect(0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codex_works_in_the_service_with_a_key_that_systemd_hands_over() {
    let Some(machine) = ServiceMachine::boot() else { return };
    let server = ModelServer::answering(|request, _| {
        match (request.prompt().contains("Answer with the summary alone"), request.results().len()) {
            (true, _) => Answer::message("# Radio\n\nIt plays music."),
            (_, 0) => Answer::replace("README.md", "You will recieve a signal.", "You will receive the signal."),
            // A command of the agent runs in codex's own sandbox.
            (_, 1) => Answer::Run("cat README.md; cat /home/ada/.ssh/* /run/credentials/*/* /etc/pi-mainteno/credentials/*; echo done".into()),
            _ => Answer::message("docs: receive the signal"),
        }
    })
    .await;
    machine.codex();
    let backend = format!(
        "provider = \"codex\"\nmodel = \"gpt-5.5\"\nbase_url = \"{}\"\napi_key_file = \"${{CREDENTIALS_DIRECTORY}}/openai\"\ntimeout = \"60s\"",
        server.base_url()
    );
    machine.configure(&configuration(&backend, "verify = [\"grep -q receive README.md\"]"));
    let _ = machine.root("SUDO_USER=ada pi-mainteno install --yes").expect(2).tells(&[
        "the key `openai` is not at `/etc/pi-mainteno/credentials/openai`",
        "install -D -m 600",
    ]);
    // A command outside of the service, while that does not run, says where the key would be from.
    let outside = machine.ada("pi-mainteno check");
    assert_eq!(outside.code, Some(1));
    let _ = outside.says(&["/openai", "systemd hands `openai` to Pi-Maintainer.service"]);
    let _ = machine.ada("pi-mainteno run").expect(2).tells(&["systemd hands `openai`"]);
    let _ = machine
        .root("umask 077; mkdir /etc/pi-mainteno/credentials; echo sk-of-the-service > /etc/pi-mainteno/credentials/openai")
        .expect(0);
    let machine = tokio::task::spawn_blocking(move || {
        let _ = machine.install();
        let run = machine.ada("pi-mainteno run radio");
        let _ = run.expect(0).says(&["codex proposes", "to origin/main", "applied"]);
        machine
    })
    .await
    .unwrap();
    let requests = server.requests();
    let has_key = |request: &crate::support::model_server::Received| {
        request
            .headers
            .iter()
            .any(|(name, value)| name == "authorization" && value == "Bearer sk-of-the-service")
    };
    assert!(!requests.is_empty() && requests.iter().all(has_key), "{requests:?}");
    let results: String = requests
        .iter()
        .flat_map(|request| request.results())
        .map(|result| format!("{result}\n"))
        .collect();
    assert!(results.contains("receive the signal") && results.contains("done"), "{results}");
    assert!(
        !results.contains("sk-of-the-service") && !results.contains("PRIVATE KEY"),
        "{results}"
    );
    // While it runs, a command that Ada types has what it has.
    let inside = tokio::task::spawn_blocking(move || {
        let output = machine.ada("PATH=$HOME/.local/bin:$PATH pi-mainteno check");
        (output, machine)
    });
    let (output, _machine) = inside.await.unwrap();
    let _ = output.expect(0).says(&["the sandbox works"]);
}

#[test]
fn a_daemon_whose_scheduler_hangs_is_killed_by_the_watchdog_and_comes_back() {
    let Some(machine) = ServiceMachine::boot() else { return };
    machine.configure(&configuration(OFFLINE, ""));
    let _ = machine.install();
    let _ = machine
        .root("mkdir -p /run/systemd/system/Pi-Maintainer.service.d && printf '[Service]\\nWatchdogSec=2s\\nRestartSec=3s\\n' > /run/systemd/system/Pi-Maintainer.service.d/quick.conf && systemctl daemon-reload && systemctl restart Pi-Maintainer.service")
        .expect(0);
    // As long as it gets on it is left alone.
    let process = machine.property("MainPID");
    thread::sleep(Duration::from_secs(5));
    assert_eq!((machine.property("MainPID"), machine.property("NRestarts")), (process, "0".into()));

    // A file that is never read to its end, as one on a disk that does not answer: it keeps the
    // thread of the scheduler, and no other.
    let config = "/etc/pi-mainteno/PiMainteno.toml";
    let _ = machine
        .root(&format!("mv {config} /run/kept && mkfifo -m 644 {config} && systemctl kill --signal=HUP --kill-who=main Pi-Maintainer.service"))
        .expect(0);
    machine.wait_for("Result", "watchdog");
    let _ = machine.root(&format!("mv /run/kept {config}")).expect(0);
    machine.wait_for("ActiveState", "active");
    assert_eq!(machine.property("NRestarts"), "1");
    assert!(machine.log().contains("Watchdog timeout"), "{}", machine.log());
    let _ = machine.ada("pi-mainteno status").expect(0).says(&["radio"]);
}

#[test]
fn a_stop_in_the_midst_of_a_run_is_short_and_leaves_a_record() {
    let Some(machine) = ServiceMachine::boot() else { return };
    machine.configure(&configuration(OFFLINE, "verify = [\"touch began; sleep 1000\"]"));
    let _ = machine.install();
    let _ = machine.ada("pi-mainteno run radio > /dev/null 2>&1 &");
    let start = Instant::now();
    while !machine.log().contains("step=\"apply\"") {
        assert!(start.elapsed() < Duration::from_secs(30), "{}", machine.log());
        thread::sleep(Duration::from_millis(50));
    }
    let start = Instant::now();
    let _ = machine.root("systemctl stop Pi-Maintainer.service").expect(0);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert_eq!(
        (machine.property("Result").as_str(), machine.property("ActiveState").as_str()),
        ("success", "inactive")
    );
    let runs = machine.json("runs");
    assert_eq!(runs[0]["outcome"]["kind"], "interrupted", "{runs:#}");
}

#[test]
fn systemctl_reload_reads_the_configuration_and_refuses_one_that_cannot_be_used() {
    let Some(machine) = ServiceMachine::boot() else { return };
    machine.configure(&configuration(OFFLINE, ""));
    let _ = machine.install();
    let process = machine.property("MainPID");
    machine.configure(&configuration(OFFLINE, "name = \"wave\""));
    let _ = machine.root("systemctl reload Pi-Maintainer.service").expect(0);
    assert_eq!(machine.json("status")["projects"][0]["id"], "wave");
    machine.configure("[llm]\nprovidr = \"offline\"\n");
    let _ = machine.root("systemctl reload Pi-Maintainer.service").expect(1);
    assert!(machine.log().contains("providr"), "{}", machine.log());
    machine.wait_for("ActiveState", "active");
    assert_eq!(machine.property("MainPID"), process);
    machine.configure(&configuration(OFFLINE, "name = \"wave\""));
    assert_eq!(machine.json("status")["projects"][0]["id"], "wave");
}

#[test]
fn a_user_has_a_service_without_root() {
    let Some(machine) = ServiceMachine::boot() else { return };
    machine.begin_session();
    let _ = machine.root("systemctl stop radio.service; rm -rf /var/lib/pi-mainteno/*").expect(0);
    let config = configuration(
        OFFLINE,
        "verify = [\"grep -q receive README.md\"]\nsandbox = \"required\"",
    ) + "[systemd_monitor]\nbus = \"user\"\n[web]\ntoken_file = \"${CREDENTIALS_DIRECTORY}/web\"\n";
    let in_session = |text: &str| machine.in_session(text);
    let _ = in_session("mkdir -p ~/.config/systemd/user; printf '[Service]\\nExecStart=/home/ada/radio/radio.sh\\n' > ~/.config/systemd/user/radio.service; systemctl --user daemon-reload; systemctl --user start radio").expect(0);
    machine.write("/home/ada/PiMainteno.toml", &config);
    // That of the machine would be another systemd than that of the units.
    let _ = machine
        .root("cd /home/ada && SUDO_USER=ada pi-mainteno install --yes")
        .expect(2)
        .tells(&["install --user"]);
    let _ = in_session("mkdir -p ~/.config/pi-mainteno/credentials && echo secret > ~/.config/pi-mainteno/credentials/web").expect(0);
    let output = in_session("pi-mainteno install --user --yes").expect(0);
    let key = "grep secret $XDG_RUNTIME_DIR/credentials/Pi-Maintainer.service/web";
    let _ = in_session(key).expect(0);
    let _ = output
        .says(&["runs as ada and answers at /home/ada/.local/state/pi-mainteno/control.sock"])
        .tells(&[
            "/home/ada/.config/systemd/user/Pi-Maintainer.service",
            "loginctl enable-linger ada",
        ]);
    let _ = in_session("rm PiMainteno.toml; pi-mainteno run radio")
        .expect(0)
        .says(&["restarted radio.service", "applied"]);
    let _ = in_session("cd /; pi-mainteno install --user").expect(0).says(&["nothing to do"]);
    let _ = machine
        .root("mkdir -p /var/lib/systemd/linger && touch /var/lib/systemd/linger/ada")
        .expect(0);
    assert!(!in_session("pi-mainteno install --user").stderr.contains("linger"));
    let _ = in_session("pi-mainteno uninstall --user --yes")
        .expect(0)
        .says(&["/home/ada/.local/state/pi-mainteno ", "/home/ada/.config/pi-mainteno "]);
    let left = machine
        .root("find /home/ada /etc /usr/local -iname '*pi*maint*' -not -path '*/.local/state/*' -not -path '*/radio/*'");
    let mut left: Vec<_> = left.stdout.lines().collect();
    left.sort_unstable();
    assert_eq!(
        left,
        [
            "/etc/pi-mainteno",
            "/home/ada/.config/pi-mainteno",
            "/home/ada/.config/pi-mainteno/PiMainteno.toml",
            "/usr/local/bin/pi-mainteno"
        ]
    );
}

#[test]
fn the_script_brings_program_configuration_and_service_up_to_date() {
    let Some(machine) = ServiceMachine::boot() else { return };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/upload_service.sh");
    let upload = |program: &str| {
        machine.root(&format!(
            "SUDO_USER=ada {script} --program {program} --config /home/ada/own.toml"
        ))
    };
    machine.write("/home/ada/own.toml", &configuration(OFFLINE, ""));
    let program = env!("CARGO_BIN_EXE_pi-mainteno");
    let _ = machine
        .root("umount /usr/local/bin/pi-mainteno && rm /usr/local/bin/pi-mainteno")
        .expect(0);
    let _ = upload(program).expect(0).says(&["is this program now", "runs as ada", "radio"]);
    let process = machine.property("MainPID");
    let _ = upload(program).expect(0).says(&["already", "nothing to do", "radio"]);
    assert_eq!(machine.property("MainPID"), process);
    // A new program is what runs afterwards.
    let newer = format!("cp {program} /run/newer && echo >> /run/newer");
    let _ = machine.root(&newer).expect(0);
    let _ = upload("/run/newer").expect(0).says(&["is this program now", "answers at"]);
    assert_ne!(machine.property("MainPID"), process);
    let _ = machine
        .root("cmp /run/newer /proc/$(systemctl show --property=MainPID --value Pi-Maintainer)/exe")
        .expect(0);
    let _ = upload("/nowhere").expect(1);
    let _ = machine.root(&format!("{script} --nonsense")).expect(2).tells(&["--help"]);
}

#[test]
fn a_service_of_root_runs_checks_in_a_whole_sandbox_too() {
    let Some(machine) = ServiceMachine::boot() else { return };
    let _ = machine
        .root("systemctl stop radio; chown -R root: /home/ada/radio /home/ada/radio.git; cp /home/ada/.gitconfig /root/; mv /home/ada/radio /home/ada/radio.git /srv/; git -C /srv/radio remote set-url origin /srv/radio.git; sed -i 's/User=ada//; s/.home.ada/\\/srv/' /etc/systemd/system/radio.service; systemctl daemon-reload; systemctl start radio")
        .expect(0);
    let project = "sandbox = \"required\"\nverify = [\"test ! -e /root/.gitconfig.none && test ! -e /srv/radio.git\", \"grep -q receive README.md\"]";
    machine.configure(&configuration(OFFLINE, project).replace("~/radio", "/srv/radio"));
    let _ = machine
        .root("pi-mainteno install --yes")
        .expect(0)
        .says(&["runs as root"])
        .tells(&["runs as root, and what keeps it in is less"]);
    assert_ne!(machine.root("test -e /etc/polkit-1/rules.d/50-pi-mainteno.rules").code, Some(0));
    let run = machine.root("pi-mainteno run radio");
    let _ = run.expect(0).says(&["restarted radio.service", "applied"]);
    let exposure =
        machine.root("systemd-analyze security --no-pager Pi-Maintainer.service | tail -1");
    println!("exposure as root: {}", exposure.stdout.trim());
}
