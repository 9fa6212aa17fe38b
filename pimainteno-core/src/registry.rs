//! Which steps and backends there are, by name.

mod order;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use crate::{
    backend::LlmBackend,
    chore::{Proposer, backend::Backend, repair::Repair},
    config::{BACKEND, Chore, LlmConfig, Project, RestartConfig, StepConfig, SystemdMonitorConfig},
    error::{Error, ErrorKind, Result},
    job::REPAIR,
    process::Environment,
    service::{self, ServiceManager},
    step::{
        self, Part, Step, apply::Apply, command::CommandStep, commit::Commit, monitor::Monitor,
        prepare::Prepare, propose::Propose, push::Push, restart::Restart, summarize::Summarize,
        verify::Verify,
    },
};

/// Makes a backend for a project.
pub type BackendFactory =
    Arc<dyn Fn(&BackendContext<'_>) -> Result<Arc<dyn LlmBackend>> + Send + Sync>;

/// What a backend is made from.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct BackendContext<'a> {
    /// What the configuration says about it.
    pub llm: &'a LlmConfig,
    /// The variables that its children may see.
    pub environment: &'a Environment,
    /// A directory that it may write to.
    pub state_directory: &'a Path,
}

impl<'a> BackendContext<'a> {
    /// What a backend is made from.
    pub fn new(
        llm: &'a LlmConfig,
        environment: &'a Environment,
        state_directory: &'a Path,
    ) -> Self {
        Self { llm, environment, state_directory }
    }
}

/// Which steps and backends there are; built once, then read only.
pub(crate) struct Registry {
    steps: BTreeMap<String, Arc<dyn Step>>,
    backends: BTreeMap<String, BackendFactory>,
    proposers: BTreeMap<String, Arc<dyn Proposer>>,
    /// What takes the place of systemd.
    services: Option<Arc<dyn ServiceManager>>,
}

impl Registry {
    /// A registry of the built-in steps, without backends.
    pub(crate) fn new(services: Option<Arc<dyn ServiceManager>>) -> Self {
        let built_in: [Arc<dyn Step>; 9] = [
            Arc::new(Prepare),
            Arc::new(Summarize),
            Arc::new(Propose),
            Arc::new(Apply),
            Arc::new(Verify),
            Arc::new(Commit),
            Arc::new(Push),
            Arc::new(Restart),
            Arc::new(Monitor),
        ];
        Self {
            steps: built_in.into_iter().map(|step| (step.name().to_owned(), step)).collect(),
            backends: BTreeMap::new(),
            proposers: [
                (BACKEND.to_owned(), Arc::new(Backend) as Arc<dyn Proposer>),
                (REPAIR.to_owned(), Arc::new(Repair)),
            ]
            .into(),
            services,
        }
    }

    /// Adds a step under its name.
    pub(crate) fn add_step(&mut self, step: Arc<dyn Step>) -> Result<()> {
        add(&mut self.steps, "step", step.name().to_owned(), step)
    }

    /// Adds a backend under a name.
    pub(crate) fn add_backend(&mut self, name: String, factory: BackendFactory) -> Result<()> {
        add(&mut self.backends, "backend", name, factory)
    }

    /// Adds a proposer under its name.
    pub(crate) fn add_proposer(&mut self, proposer: Arc<dyn Proposer>) -> Result<()> {
        add(&mut self.proposers, "proposer", proposer.name().to_owned(), proposer)
    }

    /// What makes the changes of a chore.
    pub(crate) fn proposer(&self, chore: &Chore) -> Result<Arc<dyn Proposer>> {
        let unknown = || unknown("proposer", &chore.proposer, self.proposers.keys());
        let proposer = self.proposers.get(&chore.proposer).ok_or_else(unknown);
        proposer
            .and_then(|proposer| proposer.check(&chore.settings).map(|()| proposer.clone()))
            .map_err(|error| error.about(format!("chore `{}`", chore.name)))
    }

    /// Who restarts a project's units.
    pub(crate) fn services(
        &self,
        project: &Project,
        monitor: &SystemdMonitorConfig,
        environment: &Environment,
    ) -> Arc<dyn ServiceManager> {
        match (&project.restart, &self.services) {
            (RestartConfig::Systemd, Some(services)) => services.clone(),
            _ => service::manager(project, monitor, environment),
        }
    }

