//! Children that outlived the program that started them, because it was killed and they were not.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use super::tree::Marker;

/// The variable that tells in which directory a `git` of ours works; what it starts elsewhere, such
/// as the far end of a push, inherits it.
pub(crate) const GIT_VARIABLE: &str = "PIMAINTENO_GIT";

/// How often to look whether they are gone.
const GLANCE: Duration = Duration::from_millis(20);

/// Waits until no `git` of ours works for `checkout` any more, and makes an end of those that have
/// not come to theirs after `patience`. Kills at once what else of ours still works in `trees`.
///
/// To be called by whoever holds the project's lock: then whatever of ours is found there has lost
/// its program. A service that was started from the checkout carries the same variables and is no
/// `git`, so it is let be.
pub(crate) async fn end_survivors(checkout: &Path, trees: &[PathBuf], patience: Duration) {
    let start = Instant::now();
    let places: Vec<_> =
        trees.iter().map(|tree| fs::canonicalize(tree).unwrap_or_else(|_| tree.clone())).collect();
    loop {
        let mut is_somebody_left = false;
        for (pid, process) in children() {
            let mut directories = trees.iter().map(PathBuf::as_path).chain([checkout]);
            let is_git = process.is_git()
                && directories.any(|directory| process.carries(GIT_VARIABLE, directory));
            let cwd = fs::read_link(format!("/proc/{pid}/cwd"));
            let is_in_a_tree =
                cwd.is_ok_and(|directory| places.iter().any(|place| directory.starts_with(place)));
            is_somebody_left |= is_git || is_in_a_tree;
            if (is_in_a_tree || is_git && start.elapsed() > patience)
                && let Some(pid) = Pid::from_raw(pid)
            {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        // What cannot be killed hangs in the kernel; the run meets it in another way.
        if !is_somebody_left || start.elapsed() > 2 * patience {
            return;
        }
        tokio::time::sleep(GLANCE).await;
    }
}

/// Whether a `git` of anybody's works in `directory`, as far as that can be seen.
pub(crate) fn git_works_in(directory: &Path) -> bool {
    processes().into_iter().any(|pid| {
        Process::read(pid).is_git()
            && fs::read_link(format!("/proc/{pid}/cwd"))
                .is_ok_and(|place| place.starts_with(directory))
    })
}

struct Process {
    name: String,
    environment: Vec<u8>,
}

impl Process {
    fn read(pid: i32) -> Self {
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Self { name, environment: fs::read(format!("/proc/{pid}/environ")).unwrap_or_default() }
    }

    fn is_git(&self) -> bool {
        self.name.starts_with("git")
    }

    fn carries(&self, variable: &str, value: &Path) -> bool {
        let needle = [variable.as_bytes(), b"=", value.as_os_str().as_encoded_bytes()].concat();
        self.environment.split(|byte| *byte == 0).any(|variable| variable == needle)
    }
}

/// The living processes that this program or another instance of it started, directly or not.
fn children() -> impl Iterator<Item = (i32, Process)> {
    let prefix = format!("{}=", Marker::VARIABLE).into_bytes();
    processes().into_iter().map(|pid| (pid, Process::read(pid))).filter(move |(_, process)| {
        process.environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(&prefix))
    })
}

fn processes() -> Vec<i32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Command;

    #[tokio::test]
    async fn what_outlived_its_program_in_the_workspace_is_killed_and_a_service_of_the_checkout_is_not()
     {
        let directory = tempfile::tempdir().unwrap();
        let place = |name: &str| fs::canonicalize(directory.path()).unwrap().join(name);
        let start = |name: &'static str| {
            fs::create_dir(place(name)).unwrap();
            let command =
                Command::shell("sleep 60 >/dev/null 2>&1 & echo $!").directory(place(name));
            async {
                command
                    .env("PATH", "/usr/bin:/bin")
                    .keep_descendants()
                    .run()
                    .await
                    .unwrap()
                    .text()
                    .trim()
                    .parse::<i32>()
                    .unwrap()
            }
        };
        let (service, agent) = (start("checkout").await, start("workspace").await);
        end_survivors(
            &place("checkout"),
            &[place("agent"), place("workspace")],
            Duration::from_secs(30),
        )
        .await;
        let lives =
            |pid: i32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| !line.is_empty());
        assert!(lives(service) && !lives(agent));
        kill_process(Pid::from_raw(service).unwrap(), Signal::KILL).unwrap();
    }
}
