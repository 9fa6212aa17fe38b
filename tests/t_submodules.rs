//! Submodules: checks see their files, and run nothing of theirs.

use std::{fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use pimainteno_core::{
    Outcome,
    config::{CommandStepConfig, StepConfig},
};

use crate::support::machine::{Agent, Machine, edits, is_delivered, machines, program, write};

/// Fetches the submodules of the checkout.
fn fetch_submodules(machine: &Machine) {
    let lib = machine.env.path("lib");
    machine.env.git(&machine.site, &["config", "submodule.lib.url", lib.to_str().unwrap()]);
    machine.env.git(
        &machine.site,
        &["-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init"],
    );
}

#[test]
fn checks_see_submodules_at_their_recorded_commits_and_cannot_change_them() {
    for mut machine in machines(&[]) {
        machine.env.submodule(&machine.site);
        fetch_submodules(&machine);
        let mark = machine.mark();
        // What is theirs is read alone, whatever it says; and the checkout of one has gone on.
        let module = machine.site.join(".git/modules/lib");
        write(&module.join("info/attributes"), "* filter=trap\n");
        program(&module.join("hooks/post-checkout"), &format!("touch {}", mark.display()));
        write(&machine.site.join("vendor/lib/file"), "newer\n");
        let lib = machine.site.join("vendor/lib");
        machine.env.git(&lib, &["commit", "--quiet", "--all", "--message", "newer"]);
        machine.env.git(&lib, &["checkout", "--quiet", "--detach", "HEAD~1"]);
        fs::remove_file(&mark).unwrap();
        machine.project.verify = vec![
            "grep -qx 'of the library' vendor/lib/file && test -s README.md && echo edited > vendor/lib/file".into(),
        ];
        for text in ["# One\n", "# Two\n"] {
            let record = machine.run(edits("README.md", text));
            is_delivered(&machine, &record);
            let verify = record.steps.iter().find(|step| step.name == "verify").unwrap();
            assert_eq!(verify.note, "1 of 1 checks passed");
        }
        assert!(!mark.exists());
        let mode = machine.remote(&["ls-tree", "main", "vendor/lib"]);
        assert!(mode.starts_with("160000 "), "{mode}");
    }
}

#[test]
fn a_submodule_that_the_checkout_does_not_have_is_told_where_a_check_fails_for_want_of_it() {
    let mut machine = Machine::new(&[]);
    machine.env.submodule(&machine.site);
    machine.project.verify = vec!["cat vendor/lib/file README.md".into()];
    let record = machine.run(edits("README.md", "# One\n"));
    assert!(
        matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("the checkout has nothing of submodule `vendor/lib`") && reason.contains("git submodule update --init")),
        "{record:?}"
    );
    // Once it is there, it is seen.
    fetch_submodules(&machine);
    let record = machine.run(edits("README.md", "# Two\n"));
    is_delivered(&machine, &record);
}

/// Where the files of the submodule are kept for checks.
fn kept(machine: &Machine) -> PathBuf {
    let sets = machine.env.path("state/sandbox/site/submodules");
    let mut sets = fs::read_dir(sets).unwrap().map(|entry| entry.unwrap().path());
    sets.find(|set| set.join("vendor/lib").is_dir()).unwrap().join("vendor/lib")
}

fn held(record: &pimainteno_core::RunRecord) -> &str {
    let Some(Outcome::Held { reason }) = &record.outcome else { panic!("{record:?}") };
    reason
}

#[test]
fn a_change_that_takes_the_list_of_submodules_away_is_checked_without_them() {
    let mut machine = machines(&[]).next().unwrap();
    machine.env.submodule(&machine.site);
    fetch_submodules(&machine);
    let see = CommandStepConfig::new("see", "test -e vendor/lib/file");
    machine.project.steps.as_mut().unwrap().insert(0, StepConfig::Command(see));
    machine.project.verify = vec!["test -e .gitmodules || ! test -e vendor/lib/file".into()];
    let record = machine.run(Agent::new(|workspace| {
        fs::remove_file(workspace.join(".gitmodules")).unwrap();
    }));
    let verify = record.steps.iter().find(|step| step.name == "verify").unwrap();
    assert_eq!(verify.note, "1 of 1 checks passed", "{record:?}");
}

