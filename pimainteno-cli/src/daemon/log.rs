//! What the log tells of the runs.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use pimainteno_core::{
    Event, EventKind, EventSink, Job, Outcome, ProjectId, StepStatus,
    incident::{Ended, EndedBy},
};

/// What the log tells, by what it told.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Why each chore of a project was not worth a run the last time.
    skipped: Mutex<HashMap<(Option<ProjectId>, String), String>>,
}

impl EventSink for Log {
    fn event(&self, event: &Event) {
        if self.is_news(event) {
            log(event);
        } else {
            tracing::debug!(project = event.project.as_deref(), "Nothing to do, as before.");
        }
    }
}

impl Log {
    /// Whether an event is worth a line: a chore that is passed over at each slot, for the same
    /// reason, is told of once.
    fn is_news(&self, event: &Event) -> bool {
        let mut skipped = self.skipped.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.what {
            EventKind::ProjectSkipped { chore, reason, .. } => {
                let key = (event.project.clone(), chore.clone());
                skipped.insert(key, reason.clone()).as_ref() != Some(reason)
            }
            EventKind::RunStarted { job, .. } => {
                let is_of =
                    |chore: &str| !matches!(job, Job::Upkeep { chore: own } if own != chore);
                skipped.retain(|(project, chore), _| *project != event.project || !is_of(chore));
                true
            }
            _ => true,
        }
    }
}

fn log(event: &Event) {
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
        EventKind::ProjectSkipped { chore, reason, .. } => {
            tracing::info!(project, chore, reason, "Nothing to do.");
        }
        EventKind::Notice { notice, message, .. } => {
            tracing::warn!(
                project,
                run,
                about = notice.name(),
                message,
                "A person should know this."
            );
        }
        EventKind::Incident { incident } => {
            let (unit, told) = (incident.unit.as_str(), &*what_of(event));
            match &incident.ended {
                None if incident.done.is_empty() => {
                    tracing::warn!(project, unit, told, incident = %incident.id, "A unit failed.");
                }
                // The run says what is done about it.
                None => tracing::debug!(project, unit, told, "A unit is attended to."),
                Some(Ended { by: EndedBy::Itself, at, .. }) if *at == incident.seen => {
                    tracing::info!(project, unit, told, "A unit failed, and systemd restarts it.");
                }
                Some(_) => tracing::info!(project, unit, told, "A unit is well again."),
            }
        }
        // What a newer core tells besides.
        what => tracing::info!(project, run, text = &*what.to_string(), "Something happened."),
    }
}

fn what_of(event: &Event) -> String {
    event.what.to_string()
}

#[cfg(test)]
mod tests {
    use pimainteno_core::NoticeKind;

    use super::*;

    fn event(what: EventKind) -> Event {
        let mut event = Event::notice(NoticeKind::Parked, "");
        (event.project, event.what) = (Some(ProjectId::of("radio")), what);
        event
    }

    fn skipped(chore: &str, reason: &str) -> Event {
        event(EventKind::ProjectSkipped { chore: chore.into(), reason: reason.into() })
    }

    #[test]
    fn chores_that_are_passed_over_in_turn_for_reasons_of_their_own_are_told_of_once() {
        let log = Log::default();
        let (improve, docs) =
            (skipped("improve", "the project is frozen"), skipped("docs", "nothing changed"));
        let told = [&improve, &docs, &improve, &docs].map(|event| log.is_news(event));
        assert_eq!(told, [true, true, false, false]);
        let started = event(EventKind::RunStarted {
            trigger: "schedule".into(),
            job: Job::Upkeep { chore: "docs".into() },
            steps: Vec::new(),
        });
        let told = [&started, &docs, &improve].map(|event| log.is_news(event));
        assert_eq!(told, [true, true, false]);
    }
}
