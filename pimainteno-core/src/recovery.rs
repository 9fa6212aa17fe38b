//! At start: finishes or undoes what the journal left open.
//!
//! A run that was cut off before anything could be seen from outside is interrupted: the next run
//! makes the workspace clean. One whose commit is at the remote or in the checkout goes on where it
//! was: delivery is finished, the service is watched, and taken back if it proves unhealthy.
//! What happened is looked up where it would be seen (the remote, the checkout), so nothing is done
//! twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{
    error::{Error, ErrorKind, Result},
    event::NoticeKind,
    git::{Checkout, Upstream, is_left_half_made},
    proposal::{Proposal, ProposalStatus},
    run::{Outcome, RunOptions, RunRecord},
    runner::{Prepared, Runner, cut_off},
    service::Baseline,
    step::{Delivery, Part, Run, Step, summarize},
    store::{Announced, Answer, Effect, FinishedRun, Journal, OpenRun, Seen},
    words::ProjectId,
};

/// How long a run that was cut off may wait until it can be finished, unless a person resumes the
/// project before. Then it ends as failed, so that a remote that is gone for good does not keep its
/// project from being looked after.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Finishes or undoes every open run; gives their records.
///
/// A run that cannot be finished now (its remote is out of reach, its workspace cannot be made)
/// stays open, and its project waits for it: for a day, or until a person resumes the project. One
/// checkout does not wait for another. One whose project is not in the configuration stays open until
/// it is there again, if anything of it may be seen.
pub(crate) async fn recover(runner: &Arc<Runner>) -> Result<Vec<RunRecord>> {
    let Open { repositories, mut records } = find(runner).await?;
    let mut recovering = JoinSet::new();
    for repository in repositories {
        let runner = runner.clone();
        recovering.spawn(async move { recover_checkout(&runner, &repository).await });
    }
    let mut failure = None;
    while let Some(joined) = recovering.join_next().await {
        match joined {
            Ok(Ok(recovered)) => records.extend(recovered),
            Ok(Err(error)) => failure = Some(error),
            Err(source) => {
                let error = Error::new(ErrorKind::Internal, "a recovery was lost");
                failure = Some(error.source(source));
            }
        }
    }
    records.sort_by_key(|record| record.id);
    failure.map_or(Ok(records), Err)
}

/// What was left open.
pub(crate) struct Open {
    /// The checkouts with runs that are not finished.
    pub(crate) repositories: BTreeSet<ProjectId>,
    /// Runs of projects that are not in the configuration any more, which end here: nothing of them
    /// may be seen.
    records: Vec<RunRecord>,
}

/// Looks what was left open, without asking anybody.
pub(crate) async fn find(runner: &Runner) -> Result<Open> {
    let open = runner.store.open_runs()?;
    for message in open.notices {
        let key = message.clone();
        runner.bus.notice(None, None, NoticeKind::Store, key, message);
    }
    // Once: this program's own runs look when they take the project's lock, and a scan reads no
    // more than it must.
    if runner.looked.set(()).is_ok() {
        remove_half_made(runner, &open.runs).await;
    }
    let mut found = Open { repositories: runner.recovery.all_unfinished(), records: Vec::new() };
    for run in open.runs {
        let project = run.record.project.clone();
        let prepared = runner.projects.iter().find(|prepared| prepared.project.id == project);
        match prepared {
            Some(prepared) => {
                found.repositories.insert(prepared.repository.clone());
            }
            None if !may_be_seen(&run) => {
                let Some(attempt) = runner.recovery.begin(&project).await else { continue };
                // Looked at again: somebody may have ended it meanwhile.
                let is_still_open = |open: &OpenRun| open.record.id == run.record.id;
                if runner.store.open_runs()?.runs.iter().any(is_still_open) {
                    found.records.push(interrupt(runner, run)?);
                }
                attempt.end(None);
            }
            // Whom to ask what happened is not known.
            None => {
                let message = format!(
                    "a run of project `{project}` was cut off, and the project is not in the configuration: put it back there, and the run is finished or undone"
                );
                let key = run.record.id.to_string();
                runner.bus.notice(None, None, NoticeKind::Unfinished, key, message);
            }
        }
    }
    Ok(found)
}

