//! Brings the commit to the checkout and restarts what runs from it.

use async_trait::async_trait;

use super::{Effects, Flow, Need, Step, StepContext};
use crate::{
    config::RestartConfig,
    error::{Error, ErrorKind, Result, Retry},
    process::Cancel,
    run::Outcome,
    service::{LoadState, UnitState},
    store::Effect,
    words::{CommitId, UnitName},
};

/// What a policy writes in front of the name of a unit that is to read its configuration again, and
/// not to be restarted.
const RELOAD: &str = "reload:";

/// Moves the checkout to the commit, then restarts the units that the policy maps to the changed
/// files, and those that the change is to mend, in the order of their dependencies.
#[derive(Debug)]
pub(crate) struct Restart;

/// A unit that is to be restarted.
struct Restarted {
    unit: UnitName,
    /// Whether it is enough that it reads its configuration again.
    is_reload: bool,
}

#[async_trait]
impl Step for Restart {
    fn name(&self) -> &str {
        "restart"
    }

    fn effects(&self) -> Effects {
        Effects::Announced
    }

    fn needs(&self) -> &[Need] {
        &[Need::Units, Need::Checkout]
    }

    async fn run(&self, context: &mut StepContext<'_>) -> Result<Flow> {
        let Some(commit) = context.run.record.commit.clone() else {
            return Ok(Flow::End(Outcome::NoChange));
        };
        let is_unmanaged = context.project().restart == RestartConfig::None;
        let asked = if is_unmanaged { Vec::new() } else { self.units(context).await? };
        let units: Vec<_> = asked.iter().map(|asked| asked.unit.clone()).collect();
        // What a rollback finds is what the change did; it is measured by what was before.
        let before = match context.run.delivery.before.take() {
            Some(before) => before,
            None => context.probation(&units).baseline(context.cancel()).await?,
        };
        // Somebody stopped these on purpose.
        let stopped = |unit: &UnitName| before.units.get(unit).is_some_and(UnitState::is_put_away);
        let (stopped, units): (Vec<_>, Vec<_>) = units.iter().cloned().partition(stopped);
        context.run.delivery.before = Some(before);
        for unit in stopped {
            context.progress(format!("{unit} is stopped or masked, and stays so"));
        }
        context.move_checkout().await?;
        let services = context.parts.services;
        if services.take_up_files(&units).await? {
            context.progress("systemd has read changed unit files again");
        }
        let units = services.in_order(units).await;
        for unit in &units {
            let is_reload = asked.iter().any(|asked| asked.unit == *unit && asked.is_reload);
            context.progress(format!("{} {unit}", if is_reload { "reloads" } else { "restarts" }));
            context.restart_or_reload(unit, is_reload).await?;
        }
        Ok(Flow::Done(match units.as_slice() {
            [] if is_unmanaged => {
                format!("checkout at {commit:.12}; nothing is restarted: `restart` is \"none\"")
            }
            [] => format!("checkout at {commit:.12}; nothing to restart"),
            units => format!("checkout at {commit:.12}; restarted {}", units.join(", ")),
        }))
    }
}

impl Restart {
    /// The units to restart: those that the policy names and that exist.
    async fn units(&self, context: &StepContext<'_>) -> Result<Vec<Restarted>> {
        let mut units: Vec<Restarted> = Vec::new();
        for asked in self.asked(context)? {
            let (Restarted { unit, .. }, restarts) = (&asked, &mut units);
            let is_refused = context.run.delivery.refused.contains(unit);
            if is_refused || restarts.iter().any(|restart| restart.unit == *unit) {
                continue;
            }
            let is_guessed =
                !context.project().units_are_explicit && context.project().units.contains(unit);
            match context.parts.services.state(unit).await {
                Ok(state) if state.load != LoadState::NotFound => restarts.push(asked),
                // The name was guessed from the directory's, and not every project has a service.
                Ok(_) if is_guessed => {
                    context.progress(format!("there is no {unit} on this machine"));
                }
                Err(error) if is_guessed => {
                    context.progress(format!("cannot ask for {unit}: {error}"));
                }
                Ok(_) => return Err(no_such_unit(unit)),
                Err(error) => return Err(error),
            }
        }
        Ok(units)
    }

    /// The units that the change is to mend, and those that the policy names.
    fn asked(&self, context: &StepContext<'_>) -> Result<Vec<Restarted>> {
        let named = context.parts.policy.restart_units(&context.run.facts)?;
        let to_mend = context.run.unit_to_mend().cloned().into_iter();
        let mut all: Vec<_> = to_mend.map(|unit| Restarted { unit, is_reload: false }).collect();
        for named in named {
            all.push(match named.strip_prefix(RELOAD) {
                Some(unit) => Restarted { unit: unit.parse()?, is_reload: true },
                None => Restarted { unit: named, is_reload: false },
            });
        }
        Ok(all)
    }
}

