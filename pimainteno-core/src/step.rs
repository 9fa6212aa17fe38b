//! One verb of the pipeline: what a step is and what it may use.

mod amend;
pub(crate) mod apply;
pub(crate) mod command;
pub(crate) mod commit;
mod evidence;
mod hint;
pub(crate) mod mend;
pub(crate) mod monitor;
pub(crate) mod prepare;
pub(crate) mod propose;
pub(crate) mod push;
pub(crate) mod restart;
mod run;
pub(crate) mod sandboxed;
pub(crate) mod summarize;
mod trial;
pub(crate) mod verify;

mod context;

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;

use crate::{
    config::Settings,
    error::{Error, ErrorKind, Result},
    run::Outcome,
    store::Effect,
    words::CommitId,
};

pub(crate) use amend::too_late;
pub(crate) use context::RunParts;
pub use context::StepContext;
pub(crate) use run::{Candidate, Delivery, Failed, Form, Run};
pub use sandboxed::find_programs;

/// The most names or paths that a message tells.
const TOLD: usize = 3;

/// One verb of the pipeline: built in, from the embedding program, or a command.
///
/// Steps run one after the other and know nothing of each other: what one leaves for the next is in
/// the [`StepContext`].
#[async_trait]
pub trait Step: Debug + Send + Sync {
    /// The name that selects it in `steps`: a verb, in lower-case letters, digits and `-`.
    fn name(&self) -> &str;

    /// What it can change. The cautious answer is the default: such a step does not run before a
    /// change that has to wait for a person.
    fn effects(&self) -> Effects {
        Effects::Outside
    }

    /// Whether it makes something that others need, such as installed packages. Where it stands
    /// before `apply`, it is run too in a run that begins there: when a held change is
    /// approved, or one that was delivered is taken back.
    fn prepares(&self) -> bool {
        false
    }

    /// What it is in a run, where others depend on it; mostly nothing.
    fn part(&self) -> Part {
        Part::Other
    }

    /// Looks at the `settings` that a project has for it, when that is made ready;
    /// [`StepContext::settings`] gives them to a run. By default it wants none.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for settings that it cannot use.
    fn check(&self, settings: &Settings) -> Result<()> {
        no_settings(settings, "step", self.name())
    }

    /// What has to be so before a run begins that it is a step of; nothing, mostly.
    fn needs(&self) -> &[Need] {
        &[]
    }

    /// Takes back what it did, in the run that takes back the whole change: there the workspace,
    /// and the checkout where the change had come to it, hold what was there before. By default
    /// it does the same again, with what is there then. What cannot be taken back is told by
    /// [`StepContext::leave`].
    ///
    /// # Errors
    /// As [`Self::run`]; then the change counts as not taken back.
    async fn revert(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        self.run(context).await
    }

    /// Whether an effect happened that was announced before the program was stopped, and not
    /// marked. One that did is not brought about again.
    ///
    /// # Errors
    /// Whatever kept it from finding out; the run stays open, and it is asked again.
    async fn happened(&self, context: &StepContext<'_>, effect: &Effect) -> Result<Happened> {
        let _ = (context, effect);
        Ok(Happened::Unknown)
    }

    /// Does its work.
    ///
    /// # Errors
    /// Whatever kept it from its work; the run ends as failed and everything is left, or put back,
    /// as it was. An error with [`crate::Retry::After`] parks the project instead.
    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow>;
}

/// What a step can change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Effects {
    /// Nothing outside the state directory, where the workspace is.
    Workspace,
    /// Something that can be seen from outside: a commit, a remote, the checkout, a service. The
    /// step as a whole is announced in the journal.
    Outside,
    /// The same, and the step announces each effect itself, by [`StepContext::effect`]: what it did
    /// not announce, it did not do.
    Announced,
}

/// What a step is in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// Has the change made.
    Propose,
    /// Places the change. A run goes back to it when the change is mended or its base moved, and
    /// begins with it when a change is there already.
    Place,
    /// Finds out whether the change is any good.
    Check,
    /// Makes a commit of the change.
    Commit,
    /// Watches what runs, after everything that was done.
    Watch,
    /// Anything else.
    Other,
}

/// What has to be so before a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// The remote has everything that the checkout has: what is sent there would take the owner's
    /// commits along. That it cannot be sent is not the change's fault.
    Remote,
    /// There are the units that the configuration names.
    Units,
    /// The checkout can be moved to the change: it is where it was, nothing in it is modified, and
    /// there is room for what is new. Looked at before a commit is made.
    Checkout,
}

/// Whether an effect happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Happened {
    /// It did, wholly.
    Yes,
    /// It did not, or only in part.
    No,
    /// Nobody can tell. The step is run again.
    Unknown,
}

impl Effects {
    /// The name that policies see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Workspace => "workspace",
            Self::Outside | Self::Announced => "outside",
        }
    }

    /// Whether it can be seen from outside.
    pub fn is_outside(self) -> bool {
        self != Self::Workspace
    }
}

/// How a run goes on after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flow {
    /// With the next step; the line says what was done.
    Done(String),
    /// With the next step; there was nothing to do, and the line says why.
    Skipped(String),
    /// Not at all.
    End(Outcome),
    /// From `apply` again, on top of this commit, because the branch moved meanwhile.
    Rebase(CommitId),
    /// From `apply` again, with the change as the backend mended it; where it may not or cannot,
    /// the run fails in this step.
    Mend(Failure),
}

/// What is wrong with a change, for whoever made it to mend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What failed, as the run's outcome tells it.
    pub message: String,
    /// What failed, by name, and what it wrote.
    pub logs: Vec<(String, String)>,
}

impl Failure {
    /// A failure of which this is told.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), logs: Vec::new() }
    }

    /// The same failure, with what `name` wrote.
    #[must_use]
    pub fn with_log(mut self, name: impl Into<String>, log: impl Into<String>) -> Self {
        self.logs.push((name.into(), log.into()));
        self
    }
}

/// Makes sure that there are no settings for what has none.
pub(crate) fn no_settings(settings: &Settings, what: &str, name: &str) -> Result<()> {
    if settings.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("the {what} `{name}` has no settings")))
}

/// Texts in the quotes that names have in messages.
pub(crate) fn quoted(texts: Vec<String>) -> Vec<String> {
    texts.into_iter().map(|text| format!("`{text}`")).collect()
}

/// The first few of some names or paths, and how many there are besides.
pub(crate) fn told(mut names: Vec<String>) -> String {
    let rest = names.len().saturating_sub(TOLD);
    names.truncate(TOLD);
    let text = names.join(", ");
    if rest == 0 { text } else { format!("{text} and {rest} more") }
}

/// The step of this name.
pub(crate) fn named<'s>(steps: &'s [Arc<dyn Step>], name: &str) -> Option<&'s Arc<dyn Step>> {
    steps.iter().find(|step| step.name() == name)
}

/// The first step that is this in a run.
pub(crate) fn of_part(steps: &[Arc<dyn Step>], part: Part) -> Option<&Arc<dyn Step>> {
    steps.iter().find(|step| step.part() == part)
}

/// The steps before `apply` that later ones need.
pub(crate) fn preparing(steps: &[Arc<dyn Step>]) -> impl Iterator<Item = &Arc<dyn Step>> {
    steps.iter().take_while(|step| step.part() != Part::Place).filter(|step| step.prepares())
}
