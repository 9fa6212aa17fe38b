//! A change that makes a check fail goes back to its backend, as long as something new comes of it.

use pimainteno_core::{
    Edit, Outcome, RunRecord, StepStatus, Task,
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{World, outcome};

fn edit(content: &str) -> Scripted {
    Scripted::Edit { path: "README.md".into(), content: content.into(), text: "docs: edit".into() }
}

fn backend(first: &str) -> ScriptedBackend {
    ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Propose, edit(first))
}

/// A world whose check wants the word, and tells which line it found instead.
fn world() -> World {
    let mut world = World::new();
    world.project.verify = vec![
        "grep -q Radio README.md || { echo \"FAIL: found $(head -1 README.md)\"; exit 1; }".into(),
    ];
    world
}

async fn run(world: &World, backend: &ScriptedBackend) -> Vec<RunRecord> {
    world.maintainer(backend.clone()).run_once().await.unwrap()
}

fn steps(records: &[RunRecord]) -> Vec<&str> {
    records[0].steps.iter().map(|step| step.name.as_str()).collect()
}

#[tokio::test]
async fn a_change_that_fails_is_mended_and_goes_through_everything_again() {
    let world = world();
    let backend = backend("# TV\n").answer(Task::Mend, edit("# Radio and TV\n"));
    let records = run(&world, &backend).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(world.read("README.md"), "# Radio and TV\n");
    assert_eq!(steps(&records)[2..7], ["apply", "verify", "mend", "apply", "verify"]);
    assert_eq!(records[0].steps[3].status, StepStatus::Failed);
    let requests = backend.requests();
    let request = requests.iter().find(|request| request.task == Task::Mend).unwrap();
    assert!(
        request.prompt.contains("FAIL: found # TV") && request.prompt.contains("+# TV"),
        "{}",
        request.prompt
    );
    assert!(request.diff.as_ref().unwrap().contains("+# TV") && request.edit == Edit::Workspace);
    let maintainer = world.maintainer(backend);
    let proposal = maintainer.proposal_of(records[0].id).unwrap().unwrap();
    assert!(
        proposal.diff.contains("+# Radio and TV") && !proposal.diff.contains("+# TV"),
        "{}",
        proposal.diff
    );
    let journal = format!("{:?}", maintainer.history().run_journal(records[0].id).unwrap());
    assert!(journal.contains("task: Mend"), "{journal}");
}

#[tokio::test]
async fn a_change_beside_a_secret_is_mended_and_the_secret_is_not_told() {
    let world = world();
    let lines = |first: &str| format!("{first}\n\npassword = \"Kreuzberg-7731-lotus\"\n");
    world.write("README.md", &lines("# Radio"));
    world.commit("how to log in");
    world.git(&["push", "--quiet"]);
    let backend = backend(&lines("# TV")).answer(Task::Mend, edit(&lines("# Radio and TV")));
    let records = run(&world, &backend).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(world.read("README.md"), lines("# Radio and TV"));
    let requests = backend.requests();
    let told =
        requests.iter().find(|request| request.task == Task::Mend).unwrap().diff.clone().unwrap();
    assert!(told.contains("[redacted: ") && !told.contains("Kreuzberg"), "{told}");
}

#[tokio::test]
async fn a_backend_that_answers_with_diffs_mends_too() {
    let world = world();
    let reply = |line: &str| {
        Scripted::Text(format!(
            "docs: edit\n\n--- a/README.md\n+++ b/README.md\n@@ -1,3 +1,3 @@\n-# Radio\n+{line}\n \n Plays musik.\n"
        ))
    };
    let backend = ScriptedBackend::new("scripted", Edit::Reply)
        .answer(Task::Propose, reply("# TV"))
        .answer(Task::Mend, reply("# Radio!"));
    let records = run(&world, &backend).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(world.read("README.md"), "# Radio!\n\nPlays musik.\n");
}

