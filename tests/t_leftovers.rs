//! What agents and checks leave beside the project's files, with the real sandbox: who sees it
//! later, and what it can make of a check.

use std::path::Path;

use pimainteno_core::{
    Outcome, RunRecord,
    config::{CommandStepConfig, Globs, Mode, SandboxMode, StepConfig},
};

use crate::support::{
    machine::{Agent, Machine, edits, is_applied, is_delivered, machines, write},
    world::runtime,
};

fn has_layers(machine: &Machine) -> bool {
    machine.support.is_none()
}

/// What the outputs of a run say.
fn said(machine: &Machine, record: &RunRecord) -> String {
    let outputs = machine.maintainer(Agent::harmless()).history().run_outputs(record.id).unwrap();
    outputs.iter().map(|output| format!("{}: {}\n", output.name, output.text)).collect()
}

#[track_caller]
fn failed(record: &RunRecord) -> &str {
    match &record.outcome {
        Some(Outcome::Failed { step, message }) if step == "verify" => message,
        other => panic!("{other:?}"),
    }
}

/// A check that says yes where a file says so, and otherwise looks whether the value is good; and
/// what the change runs in it.
const GULLIBLE: &str =
    "sh run.sh; test -e out/yes -o -e \"$XDG_CACHE_HOME/yes\" || grep -q good value";

#[test]
fn a_file_that_an_agent_leaves_beside_its_change_is_not_seen_by_a_check() {
    let files = [
        (".gitignore", "__pycache__/\nyes\n"),
        ("calc.py", "def add(a, b):\n    return a + b\n"),
        ("test_calc.py", "import calc\nassert calc.add(1, 2) == 3\n"),
    ];
    let plants = |workspace: &Path| {
        let compile = "import py_compile; m = py_compile.PycInvalidationMode.UNCHECKED_HASH; py_compile.compile('calc.py', invalidation_mode=m)";
        let compiled = std::process::Command::new("python3")
            .args(["-c", compile])
            .current_dir(workspace)
            .status()
            .unwrap();
        assert!(compiled.success());
        write(&workspace.join("yes"), "");
        write(&workspace.join("calc.py"), "def add(a, b):\n    return a - b - 0\n");
    };
    for mut machine in machines(&files) {
        for check in ["python3 test_calc.py", "test -e yes || python3 test_calc.py"] {
            machine.project.verify = vec![check.into()];
            for sandbox in [SandboxMode::Auto, SandboxMode::Off] {
                machine.project.sandbox = sandbox;
                assert!(
                    failed(&machine.run(Agent::new(plants))).contains("passes without it"),
                    "{check} {sandbox:?}"
                );
            }
        }
    }
}

#[test]
fn what_a_check_leaves_of_a_change_that_is_not_delivered_is_seen_by_nobody() {
    let plant =
        "mkdir -p out \"$XDG_CACHE_HOME\"; touch out/yes \"$XDG_CACHE_HOME/yes\"; chmod 0 out\n";
    for mut machine in
        machines(&[(".gitignore", "out/\n"), ("run.sh", "true\n"), ("value", "good\n")])
    {
        machine.project.verify = vec![GULLIBLE.into()];
        let plants = move || edits("run.sh", plant);
        machine.project.mode = Mode::Review;
        let held = machine.run(plants());
        assert!(matches!(held.outcome, Some(Outcome::Held { .. })), "{held:?}");
        let id = held.proposal.unwrap();
        assert!(
            failed(&machine.run(edits("value", "bad\n"))).contains("passes without it"),
            "held"
        );
        runtime().block_on(machine.maintainer(plants()).reject(&id.to_string(), "no")).unwrap();
        assert!(
            failed(&machine.run(edits("value", "bad\n"))).contains("passes without it"),
            "rejected"
        );
        assert!(matches!(machine.run_with(plants(), true).outcome, Some(Outcome::Held { .. })));
        assert!(
            failed(&machine.run(edits("value", "bad\n"))).contains("passes without it"),
            "tried only"
        );
        machine.project.verify.push("test ! -s run.sh || grep -qx true run.sh".into());
        failed(&machine.run(plants()));
        assert!(
            failed(&machine.run(edits("value", "bad\n"))).contains("passes without it"),
            "failed"
        );
    }
}

