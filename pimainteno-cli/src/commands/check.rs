//! `check`: looks whether everything that runs need is there, and says what to do about what is
//! not.

mod backends;
mod delivery;
mod machine;
mod project;
mod unasked;
mod watching;

use std::{collections::BTreeMap, time::Duration};

use pimainteno_core::{
    Error, ErrorKind, ProjectId, Result,
    store::{Frozen, Parked},
};
use pimainteno_web::{ProjectStatus, Status};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    access::Access,
    daemon::signals,
    exit::Ending,
    setup::Setup,
    terminal::{BAD, FAINT, GOOD, NOTABLE, STRONG, Terminal, paint, plain},
};

/// How long everything about one project, or about the machine, may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// What was found; the shape of `--json`.
#[derive(Debug, Serialize)]
struct Report {
    /// How many of the items are problems.
    problems: usize,
    /// What was looked at, project by project.
    items: Vec<Item>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Item {
    /// What it belongs to: a project's id, or nothing for what belongs to all.
    project: String,
    /// What was looked at.
    name: String,
    /// How it is.
    finding: Finding,
    /// What was found.
    message: String,
    /// What to do about it.
    hints: Vec<String>,
    /// The project's files, where they are what was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<unasked::Files>,
}

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Finding {
    /// As it should be.
    Ok,
    /// Fit for use, and worth knowing.
    Note,
    /// Keeps runs from working.
    Problem,
}

/// The items of one project, or of the machine.
struct Items {
    project: String,
    list: Vec<Item>,
}

impl Items {
    fn new(project: &str) -> Self {
        Self { project: project.to_owned(), list: Vec::new() }
    }

    fn ok(&mut self, name: &str, message: impl Into<String>) {
        self.add(name, Finding::Ok, message.into(), Vec::new());
    }

    fn note(&mut self, name: &str, message: impl Into<String>, hint: &str) {
        self.add(name, Finding::Note, message.into(), vec![hint.to_owned()]);
    }

    fn problem(&mut self, name: &str, message: impl Into<String>, hint: &str) {
        self.add(name, Finding::Problem, message.into(), vec![hint.to_owned()]);
    }

    fn error(&mut self, name: &str, finding: Finding, error: &Error) {
        self.add(name, finding, error.to_string(), error.hints().map(str::to_owned).collect());
    }

    fn add(&mut self, name: &str, finding: Finding, message: String, mut hints: Vec<String>) {
        hints.retain(|hint| !hint.is_empty());
        self.list.push(Item {
            project: self.project.clone(),
            name: name.to_owned(),
            finding,
            message,
            hints,
            files: None,
        });
    }

