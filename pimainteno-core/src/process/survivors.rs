//! Children that outlived the program that started them, because it was killed and they were not.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use super::{proc, tree::MARKER};

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
    let mark = format!("{MARKER}=");
    let works: Vec<_> = trees
        .iter()
        .map(PathBuf::as_path)
        .chain([checkout])
        .map(|place| [GIT_VARIABLE.as_bytes(), b"=", place.as_os_str().as_encoded_bytes()].concat())
        .collect();
    loop {
        let mut is_somebody_left = false;
        let is_ours =
            |pid: &i32| proc::carries(*pid, |variable| variable.starts_with(mark.as_bytes()));
        for pid in proc::processes().into_iter().filter(is_ours) {
            let is_git = is_git(pid)
                && proc::carries(pid, |variable| works.iter().any(|works| works == variable));
            let is_in_a_tree = proc::directory(pid)
                .is_ok_and(|directory| places.iter().any(|place| directory.starts_with(place)));
            is_somebody_left |= is_git || is_in_a_tree;
            if is_in_a_tree || is_git && start.elapsed() > patience {
                proc::kill([pid]);
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
    proc::processes().into_iter().any(|pid| {
        is_git(pid) && proc::directory(pid).is_ok_and(|place| place.starts_with(directory))
    })
}

fn is_git(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with("git"))
}

#[cfg(test)]
mod tests {
    use rustix::process::{Pid, Signal, kill_process};

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
