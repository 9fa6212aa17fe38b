//! Runs the project's checks on the change, and blames it only for what was green before.
//!
//! | the check, with the change | without it | means |
//! |---|---|---|
//! | passes | (not run) | passed |
//! | fails, again and again | passes, or checks nothing | the change is to blame: it is repaired, or the run fails |
//! | fails | fails | not blamed, and not passed |
//! | fails and passes on the same tree, with the change or without | | flaky: a person decides |
//! | checks nothing | passes | a person decides |
//! | checks nothing | checks nothing | not passed: the project has no tests |
//! | checks nothing | anything else | not passed |
//!
//! Besides, a person decides where the change makes the checks weaker, where fewer tests run with it,
//! where the old tests fail with the new code, and where no check fails on a project that is broken
//! on purpose.

mod base;
mod count;
mod fewer;
mod files;
mod self_test;
mod telling;
mod verdict;
mod weakening;

use std::borrow::Cow;

use async_trait::async_trait;

use self::{base::Base, verdict::Verdict};
use super::{Effects, Failure, Flow, Part, Step, StepContext, hint};
use crate::{
    error::Result,
    event::NoticeKind,
    git::Change,
    leftovers::Trial,
    policy::Checks,
    process::End,
    proposal::{CheckVerdict, ProposalStatus},
    run::Outcome,
};

/// How much of a check's output is read, in bytes, for what it tells of its tests.
const READ_OUTPUT: usize = 2 << 20;

/// How much of a check's output is kept, in bytes.
const KEPT_OUTPUT: usize = 64 << 10;

/// How many lines of a failed check a message carries.
const TOLD_LINES: usize = 15;

/// Runs the project's checks on the change, relative to the base: only a new failure counts.
#[derive(Debug)]
pub(crate) struct Verify;

/// How a check ended.
struct Checked {
    check: String,
    verdict: Verdict,
    end: String,
    /// Whether it was killed at its deadline. Then it is not run again to see whether it is flaky:
    /// that would take as long once more.
    is_overdue: bool,
    tail: String,
    log: String,
    /// How many tests it ran, if it tells that.
    tests: Option<u64>,
}

/// A check that passed.
struct Passed {
    check: String,
    /// How many tests it ran, if it tells that.
    tests: Option<u64>,
}

/// What the checks that did not pass come to.
#[derive(Default)]
struct Tally {
    /// Red or empty before the change too.
    known: Vec<String>,
    /// The change made them fail.
    new: Vec<Checked>,
    /// They say one thing and then another.
    flaky: Vec<String>,
    /// They checked something without the change, and nothing with it.
    emptied: Vec<String>,
    /// How the known ones ended, and the line of their log that says most.
    ends: Vec<String>,
    /// What the known ones lack, and which key gives them that.
    hints: Vec<String>,
    /// They check nothing at all.
    silent: Vec<String>,
}

#[async_trait]
impl Step for Verify {
    fn name(&self) -> &str {
        "verify"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    fn part(&self) -> Part {
        Part::Check
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let Some(change) = context.run.change.clone() else {
            return Ok(Flow::End(Outcome::NoChange));
        };
        let checks = context.project().verify.clone();
        let workspace = context.parts.workspace;
        // A change that is too large to be read whole is read as it is.
        let whole =
            workspace.staged_whole(&context.run.base).await.unwrap_or_else(|_| change.clone());
        let weakening = weakening::find(&whole, &checks);
        context.run.concerns.extend(weakening.reasons);
        if checks.is_empty() {
            return Ok(Flow::Skipped("no checks are configured".into()));
        }
        let (mut passed, rest) = run_all(context, &checks).await?;
        let mut tally = compare(context, &change, &checks, rest).await?;
        if let Some(check) = went_red(context, &tally)? {
            // A build that went bad makes everything fail that comes after it.
            let message = context.parts.leftovers.renounce(&format!(
                "{check} passed with the last change and fails now, without one too"
            ))?;
            context.notice(NoticeKind::Leftovers, "", message);
            context.place(&change).await?;
            let (again, rest) = run_all(context, &checks).await?;
            (passed, tally) = (again, compare(context, &change, &checks, rest).await?);
        }
        if !tally.new.is_empty() {
            return Ok(Flow::Mend(failure(&tally.new)));
        }
        let known = Base::load(context, &checks)?;
        let (flaky, counted): (Vec<_>, Vec<_>) =
            passed.into_iter().partition(|passed| known.is_flaky(&passed.check));
        tally.flaky.extend(flaky.iter().map(|flaky| format!("`{}`", flaky.check)));
        let passed: Vec<_> = counted.iter().map(|passed| passed.check.clone()).collect();
        if !passed.is_empty() {
            let fewer =
                fewer::concerns(context, &change, &checks, &counted, weakening.gone).await?;
            context.run.concerns.extend(fewer);
            let old = old_tests(context, &change, &passed).await?;
            context.run.concerns.extend(old);
            let concern = self_test::concern(context, &change, &passed).await?;
            context.run.concerns.extend(concern);
        }
        // Whatever the checks did to files and index: what is committed is the change.
        context.place(&change).await?;
        // Where nothing passed, nothing says that the change is any good.
        context.run.note_checks(if passed.is_empty() { Checks::None } else { Checks::Passed });
        if let Some(proposal) = &mut context.run.proposal {
            proposal.checks = checks
                .iter()
                .map(|check| CheckVerdict {
                    check: check.clone(),
                    result: tally.result(check).into(),
                    tests: counted
                        .iter()
                        .find(|passed| passed.check == *check)
                        .and_then(|passed| passed.tests),
                })
                .collect();
        }
        context.run.concerns.extend(tally.concerns());
        context.run.lacking.clone_from(&tally.hints);
        context.run.red.clone_from(&tally.ends);
        Ok(Flow::Done(tally.note(passed.len(), checks.len())))
    }
}

impl Tally {
    fn concerns(&self) -> impl Iterator<Item = String> {
        let flaky = self.flaky.iter().map(|check| {
            format!("{check} is flaky: it fails and passes on the same files, so it proves nothing")
        });
        flaky.chain(
            self.emptied.iter().map(|check| {
                format!("{check} checks nothing with the change, and passes without it")
            }),
        )
    }

