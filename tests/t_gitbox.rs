//! What Git and hooks run on files that somebody else wrote, with the real sandbox: `pi-mainteno`
//! itself is its helper.
//!
//! Whoever attacks leaves a program that makes a mark outside of the workspace, which neither an
//! agent nor a check can do.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use pimainteno_core::{
    Outcome, RunRecord,
    config::{CommandStepConfig, HooksMode, PrepareConfig, SandboxMode, StepConfig},
    process::Support,
};

use crate::support::machine::{
    Agent, Machine, edits, is_applied, is_delivered, machines, program, sh, write,
};

/// Why the commit of a change was refused, which is given up then.
#[track_caller]
fn refused(machine: &Machine, record: &RunRecord) -> String {
    match &record.outcome {
        Some(Outcome::Held { reason }) if reason.starts_with("commit failed") => {
            machine.reject(record);
            reason.clone()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repository_that_an_agent_makes_in_a_submodule_is_not_looked_into() {
    let mut machine = Machine::new(&[]);
    let commit = machine.env.submodule(&machine.site);
    let script = machine.env.trap(&machine.mark());
    let agent = Agent::new(move |workspace| {
        sh(workspace, &script);
        write(&workspace.join("README.md"), "# Site\n\nIt plays music.\n");
    });
    // Neither in the sandbox nor without one.
    for mode in [SandboxMode::Auto, SandboxMode::Off] {
        machine.project.sandbox = mode;
        let record = machine.run_with(agent.clone(), true);
        assert!(matches!(record.outcome, Some(Outcome::Held { .. })), "{:?}", record.outcome);
        assert!(!machine.mark().exists(), "{mode:?}");
        fs::remove_dir_all(machine.env.path("state")).unwrap();
    }
    is_applied(&machine.run(agent));
    assert!(!machine.mark().exists());
    assert!(machine.remote(&["show", "main:README.md"]).contains("music"));
    assert_eq!(machine.remote(&["rev-parse", "main:vendor/lib"]), commit);
}

#[test]
fn a_repository_that_a_check_makes_in_a_submodule_is_not_looked_into_by_the_next_run() {
    // In a layer over the workspace, and in the workspace.
    for support in [None, Some(Support { system_calls: true, ..Support::default() })] {
        let mut machine = Machine::new(&[]);
        machine.support = support;
        machine.env.submodule(&machine.site);
        // The check sees only its workspace and the repository.
        let script = "rm -rf vendor/lib; git init --quiet vendor/lib; cd vendor/lib; echo x > file; git add file; \
                      git -c user.name=e -c user.email=e@e commit --quiet --message x; git rev-parse HEAD > /dev/null";
        let copy = format!(
            "rm -rf vendor/lib; cp -R {} vendor/lib; cd vendor/lib",
            machine.env.path("lib").display()
        );
        let plant = machine.env.trap(&machine.mark()).replace(&copy, script);
        // A command that is a step is kept in as a check is, and nobody makes the workspace clean
        // after it.
        let plant =
            format!("{plant}; git -C ../.. rev-parse HEAD:vendor/lib > .git/refs/heads/main");
        let plant = StepConfig::Command(CommandStepConfig::new("plant", plant));
        machine.project.steps.as_mut().unwrap().insert(3, plant);
        for number in [1, 2] {
            let edit = move |workspace: &Path| {
                write(&workspace.join("README.md"), &format!("# Site\n\n{number}\n"));
            };
            let record = machine.run(Agent::new(edit));
            is_applied(&record);
            assert!(record.steps.iter().any(|step| step.name == "plant"), "{record:?}");
            machine.env.git(&machine.site, &["pull", "--quiet"]);
        }
        assert!(!machine.mark().exists());
    }
}

/// A machine without layers: there a command writes to the workspace itself. One before the commit
/// plants a program, which makes a mark.
fn machine_with_planted(files: &[(&str, &str)], path: &str) -> Machine {
    let mut machine = Machine::new(files);
    machine.support = Some(Support { system_calls: true, ..Support::default() });
    let plant = format!(
        "mkdir -p $(dirname {path}); printf '#!/bin/sh\\ntouch %s\\n' {} > {path}; chmod +x {path}",
        machine.mark().display()
    );
    let plant = StepConfig::Command(CommandStepConfig::new("plant", plant));
    machine.project.steps.as_mut().unwrap().insert(3, plant);
    machine
}

#[test]
fn hooks_are_the_checkouts_and_not_what_somebody_left_in_the_workspace() {
    let files = [(".gitignore", ".husky/_/\n"), (".husky/pre-commit", "grep -q music README.md\n")];
    let machine = machine_with_planted(&files, ".husky/_/pre-commit");
    machine.env.git(&machine.site, &["config", "core.hooksPath", ".husky/_"]);
    // As husky does: what is called is beside the directory that is ignored.
    program(&machine.site.join(".husky/_/pre-commit"), ". \"$(dirname \"$0\")/h\"");
    write(
        &machine.site.join(".husky/_/h"),
        "n=$(basename \"$0\")\nsh -e \"$(dirname \"$(dirname \"$0\")\")/$n\"\n",
    );
    let edits =
        |text: &'static str| Agent::new(move |workspace| write(&workspace.join("README.md"), text));
    let message = refused(&machine, &machine.run(edits("# Site\n\nNothing.\n")));
    assert!(message.contains("`pre-commit`"), "{message}");
    is_applied(&machine.run(edits("# Site\n\nIt plays music.\n")));
    assert!(
        machine.env.path("state/workspaces/site/.husky/_/pre-commit").exists()
            && !machine.mark().exists()
    );
}

#[test]
fn programs_that_somebody_left_where_git_does_not_look_are_not_there_for_hooks() {
    let machine =
        machine_with_planted(&[(".gitignore", "node_modules\n")], "node_modules/.bin/lint");
    machine.hook("pre-commit", "test ! -e node_modules/.bin/lint || exit 1");
    is_applied(&machine.run(Agent::harmless()));
    assert!(
        machine.env.path("state/workspaces/site/node_modules/.bin/lint").exists()
            && !machine.mark().exists()
    );
}

#[test]
fn a_hook_sees_what_was_prepared_and_may_write_where_checks_may() {
    let mut machine = Machine::new(&[(".gitignore", "node_modules/\n"), ("package.json", "{}\n")]);
    let (cache, files) = (machine.env.path("home/.cache/hook"), machine.env.path("home/cache.txt"));
    fs::create_dir_all(&cache).unwrap();
    machine.project.sandbox_write = vec![cache.clone()];
    let lint = "#!/bin/sh\\ngrep -q music README.md\\n";
    machine.project.prepare = vec![PrepareConfig::new(format!(
        "mkdir -p node_modules/.bin && printf '{lint}' > node_modules/.bin/lint && chmod +x node_modules/.bin/lint"
    ))];
    // What a check adds there is not what `prepare` made.
    machine.project.verify = vec!["touch node_modules/.bin/planted && test -s README.md".into()];
    machine.hook(
        "pre-commit",
        &format!(
            "PATH=node_modules/.bin:$PATH; lint && test ! -e node_modules/.bin/planted && ! touch node_modules/x {} && touch {}/seen",
            files.display(),
            cache.display()
        ),
    );
    let record = machine.run(Agent::harmless());
    is_applied(&record);
    assert!(cache.join("seen").exists() && !files.exists());
}

#[test]
fn what_a_change_has_a_hook_run_is_kept_in() {
    let machine = Machine::new(&[("lint.sh", "true\n")]);
    write(&machine.env.path("home/.ssh/id"), "a key");
    machine.hook("pre-commit", "sh lint.sh");
    let (mark, git) = (machine.mark(), machine.site.join(".git"));
    let agent = Agent::new(move |workspace| {
        let (mark, git) = (mark.display(), git.display());
        let tries = format!(
            "touch {mark} {git}/mark {git}/objects/mark {git}/hooks/mark; ! cat ~/.ssh/id\n"
        );
        write(&workspace.join("lint.sh"), &tries);
    });
    is_applied(&machine.run(agent));
    let left = [
        machine.mark(),
        machine.site.join(".git/mark"),
        machine.site.join(".git/objects/mark"),
        machine.site.join(".git/hooks/mark"),
    ];
    assert!(!left.iter().any(|path| path.exists()));
}

#[test]
fn a_hook_that_only_looks_refuses_as_it_always_did() {
    let mut machine = Machine::new(&[]);
    machine
        .hook("pre-commit", "git diff --cached --quiet --diff-filter=A || { echo no new files >&2; exit 3; }; git stash create >/dev/null");
    let new_file = Agent::new(|workspace| write(&workspace.join("new.txt"), "new\n"));
    let message = refused(&machine, &machine.run(new_file.clone()));
    assert!(
        ["`pre-commit`", "exit code 3", "no new files", "hooks = \"off\""]
            .iter()
            .all(|part| message.contains(part)),
        "{message}"
    );
    machine.hook(
        "commit-msg",
        "grep -q '^PiMainteno-Run: ' \"$1\" && echo 'Reviewed-by: a hook' >> \"$1\"",
    );
    is_applied(&machine.run(Agent::harmless()));
    let trailers = machine.remote(&["log", "-1", "--format=%(trailers:only)", "main"]);
    assert!(
        trailers.contains("PiMainteno-Run: ") && trailers.contains("Reviewed-by: a hook"),
        "{trailers}"
    );
    machine.hook("commit-msg", "exit 1");
    machine.project.hooks = HooksMode::Off;
    machine.env.git(&machine.site, &["pull", "--quiet"]);
    is_applied(&machine.run(new_file));
}

#[test]
fn a_message_is_not_read_through_a_link_that_a_hook_leaves() {
    let machine = Machine::new(&[]);
    write(&machine.env.path("home/.ssh/id"), "a key");
    machine.hook(
        "commit-msg",
        &format!("ln -sf {} \"$1\"", machine.env.path("home/.ssh/id").display()),
    );
    let message = refused(&machine, &machine.run(Agent::harmless()));
    assert!(message.contains("commit message"), "{message}");
}

#[test]
fn a_commit_is_signed_as_the_owner_signs() {
    let machine = Machine::new(&[]);
    let key = machine.env.path("home/.ssh/key");
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    let keygen = ["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", key.to_str().unwrap()];
    assert!(std::process::Command::new("ssh-keygen").args(keygen).status().unwrap().success());
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    write(&machine.env.path("home/signers"), &format!("ada@example.org {public}"));
    let signers = machine.env.path("home/signers").display().to_string();
    let key = key.display().to_string();
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingKey", &key),
        ("commit.gpgSign", "true"),
        ("gpg.ssh.allowedSignersFile", &signers),
    ] {
        machine.config(name, value);
    }
    is_applied(&machine.run(Agent::harmless()));
    machine.remote(&["verify-commit", "main"]);
}

#[test]
fn filters_and_line_ends_of_the_owner_are_kept_in_the_sandbox() {
    for support in [
        None,
        Some(Support { landlock: 1, obstacle: Some("as told".into()), ..Support::default() }),
    ] {
        let mut machine = Machine::new(&[]);
        machine.support = support;
        let tool = machine.env.path("home/tools/case");
        let filter = "case $1 in clean) tr A-Z a-z;; *) tr a-z A-Z;; esac";
        program(&tool, filter);
        for (name, value) in [
            ("filter.case.clean", "~/tools/case clean"),
            ("filter.case.smudge", "~/tools/case smudge"),
        ] {
            machine.config(name, value);
        }
        machine.config("filter.case.required", "true");
        machine.config("core.autocrlf", "true");
        write(&machine.site.join(".gitattributes"), "*.loud filter=case\n");
        write(&machine.site.join("song.loud"), "LA LA\n");
        machine.commit();
        // Kept in, it also tries to give the answers that Git's caller waits for. In the checkout
        // it is not, and would hit other tests.
        let forge = "for p in $(grep -l '[s]erve-commands' /proc/[0-9]*/cmdline); do echo forged > ${p%/cmdline}/fd/1; done 2>/dev/null";
        let is_kept_in = "! (: > ~/tools/note) 2>/dev/null";
        program(&tool, &format!("if {is_kept_in}; then {forge}; fi\n{filter}"));
        let agent = Agent::new(|workspace| {
            assert_eq!(fs::read_to_string(workspace.join("README.md")).unwrap(), "# Site\r\n");
            assert_eq!(
                fs::read_to_string(workspace.join("song.loud")).unwrap().trim_end(),
                "LA LA"
            );
            write(&workspace.join("README.md"), "# Site\r\n\r\nIt plays music.\r\n");
            write(&workspace.join("song.loud"), "LA LA LA\n");
        });
        let mut record = machine.run(agent);
        if machine.support.is_some() {
            assert!(
                matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("without a whole sandbox")),
                "{record:?}"
            );
            record = machine.approve(&record);
        }
        is_applied(&record);
        assert_eq!(machine.remote(&["show", "main:song.loud"]), "la la la");
        assert_eq!(machine.remote(&["show", "main:README.md"]), "# Site\n\nIt plays music.");
    }
}

#[test]
fn a_formatter_that_is_a_hook_works_in_the_sandbox() {
    let mut machine = Machine::new(&[]);
    machine.project.hooks = HooksMode::Amend;
    let hook = machine.site.join(".git/hooks/pre-commit");
    program(
        &hook,
        "sed -i 's/ *$//' README.md\ngrep -q formatted README.md || echo formatted >> README.md\ngit add README.md",
    );
    is_applied(&machine.run(Agent::harmless()));
    let text = machine.remote(&["show", "main:README.md"]);
    assert!(text.ends_with("\nformatted"), "{text}");
}

#[test]
fn a_repository_that_a_group_shares_stays_shared() {
    // Of a check, the bit is asked for in vain.
    let check = "mkdir shared && chmod 2775 shared && git init --quiet --shared shared/repository";
    for (value, mode) in [("group", 0o2775), ("0640", 0o2750)] {
        for mut machine in machines(&[]) {
            machine.project.verify.push(check.into());
            machine.env.git(&machine.site, &["config", "core.sharedRepository", value]);
            let objects = machine.site.join(".git/objects");
            let directories = || -> Vec<_> {
                let entries = fs::read_dir(&objects).unwrap().flatten();
                let loose = entries.filter(|entry| entry.file_name().len() == 2);
                loose.map(|entry| entry.path()).collect()
            };
            let before = directories();
            let record = machine.run(edits("README.md", "# Site\n\nIt plays music.\n"));
            is_delivered(&machine, &record);
            let made = directories().into_iter().filter(|path| !before.contains(path));
            let modes: Vec<_> = made
                .map(|path| fs::metadata(path).unwrap().permissions().mode() & 0o7777)
                .collect();
            assert!(modes.len() > 1, "{value}");
            assert!(modes.iter().all(|made| made & 0o2770 == mode & 0o2770), "{value}: {modes:?}");
        }
    }
}
