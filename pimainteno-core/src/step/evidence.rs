//! Whether a repair did what it is for: the unit that failed is well, and does not fail in the same
//! way.

use super::StepContext;
use crate::{
    error::{Error, ErrorKind, Result},
    incident::{self, Incident, LogLine, trace},
    job::Job,
    service::{Baseline, Since},
    words::UnitName,
};

/// How many of the project's last incidents are looked at.
const LOOKED_AT: usize = 50;

/// How many lines of a unit's journal are looked at.
const LINES: usize = 300;

impl StepContext<'_> {
    /// The units that the run's change is to mend; none of a change that is not for that.
    pub(crate) fn units_to_mend(&self) -> Vec<UnitName> {
        if !self.run.mends_unit() {
            return Vec::new();
        }
        match &self.run.record.job {
            Job::Repair { unit } => vec![unit.clone()],
            // A person approved it: it is for whatever is down.
            _ => self.incidents_to_mend().into_iter().map(|incident| incident.unit).collect(),
        }
    }

    /// The incidents that go on and that the run's change is to end.
    pub(crate) fn incidents_to_mend(&self) -> Vec<Incident> {
        if !self.run.mends_unit() {
            return Vec::new();
        }
        let project = Some(self.run.record.project.as_str());
        let all = self.parts.store.incidents(project, LOOKED_AT).unwrap_or_default();
        let is_meant = |incident: &Incident| {
            let unit = self.run.record.job.unit();
            incident.ended.is_none() && unit.is_none_or(|unit| *unit == incident.unit)
        };
        all.into_iter().filter(is_meant).collect()
    }

    /// How things were before, without what the change is to mend: that is no excuse.
    pub(super) fn baseline_of_repair(&self, mut before: Baseline) -> Baseline {
        let units = self.units_to_mend();
        if !units.is_empty() {
            before.unit_faults.retain(|unit, _| !units.contains(unit));
            before.probe_fault = None;
        }
        before
    }

    /// Takes note that everything that the change is to mend was watched and is well.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if a unit runs and says again what it said when it failed.
    pub(super) async fn prove(&mut self) -> Result<()> {
        let units = self.units_to_mend();
        let restarted = &self.run.delivery.restarted;
        if units.is_empty() || !units.iter().all(|unit| restarted.contains(unit)) {
            return Ok(());
        }
        for incident in self.incidents_to_mend() {
            if self.fails_as(&incident).await? {
                let said = incident.message.unwrap_or(incident.cause.text);
                return Err(Error::new(
                    ErrorKind::Service,
                    format!(
                        "`{}` runs, and says the same as when it failed: {said}",
                        incident.unit
                    ),
                ));
            }
        }
        self.run.is_proven = true;
        Ok(())
    }

    /// Whether the start of a unit that runs now logs what it logged when it failed.
    async fn fails_as(&self, incident: &Incident) -> Result<bool> {
        let services = self.services();
        let state = services.state(&incident.unit).await?;
        if state.invocation.is_empty() || incident.message.is_none() {
            return Ok(false);
        }
        let since = Since::Start(state.invocation);
        let entries = services.journal(&incident.unit, &since, LINES).await.unwrap_or_default();
        let log: Vec<_> = entries.into_iter().map(LogLine::from).collect();
        let signature = incident::signature(&incident.cause, &log, &trace::places(&log));
        Ok(trace::message(&log).is_some() && signature == incident.signature)
    }
}
