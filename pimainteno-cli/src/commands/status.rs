//! `status`: every project at a glance.

use jiff::Timestamp;
use pimainteno_core::{Result, config::Mode};
use pimainteno_web::{Overview, ProjectStatus, Status};

use crate::{
    access::Access,
    terminal::{
        FAINT, GOOD, NAME, NOTABLE, Terminal, cost, paint, plain,
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
    let now = Timestamp::now();
    let mut table = Table::new(["project", "mode", "next", "last run", "outcome"]);
    for project in &status.projects {
        table.row(row(project, status, now));
    }
    terminal.print(table.render(terminal.width()));
    terminal.print("");
    for project in &status.projects {
        if let Some(parked) = &project.parked {
            let (name, until) = (plain::inline(&project.id), time::absolute(parked.until));
            let command = paint(NAME, format!("pi-mainteno resume {name}")).to_string();
            let reason = plain::inline(&parked.reason);
            terminal.print(format_args!("{} {name}: parked until {until}: {reason}; {command} lets it go on now", paint(NOTABLE, "●")));
        }
        if let Some(frozen) = &project.frozen {
            let (name, why) = (plain::inline(&project.id), frozen.describe());
            let command = paint(NAME, format!("pi-mainteno resume {name}")).to_string();
            terminal.print(format_args!("{} {name}: {}; {command} lets it go on", paint(NOTABLE, "●"), plain::inline(&why)));
        }
        if let Some(held) = &project.held {
            let (name, command) = (plain::inline(&project.id), format!("pi-mainteno diff {}", short_id(held.proposal)));
            terminal.print(format_args!("{} {name}: a change waits for you; {} shows it", paint(NOTABLE, "●"), paint(NAME, command)));
        }
    }
    let own = status.projects.iter().filter(|project| project.today.budget.limits_a_day());
    let spendings = own.map(|project| (plain::inline(&project.id).into_owned(), &project.today));
    for (who, spending) in [("all projects".to_owned(), &status.today)].into_iter().chain(spendings) {
        if let Some(cost) = cost::day(spending) {
            terminal.print(format_args!("{} {}", paint(FAINT, "today"), paint(FAINT, format_args!("{who}: {cost}"))));
        }
    }
    terminal.print(if status.daemon {
        format!("{} {}", paint(GOOD, "●"), paint(FAINT, format_args!("the daemon runs, version {}", plain::inline(&status.version))))
    } else {
        format!("{} {}", paint(NOTABLE, "○"), paint(FAINT, "no daemon runs, so nothing happens on schedule; `pi-mainteno` starts one"))
    });
}

fn row(project: &ProjectStatus, status: &Overview, now: Timestamp) -> [Cell; 5] {
    let next = match (&project.parked, project.next_slot) {
        _ if project.paused => Cell::styled("paused", NOTABLE),
        (Some(parked), _) if parked.until > now => Cell::styled(&format!("parked, {}", time::relative(parked.until, now)), NOTABLE),
        _ if project.frozen.is_some() => Cell::styled("frozen", NOTABLE),
        (_, Some(slot)) if status.daemon => time::relative(slot, now).into(),
        _ => Cell::styled("-", FAINT),
    };
    let last = project.last_run.as_ref();
    let when = match (project.running, last) {
        (Some(_), _) => Cell::styled("running", GOOD),
        (None, Some(record)) => time::relative(record.ended.unwrap_or(record.started), now).into(),
        (None, None) => Cell::styled("never", FAINT),
    };
    let outcome = last.map_or_else(|| "".into(), |record| Cell::styled(&told(record), outcome_style(record)));
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
