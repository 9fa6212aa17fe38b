//! What a person keeps from its runs.

use std::fs;

use pimainteno_core::{Maintainer, Outcome, config::Mode};

use crate::{
    review::{approve, assert_applied, hold, speller, world},
    scopes,
    support::{Agent, environment, outcome},
};

#[tokio::test]
async fn a_pause_follows_a_checkout_that_is_moved_or_renamed() {
    let paused = |maintainer: &Maintainer, id: &str| maintainer.history().project(id).paused;
    for has_run in [true, false] {
        // The id follows the directory's name, or what the configuration says.
        for is_moved in [true, false] {
            let mut world = world();
            let maintainer = world.maintainer(speller());
            if has_run {
                hold(&maintainer).await;
            }
            maintainer.pause("radio").unwrap();
            drop(maintainer);
            if is_moved {
                let path = world.root().join("tuner");
                fs::rename(world.path(), &path).unwrap();
                world.project.path = path;
            } else {
                world.project.name = Some("tuner".into());
            }
            world.project.mode = Mode::Auto;
            let maintainer = world.maintainer(speller());
            if is_moved && !has_run {
                // Nothing tells whose checkout it was.
                assert!(!paused(&maintainer, "tuner"));
                continue;
            }
            let records = maintainer.run_once().await.unwrap();
            assert!(
                matches!(outcome(&records), Outcome::Skipped { reason } if reason.contains("paused")),
                "{records:#?}"
            );
            let notices = maintainer.notices(None, 10).unwrap();
            assert!(
                notices.iter().any(|notice| notice.message.contains("that of project `radio`")),
                "{notices:#?}"
            );
            // What waits for a project that is not there any more cannot be approved.
            assert_eq!(maintainer.proposals(None, false, 10).unwrap(), []);
            maintainer.resume("tuner").unwrap();
            drop(maintainer);
            let maintainer = world.maintainer(speller());
            assert!(!paused(&maintainer, "tuner"));
            assert_applied(&maintainer.run_once().await.unwrap()[0]);
        }
    }
}

#[tokio::test]
async fn a_pause_follows_a_part_of_a_repository_and_falls_on_no_other_part() {
    let world = scopes::world();
    let agent = || Agent::writes("README.md", "# Once\n");
    let parts = ["services/radio", "services/tv"];
    let maintainer = scopes::maintainer(&world, &parts, agent());
    for project in ["radio", "tv"] {
        scopes::is_applied(&scopes::run(&maintainer, project).await);
    }
    maintainer.pause("tv").unwrap();
    drop(maintainer);
    // One that is taken out of the configuration leaves its pause to nobody.
    let others = scopes::maintainer(&world, &["services/radio", "common"], agent());
    assert!(!others.history().project("common").paused);
    drop(others);
    let moved = world.root().join("moved");
    fs::rename(world.path(), &moved).unwrap();
    let mut config = world.config.clone();
    let mut project = world.project.clone();
    (project.name, project.path) = (Some("tele".into()), moved.join("services/tv"));
    config.project.push(project);
    let maintainer = Maintainer::builder()
        .config(config)
        .state_directory(world.root().join("state"))
        .environment(environment())
        .backend(agent())
        .build()
        .unwrap();
    assert!(maintainer.history().project("tele").paused);
}

#[tokio::test]
async fn a_paused_project_is_not_run_until_it_is_resumed() {
    let world = world();
    let maintainer = world.maintainer(speller());
    let proposal = hold(&maintainer).await;
    maintainer.pause("radio").unwrap();
    world.write("NEWS", "news\n");
    world.commit("news");
    world.git(&["push", "--quiet"]);
    drop(maintainer);
    let maintainer = world.maintainer(speller());
    let records = maintainer.run_once().await.unwrap();
    assert!(
        matches!(outcome(&records), Outcome::Skipped { reason } if reason.contains("paused")),
        "{records:#?}"
    );
    assert!(
        maintainer
            .approve(&proposal.id.to_string(), &proposal.sha256)
            .await
            .unwrap_err()
            .to_string()
            .contains("is paused")
    );
    assert!(maintainer.pause("radoi").is_err());
    let parked = pimainteno_core::store::Parked {
        until: "9999-01-01T00:00:00Z".parse().unwrap(),
        reason: "quota".into(),
        backend: None,
        needs_setup: false,
    };
    pimainteno_core::testing::change_project(&maintainer, "radio", |state| {
        state.chore_mut("improve").parked = Some(parked);
    })
    .unwrap();
    maintainer.resume("radio").unwrap();
    assert_applied(&approve(&maintainer, &proposal).await);
}
