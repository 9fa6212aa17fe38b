//! Budgets: each is asked before each call, and what was answered before it was used up is kept.

use std::{fs, path::Path};

use jiff::{Timestamp, tz::TimeZone};
use pimainteno_core::{
    Edit, Maintainer, Outcome, RunOptions, Task, Trigger,
    config::{BudgetConfig, Money, PriceConfig},
    store::ProjectState,
    testing::{Scripted, ScriptedBackend},
};

use crate::{
    recovery::{begins, run_and_cut_off, wait_until},
    support::{World, outcome},
};

/// What an answer of the scripted backend costs: 100 tokens at 4 for a million, and 10 at 10.
const COST: u64 = 500;

fn edit(content: &str) -> Scripted {
    Scripted::Edit { path: "README.md".into(), content: content.into(), text: "docs: edit".into() }
}

fn backend(proposal: Scripted) -> ScriptedBackend {
    let summary = Scripted::Text("# Radio".into());
    ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Summarize, summary)
        .answer(Task::Propose, proposal)
}

/// A world whose backend has a price, in a time zone that is a day or two behind the one of
/// [`later`], where midnight is not near.
fn world() -> World {
    let mut world = World::new();
    let hour = Timestamp::now().to_zoned(TimeZone::get("Etc/GMT+12").unwrap()).hour();
    let zone = if hour == 23 { "Etc/GMT+11" } else { "Etc/GMT+12" };
    world.config.scheduler.timezone = TimeZone::get(zone).ok();
    let mut price = PriceConfig::default();
    (price.input, price.output) = (Money { micros: 4_000_000 }, Money { micros: 10_000_000 });
    world.config.llm.prices.insert("scripted".into(), price);
    world
}

/// Lets a later day begin.
fn later(world: &mut World, maintainer: Maintainer) {
    let end = |state: &mut ProjectState| {
        state.chore_mut("improve").parked.as_mut().unwrap().until = Timestamp::UNIX_EPOCH;
    };
    pimainteno_core::testing::change_project(&maintainer, "radio", end).unwrap();
    world.config.scheduler.timezone = TimeZone::get("Pacific/Kiritimati").ok();
}

fn budget(set: impl FnOnce(&mut BudgetConfig)) -> BudgetConfig {
    let mut budget = BudgetConfig::default();
    set(&mut budget);
    budget
}

/// The same budget for the project alone.
fn own(world: &mut World, budget: BudgetConfig) {
    world.project.llm.get_or_insert_default().budget = Some(budget);
}

async fn run(world: &World, backend: &ScriptedBackend) -> (Outcome, Maintainer) {
    let maintainer = world.maintainer(backend.clone());
    (outcome(&maintainer.run_once().await.unwrap()).clone(), maintainer)
}

fn calls(backend: &ScriptedBackend) -> [usize; 3] {
    [Task::Summarize, Task::Propose, Task::Mend].map(|task| backend.calls(task))
}

#[tokio::test]
async fn a_run_that_needs_more_than_its_budget_fails_and_another_asks_only_what_was_not_answered() {
    let budgets = [
        (budget(|budget| budget.calls_per_run = Some(1)), "1 of 1 calls"),
        (budget(|budget| budget.tokens_per_run = Some(110)), "110 of 110 tokens"),
        (budget(|budget| budget.money_per_run = Some(Money { micros: COST })), "0.0005 of 0.0005"),
    ];
    for (limits, said) in budgets {
        let (mut world, backend) = (world(), backend(edit("# Radio\n")));
        world.config.llm.budget = limits;
        let (outcome, maintainer) = run(&world, &backend).await;
        let Outcome::Failed { step, message } = &outcome else { panic!("{outcome}") };
        assert!(
            step == "propose"
                && message.starts_with(&format!("the run's budget is used up: {said}; raise `")),
            "{message}"
        );
        assert_eq!(calls(&backend), [1, 0, 0]);
        drop(maintainer);
        // A project's figure goes before the one for all, and a new figure is a reason for a new
        // run.
        own(
            &mut world,
            budget(|budget| {
                (budget.calls_per_run, budget.tokens_per_run) = (Some(9), Some(999));
                budget.money_per_run = Some(Money { micros: 9 * COST });
            }),
        );
        let (outcome, _maintainer) = run(&world, &backend).await;
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome}");
        assert_eq!(calls(&backend), [1, 1, 0]);
    }
}

