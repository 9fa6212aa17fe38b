//! `forget`: removes what is left of projects.

use pimainteno_core::{Error, ErrorKind, Forgotten, Result};
use pimainteno_web::{Forget, Status};

use crate::{
    access::Access,
    arguments::ForgetArguments,
    terminal::{FAINT, NAME, Terminal, paint, plain},
};

/// Forgets the projects that are named, or all that are left over.
///
/// # Errors
/// [`ErrorKind::Usage`] if none is named; as [`Access::ask`].
pub(crate) async fn run(
    access: &Access,
    arguments: ForgetArguments,
    terminal: &Terminal,
) -> Result<()> {
    let ForgetArguments { projects, all, history } = arguments;
    let names = match (projects.is_empty(), all) {
        (false, _) => projects,
        (true, true) => {
            let left = access.ask(Status {}).await?.left_over;
            left.into_iter().map(|project| project.to_string()).collect()
        }
        (true, false) => {
            return Err(Error::new(ErrorKind::Usage, "no project is named")
                .hint("name projects, or say `--all` for those that are not configured any more"));
        }
    };
    let mut forgotten = Vec::new();
    for project in names {
        forgotten.push(access.ask(Forget { project, history }).await?);
    }
    terminal.give(&forgotten, || {
        if forgotten.is_empty() {
            return terminal.print("nothing is left over of projects that are not configured");
        }
        forgotten.iter().for_each(|project| tell(project, terminal));
    })
}

fn tell(forgotten: &Forgotten, terminal: &Terminal) {
    let project = paint(NAME, plain::inline(&forgotten.project)).to_string();
    let history = match forgotten.history {
        true => "and so are its runs",
        false => "its runs are still listed, and `--history` forgets them, too",
    };
    terminal.print(format_args!("{project} is forgotten; {history}"));
    for path in &forgotten.removed {
        let path = path.display().to_string();
        terminal.print(paint(FAINT, format_args!("  removed {}", plain::inline(&path))));
    }
    for left in &forgotten.left {
        terminal.print(format_args!("  left: {}", plain::inline(left)));
    }
}
