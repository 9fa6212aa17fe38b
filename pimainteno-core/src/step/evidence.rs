//! Whether a repair did what it is for: the unit that failed is well, and does not fail in the same
//! way.

use super::StepContext;
use crate::{
    error::{Error, ErrorKind, Result},
    incident::{self, Incident, LogLine, trace},
    service::{Baseline, Since},
};

/// How many of the project's last incidents are looked at.
const LOOKED_AT: usize = 50;

/// How many lines of a unit's journal are looked at.
const LINES: usize = 300;

impl StepContext<'_> {
    /// The incident that goes on and that the run's change is to end, if it is for one.
    pub(crate) fn incident_to_mend(&self) -> Option<Incident> {
        let unit = self.run.unit_to_mend()?;
        let project = Some(self.run.record.project.as_str());
        let all = self.parts.store.incidents(project, LOOKED_AT).unwrap_or_default();
        all.into_iter().find(|incident| incident.ended.is_none() && incident.unit == *unit)
    }

    /// Why the unit that the run's change is to mend needs none any more, where nothing of it can be
    /// seen yet and no person wants it: it has been well for its probation without it, somebody has
    /// put it away, or others failed with it.
    pub(crate) async fn needs_no_mending(&self) -> Option<String> {
        let unit = self.run.unit_to_mend()?;
        if self.run.is_delivered() || self.run.approved.is_some() {
            return None;
        }
        let incident = self.incident_to_mend();
        let is_over = |id| incident.as_ref().is_none_or(|incident| incident.id != id);
        if self.run.incident.is_some_and(is_over) {
            return Some(format!("`{unit}` is well again, or failed together with others"));
        }
        let state = self.services().state(unit).await.ok()?;
        let failed = incident.map(|incident| incident.invocation).unwrap_or_default();
        state.needs_nothing(unit, &failed, self.project().probation)
    }

    /// How things were before, without what the change is to mend: that is no excuse.
    pub(super) fn baseline_of_repair(&self, mut before: Baseline) -> Baseline {
        if let Some(unit) = self.run.unit_to_mend() {
            before.unit_faults.remove(unit);
            before.probe_fault = None;
        }
        before
    }

    /// Takes note that what the change is to mend was watched and is well; not where nobody can tell
    /// what it says.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if the unit runs and says again what it said when it failed.
    pub(super) async fn prove(&mut self) -> Result<()> {
        let Some(unit) = self.run.unit_to_mend().cloned() else { return Ok(()) };
        if !self.run.delivery.restarted.contains(&unit) {
            return Ok(());
        }
        let state = self.services().state(&unit).await?;
        if state.invocation.is_empty() {
            self.run.doubt = Some(format!("nobody knows whether `{unit}` runs"));
            return Ok(());
        }
        let since = Since::Start(state.invocation);
        let mut log = match self.services().journal(&unit, &since, LINES).await {
            // systemd itself says that it started the unit.
            Ok(entries) if entries.is_empty() => {
                self.run.doubt = Some(format!("the journal has nothing of `{unit}`"));
                return Ok(());
            }
            Ok(entries) => entries.into_iter().map(LogLine::from).collect::<Vec<_>>(),
            Err(error) => {
                self.run.doubt = Some(format!("what `{unit}` says cannot be read: {error}"));
                return Ok(());
            }
        };
        // As it was done to what is compared.
        incident::redact_log(&mut log, self.parts.store.secrets());
        let incident = self.incident_to_mend();
        if incident.is_none() && self.run.incident.is_some() {
            self.run.doubt = Some(format!("`{unit}` failed together with others meanwhile"));
            return Ok(());
        }
        if let Some(incident) = incident.filter(|it| says_again(it, &log)) {
            let said = incident.message.unwrap_or(incident.cause.text);
            let message = format!("`{unit}` runs, and says the same as when it failed: {said}");
            return Err(Error::new(ErrorKind::Service, message));
        }
        self.run.doubt = None;
        Ok(())
    }
}

/// Whether a unit that runs logs what it logged when it failed.
fn says_again(incident: &Incident, log: &[LogLine]) -> bool {
    let signature = || incident::signature(&incident.cause, log, &trace::places(log));
    let has_words = incident.message.is_some() && trace::message(log).is_some();
    has_words && signature() == incident.signature
}
