//! What the log tells of the runs.

use pimainteno_core::{Event, Outcome, StepStatus};

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
