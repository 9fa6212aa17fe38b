//! From the crash of a unit to the first step of its repair, and what watching costs while nothing
//! happens; with a systemd of its own, as the tests have it.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use pimainteno_core::{
    Edit, EventKind, Events, Heard, Outcome, RunOptions, Task, UnitName,
    config::{ProjectConfig, RestartConfig, StepConfig},
    process::Environment,
    testing::{Scripted, ScriptedBackend},
};
use tokio::sync::oneshot;

use crate::{
    Result,
    arguments::Arguments,
    daemon::{Process, figure},
    report::{Figure, Line, Target},
    repository::{self, Repository},
    sample::median,
    systemd::{TestSystemd, Unit},
};

pub(crate) const NAME: &str = "watch";

/// How many crashes are measured.
const CRASHES: usize = 50;

/// How long to wait for an event.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many deliveries are taken back.
const ROLLBACKS: usize = 5;

/// How many units are watched while nothing happens.
const UNITS: usize = 100;

/// What a daemon does right after its start is not idle.
const SETTLE: Duration = Duration::from_secs(5);

/// A poll each second, as monit and supervisord do: half a second on average; measured were 464 ms
/// and 1018 ms.
const POLL: f64 = 0.464;

const LINES: [&str; 7] = [
    "watch: crash to event, median of 50",
    "watch: crash to event, worst of 50",
    "watch: crash to the first step of the repair, median of 50",
    "watch: crash to the first step of the repair, worst of 50",
    "watch: crash to the version before, median of 5",
    "watch: wake-ups a minute with 100 units",
    "watch: anonymous memory with 100 units",
];

pub(crate) fn measure(arguments: &Arguments) -> Result<Vec<Line>> {
    if !rustix::process::geteuid().is_root() {
        return Ok(LINES.map(|name| Line::missing(name, "needs root, for a systemd")).into());
    }
    let systemd = TestSystemd::get();
    let mut lines = crashes(systemd)?;
    lines
        .push(rollback(systemd).unwrap_or_else(|error| Line::missing(LINES[4], error.to_string())));
    lines.extend(idle(systemd, arguments.watch)?);
    Ok(lines)
}

