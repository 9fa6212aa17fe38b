//! What the checks say about the base: each is run there at most once, and its verdict is kept with the commit.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{StepContext, run_check, verdict::Verdict};
use crate::{error::Result, proposal::sha256, store::CheckResults};

/// What the checks say about the base.
pub(super) struct Base {
    commit: String,
    /// A hash of all commands, under which the verdicts are kept.
    checks: String,
    /// By the hash of a command: the command may hold a secret, and this is kept.
    verdicts: BTreeMap<String, Verdict>,
}

impl Base {
    /// What is known already.
    pub(super) fn load(context: &StepContext<'_>, checks: &[String]) -> Result<Self> {
        let commit = context.record.base.clone();
        let all = sha256(&checks.join("\n"));
        let known = |checks: &str| context.parts.store.check_results(&context.record.project, &commit, checks);
        let mut verdicts = known(&all)?.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_else(BTreeMap::new);
        for check in checks {
            // Earlier versions kept a row for each check, and in it whether it passed.
            let check = sha256(check);
            if !verdicts.contains_key(&check)
                && let Some(Value::Bool(passed)) = known(&check)?
            {
                verdicts.insert(check, if passed { Verdict::Passed } else { Verdict::Failed });
            }
        }
        Ok(Self { commit, checks: all, verdicts })
    }

    /// The verdict on the base, if it is known.
    pub(super) fn get(&self, check: &str) -> Option<Verdict> {
        self.verdicts.get(&sha256(check)).copied()
    }

    /// Runs a check on the base, which the workspace is at, unless its verdict is known. One that fails is run again: it may be flaky.
    pub(super) async fn verdict(&mut self, context: &mut StepContext<'_>, check: &str) -> Result<Verdict> {
        if let Some(known) = self.get(check) {
            return Ok(known);
        }
        context.progress(format!("runs `{check}` without the change"));
        let mut first = run_check(context, check).await?;
        if first.verdict == Verdict::Failed && !first.is_overdue {
            context.parts.workspace.restore().await?;
            if run_check(context, check).await?.verdict == Verdict::Passed {
                first.verdict = Verdict::Flaky;
            }
        }
        self.verdicts.insert(sha256(check), first.verdict);
        Ok(first.verdict)
    }

    /// Keeps what was found out, with the run.
    pub(super) fn keep(self, context: &mut StepContext<'_>) -> Result<()> {
        let results = serde_json::to_value(&self.verdicts).unwrap_or_default();
        let known = context.parts.store.check_results(&context.record.project, &self.commit, &self.checks)?;
        if !self.verdicts.is_empty() && known.as_ref() != Some(&results) {
            context.base_checks.retain(|kept| (&kept.commit, &kept.checks) != (&self.commit, &self.checks));
            context.base_checks.push(CheckResults { commit: self.commit, checks: self.checks, results });
        }
        Ok(())
    }
}
