//! What is asked of a maintainer in this process: by a command without a daemon, and by the daemon for its callers.

use jiff::Timestamp;
use pimainteno_core::{
    Error, ErrorKind, Maintainer, Proposal, Result, RunId, RunOptions, RunRecord, Trigger,
    store::{Notice, UsageEntry},
};
use tokio::task::JoinSet;

use crate::api::{Paused, ProjectStatus, RunDetail, Status, VERSION};

/// All projects at a glance; `running` says which run of a project goes on.
pub(crate) fn status(maintainer: &Maintainer, daemon: bool, running: impl Fn(&str) -> Option<RunId>) -> Result<Status> {
    let now = Timestamp::now();
    let projects = maintainer.projects().into_iter().map(|status| {
        let last_run = match status.state.last_run {
            Some(id) => maintainer.store().run(id)?,
            None => None,
        };
        Ok(ProjectStatus {
            running: running(&status.project.id),
            id: status.project.id,
            name: status.project.name,
            path: status.project.path,
            mode: status.project.mode,
            backend: status.backend,
            cron: status.project.cron,
            next_slot: status.next_slot,
            paused: status.state.paused,
            today: status.today,
            parked: status.state.parked().cloned().filter(|parked| parked.until > now),
            frozen: status.state.frozen().cloned(),
            held: status.state.held().next().cloned(),
            last_run,
        })
    });
    Ok(Status {
        version: VERSION.to_owned(),
        daemon,
        day: Some(maintainer.day()),
        today: maintainer.today(),
        projects: projects.collect::<Result<_>>()?,
    })
}

/// The last runs that ended, also of a project that is not in the configuration any more.
pub(crate) fn runs(maintainer: &Maintainer, project: Option<&str>, limit: usize) -> Result<Vec<RunRecord>> {
    let id = project.map(|name| known_id(maintainer, name)).transpose()?;
    maintainer.store().runs(id.as_deref(), limit)
}

/// The last changes that are held, or all; also those of a project that is not in the configuration any more.
pub(crate) fn proposals(maintainer: &Maintainer, project: Option<&str>, all: bool, limit: usize) -> Result<Vec<Proposal>> {
    let id = project.map(|name| known_id(maintainer, name)).transpose()?;
    maintainer.proposals(id.as_deref(), all, limit)
}

/// The last things that a person should know; also of a project that is not in the configuration any more.
pub(crate) fn notices(maintainer: &Maintainer, project: Option<&str>, limit: usize) -> Result<Vec<Notice>> {
    let id = project.map(|name| known_id(maintainer, name)).transpose()?;
    maintainer.notices(id.as_deref(), limit)
}

/// Keeps a project from its runs, or lets it go on.
pub(crate) fn set_paused(maintainer: &Maintainer, name: &str, paused: bool) -> Result<Paused> {
    let project = project_id(maintainer, name)?;
    if paused {
        maintainer.pause(&project)?;
    } else {
        maintainer.resume(&project)?;
    }
    Ok(Paused { project, paused })
}

/// Everything about one run, named by its id or the beginning of it.
pub(crate) fn run(maintainer: &Maintainer, id_prefix: &str) -> Result<RunDetail> {
    let record = maintainer.run(id_prefix)?;
    let journal = maintainer.store().run_journal(record.id)?;
    Ok(RunDetail {
        proposal: maintainer.proposal_of(record.id)?,
        usage: UsageEntry::of_journal(&journal),
        journal,
        outputs: maintainer.store().run_outputs(record.id)?,
        record,
    })
}

/// The ids of projects that are named by their ids or names, each once.
pub(crate) fn project_ids(maintainer: &Maintainer, names: &[String]) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    for name in names {
        let id = project_id(maintainer, name)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// Runs projects, or all of them if none is named, to the end; gives a record for each.
pub(crate) async fn start(maintainer: &Maintainer, names: &[String], options: RunOptions) -> Result<Vec<RunRecord>> {
    if names.is_empty() {
        return maintainer.run_all(options).await;
    }
    let ids = project_ids(maintainer, names)?;
    // Once for all of them, before they run side by side.
    maintainer.recover().await?;
    let mut running = JoinSet::new();
    for (place, id) in ids.into_iter().enumerate() {
        let maintainer = maintainer.clone();
        running.spawn(async move { (place, maintainer.run_project(&id, Trigger::Manual, options).await) });
    }
    let mut records = Vec::new();
    while let Some(joined) = running.join_next().await {
        let (place, record) = joined.map_err(|source| Error::new(ErrorKind::Internal, "a run was lost").source(source))?;
        records.push((place, record?));
    }
    records.sort_unstable_by_key(|(place, _)| *place);
    Ok(records.into_iter().flat_map(|(_, records)| records).collect())
}

/// The id of a project that is in the configuration or in the store.
fn known_id(maintainer: &Maintainer, name: &str) -> Result<String> {
    let is_known = maintainer.store().known_projects().iter().any(|known| known == name);
    if is_known { Ok(name.to_owned()) } else { project_id(maintainer, name) }
}

/// The id of a project that is named by its id or its name.
pub(crate) fn project_id(maintainer: &Maintainer, name: &str) -> Result<String> {
    let projects = maintainer.projects();
    let found = projects.iter().find(|status| status.project.id == name || status.project.name == name);
    found.map(|status| status.project.id.clone()).ok_or_else(|| {
        let known: Vec<_> = projects.iter().map(|status| status.project.id.as_str()).collect();
        Error::new(ErrorKind::Usage, format!("there is no project `{name}`")).hint(format!("there are: {}", known.join(", ")))
    })
}
