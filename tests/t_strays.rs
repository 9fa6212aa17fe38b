//! Whether anybody is left of runs of the real codex, however they end.
//!
//! Codex and its sandbox start processes with groups, sessions and environments of their own, so
//! that nothing tells whose they were. So the runs are those of a *keeper*: this program, started
//! once more, which inherits whoever loses its parent. What descends from it when a run has ended
//! is left of it, whatever it looks like.

use std::{
    collections::BTreeMap,
    env, fmt, fs,
    os::unix::fs::symlink,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

use crate::support::{
    TestEnv,
    codex::real_codex,
    model_server::{Answer, ModelServer},
};

/// The variable that makes a keeper of this program: which runs are its.
const KEEPER: &str = "PIMAINTENO_TEST_KEEPER";

/// How many keepers share the runs.
const KEEPERS: usize = 2;

/// How long a run may take, and after its end whoever is to end with it.
const DEADLINE: Duration = Duration::from_secs(120);
const PATIENCE: Duration = Duration::from_secs(15);

/// How long codex may take to start a command once it was told to, and to let it work.
const STARTING: Duration = Duration::from_millis(400);

/// How often to look.
const GLANCE: Duration = Duration::from_millis(5);

/// What the agent runs: somebody who gets away as far as codex lets him, and something long.
const COMMAND: &str =
    "(env -i setsid /bin/sleep 400.0601 >/dev/null 2>&1 &); echo > begun; exec /bin/sleep ";

/// How a run ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    /// By itself.
    Undisturbed,
    /// The agent's deadline is over.
    Late,
    /// The program is told to stop.
    Stopped,
    /// The program is killed.
    Killed,
    /// Codex is killed.
    AgentKilled,
}

/// When that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// While codex starts the agent's command and its sandbox.
    Starting,
    /// While the agent's command runs in codex's own sandbox.
    AtWork,
    /// At any time.
    AnyTime,
}

const WAYS: [(End, Moment); 10] = [
    (End::Undisturbed, Moment::AnyTime),
    (End::Stopped, Moment::AtWork),
    (End::Killed, Moment::AtWork),
    (End::AgentKilled, Moment::AtWork),
    (End::Late, Moment::AtWork),
    (End::Killed, Moment::AnyTime),
    (End::AgentKilled, Moment::Starting),
    (End::Stopped, Moment::AnyTime),
    (End::Stopped, Moment::Starting),
    (End::Killed, Moment::Starting),
];

/// What came of the runs that ended in one way.
#[derive(Default)]
struct Row {
    runs: usize,
    /// Those that were at the agent's command before they ended.
    at_work: usize,
    left: Vec<String>,
    /// The longest time after the end of the program that somebody of it was there.
    longest: Duration,
}

/// A process that is left: its number and what it is.
struct Left(i32);

/// The machine of a keeper, and the model's server.
struct Keeper {
    env: TestEnv,
    server: ModelServer,
    orders: Arc<Mutex<Orders>>,
}

/// What the model has the agent do in a run.
#[derive(Default)]
struct Orders {
    command: String,
    /// Whether it says nothing more after that.
    falls_silent: bool,
    /// When it was told.
    told: Option<Instant>,
}

impl fmt::Display for Left {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = fs::read(format!("/proc/{}/cmdline", self.0)).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        write!(formatter, "{} {}", self.0, line.chars().take(160).collect::<String>())
    }
}

impl Keeper {
    async fn new() -> Self {
        let orders = Arc::new(Mutex::new(Orders::default()));
        let asked = orders.clone();
        let server = ModelServer::answering(move |request, _| {
            let mut orders = asked.lock().unwrap();
            match request.results().len() {
                _ if request.prompt().contains("Answer with the summary alone") => {
                    Answer::message("# Site")
                }
                0 => {
                    orders.told = Some(Instant::now());
                    Answer::Run(orders.command.clone())
                }
                // Nobody ends because of an answer.
                _ if orders.falls_silent => Answer::HangBeforeHeaders,
                _ => Answer::message("NO CHANGE"),
            }
        })
        .await;
        let env = TestEnv::new();
        env.project_with("site", &[("README.md", "# Site\n"), (".gitignore", "begun\n")]);
        fs::create_dir(env.path("bin")).unwrap();
        symlink(real_codex(), env.path("bin/codex")).unwrap();
        Self { env, server, orders }
    }

