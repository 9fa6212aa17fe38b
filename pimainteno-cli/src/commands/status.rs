//! `status`: every project at a glance.

use jiff::Timestamp;
use pimainteno_core::{
    Result,
    config::Mode,
    incident::{Incident, Waiting, WaitsOn},
};
use pimainteno_web::{ChoreStatus, Overview, ProjectStatus, Status};

use super::incidents;
use crate::{
    access::Access,
    terminal::{
        BAD, FAINT, GOOD, NAME, NOTABLE, Terminal, cost, paint, plain,
        table::{Cell, Table},
        time,
        words::{outcome_style, short_id, told},
    },
};

/// Prints every project at a glance.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(access: &Access, terminal: &Terminal) -> Result<()> {
    let status = access.ask(Status {}).await?;
    terminal.give(&status, || tell(&status, terminal))
}

fn tell(status: &Overview, terminal: &Terminal) {
    if status.projects.is_empty() {
        terminal
            .print("there are no projects; `pi-mainteno init` finds some, or add a `[[project]]`");
    }
    let now = Timestamp::now();
    for incident in &status.incidents {
        tell_incident(incident, now, terminal);
    }
    let mut table = Table::new(["project", "mode", "next", "last run", "outcome"]);
    for project in &status.projects {
        table.row(row(project, status, now));
    }
    if !status.projects.is_empty() {
        terminal.print(table.render(terminal.width()));
        terminal.print("");
    }
    for project in &status.projects {
        for job in &project.queued {
            let what = plain::inline(&job.to_string()).into_owned();
            terminal.print(format_args!(
                "{} {}: waits for its turn: {what}",
                paint(FAINT, "●"),
                plain::inline(&project.id)
            ));
        }
        for chore in &project.chores {
            tell_chore(project, chore, terminal);
        }
        tell_repairs(project, &status.incidents, terminal);
    }
    let own = status.projects.iter().filter(|project| project.today.budget.limits_a_day());
    let spendings = own.map(|project| (plain::inline(&project.id).into_owned(), &project.today));
    for (who, spending) in [("all projects".to_owned(), &status.today)].into_iter().chain(spendings)
    {
        if let Some(cost) = cost::day(spending) {
            terminal.print(format_args!(
                "{} {}",
                paint(FAINT, "today"),
                paint(FAINT, format_args!("{who}: {cost}"))
            ));
        }
    }
    if status.daemon && status.watching == Some(false) {
        terminal.print(format_args!(
            "{} units are not watched: systemd's bus cannot be reached; it is tried again",
            paint(NOTABLE, "●")
        ));
    }
    terminal.print(if status.daemon {
        format!(
            "{} {}",
            paint(GOOD, "●"),
            paint(
                FAINT,
                format_args!("the daemon runs, version {}", plain::inline(&status.version))
            )
        )
    } else {
        format!(
            "{} {}",
            paint(NOTABLE, "○"),
            paint(
                FAINT,
                "no daemon runs, so nothing happens on schedule; `pi-mainteno` starts one"
            )
        )
    });
}

/// Tells what is known of a unit that is down, and what a person can do about it.
fn tell_incident(incident: &Incident, now: Timestamp, terminal: &Terminal) {
    let show = paint(NAME, format!("pi-mainteno show {}", short_id(incident.id))).to_string();
    let told = incident.told();
    terminal.print(format_args!(
        "{} {} {}; {show} tells more",
        paint(BAD, "✖"),
        plain::inline(&told),
        paint(FAINT, time::relative(incident.seen, now))
    ));
    let waiting = incident.waiting.as_ref();
    if let Some(waiting) = waiting {
        terminal.print(format_args!("  {}", incidents::waits(incident, waiting, now)));
    }
    // What was done last tells more than that it is not done again yet.
    let is_told = |it: &Waiting| it.until.is_none() || matches!(it.on, WaitsOn::Retry { .. });
    if !waiting.is_some_and(is_told)
        && let Some(last) = incident.done.last().filter(|last| !last.outcome.is_empty())
    {
        terminal.print(format_args!("  {}: {}", last.what, plain::inline(&last.outcome)));
    }
}

