//! Incidents of the whole machine: many units failed together.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    event::NoticeKind,
    id::IncidentId,
    incident::{Attempt, Cause, CauseKind, Ended, EndedBy, Incident, Remedy},
    runner::Runner,
    words::UnitName,
};

/// How many of its units are named where a person is told.
const NAMED: usize = 10;

impl Runner {
    /// Takes note that these starts of units failed together: that is one incident, of the machine,
    /// and those of the units are no others unless something was done about them. No project is
    /// repaired for it.
    pub(crate) fn note_machine(&self, failed: &[(UnitName, String)]) {
        let mut known = None;
        let mut starts: BTreeMap<_, _> = failed.iter().cloned().collect();
        for incident in self.open_incidents() {
            if incident.is_of_machine {
                known = Some(incident);
            } else if incident.done.iter().any(|attempt| attempt.run.is_some()) {
                starts.remove(&incident.unit);
            } else if starts.contains_key(&incident.unit) {
                self.forget_incident(&incident);
            }
        }
        let mut units = failed.iter().map(|(unit, _)| unit).filter(|it| starts.contains_key(*it));
        match known {
            Some(incident) => self.add_to_machine(&incident, starts),
            None => {
                if let Some(first) = units.next() {
                    let others = units.cloned().collect();
                    self.begin_machine(first, others, starts);
                }
            }
        }
    }

    fn add_to_machine(&self, incident: &Arc<Incident>, starts: BTreeMap<UnitName, String>) {
        let mut incident = Incident::clone(incident);
        let known = incident.others.len();
        for (unit, start) in starts {
            if unit != incident.unit && !incident.others.contains(&unit) {
                incident.others.push(unit.clone());
            }
            incident.starts.insert(unit, start);
        }
        let new = u32::try_from(incident.others.len() - known).unwrap_or(u32::MAX);
        if new > 0 {
            incident.count = incident.count.saturating_add(new);
            incident.last = Timestamp::now();
        }
        self.keep(&incident);
    }

    fn begin_machine(
        &self,
        first: &UnitName,
        others: Vec<UnitName>,
        starts: BTreeMap<UnitName, String>,
    ) {
        let now = Timestamp::now();
        let incident = Incident {
            id: IncidentId::new(),
            project: None,
            unit: first.clone(),
            is_of_machine: true,
            others,
            invocation: String::new(),
            seen: now,
            last: now,
            count: u32::try_from(starts.len()).unwrap_or(u32::MAX),
            starts,
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
            done: vec![Attempt { at: now, what: Remedy::Told, run: None, outcome: String::new() }],
            ended: None,
            waiting: None,
        };
        self.keep(&incident);
        let all = incident.others.len() + 1;
        let names: Vec<_> = incident.units().take(NAMED).map(ToString::to_string).collect();
        let message = format!(
            "{all} units failed together: {}{}; that is the machine's trouble, and no project is repaired for it",
            names.join(", "),
            if all > names.len() { " …" } else { "" }
        );
        self.bus.notice(None, None, NoticeKind::Incident, incident.id.to_string(), message);
    }

    /// Takes a unit out of an incident of the machine: it fails by itself since. The incident is over
    /// with its last unit.
    pub(crate) fn leave_machine(&self, unit: &UnitName) {
        let open = self.open_incident(unit).filter(|incident| incident.is_of_machine);
        let Some(mut incident) = open.map(Arc::unwrap_or_clone) else { return };
        incident.starts.remove(unit);
        let mut left: Vec<_> = incident.units().filter(|it| *it != unit).cloned().collect();
        if left.is_empty() {
            incident.ended = Some(Ended { at: Timestamp::now(), by: EndedBy::Itself });
        } else {
            incident.unit = left.remove(0);
            incident.others = left;
        }
        self.keep(&incident);
    }
}
