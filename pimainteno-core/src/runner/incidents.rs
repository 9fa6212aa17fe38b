//! Incidents from when a unit's failure is seen until they are over.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Prepared, Runner, diagnosis::Diagnosis};
use crate::{
    config::RestartConfig,
    error::{Error, ErrorKind, Result},
    event::{EventKind, NoticeKind},
    git::Head,
    id::IncidentId,
    incident::{Attempt, Cause, CauseKind, Ended, EndedBy, Incident, Remedy, UnitFailure},
    run::{Outcome, RunRecord, Trigger},
    service::{self, ServiceManager},
    store::{Play, PlayedChange},
    words::{CommitId, ProjectId, UnitName},
};

/// How often a failure that systemd recovers from by itself is written down, at most.
const WRITTEN_EVERY: SignedDuration = SignedDuration::from_hours(1);

impl Runner {
    /// The incidents that go on, the oldest first.
    pub(crate) fn open_incidents(&self) -> Vec<Arc<Incident>> {
        self.incidents.open(&self.store)
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

    /// Takes note that a unit failed, and finds out why. Gives the incident, unless this failure is
    /// known already, or somebody wanted the unit to end.
    pub(crate) async fn note_failure(
        &self,
        unit: &UnitName,
        owner: Option<&ProjectId>,
        failure: &UnitFailure,
    ) -> Option<Incident> {
        if self.is_dealt_with(unit, failure) {
            return None;
        }
        let prepared = owner.and_then(|owner| self.project(owner).ok());
        let services = self.services_of(prepared.as_deref());
        let diagnosis = self.diagnose(&*services, prepared.as_deref(), unit, failure).await;
        if diagnosis.was_stopped {
            self.end_incident(unit, EndedBy::Person, |_| true);
            return None;
        }
        let now = Timestamp::now();
        let before = self.open_incident(unit);
        // It is one of the machine, and told as that.
        if before.as_ref().is_some_and(|before| before.is_of_machine) {
            return None;
        }
        let before = before.as_deref();
        let incident = Incident {
            id: before.map_or_else(IncidentId::new, |it| it.id),
            seen: before.map_or(now, |it| it.seen),
            count: before.map_or(1, |it| it.count.saturating_add(1)),
            done: before.map(|it| it.done.clone()).unwrap_or_default(),
            ..self.incident_of(unit, prepared.as_deref(), failure, diagnosis, now)
        };
        let is_news = self.keep(&incident);
        if let Some(trouble) = incident.trouble.as_ref().filter(|_| is_news) {
            let message = format!(
                "{}: {}; no change of the project mends that: {}",
                incident.told(),
                trouble.evidence,
                trouble.remedy
            );
            // The same trouble again is no news.
            let key = format!("{unit} {}", incident.signature);
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

    /// Takes note that somebody says that a unit has failed, as systemd's `OnFailure=` does; gives
    /// the incident, unless it is known or the unit was told to end.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if it has not, [`ErrorKind::Service`] if its state cannot be read.
    pub(crate) async fn hear_of_failure(&self, unit: &UnitName) -> Result<Option<Incident>> {
        let of = |it: &&Arc<Prepared>| it.project.units.contains(unit);
        let prepared = self.projects.iter().find(of);
        let services = self.services_of(prepared.map(|prepared| &**prepared));
        let state = services.state(unit).await?;
        let Some(failure) = state.failed_since(None) else {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("`{unit}` has not failed: it is {state}"),
            ));
        };
        let owner = prepared.map(|prepared| &prepared.project.id);
        let incident = self.note_failure(unit, owner, &failure).await;
        self.incidents.found.notify_one();
        Ok(incident)
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
        if diagnosis.was_stopped || earlier.is_some_and(|it| now < it.last + WRITTEN_EVERY) {
            return;
        }
        let incident = Incident {
            ended: Some(Ended { at: now, by: EndedBy::Itself }),
            ..self.incident_of(unit, prepared.as_deref(), failure, diagnosis, now)
        };
        self.incidents.note(&self.store, &incident);
        self.write(&incident);
        self.tell(&incident);
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
        };
        incident.redact(self.store.secrets());
        incident
    }

