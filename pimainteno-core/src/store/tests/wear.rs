//! What is written, counted: an SD card wears out by it.

use std::{
    ops::Bound,
    sync::atomic::{AtomicU64, Ordering},
};

use redb::{
    BackendError, StorageBackend,
    backends::{FileBackend, InMemoryBackend},
};

use super::*;

/// Counts what redb writes.
#[derive(Debug)]
struct Counting<B> {
    inner: B,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    writes: AtomicU64,
    bytes: AtomicU64,
    syncs: AtomicU64,
}

impl Counts {
    /// Writes, bytes and syncs since the last look.
    fn take(&self) -> (u64, u64, u64) {
        (self.writes.swap(0, Ordering::SeqCst), self.bytes.swap(0, Ordering::SeqCst), self.syncs.swap(0, Ordering::SeqCst))
    }
}

impl<B: StorageBackend> StorageBackend for Counting<B> {
    fn len(&self) -> io::Result<u64> {
        self.inner.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.inner.read(offset, out)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.counts.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.counts.syncs.fetch_add(1, Ordering::SeqCst);
        self.inner.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.counts.writes.fetch_add(1, Ordering::SeqCst);
        self.counts.bytes.fetch_add(data.len() as u64, Ordering::SeqCst);
        self.inner.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.inner.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.inner.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.inner.unlock_range(start, end)
    }
}

/// A run of four announcements, a paid answer, 30 entries and 4 KiB of output; what its journal file came to.
fn typical_run(store: &Store, directory: &Path, project: &str) -> u64 {
    let mut record = record(project);
    record.base = "3".repeat(40);
    let journal = store.begin_run(&record).unwrap();
    let hash = "4".repeat(40);
    let effects = [
        Effect::Call { task: Task::Propose, backend: "codex".into() },
        Effect::Commit { branch: "main".into(), base: hash.clone(), tree: hash.clone() },
        Effect::Push { remote: "origin".into(), branch: "main".into(), from: hash.clone(), to: hash.clone() },
        Effect::Restart { unit: "garden.service".into() },
    ];
    for (index, effect) in effects.into_iter().enumerate() {
        let intent = journal.intend(effect).unwrap();
        if index == 0 {
            journal
                .answer(Answer::new(DAY, Task::Propose, "codex", key(project), &reply("I have corrected a typo in README.md.")))
                .unwrap();
        }
        journal.done(intent).unwrap();
    }
    for name in ["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"] {
        let note = "what the step has to say".into();
        let step = StepRecord { name: name.into(), started: Timestamp::now(), milliseconds: 1_234, status: StepStatus::Done, note };
        journal.step(&step).unwrap();
        record.steps.push(step);
    }
    while journal.entries().len() < 30 {
        journal.note("something worth keeping, in a sentence of a usual length").unwrap();
    }
    let length = std::fs::metadata(directory.join("journal").join(format!("{}.jsonl", record.id))).unwrap().len();
    record.outcome = Some(Outcome::Applied { commit: hash.clone() });
    let mut finished = FinishedRun::new(record);
    finished.outputs.push(Output { name: "cargo test".into(), text: "test result: ok\n".repeat(256) });
    finished.commit_message = Some("Fix a typo in the README\n\nThe word was misspelt in the second paragraph.".into());
    finished.checks.push(CheckResults { commit: hash.clone(), checks: "v1".into(), results: serde_json::json!([["cargo test", 0]]) });
    store.finish_run(&journal, finished, |state| state.see(hash, "5".repeat(64))).unwrap();
    length
}

#[test]
fn a_typical_run_writes_at_most_64_kib() {
    let directory = directory();
    std::fs::create_dir(directory.path().join("journal")).unwrap();
    let counts = Arc::new(Counts::default());
    let backend = Counting { inner: InMemoryBackend::new(), counts: counts.clone() };
    let path = directory.path().join("state.redb");
    let store = Store::with_backend(backend, &path, Some(directory.path().join("journal")), 20).unwrap();
    // Grown until every run drops an old one, with a tree as deep as it gets with a hundred projects.
    let projects = (0..100).map(|number| format!("project-{number}")).collect::<Vec<_>>();
    for _ in 0..8 {
        projects.iter().for_each(|project| drop(typical_run(&store, directory.path(), project)));
    }
    for _ in 0..60 {
        typical_run(&store, directory.path(), "project-50");
    }
    counts.take();
    let mut most = (0, 0, 0);
    for _ in 0..30 {
        let journal = typical_run(&store, directory.path(), "project-50");
        let (writes, bytes, syncs) = counts.take();
        most = most.max((bytes + journal, writes, syncs));
    }
    let (bytes, writes, syncs) = most;
    eprintln!("a typical run writes {bytes} bytes; redb: {writes} writes, {syncs} syncs");
    assert!(bytes <= 64 << 10, "{bytes} bytes");
    assert_eq!(syncs, 1);
}

#[test]
fn a_session_that_stores_nothing_writes_nothing() {
    let directory = directory();
    let store = open(directory.path());
    for number in 0..100 {
        let id = format!("project-{number}");
        store.update_project(&id, |state| state.see("c0ffee", "inputs")).unwrap();
    }
    finish(&store, "garden");
    drop(store);
    let path = directory.path().join("state.redb");
    let before = std::fs::read(&path).unwrap();
    let counts = Arc::new(Counts::default());
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let backend = Counting { inner: FileBackend::new(file).unwrap(), counts: counts.clone() };
    let store = Store::with_backend(backend, &path, Some(directory.path().join("journal")), 20).unwrap();
    for number in 0..100 {
        let id = format!("project-{number}");
        assert!(store.project(&id).has_seen("c0ffee", "inputs"));
        store.note_project(&id, |state| state.last_slot = Some(Timestamp::now()));
    }
    store.update_project("garden", |_| {}).unwrap();
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
    let backend = Counting { inner: InMemoryBackend::new(), counts: counts.clone() };
    drop(Store::with_backend(backend, Path::new("state.redb"), None, 20).unwrap());
    let (_, bytes, syncs) = counts.take();
    assert!(bytes <= 48 << 10, "{bytes} bytes");
    assert!(syncs <= 8, "{syncs} syncs");
}
