//! What keeps a good change from being delivered: found before, and waited for.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::support::TestEnv;

fn env() -> TestEnv {
    let env = TestEnv::new();
    env.project_with("site", &[("README.md", "# Site\n\nYou will recieve a letter.\n")]);
    env.write_config(
        "[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nmode = \"auto\"\nrestart = \"none\"\nunits = []\n\
         verify = [\"grep -q letter README.md\"]\n",
    );
    env
}

fn script(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_change_that_the_remote_refuses_waits_and_is_delivered_when_it_may_be() {
    let env = env();
    let (site, hook) = (env.path("home/site"), env.path("remotes/site.git/hooks/pre-receive"));
    script(&hook, "#!/bin/sh\necho 'the branch main is protected' >&2\nexit 1\n", 0o755);
    let before = env.git(&site, &["rev-parse", "HEAD"]);
    env.run(&["run"]).expect(0).says(&["site: held: push failed", "the branch main is protected"]);
    let held = env.run(&["proposals", "--json"]).expect(0).json();
    let id = held[0]["id"].as_str().unwrap().to_owned();
    env.run(&["run"]).expect(0).says(&["site: held: push failed"]);
    env.run(&["notices"]).expect(0).says(&["once that is put right it goes on by itself"]);
    let notices = env.run(&["notices", "--json"]).expect(0).json();
    let blocked: Vec<_> =
        notices.as_array().unwrap().iter().filter(|notice| notice["notice"] == "blocked").collect();
    assert_eq!((blocked.len(), &blocked[0]["count"]), (1, &1.into()), "{notices:#}");
    assert_eq!(env.git(&site, &["rev-parse", "HEAD"]), before);

    fs::remove_file(&hook).unwrap();
    env.run(&["run"]).expect(0).says(&["site: applied: "]);
    assert_eq!(
        env.git(&site, &["rev-parse", "HEAD"]),
        env.git(&site, &["rev-parse", "origin/main"])
    );
    assert!(fs::read_to_string(site.join("README.md")).unwrap().contains("receive"));
    let all = env.run(&["proposals", "--all", "--json"]).expect(0).json();
    assert_eq!((all[0]["id"].as_str(), &all[0]["status"]["kind"]), (Some(&*id), &"applied".into()));
}

#[test]
fn check_finds_what_would_keep_a_change_from_being_delivered() {
    let env = env();
    let site = env.path("home/site");
    let objects = || env.git(&site, &["count-objects", "-v"]);
    env.run(&["check"]).expect(0).says(&["lets this user push", "asked by a real push alone"]);

    env.git(&site, &["config", "commit.gpgsign", "true"]);
    env.git(&site, &["config", "gpg.format", "ssh"]);
    env.git(&site, &["config", "user.signingkey", "/nowhere/id_ed25519"]);
    env.run(&["check"]).expect(1).says(&["commits are signed, and one cannot be", "/nowhere"]);
    let before = objects();
    script(
        &env.path("home/sign"),
        "#!/bin/sh\nfor last in \"$@\"; do :; done\necho signed > \"$last.sig\"\n",
        0o755,
    );
    env.git(&site, &["config", "gpg.ssh.program", env.path("home/sign").to_str().unwrap()]);
    env.run(&["check"]).expect(0).says(&["one was signed here as a try"]);
    assert_eq!(objects(), before);
    env.git(&site, &["config", "commit.gpgsign", "false"]);

    let hooks = site.join(".git/hooks");
    script(&hooks.join("pre-commit"), "#!/usr/bin/env no-such-python\n", 0o755);
    script(&hooks.join("commit-msg"), "#!/bin/sh\n", 0o644);
    env.run(&["check"])
        .expect(1)
        .says(&["needs `no-such-python`", "`commit-msg` is not executable"]);
    fs::remove_file(hooks.join("pre-commit")).unwrap();

    env.git(&site, &["config", "remote.origin.receivepack", "echo no rights here >&2; false"]);
    env.run(&["check"]).expect(1).says(&["`origin` answers", "no rights here"]);
}

/// The steps of the second example of the reference.
fn steps_of_the_example() -> &'static str {
    let lines = include_str!("../PiMainteno.toml").lines();
    let mut lines = lines.filter_map(|line| line.strip_prefix('#'));
    lines.find(|line| line.starts_with("steps = [\"propose\"") && line.contains("lint")).unwrap()
}

#[test]
fn the_example_with_commands_before_the_checks_delivers() {
    for more in ["", "sandbox_network = true"] {
        let env = TestEnv::new();
        let makefile = "format:\n\tgrep -q formatted README.md || echo formatted >> README.md\nlint:\n\ttest -s README.md\n\
                        test:\n\tgrep -q letter README.md\npublish:\n\ttouch ../../published\n";
        let files =
            [("README.md", "# Site\n\nYou will recieve a letter.\n"), ("Makefile", makefile)];
        let site = env.project_with("site", &files);
        env.write_config(&format!(
            "[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nmode = \"auto\"\nrestart = \"none\"\nunits = []\n\
             verify = [\"make test\"]\n{more}\n{}\n",
            steps_of_the_example()
        ));
        env.run(&["run"]).expect(0).says(&[
            "site: lint: done",
            "site: publish: done",
            "site: applied: ",
        ]);
        assert!(fs::read_to_string(site.join("README.md")).unwrap().ends_with("formatted\n"));
    }
}

#[test]
fn an_order_of_steps_that_makes_no_sense_is_a_problem_that_check_tells() {
    let env = env();
    let config = fs::read_to_string(env.path("work/PiMainteno.toml")).unwrap();
    env.write_config(&format!(
        "{config}steps = [\"propose\", \"verify\", \"apply\", \"commit\", \"push\"]\n"
    ));
    env.run(&["check"])
        .expect(1)
        .says(&["`verify` stands before `apply`", "put `apply` before `verify`"]);
    env.run(&["run"]).expect(2).tells(&["`verify` stands before `apply`"]);
    let loose = "{ name = \"stamp\", command = \"true\", sandbox = \"off\" }";
    env.write_config(&format!(
        "{config}steps = [\"propose\", \"apply\", {loose}, \"verify\", \"commit\", \"push\"]\n"
    ));
    env.run(&["check"]).expect(0).says(&["`stamp` has no sandbox", "put it behind `verify`"]);
}
