//! A project with everything that its runs need, made once at start.

use std::{fs, path::Path, sync::Arc};

use jiff::tz::TimeZone;

use crate::{
    backend::LlmBackend,
    chore::Proposer,
    config::{Chore, Config, Project, Schedule},
    error::{Context, ErrorKind, Result},
    policy::{Policy, PolicyEngine},
    process::Environment,
    registry::{BackendContext, Registry},
    service::{HealthProbe, ServiceManager},
    step::{Need, Part, Step},
    words::Sha256,
};

/// A project with everything that its runs need.
pub(crate) struct Prepared {
    pub(crate) project: Project,
    pub(crate) steps: Vec<Arc<dyn Step>>,
    pub(crate) backend: Arc<dyn LlmBackend>,
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
        let (policy, source) = match &project.policy {
            Some(path) => {
                let source = fs::read_to_string(path).context(ErrorKind::Policy, || {
                    format!("cannot read the policy `{}`", path.display())
                })?;
                (policies.compile(&path.display().to_string(), &source)?, source)
            }
            None => (policies.bundled_default()?, String::new()),
        };
        let services = registry.services(&project, config.systemd_monitor.bus, environment);
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
        Ok(Self { project, steps, backend, policy, services, probe, chores, repair })
    }

    /// Whether one of its steps needs this.
    pub(super) fn needs(&self, need: Need) -> bool {
        self.steps.iter().any(|step| step.needs().contains(&need))
    }

    /// Whether a failure of the step of this name says something about the change.
    pub(super) fn judges(&self, name: &str) -> bool {
        self.steps
            .iter()
            .any(|step| step.name() == name && matches!(step.part(), Part::Place | Part::Check))
    }

    /// A chore by its name.
    pub(crate) fn chore(&self, name: &str) -> &PreparedChore {
        self.chores.iter().find(|prepared| prepared.chore.name == name).unwrap_or(&self.repair)
    }

    /// The steps before `apply` that later ones need.
    pub(super) fn preparing_steps(&self) -> impl Iterator<Item = &Arc<dyn Step>> {
        self.steps
            .iter()
            .take_while(|step| step.part() != Part::Place)
            .filter(|step| step.prepares())
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