    /// Takes note that many units failed together: that is one incident, of the machine, and those
    /// of the units are no others. No project is repaired for it.
    pub(crate) fn note_machine(&self, units: &[UnitName]) {
        let Some((first, others)) = units.split_first() else { return };
        let now = Timestamp::now();
        let mut known = None;
        for incident in self.open_incidents() {
            if incident.is_of_machine {
                known = Some(incident);
            } else if units.contains(&incident.unit) {
                self.forget_incident(&incident);
            }
        }
        let is_new = known.is_none();
        let incident = match known {
            Some(incident) => {
                let mut incident = Incident::clone(&incident);
                let new = units.iter().filter(|unit| **unit != incident.unit);
                let new: Vec<_> =
                    new.filter(|unit| !incident.others.contains(*unit)).cloned().collect();
                if new.is_empty() {
                    return;
                }
                incident.count =
                    incident.count.saturating_add(u32::try_from(new.len()).unwrap_or(u32::MAX));
                incident.others.extend(new);
                incident.last = now;
                incident
            }
            None => Incident {
                id: IncidentId::new(),
                project: None,
                unit: first.clone(),
                others: others.to_vec(),
                is_of_machine: true,
                invocation: String::new(),
                seen: now,
                last: now,
                count: u32::try_from(units.len()).unwrap_or(u32::MAX),
                cause: Cause {
                    kind: CauseKind::Other,
                    text: "failed together with others".into(),
                    gave_up: false,
                },
                trouble: None,
                signature: "machine".into(),
                message: None,
                places: Vec::new(),
                log: Vec::new(),
                head: None,
                done: vec![Attempt {
                    at: now,
                    what: Remedy::Told,
                    run: None,
                    outcome: String::new(),
                }],
                ended: None,
            },
        };
        self.keep(&incident);
        if is_new {
            let names: Vec<_> = units.iter().take(10).map(ToString::to_string).collect();
            let message = format!(
                "{} units failed together: {}{}; that is the machine's trouble, and no project is repaired for it",
                units.len(),
                names.join(", "),
                if units.len() > names.len() { " …" } else { "" }
            );
            self.bus.notice(None, None, NoticeKind::Incident, incident.id.to_string(), message);
        }
    }

