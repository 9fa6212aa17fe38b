//! Says what to maintain, and with what.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use jiff::tz::TimeZone;

use super::Maintainer;
use crate::{
    backend::LlmBackend,
    chore::Proposer,
    config::{Config, Project, ProjectConfig, SandboxMode, StepConfig},
    error::{Error, ErrorKind, Result},
    event::{Bus, EventSink},
    git::top_above,
    policy::{Limits, Policy, PolicyEngine},
    process::{Cancel, Environment, SandboxHelper},
    queue::Queue,
    registry::{BackendFactory, Registry},
    runner::{Incidents, Live, Prepared, Recovery, Releases, Runner, UnderWay, learn_key},
    service::ServiceManager,
    step::Step,
    store::Store,
    words::ProjectId,
};

/// Says what to maintain, and with what; made by [`Maintainer::builder`].
#[derive(Default)]
pub struct MaintainerBuilder {
    config: Config,
    state_directory: Option<PathBuf>,
    environment: Environment,
    steps: Vec<Arc<dyn Step>>,
    backends: Vec<(String, BackendFactory)>,
    events: Vec<Arc<dyn EventSink>>,
    sandbox_helper: Option<SandboxHelper>,
    goes_without_helper: bool,
    time_zone: Option<TimeZone>,
    services: Option<Arc<dyn ServiceManager>>,
    proposers: Vec<Arc<dyn Proposer>>,
    in_memory: bool,
}

impl MaintainerBuilder {
    /// Maintains what `config` says.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Maintains one more project.
    #[must_use]
    pub fn project(mut self, project: ProjectConfig) -> Self {
        self.config.project.push(project);
        self
    }

    /// Lets the backend of this name answer the prompts of every project that names no other.
    #[must_use]
    pub fn provider(mut self, name: impl Into<String>) -> Self {
        self.config.llm.provider = name.into();
        self
    }

    /// Reads schedules, and counts the days of budgets, in this time zone where the configuration
    /// names none; in UTC if it is not given.
    #[must_use]
    pub fn time_zone(mut self, time_zone: TimeZone) -> Self {
        self.time_zone = Some(time_zone);
        self
    }