/// Crashes one unit after the other; each is seen, and a run begins that comes to nothing.
fn crashes(systemd: &'static TestSystemd) -> Result<Vec<Line>> {
    let directory = tempfile::tempdir()?;
    let repository = Repository::new(&directory.path().join("project"), 10)?;
    let mark = |number: usize| format!("{}{number:02}", std::process::id());
    let unit = |number| {
        let text = format!("[Service]\nExecStart=/bin/sleep {}\n", mark(number));
        systemd.unit(&format!("bench-{number}.service"), &text)
    };
    let units: Vec<Unit> = (0..CRASHES).map(unit).collect();
    let names: Vec<_> = units.iter().map(|unit| unit.name.clone()).collect();
    systemd.shell(&format!("systemctl start {}", names.join(" ")), "");
    let mut project = project(&repository.path, names);
    project.steps =
        Some(vec![StepConfig::Named("propose".into()), StepConfig::Named("apply".into())]);
    let backend = (0..=CRASHES).fold(ScriptedBackend::new("instant", Edit::Reply), |it, _| {
        it.answer(Task::Propose, Scripted::Failure("no idea".into()))
    });
    let mut config = pimainteno_core::config::Config::default();
    config.scheduler.enabled = false;
    config.project.push(project);
    let monitor = &mut config.systemd_monitor;
    // Each is looked after once, and by itself.
    (monitor.enabled, monitor.storm.units) = (true, usize::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tools = tools(directory.path())?;
    let maintainer = repository::maintainer([], &directory.path().join("state"))
        .config(config)
        .environment(environment(&tools)?)
        .provider("instant")
        .backend(backend)
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = maintainer.clone();
    let (mut seen, mut begun) = (Vec::new(), Vec::new());
    runtime.block_on(async {
        let serving =
            tokio::spawn(async move { serving.serve(async { drop(stopped.await) }).await });
        maintainer.watching().await;
        let mut events = maintainer.events(None);
        for number in 0..CRASHES {
            let process = process(&mark(number))?;
            let (clock, crashed) = (Instant::now(), Timestamp::now());
            rustix::process::kill_process(process, rustix::process::Signal::KILL)?;
            // What becomes of the one before is told, too.
            let is_new = |what: &EventKind| {
                matches!(what, EventKind::Incident { incident } if incident.seen >= crashed)
            };
            heard(&mut events, is_new).await?;
            seen.push(clock.elapsed().as_secs_f64());
            heard(&mut events, |what| matches!(what, EventKind::StepStarted { .. })).await?;
            begun.push(clock.elapsed().as_secs_f64());
            heard(&mut events, |what| matches!(what, EventKind::RunFinished { .. })).await?;
        }
        drop(stop);
        serving.await??;
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    let worst = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
    let (worst_seen, worst_begun) = (worst(&seen), worst(&begun));
    let line = |name, figure, target| {
        Line::new(name, Figure::Time(figure), "a poll each second", Figure::Time(POLL), target)
    };
    Ok(vec![
        line(LINES[0], median(seen), Target::Open),
        line(LINES[1], worst_seen, Target::Open),
        line(LINES[2], median(begun), Target::Figure(Figure::Time(15e-3))),
        line(LINES[3], worst_begun, Target::Open),
    ])
}

/// A delivery does well for its probation and breaks its unit right after that, and is taken back:
/// until the unit runs the version before.
fn rollback(systemd: &'static TestSystemd) -> Result<Line> {
    let directory = tempfile::tempdir()?;
    let repository = Repository::new(&directory.path().join("project"), 10)?;
    let (program, trigger) = (repository.path.join("run.sh"), directory.path().join("trigger"));
    fs::write(&program, "exec sleep infinity\n")?;
    repository::git(&repository.path, &["add", "run.sh"])?;
    repository::git(&repository.path, &["commit", "--quiet", "--message", "run"])?;
    repository.add_remote(&directory.path().join("remote.git"))?;
    let text = format!("[Service]\nExecStart=/bin/sh {}\n", program.display());
    let unit = systemd.unit("bench-rollback.service", &text);
    systemd.shell(&format!("systemctl start {}", unit.name), "");
    let steps = ["propose", "apply", "verify", "commit", "push", "restart", "monitor"];
    let mut project = repository::project(&repository.path, &steps);
    (project.units, project.restart) = (Some(vec![unit.name.clone()]), RestartConfig::Systemd);
    project.probation = Some(Duration::from_secs(1));
    let breaks = |round: usize| Scripted::Edit {
        path: "run.sh".into(),
        // Each fails otherwise than those before.
        content: format!(
            "until test -e {}; do sleep 0.01; done; exit {round}\n",
            trigger.display()
        ),
        text: "run: until told".into(),
    };
    let backend = (1..=ROLLBACKS)
        .fold(ScriptedBackend::new("instant", Edit::Workspace), |it, at| {
            it.answer(Task::Propose, breaks(at))
        });
    let mut config = pimainteno_core::config::Config::default();
    config.scheduler.enabled = false;
    config.project.push(project);
    config.systemd_monitor.enabled = true;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let maintainer = repository::maintainer([], &directory.path().join("state"))
        .config(config)
        .environment(environment(&tools(directory.path())?)?)
        .provider("instant")
        .backend(backend)
        .build()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = maintainer.clone();
    let mut times = Vec::new();
    runtime.block_on(async {
        let serving =
            tokio::spawn(async move { serving.serve(async { drop(stopped.await) }).await });
        maintainer.watching().await;
        for _ in 0..ROLLBACKS {
            // The commit that the last one was taken back to may have been looked at.
            let mut options = RunOptions::default();
            options.force = true;
            let records = maintainer.run_all(options).await?;
            let outcome = records.first().and_then(|record| record.outcome.as_ref());
            if !matches!(outcome, Some(Outcome::Applied { .. })) {
                return Err(format!("the delivery ended as {outcome:?}").into());
            }
            let mut events = maintainer.events(None);
            fs::write(&trigger, "")?;
            let clock = Instant::now();
            let is_restarted = |what: &EventKind| {
                matches!(what, EventKind::StepFinished { step } if step.name == "restart")
            };
            heard(&mut events, is_restarted).await?;
            times.push(clock.elapsed().as_secs_f64());
            heard(&mut events, |what| matches!(what, EventKind::RunFinished { .. })).await?;
            fs::remove_file(&trigger)?;
        }
        drop(stop);
        serving.await??;
        Ok::<_, Box<dyn std::error::Error>>(())
    })?;
    let floor = Instant::now();
    systemd.shell(&format!("systemctl restart {}", unit.name), "");
    let floor = floor.elapsed().as_secs_f64();
    Ok(Line::new(
        LINES[4],
        Figure::Time(median(times)),
        "`systemctl restart` of it",
        Figure::Time(floor),
        Target::Figure(Figure::Time(1.0 + floor)),
    ))
}

/// A daemon that watches units beside one that does not.
fn idle(systemd: &'static TestSystemd, time: Duration) -> Result<Vec<Line>> {
    let directory = tempfile::tempdir()?;
    Repository::new(&directory.path().join("project"), 10)?;
    let text = "[Service]\nExecStart=/bin/sleep infinity\n";
    let units: Vec<Unit> =
        (0..UNITS).map(|number| systemd.unit(&format!("idle-{number}.service"), text)).collect();
    let names: Vec<_> = units.iter().map(|unit| unit.name.as_str()).collect();
    systemd.shell(&format!("systemctl start {}", names.join(" ")), "");
    let (with, without) =
        (daemon(directory.path(), &names, true)?, daemon(directory.path(), &names, false)?);
    thread::sleep(SETTLE);
    let before = (with.switches()?, without.switches()?);
    thread::sleep(time);
    let minutes = time.as_secs_f64() / 60.0;
    let wake_ups = [(&with, before.0), (&without, before.1)];
    let [with_ups, without_ups] =
        wake_ups.map(|(it, before)| Ok((it.switches()? - before) / minutes));
    let [with_memory, without_memory] = [&with, &without]
        .map(|it: &Process| figure(&it.memory(), "Anonymous:").map(|it| it * 1024.0));
    let (with_memory, without_memory): (f64, f64) = (with_memory?, without_memory?);
    let (with_ups, without_ups): (f64, f64) = (
        with_ups.map_err(|error: Box<dyn std::error::Error>| error)?,
        without_ups.map_err(|error: Box<dyn std::error::Error>| error)?,
    );
    Ok(vec![
        Line::new(
            LINES[5],
            Figure::Count(with_ups),
            "the same without watching",
            Figure::Count(without_ups),
            Target::Figure(Figure::Count(without_ups.max(2.0))),
        ),
        Line::new(
            LINES[6],
            Figure::Bytes(with_memory),
            "the same without watching",
            Figure::Bytes(without_memory),
            Target::Figure(Figure::Bytes(without_memory + 524_288.0)),
        ),
    ])
}

fn daemon(directory: &Path, units: &[&str], watches: bool) -> Result<Process> {
    let place = directory.join(watches.to_string());
    fs::create_dir_all(&place)?;
    let config = place.join("PiMainteno.toml");
    fs::write(
        &config,
        format!(
            "[llm]\nprovider = \"offline\"\n[cache]\npath = {:?}\n[scheduler]\ncron = \"0 3 29 2 *\"\ncatch_up = \"skip\"\n\
             [systemd_monitor]\nenabled = {watches}\nunits = {units:?}\n[[project]]\npath = {:?}\n",
            place.join("state.redb"),
            directory.join("project"),
        ),
    )?;
    let bus = TestSystemd::get().environment.get("DBUS_SYSTEM_BUS_ADDRESS").map(ToOwned::to_owned);
    let mut command = Command::new(env!("CARGO_BIN_EXE_pi-mainteno"));
    command.arg("--config").arg(&config).env_clear().envs(repository::variables());
    command.env("HOME", directory).env("DBUS_SYSTEM_BUS_ADDRESS", bus.unwrap_or_default());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child: Child = command.spawn()?;
    Ok(Process(child))
}

fn project(path: &Path, units: Vec<UnitName>) -> ProjectConfig {
    let mut project = repository::project(path, &["propose", "apply"]);
    (project.units, project.restart) = (Some(units), RestartConfig::Systemd);
    project
}

/// The process of a unit that sleeps for as long as `mark` says.
fn process(mark: &str) -> Result<rustix::process::Pid> {
    let clock = Instant::now();
    // Its process may not have become that program yet.
    while clock.elapsed() < SETTLE {
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            let Ok(line) = fs::read(path.join("cmdline")) else { continue };
            if line == format!("/bin/sleep\0{mark}\0").into_bytes() {
                let pid = path.file_name().and_then(|name| name.to_str()?.parse().ok());
                return pid.and_then(rustix::process::Pid::from_raw).ok_or("no process".into());
            }
        }
    }
    Err("the unit has no process".into())
}

/// `journalctl` as it would be without the way into the test's namespaces, which is not ours.
fn tools(directory: &Path) -> Result<PathBuf> {
    let bus = TestSystemd::get().environment.get("DBUS_SYSTEM_BUS_ADDRESS");
    let bus = bus.and_then(|bus| bus.to_str()).unwrap_or_default();
    let root = bus.trim_start_matches("unix:path=").trim_end_matches("/run/dbus/system_bus_socket");
    let place = directory.join("tools");
    fs::create_dir(&place)?;
    let file = place.join("journalctl");
    let text =
        format!("#!/bin/sh\nexec /usr/bin/journalctl --directory={root}/run/log/journal \"$@\"\n");
    fs::write(&file, text)?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    Ok(place)
}

fn environment(tools: &Path) -> Result<Environment> {
    let environment = TestSystemd::get().environment.clone();
    let path = environment.get("PATH").unwrap_or_default().to_owned();
    let all = std::iter::once(tools.to_owned()).chain(std::env::split_paths(&path));
    let environment = environment.with("PATH", std::env::join_paths(all)?);
    Ok(environment.with("GIT_CONFIG_GLOBAL", "/dev/null").with("GIT_CONFIG_SYSTEM", "/dev/null"))
}

/// Waits for an event, not for ever.
async fn heard(events: &mut Events, is_wanted: impl Fn(&EventKind) -> bool) -> Result<()> {
    let hearing = async {
        while let Some(heard) = events.next().await {
            if let Heard::Event(event) = heard
                && is_wanted(&event.what)
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, hearing).await.map_err(|_| "an event did not come".into())
}
