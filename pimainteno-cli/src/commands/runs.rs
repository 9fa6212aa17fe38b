//! `runs`: the last runs, the newest first.

use std::time::Duration;

use jiff::Timestamp;
use pimainteno_core::{Result, RunRecord};
use pimainteno_web::Runs;

use crate::{
    access::Access,
    terminal::{
        FAINT, NAME, Terminal,
        table::Cell,
        time,
        words::{of_chore, outcome_style, short_id, told},
    },
};

/// Prints the last runs, of one project or of all.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(access: &Access, runs: Runs, terminal: &Terminal) -> Result<()> {
    let records = access.ask(runs).await?;
    terminal.list(
        &records,
        "there are no runs yet; `pi-mainteno run` starts them",
        ["run", "project", "trigger", "when", "took", "outcome"],
        row,
    )
}

fn row(record: &RunRecord, now: Timestamp) -> [Cell; 6] {
    let took = record
        .ended
        .and_then(|ended| Duration::try_from(ended.duration_since(record.started)).ok());
    [
        Cell::styled(&short_id(record.id), NAME),
        Cell::from(of_chore(&record.project, &record.chore).as_str()),
        record.trigger.name().into(),
        time::relative(record.started, now).into(),
        took.map_or_else(|| Cell::styled("-", FAINT), |took| time::duration(took).into()),
        Cell::styled(&told(record), outcome_style(record)),
    ]
}
