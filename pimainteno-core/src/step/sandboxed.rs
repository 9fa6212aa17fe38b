//! The sandbox that a project's checks and command steps run in.

mod lookup;

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

pub use lookup::find_programs;

use super::{StepContext, prepare};
use crate::{
    config::{Project, SandboxMode},
    error::{Context, Error, ErrorKind, Result},
    event::NoticeKind,
    git::{Checkout, embedded_repositories},
    leftovers::{Leftovers, Way},
    process::{
        Command, Environment, Layer, Limits, Places, Sandbox, SandboxHelper, Shown, Support, Used,
    },
    store::Output,
    words::Sha256,
};

/// What sandboxes of a run are made of.
pub(crate) struct Sandboxing<'run> {
    project: &'run Project,
    environment: &'run Environment,
    helper: Option<&'run SandboxHelper>,
    /// Where the store and every project's workspace are.
    state: &'run Path,
    /// What commands of any project may change, outside of its own places.
    written: &'run [PathBuf],
    /// What can be read in all of them, found out for the first one.
    readable: OnceLock<Vec<PathBuf>>,
    /// What the machine lacks, once the run has had a sandbox for its checks; empty if that was
    /// whole.
    lacks: OnceLock<String>,
    /// The dependencies that could not be made ready, by their fingerprint.
    unprepared: Mutex<BTreeMap<Sha256, Unprepared>>,
    /// What the commands of `prepare` wrote, until it is kept with the run.
    logs: Mutex<Vec<Output>>,
    /// The submodules that what was tried last did not see.
    absent: Mutex<Vec<String>>,
}

/// Dependencies that could not be made ready.
struct Unprepared {
    /// The change that needs them.
    change: Sha256,
    /// What a person has to know of it.
    told: String,
}

/// What a sandboxed command is for.
enum Purpose {
    /// It is part of what is tried.
    Trial,
    /// It makes dependencies ready, and writes through these layers.
    Prepare {
        layers: Vec<Layer>,
        /// Whether it has the network, and what it fetches stays.
        is_trusted: bool,
    },
}

impl<'run> Sandboxing<'run> {
    /// Sandboxes of a project that `helper` sets up, for a library that keeps its state in `state`
    /// and whose projects' commands may change `written`.
    pub(crate) fn new(
        project: &'run Project,
        environment: &'run Environment,
        helper: Option<&'run SandboxHelper>,
        state: &'run Path,
        written: &'run [PathBuf],
    ) -> Self {
        Self {
            project,
            environment,
            helper,
            state,
            written,
            readable: OnceLock::new(),
            lacks: OnceLock::new(),
            unprepared: Mutex::default(),
            logs: Mutex::default(),
            absent: Mutex::default(),
        }
    }

    /// Makes sure that a project which requires a sandbox can have one.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if this machine cannot.
    pub(crate) async fn require(&self) -> Result<()> {
        if self.project.sandbox.mode == SandboxMode::Required {
            full(&self.support().await)
        } else {
            Ok(())
        }
    }

    /// What the sandboxes that the run had could not keep in; `None` if it had none, or whole ones.
    pub(crate) fn lacks(&self) -> Option<&str> {
        self.lacks.get().map(String::as_str).filter(|lacks| !lacks.is_empty())
    }

    /// Takes note that dependencies with this fingerprint, which the change with this diff needs,
    /// could not be made ready.
    pub(super) fn note_unprepared(&self, key: Sha256, diff: &str, told: String) {
        self.unprepared().insert(key, Unprepared { change: Sha256::of(diff), told });
    }

    /// Whether that is so of dependencies made of these.
    pub(super) fn is_unprepared(&self, key: &Sha256) -> bool {
        self.unprepared().contains_key(key)
    }

    /// What a person has to know of the dependencies of a change that could not be made ready.
    pub(crate) fn told_unprepared(&self, change: &Sha256) -> Option<String> {
        let unprepared = self.unprepared();
        unprepared.values().find(|it| it.change == *change).map(|it| it.told.clone())
    }

