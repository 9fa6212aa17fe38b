//! `run` and `--one-shot`: runs projects to the end, and shows what they do meanwhile.

use pimainteno_core::{Error, ErrorKind, Outcome, Result, RunRecord};
use pimainteno_web::{Order, Run};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    access::Access,
    exit::Ending,
    setup::Setup,
    terminal::{BAD, NAME, Terminal, paint, plain, words::short_id},
};

/// Runs the projects that are named, or all of them.
///
/// # Errors
/// As [`Access::open`] and [`Access::order`], and [`ErrorKind::Cancelled`] if a person did not want
/// to wait for the runs to stop.
pub(crate) async fn run(setup: &Setup, run: Run, terminal: &Terminal) -> Result<Ending> {
    // A setting that does nothing yet must not look as if it did.
    for notice in &setup.notices {
        terminal.note(notice);
    }
    let several = run.projects.len() != 1 && setup.config.projects().len() > 1;
    let progress = terminal.progress(several);
    let access = Access::open(setup, move |event| progress.event(event)).await?;
    let records = until_stopped(&access, run, terminal).await?;
    terminal.give(&records, || records.iter().for_each(|record| conclude(record, terminal)))?;
    Ok(Ending::of_runs(&records))
}

/// Has runs carried out. The first Ctrl-C or SIGTERM tells them to stop, the second does not wait
/// for that.
///
/// # Errors
/// As [`Access::order`], and [`ErrorKind::Cancelled`] if a person did not want to wait.
pub(super) async fn until_stopped(
    access: &Access,
    order: impl Order,
    terminal: &Terminal,
) -> Result<Vec<RunRecord>> {
    let listen = |kind| {
        signal(kind).map_err(|source| {
            Error::new(ErrorKind::Internal, "cannot listen to signals").source(source)
        })
    };
    let (mut interrupt, mut terminate) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    let mut runs = std::pin::pin!(access.order(order));
    let mut asked_to_stop = false;
    loop {
        tokio::select! {
            ended = &mut runs => return ended,
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if asked_to_stop {
            return Err(Error::new(ErrorKind::Cancelled, "stopped")
                .hint("what was left open is finished or undone at the next start"));
        }
        asked_to_stop = true;
        terminal.tell("stopping; press Ctrl-C again not to wait for it");
        access.stop().await;
    }
}

/// Says what a record tells beyond the events: an error before the first step, and where to look
/// next.
pub(super) fn conclude(record: &RunRecord, terminal: &Terminal) {
    let project = plain::inline(&record.project);
    match &record.outcome {
        Some(Outcome::Failed { message, .. }) if record.steps.is_empty() => {
            terminal.print(format_args!(
                "{} {project}: {}",
                paint(BAD.bold(), "failed:"),
                plain::text(message)
            ));
        }
        Some(Outcome::Held { .. }) if let Some(proposal) = record.proposal => {
            let id = short_id(proposal);
            if record.outcome.as_ref().is_some_and(Outcome::is_dry) {
                let show = paint(NAME, format!("pi-mainteno diff {id}"));
                return terminal.tell(format_args!("{project}: {show} shows the change"));
            }
            let (show, approve) =
                (format!("pi-mainteno diff {id}"), format!("pi-mainteno approve {id}"));
            terminal.tell(format_args!(
                "{project}: {} shows the change, {} delivers it",
                paint(NAME, show),
                paint(NAME, approve)
            ));
        }
        Some(
            Outcome::Held { .. }
            | Outcome::Failed { .. }
            | Outcome::Rejected { .. }
            | Outcome::RolledBack { .. },
        ) => {
            let command = format!("pi-mainteno show {}", short_id(record.id));
            terminal.tell(format_args!("{project}: {} tells more", paint(NAME, command)));
        }
        _ => {}
    }
}
