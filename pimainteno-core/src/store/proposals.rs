//! Changes that were proposed, and what became of them.

use redb::Error as RedbError;

use super::{
    Store, ids, locked,
    project::ProjectState,
    rows, runs,
    schema::{PROPOSAL, Snapshot, Table},
};
use crate::{
    error::Result,
    id::ProposalId,
    proposal::{Proposal, ProposalStatus},
};

/// How many commit messages are told.
const COMMIT_MESSAGES: usize = 50;

impl Store {
    /// Stores a proposal durably, in place of what was stored under its id. [`Store::finish_run`]
    /// does the same at no further cost. One that is held takes the place of the project's
    /// other one. Any other is dropped together with the run whose record names it.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    #[cfg(test)]
    pub(crate) fn put_proposal(&self, proposal: &Proposal) -> Result<()> {
        let _turn = locked(&self.0.turn);
        self.put_in_turn(proposal)
    }

    /// Changes a proposal durably; `None` if there is no such proposal.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn update_proposal(
        &self,
        id: ProposalId,
        change: impl FnOnce(&mut Proposal),
    ) -> Result<Option<Proposal>> {
        let _turn = locked(&self.0.turn);
        let Some(mut proposal) = self.proposal(id)? else { return Ok(None) };
        change(&mut proposal);
        self.put_in_turn(&proposal)?;
        Ok(Some(proposal))
    }

    /// A proposal with its exact diff, in which secrets may be; [`crate::Maintainer::proposal`] is
    /// for showing.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn proposal(&self, id: ProposalId) -> Result<Option<Proposal>> {
        let Some(project) = self.project_of(PROPOSAL, id.as_bytes())? else { return Ok(None) };
        self.read(|table| get(table, &project, id.as_bytes()))
    }

    /// The one proposal whose id begins with `prefix`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if there is none or more than one, [`crate::ErrorKind::Store`].
    pub(crate) fn find_proposal(&self, prefix: &str) -> Result<Proposal> {
        let id = ids::one_match("proposal", prefix, self.matches(PROPOSAL, prefix)?)?;
        self.proposal(ProposalId::from_bytes(id))?
            .ok_or_else(|| ids::none_match("proposal", prefix))
    }

    /// The last `limit` proposals whose status is wanted, the newest first, without their diffs: of
    /// one project, or of all.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn proposals(
        &self,
        project: Option<&str>,
        is_wanted: impl Fn(&ProposalStatus) -> bool,
        limit: usize,
    ) -> Result<Vec<Proposal>> {
        let projects = self.named_or_known(project);
        self.read(|table| {
            let mut found = Vec::new();
            for (project, id) in runs::newest(table, &projects, PROPOSAL, usize::MAX)? {
                if found.len() == limit {
                    break;
                }
                let proposal = rows::get_head::<Proposal>(table, &project, PROPOSAL, &id)?;
                found.extend(proposal.filter(|proposal| is_wanted(&proposal.status)));
            }
            Ok(found)
        })
    }

    /// The messages of a project's last 50 commits made by us, the newest first, as far as their
    /// proposals are kept.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn commit_messages(&self, project: &str) -> Result<Vec<String>> {
        let is_committed = |status: &ProposalStatus| {
            matches!(status, ProposalStatus::Applied { .. } | ProposalStatus::RolledBack { .. })
        };
        let committed = self.proposals(Some(project), is_committed, COMMIT_MESSAGES)?;
        Ok(committed.into_iter().map(|proposal| proposal.message).collect())
    }

    fn put_in_turn(&self, proposal: &Proposal) -> Result<()> {
        // A project is known by its state, and what is not known is not found.
        let mut state = ProjectState::clone(&self.project(&proposal.project));
        let superseded = state.note(proposal, false);
        let mut proposal = proposal.clone();
        proposal.redact(self.secrets());
        let last_event = self.last_event();
        self.write(|table| {
            super::project::put_state(table, &proposal.project, &state, last_event)?;
            put(table, &proposal, superseded)
        })?;
        self.set_state(&proposal.project, state, true);
        Ok(())
    }
}

/// Writes a proposal, the diff behind the rest, so that a list need not read it; and notes of the
/// one whose place it takes that it does.
pub(super) fn put(
    table: &mut Table<'_>,
    proposal: &Proposal,
    superseded: Option<ProposalId>,
) -> Result<(), RedbError> {
    if let Some(id) = superseded {
        update(table, &proposal.project, id, |old| {
            old.status = ProposalStatus::Superseded { by: proposal.id }
        })?;
    }
    let mut head = proposal.clone();
    let diff = std::mem::take(&mut head.diff);
    rows::put_both(
        table,
        &proposal.project,
        PROPOSAL,
        proposal.id.as_bytes(),
        &head,
        diff.as_bytes(),
    )
}

/// Changes a proposal that may be there.
pub(super) fn update(
    table: &mut Table<'_>,
    project: &str,
    id: ProposalId,
    change: impl FnOnce(&mut Proposal),
) -> Result<(), RedbError> {
    let Some((mut head, diff)) =
        rows::get_both::<Proposal>(table, project, PROPOSAL, id.as_bytes())?
    else {
        return Ok(());
    };
    change(&mut head);
    rows::put_both(table, project, PROPOSAL, id.as_bytes(), &head, &diff)
}

/// Drops a proposal, whose run ended long ago, unless it waits for a person. One that is open was
/// put off or cut off, and nothing becomes of it any more.
pub(super) fn drop_unless_held(
    table: &mut Table<'_>,
    project: &str,
    id: &[u8],
) -> Result<(), RedbError> {
    match rows::get_head::<Proposal>(table, project, PROPOSAL, id)? {
        Some(Proposal { status: ProposalStatus::Held { .. }, .. }) | None => Ok(()),
        Some(_) => rows::remove(table, project, PROPOSAL, id),
    }
}

fn get(table: &Snapshot, project: &str, id: &[u8]) -> Result<Option<Proposal>, RedbError> {
    let Some((mut proposal, diff)) = rows::get_both::<Proposal>(table, project, PROPOSAL, id)?
    else {
        return Ok(None);
    };
    proposal.diff = text(diff)?;
    Ok(Some(proposal))
}

fn text(bytes: Vec<u8>) -> Result<String, RedbError> {
    String::from_utf8(bytes).map_err(|_| RedbError::Corrupted("a diff is not text".into()))
}
