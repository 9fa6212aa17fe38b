//! Dependencies that are made ready for the checks: real package managers, and what a change, a
//! check and the network can do about it.

use std::net::TcpListener;

use pimainteno_core::{
    Outcome, RunRecord, StepStatus,
    config::{CommandStepConfig, Globs, PrepareConfig, SandboxMode, StepConfig},
    process::Support,
};

use crate::support::machine::{Agent, Machine, edits, is_applied, is_delivered, step, write};

/// A machine whose project is prepared by `command`, which reads `lock`.
fn machine(command: &str, check: &str) -> Machine {
    let mut machine =
        Machine::new(&[("lock", "one\n"), ("value", "good\n"), (".gitignore", "out/\n")]);
    let mut prepare = PrepareConfig::new(command);
    prepare.files = Some(Globs::compile(["lock"]).unwrap());
    machine.project.prepare = vec![prepare];
    machine.project.verify = vec![check.to_owned()];
    machine.project.unasked = Globs::compile(["**"]).unwrap();
    machine.project.steps = Some(
        ["prepare", "propose", "apply", "verify", "commit", "push"]
            .map(|name| StepConfig::Named(name.into()))
            .into(),
    );
    machine
}

/// The same where there are no layers.
fn without_layers(mut machine: Machine) -> Machine {
    machine.support = Some(Support { landlock: 1, system_calls: true, ..Support::default() });
    machine
}

/// What the outputs of a run say.
fn said(machine: &Machine, record: &RunRecord) -> String {
    let outputs = machine.maintainer(Agent::harmless()).history().run_outputs(record.id).unwrap();
    outputs.iter().map(|output| format!("{}: {}\n", output.name, output.text)).collect()
}

