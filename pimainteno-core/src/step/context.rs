//! What a step may use, and what the run knows so far.

use std::{path::Path, sync::Arc};

use pimainteno_plugin::{Edit, Reply, Request, Task};

use crate::{
    backend::Desk,
    chore::Proposer,
    config::{Chore, Mode, Project, Settings, StepConfig},
    error::{Error, ErrorKind, Result},
    event::{Bus, EventKind, NoticeKind},
    git::{Change, Checkout, Upstream, Workspace},
    id::RunId,
    job::Job,
    leftovers::Leftovers,
    policy::{self, Facts, Policy},
    process::{Cancel, Environment},
    proposal::Proposal,
    run::Trigger,
    service::{HealthProbe, Probation, ServiceManager},
    store::{By, Effect, Intent, Journal, Output, Store},
    words::{BranchName, CommitId, Sha256, UnitName},
};

use super::{Step, run::Run, sandboxed::Sandboxing};

/// What surrounds a run and does not change while it goes on.
pub(crate) struct RunParts<'run> {
    pub(crate) project: &'run Project,
    /// The steps of the project.
    pub(crate) steps: &'run [Arc<dyn Step>],
    pub(crate) environment: &'run Environment,
    pub(crate) checkout: &'run Checkout,
    pub(crate) workspace: &'run Workspace,
    pub(crate) desk: Desk<'run>,
    pub(crate) policy: &'run Policy,
    pub(crate) services: &'run dyn ServiceManager,
    pub(crate) probe: Option<&'run HealthProbe>,
    pub(crate) store: &'run Store,
    pub(crate) journal: &'run Journal,
    pub(crate) bus: &'run Arc<Bus>,
    pub(crate) cancel: &'run Cancel,
    pub(crate) sandboxing: Sandboxing<'run>,
    /// What checks leave beside the project's files.
    pub(crate) leftovers: &'run Leftovers,
    /// The chore that the run is of, and what makes its change.
    pub(crate) chore: &'run Chore,
    pub(crate) proposer: &'run Arc<dyn Proposer>,
    pub(crate) mode: Mode,
    pub(crate) force: bool,
    /// The fingerprint of what the run depends on besides the project's files.
    pub(crate) inputs: &'run Sha256,
}

/// What a step may use, and what the run knows so far.
pub struct StepContext<'run> {
    pub(crate) parts: &'run RunParts<'run>,
    /// The step that is running.
    pub(crate) step: String,
    /// Whether a check passed when the change was held, or none was run.
    pub(crate) had_passed: bool,
    /// Whether the gate has let the running step through as one with effects outside.
    pub(crate) is_allowed: bool,
    /// Whether the running step has announced an effect of its own.
    pub(crate) has_announced: bool,
    pub(crate) run: Run,
}

