//! What a step of somebody else's can do: whatever one of ours can.

use std::{
    fs,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use pimainteno_core::{
    Effects, Flow, Maintainer, Outcome, Part, Result, RunOptions, RunRecord, Step, StepContext,
    StepStatus, UnitName,
    config::{CommandStepConfig, Mode, SetStepConfig, Settings, StepConfig},
    process::Cancel,
    service::{ActiveState, LoadState, ServiceManager, UnitState},
};
use serde_json::json;

use crate::support::{Agent, World, outcome};

const NAMES: [&str; 6] = ["propose", "apply", "verify", "commit", "push", "restart"];

type Act =
    for<'a> fn(&'a mut StepContext<'_>) -> Pin<Box<dyn Future<Output = Result<Flow>> + Send + 'a>>;

/// A step of somebody else's.
#[derive(Debug)]
struct Mine {
    name: &'static str,
    part: Part,
    effects: Effects,
    act: Act,
}

#[async_trait]
impl Step for Mine {
    fn name(&self) -> &str {
        self.name
    }

    fn part(&self) -> Part {
        self.part
    }

    fn effects(&self) -> Effects {
        self.effects
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        (self.act)(context).await
    }
}

fn quiet(act: Act) -> Mine {
    Mine { name: "mine", part: Part::Other, effects: Effects::Workspace, act }
}

/// The usual steps, with `mine` behind `before`.
pub(crate) fn world(before: &str) -> World {
    let steps: Vec<_> = NAMES
        .iter()
        .flat_map(|name| if *name == before { vec![*name, "mine"] } else { vec![*name] })
        .collect();
    World::new().with_steps(&steps)
}

pub(crate) fn shouting() -> Agent {
    Agent::writes("README.md", "# RADIO\n\nplays musik.   \n")
}

async fn run(maintainer: &Maintainer) -> RunRecord {
    maintainer.run_once().await.unwrap().remove(0)
}

fn entered(record: &RunRecord) -> Vec<&str> {
    record
        .steps
        .iter()
        .filter(|step| step.status == StepStatus::Done)
        .map(|step| &*step.name)
        .collect()
}

fn notes(record: &RunRecord) -> String {
    record.steps.iter().map(|step| format!("{}: {}\n", step.name, step.note)).collect()
}

#[track_caller]
fn failure(record: &RunRecord) -> &str {
    match &record.outcome {
        Some(Outcome::Failed { message, .. }) => message,
        other => panic!("{other:?}"),
    }
}

/// Takes blanks off the ends of lines, as a formatter does.
fn format<'a>(
    context: &'a mut StepContext<'_>,
) -> Pin<Box<dyn Future<Output = Result<Flow>> + Send + 'a>> {
    Box::pin(async move {
        let file = context.workspace().join("README.md");
        let text: String = fs::read_to_string(&file)
            .unwrap()
            .lines()
            .map(|line| line.trim_end().to_owned() + "\n")
            .collect();
        fs::write(file, text).unwrap();
        let is_amended = context.amend("").await?;
        Ok(Flow::Done(if is_amended { "formatted" } else { "was formatted" }.into()))
    })
}

#[tokio::test]
async fn a_formatter_changes_the_change_before_it_is_verified_stored_and_committed() {
    let formatted = "# RADIO\n\nplays musik.\n";
    let mut command = CommandStepConfig::new("mine", "sed -i 's/ *$//' README.md; echo done");
    command.amend = true;
    for (with_command, behind) in [(false, "apply"), (true, "verify")] {
        let mut world = world(behind);
        world.project.verify = vec!["test -s README.md && ! grep -q ' $' README.md".into()];
        let maintainer = if with_command {
            world.project.steps.as_mut().unwrap()[3] = StepConfig::Command(command.clone());
            world.project.verify = vec!["test -s README.md".into()];
            world.maintainer(shouting())
        } else {
            world.builder(shouting()).step(quiet(format)).build().unwrap()
        };
        let record = run(&maintainer).await;
        assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
        let expected: &[&str] = match with_command {
            false => &[
                "propose", "apply", "mine", "apply", "mine", "verify", "commit", "push", "restart",
            ],
            true => &[
                "propose", "apply", "verify", "mine", "apply", "verify", "mine", "commit", "push",
                "restart",
            ],
        };
        assert_eq!(entered(&record), expected, "{}", notes(&record));
        assert_eq!(world.read("README.md"), formatted);
        let proposal = maintainer.proposal_of(record.id).unwrap().unwrap();
        assert!(proposal.diff.contains("+plays musik.\n"), "{}", proposal.diff);
        assert_eq!(proposal.message.lines().next(), Some("docs: edit"));
        assert!(
            maintainer
                .history()
                .run_journal(record.id)
                .unwrap()
                .iter()
                .any(|entry| format!("{entry:?}").contains(&*proposal.sha256))
        );
    }
}