#[tokio::test]
async fn repairs_end_at_their_number() {
    for (repairs, calls) in [(Some(0), 0), (Some(1), 1), (None, 2)] {
        let mut world = world();
        world.project.repairs = repairs;
        let words = ["one", "two", "three", "four"];
        let backend = words.iter().fold(backend("# TV\n"), |backend, word| {
            backend.answer(Task::Mend, edit(&format!("# {word}\n")))
        });
        let before = world.seen_from_outside();
        let records = run(&world, &backend).await;
        let Outcome::Failed { step, message } = outcome(&records) else { panic!("{records:#?}") };
        assert!(step == "verify" && message.contains("passes without it"), "{message}");
        assert_eq!(backend.calls(Task::Mend), calls);
        assert_eq!(world.seen_from_outside(), before);
    }
}

#[tokio::test]
async fn a_repair_that_changes_nothing_is_the_last() {
    // The same failure again, though the change is another one.
    let mut world = world();
    world.project.verify = vec!["grep -q Radio README.md".into()];
    let same_failure = backend("# TV\n")
        .answer(Task::Mend, edit("# Film\n"))
        .answer(Task::Mend, edit("# Radio\n"));
    let records = run(&world, &same_failure).await;
    assert!(
        matches!(outcome(&records), Outcome::Failed { step, .. } if step == "verify"),
        "{records:#?}"
    );
    assert_eq!(same_failure.calls(Task::Mend), 1);
    // The same change again, also one from before the last.
    let again = |contents: &[&str]| {
        contents
            .iter()
            .fold(backend("# TV\n"), |backend, content| backend.answer(Task::Mend, edit(content)))
    };
    for (contents, verified) in [(&["# TV\n", "# Radio\n"][..], 1), (&["# Film\n", "# TV\n"], 2)] {
        let world = self::world();
        let backend = again(contents);
        let records = run(&world, &backend).await;
        let Outcome::Failed { message, .. } = outcome(&records) else { panic!("{records:#?}") };
        assert!(message.contains("the same change again"), "{message}");
        assert_eq!(
            steps(&records).iter().filter(|step| **step == "verify").count(),
            verified,
            "{records:#?}"
        );
    }
}

#[tokio::test]
async fn what_is_no_repair_leaves_the_failure_of_the_check() {
    let answers = [
        Scripted::Text("NO CHANGE".into()),
        Scripted::Failure("broken".into()),
        Scripted::Text(String::new()),
    ];
    for answer in answers {
        let world = world();
        let before = world.seen_from_outside();
        let records = run(&world, &backend("# TV\n").answer(Task::Mend, answer)).await;
        let Outcome::Failed { step, message } = outcome(&records) else { panic!("{records:#?}") };
        assert!(step == "verify" && message.contains("found # TV"), "{message}");
        assert_eq!(world.seen_from_outside(), before);
    }
    // Trouble that passes parks the project, as with any other question.
    let world = world();
    let records =
        run(&world, &backend("# TV\n").answer(Task::Mend, Scripted::Trouble("quota".into(), 3600)))
            .await;
    assert!(matches!(outcome(&records), Outcome::Parked { .. }), "{records:#?}");
}

#[tokio::test]
async fn a_repair_that_weakens_the_checks_is_held() {
    let world = world();
    world.write("tests/all.sh", "grep -q Radio README.md\n");
    world.commit("tests");
    world.git(&["push", "--quiet"]);
    let mut world = world;
    world.project.verify = vec!["sh tests/all.sh".into()];
    let weaker = Scripted::Edit {
        path: "tests/all.sh".into(),
        content: "grep -q Radio README.md || true\n".into(),
        text: "tests".into(),
    };
    let records = run(&world, &backend("# TV\n").answer(Task::Mend, weaker)).await;
    assert!(
        matches!(outcome(&records), Outcome::Held { reason } if reason.contains("disables tests")),
        "{records:#?}"
    );
}
