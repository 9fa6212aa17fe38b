//! The daemon: the schedule and the control socket, until it is told to stop.

mod log;
mod manager;
mod peer;
mod socket;

use std::{convert::Infallible, future::Future, pin::pin, time::Duration};

use axum::middleware::from_fn;
use pimainteno_core::{MaintainerBuilder, Result, process::Cancel};
use pimainteno_web::{Configuration, ReadAgain, Service, VERSION};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::{Interval, MissedTickBehavior, interval, timeout},
};

use crate::setup::Setup;

use log::Log;
use peer::Peer;
use socket::Socket;

/// How long a stop may take: less than the 90 s after which systemd kills a service
/// (`DefaultTimeoutStopSec`, systemd-system.conf(5)).
const LONGEST_STOP: Duration = Duration::from_secs(80);

/// How long the last answers may take to be read after the runs have ended.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// How long a stop takes at most in all; what its unit says has to be more.
pub(crate) const LONGEST_END: Duration = LONGEST_STOP.saturating_add(LAST_ANSWERS);

/// Maintains the projects on their schedules and answers on the control socket until `shutdown` is
/// ready; reads the configuration again at each of the `hangups`.
///
/// Runs that go on then are stopped; the next start finishes or undoes them.
///
/// # Errors
/// [`pimainteno_core::ErrorKind::Usage`] if a daemon answers at the socket already,
/// [`pimainteno_core::ErrorKind::Service`] if the socket cannot be made; what
/// [`MaintainerBuilder::build`] and [`pimainteno_core::Maintainer::serve`] say.
pub(crate) async fn run(
    setup: Setup,
    shutdown: impl Future<Output = ()> + Send,
    hangups: Option<Signal>,
) -> Result<()> {
    warn(&setup);
    let (builder, configuration, socket) =
        (setup.builder(), setup.configuration(), setup.socket.clone());
    let read: ReadAgain = Box::new(move || {
        let again = setup.again()?;
        warn(&again);
        Ok((again.configuration(), again.builder()))
    });
    serve(builder, Some((configuration, read)), &socket, shutdown, hangups).await
}

fn warn(setup: &Setup) {
    for notice in &setup.notices {
        tracing::warn!("{notice}");
    }
}

/// Catches SIGINT and SIGTERM from the call on, and is ready when the first has come. After that, a
/// second one ends the process at once.
pub(crate) fn signals() -> impl Future<Output = ()> + Send {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
            tracing::warn!("Signals cannot be caught; they end the program at once.");
            return std::future::pending().await;
        };
        next(&mut interrupt, &mut terminate).await;
        tokio::spawn(async move {
            let number = next(&mut interrupt, &mut terminate).await;
            #[expect(clippy::exit, reason = "a person who asks twice does not want to wait")]
            std::process::exit(128 + number);
        });
    }
}

/// Catches SIGHUP from the call on; `None` if it cannot be caught. One that comes before the daemon
/// serves is heard once it does.
pub(crate) fn hangups() -> Option<Signal> {
    signal(SignalKind::hangup()).ok()
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> i32 {
    tokio::select! {
        _ = interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        _ = terminate.recv() => SignalKind::terminate().as_raw_value(),
    }
}

async fn serve(
    builder: MaintainerBuilder,
    configured: Option<(Configuration, ReadAgain)>,
    path: &std::path::Path,
    shutdown: impl Future<Output = ()> + Send,
    hangups: Option<Signal>,
) -> Result<()> {
    // Asked first, because it says more than a store that is in use.
    socket::refuse_if_alive(path).await?;
    let maintainer = builder.events(Log::default()).events(manager::tell_event).build()?;
    let (socket, listener) = Socket::bind(path)?;
    let stopping = Cancel::new();
    let mut service = Service::serving(maintainer.clone(), stopping.clone());
    if let Some((configuration, read)) = configured {
        service = service.configured(configuration, read);
    }
    let router = service.clone().router().layer(from_fn(peer::decided_by_somebody));
    let server = axum::serve(listener, router.into_make_service_with_connect_info::<Peer>())
        .with_graceful_shutdown({
            let stopping = stopping.clone();
            async move { stopping.raised().await }
        });
    let server = tokio::spawn(server.into_future());
    let mut upkeep = pin!(upkeep(service.clone(), hangups));
    let projects = maintainer.projects().len();
    tracing::info!(version = VERSION, projects, socket = %path.display(), "The daemon is ready.");
    manager::ready(projects);

    let mut serving = pin!(maintainer.serve(stopping.raised()));
    let mut result = tokio::select! {
        biased;
        () = shutdown => None,
        // It ends by itself only if it cannot go on.
        result = &mut serving => Some(result),
        never = &mut upkeep => match never {},
    };
    tracing::info!("The daemon stops.");
    manager::stopping();
    drop(socket);
    stopping.raise();
    maintainer.stop();
    let ended = timeout(LONGEST_STOP, async {
        if result.is_none() {
            result = Some(serving.await);
        }
        service.finish_orders().await;
    });
    tokio::select! {
        ended = ended => if ended.is_err() {
            tracing::warn!("Not all runs have stopped; the next start finishes or undoes them.");
        },
        never = &mut upkeep => match never {},
    }
    // What is still open then waits for a reader who does not read.
    drop(timeout(LAST_ANSWERS, server).await);
    result.unwrap_or(Ok(()))
}

/// Tells systemd that the daemon is alive, in the task of the scheduler: one that hangs does not
/// say so. Reads the configuration again at each of the `hangups`.
fn upkeep(service: Service, mut hangups: Option<Signal>) -> impl Future<Output = Infallible> {
    let mut watchdog = manager::watchdog().map(|period| {
        let mut interval = interval(period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval
    });
    async move {
        loop {
            tokio::select! {
                () = tick(&mut watchdog) => manager::alive(),
                () = received(&mut hangups) => reload(&service),
            }
        }
    }
}

/// Reads the configuration again; one that cannot be used is told, and the one before goes on.
fn reload(service: &Service) {
    manager::reloading();
    let result = service.reload();
    match &result {
        Ok(projects) => tracing::info!(projects, "The configuration was read again."),
        Err(error) => {
            let hints: Vec<_> = error.hints().collect();
            tracing::error!(%error, ?hints, "The new configuration cannot be used; the one before goes on.");
        }
    }
    manager::ready(service.maintainer().config().projects().len());
    if let Err(error) = &result {
        manager::tell_refused(error);
    }
}

async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
