//! The log: lines on the standard error.

use std::{fmt, io, os::unix::fs::MetadataExt as _, str::FromStr as _};

use pimainteno_core::{Event, Outcome, StepStatus};
use tracing::{Level, Subscriber};
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Full, Writer},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

/// Lines for the journal, which knows the time itself and reads the priority from the beginning of a line; see sd-daemon(3).
struct ForJournal(Format<Full, ()>);

/// Logs to the standard error from now on: what RUST_LOG selects (`debug`, `pimainteno_core=debug,info`), or else `level` and above.
///
/// Where the standard error is the journal, lines carry their priority instead of the time. A log that was set up before stays.
pub(crate) fn log_to_stderr(level: LevelFilter) {
    let wanted = std::env::var("RUST_LOG").ok().filter(|wanted| !wanted.is_empty());
    let targets = wanted.as_deref().map(Targets::from_str);
    let is_bad = matches!(targets, Some(Err(_)));
    let targets = targets.and_then(Result::ok).unwrap_or_else(|| Targets::new().with_default(level));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let lines = if is_journal() {
        let format = tracing_subscriber::fmt::format().without_time().with_level(false).with_target(false);
        lines.with_ansi(false).event_format(ForJournal(format)).boxed()
    } else {
        lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).with_target(false).boxed()
    };
    drop(tracing_subscriber::registry().with(lines.with_filter(targets)).try_init());
    if is_bad {
        tracing::warn!(RUST_LOG = wanted, "This does not select what is logged: it is not understood.");
    }
}

/// Writes an event to the log.
pub(crate) fn log_events(event: &Event) {
    match event {
        Event::RunStarted { project, run, trigger, .. } => tracing::info!(project, %run, trigger, "A run started."),
        Event::StepStarted { project, run, step } => tracing::debug!(project, %run, step, "A step started."),
        Event::StepProgress { project, run, step, message } => tracing::debug!(project, %run, step, message, "A step goes on."),
        Event::StepFinished { project, run, step } => {
            let (name, note, milliseconds) = (&*step.name, &*step.note, step.milliseconds);
            match step.status {
                StepStatus::Failed => tracing::warn!(project, %run, step = name, note, milliseconds, "A step failed."),
                _ => tracing::info!(project, %run, step = name, note, milliseconds, "A step ended."),
            }
        }
        Event::RunFinished { record } => {
            let (project, run) = (&*record.project, record.id);
            let outcome = record.outcome.as_ref().unwrap_or(&Outcome::Interrupted);
            let text = &*outcome.to_string();
            if outcome.is_success() {
                tracing::info!(project, %run, outcome = text, "A run ended.");
            } else {
                tracing::warn!(project, %run, outcome = text, "A run ended without success.");
            }
        }
        Event::ProjectSkipped { project, reason } => tracing::info!(project, reason, "Nothing to do."),
        Event::Notice { project, message, .. } => tracing::warn!(project, message, "A person should know this."),
        // What a newer core tells besides.
        event => tracing::info!(project = event.project(), text = &*event.to_string(), "Something happened."),
    }
}

/// Whether the standard error is the journal: it tells a service by which device and inode; see systemd.exec(5).
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    std::fs::metadata("/proc/self/fd/2").is_ok_and(|metadata| stream == format!("{}:{}", metadata.dev(), metadata.ino()))
}

impl<S, N> FormatEvent<S, N> for ForJournal
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &tracing::Event<'_>) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(writer, "<{priority}>")?;
        self.0.format_event(context, writer, event)
    }
}
