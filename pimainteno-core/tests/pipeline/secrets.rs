//! No secret leaves: what was planted in a project, its commits, its checks and a model's answers
//! is nowhere but where it was put.

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex},
};

use pimainteno_core::{
    Edit, Event, Outcome, RunRecord, Task,
    config::{Mode, Secret},
    store::{Answer, ReplyKey, What},
    testing::{RecordingSink, Scripted, ScriptedBackend},
};

use crate::support::{World, git, outcome};

/// A token whose format is known; a password, whose name gives it away; a key that only the
/// configuration knows.
fn planted() -> [String; 3] {
    [
        ["gh", "p_R4nd0mR4nd0mR4nd0mR4nd0mR4nd0mR4nd0m"].concat(),
        "Tr0ub4dor&3".into(),
        "mellon-mellon".into(),
    ]
}

fn assert_clean(what: &str, text: &str) {
    for secret in planted() {
        assert!(!text.contains(&secret), "`{secret}` is in {what}: {text}");
    }
}

/// Every file of the state directory but the workspaces, which are the project's own files.
fn assert_clean_files(directory: &Path) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().unwrap() != "workspaces" {
            assert_clean_files(&path);
        } else if path.is_file() {
            assert_clean(
                &path.display().to_string(),
                &String::from_utf8_lossy(&fs::read(&path).unwrap()),
            );
        }
    }
}

#[tokio::test]
async fn a_secret_reaches_no_prompt_no_record_no_event_no_commit_and_no_file_of_ours() {
    let [token, password, key] = planted();
    let mut world = World::new();
    world.config.llm.api_key = Some(Secret::new(key.clone()));
    world.project.instructions = format!("Log in with PASSWORD={password} if you must.");
    world.write("note", "x\n");
    world.commit(&format!("deploy with {token}"));
    world.git(&["push", "--quiet"]);
    // The key comes out of the check in base64.
    world.project.verify = vec![
        format!(
            "echo 'PASSWORD={password}'; printf '%s' {key} | base64; echo {token}; grep -q Radio README.md"
        ),
        format!("! echo token {token}"),
    ];
    let policy =
        format!("fn commit_message(facts, message) {{ message + \"\\n\\nSigned with {key}.\" }}");
    let world = world.with_policy(&policy);
    let backend = ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Summarize, Scripted::Text(format!("A radio. Its token is {token}.")))
        .answer(
            Task::Propose,
            Scripted::Edit {
                path: "README.md".into(),
                content: "# Radio\n".into(),
                text: format!("docs: shorten\n\nFound {token} and {key}."),
            },
        );
    let (sink, state) = (RecordingSink::default(), world.root().join("state"));
    // While the run goes on, its journal is a file.
    let looks = {
        let state = state.clone();
        move |_: &Event| assert_clean_files(&state)
    };
    let maintainer =
        world.builder(backend.clone()).events(sink.clone()).events(looks).build().unwrap();
    // A message that tells a secret is not rewritten unseen.
    let held = maintainer.run_once().await.unwrap();
    assert!(
        matches!(outcome(&held), Outcome::Held { reason } if reason.contains("its message has what looks like a secret: GitHub token")),
        "{held:#?}"
    );
    let proposal = maintainer.proposal_of(held[0].id).unwrap().unwrap();
    let id = proposal.id.to_string();
    let records = vec![maintainer.approve(&id, &proposal.sha256).await.unwrap()];
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");

    assert_eq!(backend.requests().len(), 2);
    for request in backend.requests() {
        assert_clean("a prompt", &format!("{request:?}"));
    }
    let propose = &backend.requests()[1];
    assert!(propose.prompt.contains("PASSWORD=[redacted: password]"), "{}", propose.prompt);
    assert!(propose.previous_summary.as_ref().unwrap().contains("[redacted: GitHub token]"));
    let events = sink.events();
    assert!(events.len() > 10);
    assert_clean("an event", &format!("{events:?}"));
    assert_clean("the records", &format!("{records:?}"));
    assert_clean("the summary", &world.read("codex.md"));
    assert!(world.read("codex.md").contains("[redacted: GitHub token]"));
    let message = git(&world.remote(), &["log", "-1", "--format=%B", "main"]);
    assert!(
        message.contains("Found [redacted: GitHub token] and [redacted: configured secret]."),
        "{message}"
    );
    assert!(message.contains("Signed with [redacted: configured secret]."), "{message}");

    let store = maintainer.history();
    let run = records[0].id;
    let outputs = store.run_outputs(run).unwrap();
    let log = outputs.iter().find(|output| output.name.starts_with("check `echo")).unwrap();
    assert!(
        log.text.contains("PASSWORD=[redacted: password]\n[redacted: configured secret]")
            && log.text.contains("GitHub token"),
        "{}",
        log.text
    );
    assert_clean(
        "what is kept",
        &format!("{outputs:?}{:?}{:?}", store.run_journal(run).unwrap(), store.run(run).unwrap()),
    );
    drop(maintainer);
    assert_clean_files(&state);
}

