use super::*;

/// Everything that a run can leave behind, under `project`.
fn finish_full(store: &Store, project: &str) -> (RunRecord, Proposal) {
    let mut record = record(project);
    let journal = store.begin_run(&record).unwrap();
    let call =
        journal.intend(Effect::Call { task: Task::Propose, backend: "scripted".into() }).unwrap();
    journal
        .answer(Answer::new(DAY, Task::Propose, "scripted", key("what now?"), &reply("a diff")))
        .unwrap();
    journal.done(call).unwrap();
    journal.note("it looks good").unwrap();
    // Longer than a page, so that it spans several rows.
    let mut proposal = proposal(project, 1_000);
    proposal.status = ProposalStatus::Applied { commit: CommitId::unchecked("beef") };
    journal.proposed(&proposal).unwrap();
    record.outcome = Some(Outcome::Applied { commit: CommitId::unchecked("beef") });
    record.proposal = Some(proposal.id);
    let mut finished = FinishedRun::new(record.clone());
    finished.outputs.push(Output { name: "cargo test".into(), text: "ok\n".repeat(4_000) });
    finished.proposal = Some(proposal.clone());
    finished.summary =
        Some(Summary { head: CommitId::unchecked("c0ffee"), text: "# Garden".into() });
    finished.checks.push(CheckResults {
        commit: Some(CommitId::unchecked("beef")),
        checks: Sha256::unchecked("v1"),
        results: serde_json::json!({ "cargo test": "passed" }),
    });
    store
        .finish_run(&journal, finished, |state| {
            state
                .chore_mut("improve")
                .see(CommitId::unchecked("beef"), Sha256::unchecked("inputs"));
        })
        .unwrap();
    (record, proposal)
}

fn assert_full(store: &Store, record: &RunRecord, proposal: &Proposal) {
    assert_eq!(store.run(record.id).unwrap().as_ref(), Some(record));
    assert_eq!(store.runs(Some("garden"), 10).unwrap(), std::slice::from_ref(record));
    let journal = store.run_journal(record.id).unwrap();
    assert_eq!(journal.len(), 4, "{journal:?}");
    let outputs = store.run_outputs(record.id).unwrap();
    assert_eq!(
        outputs.iter().map(|output| (&*output.name, output.text.len())).collect::<Vec<_>>(),
        [("cargo test", 12_000), ("answer: propose", 6)]
    );
    assert_eq!(store.proposal(proposal.id).unwrap().as_ref(), Some(proposal));
    assert_eq!(store.commit_messages("garden").unwrap(), ["Fix a typo"]);
    assert_eq!(store.summary("garden").unwrap().unwrap().text, "# Garden");
    assert_eq!(
        store
            .check_results("garden", Some(&CommitId::unchecked("beef")), &Sha256::unchecked("v1"))
            .unwrap()
            .unwrap()["cargo test"],
        "passed"
    );
    assert_eq!(
        store
            .check_results("garden", Some(&CommitId::unchecked("beef")), &Sha256::unchecked("v2"))
            .unwrap(),
        None
    );
    assert_eq!(store.cached_reply("garden", &key("what now?")).unwrap(), Some(reply("a diff")));
    assert_eq!(store.cached_reply("garden", &key("what else?")).unwrap(), None);
    assert_eq!(store.usage_on(DAY), reply("").usage);
    let of = store.usage_of("garden", DAY).unwrap();
    assert_eq!(
        of.iter().map(|entry| (entry.task, &*entry.backend, entry.usage)).collect::<Vec<_>>(),
        [(Task::Propose, "scripted", reply("").usage)]
    );
    let state = store.project("garden");
    assert!(
        state.chore("improve").has_seen(&CommitId::unchecked("beef"), &Sha256::unchecked("inputs"))
            && !state
                .chore("improve")
                .has_seen(&CommitId::unchecked("beef"), &Sha256::unchecked("other inputs"))
    );
    assert_eq!(state.summary_head.as_deref(), Some("c0ffee"));
    assert_eq!((state.last_run, &state.last_outcome), (Some(record.id), &record.outcome));
}

#[test]
fn whatever_a_run_leaves_is_there_before_and_after_a_restart() {
    let directory = directory();
    let store = open(directory.path());
    let (record, proposal) = finish_full(&store, "garden");
    assert_full(&store, &record, &proposal);
    drop(store);
    assert_full(&open(directory.path()), &record, &proposal);
}

