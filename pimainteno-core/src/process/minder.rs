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
    process::{Pid, WaitOptions, getpid, set_child_subreaper, wait},
};
use serde::{Deserialize, Serialize};
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
    time::interval,
};

use super::{End, tree};
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
    /// Where it writes a [`Fate`] to.
    fate: File,
}

/// What a minder is to do.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Task {
    /// Who started it.
    parent: u32,
    /// What that has the file open as.
    fate: i32,
    /// Whether what the command started is left alone if it ends by itself; and all of it, if
    /// nobody waits any more.
    keeps: bool,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Fate {
    Exited(i32),
    Signalled(i32),
    /// It could not be started; the error's number.
    NotStarted(i32),
    /// It could not be minded, and was not started.
    NotMinded(String),
}

impl Minder {
    /// A minder that `program` is, which calls [`help`](super::help).
    pub(super) fn new(program: &Path, keeps: bool) -> Result<Self> {
        let fate = memfd_create("fate", MemfdFlags::CLOEXEC)
            .context(ErrorKind::Process, || "cannot make a file in memory")?;
        let fate = File::from(fate);
        let task = Task { parent: std::process::id(), fate: fate.as_raw_fd(), keeps };
        Ok(Self { program: program.to_owned(), task, fate })
    }

    /// The program to start instead of the command, and what comes before the command in its
    /// arguments.
    pub(super) fn helper(&self) -> Result<(&Path, [OsString; 2])> {
        let task = serde_json::to_string(&self.task)
            .context(ErrorKind::Internal, || "cannot write a minder's task")?;
        Ok((&self.program, [ARGUMENT.into(), task.into()]))
    }

    /// How the command `name` ended, if the minder ended by itself.
    pub(super) fn end(mut self, end: End, name: &str) -> Result<End> {
        let mut text = Vec::new();
        let read = self.fate.rewind().and_then(|()| self.fate.read_to_end(&mut text));
        let fate = read.ok().and_then(|_| serde_json::from_slice(&text).ok());
        let not_started = |source| {
            Error::new(ErrorKind::Process, format!("cannot start `{name}`")).source(source)
        };
        match fate {
            Some(Fate::Exited(code)) => Ok(End::Exited(code)),
            Some(Fate::Signalled(signal)) => Ok(End::Signalled(signal)),
            Some(Fate::NotStarted(error)) => Err(not_started(io::Error::from_raw_os_error(error))),
            Some(Fate::NotMinded(reason)) => Err(not_started(io::Error::other(format!("it cannot be minded: {reason}")))),
            // Killed from outside, as by a system that is out of memory.
            None if end == End::Signalled(9) => Ok(end),
            None => Err(not_started(io::Error::other(format!("the helper ended without a report ({end})")))
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
        File::options().write(true).open(format!("/proc/{}/fd/{}", task.parent, task.fate))
    else {
        return ExitCode::FAILURE;
    };
    let (fate, keeps) = match mind(task, arguments) {
        Ok((fate, keeps)) => (fate, keeps),
        Err(error) => (Some(Fate::NotMinded(error.to_string())), false),
    };
    // Told first: whoever is left may be hard to kill.
    let told = fate.map_or(Ok(()), |fate| file.write_all(&serde_json::to_vec(&fate)?));
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
) -> io::Result<(Option<Fate>, bool)> {
    let program = arguments.next().ok_or_else(|| io::Error::other("there is no command"))?;
    set_child_subreaper(Some(getpid()))?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        // The command shall have time to end when the group is asked to; this process goes last.
        let mut asked = signal(SignalKind::terminate())?;
        let mut ended = signal(SignalKind::child())?;
        let mut look = interval(LOOK);
        let child = match Command::new(program).args(arguments).spawn() {
            Ok(child) => i32::try_from(child.id()).ok().and_then(Pid::from_raw),
            Err(error) => {
                return Ok((
                    Some(Fate::NotStarted(error.raw_os_error().unwrap_or_default())),
                    false,
                ));
            }
        };
        let mut keeps = task.keeps;
        loop {
            select! {
                biased;
                _ = asked.recv() => keeps = false,
                _ = ended.recv() => {}
                _ = look.tick() => if parent_id() != task.parent { return Ok((None, keeps)) },
            }
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if Some(pid) != child {
                    continue;
                }
                // Whoever asks asks this process first, but it may not have heard yet.
                select! {
                    biased;
                    _ = asked.recv() => keeps = false,
                    () = tokio::task::yield_now() => {}
                }
                let fate = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => Fate::Exited(code),
                    (None, signal) => Fate::Signalled(signal.unwrap_or_default()),
                };
                return Ok((Some(fate), keeps));
            }
        }
    })
}