    /// The steps of a project, in its order.
    pub(crate) fn steps_of(&self, project: &Project) -> Result<Vec<Arc<dyn Step>>> {
        let mut steps: Vec<Arc<dyn Step>> = Vec::new();
        let checks = project.steps.iter().position(|step| self.is_check(step));
        for (at, config) in project.steps.iter().enumerate() {
            let is_before_checks = checks.is_some_and(|checks| at < checks);
            let step = self.step(config, project, is_before_checks)?;
            let amends = matches!(config, StepConfig::Command(command) if command.amend);
            if amends && step::of_part(&steps, Part::Commit).is_some() {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("`{}` would change the change after it was committed", step.name()),
                )
                .hint("put a step with `amend` before `commit`"));
            }
            if step::named(&steps, step.name()).is_some() {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("two steps are named `{}`", step.name()),
                )
                .hint("give one of them another name"));
            }
            steps.push(step);
        }
        order::check(&steps, project)?;
        Ok(steps)
    }

    /// The backend that answers a project's prompts.
    pub(crate) fn backend(&self, context: &BackendContext<'_>) -> Result<Arc<dyn LlmBackend>> {
        let name = &context.llm.provider;
        let Some(factory) = self.backends.get(name) else {
            return Err(unknown("backend", name, self.backends.keys()).hint("set `llm.provider`"));
        };
        factory(context)
    }

    fn is_check(&self, step: &StepConfig) -> bool {
        let registered = self.steps.get(step.name());
        registered.is_some_and(|registered| registered.part() == Part::Check)
    }

    fn step(
        &self,
        step: &StepConfig,
        project: &Project,
        is_before_checks: bool,
    ) -> Result<Arc<dyn Step>> {
        let name = step.name();
        let registered = self.steps.get(name);
        if let StepConfig::Command(command) = step {
            if registered.is_some() {
                return Err(Error::new(
                    ErrorKind::Config,
                    format!("a command must not take the name of a step: `{name}`"),
                ));
            }
            check_name(name)?;
            return Ok(Arc::new(CommandStep::new(command.clone(), project, is_before_checks)));
        }
        let registered = registered.ok_or_else(|| {
            unknown("step", name, self.steps.keys())
                .hint(format!("see `steps` of project `{}`", project.name))
        })?;
        registered
            .check(&step.settings().cloned().unwrap_or_default())
            .map_err(|error| error.about(format!("step `{name}`")))?;
        Ok(registered.clone())
    }
}

/// Adds one of `all`, of which `what` says what they are, under a name that none has yet.
fn add<T>(all: &mut BTreeMap<String, T>, what: &str, name: String, one: T) -> Result<()> {
    check_name(&name)?;
    let taken = format!("there is already a {what} named `{name}`");
    match all.insert(name, one) {
        None => Ok(()),
        Some(_) => Err(Error::new(ErrorKind::Config, taken).hint("give it another name")),
    }
}

/// A name that can stand in a configuration, a file name and a table.
fn check_name(name: &str) -> Result<()> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.is_empty() || name.starts_with('-') || !name.bytes().all(fits) {
        return Err(Error::new(
            ErrorKind::Config,
            format!("not a name for a step, a backend or a proposer: `{name}`"),
        )
        .hint("use lower-case letters, digits and `-`"));
    }
    Ok(())
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a String>) -> Error {
    let known: Vec<_> = known.map(String::as_str).collect();
    let error = Error::new(ErrorKind::Config, format!("there is no {what} named `{name}`"));
    let likeness = known.iter().map(|known| (strsim::jaro_winkler(known, name), known));
    let alike = likeness.filter(|(likeness, _)| *likeness > 0.8);
    let error = match alike.max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((_, nearest)) => error.hint(format!("did you mean `{nearest}`?")),
        None => error,
    };
    error.hint(format!("there are: {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ProjectConfig};

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let project = ProjectConfig {
            path: "/srv/x".into(),
            steps: Some(vec![StepConfig::Named("verfy".into())]),
            ..Default::default()
        };
        let error =
            Registry::new(None).steps_of(&Project::new(&project, &Config::default())).unwrap_err();
        let hints: Vec<_> = error.hints().collect();
        assert_eq!(hints[0], "did you mean `verify`?");
        assert!(hints[1].contains("apply, commit, monitor"), "{hints:?}");
        let error = Registry::new(None).add_step(Arc::new(Apply)).unwrap_err();
        assert!(error.to_string().contains("`apply`"), "{error}");
    }
}
