//! What runs are doing, while they do it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use pimainteno_core::{Event, EventKind, NoticeKind, RunRecord, StepRecord};

use super::{
    FAINT, NAME, NOTABLE, STRONG, TICK, Terminal, paint, plain, time, timeline,
    words::{outcome_style, short_id, told},
};

/// Shows events: bars for a person, plain lines for a pipe, nothing where standard output is for
/// JSON.
pub(crate) struct Progress {
    terminal: Terminal,
    form: Form,
    /// Whether the lines have to say which project they are about.
    several: bool,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

/// Who looks.
enum Form {
    /// A person.
    Bars,
    /// A pipe, or a file.
    Lines,
    /// Somebody who wants JSON on standard output, and the events on standard error.
    Aside,
    /// Nobody.
    Silent,
}

impl Progress {
    /// What shows events on `terminal`.
    pub(super) fn new(terminal: Terminal, several: bool) -> Self {
        let form = match (terminal.is_json(), terminal.verbosity()) {
            (true, 0) => Form::Silent,
            (true, _) => Form::Aside,
            (false, _) if terminal.has_audience() => Form::Bars,
            (false, _) => Form::Lines,
        };
        Self { terminal, form, several, bars: Mutex::default() }
    }

    /// Shows an event.
    pub(crate) fn event(&self, event: &Event) {
        match self.form {
            Form::Silent => {}
            Form::Aside => self.terminal.tell(plain::inline(&line(event))),
            Form::Lines => self.terminal.print(plain::inline(&line(event))),
            Form::Bars => self.draw(event),
        }
    }

    fn draw(&self, event: &Event) {
        let project = event.project.as_deref().unwrap_or_default();
        match &event.what {
            EventKind::RunStarted { steps, .. } => self.begin(project, steps.len()),
            EventKind::StepStarted { step } => {
                self.with_bar(project, |bar| bar.set_message(plain::inline(step).into_owned()));
            }
            EventKind::StepProgress { step, message } => {
                let message = format!("{}: {}", plain::inline(step), plain::inline(message));
                self.with_bar(project, |bar| bar.set_message(message));
            }
            EventKind::StepFinished { step } => {
                self.with_bar(project, |bar| bar.inc(1));
                self.terminal.print(step_line(self.several.then_some(project), step));
            }
            EventKind::RunFinished { record } => {
                if let Some(bar) = self.bars().remove(record.project.as_str()) {
                    bar.finish_and_clear();
                }
                self.terminal.print(end_line(record));
            }
            EventKind::ProjectSkipped { reason, .. } => {
                self.terminal.print(paint(
                    FAINT,
                    format_args!(
                        "- {}  skipped: {}",
                        plain::inline(project),
                        plain::inline(reason)
                    ),
                ));
            }
            EventKind::Notice { message, .. } => {
                let project = if project.is_empty() {
                    String::new()
                } else {
                    format!("{}  ", plain::inline(project))
                };
                self.terminal.print(paint(
                    NOTABLE,
                    format_args!(
                        "! {project}{}{}",
                        plain::inline(message),
                        way_out(event).unwrap_or_default()
                    ),
                ));
            }
            // An event that is newer than this program has a plain line too.
            _ => self.terminal.print(plain::inline(&event.to_string())),
        }
    }

    fn begin(&self, project: &str, steps: usize) {
        let steps = u64::try_from(steps).unwrap_or_default();
        let bar = self
            .terminal
            .0
            .bars
            .add(ProgressBar::new(steps).with_prefix(plain::inline(project).into_owned()));
        if let Ok(style) = ProgressStyle::with_template(
            "{spinner} {prefix:.bold} {bar:12.cyan/dim} {pos}/{len} {elapsed:.dim} {wide_msg}",
        ) {
            bar.set_style(style.progress_chars("━╸─"));
        }
        bar.enable_steady_tick(TICK);
        self.bars().insert(project.to_owned(), bar);
    }

    fn with_bar(&self, project: &str, change: impl FnOnce(&ProgressBar)) {
        if let Some(bar) = self.bars().get(project) {
            change(bar);
        }
    }

    fn bars(&self) -> MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event as one line, with what to do about it.
fn line(event: &Event) -> String {
    format!("{event}{}", way_out(event).unwrap_or_default())
}

/// What to type so that a project goes on that does not by itself.
fn way_out(event: &Event) -> Option<String> {
    let EventKind::Notice {
        notice: NoticeKind::Parked | NoticeKind::Frozen | NoticeKind::Unfinished | NoticeKind::Store,
        ..
    } = event.what
    else {
        return None;
    };
    let project = event
        .project
        .as_deref()
        .map_or_else(String::new, |project| format!(" {}", plain::inline(project)));
    Some(format!(" (`pi-mainteno resume{project}`)"))
}

/// `✓ verify  3 of 3 checks passed  1.2 s`
fn step_line(project: Option<&str>, step: &StepRecord) -> String {
    let (mark, style) = timeline::mark(step.status);
    let project = project
        .map(|project| format!("{}  ", paint(NAME, plain::inline(project))))
        .unwrap_or_default();
    let took = time::duration(Duration::from_millis(step.milliseconds));
    let note = if step.note.is_empty() {
        String::new()
    } else {
        format!("{}  ", plain::inline(&step.note))
    };
    format!(
        "{} {project}{}  {note}{}",
        paint(style, mark),
        plain::inline(&step.name),
        paint(FAINT, took)
    )
}

/// `● site  applied: 0123456789ab  run 0199a3b4c5d6`
fn end_line(record: &RunRecord) -> String {
    let style = outcome_style(record);
    let run = paint(FAINT, format!("run {}", short_id(record.id)));
    format!(
        "{} {}  {}  {run}",
        paint(style, "●"),
        paint(STRONG, plain::inline(&record.project)),
        plain::inline(&told(record))
    )
}