#[test]
fn whatever_a_run_leaves_is_there_in_memory_too() {
    let store = Store::in_memory(50).unwrap();
    let (record, proposal) = finish_full(&store, "garden");
    assert_full(&store, &record, &proposal);
    assert!(store.open_runs().unwrap().runs.is_empty());
}

#[test]
fn a_kill_loses_nothing_that_was_stored() {
    let directory = directory();
    let store = open(directory.path());
    let (record, proposal) = finish_full(&store, "garden");
    let second = self::record("garden");
    let journal = store.begin_run(&second).unwrap();
    journal.intend(Effect::Restart { unit: "garden.service".parse().unwrap() }).unwrap();
    // What a killed process leaves is what lies on the disk while it runs.
    let copy = self::directory();
    std::fs::create_dir(copy.path().join("journal")).unwrap();
    for file in ["state.redb".to_owned(), format!("journal/{}.jsonl", second.id)] {
        std::fs::copy(directory.path().join(&file), copy.path().join(&file)).unwrap();
    }
    let store = open(copy.path());
    assert_full(&store, &record, &proposal);
    let open = store.open_runs().unwrap();
    assert_eq!(
        (open.runs.len(), &open.runs[0].record, open.runs[0].pending().len()),
        (1, &second, 1)
    );
}

#[test]
fn only_the_last_runs_are_kept_with_what_belongs_to_them() {
    let directory = directory();
    let store = Store::open(&directory.path().join("state.redb"), 3).unwrap();
    let other = finish(&store, "other");
    let all = (0..5).map(|_| finish_full(&store, "garden")).collect::<Vec<_>>();
    let kept = store.runs(Some("garden"), 10).unwrap();
    assert_eq!(
        kept.iter().map(|record| record.id).collect::<Vec<_>>(),
        [all[4].0.id, all[3].0.id, all[2].0.id]
    );
    assert_eq!(store.run(all[1].0.id).unwrap(), None);
    assert!(store.run_outputs(all[1].0.id).unwrap().is_empty());
    assert_eq!(store.proposal(all[1].1.id).unwrap(), None);
    assert_eq!(store.proposal(all[2].1.id).unwrap(), Some(all[2].1.clone()));
    assert_eq!(store.runs(Some("other"), 10).unwrap(), [other]);
}

#[test]
fn what_a_run_proposed_that_was_put_off_goes_with_it_and_what_is_held_stays() {
    let store = Store::in_memory(1).unwrap();
    let run_that_leaves = |status| {
        let mut record = record("garden");
        let journal = store.begin_run(&record).unwrap();
        let proposal = Proposal { status, ..proposal("garden", 1) };
        record.outcome =
            Some(Outcome::Parked { until: Timestamp::MAX, reason: "no network".into() });
        record.proposal = Some(proposal.id);
        let mut finished = FinishedRun::new(record);
        finished.proposal = Some(proposal.clone());
        store.finish_run(&journal, finished, |_| {}).unwrap();
        proposal.id
    };
    let open = run_that_leaves(ProposalStatus::Open);
    let held = run_that_leaves(ProposalStatus::Held { reason: "review".into() });
    run_that_leaves(ProposalStatus::Open);
    assert_eq!(store.proposal(open).unwrap(), None);
    assert!(store.proposal(held).unwrap().is_some());
}

#[test]
fn a_held_proposal_outlives_retention() {
    let store = Store::in_memory(1).unwrap();
    let mut held = proposal("garden", 1);
    held.status = ProposalStatus::Held { reason: "review".into() };
    // Of its own chore a newer one that is delivered would take its place.
    held.chore = "another".into();
    store.put_proposal(&held).unwrap();
    (0..3).for_each(|_| drop(finish_full(&store, "garden")));
    assert_eq!(store.proposals(None, |_| true, 10).unwrap().len(), 2);
    let listed = store
        .proposals(Some("garden"), |status| matches!(status, ProposalStatus::Held { .. }), 10)
        .unwrap();
    assert_eq!(
        listed,
        [Proposal { diff: String::new(), ..held.clone() }],
        "a list carries no diffs"
    );
    let approved =
        store.update_proposal(held.id, |held| held.status = ProposalStatus::Open).unwrap().unwrap();
    assert_eq!(approved, Proposal { status: ProposalStatus::Open, ..held.clone() });
    assert_eq!(store.proposal(held.id).unwrap(), Some(approved));
}

