//! One run, from its trigger to its record in the history.

use jiff::Timestamp;

use super::{
    Prepared, Runner,
    preconditions::{self, Locked},
    rollback,
};
use crate::{
    backend::{AgentTree, Budget, Desk},
    config::{Mode, Project},
    error::{Error, ErrorKind, Result},
    event::{EventKind, NoticeKind},
    fingerprint,
    git::{Checkout, Head, ProjectLock, Workspace},
    job::{Job, REPAIR},
    pipeline,
    policy::{self, Facts, RunFacts},
    run::{Outcome, RunOptions, RunRecord, StepStatus, Trigger},
    step::{
        Part, Run, RunParts,
        sandboxed::{self, Sandboxing},
    },
    store::{FinishedRun, Journal, Order, Parked, ProjectState, Store},
    words::{CommitId, Sha256, UnitName},
};

/// What the first step of a run needs.
struct Ready {
    locked: Locked,
    run: Run,
    journal: Journal,
    workspace: Workspace,
}

/// What a run looked at: it need not be run again while that stays as it is.
struct Looked {
    /// The commit that it began at.
    head: CommitId,
    inputs: Sha256,
    /// Whether what it looked at was tried before.
    is_futile: bool,
}

/// A failure that counts.
struct Counted {
    /// The unit that was to be repaired; `None` if the run was about the project itself.
    unit: Option<UnitName>,
    signature: String,
    reason: String,
}

impl Counted {
    fn of(record: &RunRecord) -> Option<Self> {
        let outcome = record.outcome.as_ref()?;
        let is_failure = matches!(outcome, Outcome::Failed { .. } | Outcome::RolledBack { .. });
        let (unit, reason) = (record.job.unit().cloned(), outcome.to_string());
        (is_failure && record.job.rules().counts_failures).then(|| Self {
            unit,
            signature: fingerprint::of_failure(&reason),
            reason,
        })
    }
}

impl Runner {
    /// Why a run would be futile, as far as two small files tell.
    pub(crate) fn futile(
        &self,
        prepared: &Prepared,
        job: &Job,
        options: RunOptions,
    ) -> Option<String> {
        let state = self.store.project(&prepared.project.id);
        if state.paused {
            return Some("the project is paused".into());
        }
        if options.force {
            return None;
        }
        let chore = state.chore(job.chore()?);
        if let Some(frozen) = &chore.frozen {
            return Some(frozen.describe());
        }
        if let Some(parked) = chore.parked.as_ref().filter(|parked| parked.until > Timestamp::now())
        {
            return Some(parked.describe());
        }
        if !job.rules().needs_news {
            return None;
        }
        let head = Head::read(&prepared.project.path).ok()??;
        let inputs = prepared.chore(job.chore()?).inputs();
        chore.has_seen(&head.commit, &inputs).then(|| "nothing changed since the last run".into())
    }

    /// The record of a run that was not worth starting; it is told but not stored.
    pub(crate) fn skipped(&self, mut record: RunRecord, reason: String) -> RunRecord {
        self.bus.tell(&record.project, None, EventKind::ProjectSkipped { reason: reason.clone() });
        record.ended = Some(Timestamp::now());
        record.outcome = Some(Outcome::Skipped { reason });
        record.redact(self.store.secrets());
        record
    }

    /// Runs a chore of a project, or looks after a unit of it that failed: waits for its turn,
    /// locks the project, looks whether there is something to do, and goes through its steps.
    pub(crate) async fn run(
        &self,
        prepared: &Prepared,
        chore: &str,
        trigger: Trigger,
        options: RunOptions,
    ) -> Result<RunRecord> {
        let job = Job::because_of(&trigger, chore)?;
        self.look_after(prepared, &Order::new(trigger, job, options)).await
    }

