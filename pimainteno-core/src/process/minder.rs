//! The process that stands between a command without a sandbox and this program, so that nobody
//! gets away.
//!
//! Whoever loses its parent is inherited by the nearest ancestor that asked for that
//! (`PR_SET_CHILD_SUBREAPER`), whatever became of its group, its session and its environment. An
//! embedding program must not be made to be one: it would have to reap what it does not know. So
//! the sandbox's helper is started as one, and starts the command. When that has ended, it kills
//! whoever is left, and when nobody waits for it any more, the command too.
//!
//! How the command ended, it tells through a file that is in nobody's directory: this program has
//! it open.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _, Seek as _, Write as _},
    os::{fd::AsRawFd as _, unix::process::parent_id},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Duration,
};

use rustix::{
    fs::{MemfdFlags, memfd_create},
    process::{getpid, set_child_subreaper},
};
use serde::{Deserialize, Serialize};

use super::{End, attendance::Attendance, end_of, not_started::Attempt, report::Report, tree};
use crate::error::{Context, Error, ErrorKind, Result};

/// The first argument of a program that is started as minder. No person would type it.
pub(super) const ARGUMENT: &str = "--mind-the-command";

/// How often it looks whether somebody still waits for the command.
const LOOK: Duration = Duration::from_secs(1);

/// A minder that is to be started, or was.
#[derive(Debug)]
pub(super) struct Minder {
    program: PathBuf,
    task: Task,
    /// Where it writes a [`Report`] to.
    report: File,
}

/// What a minder is to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Task {
    /// Who started it.
    parent: u32,
    /// What that has the file open as.
    report: i32,
    /// Whether what the command started is left alone if it ends by itself; and all of it, if
    /// nobody waits any more.
    keeps: bool,
}

impl Minder {
    /// A minder that `program` is, which calls [`help`](super::help).
    pub(super) fn new(program: &Path, keeps: bool) -> Result<Self> {
        let report = memfd_create("report", MemfdFlags::CLOEXEC)
            .context(ErrorKind::Process, || "cannot make a file in memory")?;
        let report = File::from(report);
        let task = Task { parent: std::process::id(), report: report.as_raw_fd(), keeps };
        Ok(Self { program: program.to_owned(), task, report })
    }

    /// The program to start instead of the command, and what comes before the command in its
    /// arguments.
    pub(super) fn helper(&self) -> Result<(&Path, [OsString; 2])> {
        let task = serde_json::to_string(&self.task)
            .context(ErrorKind::Internal, || "cannot write a minder's task")?;
        Ok((&self.program, [ARGUMENT.into(), task.into()]))
    }

    /// How the command ended, if the minder ended by itself; `attempt` is that to start it.
    pub(super) fn end(mut self, end: End, attempt: &Attempt) -> Result<End> {
        let mut text = Vec::new();
        let read = self.report.rewind().and_then(|()| self.report.read_to_end(&mut text));
        let report = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
        let not_minded = |reason: String| {
            let message = format!("cannot start {}", attempt.what);
            Error::new(ErrorKind::Process, message).source(reason)
        };
        match report {
            Some(Report::Ended(end)) => Ok(end),
            Some(Report::NotStarted(number)) => {
                Err(attempt.refused(io::Error::from_raw_os_error(number)))
            }
            Some(Report::Failed(reason) | Report::Obstructed(reason)) => Err(not_minded(reason)),
            // Killed from outside, as by a system that is out of memory.
            None if end == End::Signalled(9) => Ok(end),
            None => Err(not_minded(format!("the helper ended without a report ({end})"))
                .hint("a program that links this library must call `process::help` first thing in its `main`")),
        }
    }
}

/// Starts the command, minds it to its end, and makes an end of what it left; `arguments` follow
/// [`ARGUMENT`].
pub(super) fn stand(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let task = arguments
        .next()
        .and_then(|task| serde_json::from_slice::<Task>(task.as_encoded_bytes()).ok());
    let Some(task) = task else { return ExitCode::FAILURE };
    let Ok(mut file) =
        File::options().write(true).open(format!("/proc/{}/fd/{}", task.parent, task.report))
    else {
        return ExitCode::FAILURE;
    };
    let (report, keeps) = mind(task, arguments).unwrap_or_else(|error| {
        (Some(Report::Failed(format!("it cannot be minded: {error}"))), false)
    });
    // Told first: whoever is left may be hard to kill.
    let told = report.map_or(Ok(()), |report| file.write_all(&serde_json::to_vec(&report)?));
    if !keeps {
        tree::end_descendants();
    }
    if told.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What became of the command, if somebody still wants to know, and whether what it started is left
/// alone.
fn mind(
    task: Task,
    mut arguments: impl Iterator<Item = OsString>,
) -> io::Result<(Option<Report>, bool)> {
    let program = arguments.next().ok_or_else(|| io::Error::other("there is no command"))?;
    set_child_subreaper(Some(getpid()))?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let attendance = Attendance::new(LOOK)?;
        let child = match Command::new(program).args(arguments).spawn() {
            Ok(child) => child,
            Err(error) => return Ok((Some(Report::not_started(&error)), false)),
        };
        let mut keeps = task.keeps;
        let is_alone = || (parent_id() != task.parent).then_some(());
        let ended = attendance.outlast(&child, || keeps = false, is_alone).await;
        Ok((ended.ok().map(|status| Report::Ended(end_of(status))), keeps))
    })
}