/// Finishes or undoes the open runs of the projects in one checkout, if there are any; gives their
/// records. Whoever comes while that is tried waits for it, and does not try it again.
pub(crate) async fn recover_checkout(
    runner: &Runner,
    repository: &ProjectId,
) -> Result<Vec<RunRecord>> {
    let Some(attempt) = runner.recovery.begin(repository).await else { return Ok(Vec::new()) };
    let inside = runner.projects_in(repository);
    let of = |project: &ProjectId| inside.iter().copied().find(|it| it.project.id == *project);
    // Looked at again: somebody may have finished them before.
    let mut runs = runner.store.open_runs_of(|project| of(project).is_some())?;
    let taken_back = |run: &OpenRun| Some((run.record.job.takes_back()?, run.record.id));
    let rollbacks: BTreeMap<_, _> = runs.iter().rev().filter_map(taken_back).collect();
    for run in &mut runs {
        run.record.rolled_back_by = rollbacks.get(&run.record.id).copied();
    }
    let (mut records, mut unfinished) = (Vec::new(), None);
    for run in runs {
        let project = run.record.project.clone();
        let Some(prepared) = of(&project) else { continue };
        let recovered = recover_run(runner, prepared, run.clone()).await;
        match recovered.and_then(|record| ended(runner, record)) {
            Ok(record) => records.push(record),
            // Nothing was found out: whoever starts next looks.
            Err(error) if runner.cancel.is_raised() => unfinished = Some(error.to_string()),
            Err(error) if is_given_up(runner, &run) => {
                records.push(give_up(runner, run, &error)?);
            }
            Err(error) => {
                let message = format!(
                    "a run that was cut off cannot be finished yet: {error}; it is tried again for a day, or until the project is resumed"
                );
                let key = run.record.id.to_string();
                unfinished = Some(message.clone());
                runner.bus.notice(&project, None, NoticeKind::Unfinished, key, message);
            }
        }
    }
    attempt.end(unfinished);
    // What failed meanwhile is judged now.
    runner.incidents.found.notify_one();
    Ok(records)
}

/// The record of a run that was recovered, unless it is still open although nobody told it to stop.
fn ended(runner: &Runner, record: RunRecord) -> Result<RunRecord> {
    let is_open =
        record.outcome == Some(Outcome::Interrupted) && runner.store.run(record.id)?.is_none();
    if is_open && !runner.cancel.is_raised() {
        let why = record.steps.last().map_or("nobody knows why", |step| &step.note);
        return Err(Error::new(ErrorKind::Step, why.to_owned()));
    }
    Ok(record)
}

/// Whether a run that cannot be finished has waited long enough.
fn is_given_up(runner: &Runner, run: &OpenRun) -> bool {
    let resumed = runner.store.project(&run.record.project).resumed;
    run.last_sign() + PATIENCE < jiff::Timestamp::now()
        || resumed.is_some_and(|resumed| resumed > run.last_sign())
}

/// Whether a run that has not ended announced anything that can be seen from outside.
fn may_be_seen(run: &OpenRun) -> bool {
    let is_seen = |effect: &Effect| !matches!(effect, Effect::Call { .. } | Effect::Commit { .. });
    run.record.outcome.is_none() && run.announced().any(|(effect, _)| is_seen(effect))
}

