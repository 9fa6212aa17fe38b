//! What the log tells of the runs.

use pimainteno_core::{Event, EventKind, Outcome, StepStatus};

/// Writes an event to the log.
pub(crate) fn log_events(event: &Event) {
    let project = event.project.as_deref().unwrap_or_default();
    let run = event.run.map(tracing::field::display);
    match &event.what {
        EventKind::RunStarted { trigger, .. } => {
            tracing::info!(project, run, trigger, "A run started.");
        }
        EventKind::StepStarted { step } => tracing::debug!(project, run, step, "A step started."),
        EventKind::StepProgress { step, message } => {
            tracing::debug!(project, run, step, message, "A step goes on.");
        }
        EventKind::StepFinished { step } => {
            let (name, note, milliseconds) = (&*step.name, &*step.note, step.milliseconds);
            match step.status {
                StepStatus::Failed => {
                    tracing::warn!(project, run, step = name, note, milliseconds, "A step failed.");
                }
                _ => tracing::info!(project, run, step = name, note, milliseconds, "A step ended."),
            }
        }
        EventKind::RunFinished { record } => {
            let outcome = record.outcome.as_ref().unwrap_or(&Outcome::Interrupted);
            let text = &*record.told();
            if outcome.is_success() {
                tracing::info!(project, run, outcome = text, "A run ended.");
            } else {
                tracing::warn!(project, run, outcome = text, "A run ended without success.");
            }
        }
        EventKind::ProjectSkipped { reason } => tracing::info!(project, reason, "Nothing to do."),
        EventKind::Notice { notice, message, .. } => {
            tracing::warn!(
                project,
                run,
                about = notice.name(),
                message,
                "A person should know this."
            );
        }
        // What a newer core tells besides.
        what => tracing::info!(project, run, text = &*what.to_string(), "Something happened."),
    }
}