    /// Keeps the store and the workspaces here, which is an absolute path; beside the
    /// configuration's `cache.path` if it is not given.
    #[must_use]
    pub fn state_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.state_directory = Some(directory.into());
        self
    }

    /// Gives child processes these variables; without them they have none, and `git` is not found.
    #[must_use]
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Runs checks and command steps in sandboxes that this program sets up, and has it mind what
    /// runs without one: a program that calls [`crate::process::help`] first thing in its `main`,
    /// and `/proc/self/exe` if that is the program itself.
    #[must_use]
    pub fn sandbox_helper(mut self, helper: SandboxHelper) -> Self {
        self.sandbox_helper = Some(helper);
        self
    }

    /// Does without a helper for sandboxes, where a project would have them: its checks and command
    /// steps can do whatever this user can, each run says so, and every change waits for a person.
    /// A project whose sandbox is required is not run.
    #[must_use]
    pub fn without_sandbox_helper(mut self) -> Self {
        self.sandbox_helper = None;
        self.goes_without_helper = true;
        self
    }

    /// Adds a step, which `steps` then selects by its name.
    #[must_use]
    pub fn step(mut self, step: impl Step + 'static) -> Self {
        self.steps.push(Arc::new(step));
        self
    }

    /// Adds a proposer, which a chore then selects by its name.
    #[must_use]
    pub fn proposer(mut self, proposer: impl Proposer + 'static) -> Self {
        self.proposers.push(Arc::new(proposer));
        self
    }

    /// Adds a backend, which `llm.provider` then selects by its name. All projects share it.
    #[must_use]
    pub fn backend(self, backend: impl LlmBackend + 'static) -> Self {
        let backend: Arc<dyn LlmBackend> = Arc::new(backend);
        let name = backend.name().to_owned();
        self.backend_factory(name, Arc::new(move |_| Ok(backend.clone())))
    }

    /// Adds a backend that is made for each project from what the configuration says.
    #[must_use]
    pub fn backend_factory(mut self, name: impl Into<String>, factory: BackendFactory) -> Self {
        self.backends.push((name.into(), factory));
        self
    }

    /// Lets `services` restart and watch the units of every project that names nobody else, in
    /// place of systemd.
    #[must_use]
    pub fn services(mut self, services: impl ServiceManager + 'static) -> Self {
        self.services = Some(Arc::new(services));
        self
    }

    /// Keeps history, budgets and journals in memory, for tests and throwaway programs: with the
    /// program they are gone, and a run that is cut off with it is neither finished nor undone.
    /// The workspaces still want a state directory.
    #[must_use]
    pub fn in_memory(mut self) -> Self {
        self.in_memory = true;
        self
    }

    /// Adds a receiver of events.
    #[must_use]
    pub fn events(mut self, sink: impl EventSink + 'static) -> Self {
        self.events.push(Arc::new(sink));
        self
    }

    /// Opens the state directory and makes every project ready. No child process is started.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] and [`ErrorKind::Policy`] for what cannot be used, as sandboxes with
    /// no [helper](Self::sandbox_helper) that sets them up,
    /// [`ErrorKind::Store`] if another program holds the state directory. A store that is
    /// damaged is set aside, and a new one is begun, in which all projects are paused until they
    /// are resumed.
    pub fn build(self) -> Result<Maintainer> {
        let in_memory = self.in_memory;
        let plan = self.plan()?;
        let (keep_runs, most) = (plan.config.cache.keep_runs, plan.config.scheduler.concurrency);
        let ids = plan.projects.iter().map(|prepared| &prepared.project.id);
        // The notice comes with those of the first recovery, when somebody listens.
        let store = match in_memory {
            true => Store::in_memory(keep_runs)?,
            false => Store::open_or_set_aside(&plan.file, keep_runs, ids)?.0,
        };
        plan.learn_keys(&store)?;
        let bus = Bus::new(store.clone(), plan.policies().collect(), plan.events.clone());
        let runner = plan.runner(Shared {
            store,
            bus: Arc::new(bus),
            queue: Arc::new(Queue::new(most)),
            recovery: Arc::default(),
            releases: Arc::default(),
            under_way: Arc::default(),
            incidents: Arc::default(),
            cancel: Cancel::new(),
        });
        let carried = runner.carry_pauses_over()?;
        runner.tell_pauses(carried);
        Ok(Maintainer(Arc::new(Live::new(runner))))
    }

    /// Makes every project ready, and touches nothing.
    pub(super) fn plan(self) -> Result<Plan> {
        let Self { config, environment, sandbox_helper, goes_without_helper, .. } = self;
        let environment = match &sandbox_helper {
            Some(helper) => environment.minded_by(helper),
            None => environment,
        };
        let mut registry = Registry::new(self.services);
        for step in self.steps {
            registry.add_step(step)?;
        }
        for (name, factory) in self.backends {
            registry.add_backend(name, factory)?;
        }
        for proposer in self.proposers {
            registry.add_proposer(proposer)?;
        }
        let file = match (&config.cache.path, self.state_directory) {
            (_, Some(directory)) => directory.join("state.redb"),
            (Some(path), None) => path.clone(),
            (None, None) => {
                return Err(Error::new(ErrorKind::Config, "there is no place to keep state")
                    .hint("set `cache.path`, or give the builder a state directory"));
            }
        };
        // Children run elsewhere, and backends are promised an absolute path.
        if !file.is_absolute() {
            return Err(Error::new(ErrorKind::Config, format!("not a place to keep state: `{}` is no absolute path", file.display()))
                .hint("say from where: the library does not know the directory that a program was started in"));
        }
        let state_directory = file.parent().map(PathBuf::from).unwrap_or_default();
        let machine = self.time_zone.unwrap_or(TimeZone::UTC);
        let timezone = config.scheduler.timezone.clone().unwrap_or(machine);
        let policies = PolicyEngine::new(Limits::default());
        let mut projects: Vec<Prepared> = Vec::new();
        for project in config.projects() {
            if projects.iter().any(|other| other.project.id == project.id) {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("two projects have the id `{}`", project.id),
                )
                .hint("give one of them another `name`"));
            }
            let name = project.name.clone();
            if sandbox_helper.is_none() && !goes_without_helper && wants_sandbox(&project) {
                return Err(no_helper().about(format!("project `{name}`")));
            }
            let prepared = Prepared::new(
                project,
                &config,
                &registry,
                &policies,
                &environment,
                &state_directory,
                &timezone,
            );
            projects.push(prepared.map_err(|error| error.about(format!("project `{name}`")))?);
        }
        share_checkouts(&mut projects);
        Ok(Plan {
            config,
            file,
            state_directory,
            environment,
            sandbox_helper,
            timezone,
            projects: projects.into_iter().map(Arc::new).collect(),
            events: self.events,
        })
    }
}

