//! A project with a bare remote, in a directory of its own.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use pimainteno_core::{
    Call, Edit, LlmBackend, Maintainer, MaintainerBuilder, Outcome, Reply, Request, Result,
    RunRecord, Task,
    config::{Config, HealthConfig, Mode, ProjectConfig, RestartConfig, SandboxMode, StepConfig},
    process::Environment,
};

/// A checkout, its bare remote and a state directory.
pub(crate) struct World {
    directory: tempfile::TempDir,
    /// What the configuration says of the project; change it before the maintainer is built.
    pub(crate) project: ProjectConfig,
    /// The whole configuration.
    pub(crate) config: Config,
}

/// A backend that edits the workspace by a function, every time that it is asked for a change, and
/// says nothing else.
#[derive(Clone)]
pub(crate) struct Agent(Arc<dyn Fn(&Path) + Send + Sync>);

impl Agent {
    /// An agent that edits by `edit`.
    pub(crate) fn new(edit: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        Self(Arc::new(edit))
    }

    /// An agent that writes one file.
    pub(crate) fn writes(file: &'static str, content: &'static str) -> Self {
        Self::new(move |workspace| fs::write(workspace.join(file), content).unwrap())
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
        if request.task != Task::Propose {
            return Ok(Reply::default());
        }
        (self.0)(&request.workspace);
        Ok(Reply::new("docs: edit"))
    }
}