#[tokio::test]
async fn a_change_that_was_amended_and_held_is_approved_as_it_was_shown() {
    let mut world = world("apply");
    world.project.mode = Mode::Review;
    let maintainer = world.builder(shouting()).step(quiet(format)).build().unwrap();
    let record = run(&maintainer).await;
    let proposal = maintainer.proposal_of(record.id).unwrap().unwrap();
    assert!(proposal.status.is_held() && !proposal.diff.contains("musik.   \n"), "{record:#?}");
    let record = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap();
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert_eq!(world.read("README.md"), "# RADIO\n\nplays musik.\n");
}

#[tokio::test]
async fn what_a_step_makes_of_an_approved_change_is_looked_at_again() {
    let mut world = world("verify");
    world.project.mode = Mode::Review;
    let record = run(&world
        .builder(shouting())
        .step(quiet(|_| Box::pin(async { Ok(Flow::Skipped(String::new())) })))
        .build()
        .unwrap())
    .await;
    let maintainer = world.builder(shouting()).step(quiet(format)).build().unwrap();
    let proposal = maintainer.proposal_of(record.id).unwrap().unwrap();
    let record = maintainer.approve(&proposal.id.to_string(), &proposal.sha256).await.unwrap();
    let Some(Outcome::Held { reason }) = &record.outcome else { panic!("{record:#?}") };
    assert!(reason.contains("`mine` made another change of what was approved"), "{reason}");
}

#[tokio::test]
async fn a_step_that_never_leaves_the_change_alone_fails_the_run() {
    let world = world("apply");
    let never = quiet(|context| {
        Box::pin(async move {
            let file = context.workspace().join("README.md");
            let text = fs::read_to_string(&file).unwrap() + "more\n";
            fs::write(file, text).unwrap();
            context.amend("").await?;
            Ok(Flow::Done(String::new()))
        })
    });
    let before = world.seen_from_outside();
    let record = run(&world.builder(shouting()).step(never).build().unwrap()).await;
    assert!(failure(&record).contains("changes the change again each time"), "{record:#?}");
    assert_eq!(world.seen_from_outside(), before);
}

#[tokio::test]
async fn a_change_that_a_step_proposes_takes_the_place_of_the_one_that_is_there() {
    let propose: Act = |context| {
        Box::pin(async move {
            let is_there = context.change().unwrap().files.iter().any(|file| file.path == "NOTES");
            if !is_there {
                let diff = "diff --git a/NOTES b/NOTES\nnew file mode 100644\n--- /dev/null\n+++ b/NOTES\n@@ -0,0 +1 @@\n+notes\n";
                context.propose(diff, "docs: notes");
            }
            Ok(Flow::Done(String::new()))
        })
    };
    let before_commit = world("verify");
    let record =
        run(&before_commit.builder(shouting()).step(quiet(propose)).build().unwrap()).await;
    assert_eq!(
        entered(&record),
        [
            "propose", "apply", "verify", "mine", "apply", "verify", "mine", "commit", "push",
            "restart"
        ]
    );
    assert_eq!(
        (before_commit.read("NOTES").as_str(), before_commit.read("README.md").as_str()),
        ("notes\n", "# Radio\n\nPlays musik.\n")
    );
    let behind_commit = world("commit");
    let before = behind_commit.seen_from_outside();
    let record =
        run(&behind_commit.builder(shouting()).step(quiet(propose)).build().unwrap()).await;
    assert!(
        failure(&record).contains("`mine` changes the change after it was committed"),
        "{record:#?}"
    );
    assert_eq!(behind_commit.seen_from_outside(), before);
}

