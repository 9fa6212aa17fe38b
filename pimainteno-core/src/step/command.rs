//! A shell command as a step.

use std::time::Duration;

use async_trait::async_trait;

use super::{Effects, Flow, Step, StepContext};
use crate::{
    config::{CommandStepConfig, Mode, Project, SandboxMode},
    error::{Error, ErrorKind, Result},
    proposal::DRY,
};

/// The wall-clock limit of a command that names none.
const TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// What `revert` says where the same command takes back what it did.
const AGAIN: &str = "again";

/// What it says where nothing does.
const NONE: &str = "none";

/// Runs a shell command of the configuration in the workspace; the run goes on if it ends with 0.
#[derive(Debug)]
pub(crate) struct CommandStep {
    config: CommandStepConfig,
    effects: Effects,
    /// Whether the sandbox lets it reach the network, or write elsewhere.
    reaches_out: bool,
}

impl CommandStep {
    /// The command as a step of `project`. One that amends the change is for the project's files,
    /// and announces nothing else; without a whole sandbox it stands before the gate as any
    /// other, because it may run what the change holds.
    ///
    /// Before the checks, which have the project's network and places to write to without anybody's
    /// leave, it may have them, too; but in a dry run it is left out then.
    pub(crate) fn new(
        config: CommandStepConfig,
        project: &Project,
        is_before_checks: bool,
    ) -> Self {
        let sandbox = &project.sandbox;
        let reaches_out = sandbox.network || !sandbox.write.is_empty();
        let is_kept_in = config.sandbox.unwrap_or(sandbox.mode) != SandboxMode::Off
            && (is_before_checks || !reaches_out);
        let outside = if config.amend { Effects::Announced } else { Effects::Outside };
        let effects = if is_kept_in { Effects::Workspace } else { outside };
        Self { config, effects, reaches_out }
    }
}

#[async_trait]
impl Step for CommandStep {
    fn name(&self) -> &str {
        &self.config.name
    }

    fn effects(&self) -> Effects {
        self.effects
    }

    fn prepares(&self) -> bool {
        !self.config.amend
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        if self.reaches_out && context.mode() == Mode::DryRun {
            return Ok(Flow::Skipped(DRY.into()));
        }
        self.carry_out(&self.config.command, context).await
    }

    async fn revert(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        match self.config.revert.as_deref().unwrap_or(AGAIN) {
            AGAIN => self.run(context).await,
            NONE => {
                context.leave();
                Ok(Flow::Skipped("what it did is not taken back: `revert` is \"none\"".into()))
            }
            command => self.carry_out(command, context).await,
        }
    }
}

impl CommandStep {
    async fn carry_out(&self, line: &str, context: &mut StepContext<'_>) -> Result<Flow> {
        let command = context.sandboxed_shell(line, self.config.sandbox).await?;
        let output = command
            .env("PIMAINTENO_PROJECT", context.run.record.project.as_str())
            .env("PIMAINTENO_RUN", context.run_id().to_string())
            .env("PIMAINTENO_CHECKOUT", context.checkout())
            .env("PIMAINTENO_BASE", context.base().as_str())
            .env("PIMAINTENO_COMMIT", context.run.record.commit.as_deref().unwrap_or_default())
            .timeout(self.config.timeout.unwrap_or(TIMEOUT))
            .run()
            .await?;
        context.cancel().check()?;
        context.keep_output(
            format!("log of {}", self.config.name),
            format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr)),
        );
        if output.success() {
            if self.config.amend {
                context.amend("").await?;
            }
            return Ok(Flow::Done(
                output.text().trim().lines().last().unwrap_or_default().to_owned(),
            ));
        }
        Err(Error::new(
            ErrorKind::Step,
            format!("`{line}` failed ({}): {}", output.end, output.tail(10)),
        ))
    }
}