    /// What came of one check, in a few words.
    fn result(&self, check: &str) -> &'static str {
        let name = format!("`{check}`");
        self.groups()
            .into_iter()
            .find(|(_, checks)| checks.contains(&name))
            .map_or(CheckVerdict::PASSED, |(what, _)| what)
    }

    fn groups(&self) -> [(&'static str, &[String]); 4] {
        [
            ("red before the change too", &self.known),
            ("flaky", &self.flaky),
            ("checked nothing", &self.emptied),
            (CheckVerdict::SILENT, &self.silent),
        ]
    }

    fn note(&self, passed: usize, all: usize) -> String {
        let mut note = format!("{passed} of {all} checks passed");
        let groups = self.groups();
        for (what, checks) in groups.into_iter().filter(|(_, checks)| !checks.is_empty()) {
            note.push_str(&format!("; {what}: {}", checks.join(", ")));
        }
        self.hints.iter().for_each(|hint| note.push_str(&format!("; {hint}")));
        note
    }
}

/// Runs all checks on the change; gives those that passed, and the others with their results.
async fn run_all(
    context: &mut StepContext<'_>,
    checks: &[String],
) -> Result<(Vec<Passed>, Vec<Checked>)> {
    let (mut passed, mut rest) = (Vec::new(), Vec::new());
    // What steps did to files that are tracked is not what is verified.
    context.parts.workspace.restore().await?;
    for check in checks {
        // Nor does a check that edits them change what the next one sees.
        context.restore().await?;
        context.progress(format!("runs `{check}`"));
        let checked = run_check(context, check).await?;
        context.keep_output(format!("check `{check}`"), checked.log.clone());
        match checked.verdict {
            Verdict::Passed => {
                passed.push(Passed { check: checked.check, tests: checked.tests });
            }
            _ => rest.push(checked),
        }
    }
    Ok((passed, rest))
}

/// Tells what the checks that did not pass come to, from what they say about the base and when they
/// are run again.
async fn compare(
    context: &mut StepContext<'_>,
    change: &Change,
    checks: &[String],
    rest: Vec<Checked>,
) -> Result<Tally> {
    let mut tally = Tally::default();
    if rest.is_empty() {
        return Ok(tally);
    }
    let mut base = Base::load(context, checks)?;
    let (mut suspects, mut excused) = (Vec::new(), Vec::new());
    context.place_base(Trial::Aside).await?;
    for checked in rest {
        let before = base.verdict(context, &checked.check).await?;
        context.restore().await?;
        if before.is_no_failure() && checked.verdict == Verdict::Failed {
            suspects.push(checked);
        } else {
            excused.push(checked);
        }
    }
    again(context, change, suspects, &mut tally).await?;
    let mut suspects = Vec::new();
    for checked in excused {
        let before = base.confirmed(context, &checked.check).await?;
        let name = format!("`{}`", checked.check);
        match (checked.verdict, before) {
            (Verdict::Failed, before) if before.is_no_failure() => suspects.push(checked),
            (Verdict::Failed, Verdict::Flaky) => tally.flaky.push(name),
            (Verdict::Skipped, Verdict::Passed) => tally.emptied.push(name),
            (Verdict::Skipped, Verdict::Skipped) => tally.silent.push(name),
            _ => {
                let prepares = !context.project().prepare.is_empty();
                let absent = context.parts.sandboxing.absent().first().cloned();
                let hint = absent.or_else(|| hint::of_check(&checked.log, prepares));
                tally.hints.extend(hint.map(|hint| format!("{name}: {hint}")));
                tally.ends.push(told_end(context, &checked));
                tally.known.push(name);
            }
        }
    }
    again(context, change, suspects, &mut tally).await?;
    base.note_flaky(|check| tally.flaky.contains(&format!("`{check}`")));
    base.keep(context)?;
    Ok(tally)
}

/// A check that is red without the change, and passed with the last one that was delivered; `None`
/// if nothing is kept that could be to blame.
fn went_red(context: &StepContext<'_>, tally: &Tally) -> Result<Option<String>> {
    if tally.known.is_empty() || !context.parts.leftovers.has_kept() {
        return Ok(None);
    }
    let is_applied = |status: &ProposalStatus| matches!(status, ProposalStatus::Applied { .. });
    let last = context.parts.store.proposals(Some(&context.run.record.project), is_applied, 1)?;
    let passed: Vec<_> = last
        .iter()
        .flat_map(|proposal| &proposal.checks)
        .filter(|verdict| verdict.result == CheckVerdict::PASSED)
        .collect();
    Ok(tally
        .known
        .iter()
        .find(|known| passed.iter().any(|verdict| format!("`{}`", verdict.check) == **known))
        .cloned())
}

/// Runs checks on the change again that failed there and not without it: one that passes now is
/// flaky.
async fn again(
    context: &mut StepContext<'_>,
    change: &Change,
    suspects: Vec<Checked>,
    tally: &mut Tally,
) -> Result<()> {
    if !suspects.is_empty() {
        context.place(change).await?;
    }
    for checked in suspects {
        if checked.is_overdue {
            tally.new.push(checked);
            continue;
        }
        context.progress(format!("runs `{}` again, to see whether it is flaky", checked.check));
        match run_check(context, &checked.check).await?.verdict {
            Verdict::Failed => tally.new.push(checked),
            _ => tally.flaky.push(format!("`{}`", checked.check)),
        }
        context.restore().await?;
    }
    Ok(())
}

/// Runs the checks on the change with the tests as they were; tells which of them fail then.
///
/// A change that edits tests may do so to pass them. Nothing is run where it edits nothing else;
/// tests that are new stay.
async fn old_tests(
    context: &mut StepContext<'_>,
    change: &Change,
    passed: &[String],
) -> Result<Option<String>> {
    let sections = change.sections();
    let tests: Vec<_> = sections
        .iter()
        .filter(|section| !section.is_new && files::is_test(&section.path))
        .map(|section| section.path.as_str())
        .collect();
    if tests.is_empty() || change.files.iter().all(|file| files::is_test(&file.path)) {
        return Ok(None);
    }
    let workspace = context.parts.workspace;
    let mut failed = Vec::new();
    for check in passed {
        context.place(change).await?;
        workspace.put_back(&context.run.base, &tests).await?;
        context.turn_to(Trial::Aside).await?;
        context.progress(format!("runs `{check}` with the tests as they were"));
        let checked = run_check(context, check).await?;
        if checked.verdict != Verdict::Passed {
            context.keep_output(format!("check `{check}` with the old tests"), checked.log);
            failed.push(format!("`{check}`"));
        }
    }
    Ok((!failed.is_empty()).then(|| {
        format!("it changes tests, and with the tests as they were {} fails", failed.join(", "))
    }))
}

/// How a check ended that says nothing about the change, in one line.
fn told_end(context: &StepContext<'_>, checked: &Checked) -> String {
    let Checked { check, end, tail, .. } = checked;
    if checked.is_overdue {
        let limit = context.project().verify_timeout;
        return format!("`{check}` was killed after {} s (`verify_timeout`)", limit.as_secs());
    }
    let line = telling::line(tail).map(|line| format!(": {line}")).unwrap_or_default();
    format!("`{check}` ended with {end}{line}").replace("ended with killed", "was killed")
}

/// What is said of a change that made checks fail.
fn failure(new: &[Checked]) -> Failure {
    let lines = new.iter().map(|Checked { check, end, tail, .. }| {
        format!("`{check}` fails with the change ({end}) and passes without it: {tail}")
    });
    let logs = new.iter().map(|checked| (checked.check.clone(), checked.log.clone()));
    Failure { message: lines.collect::<Vec<_>>().join("\n"), logs: logs.collect() }
}

/// Runs a check in the workspace as it is.
async fn run_check(context: &StepContext<'_>, check: &str) -> Result<Checked> {
    let command = context.sandboxed_shell(check, None).await?;
    let output =
        command.timeout(context.project().verify_timeout).output_limit(READ_OUTPUT).run().await?;
    context.cancel().check()?;
    let [written, errors] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    let tests = count::tests_run(&format!("{written}\n{errors}"));
    let log = format!("{}{}[{}]\n", kept(&written), kept(&errors), output.end);
    Ok(Checked {
        check: check.to_owned(),
        verdict: verdict::verdict(check, output.end, &log),
        end: output.end.to_string(),
        is_overdue: output.end == End::TimedOut,
        tail: output.tail(TOLD_LINES),
        log,
        tests,
    })
}

/// The beginning and the end of what a check wrote, as much of it as is kept.
fn kept(text: &str) -> Cow<'_, str> {
    if text.len() <= KEPT_OUTPUT {
        return text.into();
    }
    let head = text.floor_char_boundary(KEPT_OUTPUT / 2);
    let tail = text.ceil_char_boundary(text.len() - KEPT_OUTPUT / 2);
    format!("{}\n[...]\n{}", &text[..head], &text[tail..]).into()
}