#[test]
fn the_newest_runs_of_all_projects_come_first() {
    let store = Store::in_memory(50).unwrap();
    let order = ["garden", "kitchen", "garden", "attic", "garden"]
        .map(|project| finish(&store, project).id);
    let newest =
        |limit| store.runs(None, limit).unwrap().iter().map(|record| record.id).collect::<Vec<_>>();
    assert_eq!(newest(3), [order[4], order[3], order[2]]);
    assert_eq!(newest(10).len(), 5);
    assert_eq!(newest(0), []);
}

#[test]
fn a_run_is_found_by_the_beginning_of_its_id() {
    let store = Store::in_memory(50).unwrap();
    let (first, second) = (finish(&store, "garden"), finish(&store, "kitchen"));
    let id = first.id.to_string();
    assert_eq!(store.find_run(&id).unwrap(), first);
    assert_eq!(store.find_run(&id[..31]).unwrap(), first);
    let ambiguous = store.find_run(&id[..4]).unwrap_err();
    assert_eq!(ambiguous.kind(), ErrorKind::Usage);
    assert!(ambiguous.hints().any(|hint| hint.contains(&second.id.to_string())), "{ambiguous:?}");
    for nonsense in ["", "no id", "ffff", "é", &"0".repeat(40)] {
        assert_eq!(store.find_run(nonsense).unwrap_err().kind(), ErrorKind::Usage, "{nonsense}");
        assert_eq!(
            store.find_proposal(nonsense).unwrap_err().kind(),
            ErrorKind::Usage,
            "{nonsense}"
        );
    }
}

#[test]
fn long_outputs_keep_their_beginning_and_their_end() {
    let store = Store::in_memory(50).unwrap();
    let record = record("garden");
    let journal = store.begin_run(&record).unwrap();
    let mut finished = FinishedRun::new(record.clone());
    finished
        .outputs
        .push(Output { name: "log".into(), text: format!("first{}last", "é".repeat(100_000)) });
    store.finish_run(&journal, finished, |_| {}).unwrap();
    let text = &store.run_outputs(record.id).unwrap()[0].text;
    assert!(text.len() < (64 << 10) + 100, "{}", text.len());
    assert!(text.starts_with("first") && text.ends_with("last") && text.contains("bytes left out"));
}

#[test]
fn a_project_state_survives_and_a_note_waits_for_it() {
    let directory = directory();
    let store = open(directory.path());
    let slot = "2026-01-02T03:04:05Z".parse::<Timestamp>().unwrap();
    store.note_project(&ProjectId::of("garden"), |state| {
        state.chore_mut("improve").last_slot = Some(slot);
    });
    assert_eq!(store.project("garden").chore("improve").last_slot, Some(slot));
    drop(store);
    let store = open(directory.path());
    assert_eq!(
        store.project("garden").chore("improve").last_slot,
        None,
        "a note alone is not stored"
    );
    store.note_project(&ProjectId::of("garden"), |state| {
        state.chore_mut("improve").last_slot = Some(slot);
    });
    store.update_project(&ProjectId::of("garden"), |state| state.paused = true).unwrap();
    drop(store);
    let state = open(directory.path()).project("garden");
    assert_eq!((state.chore("improve").last_slot, state.paused), (Some(slot), true));
}

#[test]
fn usage_adds_up_over_runs_projects_and_days_and_old_days_go() {
    let directory = directory();
    let store = open(directory.path());
    for (project, day) in
        [("garden", DAY), ("garden", DAY), ("kitchen", DAY), ("garden", DAY.tomorrow().unwrap())]
    {
        let record = record(project);
        let journal = store.begin_run(&record).unwrap();
        journal.answer(Answer::new(day, Task::Propose, "scripted", key("a"), &reply(""))).unwrap();
        store.finish_run(&journal, FinishedRun::new(record), |_| {}).unwrap();
    }
    drop(store);
    let store = open(directory.path());
    assert_eq!(store.usage_on(DAY).calls, 3);
    assert_eq!(store.usage_on(DAY.tomorrow().unwrap()).tokens(), 1_050);
    assert_eq!(store.usage_of("garden", DAY).unwrap()[0].usage.calls, 2);
    for days in 2..40 {
        let record = record("garden");
        let journal = store.begin_run(&record).unwrap();
        let day = DAY.checked_add(jiff::Span::new().days(days)).unwrap();
        journal
            .answer(Answer::failed(day, Task::Propose, "scripted", key("a"), reply("").usage))
            .unwrap();
        store.finish_run(&journal, FinishedRun::new(record), |_| {}).unwrap();
    }
    assert!(store.usage_of("garden", DAY).unwrap().is_empty());
    assert_eq!(
        store
            .usage_of("garden", DAY.checked_add(jiff::Span::new().days(39)).unwrap())
            .unwrap()
            .len(),
        1
    );
    assert_eq!(store.usage_of("kitchen", DAY).unwrap()[0].usage.calls, 1);
}

