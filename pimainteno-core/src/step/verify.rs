//! Runs the project's checks on the change, and blames it only for what was green before.

use async_trait::async_trait;
use serde_json::Value;

use super::{Checks, Effects, Flow, Step, StepContext};
use crate::{
    error::{Error, ErrorKind, Result},
    policy,
    process::Command,
    proposal::sha256,
    run::Outcome,
    store::CheckResults,
};

/// How much of a check's output is kept, in bytes.
const KEPT_OUTPUT: usize = 64 << 10;

/// How many lines of a failed check a message carries.
const TOLD_LINES: usize = 15;

/// Runs the project's checks on the change. One that fails is run on the base as well: only a new failure counts.
#[derive(Debug)]
pub(crate) struct Verify;

/// How a check ended.
struct CheckResult {
    passed: bool,
    end: String,
    tail: String,
    log: String,
}

#[async_trait]
impl Step for Verify {
    fn name(&self) -> &str {
        "verify"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let Some(change) = context.change.clone() else { return Ok(Flow::End(Outcome::NoChange)) };
        let checks = context.project().verify.clone();
        if checks.is_empty() {
            return Ok(Flow::Skipped("no checks are configured".into()));
        }
        let mut red = Vec::new();
        for check in &checks {
            context.progress(format!("runs `{check}`"));
            let result = run_check(context, check).await?;
            context.keep_output(format!("check `{check}`"), result.log.clone());
            if !result.passed {
                red.push((check.clone(), result));
            }
        }
        if red.is_empty() {
            context.checks = Checks::Passed;
            context.facts = context.facts.clone().with_checks(policy::Checks::Passed);
            return Ok(Flow::Done(format!("{} of {} checks passed", checks.len(), checks.len())));
        }
        let mut known = Vec::new();
        let workspace = context.parts.workspace;
        workspace.reset(&context.record.base).await?;
        for (check, result) in &red {
            if passes_on_base(context, check).await? {
                let message = format!("`{check}` fails with the change ({}) and passes without it: {}", result.end, result.tail);
                return Err(Error::new(ErrorKind::Step, message));
            }
            known.push(format!("`{check}`"));
        }
        workspace.reset(&context.record.base).await?;
        workspace.apply(&change.diff).await?;
        // Where everything was red before, nothing says that the change is any good.
        let told =
            if red.len() < checks.len() { (Checks::RedBefore, policy::Checks::Passed) } else { (Checks::None, policy::Checks::None) };
        context.checks = told.0;
        context.facts = context.facts.clone().with_checks(told.1);
        Ok(Flow::Done(format!(
            "{} of {} checks passed; red before the change too: {}",
            checks.len() - red.len(),
            checks.len(),
            known.join(", ")
        )))
    }
}

/// Whether a check passes on the base commit, which the workspace is at.
async fn passes_on_base(context: &mut StepContext<'_>, check: &str) -> Result<bool> {
    let checks = sha256(check);
    let base = context.record.base.clone();
    if let Some(Value::Bool(passed)) = context.parts.store.check_results(&context.record.project, &base, &checks)? {
        return Ok(passed);
    }
    context.progress(format!("runs `{check}` without the change"));
    let passed = run_check(context, check).await?.passed;
    context.base_checks.push(CheckResults { commit: base, checks, results: Value::Bool(passed) });
    Ok(passed)
}

async fn run_check(context: &StepContext<'_>, check: &str) -> Result<CheckResult> {
    let output = Command::shell(check)
        .directory(context.workspace())
        .envs(context.environment().iter())
        .timeout(context.project().verify_timeout)
        .output_limit(KEPT_OUTPUT)
        .cancel(context.cancel())
        .run()
        .await?;
    context.cancel().check()?;
    let log = format!("{}{}[{}]\n", output.text(), String::from_utf8_lossy(&output.stderr), output.end);
    Ok(CheckResult { passed: output.success(), end: output.end.to_string(), tail: output.tail(TOLD_LINES), log })
}
