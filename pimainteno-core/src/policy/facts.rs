//! What a hook sees of a run, as the value `facts` of the script.

use std::{mem, sync::Arc};

use jiff::civil::DateTime;
use rhai::{Dynamic, Engine, EvalAltResult, INT, ImmutableString, serde::to_dynamic};
use serde::{Deserialize, Serialize};

use crate::{
    config::Mode,
    id::RunId,
    run::Trigger,
    words::{BranchName, CommitId, ProjectId, UnitName},
};

/// What is known when a run leaves the queue.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// The project's id.
    pub project: ProjectId,
    /// The project's name.
    pub name: String,
    /// The branch that the checkout is on; a script reads an empty text if it is on none.
    pub branch: Option<BranchName>,
    /// What may be done without asking.
    pub mode: Mode,
    /// The chore that the run is of.
    pub chore: String,
    /// Why the run was started.
    pub trigger: Trigger,
    /// The run.
    pub run: RunId,
    /// What the clock on the wall says, in the scheduler's time zone.
    pub now: DateTime,
    /// The commit that the checkout is at, in hexadecimal.
    pub head: CommitId,
    /// The message of that commit.
    pub head_message: String,
    /// The units that run from the checkout.
    pub units: Vec<UnitName>,
}

/// What is known once there is a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// The paths of the files that the change touches, relative to the root of the repository; a
    /// renamed file has both of its names here.
    pub files: Vec<String>,
    /// Those of them that the change deletes.
    pub deleted: Vec<String>,
    /// How many lines it adds.
    pub added: usize,
    /// How many lines it removes.
    pub removed: usize,
    /// The change as `git diff` writes it.
    pub diff: String,
    /// What the proposer says about it.
    pub message: String,
}

/// How the project's checks ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checks {
    /// There are none, or they have not run yet.
    #[default]
    None,
    /// The change made nothing fail.
    Passed,
    /// The change made something fail.
    Failed,
}

/// What a hook sees: built once a run, and cheap to derive for each step.
///
/// A clone shares the run's and the change's facts with the original.
#[derive(Clone, Debug)]
pub struct Facts {
    run: Arc<RunFacts>,
    change: Arc<Change>,
    /// What is long of the change, taken out of it so that reading it costs no copy.
    diff: ImmutableString,
    message: ImmutableString,
    checks: Checks,
    step: ImmutableString,
    effects: ImmutableString,
    task: ImmutableString,
}

/// Reads one fact.
type Getter = fn(&Facts) -> Dynamic;

/// Every fact that a script can read, by name.
const FACTS: [(&str, Getter); 26] = [
    ("project", |facts| facts.run.project.as_str().into()),
    ("name", |facts| facts.run.name.as_str().into()),
    ("branch", |facts| facts.run.branch.as_deref().unwrap_or_default().into()),
    ("mode", |facts| word(&facts.run.mode)),
    ("chore", |facts| facts.run.chore.as_str().into()),
    ("trigger", |facts| facts.run.trigger.name().into()),
    ("failed_unit", |facts| match &facts.run.trigger {
        Trigger::UnitFailure { unit } => unit.as_str().into(),
        _ => "".into(),
    }),
    ("run", |facts| facts.run.run.to_string().into()),
    ("hour", |facts| INT::from(facts.run.now.hour()).into()),
    ("minute", |facts| INT::from(facts.run.now.minute()).into()),
    ("weekday", |facts| facts.run.now.strftime("%A").to_string().to_lowercase().into()),
    ("date", |facts| facts.run.now.date().to_string().into()),
    ("head", |facts| facts.run.head.as_str().into()),
    ("head_message", |facts| facts.run.head_message.as_str().into()),
    ("units", |facts| array(&facts.run.units)),
    ("step", |facts| facts.step.clone().into()),
    ("effects", |facts| facts.effects.clone().into()),
    ("task", |facts| facts.task.clone().into()),
    ("files", |facts| array(&facts.change.files)),
    ("deleted", |facts| array(&facts.change.deleted)),
    ("added", |facts| count(facts.change.added)),
    ("removed", |facts| count(facts.change.removed)),
    ("lines", |facts| count(facts.change.added.saturating_add(facts.change.removed))),
    ("diff", |facts| facts.diff.clone().into()),
    ("message", |facts| facts.message.clone().into()),
    ("checks", |facts| word(&facts.checks)),
];

impl Facts {
    /// The facts of a run that has no change yet and is in no step.
    pub fn new(run: RunFacts) -> Self {
        Self {
            run: Arc::new(run),
            change: Arc::default(),
            diff: ImmutableString::new(),
            message: ImmutableString::new(),
            checks: Checks::default(),
            step: ImmutableString::new(),
            effects: ImmutableString::new(),
            task: ImmutableString::new(),
        }
    }

    /// The same facts, with a change.
    #[must_use]
    pub fn with_change(self, mut change: Change) -> Self {
        let (diff, message) = (mem::take(&mut change.diff), mem::take(&mut change.message));
        Self { change: Arc::new(change), diff: diff.into(), message: message.into(), ..self }
    }

    /// How the checks ended.
    pub(crate) fn checks(&self) -> Checks {
        self.checks
    }

    /// The same facts, after the checks.
    #[must_use]
    pub fn with_checks(self, checks: Checks) -> Self {
        Self { checks, ..self }
    }

    /// The facts before the step named `step`, whose reach is called `effects`.
    #[must_use]
    pub fn at_step(&self, step: &str, effects: &str) -> Self {
        Self { step: step.into(), effects: effects.into(), ..self.clone() }
    }

    /// The facts before a prompt for the task named `task`.
    pub(super) fn for_task(&self, task: &str) -> Self {
        Self { task: task.into(), ..self.clone() }
    }

    /// The paths of the files that the change touches.
    pub(super) fn files(&self) -> &[String] {
        &self.change.files
    }

    /// The units that run from the checkout.
    pub(super) fn units(&self) -> &[UnitName] {
        &self.run.units
    }

    /// The names of all facts.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        FACTS.iter().map(|(name, _)| *name)
    }
}

/// Makes `facts.name` work in scripts, and an unknown name an error that helps.
pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Facts>("Facts");
    for (name, getter) in FACTS {
        engine.register_get(name, move |facts: &mut Facts| getter(facts));
    }
    // The engine falls back to this indexer for properties that have no getter.
    engine.register_indexer_get(
        |_: &mut Facts, name: ImmutableString| -> Result<Dynamic, Box<EvalAltResult>> {
            let known = Facts::names().collect::<Vec<_>>().join(", ");
            Err(match super::nearest(&name, Facts::names()) {
                Some(near) => {
                    format!("facts have no `{name}`, perhaps `{near}`; there are {known}").into()
                }
                None => format!("facts have no `{name}`; there are {known}").into(),
            })
        },
    );
}

fn array<S: AsRef<str>>(strings: &[S]) -> Dynamic {
    Dynamic::from_array(strings.iter().map(|string| string.as_ref().into()).collect())
}

fn count(number: usize) -> Dynamic {
    INT::try_from(number).unwrap_or(INT::MAX).into()
}

/// What a script reads of a choice: the word that stands for it in configurations.
fn word(choice: &impl Serialize) -> Dynamic {
    to_dynamic(choice).unwrap_or_default()
}
