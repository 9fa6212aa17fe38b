//! The processes of one test machine, which are told by their home directory.

use std::{fs, path::Path};

use rustix::process::{Pid, Signal, kill_process};

/// Kills everything whose home directory is `home`, until nothing is left, except what works in
/// `remote`: that is another machine.
pub(super) fn kill_all(home: &Path, remote: &Path) {
    loop {
        let found = find(home, remote);
        if found.is_empty() {
            return;
        }
        for pid in found {
            // It may have gone to the remote since it was found: it is held while it is looked at
            // once more.
            let _ = kill_process(pid, Signal::STOP);
            while !is_held(pid) {
                std::thread::yield_now();
            }
            let _ = kill_process(pid, if is_at(pid, remote) { Signal::CONT } else { Signal::KILL });
        }
        std::thread::yield_now();
    }
}

fn find(home: &Path, remote: &Path) -> Vec<Pid> {
    let needle = format!("HOME={}", home.display()).into_bytes();
    let is_ours = |pid: &Pid| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        !is_at(*pid, remote)
            && environment.split(|byte| *byte == 0).any(|variable| variable == needle)
    };
    let pids = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(Pid::from_raw).filter(is_ours).collect()
}

fn is_at(pid: Pid, remote: &Path) -> bool {
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|directory| directory.starts_with(remote))
}

/// Whether a process does nothing any more: it is stopped, or has ended.
fn is_held(pid: Pid) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return true };
    // The state is behind the name, which is in parentheses and may hold anything.
    stat.rsplit_once(") ").is_none_or(|(_, fields)| fields.starts_with(['T', 't', 'Z', 'X']))
}