impl StepContext<'_> {
    /// The project.
    pub fn project(&self) -> &Project {
        self.parts.project
    }

    /// The project's directory in its repository; empty if it is all of it, or has a name that is
    /// not UTF-8.
    pub(crate) fn directory(&self) -> &str {
        self.parts.workspace.scope().place().to_str().unwrap_or_default()
    }

    /// The run's id.
    pub fn run_id(&self) -> RunId {
        self.run.record.id
    }

    /// Why the run was started.
    pub fn trigger(&self) -> &Trigger {
        &self.run.record.trigger
    }

    /// What the run does.
    pub fn job(&self) -> &Job {
        &self.run.record.job
    }

    /// The chore that the run is of: the line of upkeep, or the one that the change is of which is
    /// delivered or taken back.
    pub fn chore(&self) -> &Chore {
        self.parts.chore
    }

    /// What the backend is told about the project and the chore.
    pub fn instructions(&self) -> &str {
        &self.parts.chore.instructions
    }

    /// The commit that the run started from.
    pub fn base(&self) -> &CommitId {
        &self.run.base
    }

    /// The commit that was made of the change.
    pub fn commit(&self) -> Option<&CommitId> {
        self.run.record.commit.as_ref()
    }

    /// The branch that the checkout was on when the run started; `None` if it was on none.
    pub fn branch(&self) -> Option<&BranchName> {
        self.run.branch.as_ref()
    }

    /// What may be done without asking, in this run.
    pub fn mode(&self) -> Mode {
        self.parts.mode
    }

    /// Whether a person wants the run although there seems to be nothing to do.
    pub fn is_forced(&self) -> bool {
        self.parts.force
    }

    /// What the project's configuration tells the running step.
    pub fn settings(&self) -> Settings {
        let step = self.project().steps.iter().find(|step| step.name() == self.step);
        step.and_then(StepConfig::settings).cloned().unwrap_or_default()
    }

    /// What decides about the run.
    pub fn policy(&self) -> &Policy {
        self.parts.policy
    }

    /// What the policy is told, as far as it is known now.
    pub fn facts(&self) -> &Facts {
        &self.run.facts
    }

    /// Who restarts the project's units and says how they are.
    pub fn services(&self) -> &dyn ServiceManager {
        self.parts.services
    }

    /// How the project's service shows that it is healthy.
    pub fn probe(&self) -> Option<&HealthProbe> {
        self.parts.probe
    }

    /// The project's directory in the checkout, where the user and the service live. Steps look at
    /// it; only `restart` moves it.
    pub fn checkout(&self) -> &Path {
        self.parts.checkout.path()
    }

    /// The project's directory in the workspace, where the change is placed, built and tested. What
    /// a backend edits is elsewhere and comes here as a diff; and what sandboxed checks write is
    /// not here.
    pub fn workspace(&self) -> &Path {
        self.parts.workspace.path()
    }

    /// The change that the run is about, once it is placed.
    pub fn change(&self) -> Option<&Change> {
        self.run.change.as_ref()
    }

    /// The proposal that the change is stored as, once it is placed.
    pub fn proposal(&self) -> Option<&Proposal> {
        self.run.proposal.as_ref()
    }

    /// The newest summary of the project; empty if there is none.
    pub fn summary(&self) -> &str {
        self.run.summary.as_ref().map_or("", |summary| &summary.text)
    }

    /// The variables that children may see.
    pub fn environment(&self) -> &Environment {
        self.parts.environment
    }

    /// Raised when the run is to stop; hand it to every child.
    pub fn cancel(&self) -> &Cancel {
        self.parts.cancel
    }

    /// Tells in one line what the step is doing.
    pub fn progress(&self, message: impl Into<String>) {
        self.tell(EventKind::StepProgress { step: self.step.clone(), message: message.into() });
    }

    /// Keeps a text with the run, such as a log.
    pub fn keep_output(&mut self, name: impl Into<String>, text: impl Into<String>) {
        self.run.outputs.push(Output { name: name.into(), text: text.into() });
    }

    /// How the backend hands over a change that it is asked for; goes into [`Request::edit`].
    pub fn edit(&self) -> Edit {
        self.parts.desk.edit()
    }

    /// A request about the project's files at the base, with the project's limits.
    pub fn request(&self, task: Task, prompt: impl Into<String>) -> Request {
        let mut request = Request::new(task, self.parts.desk.tree.path(), prompt);
        request.timeout = self.project().llm.timeout;
        request.silence_timeout = self.project().llm.silence_timeout;
        request.previous_summary = self.run.summary.as_ref().map(|summary| summary.text.clone());
        request
    }

    /// Asks the backend, within the budget; what was asked before about the same commit is answered
    /// from the cache.
    ///
    /// # Errors
    /// What the backend says, or that the budget is used up; both may park the project.
    /// [`ErrorKind::Step`] in a run that takes something back: there nobody is asked.
    pub async fn ask(&mut self, request: Request) -> Result<Reply> {
        self.ask_as(request, None).await
    }

    /// The same; where the prompt is not the same each time, because it tells logs, `question`
    /// stands for it, so that an answer to it is found again.
    pub(crate) async fn ask_as(
        &mut self,
        mut request: Request,
        question: Option<&str>,
    ) -> Result<Reply> {
        let job = &self.run.record.job;
        if self.run.asks_nobody {
            let message = "no backend is asked to deliver a change that waited";
            return Err(Error::new(ErrorKind::Step, message));
        }
        if !job.rules().may_ask {
            let message = format!("no backend is asked in a {}", job.name());
            return Err(Error::new(ErrorKind::Step, message));
        }
        let (parts, task) = (self.parts, request.task.to_string());
        let told = |prompt: &str| parts.policy.prompt(&self.run.facts, &task, prompt);
        request.prompt = told(&request.prompt)?;
        let question = question.map(told).transpose()?;
        let (base, record) = (&self.run.base, &mut self.run.record);
        parts.desk.ask(&request, base, question.as_deref(), &self.step, record).await
    }

    /// Announces an effect of the running step in the journal, lets `work` bring it about, and
    /// marks what came of it. A program that is stopped meanwhile asks
    /// [`crate::Step::happened`] at its next start. `data` says what the step wants to know then. A
    /// step has one effect: once that happened, it is done.
    ///
    /// # Errors
    /// What `work` says; [`ErrorKind::Step`] for a second effect; [`ErrorKind::Store`] if it cannot
    /// be announced, and then it is not done.
    pub async fn effect<T>(
        &mut self,
        name: &str,
        data: serde_json::Value,
        work: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        if std::mem::replace(&mut self.has_announced, true) {
            return Err(Error::new(
                ErrorKind::Step,
                format!("a second effect of one step: `{name}`"),
            )
            .hint("make it a step of its own"));
        }
        let intent = self.announce_own(name, data)?;
        let done = work.await?;
        self.parts.journal.done(intent)?;
        Ok(done)
    }

    /// Refuses what can be seen from outside to a step that said it does nothing of the kind: the
    /// gate asked less of it.
    pub(super) fn must_be_allowed(&self, does: &str) -> Result<()> {
        if self.is_allowed {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Step,
            format!("`{}` {does} but says that it has no effects outside", self.step),
        )
        .hint("let its `effects` be `Effects::Announced`"))
    }

    /// Announces an effect of the running step.
    pub(crate) fn announce(&self, effect: Effect) -> Result<Intent> {
        self.parts
            .journal
            .intend_by(By { step: Some(&self.step), reverts: self.run.takes_back() }, effect)
    }

    /// The same for an effect on something that is neither the remote nor the checkout. Before
    /// there is a change, nothing of it can be seen anywhere, and nothing has to be taken back.
    pub(crate) fn announce_own(&mut self, name: &str, data: serde_json::Value) -> Result<Intent> {
        let step = self.counts().then(|| self.step.clone());
        let by = By { step: step.as_deref(), reverts: self.run.takes_back() };
        let intent =
            self.parts.journal.intend_by(by, Effect::Own { name: name.to_owned(), data })?;
        if let Some(step) = step {
            self.run.touch(&step);
            self.run.has_own_effects = true;
        }
        Ok(intent)
    }

    /// Whether what the running step does is of the change: there is one, or the step takes
    /// something back.
    pub(crate) fn counts(&self) -> bool {
        self.run.change.is_some() || self.run.reverts.contains(&self.step)
    }

    /// Takes note that the change went through checks and passed; a step that says so is the
    /// project's [`super::Part::Check`].
    pub fn passed(&mut self) {
        self.run.note_checks(policy::Checks::Passed);
    }

    /// Says that what the running step did is not taken back; the outcome tells it.
    pub fn leave(&mut self) {
        self.run.left.push(self.step.clone());
    }

    /// Lets the policy see the change.
    pub(crate) fn tell_policy(&mut self, change: &Change, message: &str) {
        let (added, removed) = change.lines();
        self.run.facts = self.run.facts.clone().with_change(policy::Change {
            files: change.files.iter().map(|file| file.path.clone()).collect(),
            deleted: change.deleted().map(str::to_owned).collect(),
            added,
            removed,
            diff: change.diff.clone(),
            message: message.to_owned(),
        });
    }

    /// Tells what happened in the run.
    pub(crate) fn tell(&self, what: EventKind) {
        self.parts.bus.tell(&self.run.record.project, Some(self.run.record.id), what);
    }

    /// Tells what a person should know.
    pub(crate) fn notice(&self, notice: NoticeKind, key: impl Into<String>, message: String) {
        self.parts.bus.notice(
            &self.run.record.project,
            Some(self.run.record.id),
            notice,
            key,
            message,
        );
    }

    /// What is kept of checks that were run on a commit.
    pub(crate) fn check_results(
        &self,
        commit: Option<&CommitId>,
        checks: &Sha256,
    ) -> Result<Option<serde_json::Value>> {
        self.parts.store.check_results(&self.run.record.project, commit, checks)
    }

    /// What watches these units and the project's probe.
    pub(crate) fn probation<'p>(&'p self, units: &'p [UnitName]) -> Probation<'p> {
        Probation::new(self.services(), units, self.probe(), self.project().probation)
    }

    /// Where the project's branch is pushed to.
    pub(crate) async fn upstream(&self) -> Result<Option<Upstream>> {
        self.parts.checkout.upstream(self.branch(), self.project().remote.as_ref()).await
    }

    /// The commit that the checkout is at.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if somebody switched to another branch meanwhile.
    pub(crate) async fn checkout_commit(&self) -> Result<CommitId> {
        let head = self.parts.checkout.head().await?;
        if head.branch == self.run.branch {
            return Ok(head.commit);
        }
        let [was, is] = [&self.run.branch, &head.branch].map(|branch| {
            branch.as_ref().map_or("no branch".into(), |branch| format!("`{branch}`"))
        });
        let message = format!("the checkout was switched from {was} to {is} meanwhile");
        Err(Error::new(ErrorKind::Git, message))
    }
}
