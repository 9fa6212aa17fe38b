//! Taking back a change that was delivered, because a person asks for it.

use super::{
    Prepared, Runner,
    preconditions::{self, Obstacle},
};
use crate::{
    error::{Error, ErrorKind, Result},
    git::{Checkout, Head},
    id::RunId,
    job::Job,
    pipeline::{self, Way},
    run::{Outcome, ROLLBACK, RunOptions, RunRecord, Trigger},
    service::{Baseline, Probation},
    step::Run,
    store::{Announced, Order, TakenBack},
    words::CommitId,
};

/// Why a run takes a change back, as it is told in the commit and in the history.
fn reason(record: &RunRecord) -> String {
    match &record.trigger {
        Trigger::UnitFailure { unit } => format!("{unit} failed with it"),
        _ => "a person asked for it".into(),
    }
}

/// A run whose change can be taken back.
struct Target {
    run: RunRecord,
    /// The commit of its change, and the one that it was made on.
    commit: CommitId,
    base: CommitId,
}

impl Runner {
    /// Takes back what a run delivered, in a run without a model: the project's last one that
    /// delivered something, or the one whose id begins with `run`.
    ///
    /// A commit that is at the remote is taken back by a commit of its inverse. One that never left
    /// the machine is dropped, unless others are built upon it. It works while the project is
    /// paused. What fails stays as it is: taking back a rollback by itself would bring back what a
    /// person wanted to be rid of.
    pub(crate) async fn roll_back(&self, project: &str, run: Option<&str>) -> Result<RunRecord> {
        let prepared = self.project(project)?;
        let of = self.target(&prepared, run)?.run.id;
        self.take_back(
            &prepared,
            of,
            &Order::new(Trigger::Rollback, Job::Reversal { of }, RunOptions::default()),
        )
        .await
    }

    /// Carries out an order to take back what a run delivered.
    pub(super) async fn take_back(
        &self,
        prepared: &Prepared,
        of: RunId,
        order: &Order,
    ) -> Result<RunRecord> {
        let mut ordered = self.turn(prepared, order).await?;
        if let Some((newest, prepared)) = self.successor(&prepared.project.id)? {
            ordered.hand_on();
            return Box::pin(newest.take_back(&prepared, of, order)).await;
        }
        if let Trigger::UnitFailure { unit } = &order.trigger
            && let Some(reason) = self.is_settled(prepared, unit).await
        {
            ordered.forget()?;
            return Ok(self.skipped(prepared.record(&order.trigger, &order.job), reason));
        }
        let refused = |reason: String| {
            Error::new(ErrorKind::Usage, format!("nothing was taken back: {reason}"))
        };
        let kept_from = |obstacle: Obstacle| obstacle.into_error(refused);
        let locked = self.lock(prepared).await.map_err(kept_from)?;
        // Looked at again: it may have been taken back while this waited.
        let target = self.target(prepared, Some(&of.to_string()))?;
        let (project, checkout) = (&prepared.project, &locked.checkout);
        let head = preconditions::clean_place(project, checkout).await.map_err(kept_from)?;
        let commit = &target.commit;
        if !checkout.is_ancestor(commit, &head.commit).await.unwrap_or(false) {
            let reason = format!("commit {commit:.12} of run {of} is not in the checkout");
            return Err(refused(reason).hint("pull it first; if the history was rewritten, there is nothing of ours left to take back"));
        }
        let is_pushed = is_pushed(prepared, checkout, &head, commit).await?;
        if is_pushed {
            preconditions::must_be_pushed(project, checkout, &head).await.map_err(kept_from)?;
        }
        // What follows it is checked without it.
        if head.commit != *commit {
            self.sandboxing(prepared).require().await?;
        }
        let record = prepared.record(&order.trigger, &order.job).of_chore(&target.run.chore);
        let run = self.run_at(prepared, checkout, head, record).await?;
        let run = self.take_back_in(run, prepared, checkout, &target, is_pushed).await?;
        let ready = self.begin(prepared, locked, run).await?;
        ordered.forget()?;
        self.carry_out(prepared, ready, order.options).await
    }

