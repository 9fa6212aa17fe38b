//! The daemon as systemd starts, watches and stops it.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::{UnixDatagram, UnixStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::TestEnv;

/// How long anything may take here.
const DEADLINE: Duration = Duration::from_secs(30);

/// A project, its configuration, and a place for state and sockets.
pub(crate) struct House {
    pub(crate) env: TestEnv,
    pub(crate) place: TempDir,
}

/// A daemon in a process of its own, killed when the test is over.
pub(crate) struct Daemon {
    process: Child,
    manager: UnixDatagram,
    log: PathBuf,
}

impl House {
    /// One without projects and configuration.
    pub(crate) fn empty() -> Self {
        Self { env: TestEnv::new(), place: tempfile::tempdir().unwrap() }
    }

    fn new(cron: &str) -> Self {
        let house = Self::empty();
        house.env.project("radio");
        house.configure(cron, &["radio"], "");
        house
    }

    /// Writes a configuration with these projects, and what it says besides.
    fn configure(&self, cron: &str, projects: &[&str], more: &str) {
        let project = |name| {
            let path = self.env.path("home").join(name);
            format!("[[project]]\npath = '{}'\nmode = 'dry-run'\n", path.display())
        };
        self.env.write_config(&format!(
            "[llm]\nprovider = 'offline'\n[cache]\npath = '{0}/state/state.redb'\n[web]\nsocket = '{0}/control.sock'\n[scheduler]\ncron = '{cron}'\n{more}\n{1}",
            self.place.path().display(),
            projects.iter().map(project).collect::<String>(),
        ));
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("control.sock")
    }

    /// What a command says and how it ends.
    pub(crate) fn command(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.env.command(arguments).output().unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        (output.status.code(), text)
    }

