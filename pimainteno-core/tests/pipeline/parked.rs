//! Trouble that passes leaves a project alone for a while: a person is told once, and it goes on by
//! itself with what was answered.

use std::{sync::Arc, time::Duration};

use pimainteno_core::{
    Edit, Event, EventKind, Maintainer, Outcome, Task, Trigger,
    testing::{RecordingSink, Scripted, ScriptedBackend},
};
use tokio::sync::Notify;

use crate::support::{World, outcome};

/// A backend that sums up, is in trouble for so many seconds at a time, and then proposes an edit.
fn backend(troubles: &[u64]) -> ScriptedBackend {
    let summary = Scripted::Text("# Radio".into());
    let edit = Scripted::Edit {
        path: "README.md".into(),
        content: "# Radio\n".into(),
        text: "docs: edit".into(),
    };
    let backend =
        ScriptedBackend::new("scripted", Edit::Workspace).answer(Task::Summarize, summary);
    let trouble = |backend: ScriptedBackend, seconds: &u64| {
        backend.answer(Task::Propose, Scripted::Trouble("no quota".into(), *seconds))
    };
    troubles.iter().fold(backend, trouble).answer(Task::Propose, edit)
}

/// A world whose next slot is months away.
fn world() -> World {
    let mut world = World::new();
    world.project.cron = Some("0 0 29 2 *".parse().unwrap());
    world
}

fn notices(sink: &RecordingSink) -> Vec<String> {
    let notice = |event: Event| {
        if let EventKind::Notice { message, .. } = event.what { Some(message) } else { None }
    };
    sink.events()
        .into_iter()
        .filter_map(notice)
        .filter(|message| message.contains("parked"))
        .collect()
}

fn is_parked(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Parked { .. })
}

/// Serves until a run has applied its change; does something `meanwhile`, when there is nothing to
/// run.
pub(crate) async fn serve_until_applied(
    world: &World,
    backend: &ScriptedBackend,
    meanwhile: impl FnOnce(&Maintainer),
) {
    let applied = Arc::new(Notify::new());
    let sink = {
        let applied = applied.clone();
        move |event: &Event| {
            if matches!(&event.what, EventKind::RunFinished { record } if matches!(record.outcome, Some(Outcome::Applied { .. })))
            {
                applied.notify_one();
            }
        }
    };
    let maintainer = world.builder(backend.clone()).events(sink).build().unwrap();
    let serving =
        tokio::time::timeout(Duration::from_secs(60), maintainer.serve(applied.notified()));
    let (served, ()) = tokio::join!(serving, async {
        tokio::task::yield_now().await;
        meanwhile(&maintainer);
    });
    served.unwrap().unwrap();
    assert!(!maintainer.history().project("radio").is_kept_from_runs());
}

#[tokio::test]
async fn a_person_is_told_once_that_a_project_is_parked_whatever_slots_and_restarts_follow() {
    let (world, sink, backend) = (world(), RecordingSink::default(), backend(&[3600, 0, 3600, 0]));
    let build = || world.builder(backend.clone()).events(sink.clone()).build().unwrap();
    let maintainer = build();
    assert!(is_parked(outcome(&maintainer.run_once().await.unwrap())));
    // The slots that follow, here and in the next program.
    assert!(
        matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { reason } if reason.starts_with("parked until"))
    );
    drop(maintainer);
    let maintainer = build();
    assert!(
        matches!(outcome(&maintainer.run_once().await.unwrap()), Outcome::Skipped { reason } if reason.ends_with("no quota; `run --force` or `resume` goes on at once"))
    );
    // Its time has come, and it is tried again in vain.
    let state =
        |maintainer: &Maintainer| maintainer.history().project("radio").parked().cloned().unwrap();
    let end = |maintainer: &Maintainer| {
        pimainteno_core::testing::change_project(maintainer, "radio", |state| {
            state.chore_mut("improve").parked.as_mut().unwrap().until = jiff::Timestamp::UNIX_EPOCH;
        })
        .unwrap();
    };
    end(&maintainer);
    assert!(is_parked(outcome(&maintainer.run_once().await.unwrap())));
    assert_eq!((notices(&sink).len(), state(&maintainer).reason.as_str()), (1, "no quota"));
    assert!(
        notices(&sink)[0].contains("no quota") && notices(&sink)[0].contains("resume"),
        "{:?}",
        notices(&sink)
    );
    // It is over; what comes later is another trouble.
    end(&maintainer);
    assert!(is_parked(outcome(&maintainer.run_once().await.unwrap())));
    maintainer.resume("radio").unwrap();
    assert!(is_parked(outcome(&maintainer.run_once().await.unwrap())));
    assert_eq!(notices(&sink).len(), 2);
    assert_eq!(backend.calls(Task::Summarize), 1, "what was answered is kept");
}

