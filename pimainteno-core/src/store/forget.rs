//! Forgetting a project.

use jiff::civil::Date;
use redb::Error as RedbError;

use super::{
    Store, locked,
    project::{ProjectState, put_state},
    proposals, rows,
    schema::{
        ARCHIVE, CHECKS, INCIDENT, NOTICES, PLAYBOOK, PROPOSAL, RUN, STATE, SUMMARY, Table, USAGE,
    },
    usage,
};
use crate::{
    error::Result,
    proposal::{Proposal, ProposalStatus},
    words::ProjectId,
};

/// What became of a change that waited.
const REASON: &str = "the project was forgotten";

impl Store {
    /// Forgets a project, in one transaction: what its next run would depend on, and with `history`
    /// also its runs, changes and notices. What it spent since `day` stays: budgets count it. That
    /// a person paused it stays where it is `configured`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`], and nothing is forgotten.
    pub(crate) fn forget(
        &self,
        project: &ProjectId,
        configured: bool,
        history: bool,
        day: Date,
    ) -> Result<()> {
        let _turn = locked(&self.0.turn);
        let old = self.project(project);
        let mut state = if history { ProjectState::default() } else { old.forgotten() };
        state.paused = configured && old.paused;
        let is_known = state != ProjectState::default();
        let last_event = self.last_event();
        self.write(|table| {
            for kind in [SUMMARY, CHECKS, PLAYBOOK] {
                rows::remove(table, project, kind, &[])?;
            }
            if history {
                for kind in [ARCHIVE, INCIDENT, PROPOSAL, RUN] {
                    for id in rows::ids(table, project, kind)? {
                        rows::remove(table, project, kind, &id)?;
                    }
                }
                rows::remove(table, project, NOTICES, &[])?;
                for id in rows::ids(table, project, USAGE)? {
                    if usage::day(&id).is_some_and(|spent| spent < day) {
                        rows::remove(table, project, USAGE, &id)?;
                    }
                }
            } else {
                give_up_held(table, project)?;
            }
            match is_known {
                true => put_state(table, project, &state, last_event),
                false => rows::remove(table, project, STATE, &[]),
            }
        })?;
        if history {
            locked(&self.0.pending_notices).remove(&Some(project.clone()));
        }
        match is_known {
            true => drop(self.set_state(project, state, true)),
            false => self.drop_state(project),
        }
        Ok(())
    }
}

/// Nobody waits for what is held any more.
fn give_up_held(table: &mut Table<'_>, project: &str) -> Result<(), RedbError> {
    for id in rows::ids(table, project, PROPOSAL)? {
        let held: Option<Proposal> = rows::get_head(table, project, PROPOSAL, &id)?;
        if let Some(held) = held.filter(|held| held.status.is_held()) {
            proposals::update(table, project, held.id, |proposal| {
                proposal.status = ProposalStatus::Rejected { reason: REASON.into() };
            })?;
        }
    }
    Ok(())
}
