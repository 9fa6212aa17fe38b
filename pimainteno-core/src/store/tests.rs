//! Tests of the store against real files.

mod damage;
mod disk;
mod history;
mod journals;
mod wear;

use std::path::Path;

use jiff::{Timestamp, civil::Date};
use pimainteno_plugin::{Reply, Task, Usage};

use super::*;
use crate::{
    job::Job,
    proposal::{Proposal, ProposalStatus},
    run::{Outcome, RunRecord, StepRecord, StepStatus, Trigger},
    words::{CommitId, ProjectId, Sha256},
};

const DAY: Date = Date::constant(2026, 1, 31);

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(directory: &Path) -> Store {
    Store::open(&directory.join("state.redb"), 50).unwrap()
}

fn record(project: &str) -> RunRecord {
    RunRecord::new(
        &ProjectId::of(project),
        Trigger::Manual,
        Job::Upkeep { chore: "improve".into() },
        Timestamp::now(),
    )
}

/// Records a run that did nothing.
fn finish(store: &Store, project: &str) -> RunRecord {
    let mut record = record(project);
    let journal = store.begin_run(&record).unwrap();
    record.outcome = Some(Outcome::NoChange);
    store.finish_run(&journal, FinishedRun::new(record.clone()), |_| {}).unwrap();
    record
}

fn proposal(project: &str, lines: usize) -> Proposal {
    Proposal::new(
        ProjectId::of(project),
        CommitId::unchecked("c0ffee"),
        "+a line of a diff\n".repeat(lines),
        "Fix a typo",
        "scripted",
    )
}

fn key(prompt: &str) -> ReplyKey {
    ReplyKey::new("garden", &CommitId::unchecked("c0ffee"), Task::Propose, "scripted", "", prompt)
}

fn reply(text: &str) -> Reply {
    Reply::new(text).with_usage(Usage::call(1_000, 200, 50))
}

#[test]
fn who_has_a_store_is_told() {
    let directory = directory();
    let path = directory.path().join("state.redb");
    let _first = Store::open(&path, 50).unwrap();
    let error = Store::open(&path, 50).unwrap_err();
    assert!(error.message().starts_with("another program uses the store: "), "{error}");
    let hints: Vec<_> = error.hints().collect();
    let process = format!("process {} (`", std::process::id());
    assert!(hints.len() == 1 && hints[0].starts_with(&process), "{hints:?}");
}