    /// Ends the incident of a unit; one of the machine when none of its units `is_failing` any more.
    pub(crate) fn end_incident(
        &self,
        unit: &UnitName,
        by: EndedBy,
        is_failing: impl Fn(&UnitName) -> bool,
    ) {
        let Some(incident) = self.open_incident(unit) else { return };
        if incident.is_of_machine && incident.units().any(is_failing) {
            return;
        }
        let mut incident = Incident::clone(&incident);
        incident.ended = Some(Ended { at: Timestamp::now(), by });
        self.incidents.note(&self.store, &incident);
        self.write(&incident);
        self.tell(&incident);
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
        });
    }

    /// Takes note of what came of a run that was about an incident, and ends that if it mended it.
    /// `to_mend` is the unit that its change is for, `change` what it delivered, and `is_played`
    /// whether that had helped before.
    pub(super) fn settle_incident(
        &self,
        record: &RunRecord,
        to_mend: Option<&UnitName>,
        change: Option<PlayedChange>,
        is_played: bool,
    ) {
        // A person may have approved it, or taken it back.
        let unit = match &record.trigger {
            Trigger::UnitFailure { unit } => Some(unit),
            _ => to_mend.filter(|_| record.job.takes_back().is_none()),
        };
        if let Some(incident) = unit.and_then(|unit| self.open_incident(unit)) {
            let unit = &incident.unit;
            let outcome = record.outcome.as_ref();
            self.change_incident(unit, |incident| {
                let is_open = |attempt: &&mut Attempt| attempt.outcome.is_empty();
                let said = outcome.map(ToString::to_string).unwrap_or_default();
                // A run that ended in order has said so.
                if incident.done.iter().any(|it| it.run == Some(record.id) && it.outcome == said) {
                    return;
                }
                match incident.done.iter_mut().rev().find(is_open) {
                    Some(attempt) => {
                        attempt.run = Some(record.id);
                        attempt.outcome = said;
                        if is_played {
                            attempt.what = Remedy::Playbook;
                        }
                    }
                    None => incident.done.push(Attempt {
                        at: record.started,
                        what: Remedy::Repair,
                        run: Some(record.id),
                        outcome: said,
                    }),
                }
            });
            let (project, signature) = (&record.project, &incident.signature);
            let stored = match outcome {
                Some(Outcome::Applied { .. }) if record.job.takes_back().is_some() => {
                    self.end_incident(unit, EndedBy::Reversal, |_| false);
                    Ok(())
                }
                Some(Outcome::Applied { .. }) => {
                    let by = if is_played { EndedBy::Playbook } else { EndedBy::Repair };
                    self.end_incident(unit, by, |_| false);
                    let (unit, signature) = (unit.clone(), signature.clone());
                    change.clone().map_or(Ok(()), |change| {
                        let change = Some(change);
                        self.store.keep_play(project, Play { unit, signature, change })
                    })
                }
                Some(
                    Outcome::Failed { .. } | Outcome::RolledBack { .. } | Outcome::Unproven { .. },
                ) if is_played => self.store.strike_play(project, unit, signature),
                _ => Ok(()),
            };
            if let Err(error) = stored {
                tracing::error!(%error, "What helped, or did not, could not be noted.");
            }
        }
    }

    /// Takes note of what came of the last thing that was done about an incident.
    pub(super) fn note_outcome(&self, unit: &UnitName, outcome: &str) {
        self.change_incident(unit, |incident| {
            if let Some(attempt) = incident.done.last_mut() {
                outcome.clone_into(&mut attempt.outcome);
            }
        });
    }

    /// Takes note that a start alone, by a person, helped a unit which systemd had given up: nothing
    /// else was done about it, and the project is as it was.
    pub(crate) fn learn_restart(&self, unit: &UnitName) {
        let Some(incident) = self.open_incident(unit).filter(|it| it.cause.gave_up) else { return };
        let Some(prepared) = incident.project.as_ref().and_then(|it| self.project(it).ok()) else {
            return;
        };
        let was_left_alone = incident.done.iter().all(|attempt| attempt.run.is_none());
        let is_same = incident.head.is_some() && incident.head == head(&prepared);
        if !was_left_alone || !is_same {
            return;
        }
        let (id, signature) = (&prepared.project.id, &incident.signature);
        let learned = self.store.play(id, unit, signature).and_then(|known| match known {
            // A change that was proven is worth more.
            Some(_) => Ok(()),
            None => {
                let (unit, signature) = (unit.clone(), signature.clone());
                self.store.keep_play(id, Play { unit, signature, change: None })
            }
        });
        if let Err(error) = learned {
            tracing::error!(%error, "That a restart helped could not be noted.");
        }
    }

    /// Who knows the units of a project, or of none.
    pub(super) fn services_of(&self, prepared: Option<&Prepared>) -> Arc<dyn ServiceManager> {
        match prepared {
            Some(prepared) => prepared.services.clone(),
            None => Arc::new(service::Systemd::new(
                self.config.systemd_monitor.bus,
                self.environment.clone(),
            )),
        }
    }

    /// Whether this start of the unit is known to have failed, and nothing came after it.
    fn is_dealt_with(&self, unit: &UnitName, failure: &UnitFailure) -> bool {
        if failure.invocation.is_empty() {
            return false;
        }
        // That systemd gave up is news, and so is that one failed for good which was restarted.
        let is_known = |incident: &Incident| {
            incident.invocation == failure.invocation
                && (incident.cause.gave_up || !failure.ending.gave_up)
        };
        match self.open_incident(unit) {
            Some(open) => is_known(&open),
            None => {
                self.incidents.ended_of(&self.store, unit).is_some_and(|ended| is_known(&ended))
            }
        }
    }

    fn change_incident(&self, unit: &UnitName, change: impl FnOnce(&mut Incident)) {
        let Some(incident) = self.open_incident(unit) else { return };
        let mut incident = Incident::clone(&incident);
        change(&mut incident);
        self.keep(&incident);
    }

    /// Keeps an incident that goes on, and tells of it; says whether it is a new one, or fails in
    /// another way than before.
    fn keep(&self, incident: &Incident) -> bool {
        let before = self.incidents.note(&self.store, incident);
        let is_news = before.is_none_or(|before| before.signature != incident.signature);
        self.write(incident);
        self.tell(incident);
        is_news
    }

    fn forget_incident(&self, incident: &Incident) {
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
fn head(prepared: &Prepared) -> Option<CommitId> {
    Head::read(&prepared.project.path).ok().flatten().map(|head| head.commit)
}
