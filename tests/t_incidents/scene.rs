//! Ada's service, the bug in it, the daemon that watches it, and the model that the daemon's codex
//! asks.

use std::{
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::{
    model_server::{Answer, ModelServer, Received},
    service::ServiceMachine,
};

/// How long anything may take here.
const DEADLINE: Duration = Duration::from_secs(60);

/// The line with the bug: nobody may be listening.
pub(super) const BUG: &str = "    return total / guests";

/// The line that mends it.
pub(super) const MENDED: &str = "    return total / guests if guests else 0.0";

/// A line that mends nothing.
pub(super) const NO_HELP: &str = "    return float(total) / guests";

/// The service: as long as somebody listens it does well. What it keeps fills a small disk.
const PROGRAM: &str = r#"import time


def share(total, guests):
    return total / guests


def main():
    print("tuned in", flush=True)
    while True:
        with open("/home/ada/guests") as asked:
            guests = int(asked.read())
        each = share(12, guests)
        with open("/var/lib/radio/recording", "ab", buffering=0) as recording:
            recording.write(b"%8.3f" % each * 512)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
"#;

/// Its tests, which pass with the bug, too.
const TESTS: &str = r#"import unittest

import radio


class Share(unittest.TestCase):
    def test_share(self):
        self.assertEqual(radio.share(12, 3), 4)
"#;

/// Makes Ada's project that service. Its unit's text is the first argument.
const SERVICE: &str = r#"
set -e
systemctl stop radio other
mkdir /var/lib/radio
chown ada: /var/lib/radio
systemctl daemon-reload
runuser -u ada -- sh -ec '
    cd
    echo 3 > guests
    cd radio
    git rm --quiet radio.sh README.md
    git add --all
    git commit --quiet --message "a service"
    git push --quiet'
systemctl start radio
"#;

const UNIT: &str = "[Service]\nUser=ada\nExecStart=/usr/bin/python3 /home/ada/radio/radio.py\n";

/// A machine on which all of that is.
pub(super) struct Scene {
    pub(super) machine: ServiceMachine,
    server: ModelServer,
    gate: Arc<Gate>,
    _runtime: Runtime,
}

/// What the model waits for before it answers.
#[derive(Default)]
struct Gate {
    is_shut: Mutex<bool>,
    changed: Condvar,
}

/// What there is of the project that anybody sees: every file of the checkout and of the remote.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    checkout: String,
    remote: String,
}

impl Scene {
    /// A machine whose service does well; nothing is installed. The model knows to replace
    /// [`BUG`] by `answer`. `None` if there can be no such machine.
    pub(super) fn boot(answer: &'static str) -> Option<Self> {
        let machine = ServiceMachine::boot()?;
        machine.codex();
        machine.write("/home/ada/radio/radio.py", PROGRAM);
        machine.write("/home/ada/radio/test_radio.py", TESTS);
        let _ = machine.root("chown -R ada: /home/ada/radio").expect(0);
        machine.write("/etc/systemd/system/radio.service", UNIT);
        let _ = machine.root(SERVICE).expect(0);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            // Some of them wait at the gate.
            .worker_threads(4)
            .enable_all()
            .build()
            .unwrap();
        let gate = Arc::<Gate>::default();
        let held = gate.clone();
        let server = runtime.block_on(ModelServer::answering(move |request, _| {
            if !is_about_repair(request) {
                return Answer::message("# Radio\n\nIt plays music to guests.");
            }
            held.wait();
            match request.results().len() {
                0 => Answer::replace("radio.py", BUG, answer),
                _ => Answer::message("fix: share with nobody\n\nNobody is no divisor."),
            }
        }));
        Some(Self { machine, server, gate, _runtime: runtime })
    }

    /// The configuration of the daemon; `monitor` and `project` are what it says besides.
    pub(super) fn configuration(&self, monitor: &str, project: &str) -> String {
        let probation = if project.contains("probation") { "" } else { "probation = \"1s\"" };
        format!(
            "[llm]\nprovider = \"codex\"\nmodel = \"gpt-5.5\"\nbase_url = \"{}\"\napi_key = \"sk-test\"\ntimeout = \"60s\"\n\
             [scheduler]\ncron = \"0 3 1 1 *\"\n[systemd_monitor]\n{monitor}\n[[project]]\npath = \"~/radio\"\nunits = [\"radio.service\"]\n\
             {probation}\nhold = []\nverify = [\"python3 -B -m unittest --quiet\"]\n{project}\n",
            self.server.base_url()
        )
    }

    /// Installs the daemon with such a configuration; units are watched from then on.
    pub(super) fn install(&self, monitor: &str, project: &str) {
        self.machine.configure(&self.configuration(&format!("enabled = true\n{monitor}"), project));
        let _ = self.machine.install();
        self.wait_until_watching();
    }