    /// What a command answers as JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.env.command(arguments).arg("--json").output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
    }

    /// Starts a daemon and waits until it says that it is ready.
    pub(crate) fn start(&self, variables: &[(&str, &str)]) -> Daemon {
        let daemon = self.spawn(variables);
        daemon.hear("READY=1");
        daemon
    }

    fn spawn(&self, variables: &[(&str, &str)]) -> Daemon {
        let (notify, log) = (self.place.path().join("notify"), self.place.path().join("log"));
        drop(fs::remove_file(&notify));
        let manager = UnixDatagram::bind(&notify).unwrap();
        manager.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut command = self.env.command(&[]);
        command
            .env("NOTIFY_SOCKET", notify)
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap());
        Daemon { process: command.spawn().unwrap(), manager, log }
    }

    /// The events from now on.
    fn events(&self) -> impl Iterator<Item = Value> {
        let mut stream = UnixStream::connect(self.socket()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(b"GET /api/events HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut lines = BufReader::new(stream).lines().map(Result::unwrap);
        lines.by_ref().find(|line| line == "event: resync").unwrap();
        let events = lines
            .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
        events.filter(|event| event.get("event").is_some())
    }
}

impl Daemon {
    /// Waits until systemd would hear this.
    fn hear(&self, what: &str) {
        let start = Instant::now();
        let mut message = [0; 4096];
        while start.elapsed() < DEADLINE {
            let Ok(length) = self.manager.recv(&mut message) else { break };
            if String::from_utf8_lossy(&message[..length])
                .lines()
                .any(|line| line.starts_with(what))
            {
                return;
            }
        }
        panic!("`{what}` was not said: {}", fs::read_to_string(&self.log).unwrap());
    }

    pub(crate) fn send(&self, signal: &str) {
        let sent =
            Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the process.
    fn end(self) -> Option<i32> {
        self.end_within(DEADLINE)
    }

    /// The same, for so long at most.
    pub(crate) fn end_within(mut self, limit: Duration) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < limit, "the daemon does not end");
            std::thread::yield_now();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn a_daemon_answers_refuses_a_second_one_and_leaves_nothing_when_it_is_stopped() {
    let house = House::new("0 3 1 1 *");
    let daemon = house.start(&[]);
    let status = house.json(&["status"]);
    assert_eq!(
        (&status["daemon"], &status["projects"][0]["id"]),
        (&true.into(), &"radio".into()),
        "{status}"
    );

    let (code, text) = house.command(&["run", "radio"]);
    assert_eq!(code, Some(0), "{text}");
    daemon.hear("STATUS=radio: run ");
    let (code, text) = house.command(&["run", "radoi"]);
    assert!(code == Some(2) && text.contains("there is no project `radoi`"), "{text}");
    let (code, text) = house.command(&[]);
    assert!(code == Some(2) && text.contains("a daemon is running already"), "{text}");

    daemon.send("-TERM");
    daemon.hear("STOPPING=1");
    assert_eq!(daemon.end(), Some(0));
    assert!(!house.socket().exists());
    assert_eq!(house.json(&["status"])["daemon"], false);
}

#[test]
fn a_configuration_that_is_edited_is_told_of_and_read_when_that_is_asked_for() {
    const NEVER: &str = "0 3 1 1 *";
    let house = House::new(NEVER);
    house.env.project("site");
    let daemon = house.start(&[]);
    let ids = || {
        let projects = house.json(&["status"])["projects"].take();
        let ids = projects.as_array().unwrap().iter().map(|project| project["id"].to_string());
        ids.collect::<Vec<_>>()
    };
    let older = "the daemon still uses an older `";
    let (_, text) = house.command(&["status"]);
    assert!(!text.contains(older), "{text}");

    house.configure(NEVER, &["radio", "site"], "");
    let (code, text) = house.command(&["run", "site"]);
    assert!(
        code == Some(2)
            && text.contains("there is no project `site`")
            && text.contains(older)
            && text.contains("`pi-mainteno reload` has it read the new one"),
        "{text}"
    );
    for command in ["status", "check"] {
        let (_, text) = house.command(&[command]);
        assert!(text.contains(older), "{text}");
    }

    let (code, text) = house.command(&["reload"]);
    assert!(code == Some(0) && text.contains("maintains 2 projects"), "{text}");
    let (code, text) = house.command(&["run", "site"]);
    assert!(code == Some(0) && !text.contains(older), "{text}");

    // One that cannot be used is told, to whoever asks and to the manager, and changes nothing.
    for (more, what) in [("concurency = 2", "concurency"), ("[[plugin]]", "lacks the key `name`")] {
        house.configure(NEVER, &["site"], more);
        daemon.send("-HUP");
        daemon.hear("RELOADING=1");
        daemon.hear("STATUS=The new configuration cannot be used");
        let (code, text) = house.command(&["reload"]);
        assert!(code == Some(2) && text.contains(what), "{text}");
        // The daemon answers all the same.
        for command in ["status", "proposals", "pause"] {
            let (code, text) = house.command(&[command]);
            let is_told = text.contains("goes on with the configuration before this one");
            assert!(code == Some(0) && is_told && text.contains(what), "{command}: {text}");
        }
        assert_eq!(house.command(&["resume"]).0, Some(0));
    }
    house.configure(NEVER, &["site"], "");
    let text = fs::read_to_string(house.env.path("work/PiMainteno.toml")).unwrap();
    let moved = text.replace("control.sock", "elsewhere.sock");
    house.env.write_config(&moved);
    daemon.send("-HUP");
    daemon.hear("STATUS=The new configuration cannot be used");
    house.env.write_config(&text.replace("/state/", "/other/"));
    let (code, text) = house.command(&["reload"]);
    assert!(
        code == Some(2) && text.contains("stays where it is") && text.contains("restart"),
        "{text}"
    );
    assert_eq!(ids(), ["\"radio\"", "\"site\""]);

    // The slots are those of the new one.
    house.configure("* * * * * *", &["site"], "");
    let mut events = house.events();
    daemon.send("-HUP");
    daemon.hear("RELOADING=1");
    daemon.hear("READY=1");
    let mut taken = events
        .by_ref()
        .filter(|event| event["event"] == "run-started" || event["event"] == "project-skipped");
    assert!(taken.by_ref().take(3).all(|event| event["project"] == "site"));
    assert_eq!(ids(), ["\"site\""]);
    daemon.send("-TERM");
    assert_eq!(daemon.end(), Some(0));
    let (code, text) = house.command(&["reload"]);
    assert!(code == Some(2) && text.contains("no daemon answers"), "{text}");
}

#[test]
fn signals_that_come_while_the_daemon_starts_are_heard_once_it_serves() {
    for (signal, code) in [("-HUP", None), ("-TERM", Some(0)), ("-INT", Some(0))] {
        let house = House::new("0 3 1 1 *");
        // It starts to read, and comes to no end before something is written.
        let config = house.env.path("work/PiMainteno.toml");
        let text = fs::read(&config).unwrap();
        fs::remove_file(&config).unwrap();
        assert!(Command::new("mkfifo").arg(&config).status().unwrap().success());
        let daemon = house.spawn(&[]);
        let mut pipe = File::options().write(true).open(&config).unwrap();
        daemon.send(signal);
        fs::remove_file(&config).unwrap();
        fs::write(&config, &text).unwrap();
        pipe.write_all(&text).unwrap();
        drop(pipe);
        match code {
            Some(_) => assert_eq!(daemon.end(), code, "{signal}"),
            None => {
                daemon.hear("READY=1");
                daemon.hear("RELOADING=1");
                daemon.hear("READY=1");
                daemon.send("-TERM");
                assert_eq!(daemon.end(), Some(0));
            }
        }
    }
}

#[test]
fn a_project_that_was_taken_out_is_forgotten_by_the_daemon() {
    const NEVER: &str = "0 3 1 1 *";
    let house = House::new(NEVER);
    let site = house.env.project("site");
    house.configure(NEVER, &["radio", "site"], "");
    let _daemon = house.start(&[]);
    let (code, text) = house.command(&["run", "site"]);
    assert!(code == Some(0) && site.join(".git/worktrees/site").exists(), "{text}");
    house.configure(NEVER, &["radio"], "");
    let (code, text) = house.command(&["forget", "site"]);
    assert!(
        code == Some(2) && text.contains("in the configuration") && text.contains("reload"),
        "{text}"
    );
    assert_eq!(house.command(&["reload"]).0, Some(0));
    let (_, text) = house.command(&["check"]);
    assert!(text.contains("`pi-mainteno forget site` removes it"), "{text}");
    let (code, text) = house.command(&["forget", "site"]);
    assert!(code == Some(0) && !site.join(".git/worktrees").exists(), "{text}");
    let (_, text) = house.command(&["check"]);
    assert!(!text.contains("left over"), "{text}");
}

#[test]
fn a_daemon_that_was_killed_does_not_keep_the_next_one_from_starting() {
    let house = House::new("0 3 1 1 *");
    let killed = house.start(&[]);
    killed.send("-KILL");
    assert_eq!(killed.end(), None);
    assert!(house.socket().exists());
    assert_eq!(house.json(&["status"])["daemon"], false);
    let next = house.start(&[]);
    assert_eq!(house.json(&["status"])["daemon"], true);
    next.send("-INT");
    assert_eq!(next.end(), Some(0));
}

#[test]
fn the_watchdog_hears_from_a_daemon_that_goes_on() {
    let house = House::new("0 3 1 1 *");
    let daemon = house.start(&[("WATCHDOG_USEC", "200000")]);
    for _ in 0..3 {
        daemon.hear("WATCHDOG=1");
    }
}

#[test]
fn each_slot_of_a_schedule_is_taken_care_of_once() {
    let house = House::new("* * * * * *");
    let start = Instant::now();
    let daemon = house.start(&[]);
    let taken =
        |event: &Value| event["event"] == "run-started" || event["event"] == "project-skipped";
    let slots: Vec<_> = house.events().filter(taken).take(5).collect();
    // A slot comes every second, and the first of five may come at once.
    assert!(start.elapsed() >= Duration::from_secs(4), "within {:?}: {slots:?}", start.elapsed());
    let log = fs::read_to_string(&daemon.log).unwrap();
    assert_eq!(log.matches("Nothing to do").count(), 1, "{log}");
    // Nothing changes in the project, so that all slots but the first are passed over.
    let runs = house.json(&["runs"]);
    assert_eq!(
        (runs.as_array().map(Vec::len), &runs[0]["trigger"]["kind"]),
        (Some(1), &"schedule".into()),
        "{runs}"
    );
}

/// A machine without a clock of its own wakes up in the past; one whose battery is flat, or a
/// person, may set it to anything.
#[test]
fn a_clock_that_is_set_forward_or_back_neither_piles_up_slots_nor_loses_them() {
    let house = House::new("* * * * * *");
    let clock = house.place.path().join("clock");
    // The clock alone is moved, not what timers go by.
    let variables = [
        ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    fs::write(&clock, "+0\n").unwrap();
    let daemon = house.start(&variables);
    // Signs of life keep the stream open for ever: a daemon that waits for a slot in another year
    // is ended.
    let (_done, waits) = std::sync::mpsc::channel::<()>();
    let process = daemon.process.id().to_string();
    std::thread::spawn(move || {
        if waits.recv_timeout(3 * DEADLINE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            drop(Command::new("kill").args(["-KILL", &process]).status());
        }
    });
    let mut slots = house
        .events()
        .filter(|event| event["event"] == "run-started" || event["event"] == "project-skipped");
    assert_eq!(slots.by_ref().take(2).count(), 2);
    for time in ["+400d\n", "-400d\n", "+0\n"] {
        fs::write(&clock, time).unwrap();
        let start = Instant::now();
        assert_eq!(slots.by_ref().take(4).count(), 4, "slots go on {time}");
        assert!(start.elapsed() >= Duration::from_secs(2), "{time}within {:?}", start.elapsed());
    }
}
