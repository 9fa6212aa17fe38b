//! Answers that are written while things happen.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{
        IntoResponse as _, Response, Sse,
        sse::{self, KeepAlive},
    },
};
use futures_util::stream::unfold;
use pimainteno_core::{
    Error, ErrorKind, Event, Events, Heard, ProjectId, Result, RunRecord, process::Cancel,
};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::{JoinError, JoinHandle},
    time::{Instant, Interval, interval_at},
};

use crate::Problem;

/// How often a streaming answer says that the daemon is alive when there is nothing else to say.
const ALIVE: Duration = Duration::from_secs(15);

/// One line of the answer to an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunLine {
    /// Something happened.
    Event(Event),
    /// The end: a record for each project.
    Records(Vec<RunRecord>),
    /// The end: the runs could not be carried out.
    Problem(Problem),
}

/// The lines that are still to come.
struct Lines {
    /// Whose events are told; none means all.
    projects: Vec<ProjectId>,
    run: Option<JoinHandle<Result<Vec<RunRecord>>>>,
    events: Events,
    alive: Interval,
    end: Option<RunLine>,
}

/// The events of runs, then their end. The runs go on when nobody reads any more.
pub(crate) fn lines(
    projects: Vec<ProjectId>,
    run: JoinHandle<Result<Vec<RunRecord>>>,
    events: Events,
) -> Response {
    let lines = Lines {
        projects,
        run: Some(run),
        events,
        alive: interval_at(Instant::now() + ALIVE, ALIVE),
        end: None,
    };
    let lines =
        unfold(lines, async |mut lines| Some((Ok::<_, Infallible>(lines.next().await?), lines)));
    (
        [(CONTENT_TYPE, "application/x-ndjson"), (CACHE_CONTROL, "no-store")],
        Body::from_stream(lines),
    )
        .into_response()
}

/// Events with their numbers, until the daemon stops. To a reader that is `new`, and where events
/// were missed, it tells to ask for everything again.
pub(crate) fn server_sent_events(
    events: Events,
    new: bool,
    permit: OwnedSemaphorePermit,
    stopping: Cancel,
) -> Response {
    let resync = || sse::Event::default().event("resync").data("{}");
    let first = if new { resync() } else { sse::Event::DEFAULT_KEEP_ALIVE };
    let events = unfold(
        (Some(first), events, permit, stopping),
        move |(first, mut events, permit, stopping)| async move {
            let event = match first {
                Some(first) => Ok(first),
                None => tokio::select! {
                    () = stopping.raised() => return None,
                    heard = events.next() => match heard? {
                        Heard::Event(event) => sse::Event::default().id(event.id.to_string()).json_data(&*event),
                        _ => Ok(resync()),
                    },
                },
            };
            Some((event, (None, events, permit, stopping)))
        },
    );
    ([(CACHE_CONTROL, "no-store")], Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
        .into_response()
}

impl Lines {
    async fn next(&mut self) -> Option<Bytes> {
        while let Some(run) = &mut self.run {
            tokio::select! {
                ended = run => {
                    self.run = None;
                    self.end = Some(end(ended));
                }
                heard = self.events.next() => if let Some(line) = self.told(heard?) {
                    return Some(line);
                },
                _ = self.alive.tick() => return Some(Bytes::from_static(b"\n")),
            }
        }
        // All events of the runs were sent before they ended.
        while let Some(heard) = self.events.now() {
            if let Some(line) = self.told(heard) {
                return Some(line);
            }
        }
        self.end.take().map(|end| line(&end))
    }

    /// What is told of an event. What a slow reader missed is in the records at the end.
    fn told(&self, heard: Heard) -> Option<Bytes> {
        let Heard::Event(event) = heard else { return None };
        let concerns = self.projects.is_empty()
            || event.project.as_ref().is_some_and(|project| self.projects.contains(project));
        concerns.then(|| line(&RunLine::Event(Event::clone(&event))))
    }
}

fn end(ended: Result<Result<Vec<RunRecord>>, JoinError>) -> RunLine {
    let lost = |source| {
        Err(Error::new(ErrorKind::Internal, "the runs were lost; this is a defect").source(source))
    };
    ended
        .unwrap_or_else(lost)
        .map_or_else(|error| RunLine::Problem(Problem::from(&error)), RunLine::Records)
}

fn line(line: &RunLine) -> Bytes {
    let line = serde_json::to_string(line).unwrap_or_else(|error| {
        tracing::error!(%error, "A line cannot be written as JSON; this is a defect.");
        String::new()
    });
    Bytes::from(line + "\n")
}
