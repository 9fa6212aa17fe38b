//! What Git and hooks run on files that somebody else wrote, with the real sandbox: `pi-mainteno` itself is its helper.
//!
//! Whoever attacks leaves a program that makes a mark outside of the workspace, which neither an agent nor a check can do.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use pimainteno_core::{
    Call, Edit, LlmBackend, Maintainer, Outcome, Reply, Request, Result, RunOptions, RunRecord, Task, Trigger,
    config::{Config, HooksMode, Mode, ProjectConfig, SandboxMode, StepConfig},
    process::{Environment, SandboxHelper, Support},
};

use crate::support::{TestEnv, world::runtime};

/// A backend that edits the workspace by a function.
#[derive(Clone)]
struct Agent(Arc<dyn Fn(&Path) + Send + Sync>);

impl Agent {
    fn new(edit: impl Fn(&Path) + Send + Sync + 'static) -> Self {
        Self(Arc::new(edit))
    }

    /// One that writes a line of the README, and nothing else.
    fn harmless() -> Self {
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
        if request.task == Task::Propose {
            (self.0)(&request.workspace);
        }
        Ok(Reply::new("docs: edit"))
    }
}

/// A machine with the project `site`.
struct Machine {
    env: TestEnv,
    site: PathBuf,
    project: ProjectConfig,
    support: Option<Support>,
}

impl Machine {
    fn new(files: &[(&str, &str)]) -> Self {
        let env = TestEnv::new();
        let site = env.project_with("site", &[&[("README.md", "# Site\n")], files].concat());
        let mut project = ProjectConfig::new(&site);
        project.mode = Mode::Auto;
        project.units = Some(Vec::new());
        project.hold = Some(Vec::new());
        project.repairs = Some(0);
        project.steps = Some(["propose", "apply", "verify", "commit", "push"].map(|name| StepConfig::Named(name.into())).into());
        project.verify = vec!["test -s README.md".into()];
        project.probation = Some(Duration::ZERO);
        Self { env, site, project, support: None }
    }

    fn run(&self, agent: Agent) -> RunRecord {
        self.run_with(agent, false)
    }

    fn run_with(&self, agent: Agent, dry_run: bool) -> RunRecord {
        let mut options = RunOptions::default();
        (options.dry_run, options.force) = (dry_run, true);
        runtime().block_on(self.maintainer(agent).run_project("site", Trigger::Manual, options)).unwrap()
    }

    /// Delivers what `record` is held with.
    fn approve(&self, record: &RunRecord) -> RunRecord {
        let maintainer = self.maintainer(Agent::harmless());
        let proposal = maintainer.proposal(&record.proposal.unwrap().to_string()).unwrap();
        runtime().block_on(maintainer.approve(&proposal.id.to_string(), &proposal.sha256)).unwrap()
    }

    fn maintainer(&self, agent: Agent) -> Maintainer {
        let mut config = Config::default();
        config.llm.provider = "scripted".into();
        config.project.push(self.project.clone());
        let mut helper = SandboxHelper::new(env!("CARGO_BIN_EXE_pi-mainteno"));
        if let Some(support) = self.support.clone() {
            helper = helper.with_support(support);
        }
        let environment = Environment::from_variables(std::env::vars_os()).with("HOME", self.env.path("home"));
        Maintainer::builder()
            .config(config)
            .backend(agent)
            .environment(environment)
            .state_directory(self.env.path("state"))
            .sandbox_helper(helper)
            .build()
            .unwrap()
    }

    /// Makes a hook of the checkout's repository.
    fn hook(&self, name: &str, script: &str) {
        program(&self.site.join(".git/hooks").join(name), script);
    }

    fn config(&self, key: &str, value: &str) {
        self.env.git(&self.env.path("home"), &["config", "--global", key, value]);
    }

    /// What an attacker wants to make.
    fn mark(&self) -> PathBuf {
        self.env.path("mark")
    }

    fn remote(&self, arguments: &[&str]) -> String {
        self.env.git(&self.env.path("remotes/site.git"), arguments)
    }

