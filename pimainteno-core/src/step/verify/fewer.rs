//! Whether fewer tests run with the change than without it. A check that ends well says nothing of
//! tests that it did not come to.

use std::collections::BTreeMap;

use super::{Passed, StepContext, base::Base, files, self_test::is_code};
use crate::{
    error::Result,
    git::Change,
    leftovers::Trial,
    proposal::{CheckVerdict, ProposalStatus},
};

/// Why a person should see `change` although checks pass on it: they run fewer tests than they did.
/// `gone` are tests that it is already said to remove or to disable.
///
/// What the last delivered change was told is believed as long as it is no more than now: only
/// otherwise, and where nothing is known of a change to code or tests, checks are run on the
/// base, once. The workspace may be left at the base.
pub(super) async fn concerns(
    context: &mut StepContext<'_>,
    change: &Change,
    checks: &[String],
    passed: &[Passed],
    gone: usize,
) -> Result<Vec<String>> {
    let mut base = Base::load(context, checks)?;
    let last = told_last(context)?;
    let touches_tests = change.files.iter().any(|file| {
        is_code(&file.path) || files::is_test(&file.path) || files::is_manifest(&file.path)
    });
    let is_doubtful = |base: &Base<'_>, passed: &Passed| {
        let known = base.tests(&passed.check).or_else(|| last.get(&passed.check).copied());
        known.map_or(touches_tests, |before| is_fewer(before, passed.tests))
    };
    let doubtful: Vec<_> = passed.iter().filter(|passed| is_doubtful(&base, passed)).collect();
    if doubtful.iter().any(|passed| base.tests(&passed.check).is_none()) {
        context.place_base(Trial::Aside).await?;
    }
    let mut concerns = Vec::new();
    for Passed { check, tests } in doubtful {
        let Some(before) = base.counted(context, check).await? else { continue };
        if is_fewer(Some(before), *tests) && before - tests.unwrap_or(0) > gone as u64 {
            concerns.push(told(check, before, *tests));
        }
    }
    base.keep(context)?;
    Ok(concerns)
}

/// The numbers of tests that the checks told which passed on the last delivered change.
fn told_last(context: &StepContext<'_>) -> Result<BTreeMap<String, Option<u64>>> {
    let is_applied = |status: &ProposalStatus| matches!(status, ProposalStatus::Applied { .. });
    let last = context.parts.store.proposals(Some(&context.run.record.project), is_applied, 1)?;
    Ok(last
        .into_iter()
        .flat_map(|proposal| proposal.checks)
        .filter(|verdict| verdict.result == CheckVerdict::PASSED)
        .map(|verdict| (verdict.check, verdict.tests))
        .collect())
}

/// Whether a check that told a number tells a smaller one, or none.
fn is_fewer(before: Option<u64>, now: Option<u64>) -> bool {
    before.is_some_and(|before| before > now.unwrap_or(0))
}

fn told(check: &str, before: u64, now: Option<u64>) -> String {
    let plural = if before == 1 { "" } else { "s" };
    let now = now.map_or("tells no number".to_owned(), |now| now.to_string());
    format!("`{check}` ran {before} test{plural} before and {now} with the change")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_smaller_number_is_fewer() {
        assert!(is_fewer(Some(3), Some(2)) && is_fewer(Some(3), None));
        assert!(!is_fewer(Some(3), Some(3)) && !is_fewer(Some(3), Some(4)));
        assert!(!is_fewer(None, None) && !is_fewer(None, Some(1)) && !is_fewer(Some(0), None));
    }

    #[test]
    fn both_numbers_are_told() {
        assert_eq!(told("pytest", 1, Some(0)), "`pytest` ran 1 test before and 0 with the change");
        assert_eq!(
            told("pytest", 12, None),
            "`pytest` ran 12 tests before and tells no number with the change"
        );
    }
}
