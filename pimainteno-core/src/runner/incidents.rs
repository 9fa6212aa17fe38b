//! Incidents from when a unit's failure is seen until they are over.

mod attend;
mod diagnosis;
mod ended;
mod known;
mod machine;
mod owner;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{SignedDuration, Timestamp};

use super::{Prepared, Runner};
use crate::{
    config::RestartConfig,
    error::{Error, ErrorKind, Result},
    event::{EventKind, NoticeKind},
    git::Head,
    id::IncidentId,
    incident::{Attempt, Ended, EndedBy, Incident, Remedy, UnitFailure},
    run::Outcome,
    service::{self, ServiceManager},
    words::{CommitId, ProjectId, UnitName},
};

use self::diagnosis::Diagnosis;

pub(crate) use self::{attend::Due, known::Incidents};

/// How often a failure that systemd recovers from by itself is written down, at most.
const WRITTEN_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// The most things done about an incident that are kept.
const MOST_ATTEMPTS: usize = 50;

impl Runner {
    /// The incidents that go on, the oldest first.
    pub(crate) fn open_incidents(&self) -> Vec<Arc<Incident>> {
        self.incidents.open(&self.store)
    }

    /// An incident as it is by now, which is written down now and then, and what it waits for.
    pub(crate) fn as_it_is(&self, kept: Incident) -> Incident {
        let newest = self.open_incidents().into_iter().find(|open| open.id == kept.id);
        newest.map_or(kept, |newest| Incident {
            waiting: self.due(&newest).waiting(),
            ..Incident::clone(&newest)
        })
    }

    /// The units that are watched: those that the configuration names, or those of the projects that
    /// systemd restarts.
    pub(crate) fn watched_units(&self) -> Vec<UnitName> {
        let named = &self.config.systemd_monitor.units;
        if !named.is_empty() {
            return named.clone();
        }
        let projects = self.projects.iter().map(|prepared| &prepared.project);
        let of_systemd = projects.filter(|project| project.restart == RestartConfig::Systemd);
        let mut units: Vec<_> = of_systemd.flat_map(|project| project.units.clone()).collect();
        units.sort();
        units.dedup();
        units
    }

    /// The incident of a unit that goes on.
    pub(crate) fn open_incident(&self, unit: &UnitName) -> Option<Arc<Incident>> {
        self.incidents.open_of(&self.store, unit)
    }

    /// The same, unless it is one of the whole machine.
    pub(crate) fn own_incident(&self, unit: &UnitName) -> Option<Arc<Incident>> {
        self.open_incident(unit).filter(|incident| !incident.is_of_machine)
    }

    /// Takes note that a unit failed, so many `times` since that was noted last, and finds out why.
    /// Gives the incident, unless this failure is known already, or somebody wanted the unit to end.
    pub(crate) async fn note_failure(
        &self,
        unit: &UnitName,
        owner: Option<&ProjectId>,
        failure: &UnitFailure,
        times: u32,
    ) -> Option<Incident> {
        if self.is_dealt_with(unit, failure) {
            return None;
        }
        let prepared = owner.and_then(|owner| self.project(owner).ok());
        let services = self.services_of(prepared.as_deref());
        let diagnosis = self.diagnose(&*services, prepared.as_deref(), unit, failure).await;
        if diagnosis.was_stopped {
            self.end_incident(unit, EndedBy::Person, |_| true);
        }
        if diagnosis.was_stopped || diagnosis.ended_well {
            return None;
        }
        // Somebody else may have told of it meanwhile.
        if self.is_dealt_with(unit, failure) {
            return None;
        }
        let now = Timestamp::now();
        let mut before = self.open_incident(unit);
        if let Some(machine) = before.take_if(|before| before.is_of_machine) {
            // It is told as that; what comes later is another matter.
            if now < machine.last + self.config.systemd_monitor.storm.within {
                return None;
            }
            self.leave_machine(unit);
        }
        // What systemd restarted it for just now was the beginning of it.
        let before = before.or_else(|| self.recovered_from(unit, now));
        let before = before.as_deref();
        let incident = Incident {
            id: before.map_or_else(IncidentId::new, |it| it.id),
            seen: before.map_or(now, |it| it.seen),
            count: before.map_or(0, |it| it.count).saturating_add(times),
            done: before.map(|it| it.done.clone()).unwrap_or_default(),
            ..self.incident_of(unit, prepared.as_deref(), failure, diagnosis, now)
        };
        self.keep(&incident);
        let kind = |incident: &Incident| incident.trouble.as_ref().map(|trouble| trouble.kind);
        let is_news = before.is_none_or(|before| kind(before) != kind(&incident));
        if let Some(trouble) = incident.trouble.as_ref().filter(|_| is_news) {
            let message = format!(
                "{}: {}; no change of the project mends that: {}",
                incident.told(),
                trouble.evidence,
                trouble.remedy
            );
            // The same trouble again is no news, in whatever words.
            let key = format!("{unit} {:?}", trouble.kind);
            self.bus.notice(owner, None, NoticeKind::Incident, key, message);
        } else if owner.is_none() && is_news {
            let message = format!(
                "{}; it runs from no project, so nothing is done about it",
                incident.told()
            );
            self.bus.notice(None, None, NoticeKind::Incident, unit.to_string(), message);
        }
        Some(incident)
    }

