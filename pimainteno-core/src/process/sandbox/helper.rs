//! The helper's way in.

use std::{
    convert::Infallible,
    error,
    ffi::OsString,
    fmt, io,
    os::unix::process::CommandExt as _,
    process::{self, ExitCode},
    time::Duration,
};

use rustix::process::Signal;

use super::{
    confine, guard, namespaces,
    protocol::{ARGUMENT, FAILED, PROBE, Plan, Stage, told},
    root::Obstructed,
    server,
    session::SERVE,
    support::PROBE_BASE,
};
use crate::process::{attendance::Attendance, minder, proc, report::Report};

/// How often it is looked whether somebody still waits for the command.
const LOOK: Duration = Duration::from_secs(1);

/// Runs a command, in a sandbox or with an eye on whatever it starts, if this program was started
/// for that; `None` if it was not.
///
/// Call it first thing in `main`, before there is a second thread, and return what it gives:
///
/// ```
/// fn main() -> std::process::ExitCode {
///     if let Some(code) = pimainteno_core::process::help(std::env::args_os()) {
///         return code;
///     }
///     // What the program is really for.
///     std::process::ExitCode::SUCCESS
/// }
/// ```
pub fn help(arguments: impl IntoIterator<Item = OsString>) -> Option<ExitCode> {
    let mut arguments = arguments.into_iter().skip(1);
    let first = arguments.next()?;
    if first == PROBE {
        return Some(ExitCode::from(
            u8::try_from(confine::landlock_version()).unwrap_or(u8::MAX).saturating_add(PROBE_BASE),
        ));
    }
    if first == minder::ARGUMENT {
        return Some(minder::stand(arguments));
    }
    if first != ARGUMENT {
        return None;
    }
    let plan = arguments
        .next()
        .and_then(|plan| serde_json::from_slice::<Plan>(plan.as_encoded_bytes()).ok());
    let Some(plan) = plan else { return Some(ExitCode::from(FAILED)) };
    let command: Vec<_> = arguments.collect();
    // Opened now: confined, or in another root, it could not be.
    let report = plan.report.map_or_else(|| Report::open(&plan.scratch), Report::reopen).ok();
    let result = match plan.stage {
        Stage::Enter => leave_terminal().and_then(|()| enter(&plan, &command)),
        Stage::Guard if !plan.sandbox.support.has_namespaces() => {
            leave_terminal().and_then(|()| guard::stand(&plan, &command))
        }
        Stage::Guard => guard::stand(&plan, &command),
        Stage::Confine => confine::confine(&plan).and_then(|()| match command.as_slice() {
            [only] if only == SERVE => server::serve(&plan),
            command => become_command(command),
        }),
    };
    Some(result.unwrap_or_else(|error| {
        // Without a report, the exit code has to do.
        if let Some(file) = report {
            drop(report_of(&error).write(&file));
        }
        ExitCode::from(FAILED)
    }))
}

/// Begins a session, and with it a process group, so that the command has no terminal: into that of
/// whoever started us it could type commands.
fn leave_terminal() -> io::Result<()> {
    rustix::process::setsid().map(drop).map_err(told("cannot leave the terminal"))
}

/// Makes the namespaces, and waits for the guard in them, which is killed when nobody waits for it.
fn enter(plan: &Plan, command: &[OsString]) -> io::Result<ExitCode> {
    let mut next = plan.next(Stage::Guard, command)?;
    namespaces::enter(plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let attendance = Attendance::new(LOOK)?;
        let guard = next.spawn().map_err(told("cannot start a process in a new namespace"))?;
        let look = || {
            if plan.is_orphaned() {
                proc::kill(i32::try_from(guard.id()).ok());
            }
            None::<Infallible>
        };
        let Ok(status) = attendance.outlast(&guard, || {}, look).await;
        Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)))
    })
}

/// The command could not be started: no fault of the sandbox.
#[derive(Debug)]
struct Unstartable(io::Error);

impl fmt::Display for Unstartable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "cannot start the command: {}", self.0)
    }
}

impl error::Error for Unstartable {}

fn report_of(error: &io::Error) -> Report {
    if let Some(Obstructed(at)) = Obstructed::of(error) {
        return Report::Obstructed(at.display().to_string());
    }
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Unstartable>()) {
        Some(Unstartable(source)) => Report::not_started(source),
        None => Report::Failed(error.to_string()),
    }
}

fn become_command(command: &[OsString]) -> io::Result<ExitCode> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::other("there is no command"));
    };
    // Signals that the helper catches are the command's again.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    let error = process::Command::new(program).args(arguments).exec();
    Err(io::Error::other(Unstartable(error)))
}