#[tokio::test]
async fn what_a_step_writes_without_amending_the_change_is_told_and_not_committed() {
    let mut world = world("verify");
    let writes: Act = |context| {
        Box::pin(async move {
            fs::write(context.workspace().join("src/play.sh"), "exit 1\n").unwrap();
            Ok(Flow::Done("wrote".into()))
        })
    };
    let record = run(&world.builder(shouting()).step(quiet(writes)).build().unwrap()).await;
    assert!(
        notes(&record)
            .contains("mine: wrote; what it did to `src/play.sh` is not part of the change"),
        "{}",
        notes(&record)
    );
    assert!(
        matches!(record.outcome, Some(Outcome::Applied { .. }))
            && world.read("src/play.sh").contains("play")
    );
    world.project.steps.as_mut().unwrap()[3] =
        StepConfig::Command(CommandStepConfig::new("mine", "echo >> src/play.sh"));
    let record = run(&world.maintainer(Agent::writes("README.md", "# Radio\n"))).await;
    assert!(
        notes(&record).contains("mine: what it did to `src/play.sh` is not part"),
        "{}",
        notes(&record)
    );
}

#[tokio::test]
async fn a_step_has_a_person_look_wherever_it_stands() {
    let hold: Act = |context| {
        Box::pin(async move {
            context.hold("the moon is full");
            Ok(Flow::Done(String::new()))
        })
    };
    for behind in ["propose", "apply", "verify"] {
        let world = world(behind);
        // The change is mended once, and so placed twice.
        let agent = Agent::new(|workspace| {
            let file = workspace.join("README.md");
            let is_new = fs::read_to_string(&file).unwrap().contains("Plays");
            fs::write(file, if is_new { "once\n" } else { "twice\n" }).unwrap();
        });
        let record = run(&world.builder(agent).step(quiet(hold)).build().unwrap()).await;
        let Some(Outcome::Held { reason }) = &record.outcome else {
            panic!("{behind}: {record:#?}")
        };
        assert_eq!(reason.matches("the moon is full").count(), 1, "{behind}: {reason}");
    }
}

#[tokio::test]
async fn a_concern_from_before_the_change_stays_when_it_is_placed_anew() {
    let world =
        World::new().with_steps(&["mine", "propose", "apply", "format", "verify", "commit"]);
    let hold: Act = |context| {
        Box::pin(async move {
            context.hold("the moon is full");
            Ok(Flow::Done(String::new()))
        })
    };
    let formatter = Mine { name: "format", ..quiet(format) };
    let record =
        run(&world.builder(shouting()).step(quiet(hold)).step(formatter).build().unwrap()).await;
    assert!(
        matches!(&record.outcome, Some(Outcome::Held { reason }) if reason.contains("the moon is full")),
        "{record:#?}"
    );
    assert_eq!(
        entered(&record),
        ["mine", "propose", "apply", "format", "apply", "format", "verify"]
    );
}

/// A step that wants to know a colour.
#[derive(Debug)]
struct Painter(Arc<Mutex<Vec<String>>>);

#[derive(serde::Deserialize)]
struct Paint {
    colour: String,
}

#[async_trait]
impl Step for Painter {
    fn name(&self) -> &str {
        "paint"
    }

    fn effects(&self) -> Effects {
        Effects::Workspace
    }

    fn check(&self, settings: &Settings) -> Result<()> {
        settings.read::<Paint>().map(drop)
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let paint: Paint = context.settings().read()?;
        self.0.lock().unwrap().push(format!(
            "{} {:?} {}",
            paint.colour,
            context.mode(),
            context.branch().unwrap()
        ));
        Ok(Flow::Done(paint.colour))
    }
}

#[tokio::test]
async fn a_step_has_settings_of_its_own_which_are_looked_at_before_anything_runs() {
    let mut world = World::new();
    let told = Arc::new(Mutex::new(Vec::new()));
    let set = |settings: serde_json::Value| match settings {
        serde_json::Value::Object(settings) => {
            StepConfig::Set(SetStepConfig::new("paint", settings.into_iter().collect()))
        }
        _ => panic!(),
    };
    world.project.steps = Some(vec![set(json!({ "colour": "red" }))]);
    let record = run(&world.builder(shouting()).step(Painter(told.clone())).build().unwrap()).await;
    assert_eq!(
        (&record.outcome, told.lock().unwrap().as_slice()),
        (&Some(Outcome::NoChange), &["red Auto main".to_owned()][..])
    );
    for (bad, expected) in [
        (set(json!({ "color": "red" })), "missing field `colour`"),
        (StepConfig::Named("paint".into()), "missing field `colour`"),
        (
            StepConfig::Set(SetStepConfig::new(
                "verify",
                [("x".to_owned(), json!(1))].into_iter().collect(),
            )),
            "`verify` has no settings",
        ),
    ] {
        world.project.steps = Some(vec![bad]);
        let error = world
            .builder(shouting())
            .step(Painter(told.clone()))
            .build()
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(expected) && error.contains("radio"), "{error}");
    }
}

