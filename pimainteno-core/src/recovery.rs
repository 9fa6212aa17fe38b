//! At start: finishes or undoes what the journal left open.
//!
//! A run that was cut off before anything could be seen from outside is interrupted: the next run makes the workspace clean.
//! One whose commit is at the remote or in the checkout goes on where it was: delivery is finished, the service is watched, and taken back if it proves unhealthy.
//! What happened is looked up where it would be seen (the remote, the checkout), so nothing is done twice.

use std::sync::Arc;

use crate::{
    error::Result,
    event::Event,
    git::{Checkout, Git, Upstream},
    maintainer::{Inner, Prepared, Start},
    run::{Outcome, RunRecord},
    step::{Delivery, Step},
    store::{Effect, FinishedRun, OpenRun},
};

/// Finishes or undoes every open run; gives their records.
pub(crate) async fn recover(inner: &Inner) -> Result<Vec<RunRecord>> {
    let open = inner.store.open_runs()?;
    for message in open.notices {
        inner.events.event(&Event::Notice { project: String::new(), at: jiff::Timestamp::now(), message });
    }
    let mut records = Vec::new();
    for run in open.runs {
        records.push(recover_run(inner, run).await?);
    }
    Ok(records)
}

async fn recover_run(inner: &Inner, open: OpenRun) -> Result<RunRecord> {
    let project = inner.projects.iter().find(|prepared| prepared.project.id == open.record.project);
    if let Some(prepared) = project
        && let Ok(checkout) = Checkout::open(&prepared.project.path, Git::new(inner.environment.clone())).await
        && let Some(start) = rest_of(prepared, &checkout, &open).await
    {
        return inner.resume(prepared, &checkout, open, start).await;
    }
    interrupt(inner, open)
}

/// Ends a run of which nothing can be seen from outside.
fn interrupt(inner: &Inner, open: OpenRun) -> Result<RunRecord> {
    let mut record = open.record.clone();
    record.ended = Some(jiff::Timestamp::now());
    record.outcome = Some(Outcome::Interrupted);
    let mut finished = FinishedRun::new(record.clone());
    finished.proposal = open.proposal().cloned();
    let journal = inner.store.resume(open)?;
    inner.store.finish_run(&journal, finished, |_| {})?;
    inner.events.event(&Event::RunFinished { record: Box::new(record.clone()) });
    Ok(record)
}

/// How far a run came whose commit can be seen from outside; `None` if it cannot.
async fn rest_of(prepared: &Prepared, checkout: &Checkout, open: &OpenRun) -> Option<Start> {
    let mut delivery = Delivery::default();
    let mut commit = None;
    let mut branch = String::new();
    let mut base = open.record.base.clone();
    for effect in open.done().into_iter().chain(open.pending().into_iter().map(|(_, effect)| effect)) {
        match effect {
            Effect::Push { remote, branch, from, to } => {
                let upstream = Upstream { remote: remote.clone(), branch: branch.clone(), ahead: None };
                let there = checkout.fetch(&upstream).await.unwrap_or_default();
                if there == *to || checkout.is_ancestor(to, &there).await.unwrap_or(false) {
                    delivery.pushed = true;
                    commit = Some(to.clone());
                    base.clone_from(from);
                }
            }
            Effect::Move { from, to } => {
                let head = checkout.head().await.ok()?.commit;
                if head == *to || checkout.is_ancestor(to, &head).await.unwrap_or(false) {
                    delivery.moved = true;
                    commit = Some(to.clone());
                    if !delivery.pushed {
                        base.clone_from(from);
                    }
                }
            }
            Effect::Restart { unit } => delivery.restarted.push(unit.clone()),
            Effect::Commit { branch: of, .. } => branch.clone_from(of),
            Effect::Call { .. } => {}
        }
    }
    let commit = commit?;
    let change = checkout.change(&base, &commit).await.ok()?;
    let done: Vec<_> = open.done();
    let all_restarted = delivery.moved && delivery.restarted.iter().all(|unit| done.contains(&&Effect::Restart { unit: unit.clone() }));
    let after = match (delivery.moved, all_restarted && !delivery.restarted.is_empty()) {
        (true, true) => "restart",
        _ if delivery.pushed => "push",
        _ => "commit",
    };
    if after != "restart" {
        delivery.restarted.clear();
    }
    let steps = steps_after(prepared, after, delivery.pushed);
    let mut record = open.record.clone();
    record.base = base;
    record.commit = Some(commit);
    record.proposal = open.proposal().map(|proposal| proposal.id);
    Some(Start { record, branch, steps, change: Some(change), delivery })
}

/// The project's steps behind the one named `after`, without a push that was made.
fn steps_after(prepared: &Prepared, after: &str, pushed: bool) -> Vec<Arc<dyn Step>> {
    let place = prepared.steps.iter().position(|step| step.name() == after).map_or(prepared.steps.len(), |place| place + 1);
    prepared.steps.iter().skip(place).filter(|step| !(pushed && step.name() == "push")).cloned().collect()
}
