//! The sandbox that a project's checks and command steps run in.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use jiff::Timestamp;

use super::StepContext;
use crate::{
    config::{Project, SandboxMode},
    error::{Error, ErrorKind, Result},
    event::Event,
    process::{Command, Limits, Places, Sandbox, SandboxHelper, Support},
};

/// What sandboxes of a run are made of.
pub(crate) struct Sandboxing<'run> {
    helper: Option<&'run SandboxHelper>,
    /// Where the store and every project's workspace are.
    state: &'run Path,
    /// What the run's sandboxes are made of, found out for the first one.
    begun: OnceLock<Begun>,
}

struct Begun {
    readable: Vec<PathBuf>,
    /// What the machine lacks; empty if the sandboxes are whole.
    lacks: String,
}

impl<'run> Sandboxing<'run> {
    /// Sandboxes that `helper` sets up, for a library that keeps its state in `state`.
    pub(crate) fn new(helper: Option<&'run SandboxHelper>, state: &'run Path) -> Self {
        Self { helper, state, begun: OnceLock::new() }
    }

    /// Makes sure that a project which requires a sandbox can have one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if this machine cannot.
    pub(crate) async fn require(&self, project: &Project) -> Result<()> {
        if project.sandbox.mode == SandboxMode::Required { full(&self.support().await) } else { Ok(()) }
    }

    /// What the sandboxes that the run had could not keep in; `None` if it had none, or whole ones.
    pub(crate) fn lacks(&self) -> Option<&str> {
        self.begun.get().map(|begun| begun.lacks.as_str()).filter(|lacks| !lacks.is_empty())
    }

    async fn support(&self) -> Support {
        match self.helper {
            Some(helper) => helper.support(&self.state.join("sandbox")).await.clone(),
            None => Support::none("this program has no helper for sandboxes"),
        }
    }
}

impl StepContext<'_> {
    /// A shell command in the workspace, in the sandbox that the project has for its checks; `mode` takes the place of the project's.
    ///
    /// It sees the variables that children may see, without those that lead to programs outside, and caches of the project's own. The first one of a run
    /// tells what the machine lacks.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the sandbox is required and this machine cannot have all of it.
    pub(crate) async fn sandboxed_shell(&self, command: impl AsRef<OsStr>, mode: Option<SandboxMode>) -> Result<Command> {
        let settings = &self.project().sandbox;
        let mode = mode.unwrap_or(settings.mode);
        let command = Command::shell(command).directory(self.workspace()).cancel(self.cancel());
        if mode == SandboxMode::Off {
            return Ok(command.envs(self.environment().iter()));
        }
        let sandboxing = &self.parts.sandboxing;
        let support = sandboxing.support().await;
        if mode == SandboxMode::Required {
            full(&support)?;
        }
        let own = sandboxing.state.join("sandbox").join(&self.project().id);
        let places = Places::new(self.environment());
        let begun = sandboxing.begun.get_or_init(|| {
            tidy(&own);
            let lacks = support.lacks();
            if !lacks.is_empty() {
                let message = format!("checks run without a whole sandbox: {lacks}");
                self.emit(&Event::Notice { project: self.record.project.clone(), at: Timestamp::now(), message });
            }
            Begun { readable: places.readable(), lacks }
        });
        let caches = own.join("caches");
        let command = command.envs(places.environment(&caches, settings.network).iter());
        let Some(helper) = sandboxing.helper else { return Ok(command) };
        fs::create_dir_all(&caches)
            .map_err(|source| Error::new(ErrorKind::Step, format!("cannot make `{}`", caches.display())).source(source))?;
        let git = self.parts.checkout.common_directory();
        let defaults = Limits::of_this_machine();
        let mebibytes = |limit: Option<usize>, default| limit.map_or(default, |limit| (limit as u64).saturating_mul(1 << 20));
        Ok(command.sandbox(Sandbox {
            helper: helper.program().to_owned(),
            scratch: own,
            write: [&settings.write[..], &[self.workspace().to_owned(), caches]].concat(),
            layers: Vec::new(),
            read: [&settings.read[..], &begun.readable, &[git.to_owned()], &alternates(git)].concat(),
            cover: [&places.covered()[..], &[sandboxing.state.to_owned(), self.checkout().to_owned()]].concat(),
            network: settings.network,
            limits: Limits {
                memory: mebibytes(settings.memory, defaults.memory),
                processes: settings.processes.map_or(defaults.processes, |limit| u32::try_from(limit).unwrap_or(u32::MAX)),
                disk: mebibytes(settings.disk, defaults.disk),
                files: settings.files.map_or(defaults.files, |limit| limit as u64),
            },
            support,
        }))
    }
}

fn full(support: &Support) -> Result<()> {
    if support.is_full() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("checks must run in a whole sandbox, which cannot be had: {}", support.lacks()))
        .hint("`sandbox = \"auto\"` takes what there is; `pi-mainteno check` tells what this machine supports"))
}

/// Removes the temporary directories that a run left which was killed. Nobody else uses them: the project is locked.
fn tidy(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with("run-") {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// The directories of objects that a repository shares with others.
fn alternates(git: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(git.join("objects/info/alternates")).unwrap_or_default();
    text.lines().map(|line| git.join("objects").join(line)).collect()
}
