//! The queue: what is due, in which order, and how much of it goes on at once.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{error::Result, id::ProposalId, job::Job, process::Cancel, words::ProjectId};

/// What is due, in which order, and how much of it goes on at once: one run per checkout, whatever
/// projects are in it, and so many in all.
///
/// What is most urgent comes first, see [`crate::job::Rules::urgency`], and of equals whatever came
/// first; what cannot begin yet, because its checkout is busy, keeps nobody else waiting.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Told whenever something else may begin.
    changed: Notify,
    /// Told whenever a run has ended, for the one who watches units.
    ended: Notify,
}

#[derive(Default)]
struct State {
    /// How many runs may go on at once.
    most: usize,
    tickets: Vec<Ticket>,
    last: u64,
    /// Whether the program serves, so that what is asked for outlives it.
    is_served: bool,
    /// The proposals that somebody is deciding about.
    deciding: HashSet<ProposalId>,
}

struct Ticket {
    number: u64,
    project: ProjectId,
    /// The first of the projects of its checkout.
    repository: ProjectId,
    job: Job,
    is_running: bool,
    /// Whether it waits for something that is nothing to do here.
    is_aside: bool,
}

/// A place in the queue, and then the turn of a run: nobody else runs the project until this is
/// dropped.
pub(crate) struct Turn<'q> {
    queue: &'q Queue,
    number: u64,
}

/// Somebody is deciding about a proposal; others have to wait until this is dropped.
pub(crate) struct Deciding<'q> {
    queue: &'q Queue,
    proposal: ProposalId,
}

impl Queue {
    /// An empty queue that lets `most` runs go on at once.
    pub(crate) fn new(most: usize) -> Self {
        let state = State { most: most.max(1), ..State::default() };
        Self { state: Mutex::new(state), changed: Notify::new(), ended: Notify::new() }
    }

    /// Lets `most` runs go on at once from now on; those that go on already are not stopped.
    pub(crate) fn allow(&self, most: usize) {
        self.state().most = most.max(1);
        self.changed.notify_waiters();
    }