#[test]
fn submodules_that_are_there_are_written_once_and_what_a_killed_run_left_out_is_made_up_for() {
    let mut machine = Machine::new(&[]);
    machine.env.submodule(&machine.site);
    fetch_submodules(&machine);
    // Another one that nobody fetches.
    let list = machine.site.join(".gitmodules");
    let more = "[submodule \"other\"]\n\tpath = vendor/other\n\turl = ../other\n";
    fs::write(&list, fs::read_to_string(&list).unwrap() + more).unwrap();
    fs::create_dir(machine.site.join("vendor/other")).unwrap();
    machine.env.git(&machine.site, &["add", ".gitmodules"]);
    let commit = machine.env.git(&machine.env.path("lib"), &["rev-parse", "HEAD"]);
    let entry = format!("160000,{commit},vendor/other");
    machine.env.git(&machine.site, &["update-index", "--add", "--cacheinfo", &entry]);
    machine.env.git(&machine.site, &["commit", "--quiet", "--message", "another library"]);
    machine.env.git(&machine.site, &["push", "--quiet"]);
    machine.project.verify =
        vec!["test -e vendor/lib/file && test ! -e vendor/other/file && test -s README.md".into()];
    is_delivered(&machine, &machine.run(edits("README.md", "# One\n")));
    let number = || fs::metadata(kept(&machine)).unwrap().ino();
    let before = number();
    is_delivered(&machine, &machine.run(edits("README.md", "# Two\n")));
    assert_eq!(number(), before);

    // Killed before the files of one were at their place.
    fs::remove_dir_all(kept(&machine)).unwrap();
    fs::create_dir(machine.env.path("state/sandbox/site/submodules/new")).unwrap();
    for set in fs::read_dir(machine.env.path("state/sandbox/site/submodules")).unwrap() {
        fs::create_dir_all(set.unwrap().path().join("vendor/lib")).unwrap();
    }
    is_delivered(&machine, &machine.run(edits("README.md", "# Three\n")));
}

#[test]
fn a_submodule_with_its_repository_inside_is_seen() {
    for mut machine in machines(&[]) {
        machine.env.submodule(&machine.site);
        let lib = machine.env.path("lib");
        let place = machine.site.join("vendor/lib");
        machine.env.git(
            &machine.site,
            &["clone", "--quiet", lib.to_str().unwrap(), place.to_str().unwrap()],
        );
        assert!(place.join(".git/HEAD").exists());
        machine.project.verify =
            vec!["grep -q library vendor/lib/file && test -s README.md".into()];
        is_delivered(&machine, &machine.run(edits("README.md", "# One\n")));
    }
}

#[test]
fn a_submodule_whose_filter_fails_or_that_is_too_much_is_told_and_ends_no_run() {
    for (is_filter, told) in [(true, "cannot be written"), (false, "`sandbox_files` allows")] {
        let mut machine = Machine::new(&[]);
        machine.env.submodule(&machine.site);
        fetch_submodules(&machine);
        let module = machine.site.join(".git/modules/lib");
        if is_filter {
            write(&module.join("info/attributes"), "* filter=broken\n");
            machine.env.git(&module, &["config", "filter.broken.clean", "cat"]);
            machine.env.git(&module, &["config", "filter.broken.smudge", "false"]);
            machine.env.git(&module, &["config", "filter.broken.required", "true"]);
        } else {
            let lib = machine.site.join("vendor/lib");
            for number in 0..6000 {
                fs::write(lib.join(format!("file-{number}")), "").unwrap();
            }
            machine.env.git(&lib, &["add", "--all"]);
            machine.env.git(&lib, &["commit", "--quiet", "--message", "more"]);
            machine.commit();
            machine.project.sandbox_files = Some(5000);
        }
        machine.project.verify = vec!["cat vendor/lib/file README.md".into()];
        let record = machine.run(edits("README.md", "# One\n"));
        assert!(held(&record).contains(told), "{record:?}");
        machine.project.verify = vec!["test -s README.md".into()];
        is_delivered(&machine, &machine.run(edits("README.md", "# Two\n")));
    }
}
