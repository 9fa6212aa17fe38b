//! What is to be done about the incidents that go on, and when.
//!
//! It is asked again whenever something may be different: a unit failed, a run of the project
//! ended, a while has passed, the program started. So nothing has to be remembered but the incidents
//! themselves.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};

use crate::{
    config::Mode,
    error::ErrorKind,
    git::Head,
    incident::{Attempt, EndedBy, Incident, Remedy, TroubleKind, Waiting, WaitsOn},
    job::{Job, REPAIR},
    run::{Outcome, RunOptions, RunRecord, Trigger},
    runner::{Prepared, Runner},
    service::{Baseline, Probation, Verdict},
    store::{Effect, Entry, Order, Play, What},
    words::{ProjectId, UnitName},
};

/// How long a delivery has to have done well until a failure that was never seen before is not
/// taken for its fault.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);

/// How long systemd may go on restarting a unit by itself that a restart has helped before.
const SELF_HELP: Duration = Duration::from_secs(60);

/// How long a unit is let be at least whose run had nothing to do or could not begin.
const SKIPPED_FOR: Duration = Duration::from_secs(60);

/// How long a unit waits at least for a change of another one that waits for something outside.
const HELD_BY: SignedDuration = SignedDuration::from_mins(1);

/// Among how many of a project's last runs the last delivery is looked for.
const LOOKED_AT: usize = 50;

/// What is to be done about an incident.
pub(crate) enum Due {
    /// This, now.
    Now(Box<(Arc<Prepared>, Order)>),
    /// The unit is restarted, and nothing else: that helped before.
    Restart(Arc<Prepared>),
    /// Something, but not before then, because of this.
    Later(Timestamp, WaitsOn),
    /// Nothing, until something else happens.
    Nothing(WaitsOn),
}

impl Due {
    /// What keeps anything from being done now.
    pub(crate) fn waiting(self) -> Option<Waiting> {
        match self {
            Self::Now(_) | Self::Restart(_) => None,
            // That waits for a person, however often it is looked at.
            Self::Nothing(on) | Self::Later(_, on @ WaitsOn::Frozen { .. }) => Some(on.into()),
            Self::Later(until, on) => Some(Waiting { on, until: Some(until) }),
        }
    }
}

impl Runner {
    /// What is to be done now about an incident that goes on.
    pub(crate) fn due(&self, incident: &Incident) -> Due {
        if incident.is_of_machine {
            return Due::Nothing(WaitsOn::Machine);
        }
        // What lies outside of the project is not what a delivery did that was well with it.
        let trouble = incident.trouble.as_ref().map(|trouble| trouble.kind);
        if trouble.is_some_and(|trouble| trouble != TroubleKind::NoJournal) {
            return Due::Nothing(WaitsOn::Trouble);
        }
        let Some(prepared) = incident.project.as_ref().and_then(|it| self.project(it).ok()) else {
            return Due::Nothing(WaitsOn::NoProject);
        };
        let id = &prepared.project.id;
        let state = self.store.project(id);
        if state.paused {
            return Due::Nothing(WaitsOn::Paused);
        }
        // Looked at again when that has ended.
        if self.is_at_work(id) {
            return Due::Nothing(WaitsOn::Work);
        }
        let unit = &incident.unit;
        let order = |job: Job| {
            let trigger = Trigger::UnitFailure { unit: unit.clone() };
            let order = Order::new(trigger, job, RunOptions::default());
            Due::Now(Box::new((prepared.clone(), order)))
        };
        let is_done = |it: &Attempt| !it.was_cut_off() && !it.never_began();
        let was_done = |what| incident.done.iter().any(|it| it.what == what && is_done(it));
        let repair = state.chore(REPAIR);
        let frozen = repair.frozen_for(Some(unit));
        let frozen = frozen.map(|it| WaitsOn::Frozen { reason: it.reason.clone() });
        // What keeps a run from beginning does not pass at once.
        if let Some(last) = incident.done.last().filter(|it| it.never_began())
            && let Some(again) = last.at.checked_add(SKIPPED_FOR).ok()
            && again > Timestamp::now()
        {
            let retry = || WaitsOn::Retry { reason: last.outcome.clone() };
            return Due::Later(again, frozen.unwrap_or_else(retry));
        }
        if prepared.project.mode != Mode::DryRun
            && !was_done(Remedy::Reversal)
            && let Some(of) = self.delivery_at_fault(&prepared, incident)
        {
            return order(Job::Reversal { of: of.id });
        }
        if trouble.is_some() {
            return Due::Nothing(WaitsOn::Trouble);
        }
        let was_restarted = was_done(Remedy::Restart);
        let may_restart = prepared.project.mode == Mode::Auto && !was_restarted;
        if may_restart
            && let Ok(Some(Play { change: None, .. })) =
                self.store.play(id, unit, &incident.signature)
        {
            // systemd may still be about to restart it by itself.
            let patient = incident.seen.checked_add(SELF_HELP).unwrap_or(Timestamp::MAX);
            if incident.cause.gave_up {
                return Due::Restart(prepared);
            } else if patient > Timestamp::now() {
                return Due::Later(patient, WaitsOn::Systemd);
            }
        }
        if let Some(on) = frozen {
            return Due::Nothing(on);
        }
        // A held repair waits for a person, and another one would take its place.
        if let Some(held) = &repair.held {
            let proposal = self.store.proposal(held.proposal).ok().flatten();
            let is_own =
                proposal.as_ref().is_some_and(|it| it.unit.as_ref().is_none_or(|of| of == unit));
            let other = proposal.and_then(|it| it.unit).filter(|of| of != unit);
            let on = WaitsOn::Held { proposal: held.proposal, unit: other };
            match held.again {
                None => return Due::Nothing(on),
                Some(again) if !is_own => {
                    return Due::Later(again.max(Timestamp::now() + HELD_BY), on);
                }
                Some(_) => {}
            }
        }
        if let Some(parked) = repair.parked.as_ref().filter(|it| it.until > Timestamp::now()) {
            let reason = parked.reason.clone();
            return Due::Later(parked.until, WaitsOn::Parked { reason });
        }
        let cooldown = self.config.systemd_monitor.cooldown;
        let over = self
            .incidents
            .last_attempt(&self.store, unit)
            .and_then(|at| at.checked_add(cooldown).ok());
        match over.filter(|over| *over > Timestamp::now()) {
            Some(over) => Due::Later(over, WaitsOn::Cooldown),
            None => order(Job::Repair { unit: unit.clone() }),
        }
    }

