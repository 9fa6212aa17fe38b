//! What commits and pushes of a project need, as far as it can be found out without making one.

use std::time::Duration;

use pimainteno_core::{
    config::{HooksMode, Project, SandboxMode, StepConfig},
    git::{Checkout, HookFault, Upstream},
};

use super::{Finding, Items, project::Scratch};

/// How long a remote may take to answer.
const REMOTE_DEADLINE: Duration = Duration::from_secs(15);

/// What a real push may meet that a try does not.
const NOT_ASKED: &str = "its hooks, protected branches and quotas are asked by a real push alone; a change that they refuse waits";

/// Looks at everything that keeps a good change from being delivered.
pub(super) async fn look(
    project: &Project,
    checkout: &Checkout,
    upstream: Option<&Upstream>,
    items: &mut Items,
) {
    let place = |name: &str| project.steps.iter().position(|step| step.name() == name);
    let has = |name: &str| place(name).is_some();
    if let (Some(apply), Some(verify)) = (place("apply"), place("verify")) {
        let between = project.steps.iter().take(verify).skip(apply);
        for name in between.filter_map(|step| without_sandbox(step, project)) {
            let message = format!(
                "`{name}` has no sandbox and stands before `verify`, so every change waits for a person before it"
            );
            items.note("steps", message, "put it behind `verify`, or let it have a sandbox");
        }
    }
    if has("commit") {
        for path in checkout.not_writable() {
            let message = format!("this user may not write to `{}`", path.display());
            items.problem("delivery", message, "run the daemon as the owner of the checkout");
        }
        signing(project, checkout, items).await;
    }
    match checkout.faulty_hooks(has("commit") && project.hooks != HooksMode::Off).await {
        Ok(faults) => {
            for fault in faults {
                let (message, hint) = (fault.to_string(), fault.hint());
                match fault {
                    HookFault::NotExecutable { .. } => items.note("hooks", message, hint),
                    HookFault::Lacks { .. } => items.problem("hooks", message, hint),
                }
            }
        }
        Err(error) => items.error("hooks", Finding::Problem, &error),
    }
    if let Some(upstream) = upstream.filter(|_| has("push")) {
        let there = format!("{}/{}", upstream.remote, upstream.branch);
        match checkout.try_to_push(upstream, REMOTE_DEADLINE).await {
            Ok(()) => items.ok("push", format!("`{there}` lets this user push; {NOT_ASKED}")),
            Err(error) => items.error("push", Finding::Problem, &error),
        }
    }
}

/// The name of a command that may change something outside.
fn without_sandbox<'step>(step: &'step StepConfig, project: &Project) -> Option<&'step str> {
    let StepConfig::Command(command) = step else { return None };
    let mode = command.sandbox.unwrap_or(project.sandbox.mode);
    (mode == SandboxMode::Off).then_some(&*command.name)
}

async fn signing(project: &Project, checkout: &Checkout, items: &mut Items) {
    let scratch = match Scratch::new(&project.id) {
        Ok(scratch) => scratch,
        Err(error) => {
            let message = format!("cannot be tried: no temporary directory: {error}");
            return items.note("signing", message, "");
        }
    };
    match checkout.try_to_sign(scratch.path()).await {
        Ok(false) => {}
        Ok(true) => {
            let message = "commits are signed, and one was signed here as a try";
            items.ok("signing", message);
        }
        Err(error) => {
            let error = error.about("commits are signed, and one cannot be").hint(
                "see to the key and its program, for the daemon's user and without a terminal; `commit.gpgsign = false` in the checkout makes commits without",
            );
            items.error("signing", Finding::Problem, &error);
        }
    }
}