    /// The incident of a unit that was over when systemd restarted it, and goes on as it repeats.
    fn recovered_from(&self, unit: &UnitName, now: Timestamp) -> Option<Arc<Incident>> {
        let within = self.config.systemd_monitor.flap.within;
        self.incidents.ended_of(&self.store, unit).filter(|incident| {
            let ended = incident.ended.as_ref();
            ended.is_some_and(|it| it.by == EndedBy::Itself && now < it.at + within)
                && incident.done.is_empty()
                && !incident.is_of_machine
        })
    }

    /// Takes note that somebody says that a unit has failed, as systemd's `OnFailure=` does; gives
    /// the incident, unless it is known or the unit was told to end.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if it has not, [`ErrorKind::Service`] if its state cannot be read.
    pub(crate) async fn hear_of_failure(&self, unit: &UnitName) -> Result<Option<Incident>> {
        if self.incidents.is_watching.of(unit) {
            // Then that is known already, or as good as.
            return Ok(self.open_incident(unit).map(|incident| Incident::clone(&incident)));
        }
        let owner = self.owner(unit).await;
        if owner.as_ref().is_some_and(|owner| self.is_at_work(owner)) {
            // That run may have restarted it, and watches it then.
            self.incidents.hear_again(unit);
            return Ok(None);
        }
        let prepared = owner.as_ref().and_then(|owner| self.project(owner).ok());
        let state = self.services_of(prepared.as_deref()).state(unit).await?;
        let Some(failure) = state.failed_since(None) else {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("`{unit}` has not failed: it is {state}"),
            ));
        };
        if failure.is_restarted {
            self.note_recovered(unit, owner.as_ref(), &failure).await;
            return Ok(None);
        }
        let incident = self.note_failure(unit, owner.as_ref(), &failure, 1).await;
        self.incidents.found.notify_one();
        Ok(incident)
    }

    /// Looks again at units that were said to have failed while a run of their project went on.
    pub(crate) async fn hear_again(&self) {
        for unit in self.incidents.heard_again() {
            if let Err(error) = self.hear_of_failure(&unit).await {
                tracing::debug!(%unit, %error, "A unit that had failed is well by now.");
            }
        }
    }

    /// Writes down those that go on as they are by now.
    pub(crate) fn write_open_incidents(&self) {
        self.open_incidents().iter().for_each(|incident| self.write(incident));
    }

    /// Takes note of a failure that systemd recovers from by itself: it is written down now and
    /// then, and is over.
    pub(crate) async fn note_recovered(
        &self,
        unit: &UnitName,
        owner: Option<&ProjectId>,
        failure: &UnitFailure,
    ) {
        let prepared = owner.and_then(|owner| self.project(owner).ok());
        let services = self.services_of(prepared.as_deref());
        let diagnosis = self.diagnose(&*services, prepared.as_deref(), unit, failure).await;
        let now = Timestamp::now();
        let earlier = self
            .incidents
            .ended_of(&self.store, unit)
            .filter(|it| it.signature == diagnosis.signature);
        if diagnosis.was_stopped
            || diagnosis.ended_well
            || earlier.is_some_and(|it| now < it.last + WRITTEN_EVERY)
        {
            return;
        }
        let incident = Incident {
            ended: Some(Ended { at: now, by: EndedBy::Itself }),
            ..self.incident_of(unit, prepared.as_deref(), failure, diagnosis, now)
        };
        self.keep(&incident);
    }

    /// The first failure of a unit as an incident that goes on, without the secrets in it: whoever is
    /// told gets the same.
    fn incident_of(
        &self,
        unit: &UnitName,
        prepared: Option<&Prepared>,
        failure: &UnitFailure,
        diagnosis: Diagnosis,
        now: Timestamp,
    ) -> Incident {
        let mut incident = Incident {
            id: IncidentId::new(),
            project: prepared.map(|prepared| prepared.project.id.clone()),
            unit: unit.clone(),
            is_of_machine: false,
            others: Vec::new(),
            invocation: failure.invocation.clone(),
            starts: BTreeMap::new(),
            seen: now,
            last: now,
            count: 1,
            cause: diagnosis.cause,
            trouble: diagnosis.trouble,
            signature: diagnosis.signature,
            message: diagnosis.message,
            places: diagnosis.places,
            log: diagnosis.log,
            head: prepared.and_then(head),
            done: Vec::new(),
            ended: None,
            waiting: None,
        };
        incident.redact(self.store.secrets());
        incident
    }

    /// Takes note of what is begun about an incident. What was begun before and has not ended was cut
    /// off.
    pub(super) fn note_attempt(&self, unit: &UnitName, what: Remedy) {
        self.change_incident(unit, |incident| {
            let at = Timestamp::now();
            for earlier in incident.done.iter_mut().filter(|it| it.what != Remedy::Told) {
                if earlier.outcome.is_empty() {
                    earlier.outcome = Outcome::Interrupted.to_string();
                }
            }
            incident.done.push(Attempt { at, what, run: None, outcome: String::new() });
            // The first ones tell how it began.
            if incident.done.len() > MOST_ATTEMPTS {
                incident.done.remove(MOST_ATTEMPTS / 2);
            }
        });
    }

    /// Takes note of what came of the last thing that was done about an incident.
    pub(super) fn note_outcome(&self, unit: &UnitName, outcome: &str) {
        self.change_incident(unit, |incident| {
            if let Some(attempt) = incident.done.last_mut() {
                outcome.clone_into(&mut attempt.outcome);
            }
        });
    }

    /// Who knows a unit that failed, of a project or of none: whoever else restarts it, systemd tells
    /// of it.
    pub(in crate::runner) fn services_of(
        &self,
        prepared: Option<&Prepared>,
    ) -> Arc<dyn ServiceManager> {
        let of_systemd = |it: &&Prepared| it.project.restart == RestartConfig::Systemd;
        match prepared.filter(of_systemd) {
            Some(prepared) => prepared.services.clone(),
            None => Arc::new(service::Systemd::new(
                self.config.systemd_monitor.bus,
                self.environment.clone(),
            )),
        }
    }

    /// Whether this start of the unit is known to have failed, and nothing came after it.
    pub(crate) fn is_dealt_with(&self, unit: &UnitName, failure: &UnitFailure) -> bool {
        if failure.invocation.is_empty() {
            return false;
        }
        // That systemd gave up is news, and so is that one failed for good which was restarted.
        let is_known = |incident: &Incident| {
            incident.start_of(unit) == failure.invocation
                && (incident.is_of_machine || incident.cause.gave_up || !failure.ending.gave_up)
        };
        match self.open_incident(unit) {
            Some(open) => is_known(&open),
            None => {
                self.incidents.ended_of(&self.store, unit).is_some_and(|ended| is_known(&ended))
            }
        }
    }

    pub(super) fn change_incident(&self, unit: &UnitName, change: impl FnOnce(&mut Incident)) {
        let Some(incident) = self.own_incident(unit) else { return };
        let mut incident = Incident::clone(&incident);
        change(&mut incident);
        self.keep(&incident);
    }

    /// Keeps an incident as it is now, and tells of it. That it came once more is written down now
    /// and then: a unit may fail each second.
    pub(super) fn keep(&self, incident: &Incident) {
        if self.incidents.note(&self.store, incident) {
            self.write(incident);
        }
        self.tell(incident);
    }

    pub(super) fn forget_incident(&self, incident: &Incident) {
        self.incidents.forget(incident);
        if let Err(error) = self.store.drop_incident(incident) {
            tracing::error!(%error, "An incident could not be taken out of the history.");
        }
    }

    fn write(&self, incident: &Incident) {
        if let Err(error) = self.store.keep_incident(incident) {
            tracing::error!(%error, "An incident could not be kept.");
        }
    }

    fn tell(&self, incident: &Incident) {
        let what = EventKind::Incident { incident: Box::new(incident.clone()) };
        self.bus.tell(incident.project.as_ref(), None, what);
    }
}

/// The commit that a project's checkout is at, if that is known.
pub(super) fn head(prepared: &Prepared) -> Option<CommitId> {
    Head::read(&prepared.project.path).ok().flatten().map(|head| head.commit)
}