    /// Keeps what a command of `prepare` wrote until [`Self::take_logs`].
    pub(super) fn keep_log(&self, log: Output) {
        self.logs.lock().unwrap_or_else(PoisonError::into_inner).push(log);
    }

    /// What the commands of `prepare` have written since this was asked last.
    pub(crate) fn take_logs(&self) -> Vec<Output> {
        std::mem::take(&mut *self.logs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The submodules that what was tried last did not see, in a line each.
    pub(super) fn absent(&self) -> MutexGuard<'_, Vec<String>> {
        self.absent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unprepared(&self) -> MutexGuard<'_, BTreeMap<Sha256, Unprepared>> {
        self.unprepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sandbox that Git and hooks work in, on files that others wrote; without network, and not
    /// yet with anything to write to. `None` if the project wants none, or the machine has
    /// nothing to make one of.
    pub(crate) async fn of_git(&self, checkout: &Checkout) -> Option<Sandbox> {
        let helper = self.helper.filter(|_| self.project.sandbox.mode != SandboxMode::Off)?;
        let support = Some(self.support().await)
            .filter(|support| support.landlock > 0 || support.has_namespaces())?;
        let mut sandbox = self.sandbox(helper, support, checkout);
        sandbox.network = false;
        sandbox.write = Leftovers::cleaned_by_git(&self.own());
        sandbox.read.extend(embedded_repositories(checkout.top()));
        // It lives as long as the run, in which checks fill the disk too.
        sandbox.limits.disk = sandbox.limits.disk.max(1 << 60);
        sandbox.limits.files = u64::MAX;
        Some(sandbox)
    }

    /// The sandbox of a project, with nothing to write to but what its settings name.
    fn sandbox(&self, helper: &SandboxHelper, support: Support, checkout: &Checkout) -> Sandbox {
        let (settings, git) = (&self.project.sandbox, checkout.common_directory());
        let places = Places::new(self.environment);
        Sandbox {
            helper: helper.program().to_owned(),
            scratch: self.own(),
            write: settings.write.clone(),
            written: self.written.to_vec(),
            layers: Vec::new(),
            shown: Vec::new(),
            read: [
                &settings.read[..],
                self.readable.get_or_init(|| places.readable()),
                &[git.to_owned()],
                &alternates(git),
            ]
            .concat(),
            cover: [&places.covered()[..], &[self.state.to_owned(), checkout.top().to_owned()]]
                .concat(),
            network: settings.network,
            limits: limits(self.project),
            used: Used::default(),
            support,
        }
    }

    /// The variables of a sandboxed command, whose caches are in `caches`.
    fn environment(&self, leftovers: &Leftovers, caches: &Path, network: bool) -> Environment {
        let places = Places::new(self.environment);
        let environment = places.environment(caches, &leftovers.settings(), network);
        if self.project.prepare.is_empty() {
            environment
        } else {
            places.with_downloads(environment, &leftovers.downloads())
        }
    }

    /// What the checks of a project leave, and how that is told apart on this machine.
    pub(crate) async fn leftovers(&self) -> Leftovers {
        let support = self.support().await;
        let way = match self.project.sandbox.mode {
            SandboxMode::Off => Way::Warm,
            _ if support.has_layers() => Way::Layers,
            _ => Way::Cold,
        };
        Leftovers::new(self.own(), way, !self.project.prepare.is_empty())
    }

    /// Where the sandboxes of a project have their temporary directories, and its checks what they
    /// leave.
    fn own(&self) -> PathBuf {
        self.state.join("sandbox").join(self.project.id.as_str())
    }

    async fn support(&self) -> Support {
        match self.helper {
            Some(helper) => helper.support(&self.state.join("sandbox")).await.clone(),
            None => Support::unasked("this program goes without a helper for them"),
        }
    }
}

impl StepContext<'_> {
    /// A shell command in the workspace, in the sandbox that the project has for its checks; it is
    /// stopped with the run.
    ///
    /// It sees the variables that children may see, without those that lead to programs outside,
    /// and caches of the project's own. What it writes is seen by later commands, and is part
    /// of the change only by [`Self::amend`]. The first one of a run tells what the machine lacks.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if the sandbox is required and this machine cannot have all of it.
    pub async fn sandboxed(&self, command: impl AsRef<OsStr>) -> Result<Command> {
        self.sandboxed_shell(command, None).await
    }

    /// The same; `mode` takes the place of the project's.
    ///
    /// # Errors
    /// As [`Self::sandboxed`].
    pub(crate) async fn sandboxed_shell(
        &self,
        command: impl AsRef<OsStr>,
        mode: Option<SandboxMode>,
    ) -> Result<Command> {
        let own = self.project().sandbox.mode;
        let mode = mode.unwrap_or(own);
        if prepare::is_for(own, mode) {
            self.show_submodules().await?;
            self.prepared().await?;
        }
        self.shell(command, mode, Purpose::Trial).await
    }

    /// A shell command that makes dependencies ready, in a clean tree, and writes through `layers`.
    /// With `is_trusted` it has the network.
    pub(super) async fn preparing_shell(
        &self,
        command: impl AsRef<OsStr>,
        layers: Vec<Layer>,
        is_trusted: bool,
    ) -> Result<Command> {
        let mode = self.project().sandbox.mode;
        self.shell(command, mode, Purpose::Prepare { layers, is_trusted }).await
    }

    async fn shell(
        &self,
        command: impl AsRef<OsStr>,
        mode: SandboxMode,
        purpose: Purpose,
    ) -> Result<Command> {
        let settings = &self.project().sandbox;
        let command = Command::shell(command).directory(self.workspace()).cancel(self.cancel());
        if mode == SandboxMode::Off {
            return Ok(command.environment(self.environment()));
        }
        let sandboxing = &self.parts.sandboxing;
        let support = sandboxing.support().await;
        if mode == SandboxMode::Required {
            full(&support)?;
        }
        sandboxing.lacks.get_or_init(|| {
            let lacks = support.lacks();
            if !lacks.is_empty() {
                let message = format!("checks run without a whole sandbox: {lacks}");
                self.notice(NoticeKind::Sandbox, "", message);
            }
            lacks
        });
        let (leftovers, top) = (self.parts.leftovers, self.parts.workspace.top());
        let (caches, network) = match &purpose {
            Purpose::Trial => (leftovers.caches(), settings.network),
            Purpose::Prepare { is_trusted, .. } => (leftovers.downloads(), *is_trusted),
        };
        let mut environment = sandboxing.environment(leftovers, &caches, network);
        let places = Places::new(self.environment());
        let is_preparing = matches!(purpose, Purpose::Prepare { .. });
        if is_preparing && !places.git_settings().iter().any(|path| settings.read.contains(path)) {
            environment = environment.with("GIT_CONFIG_GLOBAL", "/dev/null");
        }
        let command = command.envs(environment.iter());
        let Some(helper) = sandboxing.helper else { return Ok(command) };
        if !self.project().link.is_empty() && !support.has_namespaces() {
            return Err(Error::new(
                ErrorKind::Config,
                format!("`link` needs a whole sandbox, which cannot be had: {}", support.lacks()),
            )
            .hint("let `prepare` install what is needed instead"));
        }
        let mut sandbox = sandboxing.sandbox(helper, support, self.parts.checkout);
        sandbox.network = network;
        sandbox.read.extend([leftovers.settings(), leftovers.downloads()]);
        if is_preparing {
            self.keep_passwords_from(&mut sandbox, &places).await?;
        }
        let linked = self.project().link.iter().map(|link| self.linked(link.as_ref()));
        sandbox.shown.extend(linked);
        match purpose {
            Purpose::Trial => {
                sandbox.used = leftovers.used(top)?;
                sandbox.layers = leftovers.layers(top)?;
                if sandbox.layers.is_empty() {
                    sandbox.write.extend([top.to_owned(), leftovers.caches()]);
                }
            }
            Purpose::Prepare { layers, is_trusted } => {
                if layers.is_empty() {
                    sandbox.write.push(top.to_owned());
                }
                if is_trusted && layers.is_empty() {
                    sandbox.write.push(leftovers.downloads());
                }
                sandbox.used = leftovers.preparing()?;
                sandbox.layers = layers;
            }
        }
        Ok(command.sandbox(sandbox))
    }
}

impl StepContext<'_> {
    /// Lets what is tried see the submodules of the files that the workspace holds.
    pub(super) async fn show_submodules(&self) -> Result<()> {
        let workspace = self.parts.workspace;
        // Git reads it before it looks for a submodule, and so does whoever has none.
        let submodules = match workspace.top().join(".gitmodules").exists() {
            true => workspace.submodules().await?,
            false => Vec::new(),
        };
        let (leftovers, limits) = (self.parts.leftovers, limits(self.project()));
        let absent = leftovers.see_submodules(submodules, workspace, &limits).await?;
        *self.parts.sandboxing.absent() = absent;
        Ok(())
    }

