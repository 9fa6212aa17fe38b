//! Projects that are a directory of their repository, with the real sandbox and by the program.

use pimainteno_core::{
    Outcome,
    config::{Globs, PrepareConfig, SandboxMode},
};

use crate::support::machine::{Agent, Machine, edits, is_delivered, machines, sh, write};

#[test]
fn a_part_of_a_repository_is_prepared_checked_and_delivered_where_it_is() {
    let files = [
        ("services/radio/README.md", "# Radio\n"),
        ("services/radio/lock", "one\n"),
        ("services/tv/README.md", "# TV\n"),
        ("common/lib", "common\n"),
        (".gitignore", "out/\n"),
    ];
    for mut machine in machines(&files) {
        machine.project.path = machine.site.join("services/radio");
        machine.project.name = Some("site".into());
        let mut prepare = PrepareConfig::new("mkdir -p out && cp lock out/made");
        prepare.files = Some(Globs::compile(["lock"]).unwrap());
        machine.project.prepare = vec![prepare];
        machine.project.verify = vec![
            "test \"$(cat out/made)\" = \"$(cat lock)\" && test -f ../../common/lib && grep -q Radio README.md".into(),
        ];
        let first = machine.run(edits("README.md", "# Radio, mended\n"));
        is_delivered(&machine, &first);
        let changed = machine.remote(&["show", "--format=", "--name-only", "main"]);
        assert_eq!(changed, "services/radio/README.md");
        // The checks notice what is wrong with the change.
        let bad = machine.run(edits("README.md", "# Something else\n"));
        assert!(
            matches!(&bad.outcome, Some(Outcome::Failed { step, .. }) if step == "verify"),
            "{:?}",
            bad.outcome
        );
        // What it depends on is its own.
        write(&machine.site.join("lock"), "of the whole\n");
        write(&machine.site.join("services/radio/lock"), "two\n");
        machine.commit();
        let next = machine.run(edits("README.md", "# Radio, again\n"));
        is_delivered(&machine, &next);
        let outside = machine.run(Agent::new(|workspace| {
            write(&workspace.join("../tv/README.md"), "# Mine\n");
        }));
        match &outside.outcome {
            Some(Outcome::Failed { message, .. }) => {
                assert!(message.contains("outside of the project"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_lock_file_above_the_project_is_read_and_is_news() {
    let files = [
        ("package-lock.json", "one\n"),
        (".gitignore", "out/\n"),
        ("services/radio/README.md", "# Radio\n"),
    ];
    let mut machine = Machine::new(&files);
    machine.project.path = machine.site.join("services/radio");
    machine.project.name = Some("site".into());
    machine.project.prepare =
        vec![PrepareConfig::new("mkdir -p out && cp ../../package-lock.json out/made")];
    machine.project.verify =
        vec!["cmp out/made ../../package-lock.json && test -s README.md".into()];
    is_delivered(&machine, &machine.run(edits("README.md", "# Radio, mended\n")));
    let quiet = || Agent::new(|_| {});
    machine.run_with(quiet(), false);
    for (path, is_news) in [("README.md", false), ("package-lock.json", true)] {
        write(&machine.site.join(path), "two\n");
        machine.commit();
        let record = machine.run_unforced(quiet());
        let is_skipped = matches!(record.outcome, Some(Outcome::Skipped { .. }));
        assert_eq!(is_skipped, !is_news, "{path}: {record:?}");
    }
    is_delivered(&machine, &machine.run(edits("README.md", "# Radio, again\n")));
}

#[test]
fn a_repository_in_the_place_of_a_submodule_elsewhere_is_not_looked_into() {
    let mut machine = Machine::new(&[("services/radio/README.md", "# Radio\n")]);
    machine.env.submodule(&machine.site);
    machine.project.path = machine.site.join("services/radio");
    machine.project.name = Some("site".into());
    let script = format!("cd ../..; {}", machine.env.trap(&machine.mark()));
    let agent = Agent::new(move |workspace| {
        sh(workspace, &script);
        write(&workspace.join("README.md"), "# Radio\n\nIt plays music.\n");
    });
    for mode in [SandboxMode::Auto, SandboxMode::Off] {
        machine.project.sandbox = mode;
        let record = machine.run_with(agent.clone(), true);
        assert!(matches!(record.outcome, Some(Outcome::Held { .. })), "{:?}", record.outcome);
        assert!(!machine.mark().exists(), "{mode:?}");
    }
}

#[test]
fn an_embedded_repository_of_a_submodule_is_found_from_a_part_of_the_checkout() {
    let mut machine = Machine::new(&[("services/radio/README.md", "# Radio\n")]);
    machine.env.submodule(&machine.site);
    let place = machine.site.join("vendor/lib");
    std::fs::remove_dir(&place).unwrap();
    sh(&machine.site, &format!("cp -R {} vendor/lib", machine.env.path("lib").display()));
    machine.project.path = machine.site.join("services/radio");
    machine.project.name = Some("site".into());
    machine.project.verify =
        vec!["grep -qx 'of the library' ../../vendor/lib/file && test -s README.md".into()];
    is_delivered(&machine, &machine.run(edits("README.md", "# Radio, mended\n")));
}

#[test]
fn the_program_takes_a_part_of_a_repository_for_a_project_and_says_so() {
    let env = crate::support::TestEnv::new();
    let files =
        [("README.md", "# All\n"), ("services/radio/Makefile", "test:\n\ttest -f main.c\n")];
    let site = env.project_with("mono", &[&files[..], &[("services/radio/main.c", "\n")]].concat());
    let part = site.join("services/radio");
    env.run(&["init", part.to_str().unwrap()]).expect(0).says(&["services/radio", "make test"]);
    let config = std::fs::read_to_string(env.path("work/PiMainteno.toml")).unwrap();
    env.write_config(&config.replace("provider = \"codex\"", "provider = \"offline\""));
    let top = format!("a part of `{}`", site.display());
    let checked = env.run(&["check"]);
    checked.says(&[&top, "on branch `main`", "make test"]);
    let run = env.run(&["run", "--dry-run"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    // It looks, and leaves nothing.
    assert!(!part.join("codex.md").exists() && !site.join("codex.md").exists(), "{run:?}");
    assert_eq!(env.git(&site, &["status", "--porcelain"]), "");
    let elsewhere = env.path("home/mono/untracked");
    std::fs::create_dir(&elsewhere).unwrap();
    env.write_config(&config.replace(part.to_str().unwrap(), elsewhere.to_str().unwrap()));
    env.run(&["check"]).says(&["Git keeps no file of"]);
}
