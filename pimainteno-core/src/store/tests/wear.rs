//! What is written, counted: an SD card wears out by it.

use redb::backends::{FileBackend, InMemoryBackend};

use super::{
    disk::{Counting, Counts},
    *,
};

/// A run of four announcements, a paid answer, 30 entries and 4 KiB of output; what its journal
/// file came to.
fn typical_run(store: &Store, directory: &Path, project: &str) -> u64 {
    let mut record = record(project);
    record.base = Some(CommitId::unchecked("3".repeat(40)));
    let journal = store.begin_run(&record).unwrap();
    let hash = "4".repeat(40);
    let mut proposal = proposal(project, 40);
    record.proposal = Some(proposal.id);
    let effects = [
        Effect::Call { task: Task::Propose, backend: "codex".into() },
        Effect::Commit {
            branch: Some("main".parse().unwrap()),
            base: CommitId::unchecked(&hash),
            tree: hash.clone(),
        },
        Effect::Push {
            remote: "origin".parse().unwrap(),
            branch: "main".parse().unwrap(),
            from: CommitId::unchecked(&hash),
            to: CommitId::unchecked(&hash),
        },
        Effect::Restart { unit: "garden.service".parse().unwrap() },
    ];
    for (index, effect) in effects.into_iter().enumerate() {
        let intent = journal.intend(effect).unwrap();
        if index == 0 {
            journal.proposed(&proposal).unwrap();
            journal
                .answer(Answer::new(
                    DAY,
                    Task::Propose,
                    "codex",
                    key(project),
                    &reply("I have corrected a typo in README.md."),
                ))
                .unwrap();
        }
        journal.done(intent).unwrap();
    }
    for name in ["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"]
    {
        let note = "what the step has to say".into();
        let step = StepRecord {
            name: name.into(),
            started: Timestamp::now(),
            milliseconds: 1_234,
            status: StepStatus::Done,
            note,
        };
        journal.step(&step).unwrap();
        record.steps.push(step);
    }
    while journal.entries().len() < 30 {
        journal.note("something worth keeping, in a sentence of a usual length").unwrap();
    }
    let length = std::fs::metadata(directory.join("journal").join(format!("{}.jsonl", record.id)))
        .unwrap()
        .len();
    record.outcome = Some(Outcome::Applied { commit: CommitId::unchecked(&hash) });
    let mut finished = FinishedRun::new(record);
    finished
        .outputs
        .push(Output { name: "cargo test".into(), text: "test result: ok\n".repeat(256) });
    proposal.message =
        "Fix a typo in the README\n\nThe word was misspelt in the second paragraph.".into();
    proposal.status = ProposalStatus::Applied { commit: CommitId::unchecked(&hash) };
    finished.proposal = Some(proposal);
    finished.checks.push(CheckResults {
        commit: Some(CommitId::unchecked(&hash)),
        checks: Sha256::unchecked("v1"),
        results: serde_json::json!([["cargo test", 0]]),
    });
    store
        .finish_run(&journal, finished, |state| {
            state
                .chore_mut("improve")
                .see(CommitId::unchecked(hash), Sha256::unchecked("5".repeat(64)));
        })
        .unwrap();
    length
}

#[test]
fn a_typical_run_writes_at_most_64_kib() {
    let directory = directory();
    std::fs::create_dir(directory.path().join("journal")).unwrap();
    let counts = Arc::new(Counts::default());
    let disk = counts.clone();
    let backend = move || Ok(Counting { inner: InMemoryBackend::new(), counts: disk.clone() });
    let path = directory.path().join("state.redb");
    let store =
        Store::with_backend(backend, &path, Some(directory.path().join("journal")), 20).unwrap();
    // Grown until every run drops an old one, with a tree of three levels and a file larger than
    // redb's cache.
    let projects = (0..10).map(|number| format!("project-{number}")).collect::<Vec<_>>();
    for _ in 0..23 {
        for project in &projects {
            typical_run(&store, directory.path(), project);
        }
    }
    counts.take();
    let mut most = (0, 0, 0);
    for _ in 0..4 {
        for project in &projects {
            let journal = typical_run(&store, directory.path(), project);
            let (writes, bytes, syncs) = counts.take();
            most = most.max((bytes + journal, writes, syncs));
        }
    }
    let (bytes, writes, syncs) = most;
    assert!(bytes <= 64 << 10, "{bytes} bytes in {writes} writes");
    assert_eq!(syncs, 1);
}

#[test]
fn a_session_that_stores_nothing_writes_nothing() {
    let directory = directory();
    let store = open(directory.path());
    for number in 0..100 {
        let id = ProjectId::of(&format!("project-{number}"));
        store
            .update_project(&id, |state| {
                state
                    .chore_mut("improve")
                    .see(CommitId::unchecked("c0ffee"), Sha256::unchecked("inputs"));
            })
            .unwrap();
    }
    finish(&store, "garden");
    drop(store);
    let path = directory.path().join("state.redb");
    let before = std::fs::read(&path).unwrap();
    let counts = Arc::new(Counts::default());
    let (file, disk) = (path.clone(), counts.clone());
    let backend = move || {
        let file = std::fs::OpenOptions::new().read(true).write(true).open(&file).unwrap();
        Ok(Counting { inner: FileBackend::new(file).unwrap(), counts: disk.clone() })
    };
    let store =
        Store::with_backend(backend, &path, Some(directory.path().join("journal")), 20).unwrap();
    for number in 0..100 {
        let id = ProjectId::of(&format!("project-{number}"));
        assert!(
            store
                .project(&id)
                .chore("improve")
                .has_seen(&CommitId::unchecked("c0ffee"), &Sha256::unchecked("inputs"))
        );
        store.note_project(&id, |state| {
            state.chore_mut("improve").last_slot = Some(Timestamp::now());
        });
    }
    store.update_project(&ProjectId::of("garden"), |_| {}).unwrap();
    assert_eq!(store.runs(None, 10).unwrap().len(), 1);
    assert!(store.open_runs().unwrap().runs.is_empty());
    drop(store);
    assert_eq!(counts.take(), (0, 0, 0));
    assert!(std::fs::read(&path).unwrap() == before);
    // It is still closed cleanly, and can be written to.
    let store = open(directory.path());
    finish(&store, "garden");
    drop(store);
    assert_eq!(open(directory.path()).runs(None, 10).unwrap().len(), 2);
}

#[test]
fn an_empty_store_is_small() {
    let counts = Arc::new(Counts::default());
    let disk = counts.clone();
    let backend = move || Ok(Counting { inner: InMemoryBackend::new(), counts: disk.clone() });
    drop(Store::with_backend(backend, Path::new("state.redb"), None, 20).unwrap());
    let (_, bytes, syncs) = counts.take();
    assert!(bytes <= 48 << 10, "{bytes} bytes");
    assert!(syncs <= 8, "{syncs} syncs");
}
