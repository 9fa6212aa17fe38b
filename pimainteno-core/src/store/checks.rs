//! Results of checks, by commit: what the base of a change was like need not be found out twice.

use redb::Error as RedbError;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{
    Store, rows,
    schema::{CHECKS, Table},
};
use crate::{
    error::Result,
    words::{CommitId, Sha256},
};

/// How many commits' results are kept per project.
const KEEP: usize = 4;

/// The results of the checks on one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CheckResults {
    /// The commit; `None` is a project that was broken on purpose, to see whether its checks
    /// notice.
    #[serde(deserialize_with = "commit")]
    pub commit: Option<CommitId>,
    /// A hash of the checks: of their commands and whatever else decides what they mean.
    pub checks: Sha256,
    /// What they said, in the shape that whoever ran them chose. Kept small: logs are outputs of
    /// the run.
    pub results: Value,
}

/// Reads a commit; earlier versions wrote `broken` for none.
fn commit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<CommitId>, D::Error> {
    Ok(Option::<CommitId>::deserialize(deserializer)?.filter(|commit| *commit != "broken"))
}

impl Store {
    /// What these checks said about this commit, if it is one of the last four of the project. What
    /// they said about a broken project is kept besides.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Store`].
    pub(crate) fn check_results(
        &self,
        project: &str,
        commit: Option<&CommitId>,
        checks: &Sha256,
    ) -> Result<Option<Value>> {
        let kept = self
            .read(|table| rows::get_json::<Vec<CheckResults>>(table, project, CHECKS, &[]))?
            .unwrap_or_default();
        Ok(kept
            .into_iter()
            .find(|kept| kept.commit.as_ref() == commit && kept.checks == *checks)
            .map(|kept| kept.results))
    }
}

/// Adds results to those of the project, and drops the oldest.
pub(super) fn put(
    table: &mut Table<'_>,
    project: &str,
    new: Vec<CheckResults>,
) -> Result<(), RedbError> {
    if new.is_empty() {
        return Ok(());
    }
    let mut kept =
        rows::get_json::<Vec<CheckResults>>(table, project, CHECKS, &[])?.unwrap_or_default();
    for new in new {
        kept.retain(|old| (&old.commit, &old.checks) != (&new.commit, &new.checks));
        kept.push(new);
    }
    let (broken, mut commits): (Vec<_>, Vec<_>) =
        kept.into_iter().partition(|kept| kept.commit.is_none());
    commits.drain(..commits.len().saturating_sub(KEEP));
    let mut kept: Vec<_> = broken.into_iter().next_back().into_iter().collect();
    kept.append(&mut commits);
    rows::put_json(table, project, CHECKS, &[], &kept)
}
