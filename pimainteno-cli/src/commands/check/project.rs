//! What one project needs: its checkout, its remote, its settings, its checks, its backend, its
//! units.

mod commands;

use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration,
};

use pimainteno_core::{
    Maintainer, ProjectId,
    config::{BudgetConfig, Config, LlmConfig, Mode, Project, RestartConfig},
    git::{Checkout, Git, Upstream, top_above},
    policy::{Hold, Limits, PolicyEngine},
    process::{Command, Environment},
    service::{self, LoadState},
};

use self::commands::CHECKS;
use super::{Finding, Items, backends::NAME as BACKEND, delivery, unasked::Files};
use crate::{
    backends,
    setup::{self, Setup},
};

/// How long a remote may take to answer.
const REMOTE_DEADLINE: Duration = Duration::from_secs(15);

/// How long a question to the shell, to systemd or to Git on local files may take.
const LOCAL_DEADLINE: Duration = Duration::from_secs(10);

/// The most bytes that a list of all tracked files may have: some hundred thousand files.
const LIST_LIMIT: usize = 64 << 20;

/// How long a backend may take to say whether it could answer.
const BACKEND_DEADLINE: Duration = Duration::from_secs(40);

/// One project, and what has to be known to look at it.
pub(super) struct Look {
    project: Project,
    /// The configuration with no other project in it.
    alone: Config,
    environment: Environment,
    /// Whether an earlier project has the same backend, which is asked once.
    shares_backend: bool,
    /// Why the project is left alone, if it is.
    left_alone: Option<String>,
}

/// What tells one backend from another: what it may spend does not.
pub(super) fn backend(project: &Project) -> LlmConfig {
    let mut llm = project.llm.clone();
    llm.budget = BudgetConfig::default();
    llm
}

/// A directory for what the library writes while its settings are tried; removed in the end.
pub(super) struct Scratch(tempfile::TempDir);

impl Look {
    /// Every project of the configuration, in its order; `left_alone` are those that are not run
    /// now, and why.
    pub(super) fn all(setup: &Setup, left_alone: &BTreeMap<ProjectId, String>) -> Vec<Self> {
        let projects = setup.config.projects();
        let alone = alone(&setup.config);
        let look = |(place, (project, alone)): (usize, (&Project, Config))| Self {
            shares_backend: projects
                .iter()
                .take(place)
                .any(|earlier| backend(earlier) == backend(project)),
            left_alone: left_alone.get(&project.id).cloned(),
            project: project.clone(),
            alone,
            environment: setup.environment.clone(),
        };
        projects.iter().zip(alone).enumerate().map(look).collect()
    }

    /// The project's id.
    pub(super) fn id(&self) -> &str {
        &self.project.id
    }

    /// Looks at everything that the project needs.
    pub(super) async fn at_everything(self) -> Items {
        let mut items = Items::new(&self.project.id);
        if let Some(why) = &self.left_alone {
            let hint = format!("`pi-mainteno resume {}` lets it go on now", self.project.id);
            items.note("runs", why.clone(), &hint);
        }
        self.checkout(&mut items).await;
        self.settings(&mut items).await;
        self.policy(&mut items);
        self.checks(&mut items).await;
        self.unasked(&mut items).await;
        self.units(&mut items).await;
        items
    }

