//! Makes a project's dependencies ready, before anything is paid for.
//!
//! Its checks have no network, and nothing that Git does not keep is in the workspace. So what the
//! project depends on is fetched and built by commands of its own, with the network, in a clean
//! tree; once for each content of the files that they read.
//!
//! A change may say that the project depends on something else. What a package brings is run where
//! it is installed, so nobody's change reaches the network before a person has approved it: its
//! dependencies are made ready without, of what was fetched before. Where that cannot be done, the
//! checks see those of the base, and a person decides.

use std::{path::PathBuf, time::Instant};

use async_trait::async_trait;

use super::{Effects, Flow, Step, StepContext, hint, quoted, sandboxed::limits, told};
use crate::{
    config::{PREPARE, PrepareConfig, SandboxMode},
    error::{Error, ErrorKind, Result},
    process::Used,
    store::Output,
    words::Sha256,
};

/// How many lines of a command that failed a message carries.
const TOLD_LINES: usize = 15;

/// How much of a command's output is kept, in bytes.
const KEPT_OUTPUT: usize = 64 << 10;

/// Makes what the project's `prepare` says ready for the files at the base.
#[derive(Debug)]
pub(crate) struct Prepare;

/// What was made ready.
pub(crate) struct Made {
    size: Used,
    seconds: u64,
    logs: Vec<Output>,
}

#[async_trait]
impl Step for Prepare {
    fn name(&self) -> &str {
        PREPARE
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    fn prepares(&self) -> bool {
        true
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        context.show_submodules().await?;
        if context.project().prepare.is_empty() {
            return Ok(Flow::Skipped("the project has no `prepare`".into()));
        }
        let Some(Made { size, seconds, logs }) = context.prepared().await? else {
            return Ok(Flow::Skipped("ready: what it reads is as it was".into()));
        };
        context.run.outputs.extend(logs);
        let size = match size.disk >> 20 {
            0 => String::new(),
            mebibytes => format!(", {mebibytes} MiB in {} files", size.files),
        };
        Ok(Flow::Done(format!("{} in {seconds} s{size}", commands(context))))
    }
}

impl StepContext<'_> {
    /// Makes sure that what is tried sees the dependencies of the files that the workspace holds;
    /// gives what had to be made for that.
    pub(crate) async fn prepared(&self) -> Result<Option<Made>> {
        let (prepare, parts) = (&self.project().prepare, self.parts);
        if prepare.is_empty() {
            return Ok(None);
        }
        let (workspace, leftovers) = (parts.workspace, parts.leftovers);
        let key = key(prepare, &workspace.tracked().await?);
        if leftovers.see_prepared(&key, workspace)? {
            return Ok(None);
        }
        let base = self::key(prepare, &workspace.tracked_in(&self.run.base).await?);
        let is_trusted = key == base || self.run.approved.is_some() || self.run.takes_back();
        // What a change's own commands made of it is seen with that change alone.
        let fingerprint = self.run.fingerprint().unwrap_or_default();
        let key = if is_trusted { key } else { Sha256::of(&format!("{key}\n{fingerprint}")) };
        if !is_trusted && leftovers.see_prepared(&key, workspace)? {
            return Ok(None);
        }
        if is_trusted || !parts.sandboxing.is_unprepared(&key) {
            match self.make_ready(&key, is_trusted).await {
                Err(error) if is_trusted || error.passes() => return Err(error),
                Err(error) => parts.sandboxing.note_unprepared(key, self.told_unprepared(&error)),
                Ok(made) => {
                    leftovers.see_prepared(&key, workspace)?;
                    return Ok(Some(made));
                }
            }
        }
        leftovers.see_prepared(&base, workspace)?;
        Ok(None)
    }

    async fn make_ready(&self, key: &Sha256, is_trusted: bool) -> Result<Made> {
        let (project, parts) = (self.project(), self.parts);
        let (workspace, limits) = (parts.workspace, limits(project));
        let layers = parts.leftovers.begin_preparing(workspace, &limits, is_trusted).await?;
        let layers = layers.ok_or_else(|| {
            Error::new(ErrorKind::Step, "this machine has no layers to try it in")
        })?;
        let (begin, mut logs) = (Instant::now(), Vec::new());
        for PrepareConfig { command, .. } in &project.prepare {
            self.progress(format!("prepares: `{command}`"));
            let shell = self.preparing_shell(command, layers.clone(), is_trusted).await?;
            let output =
                shell.timeout(project.prepare_timeout).output_limit(KEPT_OUTPUT).run().await?;
            self.cancel().check()?;
            let text = format!("{}{}", output.text(), String::from_utf8_lossy(&output.stderr));
            if !output.success() {
                let message = format!(
                    "`{command}`, which prepares the workspace, failed ({}): {}",
                    output.end,
                    output.tail(TOLD_LINES)
                );
                let error = Error::new(ErrorKind::Step, message);
                return Err(match hint::wait(&text).filter(|_| is_trusted) {
                    Some(delay) => error.retry_after(delay),
                    None => error,
                });
            }
            logs.push(Output { name: format!("log of `{command}`"), text });
        }
        let size = parts.leftovers.keep_prepared(key, workspace, &limits).await?;
        Ok(Made { size, seconds: begin.elapsed().as_secs(), logs })
    }

    /// What a person is told of a change whose own dependencies its checks did not see.
    fn told_unprepared(&self, error: &Error) -> String {
        let prepare = &self.project().prepare;
        let reads = |path: &str| prepare.iter().any(|command| command.reads(path));
        let files = self.run.change.iter().flat_map(|change| &change.files);
        let files = files.map(|file| file.path.clone()).filter(|path| reads(path)).collect();
        format!(
            "it changes {}, which {} reads, and what that needs cannot be had without the network: its checks saw the dependencies of before; once approved, they see its own ({error})",
            told(quoted(files)),
            commands(self)
        )
    }
}

/// Whether what a command is to see is made ready: not for one that runs as the owner's own, in a
/// project whose other commands do not.
pub(crate) fn is_for(project: SandboxMode, command: SandboxMode) -> bool {
    command != SandboxMode::Off || project == SandboxMode::Off
}

fn commands(context: &StepContext<'_>) -> String {
    let commands = context.project().prepare.iter().map(|prepare| prepare.command.clone());
    told(quoted(commands.collect()))
}

/// A fingerprint of the commands, and of the files that they read.
fn key(prepare: &[PrepareConfig], files: &[(PathBuf, String)]) -> Sha256 {
    let commands = prepare.iter().map(|prepare| prepare.command.clone());
    let read = files.iter().filter_map(|(path, object)| {
        let path = path.to_str()?;
        prepare.iter().any(|prepare| prepare.reads(path)).then(|| format!("{object} {path}"))
    });
    Sha256::of(&commands.chain(read).collect::<Vec<_>>().join("\n"))
}
