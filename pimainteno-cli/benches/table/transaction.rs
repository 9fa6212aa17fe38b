//! What a run costs besides the backend, the checks and the push, against a shell script that does
//! the same to the repository.

use std::{
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use pimainteno_core::{
    Edit, Event, EventKind, Outcome, RunOptions, Task, Trigger,
    testing::{Scripted, ScriptedBackend},
};

use crate::{
    Result,
    arguments::Arguments,
    report::{Figure, Line, Target},
    repository::{self, Repository},
    sample::{medians, time},
};

pub(crate) const NAME: &str = "run";

const FILES: usize = 2000;
const ROUNDS: usize = 11;

/// What people write by hand: `$1` is the directory of the worktree, `$2` the diff.
const SCRIPT: &str = r#"
git worktree add --quiet --detach "$1" HEAD
(cd "$1" && git apply --index "$2" && git commit --quiet --message "maintenance")
git worktree remove "$1"
"#;

/// How long the checks of a run took. They are not ours, and a change without checks is not
/// committed.
#[derive(Clone, Default)]
struct Checks(Arc<Mutex<Clock>>);

#[derive(Default)]
struct Clock {
    started: Option<Instant>,
    taken: Duration,
}

pub(crate) fn measure(_: &Arguments) -> Result<Vec<Line>> {
    let directory = tempfile::tempdir()?;
    let repository = Repository::new(&directory.path().join("project"), FILES)?;
    let diff = directory.path().join("change.diff");
    std::fs::write(&diff, repository::diff(FILES / 2))?;
    let worktree = directory.path().join("worktree");

    // One answer for each round and one to warm up. The checkout stays where it is, so each run
    // starts from the same commit, as the script does.
    let answer =
        || Scripted::Text(format!("Mend a note\n\n```diff\n{}```\n", repository::diff(FILES / 2)));
    let backend = (0..=ROUNDS).fold(ScriptedBackend::new("instant", Edit::Reply), |backend, _| {
        backend.answer(Task::Propose, answer())
    });
    let project = repository::project(&repository.path, &["propose", "apply", "verify", "commit"]);
    let checks = Checks::default();
    let maintainer = repository::maintainer([project], &directory.path().join("state"))
        .provider("instant")
        .backend(backend)
        .events({
            let checks = checks.clone();
            move |event: &Event| checks.note(event)
        })
        .build()?;
    let mut options = RunOptions::default();
    options.force = true;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let [run, script] = medians(ROUNDS, || {
        let run = time(|| {
            let record = runtime
                .block_on(maintainer.run_project("project", Trigger::Manual, options))?
                .remove(0);
            match record.outcome {
                Some(Outcome::Applied { .. }) => Ok(()),
                outcome => Err(format!("the run did not apply its change: {outcome:?}").into()),
            }
        })?;
        let shell = ["-e", "-c", SCRIPT, "script"];
        let script = time(|| {
            repository::run(
                Command::new("/bin/sh")
                    .args(shell)
                    .arg(&worktree)
                    .arg(&diff)
                    .current_dir(&repository.path),
            )
        })?;
        Ok([run - checks.take().as_secs_f64(), script])
    })?;
    let name = format!("run on {FILES} files, without backend, checks and push");
    Ok(vec![Line::new(
        name,
        Figure::Time(run),
        "worktree add, apply, commit, remove",
        Figure::Time(script),
        Target::Ratio(0.4),
    )])
}

impl Checks {
    fn note(&self, event: &Event) {
        let mut clock = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &event.what {
            EventKind::StepStarted { step, .. } if step == "verify" => {
                clock.started = Some(Instant::now());
            }
            EventKind::StepFinished { step, .. } if step.name == "verify" => {
                let taken = clock.started.take().map(|started| started.elapsed());
                clock.taken += taken.unwrap_or_default();
            }
            _ => {}
        }
    }

    /// How long they took since this was last asked.
    fn take(&self) -> Duration {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).taken
    }
}