impl World {
    /// A project with two files, one commit and a bare remote; in mode `auto`, checked by `test -f
    /// README.md`, without units.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("radio");
        fs::create_dir(&path).unwrap();
        let mut project = ProjectConfig::default();
        project.path = path;
        project.mode = Mode::Auto;
        project.verify = vec!["test -f README.md".into()];
        // These tests have no helper that could set one up, and their checks are their own.
        project.sandbox = SandboxMode::Off;
        project.units = Some(Vec::new());
        project.probation = Some(Duration::from_millis(200));
        let mut config = Config::default();
        config.llm.provider = "scripted".into();
        let world = Self { directory, project, config };
        world.git(&["init", "--quiet", "--initial-branch=main"]);
        world.git(&["config", "user.name", "Ada"]);
        world.git(&["config", "user.email", "ada@example.com"]);
        world.write("README.md", "# Radio\n\nPlays musik.\n");
        world.write("src/play.sh", "#!/bin/sh\necho play\n");
        world.commit("first");
        world.git(&["clone", "--quiet", "--bare", ".", "../remote.git"]);
        world.git(&["remote", "add", "origin", "../remote.git"]);
        world.git(&["fetch", "--quiet"]);
        world.git(&["branch", "--quiet", "--set-upstream-to=origin/main"]);
        world
    }

    /// The checkout.
    pub(crate) fn path(&self) -> &Path {
        &self.project.path
    }

    /// The directory that everything is in.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// The bare remote.
    pub(crate) fn remote(&self) -> PathBuf {
        self.root().join("remote.git")
    }

    /// A file of the checkout, read.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path().join(file)).unwrap()
    }

    /// A file of the checkout, written.
    pub(crate) fn write(&self, file: &str, content: &str) {
        let file = self.path().join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    /// Commits everything in the checkout.
    pub(crate) fn commit(&self, message: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--message", message]);
    }

    /// Runs Git in the checkout.
    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.path(), arguments)
    }

    /// Where the checkout's head is.
    pub(crate) fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// Where the remote's branch is.
    pub(crate) fn remote_head(&self) -> String {
        git(&self.remote(), &["rev-parse", "main"])
    }

    /// A service that is restarted by a command and healthy while the file `healthy` says so.
    pub(crate) fn with_service(mut self) -> Self {
        self.project.units = Some(vec!["radio.service".parse().unwrap()]);
        self.project.restart =
            RestartConfig::Command(format!("echo restarted >> {}/restarts", self.root().display()));
        let mut health = HealthConfig::default();
        health.command = Some("! grep -q broken README.md".into());
        health.within = Some(Duration::from_millis(500));
        self.project.health = Some(health);
        self
    }

    /// The same world, whose project goes through other steps.
    pub(crate) fn with_steps(mut self, steps: &[&str]) -> Self {
        self.project.steps =
            Some(steps.iter().map(|step| StepConfig::Named((*step).into())).collect());
        self
    }

    /// The same world, with a policy.
    pub(crate) fn with_policy(mut self, policy: &str) -> Self {
        let file = self.root().join("policy.rhai");
        fs::write(&file, policy).unwrap();
        self.project.policy = Some(file);
        self
    }

    /// A commit of somebody else at the remote.
    pub(crate) fn commit_at_remote(&self, file: &str, content: &str) {
        let other = self.root().join("other");
        if !other.exists() {
            git(self.root(), &["clone", "--quiet", "remote.git", "other"]);
        }
        git(&other, &["pull", "--quiet"]);
        fs::write(other.join(file), content).unwrap();
        git(&other, &["add", file]);
        git(
            &other,
            &[
                "-c",
                "user.name=Bob",
                "-c",
                "user.email=b@example.com",
                "commit",
                "--quiet",
                "-m",
                file,
            ],
        );
        git(&other, &["push", "--quiet"]);
    }

    /// How often the service was restarted.
    pub(crate) fn restarts(&self) -> usize {
        fs::read_to_string(self.root().join("restarts")).unwrap_or_default().lines().count()
    }

    /// A builder for this project.
    pub(crate) fn builder(&self, backend: impl LlmBackend + 'static) -> MaintainerBuilder {
        let mut config = self.config.clone();
        config.project.push(self.project.clone());
        Maintainer::builder()
            .config(config)
            .state_directory(self.root().join("state"))
            .environment(environment())
            .without_sandbox_helper()
            .backend(backend)
    }

    /// A maintainer of this project.
    pub(crate) fn maintainer(&self, backend: impl LlmBackend + 'static) -> Maintainer {
        self.builder(backend).build().unwrap()
    }

    /// Everything that can be seen of the project from outside: each file of the checkout, the refs
    /// here and at the remote.
    pub(crate) fn seen_from_outside(&self) -> BTreeMap<String, Vec<u8>> {
        let mut seen = BTreeMap::new();
        collect(self.path(), self.path(), &mut seen);
        for (name, repository) in [("checkout", self.path().to_owned()), ("remote", self.remote())]
        {
            seen.insert(
                format!("refs of {name}"),
                git(&repository, &["for-each-ref"]).into_bytes(),
            );
            seen.insert(
                format!("head of {name}"),
                git(&repository, &["rev-parse", "HEAD"]).into_bytes(),
            );
        }
        seen.insert("status".into(), self.git(&["status", "--porcelain"]).into_bytes());
        seen
    }
}

/// The outcome of the only record.
pub(crate) fn outcome(records: &[RunRecord]) -> &Outcome {
    assert_eq!(records.len(), 1);
    records[0].outcome.as_ref().unwrap()
}

/// Runs Git without the machine's configuration.
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(arguments)
        .current_dir(directory)
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_SYSTEM", "/dev/null")])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "git {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The variables that children see: no configuration of the machine's.
pub(crate) fn environment() -> Environment {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Environment::default()
        .with("PATH", path)
        .with("GIT_CONFIG_GLOBAL", "/dev/null")
        .with("GIT_CONFIG_SYSTEM", "/dev/null")
}

fn collect(top: &Path, directory: &Path, seen: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() == ".git" {
            continue;
        }
        if path.is_symlink() {
            let target = fs::read_link(&path).unwrap().display().to_string();
            seen.insert(path.strip_prefix(top).unwrap().display().to_string(), target.into_bytes());
        } else if path.is_dir() {
            collect(top, &path, seen);
        } else {
            seen.insert(
                path.strip_prefix(top).unwrap().display().to_string(),
                fs::read(&path).unwrap(),
            );
        }
    }
}
