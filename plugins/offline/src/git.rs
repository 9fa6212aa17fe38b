//! Git, asked for facts: it never changes anything, waits for anyone or runs what the repository's
//! configuration names.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use pimainteno_core::{
    Error, ErrorKind, Result,
    process::{Cancel, Command, End, Environment, Output},
};

/// What one Git command may write: the paths of about half a million files.
const OUTPUT_LIMIT: usize = 64 << 20;

/// Runs Git in one worktree, and knows when all work for the answer must be done.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    workspace: PathBuf,
    environment: Environment,
    cancel: Cancel,
    deadline: Instant,
    timeout: Duration,
}

impl Git {
    /// Git in `workspace`; all work must be done within `timeout`, or when `cancel` is raised.
    pub(crate) fn new(
        workspace: &Path,
        environment: Environment,
        cancel: Cancel,
        timeout: Duration,
    ) -> Self {
        Self {
            workspace: workspace.to_owned(),
            environment,
            cancel,
            deadline: Instant::now() + timeout,
            timeout,
        }
    }

    /// The worktree's root.
    pub(crate) fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// An error once the work is not wanted any more or takes too long; for loops over files.
    pub(crate) fn check(&self) -> Result<()> {
        self.cancel.check()?;
        if Instant::now() < self.deadline { Ok(()) } else { Err(self.late()) }
    }

    /// The standard output of a command that must succeed.
    pub(crate) async fn run<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Result<Vec<u8>> {
        self.run_with_input(arguments, Vec::new()).await
    }

    /// The standard output of a command that must succeed and that reads `input`.
    pub(crate) async fn run_with_input<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
        input: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let output = self.output(&arguments, input, self.timeout).await?;
        let what = || format!("`git {}` in `{}`", arguments.join(" "), self.workspace.display());
        match output.end {
            End::Exited(0) if output.truncated => Err(Error::new(
                ErrorKind::Git,
                format!("{} wrote more than {OUTPUT_LIMIT} bytes", what()),
            )),
            End::Exited(0) => Ok(output.stdout),
            End::Cancelled => Err(Error::new(ErrorKind::Cancelled, "the run was told to stop")),
            End::TimedOut => Err(self.late()),
            end => Err(Error::new(
                ErrorKind::Git,
                format!("{} failed: {end}: {}", what(), output.tail(3)),
            )
            .hint("the workspace must be a Git worktree that this user may read")),
        }
    }

    /// The standard output of a command as text, or `None` if it fails or takes longer than half a
    /// minute: for facts that can be left out.
    pub(crate) async fn fact<'a>(
        &self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Option<String> {
        let arguments: Vec<_> = arguments.into_iter().collect();
        let output = self.output(&arguments, Vec::new(), Duration::from_secs(30)).await.ok()?;
        output.success().then(|| output.text())
    }

    async fn output(
        &self,
        arguments: &[&str],
        input: Vec<u8>,
        timeout: Duration,
    ) -> Result<Output> {
        // Neither a monitor nor a hook nor a pager of the repository's choice is started.
        let safe = [
            "--no-pager",
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "-c",
            "core.quotePath=false",
        ];
        let quiet = ["-c", "log.showSignature=false", "-c", "color.ui=false"];
        Command::new("git")
            .args(safe)
            .args(quiet)
            .args(arguments)
            .directory(&self.workspace)
            .envs(self.environment.iter())
            .env("LC_ALL", "C")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_NO_LAZY_FETCH", "1")
            .input(input)
            .timeout(self.deadline.saturating_duration_since(Instant::now()).min(timeout))
            .output_limit(OUTPUT_LIMIT)
            .cancel(&self.cancel)
            .run()
            .await
    }

    fn late(&self) -> Error {
        Error::new(
            ErrorKind::Backend,
            format!(
                "`{}` could not be read in {} seconds",
                self.workspace.display(),
                self.timeout.as_secs()
            ),
        )
        .hint("raise `llm.timeout`")
    }
}
