//! What a program said last: the error that ended it, told from what it survived.

use super::{
    line::{Level, Line},
    read::{self, Trace},
};

/// How many ordinary lines may stand behind an error that ended a program. Other threads log on
/// for a moment; where more follows, the program went on.
const MOST_AFTER_ERROR: usize = 2;

/// The same for a trace, which says more clearly that it was an end.
const MOST_AFTER_TRACE: usize = 5;

/// How many lines that say that something went wrong are looked at, the last ones.
const MOST_ERRORS: usize = 12;

/// How far a list of causes is from the end at most, in lines.
const CAUSES_WITHIN: usize = 40;

/// What a line that says that something went wrong has in it, in lower case.
const ERROR_WORDS: [&str; 50] = [
    "abort",
    "already",
    "bad ",
    "can't",
    "cannot",
    "could not",
    "couldn't",
    "crash",
    "critical",
    "denied",
    "does not exist",
    "doesn't exist",
    "errno",
    "error",
    "exceeded",
    "exception",
    "exhausted",
    "expired",
    "fail",
    "fatal",
    "full",
    "illegal",
    "in use",
    "insufficient",
    "invalid",
    "killed",
    "lost",
    "missing",
    "must be",
    "no free",
    "no route",
    "no space",
    "no such",
    "not available",
    "not enough",
    "not found",
    "not permitted",
    "not yet valid",
    "out of ",
    "panic",
    "read-only",
    "refus",
    "timed out",
    "unable",
    "unavailable",
    "unknown",
    "unreachable",
    "unsupported",
    "violat",
    "wrong",
];

/// What a line has in it that says that nothing went wrong, in lower case.
const NO_ERROR: [&str; 4] = ["no error", " 0 error", "without error", " 0 failed"];

/// What programs say in parting, or below an error, in lower case; it is no sign that they went on.
const PARTING_WORDS: [&str; 34] = [
    "...",
    "^",
    "~",
    ")",
    "+",
    "bye",
    "clean",
    "clos",
    "disconnect",
    "dmesg(1)",
    "emitted 'error'",
    "exit",
    "finish",
    "flush",
    "for more",
    "goodbye",
    "help",
    "hint",
    "make:",
    "node.js v",
    "note:",
    "npm ",
    "please",
    "quit",
    "run `",
    "run with",
    "see ",
    "shut",
    "stack backtrace",
    "stop",
    "terminat",
    "try ",
    "usage",
    "waiting for",
];

/// The fields of an error that Node writes below its stack.
const DETAILS: [&str; 12] = [
    "address:",
    "code:",
    "errno:",
    "hostname:",
    "path:",
    "port:",
    "spawnargs:",
    "syscall:",
    "url:",
    "requirestack:",
    "}",
    "]",
];

/// What a line says that only tells that a program gives up, in lower case: the one before it says
/// why.
const GIVING_UP: [&str; 39] = [
    "startup failed",
    "start-up failed",
    "failed to start",
    "failed to launch",
    "could not start",
    "couldn't start",
    "can't start",
    "cannot start",
    "unable to start",
    "failed to boot",
    "failed to run",
    "failed to initialize",
    "failed to initialise",
    "initialization failed",
    "giving up",
    "gave up",
    "aborting",
    "aborted",
    "exiting",
    "exited with",
    "exit code",
    "exit status",
    "exit 1",
    "command failed",
    "terminating",
    "terminated",
    "shutting down",
    "retrying",
    "still could not",
    "can't connect to ('",
    "already have another",
    "fatal error, ",
    "unexpected shutdown",
    "lifecycle script",
    "could not read from remote repository",
    "rsync error:",
    "see previous errors",
    "unable to open logs",
    "cannot bind any address",
];

/// How a program ended, as far as it told.
pub(in super::super) struct Ended<'a> {
    lines: &'a [Line],
    /// The last trace.
    pub(in super::super) trace: Option<Trace>,
    /// Whether the program did not go on after it.
    pub(in super::super) is_trace_last: bool,
    /// The lines behind the trace that say that something went wrong and that the program did not
    /// survive, the last one first.
    pub(in super::super) errors: Vec<&'a Line>,
    /// An error with its causes listed below it, in one line.
    pub(in super::super) with_causes: Option<String>,
}

impl<'a> Ended<'a> {
    /// How the program that logged these lines ended.
    pub(in super::super) fn of(lines: &'a [Line]) -> Self {
        let trace = read::last(lines);
        let mut ended =
            Self { lines, trace, is_trace_last: false, errors: Vec::new(), with_causes: None };
        ended.look_back();
        if !ended.is_trace_last {
            ended.with_causes = with_causes(lines);
        }
        ended
    }

