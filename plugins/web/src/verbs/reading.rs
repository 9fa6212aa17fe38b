//! What only looks.

use std::path::PathBuf;

use jiff::{Timestamp, civil::Date};
use pimainteno_core::{
    Job, Maintainer, ProjectId, Proposal, Result, RunId, RunRecord, Spending,
    config::{Chore, Mode},
    incident::Incident,
    store::{Entry, Frozen, Held, Notice, Output, Parked, UsageEntry},
};
use serde::{Deserialize, Serialize};

use crate::{Configuration, Refusal, Service, VERSION, Verb};

/// How long a list is if the request does not say.
const SOME: usize = 20;

/// How long a list is at most.
const MOST: usize = 1000;

/// Whether the daemon answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Healthz {}

/// Says that the daemon answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The version of the program that answers.
    pub version: String,
    /// The configuration that it uses, where it says so.
    #[serde(default)]
    pub configuration: Option<Configuration>,
}

/// All projects at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {}

/// All projects at a glance, as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Overview {
    /// The version of the program that answers.
    pub version: String,
    /// Whether the daemon answers; without one, nothing runs on schedule.
    pub daemon: bool,
    /// The day that pays for calls now, in the scheduler's time zone.
    #[serde(default)]
    pub day: Option<Date>,
    /// What all projects together spent on that day, of how much.
    #[serde(default)]
    pub today: Spending,
    /// Whether units are watched now; `None` where they are not to be.
    #[serde(default)]
    pub watching: Option<bool>,
    /// The incidents that go on, the newest first.
    #[serde(default)]
    pub incidents: Vec<Incident>,
    /// The projects, in the configuration's order.
    pub projects: Vec<ProjectStatus>,
    /// Those that are not in the configuration any more, and of which something is left over that
    /// [`crate::Forget`] removes.
    #[serde(default)]
    pub left_over: Vec<ProjectId>,
    /// Those of them that have a run which was cut off and waits for its project to be in the
    /// configuration again.
    #[serde(default)]
    pub unfinished: Vec<ProjectId>,
}

/// A project at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProjectStatus {
    /// The project's id.
    pub id: ProjectId,
    /// The project's name.
    pub name: String,
    /// The checkout.
    pub path: PathBuf,
    /// What may be done without asking.
    pub mode: Mode,
    /// The backend that answers its prompts.
    pub backend: String,
    /// The cron expression of its slots, as written.
    pub cron: String,
    /// The next slot; `None` if there is none.
    pub next_slot: Option<Timestamp>,
    /// Whether a person paused the project.
    pub paused: bool,
    /// What it spent today, and what its own budget is.
    #[serde(default)]
    pub today: Spending,
    /// Until when it is left alone, and why; `None` once that is over.
    pub parked: Option<Parked>,
    /// Why it is left alone until a person resumes it.
    #[serde(default)]
    pub frozen: Option<Frozen>,
    /// A change that waits for a person.
    pub held: Option<Held>,
    /// A repair of a unit that waits for a person.
    #[serde(default)]
    pub repair: Option<Held>,
    /// Whether units of it that fail are left alone until a person resumes it.
    #[serde(default)]
    pub repair_frozen: bool,
    /// Its lines of upkeep, each with what keeps it from its runs; the four above are of whichever
    /// waits longest.
    #[serde(default)]
    pub chores: Vec<ChoreStatus>,
    /// What was asked for and has not begun, in the order in which it was asked for.
    #[serde(default)]
    pub queued: Vec<Job>,
    /// The last run that ended.
    pub last_run: Option<RunRecord>,
    /// The run that goes on.
    pub running: Option<RunId>,
}

/// A chore at a glance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChoreStatus {
    /// The chore's name.
    pub name: String,
    /// What makes its changes.
    pub proposer: String,
    /// What may be done without asking.
    pub mode: Mode,
    /// The cron expression of its slots, as written.
    pub cron: String,
    /// The next slot; `None` if there is none.
    pub next_slot: Option<Timestamp>,
    /// Until when it is left alone, and why; `None` once that is over.
    pub parked: Option<Parked>,
    /// Why it is left alone until a person resumes the project.
    pub frozen: Option<Frozen>,
    /// The change of it that waits for a person.
    pub held: Option<Held>,
}

