//! What the checks say about the base: each is run there at most once, and its verdict is kept with
//! the commit.

use std::collections::{BTreeMap, BTreeSet};

use super::{StepContext, run_check, verdict::Verdict};
use crate::{error::Result, leftovers::Trial, store::CheckResults, words::Sha256};

/// What the checks say about the base.
pub(super) struct Base<'c> {
    /// All commands, by whose hash the verdicts are kept.
    checks: &'c [String],
    /// By the hash of a command: the command may hold a secret, and this is kept.
    verdicts: BTreeMap<Sha256, Verdict>,
    /// Those that were found out in this run beside what the checks of the change had left, and not
    /// yet confirmed without.
    doubtful: BTreeSet<Sha256>,
    /// How many checks were run, in their order, without what those of the change had left.
    alone: usize,
}

impl<'c> Base<'c> {
    /// What is known already.
    pub(super) fn load(context: &StepContext<'_>, checks: &'c [String]) -> Result<Self> {
        let kept = context.check_results(Some(&context.run.base), &all(context, checks))?;
        let verdicts = kept.and_then(|kept| serde_json::from_value(kept).ok()).unwrap_or_default();
        Ok(Self { checks, verdicts, doubtful: BTreeSet::new(), alone: 0 })
    }

    /// Runs a check on the base, which the workspace is at, unless its verdict is known. One that
    /// fails is run again: it may be flaky.
    pub(super) async fn verdict(
        &mut self,
        context: &mut StepContext<'_>,
        check: &str,
    ) -> Result<Verdict> {
        let key = Sha256::of(check);
        if let Some(known) = self.verdicts.get(&key) {
            return Ok(*known);
        }
        context.progress(format!("runs `{check}` without the change"));
        let mut first = run_check(context, check).await?;
        if first.verdict == Verdict::Failed && !first.is_overdue {
            context.restore().await?;
            if run_check(context, check).await?.verdict == Verdict::Passed {
                first.verdict = Verdict::Flaky;
            }
        }
        self.verdicts.insert(key.clone(), first.verdict);
        self.doubtful.insert(key);
        Ok(first.verdict)
    }

    /// The verdict on the base that excuses the change, if it still does where nothing is seen of
    /// what the checks of the change left: they could have made the base fail. There, all
    /// checks before this one are run too, because it may need what they make.
    pub(super) async fn confirmed(
        &mut self,
        context: &mut StepContext<'_>,
        check: &str,
    ) -> Result<Verdict> {
        let (key, verdict) = (Sha256::of(check), self.verdict(context, check).await?);
        let is_open =
            matches!(verdict, Verdict::Failed | Verdict::Skipped) && self.doubtful.contains(&key);
        if !is_open || !context.parts.leftovers.has_left() {
            return Ok(verdict);
        }
        if self.alone == 0 {
            context.place_base(Trial::Alone).await?;
        }
        let mut alone = verdict;
        while let Some(next) = self.checks.get(self.alone) {
            self.alone += 1;
            context.progress(format!("runs `{next}` without the change and what its checks left"));
            alone = run_check(context, next).await?.verdict;
            context.restore().await?;
            if next == check {
                break;
            }
        }
        self.doubtful.remove(&key);
        self.verdicts.insert(key, alone);
        Ok(alone)
    }

    /// Takes note of checks that were seen to fail and to pass on the same files. That they pass the
    /// next time says nothing.
    pub(super) fn note_flaky(&mut self, is_flaky: impl Fn(&str) -> bool) {
        for check in self.checks.iter().filter(|check| is_flaky(check)) {
            let key = Sha256::of(check);
            self.doubtful.remove(&key);
            self.verdicts.insert(key, Verdict::Flaky);
        }
    }

    /// Whether a check was seen to be flaky with this base, by this run or an earlier one.
    pub(super) fn is_flaky(&self, check: &str) -> bool {
        self.verdicts.get(&Sha256::of(check)) == Some(&Verdict::Flaky)
    }

    /// Keeps what was found out, with the run: not what the checks of this change could have
    /// brought about by what they left.
    pub(super) fn keep(mut self, context: &mut StepContext<'_>) -> Result<()> {
        if context.parts.leftovers.has_left() {
            self.verdicts.retain(|check, _| !self.doubtful.contains(check));
        }
        // What the owner links from his checkout may be another thing in the next run. A check that
        // was flaky is no other for that.
        if !context.project().link.is_empty() {
            self.verdicts.retain(|_, verdict| matches!(verdict, Verdict::Passed | Verdict::Flaky));
        }
        let results = serde_json::to_value(&self.verdicts).unwrap_or_default();
        let (commit, checks) = (Some(context.run.base.clone()), all(context, self.checks));
        let known = context.check_results(commit.as_ref(), &checks)?;
        if !self.verdicts.is_empty() && known.as_ref() != Some(&results) {
            let kept = &mut context.run.base_checks;
            kept.retain(|kept| commit != kept.commit || checks != kept.checks);
            kept.push(CheckResults { commit, checks, results });
        }
        Ok(())
    }
}

/// A hash of all commands, and of what they are given: what was red for want of a package says
/// nothing once it is there.
fn all(context: &StepContext<'_>, checks: &[String]) -> Sha256 {
    let project = context.project();
    let given = (&project.prepare, &project.link, &project.sandbox);
    let absent = context.parts.sandboxing.absent();
    let prepared = context.parts.leftovers.base_prepared();
    Sha256::of(&format!("{}\n{given:?}\n{absent:?}\n{prepared}", checks.join("\n")))
}
