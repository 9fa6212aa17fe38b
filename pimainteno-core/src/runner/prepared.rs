//! A project with everything that its runs need, made once at start.

use std::{fs, path::Path, sync::Arc};

use jiff::tz::TimeZone;

use crate::{
    backend::LlmBackend,
    config::{Config, Project, Schedule},
    error::{Context, ErrorKind, Result},
    policy::{Policy, PolicyEngine},
    process::Environment,
    proposal::sha256,
    registry::{BackendContext, Registry},
    service::{HealthProbe, ServiceManager},
    step::{Part, Step},
};

/// A project with everything that its runs need.
pub(crate) struct Prepared {
    pub(crate) project: Project,
    pub(crate) steps: Vec<Arc<dyn Step>>,
    pub(crate) backend: Arc<dyn LlmBackend>,
    pub(crate) policy: Policy,
    pub(crate) schedule: Schedule,
    pub(crate) services: Arc<dyn ServiceManager>,
    pub(crate) probe: Option<HealthProbe>,
    /// A fingerprint of what a run depends on besides the commit. While it and the head stay, a run would be futile.
    pub(crate) inputs: String,
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
        let backend = registry.backend(&BackendContext::new(&project.llm, environment, state_directory))?;
        let (policy, source) = match &project.policy {
            Some(path) => {
                let source =
                    fs::read_to_string(path).context(ErrorKind::Policy, || format!("cannot read the policy `{}`", path.display()))?;
                (policies.compile(&path.display().to_string(), &source)?, source)
            }
            None => (policies.bundled_default()?, String::new()),
        };
        let schedule = Schedule::parse(&project.cron, timezone)?;
        let services = registry.services(&project, config.systemd_monitor.bus, environment);
        let probe = match &project.health {
            Some(health) => Some(HealthProbe::new(health, &project.path, environment.clone())?),
            None => None,
        };
        let inputs = sha256(&format!("{project:?}\n{}\n{}\n{source}", backend.name(), backend.model()));
        Ok(Self { project, steps, backend, policy, schedule, services, probe, inputs })
    }

    /// The steps before `apply` that later ones need.
    pub(super) fn preparing_steps(&self) -> impl Iterator<Item = &Arc<dyn Step>> {
        self.steps.iter().take_while(|step| step.part() != Part::Place).filter(|step| step.prepares())
    }
}
