//! Projects that are a directory of their repository, and several of them in one.

use std::{fs, path::PathBuf};

use pimainteno_core::{
    Edit, LlmBackend, Maintainer, Outcome, ProposalStatus, RunOptions, RunRecord, Task, Trigger,
    config::{Config, Globs, Mode},
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{Agent, World, environment, git};

/// A repository with the projects `radio` and `tv` below `services`, of which `radio` is the
/// world's.
pub(crate) fn world() -> World {
    let mut world = World::new();
    world.write("services/radio/README.md", "# Radio\n\nPlays musik.\n");
    world.write("services/radio/src/play.sh", "echo play\n");
    world.write("services/tv/README.md", "# TV\n");
    world.write("common/lib.sh", "echo common\n");
    world.commit("services");
    world.git(&["push", "--quiet"]);
    world.project.name = Some("radio".into());
    // A check sees all of the repository, from the project's directory.
    world.project.verify = vec!["test -f README.md && test -f ../../common/lib.sh".into()];
    world.project.hold = Some(Globs::default());
    world.project.steps = Some(
        ["propose", "apply", "verify", "commit", "push", "restart"]
            .map(|step| pimainteno_core::config::StepConfig::Named(step.into()))
            .into(),
    );
    world
}

/// A maintainer of the projects in these directories of the repository.
pub(crate) fn maintainer(
    world: &World,
    directories: &[&str],
    backend: impl LlmBackend + 'static,
) -> Maintainer {
    let mut config = world.config.clone();
    config.project.extend(directories.iter().map(|directory| {
        let path = match *directory {
            "" => world.path().to_owned(),
            directory => world.path().join(directory),
        };
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut project = world.project.clone();
        (project.name, project.path) = (Some(name.into()), path.clone());
        project
    }));
    built(world, config, backend)
}

/// A maintainer of one project of this name, in this directory of the repository.
fn maintainer_of(world: &World, name: &str, directory: &str, agent: Agent) -> Maintainer {
    let (mut config, mut project) = (world.config.clone(), world.project.clone());
    (project.name, project.path) = (Some(name.into()), world.path().join(directory));
    config.project.push(project);
    built(world, config, agent)
}

fn built(world: &World, config: Config, backend: impl LlmBackend + 'static) -> Maintainer {
    Maintainer::builder()
        .config(config)
        .state_directory(world.root().join("state"))
        .environment(environment())
        .backend(backend)
        .build()
        .unwrap()
}

pub(crate) async fn run(maintainer: &Maintainer, project: &str) -> RunRecord {
    let mut options = RunOptions::default();
    options.force = true;
    maintainer.run_project(project, Trigger::Manual, options).await.unwrap().remove(0)
}

#[track_caller]
pub(crate) fn is_applied(record: &RunRecord) {
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{:?}", record.outcome);
}

#[tokio::test]
async fn a_project_below_the_top_changes_its_own_files_and_speaks_of_them_from_its_directory() {
    let mut world = world();
    world.project.allow = Globs::compile(["README.md"]).unwrap();
    let maintainer =
        maintainer(&world, &["services/radio"], Agent::writes("README.md", "# Radio\n"));
    let record = run(&maintainer, "radio").await;
    is_applied(&record);
    let proposal = maintainer.proposal(&record.proposal.unwrap().to_string()).unwrap();
    assert!(proposal.diff.starts_with("diff --git a/README.md b/README.md\n"), "{}", proposal.diff);
    let changed = world.git(&["show", "--format=", "--name-only", "HEAD"]);
    assert_eq!(changed, "services/radio/README.md");
    assert_eq!(world.read("services/radio/README.md"), "# Radio\n");
    assert_eq!(world.head(), world.remote_head());
    // And back.
    let back = maintainer.rollback("radio", Some(&record.id.to_string())).await.unwrap();
    is_applied(&back);
    assert_eq!(world.read("services/radio/README.md"), "# Radio\n\nPlays musik.\n");
    assert!(world.git(&["status", "--porcelain"]).is_empty());
}

#[tokio::test]
async fn paths_from_the_top_of_the_repository_lead_into_the_project() {
    let world = world();
    let reply = "docs: add news\n\n```diff\n--- a/services/radio/README.md\n+++ b/services/radio/README.md\n@@ -1,3 +1,3 @@\n # Radio\n \n-Plays musik.\n+Plays music.\n--- /dev/null\n+++ b/services/radio/docs/NEWS.md\n@@ -0,0 +1 @@\n+# News\n```\n";
    let backend = ScriptedBackend::new("scripted", Edit::Reply)
        .answer(Task::Propose, Scripted::Text(reply.into()));
    is_applied(&run(&maintainer(&world, &["services/radio"], backend.clone()), "radio").await);
    let changed = world.git(&["show", "--format=", "--name-only", "HEAD"]);
    assert_eq!(changed, "services/radio/README.md\nservices/radio/docs/NEWS.md");
    let prompt = &backend.requests()[0].prompt;
    assert!(prompt.contains("the directory `services/radio` of its repository"), "{prompt}");
}

#[tokio::test]
async fn a_new_file_beside_the_project_is_not_made_within_it() {
    let world = world();
    let made = |path: &str| {
        let reply = format!(
            "docs: add notes\n\n```diff\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+# Notes\n```\n"
        );
        Scripted::Text(reply)
    };
    let backend = ScriptedBackend::new("scripted", Edit::Reply)
        .answer(Task::Propose, made("services/tv/NOTES.md"))
        .answer(Task::Rebase, made("services/radio/NOTES.md"));
    is_applied(&run(&maintainer(&world, &["services/radio"], backend.clone()), "radio").await);
    let changed = world.git(&["show", "--format=", "--name-only", "HEAD"]);
    assert_eq!(changed, "services/radio/NOTES.md");
    let requests = backend.requests();
    let again = requests.iter().find(|request| request.task == Task::Rebase).unwrap();
    assert!(again.prompt.contains("it is outside of the project"), "{}", again.prompt);
    assert!(again.prompt.contains("Touch only the project's own files"), "{}", again.prompt);
}

#[tokio::test]
async fn a_change_that_waits_is_looked_for_in_the_projects_own_files() {
    let mut world = world();
    world.project.mode = Mode::Review;
    // What stands at the top has the same name, and says nothing of it.
    world.write("README.md", "# Radio\n");
    world.commit("top");
    world.git(&["push", "--quiet"]);
    let held = run(
        &maintainer(&world, &["services/radio"], Agent::writes("README.md", "# Radio\n")),
        "radio",
    )
    .await;
    let status = |maintainer: &Maintainer| {
        maintainer.proposal(&held.proposal.unwrap().to_string()).unwrap().status
    };
    let idle = maintainer(&world, &["services/radio"], Agent::new(|_| {}));
    run(&idle, "radio").await;
    assert!(matches!(status(&idle), ProposalStatus::Held { .. }), "{:?}", status(&idle));
    world.write("services/radio/README.md", "# Radio\n");
    world.commit("by hand");
    world.git(&["push", "--quiet"]);
    run(&idle, "radio").await;
    assert_eq!(status(&idle), ProposalStatus::Obsolete);
}

#[tokio::test]
async fn what_lies_outside_of_the_project_is_not_changed() {
    let world = world();
    let before = world.seen_from_outside();
    let agents = [
        Agent::writes("../tv/README.md", "# Mine\n"),
        Agent::writes("../tv/new.md", "# Mine\n"),
        Agent::new(|workspace| {
            fs::write(workspace.join("README.md"), "# Radio\n").unwrap();
            fs::remove_file(workspace.join("../../common/lib.sh")).unwrap();
        }),
    ];
    for agent in agents {
        let record = run(&maintainer(&world, &["services/radio"], agent), "radio").await;
        match &record.outcome {
            Some(Outcome::Failed { message, .. }) => {
                assert!(message.contains("outside of the project: `"), "{message}");
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(world.seen_from_outside(), before);
}

#[tokio::test]
async fn a_link_that_others_put_in_the_place_of_the_project_is_not_written_through() {
    let world = world();
    let victim = world.root().join("victim");
    fs::create_dir(&victim).unwrap();
    let (other, remote) = (world.root().join("other"), world.remote());
    let agent = {
        let victim = victim.clone();
        Agent::new(move |workspace| {
            fs::write(workspace.join("NEWS.md"), "# News\n").unwrap();
            if other.exists() {
                return;
            }
            let place = other.parent().unwrap();
            git(place, &["clone", "--quiet", remote.to_str().unwrap(), "other"]);
            fs::remove_dir_all(other.join("services/radio")).unwrap();
            std::os::unix::fs::symlink(&victim, other.join("services/radio")).unwrap();
            git(&other, &["add", "--all"]);
            let by = ["-c", "user.name=Bob", "-c", "user.email=b@example.com"];
            git(&other, &[&by[..], &["commit", "--quiet", "-m", "link"]].concat());
            git(&other, &["push", "--quiet"]);
        })
    };
    let record = run(&maintainer(&world, &["services/radio"], agent), "radio").await;
    let message = format!("{:?}", record.outcome);
    assert!(message.contains("a symbolic link in the place of"), "{message}");
    assert_eq!(fs::read_dir(&victim).unwrap().count(), 0);
}

#[tokio::test]
async fn the_workspace_goes_by_another_name_and_the_one_before_does_not_stay() {
    let world = world();
    let agent = || Agent::writes("README.md", "# Once\n");
    is_applied(&run(&maintainer(&world, &["services/tv"], agent()), "tv").await);
    let workspaces = world.root().join("state/workspaces");
    assert!(workspaces.join("tv").exists());
    // The first of those at the same depth is it now.
    let both = maintainer(&world, &["services/radio", "services/tv"], agent());
    is_applied(&run(&both, "radio").await);
    let names: Vec<_> =
        fs::read_dir(&workspaces).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| name.to_str().unwrap().starts_with("radio")), "{names:?}");
    let listed = world.git(&["worktree", "list", "--porcelain"]);
    assert!(!listed.contains("workspaces/tv"), "{listed}");
}

#[tokio::test]
async fn a_change_is_not_delivered_to_another_directory_than_the_one_it_was_made_for() {
    let mut world = world();
    world.project.mode = Mode::Review;
    let agent = || Agent::writes("README.md", "# Mine\n");
    let held = run(&maintainer(&world, &["services/radio"], agent()), "radio").await;
    // The same name, and the files of another.
    let moved = maintainer_of(&world, "radio", "services/tv", agent());
    let id = held.proposal.unwrap().to_string();
    let proposal = moved.proposal(&id).unwrap();
    let error = moved.approve(&id, &proposal.sha256).await.unwrap_err().to_string();
    assert!(error.contains("made for `services/radio`"), "{error}");
    assert_eq!(world.read("services/tv/README.md"), "# TV\n");
    drop(moved);
    let back = maintainer_of(&world, "radio", "services/radio", agent());
    is_applied(&back.approve(&id, &proposal.sha256).await.unwrap());
}

#[tokio::test]
async fn commits_of_other_projects_alone_are_no_news() {
    let world = world();
    let agent = Agent::new(|_| {});
    let maintainer = maintainer(&world, &["services/radio", "services/tv"], agent);
    let reasons = async || {
        let records = maintainer.run_once().await.unwrap();
        let reason = |record: RunRecord| match record.outcome.unwrap() {
            Outcome::Skipped { reason } => reason,
            other => other.to_string(),
        };
        records.into_iter().map(reason).collect::<Vec<_>>()
    };
    assert!(reasons().await.iter().all(|reason| !reason.contains("nothing changed")));
    world.write("services/tv/README.md", "# Television\n");
    world.commit("tv");
    world.git(&["push", "--quiet"]);
    let told = reasons().await;
    assert!(
        told[0].contains("nothing of the project changed") && !told[1].contains("changed"),
        "{told:?}"
    );
    assert!(reasons().await.iter().all(|reason| reason == "nothing changed since the last run"));
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_of_one_checkout_take_turns_in_one_workspace() {
    let world = world();
    let agent = Agent::new(|workspace| {
        let name = workspace.file_name().unwrap().to_str().unwrap().to_owned();
        fs::write(workspace.join("README.md"), format!("# {name}, mended\n")).unwrap();
    });
    let mut world = world;
    world.config.scheduler.concurrency = 4;
    let maintainer = maintainer(&world, &["services/tv", "services/radio"], agent);
    let records = maintainer.run_once().await.unwrap();
    assert_eq!(records.len(), 2);
    records.iter().for_each(is_applied);
    assert_eq!(world.read("services/tv/README.md"), "# tv, mended\n");
    assert_eq!(world.read("services/radio/README.md"), "# radio, mended\n");
    assert_eq!(world.head(), world.remote_head());
    let mut trees: Vec<_> = fs::read_dir(world.root().join("state/workspaces"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    trees.sort();
    assert_eq!(trees, ["radio", "radio.agent"]);
    drop(maintainer);

    // The one that the workspace is called after goes; the other one's stays.
    let rest = super::scopes::maintainer(&world, &["services/tv"], Agent::new(|_| {}));
    assert!(rest.left_over().iter().any(|id| *id == "radio"));
    rest.forget("radio", false).await.unwrap();
    world.write("services/tv/README.md", "# TV\n");
    world.commit("more");
    world.git(&["push", "--quiet"]);
    let record = run(&rest, "tv").await;
    assert!(!matches!(record.outcome, Some(Outcome::Failed { .. })), "{record:?}");
    assert!(rest.left_over().is_empty());
}

#[tokio::test]
async fn the_summary_of_a_part_lies_there_and_is_kept_out_of_git() {
    let mut world = world();
    world.project.steps = None;
    world.write("services/r[a]dio/README.md", "# Odd\n");
    world.commit("odd");
    world.git(&["push", "--quiet"]);
    let agent = crate::forget::Summarizer;
    let mut config = world.config.clone();
    let mut project = world.project.clone();
    project.path = world.path().join("services/r[a]dio");
    project.verify = vec!["true".into()];
    config.project.push(project);
    let maintainer = Maintainer::builder()
        .config(config)
        .state_directory(world.root().join("state"))
        .environment(environment())
        .backend(agent)
        .build()
        .unwrap();
    maintainer.run_once().await.unwrap();
    assert!(world.path().join("services/r[a]dio/codex.md").exists());
    assert!(world.git(&["status", "--porcelain"]).is_empty());
}

#[tokio::test]
async fn a_directory_that_the_repository_has_nothing_of_is_refused() {
    let world = world();
    let mine: PathBuf = world.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("notes"), "mine\n").unwrap();
    git(world.path(), &["config", "status.showUntrackedFiles", "no"]);
    let record = run(&maintainer(&world, &["mine"], Agent::new(|_| {})), "mine").await;
    match &record.outcome {
        Some(Outcome::Failed { message, .. }) => {
            assert!(message.contains("Git keeps no file of `"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}
