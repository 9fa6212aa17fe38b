//! What answers are made from.

use std::sync::{Arc, OnceLock};

use axum::{http::HeaderMap, response::Response};
use pimainteno_core::{Error, ErrorKind, Maintainer, Result, process::Cancel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Configuration, Order, ReadAgain, Refusal, configuration::Configured, stream};

/// How many requests to run projects may be open at once, and how many readers of events.
const MOST: u32 = 16;

/// Answers for a maintainer. Clones are the same.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    maintainer: Maintainer,
    serves: bool,
    stopping: Cancel,
    /// A permit for each request to run projects that is being carried out.
    orders: Arc<Semaphore>,
    /// The same for what a person decides.
    decisions: Arc<Semaphore>,
    /// A permit for each reader of events.
    readers: Arc<Semaphore>,
    configured: OnceLock<Configured>,
}

impl Service {
    /// Answers to this process alone.
    pub fn new(maintainer: Maintainer) -> Self {
        Self::of(maintainer, false, Cancel::new())
    }

    /// Answers to whoever asks its [router](Self::router), until `stopping` is raised: no run is
    /// begun any more then, and streams of events end.
    pub fn serving(maintainer: Maintainer, stopping: Cancel) -> Self {
        Self::of(maintainer, true, stopping)
    }

    /// Says which configuration the maintainer was built from, and how it is read again, which
    /// [`crate::Reload`] asks for. What is said first goes.
    #[must_use]
    pub fn configured(self, used: Configuration, read: ReadAgain) -> Self {
        drop(self.0.configured.set(Configured::new(used, read)));
        self
    }

    /// The configuration that is used; `None` if nobody said.
    pub fn configuration(&self) -> Option<Configuration> {
        self.0.configured.get().map(Configured::used)
    }

    /// Reads the configuration again and maintains what it says from now on. Gives how many
    /// projects these are.
    ///
    /// # Errors
    /// What is wrong with the new one, and then the one before goes on;
    /// [`ErrorKind::Usage`] if this program cannot read it again.
    pub fn reload(&self) -> Result<usize> {
        let configured = self.0.configured.get().ok_or_else(|| {
            Error::new(ErrorKind::Usage, "this program does not read its configuration again")
                .hint("restart it to use another one")
        })?;
        let (configuration, builder) = (configured.read)()?;
        self.maintainer().reload(builder)?;
        configured.set(configuration);
        Ok(self.maintainer().config().projects().len())
    }

    /// The maintainer.
    pub fn maintainer(&self) -> &Maintainer {
        &self.0.maintainer
    }

    /// Whether this answers to others, and stays.
    pub fn serves(&self) -> bool {
        self.0.serves
    }

    /// Waits for the end of the runs that were asked for. New ones are refused from now on.
    pub async fn finish_orders(&self) {
        drop(self.0.orders.acquire_many(MOST).await);
        drop(self.0.decisions.acquire_many(MOST).await);
    }

    /// Has an order carried out. The runs go on when the caller is gone.
    pub(crate) fn carry_out<O: Order>(&self, order: O) -> Result<Response, Refusal> {
        let projects = order.projects(self.maintainer())?;
        if self.0.stopping.is_raised() {
            return Err(Error::new(ErrorKind::Service, "the daemon is stopping")
                .hint("try again when it runs")
                .into());
        }
        let permits = if O::DECIDES { &self.0.decisions } else { &self.0.orders };
        let permit = permit(permits, "too many runs were asked for at once")
            .map_err(|error| error.hint("wait until some have ended"))?;
        let events = self.maintainer().events(None);
        let service = self.clone();
        let run = tokio::spawn(async move {
            let _permit = permit;
            order.carry_out(service.maintainer()).await
        });
        Ok(stream::lines(projects, run, events))
    }

    /// Whatever happens from now on, or from where the reader was when it went away.
    pub(crate) fn events(&self, headers: &HeaderMap) -> Result<Response, Refusal> {
        let permit = permit(&self.0.readers, "too many read the events at once")?;
        let after = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        Ok(stream::server_sent_events(
            self.maintainer().events(after),
            after.is_none(),
            permit,
            self.0.stopping.clone(),
        ))
    }

    fn of(maintainer: Maintainer, serves: bool, stopping: Cancel) -> Self {
        let permits = || Arc::new(Semaphore::new(MOST as usize));
        Self(Arc::new(Inner {
            maintainer,
            serves,
            stopping,
            orders: permits(),
            decisions: permits(),
            readers: permits(),
            configured: OnceLock::new(),
        }))
    }
}

fn permit(of: &Arc<Semaphore>, otherwise: &'static str) -> Result<OwnedSemaphorePermit> {
    of.clone().try_acquire_owned().map_err(|_| Error::new(ErrorKind::Service, otherwise))
}