/// Gives the projects of one checkout the same name for it: the id of the one that is nearest to its
/// top, and of several that of the first by name, so that it is the same whatever their order.
fn share_checkouts(projects: &mut [Prepared]) {
    let top = |project: &Project| {
        let top = top_above(&project.path).unwrap_or_else(|| project.path.clone());
        fs::canonicalize(&top).unwrap_or(top)
    };
    let rank = |project: &Project| (project.path.components().count(), project.id.clone());
    let mut checkouts: BTreeMap<PathBuf, Vec<&mut Prepared>> = BTreeMap::new();
    for prepared in projects {
        checkouts.entry(top(&prepared.project)).or_default().push(prepared);
    }
    for inside in checkouts.into_values() {
        let Some((_, first)) = inside.iter().map(|prepared| rank(&prepared.project)).min() else {
            continue;
        };
        for prepared in inside {
            prepared.repository.clone_from(&first);
        }
    }
}

/// Whether any command of a project is to run in a sandbox.
fn wants_sandbox(project: &Project) -> bool {
    let is_on = |mode| mode != SandboxMode::Off;
    is_on(project.sandbox.mode)
        || project.steps.iter().any(
            |step| matches!(step, StepConfig::Command(step) if step.sandbox.is_some_and(is_on)),
        )
}

fn no_helper() -> Error {
    let message =
        "its commands are to run in sandboxes, and this program has no helper that sets them up";
    Error::new(ErrorKind::Config, message)
        .hint("call `pimainteno_core::process::help` first in `main`, and give the builder's `sandbox_helper` this program, `SandboxHelper::new(\"/proc/self/exe\")`")
        .hint("`sandbox = \"off\"` says that a project needs none; with the builder's `without_sandbox_helper` they run without, and every change waits for a person")
}

/// Everything that a configuration says, made ready.
pub(super) struct Plan {
    pub(super) config: Config,
    /// The store's file.
    pub(super) file: PathBuf,
    state_directory: PathBuf,
    environment: Environment,
    sandbox_helper: Option<SandboxHelper>,
    timezone: TimeZone,
    pub(super) projects: Vec<Arc<Prepared>>,
    events: Vec<Arc<dyn EventSink>>,
}

/// What runners of one program have in common, whatever configuration they are of.
pub(super) struct Shared {
    pub(super) store: Store,
    pub(super) bus: Arc<Bus>,
    pub(super) queue: Arc<Queue>,
    pub(super) recovery: Arc<Recovery>,
    pub(super) releases: Arc<Releases>,
    pub(super) under_way: Arc<UnderWay>,
    pub(super) incidents: Arc<Incidents>,
    pub(super) cancel: Cancel,
}

impl Plan {
    /// Has every configured key taken out of whatever is kept or shown.
    pub(super) fn learn_keys(&self, store: &Store) -> Result<()> {
        for project in &self.projects {
            learn_key(store, &project.project)?;
        }
        match self.config.web.access_token() {
            Ok(Some(token)) => store.secrets().learn(token.expose()),
            _ => Ok(()),
        }
    }

    /// What each project's policy is told of.
    pub(super) fn policies(&self) -> impl Iterator<Item = (ProjectId, Policy)> {
        self.projects.iter().map(|prepared| (prepared.project.id.clone(), prepared.policy.clone()))
    }

    pub(super) fn runner(self, shared: Shared) -> Runner {
        let Shared { store, bus, queue, recovery, releases, under_way, incidents, cancel } = shared;
        let written =
            self.projects.iter().flat_map(|prepared| prepared.project.sandbox.write.clone());
        Runner {
            written: written.collect(),
            config: Arc::new(self.config),
            timezone: self.timezone,
            projects: self.projects,
            environment: self.environment,
            state_file: self.file,
            state_directory: self.state_directory,
            sandbox_helper: self.sandbox_helper,
            store,
            bus,
            queue,
            recovery,
            releases,
            under_way,
            incidents,
            cancel,
            looked: OnceLock::new(),
            newer: OnceLock::new(),
        }
    }
}
