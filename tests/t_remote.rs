//! Remotes that say nothing: what waits for them, for how long, and what does not.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    support::{
        TestEnv,
        world::{is_gone, lives},
    },
    t_daemon::House,
};

/// How long anything may take here that does not wait for a remote.
const DEADLINE: Duration = Duration::from_secs(60);

/// How long a program may take to stop, whatever its remotes do.
const STOP: Duration = Duration::from_secs(30);

/// How often to look.
const GLANCE: Duration = Duration::from_millis(5);

/// What projects have to be put right.
const README: &str = "# Site\n\nYou will recieve a letter.\n";

/// How a connection to the remote of `far` goes.
#[derive(Clone, Copy)]
enum Connection {
    /// It says nothing.
    Silent,
    /// What comes over it arrives and is answered, but it does not end.
    Endless,
    /// As it should be.
    Good,
}

/// A house with projects `far`, whose remote is reached by a program, and `site` and `blog`.
struct Place {
    house: House,
    /// A number that only what stands for the connection has in its command line.
    sleep: &'static str,
}

impl Place {
    fn new(sleep: &'static str, more: &str) -> Self {
        let place = Self { house: House::empty(), sleep };
        let env = place.env();
        let projects = ["far", "site", "blog"].map(|name| {
            env.project_with(name, &[("README.md", README)]);
            format!(
                "[[project]]\npath = '{}'\nmode = 'auto'\nunits = []\nverify = ['test -s README.md']\n{}\n",
                env.path("home").join(name).display(),
                if name == "far" { more } else { "" }
            )
        });
        env.write_config(&format!(
            "[llm]\nprovider = 'offline'\n[cache]\npath = '{0}/state/state.redb'\n[web]\nsocket = '{0}/control.sock'\n[scheduler]\ncron = '0 3 1 1 *'\n{1}",
            place.house.place.path().display(),
            projects.concat(),
        ));
        let ssh = place.house.place.path().join("ssh");
        let script = format!(
            "#!/bin/sh\nfor command; do :; done\necho \"$command\" >> {0}\ncase $(cat {1}) in\n\
             silent) exec sleep {sleep} ;;\nendless) sh -c \"$command\"; exec sleep {sleep} ;;\n*) exec sh -c \"$command\" ;;\nesac\n",
            place.calls().display(),
            place.mode().display(),
        );
        fs::write(&ssh, script).unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let far = env.path("home/far");
        env.git(&far, &["config", "core.sshCommand", ssh.to_str().unwrap()]);
        let address = format!("far:{}", env.path("remotes/far.git").display());
        env.git(&far, &["remote", "set-url", "origin", &address]);
        place
    }

    fn env(&self) -> &TestEnv {
        &self.house.env
    }

    fn calls(&self) -> PathBuf {
        self.house.place.path().join("calls")
    }

    fn mode(&self) -> PathBuf {
        self.house.place.path().join("mode")
    }

    fn connect(&self, connection: Connection) {
        let mode = match connection {
            Connection::Silent => "silent",
            Connection::Endless => "endless",
            Connection::Good => "good",
        };
        fs::write(self.mode(), mode).unwrap();
        drop(fs::remove_file(self.calls()));
    }

    /// What was asked of the remote of `far`.
    fn asked(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.calls()).unwrap_or_default();
        calls.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.env().command(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Waits until the remote of `far` keeps somebody waiting.
    fn await_silence(&self) {
        await_that("the remote is waited for", || lives(self.sleep, true));
    }

    fn commits(&self, project: &str) -> usize {
        let remote = self.env().path("remotes").join(format!("{project}.git"));
        self.env().git(&remote, &["rev-list", "--count", "main"]).parse().unwrap()
    }

    /// Whether the checkout of `far` is where the remote is, one commit further.
    fn is_delivered_once(&self) -> bool {
        let env = self.env();
        let there = env.git(&env.path("remotes/far.git"), &["rev-parse", "main"]);
        let here = env.git(&env.path("home/far"), &["rev-parse", "HEAD"]);
        self.commits("far") == 2 && here == there
    }
}

fn await_that(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < DEADLINE, "{what}");
        thread::sleep(GLANCE);
    }
}

