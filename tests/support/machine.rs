//! A project that is maintained by the library, with an agent that edits by a function.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use pimainteno_core::{
    Call, Edit, Event, EventKind, EventSink, LlmBackend, Maintainer, Outcome, Reply, Request,
    Result, RunOptions, RunRecord, StepStatus, Task, Trigger,
    config::{Config, Globs, Mode, ProjectConfig, StepConfig},
    process::{Environment, SandboxHelper, Support},
};

use super::{
    TestEnv,
    world::{runtime, toolchain},
};

/// A backend that edits the workspace by a function.
#[derive(Clone)]
pub(crate) struct Agent {
    edit: Edits,
    repair: Edits,
}

type Edits = Arc<dyn Fn(&Path) + Send + Sync>;

impl Agent {
    pub(crate) fn new(edit: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        Self::with_repair(edit, |_| {})
    }

    /// One that edits otherwise when it is asked for a repair.
    pub(crate) fn with_repair(
        edit: impl Fn(&Path) + Send + Sync + 'static,
        repair: impl Fn(&Path) + Send + Sync + 'static,
    ) -> Self {
        Self { edit: Arc::new(edit), repair: Arc::new(repair) }
    }

    /// One that writes a line of the README, and nothing else.
    pub(crate) fn harmless() -> Self {
        Self::new(|workspace| write(&workspace.join("README.md"), "# Site\n\nIt plays music.\n"))
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Agent")
    }
}

#[async_trait]
impl LlmBackend for Agent {
    fn name(&self) -> &str {
        "scripted"
    }

    fn edit(&self) -> Edit {
        Edit::Workspace
    }

    async fn complete(&self, request: &Request, _: &Call) -> Result<Reply> {
        match request.task {
            Task::Propose => (self.edit)(&request.workspace),
            Task::Mend => (self.repair)(&request.workspace),
            _ => {}
        }
        Ok(Reply::new("docs: edit"))
    }
}

/// A machine with the project `site`, kept by the library with the real sandbox: `pi-mainteno`
/// itself is its helper.
pub(crate) struct Machine {
    pub(crate) env: TestEnv,
    pub(crate) site: PathBuf,
    pub(crate) project: ProjectConfig,
    /// What it supports of a sandbox, if that is less than this one does.
    pub(crate) support: Option<Support>,
    /// What people were told.
    pub(crate) notices: Notices,
}

/// The notices of all runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notices(Arc<Mutex<Vec<String>>>);

impl Notices {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl EventSink for Notices {
    fn event(&self, event: &Event) {
        if let EventKind::Notice { message, .. } = &event.what {
            self.0.lock().unwrap().push(message.clone());
        }
    }
}

impl Machine {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let env = TestEnv::new();
        let site = env.project_with("site", &[&[("README.md", "# Site\n")], files].concat());
        let mut project = ProjectConfig::new(&site);
        project.mode = Mode::Auto;
        project.units = Some(Vec::new());
        project.hold = Some(Globs::default());
        project.repairs = Some(0);
        project.steps = Some(
            ["propose", "apply", "verify", "commit", "push"]
                .map(|name| StepConfig::Named(name.into()))
                .into(),
        );
        project.verify = vec!["test -s README.md".into()];
        project.probation = Some(Duration::ZERO);
        Self { env, site, project, support: None, notices: Notices::default() }
    }

    pub(crate) fn run(&self, agent: Agent) -> RunRecord {
        self.run_with(agent, false)
    }

    /// A run that is only made where something changed.
    pub(crate) fn run_unforced(&self, agent: Agent) -> RunRecord {
        let maintainer = self.maintainer(agent);
        let run = maintainer.run_project("site", Trigger::Manual, RunOptions::default());
        runtime().block_on(run).unwrap().remove(0)
    }

    pub(crate) fn run_with(&self, agent: Agent, dry_run: bool) -> RunRecord {
        let mut options = RunOptions::default();
        (options.dry_run, options.force) = (dry_run, true);
        runtime()
            .block_on(self.maintainer(agent).run_project("site", Trigger::Manual, options))
            .unwrap()
            .remove(0)
    }

    /// Delivers what `record` is held with.
    pub(crate) fn approve(&self, record: &RunRecord) -> RunRecord {
        let maintainer = self.maintainer(Agent::harmless());
        let proposal = maintainer.proposal(&record.proposal.unwrap().to_string()).unwrap();
        runtime().block_on(maintainer.approve(&proposal.id.to_string(), &proposal.sha256)).unwrap()
    }