    async fn checkout(&self, items: &mut Items) {
        let git = Git::new(self.environment.clone());
        let found = async {
            let checkout = Checkout::open(&self.project.path, git).await?;
            if checkout.is_unborn().await? {
                return Ok(None);
            }
            let head = checkout.head().await?;
            Ok(Some((checkout.obstacle().await?, checkout, head)))
        };
        let (obstacle, checkout, head) = match found.await {
            Ok(Some(found)) => found,
            Ok(None) => {
                let message = format!("`{}` has no commit yet", self.project.path.display());
                return items.note(
                    "checkout",
                    message,
                    "make a first one; runs are skipped until then",
                );
            }
            Err(error) => return items.error("checkout", Finding::Problem, &error),
        };
        let path = self.project.path.display();
        let Some(branch) = head.branch else {
            return items.problem(
                "checkout",
                format!("`{path}` is on no branch"),
                "check out a branch",
            );
        };
        if let Some(wanted) = self.project.branch.as_ref().filter(|wanted| **wanted != branch) {
            items.problem(
                "checkout",
                format!("`{path}` is on branch `{branch}`, not on `{wanted}`"),
                "check out the branch, or correct the project's `branch`",
            );
        } else {
            let part = match checkout.top() == checkout.path() {
                true => String::new(),
                false => format!(", a part of `{}`,", checkout.top().display()),
            };
            items.ok("checkout", format!("`{path}`{part} on branch `{branch}`"));
        }
        if let Some(obstacle) = obstacle {
            items.note("checkout", obstacle, "runs are skipped until it is done");
        }
        if !self.git(["var", "GIT_COMMITTER_IDENT"]).await {
            items.note(
                "identity",
                "Git knows no name and address here, so commits will be by PiMainteno",
                "`git config user.name` and `user.email` set them",
            );
        }
        match checkout.upstream(Some(&branch), self.project.remote.as_ref()).await {
            Ok(Some(upstream)) => {
                let answers = self.remote(&branch, &upstream, items).await;
                let upstream = Some(&upstream).filter(|_| answers);
                delivery::look(&self.project, &checkout, upstream, items).await;
                return;
            }
            Ok(None) => items.note("remote", "there is none, so nothing is pushed", ""),
            Err(error) => items.error("remote", Finding::Problem, &error),
        }
        delivery::look(&self.project, &checkout, None, items).await;
    }

    /// Looks whether the remote answers; says so.
    async fn remote(&self, own: &str, upstream: &Upstream, items: &mut Items) -> bool {
        let Upstream { remote, branch, ahead, .. } = upstream;
        let output = self
            .git_command(["ls-remote", "--quiet", "--", remote, &format!("refs/heads/{branch}")])
            .minded_by(&self.environment)
            .timeout(REMOTE_DEADLINE)
            .run()
            .await;
        let answers = output.as_ref().is_ok_and(|output| output.success());
        match output {
            Ok(output) if output.success() && output.text().trim().is_empty() => items.note(
                "remote",
                format!("`{remote}` answers, and has no branch `{branch}`"),
                &format!("runs are skipped until it has: `git push --set-upstream {remote} {own}`"),
            ),
            Ok(output) if output.success() => {
                items.ok(
                    "remote",
                    format!("`{remote}` answers; changes go to its branch `{branch}`"),
                );
                let follows = format!("{own}@{{upstream}}");
                if !self.git(["rev-parse", "--quiet", "--verify", &follows]).await {
                    items.note(
                        "remote",
                        format!(
                            "branch `{own}` follows no branch of it; that of the same name is taken"
                        ),
                        &format!(
                            "`git branch --set-upstream-to={remote}/{branch}`, if that is right"
                        ),
                    );
                }
            }
            Ok(output) => {
                let said = output.tail(2).replace('\n', "; ");
                let message = format!("`{remote}` does not answer ({}): {said}", output.end);
                items.problem("remote", message, "the user of the daemon needs the network, and access without a password prompt");
            }
            Err(error) => items.error("remote", Finding::Problem, &error),
        }
        if let Some(ahead @ 1..) = *ahead {
            items.note(
                "remote",
                format!("commits that are not at `{remote}` yet: {ahead}"),
                "push them; runs are skipped until then",
            );
        }
        answers
    }

