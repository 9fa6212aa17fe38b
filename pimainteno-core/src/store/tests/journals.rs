use std::{fs, path::PathBuf};

use super::*;

fn path(directory: &Path, record: &RunRecord) -> PathBuf {
    directory.join("journal").join(format!("{}.jsonl", record.id))
}

/// A run that was cut off after it had announced a push, with what its file holds.
fn cut_off(directory: &Path) -> (RunRecord, String) {
    let store = open(directory);
    let record = record("garden");
    let journal = store.begin_run(&record).unwrap();
    let call =
        journal.intend(Effect::Call { task: Task::Propose, backend: "scripted".into() }).unwrap();
    journal
        .answer(Answer::new(DAY, Task::Propose, "scripted", key("a"), &reply("a diff")))
        .unwrap();
    journal.done(call).unwrap();
    journal.intend(push()).unwrap();
    let text = fs::read_to_string(path(directory, &record)).unwrap();
    (record, text)
}

fn push() -> Effect {
    Effect::Push {
        remote: "origin".parse().unwrap(),
        branch: "main".parse().unwrap(),
        from: CommitId::unchecked("a"),
        to: CommitId::unchecked("b"),
    }
}

#[test]
fn a_run_that_was_cut_off_is_found_resumed_and_ended() {
    let directory = directory();
    let (mut record, _) = cut_off(directory.path());
    let store = open(directory.path());
    let [run] = &store.open_runs().unwrap().runs[..] else { panic!("one open run") };
    record.usage = reply("").usage;
    assert_eq!(run.record, record, "the record as far as the journal tells");
    let done: Vec<_> =
        run.announced().filter_map(|(effect, is_done)| is_done.then_some(effect)).collect();
    assert_eq!(done, [&Effect::Call { task: Task::Propose, backend: "scripted".into() }]);
    let pending = run.pending();
    assert_eq!(pending.iter().map(|(_, effect)| *effect).collect::<Vec<_>>(), [&push()]);
    assert_eq!(store.usage_on(DAY).calls, 1, "what was paid for counts");
    assert_eq!(
        store.cached_reply("garden", &key("a")).unwrap(),
        Some(reply("a diff")),
        "and need not be paid for again"
    );

    let journal = store.reopen(run.clone()).unwrap();
    assert!(store.open_runs().unwrap().runs.is_empty(), "a run that goes on is not open");
    journal.done(pending[0].0).unwrap();
    record.outcome = Some(Outcome::Interrupted);
    store.finish_run(&journal, FinishedRun::new(record.clone()), |_| {}).unwrap();
    assert!(!path(directory.path(), &record).exists());
    assert_eq!(store.run_journal(record.id).unwrap().len(), 5);
    drop((journal, store));
    let store = open(directory.path());
    assert!(store.open_runs().unwrap().runs.is_empty());
    assert_eq!(store.usage_on(DAY).calls, 1);
    assert_eq!(store.cached_reply("garden", &key("a")).unwrap(), Some(reply("a diff")));
}

#[test]
fn a_change_that_was_dropped_is_still_what_its_run_was_about() {
    let directory = directory();
    let store = open(directory.path());
    let record = record("garden");
    let journal = store.begin_run(&record).unwrap();
    let proposal = |base: &str| {
        Proposal::new(
            ProjectId::of("garden"),
            CommitId::unchecked(base),
            format!("a diff on {base}"),
            "fix",
            "scripted",
        )
    };
    let about = |wanted: &Proposal| {
        let text = fs::read_to_string(path(directory.path(), &record)).unwrap();
        let other = tempfile::tempdir().unwrap();
        fs::create_dir_all(other.path().join("journal")).unwrap();
        fs::write(path(other.path(), &record), text).unwrap();
        assert_eq!(open(other.path()).open_runs().unwrap().runs[0].proposal(), Some(wanted));
    };
    let change = proposal("a");
    journal.proposed(&change).unwrap();
    journal
        .intend(Effect::Move { from: CommitId::unchecked("a"), to: CommitId::unchecked("b") })
        .unwrap();
    about(&change);
    // It never left the machine, so the checkout goes back to where it was made.
    journal
        .intend(Effect::Move { from: CommitId::unchecked("b"), to: CommitId::unchecked("a") })
        .unwrap();
    about(&change);
    // What takes it back is made on its commit.
    journal.proposed(&proposal("b")).unwrap();
    about(&change);
}

