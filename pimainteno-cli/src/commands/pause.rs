//! `pause` and `resume`: whether projects are run.

use pimainteno_core::Result;
use pimainteno_web::{Pause, Resume, Status};

use crate::{
    access::Access,
    terminal::{NAME, Terminal, paint, plain},
};

/// Keeps projects, or all of them if none is named, from their runs, or lets them go on.
///
/// # Errors
/// As [`Access::ask`].
pub(crate) async fn run(
    access: &Access,
    projects: &[String],
    paused: bool,
    terminal: &Terminal,
) -> Result<()> {
    let names = match projects {
        [] => access
            .ask(Status {})
            .await?
            .projects
            .into_iter()
            .map(|project| project.id.to_string())
            .collect(),
        names => names.to_vec(),
    };
    let mut answers = Vec::new();
    for project in names {
        answers.push(if paused {
            access.ask(Pause { project }).await?
        } else {
            access.ask(Resume { project }).await?
        });
    }
    terminal.give(&answers, || {
        let is_changed = answers.iter().any(|answer| answer.changed);
        if !paused && projects.is_empty() && !is_changed {
            return terminal.print("nothing to resume: no project is paused, parked or frozen");
        }
        for answer in &answers {
            let project = paint(NAME, plain::inline(&answer.project)).to_string();
            terminal.print(if !answer.changed && answer.paused {
                format!("{project} is paused already")
            } else if !answer.changed {
                format!("{project}: nothing to resume")
            } else if answer.paused {
                format!(
                    "{project} is paused; `pi-mainteno resume {}` lets it go on",
                    plain::inline(&answer.project)
                )
            } else {
                format!("{project} is run again")
            });
        }
    })
}
