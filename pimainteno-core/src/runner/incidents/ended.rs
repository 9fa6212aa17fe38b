//! What ends an incident: a run of ours, a person, or the unit itself.

use std::time::Duration;

use jiff::Timestamp;

use super::head;
use crate::{
    event::NoticeKind,
    incident::{Attempt, Ended, EndedBy, Incident, Remedy},
    job::REPAIR,
    run::{Outcome, RunRecord, Trigger},
    runner::Runner,
    store::{Play, PlayedChange},
    words::{ProjectId, UnitName},
};

/// The least time for which a unit has to be well until its incident is over.
const SHORTEST_PROBATION: Duration = Duration::from_secs(2);

/// For how long a unit that nobody watches has to be up after systemd restarted it by itself until
/// its incident is over.
const STEADY_FOR: Duration = Duration::from_secs(10 * 60);

/// Among how many of a project's last runs one is looked for that was about an incident.
const LOOKED_AT: usize = 50;

impl Runner {
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
        self.keep(&incident);
    }

    /// For how long a unit has to be well until its incident is over.
    pub(crate) fn probation_of(&self, project: Option<&ProjectId>) -> Duration {
        let project = project.and_then(|id| self.project(id).ok());
        project.map_or(SHORTEST_PROBATION, |it| it.project.probation.max(SHORTEST_PROBATION))
    }

    /// Takes note of what came of a run that was about an incident, and ends that if it mended it.
    /// `to_mend` is the unit that its change is for, `change` what it delivered, and `is_played`
    /// whether that had helped before.
    pub(crate) fn settle_incident(
        &self,
        record: &RunRecord,
        to_mend: Option<&UnitName>,
        change: Option<PlayedChange>,
        is_played: bool,
    ) {
        // A change that waited may be for another unit than the one that had it tried again, and what
        // takes one back mends what it broke.
        let to_mend = to_mend.filter(|_| record.job.takes_back().is_none());
        let unit = match &record.trigger {
            Trigger::UnitFailure { unit } => Some(to_mend.unwrap_or(unit)),
            _ => to_mend,
        };
        if let Some(incident) = unit.and_then(|unit| self.own_incident(unit)) {
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
                    let kept = change.map_or(Ok(()), |change| {
                        let (unit, signature) = (unit.clone(), signature.clone());
                        self.store
                            .keep_play(project, Play { unit, signature, change: Some(change) })
                    });
                    // Last, so that what is cut off here is found again.
                    let by = if is_played { EndedBy::Playbook } else { EndedBy::Repair };
                    self.end_incident(unit, by, |_| false);
                    kept
                }
                Some(Outcome::Failed { .. }) if record.job.takes_back().is_some() => {
                    let message = format!(
                        "{}: a delivery of ours was taken back, and that did not help; look at it yourself: `pi-mainteno show {}`",
                        incident.told(),
                        incident.id
                    );
                    let key = format!("{unit} reversal");
                    self.bus.notice(project, Some(record.id), NoticeKind::Incident, key, message);
                    Ok(())
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

    /// Takes note of what came of runs that ended just before the program did.
    pub(crate) fn settle_what_ended(&self) {
        for incident in self.open_incidents() {
            if let Some((run, change)) = self.last_run_about(&incident) {
                self.settle_incident(&run, Some(&incident.unit), change, false);
            }
        }
    }

    /// The last run that was about an incident and has ended, with the change that it delivered,
    /// unless the unit failed again since.
    fn last_run_about(&self, incident: &Incident) -> Option<(RunRecord, Option<PlayedChange>)> {
        let runs = self.store.runs(incident.project.as_deref(), LOOKED_AT).ok()?;
        runs.into_iter().find_map(|run| {
            let ended = run.ended.filter(|ended| *ended >= incident.last)?;
            let is_applied = matches!(run.outcome, Some(Outcome::Applied { .. }));
            let is_known = !is_applied && incident.done.iter().any(|it| it.run == Some(run.id));
            let proposal = || self.store.proposal(run.proposal?).ok().flatten();
            let proposal = (run.chore == REPAIR).then(proposal).flatten();
            let unit = proposal.as_ref().and_then(|proposal| proposal.unit.as_ref());
            let unit = unit.filter(|_| run.job.takes_back().is_none());
            let is_about = match &run.trigger {
                Trigger::UnitFailure { unit: failed } => *unit.unwrap_or(failed) == incident.unit,
                _ => unit == Some(&incident.unit) && ended >= incident.seen,
            };
            if !is_about || is_known || run.outcome == Some(Outcome::Interrupted) {
                return None;
            }
            let change = proposal
                .map(|proposal| PlayedChange { diff: proposal.diff, message: proposal.message });
            Some((run, change))
        })
    }

    /// Ends the incidents of units that are not of a project any more, as it is configured now, and
    /// that nobody `is_watched` any more.
    pub(crate) async fn let_go_of_others(&self, is_watched: impl Fn(&UnitName) -> bool) {
        for incident in self.open_incidents() {
            let named = &self.config.systemd_monitor.units;
            let is_named = |unit: &UnitName| {
                named.contains(unit)
                    || self.projects.iter().any(|prepared| prepared.project.units.contains(unit))
            };
            if !incident.units().any(|unit| is_watched(unit) || is_named(unit))
                && self.owner(&incident.unit).await.is_none()
            {
                self.end_incident(&incident.unit, EndedBy::Person, |_| false);
            }
        }
    }

    /// Ends the incidents of units that nobody watches, where they are well or put away by now.
    pub(crate) async fn end_what_is_well(&self, is_unwatched: impl Fn(&UnitName) -> bool) {
        for incident in self.open_incidents() {
            let (unit, project) = (&incident.unit, incident.project.as_ref());
            let is_at_work = project.is_some_and(|project| self.is_at_work(project));
            if incident.is_of_machine || !is_unwatched(unit) || is_at_work {
                continue;
            }
            let prepared = project.and_then(|project| self.project(project).ok());
            let Ok(state) = self.services_of(prepared.as_deref()).state(unit).await else {
                continue;
            };
            let probation = self.probation_of(project);
            // One that systemd has restarted by itself may be about to need it again.
            let is_steady = || {
                let for_so_long =
                    state.runs_for().is_some_and(|it| it >= STEADY_FOR.max(probation));
                state.is_up() && for_so_long
            };
            let is_well = state.is_well_after(&incident.invocation, probation) || is_steady();
            if state.is_put_away() || is_well {
                let is_by_person = state.triggered_by.is_empty() && state.restarts == 0;
                let by = if is_by_person { EndedBy::Person } else { EndedBy::Itself };
                self.end_incident(unit, by, |_| false);
            }
        }
    }

    /// Takes note that a start alone, by a person, helped a unit which systemd had given up: nothing
    /// else was done about it, and the project is as it was.
    pub(crate) fn learn_restart(&self, unit: &UnitName) {
        let Some(incident) = self.own_incident(unit).filter(|it| it.cause.gave_up) else { return };
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
}

#[cfg(test)]
mod tests {
    use pimainteno_plugin::Edit;

    use super::*;
    use crate::{
        config::ProjectConfig,
        incident::{Cause, CauseKind},
        job::Job,
        maintainer::Maintainer,
        process::Environment,
        proposal::Proposal,
        store::FinishedRun,
        testing::ScriptedBackend,
        words::CommitId,
    };

    #[tokio::test]
    async fn a_repair_that_ended_just_before_the_program_did_ends_its_incident() {
        let directory = tempfile::tempdir().unwrap();
        let checkout = directory.path().join("radio");
        std::fs::create_dir(&checkout).unwrap();
        let made = std::process::Command::new("git").arg("init").current_dir(&checkout).output();
        assert!(made.unwrap().status.success());
        let maintainer = Maintainer::builder()
            .project(ProjectConfig::new(&checkout))
            .backend(ScriptedBackend::new("scripted", Edit::Reply))
            .provider("scripted")
            .without_sandbox_helper()
            .environment(Environment::from_variables(std::env::vars_os()))
            .state_directory(directory.path().join("state"))
            .build()
            .unwrap();
        let runner = maintainer.runner();
        let unit: UnitName = "radio.service".parse().unwrap();
        let prepared = runner.projects[0].clone();
        let mut incident: Incident = serde_json::from_value(serde_json::json!({
            "id": "0199a3b4-c5d6-7000-8000-000000000000", "project": prepared.project.id,
            "unit": unit, "invocation": "i", "seen": "2026-01-02T03:04:05Z",
            "last": "2026-01-02T03:04:05Z", "count": 1, "signature": "s", "message": null,
            "trouble": null, "places": [], "log": [], "done": [], "ended": null,
            "cause": { "kind": "exit-code", "text": "exited with code 1", "gave_up": false },
        }))
        .unwrap();
        assert_eq!(incident.cause.kind, CauseKind::ExitCode);
        incident.cause = Cause { gave_up: true, ..incident.cause };
        runner.keep(&incident);
        runner.note_attempt(&unit, Remedy::Repair);

        let trigger = Trigger::UnitFailure { unit: unit.clone() };
        let mut record = prepared.record(&trigger, &Job::Repair { unit: unit.clone() });
        let journal = runner.store.begin_run(&record).unwrap();
        let (commit, id) = (CommitId::unchecked("0"), prepared.project.id.clone());
        let mut proposal =
            Proposal::new(id.clone(), commit.clone(), "diff".into(), "it", "scripted");
        proposal.unit = Some(unit.clone());
        record.proposal = Some(proposal.id);
        record.ended = Some(Timestamp::now());
        record.outcome = Some(Outcome::Applied { commit });
        let mut finished = FinishedRun::new(record.clone());
        finished.proposal = Some(proposal);
        runner.store.finish_run(&journal, finished, |_| {}).unwrap();

        // Nothing more was written.
        runner.settle_what_ended();
        let settled = maintainer.incident(&incident.id.to_string()).unwrap();
        assert_eq!(settled.ended.map(|ended| ended.by), Some(EndedBy::Repair));
        assert_eq!(settled.done[0].run, Some(record.id));
        let play = runner.store.play(&id, &unit, "s").unwrap().and_then(|play| play.change);
        assert_eq!(play.map(|change| change.diff).as_deref(), Some("diff"));
    }
}