#[test]
fn what_a_run_cost_is_told_by_task_and_backend() {
    let store = Store::in_memory(50).unwrap();
    let record = record("garden");
    let journal = store.begin_run(&record).unwrap();
    let mut money = Usage::call(10, 0, 1);
    money.cost_micros = 7;
    let answers = [
        (Task::Summarize, "codex", money),
        (Task::Propose, "codex", money),
        (Task::Mend, "codex", money),
        (Task::Mend, "codex", Usage::call(0, 0, 0)),
        (Task::Mend, "other", Usage::call(5, 0, 0)),
        (Task::CommitMessage, "offline", Usage::default()),
    ];
    for (task, backend, usage) in answers {
        journal.answer(Answer::failed(DAY, task, backend, key("a"), usage)).unwrap();
    }
    store.finish_run(&journal, FinishedRun::new(record.clone()), |_| {}).unwrap();
    let told = |entries: Vec<UsageEntry>| -> Vec<_> {
        let figures = |entry: UsageEntry| {
            (
                entry.task,
                entry.backend,
                entry.usage.calls,
                entry.usage.tokens(),
                entry.usage.cost_micros,
            )
        };
        entries.into_iter().map(figures).collect()
    };
    let expected = [
        (Task::Summarize, "codex".to_owned(), 1, 11, 7),
        (Task::Propose, "codex".into(), 1, 11, 7),
        (Task::Mend, "codex".into(), 2, 11, 7),
        (Task::Mend, "other".into(), 1, 5, 0),
    ];
    assert_eq!(told(UsageEntry::of_journal(&store.run_journal(record.id).unwrap())), expected);
    assert_eq!(told(store.usage_of("garden", DAY).unwrap()), expected);
    assert_eq!(
        (store.usage_on(DAY).cost_micros, store.usage_of_project_on("kitchen", DAY)),
        (21, Usage::default())
    );
}

#[test]
fn an_answer_outlives_the_runs_that_were_parked_after_it() {
    let store = Store::in_memory(50).unwrap();
    finish_full(&store, "garden");
    let question = key("what now?");
    for _ in 0..20 {
        let mut record = record("garden");
        let journal = store.begin_run(&record).unwrap();
        record.outcome =
            Some(Outcome::Parked { until: Timestamp::now(), reason: "no network".into() });
        store.finish_run(&journal, FinishedRun::new(record), |_| {}).unwrap();
    }
    assert_eq!(store.cached_reply("garden", &question).unwrap(), Some(reply("a diff")));
    (0..16).for_each(|_| drop(finish(&store, "garden")));
    assert_eq!(store.cached_reply("garden", &question).unwrap(), None);
}

#[test]
fn messages_and_heads_are_bounded() {
    let store = Store::in_memory(100).unwrap();
    store.put_proposal(&proposal("garden", 1)).unwrap();
    for number in 0..60 {
        let record = record("garden");
        let journal = store.begin_run(&record).unwrap();
        let mut finished = FinishedRun::new(record);
        let mut proposal = proposal("garden", 1);
        proposal.message = format!("Change {number}");
        proposal.status = ProposalStatus::Applied { commit: CommitId::unchecked("beef") };
        finished.proposal = Some(proposal);
        store
            .finish_run(&journal, finished, |state| {
                state
                    .chore_mut("improve")
                    .see(CommitId::unchecked(format!("head {number}")), Sha256::unchecked(""));
            })
            .unwrap();
    }
    let messages = store.commit_messages("garden").unwrap();
    assert_eq!((messages.len(), &*messages[0], &*messages[49]), (50, "Change 59", "Change 10"));
    assert_eq!(store.project("garden").chore("improve").seen.len(), 4);
}

#[test]
fn a_shorter_text_leaves_nothing_of_a_longer_one() {
    let store = Store::in_memory(50).unwrap();
    for text in ["a".repeat(100_000), "b".repeat(20_000), "c".into(), String::new()] {
        let record = record("garden");
        let journal = store.begin_run(&record).unwrap();
        let mut finished = FinishedRun::new(record);
        finished.summary =
            Some(Summary { head: CommitId::unchecked("c0ffee"), text: text.clone() });
        store.finish_run(&journal, finished, |_| {}).unwrap();
        assert_eq!(store.summary("garden").unwrap().unwrap().text, text);
    }
}