/// What is wrong where the configuration names a unit that is not there.
pub(crate) fn no_such_unit(unit: &str) -> Error {
    Error::new(ErrorKind::Service, format!("there is no unit `{unit}`"))
        .hint("set `units` to the units that run from this checkout, or `units = []`")
}

impl StepContext<'_> {
    /// Moves the checkout to the commit: forward, or back from a commit of ours that never left the
    /// machine. Uncommitted work is not touched.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] if it cannot be moved; then it is as it was. [`ErrorKind::Step`] if there
    /// is no commit, or as [`Self::commit_change`].
    pub async fn move_checkout(&mut self) -> Result<()> {
        self.must_be_allowed("moves the checkout")?;
        let Some(commit) = self.run.record.commit.clone() else {
            return Err(Error::new(ErrorKind::Step, "there is no commit to move the checkout to")
                .hint("put the step behind `commit`"));
        };
        let checkout = self.parts.checkout;
        let from = self.checkout_commit().await?;
        if from == commit {
            self.run.delivery.moved = true;
            self.run.touch(&self.step.clone());
            return Ok(());
        }
        let is_forward = checkout.is_ancestor(&from, &commit).await?;
        // Only from the commit that is taken back, which never left the machine.
        let is_back = self.run.rules().brings_back && from == self.run.base;
        if !is_forward && !is_back {
            return Err(Error::new(
                ErrorKind::Git,
                format!("the checkout is at {from:.12}, which {commit:.12} does not contain"),
            ));
        }
        // Before the intent, so that whatever recovery finds there later came after it.
        checkout.expect_movable(&from, &commit).await?;
        let journal = self.parts.journal;
        let intent = self.announce(Effect::Move { from: from.clone(), to: commit.clone() })?;
        if is_forward {
            checkout.fast_forward(&from, &commit).await?;
        } else {
            checkout.undo(&from, &commit).await?;
        }
        self.run.delivery.moved = true;
        self.run.touch(&self.step.clone());
        journal.done(intent)
    }

    /// Makes sure that the checkout is at `behind` or before it, and can be moved to `to`, which is
    /// a commit, or the tree of one that is to be: found out after a push, it would cost a push and
    /// its revert.
    ///
    /// # Errors
    /// [`ErrorKind::Git`] with what is in the way.
    pub(super) async fn expect_movable_to(&self, behind: &CommitId, to: &str) -> Result<()> {
        let checkout = self.parts.checkout;
        if let Some(obstacle) = checkout.obstacle().await? {
            return Err(Error::new(ErrorKind::Git, obstacle).hint("commit or undo them"));
        }
        let at = self.checkout_commit().await?;
        if !checkout.is_ancestor(&at, behind).await? {
            let message = format!("the checkout moved meanwhile: it is at {at:.12}");
            return Err(Error::new(ErrorKind::Git, message));
        }
        if self.is_needed(Need::Checkout) {
            checkout.expect_room(&at, to).await?;
        }
        Ok(())
    }

    /// Whether a step of the project needs this.
    pub(super) fn is_needed(&self, need: Need) -> bool {
        self.parts.steps.iter().any(|step| step.needs().contains(&need))
    }

    /// Restarts a unit, which `monitor` watches then.
    ///
    /// # Errors
    /// [`ErrorKind::Service`] if it does not come up; [`ErrorKind::Step`] as
    /// [`Self::commit_change`].
    pub async fn restart_unit(&mut self, unit: &UnitName) -> Result<()> {
        self.restart_or_reload(unit, false).await
    }

    async fn restart_or_reload(&mut self, unit: &UnitName, is_reload: bool) -> Result<()> {
        self.must_be_allowed("restarts a unit")?;
        let intent = self.announce(Effect::Restart { unit: unit.clone() })?;
        // Noted before the restart: one that fails half way has touched the unit as well.
        self.run.delivery.restarted.push(unit.clone());
        // A restart is not stopped half way; it has a deadline of its own.
        let (services, never) = (self.parts.services, Cancel::new());
        let done = match is_reload {
            true => services.reload(unit, &never).await,
            false => services.restart(unit, &never).await,
        };
        if let Err(error) = done {
            // What was not allowed has touched nothing, and has not to be taken back.
            if error.retry() == Retry::WhenUnblocked {
                let delivery = &mut self.run.delivery;
                delivery.restarted.retain(|restarted| restarted != unit);
                delivery.refused.push(unit.clone());
            }
            return Err(error);
        }
        self.parts.journal.done(intent)
    }
}