/// Removes workspaces that were left half made before their run began: Git in the user's checkout
/// stumbles over them.
async fn remove_half_made(runner: &Runner, open: &[OpenRun]) {
    for prepared in runner
        .projects
        .iter()
        .filter(|prepared| !open.iter().any(|run| run.record.project == prepared.project.id))
    {
        let (path, trees) = (&prepared.project.path, runner.trees(prepared));
        if trees.iter().any(|tree| is_left_half_made(path, tree)) {
            // Taking the lock does it. If somebody has it, that is who makes the workspace.
            drop(runner.lock_checkout(prepared).await);
        }
    }
}

async fn recover_run(runner: &Runner, prepared: &Prepared, open: OpenRun) -> Result<RunRecord> {
    let Some(locked) = runner.lock_checkout(prepared).await? else {
        return Err(Error::new(ErrorKind::Git, "another run in the checkout is going on"));
    };
    put_right(runner, &locked.checkout, &open).await?;
    match rest_of(runner, prepared, &locked.checkout, &open).await? {
        Some(mut run) => {
            run.approved = open.approved().cloned();
            let journal = reopen(runner, open, &mut run.record)?;
            runner.go_on(prepared, locked, journal, run).await
        }
        None if open.record.job.rules().brings_back
            && Announced::read(&open.entries, true).has_own() =>
        {
            let message = "the program was stopped while it took the change back, and some steps have done so already; ask for it again";
            conclude(runner, open, failed(message))
        }
        None => match open.proposal().filter(|proposal| waits(proposal, &open)).cloned() {
            Some(proposal) => wait(runner, prepared, open, proposal),
            None => interrupt(runner, open),
        },
    }
}

/// Whether a change waits for something outside, as its run noted for the case that it was not
/// delivered.
fn waits(proposal: &Proposal, open: &OpenRun) -> bool {
    open.record.outcome.is_none() && proposal.status.is_held() && proposal.blocked.is_some()
}

/// Ends a run whose push was given up and has not arrived: its change waits, and a person is told
/// once, as of everything that keeps a good change from being delivered.
fn wait(
    runner: &Runner,
    prepared: &Prepared,
    open: OpenRun,
    proposal: Proposal,
) -> Result<RunRecord> {
    let mut record = open.record.clone();
    let journal = reopen(runner, open, &mut record)?;
    record.ended.get_or_insert_with(jiff::Timestamp::now);
    if let ProposalStatus::Held { reason } = &proposal.status {
        record.outcome = Some(Outcome::Held { reason: reason.clone() });
    }
    record.proposal = Some(proposal.id);
    let inputs = prepared.chore(&record.chore).inputs();
    let seen = record.base.iter().map(|head| Seen { head: head.clone(), inputs: inputs.clone() });
    let seen = seen.collect();
    let stored = FinishedRun { proposal: Some(proposal), ..FinishedRun::new(record) };
    runner.conclude(prepared, &journal, seen, stored, None, RunOptions::default())
}

/// Puts right what was cut off half way in the checkout: locks that a killed `git` left, a move
/// between two commits, half a summary.
async fn put_right(runner: &Runner, checkout: &Checkout, open: &OpenRun) -> Result<()> {
    checkout.remove_stale_locks(open.record.started.into()).await?;
    summarize::remove_unfinished(checkout.path());
    for (_, effect) in open.pending() {
        let Effect::Move { from, to } = effect else { continue };
        let left = checkout.mend_move(from, to).await?;
        if !left.is_empty() {
            let message = format!(
                "the program was stopped while it moved the checkout from {from:.12} to {to:.12}; these files hold something else by now and were left: {}",
                left.join(", ")
            );
            let (project, key) = (&open.record.project, open.record.id.to_string());
            runner.bus.notice(project, None, NoticeKind::Checkout, key, message);
        }
    }
    Ok(())
}