#[tokio::test]
async fn a_days_budget_parks_the_project_until_midnight_in_the_schedulers_time_zone() {
    // The other three are like these; `backend/budget.rs` tests each.
    let budgets = [
        (
            true,
            budget(|budget| budget.calls_per_day = Some(1)),
            "the project's budget for today is used up: 1 of 1 calls",
        ),
        (
            false,
            budget(|budget| budget.tokens_per_day = Some(100)),
            "the day's budget is used up: 110 of 100 tokens",
        ),
        (
            false,
            budget(|budget| budget.money_per_day = Some(Money { micros: COST })),
            "the day's budget is used up: 0.0005 of 0.0005",
        ),
    ];
    for (is_own, limits, said) in budgets {
        let (mut world, backend) = (world(), backend(edit("# Radio\n")));
        match is_own {
            true => own(&mut world, limits),
            false => world.config.llm.budget = limits,
        }
        let (outcome, maintainer) = run(&world, &backend).await;
        let Outcome::Parked { until, reason } = &outcome else { panic!("{outcome}") };
        assert_eq!(reason, said);
        let zone = world.config.scheduler.timezone.clone().unwrap();
        let (now, until) = (Timestamp::now().to_zoned(zone.clone()), until.to_zoned(zone));
        assert_eq!(
            (until.date(), until.hour(), until.minute(), until.second()),
            (now.date().tomorrow().unwrap(), 0, 0, 0)
        );
        assert_eq!(calls(&backend), [1, 0, 0]);
        later(&mut world, maintainer);
        let (outcome, _maintainer) = run(&world, &backend).await;
        assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome}");
        assert_eq!(calls(&backend), [1, 1, 0], "what was answered is not asked again");
    }
}

#[tokio::test]
async fn a_project_has_its_own_budget_and_all_share_one() {
    for (of_project, of_all, parked) in [(1, 9, ["radio", ""]), (9, 3, ["", "garden"])] {
        let (mut world, other) = (world(), World::new());
        world.config.llm.budget.calls_per_day = Some(of_all);
        own(&mut world, budget(|budget| budget.calls_per_day = Some(of_project)));
        let mut second = other.project.clone();
        second.name = Some("garden".into());
        world.config.project.push(second);
        let maintainer = world.maintainer(backend(edit("# Radio\n")));
        for project in ["radio", "garden"] {
            let record = maintainer
                .run_project(project, Trigger::Manual, RunOptions::default())
                .await
                .unwrap()
                .remove(0);
            let outcome = record.outcome.unwrap();
            assert_eq!(
                matches!(outcome, Outcome::Parked { .. }),
                parked.contains(&project),
                "{of_project} {of_all} {project}: {outcome}"
            );
        }
    }
}

#[tokio::test]
async fn calls_that_are_kept_back_mend_a_change() {
    for (calls_per_day, reserve, expected, said) in [
        (3, 1, [1, 1, 1], "applied"),
        (3, 2, [1, 0, 0], "1 of 1 calls, and 2 more are kept back for repairs"),
        (2, 0, [1, 1, 0], "2 of 2 calls"),
    ] {
        let (mut world, backend) =
            (world(), backend(edit("# TV\n")).answer(Task::Mend, edit("# Radio and TV\n")));
        world.project.verify = vec!["grep -q Radio README.md".into()];
        world.config.llm.budget.calls_per_day = Some(calls_per_day);
        world.config.llm.budget.repair_reserve = Some(reserve);
        let (outcome, _maintainer) = run(&world, &backend).await;
        assert!(outcome.to_string().contains(said), "{outcome}");
        assert_eq!(calls(&backend), expected);
    }
}

#[tokio::test]
async fn a_change_that_the_runs_budget_does_not_let_mend_fails_for_both_reasons() {
    let (mut world, backend) =
        (world(), backend(edit("# TV\n")).answer(Task::Mend, edit("# Radio\n")));
    world.project.verify = vec!["grep -q Radio README.md".into()];
    world.config.llm.budget.calls_per_run = Some(2);
    let (outcome, _maintainer) = run(&world, &backend).await;
    let Outcome::Failed { step, message } = &outcome else { panic!("{outcome}") };
    assert!(step == "verify" && message.contains("passes without it"), "{message}");
    assert!(
        message.ends_with("it could not be repaired: the run's budget is used up: 2 of 2 calls"),
        "{message}"
    );
    assert_eq!(calls(&backend), [1, 1, 0]);
}