#[track_caller]
fn held(record: &RunRecord) -> &str {
    match &record.outcome {
        Some(Outcome::Held { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

/// Reaches a port of this machine, and makes a file of the lock.
fn fetch(port: u16) -> String {
    format!("bash -c 'exec 3<>/dev/tcp/127.0.0.1/{port}' && mkdir -p out && cp lock out/made")
}

/// Says what it sees, tries to spoil it, and looks whether the value is good.
const SPOILS: &str =
    "echo \"made of $(cat out/made)\"; grep -q good value && (echo spoilt > out/made; true)";

#[test]
fn dependencies_are_made_once_for_each_content_and_no_check_writes_to_them() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for is_layered in [true, false] {
        let machine = machine(&fetch(port), SPOILS);
        let machine = if is_layered { machine } else { without_layers(machine) };
        let first = machine.run(edits("README.md", "# Site\n\nOne.\n"));
        assert_eq!(step(&first, "prepare").0, StepStatus::Done, "{first:?}");
        assert!(said(&machine, &first).contains("made of one"), "{}", said(&machine, &first));
        is_delivered(&machine, &first);
        let second = machine.run(edits("README.md", "# Site\n\nTwo.\n"));
        let log = said(&machine, &second);
        assert!(log.contains("made of one") && !log.contains("made of spoilt"), "{log}");
        // Where there are no layers, the workspace is emptied for each change, and it is made anew.
        let ready = if is_layered { StepStatus::Skipped } else { StepStatus::Done };
        assert_eq!(step(&second, "prepare").0, ready, "{second:?}");
        is_delivered(&machine, &second);
        write(&machine.site.join("lock"), "two\n");
        machine.commit();
        let third = machine.run(edits("README.md", "# Site\n\nThree.\n"));
        assert_eq!(step(&third, "prepare").0, StepStatus::Done, "{third:?}");
        assert!(said(&machine, &third).contains("made of two"), "{}", said(&machine, &third));
        is_delivered(&machine, &third);
    }
}

#[test]
fn what_a_change_brings_reaches_the_network_only_when_a_person_has_approved_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let machine = machine(&fetch(port), SPOILS);
    let record = machine.run(edits("lock", "evil\n"));
    let reason = held(&record);
    assert!(
        reason.contains("it changes `lock`, which") && reason.contains("once approved"),
        "{reason}"
    );
    let log = said(&machine, &record);
    assert!(log.contains("made of one") && !log.contains("made of evil"), "{log}");
    let approved = machine.approve(&record);
    is_applied(&approved);
    assert!(said(&machine, &approved).contains("made of evil"), "{}", said(&machine, &approved));
}

#[test]
fn a_change_of_a_lock_file_that_needs_no_network_is_checked_with_its_own() {
    let machine = machine("mkdir -p out && cp lock out/made", SPOILS);
    let record = machine.run(edits("lock", "new\n"));
    is_applied(&record);
    let log = said(&machine, &record);
    assert!(log.contains("made of new"), "{log}");
    // What was made with the change is not what anything else is checked with.
    is_delivered(&machine, &record);
    let next = machine.run(edits("README.md", "# Site\n\nNext.\n"));
    assert_eq!(step(&next, "prepare").0, StepStatus::Done, "{next:?}");
    is_applied(&next);
}

#[test]
fn a_check_that_was_red_for_want_of_what_is_prepared_now_excuses_nobody() {
    let mut machine =
        machine("mkdir -p out && cp lock out/made", "test -e out/made && grep -q good value");
    let prepare = std::mem::take(&mut machine.project.prepare);
    let record = machine.run(edits("README.md", "# Site\n\nOne.\n"));
    assert!(held(&record).contains("no check passes"), "{record:?}");
    machine.project.prepare = prepare;
    let record = machine.run(edits("value", "bad\n"));
    assert!(
        matches!(&record.outcome, Some(Outcome::Failed { step, .. }) if step == "verify"),
        "{:?}",
        record.outcome
    );
}

/// A machine whose project is prepared by a script of its own, which says where it is run, and
/// reaches a port of this machine.
fn scripted(port: u16) -> Machine {
    let mut machine = machine(
        "sh make.sh",
        "echo \"made by $(cat out/made)\"; sh make.sh only-parse && grep -q good value",
    );
    write(&machine.site.join("make.sh"), &script(port, "base"));
    machine.commit();
    // The step is there although nobody names it.
    machine.project.steps = Some(
        ["propose", "apply", "verify", "commit", "push"]
            .map(|name| StepConfig::Named(name.into()))
            .into(),
    );
    machine
}

fn script(port: u16, who: &str) -> String {
    format!(
        "test -z \"$1\" || exit 0\nmkdir -p out\necho {who} > out/made\n\
         bash -c 'echo {who} > /dev/tcp/127.0.0.1/{port}'\n"
    )
}

/// Everybody who has said something at a port.
fn callers(listener: &TcpListener) -> Vec<String> {
    listener.set_nonblocking(true).unwrap();
    let mut callers = Vec::new();
    while let Ok((mut stream, _)) = listener.accept() {
        stream.set_nonblocking(false).unwrap();
        let mut said = String::new();
        std::io::Read::read_to_string(&mut stream, &mut said).unwrap();
        callers.push(said.trim().to_owned());
    }
    callers
}

#[test]
fn a_changes_own_script_neither_reaches_the_network_nor_makes_what_the_base_is_checked_with() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for is_layered in [true, false] {
        let mut machine = scripted(port);
        machine.project.repairs = Some(1);
        // Of a change of what is run, the last version is wrong, so that it is mended, and what was
        // made for the base is missing for the second.
        let evil = script(port, "evil");
        let first = evil.clone();
        let agent = Agent::with_repair(
            move |workspace| {
                write(&workspace.join("make.sh"), &first);
                write(&workspace.join("value"), "bad\n");
            },
            move |workspace| {
                write(&workspace.join("make.sh"), &evil);
                write(&workspace.join("value"), "good\nstill\n");
            },
        );
        let machine = if is_layered { machine } else { without_layers(machine) };
        let record = machine.run(agent);
        let log = said(&machine, &record);
        assert!(log.contains("made by base") && !log.contains("made by evil"), "{log}");
        held(&record);
        machine.reject(&record);
        let next = machine.run(edits("README.md", "# Site\n\nNext.\n"));
        let log = said(&machine, &next);
        assert!(log.contains("made by base") && !log.contains("made by evil"), "{log}");
        is_delivered(&machine, &next);
        let callers = callers(&listener);
        assert!(!callers.is_empty() && callers.iter().all(|who| who == "base"), "{callers:?}");
    }
}

#[test]
fn what_is_missing_for_the_base_is_made_of_the_base_while_a_change_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let machine = scripted(port);
    let prepared = machine.env.path("state/sandbox/site/prepared");
    let evil = script(port, "evil");
    let record = machine.run(Agent::new(move |workspace| {
        // Whoever asks a backend is the last to see it.
        for entry in std::fs::read_dir(&prepared).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().len() == 64 {
                std::fs::remove_dir_all(entry.path()).unwrap();
            }
        }
        write(&workspace.join("make.sh"), &evil);
    }));
    let log = said(&machine, &record);
    assert!(log.contains("made by base") && !log.contains("made by evil"), "{log}");
    assert_eq!(callers(&listener), ["base", "base"]);
    let proposal = machine.maintainer(Agent::harmless());
    let proposal = proposal.proposal(&record.proposal.unwrap().to_string()).unwrap();
    assert!(proposal.diff.contains("\n+echo evil > out/made\n"), "{}", proposal.diff);
}

