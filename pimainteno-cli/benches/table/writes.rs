//! What our process writes to files, and how often it waits for the disk: SD cards wear.
//!
//! A copy of this program does the work under `strace`, which tells each write with its file.
//! Children do not count: what Git writes is Git's.

use std::{fs, path::Path, process::Command, time::Duration};

use pimainteno_core::{
    Edit, Maintainer, Outcome, RunOptions, RunRecord, Task, Trigger,
    store::{Entry, What},
    testing::{Scripted, ScriptedBackend},
};
use serde::{Deserialize, Serialize};

use crate::{
    Result,
    arguments::Arguments,
    report::{Figure, Line, Target},
    repository::{self, Repository},
};

pub(crate) const NAME: &str = "writes";

const FILES: usize = 200;
const RUNS: usize = 5;
const SCANS: usize = 20;

/// The most that a run may write, in bytes.
const RUN_LIMIT: f64 = 65536.0;

/// The file whose content tells the reader of the trace what goes on from there.
const MARKS: &str = "marks";

/// The file in which the traced process tells which threads it had.
const THREADS: &str = "threads";

/// How long a thread without work is kept, so that it is there to be told.
const KEEP_ALIVE: Duration = Duration::from_secs(600);

/// The file in which the traced process tells what its runs had to write.
const NEEDED: &str = "needed";

/// Every call that gives bytes to a file or waits until they are on the disk.
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,copy_file_range,sendfile,fsync,fdatasync,sync_file_range,syncfs";

/// Twenty of these are as long as what a model says about a small project.
const SUMMARY_LINE: &str = "A collection of notes. Each is a text file with a heading and some lines; an area is a directory of notes.\n";

/// What was written, or had to be.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Written {
    bytes: f64,
    flushes: f64,
}

pub(crate) fn measure(_: &Arguments) -> Result<Vec<Line>> {
    let (run, scan) = ("writes of a whole run", "writes of a scan that finds nothing");
    if Command::new("strace").arg("--version").output().is_err() {
        return Ok([run, scan]
            .map(|name| Line::missing(name, "not measured: strace is missing"))
            .into());
    }
    let directory = tempfile::tempdir()?;
    let directory = directory.path();
    Repository::new(&directory.join("project"), FILES)?
        .add_remote(&directory.join("remote.git"))?;
    let trace = directory.join("trace");
    let mut strace = Command::new("strace");
    // A file for each thread and each child, with the time in front of each line.
    strace
        .args([
            "--follow-forks",
            "--output-separately",
            "-ttt",
            "--decode-fds=path",
            "--quiet=all",
            "-e",
            CALLS,
            "--output",
        ])
        .arg(&trace);
    repository::run(strace.arg(std::env::current_exe()?).arg("--traced").arg(directory))?;
    let needed: Written = serde_json::from_str(&fs::read_to_string(directory.join(NEEDED))?)?;
    let mut lines = Vec::new();
    for thread in fs::read_to_string(directory.join(THREADS))?.lines() {
        lines.extend(fs::read_to_string(trace.with_extension(thread))?.lines().map(str::to_owned));
    }
    lines.sort_unstable();
    let trace = lines.join("\n");
    let (runs, scans) = (
        Written::between(&trace, "runs", "scans", RUNS),
        Written::between(&trace, "scans", "end", SCANS),
    );
    let bytes = |written: Written| Figure::Bytes(written.bytes);
    let flushes = |written: Written| Figure::Count(written.flushes);
    let nothing = Written::default();
    let limit = Target::Figure(Figure::Bytes(RUN_LIMIT));
    Ok(vec![
        Line::new(run, bytes(runs), "what is kept, as text", bytes(needed), limit),
        Line::new(
            format!("{run}, flushes"),
            flushes(runs),
            "intents, paid answers, the end",
            flushes(needed),
            Target::Open,
        ),
        Line::new(scan, bytes(scans), "nothing", bytes(nothing), Target::Figure(bytes(nothing))),
        Line::new(
            format!("{scan}, flushes"),
            flushes(scans),
            "nothing",
            flushes(nothing),
            Target::Figure(flushes(nothing)),
        ),
    ])
}

