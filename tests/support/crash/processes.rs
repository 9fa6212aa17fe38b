//! The processes of one test machine, which are told by their home directory.

use std::{fs, path::Path};

use rustix::process::{Pid, Signal, kill_process};

/// Kills everything whose home directory is `home`, until nothing is left, except what works in `remote`: that is another machine.
pub(super) fn kill_all(home: &Path, remote: &Path) {
    loop {
        let found = find(home, remote);
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = kill_process(pid, Signal::KILL);
        }
        std::thread::yield_now();
    }
}

fn find(home: &Path, remote: &Path) -> Vec<Pid> {
    let needle = format!("HOME={}", home.display()).into_bytes();
    let is_ours = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let is_far = fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|directory| directory.starts_with(remote));
        !is_far && environment.split(|byte| *byte == 0).any(|variable| variable == needle)
    };
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(is_ours).filter_map(Pid::from_raw).collect()
}
