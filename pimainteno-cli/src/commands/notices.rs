//! `notices`: what a person should know, the newest first.

use jiff::Timestamp;
use pimainteno_core::{Result, store::Notice};
use pimainteno_web::Notices;

use crate::{
    access::Access,
    cli::NoticesArguments,
    exit::Ending,
    terminal::{
        FAINT, NAME, NOTABLE, Terminal,
        table::{Cell, Table},
        time,
    },
};

/// Prints the last notices, about one project or about all.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(access: &Access, arguments: &NoticesArguments, terminal: &Terminal) -> Result<Ending> {
    let notices = access.ask(Notices { project: arguments.project.clone(), limit: Some(arguments.limit.into()) }).await?;
    if terminal.is_json() {
        terminal.print_json(&notices)?;
        return Ok(Ending::Done);
    }
    if notices.is_empty() {
        terminal.tell("there is nothing that you should know");
        return Ok(Ending::Done);
    }
    let now = Timestamp::now();
    let mut table = Table::new(["when", "times", "project", "about", "notice"]);
    for notice in &notices {
        table.row(row(notice, now));
    }
    terminal.print(table.render(terminal.width()));
    Ok(Ending::Done)
}

fn row(notice: &Notice, now: Timestamp) -> [Cell; 5] {
    [
        time::relative(notice.last, now).into(),
        notice.count.to_string().as_str().into(),
        if notice.project.is_empty() { Cell::styled("-", FAINT) } else { Cell::styled(&notice.project, NAME) },
        notice.notice.name().into(),
        Cell::styled(&notice.message, NOTABLE),
    ]
}
