//! A child with everything that descends from it.
//!
//! A process group is not enough: whoever calls `setsid` leaves it, and whoever loses its parent cannot be found from the child any more.
//! Every child therefore carries a variable with a value of its own, which its descendants inherit; `/proc/PID/environ` shows who has it.

use std::fs;

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use uuid::Uuid;

/// The variable that a child and its descendants carry.
pub(super) struct Marker(String);

/// A child with everything that descends from it; what is left when this is dropped is killed.
pub(super) struct Family {
    /// The group that the child leads; `None` once nothing is to be killed any more.
    group: Option<Pid>,
    marker: Marker,
}

impl Marker {
    /// The variable's name.
    pub(super) const VARIABLE: &str = "PIMAINTENO_CHILD";

    /// A marker that no other child has.
    pub(super) fn new() -> Self {
        Self(Uuid::now_v7().simple().to_string())
    }

    /// The marker with this value.
    pub(super) fn of(value: &str) -> Self {
        Self(value.to_owned())
    }

    /// The variable's value.
    pub(super) fn value(&self) -> &str {
        &self.0
    }

    /// The living processes that carry the marker; those of other users are not seen.
    pub(super) fn carriers(&self) -> Vec<Pid> {
        let needle = format!("{}={}", Self::VARIABLE, self.0).into_bytes();
        let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
        let carries = |pid: &i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable == needle)
        };
        let pids = processes.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        pids.filter(carries).filter_map(Pid::from_raw).collect()
    }
}

impl Family {
    /// The family of the child `pid`, which leads a process group.
    pub(super) fn new(pid: Option<u32>, marker: Marker) -> Self {
        Self { group: pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)), marker }
    }

    /// Asks the group to stop.
    pub(super) fn terminate(&self) {
        if let Some(group) = self.group {
            let _ = kill_process_group(group, Signal::TERM);
        }
    }

    /// Kills whoever is left.
    pub(super) fn kill(&mut self) {
        let Some(group) = self.group.take() else { return };
        // The group's id can only be taken by somebody else once its last member is gone, and then it is not found here.
        if test_kill_process_group(group).is_ok() {
            let _ = kill_process_group(group, Signal::KILL);
        }
        // A process may fork between two looks; it cannot for ever, because each look kills its parent.
        for _ in 0..10 {
            let carriers = self.marker.carriers();
            if carriers.is_empty() {
                return;
            }
            for pid in carriers {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// Leaves whoever is left alone.
    pub(super) fn release(&mut self) {
        self.group = None;
    }
}

impl Drop for Family {
    fn drop(&mut self) {
        self.kill();
    }
}
