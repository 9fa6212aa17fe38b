//! Whose a checkout is, and who decides: nobody's configuration runs as somebody else, and nothing
//! that a run started approves.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::support::TestEnv;

/// Whether this is root, who can make things that belong to somebody else.
fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

fn give_away(path: &Path) {
    chown(path, Some(12345), Some(12345)).unwrap();
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            give_away(&entry.path());
        } else {
            std::os::unix::fs::lchown(entry.path(), Some(12345), Some(12345)).unwrap();
        }
    }
}

#[test]
fn nothing_of_a_checkout_runs_as_somebody_who_does_not_own_it() {
    let env = TestEnv::new();
    let site = env.project_with(
        "site",
        &[("README.md", "You will recieve a letter.\n"), (".gitattributes", "* filter=trap\n")],
    );
    let trace = env.path("tmp/trace");
    env.git(
        &site,
        &["config", "filter.trap.clean", &format!("echo ran >> {}; cat", trace.display())],
    );
    env.git(
        &site,
        &[
            "config",
            "remote.origin.uploadpack",
            &format!("echo ran >> {}; git-upload-pack", trace.display()),
        ],
    );
    env.write_config(
        "[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nmode = \"auto\"\nunits = []\nverify = [\"true\"]\n",
    );
    if !is_root() {
        // Nobody can give a file away; the parts of a checkout are compared one by one in the
        // library's own tests.
        return;
    }
    drop(fs::remove_file(&trace));
    // Whatever the user's own settings trust.
    let config = fs::read_to_string(env.path("home/.gitconfig")).unwrap();
    fs::write(env.path("home/.gitconfig"), format!("{config}[safe]\n\tdirectory = *\n")).unwrap();
    for part in ["", ".git"] {
        let part = if part.is_empty() { site.clone() } else { site.join(part) };
        give_away(&part);
        env.run(&["check"]).expect(1).says(&["12345", "sudo -u"]);
        env.run(&["run"]).expect(1).says(&["belongs to 12345"]);
        assert!(!trace.exists(), "{}", part.display());
        assert!(!site.join(".git/pimainteno.lock").exists());
    }
}

#[test]
fn what_is_made_in_a_git_directory_follows_no_link() {
    let env = TestEnv::new();
    let site = env.project_with("site", &[("README.md", "You will recieve a letter.\n")]);
    env.write_config("[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nunits = []\nverify = [\"true\"]\n");
    let target = env.path("home/precious");
    fs::write(&target, "precious\n").unwrap();
    let lock = site.join(".git/pimainteno.lock");
    symlink(&target, &lock).unwrap();
    env.run(&["run"]).expect(1).says(&["pimainteno.lock", "no plain file"]);
    fs::remove_file(&lock).unwrap();
    fs::hard_link(&target, &lock).unwrap();
    env.run(&["run"]).expect(1).says(&["pimainteno.lock", "lies elsewhere too"]);
    fs::remove_file(&lock).unwrap();
    let exclude = site.join(".git/info/exclude");
    drop(fs::remove_file(&exclude));
    fs::create_dir_all(exclude.parent().unwrap()).unwrap();
    symlink(&target, &exclude).unwrap();
    env.run(&["run"]).expect(1).says(&["info/exclude", "no plain file"]);
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious\n");
}

#[test]
fn what_a_run_started_decides_nothing_however_it_hides() {
    let env = TestEnv::new();
    let site = env.project_with("site", &[("README.md", "You will recieve a letter.\n")]);
    let program = env!("CARGO_BIN_EXE_pi-mainteno");
    let script = env.path("home/decide");
    let text = format!(
        "#!/bin/sh\ncd {}\nRUNTIME_DIRECTORY={} STATE_DIRECTORY={} {program} pause site > {}/said-$1 2>&1\n: > {}/done-$1\n",
        env.path("work").display(),
        env.path("state").display(),
        env.path("state").display(),
        env.path("tmp").display(),
        env.path("tmp").display()
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let script = script.display();
    let step = format!("{script} plain; env -i PATH=$PATH setsid {script} session & wait");
    let steps = format!(
        "[\"propose\", \"apply\", \"verify\", {{ name = \"decide\", command = \"{step}\", sandbox = \"off\" }}]"
    );
    env.write_config(&format!("[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nunits = []\nsteps = {steps}\nmode = \"auto\"\nverify = [\"grep -q letter README.md\"]\n"));
    let mut daemon = env.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !env.path("state").join("control.sock").exists() {
        assert!(Instant::now() < deadline, "the daemon does not start");
        std::thread::yield_now();
    }
    let ran = env.run(&["run", "site"]);
    for how in ["plain", "session"] {
        let said = fs::read_to_string(env.path("tmp").join(format!("said-{how}")))
            .unwrap_or_else(|error| panic!("{how}: {error}: {ran:?}"));
        assert!(
            said.contains("not for you to decide") && said.contains("a run of this daemon"),
            "{how}: {said}"
        );
    }
    let paused =
        |env: &TestEnv| env.run(&["status", "--json"]).json()["projects"][0]["paused"].as_bool();
    assert_eq!(paused(&env), Some(false));
    // A person is not refused, and one in another user namespace is.
    env.run(&["pause", "site"]).expect(0).says(&["site"]);
    assert_eq!(paused(&env), Some(true));
    let mut apart = std::process::Command::new("unshare");
    let resume = env.command(&["resume", "site"]);
    apart
        .args(["--user", "--map-root-user"])
        .arg(resume.get_program())
        .args(resume.get_args())
        .current_dir(env.path("work"))
        .env_clear();
    apart.envs(resume.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Ok(output) = apart.output()
        && !String::from_utf8_lossy(&output.stderr).contains("unshare failed")
    {
        assert!(!output.status.success());
    }
    assert_eq!(paused(&env), Some(true));
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    drop(site);
}