    /// Keeps from what has the network, and runs what packages bring, what the settings of Git and
    /// Cargo hold: addresses with passwords, headers, tokens. Of the repository's own it sees what
    /// Git cannot work without, and of Cargo's what is lent.
    async fn keep_passwords_from(&self, sandbox: &mut Sandbox, places: &Places<'_>) -> Result<()> {
        let own = &self.project().sandbox.read;
        let settings = [places.git_settings(), places.cargo_settings()].concat();
        sandbox.read.retain(|path| own.contains(path) || !settings.contains(path));
        let git = self.parts.checkout.common_directory();
        sandbox.read.retain(|path| path != git);
        if !sandbox.support.has_namespaces() {
            return Ok(());
        }
        sandbox.read.extend(self.parts.workspace.plain_places());
        let plain = self.parts.leftovers.settings().with_file_name("git-settings");
        let text = self.parts.checkout.plain_settings().await?;
        if fs::read(&plain).unwrap_or_default() != text.as_bytes() {
            fs::write(&plain, text)
                .context(ErrorKind::Process, || format!("cannot write `{}`", plain.display()))?;
        }
        sandbox.shown.push(Shown { at: git.join("config"), source: plain });
        Ok(())
    }

    /// A directory of the checkout, seen at the same place of the workspace.
    fn linked(&self, path: &Path) -> Shown {
        Shown { at: self.workspace().join(path), source: self.checkout().join(path) }
    }
}

/// What one command of a project may use up, and what may be kept of all that its commands leave.
pub(crate) fn limits(project: &Project) -> Limits {
    let (settings, defaults) = (&project.sandbox, Limits::of_this_machine());
    let mebibytes = |limit: Option<usize>, default| {
        limit.map_or(default, |limit| (limit as u64).saturating_mul(1 << 20))
    };
    Limits {
        memory: mebibytes(settings.memory, defaults.memory),
        processes: settings
            .processes
            .map_or(defaults.processes, |limit| u32::try_from(limit).unwrap_or(u32::MAX)),
        disk: mebibytes(settings.disk, defaults.disk),
        files: settings.files.map_or(defaults.files, |limit| limit as u64),
    }
}

fn full(support: &Support) -> Result<()> {
    if support.is_full() {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Config,
        format!("checks must run in a whole sandbox, which cannot be had: {}", support.lacks()),
    )
    .hint("`sandbox = \"auto\"` takes what there is"))
}

/// The directories of objects that a repository shares with others.
fn alternates(git: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(git.join("objects/info/alternates")).unwrap_or_default();
    text.lines().map(|line| git.join("objects").join(line)).collect()
}