    /// Makes the project ready as a run would, in a directory of its own, and asks its backend.
    async fn settings(&self, items: &mut Items) {
        let scratch = match Scratch::new(&self.project.id) {
            Ok(scratch) => scratch,
            Err(error) => {
                return items.note(
                    "settings",
                    format!("cannot be tried: no temporary directory: {error}"),
                    "",
                );
            }
        };
        let mut config = self.alone.clone();
        config.cache.path = None;
        let builder = Maintainer::builder()
            .config(config)
            .environment(self.environment.clone())
            .sandbox_helper(setup::sandbox_helper())
            .state_directory(scratch.path());
        let maintainer = match backends::register(builder).build() {
            Ok(maintainer) => maintainer,
            Err(error) => return items.error("settings", Finding::Problem, &error),
        };
        items.ok(
            "settings",
            format!(
                "{} steps, backend {}, cron `{}`",
                self.project.steps.len(),
                self.project.llm.provider,
                self.project.cron
            ),
        );
        if self.shares_backend {
            return;
        }
        match tokio::time::timeout(BACKEND_DEADLINE, maintainer.health()).await {
            Err(_) => items.problem(
                BACKEND,
                format!("did not answer within {} s", BACKEND_DEADLINE.as_secs()),
                "try it by hand",
            ),
            Ok(answers) => {
                for (_, answer) in answers {
                    match answer {
                        Ok(found) => {
                            items.ok(BACKEND, format!("{}: {found}", self.project.llm.provider));
                        }
                        Err(error) => items.error(BACKEND, Finding::Problem, &error),
                    }
                }
            }
        }
    }

    fn policy(&self, items: &mut Items) {
        let Some(path) = &self.project.policy else { return };
        let policy = match PolicyEngine::new(Limits::default()).load(path) {
            Ok(policy) => policy,
            Err(error) => return items.error("policy", Finding::Problem, &error),
        };
        let hooks = policy.hooks().collect::<Vec<_>>().join(", ");
        let shown = path.display();
        if hooks.is_empty() {
            items.problem(
                "policy",
                format!("`{shown}` has no hooks, so it says nothing"),
                "give it a function such as `allow(facts)`",
            );
        } else {
            items.ok("policy", format!("`{shown}` with {hooks}"));
        }
        for notice in policy.notices() {
            items.note("policy", notice.clone(), "");
        }
        if path.starts_with(&self.project.path) {
            let hint = "put it outside the checkout, or add it to `protect`";
            items.note("policy", "it lies in the project, where a change could touch it", hint);
        }
    }

    async fn checks(&self, items: &mut Items) {
        let commands = &self.project.verify;
        let absent = self.absent_submodules().await;
        if !absent.is_empty() && !commands.is_empty() {
            items.note(
                CHECKS,
                format!(
                    "submodules that the checkout does not have are empty where they run: {}",
                    absent.join(", ")
                ),
                "`git submodule update --init --recursive` in the checkout fetches them",
            );
        }
        let mut found = self.commands(items).await;
        let checks = found.remove(CHECKS);
        match (commands.is_empty(), self.project.mode) {
            (true, Mode::Auto) => {
                items.note(
                    CHECKS,
                    "there are none, so changes are held although the mode is \"auto\"",
                    "add commands to `verify`",
                );
            }
            (true, _) => items.note(
                CHECKS,
                "there are none, so nothing vouches for a change",
                "add commands to `verify`",
            ),
            (false, _) => checks.into_iter().for_each(|told| items.ok(CHECKS, told.join(", "))),
        }
        for (item, told) in found {
            items.ok(item, told.join(", "));
        }
    }

    /// The places of submodules that were never fetched.
    async fn absent_submodules(&self) -> Vec<String> {
        let top = top_above(&self.project.path);
        if !top.is_some_and(|top| top.join(".gitmodules").exists()) {
            return Vec::new();
        }
        let status = self
            .git_command(["submodule", "status", "--recursive"])
            .timeout(LOCAL_DEADLINE)
            .run()
            .await;
        let text = status.map(|status| status.text().to_string()).unwrap_or_default();
        let absent = text.lines().filter_map(|line| line.strip_prefix('-')?.split_once(' '));
        absent.map(|(_, path)| format!("`{path}`")).collect()
    }