    /// Commits what is in the checkout, and pushes it.
    fn commit(&self) {
        self.env.git(&self.site, &["add", "--all"]);
        self.env.git(&self.site, &["commit", "--quiet", "--no-verify", "--message", "more"]);
        self.env.git(&self.site, &["push", "--quiet"]);
    }
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn program(path: &Path, script: &str) {
    write(path, &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn sh(directory: &Path, script: &str) {
    assert!(std::process::Command::new("sh").arg("-ec").arg(script).current_dir(directory).status().unwrap().success(), "{script}");
}

#[track_caller]
fn is_applied(record: &RunRecord) {
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{:?}", record.outcome);
}

#[track_caller]
fn failure(record: &RunRecord) -> String {
    match &record.outcome {
        Some(Outcome::Failed { step, message }) if step == "commit" => message.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_repository_that_an_agent_makes_in_a_submodule_is_not_looked_into() {
    let mut machine = Machine::new(&[]);
    let commit = machine.env.submodule(&machine.site);
    let script = machine.env.trap(&machine.mark());
    let agent = Agent::new(move |workspace| {
        sh(workspace, &script);
        write(&workspace.join("README.md"), "# Site\n\nIt plays music.\n");
    });
    // Neither in the sandbox nor without one.
    for mode in [SandboxMode::Auto, SandboxMode::Off] {
        machine.project.sandbox = mode;
        let record = machine.run_with(agent.clone(), true);
        assert!(matches!(record.outcome, Some(Outcome::Held { .. })), "{:?}", record.outcome);
        assert!(!machine.mark().exists(), "{mode:?}");
        fs::remove_dir_all(machine.env.path("state")).unwrap();
    }
    is_applied(&machine.run(agent));
    assert!(!machine.mark().exists());
    assert!(machine.remote(&["show", "main:README.md"]).contains("music"));
    assert_eq!(machine.remote(&["rev-parse", "main:vendor/lib"]), commit);
}

#[test]
fn a_repository_that_a_check_makes_in_a_submodule_is_not_looked_into_by_the_next_run() {
    let mut machine = Machine::new(&[]);
    machine.env.submodule(&machine.site);
    // The check sees only its workspace and the repository.
    let script = "rm -rf vendor/lib; git init --quiet vendor/lib; cd vendor/lib; echo x > file; git add file; \
                  git -c user.name=e -c user.email=e@e commit --quiet --message x; git rev-parse HEAD > /dev/null";
    let lib = machine.env.path("lib");
    let plant =
        machine.env.trap(&machine.mark()).replace(&format!("rm -rf vendor/lib; cp -R {} vendor/lib; cd vendor/lib", lib.display()), script);
    // A command that is a step is kept in as a check is, and nobody makes the workspace clean after it.
    let plant = serde_json::json!({ "name": "plant", "command": format!("{plant}; git -C ../.. rev-parse HEAD:vendor/lib > .git/refs/heads/main") });
    let plant = StepConfig::Command(serde_json::from_value(plant).unwrap());
    machine.project.steps.as_mut().unwrap().insert(3, plant);
    let planted = || machine.env.path("state/workspaces/site/vendor/lib/.git").exists();
    for number in [1, 2] {
        let edit = move |workspace: &Path| write(&workspace.join("README.md"), &format!("# Site\n\n{number}\n"));
        is_applied(&machine.run(Agent::new(edit)));
        assert!(planted(), "the step has planted it");
        machine.env.git(&machine.site, &["pull", "--quiet"]);
    }
    assert!(!machine.mark().exists());
}

#[test]
fn hooks_are_the_checkouts_and_not_what_somebody_left_in_the_workspace() {
    let machine = Machine::new(&[(".gitignore", ".husky/_/\n"), (".husky/pre-commit", "grep -q music README.md\n")]);
    machine.env.git(&machine.site, &["config", "core.hooksPath", ".husky/_"]);
    // As husky does: what is called is beside the directory that is ignored.
    program(&machine.site.join(".husky/_/pre-commit"), ". \"$(dirname \"$0\")/h\"");
    write(&machine.site.join(".husky/_/h"), "n=$(basename \"$0\")\nsh -e \"$(dirname \"$(dirname \"$0\")\")/$n\"\n");
    let mark = machine.mark();
    let agent = |text: &'static str| {
        let mark = mark.clone();
        Agent::new(move |workspace| {
            program(&workspace.join(".husky/_/pre-commit"), &format!("touch {}", mark.display()));
            write(&workspace.join("README.md"), text);
        })
    };
    let message = failure(&machine.run(agent("# Site\n\nNothing.\n")));
    assert!(message.contains("`pre-commit`"), "{message}");
    is_applied(&machine.run(agent("# Site\n\nIt plays music.\n")));
    assert!(!mark.exists());
}

#[test]
fn programs_that_somebody_left_where_git_does_not_look_are_not_there_for_hooks() {
    let machine = Machine::new(&[(".gitignore", "node_modules\n")]);
    machine.hook("pre-commit", "test ! -e node_modules/.bin/lint || node_modules/.bin/lint");
    let mark = machine.mark();
    let agent = Agent::new(move |workspace| {
        program(&workspace.join("node_modules/.bin/lint"), &format!("touch {}", mark.display()));
        write(&workspace.join("README.md"), "# Site\n\nIt plays music.\n");
    });
    is_applied(&machine.run(agent));
    assert!(!machine.mark().exists());
}

#[test]
fn what_a_change_has_a_hook_run_is_kept_in() {
    let machine = Machine::new(&[("lint.sh", "true\n")]);
    write(&machine.env.path("home/.ssh/id"), "a key");
    machine.hook("pre-commit", "sh lint.sh");
    let (mark, git) = (machine.mark(), machine.site.join(".git"));
    let agent = Agent::new(move |workspace| {
        let (mark, git) = (mark.display(), git.display());
        let tries = format!("touch {mark} {git}/mark {git}/objects/mark {git}/hooks/mark; ! cat ~/.ssh/id\n");
        write(&workspace.join("lint.sh"), &tries);
    });
    is_applied(&machine.run(agent));
    let left =
        [machine.mark(), machine.site.join(".git/mark"), machine.site.join(".git/objects/mark"), machine.site.join(".git/hooks/mark")];
    assert!(!left.iter().any(|path| path.exists()));
}

#[test]
fn a_hook_that_only_looks_refuses_as_it_always_did() {
    let mut machine = Machine::new(&[]);
    machine
        .hook("pre-commit", "git diff --cached --quiet --diff-filter=A || { echo no new files >&2; exit 3; }; git stash create >/dev/null");
    let new_file = Agent::new(|workspace| write(&workspace.join("new.txt"), "new\n"));
    let message = failure(&machine.run(new_file.clone()));
    assert!(["`pre-commit`", "exit code 3", "no new files", "hooks = \"off\""].iter().all(|part| message.contains(part)), "{message}");
    machine.hook("commit-msg", "grep -q '^PiMainteno-Run: ' \"$1\" && echo 'Reviewed-by: a hook' >> \"$1\"");
    is_applied(&machine.run(Agent::harmless()));
    let trailers = machine.remote(&["log", "-1", "--format=%(trailers:only)", "main"]);
    assert!(trailers.contains("PiMainteno-Run: ") && trailers.contains("Reviewed-by: a hook"), "{trailers}");
    machine.hook("commit-msg", "exit 1");
    machine.project.hooks = HooksMode::Off;
    machine.env.git(&machine.site, &["pull", "--quiet"]);
    is_applied(&machine.run(new_file));
}

#[test]
fn a_message_is_not_read_through_a_link_that_a_hook_leaves() {
    let machine = Machine::new(&[]);
    write(&machine.env.path("home/.ssh/id"), "a key");
    machine.hook("commit-msg", &format!("ln -sf {} \"$1\"", machine.env.path("home/.ssh/id").display()));
    let message = failure(&machine.run(Agent::harmless()));
    assert!(message.contains("commit message"), "{message}");
}

#[test]
fn a_commit_is_signed_as_the_owner_signs() {
    let machine = Machine::new(&[]);
    let key = machine.env.path("home/.ssh/key");
    fs::create_dir_all(key.parent().unwrap()).unwrap();
    let keygen = ["-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", key.to_str().unwrap()];
    assert!(std::process::Command::new("ssh-keygen").args(keygen).status().unwrap().success());
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    write(&machine.env.path("home/signers"), &format!("ada@example.org {public}"));
    let signers = machine.env.path("home/signers").display().to_string();
    let key = key.display().to_string();
    for (name, value) in
        [("gpg.format", "ssh"), ("user.signingKey", &key), ("commit.gpgSign", "true"), ("gpg.ssh.allowedSignersFile", &signers)]
    {
        machine.config(name, value);
    }
    is_applied(&machine.run(Agent::harmless()));
    machine.remote(&["verify-commit", "main"]);
}

#[test]
fn filters_and_line_ends_of_the_owner_are_kept_in_the_sandbox() {
    for support in [None, Some(Support { landlock: 1, obstacle: Some("as told".into()), ..Support::default() })] {
        let mut machine = Machine::new(&[]);
        machine.support = support;
        let tool = machine.env.path("home/tools/case");
        let filter = "case $1 in clean) tr A-Z a-z;; *) tr a-z A-Z;; esac";
        program(&tool, filter);
        for (name, value) in [("filter.case.clean", "~/tools/case clean"), ("filter.case.smudge", "~/tools/case smudge")] {
            machine.config(name, value);
        }
        machine.config("filter.case.required", "true");
        machine.config("core.autocrlf", "true");
        write(&machine.site.join(".gitattributes"), "*.loud filter=case\n");
        write(&machine.site.join("song.loud"), "LA LA\n");
        machine.commit();
        // Kept in, it also tries to give the answers that Git's caller waits for. In the checkout it is not, and would hit other tests.
        let forge = "for p in $(grep -l '[s]erve-commands' /proc/[0-9]*/cmdline); do echo forged > ${p%/cmdline}/fd/1; done 2>/dev/null";
        let is_kept_in = "! (: > ~/tools/note) 2>/dev/null";
        program(&tool, &format!("if {is_kept_in}; then {forge}; fi\n{filter}"));
        let agent = Agent::new(|workspace| {
            assert_eq!(fs::read_to_string(workspace.join("README.md")).unwrap(), "# Site\r\n");
            assert_eq!(fs::read_to_string(workspace.join("song.loud")).unwrap().trim_end(), "LA LA");
            write(&workspace.join("README.md"), "# Site\r\n\r\nIt plays music.\r\n");
            write(&workspace.join("song.loud"), "LA LA LA\n");
        });
        let mut record = machine.run(agent);
        if machine.support.is_some() {
            assert!(matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("without a whole sandbox")), "{record:?}");
            record = machine.approve(&record);
        }
        is_applied(&record);
        assert_eq!(machine.remote(&["show", "main:song.loud"]), "la la la");
        assert_eq!(machine.remote(&["show", "main:README.md"]), "# Site\n\nIt plays music.");
    }
}