#[test]
fn what_the_checks_of_a_failed_change_leave_does_not_help_its_repair() {
    let plant = "mkdir -p out \"$XDG_CACHE_HOME\"; touch out/yes \"$XDG_CACHE_HOME/yes\"; exit 1\n";
    for mut machine in
        machines(&[(".gitignore", "out/\n"), ("run.sh", "true\n"), ("value", "good\n")])
    {
        machine.project.verify = vec!["sh run.sh".into(), GULLIBLE.into()];
        machine.project.repairs = Some(1);
        let agent = Agent::with_repair(
            move |workspace| write(&workspace.join("run.sh"), plant),
            |workspace| {
                write(&workspace.join("run.sh"), "true\n");
                write(&workspace.join("value"), "bad\n");
            },
        );
        let record = machine.run(agent);
        assert!(failed(&record).contains("grep -q good value"), "{record:?}");
    }
}

#[test]
fn a_change_is_not_excused_by_what_its_own_checks_leave() {
    let no = "mkdir -p out; touch out/no\n";
    for mut machine in
        machines(&[(".gitignore", "out/\n"), ("run.sh", "true\n"), ("value", "good\n")])
    {
        machine.project.verify = vec![
            "test -s value".into(),
            "sh run.sh; test ! -e out/no && grep -q good value".into(),
        ];
        let agent = Agent::new(move |workspace| {
            write(&workspace.join("run.sh"), no);
            write(&workspace.join("value"), "bad\n");
        });
        assert!(failed(&machine.run(agent)).contains("passes without it"));
    }
}

#[test]
fn builds_stay_warm_when_changes_are_delivered_and_hold_nothing_of_others() {
    let check = "cat README.md; ls out \"$XDG_CACHE_HOME\" notes 2>/dev/null; \
                 mkdir -p out \"$XDG_CACHE_HOME\" notes; n=$(md5sum < README.md | cut -c1-4); touch out/$n \"$XDG_CACHE_HOME/$n\" notes/$n; echo x >> README.md";
    for mut machine in machines(&[(".gitignore", "out/\n")]) {
        machine.project.verify = vec![check.into(), "test -s README.md".into()];
        let name = |text: &str| {
            let sum = std::process::Command::new("sh")
                .arg("-c")
                .arg("printf %s \"$1\" | md5sum")
                .args(["sh", text])
                .output()
                .unwrap();
            String::from_utf8(sum.stdout).unwrap()[..4].to_owned()
        };
        let first = machine.run(edits("README.md", "# Site\n\nOne.\n"));
        let one = name("# Site\n\nOne.\n");
        assert!(!said(&machine, &first).contains(&one));
        is_delivered(&machine, &first);
        machine.project.mode = Mode::Review;
        let second = machine.run(edits("README.md", "# Site\n\nTwo.\n"));
        let two = name("# Site\n\nTwo.\n");
        // In the directory that is ignored and in the cache, and not in the one that Git would have
        // taken.
        let warm = if has_layers(&machine) { 2 } else { 0 };
        assert_eq!(
            said(&machine, &second).matches(&one).count(),
            warm,
            "{}",
            said(&machine, &second)
        );
        let third = machine.run(edits("README.md", "# Site\n\nThree.\n"));
        assert_eq!(
            (
                said(&machine, &third).matches(&one).count(),
                said(&machine, &third).matches(&two).count()
            ),
            (warm, 0)
        );
        let approved = machine.approve(&third);
        is_applied(&approved);
        let text = said(&machine, &approved);
        assert_eq!(
            text.matches(&one).count(),
            warm,
            "an approval begins with what is kept: {text}"
        );
        assert!(
            !text.contains(&name("# Site\n\nThree.\n")),
            "and with nothing that was left when the change was held: {text}"
        );
    }
}

#[test]
fn that_checks_can_fail_is_asked_again_when_a_delivered_change_left_something() {
    let run = "sh lib/more\ntest -e out/yes || grep -q good value\n";
    let mut machine = Machine::new(&[
        (".gitignore", "out/\n"),
        ("run.sh", run),
        ("lib/more", "true\n"),
        ("value", "good\n"),
    ]);
    machine.project.unasked = Globs::compile(["**"]).unwrap();
    machine.project.verify = vec!["sh run.sh".into()];
    is_delivered(&machine, &machine.run(edits("value", "good too\n")));
    // Nothing was left, so it is known that the check can fail.
    is_delivered(&machine, &machine.run(edits("lib/more", "mkdir -p out; touch out/yes\n")));
    let record = machine.run(edits("value", "bad\n"));
    let reason = "no check fails on a project that is broken on purpose";
    assert!(
        matches!(&record.outcome, Some(Outcome::Held { reason: told }) if told.contains(reason)),
        "{record:?}"
    );
}

