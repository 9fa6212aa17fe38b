//! The process that stands beside a sandboxed command and watches what it uses up.

use std::{ffi::OsString, io, os::fd::AsRawFd as _, process::ExitCode, time::Duration};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::{
        DumpableBehavior, Signal, getpid, set_child_subreaper, set_dumpable_behavior,
        set_parent_process_death_signal,
    },
};

use super::{
    namespaces,
    protocol::{FAILED, Plan, Stage, told},
    watch::Watch,
};
use crate::process::{End, attendance::Attendance, end_of, report::Report, tree};

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
        let attendance = Attendance::new(if own_processes { PERIOD } else { LONG_PERIOD })?;
        let child = plan.next(Stage::Confine, command)?.spawn()?;
        let look = || {
            // In a namespace of its own, the process outside of it looks after that.
            if !own_processes && plan.is_orphaned() {
                return Some(Report::Failed("whoever waited for the command is gone".into()));
            }
            watch.look().map(|excess| Report::Ended(End::Exceeded(excess)))
        };
        Ok(match attendance.outlast(&child, || {}, look).await {
            // What happened since the last look may be why.
            Ok(status) => Report::Ended(watch.look().map_or_else(|| end_of(status), End::Exceeded)),
            Err(report) => report,
        })
    });
    if !own_processes {
        tree::end_descendants();
    }
    let report: Report = report.map_err(told::<io::Error>("cannot start the guard"))?;
    // A stage that failed has said so itself.
    if report != Report::Ended(End::Exited(FAILED.into())) || !Report::is_written(&file) {
        report.write(&file)?;
    }
    Ok(ExitCode::from(match report {
        Report::Ended(End::Exited(code)) => u8::try_from(code).unwrap_or(FAILED),
        _ => FAILED,
    }))
}
