//! `notices`: what a person should know, the newest first.

use jiff::Timestamp;
use pimainteno_core::{Result, store::Notice};
use pimainteno_web::Notices;

use crate::{
    access::Access,
    terminal::{FAINT, NAME, NOTABLE, Terminal, table::Cell, time},
};

/// Prints the last notices, about one project or about all.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(access: &Access, notices: Notices, terminal: &Terminal) -> Result<()> {
    let notices = access.ask(notices).await?;
    terminal.list(
        &notices,
        "there is nothing that you should know",
        ["when", "times", "project", "about", "notice"],
        row,
    )
}

fn row(notice: &Notice, now: Timestamp) -> [Cell; 5] {
    [
        time::relative(notice.last, now).into(),
        notice.count.to_string().as_str().into(),
        match &notice.project {
            Some(project) => Cell::styled(project, NAME),
            None => Cell::styled("-", FAINT),
        },
        notice.notice.name().into(),
        Cell::styled(&notice.message, NOTABLE),
    ]
}
