//! The demo's stage: a service project with a bare remote, in a directory of its own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use pimainteno_core::{
    Error, ErrorKind, Result,
    config::{Config, Globs, HealthConfig, Mode, ProjectConfig, RestartConfig, SandboxMode},
    process::{Command, Environment},
};

/// The project's files: path, content, and whether it is a program.
const FILES: [(&str, &str, bool); 7] = [
    ("README.md", include_str!("radio/README.md"), false),
    ("docs/guide/manual.md", include_str!("radio/manual.md"), false),
    ("radio.conf", include_str!("radio/radio.conf"), false),
    ("radio.sh", include_str!("radio/radio.sh"), true),
    ("check.sh", include_str!("radio/check.sh"), true),
    ("restart.sh", include_str!("radio/restart.sh"), true),
    ("health.sh", include_str!("radio/health.sh"), true),
];

/// The demo's stage. The service that runs on it is stopped, and the directory removed, when this
/// is dropped.
pub(super) struct Stage {
    directory: PathBuf,
    environment: Environment,
    keep: bool,
}

impl Stage {
    /// Sets up the project, its bare remote and its running service in a new directory below
    /// `parent`.
    pub(super) async fn set_up(
        parent: &Path,
        environment: &Environment,
        keep: bool,
    ) -> Result<Self> {
        // A name that could be foretold could be taken by somebody else. It is removed with the
        // stage.
        let directory = tempfile::Builder::new()
            .prefix("pi-mainteno-demo-")
            .tempdir_in(parent)
            .map(tempfile::TempDir::keep);
        let directory = directory.map_err(|source| {
            Error::new(
                ErrorKind::Usage,
                format!("cannot set up the demo in `{}`", parent.display()),
            )
            .source(source)
        })?;
        let environment = environment
            .clone()
            .with("RADIO_STATE", directory.join("run"))
            // The demo is the same on every machine, whatever its Git is configured to do.
            .with("GIT_CONFIG_GLOBAL", "/dev/null")
            .with("GIT_CONFIG_SYSTEM", "/dev/null");
        let stage = Self { directory, environment, keep };
        stage.write_files().map_err(|source| {
            Error::new(
                ErrorKind::Usage,
                format!("cannot set up the demo in `{}`", stage.directory.display()),
            )
            .source(source)
        })?;
        for arguments in [
            &["init", "--quiet", "--initial-branch=main"][..],
            &["config", "user.name", "Demo"],
            &["config", "user.email", "demo@localhost"],
            &["add", "--all"],
            &["commit", "--quiet", "--message=radio: first version"],
            &["clone", "--quiet", "--bare", ".", "../remote.git"],
            &["remote", "add", "origin", "../remote.git"],
            &["push", "--quiet", "--set-upstream", "origin", "main"],
        ] {
            stage.git(&stage.checkout(), arguments).await?;
        }
        stage.run(Command::new("./restart.sh").keep_descendants()).await?;
        Ok(stage)
    }

    /// The project's checkout.
    pub(super) fn checkout(&self) -> PathBuf {
        self.directory.join("radio")
    }

    /// The bare remote.
    pub(super) fn remote(&self) -> PathBuf {
        self.directory.join("remote.git")
    }

    /// Everything is below this directory.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the store and the workspace are.
    pub(super) fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    /// The variables for the project's commands.
    pub(super) fn environment(&self) -> &Environment {
        &self.environment
    }

    /// A configuration for the project, answered by the backend `provider`.
    pub(super) fn config(&self, provider: &str) -> Result<Config> {
        let mut health = HealthConfig::default();
        health.command = Some("./health.sh".into());
        health.within = Some(Duration::from_secs(2));
        let mut project = ProjectConfig::new(self.checkout());
        project.mode = Mode::Auto;
        // The second act changes a setting, which would wait for somebody to look at it.
        project.hold = Some(Globs::default());
        project.verify = vec!["./check.sh".into()];
        // Its check is the demo's own, and the demo shall work on every machine.
        project.sandbox = SandboxMode::Off;
        project.units = Some(vec!["radio.service".parse()?]);
        project.restart = RestartConfig::Command("./restart.sh".into());
        project.health = Some(health);
        project.probation = Some(Duration::from_secs(1));
        let mut config = Config::default();
        config.llm.provider = provider.into();
        config.project.push(project);
        Ok(config)
    }

    /// The process that the service runs in.
    pub(super) fn service_pid(&self) -> Option<u32> {
        fs::read_to_string(self.directory.join("run/pid")).ok()?.trim().parse().ok()
    }

    /// Runs Git and gives what it says.
    pub(super) async fn git(&self, directory: &Path, arguments: &[&str]) -> Result<String> {
        let output = Command::new("git")
            .args(arguments)
            .envs(self.environment.iter())
            .directory(directory)
            .run()
            .await?;
        if output.success() {
            return Ok(output.text().trim_end().to_owned());
        }
        Err(Error::new(
            ErrorKind::Git,
            format!("`git {}` failed: {}", arguments.join(" "), output.tail(5)),
        )
        .hint("the demo needs git 2.28 or newer"))
    }

    fn write_files(&self) -> std::io::Result<()> {
        fs::create_dir_all(self.directory.join("run"))?;
        for (path, content, is_program) in FILES {
            let file = self.checkout().join(path);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&file, content)?;
            if is_program {
                fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }

    async fn run(&self, command: Command) -> Result<()> {
        let output = command.envs(self.environment.iter()).directory(self.checkout()).run().await?;
        if output.success() {
            Ok(())
        } else {
            Err(Error::new(
                ErrorKind::Service,
                format!("the demo's service does not start: {}", output.tail(5)),
            ))
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(pid) = self.service_pid() {
            // The program `kill` instead of the system call: this crate has no other use for one.
            drop(
                std::process::Command::new("kill")
                    .arg(pid.to_string())
                    .stderr(std::process::Stdio::null())
                    .status(),
            );
        }
        if !self.keep {
            drop(fs::remove_dir_all(&self.directory));
        }
    }
}