    /// The run whose change is to be taken back.
    fn target(&self, prepared: &Prepared, run: Option<&str>) -> Result<Target> {
        let project = &prepared.project.id;
        let target = match run {
            Some(prefix) => self.store.find_run(prefix)?,
            None => {
                let runs = self.store.runs(Some(project), usize::MAX)?;
                runs.into_iter().find(|run| !is_rollback(run) && (has_delivered(run) || is_taken_back(run))).ok_or_else(|| {
                    Error::new(ErrorKind::Usage, format!("no run of project `{project}` that is remembered has delivered anything"))
                })?
            }
        };
        let refused = |reason: String| {
            Error::new(
                ErrorKind::Usage,
                format!("run {} cannot be taken back: {reason}", target.id),
            )
        };
        if target.project != *project {
            return Err(refused(format!("it is one of project `{}`", target.project)));
        }
        if is_rollback(&target) {
            return Err(refused("it took a change back itself".into())
                .hint("a forced run of the project can propose that change again"));
        }
        if is_taken_back(&target) {
            let by = target.rolled_back_by.map_or_else(String::new, |by| format!(" by run {by}"));
            return Err(refused(format!("that was done already{by}"))
                .hint("to take back an earlier change as well, name its run"));
        }
        let (Some(commit), Some(base), true) =
            (target.commit.clone(), target.base.clone(), has_delivered(&target))
        else {
            let outcome = target.outcome.as_ref().map_or_else(String::new, ToString::to_string);
            return Err(refused(format!("it delivered nothing; it ended as {outcome}")));
        };
        Ok(Target { run: target, commit, base })
    }

    /// Has a run take `target` back, from its first step on.
    async fn take_back_in(
        &self,
        mut run: Run,
        prepared: &Prepared,
        checkout: &Checkout,
        target: &Target,
        is_pushed: bool,
    ) -> Result<Run> {
        let Target { run: taken_back, commit, base } = target;
        let reason = reason(&run.record);
        // Whether somebody committed something after it.
        let is_covered = run.base != *commit;
        let did = Announced::read(&self.store.run_journal(taken_back.id)?, false);
        let did = did.only(is_pushed, true);
        let is_dropped = !is_pushed && !is_covered;
        let change = if is_dropped { Some(checkout.change(commit, base).await?) } else { None };
        let way = Way {
            checkout,
            steps: &prepared.steps,
            reason: &reason,
            inverted: Some(commit).filter(|_| !is_dropped),
            base,
            is_covered,
            touched: &did.steps(),
            is_watched: did.is_beyond_remote(),
        };
        pipeline::prepare(&mut run, &way, change).await;
        run.delivery.before = Some(self.units_now(prepared).await);
        Ok(run)
    }

    /// How the units are, as if nothing was wrong with them: the change is no measure for what
    /// comes after it, but a unit that somebody stopped stays so.
    async fn units_now(&self, prepared: &Prepared) -> Baseline {
        let probation = Probation::new(
            &*prepared.services,
            &prepared.project.units,
            None,
            prepared.project.probation,
        );
        let mut now = probation.baseline(&self.cancel).await.unwrap_or_default();
        now.unit_faults.clear();
        now
    }
}

/// Whether a commit is at the remote, so that the one that takes it back goes there as well.
async fn is_pushed(
    prepared: &Prepared,
    checkout: &Checkout,
    head: &Head,
    commit: &CommitId,
) -> Result<bool> {
    match checkout.upstream(head.branch.as_ref(), prepared.project.remote.as_ref()).await? {
        None => Ok(false),
        Some(upstream) if upstream.ahead == Some(0) => Ok(true),
        Some(upstream) => checkout.is_ancestor(commit, &checkout.fetch(&upstream).await?).await,
    }
}

/// Says of a run that was put off that it failed, where nobody but whoever asked for it does so
/// again.
pub(super) fn fail_if_put_off(finished: &mut Run) {
    let record = &mut finished.record;
    if let (false, Some(Outcome::Parked { reason, .. })) =
        (record.job.rules().may_park, &record.outcome)
    {
        let step = record.steps.last().map_or_else(String::new, |step| step.name.clone());
        record.outcome = Some(Outcome::Failed {
            step,
            message: format!("{reason}; ask for it again when that is over"),
        });
    }
}

/// What a run says about the one whose change it took back, if a person asked for it.
pub(super) fn takes_back(finished: &Run) -> Option<TakenBack> {
    let of = finished.record.job.takes_back()?;
    let is_done = finished.is_complete || finished.is_out();
    is_done.then(|| TakenBack { run: of, reason: reason(&finished.record) })
}

fn is_rollback(run: &RunRecord) -> bool {
    run.job.takes_back().is_some()
}

fn is_taken_back(run: &RunRecord) -> bool {
    matches!(run.outcome, Some(Outcome::RolledBack { .. }))
}

/// Whether the run's commit is out there: it was applied, or taking it back did not succeed.
fn has_delivered(run: &RunRecord) -> bool {
    let is_out = match &run.outcome {
        Some(Outcome::Applied { .. } | Outcome::Unproven { .. }) => true,
        Some(Outcome::Failed { step, .. }) => step == ROLLBACK,
        _ => false,
    };
    is_out && run.commit.is_some()
}
