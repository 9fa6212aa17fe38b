//! A project with everything that its runs need, made once at start.

use std::{fs, path::Path, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};

use crate::{
    backend::LlmBackend,
    chore::Proposer,
    config::{Chore, Config, Project, Schedule},
    error::{Context, Error, ErrorKind, Result},
    job::Job,
    policy::{Policy, PolicyEngine},
    process::Environment,
    registry::{BackendContext, Registry},
    run::{RunRecord, Trigger},
    service::{HealthProbe, ServiceManager},
    step::{self, Need, Part, Step},
    words::{ProjectId, Sha256},
};

/// A project with everything that its runs need.
pub(crate) struct Prepared {
    pub(crate) project: Project,
    /// What its checkout goes by, which has one run at a time and one workspace: the id of the first
    /// of the projects that are in it.
    pub(crate) repository: ProjectId,
    pub(crate) steps: Vec<Arc<dyn Step>>,
    pub(crate) backend: Arc<dyn LlmBackend>,
    /// A fingerprint of the backend's settings.
    pub(crate) backend_settings: Sha256,
    pub(crate) policy: Policy,
    pub(crate) services: Arc<dyn ServiceManager>,
    pub(crate) probe: Option<HealthProbe>,
    /// Its lines of upkeep.
    pub(crate) chores: Vec<PreparedChore>,
    /// What looks after units that fail, and after what is left of chores that are not configured
    /// any more.
    repair: PreparedChore,
}

/// A chore with everything that its runs need.
pub(crate) struct PreparedChore {
    pub(crate) chore: Chore,
    pub(crate) proposer: Arc<dyn Proposer>,
    pub(crate) schedule: Schedule,
    /// A fingerprint of what its runs depend on besides the commit and what its proposer says.
    inputs: Sha256,
}

impl Prepared {
    /// Makes a project ready.
    pub(crate) fn new(
        project: Project,
        config: &Config,
        registry: &Registry,
        policies: &PolicyEngine,
        environment: &Environment,
        state_directory: &Path,
        timezone: &TimeZone,
    ) -> Result<Self> {
        let steps = registry.steps_of(&project)?;
        let backend =
            registry.backend(&BackendContext::new(&project.llm, environment, state_directory))?;
        let backend_settings =
            Sha256::of(&format!("{}\n{}\n{:?}", backend.name(), backend.model(), project.llm));
        let (policy, source) = match &project.policy {
            Some(path) => {
                let source = fs::read_to_string(path).context(ErrorKind::Policy, || {
                    format!("cannot read the policy `{}`", path.display())
                })?;
                (policies.compile(&path.display().to_string(), &source)?, source)
            }
            None => (policies.bundled_default()?, String::new()),
        };
        let services = registry.services(&project, &config.systemd_monitor, environment);
        let probe = match &project.health {
            Some(health) => Some(HealthProbe::new(health, &project.path, environment.clone())?),
            None => None,
        };
        // What is said to one chore is nothing to the others.
        let common = Project { chores: Vec::new(), ..project.clone() };
        let common = format!("{common:?}\n{}\n{}\n{source}", backend.name(), backend.model());
        let prepare = |chore: &Chore| {
            let (proposer, schedule) =
                (registry.proposer(chore)?, Schedule::new(chore.cron.clone(), timezone.clone()));
            Ok(PreparedChore {
                inputs: Sha256::of(&format!("{common}\n{chore:?}")),
                chore: chore.clone(),
                proposer,
                schedule,
            })
        };
        let chores = project.chores.iter().map(prepare).collect::<Result<_>>()?;
        let repair = prepare(&Chore::repair(&project))?;
        let repository = project.id.clone();
        Ok(Self {
            project,
            repository,
            steps,
            backend,
            backend_settings,
            policy,
            services,
            probe,
            chores,
            repair,
        })
    }

    /// Whether one of its steps needs this.
    pub(super) fn needs(&self, need: Need) -> bool {
        self.steps.iter().any(|step| step.needs().contains(&need))
    }

    /// Whether a failure of the step of this name says something about the change.
    pub(super) fn judges(&self, name: &str) -> bool {
        step::named(&self.steps, name)
            .is_some_and(|step| matches!(step.part(), Part::Place | Part::Check))
    }

    /// A chore by its name, or what takes its place where it is not configured any more.
    pub(crate) fn chore(&self, name: &str) -> &PreparedChore {
        self.configured(name).unwrap_or(&self.repair)
    }

    /// A chore by its name.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if the project has none of that name.
    pub(crate) fn configured(&self, name: &str) -> Result<&PreparedChore> {
        self.chores.iter().find(|prepared| prepared.chore.name == name).ok_or_else(|| {
            let message = format!("project `{}` has no chore `{name}`", self.project.id);
            let names: Vec<_> = self.chores.iter().map(|chore| chore.chore.name.as_str()).collect();
            Error::new(ErrorKind::Usage, message).hint(format!("there are: {}", names.join(", ")))
        })
    }

    /// The record of a run that begins now.
    pub(crate) fn record(&self, trigger: &Trigger, job: &Job) -> RunRecord {
        RunRecord::new(&self.project.id, trigger.clone(), job.clone(), Timestamp::now())
    }
}

impl PreparedChore {
    /// A fingerprint of what its runs depend on besides the commit. While it and the head stay, a
    /// run would be futile.
    pub(crate) fn inputs(&self) -> Sha256 {
        let more = self.proposer.inputs(&self.chore);
        if more.is_empty() {
            self.inputs.clone()
        } else {
            Sha256::of(&format!("{}\n{more}", self.inputs))
        }
    }
}
