//! A dry run changes nothing outside the state directory, byte by byte.
//!
//! The workspace is a linked worktree, so three places in the checkout's own `.git` are a part of
//! it, and no other may change:
//!
//! | place | what comes there |
//! |---|---|
//! | `worktrees/` | what Git notes about the workspace: its head, its index |
//! | `objects/` | the files of the change, as objects that nothing refers to; none that is there changes or goes, but Git may renew its time |
//! | `pimainteno.lock` | the project's lock, an empty file |

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
};

use pimainteno_core::{
    Edit, Outcome, RunOptions, StepStatus, Task, Trigger,
    config::{CommandStepConfig, Mode, SandboxMode, StepConfig},
    testing::{Scripted, ScriptedBackend},
};

use crate::{
    doors::{self, shouting},
    support::World,
};

/// A file's mode, the time at which it was changed, and its content.
type Seen = BTreeMap<String, (u32, i64, i64, Vec<u8>)>;

/// Everything below the checkout, the remote and what the service leaves, but the state directory
/// and the workspace's places.
fn outside(world: &World) -> Seen {
    let mut seen = Seen::new();
    collect(world.root(), world.root(), &mut seen);
    seen
}

fn collect(root: &Path, directory: &Path, seen: &mut Seen) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if ["state", "radio/.git/worktrees", "radio/.git/pimainteno.lock"].contains(&name.as_str())
        {
            continue;
        }
        let metadata = path.symlink_metadata().unwrap();
        if metadata.is_dir() {
            collect(root, &path, seen);
            continue;
        }
        // The remote of a test shares its objects with the checkout.
        let is_object = name.contains("/objects/");
        let time = if is_object { (0, 0) } else { (metadata.mtime(), metadata.mtime_nsec()) };
        seen.insert(
            name,
            (metadata.permissions().mode(), time.0, time.1, fs::read(&path).unwrap()),
        );
    }
}

/// What an agent and a summary would leave if they could.
fn backend() -> ScriptedBackend {
    let content = "# Radio\n\nPlays music.\n".into();
    ScriptedBackend::new("scripted", Edit::Workspace)
        .answer(Task::Summarize, Scripted::Text("# Radio\n\nA radio.".into()))
        .answer(
            Task::Propose,
            Scripted::Edit { path: "README.md".into(), content, text: "docs: spell".into() },
        )
}

#[tokio::test]
async fn a_dry_run_leaves_checkout_remote_service_and_references_byte_by_byte() {
    for mode in [Mode::Auto, Mode::DryRun] {
        let mut world = World::new().with_service();
        world.project.mode = mode;
        // A step of the owner's is taken to have effects outside, wherever it stands.
        let stamp = |name: &str| {
            let step =
                format!("step = {{ name = \"{name}\", command = \"touch ../../../stamp\" }}");
            toml::from_str::<BTreeMap<String, StepConfig>>(&step).unwrap().remove("step").unwrap()
        };
        let names =
            ["summarize", "propose", "apply", "verify", "commit", "push", "restart", "monitor"];
        let mut steps = vec![stamp("stamp")];
        steps.extend(names.map(|name| StepConfig::Named(name.into())));
        steps.insert(5, stamp("stamp-again"));
        world.project.steps = Some(steps);
        world.write("untracked", "mine\n");
        // An index that is older than its files tempts Git to write it anew.
        world.write("src/play.sh", &world.read("src/play.sh"));
        let before = outside(&world);
        let maintainer = world.maintainer(backend());
        let mut options = RunOptions::default();
        options.dry_run = mode == Mode::Auto;
        let record =
            maintainer.run_project("radio", Trigger::Manual, options).await.unwrap().remove(0);
        assert!(
            matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("dry run")),
            "{record:#?}"
        );
        assert!(maintainer.proposal_of(record.id).unwrap().unwrap().diff.contains("+Plays music."));

        let mut after = outside(&world);
        let is_new_object =
            |name: &str| name.starts_with("radio/.git/objects/") && !before.contains_key(name);
        after.retain(|name, _| !is_new_object(name));
        let names = |seen: &Seen| seen.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&after), names(&before), "no file comes or goes");
        let changed: Vec<_> = before
            .iter()
            .filter(|(name, file)| after.get(*name) != Some(file))
            .map(|(name, _)| name)
            .collect();
        assert!(changed.is_empty(), "{changed:?}");
    }
}

#[tokio::test]
async fn a_command_that_may_reach_out_is_left_out_of_a_dry_run() {
    for (network, is_run) in [(false, true), (true, false)] {
        let mut world = doors::world("apply");
        (world.project.sandbox, world.project.sandbox_network) = (SandboxMode::Auto, network);
        let mark = world.root().join("ran");
        let command = CommandStepConfig::new("mine", format!("touch {}", mark.display()));
        world.project.steps.as_mut().unwrap()[2] = StepConfig::Command(command);
        let mut dry = RunOptions::default();
        (dry.dry_run, dry.force) = (true, true);
        // Without a helper there is nothing that would keep it in.
        let record = world.maintainer(shouting()).run_all(dry).await.unwrap().remove(0);
        assert!(record.outcome.as_ref().is_some_and(Outcome::is_dry), "{record:#?}");
        assert_eq!(mark.exists(), is_run);
        let step = record.steps.iter().find(|step| step.name == "mine").unwrap();
        let skipped = StepStatus::Skipped;
        assert_eq!(step.status == skipped, !is_run, "{step:#?}");
    }
}
