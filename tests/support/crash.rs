//! A project whose daemon is killed in the middle of runs, and what must hold after its next start.

mod findings;
mod orders;
mod processes;

use std::{
    fmt,
    fs::{self, File},
    os::unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::TestEnv;
pub(crate) use orders::Order;
use orders::post;

/// How long anything may take here.
const DEADLINE: Duration = Duration::from_secs(60);

/// The files that a round's run changes, all at once, with a misspelling each and how it is put
/// right.
const FILES: [(&str, &str, &str); 4] = [
    ("README.md", "You will recieve a letter", "You will receive a letter"),
    ("docs/a.md", "The two are seperate in this place", "The two are separate in this place"),
    ("docs/deep/b.md", "This has occured before", "This has occurred before"),
    ("docs/c.md", "It was definately here", "It was definitely here"),
];

/// What its dependencies are made of, where it has any.
const LOCK: &str = "lock";

/// The user's own files, which Git does not track: one that it would show, one that it ignores.
const UNTRACKED: [(&str, &str); 2] = [("notes.txt", "mine\n"), ("ignored.bin", "also mine\n")];

/// What a project's runs come to if nothing disturbs them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    /// For the table.
    pub(crate) name: &'static str,
    /// What is asked for in each round.
    pub(crate) order: Order,
    /// Further lines of the project's configuration.
    pub(crate) configuration: &'static str,
    /// Whether what is delivered goes to the remote.
    pub(crate) pushes: bool,
    /// Whether the service gets on with the change; otherwise it is taken back.
    pub(crate) healthy: bool,
    /// Whether somebody else pushes a commit during the run.
    pub(crate) remote_moves: bool,
    /// Where the project is in its checkout.
    pub(crate) directory: &'static str,
}

/// When a run is killed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// At this point of its journal, counted from 1; see `points.c`.
    Point(usize),
    /// So long after it was ordered.
    After(Duration),
    /// The same, and the daemon that is to finish it is killed as well, so long after its start.
    Twice(Duration, Duration),
    /// Not at all.
    Never,
}

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Victims {
    /// The daemon and everything that it started, as a power cut does.
    All,
    /// The daemon alone; Git and the checks go on for as long as they like.
    Daemon,
}

/// A machine with one project, whose user changes it again and again.
pub(crate) struct World {
    env: TestEnv,
    scenario: Scenario,
    daemon: Option<Child>,
    round: usize,
    /// The commit of the user's that the round began with.
    users: String,
    /// Where the checkout was when the order was given.
    before: String,
    /// The commit that somebody else pushes in this round.
    theirs: String,
}

/// How an ordered run went, as far as it came.
pub(crate) struct Attempt {
    /// Whether the daemon was killed before the run ended.
    pub(crate) killed: bool,
    /// What the run was at when it was killed.
    pub(crate) phase: String,
    /// From the order to the end.
    pub(crate) elapsed: Duration,
    /// The journal as the killed run left it.
    journal: Vec<Value>,
    /// What the daemon answered to the order.
    answer: String,
}

/// Writes the journal as the kinds of its entries.
impl fmt::Debug for Attempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.journal.iter().map(|entry| {
            let detail = [&entry["step"]["name"], &entry["effect"]["kind"], &entry["number"]]
                .into_iter()
                .find(|value| !value.is_null());
            format!(
                "{} {}",
                entry["entry"].as_str().unwrap_or_default(),
                detail.unwrap_or(&Value::Null)
            )
        });
        let answer = self.answer.rsplit_once("\r\n{\"records").map_or("", |(_, records)| records);
        let (killed, phase, elapsed) = (self.killed, &self.phase, self.elapsed);
        write!(
            formatter,
            "killed: {killed}, {phase}, {elapsed:?}, [{}] {answer}",
            kinds.collect::<Vec<_>>().join(", ")
        )
    }
}