#[tokio::test]
async fn a_failure_is_told_without_the_secret_in_its_message() {
    let [token, ..] = planted();
    let told = Arc::new(Mutex::new(Vec::new()));
    for failure in [
        Scripted::Failure(format!("cannot log in with {token}")),
        Scripted::Trouble(format!("no quota for {token}"), 60),
    ] {
        let (world, told) = (World::new(), told.clone());
        let backend =
            ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, failure);
        let sink = move |event: &Event| told.lock().unwrap().push(format!("{event}"));
        let maintainer = world.builder(backend).events(sink).build().unwrap();
        let records = maintainer.run_once().await.unwrap();
        let told = outcome(&records).to_string();
        assert!(told.contains("[redacted: GitHub token]"), "{told}");
        assert_clean("the records", &format!("{records:?}"));
        assert_clean("what is remembered", &format!("{:?}", maintainer.projects()[0].state));
        drop(maintainer);
        assert_clean_files(&world.root().join("state"));
    }
    assert_clean("an event", &told.lock().unwrap().join("\n"));
}

/// Runs a change that adds a token, in a project that would deliver any other change.
async fn run_with_a_token(
    world: &World,
    backend: &ScriptedBackend,
) -> (pimainteno_core::Maintainer, RunRecord) {
    let maintainer = world.maintainer(backend.clone());
    let record = maintainer.run_once().await.unwrap().remove(0);
    (maintainer, record)
}

#[tokio::test]
async fn a_change_that_adds_a_secret_is_held_for_a_person_and_shown_without_it() {
    let [token, ..] = planted();
    let world = World::new();
    let before = world.seen_from_outside();
    let content = format!("# Radio\n\nPlays musik.\nTOKEN={token}\n");
    let backend = ScriptedBackend::new("scripted", Edit::Workspace).answer(
        Task::Propose,
        Scripted::Edit { path: "README.md".into(), content, text: "docs: token".into() },
    );
    let (maintainer, record) = run_with_a_token(&world, &backend).await;
    let Some(Outcome::Held { reason }) = &record.outcome else { panic!("{record:#?}") };
    assert_eq!(reason, "it adds what looks like a secret: GitHub token in `README.md`, line 4");
    assert_eq!(world.seen_from_outside(), before);

    // What is placed after an approval is exactly what was proposed; what is shown is not.
    let store = maintainer.history();
    let exact = store.proposal(record.proposal.unwrap()).unwrap().unwrap();
    let shown = maintainer.proposal_of(record.id).unwrap().unwrap();
    assert!(exact.diff.contains(&format!("+TOKEN={token}")));
    assert!(shown.diff.contains("+TOKEN=[redacted: GitHub token]"), "{}", shown.diff);
    assert_eq!(
        (shown.sha256.as_str(), &shown),
        (exact.sha256.as_str(), &maintainer.proposal(&shown.id.to_string()).unwrap())
    );
    assert_clean(
        "what is shown",
        &format!("{shown:?}{record:?}{:?}", store.run_outputs(record.id).unwrap()),
    );

    // The answer is kept for reading, and is not given again: placed, it would write the gap into
    // the file.
    let journal = store.run_journal(record.id).unwrap();
    let answers: Vec<&Answer> = journal
        .iter()
        .filter_map(
            |entry| if let What::Answer(answer) = &entry.what { Some(answer) } else { None },
        )
        .collect();
    let answer = answers.iter().find(|answer| answer.task == Task::Propose).unwrap();
    assert!(
        answer.redacted && answer.diff.as_ref().unwrap().contains("[redacted: GitHub token]"),
        "{answer:?}"
    );
    assert_eq!(
        pimainteno_core::testing::cached_reply(&maintainer, "radio", &answer.key).unwrap(),
        None
    );
    let summary = &backend.requests()[0];
    let key = ReplyKey::new(
        "radio",
        record.base.as_ref().unwrap(),
        Task::Summarize,
        "scripted",
        "script",
        &summary.prompt,
    );
    assert!(
        pimainteno_core::testing::cached_reply(&maintainer, "radio", &key).unwrap().is_some(),
        "one without a secret is given again"
    );
}

