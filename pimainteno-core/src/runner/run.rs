//! One run, from its trigger to its record in the history.

use jiff::Timestamp;

use super::{
    Prepared, Runner,
    blocked::{blocked_anew, is_tried_again},
    news::nothing_changed,
    preconditions::{self, Locked, Obstacle},
    rollback,
};
use crate::{
    backend::{AgentTree, Budget, Desk},
    config::{Mode, Project},
    error::{Error, ErrorKind, Result},
    event::{EventKind, NoticeKind},
    fingerprint,
    git::{Checkout, Head, Workspace},
    job::{Job, REPAIR},
    pipeline,
    policy::{Checks, Facts, RunFacts},
    proposal::ProposalStatus,
    run::{Outcome, RunOptions, RunRecord, StepStatus, Trigger},
    step::{
        self, Part, Run, RunParts,
        sandboxed::{self, Sandboxing},
    },
    store::{
        ChoreState, FREEZE_AFTER, FinishedRun, Journal, Order, Parked, PlayedChange, ProjectState,
        Seen, Store,
    },
    words::CommitId,
};

/// What the first step of a run needs.
pub(super) struct Ready {
    locked: Locked,
    pub(super) run: Run,
    pub(super) journal: Journal,
    workspace: Workspace,
}

impl Runner {
    /// The record of a run that was not worth starting; it is told but not stored.
    pub(crate) fn skipped(&self, mut record: RunRecord, reason: String) -> RunRecord {
        let skipped = EventKind::ProjectSkipped { chore: record.chore.clone(), reason };
        let told = self.bus.tell(&record.project, None, skipped);
        record.ended = Some(told.at);
        // Its secrets were taken out on the way.
        if let EventKind::ProjectSkipped { reason, .. } = &told.what {
            record.outcome = Some(Outcome::Skipped { reason: reason.clone() });
        }
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
    pub(crate) async fn look_after(&self, prepared: &Prepared, order: &Order) -> Result<RunRecord> {
        // It may have been asked for before the configuration was changed.
        if let Job::Upkeep { chore } = &order.job {
            prepared.configured(chore)?;
        }
        let mut ordered = match self.turn(prepared, order).await {
            Ok(ordered) => ordered,
            // Nothing was begun, and nothing is stored of it.
            Err(error)
                if error.kind() == ErrorKind::Cancelled && !self.is_stored(prepared, order) =>
            {
                let (ended, outcome) = (Some(Timestamp::now()), Some(Outcome::Interrupted));
                return Ok(RunRecord {
                    ended,
                    outcome,
                    ..prepared.record(&order.trigger, &order.job)
                });
            }
            Err(error) => return Err(error),
        };
        if let Some((newest, prepared)) = self.successor(&prepared.project.id)? {
            ordered.hand_on();
            return Box::pin(newest.look_after(&prepared, order)).await;
        }
        let mut record = prepared.record(&order.trigger, &order.job);
        // Looked at again: while it waited, another run may have done all that there was to do.
        if let Some(reason) = self.futile(prepared, &order.trigger, &order.job, order.options) {
            return Ok(self.skipped(record, reason));
        }
        if let Some(delivered) = self.try_blocked(prepared, order, &mut ordered).await {
            return match delivered {
                Ok(record) => Ok(record),
                Err(Obstacle::Reason(reason)) => Ok(self.skipped(record, reason)),
                Err(Obstacle::Failed(error)) => {
                    self.failed_early(prepared, record, &error, order.options)
                }
            };
        }
        match self.ready(prepared, &mut record, order.options).await {
            Ok(ready) => {
                ordered.forget()?;
                self.carry_out(prepared, ready, order.options).await
            }
            Err(Obstacle::Reason(reason)) => Ok(self.skipped(record, reason)),
            Err(Obstacle::Failed(error)) => {
                self.failed_early(prepared, record, &error, order.options)
            }
        }
    }

    /// Makes everything ready for the first step of a run, or says why it is not worth starting.
    async fn ready(
        &self,
        prepared: &Prepared,
        record: &mut RunRecord,
        options: RunOptions,
    ) -> Result<Ready, Obstacle> {
        let locked = self.lock(prepared).await?;
        let head = preconditions::place_to_start(prepared, &locked.checkout).await?;
        if !options.force
            && self.only_others_changed(prepared, &locked.checkout, record, &head).await?
        {
            let state = self.store.project(&prepared.project.id);
            let failure = state.chore(&record.chore).failed.clone();
            return Err(nothing_changed("nothing of the project", failure.as_deref()).into());
        }
        record.base = Some(head.commit.clone());
        let mut run = self.run_at(prepared, &locked.checkout, head, record.clone()).await?;
        if let Some(reason) = prepared.policy.skip(&run.facts)? {
            return Err(reason.into());
        }
        preconditions::units_exist(prepared).await?;
        self.sandboxing(prepared).require().await?;
        run.steps.clone_from(&prepared.steps);
        Ok(self.begin(prepared, locked, run).await?)
    }

    /// A run that starts where the checkout is, without its steps.
    pub(super) async fn run_at(
        &self,
        prepared: &Prepared,
        checkout: &Checkout,
        head: Head,
        mut record: RunRecord,
    ) -> Result<Run> {
        record.base = Some(head.commit.clone());
        let facts = self.facts(prepared, checkout, &record).await?;
        Ok(Run::new(record, head.commit, head.branch, facts))
    }

    /// Opens the journal of a run and makes its workspace ready, in this order: recovery removes
    /// what a Git that is killed meanwhile leaves in the repository.
    pub(super) async fn begin(
        &self,
        prepared: &Prepared,
        locked: Locked,
        run: Run,
    ) -> Result<Ready> {
        let journal = self.store.begin_run(&run.record)?;
        match self.workspace(prepared, &locked.checkout, &run.base).await {
            Ok(workspace) => Ok(Ready { locked, run, journal, workspace }),
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
        self.remove_former_workspaces(prepared, checkout).await?;
        let ([workspace, _], sandboxing) = (self.trees(prepared), self.sandboxing(prepared));
        let leftovers = sandboxing.leftovers().await;
        leftovers.begin()?;
        let sandbox = sandboxing.of_git(checkout).await;
        let workspace = Workspace::prepare(&workspace, checkout, commit, sandbox).await?;
        if let Some(message) = leftovers.start(&workspace).await? {
            self.bus.notice(&prepared.project.id, None, NoticeKind::Leftovers, "", message);
        }
        Ok(workspace)
    }

    pub(super) fn sandboxing<'r>(&'r self, prepared: &'r Prepared) -> Sandboxing<'r> {
        let (helper, state) = (self.sandbox_helper.as_ref(), &self.state_directory);
        Sandboxing::new(&prepared.project, &self.environment, helper, state, &self.written)
    }

    /// Goes on with a run that was cut off after its change could be seen from outside.
    pub(crate) async fn go_on(
        &self,
        prepared: &Prepared,
        locked: Locked,
        journal: Journal,
        mut run: Run,
    ) -> Result<RunRecord> {
        let at = run.record.commit.as_ref().unwrap_or(&run.base);
        let workspace = self.workspace(prepared, &locked.checkout, at).await?;
        let is_check = |name: &str| {
            step::named(&prepared.steps, name).is_some_and(|step| step.part() == Part::Check)
        };
        let mut done = run.record.steps.iter().filter(|step| step.status == StepStatus::Done);
        if done.any(|step| is_check(&step.name)) {
            run.note_checks(Checks::Passed);
            run.is_checked = true;
        }
        let ready = Ready { locked, run, journal, workspace };
        self.carry_out(prepared, ready, RunOptions::default()).await
    }

    /// Goes through the steps of a run whose project is locked, takes back what proves unhealthy,
    /// and stores what came of it.
    pub(super) async fn carry_out(
        &self,
        prepared: &Prepared,
        ready: Ready,
        options: RunOptions,
    ) -> Result<RunRecord> {
        let Ready { locked, run, journal: own_journal, workspace } = ready;
        let (checkout, journal) = (&locked.checkout, &own_journal);
        learn_key(&self.store, &prepared.project)?;
        let started_at = run.base.clone();
        let [_, agent_tree] = self.trees(prepared);
        let sandboxing = self.sandboxing(prepared);
        let leftovers = sandboxing.leftovers().await;
        let chore = prepared.chore(&run.record.chore);
        let inputs = chore.inputs();
        let parts = RunParts {
            project: &prepared.project,
            steps: &prepared.steps,
            environment: &self.environment,
            checkout,
            workspace: &workspace,
            desk: Desk {
                backend: &prepared.backend,
                budget: Budget {
                    all: &self.config.llm.budget,
                    project: &prepared.project.llm.budget,
                    price: prepared.project.llm.price(),
                    timezone: &self.timezone,
                },
                fresh: options.force,
                tree: AgentTree::new(agent_tree, checkout, sandboxing.of_git(checkout).await),
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
        let summary = self.store.summary(&prepared.project.id)?;
        let mut run = pipeline::execute(Run { summary, ..run }, &parts).await;
        rollback::fail_if_put_off(&mut run);
        let delivered = run.is_delivered() || run.delivery.is_unclear;
        let rollback = match reason_to_roll_back(&run) {
            // What can be seen from outside must be announced, and the disk takes nothing any more.
            _ if delivered && journal.has_failed() => None,
            _ if run.taken_back => {
                let reason = "the run was cut off while its change was taken back";
                run.record.outcome = Some(pipeline::rolled_back(&run, reason));
                None
            }
            Some(reason) => {
                let job = Job::Reversal { of: run.record.id };
                let (id, now) = (&prepared.project.id, Timestamp::now());
                let record = RunRecord::new(id, Trigger::Rollback, job, now);
                let record = record.of_chore(&run.record.chore);
                // It is a run of its own, and has a remote that answered.
                checkout.begin_anew();
                match self.facts(prepared, checkout, &record).await {
                    Ok(facts) => {
                        Some(pipeline::roll_back(&mut run, &reason, record, facts, &parts).await)
                    }
                    // The checkout cannot even be looked at. The change is taken back when it can.
                    Err(error) => {
                        let message = format!(
                            "the change cannot be taken back yet: {error}; it failed in {reason}"
                        );
                        self.bus.notice(id, None, NoticeKind::Unfinished, "", message);
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
            let note = run.record.steps.last().map_or("it was stopped", |step| &step.note);
            let message =
                format!("the last run is not finished yet: {note}; it is looked at again");
            // Whoever looks for open runs sees it from now on, and nobody begins before it is known
            // that there is one.
            drop(parts);
            drop(own_journal);
            self.recovery.leave_open(&prepared.repository, message);
            self.bus.finished(&run.record);
            return Ok(run.record);
        }
        let mut seen = Vec::new();
        if !options.dry_run && has_looked(&run) {
            // A change that was placed anew on another commit was still made for the one that the
            // checkout is at.
            let rollback = rollback.as_ref().and_then(|rollback| rollback.record.commit.clone());
            let heads = [Some(started_at), run.record.base.clone(), run.record.commit.clone()];
            let heads = heads.into_iter().chain([rollback]).flatten();
            seen.extend(heads.map(|head| Seen { head, inputs: inputs.clone() }));
        }
        if run.record.outcome == Some(Outcome::NoChange) {
            self.outdate(prepared, &run.record, &workspace).await?;
        }
        let takes_back = rollback::takes_back(&run);
        let stored = FinishedRun { takes_back, ..run.into_stored() };
        let record = self.conclude(prepared, journal, seen, stored, rollback, options);
        // What is known to be delivered is kept; a run that is cut off before this leaves the next
        // one cold.
        let is_applied = record.as_ref().is_ok_and(|record| {
            matches!(record.outcome, Some(Outcome::Applied { .. } | Outcome::Unproven { .. }))
        });
        keep_leftovers(&parts, is_applied).await;
        record
    }

    /// Stores a run, and the run that took its change back. What it has `seen` needs no run any
    /// more.
    pub(crate) fn conclude(
        &self,
        prepared: &Prepared,
        journal: &Journal,
        seen: Vec<Seen>,
        mut finished: FinishedRun,
        rollback: Option<Run>,
        options: RunOptions,
    ) -> Result<RunRecord> {
        if let Some(rollback) = rollback {
            let record = rollback.record.clone();
            let journal = self.store.begin_run(&record)?;
            self.store.finish_run(&journal, rollback.into_stored(), |_| {})?;
            self.bus.finished(&record);
        }
        self.settle(prepared, &mut finished)?;
        let mut record = finished.record.clone();
        let waits = blocked_anew(&finished);
        let (needs_setup, none_passed) = (finished.needs_setup, finished.none_passed);
        let is_played = finished.is_played;
        // Whoever knows only what did not help is not to be asked for ever.
        let was_in_vain = finished.is_futile && finished.record.job.unit().is_some();
        let (id, chore, rules) = (&prepared.project.id, &record.chore, record.job.rules());
        let before = self.store.project(id);
        // A repair that does not help is told by what it was to mend.
        let incident = record.job.unit().and_then(|unit| self.own_incident(unit));
        let freeze_after = match record.job.unit() {
            Some(_) => self.config.systemd_monitor.freeze_after,
            None => FREEZE_AFTER,
        };
        let change_state = |state: &mut ProjectState| {
            // What was delivered may have been what a unit lacked.
            if matches!(record.outcome, Some(Outcome::Applied { .. })) {
                state.chore_mut(REPAIR).note_success(record.job.unit());
            }
            state.checkout = Some(prepared.project.path.clone());
            let state = state.chore_mut(chore);
            match &record.outcome {
                // What was only to be shown keeps nothing from its runs.
                Some(Outcome::Parked { .. }) if options.dry_run => {}
                Some(Outcome::Parked { until, reason }) => {
                    state.parked = Some(Parked {
                        until: *until,
                        reason: reason.clone(),
                        backend: Some(prepared.backend_settings.clone()),
                        needs_setup,
                    });
                }
                // Neither says that the trouble is over: one that was stopped, and one that had
                // nobody to ask.
                Some(Outcome::Interrupted) => {}
                _ if !rules.looks_around && !is_tried_again(&record) => {}
                _ => state.parked = None,
            }
            match &record.outcome {
                Some(Outcome::Applied { .. }) => state.note_success(record.job.unit()),
                Some(failure)
                    if (was_in_vain || is_failure(failure))
                        && rules.counts_failures
                        && !options.dry_run =>
                {
                    let reason = failure.to_string();
                    let signature = incident.as_ref().map_or_else(
                        || fingerprint::of_failure(&reason),
                        |it| it.signature.clone(),
                    );
                    state.note_failure(record.job.unit(), signature, reason, freeze_after);
                }
                _ => {}
            }
            if rules.looks_around && !seen.is_empty() {
                match &record.outcome {
                    // It failed before, and nobody tried it again.
                    Some(Outcome::Skipped { .. }) => {}
                    Some(failure @ (Outcome::Failed { .. } | Outcome::RolledBack { .. })) => {
                        state.note_end(failure.to_string().lines().next().map(str::to_owned));
                    }
                    // What the checks lack may be mended where no commit shows it.
                    Some(Outcome::Held { .. }) if none_passed => {
                        state.note_end(Some("was held because no check passes".into()));
                    }
                    _ => state.note_end(None),
                }
            }
            for Seen { head, inputs } in seen {
                state.see(head, inputs);
            }
        };
        let became = finished.proposal.as_ref().map(|proposal| proposal.status.clone());
        let change = finished.proposal.as_ref().map(|proposal| PlayedChange {
            diff: proposal.diff.clone(),
            message: proposal.message.clone(),
        });
        let unit = finished.proposal.as_ref().and_then(|proposal| proposal.unit.clone());
        self.store.finish_run(journal, finished, change_state)?;
        if record.outcome == Some(Outcome::NoChange) && record.job.delivers().is_some() {
            record.became = became.filter(|became| *became == ProposalStatus::Obsolete);
        }
        let (before, after) = (before.chore(chore), self.store.project(id));
        let frozen = |state: &ChoreState| state.frozen_for(record.job.unit()).cloned();
        if let (None, Some(frozen)) = (frozen(before), frozen(after.chore(chore))) {
            let message = format!(
                "{}; it is left alone until it is resumed or run by force",
                frozen.describe()
            );
            self.bus.notice(id, None, NoticeKind::Frozen, "", message);
        }
        if let Some((signature, message)) = waits {
            self.bus.notice(id, None, NoticeKind::Blocked, signature, message);
        }
        self.tell_parked(prepared, chore, before.parked.is_some());
        if !options.dry_run {
            self.settle_incident(&record, unit.as_ref(), change, is_played);
        }
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
            let stored = FinishedRun::new(record.clone());
            self.conclude(prepared, &journal, Vec::new(), stored, None, options)
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
    if let Some(told) = parts.desk.tree.bound(parts.workspace.top(), &limits).await {
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

/// Whether a run, as it ended, has found out what there is to find out.
fn has_looked(run: &Run) -> bool {
    let (outcome, rules) = (&run.record.outcome, run.rules());
    // What a person asked for says that his commit needs no run of its own only if it came to
    // something: nobody else looked at it.
    let came_to_something = matches!(
        outcome,
        Some(
            Outcome::Applied { .. }
                | Outcome::Unproven { .. }
                | Outcome::RolledBack { .. }
                | Outcome::Held { .. }
        )
    );
    let was_put_off = matches!(
        outcome,
        Some(Outcome::Parked { .. } | Outcome::Interrupted | Outcome::Skipped { .. })
    );
    // One that failed before its first step has looked at nothing.
    let is_begun = !run.record.steps.is_empty() || !matches!(outcome, Some(Outcome::Failed { .. }));
    is_begun && (run.is_futile || !was_put_off) && (rules.looks_around || came_to_something)
}

fn is_failure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed { .. } | Outcome::RolledBack { .. })
}

/// Why a run's change has to be taken back: a step failed after it was delivered.
fn reason_to_roll_back(run: &Run) -> Option<String> {
    if !run.rules().is_taken_back {
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
