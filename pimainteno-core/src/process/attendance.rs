//! Staying beside a process until it has ended, as the processes do that stand between a command
//! and this program.

use std::{
    io,
    os::unix::process::ExitStatusExt as _,
    process::{Child, ExitStatus},
    time::Duration,
};

use rustix::process::{WaitOptions, wait};
use tokio::{
    select,
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, MissedTickBehavior, interval},
};

/// What tells that something happened. To be made before the process is started.
pub(super) struct Attendance {
    asked: Signal,
    ended: Signal,
    look: Interval,
}

impl Attendance {
    /// One that looks at once and every `period`.
    pub(super) fn new(period: Duration) -> io::Result<Self> {
        let mut look = interval(period);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let asked = signal(SignalKind::terminate())?;
        Ok(Self { asked, ended: signal(SignalKind::child())?, look })
    }

    /// How `child` ended, or what a look at it gave before. Other children, which a process may
    /// inherit, are of no interest.
    ///
    /// This process does not end when its group is asked to: the child shall have the time to.
    /// `asked` is told of it.
    pub(super) async fn outlast<T>(
        mut self,
        child: &Child,
        mut asked: impl FnMut(),
        mut look: impl FnMut() -> Option<T>,
    ) -> Result<ExitStatus, T> {
        loop {
            select! {
                biased;
                _ = self.asked.recv() => asked(),
                _ = self.look.tick() => if let Some(seen) = look() { return Err(seen) },
                _ = self.ended.recv() => {}
            }
            while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
                if u32::try_from(pid.as_raw_nonzero().get()) != Ok(child.id()) {
                    continue;
                }
                // Whoever asks asks this process first, but it may not have heard yet.
                select! {
                    biased;
                    _ = self.asked.recv() => asked(),
                    () = tokio::task::yield_now() => {}
                }
                return Ok(ExitStatus::from_raw(status.as_raw()));
            }
        }
    }
}
