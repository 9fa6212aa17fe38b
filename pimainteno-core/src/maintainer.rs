//! The front door: whoever embeds the library meets [`Maintainer`].

mod builder;
mod reload;
mod review;

use std::{collections::BTreeSet, sync::Arc};

use jiff::{Timestamp, civil::Date};
use pimainteno_plugin::Usage;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{
    config::{BudgetConfig, Config},
    error::{Error, ErrorKind, Result},
    event::{EventId, Events},
    id::RunId,
    incident::Incident,
    job::Job,
    proposal::Proposal,
    recovery,
    run::{RunOptions, RunRecord, Trigger},
    runner::{Live, Prepared, PreparedChore, Runner},
    scheduler,
    store::{ChoreState, Notice, Order, ProjectState, Store},
    words::{ProjectId, UnitName},
};

pub use builder::MaintainerBuilder;

/// Maintains the projects of a configuration: runs them once, on request, or on their schedules.
///
/// Clones share everything. One program at a time can hold a state directory.
#[derive(Clone)]
pub struct Maintainer(pub(crate) Arc<Live>);

/// A program keeps one for all of its threads.
const _: () = {
    const fn is_shared<T: Send + Sync>() {}
    is_shared::<Maintainer>();
    is_shared::<MaintainerBuilder>();
};

/// What was spent on one day, of how much.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Spending {
    /// What answers cost, those of runs that go on included.
    pub usage: Usage,
    /// What they may cost.
    pub budget: BudgetConfig,
}

/// A chore at a glance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChoreStatus {
    /// What the configuration says.
    pub chore: crate::config::Chore,
    /// What is remembered.
    pub state: ChoreState,
    /// The next slot; `None` if there is none.
    pub next_slot: Option<Timestamp>,
}

/// A project at a glance.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProjectStatus {
    /// What the configuration says.
    pub project: crate::config::Project,
    /// The backend that answers its prompts.
    pub backend: String,
    /// What is remembered.
    pub state: Arc<ProjectState>,
    /// Its lines of upkeep.
    pub chores: Vec<ChoreStatus>,
    /// The next slot; `None` if there is none.
    pub next_slot: Option<Timestamp>,
    /// What it spent today; see [`Maintainer::today`].
    pub today: Spending,
    /// The run of it that goes on in this program.
    pub running: Option<RunId>,
}

impl Maintainer {
    /// What to maintain, and with what, is said to the builder.
    pub fn builder() -> MaintainerBuilder {
        MaintainerBuilder::default()
    }

    /// Looks at every project once and runs those that changed; gives a record for each chore of
    /// each project, in the configuration's order.
    ///
    /// What a stopped program left open is finished first.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if a record cannot be stored. Whatever goes wrong in a run is in its
    /// record.
    pub async fn run_once(&self) -> Result<Vec<RunRecord>> {
        self.run_all(RunOptions::default()).await
    }

    /// The same, with options.
    ///
    /// # Errors
    /// As [`Self::run_once`].
    pub async fn run_all(&self, options: RunOptions) -> Result<Vec<RunRecord>> {
        self.run_projects(&[] as &[&str], None, options).await
    }

