//! One project with every default filled in.

use std::{path::PathBuf, time::Duration};

use super::{
    BudgetConfig, Chore, Config, CronExpression, Globs, HealthConfig, HooksMode, LinkPath,
    LlmConfig, Mode, OnSilence, PrepareConfig, ProjectConfig, RestartConfig, SandboxSettings,
    StepConfig,
};
use crate::words::{BranchName, ProjectId, RemoteName, UnitName};

/// The steps of a run, in order, where a project names none.
const DEFAULT_STEPS: [&str; 8] =
    ["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"];

/// The step that makes dependencies ready.
pub(crate) const PREPARE: &str = "prepare";

/// How long the remote may keep a run waiting in all, where a project says nothing about it.
pub(crate) const REMOTE_TIMEOUT: Duration = Duration::from_secs(2 * 60);

/// One project with every default filled in.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Project {
    /// Made of the name.
    pub id: ProjectId,
    /// The project's name.
    pub name: String,
    /// The checkout.
    pub path: PathBuf,
    /// The branch that is maintained; `None` is the checked-out one.
    pub branch: Option<BranchName>,
    /// The remote that is pushed to; `None` is the branch's own, or else `origin`.
    pub remote: Option<RemoteName>,
    /// How long the remote may say nothing, in all that one run asks of it.
    pub remote_timeout: Duration,
    /// Its slots, where its chores have none of their own.
    pub cron: CronExpression,
    /// What may be done without asking.
    pub mode: Mode,
    /// How long a held change waits for an answer.
    pub approval_expires: Duration,
    /// What happens when nobody answers in that time.
    pub on_silence: OnSilence,
    /// The steps of a run, in order.
    pub steps: Vec<StepConfig>,
    /// A Rhai policy; `None` is the bundled default.
    pub policy: Option<PathBuf>,
    /// Shell commands that make the dependencies ready for its checks, with the network.
    pub prepare: Vec<PrepareConfig>,
    /// Wall-clock limit for each of them.
    pub prepare_timeout: Duration,
    /// Directories of the checkout that checks see at the same place, for reading only.
    pub link: Vec<LinkPath>,
    /// Shell commands that must succeed in the workspace.
    pub verify: Vec<String>,
    /// Wall-clock limit for each of them.
    pub verify_timeout: Duration,
    /// How often the backend may mend a change that makes a check fail, in one run.
    pub repairs: usize,
    /// What checks and command steps run in.
    pub sandbox: SandboxSettings,
    /// Whether the repository's hooks are asked about our commits.
    pub hooks: HooksMode,
    /// The units that run from this checkout.
    pub units: Vec<UnitName>,
    /// Whether the configuration names the units; a guessed unit may be missing.
    pub units_are_explicit: bool,
    /// Who restarts them.
    pub restart: RestartConfig,
    /// How the service shows that it is healthy.
    pub health: Option<HealthConfig>,
    /// How long the service must stay healthy after a change.
    pub probation: Duration,
    /// Globs of files that a change must not touch.
    pub protect: Globs,
    /// Globs of files that a change may touch; empty is all.
    pub allow: Globs,
    /// Globs of files that a person looks at before a change to them is delivered; `None` is
    /// whatever is not known to be harmless.
    pub hold: Option<Globs>,
    /// Globs of files that may be delivered without asking although their kind is not known to be
    /// harmless.
    pub unasked: Globs,
    /// The most files that a change may touch.
    pub max_files: usize,
    /// The most lines that a change may add and remove.
    pub max_lines: usize,
    /// What to tell the backend about the project.
    pub instructions: String,
    /// Whether `codex.md` is committed instead of being kept out of Git.
    pub commit_summary: bool,
    /// Its lines of upkeep, by their names; one at least.
    pub chores: Vec<Chore>,
    /// Who answers its prompts.
    pub llm: LlmConfig,
}