impl World {
    /// A machine without a running daemon.
    pub(crate) fn new(scenario: Scenario) -> Self {
        let env = TestEnv::new();
        let checkout = env.project_with("radio", &[(".gitignore", "*.bin\nout/\n")]);
        let project = checkout.join(scenario.directory);
        fs::create_dir_all(project.join("docs/deep")).unwrap();
        for file in FILES.map(|(file, ..)| file).into_iter().chain([LOCK]) {
            fs::write(project.join(file), "# Radio\n").unwrap();
        }
        for arguments in [&["add", "--all"][..], &["commit", "--quiet", "--message", "files"]] {
            env.git(&checkout, arguments);
        }
        env.git(&checkout, &["push", "--quiet"]);
        env.git(&env.path("remotes/radio.git"), &["config", "core.logAllRefUpdates", "always"]);
        for (file, content) in UNTRACKED {
            fs::write(project.join(file), content).unwrap();
        }
        let script = |name: &str, text: &str| {
            fs::write(env.path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
            fs::set_permissions(env.path(name), fs::Permissions::from_mode(0o755)).unwrap();
        };
        // What runs is what the checkout held when the service was started.
        script(
            "restart",
            &format!(
                "cp README.md '{0}.new' && mv '{0}.new' '{0}' && echo >> '{1}'",
                env.path("running").display(),
                env.path("restarts").display()
            ),
        );
        let likes = match scenario.order {
            Order::Rollback => "grep -q letter",
            _ if scenario.healthy => "grep -q receive",
            _ => "! grep -q receive",
        };
        script("health", &format!("{likes} '{}'", env.path("running").display()));
        let moves = "read -r their ours < \"$0.theirs\" && git --git-dir \"$0.remote\" update-ref refs/heads/main $their $ours 2> /dev/null";
        script("check", &format!("grep -q letter README.md || exit 1\n{moves}\nexit 0"));
        std::os::unix::fs::symlink(env.path("remotes/radio.git"), env.path("check.remote"))
            .unwrap();
        let check = env.path("check").display().to_string();
        let check = if scenario.remote_moves { &*check } else { "grep -q letter README.md" };
        env.write_config(&format!(
            "[llm]\nprovider = 'offline'\n[scheduler]\nenabled = false\n[[project]]\nname = 'radio'\npath = '{}'\nmode = '{}'\nverify = ['{}']\n\
             restart = {{ command = '{}' }}\nunits = ['radio']\nhealth = {{ command = '{}', within = '20ms' }}\nprobation = '30ms'\n{}\n",
            project.display(),
            if scenario.order == Order::Approval { "review" } else { "auto" },
            check,
            env.path("restart").display(),
            env.path("health").display(),
            scenario.configuration,
        ));
        Self {
            env,
            scenario,
            daemon: None,
            round: 0,
            users: String::new(),
            before: String::new(),
            theirs: String::new(),
        }
    }

    /// The user writes something that is to be put right, commits and pushes it, and restarts the
    /// service.
    pub(crate) fn begin_round(&mut self) {
        self.round += 1;
        let (checkout, project) = (self.checkout(), self.project());
        self.git(&["pull", "--quiet", "--ff-only"]);
        for (file, wrong, _) in FILES {
            fs::write(project.join(file), format!("# Radio\n\n{wrong} in round {}.\n", self.round))
                .unwrap();
        }
        fs::write(project.join(LOCK), format!("{}\n", self.round)).unwrap();
        self.git(&["commit", "--quiet", "--all", "--message", &format!("round {}", self.round)]);
        self.git(&["push", "--quiet"]);
        fs::copy(project.join("README.md"), self.env.path("running")).unwrap();
        fs::copy(project.join("README.md"), self.env.path("home/live")).unwrap();
        self.users = self.git(&["rev-parse", "HEAD"]);
        if self.scenario.remote_moves {
            let blob = self.git(&["hash-object", "-w", "notes.txt"]);
            let index = self.env.path("tmp/theirs.index");
            let with_index = |arguments: &[&str]| {
                let mut command = Command::new("git");
                command
                    .args(arguments)
                    .current_dir(&checkout)
                    .env("HOME", self.env.path("home"))
                    .env("GIT_INDEX_FILE", &index);
                String::from_utf8(command.output().unwrap().stdout).unwrap().trim().to_owned()
            };
            with_index(&["read-tree", "HEAD"]);
            with_index(&[
                "update-index",
                "--add",
                "--cacheinfo",
                &format!("100644,{blob},theirs-{}.txt", self.round),
            ]);
            let tree = with_index(&["write-tree"]);
            self.theirs = self.git(&["commit-tree", &tree, "-p", "HEAD", "-m", "theirs"]);
            self.git(&[
                "push",
                "--quiet",
                "--force",
                "origin",
                &format!("{}:refs/heads/theirs", self.theirs),
            ]);
            fs::write(self.env.path("check.theirs"), format!("{} {}\n", self.theirs, self.users))
                .unwrap();
        }
    }

    /// Starts a daemon and waits until everything that the last one left open is finished or
    /// undone.
    pub(crate) fn start(&mut self) -> Result<(), String> {
        self.daemon = Some(self.spawn());
        // Somebody may take a connection who is not it: what the killed one forked has its socket
        // until it becomes another program.
        self.wait("the daemon does not answer", || self.get("/api/status").is_ok())?;
        // What was asked for and had not begun when it was killed is done as well.
        let is_idle = |status: Value| {
            status["projects"][0]["queued"] == json!([])
                && status["projects"][0]["running"].is_null()
        };
        self.wait("a run stays open, or something waits", || {
            self.journals().is_empty() && self.get("/api/status").is_ok_and(is_idle)
        })
    }

    /// Whether no daemon runs.
    pub(crate) fn is_down(&self) -> bool {
        self.daemon.is_none()
    }

    /// Kills the daemon when nothing goes on.
    pub(crate) fn stop(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            drop(daemon.kill());
            drop(daemon.wait());
        }
    }

