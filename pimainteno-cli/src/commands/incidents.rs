//! `incidents`: units that failed, the newest first, and one of them in full.

use std::fmt::Write as _;

use anstyle::Style;
use jiff::Timestamp;
use pimainteno_core::{
    Result,
    incident::{Incident, Waiting, WaitsOn},
};
use pimainteno_web::{Incidents, NotifyFailure};

use crate::{
    access::Access,
    terminal::{
        BAD, FAINT, GOOD, NAME, NOTABLE, STRONG, Terminal, paint, plain, table::Cell, time,
        words::short_id,
    },
};

/// Prints the last incidents, of one project or of all.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(access: &Access, incidents: Incidents, terminal: &Terminal) -> Result<()> {
    let incidents = access.ask(incidents).await?;
    terminal.list(
        &incidents,
        "no unit has failed, as far as is known",
        ["id", "when", "project", "unit", "ended", "what"],
        row,
    )
}

/// Says that a unit has failed, and prints what is known of that.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn notify(
    access: &Access,
    failure: NotifyFailure,
    terminal: &Terminal,
) -> Result<()> {
    let unit = failure.unit.clone();
    let heard = access.ask(failure).await?;
    terminal.give(&heard, || match &heard.incident {
        None => terminal.print(format_args!("{unit}: that is known already")),
        Some(incident) => {
            terminal.print(plain::inline(&incident.told()));
            if !heard.daemon {
                terminal.print("no daemon runs; it is looked at when one starts");
            }
        }
    })
}

/// Everything that is kept of one incident.
pub(super) fn render(incident: &Incident, now: Timestamp) -> String {
    let mut text = format!(
        "{} of {}\n",
        paint(STRONG, format_args!("incident {}", incident.id)),
        paint(NAME, plain::inline(&incident.unit))
    );
    let mut fact = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {} {value}", paint(FAINT, format_args!("{name:<9}")));
    };
    let seen =
        format!("{} ({})", time::absolute(incident.seen), time::relative(incident.seen, now));
    fact("seen", seen);
    if let Some(project) = &incident.project {
        fact("project", plain::inline(project).into_owned());
    }
    let told = incident.told();
    fact("what", paint(BAD, plain::inline(&told)).to_string());
    if incident.count > 1 {
        fact(
            "failed",
            format!("{} times, last {}", incident.count, time::relative(incident.last, now)),
        );
    }
    if let Some(trouble) = &incident.trouble {
        fact("why", plain::inline(&trouble.evidence).into_owned());
        fact("to do", paint(NOTABLE, plain::inline(&trouble.remedy)).to_string());
    }
    match (&incident.ended, incident.minutes()) {
        (Some(ended), Some(minutes)) => {
            let (at, by) = (time::absolute(ended.at), &ended.by);
            fact("ended", paint(GOOD, format!("{at}, {by}, after {minutes:.1} min")).to_string());
        }
        _ => fact("ended", paint(BAD, "not yet").to_string()),
    }
    if let Some(waiting) = &incident.waiting {
        fact("waits", waits(incident, waiting, now));
    }
    if !incident.others.is_empty() {
        heading(&mut text, "with it");
        for unit in &incident.others {
            let _ = writeln!(text, "  {}", plain::inline(unit));
        }
    }
    if !incident.done.is_empty() {
        heading(&mut text, "done");
        for attempt in &incident.done {
            let run =
                attempt.run.map_or_else(String::new, |run| format!(", run {}", short_id(run)));
            let _ = writeln!(
                text,
                "  {} {}{run}: {}",
                paint(FAINT, time::absolute(attempt.at)),
                attempt.what,
                plain::inline(&attempt.outcome)
            );
        }
    }
    if !incident.places.is_empty() {
        heading(&mut text, "where");
        for place in &incident.places {
            let line = place.line.map_or_else(String::new, |line| format!(":{line}"));
            let function =
                place.function.as_ref().map_or_else(String::new, |it| format!(" in {it}"));
            let place = format!("{}{line}{function}", place.path);
            let _ = writeln!(text, "  {}", plain::inline(&place));
        }
    }
    if !incident.log.is_empty() {
        heading(&mut text, "journal");
        for line in &incident.log {
            for part in plain::marked(&line.text).lines() {
                let by = paint(FAINT, plain::inline(&line.by));
                let _ = writeln!(text, "  {by} {}", plain::coloured(part, Style::new()));
            }
        }
    }
    text
}

