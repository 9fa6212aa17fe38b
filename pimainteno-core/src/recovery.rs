//! At start: finishes or undoes what the journal left open.
//!
//! A run that was cut off before anything could be seen from outside is interrupted: the next run makes the workspace clean.
//! One whose commit is at the remote or in the checkout goes on where it was: delivery is finished, the service is watched, and taken back if it proves unhealthy.
//! What happened is looked up where it would be seen (the remote, the checkout), so nothing is done twice.

use std::sync::Arc;

use crate::{
    error::{Result, Retry},
    event::Event,
    git::{Checkout, Git, Upstream},
    run::{Outcome, RunRecord, Trigger},
    runner::{Prepared, Runner, Start, cut_off},
    service::Baseline,
    step::{Delivery, Step},
    store::{Effect, FinishedRun, OpenRun},
};

/// Finishes or undoes every open run; gives their records.
///
/// A run that cannot be finished now (its remote is out of reach, its workspace cannot be made) stays open, and its project waits for it.
pub(crate) async fn recover(runner: &Runner) -> Result<Vec<RunRecord>> {
    // One at a time: two would find the same open runs.
    let mut unfinished = runner.unfinished.lock().await;
    unfinished.clear();
    let open = runner.store.open_runs()?;
    for message in open.notices {
        runner.events.event(&Event::Notice { project: String::new(), at: jiff::Timestamp::now(), message });
    }
    let mut records = Vec::new();
    for run in open.runs {
        let project = run.record.project.clone();
        match runner.projects.iter().find(|prepared| prepared.project.id == project) {
            None => records.push(interrupt(runner, run)?),
            Some(prepared) => match recover_run(runner, prepared, run).await {
                Ok(record) => records.push(record),
                Err(error) => {
                    let message = format!("a run that was cut off cannot be finished yet: {error}");
                    unfinished.insert(project.clone(), message.clone());
                    runner.events.event(&Event::Notice { project, at: jiff::Timestamp::now(), message });
                }
            },
        }
    }
    Ok(records)
}

async fn recover_run(runner: &Runner, prepared: &Prepared, open: OpenRun) -> Result<RunRecord> {
    let checkout = Checkout::open(&prepared.project.path, Git::new(runner.environment.clone())).await?;
    match rest_of(prepared, &checkout, &open).await? {
        Some(start) => runner.resume(prepared, &checkout, open, start).await,
        None => interrupt(runner, open),
    }
}

/// Ends a run of which nothing can be seen from outside.
fn interrupt(runner: &Runner, open: OpenRun) -> Result<RunRecord> {
    let mut record = open.record.clone();
    record.ended = Some(jiff::Timestamp::now());
    record.outcome = Some(Outcome::Interrupted);
    let mut finished = FinishedRun::new(record.clone());
    finished.proposal = match record.trigger {
        // It is stored, and waits again.
        Trigger::Approval { proposal } => cut_off(&runner.store, proposal)?,
        _ => open.proposal().cloned(),
    };
    let journal = runner.store.resume(open)?;
    runner.store.finish_run(&journal, finished, |_| {})?;
    runner.events.event(&Event::RunFinished { record: Box::new(record.clone()) });
    Ok(record)
}

/// How far a run came whose commit can be seen from outside; `None` if it cannot.
async fn rest_of(prepared: &Prepared, checkout: &Checkout, open: &OpenRun) -> Result<Option<Start>> {
    let done = open.done();
    let place = checkout.head().await?;
    let head = place.commit;
    let mut start = Start::new(open.record.clone(), String::new());
    let (mut delivered, mut all_restarted) = (Vec::new(), true);
    for effect in done.iter().copied().chain(open.pending().into_iter().map(|(_, effect)| effect)) {
        let is_done = done.contains(&effect);
        let (from, to, is_push) = match effect {
            Effect::Push { from, to, .. } => (from, to, true),
            Effect::Move { from, to } => (from, to, false),
            Effect::Commit { branch, .. } => {
                start.branch.clone_from(branch);
                continue;
            }
            Effect::Restart { unit } => {
                start.delivery.restarted.push(unit.clone());
                all_restarted &= is_done;
                continue;
            }
            Effect::Call { .. } => continue,
        };
        let is_taken_back = delivered.contains(&from);
        delivered.push(to);
        let is_seen = match effect {
            Effect::Push { remote, branch, .. } if !is_done => is_pushed(checkout, remote, branch, to).await?,
            Effect::Push { .. } => true,
            // One that goes back has what it goes back to behind it from the beginning.
            _ => head != *from && checkout.is_ancestor(to, &head).await.unwrap_or(false),
        };
        if !is_seen {
            continue;
        }
        if start.record.commit.as_ref() != Some(to) {
            // Another commit than so far: how far that one came says nothing about this one.
            (start.delivery, all_restarted) = (Delivery::default(), true);
            start.record.commit = Some(to.clone());
            start.record.base.clone_from(from);
            start.taken_back = is_taken_back;
        }
        start.delivery.pushed |= is_push;
        start.delivery.moved |= !is_push;
    }
    let Some(commit) = &start.record.commit else { return Ok(None) };
    start.change = Some(checkout.change(&start.record.base, commit).await?);
    start.proposal = open.proposal().cloned();
    start.record.proposal = start.proposal.as_ref().map(|proposal| proposal.id);
    let Delivery { pushed, moved, restarted, before } = &mut start.delivery;
    let after = match (*moved, all_restarted && !restarted.is_empty()) {
        (true, true) => "restart",
        _ if *pushed => "push",
        _ => "commit",
    };
    if after != "restart" {
        restarted.clear();
    }
    if *moved || start.taken_back {
        // How things are now is no measure: the change is there, or was.
        *before = Some(Baseline::default());
    }
    // A commit that a person had taken back was dropped, not followed by another one: there is nothing to push.
    let is_dropped = matches!(start.record.trigger, Trigger::Rollback { .. }) && start.branch.is_empty();
    if is_dropped {
        start.branch = place.branch.unwrap_or_default();
    }
    let needs_push = !*pushed && !start.taken_back && !is_dropped;
    start.steps = steps_after(prepared, after, needs_push);
    Ok(Some(start))
}

/// Whether the remote's branch has `commit`.
///
/// # Errors
/// That the remote cannot be reached, so that nobody knows.
async fn is_pushed(checkout: &Checkout, remote: &str, branch: &str, commit: &str) -> Result<bool> {
    let upstream = Upstream { remote: remote.to_owned(), branch: branch.to_owned(), ahead: None };
    match checkout.remote_commit(&upstream).await {
        Ok(there) if there == commit => Ok(true),
        Ok(there) if there.is_empty() => Ok(false),
        Ok(_) => Ok(checkout.is_ancestor(commit, &checkout.fetch(&upstream).await?).await.unwrap_or(false)),
        Err(error) if matches!(error.retry(), Retry::After(_)) => Err(error),
        Err(_) => Ok(false),
    }
}

/// The project's steps behind the one named `after`, with or without its push.
fn steps_after(prepared: &Prepared, after: &str, needs_push: bool) -> Vec<Arc<dyn Step>> {
    let place = prepared.steps.iter().position(|step| step.name() == after).map_or(prepared.steps.len(), |place| place + 1);
    prepared.steps.iter().skip(place).filter(|step| needs_push || step.name() != "push").cloned().collect()
}
