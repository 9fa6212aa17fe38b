//! When: units that fail are seen as it happens, and their projects are repaired.
//!
//! systemd tells of each change of the watched units over its bus; nothing is polled, and nothing
//! wakes up while nothing happens. What comes in between two connections, or was so before the
//! first, is found by looking at the units' states once. What a failure means, and what is to be
//! done about it, is the runner's to say (`runner/incidents.rs`, `runner/incidents/attend.rs`).

mod needs;
mod session;
mod signals;
mod unit;
mod window;

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep};

use self::session::{End, Watch};
use crate::{
    event::NoticeKind,
    runner::{Live, Runner},
    service::systemd::bus::Manager1,
};

/// How long to wait before a bus is tried again that is not there: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// After how long without a bus a person is told.
const PATIENCE: Duration = Duration::from_secs(30);

/// Watches the units of the configuration that is used until the program stops; begins no run after
/// that, and waits for those that it began.
pub(crate) async fn serve(live: &Live) {
    let mut watch = Watch::default();
    let (mut wait, mut without_bus) = (FIRST_WAIT, None::<Instant>);
    loop {
        let runner = live.current();
        if runner.cancel.is_raised() {
            break;
        }
        if !runner.config.systemd_monitor.enabled {
            match watch.idle(live, &runner).await {
                End::Stopped => break,
                End::Replaced | End::Lost => continue,
            }
        }
        match Manager1::connect(runner.config.systemd_monitor.bus, &runner.environment).await {
            Ok(manager) => {
                let begun = Instant::now();
                let ended = watch.session(live, &runner, &manager).await;
                if runner.incidents.is_watching.get() {
                    without_bus = None;
                }
                // One that ends as soon as it is there is tried ever more rarely.
                if begun.elapsed() > wait {
                    wait = FIRST_WAIT;
                }
                runner.incidents.is_watching.set(false);
                match ended {
                    Ok(End::Stopped) => break,
                    Ok(End::Replaced) => continue,
                    Ok(End::Lost) => tracing::info!("The connection to systemd's bus was lost."),
                    Err(error) => tell_missing(&runner, &error, &mut without_bus),
                }
            }
            Err(error) => tell_missing(&runner, &error, &mut without_bus),
        }
        tokio::select! {
            () = runner.cancel.raised() => break,
            () = sleep(wait) => wait = (wait * 2).min(LONGEST_WAIT),
        }
    }
    watch.finish(&live.current()).await;
}

/// Tells a person, once, that there has been no bus for a while.
fn tell_missing(runner: &Arc<Runner>, error: &zbus::Error, without_bus: &mut Option<Instant>) {
    tracing::debug!(%error, "systemd's bus is not there.");
    let since = *without_bus.get_or_insert_with(Instant::now);
    if since.elapsed() >= PATIENCE {
        let message = format!(
            "units are not watched: systemd's bus cannot be reached: {error}; it is tried again"
        );
        runner.bus.notice(None, None, NoticeKind::Daemon, "systemd's bus", message);
        // Not again before it has been there.
        *without_bus = Some(Instant::now() + Duration::from_secs(365 * 24 * 60 * 60));
    }
}