    /// The same of these projects, named by their ids or names, or of all if none is given, and
    /// with a name only of that chore, where they have it.
    ///
    /// # Errors
    /// As [`Self::run_once`], and [`ErrorKind::Usage`] if there is no such project, or none has the
    /// chore.
    pub async fn run_projects(
        &self,
        projects: &[impl AsRef<str>],
        chore: Option<&str>,
        options: RunOptions,
    ) -> Result<Vec<RunRecord>> {
        let runner = self.runner();
        let open = recovery::find(&runner).await?.repositories;
        let named = projects
            .iter()
            .map(|name| runner.project(name.as_ref()))
            .collect::<Result<Vec<_>>>()?;
        let projects = if named.is_empty() { &runner.projects } else { &named };
        if let Some(chore) = chore
            && !projects.iter().any(|prepared| prepared.configured(chore).is_ok())
        {
            let all = projects.iter().flat_map(|prepared| &prepared.chores);
            let known: BTreeSet<_> = all.map(|chore| chore.chore.name.as_str()).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Error::new(ErrorKind::Usage, format!("there is no chore `{chore}`"))
                .hint(format!("there are: {known}")));
        }
        self.run_chores(projects, chore, Trigger::Manual, options, &open).await
    }

    /// Runs the chores of one project, named by its id or its name, and says why: a trigger opens
    /// nothing by itself. Where a unit failed, it is looked after.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is no such project, or for a trigger that is about one change:
    /// [`Self::approve`] and [`Self::rollback`] are for those; otherwise as [`Self::run_once`].
    pub async fn run_project(
        &self,
        project: &str,
        trigger: Trigger,
        options: RunOptions,
    ) -> Result<Vec<RunRecord>> {
        let runner = self.runner();
        let open = recovery::find(&runner).await?.repositories;
        self.run_chores(&[runner.project(project)?], None, trigger, options, &open).await
    }

    /// The same for one of its chores.
    ///
    /// # Errors
    /// As [`Self::run_project`], and [`ErrorKind::Usage`] if there is no such chore.
    pub async fn run_chore(
        &self,
        project: &str,
        chore: &str,
        trigger: Trigger,
        options: RunOptions,
    ) -> Result<RunRecord> {
        let runner = self.runner();
        let prepared = runner.project(project)?;
        prepared.configured(chore)?;
        self.recover_checkout_of(&prepared).await?;
        runner.run(&prepared, chore, trigger, options).await
    }

    async fn run_chores(
        &self,
        projects: &[Arc<Prepared>],
        chore: Option<&str>,
        trigger: Trigger,
        options: RunOptions,
        open: &BTreeSet<ProjectId>,
    ) -> Result<Vec<RunRecord>> {
        let current = self.runner();
        // Those that are not worth a run, each at its place; the others come behind them.
        let mut records: Vec<(usize, RunRecord)> = Vec::with_capacity(projects.len());
        let mut running = JoinSet::new();
        let mut place = 0;
        for prepared in projects {
            let is_open = open.contains(&prepared.repository);
            // A unit is looked after once, whatever the chores.
            let is_one = matches!(trigger, Trigger::UnitFailure { .. });
            let chores = prepared
                .chores
                .iter()
                .filter(|prepared| chore.is_none_or(|chore| prepared.chore.name == chore));
            for chore in chores.take(if is_one { 1 } else { usize::MAX }) {
                place += 1;
                // Most projects did not change; for them no task is started.
                let job = Job::because_of(&trigger, &chore.chore.name)?;
                let reason = current.futile(prepared, &trigger, &job, options);
                if let Some(reason) = reason.filter(|_| !is_open) {
                    let record = prepared.record(&trigger, &job);
                    records.push((place, current.skipped(record, reason)));
                    continue;
                }
                let order = Order::new(trigger.clone(), job, options);
                let (runner, prepared) = (current.clone(), prepared.clone());
                running.spawn(async move {
                    // What is left open of other projects keeps this one waiting for nothing.
                    let recovered = if is_open {
                        recovery::recover_checkout(&runner, &prepared.repository).await.map(drop)
                    } else {
                        Ok(())
                    };
                    match recovered {
                        Ok(()) => (place, runner.look_after(&prepared, &order).await),
                        Err(error) => (place, Err(error)),
                    }
                });
            }
        }
        let mut failure = None;
        // All are waited for: those that go on would be cut off otherwise.
        while let Some(joined) = running.join_next().await {
            match joined {
                Ok((place, Ok(record))) => records.push((place, record)),
                Ok((_, Err(error))) => failure = Some(error),
                Err(source) => {
                    failure =
                        Some(Error::new(ErrorKind::Internal, "a run was lost").source(source));
                }
            }
        }
        if let Some(failure) = failure {
            return Err(failure);
        }
        records.sort_unstable_by_key(|(place, _)| *place);
        Ok(records.into_iter().map(|(_, record)| record).collect())
    }

    /// Runs projects on their schedules until `shutdown` is ready; runs that go on are stopped
    /// then, and finished or undone at the next start. What a stopped program left open is finished
    /// meanwhile, before anything else of its project.
    ///
    /// # Errors
    /// As [`Self::run_once`].
    pub async fn serve(&self, shutdown: impl Future<Output = ()> + Send) -> Result<()> {
        recovery::find(&self.runner()).await?;
        scheduler::serve(&self.0, shutdown).await
    }

    /// Finishes or undoes what a stopped program left open; gives the records of those runs.
    ///
    /// # Errors
    /// As [`Self::run_once`].
    pub async fn recover(&self) -> Result<Vec<RunRecord>> {
        recovery::recover(&self.runner()).await
    }

    /// The same for the checkout of one project.
    pub(crate) async fn recover_checkout_of(&self, prepared: &Prepared) -> Result<()> {
        let runner = self.runner();
        recovery::find(&runner).await?;
        recovery::recover_checkout(&runner, &prepared.repository).await.map(drop)
    }

    /// Tells all runs to stop.
    pub fn stop(&self) {
        self.runner().cancel.raise();
    }

    /// The configuration that is used now.
    pub fn config(&self) -> Arc<Config> {
        self.runner().config.clone()
    }

    /// The projects, at a glance.
    pub fn projects(&self) -> Vec<ProjectStatus> {
        let (runner, now, day) = (self.runner(), Timestamp::now(), self.day());
        let chore = |prepared: &PreparedChore, state: &ProjectState| ChoreStatus {
            state: state.chore(&prepared.chore.name).clone(),
            chore: prepared.chore.clone(),
            next_slot: prepared.schedule.next_after(now),
        };
        let status = |prepared: &Arc<Prepared>| {
            let id = &prepared.project.id;
            let state = self.0.store.project(id);
            let chores: Vec<_> =
                prepared.chores.iter().map(|prepared| chore(prepared, &state)).collect();
            ProjectStatus {
                project: prepared.project.clone(),
                backend: prepared.backend.name().to_owned(),
                next_slot: chores.iter().filter_map(|chore| chore.next_slot).min(),
                chores,
                state,
                today: Spending {
                    usage: self.0.store.usage_of_project_on(id, day),
                    budget: prepared.project.llm.budget.clone(),
                },
                running: runner.bus.running(id),
            }
        };
        runner.projects.iter().map(status).collect()
    }

    /// Who does what is asked for now.
    pub(crate) fn runner(&self) -> Arc<Runner> {
        self.0.current()
    }

    /// The id of a project that is named by its id or its name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is no such project.
    pub fn project_id(&self, name: &str) -> Result<ProjectId> {
        Ok(self.runner().project(name)?.project.id.clone())
    }

    /// The day that pays for calls now: it ends at midnight in the scheduler's time zone.
    pub fn day(&self) -> Date {
        Timestamp::now().to_zoned(self.runner().timezone.clone()).date()
    }

    /// What all projects together spent on [`Self::day`].
    pub fn today(&self) -> Spending {
        Spending {
            usage: self.0.store.usage_on(self.day()),
            budget: self.runner().config.llm.budget.clone(),
        }
    }

    /// Whether each project's backend could answer now: a line about what was found, or what is
    /// missing.
    pub async fn health(&self) -> Vec<(ProjectId, Result<String>)> {
        let mut answers = Vec::new();
        for prepared in &self.runner().projects {
            answers.push((prepared.project.id.clone(), prepared.backend.health().await));
        }
        answers
    }

    /// What happens from now on; or, for a reader that was away, from the event after `after`.
    pub fn events(&self, after: Option<EventId>) -> Events {
        self.runner().bus.events(after)
    }

    /// The last `limit` things that a person should know, the newest first: about one project, or
    /// about all and none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn notices(&self, project: Option<&str>, limit: usize) -> Result<Vec<Notice>> {
        self.0.store.notices(project, limit)
    }

    /// The last `limit` incidents, the newest first: of one project, or of all and none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn incidents(&self, project: Option<&str>, limit: usize) -> Result<Vec<Incident>> {
        let runner = self.runner();
        let kept = self.0.store.incidents(project, limit)?;
        Ok(kept.into_iter().map(|incident| runner.as_it_is(incident)).collect())
    }

    /// One incident, named by its id or the beginning of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is none or more than one.
    pub fn incident(&self, id: &str) -> Result<Incident> {
        Ok(self.runner().as_it_is(self.0.store.find_incident(id)?))
    }

    /// Takes note that a unit has failed, for a program that systemd starts by `OnFailure=`. While
    /// [`Self::serve`] goes on, it is attended to at once; otherwise when that is called next. Gives
    /// the incident, unless it is known already.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if the unit has not failed, [`ErrorKind::Service`] if its state cannot
    /// be read.
    pub async fn notify_failure(&self, unit: &UnitName) -> Result<Option<Incident>> {
        self.runner().hear_of_failure(unit).await
    }

    /// Waits until the units of the configuration are watched; for ever where they are not to be.
    pub async fn watching(&self) {
        self.runner().incidents.is_watching.wait().await;
    }

    /// Whether the units of the configuration are watched now.
    pub fn is_watching(&self) -> bool {
        self.runner().incidents.is_watching.get()
    }

    /// What is kept of projects, runs and changes, to be read; clones of it are the same.
    pub fn history(&self) -> &Store {
        &self.0.store
    }

    /// One run, named by its id or the beginning of it.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is none or more than one.
    pub fn run(&self, id: &str) -> Result<RunRecord> {
        self.0.store.find_run(id)
    }

    /// One proposal, named by its id or the beginning of it, for showing: secrets are taken out of
    /// its diff. [`Store::proposal`] has the exact one.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if there is none or more than one.
    pub fn proposal(&self, id: &str) -> Result<Proposal> {
        Ok(self.0.store.find_proposal(id)?.for_showing(self.0.store.secrets()))
    }

    /// The proposal that a run was about, for showing as in [`Self::proposal`].
    ///
    /// # Errors
    /// [`ErrorKind::Store`].
    pub fn proposal_of(&self, run: RunId) -> Result<Option<Proposal>> {
        let store = &self.0.store;
        let Some(id) = store.run(run)?.and_then(|record| record.proposal) else { return Ok(None) };
        Ok(store.proposal(id)?.map(|proposal| proposal.for_showing(store.secrets())))
    }
}
