//! What `/proc` tells of processes (`proc(5)`), and killing them by what it tells.

use std::{fs, io, path::PathBuf};

use rustix::process::{Pid, Signal, kill_process};

/// The numbers of the processes that there are, as far as they are seen.
pub(super) fn processes() -> Vec<i32> {
    numbers_in("/proc")
}

/// The entries of a directory that are numbers.
pub(super) fn numbers_in(directory: &str) -> Vec<i32> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Whether one of the variables that a process was started with, `NAME=value`, is such a one; those
/// of other users are not seen.
pub(super) fn carries(pid: i32, is_such: impl Fn(&[u8]) -> bool) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(is_such)
}

/// Where a process works.
pub(super) fn directory(pid: i32) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd"))
}

/// The parent of a process that has not ended; the fourth field of its line, after a name that may
/// hold anything (`proc_pid_stat(5)`).
pub(super) fn living_parent(pid: i32) -> Option<i32> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.get(stat.iter().rposition(|byte| *byte == b')')? + 1..)?;
    let mut fields = std::str::from_utf8(after_name).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(parent)
}

/// Kills processes; one that is gone is no matter.
pub(super) fn kill(pids: impl IntoIterator<Item = i32>) {
    for pid in pids.into_iter().filter_map(Pid::from_raw) {
        let _ = kill_process(pid, Signal::KILL);
    }
}