    /// Carries out an order for upkeep or a repair.
    pub(super) async fn look_after(&self, prepared: &Prepared, order: &Order) -> Result<RunRecord> {
        // It may have been asked for before the configuration was changed.
        if let Job::Upkeep { chore } = &order.job
            && !prepared.chores.iter().any(|prepared| prepared.chore.name == *chore)
        {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("project `{}` has no chore `{chore}`", prepared.project.id),
            ));
        }
        let record = || {
            RunRecord::new(
                &prepared.project.id,
                order.trigger.clone(),
                order.job.clone(),
                Timestamp::now(),
            )
        };
        let mut ordered = match self.turn(prepared, order).await {
            Ok(ordered) => ordered,
            // Nothing was begun, and nothing is stored of it.
            Err(error)
                if error.kind() == ErrorKind::Cancelled && !self.is_stored(prepared, order) =>
            {
                let now = Some(Timestamp::now());
                return Ok(RunRecord {
                    ended: now,
                    outcome: Some(Outcome::Interrupted),
                    ..record()
                });
            }
            Err(error) => return Err(error),
        };
        let mut record = record();
        // Looked at again: while it waited, another run may have done all that there was to do.
        if let Some(reason) = self.futile(prepared, &record.job, order.options) {
            return Ok(self.skipped(record, reason));
        }
        match self.ready(prepared, &mut record).await {
            Ok(Ok(Ready { locked, run, journal, workspace })) => {
                ordered.begun()?;
                self.carry_out(prepared, &locked.checkout, &workspace, &journal, run, order.options)
                    .await
            }
            Ok(Err(reason)) => Ok(self.skipped(record, reason)),
            Err(error) => self.failed_early(prepared, record, &error, order.options),
        }
    }

    /// Makes everything ready for the first step of a run, or says why it is not worth starting.
    async fn ready(
        &self,
        prepared: &Prepared,
        record: &mut RunRecord,
    ) -> Result<std::result::Result<Ready, String>> {
        let locked = match self.lock(prepared).await? {
            Ok(locked) => locked,
            Err(reason) => return Ok(Err(reason)),
        };
        let head = match preconditions::place_to_start(prepared, &locked.checkout).await? {
            Ok(head) => head,
            Err(reason) => return Ok(Err(reason)),
        };
        record.base = Some(head.commit.clone());
        let facts = self.facts(prepared, &locked.checkout, record).await?;
        if let Some(reason) = prepared.policy.skip(&facts)? {
            return Ok(Err(reason));
        }
        preconditions::units_exist(prepared).await?;
        self.sandboxing().require(&prepared.project).await?;
        let (journal, workspace) =
            self.begin(prepared, &locked.checkout, record, &head.commit).await?;
        let mut run = Run::new(record.clone(), head.commit, head.branch, facts);
        run.steps.clone_from(&prepared.steps);
        Ok(Ok(Ready { locked, run, journal, workspace }))
    }

    /// Opens the journal of a run and makes its workspace ready, in this order: recovery removes
    /// what a Git that is killed meanwhile leaves in the repository.
    pub(super) async fn begin(
        &self,
        prepared: &Prepared,
        checkout: &Checkout,
        record: &RunRecord,
        base: &CommitId,
    ) -> Result<(Journal, Workspace)> {
        let journal = self.store.begin_run(record)?;
        match self.workspace(prepared, checkout, base).await {
            Ok(workspace) => Ok((journal, workspace)),
            Err(error) => {
                journal.discard();
                Err(error)
            }
        }
    }

    /// The workspace of a project, clean and at `commit`.
    async fn workspace(
        &self,
        prepared: &Prepared,
        checkout: &Checkout,
        commit: &CommitId,
    ) -> Result<Workspace> {
        let ([workspace, _], sandboxing) = (self.trees(&prepared.project), self.sandboxing());
        let leftovers = sandboxing.leftovers(&prepared.project).await;
        leftovers.begin()?;
        let sandbox = sandboxing.of_git(&prepared.project, checkout, &self.environment).await;
        let workspace = Workspace::prepare(&workspace, checkout, commit, sandbox).await?;
        if let Some(message) = leftovers.start(&workspace).await? {
            self.bus.notice(&prepared.project.id, None, NoticeKind::Leftovers, "", message);
        }
        Ok(workspace)
    }

    fn sandboxing(&self) -> Sandboxing<'_> {
        Sandboxing::new(self.sandbox_helper.as_ref(), &self.state_directory, &self.written)
    }

    /// Goes on with a run that was cut off after its change could be seen from outside.
    pub(crate) async fn go_on(
        &self,
        prepared: &Prepared,
        checkout: &Checkout,
        _: &ProjectLock,
        journal: &Journal,
        mut run: Run,
    ) -> Result<RunRecord> {
        let at = run.record.commit.as_ref().unwrap_or(&run.base);
        let workspace = self.workspace(prepared, checkout, at).await?;
        let is_check = |name: &str| {
            prepared.steps.iter().any(|step| step.part() == Part::Check && step.name() == name)
        };
        if run
            .record
            .steps
            .iter()
            .any(|step| is_check(&step.name) && step.status == StepStatus::Done)
        {
            run.facts = run.facts.with_checks(policy::Checks::Passed);
            run.is_checked = true;
        }
        self.carry_out(prepared, checkout, &workspace, journal, run, RunOptions::default()).await
    }

    /// Goes through the steps of a run whose project is locked, takes back what proves unhealthy,
    /// and stores what came of it.
    pub(super) async fn carry_out(
        &self,
        prepared: &Prepared,
        checkout: &Checkout,
        workspace: &Workspace,
        journal: &Journal,
        mut run: Run,
        options: RunOptions,
    ) -> Result<RunRecord> {
        learn_key(&self.store, &prepared.project)?;
        let started_at = run.base.clone();
        let [_, agent_tree] = self.trees(&prepared.project);
        let sandboxing = self.sandboxing();
        let leftovers = sandboxing.leftovers(&prepared.project).await;
        let chore = prepared.chore(&run.record.chore);
        let inputs = chore.inputs();
        let parts = RunParts {
            project: &prepared.project,
            steps: &prepared.steps,
            environment: &self.environment,
            checkout,
            workspace,
            desk: Desk {
                backend: &prepared.backend,
                budget: Budget {
                    all: &self.config.llm.budget,
                    project: &prepared.project.llm.budget,
                    price: prepared.project.llm.price(),
                    timezone: &self.timezone,
                },
                fresh: options.force,
                tree: AgentTree::new(
                    agent_tree,
                    checkout,
                    sandboxing.of_git(&prepared.project, checkout, &self.environment).await,
                ),
                store: &self.store,
                journal,
                bus: &self.bus,
                cancel: &self.cancel,
            },
            policy: &prepared.policy,
            services: &*prepared.services,
            probe: prepared.probe.as_ref(),
            store: &self.store,
            journal,
            bus: &self.bus,
            cancel: &self.cancel,
            sandboxing,
            leftovers: &leftovers,
            chore: &chore.chore,
            proposer: &chore.proposer,
            mode: if options.dry_run { Mode::DryRun } else { chore.chore.mode },
            force: options.force,
            inputs: &inputs,
        };
        run.summary = self.store.summary(&prepared.project.id)?;
        let mut run = pipeline::execute(run, &parts).await;
        rollback::fail_if_put_off(&mut run);
        let delivered = run.is_delivered() || run.delivery.is_unclear;
        let rollback = match reason_to_roll_back(&run) {
            // What can be seen from outside must be announced, and the disk takes nothing any more.
            _ if delivered && journal.has_failed() => None,
            _ if run.taken_back => {
                let left = std::mem::take(&mut run.left);
                let is_complete = run.is_complete;
                pipeline::conclude_rollback(
                    &mut run,
                    "the run was cut off while its change was taken back",
                    &left,
                    is_complete,
                );
                None
            }
            Some(reason) => {
                let job = Job::Reversal { of: run.record.id };
                let record =
                    RunRecord::new(&prepared.project.id, Trigger::Rollback, job, Timestamp::now())
                        .of_chore(&run.record.chore);
                match self.facts(prepared, checkout, &record).await {
                    Ok(facts) => {
                        Some(pipeline::roll_back(&mut run, &reason, record, facts, &parts).await)
                    }
                    // The checkout cannot even be looked at. The change is taken back when it can.
                    Err(error) => {
                        let message = format!(
                            "the change cannot be taken back yet: {error}; it failed in {reason}"
                        );
                        self.bus.notice(
                            &prepared.project.id,
                            None,
                            NoticeKind::Unfinished,
                            "",
                            message,
                        );
                        run.record.outcome = Some(Outcome::Interrupted);
                        None
                    }
                }
            }
            None => None,
        };
        // A run that was told to stop after its change was delivered, or while it was taken back,
        // stays open: the next start finishes it. So does one whose journal could not be
        // written: it is finished when the disk has space again; and one whose remote fell silent
        // during the push.
        if delivered && (run.record.outcome == Some(Outcome::Interrupted) || journal.has_failed()) {
            parts.leftovers.drop_all();
            self.bus.finished(&run.record);
            return Ok(run.record);
        }
        let looked = Looked { head: started_at, inputs: inputs.clone(), is_futile: run.is_futile };
        let takes_back = rollback::takes_back(&run);
        let stored = FinishedRun { takes_back, ..run.into_stored() };
        let record = self.conclude(prepared, journal, Some(looked), stored, rollback, options);
        // What is known to be delivered is kept; a run that is cut off before this leaves the next
        // one cold.
        let is_applied = record
            .as_ref()
            .is_ok_and(|record| matches!(record.outcome, Some(Outcome::Applied { .. })));
        keep_leftovers(&parts, is_applied).await;
        record
    }

    /// Stores a run, and the run that took its change back.
    fn conclude(
        &self,
        prepared: &Prepared,
        journal: &Journal,
        looked: Option<Looked>,
        mut finished: FinishedRun,
        rollback: Option<Run>,
        options: RunOptions,
    ) -> Result<RunRecord> {
        let record = finished.record.clone();
        // A change that was placed anew on another commit was still made for the one that the
        // checkout is at.
        let taken_back = rollback.as_ref().and_then(|rollback| rollback.record.commit.clone());
        let seen = [
            looked.as_ref().map(|looked| looked.head.clone()),
            record.base.clone(),
            record.commit.clone(),
            taken_back,
        ]
        .into_iter()
        .flatten();
        if let Some(rollback) = rollback {
            let journal = self.store.begin_run(&rollback.record)?;
            let rollback_record = rollback.record.clone();
            self.store.finish_run(&journal, rollback.into_stored(), |_| {})?;
            self.bus.finished(&rollback_record);
        }
        // What a person asked for says that his commit needs no run of its own only if it came to
        // something: nobody else looked at it.
        let looks_around = record.job.rules().looks_around;
        let came_to_something = matches!(
            record.outcome,
            Some(Outcome::Applied { .. } | Outcome::RolledBack { .. } | Outcome::Held { .. })
        );
        let outcome = record.outcome.clone();
        // One that failed before its first step has looked at nothing.
        let (is_futile, is_begun) = (
            looked.as_ref().is_some_and(|looked| looked.is_futile),
            !record.steps.is_empty() || !matches!(record.outcome, Some(Outcome::Failed { .. })),
        );
        let failure = Counted::of(&record).filter(|_| !options.dry_run);
        let chore = record.chore.clone();
        let before = self.store.project(&prepared.project.id);
        let (was_frozen, was_parked) =
            (before.chore(&chore).frozen.is_some(), before.chore(&chore).parked.is_some());
        let name = chore.clone();
        let change_state = move |state: &mut ProjectState| {
            // What was delivered may have been what a unit lacked.
            if matches!(outcome, Some(Outcome::Applied { .. })) {
                state.chore_mut(REPAIR).note_success();
            }
            let state = state.chore_mut(&name);
            match &outcome {
                Some(Outcome::Parked { until, reason }) => {
                    state.parked = Some(Parked { until: *until, reason: reason.clone() });
                }
                // Neither says that the trouble is over: one that was stopped, and one that had
                // nobody to ask.
                Some(Outcome::Interrupted) => {}
                _ if !looks_around => {}
                _ => state.parked = None,
            }
            match (&outcome, failure) {
                (Some(Outcome::Applied { .. }), _) => state.note_success(),
                (_, Some(Counted { unit, signature, reason })) => {
                    state.note_failure(unit.as_ref(), signature, reason);
                }
                _ => {}
            }
            let is_settled = is_begun
                && (is_futile
                    || !matches!(
                        outcome,
                        Some(
                            Outcome::Parked { .. } | Outcome::Interrupted | Outcome::Skipped { .. }
                        )
                    ));
            if let (true, Some(looked)) =
                (is_settled && !options.dry_run && (looks_around || came_to_something), looked)
            {
                for head in seen {
                    state.see(head, looked.inputs.clone());
                }
            }
        };
        self.settle(prepared, &mut finished)?;
        let record = finished.record.clone();
        self.store.finish_run(journal, finished, change_state)?;
        if let Some(frozen) = self
            .store
            .project(&prepared.project.id)
            .chore(&chore)
            .frozen
            .as_ref()
            .filter(|_| !was_frozen)
        {
            let message = format!(
                "{}; it is left alone until it is resumed or run by force",
                frozen.describe()
            );
            self.bus.notice(&prepared.project.id, None, NoticeKind::Frozen, "", message);
        }
        self.tell_parked(prepared, &chore, was_parked);
        self.bus.finished(&record);
        Ok(record)
    }

    /// Ends a run before its first step, as what keeps it from that says: a record like any other.
    fn failed_early(
        &self,
        prepared: &Prepared,
        mut record: RunRecord,
        error: &Error,
        options: RunOptions,
    ) -> Result<RunRecord> {
        record.ended = Some(Timestamp::now());
        record.outcome = Some(pipeline::outcome_of("queue", error));
        record.redact(self.store.secrets());
        let journal = self.store.begin_run(&record);
        let stored = journal.and_then(|journal| {
            self.conclude(prepared, &journal, None, FinishedRun::new(record.clone()), None, options)
        });
        // What kept the run from its first step may be the disk.
        stored.or_else(|error| {
            tracing::error!(%error, "A run that failed before its first step could not be stored.");
            self.bus.finished(&record);
            Ok(record)
        })
    }

    /// What the policy is told about a run that starts where the checkout is.
    pub(crate) async fn facts(
        &self,
        prepared: &Prepared,
        checkout: &Checkout,
        record: &RunRecord,
    ) -> Result<Facts> {
        let head = checkout.head().await?;
        let head_message = checkout.message(&head.commit).await?;
        let project = &prepared.project;
        Ok(Facts::new(RunFacts {
            project: project.id.clone(),
            name: project.name.clone(),
            branch: head.branch,
            mode: prepared.chore(&record.chore).chore.mode,
            chore: record.chore.clone(),
            trigger: record.trigger.clone(),
            run: record.id,
            now: Timestamp::now().to_zoned(self.timezone.clone()).datetime(),
            head: head.commit,
            head_message,
            units: project.units.clone(),
        }))
    }
}

