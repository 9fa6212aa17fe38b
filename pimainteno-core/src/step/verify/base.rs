//! What the checks say about the base: each is run there at most once, and its verdict and how many
//! tests it ran are kept with the commit.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{StepContext, run_check, verdict::Verdict};
use crate::{error::Result, leftovers::Trial, store::CheckResults, words::Sha256};

/// What the checks say about the base.
pub(super) struct Base<'c> {
    /// All commands, by whose hash the verdicts are kept.
    checks: &'c [String],
    /// By the hash of a command: the command may hold a secret, and this is kept.
    verdicts: BTreeMap<Sha256, Said>,
    /// Those that were found out in this run beside what the checks of the change had left, and not
    /// yet confirmed without.
    doubtful: BTreeSet<Sha256>,
    /// How many checks were run, in their order, without what those of the change had left.
    alone: usize,
}

/// What one check says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Said {
    /// And how many tests it ran, where it tells that.
    Counted { verdict: Verdict, tests: Option<u64> },
    /// Nobody has counted its tests.
    Verdict(Verdict),
}

impl Said {
    fn verdict(self) -> Verdict {
        match self {
            Self::Counted { verdict, .. } | Self::Verdict(verdict) => verdict,
        }
    }

    fn with_verdict(self, verdict: Verdict) -> Self {
        match self {
            Self::Counted { tests, .. } => Self::Counted { verdict, tests },
            Self::Verdict(_) => Self::Verdict(verdict),
        }
    }
}

impl<'c> Base<'c> {
    /// What is known already.
    pub(super) fn load(context: &StepContext<'_>, checks: &'c [String]) -> Result<Self> {
        let (commit, all) = (Some(&context.run.base), all(context, checks));
        // This run may have found out something already.
        let mut found = context.run.base_checks.iter();
        let found = found.rfind(|kept| kept.commit.as_ref() == commit && kept.checks == all);
        let kept = match found {
            Some(found) => Some(found.results.clone()),
            None => context.check_results(commit, &all)?,
        };
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
            return Ok(known.verdict());
        }
        context.progress(format!("runs `{check}` without the change"));
        let mut first = run_check(context, check).await?;
        if first.verdict == Verdict::Failed && !first.is_overdue {
            context.restore().await?;
            if run_check(context, check).await?.verdict == Verdict::Passed {
                first.verdict = Verdict::Flaky;
            }
        }
        let said = Said::Counted { verdict: first.verdict, tests: first.tests };
        self.verdicts.insert(key.clone(), said);
        self.doubtful.insert(key);
        Ok(first.verdict)
    }

    /// How many tests a check is known to run on the base: `None` if nobody has counted them, none
    /// inside if it does not tell.
    pub(super) fn tests(&self, check: &str) -> Option<Option<u64>> {
        match self.verdicts.get(&Sha256::of(check))? {
            Said::Counted { tests, .. } => Some(*tests),
            Said::Verdict(_) => None,
        }
    }

    /// How many tests a check runs on the base, which the workspace is at unless that is known;
    /// `None` if it does not tell.
    pub(super) async fn counted(
        &mut self,
        context: &mut StepContext<'_>,
        check: &str,
    ) -> Result<Option<u64>> {
        if let Some(tests) = self.tests(check) {
            return Ok(tests);
        }
        if let Some(known) = self.verdicts.get(&Sha256::of(check)).copied() {
            context.progress(format!("runs `{check}` without the change, to count its tests"));
            let (verdict, tests) = (known.verdict(), run_check(context, check).await?.tests);
            self.verdicts.insert(Sha256::of(check), Said::Counted { verdict, tests });
        } else {
            self.verdict(context, check).await?;
        }
        context.restore().await?;
        Ok(self.tests(check).flatten())
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
        self.note(key, alone);
        Ok(alone)
    }

    /// Takes note of checks that were seen to fail and to pass on the same files. That they pass the
    /// next time says nothing.
    pub(super) fn note_flaky(&mut self, is_flaky: impl Fn(&str) -> bool) {
        for check in self.checks.iter().filter(|check| is_flaky(check)) {
            let key = Sha256::of(check);
            self.doubtful.remove(&key);
            self.note(key, Verdict::Flaky);
        }
    }

    fn note(&mut self, check: Sha256, verdict: Verdict) {
        let said = self.verdicts.get(&check).copied().unwrap_or(Said::Verdict(verdict));
        self.verdicts.insert(check, said.with_verdict(verdict));
    }

    /// Whether a check was seen to be flaky with this base, by this run or an earlier one.
    pub(super) fn is_flaky(&self, check: &str) -> bool {
        self.verdicts.get(&Sha256::of(check)).is_some_and(|known| known.verdict() == Verdict::Flaky)
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
            let stays = |said: Said| matches!(said.verdict(), Verdict::Passed | Verdict::Flaky);
            self.verdicts.retain(|_, said| stays(*said));
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