    /// Starts a run; the agent has so long.
    fn start(&self, timeout: &str) -> Child {
        self.env.write_config(&format!(
            "[llm]\nprovider = \"codex\"\nmodel = \"gpt-5.5\"\nbase_url = \"{}\"\napi_key = \"sk-test\"\ntimeout = \"{timeout}\"\n\
             [[project]]\npath = \"../home/site\"\nunits = []\nverify = [\"test -s README.md\"]\n",
            self.server.base_url()
        ));
        let mut command = self.env.command(&["run", "--force"]);
        let path = env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.env.path("bin").display()));
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// One run that ends so, `part` of a thousand of the way through; an undisturbed one takes
    /// `length`.
    fn run(&self, (end, moment): (End, Moment), part: u32, length: Duration, row: &mut Row) {
        let begun = self.env.path("state/workspaces/site.agent/begun");
        drop(fs::remove_file(&begun));
        let falls_silent = end != End::Undisturbed;
        let command = format!("{COMMAND}{}", if falls_silent { "400.0602" } else { "0.1" });
        *self.orders.lock().unwrap() = Orders { command, falls_silent, told: None };
        let mut program = self.start(if end == End::Late { "3s" } else { "60s" });
        let start = Instant::now();
        let told = || self.orders.lock().unwrap().told;
        let is_time = || match moment {
            Moment::Starting => told().is_some_and(|told| told.elapsed() >= STARTING * part / 1000),
            Moment::AtWork => begun.exists(),
            Moment::AnyTime => start.elapsed() >= length * part / 1000,
        };
        let mut was_at_work = false;
        let mut is_done = matches!(end, End::Undisturbed | End::Late);
        while program.try_wait().unwrap().is_none() {
            was_at_work |= begun.exists();
            if !is_done && is_time() {
                is_done = true;
                let number = i32::try_from(program.id()).unwrap();
                match end {
                    End::Undisturbed | End::Late => {}
                    End::Stopped => kill(number, Signal::TERM),
                    End::Killed => kill(number, Signal::KILL),
                    // Where codex does not run yet, or any more, the run is not disturbed.
                    End::AgentKilled => codex().into_iter().for_each(|it| kill(it, Signal::KILL)),
                }
            }
            if start.elapsed() > DEADLINE {
                row.left.push(format!("{end:?} {moment:?}: the program does not end"));
                program.kill().unwrap();
            }
            thread::sleep(GLANCE);
        }
        let ended = Instant::now();
        while !descendants().is_empty() && ended.elapsed() < PATIENCE {
            thread::sleep(GLANCE);
        }
        row.longest = row.longest.max(ended.elapsed());
        let left = descendants();
        row.left.extend(left.iter().map(|it| format!("{end:?} {moment:?}: {}", Left(*it))));
        // The next run is judged by itself.
        left.into_iter().for_each(|it| kill(it, Signal::KILL));
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        row.runs += 1;
        row.at_work += usize::from(was_at_work);
    }
}

fn kill(number: i32, signal: Signal) {
    let _ = kill_process(Pid::from_raw(number).unwrap(), signal);
}

