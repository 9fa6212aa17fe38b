//! How commands reach the projects: through the daemon that runs, or by themselves.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use pimainteno_core::{
    ErrorKind, Event, EventSink, MaintainerBuilder, NoticeKind, Result, RunRecord,
};
use pimainteno_web::{Client, Configuration, Order, Service, Verb};

use crate::setup::{Setup, credentials};

/// How long to look for the socket of a process that has the store: a daemon that is starting
/// answers a moment after it opened its store.
const PATIENCE: Duration = Duration::from_millis(500);

/// How often to look for it meanwhile.
const GLANCE: Duration = Duration::from_millis(50);

/// A way to the projects.
pub(crate) enum Access {
    /// No daemon runs; this process does what is asked, and holds the store meanwhile.
    Local(Service),
    /// The daemon does it.
    Remote(Client, Option<Stale>),
}

/// Tells, once, that the daemon uses another configuration than the command.
pub(crate) struct Stale {
    told: AtomicBool,
    /// Where the command has its own.
    path: PathBuf,
    /// The daemon's.
    used: Configuration,
    is_older: bool,
}

impl Access {
    /// Reaches the daemon if its socket answers, and opens the store itself if not.
    ///
    /// `events` receives those of the runs that are started through this.
    ///
    /// # Errors
    /// What keeps a daemon that is there from answering; without one, what
    /// [`MaintainerBuilder::build`] says.
    pub(crate) async fn open(
        setup: &Setup,
        events: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Result<Self> {
        let own = setup.configuration();
        let access = Self::reach(&setup.socket, Some(own), || setup.builder(), Arc::new(events));
        access.await.map_err(|error| credentials::explained(error, &setup.config))
    }

    /// The same with its parts: where the daemon would be, which configuration the command has, and
    /// what to maintain without a daemon.
    pub(crate) async fn reach(
        socket: &Path,
        own: Option<Configuration>,
        builder: impl Fn() -> MaintainerBuilder,
        events: Arc<dyn EventSink>,
    ) -> Result<Self> {
        let mut waited = Duration::ZERO;
        loop {
            if let Some(client) = Client::find(socket, events.clone()).await? {
                let stale = own.zip(client.configuration().cloned());
                let stale = stale.and_then(|(own, used)| Stale::of(&own, used));
                return Ok(Self::Remote(client, stale));
            }
            let sink = events.clone();
            match builder().events(move |event: &Event| sink.event(event)).build() {
                Ok(maintainer) => return Ok(Self::Local(Service::new(maintainer))),
                Err(error) if error.kind() != ErrorKind::Store => return Err(error),
                Err(error) if waited >= PATIENCE => return Err(error),
                Err(_) => {}
            }
            tokio::time::sleep(GLANCE).await;
            waited += GLANCE;
        }
    }

    /// What is answered to a verb.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if what it names is not there or cannot be done; [`ErrorKind::Store`];
    /// that the daemon does not answer.
    pub(crate) async fn ask<V: Verb>(&self, verb: V) -> Result<V::Answer> {
        match self {
            Self::Local(service) => Ok(verb.answer(service).await?),
            Self::Remote(client, stale) => told(stale.as_ref(), client.ask(verb).await),
        }
    }

    /// Has runs carried out, to the end; gives a record for each.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if what it names is not there, and then nothing is run;
    /// [`ErrorKind::Store`]; that the daemon stopped answering.
    pub(crate) async fn order<O: Order>(&self, order: O) -> Result<Vec<RunRecord>> {
        match self {
            Self::Local(service) => order.carry_out(service.maintainer()).await,
            Self::Remote(client, stale) => told(stale.as_ref(), client.order(order).await),
        }
    }

    /// Tells runs of this process to stop; [`Self::order`] ends soon. Runs in the daemon go on, and
    /// the sink is told so.
    pub(crate) async fn stop(&self) {
        match self {
            Self::Local(service) => service.maintainer().stop(),
            Self::Remote(client, _) => {
                let message =
                    "the daemon goes on with what was started; `pi-mainteno status` shows it";
                client.events().event(&Event::notice(NoticeKind::Daemon, message));
            }
        }
    }
}

impl Stale {
    /// What is to be told of a daemon that uses this configuration to a command that has `own`;
    /// `None` if they are the same.
    pub(crate) fn of(own: &Configuration, used: Configuration) -> Option<Self> {
        let place = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let is_older = place(&own.path) == place(&used.path);
        let is_same = is_older && own.sha256 == used.sha256;
        let told = AtomicBool::new(false);
        (!is_same).then(|| Self { told, path: own.path.clone(), used, is_older })
    }

    /// What is so, and what to do about it.
    pub(crate) fn words(&self) -> (String, &'static str) {
        let own = self.path.display();
        if self.is_older {
            let message = format!("the daemon still uses an older `{own}`");
            return (message, "`pi-mainteno reload` has it read the new one");
        }
        let message =
            format!("the daemon uses `{}`, and this command `{own}`", self.used.path.display());
        (
            message,
            "give the command the daemon's by `--config`, or restart the daemon with this one",
        )
    }
}

/// An answer of the daemon, and that it comes of another configuration.
fn told<T>(stale: Option<&Stale>, answer: Result<T>) -> Result<T> {
    let Some(stale) = stale else { return answer };
    let (what, hint) = stale.words();
    if stale.told.swap(true, Ordering::Relaxed) {
        return answer;
    }
    match answer {
        Ok(answer) => {
            tracing::warn!("{what}; {hint}");
            Ok(answer)
        }
        Err(error) => Err(error.hint(format!("{what}; {hint}"))),
    }
}
