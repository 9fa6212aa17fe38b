//! What the daemon takes while there is nothing to do, against a process that sleeps.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    Result,
    arguments::Arguments,
    report::{Figure, Line, Target},
    repository::{self, Repository},
    sample::{medians, time},
};

pub(crate) const NAME: &str = "daemon";

const PROJECTS: usize = 3;
const STARTS: usize = 5;

/// Who is not ready by then is not there.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the daemon does right after its start is not idle.
const SETTLE: Duration = Duration::from_secs(2);

const MIB: f64 = 1_048_576.0;

/// A configuration with projects that no schedule reaches while they are watched.
struct House {
    directory: tempfile::TempDir,
}

/// A process that is ended with the value.
pub(crate) struct Process(pub(crate) Child);

/// What a process holds and does while it is idle.
struct Idle {
    resident: f64,
    anonymous: f64,
    wake_ups_a_minute: f64,
}

pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Line>> {
    let house = House::new()?;
    let (memory, anonymous, wake_ups, ready) = (
        "daemon, idle: resident memory",
        "daemon, idle: anonymous memory",
        "daemon, idle: wake-ups a minute",
        "daemon: time to ready",
    );
    let daemon = house.start()?;
    if !house.is_ready_within(PATIENCE) {
        return Ok([memory, anonymous, wake_ups, ready]
            .map(|name| Line::missing(name, "no daemon yet"))
            .into());
    }
    let sleeper = Process(Command::new("sleep").arg("infinity").spawn()?);
    thread::sleep(SETTLE);
    let (daemon, sleeper) = watch(daemon, sleeper, arguments.watch)?;
    let [start, start_of_nothing] = medians(STARTS, || {
        let clock = Instant::now();
        let daemon = house.start()?;
        if !house.is_ready_within(PATIENCE) {
            return Err("the daemon started once, and not again".into());
        }
        let start = clock.elapsed().as_secs_f64();
        drop(daemon);
        Ok([start, time(|| repository::run(&mut Command::new("true")))?])
    })?;
    let megabytes = |megabytes: f64| Target::Figure(Figure::Bytes(megabytes * MIB));
    let bytes = Figure::Bytes;
    let times = Figure::Count;
    let ten_milliseconds = Target::Figure(Figure::Time(10e-3));
    Ok(vec![
        Line::new(
            memory,
            bytes(daemon.resident),
            "sleep",
            bytes(sleeper.resident),
            megabytes(12.0),
        ),
        Line::new(
            anonymous,
            bytes(daemon.anonymous),
            "sleep",
            bytes(sleeper.anonymous),
            megabytes(4.0),
        ),
        Line::new(
            wake_ups,
            times(daemon.wake_ups_a_minute),
            "sleep",
            times(sleeper.wake_ups_a_minute),
            Target::Figure(times(2.0)),
        ),
        Line::new(
            ready,
            Figure::Time(start),
            "start and end of true",
            Figure::Time(start_of_nothing),
            ten_milliseconds,
        ),
    ])
}

/// Watches both at the same time, then ends them.
fn watch(daemon: Process, sleeper: Process, time: Duration) -> Result<(Idle, Idle)> {
    let before = (daemon.switches()?, sleeper.switches()?);
    thread::sleep(time);
    let minutes = time.as_secs_f64() / 60.0;
    Ok((daemon.idle(before.0, minutes)?, sleeper.idle(before.1, minutes)?))
}

impl House {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let paths: Vec<_> =
            (0..PROJECTS).map(|index| directory.path().join(format!("project-{index}"))).collect();
        for path in &paths {
            Repository::new(path, 10)?;
        }
        let house = Self { directory };
        let config = format!(
            "[llm]\nprovider = \"offline\"\n\n[cache]\npath = {:?}\n\n[scheduler]\ncron = \"0 3 29 2 *\"\ncatch_up = \"skip\"\nprojects = {paths:?}\n",
            house.state().join("state.redb"),
        );
        fs::write(house.configuration(), config)?;
        Ok(house)
    }

    fn configuration(&self) -> PathBuf {
        self.directory.path().join("PiMainteno.toml")
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    /// Starts the daemon, as a service would be.
    fn start(&self) -> Result<Process> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pi-mainteno"));
        command.arg("--config").arg(self.configuration()).current_dir(self.directory.path());
        command.env_clear().envs(repository::variables()).env("HOME", self.directory.path());
        Ok(Process(
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?,
        ))
    }

    fn is_ready_within(&self, patience: Duration) -> bool {
        let socket = self.state().join("control.sock");
        let clock = Instant::now();
        while clock.elapsed() < patience {
            if answers(&socket).unwrap_or(false) {
                return true;
            }
            thread::sleep(Duration::from_micros(200));
        }
        false
    }
}

/// Whether somebody at the socket says that all is well.
fn answers(socket: &Path) -> io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

impl Process {
    /// How often its threads went to sleep by themselves, and thus had been woken.
    pub(crate) fn switches(&self) -> Result<f64> {
        let mut switches = 0.0;
        for task in fs::read_dir(format!("/proc/{}/task", self.0.id()))? {
            switches += figure(&task?.path().join("status"), "voluntary_ctxt_switches:")?;
        }
        Ok(switches)
    }

    /// The file that tells how much memory it has.
    pub(crate) fn memory(&self) -> PathBuf {
        format!("/proc/{}/smaps_rollup", self.0.id()).into()
    }

    fn idle(&self, switches_before: f64, minutes: f64) -> Result<Idle> {
        let memory = self.memory();
        Ok(Idle {
            resident: figure(&memory, "Rss:")? * 1024.0,
            anonymous: figure(&memory, "Anonymous:")? * 1024.0,
            wake_ups_a_minute: (self.switches()? - switches_before) / minutes,
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// The figure behind a label, in a file of `/proc`.
pub(crate) fn figure(file: &Path, label: &str) -> Result<f64> {
    let text = fs::read_to_string(file)?;
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    let figure =
        line.and_then(|line| line.split_whitespace().next()).and_then(|figure| figure.parse().ok());
    figure.ok_or_else(|| format!("`{}` does not say `{label}`", file.display()).into())
}
