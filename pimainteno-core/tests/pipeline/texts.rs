//! The message and the diff as text: a message has no effect but that it is read, and what a reader
//! does not see is held.

use pimainteno_core::{
    Edit, Outcome, Task,
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{World, git, outcome};

/// A backend that proposes this content of a file with this message.
fn proposes(path: &str, content: &str, message: &str) -> ScriptedBackend {
    let edit = Scripted::Edit { path: path.into(), content: content.into(), text: message.into() };
    ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, edit)
}

#[tokio::test]
async fn a_message_is_committed_without_effect_and_with_one_trailer() {
    let message = "fixup! docs: edit [skip ci]\u{202e}\n\nCloses #1, thanks @eve.\n# a comment\n\u{1b}[31mred\u{200b}\n\n\
                   Signed-off-by: Eve <eve@example.org>\nPiMainteno-Run: 00000000000000000000000000000000\nco-authored-by : Eve <eve@example.org>";
    let policy = r#"fn commit_message(facts, message) { message + "\nskip-checks: true\ndiff --git a/x b/x\nReviewed-by: Policy <p@example.org>" }"#;
    let world = World::new().with_policy(policy);
    let maintainer = world.maintainer(proposes("README.md", "# Radio\n\nPlays music.\n", message));
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");

    let committed = git(&world.remote(), &["log", "-1", "--format=%B", "main"]);
    let expected = format!(
        "\"fixup!\" docs: edit (\"skip\" ci)\n\n\"Closes\" #1, thanks @`eve`.\n # a comment\n[31mred\n\n\
         \"Signed-off-by\": Eve <eve@example.org>\n\"PiMainteno-Run\": 00000000000000000000000000000000\n\"co-authored-by\" : Eve <eve@example.org>\n\
         \"skip\"-checks: true\n diff --git a/x b/x\n\"Reviewed-by\": Policy <p@example.org>\n\nPiMainteno-Run: {}",
        records[0].id
    );
    assert_eq!(committed, expected);
    let ours = format!("PiMainteno-Run: {}", records[0].id);
    assert_eq!(git(&world.remote(), &["log", "-1", "--format=%(trailers)", "main"]), ours);
    std::fs::write(world.root().join("message"), &committed).unwrap();
    assert_eq!(git(world.root(), &["interpret-trailers", "--parse", "message"]), ours);

    let proposal = maintainer.proposal_of(records[0].id).unwrap().unwrap();
    assert_eq!(
        format!("{}\n\n{ours}", proposal.message),
        committed,
        "what is shown is what was committed"
    );

    // What takes it back names it, and closes as little.
    let record = maintainer.rollback("radio", None).await.unwrap();
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    let committed = git(&world.remote(), &["log", "-1", "--format=%B", "main"]);
    assert!(
        committed.starts_with("Revert \"\"fixup!\" docs: edit (\"skip\" ci)\"\n\n"),
        "{committed}"
    );
    assert_eq!(
        git(&world.remote(), &["log", "-1", "--format=%(trailers)", "main"]),
        format!("PiMainteno-Run: {}", record.id)
    );
}

#[tokio::test]
async fn a_change_that_hides_characters_is_held_and_one_in_another_script_is_delivered() {
    for (path, content, expected) in [
        (
            "README.md",
            "# Radio\n\nPlays musik.\u{202e}\n",
            "README.md:3: U+202E right-to-left override",
        ),
        ("README.md", "# Radio\n\nPlays mu\u{200b}sik.\n", "README.md:3: U+200B zero width space"),
        (
            "src/play.sh",
            "#!/bin/sh\necho pl\u{430}y\n",
            "src/play.sh:2: U+0430 Cyrillic, which looks like `a`",
        ),
    ] {
        let world = World::new();
        let before = world.seen_from_outside();
        let records =
            world.maintainer(proposes(path, content, "docs: edit")).run_once().await.unwrap();
        let Outcome::Held { reason } = outcome(&records) else { panic!("{records:#?}") };
        // A script waits for its kind, too.
        let first = format!(
            "it adds characters that a reader does not see or takes for others: {expected}"
        );
        assert!(reason.starts_with(&first), "{reason}");
        assert_eq!(world.seen_from_outside(), before);
    }
    let world = World::new();
    let content = "# Radio\n\nРадио играет музыку 👩‍🚀, а о хоре — в API.\n";
    let records = world
        .maintainer(proposes("README.md", content, "docs: по-русски"))
        .run_once()
        .await
        .unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
}

#[tokio::test]
async fn a_held_change_is_decided_by_four_digits_and_tells_how_much_of_it_is_not_shown() {
    let token = ["gh", "p_R4nd0mR4nd0mR4nd0mR4nd0mR4nd0mR4nd0m"].concat();
    let world = World::new();
    let content = format!("# Radio\n\nPlays music.\nTOKEN={token}\nOTHER [redacted: by hand]\n");
    let maintainer = world.maintainer(proposes("README.md", &content, "docs: edit"));
    maintainer.run_once().await.unwrap();
    let listed = maintainer.proposals(None, false, 9).unwrap().remove(0);
    let id = listed.id.to_string();
    assert_eq!((listed.redactions, maintainer.proposal(&id).unwrap().redactions), (1, 1));
    for prefix in ["", "0", &id[..3]] {
        let error = maintainer.approve(prefix, &listed.sha256).await.unwrap_err();
        assert!(error.to_string().contains("too short for a proposal id"), "{error}");
        assert!(maintainer.reject(prefix, "no").await.is_err());
    }
    assert!(maintainer.proposal(&id).unwrap().status.is_held());
    let record = maintainer.approve(&id[..4], &listed.sha256).await.unwrap();
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
}

#[tokio::test]
async fn a_message_in_a_fence_is_taken_out_of_it_and_not_asked_for_again() {
    let edit = |text: &str| Scripted::Edit {
        path: "README.md".into(),
        content: "# Radio\n".into(),
        text: text.into(),
    };
    let backend = || ScriptedBackend::new("scripted", Edit::Workspace);
    let fenced = "```text\ndocs: spielt für alle\n\nIn `sh`.\n```\n";
    for backend in [
        backend().answer(Task::Propose, edit(fenced)),
        backend()
            .answer(Task::Propose, edit(""))
            .answer(Task::CommitMessage, Scripted::Text(fenced.into())),
    ] {
        let world = World::new();
        // Old projects keep their messages in what was usual then.
        world.git(&["config", "i18n.commitEncoding", "ISO-8859-1"]);
        let record = world.maintainer(backend.clone()).run_once().await.unwrap().remove(0);
        assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
        let commit = world.git(&["cat-file", "commit", "HEAD"]);
        let message = commit.split_once("\n\n").unwrap().1;
        assert!(message.starts_with("docs: spielt für alle\n\nIn `sh`.\n"), "{commit}");
        assert!(!commit.contains("\nencoding "), "{commit}");
        assert_eq!(
            backend.requests().len(),
            if backend.calls(Task::CommitMessage) == 0 { 2 } else { 3 }
        );
    }
}