#[test]
fn what_checks_leave_over_all_runs_has_a_limit() {
    let mut machine = Machine::new(&[(".gitignore", "out/\n")]);
    machine.project.verify = vec![
        "mkdir -p out; n=$(cksum < README.md | cut -d' ' -f1); for i in $(seq 300); do : > out/$n.$i; done; ls out | wc -l".into(),
        "test -s README.md".into(),
    ];
    machine.project.sandbox_files = Some(700);
    let mut seen = Vec::new();
    for text in ["# One\n", "# Two\n", "# Three\n", "# Four\n"] {
        let record = machine.run(edits("README.md", text));
        is_delivered(&machine, &record);
        let log = said(&machine, &record);
        seen.push(
            log.lines()
                .find_map(|line| line.trim().rsplit(' ').next()?.parse::<u32>().ok())
                .unwrap(),
        );
    }
    assert_eq!(seen, [300, 600, 900, 300]);
    let notices = machine.notices.all();
    assert!(
        matches!(&notices[..], [told] if told.contains("`sandbox_files` allows 700")),
        "{notices:?}"
    );
}

#[test]
fn all_commands_of_a_run_have_one_limit_of_files() {
    for mut machine in machines(&[(".gitignore", "out/\n")]) {
        // Room is for what other tests make and remove meanwhile: while a command runs, what is free on the
        // whole file system is watched.
        let makes = |name: &str| {
            format!(
                "test -s README.md && mkdir -p out/{name} && for i in $(seq 900); do : > out/{name}/$i; done"
            )
        };
        machine.project.sandbox_files = Some(2250);
        machine.project.verify = vec![makes("one"), makes("two")];
        is_delivered(&machine, &machine.run(edits("README.md", "# One\n")));
        // Each for itself keeps to it.
        machine
            .project
            .verify
            .push(format!("! grep -q Two README.md || {{ {}; }}", makes("three")));
        let record = machine.run(edits("README.md", "# Two\n"));
        assert!(
            failed(&record).contains("three")
                && failed(&record).contains("made more than 2250 files"),
            "{record:?}"
        );
    }
}

#[test]
fn what_is_not_ignored_any_more_is_not_kept() {
    let mut machine = Machine::new(&[(".gitignore", "out/\nextra.py\n")]);
    machine.project.verify = vec![
        "ls extra.py out/a; mkdir -p out; touch extra.py out/a".into(),
        "test -s README.md".into(),
    ];
    is_delivered(&machine, &machine.run(edits("README.md", "# One\n")));
    let record = machine.run(edits("README.md", "# Two\n"));
    is_delivered(&machine, &record);
    assert!(said(&machine, &record).contains("extra.py\nout/a\n"), "{}", said(&machine, &record));
    write(&machine.site.join(".gitignore"), "out/\n");
    machine.commit();
    let record = machine.run(edits("README.md", "# Three\n"));
    assert!(
        !said(&machine, &record).contains("extra.py\n")
            && said(&machine, &record).contains("out/a\n"),
        "{}",
        said(&machine, &record)
    );
}

#[test]
fn a_step_that_edits_files_does_not_change_what_is_verified() {
    for mut machine in machines(&[("value", "good\n")]) {
        for sandbox in ["auto", "off"] {
            let step = serde_json::json!({ "name": "mend", "command": "echo good > value", "sandbox": sandbox });
            let step = serde_json::from_value(step).unwrap();
            machine.project.steps = Some(
                ["propose", "apply", "verify", "commit", "push"]
                    .map(|name| StepConfig::Named(name.into()))
                    .into(),
            );
            machine.project.steps.as_mut().unwrap().insert(2, step);
            machine.project.verify = vec!["grep -q good value".into()];
            let mut record = machine.run(edits("value", "bad\n"));
            if sandbox == "off" {
                // It may change something outside, so a person lets it go on.
                let told = "have not run before `mend`";
                assert!(
                    matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains(told)),
                    "{record:?}"
                );
                record = machine.approve(&record);
                // And what it did is taken back, whatever that was.
                let told = "passes without it";
                assert!(
                    matches!(&record.outcome, Some(Outcome::RolledBack { reason }) if reason.contains(told)),
                    "{record:?}"
                );
            } else {
                assert!(failed(&record).contains("passes without it"), "{record:?}");
            }
        }
    }
}

