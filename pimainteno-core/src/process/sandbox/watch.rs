//! Looks at what a sandboxed command and its descendants use up.

use std::fs;

use rustix::{
    fs::statvfs,
    param::page_size,
    process::{Pid, Signal, getuid, kill_process},
};

use super::{Excess, Limits, protocol::Plan};
use crate::process::tree::Marker;

/// What is left free on the disk in any case, in bytes, unless there is less to begin with: a full disk stops more than the command.
const RESERVE: u64 = 64 << 20;

/// Looks at what a sandboxed command and its descendants use up.
pub(super) struct Watch {
    limits: Limits,
    scratch: std::path::PathBuf,
    /// How its processes are told from others; `None` if there are no others.
    marker: Option<Marker>,
    /// What was free on the disk when it began, in bytes.
    free_at_start: Option<u64>,
}

impl Watch {
    pub(super) fn new(plan: &Plan) -> Self {
        let marker = (!plan.sandbox.support.has_namespaces()).then(|| Marker::of(&plan.marker));
        Self { limits: plan.sandbox.limits, scratch: plan.scratch.clone(), marker, free_at_start: free(&plan.scratch) }
    }

    /// Which limit is exceeded now.
    pub(super) fn look(&mut self) -> Option<Excess> {
        let limits = self.limits;
        let processes = self.processes();
        if processes.len() > limits.processes as usize {
            return Some(Excess::Processes(limits.processes));
        }
        // The quick count knows nothing of memory that is shared after a fork, so that it can only be too large.
        let exceeds = |memory: fn(i32) -> u64| processes.iter().map(|pid| memory(*pid)).sum::<u64>() > limits.memory;
        if exceeds(own_memory) && exceeds(fair_memory) {
            return Some(Excess::Memory(limits.memory));
        }
        if let (Some(before), Some(now)) = (self.free_at_start, free(&self.scratch))
            && (before.saturating_sub(now) > limits.disk || (before >= 2 * RESERVE && now < RESERVE))
        {
            return Some(Excess::Disk(before.saturating_sub(now).min(limits.disk)));
        }
        None
    }

    /// Kills all of them.
    pub(super) fn kill(&self) {
        for pid in self.processes().into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// The living processes, but for the guard itself.
    fn processes(&self) -> Vec<i32> {
        match &self.marker {
            None => numbers_in("/proc").into_iter().filter(|pid| *pid != 1).collect(),
            Some(marker) => {
                let me = rustix::process::getpid();
                marker.carriers().into_iter().filter(|pid| *pid != me).map(|pid| pid.as_raw_nonzero().get()).collect()
            }
        }
    }
}

/// How many threads the user has, on the whole machine.
pub(super) fn tasks_of_user() -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let user = getuid().as_raw();
    let is_own = |pid: &i32| fs::metadata(format!("/proc/{pid}")).is_ok_and(|metadata| metadata.uid() == user);
    numbers_in("/proc").iter().filter(|pid| is_own(pid)).map(|pid| numbers_in(&format!("/proc/{pid}/task")).len() as u64).sum()
}

fn numbers_in(directory: &str) -> Vec<i32> {
    fs::read_dir(directory).into_iter().flatten().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The memory of a process that is no file's, in bytes: what is resident less what is shared with files (`proc_pid_statm(5)`).
fn own_memory(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
    let mut pages = text.split(' ').skip(1).map(|number| number.parse::<u64>().unwrap_or(0));
    let (resident, shared) = (pages.next().unwrap_or(0), pages.next().unwrap_or(0));
    resident.saturating_sub(shared).saturating_mul(page_size() as u64)
}

/// The same with each shared page divided among those that share it; slower.
fn fair_memory(pid: i32) -> u64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { return own_memory(pid) };
    let line = text.lines().find_map(|line| line.strip_prefix("Pss_Anon:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.map_or_else(|| own_memory(pid), |kibibytes| kibibytes << 10)
}

/// What is free on the disk of `path`, in bytes.
fn free(path: &std::path::Path) -> Option<u64> {
    statvfs(path).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}