/// What the traced process does in the directory that was prepared: runs with every step, then
/// scans.
pub(crate) fn work(directory: &Path) -> Result<()> {
    let mark = |what: &str| fs::write(directory.join(MARKS), what);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(KEEP_ALIVE)
        .build()?;
    let maintainer = maintainer(directory)?;
    let mut options = RunOptions::default();
    options.force = true;
    let run = || -> Result<RunRecord> {
        let record = runtime
            .block_on(maintainer.run_project("project", Trigger::Manual, options))?
            .remove(0);
        match &record.outcome {
            Some(Outcome::Applied { .. }) => Ok(record),
            outcome => Err(format!("the run did not deliver its change: {outcome:?}").into()),
        }
    };
    // The first run makes the workspace and the store's file.
    run()?;
    mark("runs")?;
    let records = (0..RUNS).map(|_| run()).collect::<Result<Vec<_>>>()?;
    mark("scans")?;
    for _ in 0..SCANS {
        let records = runtime.block_on(maintainer.run_once())?;
        if !records.iter().all(|record| matches!(record.outcome, Some(Outcome::Skipped { .. }))) {
            return Err("a scan found something to do".into());
        }
    }
    mark("end")?;
    let threads = fs::read_dir("/proc/self/task")?
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    fs::write(directory.join(THREADS), threads.collect::<Vec<_>>().join("\n"))?;
    let last = records.last().ok_or("there was no run")?;
    fs::write(
        directory.join(NEEDED),
        serde_json::to_string(&Written::needed_for(last, &maintainer)?)?,
    )?;
    Ok(())
}

/// A maintainer that sums up and changes the project in each of its runs, and delivers the change.
fn maintainer(directory: &Path) -> Result<Maintainer> {
    let steps = ["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"];
    let project = repository::project(&directory.join("project"), &steps);
    let change =
        |index| Scripted::Text(format!("Mend a note\n\n```diff\n{}```\n", repository::diff(index)));
    let backend =
        (0..=RUNS).fold(ScriptedBackend::new("scripted", Edit::Reply), |backend, index| {
            backend
                .answer(Task::Summarize, Scripted::Text(SUMMARY_LINE.repeat(20)))
                .answer(Task::Propose, change(index))
        });
    Ok(repository::maintainer([project], &directory.join("state"))
        .provider("scripted")
        .backend(backend)
        .build()?)
}

impl Written {
    /// What a trace says was written from one mark to another, divided among so many times.
    fn between(trace: &str, from: &str, to: &str, times: usize) -> Self {
        let is_mark = |line: &str, mark: &str| line.contains(&format!("/{MARKS}>, \"{mark}\""));
        let lines = trace
            .lines()
            .skip_while(|line| !is_mark(line, from))
            .skip(1)
            .take_while(|line| !is_mark(line, to));
        let mut written = Self::default();
        // Pipes to children and the like are no files, and have no path.
        for line in lines.filter(|line| line.contains("</") && !line.contains("</dev/")) {
            if line.contains("sync") {
                written.flushes += 1.0;
            } else {
                let bytes =
                    line.rsplit_once(" = ").and_then(|(_, bytes)| bytes.trim().parse::<f64>().ok());
                written.bytes += bytes.unwrap_or_default();
            }
        }
        Self { bytes: written.bytes / times as f64, flushes: written.flushes / times as f64 }
    }

    /// The least for a run: everything that is kept of it once, as text, and one flush for each
    /// thing that must survive a power cut.
    fn needed_for(record: &RunRecord, maintainer: &Maintainer) -> Result<Self> {
        let store = maintainer.history();
        let journal = store.run_journal(record.id)?;
        let texts = [
            serde_json::to_string(record)?,
            serde_json::to_string(&journal)?,
            serde_json::to_string(&store.summary(&record.project)?)?,
            serde_json::to_string(&maintainer.proposal_of(record.id)?)?,
        ];
        let must_survive = |entry: &&Entry| match &entry.what {
            What::Intent { .. } => true,
            What::Answer(answer) => answer.usage.calls > 0,
            _ => false,
        };
        let flushes = journal.iter().filter(must_survive).count() + 1;
        Ok(Self {
            bytes: texts.iter().map(String::len).sum::<usize>() as f64,
            flushes: flushes as f64,
        })
    }
}
