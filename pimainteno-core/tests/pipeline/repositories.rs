//! Repositories as they are found: what runs do in unusual ones.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
};

use pimainteno_core::{
    Edit, ErrorKind, LlmBackend, Maintainer, Outcome, RunRecord, Task,
    config::Globs,
    testing::{Scripted, ScriptedBackend},
};

use crate::support::{Agent, World, environment, git, outcome};

fn shorten() -> Agent {
    Agent::writes("README.md", "# Radio\n")
}

async fn run(world: &World, backend: impl LlmBackend + 'static) -> Vec<RunRecord> {
    world.maintainer(backend).run_once().await.unwrap()
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn every_kind_of_change_to_a_file_arrives_as_it_was_made() {
    let mut world = World::new();
    let names = [
        "with space.txt",
        "ümlaut.txt",
        "quote\".txt",
        "-dash.txt",
        "a/b.txt",
        "name -> other.txt",
    ];
    for name in names {
        world.write(name, "one\ntwo\n");
    }
    world.write("empty", "");
    world.write("gone", "bye\n");
    world.write("old name", "1\n2\n3\n4\n");
    world.write("tool", "#!/bin/sh\n");
    fs::write(world.path().join("image"), [0, 1, 2, 255, 254]).unwrap();
    world.write("no newline", "end");
    world.commit("many");
    world.git(&["push", "--quiet"]);
    world.project.max_files = Some(50);
    world.project.hold = Some(Globs::default());
    let agent = Agent::new(move |workspace| {
        for name in names {
            fs::write(workspace.join(name), "one\nthree\n").unwrap();
        }
        fs::remove_file(workspace.join("empty")).unwrap();
        fs::remove_file(workspace.join("gone")).unwrap();
        fs::rename(workspace.join("old name"), workspace.join("new name")).unwrap();
        set_mode(&workspace.join("tool"), 0o755);
        fs::write(workspace.join("image"), [0, 9, 200, 255, 0]).unwrap();
        fs::write(workspace.join("no newline"), "other end").unwrap();
        fs::write(workspace.join("new empty"), "").unwrap();
    });
    let records = run(&world, agent.clone()).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    for name in names {
        assert_eq!(world.read(name), "one\nthree\n", "{name}");
    }
    assert!(
        !world.path().join("empty").exists()
            && !world.path().join("gone").exists()
            && !world.path().join("old name").exists()
    );
    assert_eq!(
        (world.read("new name").as_str(), world.read("no newline").as_str()),
        ("1\n2\n3\n4\n", "other end")
    );
    assert_eq!(fs::read(world.path().join("image")).unwrap(), [0, 9, 200, 255, 0]);
    assert_eq!(
        fs::metadata(world.path().join("tool")).unwrap().permissions().mode() & 0o111,
        0o111
    );
    assert_eq!(world.read("new empty"), "");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
    assert_eq!(world.head(), world.remote_head());
}

#[tokio::test]
async fn line_endings_and_filters_of_the_repository_are_kept() {
    let mut world = World::new();
    world.project.hold = Some(Globs::default());
    for (key, value) in [
        ("core.autocrlf", "true"),
        ("core.safecrlf", "true"),
        ("filter.case.clean", "tr A-Z a-z"),
        ("filter.case.smudge", "tr a-z A-Z"),
    ] {
        world.git(&["config", key, value]);
    }
    world.write(".gitattributes", "*.loud filter=case\n*.dat binary\n*.txt ident\n");
    world.write("song.loud", "LA LA\n");
    world.write("x.dat", "plain\n");
    world.write("y.txt", "$Id$\none\n");
    world.git(&["-c", "core.safecrlf=false", "add", "--all"]);
    world.git(&["-c", "core.safecrlf=false", "commit", "--quiet", "--message", "filters"]);
    world.git(&["push", "--quiet"]);
    let agent = Agent::new(|workspace| {
        fs::write(workspace.join("song.loud"), "LA LA LA\n").unwrap();
        fs::write(workspace.join("x.dat"), "plain2\n").unwrap();
        // As an editor on Unix would leave it.
        fs::write(workspace.join("y.txt"), "$Id$\ntwo\n").unwrap();
        fs::write(workspace.join("README.md"), "# Radio\r\n").unwrap();
    });
    let records = run(&world, agent).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(git(&world.remote(), &["show", "main:song.loud"]), "la la la");
    assert_eq!(git(&world.remote(), &["show", "main:README.md"]), "# Radio");
    assert_eq!(git(&world.remote(), &["show", "main:y.txt"]), "$Id$\ntwo");
    assert_eq!(world.read("song.loud").trim_end(), "LA LA LA");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[tokio::test]
async fn settings_of_the_user_do_not_change_what_is_understood() {
    let world = World::new();
    let settings = [
        ("diff.noprefix", "true"),
        ("diff.srcPrefix", "old/"),
        ("diff.dstPrefix", "new/"),
        ("diff.context", "0"),
        ("diff.interHunkContext", "9"),
        ("diff.submodule", "log"),
        ("diff.ignoreSubmodules", "all"),
        ("diff.suppressBlankEmpty", "true"),
        ("diff.renames", "copies"),
        ("diff.relative", "true"),
        ("color.ui", "always"),
        ("column.ui", "always"),
        ("core.quotePath", "true"),
        ("submodule.recurse", "true"),
        ("push.followTags", "true"),
        ("log.showSignature", "true"),
        ("log.date", "relative"),
        ("status.branch", "true"),
        ("status.short", "true"),
        ("fetch.prune", "true"),
        ("apply.whitespace", "error"),
        ("commit.verbose", "true"),
        ("merge.ff", "false"),
        ("branch.main.mergeOptions", "--squash"),
        ("pull.rebase", "true"),
        ("worktree.useRelativePaths", "true"),
        ("core.commentChar", "d"),
    ];
    for (key, value) in settings {
        world.git(&["config", key, value]);
    }
    world.git(&["tag", "--annotate", "private", "--message", "private"]);
    world.commit_at_remote("NEWS", "news\n");
    let records = run(&world, Agent::writes("README.md", "# Radio\n\nPlays music.   \n")).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(
        (world.head(), world.read("README.md")),
        (world.remote_head(), "# Radio\n\nPlays music.   \n".into())
    );
    assert_eq!(git(&world.remote(), &["tag"]), "", "tags of the user stay where they are");
    assert!(world.git(&["log", "-1", "--format=%B"]).starts_with("docs: edit\n\nPiMainteno-Run: "));
}

#[tokio::test]
async fn a_branch_of_another_name_and_packed_references_are_followed() {
    let world = World::new();
    world.git(&["switch", "--quiet", "--create", "team/main"]);
    world.git(&["push", "--quiet", "--set-upstream", "origin", "team/main:release/2"]);
    world.git(&["pack-refs", "--all"]);
    let main = world.remote_head();
    let records = run(&world, shorten()).await;
    let Outcome::Applied { commit } = outcome(&records) else { panic!("{records:#?}") };
    assert_eq!(
        (&*world.head(), &*git(&world.remote(), &["rev-parse", "release/2"])),
        (&**commit, &**commit)
    );
    assert_eq!(
        (world.remote_head(), world.git(&["branch", "--show-current"])),
        (main, "team/main".into())
    );
    assert_eq!(
        git(&world.remote(), &["for-each-ref", "--format=%(refname)"]),
        "refs/heads/main\nrefs/heads/release/2"
    );
}

#[tokio::test]
async fn names_and_patterns_that_are_not_utf8_are_no_obstacle() {
    let world = World::new();
    world.git(&["pack-refs", "--all"]);
    let (packed, exclude) =
        (world.path().join(".git/packed-refs"), world.path().join(".git/info/exclude"));
    let entry = [format!("{} refs/tags/", world.head()).as_bytes(), b"\xe4\n"].concat();
    fs::write(&packed, [fs::read(&packed).unwrap(), entry].concat()).unwrap();
    // Without a line end, so that what is added must not be joined to it.
    fs::write(&exclude, b"\xe4.tmp").unwrap();
    let backend = ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Summarize, Scripted::Text("# Radio".into()));
    let records = world.maintainer(backend).run_once().await.unwrap();
    assert_eq!(*outcome(&records), Outcome::NoChange);
    assert_eq!(fs::read(&exclude).unwrap(), b"\xe4.tmp\n/codex.md\n");
}

#[tokio::test]
async fn a_branch_that_the_remote_does_not_have_is_not_published() {
    let world = World::new();
    world.git(&["switch", "--quiet", "--create", "secret"]);
    world.write("plan.txt", "private\n");
    world.commit("private");
    let before = world.seen_from_outside();
    let records = run(&world, shorten()).await;
    assert!(
        matches!(outcome(&records), Outcome::Skipped { reason } if reason.contains("push first")),
        "{records:#?}"
    );
    assert_eq!(world.seen_from_outside(), before);
}

#[tokio::test]
async fn a_head_on_no_branch_is_left_alone() {
    let world = World::new();
    world.git(&["checkout", "--quiet", "--detach"]);
    let before = world.seen_from_outside();
    let records = run(&world, shorten()).await;
    assert!(
        matches!(outcome(&records), Outcome::Skipped { reason } if reason.contains("no branch")),
        "{records:#?}"
    );
    assert_eq!(world.seen_from_outside(), before);
}

#[tokio::test]
async fn linked_worktrees_of_one_repository_are_projects_of_their_own() {
    let world = World::new();
    world.git(&["worktree", "add", "--quiet", "-b", "second", "../second"]);
    world.git(&["push", "--quiet", "--set-upstream", "origin", "second"]);
    let mut second = world.project.clone();
    second.path = world.root().join("second");
    let maintainer = world.builder(shorten()).project(second.clone()).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(
        records.iter().all(|record| matches!(record.outcome, Some(Outcome::Applied { .. }))),
        "{records:#?}"
    );
    for (path, branch) in [(world.path(), "main"), (second.path.as_path(), "second")] {
        assert_eq!(git(path, &["rev-parse", "HEAD"]), git(&world.remote(), &["rev-parse", branch]));
        assert_eq!(fs::read_to_string(path.join("README.md")).unwrap(), "# Radio\n");
        assert_eq!(git(path, &["status", "--porcelain"]), "");
    }
}

#[tokio::test]
async fn a_state_directory_may_be_reached_through_a_link() {
    let world = World::new();
    fs::create_dir(world.root().join("disk")).unwrap();
    symlink(world.root().join("disk"), world.root().join("state")).unwrap();
    let records = run(&world, shorten()).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    world.write("src/play.sh", "#!/bin/sh\n");
    world.git(&["commit", "--quiet", "--all", "--message", "quiet"]);
    world.git(&["push", "--quiet"]);
    let records = run(&world, Agent::writes("README.md", "# Radio 2\n")).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(
        fs::read_dir(world.path().join(".git/worktrees")).unwrap().count(),
        2,
        "each tree is made once"
    );
}

#[test]
fn a_relative_state_directory_is_refused_because_nobody_knows_from_where() {
    let error = World::new().builder(shorten()).state_directory("state").build().err().unwrap();
    assert!(
        error.kind() == ErrorKind::Config
            && error.to_string().contains("`state/state.redb` is no absolute path"),
        "{error}"
    );
}

#[tokio::test]
async fn a_state_directory_on_another_file_system_serves_as_well() {
    let world = World::new();
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else { return };
    let maintainer = world.builder(shorten()).state_directory(other.path()).build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
}

#[tokio::test]
async fn a_damaged_workspace_is_made_anew() {
    let damages: [fn(&World, &Path); 5] = [
        |_, workspace| fs::remove_dir_all(workspace).unwrap(),
        |_, workspace| fs::remove_file(workspace.join(".git")).unwrap(),
        |_, workspace| fs::write(workspace.join(".git"), "gitdir: /nowhere\n").unwrap(),
        |world, _| fs::write(world.path().join(".git/worktrees/radio/index"), "nonsense").unwrap(),
        |world, _| fs::remove_dir_all(world.path().join(".git/worktrees")).unwrap(),
    ];
    for (number, damage) in damages.into_iter().enumerate() {
        let mut world = World::new();
        // A check that asks Git, as many do.
        world.project.verify = vec!["git status --porcelain && test -f README.md".into()];
        let records = run(&world, shorten()).await;
        assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{number}: {records:#?}");
        damage(&world, &world.root().join("state/workspaces/radio"));
        world.write("src/play.sh", "#!/bin/sh\n");
        world.git(&["commit", "--quiet", "--all", "--message", "quiet"]);
        world.git(&["push", "--quiet"]);
        let records = run(&world, Agent::writes("README.md", "# Radio 2\n")).await;
        assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{number}: {records:#?}");
        let note = &records[0].steps.iter().find(|step| step.name == "verify").unwrap().note;
        assert_eq!(note, "1 of 1 checks passed", "{number}");
    }
}

#[tokio::test]
async fn a_checkout_that_is_gone_fails_alone() {
    let world = World::new();
    let mut gone = world.project.clone();
    gone.path = world.root().join("gone");
    let mut config = world.config.clone();
    config.project = vec![gone, world.project.clone()];
    let builder = Maintainer::builder().config(config).state_directory(world.root().join("state"));
    let records = builder
        .environment(environment())
        .backend(shorten())
        .build()
        .unwrap()
        .run_once()
        .await
        .unwrap();
    assert!(
        matches!(&records[0].outcome, Some(Outcome::Failed { step, .. }) if step == "queue"),
        "{records:#?}"
    );
    assert!(matches!(records[1].outcome, Some(Outcome::Applied { .. })), "{records:#?}");
}

#[tokio::test]
async fn a_link_that_is_pointed_elsewhere_is_refused() {
    let world = World::new();
    symlink("README.md", world.path().join("link")).unwrap();
    world.commit("link");
    world.git(&["push", "--quiet"]);
    let before = world.seen_from_outside();
    let agent = Agent::new(|workspace| {
        fs::remove_file(workspace.join("link")).unwrap();
        symlink("/etc/passwd", workspace.join("link")).unwrap();
    });
    let records = run(&world, agent).await;
    assert!(
        matches!(outcome(&records), Outcome::Failed { message, .. } if message.contains("symbolic link")),
        "{records:#?}"
    );
    assert_eq!(world.seen_from_outside(), before);
}

#[tokio::test]
async fn a_submodule_is_neither_added_nor_moved() {
    let world = World::new();
    let nested = |workspace: &Path, directory: &str| {
        let directory = workspace.join(directory);
        fs::create_dir_all(&directory).unwrap();
        git(&directory, &["init", "--quiet"]);
        let identity = ["-c", "user.name=Eve", "-c", "user.email=e@example.com"];
        git(
            &directory,
            &[&identity[..], &["commit", "--quiet", "--allow-empty", "--message", "nested"]]
                .concat(),
        );
    };
    world.git(&[
        "-c",
        "protocol.file.allow=always",
        "submodule",
        "--quiet",
        "add",
        "../remote.git",
        "sub",
    ]);
    world.git(&["config", "--file", ".gitmodules", "submodule.sub.ignore", "all"]);
    world.commit("submodule");
    world.git(&["push", "--quiet"]);
    let before = world.seen_from_outside();
    for directory in ["sub", "new"] {
        let records = run(&world, Agent::new(move |workspace| nested(workspace, directory))).await;
        match outcome(&records) {
            // What lies where a submodule is, is not the project's.
            Outcome::NoChange if directory == "sub" => {}
            Outcome::Failed { message, .. }
                if message.contains("submodule") && directory == "new" => {}
            other => panic!("{directory}: {other:?}"),
        }
        assert_eq!(world.seen_from_outside(), before);
        fs::remove_dir_all(world.root().join("state")).unwrap();
    }
    // A change that writes into it is asked for once more.
    let reply = "docs: add\n\n```diff\n--- /dev/null\n+++ b/sub/NEW.md\n@@ -0,0 +1 @@\n+x\n```\n";
    let backend = ScriptedBackend::new("scripted", Edit::Reply)
        .answer(Task::Propose, Scripted::Text(reply.into()));
    let records = run(&world, backend.clone()).await;
    match outcome(&records) {
        Outcome::Failed { message, .. } => {
            assert!(message.contains("`sub` is a submodule"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(backend.calls(Task::Rebase), 1);
    assert_eq!(world.seen_from_outside(), before);
    fs::remove_dir_all(world.root().join("state")).unwrap();
    // A project that has one is maintained all the same.
    let records = run(&world, shorten()).await;
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

#[tokio::test]
async fn a_summary_is_not_written_through_a_link() {
    for (link, commit_summary) in
        [(".codex.md.pimainteno", false), ("codex.md", false), ("codex.md", true)]
    {
        let mut world = World::new();
        world.project.commit_summary = commit_summary;
        let outside = world.root().join("outside");
        fs::write(&outside, "precious\n").unwrap();
        symlink(&outside, world.path().join(link)).unwrap();
        world.commit("link");
        world.git(&["push", "--quiet"]);
        let edit = Scripted::Edit {
            path: "README.md".into(),
            content: "# Radio\n".into(),
            text: "docs: edit".into(),
        };
        let backend = ScriptedBackend::new("scripted", Edit::Workspace)
            .answer(Task::Summarize, Scripted::Text("# Radio".into()))
            .answer(Task::Propose, edit);
        world.maintainer(backend).run_once().await.unwrap();
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious\n", "{link}");
    }
}
