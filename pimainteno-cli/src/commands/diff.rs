//! `diff`: one change.

use std::fmt::Write as _;

use jiff::Timestamp;
use pimainteno_core::{Proposal, Result};

use super::{short_id, status_style};
use crate::{
    access::Access,
    cli::DiffArguments,
    exit::Ending,
    terminal::{FAINT, NAME, STRONG, Terminal, diff, paint, plain, time},
};

/// Prints a change: to a person with what he needs to decide, to another program as a diff alone.
///
/// # Errors
/// As [`Access::proposal`].
pub(crate) async fn run(access: &Access, arguments: &DiffArguments, terminal: &Terminal) -> Result<Ending> {
    let proposal = access.proposal(&arguments.id).await?;
    if terminal.is_json() {
        terminal.print_json(&proposal)?;
    } else if arguments.raw || !terminal.is_read_by_a_person() {
        terminal.print_raw(&proposal.diff);
    } else {
        terminal.print(render(&proposal, Timestamp::now()));
    }
    Ok(Ending::Done)
}

fn render(proposal: &Proposal, now: Timestamp) -> String {
    let project = paint(NAME, plain::inline(&proposal.project));
    let mut text = format!("{} for {project}\n", paint(STRONG, format_args!("proposal {}", proposal.id)));
    let told = proposal.status.to_string();
    let mut facts = vec![
        ("status", paint(status_style(&proposal.status), plain::inline(&told)).to_string()),
        ("made", format!("{} by {}", time::relative(proposal.created, now), plain::inline(&proposal.backend))),
        ("on", plain::inline(&proposal.base).into_owned()),
        ("sha256", plain::inline(&proposal.sha256).into_owned()),
    ];
    facts.extend(proposal.run.map(|run| ("run", run.to_string())));
    facts.extend(proposal.expires.filter(|_| proposal.is_held()).map(|expires| ("expires", time::relative(expires, now))));
    facts.extend(proposal.checks.iter().map(|check| ("check", plain::inline(&format!("{}: {}", check.check, check.result)).into_owned())));
    for (name, value) in facts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {} {value}", paint(FAINT, format_args!("{name:<8}")));
    }
    text.push('\n');
    for line in plain::text(proposal.message.trim()).lines() {
        let _ = writeln!(text, "    {line}");
    }
    let _ = writeln!(text, "\n{}", diff::render(&proposal.diff).trim_end());
    if proposal.is_held() {
        let id = short_id(proposal.id);
        let _ = writeln!(text, "\n{}", paint(FAINT, format_args!("`pi-mainteno approve {id}`, or `pi-mainteno reject {id} --reason …`")));
    }
    text
}

#[cfg(test)]
mod tests {
    use pimainteno_core::{CheckVerdict, ProposalStatus};

    use super::*;

    #[test]
    fn a_change_is_shown_with_what_a_decision_needs_and_nothing_in_it_commands_the_terminal() {
        let mut proposal =
            Proposal::new("site", "0123", "@@ -1 +1 @@\n-a\n+\u{1b}[31mb\n".into(), "fix\u{1b}[2J\n\nIt was wrong.", "codex");
        proposal.status = ProposalStatus::Held { reason: "a person\u{7} decides".into() };
        proposal.checks = vec![CheckVerdict { check: "make test".into(), result: "passed".into() }];
        proposal.expires = Some(proposal.created + jiff::SignedDuration::from_hours(48));
        let shown = anstream::adapter::strip_str(&render(&proposal, proposal.created)).to_string();
        for expected in
            ["held: a person␇ decides", "by codex", "in 2 d", "make test: passed", "It was wrong.", "+␛[31mb", &proposal.sha256, "approve "]
        {
            assert!(shown.contains(expected), "{expected:?} in {shown}");
        }
        assert!(!shown.chars().any(|character| character.is_control() && character != '\n'), "{shown:?}");
    }
}