#[tokio::test]
async fn a_rebase_on_the_commit_that_the_change_is_on_is_an_error_and_no_loop() {
    let world = world("apply");
    let rebase: Act =
        |context| Box::pin(async move { Ok(Flow::Rebase(context.base().to_owned())) });
    let record = run(&world.builder(shouting()).step(quiet(rebase)).build().unwrap()).await;
    assert!(failure(&record).contains("on that commit already"), "{record:#?}");
    assert_eq!(record.steps.iter().filter(|step| step.name == "apply").count(), 1);
}

#[tokio::test]
async fn what_says_that_it_has_no_effects_outside_can_have_none() {
    let commits: Act = |context| {
        Box::pin(async move {
            context.commit_change("mine").await.map(|commit| Flow::Done(format!("{commit:?}")))
        })
    };
    let pushes: Act = |context| Box::pin(async move { context.push_change().await });
    let moves: Act = |context| {
        Box::pin(async move { context.move_checkout().await.map(|()| Flow::Done(String::new())) })
    };
    for (behind, act) in [("verify", commits), ("commit", pushes), ("commit", moves)] {
        let world = world(behind);
        let before = world.seen_from_outside();
        let record = run(&world.builder(shouting()).step(quiet(act)).build().unwrap()).await;
        assert!(failure(&record).contains("says that it has no effects outside"), "{record:#?}");
        assert_eq!(world.seen_from_outside(), before);
    }
}

#[tokio::test]
async fn a_commit_step_of_somebody_elses_commits_and_is_taken_back() {
    let mut world =
        World::new().with_steps(&["propose", "apply", "verify", "mine", "push", "restart"]);
    let mine = || Mine {
        name: "mine",
        part: Part::Commit,
        effects: Effects::Announced,
        act: |context| {
            Box::pin(async move {
                context
                    .commit_change("mine: by hand")
                    .await
                    .map(|commit| Flow::Done(format!("{commit:?}")))
            })
        },
    };
    let maintainer = world.builder(shouting()).step(mine()).build().unwrap();
    let record = run(&maintainer).await;
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert!(world.git(&["log", "-1", "--format=%s"]).starts_with("mine: by hand"));
    let record = maintainer.rollback("radio", None).await.unwrap();
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert_eq!(world.read("README.md"), "# Radio\n\nPlays musik.\n");
    drop(maintainer);
    // The gate stands before it as before ours.
    world.project.mode = Mode::Review;
    let record =
        run(&world.builder(Agent::writes("README.md", "# Other\n")).step(mine()).build().unwrap())
            .await;
    assert!(matches!(record.outcome, Some(Outcome::Held { .. })), "{record:#?}");
}

#[tokio::test]
async fn a_check_of_somebody_elses_counts_as_one() {
    let mut world =
        World::new().with_steps(&["propose", "apply", "mine", "commit", "push", "restart"]);
    let mine =
        |act: Act| Mine { name: "mine", part: Part::Check, effects: Effects::Workspace, act };
    let passes: Act = |context| {
        Box::pin(async move {
            context.passed();
            Ok(Flow::Done(String::new()))
        })
    };
    let says_nothing: Act = |_| Box::pin(async { Ok(Flow::Done(String::new())) });
    let record = run(&world.builder(shouting()).step(mine(says_nothing)).build().unwrap()).await;
    assert!(matches!(record.outcome, Some(Outcome::Held { .. })), "{record:#?}");
    let mut force = RunOptions::default();
    force.force = true;
    world.project.verify = vec!["true".into()];
    let maintainer = world.builder(shouting()).step(mine(passes)).build().unwrap();
    let record = maintainer.run_all(force).await.unwrap().remove(0);
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
}