impl ChoreStatus {
    fn new(status: pimainteno_core::ChoreStatus, now: Timestamp) -> Self {
        let pimainteno_core::ChoreStatus { chore, state, next_slot, .. } = status;
        let Chore { name, proposer, mode, cron, .. } = chore;
        let parked = state.parked.filter(|parked| parked.until > now);
        Self {
            name,
            proposer,
            mode,
            cron: cron.to_string(),
            next_slot,
            parked,
            frozen: state.frozen,
            held: state.held,
        }
    }
}

/// The last runs that ended, the newest first: of one project, also of one that is not in the
/// configuration any more, or of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Runs {
    /// Id or name of a project; all if it is not given.
    pub project: Option<String>,
    /// How many to list at most.
    #[cfg_attr(feature = "clap", arg(long, short = 'n', default_value = "20", value_parser = number()))]
    pub limit: Option<usize>,
}

/// The same of one project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProjectRuns {
    /// Id or name of a project.
    pub project: String,
    /// How many to list at most.
    pub limit: Option<usize>,
}

/// Everything that is kept of one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct ShowRun {
    /// The id of a run, or the beginning of it.
    pub id: String,
}

/// Everything that is kept of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunDetail {
    /// The run.
    pub record: RunRecord,
    /// The change that it was about.
    pub proposal: Option<Proposal>,
    /// What its answers cost, by task and backend.
    #[serde(default)]
    pub usage: Vec<UsageEntry>,
    /// What it announced and did.
    pub journal: Vec<Entry>,
    /// Check logs and the backend's answers.
    pub outputs: Vec<Output>,
}

/// The last changes that are held, the newest first and without their diffs: of one project or of
/// all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Proposals {
    /// Id or name of a project; all if it is not given.
    pub project: Option<String>,
    /// Also lists those that are decided.
    #[serde(default)]
    #[cfg_attr(feature = "clap", arg(long, short))]
    pub all: bool,
    /// How many to list at most.
    #[cfg_attr(feature = "clap", arg(long, short = 'n', default_value = "20", value_parser = number()))]
    pub limit: Option<usize>,
}

/// One change with its diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct ShowProposal {
    /// The id of a proposal, or the beginning of it.
    pub id: String,
}

/// The last things that a person should know, the newest first: about one project, or about all and
/// none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "clap", derive(clap::Args))]
pub struct Notices {
    /// Id or name of a project; all if it is not given.
    pub project: Option<String>,
    /// How many to list at most.
    #[cfg_attr(feature = "clap", arg(long, short = 'n', default_value = "20", value_parser = number()))]
    pub limit: Option<usize>,
}

impl Verb for Healthz {
    const PATH: &'static str = "/healthz";
    type Answer = Health;

    async fn answer(self, service: &Service) -> Result<Health, Refusal> {
        Ok(Health { version: VERSION.to_owned(), configuration: service.configuration() })
    }
}

impl Verb for Status {
    const PATH: &'static str = "/api/status";
    type Answer = Overview;

