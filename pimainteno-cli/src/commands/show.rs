//! `show`: everything about one run, or one incident.

use std::{fmt::Write as _, time::Duration};

use anstyle::Style;
use jiff::Timestamp;
use pimainteno_core::{Result, RunRecord, Usage, store::UsageEntry};
use pimainteno_web::{RunDetail, ShowIncident, ShowRun};

use super::incidents;
use crate::{
    access::Access,
    terminal::{
        FAINT, NAME, NOTABLE, STRONG, Terminal, cost, diff, paint, plain, time, timeline,
        words::{outcome_style, redacted_places, short_id},
    },
};

/// Prints one run: why it started, how it ended, its steps, its change, what it left behind; or an
/// incident, where no run has that id.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(access: &Access, run: ShowRun, terminal: &Terminal) -> Result<()> {
    let id = run.id.clone();
    let detail = match access.ask(run).await {
        Ok(detail) => detail,
        Err(error) => {
            // Incidents have ids of the same kind.
            let Ok(incident) = access.ask(ShowIncident { id }).await else { return Err(error) };
            let text = || terminal.print(incidents::render(&incident, Timestamp::now()));
            return terminal.give(&incident, text);
        }
    };
    terminal.give(&detail, || terminal.print(render(&detail, Timestamp::now(), terminal.width())))
}

fn render(detail: &RunDetail, now: Timestamp, width: Option<usize>) -> String {
    let record = &detail.record;
    let mut text = format!(
        "{} of {}\n",
        paint(STRONG, format_args!("run {}", record.id)),
        paint(NAME, plain::inline(&record.project))
    );
    for (name, value) in facts(record, now) {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {} {value}", paint(FAINT, format_args!("{name:<9}")));
    }
    if !record.steps.is_empty() {
        heading(&mut text, "steps");
        text.push_str(&timeline::render(&record.steps, width));
    }
    if !detail.usage.is_empty() {
        heading(&mut text, "cost");
        let what =
            |entry: &UsageEntry| format!("{} by {}", entry.task, plain::inline(&entry.backend));
        let width = detail.usage.iter().map(|entry| what(entry).chars().count()).max().unwrap_or(0);
        for entry in &detail.usage {
            let _ = writeln!(
                text,
                "  {:<width$}  {}",
                what(entry),
                paint(FAINT, cost::usage(entry.usage))
            );
        }
    }
    if let Some(proposal) = &detail.proposal {
        heading(&mut text, "change");
        let _ = writeln!(
            text,
            "  {} {}",
            paint(FAINT, "status   "),
            plain::inline(&proposal.status.to_string())
        );
        let _ =
            writeln!(text, "  {} {}", paint(FAINT, "made by  "), plain::inline(&proposal.backend));
        let _ =
            writeln!(text, "  {} {}", paint(FAINT, "sha256   "), plain::inline(&proposal.sha256));
        if let Some(places) = redacted_places(proposal) {
            let _ = writeln!(text, "  {} {}", paint(FAINT, "redacted "), paint(NOTABLE, places));
        }
        text.push('\n');
        for line in plain::marked(proposal.message.trim()).lines() {
            let _ = writeln!(text, "    {}", plain::coloured(line, Style::new()));
        }
        let _ = writeln!(text, "\n{}", diff::render(&proposal.diff).trim_end());
    }
    if !detail.outputs.is_empty() {
        heading(&mut text, "left behind");
        for output in &detail.outputs {
            let lines = output.text.lines().count();
            let size = if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") };
            let _ = writeln!(text, "  {}  {}", plain::inline(&output.name), paint(FAINT, size));
        }
        let _ = writeln!(
            text,
            "  {}",
            paint(FAINT, format_args!("`pi-mainteno log {}` prints it", short_id(record.id)))
        );
    }
    text
}

/// The facts that fit a line each.
fn facts(record: &RunRecord, now: Timestamp) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("outcome", paint(outcome_style(record), plain::inline(&record.told())).to_string()),
        ("trigger", record.trigger.name().to_owned()),
        ("job", plain::inline(&record.job.to_string()).into_owned()),
        (
            "started",
            format!("{} ({})", time::absolute(record.started), time::relative(record.started, now)),
        ),
    ];
    if let Some(took) =
        record.ended.and_then(|ended| Duration::try_from(ended.duration_since(record.started)).ok())
    {
        facts.push(("took", time::duration(took)));
    }
    facts.extend(record.base.as_ref().map(|base| ("base", plain::inline(base).into_owned())));
    facts.extend(
        record.commit.as_ref().map(|commit| ("commit", plain::inline(commit).into_owned())),
    );
    facts.extend(record.rolled_back_by.map(|run| ("taken back", format!("by run {run}"))));
    if record.usage != Usage::default() {
        facts.push(("cost", cost::usage(record.usage)));
    }
    facts
}

fn heading(text: &mut String, heading: &str) {
    let _ = writeln!(text, "\n{}", paint(STRONG, heading));
}

#[cfg(test)]
mod tests {
    use pimainteno_core::{
        CommitId, Job, Outcome, ProjectId, Proposal, Trigger, UnitName, store::Output,
    };

    use super::*;

    #[test]
    fn a_run_is_shown_with_its_change_and_nothing_in_it_commands_the_terminal() {
        let mut record = RunRecord::new(
            &ProjectId::of("site"),
            Trigger::Manual,
            Job::Repair { unit: UnitName::unchecked("x\u{1b}.service") },
            Timestamp::UNIX_EPOCH,
        );
        record.outcome = Some(Outcome::Held { reason: "a person\u{7} decides".into() });
        record.base = Some(CommitId::unchecked("0123456789"));
        record.usage = Usage::call(1000, 400, 50);
        let mut proposal = Proposal::new(
            ProjectId::of("site"),
            CommitId::unchecked("0123"),
            "@@ -1 +1 @@\n-a\n+\u{1b}[31mb\u{202e}\n".into(),
            "fix\u{1b}[2J",
            "codex",
        );
        proposal.redactions = 1;
        let outputs = vec![Output { name: "check\u{9b}".into(), text: "one\ntwo\n".into() }];
        let usage = serde_json::from_str(
            r#"[{ "task": "propose", "backend": "cod\u001bex", "usage": { "calls": 3, "cost_micros": 1500000 } }]"#,
        );
        let detail = RunDetail {
            record,
            proposal: Some(proposal),
            usage: usage.unwrap(),
            journal: Vec::new(),
            outputs,
        };
        let text = render(&detail, Timestamp::UNIX_EPOCH, Some(80));
        let shown = anstream::adapter::strip_str(&text).to_string();
        for expected in [
            "a person␇ decides",
            "repair of x␛.service",
            "1 call, 1000 tokens read, 400 of them cached, 50 written",
            "propose by cod␛ex  3 calls, 0 tokens read, 0 written, for 1.50",
            "+␛[31mb‹U+202E›",
            "1 place is redacted",
            "2 lines",
        ] {
            assert!(shown.contains(expected), "{expected:?} in {shown}");
        }
        assert!(
            !shown.chars().any(|character| character.is_control() && character != '\n'),
            "{shown:?}"
        );
    }
}
