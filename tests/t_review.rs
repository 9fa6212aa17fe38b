//! What a person decides from the command line, with a daemon and without one.

use std::{
    io::Write as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::TestEnv;

const README: &str = "# Site\n\nYou will recieve a letter.\n\nOne.\n\nTwo.\n\nThree.\n";

/// A project whose changes wait for a person, and its checkout.
fn env() -> (TestEnv, PathBuf) {
    let env = TestEnv::new();
    let site = env.project_with("site", &[("README.md", README)]);
    let project = "[[project]]\npath = \"../home/site\"\nverify = [\"grep -q letter README.md\"]\nrestart = \"none\"\nunits = []\n";
    env.write_config(&format!(
        "[llm]\nprovider = \"offline\"\n[scheduler]\ncron = \"0 3 1 1 *\"\n{project}"
    ));
    (env, site)
}

/// A daemon in a process of its own, killed when the test is over.
struct Daemon(Child);

impl Daemon {
    /// Starts a daemon and waits until it answers.
    fn start(env: &TestEnv) -> Self {
        let daemon =
            Self(env.command(&[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(30);
        while !env.path("state/control.sock").exists() {
            assert!(Instant::now() < deadline, "the daemon does not answer");
            std::thread::yield_now();
        }
        assert_eq!(env.run(&["status", "--json"]).expect(0).json()["daemon"], true);
        daemon
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Runs the project, whose change is then held; gives the beginning of its id.
fn hold(env: &TestEnv) -> String {
    env.run(&["run", "site"])
        .expect(0)
        .says(&["site: held: "])
        .tells(&["pi-mainteno diff ", "pi-mainteno approve "]);
    let held = env.run(&["proposals", "--json"]).expect(0).json();
    assert_eq!(
        (held.as_array().map(Vec::len), &held[0]["status"]["kind"]),
        (Some(1), &"held".into()),
        "{held:#}"
    );
    held[0]["id"].as_str().unwrap().replace('-', "")[..12].to_owned()
}

/// Holds, shows, approves, takes back, rejects, pauses.
fn decide(env: &TestEnv, site: &PathBuf) {
    let id = hold(env);
    env.run(&["proposals", "site"]).expect(0).says(&[
        &id,
        "site",
        "in ",
        "held: `mode` is \"review\"",
    ]);
    env.run(&["status"]).expect(0).says(&["site: a change waits for you", &id]);
    let diff = env.run(&["diff", &id]).expect(0).stdout;
    assert!(
        diff.starts_with("diff --git ") && diff.contains("\n+You will receive a letter.\n"),
        "{diff}"
    );
    let mut git = Command::new("git")
        .args(["apply", "--check"])
        .current_dir(site)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(diff.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success());
    let shown = env.run(&["diff", &id, "--json"]).expect(0).json();
    assert_eq!(
        (&shown["diff"], &shown["checks"][0]["result"]),
        (&diff.as_str().into(), &"passed".into())
    );

    let before = env.git(site, &["rev-parse", "HEAD"]);
    env.run(&["approve", &id, "--sha256", "0123456789"])
        .expect(2)
        .tells(&["not the one that was looked at", "hint: "]);
    assert_eq!(env.git(site, &["rev-parse", "HEAD"]), before);
    let sha256 = &shown["sha256"].as_str().unwrap()[..8];
    env.run(&["approve", &id, "--sha256", sha256])
        .expect(0)
        .says(&["site: verify: done", "site: applied: "]);
    let applied = env.git(site, &["rev-parse", "HEAD"]);
    assert_ne!(applied, before);
    assert_eq!(env.git(site, &["rev-parse", "origin/main"]), applied);
    env.run(&["approve", &id]).expect(2).tells(&["is not held any more; it is applied"]);
    env.run(&["proposals"]).expect(0).tells(&["no change waits for you"]);

    let record = env.run(&["rollback", "site", "--json"]).expect(0).json();
    assert_eq!(
        (&record["outcome"]["kind"], &record["trigger"]["kind"]),
        (&"applied".into(), &"rollback".into()),
        "{record:#}"
    );
    assert_eq!(env.git(site, &["diff", "--stat", &before, "origin/main"]), "");
    env.run(&["rollback", "site"]).expect(2).tells(&["that was done already by run"]);
    env.run(&["proposals", "--all"]).expect(0).says(&["rolled back: a person asked for it"]);

    env.run(&["pause", "site"]).expect(0).says(&["site is paused"]);
    env.run(&["run", "site", "--force"]).expect(0).says(&["site: skipped: the project is paused"]);
    assert_eq!(env.run(&["resume", "--json"]).expect(0).json()[0]["paused"], false);
    let id = {
        env.run(&["run", "site", "--force"]).expect(0).says(&["site: held: "]);
        env.run(&["proposals", "--json"]).expect(0).json()[0]["id"].as_str().unwrap().to_owned()
    };
    env.run(&["reject", &id]).expect(2).tells(&["--reason"]);
    env.run(&["reject", &id, "--reason", "leave it"]).expect(0).says(&["site: rejected "]);
    env.run(&["proposals", "--all", "site"]).expect(0).says(&["rejected: leave it"]);
    env.run(&["approve", &id]).expect(2).tells(&["it is rejected: leave it"]);
    for arguments in [
        ["diff", "ffff"],
        ["approve", "ffff"],
        ["pause", "radio"],
        ["rollback", "radio"],
        ["proposals", "radio"],
    ] {
        env.run(&arguments).expect(2).tells(&["error: ", "hint: "]);
    }
}

#[test]
fn a_person_decides_without_a_daemon() {
    let (env, site) = env();
    decide(&env, &site);
}

#[test]
fn a_person_decides_through_the_daemon() {
    let (env, site) = env();
    let _daemon = Daemon::start(&env);
    decide(&env, &site);
}

#[test]
fn an_approval_that_delivers_nothing_ends_with_one() {
    let (env, site) = env();
    let id = hold(&env);
    // Another line of the same file: the change still fits, and is another one.
    std::fs::write(site.join("README.md"), format!("{README}\nFour.\n")).unwrap();
    env.git(&site, &["commit", "--quiet", "--all", "--message", "more"]);
    env.git(&site, &["push", "--quiet"]);
    env.run(&["approve", &id])
        .expect(1)
        .says(&["site: held: the project changed since it was approved"])
        .tells(&["pi-mainteno diff "]);
    std::fs::write(site.join("README.md"), "my work").unwrap();
    let held =
        env.run(&["proposals", "--json"]).expect(0).json()[0]["id"].as_str().unwrap().to_owned();
    env.run(&["approve", &held])
        .expect(2)
        .tells(&["uncommitted changes: README.md", "hint: it is still held"]);
}

/// What the program shows on a terminal.
fn on_a_terminal(env: &TestEnv, arguments: &[&str]) -> String {
    let program = env.command(arguments);
    let words = std::iter::once(program.get_program())
        .chain(program.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()));
    let mut command = Command::new("script");
    command
        .args([
            "--quiet",
            "--return",
            "--command",
            &words.collect::<Vec<_>>().join(" "),
            "/dev/null",
        ])
        .env_clear()
        .stdin(Stdio::null());
    command
        .envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh");
    let output = command.current_dir(program.get_current_dir().unwrap()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_a_reader_would_not_see_is_shown_and_a_diff_in_a_pipe_stays_one() {
    let hidden = "let\u{202e}ter\u{200b}.";
    let env = TestEnv::new();
    let site = env.project_with("site", &[("README.md", &README.replace("letter.", hidden))]);
    env.write_config("[llm]\nprovider = \"offline\"\n[[project]]\npath = \"../home/site\"\nverify = []\nrestart = \"none\"\nunits = []\n");
    let id = hold(&env);
    let run =
        env.run(&["diff", &id, "--json"]).expect(0).json()["run"].as_str().unwrap().to_owned();
    let escaped = "+You will receive a let‹U+202E›ter‹U+200B›.";
    let shown = env.run(&["show", &run]).expect(0);
    shown.says(&[escaped]);
    assert!(!shown.stdout.contains(['\u{202e}', '\u{200b}']), "{shown:?}");
    for arguments in [vec!["diff", &id], vec!["diff", &id, "--raw"], vec!["show", &run]] {
        let shown = on_a_terminal(&env, &arguments);
        assert!(
            shown.contains("‹U+202E›") && !shown.contains(['\u{202e}', '\u{200b}']),
            "{arguments:?}: {shown:?}"
        );
    }

    let piped = env.run(&["diff", &id]).expect(0);
    piped
        .says(&[&format!("+You will receive a {hidden}")])
        .tells(&["note: the diff has 4 characters", "U+202E right-to-left override"]);
    let mut git = Command::new("git")
        .args(["apply", "--check"])
        .current_dir(&site)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    git.stdin.take().unwrap().write_all(piped.stdout.as_bytes()).unwrap();
    assert!(git.wait().unwrap().success());
    // In JSON it is written by its number, and means the same.
    let json = env.run(&["diff", &id, "--json"]).expect(0);
    assert!(
        !json.stdout.contains('\u{202e}') && json.json()["diff"] == piped.stdout.as_str(),
        "{json:?}"
    );
    env.run(&["approve", &id[..3]])
        .expect(2)
        .tells(&["too short for a proposal id", "hint: give at least 4 digits"]);
    env.run(&["reject", "0", "--reason", "no"]).expect(2).tells(&["too short for a proposal id"]);
}

#[test]
fn a_project_that_fails_again_and_again_is_told_of_by_every_command_until_it_is_resumed() {
    let (env, _) = env();
    let config = std::fs::read_to_string(env.path("work/PiMainteno.toml")).unwrap();
    env.write_config(&config.replace("grep -q letter", "grep -q recieve"));
    for _ in 0..3 {
        env.run(&["run", "site", "--force"]).expect(1).says(&["site: failed in verify"]);
    }
    let why = "it failed 3 times in the same way: failed in verify";
    env.run(&["run", "site"]).expect(0).says(&["site: skipped: frozen since", why]);
    env.run(&["status"]).expect(0).says(&["site: frozen since", why, "pi-mainteno resume site"]);
    env.run(&["check"]).says(&["frozen since", why, "`pi-mainteno resume site`"]);
    env.run(&["resume", "site"]).expect(0).says(&["site is run again"]);
    assert_eq!(
        env.run(&["status", "--json"]).expect(0).json()["projects"][0]["frozen"],
        serde_json::Value::Null
    );
}