    /// Waits for the turn of a job on a project, whose checkout goes by the name `repository`. `told`
    /// is called if it cannot begin at once.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Cancelled`] if `cancel` is raised meanwhile.
    pub(crate) async fn turn(
        &self,
        project: &ProjectId,
        repository: &ProjectId,
        job: &Job,
        cancel: &Cancel,
        told: impl FnOnce() + Send,
    ) -> Result<Turn<'_>> {
        let turn = self.enter(project, repository, job);
        let mut told = Some(told);
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            cancel.check()?;
            if self.begins(turn.number) {
                return Ok(turn);
            }
            if let Some(told) = told.take() {
                told();
            }
            tokio::select! {
                () = changed => {}
                () = cancel.raised() => {}
            }
        }
    }

    /// Whether the same job waits for its turn already.
    pub(crate) fn has_waiting(&self, project: &ProjectId, job: &Job) -> bool {
        let is_same = |ticket: &Ticket| ticket.project == *project && ticket.job == *job;
        self.state().tickets.iter().any(|ticket| !ticket.is_running && is_same(ticket))
    }

    /// Whether a job of the project is carried out, or waits for its turn.
    pub(crate) fn is_busy(&self, project: &ProjectId) -> bool {
        self.state().tickets.iter().any(|ticket| ticket.project == *project)
    }

    /// Ready when a job has ended since this was last waited for.
    pub(crate) async fn ended(&self) {
        self.ended.notified().await;
    }

    /// Says whether the run of a project waits for somebody far away: then it takes no room, and
    /// another project may be run meanwhile. It goes on without asking when that is over, so that
    /// for a while there may be as many runs more as waited.
    pub(crate) fn set_aside(&self, project: &ProjectId, is_aside: bool) {
        let mut state = self.state();
        let running = state.tickets.iter_mut().find(|it| it.is_running && it.project == *project);
        if let Some(ticket) = running {
            ticket.is_aside = is_aside;
            self.changed.notify_waiters();
        }
    }

    /// Says whether the program serves from now on, so that what is asked for outlives it.
    pub(crate) fn serve(&self, is_served: bool) {
        self.state().is_served = is_served;
    }

    /// Whether the program serves.
    pub(crate) fn is_served(&self) -> bool {
        self.state().is_served
    }

    /// Keeps everybody else from deciding about a proposal; `None` if somebody does already.
    pub(crate) fn decide(&self, proposal: ProposalId) -> Option<Deciding<'_>> {
        let is_first = self.state().deciding.insert(proposal);
        is_first.then(|| Deciding { queue: self, proposal })
    }

    fn enter(&self, project: &ProjectId, repository: &ProjectId, job: &Job) -> Turn<'_> {
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        let (project, repository, job) = (project.clone(), repository.clone(), job.clone());
        let (is_running, is_aside) = (false, false);
        state.tickets.push(Ticket { number, project, repository, job, is_running, is_aside });
        Turn { queue: self, number }
    }

    /// Lets the ticket of this number begin, if it is the next that can.
    fn begins(&self, number: u64) -> bool {
        let mut state = self.state();
        let most = state.most;
        let (running, waiting): (Vec<_>, Vec<_>) =
            state.tickets.iter_mut().partition(|ticket| ticket.is_running);
        let is_free = |ticket: &&mut Ticket| {
            !running.iter().any(|other| other.repository == ticket.repository)
        };
        let next = waiting
            .into_iter()
            .filter(is_free)
            .min_by_key(|ticket| (ticket.job.rules().urgency, ticket.number));
        let taken = running.iter().filter(|ticket| !ticket.is_aside).count();
        let Some(ticket) = next.filter(|next| next.number == number && taken < most) else {
            return false;
        };
        ticket.is_running = true;
        // The one behind it may have been looked at too early.
        self.changed.notify_waiters();
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state();
        state.tickets.retain(|ticket| ticket.number != self.number);
        self.queue.changed.notify_waiters();
        self.queue.ended.notify_one();
    }
}

