//! `approve`, `reject` and `rollback`: what a person decides about a change.

use pimainteno_core::{Error, ErrorKind, Outcome, ProposalId, ProposalStatus, Result, RunRecord};
use pimainteno_web::{Approve, Order, Reject, Rollback};

use super::run::{conclude, until_stopped};
use crate::{
    access::Access,
    arguments::ApproveArguments,
    exit::Ending,
    setup::Setup,
    terminal::{Terminal, plain, words::short_id},
};

/// Approves a change that is held, and waits until it is delivered.
///
/// # Errors
/// As [`ProposalId::is_enough`], [`Access::open`] and [`Access::order`].
pub(crate) async fn approve(
    setup: &Setup,
    arguments: ApproveArguments,
    terminal: &Terminal,
) -> Result<Ending> {
    ProposalId::is_enough(&arguments.proposal.id)?;
    let access = open(setup, terminal).await?;
    let proposal = access.ask(arguments.proposal).await?;
    // Without a choice of his own, a person approves what is there now: it cannot become another
    // diff before the run begins.
    let sha256 = arguments.sha256.unwrap_or_else(|| proposal.sha256.to_string());
    let record =
        one_run(&access, Approve { id: proposal.id.to_string(), sha256 }, terminal).await?;
    let is_delivered = matches!(record.outcome, Some(Outcome::Applied { .. }));
    // Somebody else may have done the same.
    let is_there = record.became == Some(ProposalStatus::Obsolete);
    tell(&record, is_delivered || is_there, terminal)
}

/// Rejects a change that is held.
///
/// # Errors
/// As [`ProposalId::is_enough`], [`Access::open`] and [`Access::ask`].
pub(crate) async fn reject(setup: &Setup, reject: Reject, terminal: &Terminal) -> Result<()> {
    ProposalId::is_enough(&reject.id)?;
    let access = open(setup, terminal).await?;
    let proposal = access.ask(reject).await?;
    let told =
        format_args!("{}: rejected {}", plain::inline(&proposal.project), short_id(proposal.id));
    terminal.give(&proposal, || terminal.print(told))
}

/// Takes back what a run delivered, and waits until that is done.
///
/// # Errors
/// As [`Access::open`] and [`Access::order`].
pub(crate) async fn roll_back(
    setup: &Setup,
    rollback: Rollback,
    terminal: &Terminal,
) -> Result<Ending> {
    let access = open(setup, terminal).await?;
    let record = one_run(&access, rollback, terminal).await?;
    // Somebody else may have taken it back already.
    let is_gone = matches!(record.outcome, Some(Outcome::Applied { .. } | Outcome::NoChange));
    tell(&record, is_gone, terminal)
}

async fn open(setup: &Setup, terminal: &Terminal) -> Result<Access> {
    let progress = terminal.progress(false);
    Access::open(setup, move |event| progress.event(event)).await
}

/// Has the one run of an order carried out.
async fn one_run(access: &Access, order: impl Order, terminal: &Terminal) -> Result<RunRecord> {
    let record = until_stopped(access, order, terminal).await?.pop();
    record.ok_or_else(|| {
        Error::new(ErrorKind::Service, "the daemon does not say how the run ended")
            .hint("`pi-mainteno runs` lists it")
    })
}

fn tell(record: &RunRecord, is_done: bool, terminal: &Terminal) -> Result<Ending> {
    terminal.give(record, || conclude(record, terminal))?;
    Ok(Ending::of(is_done))
}