/// Tells what keeps a chore from its runs, and what a person can do about it.
fn tell_chore(project: &ProjectStatus, chore: &ChoreStatus, terminal: &Terminal) {
    let id = plain::inline(&project.id);
    let name = match project.chores.len() {
        1 => id.clone().into_owned(),
        _ => format!("{id}, {}", plain::inline(&chore.name)),
    };
    let resume = paint(NAME, format!("pi-mainteno resume {id}")).to_string();
    if let Some(parked) = &chore.parked {
        let (until, reason) = (time::absolute(parked.until), plain::inline(&parked.reason));
        terminal.print(format_args!(
            "{} {name}: parked until {until}: {reason}; {resume} lets it go on now",
            paint(NOTABLE, "●")
        ));
    }
    if let Some(frozen) = &chore.frozen {
        let why = frozen.describe();
        terminal.print(format_args!(
            "{} {name}: {}; {resume} lets it go on",
            paint(NOTABLE, "●"),
            plain::inline(&why)
        ));
    }
    if let Some(held) = &chore.held {
        let command = paint(NAME, format!("pi-mainteno diff {}", short_id(held.proposal)));
        let what = match chore.mode {
            Mode::DryRun => "a dry run proposes a change",
            _ => "a change waits for you",
        };
        terminal.print(format_args!("{} {name}: {what}; {command} shows it", paint(NOTABLE, "●")));
    }
}

/// Tells of what keeps units from being repaired, where no incident that goes on tells it.
fn tell_repairs(project: &ProjectStatus, incidents: &[Incident], terminal: &Terminal) {
    let own = incidents.iter().filter(|incident| incident.project.as_ref() == Some(&project.id));
    let waits: Vec<_> = own.filter_map(|it| it.waiting.as_ref()).map(|it| &it.on).collect();
    let id = plain::inline(&project.id);
    let is_held = waits.iter().any(|on| matches!(on, WaitsOn::Held { .. }));
    if let Some(held) = project.repair.as_ref().filter(|_| !is_held) {
        let command = paint(NAME, format!("pi-mainteno diff {}", short_id(held.proposal)));
        terminal.print(format_args!(
            "{} {id}: a repair of a unit waits for you; {command} shows it",
            paint(NOTABLE, "●")
        ));
    }
    let is_told = waits.iter().any(|on| matches!(on, WaitsOn::Frozen { .. }));
    if project.repair_frozen && !is_told {
        let resume = paint(NAME, format!("pi-mainteno resume {id}"));
        terminal.print(format_args!(
            "{} {id}: units of it that fail are left alone: repairs failed in the same way again and again; {resume} lets it be tried again",
            paint(NOTABLE, "●")
        ));
    }
}

fn row(project: &ProjectStatus, status: &Overview, now: Timestamp) -> [Cell; 5] {
    let next = match (&project.parked, project.next_slot) {
        _ if project.paused => Cell::styled("paused", NOTABLE),
        (Some(parked), _) if project.chores.iter().all(|chore| chore.parked.is_some()) => {
            Cell::styled(&format!("parked, {}", time::relative(parked.until, now)), NOTABLE)
        }
        _ if project.chores.iter().all(|chore| chore.frozen.is_some()) => {
            Cell::styled("frozen", NOTABLE)
        }
        (_, Some(slot)) if status.daemon => time::relative(slot, now).into(),
        _ => Cell::styled("-", FAINT),
    };
    let last = project.last_run.as_ref();
    let when = match (project.running, last) {
        (Some(_), _) => Cell::styled("running", GOOD),
        (None, Some(record)) => time::relative(record.ended.unwrap_or(record.started), now).into(),
        (None, None) => Cell::styled("never", FAINT),
    };
    let outcome =
        last.map_or_else(|| "".into(), |record| Cell::styled(&told(record), outcome_style(record)));
    [Cell::styled(&project.id, NAME), mode(project.mode).into(), next, when, outcome]
}

/// A mode as the configuration writes it.
fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::DryRun => "dry-run",
        Mode::Review => "review",
        Mode::Auto => "auto",
    }
}
