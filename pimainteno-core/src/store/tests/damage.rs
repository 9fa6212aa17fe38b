use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, sync::atomic::Ordering};

use redb::{ReadableTable, backends::FileBackend};

use super::{
    disk::{Counting, Counts},
    *,
};

/// A store with some history, closed; the bytes of its file.
fn closed(directory: &Path) -> (PathBuf, Vec<u8>) {
    let store = open(directory);
    (0..20).for_each(|_| drop(finish(&store, "garden")));
    drop(store);
    let path = directory.join("state.redb");
    let bytes = fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn a_damaged_file_is_refused_as_it_is_or_set_aside() {
    let directory = directory();
    let (path, good) = closed(directory.path());
    let garbage = |from: usize, to: usize| {
        let mut bytes = good.clone();
        bytes[from..to].fill(0xA5);
        bytes
    };
    let cases = [
        ("truncated in the header", good[..100].to_vec()),
        ("truncated in the middle", good[..good.len() / 2].to_vec()),
        ("garbage in the magic number", garbage(0, 9)),
        ("garbage in the whole header", garbage(16, 320)),
        ("garbage in the middle", garbage(4_096, good.len() - 4_096)),
        ("another file", b"dear diary".to_vec()),
        ("empty", Vec::new()),
    ];
    for (name, bytes) in cases {
        fs::write(&path, &bytes).unwrap();
        let error = Store::open(&path, 50).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store, "{name}");
        assert!(
            error.to_string().contains("damaged")
                && error.to_string().contains(path.to_str().unwrap()),
            "{name}: {error}"
        );
        assert!(error.hints().next().is_some(), "{name}");
        assert!(fs::read(&path).unwrap() == bytes, "{name}: left as it is");

        let (store, notice) =
            Store::open_or_set_aside(&path, 50, [&ProjectId::of("garden")]).unwrap();
        let kept = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().path());
        let kept =
            kept.filter(|path| path.to_str().unwrap().contains("damaged-")).collect::<Vec<_>>();
        assert_eq!(kept.len(), 1, "{name}");
        assert!(fs::read(&kept[0]).unwrap() == bytes, "{name}: kept");
        assert!(notice.unwrap().contains(kept[0].to_str().unwrap()), "{name}");
        assert!(
            store.runs(None, 10).unwrap().is_empty() && store.project("garden").paused,
            "{name}"
        );
        assert!(store.open_runs().unwrap().notices[0].contains("until they are resumed"), "{name}");
        finish(&store, "garden");
        drop(store);
        assert_eq!(open(directory.path()).runs(None, 10).unwrap().len(), 1, "{name}");
        fs::remove_file(&kept[0]).unwrap();
    }
    fs::write(&path, &good).unwrap();
    let (store, notice) = Store::open_or_set_aside(&path, 50, [&ProjectId::of("garden")]).unwrap();
    assert_eq!((store.runs(None, 100).unwrap().len(), notice), (20, None));
}

#[test]
fn damage_anywhere_is_an_error_and_never_a_panic() {
    let directory = directory();
    let (path, good) = closed(directory.path());
    for page in 1..good.len() / 4_096 {
        let mut bytes = good.clone();
        bytes[page * 4_096..(page + 1) * 4_096].fill(0xA5);
        if bytes == good {
            continue;
        }
        fs::write(&path, &bytes).unwrap();
        let Ok(store) = Store::open(&path, 50) else { continue };
        if let Err(error) = store.runs(None, 100) {
            assert_eq!(error.kind(), ErrorKind::Store);
        }
        let record = record("garden");
        let journal = store.begin_run(&record).unwrap();
        if let Err(error) = store.finish_run(&journal, FinishedRun::new(record), |_| {}) {
            assert!(error.hints().next().is_some());
        }
    }
}

/// A card that forgets a bit, anywhere: a wrong answer would be worse than none, so what redb does
/// not notice must still be a history that makes sense.
#[test]
fn a_single_flipped_bit_is_an_error_or_harmless_and_never_a_panic() {
    let directory = directory();
    let (path, good) = closed(directory.path());
    // Every part of the header, and a bit in every 997th byte of the rest.
    for byte in (0..320).chain((320..good.len()).step_by(997)) {
        let mut bytes = good.clone();
        bytes[byte] ^= 1 << (byte % 8);
        fs::write(&path, &bytes).unwrap();
        let store = match Store::open(&path, 50) {
            Ok(store) => store,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Store, "byte {byte}");
                assert!(
                    error.hints().next().is_some() || error.to_string().contains("cannot open"),
                    "byte {byte}: {error}"
                );
                continue;
            }
        };
        if let Ok(runs) = store.runs(None, 100) {
            assert!(runs.len() <= 20, "byte {byte}");
        }
    }
}

/// A child of a killed program may hold the lock for the moment between `fork` and `exec`.
#[test]
fn a_store_that_is_let_go_of_a_moment_later_is_waited_for() {
    let directory = directory();
    let store = open(directory.path());
    let holder = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        drop(store);
    });
    Store::open(&directory.path().join("state.redb"), 50).unwrap();
    holder.join().unwrap();
}