/// Restarts nothing and writes down what it was asked to.
#[derive(Clone, Debug, Default)]
struct Diary(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl ServiceManager for Diary {
    fn name(&self) -> &str {
        "diary"
    }

    async fn restart(&self, unit: &UnitName, _: &Cancel) -> Result<()> {
        self.0.lock().unwrap().push(unit.to_string());
        Ok(())
    }

    async fn state(&self, _: &UnitName) -> Result<UnitState> {
        let mut state = UnitState::default();
        (state.load, state.active) = (LoadState::Loaded, ActiveState::Active);
        Ok(state)
    }
}

#[tokio::test]
async fn another_manager_of_services_takes_the_place_of_systemd_and_memory_that_of_the_store() {
    let mut world = World::new();
    world.project.units = Some(vec!["radio.service".parse().unwrap()]);
    let diary = Diary::default();
    let maintainer = world.builder(shouting()).services(diary.clone()).in_memory().build().unwrap();
    let records = maintainer.run_once().await.unwrap();
    assert!(matches!(outcome(&records), Outcome::Applied { .. }), "{records:#?}");
    assert_eq!(*diary.0.lock().unwrap(), ["radio.service"]);
    assert_eq!(maintainer.history().runs(None, 9).unwrap().len(), 1);
    let state: Vec<PathBuf> = fs::read_dir(world.root().join("state"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(
        !state.iter().any(|path| path.ends_with("state.redb") || path.ends_with("journal")),
        "{state:?}"
    );
}

#[test]
fn options_of_a_run_can_be_written_down() {
    let mut options = RunOptions::default();
    options.dry_run = true;
    let json = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<RunOptions>(&json).unwrap(), options);
    assert_eq!(serde_json::from_str::<RunOptions>("{}").unwrap(), RunOptions::default());
}

#[tokio::test]
async fn a_formatter_without_a_sandbox_waits_for_the_checks_and_for_a_person_as_any_other_command()
{
    let mut world = world("apply");
    let mark = world.root().join("ran");
    let mut command = CommandStepConfig::new("mine", format!("touch {}", mark.display()));
    command.amend = true;
    world.project.steps.as_mut().unwrap()[2] = StepConfig::Command(command);
    let mut dry = RunOptions::default();
    (dry.dry_run, dry.force) = (true, true);
    let maintainer = world.maintainer(shouting());
    let mut real = dry;
    real.dry_run = false;
    for options in [dry, real] {
        let record = maintainer.run_all(options).await.unwrap().remove(0);
        assert!(
            matches!(record.outcome, Some(Outcome::Held { .. })) && !mark.exists(),
            "{record:#?}"
        );
    }
}

#[tokio::test]
async fn a_formatter_stands_where_it_can_change_something() {
    let mut format = CommandStepConfig::new("mine", "sed -i 's/musik/music/' README.md");
    format.amend = true;
    let mut world = world("commit");
    world.project.steps.as_mut().unwrap()[4] = StepConfig::Command(format.clone());
    let error = world.builder(shouting()).build().err().unwrap().to_string();
    assert!(error.contains("`mine` would change the change after it was committed"), "{error}");
    // Before `propose` it makes the change itself, and nobody is asked.
    let mut world = World::new()
        .with_steps(&["mine", "propose", "apply", "verify", "commit", "push", "restart"]);
    world.project.steps.as_mut().unwrap()[0] = StepConfig::Command(format);
    let record = run(&world.maintainer(Agent::new(|_| panic!("nobody is asked")))).await;
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert!(world.read("README.md").contains("music"));
}

#[tokio::test]
async fn a_formatter_of_the_committed_summary_comes_to_an_end() {
    let mut world = world("verify");
    world.project.commit_summary = true;
    world.project.steps.as_mut().unwrap().insert(0, StepConfig::Named("summarize".into()));
    let mut format = CommandStepConfig::new("mine", "sed -i 's/radio/Radio/' *.md");
    format.amend = true;
    world.project.steps.as_mut().unwrap()[4] = StepConfig::Command(format);
    let backend = pimainteno_core::testing::ScriptedBackend::new(
        "scripted",
        pimainteno_core::Edit::Workspace,
    )
    .answer(
        pimainteno_core::Task::Summarize,
        pimainteno_core::testing::Scripted::Text("# A radio".into()),
    )
    .answer(
        pimainteno_core::Task::Propose,
        pimainteno_core::testing::Scripted::Edit {
            path: "README.md".into(),
            content: "# Radio\n".into(),
            text: "docs: edit".into(),
        },
    );
    let record = run(&world.maintainer(backend)).await;
    assert!(matches!(record.outcome, Some(Outcome::Applied { .. })), "{record:#?}");
    assert!(world.read("codex.md").contains("# A Radio"));
}