    /// Goes back from the end to what the program survived.
    fn look_back(&mut self) {
        let trace_end = self.trace.as_ref().map(|trace| trace.end);
        let mut ordinary = 0;
        // How many of them are before the first error behind the trace.
        let mut before_errors = 0;
        let mut is_survived = false;
        for (index, line) in self.lines.iter().enumerate().rev() {
            if trace_end == Some(index) {
                let tells_more = self.errors.iter().any(|line| !line.is_giving_up());
                let is_another = before_errors > 0 && tells_more;
                self.is_trace_last = ordinary <= MOST_AFTER_TRACE && !is_another;
                return;
            }
            if line.is_systemds() {
                continue;
            }
            match sort(line) {
                Sort::Error if is_survived => {}
                Sort::Error => {
                    self.errors.push(line);
                    before_errors = 0;
                }
                Sort::Ordinary => {
                    ordinary += 1;
                    before_errors += 1;
                }
                Sort::Nothing => {}
            }
            is_survived |= ordinary > MOST_AFTER_ERROR || self.errors.len() >= MOST_ERRORS;
            if is_survived && (trace_end.is_none() || ordinary > MOST_AFTER_TRACE) {
                return;
            }
        }
    }

    /// What is said about the error.
    pub(in super::super) fn message(&self) -> Option<String> {
        let of_trace = || self.trace.as_ref()?.messages().next().map(str::to_owned);
        if self.is_trace_last
            && let Some(message) = of_trace()
        {
            return Some(message);
        }
        let of_line = || {
            let is_worst = |line: &&&Line| line.level == Some(Level::Error) || line.priority <= 3;
            let tells = |line: &&&Line| !line.is_giving_up();
            let errors = || self.errors.iter();
            let line = errors().filter(tells).find(is_worst).or_else(|| errors().find(tells));
            let line = line.or_else(|| errors().next())?;
            Some(line.body().to_owned())
        };
        let message = self.with_causes.clone().or_else(of_line).or_else(of_trace);
        message.or_else(|| self.of_systemd())
    }

    /// What systemd said, where the program said nothing.
    fn of_systemd(&self) -> Option<String> {
        let said = self.lines.iter().rev().filter(|line| line.is_systemds() && line.priority <= 3);
        let said = said.map(|line| without_unit(line.body()));
        let mut said = said.filter(|said| !said.starts_with("Failed to start "));
        said.next().map(str::to_owned)
    }

    /// The lines of the program.
    pub(in super::super) fn programs_lines(&self) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(|line| !line.is_systemds())
    }

    /// The lines of systemd itself, the last one first.
    pub(in super::super) fn systemds_lines(&self) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().rev().filter(|line| line.is_systemds())
    }
}

/// What a line is a sign of.
enum Sort {
    /// Something went wrong.
    Error,
    /// The program works.
    Ordinary,
    /// Neither.
    Nothing,
}

fn sort(line: &Line) -> Sort {
    let body = line.body();
    let lower = body.to_lowercase();
    // `code:` reads like the name of a logger.
    let with_name = line.body_with_name().to_lowercase();
    let is_detail = |field: &&str| lower.starts_with(*field) || with_name.starts_with(*field);
    if body.is_empty() || DETAILS.iter().any(is_detail) {
        return Sort::Nothing;
    }
    let is_parting = || PARTING_WORDS.iter().any(|word| lower.starts_with(word));
    let tells_of_error = || {
        ERROR_WORDS.iter().any(|word| lower.contains(word))
            && !NO_ERROR.iter().any(|words| lower.contains(words))
    };
    match line.level {
        Some(Level::Ordinary) if is_parting() => Sort::Nothing,
        Some(Level::Ordinary) => Sort::Ordinary,
        Some(Level::Warning) if !tells_of_error() => Sort::Nothing,
        Some(Level::Warning | Level::Error) => Sort::Error,
        None if line.priority <= 3 => Sort::Error,
        None if line.priority >= 7 => Sort::Ordinary,
        None if is_parting() && !lower.starts_with("exit") => Sort::Nothing,
        None if tells_of_error() => Sort::Error,
        None if is_parting() => Sort::Nothing,
        None => Sort::Ordinary,
    }
}

impl Line {
    /// Whether it only tells that the program gives up, and another one why.
    pub(in super::super) fn is_giving_up(&self) -> bool {
        let lower = self.body().to_lowercase();
        let is_parting = || PARTING_WORDS.iter().any(|word| lower.starts_with(word));
        GIVING_UP.iter().any(|words| lower.contains(words)) || is_parting()
    }
}

/// The last error that has its causes in lines of their own, such as anyhow's, in one line.
fn with_causes(lines: &[Line]) -> Option<String> {
    let from = lines.len().saturating_sub(CAUSES_WITHIN);
    let lines: Vec<_> = lines.get(from..)?.iter().filter(|line| !line.is_systemds()).collect();
    let heading = lines.iter().rposition(|line| line.body() == "Caused by:")?;
    let above = lines.get(..heading)?.iter().rev().map(|line| line.body());
    let error = above.into_iter().find(|body| !body.is_empty())?;
    let below = lines.get(heading + 1..)?.iter().map(|line| line.body());
    let causes = below.take_while(|body| !body.is_empty() && *body != "Stack backtrace:");
    let mut text = error.to_owned();
    for cause in causes {
        let cause = match cause.split_once(": ") {
            Some((number, cause)) if number.parse::<u32>().is_ok() => cause,
            _ => cause,
        };
        text.push_str(": ");
        text.push_str(cause.trim_start());
    }
    Some(text)
}

/// What systemd says without the name of the unit in front.
pub(in super::super) fn without_unit(said: &str) -> &str {
    match said.split_once(": ") {
        Some((unit, rest)) if unit.contains('.') && !unit.contains([' ', '/']) => rest,
        _ => said,
    }
}
