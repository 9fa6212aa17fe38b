//! The daemon's API over its control socket: HTTP/1.1, one connection per request.

use std::{future::Future, io, path::Path, path::PathBuf, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    client::conn::http1,
    header,
};
use hyper_util::rt::TokioIo;
use pimainteno_core::{Error, ErrorKind, EventSink, Result, RunRecord};
use serde::{Serialize, de::DeserializeOwned};
use tokio::{net::UnixStream, time::timeout};

use crate::api::{Health, Problem, RunLine, VERSION};

/// How long the daemon may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long it may take to answer.
const ANSWER: Duration = Duration::from_secs(15);

/// How long it may be silent while it runs projects. It says something every [`crate::web::KEEP_ALIVE`].
const SILENCE: Duration = Duration::from_secs(60);

/// The longest answer and the longest line that is read, in bytes: far above any diff that may be proposed.
const LONGEST: usize = 64 << 20;

/// Asks the daemon.
pub(crate) struct Client {
    socket: PathBuf,
    events: Arc<dyn EventSink>,
}

impl Client {
    /// The daemon at `socket`; `None` if nobody is there. The events of runs that are started through it go to `events`.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if somebody is there who cannot be reached or does not answer.
    pub(crate) async fn find(socket: &Path, events: Arc<dyn EventSink>) -> Result<Option<Self>> {
        let client = Self { socket: socket.to_owned(), events };
        let Some(stream) = client.connect().await? else { return Ok(None) };
        let health: Health = client.answer(client.send(stream, request(Method::GET, "/healthz", Bytes::new())?)).await?;
        if health.version != VERSION {
            tracing::warn!(daemon = health.version, command = VERSION, "The daemon is of another version than this command; restart it.");
        }
        Ok(Some(client))
    }

    /// Who receives the events.
    pub(crate) fn events(&self) -> &dyn EventSink {
        &*self.events
    }

    /// What the daemon answers to a question.
    ///
    /// # Errors
    /// What the daemon refused, or [`ErrorKind::Service`] if it does not answer.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let stream = self.connect().await?.ok_or_else(|| self.gone())?;
        self.answer(self.send(stream, request(Method::GET, path, Bytes::new())?)).await
    }

    /// What the daemon answers when it has done something that does not take long.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str, order: &impl Serialize) -> Result<T> {
        let stream = self.connect().await?.ok_or_else(|| self.gone())?;
        self.answer(self.send(stream, request(Method::POST, path, json(order)?)?)).await
    }

    /// Has the daemon carry out runs, and waits for their end.
    ///
    /// # Errors
    /// What the daemon refused, or [`ErrorKind::Service`] if it stops answering before the runs have ended.
    pub(crate) async fn order(&self, path: &str, order: &impl Serialize) -> Result<Vec<RunRecord>> {
        let stream = self.connect().await?.ok_or_else(|| self.gone())?;
        let response = self.in_time(ANSWER, self.send(stream, request(Method::POST, path, json(order)?)?)).await?;
        if !response.status().is_success() {
            return Err(self.refusal(response).await);
        }
        let mut body = response.into_body();
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
                        Ok(RunLine::Problem(problem)) => return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, problem)),
                        // Empty lines are signs of life; a daemon of another version may know more events.
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
                let error = Error::new(ErrorKind::Service, format!("cannot reach the daemon: `{}`", self.socket.display())).source(error);
                Err(if refused { error.hint("run the command as the user of the daemon, or with sudo") } else { error })
            }
            Err(_) => Err(self.silent(CONNECT)),
        }
    }

    async fn send(&self, stream: UnixStream, request: Request<Full<Bytes>>) -> Result<Response<Incoming>> {
        let failed = |source: hyper::Error| self.cut_off().source(source);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
        // Ends with the answer, or when nobody wants it any more. What goes wrong is seen there.
        tokio::spawn(async move { drop(connection.await) });
        sender.send_request(request).await.map_err(failed)
    }

    /// The whole answer, in time.
    async fn answer<T: DeserializeOwned>(&self, response: impl Future<Output = Result<Response<Incoming>>>) -> Result<T> {
        let bytes = self.in_time(ANSWER, async {
            let response = response.await?;
            if !response.status().is_success() {
                return Err(self.refusal(response).await);
            }
            let body = Limited::new(response.into_body(), LONGEST).collect().await;
            body.map(|body| body.to_bytes()).map_err(|source| self.cut_off().source(source))
        });
        serde_json::from_slice(&bytes.await?).map_err(|source| self.not_understood().source(source))
    }

    /// The error that an answer stands for.
    async fn refusal(&self, response: Response<Incoming>) -> Error {
        let status = response.status();
        let body = timeout(ANSWER, Limited::new(response.into_body(), LONGEST).collect()).await;
        match body.map(|body| body.map(|body| serde_json::from_slice(&body.to_bytes()))) {
            Ok(Ok(Ok(problem))) => refused(status, problem),
            _ => self.not_understood(),
        }
    }

    async fn in_time<T>(&self, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        timeout(limit, work).await.unwrap_or_else(|_| Err(self.silent(limit)))
    }

    fn gone(&self) -> Error {
        Error::new(ErrorKind::Service, format!("the daemon is gone: `{}`", self.socket.display()))
            .hint("try again: without a daemon, the command works by itself")
    }

    fn silent(&self, limit: Duration) -> Error {
        Error::new(ErrorKind::Service, format!("the daemon did not answer for {} s: `{}`", limit.as_secs(), self.socket.display()))
            .hint("look at its log (`journalctl -u pi-mainteno`), or restart it")
    }

    fn cut_off(&self) -> Error {
        Error::new(ErrorKind::Service, format!("the daemon ended before it had answered: `{}`", self.socket.display()))
            .hint("look at its log (`journalctl -u pi-mainteno`); what it was doing is finished or undone when it starts again")
    }

    fn not_understood(&self) -> Error {
        Error::new(ErrorKind::Service, format!("the daemon's answer is not understood: `{}`", self.socket.display()))
            .hint("if the program was updated, restart the daemon")
    }
}

/// Whether nobody listens: there is no socket, the one that is there was left behind, or the path is too long for one.
pub(crate) fn is_nobody(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, InvalidInput, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | ConnectionRefused | NotADirectory | InvalidInput)
}

/// A text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn json(order: &impl Serialize) -> Result<Bytes> {
    let json = serde_json::to_vec(order);
    json.map(Bytes::from).map_err(|source| Error::new(ErrorKind::Internal, "cannot write the request").source(source))
}

fn request(method: Method, path: &str, body: Bytes) -> Result<Request<Full<Bytes>>> {
    let request =
        Request::builder().method(method).uri(path).header(header::HOST, "localhost").header(header::CONTENT_TYPE, "application/json");
    request
        .body(Full::new(body))
        .map_err(|source| Error::new(ErrorKind::Internal, format!("cannot ask the daemon for `{path}`")).source(source))
}

fn refused(status: StatusCode, problem: Problem) -> Error {
    let kind = match status {
        StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Service,
        _ if status.is_client_error() => ErrorKind::Usage,
        _ => ErrorKind::Internal,
    };
    problem.hints.into_iter().fold(Error::new(kind, problem.error), Error::hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_project_is_called_is_one_segment() {
        assert_eq!(segment("radio-1"), "radio-1");
        assert_eq!(segment("../Küche/a?b"), "%2E%2E%2FK%C3%BCche%2Fa%3Fb");
    }
}
