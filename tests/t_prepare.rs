//! Dependencies that are made ready for the checks: real package managers, and what a change, a
//! check and the network can do about it.

use std::net::TcpListener;

use pimainteno_core::{
    Outcome, RunRecord, StepStatus,
    config::{CommandStepConfig, Globs, PrepareConfig, SandboxMode, StepConfig},
    process::Support,
};

use crate::support::machine::{Agent, Machine, edits, is_applied, is_delivered, sh, write};

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

/// How the step of this name ended, and what it said.
fn step(record: &RunRecord, name: &str) -> (StepStatus, String) {
    let step = record.steps.iter().find(|step| step.name == name);
    let step = step.unwrap_or_else(|| panic!("no {name} in {record:?}"));
    (step.status, step.note.clone())
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

/// Runs `init` on a project with these files, which `lock` locks, and gives what the file says.
fn init(machine: &Machine, lock: &str) -> pimainteno_core::config::Project {
    sh(&machine.site, lock);
    machine.commit();
    let written = machine.env.run(&["init", machine.site.to_str().unwrap()]).expect(0);
    drop(written);
    let text = std::fs::read_to_string(machine.env.path("work/PiMainteno.toml")).unwrap();
    let path = machine.env.path("work/PiMainteno.toml");
    let loaded = pimainteno_core::config::Config::parse(&text, &path, |_| None, None).unwrap();
    loaded.config.projects().remove(0)
}

/// Takes over what `init` guessed; the checks pass, without the network, on a change and fail on a
/// bad one.
#[track_caller]
fn is_verified(
    mut machine: Machine,
    lock: &str,
    source: &'static str,
    good: &'static str,
    bad: &'static str,
) {
    let guessed = init(&machine, lock);
    assert!(!guessed.prepare.is_empty() && !guessed.sandbox.network, "{guessed:?}");
    (machine.project.prepare, machine.project.verify) = (guessed.prepare, guessed.verify);
    machine.project.unasked = Globs::compile(["**"]).unwrap();
    machine.project.steps = None;
    let record = machine.run(edits(source, good));
    is_applied(&record);
    assert_eq!(step(&record, "verify").1, "1 of 1 checks passed", "{record:?}");
    let record = machine.run(edits(source, bad));
    assert!(
        matches!(&record.outcome, Some(Outcome::Failed { step, .. }) if step == "verify"),
        "{:?}",
        record.outcome
    );
    assert_eq!(step(&record, "prepare").0, StepStatus::Skipped, "{record:?}");
}

#[test]
fn a_project_of_npm_is_verified_as_init_guesses() {
    let machine = Machine::new(&[
        (".gitignore", "node_modules/\n"),
        (
            "package.json",
            r#"{"name": "sum", "version": "1.0.0", "scripts": {"test": "node --test"}, "dependencies": {"is-number": "7.0.0"}}"#,
        ),
        ("index.js", "const isNumber = require('is-number');\nexports.ok = n => isNumber(n);\n"),
        (
            "index.test.js",
            "require('node:test')('numbers', () => require('node:assert')(require('./index.js').ok(1)));\n",
        ),
    ]);
    is_verified(
        machine,
        "npm install --package-lock-only --silent --no-audit --no-fund",
        "index.js",
        "const isNumber = require('is-number');\nexports.ok = number => isNumber(number);\n",
        "exports.ok = () => false;\n",
    );
}

#[test]
fn a_project_of_python_with_its_sources_below_src_is_verified_as_init_guesses() {
    let machine = Machine::new(&[
        (".gitignore", ".venv/\n*.egg-info/\n__pycache__/\n"),
        (
            "pyproject.toml",
            "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n\n[project]\nname = \"thing\"\nversion = \"1\"\ndependencies = [\"six\"]\n",
        ),
        ("src/thing/__init__.py", "import six\n\n\ndef text():\n    return six.text_type(1)\n"),
        (
            "tests/test_thing.py",
            "import thing\n\n\ndef test_text():\n    assert thing.text() == \"1\"\n",
        ),
    ]);
    is_verified(
        machine,
        "echo requests > notes.txt",
        "src/thing/__init__.py",
        "import six\n\n\ndef text():\n    return six.text_type(\"1\")\n",
        "def text():\n    return \"2\"\n",
    );
}

#[test]
fn a_project_of_cargo_is_verified_as_init_guesses() {
    let machine = Machine::new(&[
        (".gitignore", "target/\n"),
        (
            "Cargo.toml",
            "[package]\nname = \"sum\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nitoa = \"1\"\n",
        ),
        (
            "src/lib.rs",
            "pub fn text(n: u8) -> String {\n    itoa::Buffer::new().format(n).into()\n}\n\n#[test]\nfn texts() {\n    assert_eq!(text(1), \"1\");\n}\n",
        ),
    ]);
    is_verified(
        machine,
        "cargo generate-lockfile --quiet",
        "src/lib.rs",
        "pub fn text(n: u8) -> String {\n    itoa::Buffer::new().format(n).to_owned()\n}\n\n#[test]\nfn texts() {\n    assert_eq!(text(1), \"1\");\n}\n",
        "pub fn text(_: u8) -> String {\n    \"2\".into()\n}\n\n#[test]\nfn texts() {\n    assert_eq!(text(1), \"1\");\n}\n",
    );
}