/// The living processes that descend from this one.
fn descendants() -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    let numbers = fs::read_dir("/proc").unwrap().flatten();
    for number in numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        let stat = fs::read(format!("/proc/{number}/stat")).unwrap_or_default();
        let stat = String::from_utf8_lossy(&stat);
        // State and parent stand behind the name, which may hold anything.
        let mut fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest).split(' ');
        let (state, parent) = (fields.next(), fields.next().and_then(|it| it.parse().ok()));
        if let (Some(parent), false) = (parent, matches!(state, Some("Z" | "X"))) {
            children.entry(parent).or_default().push(number);
        }
    }
    let mut found = children.remove(&getpid().as_raw_nonzero().get()).unwrap_or_default();
    let mut next = 0;
    while let Some(number) = found.get(next) {
        found.extend(children.remove(number).unwrap_or_default());
        next += 1;
    }
    found
}

/// The processes of codex itself.
fn codex() -> Vec<i32> {
    let mut found = descendants();
    found.retain(|number| {
        let line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.next().is_some_and(|word| word.ends_with(b"codex"))
            && words.any(|word| word == b"exec")
    });
    found
}

/// Keeps the `keeper`th part of `runs`, and tells what came of it.
fn keep(keeper: usize, runs: usize) {
    set_child_subreaper(Some(getpid())).unwrap();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let keep = runtime.block_on(Keeper::new());
    let mut table: BTreeMap<(End, Moment), Row> = BTreeMap::new();
    let mut length = Duration::ZERO;
    // The first run also makes the workspace and the summary.
    for _ in 0..2 {
        let start = Instant::now();
        let row = table.entry(WAYS[0]).or_default();
        keep.run(WAYS[0], 0, length, row);
        length = start.elapsed();
    }
    assert_eq!(table[&WAYS[0]].at_work, 2, "the agent runs its command");
    for number in (keeper..runs).step_by(KEEPERS) {
        let way = WAYS[number % WAYS.len()];
        // Evenly over the time, so that many runs meet each part of it.
        let part = u32::try_from(number * 617 % 1000).unwrap();
        keep.run(way, part, length, table.entry(way).or_default());
    }
    for ((end, moment), row) in &table {
        tell(&format!(
            "{:12} {:8} {:4} runs {:4} at work {:3} left, longest {:.1?}",
            format!("{end:?}"),
            format!("{moment:?}"),
            row.runs,
            row.at_work,
            row.left.len(),
            row.longest
        ));
    }
    tell(&format!("an undisturbed run takes {length:.1?}"));
    let left: Vec<_> = table.values().flat_map(|row| &row.left).map(String::as_str).collect();
    assert!(left.is_empty(), "left: {}", left.join("\n"));
}

/// For whoever runs the test with `--nocapture`, or sees it fail.
#[expect(clippy::print_stderr, reason = "the table is what one runs this for")]
fn tell(text: &str) {
    eprintln!("{text}");
}

/// `PIMAINTENO_CODEX_RUNS` says how many.
#[test]
fn nobody_is_left_of_runs_of_codex_however_they_end() {
    const NAME: &str = "t_strays::nobody_is_left_of_runs_of_codex_however_they_end";
    if let Some((keeper, runs)) = env::var(KEEPER).ok().as_deref().and_then(|it| it.split_once(' '))
    {
        return keep(keeper.parse().unwrap(), runs.parse().unwrap());
    }
    let runs: usize =
        env::var("PIMAINTENO_CODEX_RUNS").map_or(20, |number| number.parse().unwrap());
    let start = |keeper: usize| {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args([NAME, "--exact", "--nocapture"]);
        command.env(KEEPER, format!("{keeper} {runs}")).stdout(Stdio::null());
        command.stderr(Stdio::piped()).spawn().unwrap()
    };
    let keepers: Vec<_> = (0..KEEPERS).map(start).collect();
    let ends: Vec<_> = keepers.into_iter().map(|it| it.wait_with_output().unwrap()).collect();
    for end in &ends {
        tell(&String::from_utf8_lossy(&end.stderr));
    }
    assert!(ends.iter().all(|end| end.status.success()), "somebody is left, or a keeper failed");
}