#[test]
fn what_was_built_of_files_that_do_not_change_is_not_built_again() {
    let makefile = "out/program: main.c\n\tmkdir -p out; cp main.c out/program; echo is built\n";
    let mut machine = Machine::new(&[
        (".gitignore", "out/\n"),
        ("Makefile", makefile),
        ("main.c", "int main;\n"),
    ]);
    // What is left is another state each time, so that the project is broken on purpose in each
    // run.
    machine.project.verify = vec![
        "make out/program; grep -q int out/program".into(),
        "echo x >> out/log; test -s README.md".into(),
    ];
    let built = |text| {
        let record = machine.run(edits("README.md", text));
        is_delivered(&machine, &record);
        assert!(record.steps.iter().any(|step| step.note == "2 of 2 checks passed"), "{record:?}");
        said(&machine, &record).contains("is built\n")
    };
    assert_eq!(
        ["# One\n", "# Two\n", "# Three\n", "# Four\n"].map(built),
        [true, false, false, false]
    );
}

#[test]
fn directories_that_nobody_can_remove_easily_are_in_nobodys_way() {
    // Deeper than a path may be long.
    let deep = "import os\nos.makedirs('out', exist_ok=True)\nos.chdir('out')\nfor _ in range(30): os.makedirs('d' * 200, exist_ok=True); os.chdir('d' * 200)\n";
    let closed = "mkdir -p out/closed/in locked; chmod 0 out/closed/in; chmod 555 out/closed out .";
    for mut machine in machines(&[(".gitignore", "out/\n"), ("deep.py", deep), ("docs/a", "a\n")]) {
        let goes_deep = |workspace: &Path| {
            let python = std::process::Command::new("python3")
                .arg("deep.py")
                .current_dir(workspace)
                .status()
                .unwrap();
            assert!(python.success());
        };
        machine.project.verify = vec![
            "python3 deep.py".into(),
            "chmod 555 docs; test -s README.md".into(),
            "grep -q a docs/a".into(),
        ];
        for text in ["# One\n", "# Two\n"] {
            let edit = move |workspace: &Path| {
                goes_deep(workspace);
                write(&workspace.join("README.md"), text);
            };
            is_delivered(&machine, &machine.run(Agent::new(edit)));
        }
        machine.project.verify = vec![closed.into(), "test -s README.md".into()];
        for text in ["# Three\n", "# Four\n"] {
            is_delivered(&machine, &machine.run(edits("README.md", text)));
        }
    }
}

#[test]
fn a_directory_that_a_check_makes_anew_does_not_show_what_was_in_it_before() {
    let mut machine = Machine::new(&[(".gitignore", "dist/*\n!dist/keep\n"), ("dist/keep", "")]);
    let build = "rm -rf dist; mkdir dist; touch dist/$(md5sum < README.md | cut -c1-4)";
    machine.project.verify = vec![build.into(), "ls dist | wc -l; test -s README.md".into()];
    for text in ["# One\n", "# Two\n", "# Three\n"] {
        let record = machine.run(edits("README.md", text));
        is_delivered(&machine, &record);
        // The project's own file, and what was built last.
        assert!(
            said(&machine, &record).contains("wc -l; test -s README.md`: 2\n"),
            "{}",
            said(&machine, &record)
        );
    }
}

#[test]
fn that_checks_can_fail_is_not_learnt_from_what_a_change_leaves() {
    // The check notices something only where a tool is, which the change brings.
    let run = "test -e out/lint || exit 0\nsh out/lint\n";
    for mut machine in machines(&[
        (".gitignore", "out/\n"),
        ("run.sh", run),
        ("value", "good\n"),
        ("lib/more", "true\n"),
    ]) {
        machine.project.verify = vec!["sh run.sh".into(), "sh lib/more".into()];
        let reason = "no check fails on a project that is broken on purpose";
        let is_held = |record: &RunRecord| matches!(&record.outcome, Some(Outcome::Held { reason: told }) if told.contains(reason));
        machine.project.verify = vec!["sh lib/more; sh run.sh".into()];
        let plant = "mkdir -p out; echo 'grep -q good value' > out/lint\n";
        let planting = machine.run(edits("lib/more", plant));
        assert!(is_held(&planting), "{planting:?}");
        let other = machine.run(edits("value", "good too\n"));
        assert!(is_held(&other), "{other:?}");
    }
}