    async fn answer(self, service: &Service) -> Result<Overview, Refusal> {
        let (maintainer, now) = (service.maintainer(), Timestamp::now());
        let projects = maintainer.projects().into_iter().map(|status| {
            let last_run = match status.state.last_run {
                Some(id) => maintainer.history().run(id)?,
                None => None,
            };
            Ok(ProjectStatus {
                id: status.project.id,
                name: status.project.name,
                path: status.project.path,
                mode: status.project.mode,
                backend: status.backend,
                cron: status.project.cron.to_string(),
                next_slot: status.next_slot,
                paused: status.state.paused,
                today: status.today,
                parked: status.state.parked().cloned().filter(|parked| parked.until > now),
                frozen: status.state.frozen().cloned(),
                held: status.state.held().next().cloned(),
                repair: status.state.repair().held.clone(),
                repair_frozen: status.state.repair().frozen.is_some(),
                queued: status.state.orders.iter().map(|order| order.job.clone()).collect(),
                chores: status
                    .chores
                    .into_iter()
                    .map(|chore| ChoreStatus::new(chore, now))
                    .collect(),
                last_run,
                running: status.running,
            })
        });
        let projects = projects.collect::<Result<_>>()?;
        let (day, today) = (Some(maintainer.day()), maintainer.today());
        let (left_over, unfinished) = (maintainer.left_over(), maintainer.unfinished()?);
        let (version, daemon) = (VERSION.to_owned(), service.serves());
        let is_wanted = maintainer.config().systemd_monitor.enabled;
        let watching = is_wanted.then(|| maintainer.is_watching());
        let mut incidents = maintainer.incidents(None, MOST)?;
        incidents.retain(|incident| incident.ended.is_none());
        Ok(Overview {
            version,
            daemon,
            day,
            today,
            watching,
            incidents,
            projects,
            left_over,
            unfinished,
        })
    }
}

impl Verb for Runs {
    const PATH: &'static str = "/api/runs";
    type Answer = Vec<RunRecord>;

    async fn answer(self, service: &Service) -> Result<Vec<RunRecord>, Refusal> {
        let id = known_id(service.maintainer(), self.project)?;
        Ok(service.maintainer().history().runs(id.as_deref(), length(self.limit))?)
    }
}

impl Verb for ProjectRuns {
    const PATH: &'static str = "/api/projects/{project}/runs";
    type Answer = Vec<RunRecord>;

    async fn answer(self, service: &Service) -> Result<Vec<RunRecord>, Refusal> {
        Runs { project: Some(self.project), limit: self.limit }.answer(service).await
    }
}

impl Verb for ShowRun {
    const PATH: &'static str = "/api/runs/{id}";
    type Answer = RunDetail;

    async fn answer(self, service: &Service) -> Result<RunDetail, Refusal> {
        let maintainer = service.maintainer();
        let record = maintainer.run(&self.id)?;
        let journal = maintainer.history().run_journal(record.id)?;
        Ok(RunDetail {
            proposal: maintainer.proposal_of(record.id)?,
            usage: UsageEntry::of_journal(&journal),
            journal,
            outputs: maintainer.history().run_outputs(record.id)?,
            record,
        })
    }
}

impl Verb for Proposals {
    const PATH: &'static str = "/api/proposals";
    type Answer = Vec<Proposal>;

    async fn answer(self, service: &Service) -> Result<Vec<Proposal>, Refusal> {
        let id = known_id(service.maintainer(), self.project)?;
        Ok(service.maintainer().proposals(id.as_deref(), self.all, length(self.limit))?)
    }
}

impl Verb for ShowProposal {
    const PATH: &'static str = "/api/proposals/{id}";
    type Answer = Proposal;

    async fn answer(self, service: &Service) -> Result<Proposal, Refusal> {
        Ok(service.maintainer().proposal(&self.id)?)
    }
}

impl Verb for Notices {
    const PATH: &'static str = "/api/notices";
    type Answer = Vec<Notice>;

    async fn answer(self, service: &Service) -> Result<Vec<Notice>, Refusal> {
        let id = known_id(service.maintainer(), self.project)?;
        Ok(service.maintainer().notices(id.as_deref(), length(self.limit))?)
    }
}

#[cfg(feature = "clap")]
pub(super) fn number() -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser as _;
    clap::value_parser!(u16).range(1..).map(usize::from)
}

pub(super) fn length(limit: Option<usize>) -> usize {
    limit.unwrap_or(SOME).min(MOST)
}

/// The id of a project that is in the configuration or in the store.
pub(super) fn known_id(
    maintainer: &Maintainer,
    project: Option<String>,
) -> Result<Option<ProjectId>> {
    let Some(name) = project else { return Ok(None) };
    let known = maintainer.history().known_projects().into_iter().find(|known| *known == *name);
    known.map_or_else(|| maintainer.project_id(&name), Ok).map(Some)
}