/// Goes on with the journal of a run. A call that was announced and whose answer is not known is
/// counted: it may have been paid for, and a program that dies of each of its calls must not make
/// them without end.
fn reopen(runner: &Runner, open: OpenRun, record: &mut RunRecord) -> Result<Journal> {
    let lost: Vec<_> = open
        .lost_calls()
        .map(|(number, at, task, backend)| (number, at, task, backend.to_owned()))
        .collect();
    let journal = runner.store.reopen(open)?;
    for (number, at, task, backend) in lost {
        let answer = Answer::lost(at.to_zoned(runner.timezone.clone()).date(), task, &backend);
        record.usage += answer.usage;
        journal.answer(answer)?;
        journal.failed(number, "the program was stopped before the answer was noted")?;
    }
    Ok(journal)
}

/// Ends a run of which nothing can be seen from outside, or one that had ended and was not stored
/// yet.
fn interrupt(runner: &Runner, open: OpenRun) -> Result<RunRecord> {
    let outcome = open.record.outcome.clone().unwrap_or(Outcome::Interrupted);
    conclude(runner, open, outcome)
}

/// Ends a run that could not be finished for too long; `error` says why. What is known of it is
/// told, and what is not.
fn give_up(runner: &Runner, open: OpenRun, error: &Error) -> Result<RunRecord> {
    let mut message = format!(
        "the program was stopped in the middle of the run, and it could not be finished since {:.0}: {error}",
        open.last_sign()
    );
    for (effect, is_done) in open.announced() {
        let what = match effect {
            Effect::Push { remote, branch, to, .. } => {
                format!("`{remote}/{branch}` has commit {to:.12}")
            }
            Effect::Move { to, .. } => format!("the checkout was brought to {to:.12}"),
            _ => continue,
        };
        message.push_str(&if is_done {
            format!("; {what}")
        } else {
            format!("; whether {what} is not known")
        });
    }
    message.push_str("; look at both before the next run");
    conclude(runner, open, failed(message))
}

fn failed(message: impl Into<String>) -> Outcome {
    Outcome::Failed { step: "recovery".into(), message: message.into() }
}

fn conclude(runner: &Runner, open: OpenRun, outcome: Outcome) -> Result<RunRecord> {
    let proposal = match open.record.job.delivers() {
        // It is stored, and waits again.
        Some(proposal) => cut_off(&runner.store, proposal)?,
        None => open.proposal().cloned(),
    };
    let mut record = open.record.clone();
    let journal = reopen(runner, open, &mut record)?;
    record.ended.get_or_insert_with(jiff::Timestamp::now);
    record.outcome = Some(outcome);
    record.proposal = record.proposal.or(proposal.as_ref().map(|proposal| proposal.id));
    let mut finished = FinishedRun::new(record.clone());
    finished.proposal = proposal;
    runner.store.finish_run(&journal, finished, |_| {})?;
    runner.bus.finished(&record);
    Ok(record)
}