    /// Orders a run and kills it at `moment`, or waits for its end.
    pub(crate) fn run(&mut self, moment: Moment, victims: Victims) -> Attempt {
        let (path, body) = self.prepare();
        self.before = self.git(&["rev-parse", "HEAD"]);
        let point = self.env.path("point");
        let number = if let Moment::Point(number) = moment { number } else { 0 };
        fs::write(&point, format!("{number}\n")).unwrap();
        let mut daemon = self.daemon.take().unwrap();
        let clock = Instant::now();
        let socket = self.socket();
        let reader = thread::spawn(move || post(&socket, &path, &body).unwrap_or_default());
        if let Moment::After(delay) | Moment::Twice(delay, _) = moment {
            wait_for(delay, || reader.is_finished());
            drop(daemon.kill());
            self.kill_others(victims);
        }
        let answer = reader.join().unwrap();
        let elapsed = clock.elapsed();
        let ended = answer.contains("{\"records\":");
        fs::remove_file(&point).unwrap();
        if ended && !matches!(moment, Moment::After(_) | Moment::Twice(..)) {
            self.daemon = Some(daemon);
        } else {
            assert_eq!(daemon.wait().unwrap().signal(), Some(9), "{answer}");
            self.kill_others(victims);
        }
        let killed = !ended;
        // The oldest: a rollback is recorded as a run of its own.
        let journal =
            self.journals().iter().min().map(|path| read_journal(path)).unwrap_or_default();
        if let Moment::Twice(_, delay) = moment {
            let mut daemon = self.spawn();
            wait_for(delay, || false);
            drop(daemon.kill());
            drop(daemon.wait());
            self.kill_others(victims);
        }
        Attempt { killed, phase: phase_of(&journal), elapsed, journal, answer }
    }

    /// The letters of the points that an undisturbed run passed since the last call; see
    /// `points.c`.
    pub(crate) fn points_passed(&self) -> String {
        let file = self.env.path("point.passed");
        let letters = fs::read_to_string(&file).unwrap_or_default();
        drop(fs::remove_file(file));
        letters
    }

    /// The journals of open runs.
    pub(crate) fn journals(&self) -> Vec<PathBuf> {
        let Ok(files) = fs::read_dir(self.env.path("state/journal")) else { return Vec::new() };
        files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
            .collect()
    }

    /// What the daemon wrote to its log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.env.path("log")).unwrap_or_default()
    }

    fn spawn(&self) -> Child {
        let log = File::options().create(true).append(true).open(self.env.path("log")).unwrap();
        let mut command = self.env.command(&[]);
        command.env("LD_PRELOAD", shim()).env("CRASH_POINT", self.env.path("point"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
    }

    fn kill_others(&self, victims: Victims) {
        if victims == Victims::All {
            processes::kill_all(&self.env.path("home"), &self.env.path("remotes"));
        }
    }

    fn wait(&self, what: &str, condition: impl Fn() -> bool) -> Result<(), String> {
        let deadline = Instant::now() + DEADLINE;
        while !condition() {
            if Instant::now() > deadline {
                return Err(what.to_owned());
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn checkout(&self) -> PathBuf {
        self.env.path("home/radio")
    }

    fn project(&self) -> PathBuf {
        self.checkout().join(self.scenario.directory)
    }

    fn remote(&self) -> PathBuf {
        self.env.path("remotes/radio.git")
    }

    fn socket(&self) -> PathBuf {
        self.env.path("state/control.sock")
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.env.git(&self.checkout(), arguments)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
        processes::kill_all(&self.env.path("home"), Path::new("/nowhere"));
    }
}

/// Waits so long, or until `is_over`.
fn wait_for(delay: Duration, is_over: impl Fn() -> bool) {
    let clock = Instant::now();
    while clock.elapsed() < delay && !is_over() {
        thread::sleep(Duration::from_micros(300).min(delay.saturating_sub(clock.elapsed())));
    }
}

/// The compiled `points.c`.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/support/crash/points.c");
        let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("points-{}.so", std::process::id()));
        let output = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-o"])
            .arg(&library)
            .arg(source)
            .arg("-ldl")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        library
    })
}

fn read_journal(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// What a run was at: the effect that it had announced, or the step behind the last one that ended.
fn phase_of(journal: &[Value]) -> String {
    let of = |kind: &'static str| journal.iter().filter(move |entry| entry["entry"] == kind);
    let is_marked = |intent: &Value| {
        of("done").chain(of("failed")).any(|mark| mark["number"] == intent["number"])
    };
    let rollback =
        if of("step").any(|step| step["step"]["status"] == "failed") { "rollback: " } else { "" };
    if let Some(intent) = of("intent").find(|intent| !is_marked(intent)) {
        return format!("{rollback}during {}", intent["effect"]["kind"].as_str().unwrap());
    }
    match of("step").next_back() {
        Some(step) => format!("{rollback}after {}", step["step"]["name"].as_str().unwrap()),
        None => "around the beginning or the end".to_owned(),
    }
}
