//! Answers that are written while things happen.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    http::header,
    response::{IntoResponse as _, Response},
};
use hyper::body::Frame;
use pimainteno_core::{Error, ErrorKind, Event, Events, Heard, Result, RunRecord, process::Cancel};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    task::JoinHandle,
    time::{Instant, interval_at},
};

use super::KEEP_ALIVE;
use crate::api::{Problem, RunLine};

/// How many pieces wait for a slow reader before the writer waits too.
const PIECES: usize = 16;

/// Tells a reader of events to ask for everything again.
const RESYNC: &str = "event: resync\ndata: {}\n\n";

/// Tells a reader of events that the daemon is alive.
const ALIVE: &str = ":\n\n";

/// A body whose pieces come from a channel; it ends when the sender is gone.
struct Pieces(mpsc::Receiver<Bytes>);

/// The events of a request to run projects, then its end. The runs go on when nobody reads any more.
pub(super) fn run_lines(projects: Vec<String>, mut run: JoinHandle<Result<Vec<RunRecord>>>, mut events: Events) -> Response {
    let (sender, response) = streaming("application/x-ndjson");
    let concerns = move |event: &Event| projects.is_empty() || event.project.as_ref().is_some_and(|project| projects.contains(project));
    tokio::spawn(async move {
        let mut alive = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        let ended = loop {
            let piece = tokio::select! {
                ended = &mut run => break ended,
                () = sender.closed() => return,
                heard = events.next() => match heard {
                    Some(Heard::Event(event)) if concerns(&event) => line(&RunLine::Event(Event::clone(&event))),
                    // What a slow reader missed is in the records at the end.
                    Some(_) => continue,
                    None => return,
                },
                _ = alive.tick() => Bytes::from_static(b"\n"),
            };
            if sender.send(piece).await.is_err() {
                return;
            }
        };
        // All events of the runs were sent before they ended.
        while let Some(heard) = events.now() {
            if let Heard::Event(event) = heard
                && concerns(&event)
            {
                drop(sender.send(line(&RunLine::Event(Event::clone(&event)))).await);
            }
        }
        let ended =
            ended.unwrap_or_else(|source| Err(Error::new(ErrorKind::Internal, "the runs were lost; this is a defect").source(source)));
        let end = ended.map_or_else(|error| RunLine::Problem(Problem::from(&error)), RunLine::Records);
        drop(sender.send(line(&end)).await);
    });
    response
}

/// Events with their numbers, until the daemon stops. To a reader that is `new`, and where events were missed, it tells to ask for everything again.
pub(super) fn server_sent_events(mut events: Events, new: bool, permit: OwnedSemaphorePermit, stopping: Cancel) -> Response {
    let (sender, response) = streaming("text/event-stream");
    tokio::spawn(async move {
        let _permit = permit;
        let mut alive = interval_at(Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
        let mut piece = Bytes::from_static(if new { RESYNC } else { ALIVE }.as_bytes());
        while sender.send(piece).await.is_ok() {
            piece = tokio::select! {
                () = stopping.raised() => return,
                () = sender.closed() => return,
                heard = events.next() => match heard {
                    Some(Heard::Event(event)) => Bytes::from(format!("id: {}\ndata: {}\n\n", event.id, json(&*event))),
                    Some(_) => Bytes::from_static(RESYNC.as_bytes()),
                    None => return,
                },
                _ = alive.tick() => Bytes::from_static(ALIVE.as_bytes()),
            };
        }
    });
    response
}

/// An answer, and what writes it.
fn streaming(content_type: &'static str) -> (mpsc::Sender<Bytes>, Response) {
    let (sender, receiver) = mpsc::channel(PIECES);
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")];
    (sender, (headers, Body::new(Pieces(receiver))).into_response())
}

fn line(line: &RunLine) -> Bytes {
    Bytes::from(json(line) + "\n")
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "An event cannot be written as JSON; this is a defect.");
        String::new()
    })
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