#[tokio::test]
async fn a_run_that_was_parked_between_two_repairs_asks_only_for_the_second_one() {
    let (mut world, backend) = (
        world(),
        backend(edit("# TV\n"))
            .answer(Task::Mend, edit("# Film\n"))
            .answer(Task::Mend, edit("# Radio\n")),
    );
    // What the check writes is never the same twice.
    world.project.verify = vec!["date +took\\ %s.%Ns; grep -q Radio README.md || { echo \"FAIL: $(head -1 README.md)\"; exit 1; }".into()];
    own(&mut world, budget(|budget| budget.calls_per_day = Some(3)));
    let (outcome, maintainer) = run(&world, &backend).await;
    assert!(
        matches!(&outcome, Outcome::Parked { reason, .. } if reason.ends_with("3 of 3 calls")),
        "{outcome}"
    );
    assert_eq!(calls(&backend), [1, 1, 1]);
    later(&mut world, maintainer);
    let (outcome, maintainer) = run(&world, &backend).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome}");
    assert_eq!(calls(&backend), [1, 1, 2]);
    let last = backend.requests().pop().unwrap();
    assert!(last.task == Task::Mend && last.prompt.contains("FAIL: # Film"), "{}", last.prompt);
    let runs = maintainer.history().runs(Some("radio"), 5).unwrap();
    assert_eq!(runs.iter().map(|run| run.usage.calls).collect::<Vec<_>>(), [1, 3]);
}

#[tokio::test]
async fn a_parked_run_whose_project_moved_on_asks_about_the_new_commit() {
    let (mut world, backend) = (world(), backend(edit("# Radio\n")));
    own(&mut world, budget(|budget| budget.calls_per_day = Some(1)));
    let (outcome, maintainer) = run(&world, &backend).await;
    assert!(matches!(outcome, Outcome::Parked { .. }), "{outcome}");
    later(&mut world, maintainer);
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    own(&mut world, budget(|budget| budget.calls_per_day = Some(2)));
    let (outcome, _maintainer) = run(&world, &backend).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome}");
    assert_eq!(calls(&backend), [2, 1, 0]);
}

#[tokio::test]
async fn a_call_that_fails_counts_as_one() {
    for trouble in
        [Scripted::Failure("no".into()), Scripted::Trouble("no".into(), 1), Scripted::Panic]
    {
        let (mut world, backend) = (world(), backend(trouble));
        world.config.llm.budget.calls_per_day = Some(2);
        let (_, maintainer) = run(&world, &backend).await;
        let run = maintainer.history().runs(Some("radio"), 1).unwrap().remove(0);
        assert_eq!((run.usage.calls, maintainer.today().usage.calls), (2, 2));
        world.commit_at_remote("NEWS", "news\n");
        world.git(&["pull", "--quiet"]);
        maintainer.resume("radio").unwrap();
        let outcome = outcome(&maintainer.run_once().await.unwrap()).clone();
        assert!(
            matches!(&outcome, Outcome::Parked { reason, .. } if reason.ends_with("2 of 2 calls")),
            "{outcome}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_cut_off_with_the_program_counts_as_one() {
    let (mut world, backend) =
        (world(), backend(Scripted::Hang).answer(Task::Propose, edit("# Radio\n")));
    world.config.llm.budget.calls_per_day = Some(2);
    let maintainer = world.maintainer(backend.clone());
    let going_on = tokio::spawn(async move { maintainer.run_once().await });
    wait_until("the call is made", || backend.calls(Task::Propose) == 1).await;
    // What lies on the disk now is what a program that is killed leaves.
    let (state, copy) = (world.root().join("state"), world.root().join("copy"));
    copy_all(&state, &copy);
    going_on.abort();
    assert!(going_on.await.unwrap_err().is_cancelled());
    wait_until("the state directory is free", || world.builder(backend.clone()).build().is_ok())
        .await;
    fs::remove_dir_all(&state).unwrap();
    fs::rename(&copy, &state).unwrap();
    let (outcome, maintainer) = run(&world, &backend).await;
    assert!(
        matches!(&outcome, Outcome::Parked { reason, .. } if reason.ends_with("2 of 2 calls")),
        "{outcome}"
    );
    assert_eq!(calls(&backend), [1, 1, 0]);
    let runs = maintainer.history().runs(Some("radio"), 5).unwrap();
    assert_eq!((&runs[1].outcome, runs[1].usage.calls), (&Some(Outcome::Interrupted), 2));
    later(&mut world, maintainer);
    let (outcome, _maintainer) = run(&world, &backend).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome}");
    assert_eq!(calls(&backend), [1, 2, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_cut_off_is_not_paid_twice_for_what_was_answered() {
    let (world, backend) = (world(), backend(edit("# Radio\n")));
    run_and_cut_off(&world, backend.clone(), begins("apply", 1)).await;
    let (outcome, maintainer) = run(&world, &backend).await;
    assert!(matches!(outcome, Outcome::Applied { .. }), "{outcome}");
    assert_eq!((calls(&backend), maintainer.today().usage.calls), ([1, 1, 0], 2));
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() && name != "workspaces" {
            copy_all(&path, &to.join(name));
        } else if path.is_file() {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