fn terminate(process: &Child) {
    let sent = Command::new("kill").args(["-TERM", &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// How a process ends that was told to stop.
fn ends_in_time(mut process: Child) -> Option<i32> {
    let start = Instant::now();
    loop {
        if let Some(status) = process.try_wait().unwrap() {
            return status.code();
        }
        assert!(start.elapsed() < STOP, "it does not stop");
        thread::sleep(GLANCE);
    }
}

#[test]
fn a_silent_remote_keeps_neither_other_projects_nor_the_daemon_from_ending() {
    for (connection, sleep) in
        [(Connection::Silent, "1000.0101"), (Connection::Endless, "1000.0102")]
    {
        let place = Place::new(sleep, "");
        place.connect(connection);
        let daemon = place.house.start(&[]);
        let mut asked = place.begin(&["run", "far"]);
        place.await_silence();
        // One run at a time is what is configured.
        let (code, text) = place.house.command(&["run", "site"]);
        assert!(code == Some(0) && text.contains("site: applied"), "{text}");
        assert!(lives(sleep, true) && asked.try_wait().unwrap().is_none());
        daemon.send("-TERM");
        assert_eq!(daemon.end_within(STOP), Some(0));
        assert!(is_gone(sleep));
        asked.wait().unwrap();

        // The next one meets the same remote before anything else.
        place.connect(Connection::Silent);
        let daemon = place.house.start(&[]);
        place.await_silence();
        let (code, text) = place.house.command(&["run", "blog"]);
        assert!(code == Some(0) && text.contains("blog: applied"), "{text}");
        assert!(lives(sleep, true));
        daemon.send("-TERM");
        assert_eq!(daemon.end_within(STOP), Some(0));
        assert!(is_gone(sleep));

        place.connect(Connection::Good);
        let daemon = place.house.start(&[]);
        if let Connection::Silent = connection {
            // Nothing had arrived, so that nothing is left open; the next run delivers it.
            assert_eq!(place.commits("far"), 1);
            let (code, text) = place.house.command(&["run", "far"]);
            assert_eq!(code, Some(0), "{text}");
        }
        await_that("the run is finished", || place.is_delivered_once());
        await_that("its record is kept", || {
            let runs = place.house.json(&["runs", "far"]);
            let runs = runs.as_array().unwrap();
            runs.iter().filter(|run| run["outcome"]["kind"] == "applied").count() == 1
        });
        let (_, text) = place.house.command(&["run", "far"]);
        assert!(text.contains("nothing changed") && place.is_delivered_once(), "{text}");
        daemon.send("-TERM");
        assert_eq!(daemon.end_within(STOP), Some(0));
        for project in ["site", "blog"] {
            assert_eq!(place.commits(project), 2);
        }
    }
}

#[test]
fn all_that_a_run_asks_of_a_remote_has_one_limit() {
    let place = Place::new("1000.0201", "remote_timeout = '4s'");
    place.connect(Connection::Silent);
    let start = Instant::now();
    let output = place.env().run(&["run"]);
    output.says(&["site: applied", "blog: applied", "far: push: failed", "far: interrupted"]);
    output.says(&["nothing was heard of remote `origin`"]);
    assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
    // The push, and the question how it ended.
    assert_eq!(place.asked(), ["git-receive-pack", "git-upload-pack"]);
    assert!(is_gone(place.sleep));
    let output = place.env().run(&["run", "far"]);
    output.says(&["cannot be finished yet", "nothing was heard of remote `origin` for 4s"]);
    place.connect(Connection::Good);
    place.env().run(&["run", "far"]).expect(0).says(&["far: applied"]);
    assert!(place.is_delivered_once());
}

#[test]
fn a_push_that_was_given_up_and_has_not_arrived_waits_and_is_told_once() {
    let place = Place::new("1000.0401", "remote_timeout = '4s'");
    place.connect(Connection::Good);
    // A suite of tests that says nothing.
    let (env, gate) = (place.env(), place.house.place.path().join("gate"));
    let hook = env.path("home/far/.git/hooks/pre-push");
    let script = format!(
        "#!/bin/sh\ntest -e {} || exec sleep {} > /dev/null 2>&1\n",
        gate.display(),
        place.sleep
    );
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    env.run(&["run", "far"]).says(&["far: push: failed", "nor of a `pre-push` hook"]);
    for _ in 0..2 {
        let again = env.run(&["run", "far"]);
        again.says(&["the change waits"]);
        assert!(!again.stdout.contains("propose"), "nobody is asked again: {again:?}");
    }
    let notices: serde_json::Value =
        serde_json::from_str(&env.run(&["notices", "--json"]).expect(0).stdout).unwrap();
    let waits = notices.as_array().unwrap().iter().filter(|notice| notice["notice"] == "blocked");
    assert_eq!(waits.count(), 1, "{notices}");
    fs::write(&gate, "").unwrap();
    env.run(&["run", "far"]).expect(0).says(&["far: applied"]);
    assert!(place.is_delivered_once());
    let proposals: serde_json::Value =
        serde_json::from_str(&env.run(&["proposals", "--all", "--json"]).expect(0).stdout).unwrap();
    assert_eq!(proposals.as_array().unwrap().len(), 1, "{proposals}");
}

#[test]
fn commands_that_wait_for_a_remote_end_when_they_are_told_to_and_leave_nobody() {
    let place = Place::new("1000.0301", "");
    place.connect(Connection::Silent);
    for arguments in [&["check"][..], &["run", "far"]] {
        let process = place.begin(arguments);
        place.await_silence();
        terminate(&process);
        assert_ne!(ends_in_time(process), None, "{arguments:?} ends by itself");
        assert!(is_gone(place.sleep), "{arguments:?}");
    }
    place.connect(Connection::Good);
    place.env().run(&["run", "far"]).expect(0).says(&["far: applied"]);
    assert!(place.is_delivered_once());
    // Taking it back asks first where the remote is.
    let far = place.env().path("home/far");
    place.env().git(&far, &["update-ref", "-d", "refs/remotes/origin/main"]);
    place.connect(Connection::Silent);
    let process = place.begin(&["rollback", "far"]);
    place.await_silence();
    terminate(&process);
    assert_ne!(ends_in_time(process), None);
    assert!(is_gone(place.sleep) && place.is_delivered_once());
}
