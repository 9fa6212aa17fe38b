//! Looks at what a sandboxed command and its descendants use up.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
};

use rustix::{fs::fstatvfs, process::getuid};

use super::{Excess, Limits, Used, protocol::Plan};
use crate::process::{proc, tree};

/// What is left free on the disk in any case, in bytes, unless there is less to begin with: a full
/// disk stops more than the command.
const RESERVE: u64 = 64 << 20;

/// The same for files and directories.
const RESERVE_OF_FILES: u64 = 4096;

/// Looks at what a sandboxed command and its descendants use up.
pub(super) struct Watch {
    limits: Limits,
    used_before: Used,
    /// The disk that it writes to, known by a directory on it.
    disk: File,
    /// Whether there are no other processes than its own.
    is_alone: bool,
    at_start: Free,
    /// The machine's memory that is shared or in files of no disk, when it began.
    shared_at_start: u64,
}

/// What is free on a disk.
#[derive(Clone, Copy)]
struct Free {
    bytes: u64,
    /// `None` on a file system that has as many as there is space for.
    files: Option<u64>,
}

impl Watch {
    /// Begins to look at a command that works in the scratch directory of `plan`, which need not be
    /// found by its name later.
    pub(super) fn new(plan: &Plan) -> io::Result<Self> {
        let disk = File::open(&plan.scratch)?;
        Ok(Self {
            limits: plan.sandbox.limits,
            used_before: plan.sandbox.used,
            at_start: free(&disk)?,
            disk,
            is_alone: plan.sandbox.support.has_namespaces(),
            shared_at_start: shared_memory(),
        })
    }

    /// Which limit is exceeded now.
    pub(super) fn look(&mut self) -> Option<Excess> {
        let limits = self.limits;
        let processes = self.processes();
        if processes.len() > limits.processes as usize {
            return Some(Excess::Processes(limits.processes));
        }
        // The quick count counts memory that is shared, after a fork too, for each that shares it,
        // so that it can only be too large.
        let unmapped = self.unmapped(&processes);
        let exceeds = |memory: fn(i32) -> u64| {
            processes.iter().map(|pid| memory(*pid)).sum::<u64>().saturating_add(unmapped)
                > limits.memory
        };
        if exceeds(own_memory) && exceeds(fair_memory) {
            return Some(Excess::Memory(limits.memory));
        }
        self.look_at_disk(free(&self.disk).ok()?)
    }

    fn look_at_disk(&self, now: Free) -> Option<Excess> {
        let (before, limits) = (self.at_start, self.limits);
        let used = before.bytes.saturating_sub(now.bytes).saturating_add(self.used_before.disk);
        if used > limits.disk || (before.bytes >= 2 * RESERVE && now.bytes < RESERVE) {
            return Some(Excess::Disk(used.min(limits.disk)));
        }
        let (before, now) = (before.files?, now.files?);
        let made = before.saturating_sub(now).saturating_add(self.used_before.files);
        let exceeds =
            made > limits.files || (before >= 2 * RESERVE_OF_FILES && now < RESERVE_OF_FILES);
        exceeds.then(|| Excess::Files(made.min(limits.files)))
    }

    /// The processes, but for the guard itself.
    fn processes(&self) -> Vec<i32> {
        if self.is_alone {
            return proc::processes().into_iter().filter(|pid| *pid != 1).collect();
        }
        // Whoever loses its parent comes to the guard, so that nobody gets out of this.
        tree::descendants(rustix::process::getpid())
    }

    /// Memory that is in files of no disk: `memfd_create(2)`, and shared memory of System V.
    /// Mapped, it counts as its process' own as well.
    fn unmapped(&self, processes: &[i32]) -> u64 {
        // Mostly there is none, and then nobody looks through everything that is open.
        if shared_memory().saturating_sub(self.shared_at_start) < self.limits.memory / 4 {
            return 0;
        }
        let mut files = BTreeMap::new();
        for open in processes
            .iter()
            .flat_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten())
        {
            let path = open.path();
            let is_memory = fs::read_link(&path)
                .is_ok_and(|target| target.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"));
            if let (true, Ok(metadata)) = (is_memory, fs::metadata(&path)) {
                files.insert(
                    (metadata.dev(), metadata.ino()),
                    metadata.blocks().saturating_mul(512),
                );
            }
        }
        let segments = if self.is_alone { segments() } else { 0 };
        files.values().sum::<u64>().saturating_add(segments)
    }
}

/// How many threads the user has, on the whole machine.
pub(super) fn tasks_of_user() -> u64 {
    let user = getuid().as_raw();
    let is_own = |pid: &i32| {
        fs::metadata(format!("/proc/{pid}")).is_ok_and(|metadata| metadata.uid() == user)
    };
    proc::processes()
        .iter()
        .filter(|pid| is_own(pid))
        .map(|pid| proc::numbers_in(&format!("/proc/{pid}/task")).len() as u64)
        .sum()
}

/// The memory of a process that is no file's, in bytes: its own, what it shares with others, and
/// what of both is swapped out (`proc_pid_status(5)`).
fn own_memory(pid: i32) -> u64 {
    sum(&format!("/proc/{pid}/status"), &["RssAnon:", "RssShmem:", "VmSwap:"]).unwrap_or(0)
}

/// The same with each shared page divided among those that share it; slower (`proc_pid_smaps(5)`).
fn fair_memory(pid: i32) -> u64 {
    sum(&format!("/proc/{pid}/smaps_rollup"), &["Pss_Anon:", "Pss_Shmem:", "SwapPss:"])
        .unwrap_or_else(|| own_memory(pid))
}

/// The sum of the lines of `file` that have these names, in bytes; `None` if there is none. They
/// are in KiB.
fn sum(file: &str, names: &[&str]) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let number = |line: &str| {
        let rest = names.iter().find_map(|name| line.strip_prefix(name))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()
    };
    let numbers: Vec<_> = text.lines().filter_map(number).collect();
    (!numbers.is_empty()).then(|| numbers.iter().sum::<u64>().saturating_mul(1024))
}

/// The machine's memory that is shared or in files of no disk, in bytes (`proc_meminfo(5)`).
fn shared_memory() -> u64 {
    sum("/proc/meminfo", &["Shmem:"]).unwrap_or(0)
}

/// What the segments of System V hold, in bytes: the field `rss` (`proc_sysvipc(5)`). In a
/// namespace of its own they are the command's.
fn segments() -> u64 {
    let table = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let Some(place) = table
        .lines()
        .next()
        .and_then(|names| names.split_whitespace().position(|name| name == "rss"))
    else {
        return 0;
    };
    table
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().nth(place)?.parse::<u64>().ok())
        .sum()
}

/// What is free on the disk that `directory` is on.
fn free(directory: &File) -> io::Result<Free> {
    let disk = fstatvfs(directory)?;
    let files = (disk.f_files > 0).then_some(disk.f_favail);
    Ok(Free { bytes: disk.f_bavail.saturating_mul(disk.f_frsize), files })
}
