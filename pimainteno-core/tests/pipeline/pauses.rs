//! What a person keeps from its runs.

use std::fs;

use pimainteno_core::{Maintainer, Outcome, config::Mode};

use crate::{
    review::{approve, assert_applied, hold, speller, world},
    support::outcome,
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
    };
    pimainteno_core::testing::change_project(&maintainer, "radio", |state| {
        state.chore_mut("improve").parked = Some(parked);
    })
    .unwrap();
    maintainer.resume("radio").unwrap();
    assert_applied(&approve(&maintainer, &proposal).await);
}
