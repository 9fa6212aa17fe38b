//! Submodules: checks see their files, and run nothing of theirs.

use pimainteno_core::Outcome;

use crate::support::machine::{Machine, edits, is_delivered, machines, program, write};

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
        std::fs::remove_file(&mark).unwrap();
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