    fn files(&mut self, name: &str, message: String, files: unasked::Files) {
        self.ok(name, message);
        if let Some(item) = self.list.last_mut() {
            item.files = Some(files);
        }
    }
}

/// Looks at everything at once, and prints a line for each item. What it looks with ends with it.
///
/// # Errors
/// [`ErrorKind::Internal`] if a look was lost, and
/// [`ErrorKind::Cancelled`] if the program is told to stop; whatever a look finds
/// is in the report.
pub(crate) async fn run(setup: &Setup, terminal: &Terminal) -> Result<Ending> {
    tokio::select! {
        ended = look_at_everything(setup, terminal) => ended,
        () = signals() => Err(Error::new(ErrorKind::Cancelled, "stopped")),
    }
}

async fn look_at_everything(setup: &Setup, terminal: &Terminal) -> Result<Ending> {
    let spinner = terminal.spinner("looking at everything");
    let known = known(setup).await;
    let mut looks = JoinSet::new();
    looks.spawn(within_deadline(0, String::new(), machine::look(machine::Machine::new(setup))));
    for (place, look) in project::Look::all(setup, &known.left_alone).into_iter().enumerate() {
        looks.spawn(within_deadline(place + 1, look.id().to_owned(), look.at_everything()));
    }
    let mut found = Vec::new();
    while let Some(joined) = looks.join_next().await {
        found.push(joined.map_err(|source| {
            Error::new(ErrorKind::Internal, "a check was lost").source(source)
        })?);
    }
    drop(spinner);
    found.sort_by_key(|(place, _)| *place);
    let mut found: Vec<Items> = found.into_iter().map(|(_, items)| items).collect();
    backends::once(&mut found, &backends::users(setup));
    if let Some(machine) = found.first_mut() {
        tell_left_over(&known, machine);
    }
    let items: Vec<Item> = found.into_iter().flat_map(|items| items.list).collect();
    let problems = items.iter().filter(|item| item.finding == Finding::Problem).count();
    let report = Report { problems, items };
    terminal.give(&report, || print(&report, terminal))?;
    Ok(Ending::of(problems == 0))
}

/// What is known of projects.
#[derive(Default)]
struct Known {
    /// Those that are left alone, and why.
    left_alone: BTreeMap<ProjectId, String>,
    /// Those that are not configured any more, and of which something is left over.
    left_over: Vec<ProjectId>,
    /// Those of them that have a run which waits for its project to be configured again.
    unfinished: Vec<ProjectId>,
}

/// What is known of projects. Nothing is made to find out; what keeps the state from being read is
/// told elsewhere.
async fn known(setup: &Setup) -> Known {
    if !setup.has_state() {
        return Known::default();
    }
    let status = async { Access::open(setup, |_| {}).await?.ask(Status {}).await };
    let Ok(status) = status.await else { return Known::default() };
    let why = |project: &ProjectStatus| {
        let parked = project.parked.as_ref().map(Parked::describe);
        parked.or_else(|| project.frozen.as_ref().map(Frozen::describe))
    };
    let left_alone = status.projects.iter();
    let left_alone =
        left_alone.filter_map(|project| Some((project.id.clone(), why(project)?))).collect();
    Known { left_alone, left_over: status.left_over, unfinished: status.unfinished }
}

fn tell_left_over(known: &Known, items: &mut Items) {
    let (unfinished, projects): (Vec<_>, Vec<_>) = known
        .left_over
        .iter()
        .map(ProjectId::as_str)
        .partition(|id| known.unfinished.iter().any(|open| *open == **id));
    if !unfinished.is_empty() {
        let message = format!(
            "runs that were cut off, of projects that are not configured any more: {}",
            unfinished.join(", ")
        );
        let hint = "configured again, they are finished or undone";
        items.problem("unfinished", message, hint);
    }
    if projects.is_empty() {
        return;
    }
    let message = format!(
        "workspaces, caches or what was remembered of projects that are not configured any more: {}",
        projects.join(", ")
    );
    let hint = format!("`pi-mainteno forget {}` removes it", projects.join(" "));
    items.note("left over", message, &hint);
}

async fn within_deadline(
    place: usize,
    project: String,
    look: impl Future<Output = Items>,
) -> (usize, Items) {
    let items = tokio::time::timeout(DEADLINE, look).await.unwrap_or_else(|_| {
        let mut items = Items::new(&project);
        items.problem(
            "time",
            format!("looking at it took more than {} s", DEADLINE.as_secs()),
            "see what keeps the disk or the network busy",
        );
        items
    });
    (place, items)
}

fn print(report: &Report, terminal: &Terminal) {
    let mut project = None;
    let width = report.items.iter().map(|item| item.name.len()).max().unwrap_or(0);
    for item in &report.items {
        if project != Some(&item.project) {
            let title = if item.project.is_empty() {
                "this machine".into()
            } else {
                plain::inline(&item.project)
            };
            let gap = if project.is_some() { "\n" } else { "" };
            terminal.print(format_args!("{gap}{}", paint(STRONG, title)));
            project = Some(&item.project);
        }
        let mark = match item.finding {
            Finding::Ok => paint(GOOD, "ok     "),
            Finding::Note => paint(NOTABLE, "note   "),
            Finding::Problem => paint(BAD.bold(), "problem"),
        };
        terminal.print(format_args!(
            "  {mark}  {:<width$}  {}",
            item.name,
            plain::inline(&item.message)
        ));
        for hint in item.hints.iter().filter(|_| item.finding != Finding::Ok) {
            terminal.print(format_args!(
                "           {:width$}  {}",
                "",
                paint(FAINT, format_args!("→ {}", plain::inline(hint)))
            ));
        }
        for line in
            item.files.iter().filter(|_| terminal.verbosity() > 0).flat_map(unasked::Files::lines)
        {
            terminal.print(format_args!("           {:width$}  {}", "", plain::inline(&line)));
        }
    }
    let notes = report.items.iter().filter(|item| item.finding == Finding::Note).count();
    let counted = |number: usize, noun: &str| {
        if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
    };
    let (style, end) = match report.problems {
        0 => (GOOD, "no problems".to_owned()),
        number => (BAD, counted(number, "problem")),
    };
    terminal.print(format_args!("\n{}, {}", paint(style, end), counted(notes, "note")));
}
