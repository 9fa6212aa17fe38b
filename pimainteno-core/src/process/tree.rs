//! A child with everything that descends from it.
//!
//! A process group is not enough: whoever calls `setsid` leaves it, and whoever loses its parent
//! cannot be found from the child any more. Every child therefore carries a variable with a value
//! of its own, which its descendants inherit; `/proc/PID/environ` shows who has it. Who may throw
//! that away too runs in a sandbox or below a [minder](super::minder), either of which inherits
//! whoever loses its parent.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use rustix::process::{
    Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group, test_kill_process_group,
    wait,
};
use uuid::Uuid;

use super::proc;

/// The variable that a child and its descendants carry, each child with a value of its own.
pub(super) const MARKER: &str = "PIMAINTENO_CHILD";

/// How often at most somebody is killed before it is given up.
const MOST_ROUNDS: usize = 10;

/// How long somebody may take to be killed: what hangs in the kernel cannot be.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often to look whether it still is there.
const GLANCE: Duration = Duration::from_millis(1);

/// A child with everything that descends from it; what is left when this is dropped is killed.
#[derive(Debug)]
pub(super) struct Family {
    /// The group that the child leads; `None` once nothing is to be killed any more.
    group: Option<Pid>,
    /// What its members carry.
    marker: String,
}

/// A value of the variable that no other child has.
pub(super) fn new_marker() -> String {
    Uuid::now_v7().simple().to_string()
}

impl Family {
    /// The family of the child `pid`, which leads a process group.
    pub(super) fn new(pid: Option<u32>, marker: String) -> Self {
        Self { group: pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)), marker }
    }

    /// Asks the group to stop; the child first, so that a minder knows why its command ends.
    pub(super) fn terminate(&self) {
        if let Some(group) = self.group {
            let _ = kill_process(group, Signal::TERM);
            let _ = kill_process_group(group, Signal::TERM);
        }
    }

    /// Kills what descends from the child, but not the child itself: if it is a guard or a minder,
    /// nobody gets away from it while it lives.
    pub(super) fn kill_descendants(&self) {
        let own = getpid().as_raw_nonzero().get();
        for _ in 0..MOST_ROUNDS {
            // Once it has ended, its number may be somebody else's.
            let lives =
                |group: &Pid| proc::living_parent(group.as_raw_nonzero().get()) == Some(own);
            let descendants = self.group.filter(lives).map(descendants).unwrap_or_default();
            if descendants.is_empty() {
                return;
            }
            proc::kill(descendants);
        }
    }

    /// Kills whoever is left.
    pub(super) fn kill(&mut self) {
        self.kill_descendants();
        let Some(group) = self.group.take() else { return };
        // The group's id can only be taken by somebody else once its last member is gone, and then
        // it is not found here.
        if test_kill_process_group(group).is_ok() {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let mark = format!("{MARKER}={}", self.marker).into_bytes();
        // A process may fork between two looks; it cannot for ever, because each look kills its
        // parent.
        for _ in 0..MOST_ROUNDS {
            let mut carriers = proc::processes();
            carriers.retain(|pid| proc::carries(*pid, |variable| variable == mark));
            if carriers.is_empty() {
                return;
            }
            proc::kill(carriers);
        }
    }

    /// Leaves whoever is left alone.
    pub(super) fn release(&mut self) {
        self.group = None;
    }
}

/// The living processes that descend from `ancestor` by their parents of now.
pub(super) fn descendants(ancestor: Pid) -> Vec<i32> {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for pid in proc::processes() {
        if let Some(parent) = proc::living_parent(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let mut found = children.remove(&ancestor.as_raw_nonzero().get()).unwrap_or_default();
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    found
}

/// Kills everything that descends from this process, and waits until it is gone. For one that
/// inherits whoever loses its parent, and that has no other children.
pub(super) fn end_descendants() {
    let start = Instant::now();
    loop {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                // A list of processes may miss one that was just forked. That there are no
                // children, the kernel knows.
                Err(_) => return,
            }
        }
        proc::kill(descendants(getpid()));
        if start.elapsed() > PATIENCE {
            return;
        }
        std::thread::sleep(GLANCE);
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.kill();
    }
}
