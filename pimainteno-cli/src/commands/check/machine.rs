//! What all projects need: configuration, state, programs.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use pimainteno_core::{
    config::SandboxMode,
    process::{Command, Environment, Limits, Support},
};
use pimainteno_web::{Client, Configuration};

use super::{
    Items,
    watching::{self, Watching},
};
use crate::{
    access::Stale,
    setup::{self, Setup, credentials},
};

/// How long a program may take to say its version.
const DEADLINE: Duration = Duration::from_secs(10);

/// With less space than this the store may fail during a run, in MiB.
const LEAST_SPACE: u64 = 50;

/// With less space than this a workspace and its build may not fit, in MiB.
const LITTLE_SPACE: u64 = 500;

/// The oldest Git that will do, as major and minor version: the first one with `rev-parse
/// --path-format`.
const LEAST_GIT: (u32, u32) = (2, 31);

/// What is looked at.
pub(super) struct Machine {
    configuration: Configuration,
    notices: Vec<String>,
    environment: Environment,
    state_directory: PathBuf,
    socket: PathBuf,
    projects: usize,
    /// The keys that systemd hands to the service and this command has not got.
    missing_keys: Vec<PathBuf>,
    /// The projects that have a sandbox, and those that run nothing without a whole one.
    sandboxed: Vec<String>,
    in_need: Vec<String>,
    watching: Watching,
}

impl Machine {
    /// The machine that `setup` describes.
    pub(super) fn new(setup: &Setup) -> Self {
        let projects = setup.config.projects();
        let with = |is_meant: fn(SandboxMode) -> bool| {
            let meant = projects.iter().filter(|project| is_meant(project.sandbox.mode));
            meant.map(|project| format!("`{}`", project.id)).collect()
        };
        Self {
            sandboxed: with(|mode| mode != SandboxMode::Off),
            in_need: with(|mode| mode == SandboxMode::Required),
            configuration: setup.configuration(),
            notices: setup.notices.clone(),
            environment: setup.environment.clone(),
            state_directory: setup.state_directory.clone(),
            socket: setup.socket.clone(),
            projects: projects.len(),
            missing_keys: credentials::missing(&setup.config),
            watching: Watching::new(&setup.config, &setup.environment),
        }
    }
}

/// Looks at what all projects need.
pub(super) async fn look(machine: Machine) -> Items {
    let mut items = Items::new("");
    configuration(&machine, &mut items);
    keys(&machine.missing_keys, &mut items);
    state(&machine.state_directory, &mut items);
    git(&machine.environment, &mut items).await;
    sandbox(&machine, &mut items).await;
    watching::look(&machine.watching, &mut items).await;
    daemon(&machine, &mut items).await;
    items
}

fn configuration(machine: &Machine, items: &mut Items) {
    let path = machine.configuration.path.display();
    match machine.projects {
        0 => items.problem(
            "configuration",
            format!("`{path}` has no projects"),
            "add a `[[project]]`, or let `pi-mainteno init --force` write it anew",
        ),
        1 => items.ok("configuration", format!("`{path}`, 1 project")),
        number => items.ok("configuration", format!("`{path}`, {number} projects")),
    }
    for notice in &machine.notices {
        items.note("configuration", notice.clone(), "");
    }
}

/// Whether this command has the keys that the service has from systemd.
fn keys(missing: &[PathBuf], items: &mut Items) {
    for path in missing {
        let message = format!("for this command there is no `{}`", path.display());
        items.note("key", message, &credentials::remedy(path));
    }
}

/// Whether state can be kept. Nothing is made that a run would make.
fn state(directory: &Path, items: &mut Items) {
    let shown = directory.display();
    let existing = existing(directory);
    if !existing.is_dir() {
        return items.problem(
            "state",
            format!("`{}` is no directory", existing.display()),
            "set `cache.path` to a file in another directory",
        );
    }
    if rustix::fs::access(existing, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)
        .is_err()
    {
        let message = format!("this user cannot write to `{}`", existing.display());
        return items.problem(
            "state",
            message,
            "set `cache.path`, change the directory's owner, or run as the user of the daemon",
        );
    }
    let space =
        rustix::fs::statvfs(existing).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) >> 20);
    match space {
        Ok(free @ ..LEAST_SPACE) => items.problem(
            "state",
            format!("`{shown}` has only {free} MiB left"),
            "make room, or set `cache.path`",
        ),
        Ok(free @ LEAST_SPACE..LITTLE_SPACE) => {
            items.note(
                "state",
                format!("`{shown}` has only {free} MiB left"),
                "builds in the workspaces may need more",
            );
        }
        Ok(free) => items.ok("state", format!("`{shown}`, {free} MiB free")),
        Err(error) => items.note(
            "state",
            format!("`{shown}`, nobody knows how much space is left: {error}"),
            "",
        ),
    }
    let others =
        fs::metadata(directory).map(|metadata| metadata.permissions().mode() & 0o007).unwrap_or(0);
    if others != 0 {
        items.note(
            "state",
            format!("everybody on this machine can enter `{shown}`"),
            &format!("`chmod 700 {shown}`"),
        );
    }
}