#[tokio::test]
async fn the_reason_comes_before_the_modes_and_a_change_around_a_secret_is_delivered() {
    let [token, ..] = planted();
    let edit = |content: String| {
        let edit = Scripted::Edit { path: "README.md".into(), content, text: "docs: edit".into() };
        ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, edit)
    };
    let mut world = World::new();
    world.project.mode = Mode::Review;
    let (_, record) = run_with_a_token(&world, &edit(format!("TOKEN={token}\n"))).await;
    assert!(
        record.outcome.as_ref().is_some_and(|outcome| outcome
            .to_string()
            .contains("GitHub token in `README.md`, line 1")),
        "{record:#?}"
    );

    let world = World::new();
    world.write("README.md", &format!("# Radio\nTOKEN={token}\nPlays musik.\n"));
    world.commit("a mistake of the user's");
    world.git(&["push", "--quiet"]);
    let moved = format!("# Radio\nPlays music.\nTOKEN={token}\n");
    let (_, record) = run_with_a_token(&world, &edit(moved.clone())).await;
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert_eq!(world.read("README.md"), moved, "what is redacted in a prompt stays in the file");
}

#[tokio::test]
async fn a_message_with_a_secret_holds_the_change_whoever_makes_it_and_a_word_does_not() {
    let [token, ..] = planted();
    let edit = |text: &str| Scripted::Edit {
        path: "README.md".into(),
        content: "# Radio\n".into(),
        text: text.into(),
    };
    // The backend when it is asked for a message, and the policy.
    let asked = ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Propose, edit(""))
        .answer(Task::CommitMessage, Scripted::Text(format!("docs: use {token}")));
    let told =
        ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, edit("docs: x"));
    let policy = format!("fn commit_message(facts, message) {{ message + \" {token}\" }}");
    for (world, backend) in [(World::new(), asked), (World::new().with_policy(&policy), told)] {
        let before = world.seen_from_outside();
        let (maintainer, record) = run_with_a_token(&world, &backend).await;
        assert!(
            matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("its message has")),
            "{record:#?}"
        );
        assert_eq!(world.seen_from_outside(), before);
        // It does not go on by itself.
        let again = maintainer.run_once().await.unwrap();
        assert!(matches!(outcome(&again), Outcome::Skipped { .. }), "{again:#?}");
        let proposal = maintainer.proposal_of(record.id).unwrap().unwrap();
        let id = proposal.id.to_string();
        let record = maintainer.approve(&id, &proposal.sha256).await.unwrap();
        assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
        let message = world.git(&["log", "-1", "--format=%B"]);
        assert!(
            message.contains("[redacted: GitHub token]") && !message.contains(&token),
            "{message}"
        );
        assert!(backend.calls(Task::CommitMessage) <= 1);
    }

    let mut world = World::new();
    world.config.llm.api_key = Some(Secret::new("ollama"));
    let edit = Scripted::Edit {
        path: "README.md".into(),
        content: "# Radio\n\nAsks ollama.\n".into(),
        text: "docs: say that ollama is asked".into(),
    };
    let backend = ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, edit);
    let (_, record) = run_with_a_token(&world, &backend).await;
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert!(world.git(&["log", "-1", "--format=%s"]).contains("ollama"));
}