/// Keeps what the checks of a change left that was delivered, and removes what those of others did.
async fn keep_leftovers(parts: &RunParts<'_>, is_delivered: bool) {
    let tell = |message| {
        parts.bus.notice(&parts.project.id, None, NoticeKind::Leftovers, "", message);
    };
    let limits = sandboxed::limits(parts.project);
    if is_delivered {
        match parts.leftovers.keep(parts.workspace, &limits).await {
            Ok(None) => {}
            Ok(Some(told)) => tell(told),
            Err(error) => {
                tell(format!("what the checks left can neither be kept nor removed: {error}"));
            }
        }
    }
    parts.leftovers.drop_all();
    if let Some(told) = parts.desk.tree.bound(parts.workspace.path(), &limits).await {
        tell(told);
    }
}

/// Has the key of a project's provider taken out of everything. The file that it is in may have
/// another one at each run.
pub(crate) fn learn_key(store: &Store, project: &Project) -> Result<()> {
    // A file that cannot be read is for the backend to complain about.
    match project.llm.key() {
        Ok(Some(key)) => store.secrets().learn(key.expose()),
        _ => Ok(()),
    }
}

/// Why a run's change has to be taken back: a step failed after it was delivered.
fn reason_to_roll_back(run: &Run) -> Option<String> {
    if !run.record.job.rules().is_taken_back {
        return None;
    }
    let delivered = run.is_delivered();
    match &run.record.outcome {
        Some(outcome) if run.cut_off.is_some() && *outcome != Outcome::Interrupted => {
            run.cut_off.clone()
        }
        Some(Outcome::Failed { step, message }) if delivered => Some(format!("{step}: {message}")),
        Some(
            Outcome::Parked { reason, .. }
            | Outcome::Rejected { reason }
            | Outcome::Held { reason },
        ) if delivered => Some(reason.clone()),
        _ => None,
    }
}
