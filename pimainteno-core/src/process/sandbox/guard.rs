//! The process that stands beside a sandboxed command and watches what it uses up.

use std::{ffi::OsString, io, os::fd::AsRawFd as _, process::ExitCode, time::Duration};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::{
        DumpableBehavior, Pid, Signal, WaitOptions, WaitStatus, getpid, set_child_subreaper,
        set_dumpable_behavior, set_parent_process_death_signal, wait,
    },
};
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
    time::{MissedTickBehavior, interval},
};

use super::{
    namespaces,
    protocol::{FAILED, Plan, Report, Stage},
    watch::Watch,
};
use crate::process::tree;

/// How often it looks. In a process namespace a look costs some microseconds a process; elsewhere
/// all processes of the machine are looked at.
const PERIOD: Duration = Duration::from_millis(100);
const LONG_PERIOD: Duration = Duration::from_millis(500);

/// Starts the command, watches it to its end or its first excess, and reports. Whoever is left is
/// killed: by the kernel with this process in a process namespace, by this process elsewhere.
pub(super) fn stand(plan: &Plan, command: &[OsString]) -> io::Result<ExitCode> {
    let own_processes = plan.sandbox.support.has_namespaces();
    // Opened now: in a root of its own they are not there.
    let file = Report::open(&plan.scratch)?;
    let mut watch = Watch::new(plan)?;
    if own_processes {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        namespaces::settle(plan)?;
    } else {
        // Whoever loses its parent in there comes to this process, whatever it did with its group,
        // its session and its environment.
        set_child_subreaper(Some(getpid()))?;
    }
    // Nobody looks through this process at what it has open, and at the root that it came from.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // The last stage reports to it too.
    fcntl_setfd(&file, FdFlags::empty())?;
    let plan = &Plan { report: Some(file.as_raw_fd()), ..plan.clone() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(async {
        // The command shall have time to end when the group is asked to; the guard itself goes
        // last.
        let mut asked = signal(SignalKind::terminate())?;
        let mut ended = signal(SignalKind::child())?;
        let child = plan.next(Stage::Confine, command)?.spawn()?;
        let child = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let mut look = interval(if own_processes { PERIOD } else { LONG_PERIOD });
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            select! {
                biased;
                _ = look.tick() => {
                    // In a namespace of its own, the process outside of it looks after that.
                    if !own_processes && plan.is_orphaned() {
                        return Ok(Report::Failed("whoever waited for the command is gone".into()));
                    }
                    if let Some(excess) = watch.look() {
                        return Ok(Report::Exceeded(excess));
                    }
                }
                _ = ended.recv() => {}
                _ = asked.recv() => {}
            }
            // The first process of a namespace inherits the orphans, whose ends are of no interest.
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if Some(pid) == child {
                    // What happened since the last look may be why.
                    return Ok(watch.look().map_or_else(|| end_of(status), Report::Exceeded));
                }
            }
        }
    });
    if !own_processes {
        tree::end_descendants();
    }
    let report: Report = report
        .map_err(|error: io::Error| io::Error::other(format!("cannot start the guard: {error}")))?;
    // A stage that failed has said so itself.
    if report != Report::Exited(FAILED.into()) || !Report::is_written(&file) {
        report.write(&file)?;
    }
    Ok(ExitCode::from(match report {
        Report::Exited(code) => u8::try_from(code).unwrap_or(FAILED),
        Report::Signalled(_) | Report::Exceeded(_) | Report::Failed(_) => FAILED,
    }))
}

fn end_of(status: WaitStatus) -> Report {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Report::Exited(code),
        (None, signal) => Report::Signalled(signal.unwrap_or_default()),
    }
}