    /// Waits until the daemon watches units.
    pub(super) fn wait_until_watching(&self) {
        self.wait("units are watched", || {
            let status = self.machine.ada("pi-mainteno status --json");
            (status.code == Some(0) && status.json()["watching"] == true).then_some(())
        });
    }

    /// How many people listen from now on; with nobody the service crashes.
    pub(super) fn guests(&self, guests: u32) {
        let write = format!("echo {guests} > next && mv next guests");
        let _ = self.machine.ada(&write).expect(0);
    }

    /// Brings the bug back, as a person would, and restarts the service.
    pub(super) fn bring_back(&self) {
        let text = format!(
            "cd radio && sed -i 's/^{MENDED}$/{BUG}/' radio.py && git commit --quiet --all --message 'as it was' && git push --quiet",
        )
        .replace("total / guests", "total \\/ guests");
        let _ = self.machine.ada(&text).expect(0);
        let _ = self.machine.root("systemctl restart radio").expect(0);
    }

    /// The incidents so far, the newest first.
    pub(super) fn incidents(&self) -> Vec<Value> {
        self.machine.json("incidents").as_array().unwrap().clone()
    }

    /// Waits for the newest of so many incidents to be as `look` wants it.
    #[track_caller]
    pub(super) fn incident(&self, count: usize, look: impl Fn(&Value) -> bool) -> Value {
        self.wait("an incident", || {
            let incidents = self.incidents();
            assert!(incidents.len() <= count, "{incidents:#?}");
            incidents.first().filter(|it| incidents.len() == count && look(it)).cloned()
        })
    }

    /// Waits for the end of the newest of so many incidents.
    #[track_caller]
    pub(super) fn ended(&self, count: usize) -> Value {
        self.incident(count, |incident| !incident["ended"].is_null())
    }

    /// The runs so far that were to repair something, the newest first.
    pub(super) fn repairs(&self) -> Vec<Value> {
        let runs = self.machine.json("runs");
        let is_repair = |run: &&Value| run["job"]["kind"] == "repair";
        runs.as_array().unwrap().iter().filter(is_repair).cloned().collect()
    }

    /// The requests for a repair so far, the first of each turn.
    pub(super) fn questions(&self) -> Vec<Received> {
        let is_first = |it: &Received| is_about_repair(it) && it.results().is_empty();
        self.server.requests().into_iter().filter(is_first).collect()
    }

    /// How many requests there were at all, for whatever.
    pub(super) fn calls(&self) -> usize {
        self.server.calls()
    }

    /// Has the model wait with its answers, or give them.
    pub(super) fn shut(&self, is_shut: bool) {
        *self.gate.is_shut.lock().unwrap() = is_shut;
        self.gate.changed.notify_all();
    }

    /// What anybody sees of the project.
    pub(super) fn contents(&self) -> Contents {
        let tree = "git -C ~/radio.git rev-parse main^{tree}";
        let files = "cd radio && git status --porcelain && cat radio.py test_radio.py .gitignore && git rev-parse HEAD^{tree}";
        Contents {
            checkout: self.machine.ada(files).expect(0).stdout,
            remote: self.machine.ada(tree).expect(0).stdout,
        }
    }

    /// How many commits the remote has whose subject is that of the repair.
    pub(super) fn delivered(&self) -> usize {
        let log = self.machine.ada("git -C radio.git log --format=%s main").expect(0).stdout;
        log.lines().filter(|subject| *subject == "fix: share with nobody").count()
    }

    /// What the service is now, such as `active`.
    pub(super) fn state(&self) -> String {
        let state = self.machine.root("systemctl show --property=ActiveState --value radio");
        state.stdout.trim().to_owned()
    }

    /// Waits until the service has failed.
    #[track_caller]
    pub(super) fn wait_until_failed(&self) {
        self.wait("the service has failed", || (self.state() == "failed").then_some(()));
    }

    /// Waits until `look` gives something.
    #[track_caller]
    pub(super) fn wait<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(
                start.elapsed() < DEADLINE,
                "waited in vain until {what}; incidents: {:#?}\n{}",
                self.incidents(),
                self.machine.log()
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // Nobody waits for those who wait at the gate.
        self.shut(false);
    }
}

impl Gate {
    fn wait(&self) {
        let is_shut = self.is_shut.lock().unwrap();
        drop(self.changed.wait_timeout_while(is_shut, DEADLINE, |is_shut| *is_shut).unwrap());
    }
}

fn is_about_repair(request: &Received) -> bool {
    request.prompt().contains("A service that runs from it has failed")
}
