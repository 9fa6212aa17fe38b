//! `proposals`: the changes that wait for a person.

use jiff::Timestamp;
use pimainteno_core::{Proposal, ProposalStatus, Result};
use pimainteno_web::Proposals;

use crate::{
    access::Access,
    terminal::{
        FAINT, NAME, NOTABLE, Terminal, plain,
        table::Cell,
        time,
        words::{of_chore, redacted_places, short_id, status_style},
    },
};

/// How many columns the first line of a message takes at most.
const SUBJECT: usize = 40;

/// Prints the changes that are held, or all of them.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(access: &Access, proposals: Proposals, terminal: &Terminal) -> Result<()> {
    let empty = if proposals.all {
        "there are no changes yet"
    } else {
        "no change waits for you; `--all` lists the others"
    };
    let proposals = access.ask(proposals).await?;
    terminal.list(
        &proposals,
        empty,
        ["proposal", "project", "made", "expires", "change", "status"],
        row,
    )
}

fn row(proposal: &Proposal, now: Timestamp) -> [Cell; 6] {
    let expires = match (proposal.status.is_held(), proposal.expires) {
        (true, Some(expires)) => Cell::styled(&time::relative(expires, now), NOTABLE),
        _ => Cell::styled("-", FAINT),
    };
    let subject =
        plain::inline(proposal.message.trim().lines().next().unwrap_or_default()).into_owned();
    let status = match &proposal.status {
        ProposalStatus::Superseded { by } => format!("superseded by {}", short_id(by)),
        status => status.to_string(),
    };
    // First, because the end of a line may be cut off.
    let status =
        redacted_places(proposal).map_or(status.clone(), |places| format!("{places}; {status}"));
    [
        Cell::styled(&short_id(proposal.id), NAME),
        Cell::from(of_chore(&proposal.project, &proposal.chore).as_str()),
        time::relative(proposal.created, now).into(),
        expires,
        plain::truncated(&subject, SUBJECT).into(),
        Cell::styled(&status, status_style(&proposal.status)),
    ]
}
