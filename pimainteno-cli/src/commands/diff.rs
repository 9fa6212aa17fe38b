//! `diff`: one change.

use std::fmt::Write as _;

use anstyle::Style;
use jiff::Timestamp;
use pimainteno_core::{Proposal, Result, hidden_text};

use crate::{
    access::Access,
    arguments::DiffArguments,
    terminal::{
        FAINT, NAME, NOTABLE, STRONG, Terminal, diff, paint, plain, time,
        words::{redacted_places, short_id, status_style},
    },
};

/// Prints a change: to a person with what he needs to decide, to another program as a diff alone,
/// byte by byte, with warnings on standard error.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(
    access: &Access,
    arguments: DiffArguments,
    terminal: &Terminal,
) -> Result<()> {
    let proposal = access.ask(arguments.proposal).await?;
    terminal.give(&proposal, || {
        if !terminal.is_read_by_a_person() {
            terminal.print_raw(&proposal.diff);
            // What reads the diff may show it to somebody.
            warnings(&proposal).iter().for_each(|warning| terminal.note(warning));
        } else if arguments.raw {
            terminal.print(plain::text(&proposal.diff));
        } else {
            terminal.print(render(&proposal, Timestamp::now()));
        }
    })
}

/// What a diff for another program does not show of itself.
fn warnings(proposal: &Proposal) -> Vec<String> {
    let mut warnings: Vec<String> = redacted_places(proposal).into_iter().collect();
    if let Some(redacted) = warnings.first_mut() {
        redacted.push_str(": `git apply` would write the gaps into the files");
    }
    let mut hidden = hidden_text::find(&proposal.diff);
    hidden.retain(|one| !matches!(one.character, '\r' | '\u{c}'));
    if let Some(first) = hidden.first() {
        let count = if hidden.len() == 1 {
            "1 character".to_owned()
        } else {
            format!("{} characters", hidden.len())
        };
        warnings
            .push(format!("the diff has {count} that a reader does not see, the first is {first}"));
    }
    warnings
}

fn render(proposal: &Proposal, now: Timestamp) -> String {
    let project = paint(NAME, plain::inline(&proposal.project));
    let mut text =
        format!("{} for {project}\n", paint(STRONG, format_args!("proposal {}", proposal.id)));
    let told = proposal.status.to_string();
    let mut facts = vec![
        ("status", paint(status_style(&proposal.status), plain::inline(&told)).to_string()),
        (
            "made",
            format!(
                "{} by {}",
                time::relative(proposal.created, now),
                plain::inline(&proposal.backend)
            ),
        ),
        ("on", plain::inline(&proposal.base).into_owned()),
        ("sha256", plain::inline(&proposal.sha256).into_owned()),
    ];
    facts.extend(
        redacted_places(proposal).map(|places| ("redacted", paint(NOTABLE, places).to_string())),
    );
    facts.extend(proposal.run.map(|run| ("run", run.to_string())));
    facts.extend(
        proposal
            .expires
            .filter(|_| proposal.status.is_held())
            .map(|expires| ("expires", time::relative(expires, now))),
    );
    facts.extend(proposal.checks.iter().map(|check| {
        ("check", plain::inline(&format!("{}: {}", check.check, check.result)).into_owned())
    }));
    for (name, value) in facts {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {} {value}", paint(FAINT, format_args!("{name:<8}")));
    }
    text.push('\n');
    for line in plain::marked(proposal.message.trim()).lines() {
        let _ = writeln!(text, "    {}", plain::coloured(line, Style::new()));
    }
    let _ = writeln!(text, "\n{}", diff::render(&proposal.diff).trim_end());
    if proposal.status.is_held() {
        let id = short_id(proposal.id);
        let (approve, reject) = (
            format!("`pi-mainteno approve {id}`"),
            format!("`pi-mainteno reject {id} --reason …`"),
        );
        let what = match proposal.status.is_dry() {
            true => format!("of a dry run: {reject}, or {approve} unless `mode` is \"dry-run\""),
            false => format!("{approve}, or {reject}"),
        };
        let _ = writeln!(text, "\n{}", paint(FAINT, what));
    }
    text
}

#[cfg(test)]
mod tests {
    use pimainteno_core::{CheckVerdict, CommitId, ProjectId, ProposalStatus};

    use super::*;

    #[test]
    fn a_change_is_shown_with_what_a_decision_needs_and_nothing_in_it_commands_the_terminal() {
        let mut proposal = Proposal::new(
            ProjectId::of("site"),
            CommitId::unchecked("0123"),
            "@@ -1 +1 @@\n-a\n+\u{1b}[31mb\u{202e}\n".into(),
            "fix\u{1b}[2J\n\nIt was wrong.",
            "codex",
        );
        proposal.status = ProposalStatus::Held { reason: "a person\u{7} decides".into() };
        proposal.redactions = 2;
        proposal.checks =
            vec![CheckVerdict { check: "make test".into(), result: "passed".into(), tests: None }];
        proposal.expires = Some(proposal.created + jiff::SignedDuration::from_hours(48));
        let shown = anstream::adapter::strip_str(&render(&proposal, proposal.created)).to_string();
        for expected in [
            "held: a person␇ decides",
            "by codex",
            "in 2 d",
            "make test: passed",
            "It was wrong.",
            "+␛[31mb‹U+202E›",
            &proposal.sha256,
            "approve ",
            "2 places are redacted",
        ] {
            assert!(shown.contains(expected), "{expected:?} in {shown}");
        }
        assert_eq!(hidden_text::find(&shown), [], "{shown:?}");
        let warned = warnings(&proposal);
        assert_eq!(
            warned[0],
            "2 places are redacted: `git apply` would write the gaps into the files"
        );
        assert_eq!(
            warned[1],
            "the diff has 2 characters that a reader does not see, the first is U+001B escape"
        );
    }
}