#[tokio::test]
async fn projects_that_are_parked_for_the_same_reason_are_told_of_once() {
    let (mut world, other) = (world(), World::new());
    let mut second = other.project.clone();
    second.name = Some("garden".into());
    world.config.project.push(second);
    let (sink, trouble) = (RecordingSink::default(), Scripted::Trouble("no quota".into(), 3600));
    let backend = ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Propose, trouble.clone())
        .answer(Task::Propose, trouble);
    let records =
        world.builder(backend).events(sink.clone()).build().unwrap().run_once().await.unwrap();
    assert!(
        records.len() == 2
            && records.iter().all(|record| is_parked(record.outcome.as_ref().unwrap())),
        "{records:#?}"
    );
    assert_eq!(notices(&sink).len(), 1);
}

#[tokio::test]
async fn a_parked_project_goes_on_by_itself_when_its_time_has_come_though_the_program_was_off() {
    let (world, backend) = (world(), backend(&[1, 1]));
    let maintainer = world.maintainer(backend.clone());
    assert!(is_parked(outcome(&maintainer.run_once().await.unwrap())));
    drop(maintainer);
    serve_until_applied(&world, &backend, |_| {}).await;
    assert_eq!(world.read("README.md"), "# Radio\n");
    assert_eq!((backend.calls(Task::Summarize), backend.calls(Task::Propose)), (1, 3));
}

#[tokio::test]
async fn a_parked_project_that_is_resumed_goes_on_at_once() {
    let (world, backend) = (world(), backend(&[3600]));
    let maintainer = world.maintainer(backend.clone());
    assert!(is_parked(outcome(&maintainer.run_once().await.unwrap())));
    drop(maintainer);
    serve_until_applied(&world, &backend, |maintainer| {
        assert!(maintainer.resume("radio").unwrap());
    })
    .await;
    assert_eq!((backend.calls(Task::Summarize), backend.calls(Task::Propose)), (1, 2));
}

#[tokio::test]
async fn what_asks_nobody_does_not_end_that_a_project_is_parked() {
    let mut world = world();
    world.project.mode = pimainteno_core::config::Mode::Review;
    let backend = backend(&[]).answer(Task::Propose, Scripted::Trouble("no quota".into(), 3600));
    let maintainer = world.maintainer(backend);
    let held = maintainer.run_once().await.unwrap().remove(0);
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    assert!(is_parked(outcome(&maintainer.run_once().await.unwrap())));
    let proposal = maintainer.proposal_of(held.id).unwrap().unwrap();
    let approved = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap();
    assert!(matches!(approved.outcome, Some(Outcome::Applied { .. })), "{approved:#?}");
    assert!(maintainer.history().project("radio").parked().is_some());
    let record = maintainer
        .run_project("radio", Trigger::Manual, pimainteno_core::RunOptions::default())
        .await
        .unwrap()
        .remove(0);
    assert!(matches!(record.outcome, Some(Outcome::Skipped { .. })), "{record:#?}");
}

#[tokio::test]
async fn a_parking_is_of_the_settings_of_the_backend_and_a_dry_run_parks_nothing() {
    let (mut world, backend) = (world(), backend(&[3600, 3600]));
    let build = |world: &World| world.builder(backend.clone()).build().unwrap();
    let mut dry = pimainteno_core::RunOptions::default();
    dry.dry_run = true;
    let maintainer = build(&world);
    let records = maintainer.run_all(dry).await.unwrap();
    assert!(is_parked(outcome(&records)), "{records:?}");
    assert_eq!(maintainer.history().project("radio").parked(), None);
    assert!(is_parked(outcome(&maintainer.run_once().await.unwrap())));
    drop(maintainer);
    // Another model has no such trouble, as far as anybody knows.
    let mut llm = pimainteno_core::config::LlmOverrides::default();
    llm.model = Some("another".into());
    world.project.llm = Some(llm);
    let again = build(&world).run_once().await.unwrap();
    assert!(matches!(outcome(&again), Outcome::Applied { .. }), "{again:?}");
}
