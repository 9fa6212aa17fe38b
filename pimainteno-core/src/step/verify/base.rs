//! What the checks say about the base: each is run there at most once, and its verdict is kept with
//! the commit.

use std::collections::{BTreeMap, BTreeSet};

use super::{StepContext, run_check, verdict::Verdict};
use crate::{
    error::Result,
    leftovers::Trial,
    store::CheckResults,
    words::{CommitId, Sha256},
};

/// What the checks say about the base.
pub(super) struct Base {
    commit: CommitId,
    /// A hash of all commands, under which the verdicts are kept.
    checks: Sha256,
    /// By the hash of a command: the command may hold a secret, and this is kept.
    verdicts: BTreeMap<Sha256, Verdict>,
    /// Those that were found out in this run, beside what the checks of the change had left.
    found: BTreeSet<Sha256>,
    /// Those that were found out, or confirmed, without.
    confirmed: BTreeSet<Sha256>,
    /// How many checks were run, in their order, without what those of the change had left.
    alone: usize,
}

impl Base {
    /// What is known already.
    pub(super) fn load(context: &StepContext<'_>, checks: &[String]) -> Result<Self> {
        let commit = context.run.base.clone();
        let all = Sha256::of(&checks.join("\n"));
        let kept =
            context.parts.store.check_results(&context.run.record.project, Some(&commit), &all)?;
        let verdicts = kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default();
        Ok(Self {
            commit,
            checks: all,
            verdicts,
            found: BTreeSet::new(),
            confirmed: BTreeSet::new(),
            alone: 0,
        })
    }

    /// The verdict on the base, if it is known.
    pub(super) fn get(&self, check: &str) -> Option<Verdict> {
        self.verdicts.get(&Sha256::of(check)).copied()
    }

    /// Runs a check on the base, which the workspace is at, unless its verdict is known. One that
    /// fails is run again: it may be flaky.
    pub(super) async fn verdict(
        &mut self,
        context: &mut StepContext<'_>,
        check: &str,
    ) -> Result<Verdict> {
        if let Some(known) = self.get(check) {
            return Ok(known);
        }
        context.progress(format!("runs `{check}` without the change"));
        let mut first = run_check(context, check).await?;
        if first.verdict == Verdict::Failed && !first.is_overdue {
            context.restore().await?;
            if run_check(context, check).await?.verdict == Verdict::Passed {
                first.verdict = Verdict::Flaky;
            }
        }
        self.verdicts.insert(Sha256::of(check), first.verdict);
        self.found.insert(Sha256::of(check));
        Ok(first.verdict)
    }

    /// The verdict on the base that excuses the change, if it still does where nothing is seen of
    /// what the checks of the change left: they could have made the base fail. There, all
    /// checks before this one are run too, because it may need what they make.
    pub(super) async fn confirmed(
        &mut self,
        context: &mut StepContext<'_>,
        checks: &[String],
        check: &str,
        verdict: Verdict,
    ) -> Result<Verdict> {
        let is_open = matches!(verdict, Verdict::Failed | Verdict::Skipped)
            && self.found.contains(&Sha256::of(check));
        if !is_open || !context.parts.leftovers.has_left() {
            return Ok(verdict);
        }
        if self.alone == 0 {
            context.parts.workspace.reset(&context.run.base).await?;
            context.turn_to(Trial::Alone).await?;
        }
        let mut alone = verdict;
        while let Some(next) = checks.get(self.alone) {
            self.alone += 1;
            context.progress(format!("runs `{next}` without the change and what its checks left"));
            alone = run_check(context, next).await?.verdict;
            context.restore().await?;
            if next == check {
                break;
            }
        }
        self.verdicts.insert(Sha256::of(check), alone);
        self.confirmed.insert(Sha256::of(check));
        Ok(alone)
    }

    /// Keeps what was found out, with the run: not what the checks of this change could have
    /// brought about by what they left.
    pub(super) fn keep(mut self, context: &mut StepContext<'_>) -> Result<()> {
        if context.parts.leftovers.has_left() {
            let (found, confirmed) = (&self.found, &self.confirmed);
            self.verdicts.retain(|check, _| !found.contains(check) || confirmed.contains(check));
        }
        let results = serde_json::to_value(&self.verdicts).unwrap_or_default();
        let known = context.parts.store.check_results(
            &context.run.record.project,
            Some(&self.commit),
            &self.checks,
        )?;
        if !self.verdicts.is_empty() && known.as_ref() != Some(&results) {
            context.run.base_checks.retain(|kept| {
                kept.commit.as_ref() != Some(&self.commit) || self.checks != kept.checks
            });
            context.run.base_checks.push(CheckResults {
                commit: Some(self.commit),
                checks: self.checks,
                results,
            });
        }
        Ok(())
    }
}
