//! Repositories to measure on, and maintainers of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use pimainteno_core::{
    Maintainer, MaintainerBuilder,
    config::{Config, Globs, Mode, ProjectConfig, RestartConfig, StepConfig},
    process::Environment,
};

use crate::{Result, sandbox};

/// How many files a directory of a [`Repository`] has.
const FILES_PER_DIRECTORY: usize = 50;

/// The lines of each file behind its first.
const LINE: &str =
    "What is kept in order is not found broken, and whoever looks for it finds it.\n";

/// A checkout with one commit.
pub(crate) struct Repository {
    pub(crate) path: PathBuf,
}

impl Repository {
    /// A repository at `path` with so many text files of about 3 KB each, packed as after a clone.
    pub(crate) fn new(path: &Path, files: usize) -> Result<Self> {
        fs::create_dir_all(path)?;
        git(path, &["init", "--quiet", "--initial-branch=main", "--template="])?;
        git(path, &["config", "user.name", "Ada"])?;
        git(path, &["config", "user.email", "ada@example.com"])?;
        for index in 0..files {
            let file = path.join(file_name(index));
            if let Some(directory) = file.parent() {
                fs::create_dir_all(directory)?;
            }
            fs::write(file, format!("{}\n{}", first_line(index), LINE.repeat(40)))?;
        }
        git(path, &["add", "--all"])?;
        git(path, &["commit", "--quiet", "--message", "first"])?;
        git(path, &["repack", "-a", "-d", "--quiet"])?;
        Ok(Self { path: path.to_owned() })
    }

    /// Makes a copy without a work tree to push to, at `path`.
    pub(crate) fn add_remote(&self, path: &Path) -> Result<()> {
        let path = path.display().to_string();
        git(&self.path, &["clone", "--quiet", "--bare", ".", &path])?;
        git(&self.path, &["remote", "add", "origin", &path])?;
        git(&self.path, &["fetch", "--quiet"])?;
        git(&self.path, &["branch", "--quiet", "--set-upstream-to=origin/main"])
    }
}

/// A diff that changes one line of the file with this index.
pub(crate) fn diff(index: usize) -> String {
    let (name, line) = (file_name(index), first_line(index));
    format!(
        "diff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1,2 +1,2 @@\n-{line}\n+{line}, mended\n {LINE}"
    )
}

/// A project in mode `auto` that no service runs from, checked by a command that does next to
/// nothing.
pub(crate) fn project(path: &Path, steps: &[&str]) -> ProjectConfig {
    let mut project = ProjectConfig::new(path);
    project.mode = Mode::Auto;
    project.steps = Some(steps.iter().map(|step| StepConfig::Named((*step).into())).collect());
    project.verify = vec!["test -f area-00/note-00.txt".into()];
    // Plain text is of no known kind.
    project.hold = Some(Globs::default());
    project.units = Some(Vec::new());
    project.restart = RestartConfig::None;
    project.probation = Some(Duration::ZERO);
    project
}

/// A builder for these projects, with its state in `state`.
pub(crate) fn maintainer(
    projects: impl IntoIterator<Item = ProjectConfig>,
    state: &Path,
) -> MaintainerBuilder {
    let mut config = Config::default();
    config.project = projects.into_iter().collect();
    // The first looks at many projects mostly wait for the disk.
    config.scheduler.concurrency = 4;
    let mut environment = Environment::default();
    for (name, value) in variables() {
        environment = environment.with(name, value);
    }
    Maintainer::builder()
        .config(config)
        .state_directory(state)
        .environment(environment)
        .sandbox_helper(sandbox::helper())
}

/// What Git sees of the environment, whoever starts it here: where programs are, and nobody's
/// configuration.
pub(crate) fn variables() -> [(&'static str, String); 3] {
    let path = std::env::var("PATH").unwrap_or_default();
    [
        ("PATH", path),
        ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
        ("GIT_CONFIG_SYSTEM", "/dev/null".into()),
    ]
}

/// Runs `command` with those variables alone.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let output = command
        .env_clear()
        .envs(variables())
        .output()
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)).into())
}

pub(crate) fn git(directory: &Path, arguments: &[&str]) -> Result<()> {
    run(Command::new("git").args(arguments).current_dir(directory))
}

fn file_name(index: usize) -> String {
    format!("area-{:02}/note-{:02}.txt", index / FILES_PER_DIRECTORY, index % FILES_PER_DIRECTORY)
}

fn first_line(index: usize) -> String {
    format!("Note {index}")
}
