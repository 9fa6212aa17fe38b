//! The daemon's API over its control socket: HTTP/1.1, one connection per request.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{body::Bytes, http::Method};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Response, StatusCode, body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use pimainteno_core::{Error, ErrorKind, EventSink, Result, RunRecord};
use tokio::{net::UnixStream, time::timeout};

use crate::{Configuration, Healthz, Order, Problem, RunLine, VERSION, Verb, codec::encode};

/// How long the daemon may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may take to begin with the answer to an order.
const ANSWER: Duration = Duration::from_secs(15);

/// How long it may be silent while it runs projects: four times as long as it is when there is
/// nothing to say.
const SILENCE: Duration = Duration::from_secs(60);

/// The longest answer and the longest line that is read, in bytes: far above any diff that may be
/// proposed.
const LONGEST: usize = 64 << 20;

/// Asks the daemon.
pub struct Client {
    socket: PathBuf,
    events: Arc<dyn EventSink>,
    configuration: Option<Configuration>,
}

impl Client {
    /// The daemon at `socket`; `None` if nobody is there. The events of runs that are started
    /// through it go to `events`.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if somebody is there who cannot be reached or does not answer.
    pub async fn find(socket: &Path, events: Arc<dyn EventSink>) -> Result<Option<Self>> {
        let mut client = Self { socket: socket.to_owned(), events, configuration: None };
        let Some(stream) = client.connect().await? else { return Ok(None) };
        let health = client.answer(stream, Healthz {}).await?;
        if health.version != VERSION {
            tracing::warn!(
                daemon = health.version,
                command = VERSION,
                "The daemon is of another version than this command; restart it."
            );
        }
        client.configuration = health.configuration;
        Ok(Some(client))
    }

    /// Who receives the events.
    pub fn events(&self) -> &dyn EventSink {
        &*self.events
    }

    /// The configuration that the daemon used when it was found; `None` if it did not say.
    pub fn configuration(&self) -> Option<&Configuration> {
        self.configuration.as_ref()
    }

    /// What the daemon answers.
    ///
    /// # Errors
    /// What the daemon refused, or [`ErrorKind::Service`] if it does not answer.
    pub async fn ask<V: Verb>(&self, verb: V) -> Result<V::Answer> {
        let stream = self.connect().await?.ok_or_else(|| self.gone())?;
        self.answer(stream, verb).await
    }

    /// Has the daemon carry out runs, and waits for their end.
    ///
    /// # Errors
    /// What the daemon refused, or [`ErrorKind::Service`] if it stops answering before the runs
    /// have ended.
    pub async fn order<O: Order>(&self, order: O) -> Result<Vec<RunRecord>> {
        let stream = self.connect().await?.ok_or_else(|| self.gone())?;
        let mut body = self
            .in_time(ANSWER, self.send(stream, encode(Method::POST, O::PATH, &order)?))
            .await?
            .into_body();
        let mut line = Vec::new();
        loop {
            let frame = match timeout(SILENCE, body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(source))) => return Err(self.cut_off().source(source)),
                Ok(None) => return Err(self.cut_off()),
                Err(_) => return Err(self.silent(SILENCE)),
            };
            let Ok(data) = frame.into_data() else { continue };
            for piece in data.split_inclusive(|byte| *byte == b'\n') {
                line.extend_from_slice(piece);
                if line.len() > LONGEST {
                    return Err(self.not_understood());
                }
                if line.ends_with(b"\n") {
                    match serde_json::from_slice(&line) {
                        Ok(RunLine::Event(event)) => self.events.event(&event),
                        Ok(RunLine::Records(records)) => return Ok(records),
                        Ok(RunLine::Problem(problem)) => {
                            return Err(problem.into_error(StatusCode::INTERNAL_SERVER_ERROR));
                        }
                        // Empty lines are signs of life; a daemon of another version may know more
                        // events.
                        Err(_) => {}
                    }
                    line.clear();
                }
            }
        }
    }

    /// A connection; `None` if nobody listens.
    async fn connect(&self) -> Result<Option<UnixStream>> {
        match timeout(CONNECT, UnixStream::connect(&self.socket)).await {
            Ok(Ok(stream)) => Ok(Some(stream)),
            Ok(Err(error)) if is_nobody(&error) => Ok(None),
            Ok(Err(error)) => {
                let refused = error.kind() == io::ErrorKind::PermissionDenied;
                let error = Error::new(
                    ErrorKind::Service,
                    format!("cannot reach the daemon: `{}`", self.socket.display()),
                )
                .source(error);
                Err(if refused {
                    error.hint("run the command as the user of the daemon, or with sudo")
                } else {
                    error
                })
            }
            Err(_) => Err(self.silent(CONNECT)),
        }
    }

    /// What is answered on this connection, in time and whole.
    async fn answer<V: Verb>(&self, stream: UnixStream, verb: V) -> Result<V::Answer> {
        let request = encode(V::METHOD, V::PATH, &verb)?;
        let bytes = self
            .in_time(V::ANSWER, async { self.whole(self.send(stream, request).await?).await })
            .await?;
        serde_json::from_slice(&bytes).map_err(|source| self.not_understood().source(source))
    }

    /// The beginning of an answer, unless it is a refusal.
    async fn send(
        &self,
        stream: UnixStream,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>> {
        let failed = |source: hyper::Error| self.cut_off().source(source);
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // Ends with the answer, or when nobody wants it any more. What goes wrong is seen there.
        tokio::spawn(async move { drop(connection.await) });
        let response = sender.send_request(request).await.map_err(failed)?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem = self
            .whole(response)
            .await
            .ok()
            .and_then(|body| serde_json::from_slice::<Problem>(&body).ok());
        Err(problem.map_or_else(|| self.not_understood(), |problem| problem.into_error(status)))
    }

    async fn whole(&self, response: Response<Incoming>) -> Result<Bytes> {
        let body = Limited::new(response.into_body(), LONGEST).collect().await;
        body.map(|body| body.to_bytes()).map_err(|source| self.cut_off().source(source))
    }

    async fn in_time<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        timeout(limit, work).await.unwrap_or_else(|_| Err(self.silent(limit)))
    }

    fn gone(&self) -> Error {
        Error::new(ErrorKind::Service, format!("the daemon is gone: `{}`", self.socket.display()))
            .hint("try again: without a daemon, the command works by itself")
    }

    fn silent(&self, limit: Duration) -> Error {
        Error::new(
            ErrorKind::Service,
            format!(
                "the daemon did not answer for {} s: `{}`",
                limit.as_secs(),
                self.socket.display()
            ),
        )
        .hint("look at its log (`journalctl -u pi-mainteno`), or restart it")
    }

    fn cut_off(&self) -> Error {
        Error::new(ErrorKind::Service, format!("the daemon ended before it had answered: `{}`", self.socket.display()))
            .hint("look at its log (`journalctl -u pi-mainteno`); what it was doing is finished or undone when it starts again")
    }

    fn not_understood(&self) -> Error {
        Error::new(
            ErrorKind::Service,
            format!("the daemon's answer is not understood: `{}`", self.socket.display()),
        )
        .hint("if the program was updated, restart the daemon")
    }
}

/// Whether nobody listens: there is no socket, the one that is there was left behind, or the path
/// is too long for one.
pub fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | NotADirectory | InvalidInput)
}