#[test]
fn a_newer_format_is_refused_and_not_set_aside() {
    let directory = directory();
    let (path, _) = closed(directory.path());
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(redb::TableDefinition::<&str, u64>::new("meta"))
        .unwrap()
        .insert("format", 99)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let before = fs::read(&path).unwrap();
    let error = Store::open_or_set_aside(&path, 50, [&ProjectId::of("garden")]).unwrap_err();
    assert!(error.to_string().contains("format 99"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn an_older_format_is_read_and_then_no_older_programs_any_more() {
    let directory = directory();
    let (path, _) = closed(directory.path());
    let format = |version: Option<u64>| {
        let database = Database::open(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        let meta = redb::TableDefinition::<&str, u64>::new("meta");
        if let Some(version) = version {
            transaction.open_table(meta).unwrap().insert("format", version).unwrap();
        }
        let format = transaction.open_table(meta).unwrap().get("format").unwrap().unwrap().value();
        transaction.commit().unwrap();
        format
    };
    assert_eq!(format(Some(1)), 1);
    let store = Store::open(&path, 50).unwrap();
    assert_eq!(store.runs(Some("garden"), 99).unwrap().len(), 20);
    drop(store);
    assert_eq!(format(None), 2);
}

#[test]
fn the_database_of_another_program_is_refused() {
    let directory = directory();
    let path = directory.path().join("state.redb");
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(redb::TableDefinition::<u64, u64>::new("theirs")).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = Store::open_or_set_aside(&path, 50, [&ProjectId::of("garden")]).unwrap_err();
    assert!(error.to_string().contains("another program"), "{error}");
}

#[test]
fn a_second_opener_is_told_who_has_it() {
    let directory = directory();
    let store = open(directory.path());
    finish(&store, "garden");
    let path = directory.path().join("state.redb");
    for error in [
        Store::open(&path, 50).unwrap_err(),
        Store::open_or_set_aside(&path, 50, [&ProjectId::of("garden")]).unwrap_err(),
    ] {
        assert!(error.to_string().contains("another program uses"), "{error}");
        let process = format!("process {} (", std::process::id());
        assert!(error.hints().any(|hint| hint.starts_with(&process)), "{error}");
    }
    assert_eq!(store.runs(None, 10).unwrap().len(), 1);
}

#[test]
fn a_directory_that_cannot_be_used_is_an_error_with_its_path() {
    let directory = directory();
    // A file in the place of the directory: it stops root too, whom permissions do not stop.
    fs::write(directory.path().join("file"), "").unwrap();
    let error = Store::open(&directory.path().join("file/state.redb"), 50).unwrap_err();
    assert!(
        error.to_string().contains("file/journal") && error.hints().next().is_some(),
        "{error}"
    );
    // A file system that is mounted for reading only refuses even root.
    let error = Store::open(Path::new("/proc/state.redb"), 50).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Store);
    let error = Store::open(&directory.path().join("file").join(".."), 50);
    assert!(error.is_err() || directory.path().join("state.redb").exists());
}

#[test]
fn what_is_made_is_for_the_owner_alone() {
    let directory = directory();
    let state = directory.path().join("deep/state");
    drop(Store::open(&state.join("state.redb"), 50).unwrap());
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        (mode(state.clone()), mode(state.join("journal")), mode(state.join("state.redb"))),
        (0o700, 0o700, 0o600)
    );
    // A directory is taken for the one the file is in.
    drop(Store::open(&state, 50).unwrap());
    assert_eq!(fs::read_dir(&state).unwrap().count(), 2);
}

#[test]
fn a_disk_that_was_full_does_not_stop_the_store_for_good() {
    let directory = directory();
    let (path, _) = closed(directory.path());
    let counts = Arc::new(Counts::default());
    let (file, disk) = (path.clone(), counts.clone());
    let backend = move || {
        let file = fs::OpenOptions::new().read(true).write(true).open(&file).unwrap();
        Ok(Counting { inner: FileBackend::new(file).unwrap(), counts: disk.clone() })
    };
    let store =
        Store::with_backend(backend, &path, Some(directory.path().join("journal")), 50).unwrap();
    // In the middle of a session, so that it is redb that meets the full disk.
    finish(&store, "garden");
    let record = record("garden");
    let journal = store.begin_run(&record).unwrap();
    counts.is_full.store(true, Ordering::SeqCst);
    for _ in 0..3 {
        let error = store
            .finish_run(&journal, FinishedRun::new(record.clone()), |state| state.paused = true)
            .unwrap_err();
        assert!(error.hints().any(|hint| hint.contains("space")), "{error}");
        assert!(!store.project("garden").paused, "what was not stored is not remembered");
        assert_eq!(store.runs(None, 100).unwrap().len(), 21, "what is there can be read");
    }
    counts.is_full.store(false, Ordering::SeqCst);
    store
        .finish_run(&journal, FinishedRun::new(record.clone()), |state| state.paused = true)
        .unwrap();
    drop((journal, store));
    let store = open(directory.path());
    assert_eq!(store.run(record.id).unwrap(), Some(record));
    assert!(store.project("garden").paused && store.open_runs().unwrap().runs.is_empty());
}
