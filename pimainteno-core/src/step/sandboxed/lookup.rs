//! What the commands of a project find where they run.

use std::{fs, path::Path, time::Duration};

use super::Sandboxing;
use crate::{
    config::{Project, SandboxMode},
    error::{Context, Error, ErrorKind, Result},
    git::{Checkout, Git},
    process::{Command, Environment, SandboxHelper},
};

/// How long looking may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// Writes a line for each program: where the shell finds it, or its name if the shell has it
/// built in.
const LOOK: &str = "for program do command -v \"$program\" || echo; done";

/// Where the shell of a project's commands finds each of `programs`, which are names, or absolute
/// paths; `None` for one that it does not find. Nothing of the project is run.
///
/// With a `sandbox`, that is in one as the project's checks have it, set up by `helper` and with
/// what it needs in `state`, but without the project's files and what `prepare` made; with
/// [`SandboxMode::Off`] in the checkout, as this user.
///
/// # Errors
/// If the checkout is none, or a sandbox cannot be set up.
pub async fn find_programs(
    project: &Project,
    sandbox: SandboxMode,
    programs: &[&str],
    environment: &Environment,
    helper: &SandboxHelper,
    state: &Path,
) -> Result<Vec<Option<String>>> {
    let look = Command::shell(LOOK).args(["sh"]).args(programs).timeout(DEADLINE);
    let output = if sandbox == SandboxMode::Off {
        look.directory(&project.path).environment(environment).run().await?
    } else {
        let checkout = Checkout::open(&project.path, Git::new(environment.clone())).await?;
        let written = &project.sandbox.write;
        let sandboxing = Sandboxing::new(project, environment, Some(helper), state, written);
        let (leftovers, support) = (sandboxing.leftovers().await, sandboxing.support().await);
        let place = sandboxing.own().join("lookup");
        fs::create_dir_all(&place)
            .context(ErrorKind::Process, || format!("cannot make `{}`", place.display()))?;
        let network = project.sandbox.network;
        let environment = sandboxing.environment(&leftovers, &leftovers.caches(), network);
        let mut sandbox = sandboxing.sandbox(helper, support, &checkout);
        sandbox.write.push(place.clone());
        look.directory(place).envs(environment.iter()).sandbox(sandbox).run().await?
    };
    if !output.success() {
        let message = format!("looking for programs ended otherwise: {}", output.end);
        return Err(Error::new(ErrorKind::Process, message));
    }
    let text = output.text();
    let lines = text.lines().map(|line| Some(line.to_owned()).filter(|line| !line.is_empty()));
    let mut found: Vec<_> = lines.collect();
    found.resize(programs.len(), None);
    Ok(found)
}