async fn git(environment: &Environment, items: &mut Items) {
    let output =
        Command::new("git").arg("--version").envs(environment.iter()).timeout(DEADLINE).run().await;
    match output {
        Ok(output) if output.success() => {
            let version = output.text().trim().trim_start_matches("git version ").to_owned();
            if git_version(&version).is_some_and(|version| version < LEAST_GIT) {
                let (major, minor) = LEAST_GIT;
                items.problem(
                    "git",
                    format!("version {version} is too old"),
                    &format!("install {major}.{minor} or newer"),
                );
            } else {
                items.ok("git", format!("version {version}"));
            }
        }
        Ok(output) => items.problem(
            "git",
            format!("does not run: {}", output.tail(1)),
            "repair its installation",
        ),
        Err(error) => {
            let hint = error.hints().next().unwrap_or("repair its installation");
            items.problem("git", error.to_string(), hint);
        }
    }
}

/// What this machine can enforce of the sandbox that checks run in.
async fn sandbox(machine: &Machine, items: &mut Items) {
    // On the disk that counts, if that can be: not every file system takes layers.
    let scratch = tempfile::Builder::new()
        .prefix(".check")
        .tempdir_in(existing(&machine.state_directory))
        .or_else(|_| tempfile::tempdir());
    let support = match scratch {
        Ok(scratch) => setup::sandbox_helper().support(scratch.path()).await.clone(),
        Err(error) => {
            return items.note(
                "sandbox",
                format!("cannot be tried: no temporary directory: {error}"),
                "",
            );
        }
    };
    judge_sandbox(&support, &machine.sandboxed, &machine.in_need, items);
}

/// What does not exist yet is made at the first run, in the nearest directory that exists.
fn existing(directory: &Path) -> &Path {
    directory.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("."))
}

fn judge_sandbox(support: &Support, sandboxed: &[String], in_need: &[String], items: &mut Items) {
    let Limits { memory, processes, disk, files } = Limits::of_this_machine();
    let limits = format!(
        "{} MiB of memory, {processes} processes, {} MiB of disk in {files} files",
        memory >> 20,
        disk >> 20
    );
    if support.is_full() {
        return items.ok("sandbox", format!("{support}; {limits}"));
    }
    let hint = "user namespaces for this user, or root, on x86-64, AArch64 or RISC-V make it whole; `sandbox = \"off\"` does without";
    match (in_need, sandboxed) {
        ([], []) => items.note("sandbox", format!("{support}; no project uses it"), ""),
        ([], _) => items.note(
            "sandbox",
            format!("not whole, so every change waits for you: {}", support.lacks()),
            hint,
        ),
        (in_need, _) => {
            let projects = in_need.join(", ");
            items.problem(
                "sandbox",
                format!("not whole, and required by {projects}: {}", support.lacks()),
                hint,
            );
        }
    }
}

fn git_version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

async fn daemon(machine: &Machine, items: &mut Items) {
    let socket = &machine.socket;
    match Client::find(socket, std::sync::Arc::new(())).await {
        Ok(Some(client)) => {
            items.ok("daemon", format!("answers at `{}`", socket.display()));
            let used = client.configuration().cloned();
            if let Some(stale) = used.and_then(|used| Stale::of(&machine.configuration, used)) {
                let (what, hint) = stale.words();
                items.note("daemon", what, hint);
            }
        }
        Ok(None) => items.note(
            "daemon",
            "none runs, so nothing happens on schedule",
            "start it: `pi-mainteno`, or its systemd unit",
        ),
        Err(error) => items.error("daemon", super::Finding::Problem, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::check::Finding;

    #[test]
    fn a_version_of_git_is_read_with_whatever_follows() {
        assert_eq!(git_version("2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(git_version("2.50.0.windows.1"), Some((2, 50)));
        assert_eq!(git_version("from the future"), None);
    }

    #[test]
    fn a_sandbox_that_is_not_whole_is_a_problem_only_where_it_is_required() {
        let whole = Support { landlock: 1, layers: true, system_calls: true, ..Support::default() };
        let less = Support { landlock: 1, layers: true, ..Support::default() };
        let found = |support: &Support, in_need: &[String]| {
            let mut items = Items::new("");
            judge_sandbox(support, &["`a`".into()], in_need, &mut items);
            items.list.remove(0)
        };
        assert_eq!(found(&whole, &["`a`".into()]).finding, Finding::Ok);
        assert_eq!(found(&less, &[]).finding, Finding::Note);
        let problem = found(&less, &["`a`".into()]);
        assert_eq!(problem.finding, Finding::Problem);
        assert!(
            problem.message.contains("required by `a`: system calls cannot be filtered"),
            "{}",
            problem.message
        );
    }

    #[test]
    fn a_state_directory_that_a_file_is_in_the_way_of_is_a_problem() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let mut items = Items::new("");
        state(&file.join("state"), &mut items);
        state(&directory.path().join("not/yet"), &mut items);
        assert_eq!(items.list[0].finding, Finding::Problem);
        assert_ne!(items.list[1].finding, Finding::Problem);
    }
}