    /// Whether something is done with a project that may be about its units: a job, or a run that was
    /// cut off is finished, which may be a repair that proves itself.
    pub(crate) fn is_at_work(&self, id: &ProjectId) -> bool {
        let has_open = || self.store.has_open_run(id).unwrap_or_default();
        let is_recovered =
            |prepared: Arc<Prepared>| self.recovery.is_due(&prepared.repository, has_open);
        self.queue.is_busy(id) || self.project(id).is_ok_and(is_recovered)
    }

    /// Carries out what is to be done about an incident.
    pub(crate) async fn carry_out_about(&self, prepared: &Prepared, order: Order) {
        let Trigger::UnitFailure { unit } = &order.trigger else { return };
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
                self.settle_incident(&record, None, None, false);
            }
            Ok(_) => {}
            Err(error) => {
                self.note_outcome(unit, &Attempt::refused(&error));
                tracing::warn!(project = %prepared.project.id, %unit, %error, "Nothing could be done about a unit that failed.");
            }
        }
    }

    /// Why nothing has to be done any more about a unit that failed: what was ordered may have waited
    /// for its turn.
    pub(crate) async fn is_settled(&self, prepared: &Prepared, unit: &UnitName) -> Option<String> {
        let Some(incident) = self.own_incident(unit) else {
            return Some(format!("`{unit}` is well again, or failed together with others"));
        };
        let state = prepared.services.state(unit).await.ok()?;
        state.needs_nothing(unit, &incident.invocation, prepared.project.probation)
    }

    /// Restarts a unit, as it helped before, and watches whether it does so again.
    pub(crate) async fn restart_again(&self, prepared: &Prepared, incident: &Incident) {
        let (unit, project) = (&incident.unit, &prepared.project);
        self.note_attempt(unit, Remedy::Restart);
        // Nobody else does anything with the project meanwhile.
        let job = Job::Repair { unit: unit.clone() };
        let turn = self.queue.turn(&project.id, &prepared.repository, &job, &self.cancel, || {});
        let Ok(_turn) = turn.await else { return };
        // While that was waited for, somebody may have been there.
        let is_open = self.own_incident(unit).is_some_and(|open| open.id == incident.id);
        let state = prepared.services.state(unit).await;
        if !is_open || state.is_ok_and(|state| state.is_put_away() || state.is_up()) {
            self.note_outcome(unit, "skipped: it is up, or somebody wants it to be down");
            return;
        }
        let units = [unit.clone()];
        let probation =
            Probation::new(&*prepared.services, &units, prepared.probe.as_ref(), project.probation);
        let helped = async {
            prepared.services.restart(unit, &self.cancel).await?;
            probation.watch(&Baseline::default(), &self.cancel, &|_| {}).await
        };
        match helped.await {
            Ok(Verdict::Healthy { .. }) => {
                self.note_outcome(unit, "it runs");
                self.end_incident(unit, EndedBy::Playbook, |_| false);
            }
            // It is asked again at the next start.
            Err(error) if error.kind() == ErrorKind::Cancelled => {}
            other => {
                let why = match other {
                    Ok(Verdict::Unhealthy { reason, .. }) => reason,
                    Ok(verdict) => format!("{verdict:?}"),
                    Err(error) => error.to_string(),
                };
                self.note_outcome(unit, &format!("it did not help: {why}"));
                if let Err(error) = self.store.strike_play(&project.id, unit, &incident.signature) {
                    tracing::error!(%error, "What did not help could not be struck out.");
                }
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
        if incident.cause.is_from_outside() {
            return None;
        }
        // What others committed since is as likely, and cannot be taken back.
        let head = Head::read(&project.path).ok()??;
        if last.rolled_back_by.is_some() || last.commit.as_ref() != Some(&head.commit) {
            return None;
        }
        let ended = last.ended?;
        // What was down before it, or is dated before it, is not its fault.
        let age = Duration::try_from(incident.seen.duration_since(ended)).ok()?;
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
        // What mended a unit is not taken back to what was broken: this one, or for anything that did
        // not show at once.
        let proposal = || self.store.proposal(last.proposal?).ok().flatten();
        let mended = (last.chore == REPAIR).then(proposal).flatten().and_then(|it| it.unit);
        if mended.as_ref() == Some(&incident.unit) {
            return None;
        }
        let is_new = || mended.is_none() && !was_seen_before();
        (age < project.probation || is_new()).then_some(last)
    }
}