#[test]
fn what_was_written_before_money_was_counted_is_read() {
    let directory = directory();
    let (record, text) = cut_off(directory.path());
    let older = text.replace(",\"cost_micros\":0", "");
    assert!(older != text && !older.contains("cost_micros"));
    fs::write(path(directory.path(), &record), older).unwrap();
    let store = open(directory.path());
    let found = store.open_runs().unwrap();
    assert_eq!(
        (found.notices, found.runs[0].record.usage, store.usage_on(DAY)),
        (Vec::new(), reply("").usage, reply("").usage)
    );
    let entry: Vec<UsageEntry> =
        serde_json::from_str(r#"[{"task":"propose","backend":"codex","usage":{"calls":1}}]"#)
            .unwrap();
    assert_eq!(entry[0].usage, Usage::call(0, 0, 0));
}

#[test]
fn a_journal_that_is_dropped_is_an_open_run_again() {
    let directory = directory();
    let store = open(directory.path());
    let record = record("garden");
    drop(store.begin_run(&record).unwrap());
    assert_eq!(store.open_runs().unwrap().runs[0].record, record);
}

#[test]
fn a_last_line_that_is_torn_anywhere_is_dropped() {
    let directory = directory();
    let (record, text) = cut_off(directory.path());
    let whole = text[..text.len() - 1].rfind('\n').unwrap() + 1;
    for tail in [&text[whole..whole + 1], &text[whole..text.len() - 1], "\0\0\0\0", "\u{fffd}"] {
        fs::write(path(directory.path(), &record), format!("{}{tail}", &text[..whole])).unwrap();
        let store = open(directory.path());
        let found = store.open_runs().unwrap();
        assert_eq!((found.runs.len(), found.notices), (1, Vec::new()), "{tail:?}");
        assert!(found.runs[0].pending().is_empty(), "{tail:?}");
        // What is written next does not stick to the torn line.
        store.reopen(found.runs[0].clone()).unwrap().note("going on").unwrap();
        assert_eq!(store.open_runs().unwrap().runs[0].entries.len(), 5);
    }
}

#[test]
fn a_journal_that_never_began_is_of_a_run_that_did_nothing() {
    let directory = directory();
    let (record, text) = cut_off(directory.path());
    for beginning in ["", "{", &text[..text.find('\n').unwrap()], "\0\0\0"] {
        fs::write(path(directory.path(), &record), beginning).unwrap();
        let found = open(directory.path()).open_runs().unwrap();
        assert!(found.runs.is_empty() && found.notices.is_empty(), "{beginning:?}");
        assert!(!path(directory.path(), &record).exists());
    }
}

#[test]
fn a_damaged_journal_is_kept_aside_and_its_beginning_recovered() {
    let directory = directory();
    let (record, text) = cut_off(directory.path());
    let damaged = text.replacen("\"entry\":\"answer\"", "\"entry\":\"ans\u{0}er\"", 1);
    assert_ne!(damaged, text);
    fs::write(path(directory.path(), &record), &damaged).unwrap();
    let store = open(directory.path());
    let found = store.open_runs().unwrap();
    assert_eq!(found.runs[0].entries.len(), 2);
    let kept = format!("{}.damaged", path(directory.path(), &record).display());
    assert!(found.notices[0].contains(&kept), "{:?}", found.notices);
    assert_eq!(fs::read_to_string(kept).unwrap(), damaged);
    assert!(store.open_runs().unwrap().notices.is_empty(), "said once");
}

#[test]
fn a_journal_of_nonsense_is_kept_aside() {
    let directory = directory();
    drop(open(directory.path()));
    let record = record("garden");
    fs::write(path(directory.path(), &record), "nonsense\nand more of it\n").unwrap();
    fs::write(directory.path().join("journal/notes.txt"), "mine").unwrap();
    let found = open(directory.path()).open_runs().unwrap();
    assert!(found.runs.is_empty());
    assert_eq!(found.notices.len(), 1);
    assert!(!path(directory.path(), &record).exists());
    assert!(directory.path().join("journal/notes.txt").exists());
}

#[test]
fn a_journal_that_outlived_the_end_of_its_run_is_removed() {
    let directory = directory();
    let store = open(directory.path());
    let mut record = record("garden");
    let journal = store.begin_run(&record).unwrap();
    journal.intend(push()).unwrap();
    let text = fs::read(path(directory.path(), &record)).unwrap();
    record.outcome = Some(Outcome::NoChange);
    store.finish_run(&journal, FinishedRun::new(record.clone()), |_| {}).unwrap();
    drop((journal, store));
    // As if the power had failed right before the removal.
    fs::write(path(directory.path(), &record), text).unwrap();
    assert!(open(directory.path()).open_runs().unwrap().runs.is_empty());
    assert!(!path(directory.path(), &record).exists());
}

#[test]
fn keys_of_questions_do_not_run_into_each_other() {
    let first = ReplyKey::new("a", &CommitId::unchecked("bc"), Task::Propose, "", "", "");
    assert_eq!(first, ReplyKey::new("a", &CommitId::unchecked("bc"), Task::Propose, "", "", ""));
    assert_ne!(first, ReplyKey::new("ab", &CommitId::unchecked("c"), Task::Propose, "", "", ""));
    assert_ne!(first, ReplyKey::new("a", &CommitId::unchecked("bc"), Task::Summarize, "", "", ""));
}
