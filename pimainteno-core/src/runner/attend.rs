//! What is to be done about the incidents that go on, and when.
//!
//! It is asked again whenever something may be different: a unit failed, a run of the project
//! ended, a while has passed, the program started. So nothing has to be remembered but the incidents
//! themselves.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;

use super::{Prepared, Runner};
use crate::{
    git::Head,
    incident::{EndedBy, Incident, Remedy},
    job::{Job, REPAIR},
    run::{Outcome, RunOptions, RunRecord, Trigger},
    service::ActiveState,
    store::{Effect, Entry, Order, What},
    words::UnitName,
};

/// How long a delivery has to have done well until a failure that was never seen before is not
/// taken for its fault.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// Among how many of a project's last runs the last delivery is looked for.
const LOOKED_AT: usize = 50;

/// What is to be done about an incident.
pub(crate) enum Due {
    /// This, now.
    Now(Box<(Arc<Prepared>, Order)>),
    /// Something, but not before then.
    Later(Timestamp),
    /// Nothing, until something else happens.
    Nothing,
}

impl Runner {
    /// What is to be done about an incident now.
    pub(crate) fn due(&self, incident: &Incident) -> Due {
        let Some(prepared) = incident.project.as_ref().and_then(|it| self.project(it).ok()) else {
            return Due::Nothing;
        };
        let id = &prepared.project.id;
        let state = self.store.project(id);
        if incident.is_of_machine
            || incident.trouble.is_some()
            || incident.ended.is_some()
            || state.paused
            // Looked at again when that has ended.
            || self.queue.is_busy(id)
        {
            return Due::Nothing;
        }
        let unit = &incident.unit;
        let order = |job: Job| {
            let trigger = Trigger::UnitFailure { unit: unit.clone() };
            let order = Order::new(trigger, job, RunOptions::default());
            Due::Now(Box::new((prepared.clone(), order)))
        };
        let was_reversed = incident.done.iter().any(|it| it.what == Remedy::Reversal);
        if !was_reversed && let Some(of) = self.delivery_at_fault(&prepared, incident) {
            return order(Job::Reversal { of: of.id });
        }
        let repair = state.chore(REPAIR);
        if repair.frozen.is_some() {
            return Due::Nothing;
        }
        // A held repair waits for a person, and another one would take its place.
        if let Some(held) = &repair.held
            && held.again.is_none()
        {
            return Due::Nothing;
        }
        if let Some(parked) = repair.parked.as_ref().filter(|it| it.until > Timestamp::now()) {
            return Due::Later(parked.until);
        }
        let cooldown = self.config.systemd_monitor.cooldown;
        let over = self.last_attempt(unit).and_then(|at| at.checked_add(cooldown).ok());
        match over.filter(|over| *over > Timestamp::now()) {
            Some(over) => Due::Later(over),
            None => order(Job::Repair { unit: unit.clone() }),
        }
    }

    /// Carries out what is to be done about an incident.
    pub(crate) async fn carry_out_about(&self, prepared: &Prepared, order: Order) {
        let Trigger::UnitFailure { unit } = &order.trigger else { return };
        // Where nobody watches it, it may be well by now.
        if !self.incidents.is_watching.get() {
            let state = prepared.services.state(unit).await;
            if state.is_ok_and(|state| state.active == ActiveState::Active) {
                self.end_incident(unit, EndedBy::Person, |_| false);
                return;
            }
        }
        let what = match &order.job {
            Job::Reversal { .. } => Remedy::Reversal,
            _ => Remedy::Repair,
        };
        self.note_attempt(unit, what);
        let done = match &order.job {
            Job::Reversal { of } => self.take_back(prepared, *of, &order).await,
            _ => self.look_after(prepared, &order).await,
        };
        match done {
            // One that never began is no attempt that counts, and says why.
            Ok(record) if matches!(record.outcome, Some(Outcome::Skipped { .. })) => {
                self.settle_incident(&record, None, false);
            }
            Ok(_) => {}
            Err(error) => {
                self.note_refused(unit, &error.to_string());
                tracing::warn!(project = %prepared.project.id, %unit, %error, "Nothing could be done about a unit that failed.");
            }
        }
    }

    /// The delivery that a unit runs, if it is likely to be what broke it: it is younger than its
    /// probation, or younger than a day and the failure was never seen before it.
    fn delivery_at_fault(&self, prepared: &Prepared, incident: &Incident) -> Option<RunRecord> {
        let project = &prepared.project;
        let runs = self.store.runs(Some(&project.id), LOOKED_AT).ok()?;
        let last = runs.into_iter().find(|run| {
            run.job.takes_back().is_none()
                && run.commit.is_some()
                && run.outcome.as_ref().is_some_and(|outcome| {
                    matches!(outcome, Outcome::Applied { .. } | Outcome::Unproven { .. })
                })
        })?;
        // What others committed since is as likely, and cannot be taken back.
        let head = Head::read(&project.path).ok()??;
        if last.rolled_back_by.is_some() || last.commit.as_ref() != Some(&head.commit) {
            return None;
        }
        let ended = last.ended?;
        let age = Duration::try_from(incident.seen.duration_since(ended)).unwrap_or_default();
        let restarted = |entry: &Entry| matches!(&entry.what, What::Intent { effect: Effect::Restart { unit }, .. } if *unit == incident.unit);
        if age >= FRESH || !self.store.run_journal(last.id).ok()?.iter().any(restarted) {
            return None;
        }
        let was_seen_before = || {
            let all = self.store.incidents(Some(&project.id), usize::MAX).unwrap_or_default();
            all.iter().any(|it| {
                it.unit == incident.unit
                    && it.signature == incident.signature
                    && it.seen < last.started
            })
        };
        (age < project.probation || !was_seen_before()).then_some(last)
    }

    /// When something was last done about a unit.
    fn last_attempt(&self, unit: &UnitName) -> Option<Timestamp> {
        let all = self.store.incidents(None, LOOKED_AT).unwrap_or_default();
        let of_unit = all.iter().filter(|incident| incident.unit == *unit);
        let repairs = of_unit.flat_map(|incident| &incident.done).filter(|attempt| {
            matches!(attempt.what, Remedy::Repair | Remedy::Playbook | Remedy::Restart)
        });
        repairs.map(|attempt| attempt.at).max()
    }
}
