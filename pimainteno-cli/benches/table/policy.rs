//! What a decision of a policy costs, against calling a policy at all.

use std::hint::black_box;

use pimainteno_core::{
    ProjectId, RunId, Trigger,
    config::Mode,
    policy::{Change, Checks, Decision, Facts, Limits, PolicyEngine, RunFacts},
};

use crate::{
    Result,
    arguments::Arguments,
    report::{Figure, Line, Target},
    sample::{medians, time},
};

pub(crate) const NAME: &str = "policy";

const CAREFUL: &str = include_str!("../../../scripts/careful.rhai");
const PLAIN: &str = "fn allow(facts) { allow() }";

const FILES: usize = 10;
const DECISIONS: usize = 5000;
const ROUNDS: usize = 21;

/// At most this for a decision.
const TARGET: Target = Target::Figure(Figure::Time(5e-6));

pub(crate) fn measure(_: &Arguments) -> Result<Vec<Line>> {
    let engine = PolicyEngine::new(Limits::default());
    let (careful, plain) =
        (engine.compile("careful.rhai", CAREFUL)?, engine.compile("plain.rhai", PLAIN)?);
    let facts = facts()?;
    // What is decided early is decided fast; this change is looked at to the end.
    if careful.allow(&facts) != Decision::Allow {
        return Err(format!("the change is not allowed: {}", careful.allow(&facts)).into());
    }
    let decisions = |policy: &pimainteno_core::policy::Policy| {
        time(|| {
            for _ in 0..DECISIONS {
                black_box(policy.allow(black_box(&facts)));
            }
            Ok(())
        })
    };
    let [careful, plain] = medians(ROUNDS, || {
        Ok([decisions(&careful)? / DECISIONS as f64, decisions(&plain)? / DECISIONS as f64])
    })?;
    let name = format!("policy careful.rhai on {FILES} changed files");
    Ok(vec![Line::new(
        name,
        Figure::Time(careful),
        "a policy that always allows",
        Figure::Time(plain),
        TARGET,
    )])
}

/// A change of ten files that is about to be committed, and that nothing speaks against.
fn facts() -> Result<Facts> {
    let run = RunFacts {
        project: ProjectId::of("radio"),
        name: "radio".into(),
        branch: Some("main".parse()?),
        mode: Mode::Auto,
        chore: "improve".into(),
        trigger: Trigger::Manual,
        run: RunId::new(),
        now: "2026-01-02T03:04:05".parse()?,
        head: "0123456789abcdef0123456789abcdef01234567".parse()?,
        head_message: "play louder".into(),
        units: vec!["radio.service".parse()?],
    };
    let files = (0..FILES).map(|index| format!("src/stations/station_{index}/play.rs")).collect();
    let change =
        Change { files, added: 60, removed: 30, message: "play on".into(), ..Change::default() };
    Ok(Facts::new(run).with_change(change).with_checks(Checks::Passed).at_step("commit", "outside"))
}