/// How far a run came whose commit can be seen from outside; `None` if it cannot.
async fn rest_of(
    runner: &Runner,
    prepared: &Prepared,
    checkout: &Checkout,
    open: &OpenRun,
) -> Result<Option<Run>> {
    // It had ended, and only its record was not stored yet; or it never got to a commit.
    let (None, Some(base)) = (&open.record.outcome, open.record.base.clone()) else {
        return Ok(None);
    };
    let place = checkout.head().await?;
    let head = place.commit;
    let facts = runner.facts(prepared, checkout, &open.record).await?;
    let mut run = Run::new(open.record.clone(), base, None, facts);
    let (mut delivered, mut all_restarted) = (Vec::new(), true);
    for (effect, is_done) in open.announced() {
        let (from, to, upstream) = match effect {
            Effect::Push { from, to, remote, branch } => {
                let (remote, branch) = (remote.to_owned(), branch.to_owned());
                (from, to, Some(Upstream { remote, branch, ahead: None }))
            }
            Effect::Move { from, to } => (from, to, None),
            Effect::Commit { branch, .. } => {
                run.branch.clone_from(branch);
                continue;
            }
            Effect::Restart { unit } => {
                run.delivery.restarted.push(unit.clone());
                all_restarted &= is_done;
                continue;
            }
            Effect::Call { .. } | Effect::Own { .. } => continue,
        };
        let is_taken_back = delivered.contains(&from);
        delivered.push(to);
        let is_seen = match &upstream {
            Some(upstream) => is_done || checkout.has_arrived(to, upstream).await?,
            // One that goes back has what it goes back to behind it from the beginning.
            None => head != *from && checkout.is_ancestor(to, &head).await.unwrap_or(false),
        };
        if !is_seen {
            continue;
        }
        if run.record.commit.as_ref() != Some(to) {
            // Another commit than so far: how far that one came says nothing about this one.
            (run.delivery, all_restarted) = (Delivery::default(), true);
            run.record.commit = Some(to.clone());
            run.base.clone_from(from);
            run.taken_back = is_taken_back;
        }
        run.delivery.pushed |= upstream.is_some();
        run.delivery.moved |= upstream.is_none();
    }
    run.proposal = open.proposal().cloned();
    run.record.proposal = run.proposal.as_ref().map(|proposal| proposal.id);
    let (reverts, target) = (run.takes_back(), run.record.job.takes_back());
    let own = Announced::read(&open.entries, reverts);
    // What is taken back is what the other run did, or what this one did before.
    let did = match target {
        Some(target) => Announced::read(&runner.store.run_journal(target)?, false),
        None => Announced::read(&open.entries, false),
    };
    let is_dropped = reverts && run.branch.is_none();
    // What was announced and is not there was not done; what a reversal has yet to bring to the
    // remote is.
    let (pushed, moved) = (run.delivery.pushed, run.delivery.moved);
    let did = did.only(pushed || (target.is_some() && !is_dropped), moved || reverts);
    let so_far = if reverts { &own } else { &did };
    (run.touched, run.has_own_effects) = (so_far.steps(), so_far.has_own());
    let Some(commit) = &run.record.commit else {
        if reverts || !did.has_own() {
            return Ok(None);
        }
        // Nothing is delivered, but a step has done something that can be seen.
        run.branch = place.branch;
        run.cut_off = Some("the program was stopped before the change was delivered".into());
        return Ok(Some(run));
    };
    run.change = Some(checkout.change(&run.base, commit).await?);
    if !reverts && !Announced::read(&open.entries, true).is_empty() {
        run.cut_off = Some("the program was stopped while the change was taken back".into());
        return Ok(Some(run));
    }
    let is_restarted = run.delivery.moved && all_restarted && !run.delivery.restarted.is_empty();
    if !is_restarted {
        run.delivery.restarted.clear();
    }
    if run.delivery.moved || run.taken_back {
        // How things are now is no measure: the change is there, or was.
        run.delivery.before = Some(Baseline::default());
    }
    // A commit that a person had taken back was dropped, not followed by another one.
    if is_dropped {
        run.branch = place.branch;
    }
    let is_left = |step: &&Arc<dyn Step>| {
        let effects = own.of(step.name());
        let is_done = match effects.first().map(|first| &first.effect) {
            None => false,
            Some(Effect::Push { .. }) => run.delivery.pushed,
            Some(Effect::Move { .. } | Effect::Restart { .. }) => is_restarted,
            Some(_) => effects.iter().all(|own| own.is_done),
        };
        let is_due = !reverts || step.part() == Part::Watch || !did.of(step.name()).is_empty();
        is_due && !is_done
    };
    let committed = prepared
        .steps
        .iter()
        .position(|step| step.part() == Part::Commit)
        .map_or(prepared.steps.len(), |place| place + 1);
    run.steps = prepared.steps.iter().skip(committed).filter(is_left).cloned().collect();
    if reverts {
        let others = run.steps.iter().filter(|step| step.part() == Part::Other);
        run.reverts = others.map(|step| step.name().to_owned()).collect();
    }
    run.unknown = own.unknown();
    Ok(Some(run))
}