/// What an incident waits for, and what a person can do about that.
pub(super) fn waits(incident: &Incident, waiting: &Waiting, now: Timestamp) -> String {
    let mut text = match (&waiting.on, &incident.trouble) {
        (WaitsOn::Trouble, Some(trouble)) => plain::inline(&trouble.remedy).into_owned(),
        (on, _) => plain::inline(&on.to_string()).into_owned(),
    };
    if let Some(until) = waiting.until {
        // Writing to a string cannot fail.
        let _ = write!(text, "; looked at again {}", time::relative(until, now));
    }
    let project = incident.project.as_ref().map_or("PROJECT", |project| project.as_str());
    let (command, does) = match &waiting.on {
        WaitsOn::Held { proposal, .. } => (format!("diff {}", short_id(*proposal)), "shows it"),
        WaitsOn::Frozen { .. } => (format!("resume {project}"), "lets it be tried again"),
        WaitsOn::Paused | WaitsOn::Parked { .. } => (format!("resume {project}"), "lets it go on"),
        _ => return text,
    };
    let command = plain::inline(&command).into_owned();
    let _ = write!(text, "; {} {does}", paint(NAME, format_args!("pi-mainteno {command}")));
    text
}

fn row(incident: &Incident, now: Timestamp) -> [Cell; 6] {
    [
        Cell::styled(&short_id(incident.id), NAME),
        time::relative(incident.seen, now).into(),
        match &incident.project {
            Some(project) => project.as_str().into(),
            None => Cell::styled("-", FAINT),
        },
        incident.unit.as_str().into(),
        match (&incident.ended, incident.minutes()) {
            (Some(ended), Some(minutes)) => {
                Cell::styled(&format!("{}, {minutes:.1} min", ended.by), GOOD)
            }
            _ => Cell::styled("goes on", BAD),
        },
        incident.told().as_str().into(),
    ]
}

fn heading(text: &mut String, heading: &str) {
    let _ = writeln!(text, "\n{}", paint(STRONG, heading));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incident_is_shown_whole_and_nothing_in_it_commands_the_terminal() {
        let incident: Incident = serde_json::from_value(serde_json::json!({
            "id": "0199a3b4-c5d6-7000-8000-000000000000", "project": "site", "unit": "a.service",
            "invocation": "i", "seen": "2026-01-02T03:04:05Z", "last": "2026-01-02T03:05:05Z",
            "count": 2, "signature": "s", "message": "Value\u{1b}Error",
            "cause": { "kind": "exit-code", "text": "exited with code 1", "gave_up": false },
            "trouble": null, "places": [{ "path": "app\u{7}.py", "line": 3, "function": "main" }],
            "log": [{ "by": "python\u{1b}3", "priority": 3, "text": "one\u{1b}[31m\ntwo" }],
            "done": [{ "at": "2026-01-02T03:04:06Z", "what": "repair", "run": null, "outcome": "no\u{1b}" }],
            "ended": { "at": "2026-01-02T03:07:05Z", "by": "repair" },
            "waiting": { "on": "frozen", "reason": "no\u{1b}t again", "until": "2026-01-02T03:06:05Z" },
        }))
        .unwrap();
        let text = anstream::adapter::strip_str(&render(&incident, incident.last)).to_string();
        for expected in [
            "exited with code 1: Value␛Error",
            "by a repair, after 3.0 min",
            "app␇.py:3 in main",
            "2 times",
            "asked for a repair: no␛",
            "again and again: no␛t again; looked at again in 1 min; pi-mainteno resume site lets it be tried again",
        ] {
            assert!(text.contains(expected), "{expected:?} in {text}");
        }
        assert!(!text.chars().any(|it| it.is_control() && it != '\n'), "{text:?}");
    }
}
