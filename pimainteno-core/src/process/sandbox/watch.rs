//! Looks at what a sandboxed command and its descendants use up.

use std::fs;

use rustix::{
    fs::statvfs,
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
        // The quick count counts memory that is shared, after a fork too, for each that shares it, so that it can only be too large.
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

/// The memory of a process that is no file's, in bytes: its own, what it shares with others, and what of both is swapped out (`proc_pid_status(5)`).
fn own_memory(pid: i32) -> u64 {
    sum(&format!("/proc/{pid}/status"), &["RssAnon:", "RssShmem:", "VmSwap:"]).unwrap_or(0)
}

/// The same with each shared page divided among those that share it; slower (`proc_pid_smaps(5)`).
fn fair_memory(pid: i32) -> u64 {
    sum(&format!("/proc/{pid}/smaps_rollup"), &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"]).unwrap_or_else(|| own_memory(pid))
}

/// The sum of the lines of `file` that have these names, in bytes; `None` if there is none. They are in KiB.
fn sum(file: &str, names: &[&str]) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let number = |line: &str| {
        let rest = names.iter().find_map(|name| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let numbers: Vec<_> = text.lines().filter_map(number).collect();
    (!numbers.is_empty()).then(|| numbers.iter().sum::<u64>().saturating_mul(1024))
}

/// What is free on the disk of `path`, in bytes.
fn free(path: &std::path::Path) -> Option<u64> {
    statvfs(path).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}