impl Project {
    /// The project that `project` describes, with what it leaves open filled in from `config`.
    pub fn new(project: &ProjectConfig, config: &Config) -> Self {
        let directory = project
            .path
            .file_name()
            .map_or("project".into(), |name| name.to_string_lossy().into_owned());
        let name = project.name.clone().unwrap_or_else(|| directory.clone());
        let cron = project.cron.clone().unwrap_or_else(|| config.scheduler.cron.clone());
        Self {
            id: ProjectId::of(&name),
            name,
            path: project.path.clone(),
            branch: project.branch.clone(),
            remote: project.remote.clone(),
            remote_timeout: project.remote_timeout.unwrap_or(REMOTE_TIMEOUT),
            chores: Chore::all(project, &cron),
            cron,
            mode: project.mode,
            approval_expires: project
                .approval_expires
                .unwrap_or(Duration::from_secs(7 * 24 * 60 * 60)),
            on_silence: project.on_silence,
            steps: steps_of(project),
            policy: project.policy.clone(),
            prepare: project.prepare.clone(),
            prepare_timeout: project.prepare_timeout.unwrap_or(Duration::from_secs(30 * 60)),
            link: project.link.clone(),
            verify: project.verify.clone(),
            verify_timeout: project.verify_timeout.unwrap_or(Duration::from_secs(10 * 60)),
            repairs: project.repairs.unwrap_or(2),
            sandbox: SandboxSettings::new(project),
            hooks: project.hooks,
            units: project.units.clone().unwrap_or_else(|| vec![unit_of(&directory)]),
            units_are_explicit: project.units.is_some(),
            restart: project.restart.clone(),
            health: project.health.clone(),
            probation: project.probation.unwrap_or(Duration::from_secs(30)),
            protect: project.protect.clone(),
            allow: project.allow.clone(),
            hold: project.hold.clone(),
            unasked: project.unasked.clone(),
            max_files: project.max_files.unwrap_or(20),
            max_lines: project.max_lines.unwrap_or(500),
            instructions: project.instructions.clone(),
            commit_summary: project.commit_summary,
            llm: merged_llm(project, config),
        }
    }
}

impl Config {
    /// Every project of the configuration, those of `scheduler.projects` last.
    pub fn projects(&self) -> Vec<Project> {
        let short = self
            .scheduler
            .projects
            .iter()
            .map(|path| ProjectConfig { path: path.clone(), ..ProjectConfig::default() });
        self.project
            .iter()
            .cloned()
            .chain(short)
            .map(|project| Project::new(&project, self))
            .collect()
    }
}

/// The steps of a project: those that it names, or the usual ones. What it says in `prepare` comes
/// first, unless it says where: before anything is paid for, and before there is a change.
fn steps_of(project: &ProjectConfig) -> Vec<StepConfig> {
    let named = |step: &str| StepConfig::Named(step.into());
    let mut steps = project.steps.clone().unwrap_or_else(|| DEFAULT_STEPS.map(named).to_vec());
    let is_prepare = |step: &StepConfig| matches!(step, StepConfig::Named(name) if name == PREPARE);
    if !project.prepare.is_empty() && !steps.iter().any(is_prepare) {
        steps.insert(0, named(PREPARE));
    }
    steps
}

/// The unit that a project is probably run by: called like its directory, or like what an id makes
/// of that where no unit can be.
fn unit_of(directory: &str) -> UnitName {
    let like = |name: &str| format!("{name}.service").parse();
    like(directory)
        .or_else(|_| like(ProjectId::of(directory).as_str()))
        .unwrap_or_else(|_| UnitName::unchecked("project.service"))
}

fn merged_llm(project: &ProjectConfig, config: &Config) -> LlmConfig {
    let mut llm = config.llm.clone();
    let own = project.llm.as_ref().and_then(|over| over.budget.clone()).unwrap_or_default();
    // What all projects may spend in a day is no matter of one project; what a run may spend is.
    llm.budget = BudgetConfig {
        calls_per_run: own.calls_per_run.or(llm.budget.calls_per_run),
        tokens_per_run: own.tokens_per_run.or(llm.budget.tokens_per_run),
        money_per_run: own.money_per_run.or(llm.budget.money_per_run),
        ..own
    };
    let Some(over) = project.llm.clone() else { return llm };
    // A project that names another provider does not inherit what was said for the first one.
    if over.provider.as_ref().is_some_and(|provider| *provider != llm.provider) {
        llm = LlmConfig {
            budget: llm.budget,
            prices: llm.prices,
            timeout: llm.timeout,
            silence_timeout: llm.silence_timeout,
            ..LlmConfig::default()
        };
    }
    if over.api_key.is_some() || over.api_key_file.is_some() {
        (llm.api_key, llm.api_key_file) = (over.api_key, over.api_key_file);
    }
    llm.provider = over.provider.unwrap_or(llm.provider);
    llm.model = over.model.unwrap_or(llm.model);
    llm.base_url = over.base_url.unwrap_or(llm.base_url);
    llm.extra_args = over.extra_args.unwrap_or(llm.extra_args);
    llm.edit = over.edit.unwrap_or(llm.edit);
    llm.timeout = over.timeout.unwrap_or(llm.timeout);
    llm.silence_timeout = over.silence_timeout.unwrap_or(llm.silence_timeout);
    llm
}