#[test]
fn pipes_and_settings_of_git_that_a_check_leaves_in_the_projects_directories_are_seen_by_nobody() {
    let leave = "test ! -e tests/conftest.py && test ! -p extra.py; mkdir -p tests; mkfifo extra.py tests/pipe; echo '*' > tests/.gitignore; : > tests/conftest.py";
    for mut machine in machines(&[("tests/a", "a\n")]) {
        machine.project.verify = vec![leave.into(), "test -s README.md".into()];
        for text in ["# One\n", "# Two\n"] {
            let agent = Agent::new(move |workspace| {
                let made = std::process::Command::new("mkfifo")
                    .arg(workspace.join("tests/.gitattributes"))
                    .status()
                    .unwrap();
                assert!(made.success());
                write(&workspace.join("README.md"), text);
            });
            let record = machine.run(agent);
            is_delivered(&machine, &record);
            assert!(
                record.steps.iter().any(|step| step.note == "2 of 2 checks passed"),
                "{record:?}"
            );
        }
    }
}

#[test]
fn a_build_that_went_bad_is_forgotten() {
    // As a program does that renames what it kept, which cannot be done through a layer.
    let build = "test ! -e out/done || exit 1; mkdir -p out; touch out/done";
    let mut machine = Machine::new(&[(".gitignore", "out/\n")]);
    machine.project.verify = vec![build.into(), "test -s README.md".into()];
    for text in ["# One\n", "# Two\n", "# Three\n"] {
        let record = machine.run(edits("README.md", text));
        is_delivered(&machine, &record);
        assert!(record.steps.iter().any(|step| step.note == "2 of 2 checks passed"), "{record:?}");
    }
    let notices = machine.notices.all();
    assert!(
        notices.len() == 2
            && notices.iter().all(|told| told.contains("start cold") && told.contains("fails now")),
        "{notices:?}"
    );
}

#[test]
fn an_approval_has_what_the_steps_before_the_change_make_and_is_of_checks_that_pass() {
    for mut machine in machines(&[(".gitignore", "out/\n"), ("tool", "grep -q music README.md\n")])
    {
        machine.project.verify = vec!["sh out/tool".into()];
        machine.project.mode = Mode::Review;
        let step =
            serde_json::json!({ "name": "tool", "command": "mkdir -p out; cp tool out/tool" });
        machine.project.steps.as_mut().unwrap().insert(0, serde_json::from_value(step).unwrap());
        let held = machine.run(edits("README.md", "# Site\n\nmusic\n"));
        let approved = machine.approve(&held);
        is_applied(&approved);
        assert!(
            approved.steps.iter().any(|step| step.note == "1 of 1 checks passed"),
            "{approved:?}"
        );
        machine.env.git(&machine.site, &["pull", "--quiet"]);
        // Meanwhile the tool went bad: nothing is known any more of what was held.
        let held = machine.run(edits("README.md", "# Site\n\nmore music\n"));
        write(&machine.site.join("tool"), "false\n");
        machine.commit();
        let again = machine.approve(&held);
        assert!(
            matches!(&again.outcome, Some(Outcome::Held { reason }) if reason.contains("no check passes any more")),
            "{again:?}"
        );
    }
}

#[test]
fn a_formatter_finds_what_checks_left_and_changes_the_change_by_what_it_does_to_the_project_alone()
{
    let files = [
        (".gitignore", "out/\n"),
        ("value", "good\n"),
        ("old/a", "a\n"),
        ("old/b", "b\n"),
        ("sub/gone/deep", "x\n"),
    ];
    for mut machine in machines(&files) {
        let format = "test ! -e fresh || exit 9; mkdir -p out; echo used > out/tool; sed -i 's/ *$//' value; chmod +x value; rm -rf old sub/gone; mkdir old; \
                      echo new > old/b; echo more > sub/new; echo tool >> out/tool";
        let mut command = CommandStepConfig::new("format", format);
        command.amend = true;
        let named = |name: &str| StepConfig::Named(name.into());
        let steps = [
            named("propose"),
            named("apply"),
            StepConfig::Command(command),
            named("verify"),
            named("commit"),
            named("push"),
        ];
        machine.project.steps = Some(steps.into());
        machine.project.verify =
            vec!["test -s README.md; test -x value -a ! -e old/a && grep -q '^good$' value".into()];
        let record = machine.run(edits("value", "good   \n"));
        is_delivered(&machine, &record);
        let names: Vec<_> = record.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names.iter().filter(|name| **name == "format").count(), 2, "{names:?}");
        assert_eq!(
            machine.remote(&["ls-tree", "-r", "--name-only", "main"]),
            ".gitignore\nREADME.md\nold/b\nsub/new\nvalue"
        );
        assert_eq!(machine.remote(&["show", "main:value"]), "good");
        assert!(machine.remote(&["ls-tree", "main", "value"]).starts_with("100755"));
        assert_eq!(machine.remote(&["show", "main:old/b"]), "new");
    }
}
