//! Incidents, and what helped against them.

use redb::Error as RedbError;
use serde::{Deserialize, Serialize};

use super::{
    Store, ids, rows,
    schema::{INCIDENT, PLAYBOOK},
};
use crate::{
    error::Result,
    incident::Incident,
    words::{ProjectId, UnitName},
};

/// The most incidents that are kept of one project.
const KEPT: usize = 100;

/// The most remedies that are kept of one project.
const KEPT_PLAYS: usize = 50;

/// The longest diff that is kept as a remedy, in bytes.
const LONGEST_DIFF: usize = 64 << 10;

/// What helped against a failure, to be done again when that comes again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Play {
    /// The unit that failed.
    pub(crate) unit: UnitName,
    /// The signature of its failure.
    pub(crate) signature: String,
    /// What helped: a change, as Git wrote it, with what was said about it; `None` is a restart.
    pub(crate) change: Option<PlayedChange>,
}

/// A change that helped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlayedChange {
    pub(crate) diff: String,
    pub(crate) message: String,
}

impl Store {
    /// Keeps an incident, as it is now. The secrets in it are taken out.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn keep_incident(&self, incident: &Incident) -> Result<()> {
        let mut incident = incident.clone();
        incident.redact(self.secrets());
        let project = row(incident.project.as_ref());
        self.write(|table| {
            rows::put_json(table, project, INCIDENT, incident.id.as_bytes(), &incident)?;
            let mut kept = rows::ids(table, project, INCIDENT)?;
            kept.truncate(kept.len().saturating_sub(KEPT));
            kept.iter().try_for_each(|id| rows::remove(table, project, INCIDENT, id))
        })
    }

    /// Takes an incident out of what is kept.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn drop_incident(&self, incident: &Incident) -> Result<()> {
        let project = row(incident.project.as_ref());
        self.write(|table| rows::remove(table, project, INCIDENT, incident.id.as_bytes()))
    }

    /// The last `limit` incidents of one project, or of all and none, the newest first.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub fn incidents(&self, project: Option<&str>, limit: usize) -> Result<Vec<Incident>> {
        let mut all: Vec<Incident> = self.read(|table| {
            // A unit may have failed before its project was ever run.
            let projects = match project {
                Some(project) => vec![ProjectId::unchecked(project)],
                None => {
                    let mut all = rows::projects(table)?;
                    all.push(ProjectId::unchecked(""));
                    all
                }
            };
            let mut all = Vec::new();
            for project in &projects {
                for id in rows::last_ids(table, project, INCIDENT, limit)? {
                    all.extend(rows::get_json::<Incident>(table, project, INCIDENT, &id)?);
                }
            }
            Ok(all)
        })?;
        all.sort_by_key(|incident| std::cmp::Reverse(incident.id));
        all.truncate(limit);
        Ok(all)
    }

    /// The incident whose id begins with `prefix`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Usage`] if there is none or more than one.
    pub(crate) fn find_incident(&self, prefix: &str) -> Result<Incident> {
        let (first, last) = ids::range(prefix)?;
        let all = self.incidents(None, usize::MAX)?;
        let is_meant = |incident: &&Incident| (first..=last).contains(incident.id.as_bytes());
        let matches = all.iter().filter(is_meant).map(|incident| *incident.id.as_bytes());
        let id = ids::one_match("incident", prefix, matches.collect())?;
        let found = all.into_iter().find(|incident| *incident.id.as_bytes() == id);
        found.ok_or_else(|| ids::none_match("incident", prefix))
    }

    /// What helped a unit of a project against the failure of this signature.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn play(
        &self,
        project: &ProjectId,
        unit: &UnitName,
        signature: &str,
    ) -> Result<Option<Play>> {
        let plays: Vec<Play> = self
            .read(|table| Ok(rows::get_json(table, project, PLAYBOOK, &[])?.unwrap_or_default()))?;
        let is_meant = |play: &Play| play.unit == *unit && play.signature == signature;
        Ok(plays.into_iter().find(is_meant))
    }

    /// Keeps what helped; it takes the place of what helped before against the same failure.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn keep_play(&self, project: &ProjectId, play: Play) -> Result<()> {
        if play.change.as_ref().is_some_and(|change| change.diff.len() > LONGEST_DIFF) {
            return Ok(());
        }
        self.change_plays(project, |plays| {
            plays.retain(|kept| kept.unit != play.unit || kept.signature != play.signature);
            plays.push(play);
            plays.drain(..plays.len().saturating_sub(KEPT_PLAYS));
        })
    }

    /// Strikes out what was to help against a failure and did not.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn strike_play(
        &self,
        project: &ProjectId,
        unit: &UnitName,
        signature: &str,
    ) -> Result<()> {
        self.change_plays(project, |plays| {
            plays.retain(|kept| kept.unit != *unit || kept.signature != signature);
        })
    }

    fn change_plays(&self, project: &ProjectId, change: impl FnOnce(&mut Vec<Play>)) -> Result<()> {
        self.write(|table| -> Result<(), RedbError> {
            let mut plays = rows::get_json(table, project, PLAYBOOK, &[])?.unwrap_or_default();
            change(&mut plays);
            rows::put_json(table, project, PLAYBOOK, &[], &plays)
        })
    }
}

/// Where the incidents of a project are kept, and those of none.
fn row(project: Option<&ProjectId>) -> &str {
    project.map_or("", |project| project.as_str())
}