#[test]
fn what_a_package_leaves_where_packages_are_fetched_leads_the_daemon_nowhere() {
    let victim = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(victim.path(), "uncommitted work\n").unwrap();
    for trap in [
        format!("ln -sf {} $CARGO_HOME/config.toml", victim.path().display()),
        "rm -f $CARGO_HOME/config.toml; mkfifo $CARGO_HOME/config.toml".to_owned(),
        format!(
            "rm -rf $CARGO_HOME; ln -s {} $CARGO_HOME",
            victim.path().parent().unwrap().display()
        ),
    ] {
        for is_layered in [true, false] {
            let command = format!("mkdir -p out $CARGO_HOME && cp lock out/made && {{ {trap}; }}");
            let machine = machine(&command, "grep -q good value");
            let machine = if is_layered { machine } else { without_layers(machine) };
            for text in ["# Site\n\nOne.\n", "# Site\n\nTwo.\n"] {
                is_delivered(&machine, &machine.run(edits("README.md", text)));
            }
            assert_eq!(std::fs::read_to_string(victim.path()).unwrap(), "uncommitted work\n");
        }
    }
}

#[test]
fn what_was_fetched_for_one_content_is_not_seen_with_another() {
    let command = "mkdir -p out $CARGO_HOME && cp lock out/made && if grep -q one lock; then echo runner > $CARGO_HOME/config; fi";
    for is_layered in [true, false] {
        let machine = machine(
            command,
            "echo saw $(cat $CARGO_HOME/config 2> /dev/null || echo nothing); grep -q good value",
        );
        let machine = if is_layered { machine } else { without_layers(machine) };
        let first = machine.run(edits("README.md", "# Site\n\nOne.\n"));
        assert!(said(&machine, &first).contains("saw runner"));
        is_delivered(&machine, &first);
        write(&machine.site.join("lock"), "two\n");
        machine.commit();
        let second = machine.run(edits("README.md", "# Site\n\nTwo.\n"));
        let log = said(&machine, &second);
        assert!(log.contains("saw nothing\n"), "{log}");
        is_delivered(&machine, &second);
    }
}

#[test]
fn what_a_delivered_changes_checks_add_to_prepared_directories_is_not_seen_by_the_next() {
    let machine = machine(
        "mkdir -p out && cp lock out/made",
        "echo saw $(ls out); echo > out/planted; grep -q good value",
    );
    for text in ["# Site\n\nOne.\n", "# Site\n\nTwo.\n", "# Site\n\nThree.\n"] {
        let record = machine.run(edits("README.md", text));
        assert!(said(&machine, &record).contains("saw made\n"), "{}", said(&machine, &record));
        is_delivered(&machine, &record);
    }
}

#[test]
fn what_has_the_network_sees_the_repository_and_none_of_its_passwords() {
    let machine = machine(
        "git rev-parse --verify --quiet HEAD && git describe --always && git log -1 --format=%s && mkdir -p out && cp lock out/made && \
         ! grep -rsl s3cret .git ../site/.git $(git rev-parse --git-common-dir) ~ $CARGO_HOME",
        "grep -q good value",
    );
    machine.env.git(&machine.site, &["config", "http.extraHeader", "Authorization: s3cret-of-ada"]);
    machine.env.git(&machine.site, &["config", "include.path", "private.inc"]);
    for path in [".git/private.inc", ".git/config.bak", ".git/my-credentials"] {
        write(&machine.site.join(path), "[http]\n\tproxy = http://ada:s3cret@example.org\n");
    }
    machine.config("url.https://ada:s3cret@example.org/.insteadOf", "https://example.org/");
    let settings =
        "[registry]\ntoken = 's3cret'\n[http]\nproxy = 'http://ada:s3cret@example.org'\n";
    for path in [
        "home/.cargo/config.toml",
        "home/.local/share/uv/credentials/credentials.toml",
        "home/.nvm/versions/node/v22.1.0/etc/npmrc",
        "home/.npm-global/etc/npmrc",
    ] {
        write(&machine.env.path(path), settings);
    }
    let record = machine.run(edits("README.md", "# Site\n\nOne.\n"));
    assert_eq!(step(&record, "prepare").0, StepStatus::Done, "{record:?}");
    is_delivered(&machine, &record);
}

#[test]
fn what_was_removed_half_is_made_anew_and_not_taken_for_whole() {
    let machine = machine("mkdir -p out && cp lock out/made && cp lock out/more", SPOILS);
    let first = machine.run(edits("README.md", "# Site\n\nOne.\n"));
    is_delivered(&machine, &first);
    let prepared = machine.env.path("state/sandbox/site/prepared");
    let made: Vec<_> = std::fs::read_dir(&prepared)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("tree").is_dir())
        .collect();
    // As one that is removed is called, and as an older program left it.
    for text in ["# Site\n\nRenamed.\n", "# Site\n\nHalf.\n"] {
        if text.contains("Renamed") {
            std::fs::rename(&made[0], prepared.join("old")).unwrap();
        } else {
            std::fs::remove_dir_all(made[0].join("downloads")).unwrap();
        }
        let next = machine.run(edits("README.md", text));
        assert_eq!(step(&next, "prepare").0, StepStatus::Done, "{next:?}");
        is_delivered(&machine, &next);
        assert!(!prepared.join("old").exists());
    }
}

