//! A run as a timeline: what its steps did, and when.

use std::time::Duration;

use pimainteno_core::{StepRecord, StepStatus};

use super::{BAD, FAINT, GOOD, NOTABLE, paint, plain, time};

/// The columns that the whole run takes.
const COLUMNS: u64 = 24;

/// A line per step: how it ended, a bar where it lies in the run, how long it took, what it said.
/// No line is longer than `width`, if there is one.
pub(crate) fn render(steps: &[StepRecord], width: Option<usize>) -> String {
    let starts = || steps.iter().map(|step| step.started.as_millisecond());
    let ends = steps
        .iter()
        .map(|step| step.started.as_millisecond().saturating_add_unsigned(step.milliseconds));
    let (Some(start), Some(end)) = (starts().min(), ends.max()) else { return String::new() };
    let total = end.abs_diff(start).max(1);
    let names =
        steps.iter().map(|step| plain::width(&plain::inline(&step.name))).max().unwrap_or(0);
    let mut text = String::new();
    for step in steps {
        let (mark, style) = mark(step.status);
        let name = plain::inline(&step.name);
        let padding = " ".repeat(names - plain::width(&name));
        let (before, long) =
            placed(step.started.as_millisecond().abs_diff(start), step.milliseconds, total);
        let after = COLUMNS.saturating_sub(before + long);
        let bar =
            format!("{}{}{}", blank(before), paint(style, "━".repeat(columns(long))), blank(after));
        let took = time::duration(Duration::from_millis(step.milliseconds));
        // Mark, name, bar and duration, with the spaces between them.
        let taken = 2 + 2 + names + 2 + columns(COLUMNS) + 2 + 11 + 2;
        let note = plain::inline(&step.note);
        let note = width.map_or_else(
            || note.clone(),
            |width| plain::truncated(&note, width.saturating_sub(taken)),
        );
        let line = format!(
            "  {} {name}{padding}  {bar}  {}  {note}",
            paint(style, mark),
            paint(FAINT, format_args!("{took:>11}"))
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The sign of how a step ended, and its colour.
pub(crate) fn mark(status: StepStatus) -> (&'static str, anstyle::Style) {
    match status {
        StepStatus::Done => ("✓", GOOD),
        StepStatus::Skipped => ("-", FAINT),
        StepStatus::Failed => ("✗", BAD),
        // `Ended`, and whatever may come.
        _ => ("■", NOTABLE),
    }
}

/// The columns before a bar and those of the bar, which is never invisible.
fn placed(offset: u64, length: u64, total: u64) -> (u64, u64) {
    let scaled = |milliseconds: u64| {
        u64::try_from(u128::from(milliseconds) * u128::from(COLUMNS) / u128::from(total))
            .unwrap_or(COLUMNS)
    };
    let before = scaled(offset).min(COLUMNS - 1);
    (before, scaled(length).clamp(1, COLUMNS - before))
}

fn blank(long: u64) -> String {
    " ".repeat(columns(long))
}

fn columns(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_lie_where_their_steps_were_and_stay_within_their_columns() {
        assert_eq!(placed(0, 1000, 1000), (0, 24));
        assert_eq!(placed(500, 500, 1000), (12, 12));
        assert_eq!(placed(1000, 0, 1000), (23, 1));
        assert_eq!(placed(u64::MAX, u64::MAX, 1), (23, 1));
    }

    #[test]
    fn a_line_tells_the_step_and_fits_the_terminal() {
        let step = r#"{"name":"verify","started":"2026-01-01T00:00:00Z","milliseconds":1200,"status":"failed","note":"1 of 3 checks failed: cargo test"}"#;
        let steps: Vec<StepRecord> = vec![serde_json::from_str(step).unwrap()];
        let line = |width| anstream::adapter::strip_str(&render(&steps, width)).to_string();
        assert_eq!(
            line(None),
            format!(
                "  ✗ verify  {}        1.2 s  1 of 3 checks failed: cargo test\n",
                "━".repeat(24)
            )
        );
        assert!(plain::width(line(Some(70)).trim_end()) <= 70);
    }
}