impl Drop for Deciding<'_> {
    fn drop(&mut self) {
        self.queue.state().deciding.remove(&self.proposal);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::Poll,
    };

    use super::*;
    use crate::{ErrorKind, id::RunId};

    fn id(name: &str) -> ProjectId {
        ProjectId::of(name)
    }

    fn upkeep() -> Job {
        Job::Upkeep { chore: "improve".into() }
    }

    #[tokio::test]
    async fn the_most_urgent_comes_first_and_of_equals_the_first() {
        let (queue, cancel) = (Arc::new(Queue::new(1)), Cancel::new());
        let first = queue.turn(&id("a"), &id("a"), &upkeep(), &cancel, || {}).await.unwrap();
        let begun = Arc::new(Mutex::new(Vec::new()));
        let jobs = [
            upkeep(),
            Job::Delivery { proposal: ProposalId::new() },
            Job::Repair { unit: "a.service".parse().unwrap() },
            Job::Reversal { of: RunId::new() },
            upkeep(),
        ];
        let mut waiting = Vec::new();
        for (place, job) in jobs.into_iter().enumerate() {
            let (queue, begun, cancel) = (queue.clone(), begun.clone(), cancel.clone());
            let mut wait = Box::pin(async move {
                let _turn = queue.turn(&id("a"), &id("a"), &job, &cancel, || {}).await.unwrap();
                begun.lock().unwrap().push(place);
            });
            let is_waiting =
                std::future::poll_fn(|task| Poll::Ready(wait.as_mut().poll(task).is_pending()))
                    .await;
            assert!(is_waiting);
            waiting.push(tokio::spawn(wait));
        }
        drop(first);
        for wait in waiting {
            wait.await.unwrap();
        }
        assert_eq!(*begun.lock().unwrap(), [3, 2, 1, 0, 4]);
    }

    #[tokio::test]
    async fn one_run_per_checkout_and_what_waits_for_it_keeps_nobody_else_waiting() {
        let (queue, cancel) = (Queue::new(2), Cancel::new());
        let first = queue.turn(&id("a"), &id("a"), &upkeep(), &cancel, || {}).await.unwrap();
        let (told, job) = (AtomicBool::new(false), upkeep());
        let a = id("a");
        let mut second =
            pin!(queue.turn(&a, &a, &job, &cancel, || told.store(true, Ordering::Relaxed)));
        assert!(
            std::future::poll_fn(|task| Poll::Ready(second.as_mut().poll(task).is_pending())).await
        );
        let other = queue.turn(&id("b"), &id("b"), &upkeep(), &cancel, || {}).await.unwrap();
        let (c, told_too) = (id("c"), AtomicBool::new(false));
        let tell = || told_too.store(true, Ordering::Relaxed);
        let mut third = pin!(queue.turn(&c, &a, &job, &cancel, tell));
        assert!(
            std::future::poll_fn(|task| Poll::Ready(third.as_mut().poll(task).is_pending())).await
        );
        drop(first);
        let second = second.await.unwrap();
        assert!(
            std::future::poll_fn(|task| Poll::Ready(third.as_mut().poll(task).is_pending())).await
        );
        drop((other, second));
        drop(third.await.unwrap());
        assert!(told.load(Ordering::Relaxed) && told_too.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn who_waits_for_somebody_far_away_keeps_its_project_and_no_room() {
        let (queue, cancel) = (Queue::new(1), Cancel::new());
        let (a, b, job) = (id("a"), id("b"), upkeep());
        let first = queue.turn(&a, &a, &job, &cancel, || {}).await.unwrap();
        let mut other = pin!(queue.turn(&b, &b, &job, &cancel, || {}));
        let mut same = pin!(queue.turn(&a, &a, &job, &cancel, || {}));
        let is_pending = async |turn: std::pin::Pin<&mut dyn Future<Output = _>>| {
            let mut turn = turn;
            std::future::poll_fn(|task| Poll::Ready(turn.as_mut().poll(task).is_pending())).await
        };
        assert!(is_pending(other.as_mut()).await);
        queue.set_aside(&a, true);
        let other = other.await.unwrap();
        assert!(is_pending(same.as_mut()).await, "one run per project");
        queue.set_aside(&a, false);
        drop(other);
        assert!(is_pending(same.as_mut()).await);
        drop(first);
        assert!(same.await.is_ok());
    }

    #[tokio::test]
    async fn what_waits_ends_when_it_is_told_to_stop_and_leaves_no_trace() {
        let (queue, cancel) = (Queue::new(1), Cancel::new());
        let first = queue.turn(&id("a"), &id("a"), &upkeep(), &cancel, || {}).await.unwrap();
        let job = upkeep();
        let b = id("b");
        let mut second = pin!(queue.turn(&b, &b, &job, &cancel, || {}));
        assert!(
            std::future::poll_fn(|task| Poll::Ready(second.as_mut().poll(task).is_pending())).await
        );
        cancel.raise();
        assert_eq!(second.await.err().unwrap().kind(), ErrorKind::Cancelled);
        drop(first);
        assert!(queue.turn(&id("a"), &id("a"), &upkeep(), &Cancel::new(), || {}).await.is_ok());
    }

    #[test]
    fn one_decides_about_a_proposal_at_a_time() {
        let (queue, proposal) = (Queue::new(1), ProposalId::new());
        let deciding = queue.decide(proposal);
        assert!(
            deciding.is_some()
                && queue.decide(proposal).is_none()
                && queue.decide(ProposalId::new()).is_some()
        );
        drop(deciding);
        assert!(queue.decide(proposal).is_some());
    }
}