    /// Which files could be changed without asking. Where Git cannot list them, that is told of the
    /// checkout.
    async fn unasked(&self, items: &mut Items) {
        let list = self
            .git_command(["ls-files", "--stage", "-z", "--full-name", "--", ":/"])
            .output_limit(LIST_LIMIT)
            .timeout(LOCAL_DEADLINE)
            .run()
            .await;
        let Some(list) = list.ok().filter(|list| list.success() && !list.truncated) else { return };
        let git = Git::new(self.environment.clone());
        let hooks = async || Checkout::open(&self.project.path, git).await?.hook_texts().await;
        let hold = async || Ok(Hold::new(&self.project)?.with_hooks(hooks().await?));
        match hold().await {
            Ok(hold) => {
                let files = Files::sort(&list.stdout, &self.project.path, hold);
                items.files("unasked", files.describe(self.project.mode), files);
            }
            Err(error) => items.error("unasked", Finding::Problem, &error),
        }
    }

    async fn units(&self, items: &mut Items) {
        if self.project.restart != RestartConfig::Systemd || self.project.units.is_empty() {
            return items.ok("units", "systemd restarts none");
        }
        let manager =
            service::manager(&self.project, &self.alone.systemd_monitor, &self.environment);
        for unit in &self.project.units {
            let Ok(state) = tokio::time::timeout(LOCAL_DEADLINE, manager.state(unit)).await else {
                return items.problem(
                    "units",
                    "systemd does not answer",
                    "look at `systemctl status`",
                );
            };
            match state {
                Ok(state) if state.load == LoadState::Loaded => {
                    items.ok("units", format!("`{unit}` is {state}"));
                }
                Ok(_) if !self.project.units_are_explicit => items.note(
                    "units",
                    format!("there is no `{unit}`, so nothing is restarted"),
                    "if the project has a service, name it in `units`",
                ),
                Ok(state) => items.problem(
                    "units",
                    format!("`{unit}` is {state}"),
                    "correct the project's `units`, or install the unit",
                ),
                Err(error) if self.project.units_are_explicit => {
                    return items.error("units", Finding::Problem, &error);
                }
                Err(error) => return items.error("units", Finding::Note, &error),
            }
        }
    }

    /// Whether a question to Git is answered with yes.
    async fn git<const N: usize>(&self, arguments: [&str; N]) -> bool {
        self.git_command(arguments)
            .timeout(LOCAL_DEADLINE)
            .run()
            .await
            .is_ok_and(|output| output.success())
    }

    /// A question to Git, which must not ask back.
    fn git_command<const N: usize>(&self, arguments: [&str; N]) -> Command {
        let environment = self.environment.iter();
        let command = Command::new("git")
            .args(arguments)
            .directory(&self.project.path)
            .envs(environment)
            .env("LC_ALL", "C");
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("SSH_ASKPASS", "true")
            .env("SSH_ASKPASS_REQUIRE", "force")
    }
}

impl Scratch {
    pub(super) fn new(id: &str) -> std::io::Result<Self> {
        // A backend may write there what is nobody else's business, and a name that could be
        // foretold could be taken by somebody else.
        let prefix = format!("pi-mainteno-check-{id}-");
        tempfile::Builder::new()
            .prefix(&prefix)
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .map(Self)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// For each project the configuration with no other one in it, so that what is wrong with one does
/// not hide what is wrong with the next.
fn alone(config: &Config) -> Vec<Config> {
    let mut empty = config.clone();
    empty.project.clear();
    empty.scheduler.projects.clear();
    let long = config.project.iter().map(|project| {
        let mut alone = empty.clone();
        alone.project.push(project.clone());
        alone
    });
    let short = config.scheduler.projects.iter().map(|path| {
        let mut alone = empty.clone();
        alone.scheduler.projects.push(path.clone());
        alone
    });
    long.chain(short).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_project_is_looked_at_by_itself() {
        let text = "[scheduler]\nprojects = [\"/srv/c\"]\n[[project]]\npath = \"/srv/a\"\n[[project]]\npath = \"/srv/b\"\n";
        let config = Config::parse(text, Path::new("/etc/x.toml"), |_| None, None).unwrap().config;
        let ids: Vec<_> =
            alone(&config).iter().flat_map(Config::projects).map(|project| project.id).collect();
        assert_eq!(ids, ["a", "b", "c"]);
    }
}
