//! Watches the service for the length of its probation.

use async_trait::async_trait;
use jiff::Timestamp;

use super::{Effects, Flow, Part, Step, StepContext};
use crate::{
    error::{Error, ErrorKind, Result},
    service::{JournalEntry, ServiceManager, Since, Verdict},
    words::UnitName,
};

/// How many of an unhealthy unit's journal entries are kept with the run.
const LOGGED_ENTRIES: usize = 50;

/// Watches that the restarted units stay active, do not restart by themselves, and that the health
/// probe answers, for `probation`; of a repair also that it did what it is for.
#[derive(Debug)]
pub(crate) struct Monitor;

#[async_trait]
impl Step for Monitor {
    fn name(&self) -> &str {
        "monitor"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    fn part(&self) -> Part {
        Part::Watch
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let (parts, delivery) = (context.parts, &context.run.delivery);
        if delivery.restarted.is_empty() && parts.probe.is_none() {
            return Ok(Flow::Skipped(
                "no unit was restarted and no health probe is configured".into(),
            ));
        }
        let progress = |message: &str| context.progress(message);
        let before = context.baseline_of_repair(delivery.before.clone().unwrap_or_default());
        let begun = Timestamp::now();
        let verdict =
            context.probation(&delivery.restarted).watch(&before, parts.cancel, &progress).await?;
        match verdict {
            // That is not the change's doing, and nobody knows more.
            Verdict::Unhealthy { unit: Some(unit), reason }
                if told_to_stop(parts.services, &unit, begun).await =>
            {
                let note = format!("{reason}, because somebody stopped or restarted it");
                context.run.doubt = Some(note.clone());
                Ok(Flow::Done(note))
            }
            Verdict::Healthy { watched } => {
                context.prove().await?;
                Ok(Flow::Done(format!("healthy for {:.1} s", watched.as_secs_f64())))
            }
            // What the change is to mend is not excused, so it is well.
            Verdict::UnchangedUnhealthy { reason, .. } => {
                context.prove().await?;
                Ok(Flow::Done(format!("no worse than before: {reason}")))
            }
            Verdict::Unhealthy { unit, reason } => {
                if let Some(unit) = unit
                    && let Ok(log) =
                        parts.services.journal(&unit, &Since::Beginning, LOGGED_ENTRIES).await
                    && !log.is_empty()
                {
                    let lines: Vec<_> = log.iter().map(|entry| entry.message.as_str()).collect();
                    context.keep_output(format!("journal of {unit}"), lines.join("\n"));
                }
                Err(Error::new(ErrorKind::Service, reason))
            }
        }
    }
}

/// Whether somebody had a unit stopped, or restarted, since then.
async fn told_to_stop(services: &dyn ServiceManager, unit: &UnitName, since: Timestamp) -> bool {
    let entries = services.journal(unit, &Since::Time(since), LOGGED_ENTRIES).await;
    entries.is_ok_and(|entries| entries.iter().any(JournalEntry::tells_of_stop))
}