    /// Gives up what `record` is held with.
    pub(crate) fn reject(&self, record: &RunRecord) {
        let maintainer = self.maintainer(Agent::harmless());
        let proposal = record.proposal.unwrap().to_string();
        runtime().block_on(maintainer.reject(&proposal, "not now")).unwrap();
    }

    pub(crate) fn maintainer(&self, agent: Agent) -> Maintainer {
        let mut config = Config::default();
        config.llm.provider = "scripted".into();
        config.project.push(self.project.clone());
        let mut helper = SandboxHelper::new(env!("CARGO_BIN_EXE_pi-mainteno"));
        if let Some(support) = self.support.clone() {
            helper = helper.with_support(support);
        }
        let environment = Environment::from_variables(std::env::vars_os())
            .with("HOME", self.env.path("home"))
            // The toolchain is in the home of whoever runs the tests.
            .with("RUSTUP_HOME", toolchain("RUSTUP_HOME"));
        Maintainer::builder()
            .config(config)
            .backend(agent)
            .events(self.notices.clone())
            .environment(environment)
            .state_directory(self.env.path("state"))
            .sandbox_helper(helper)
            .build()
            .unwrap()
    }

    /// Makes a hook of the checkout's repository.
    pub(crate) fn hook(&self, name: &str, script: &str) {
        program(&self.site.join(".git/hooks").join(name), script);
    }

    pub(crate) fn config(&self, key: &str, value: &str) {
        self.env.git(&self.env.path("home"), &["config", "--global", key, value]);
    }

    /// What an attacker wants to make.
    pub(crate) fn mark(&self) -> PathBuf {
        self.env.path("mark")
    }

    pub(crate) fn remote(&self, arguments: &[&str]) -> String {
        self.env.git(&self.env.path("remotes/site.git"), arguments)
    }

    /// Commits what is in the checkout, and pushes it.
    pub(crate) fn commit(&self) {
        self.env.git(&self.site, &["add", "--all"]);
        self.env.git(&self.site, &["commit", "--quiet", "--no-verify", "--message", "more"]);
        self.env.git(&self.site, &["push", "--quiet"]);
    }
}

pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

pub(crate) fn program(path: &Path, script: &str) {
    write(path, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn sh(directory: &Path, script: &str) {
    assert!(
        std::process::Command::new("sh")
            .arg("-ec")
            .arg(script)
            .current_dir(directory)
            .status()
            .unwrap()
            .success(),
        "{script}"
    );
}

#[track_caller]
pub(crate) fn is_applied(record: &RunRecord) {
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{:?}", record.outcome);
}

/// The machines on which what checks see is told apart: this one, one without layers, and one without
/// namespaces.
pub(crate) fn machines(files: &[(&str, &str)]) -> impl Iterator<Item = Machine> {
    let less = [
        None,
        Some(Support { layers: false, system_calls: true, ..landlock() }),
        Some(Support { obstacle: Some("as told".into()), ..landlock() }),
    ];
    less.into_iter().map(move |support| {
        let mut machine = Machine::new(files);
        machine.support = support;
        machine.project.unasked = Globs::compile(["**"]).unwrap();
        machine
    })
}

pub(crate) fn landlock() -> Support {
    Support { landlock: 1, ..Support::default() }
}

/// An agent that writes `text` to `file`.
pub(crate) fn edits(file: &'static str, text: &'static str) -> Agent {
    Agent::new(move |workspace| write(&workspace.join(file), text))
}

/// The run's change is delivered, by a person where the wall is not whole.
#[track_caller]
pub(crate) fn is_delivered(machine: &Machine, record: &RunRecord) {
    match &record.outcome {
        Some(Outcome::Held { reason }) if reason.contains("without a whole sandbox") => {
            is_applied(&machine.approve(record));
        }
        _ => is_applied(record),
    }
    machine.env.git(&machine.site, &["pull", "--quiet"]);
}

/// How the step of this name ended, and what it said.
pub(crate) fn step(record: &RunRecord, name: &str) -> (StepStatus, String) {
    let step = record.steps.iter().find(|step| step.name == name);
    let step = step.unwrap_or_else(|| panic!("no {name} in {record:?}"));
    (step.status, step.note.clone())
}
