//! What was asked for: it waits for its turn, and is not forgotten when the program is stopped
//! before that comes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::{Prepared, Runner};
use crate::{
    error::{Error, ErrorKind, Result},
    event::{EventKind, NoticeKind},
    job::Job,
    queue::Turn,
    run::{Outcome, RunRecord, Trigger},
    store::Order,
    words::ProjectId,
};

/// Among how many of a project's last runs one that has done it is looked for.
const LOOKED_AT: usize = 50;

/// The orders that wait for their turn in this program, or are carried out: the same is not begun
/// twice, whichever configuration it is found in.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<Vec<Uuid>>);

/// An order is under way until this is dropped.
pub(crate) struct Mark {
    all: Arc<UnderWay>,
    order: Uuid,
}

/// An order that is stored until its run has begun, or has turned out not to be worth beginning.
/// What the program is stopped before stays stored.
pub(super) struct Ordered<'r> {
    runner: &'r Runner,
    project: &'r ProjectId,
    order: Option<&'r Order>,
    /// Its turn, once that came; let go of behind the order, so that whoever comes next finds it
    /// done.
    turn: Option<Turn<'r>>,
    _mark: Mark,
}

impl UnderWay {
    fn orders(&self) -> MutexGuard<'_, Vec<Uuid>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that an order is under way.
    pub(crate) fn mark(self: &Arc<Self>, order: &Order) -> Mark {
        self.orders().push(order.id);
        Mark { all: self.clone(), order: order.id }
    }

    /// Whether an order is under way.
    pub(crate) fn has(&self, order: &Order) -> bool {
        self.orders().contains(&order.id)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let mut orders = self.all.orders();
        // One of them: it is marked by each who has it.
        if let Some(place) = orders.iter().position(|order| *order == self.order) {
            orders.swap_remove(place);
        }
    }
}

impl Runner {
    /// Waits for the turn of an order.
    ///
    /// While the program serves, what a person or another program asked for is stored meanwhile.
    pub(super) async fn turn<'r>(
        &'r self,
        prepared: &'r Prepared,
        order: &'r Order,
    ) -> Result<Ordered<'r>> {
        let (project, job) = (&prepared.project.id, &order.job);
        let mark = self.under_way.mark(order);
        let is_stored = self.is_stored(prepared, order);
        // What a slot asks for comes again with the next one, and what a unit that failed does with
        // its incident.
        let comes_again = match &order.trigger {
            Trigger::Schedule => true,
            Trigger::UnitFailure { unit } => self.open_incident(unit).is_some(),
            _ => false,
        };
        let is_kept = is_stored || (self.queue.is_served() && !comes_again);
        if is_kept && !is_stored {
            self.store.update_project(project, |state| state.orders.push(order.clone()))?;
        }
        let order = Some(order).filter(|_| is_kept);
        let mut ordered = Ordered { runner: self, project, order, turn: None, _mark: mark };
        let told = || drop(self.bus.tell(project, None, EventKind::Queued { job: job.clone() }));
        // Whoever waits for the answer is told what becomes of it.
        ordered.turn = match self
            .queue
            .turn(project, &prepared.repository, job, &self.cancel, told)
            .await
        {
            Err(_) if is_kept => {
                return Err(Error::new(
                    ErrorKind::Cancelled,
                    format!("the program was told to stop before its turn came: {job}"),
                )
                .hint(
                    "it is done when the program starts again; pausing the project keeps it from that",
                ));
            }
            turn => Some(turn?),
        };
        Ok(ordered)
    }

    /// Whether an order is stored, for the next program to do if this one does not.
    pub(super) fn is_stored(&self, prepared: &Prepared, order: &Order) -> bool {
        self.store.project(&prepared.project.id).orders.iter().any(|stored| stored.id == order.id)
    }

    /// Carries out what was asked for and had not begun when the program was stopped. What cannot
    /// be done any more is told: nobody waits for the answer.
    pub(crate) async fn carry_out_kept(&self, prepared: &Prepared, order: Order) {
        // However it ends, it is forgotten, unless the program is stopped once more.
        let (project, order) = (&prepared.project.id, &order);
        let mark = self.under_way.mark(order);
        let _kept = Ordered { runner: self, project, order: Some(order), turn: None, _mark: mark };
        if self.is_done(prepared, order) {
            return;
        }
        if let Err(error) = self.carry_out_order(prepared, order).await
            && !self.cancel.is_raised()
        {
            let message = format!(
                "what was asked for before the program was stopped is not done: {}: {error}",
                order.job
            );
            let key = order.id.to_string();
            self.bus.notice(project, None, NoticeKind::Unfinished, key, message);
        }
    }

    /// Whether a run has done what was asked for, and the program was stopped before that was
    /// noted.
    fn is_done(&self, prepared: &Prepared, order: &Order) -> bool {
        let runs = self.store.runs(Some(&prepared.project.id), LOOKED_AT).unwrap_or_default();
        let is_of = |run: &RunRecord| run.job == order.job && run.started >= order.since;
        runs.iter().any(|run| is_of(run) && run.outcome != Some(Outcome::Interrupted))
    }

    /// What was asked for and has not begun, the most urgent first.
    pub(crate) fn kept_orders(&self) -> Vec<(Arc<Prepared>, Order)> {
        let orders = |prepared: &Arc<Prepared>| {
            let state = self.store.project(&prepared.project.id);
            state.orders.iter().map(|order| (prepared.clone(), order.clone())).collect::<Vec<_>>()
        };
        let mut orders: Vec<_> = self.projects.iter().flat_map(orders).collect();
        orders.sort_by_key(|(_, order)| (order.job.rules().urgency, order.since));
        orders
    }

    async fn carry_out_order(&self, prepared: &Prepared, order: &Order) -> Result<RunRecord> {
        match &order.job {
            Job::Upkeep { .. } | Job::Repair { .. } => self.look_after(prepared, order).await,
            Job::Delivery { proposal } => self.deliver(prepared, *proposal, order).await,
            Job::Reversal { of } => self.take_back(prepared, *of, order).await,
        }
    }
}

impl Ordered<'_> {
    /// Lets go of the turn, for another runner to carry the order out. However that ends, also where
    /// it is refused, the order is forgotten with this.
    pub(super) fn hand_on(&mut self) {
        self.turn = None;
    }

    /// Forgets the order: its run has a journal from now on, or it is done.
    pub(super) fn forget(&mut self) -> Result<()> {
        let Some(order) = self.order.take() else { return Ok(()) };
        self.runner
            .store
            .update_project(self.project, |state| {
                state.orders.retain(|stored| stored.id != order.id);
            })
            .map(drop)
    }
}

impl Drop for Ordered<'_> {
    fn drop(&mut self) {
        if self.runner.cancel.is_raised() {
            return;
        }
        if let Err(error) = self.forget() {
            tracing::error!(project = %self.project, %error, "What was asked for and is done is remembered as not done yet.");
        }
    }
}
