//! The codex command line as a backend of PiMainteno: it drives the real `codex exec` and trusts
//! nothing but its events.
//!
//! [`Codex`] answers a request with one run of codex. Each part of that is a file:
//! `locate` finds the program, `home` keeps what it writes small, `command` and `extra_arguments`
//! are its command line, `sandbox` says what the agent may touch, `session` runs it, `events` reads
//! what it says, `failure` tells trouble that passes from trouble that stays, `preflight` looks
//! whether it could work at all.
//!
//! Everything that is stated here about codex was measured with codex-cli 0.169.0.

mod command;
mod events;
mod extra_arguments;
mod failure;
mod home;
mod locate;
mod preflight;
mod sandbox;
mod session;

use std::{ffi::OsString, fs, path::Path};

use async_trait::async_trait;
use pimainteno_core::{
    Call, Edit, Error, ErrorKind, LlmBackend, Reply, Request, Result,
    config::{EditMode, LlmConfig, Secret},
    process::{self, Environment},
};
use tokio::sync::OnceCell;

use crate::{
    command::Account,
    home::{Home, Scratch},
    sandbox::Sandbox,
};

/// The backend `codex`.
#[derive(Debug)]
pub struct Codex {
    model: String,
    edit: Edit,
    account: Account,
    extra_arguments: Vec<String>,
    environment: Environment,
    home: Home,
    sandbox: Sandbox,
    /// Set once the sandbox was seen to work. A failure is not kept: somebody may repair it while
    /// the daemon runs.
    sandbox_works: OnceCell<()>,
}

impl Codex {
    /// A backend that runs the codex found on `environment`'s `PATH` and keeps what codex must
    /// write below `state`.
    ///
    /// With a `base_url` codex speaks to that server; with an `api_key` alone, to its own provider
    /// with that key; with neither it uses the sign-in in `CODEX_HOME`, or else in `~/.codex`.
    /// Codex's databases go to `XDG_RUNTIME_DIR` if the environment names one, which spares the SD
    /// card, and below `state` if not.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if an extra argument would undo the sandbox, or the key's file
    /// cannot be read.
    pub fn new(config: &LlmConfig, environment: &Environment, state: &Path) -> Result<Self> {
        extra_arguments::check(&config.extra_args)?;
        let account = Account::new(config.base_url.as_ref(), key(config)?);
        let home = Home::new(&account, environment, state)?;
        let sandbox =
            Sandbox::new(environment, config.api_key_file.iter().cloned().chain([home.sign_in()]));
        Ok(Self {
            model: config.model.clone(),
            edit: match config.edit {
                EditMode::Workspace => Edit::Workspace,
                EditMode::Reply => Edit::Reply,
            },
            account,
            extra_arguments: config.extra_args.clone(),
            environment: environment.clone(),
            home,
            sandbox,
            sandbox_works: OnceCell::new(),
        })
    }

    /// `program` with the environment that codex may see, and with a temporary directory of its
    /// own.
    fn program(&self, program: &Path, scratch: &Scratch) -> process::Command {
        process::Command::new(program)
            .envs(command::environment(&self.environment))
            .minded_by(&self.environment)
            .envs(self.home.variables())
            .envs(self.account.variables())
            .env("TMPDIR", scratch.path())
            .directory(scratch.path())
    }

    async fn check_sandbox(&self, program: &Path, scratch: &Scratch) -> Result<()> {
        // The user's own configuration has no say in whether the sandbox works, so the check does
        // not read it.
        let codex = self.program(program, scratch).env("CODEX_HOME", scratch.path());
        preflight::sandbox(codex, self.sandbox.settings(Edit::Workspace), scratch.path()).await
    }
}

#[async_trait]
impl LlmBackend for Codex {
    fn name(&self) -> &str {
        "codex"
    }

    fn model(&self) -> &str {
        &self.model
    }

    fn edit(&self) -> Edit {
        self.edit
    }

    async fn complete(&self, request: &Request, call: &Call) -> Result<Reply> {
        call.cancel.check()?;
        let program = locate::program(&self.environment)?;
        self.home.prepare()?;
        let scratch = Scratch::new(&self.environment)?;
        if request.edit == Edit::Workspace {
            self.sandbox_works.get_or_try_init(|| self.check_sandbox(&program, &scratch)).await?;
        }
        let arguments: Vec<OsString> = command::arguments(
            request,
            &self.model,
            &self.account,
            &self.sandbox,
            &self.extra_arguments,
        );
        let command = self.program(&program, &scratch).args(arguments);
        let reply = session::run(command, request, &self.account, call).await;
        reply.map_err(|failure| failure.into_error(&self.environment))
    }

    async fn health(&self) -> Result<String> {
        let program = locate::program(&self.environment)?;
        self.home.prepare()?;
        let scratch = Scratch::new(&self.environment)?;
        let version = preflight::version(self.program(&program, &scratch)).await?;
        let account = match &self.account {
            Account::SignIn => preflight::sign_in(self.program(&program, &scratch)).await?,
            Account::Key(_) => "with the configured API key".to_owned(),
            Account::Server { base_url, .. } => {
                preflight::server(base_url, &self.environment).await?;
                format!("at {base_url}")
            }
        };
        let sandbox = match (self.check_sandbox(&program, &scratch).await, self.edit) {
            (Ok(()), _) => "the sandbox works",
            (Err(error), Edit::Workspace) => return Err(error),
            (Err(_), _) => {
                "the sandbox does not work, and is not needed for `llm.edit = \"reply\"`"
            }
        };
        Ok(format!("{version}, {account}; {sandbox}"))
    }
}

/// The configured key, from the configuration itself or from the file that it names.
fn key(config: &LlmConfig) -> Result<Option<Secret>> {
    if let Some(key) = &config.api_key {
        return Ok(Some(key.clone()));
    }
    let Some(path) = &config.api_key_file else { return Ok(None) };
    let key = fs::read_to_string(path).map_err(|error| {
        Error::new(
            ErrorKind::Config,
            format!("cannot read `llm.api_key_file`: `{}`", path.display()),
        )
        .source(error)
    })?;
    match key.trim() {
        "" => Err(Error::new(
            ErrorKind::Config,
            format!("`llm.api_key_file` is empty: `{}`", path.display()),
        )),
        key => Ok(Some(Secret::new(key))),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use pimainteno_core::process::SandboxHelper;

    use super::*;

    #[tokio::test]
    async fn codex_is_minded() {
        let place = tempfile::tempdir().unwrap();
        let program = place.path().join("codex");
        fs::write(&program, "#!/bin/sh\necho codex-cli 0.169.0\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(place.path().join(".codex")).unwrap();
        let path = format!("{}:/usr/bin:/bin", place.path().display());
        // A helper that minds nothing is found out, as long as it is asked.
        let environment = Environment::default()
            .with("PATH", path)
            .with("HOME", place.path())
            .minded_by(&SandboxHelper::new("/bin/true"));
        let codex =
            Codex::new(&LlmConfig::default(), &environment, &place.path().join("state")).unwrap();
        let error = codex.health().await.unwrap_err();
        assert!(error.to_string().contains("ended without a report"), "{error}");
    }
}