#[test]
fn each_failure_of_prepare_leaves_its_log_and_tells_the_beginning_and_the_end() {
    let machine = machine("echo 'the cause comes first'; seq 1 40; exit 3", "true");
    let record = machine.run(Agent::harmless());
    match &record.outcome {
        Some(Outcome::Failed { message, .. }) => {
            assert!(
                message.contains("the cause comes first") && message.contains("40"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert!(said(&machine, &record).contains("\n17\n"));
    for answer in
        ["npm error code E503", "npm error code ECONNREFUSED", "curl: (7) Connection refused"]
    {
        let machine = self::machine(&format!("echo '{answer}'; exit 1"), "true");
        let record = machine.run(Agent::harmless());
        assert!(matches!(record.outcome, Some(Outcome::Parked { .. })), "{:?}", record.outcome);
    }
}

#[test]
fn what_cannot_be_prepared_costs_no_call_and_says_why() {
    let machine = machine("echo 'no such package: left'; exit 3", "true");
    let record = machine.run(Agent::new(|_| panic!("the agent was asked")));
    match &record.outcome {
        Some(Outcome::Failed { step, message }) if step == "prepare" => {
            assert!(
                message.contains("no such package: left") && message.contains("exit"),
                "{message}"
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(record.usage.calls, 0);
}

#[test]
fn where_the_network_is_in_the_way_the_project_waits_for_it() {
    let machine = machine("echo 'npm error code EAI_AGAIN'; exit 1", "true");
    let record = machine.run(Agent::harmless());
    assert!(matches!(record.outcome, Some(Outcome::Parked { .. })), "{:?}", record.outcome);
}

#[test]
fn what_the_project_is_told_to_link_is_seen_and_cannot_be_changed() {
    let mut machine = machine(
        "true",
        "grep -q dependency deps/lib && ! sh -c 'echo x > deps/lib' 2> /dev/null && grep -q good value",
    );
    write(&machine.site.join(".git/info/exclude"), "deps/\n");
    write(&machine.site.join("deps/lib"), "a dependency\n");
    machine.project.link = vec!["deps".parse().unwrap()];
    let record = machine.run(edits("README.md", "# Site\n\nLinked.\n"));
    is_applied(&record);
    assert_eq!(step(&record, "verify").1, "1 of 1 checks passed");
    let lib = std::fs::read_to_string(machine.site.join("deps/lib")).unwrap();
    assert_eq!(lib, "a dependency\n");
}

#[test]
fn a_symbolic_link_where_a_directory_is_to_be_linked_is_told_and_never_followed() {
    // One of the project's own.
    let mut tracked = Machine::new(&[]);
    write(&tracked.env.path("elsewhere/lib"), "");
    std::os::unix::fs::symlink(tracked.env.path("elsewhere"), tracked.site.join("deps")).unwrap();
    tracked.commit();
    tracked.project.link = vec!["deps".parse().unwrap()];

    // One that a command made, before there was anything to link.
    let mut made = Machine::new(&[("vendor/own", "x\n")]);
    let outside = made.env.path("outside");
    std::fs::create_dir(&outside).unwrap();
    made.project.link = vec!["vendor/deps".parse().unwrap()];
    let plant = format!("rm -r vendor && ln -s {} vendor", outside.display());
    let mut appear =
        CommandStepConfig::new("appear", "mkdir -p \"$PIMAINTENO_CHECKOUT/vendor/deps\"");
    appear.sandbox = Some(SandboxMode::Off);
    let commands =
        [CommandStepConfig::new("plant", plant), appear, CommandStepConfig::new("look", "true")];
    made.project.steps.as_mut().unwrap().splice(0..0, commands.map(StepConfig::Command));

    for machine in [tracked, made] {
        let record = machine.run(edits("README.md", "# Site\n\nLinked.\n"));
        let Some(Outcome::Failed { message, .. }) = &record.outcome else { panic!("{record:?}") };
        assert!(
            message.contains("a symbolic link is there") && message.contains("`link`"),
            "{message}"
        );
        assert!(!message.contains("sandbox = "), "{message}");
        assert!(!outside.join("deps").exists());
    }
}

#[test]
fn a_check_that_lacks_something_says_which_key_helps() {
    let mut machine = Machine::new(&[("package.json", "{}\n")]);
    machine.project.verify = vec!["node -e 'require(\"left-pad\")'".into()];
    let record = machine.run(edits("README.md", "# Site\n\nText.\n"));
    let reason = held(&record);
    assert!(
        reason.contains("it finds no package `left-pad`") && reason.contains("`prepare`"),
        "{reason}"
    );
}
