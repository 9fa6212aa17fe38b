//! The only place that prints.
//!
//! Results go to standard output, everything else to standard error. A reader that went away, as in
//! `pi-mainteno runs | head -1`, is no failure: what it does not want is dropped. Any other trouble
//! with standard output is told at the end, by [`Terminal::close`].
//!
//! Text from models, logs and repositories is data: whoever puts it into a line passes it through
//! [`plain`] first.

pub(crate) mod cost;
pub(crate) mod diff;
mod log;
pub(crate) mod plain;
mod progress;
mod style;
pub(crate) mod table;
pub(crate) mod time;
pub(crate) mod timeline;
pub(crate) mod words;

use std::{
    borrow::Cow,
    fmt,
    io::{self, IsTerminal as _, Write},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pimainteno_core::{Error, ErrorKind, Result, Secrets};
use pimainteno_web::Problem;
use serde::Serialize;

pub(crate) use progress::Progress;
pub(crate) use style::{BAD, FAINT, GOOD, NAME, NOTABLE, STRONG, paint};

/// How often a spinner moves.
const TICK: Duration = Duration::from_millis(125);

/// Standard output and standard error, and what is shown on them at the moment. Clones are the
/// same.
#[derive(Clone, Debug)]
pub(crate) struct Terminal(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    json: bool,
    verbosity: u8,
    /// Whether anything was written to standard output.
    given: AtomicBool,
    /// The bars at the bottom of the screen, which have to step aside when something is printed.
    bars: MultiProgress,
    /// The first trouble with standard output, after which nothing more is written to it.
    trouble: Mutex<Option<io::Error>>,
}

impl Terminal {
    /// `json` says that standard output is for one JSON document; `verbosity` is how often a person
    /// asked for more.
    pub(crate) fn new(json: bool, verbosity: u8) -> Self {
        Self(Arc::new(Inner {
            json,
            verbosity,
            given: AtomicBool::new(false),
            bars: MultiProgress::new(),
            trouble: Mutex::new(None),
        }))
    }

    /// Whether standard output is for one JSON document.
    pub(crate) fn is_json(&self) -> bool {
        self.0.json
    }

    /// How often a person asked for more.
    pub(crate) fn verbosity(&self) -> u8 {
        self.0.verbosity
    }

    /// Whether a person reads standard output, and not another program.
    pub(crate) fn is_read_by_a_person(&self) -> bool {
        io::stdout().is_terminal()
    }

    /// The columns of standard output; `None` if it is not a terminal.
    pub(crate) fn width(&self) -> Option<usize> {
        let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    }

    /// Prints a result, and ends its last line if the text does not.
    pub(crate) fn print(&self, text: impl fmt::Display) {
        self.write(|| anstream::stdout().lock(), &line(text));
    }

    /// Prints text of ours as it is, for another program to read.
    pub(crate) fn print_raw(&self, text: &str) {
        self.write(|| io::stdout().lock(), text);
    }

    /// Gives a result: as the JSON document if that is wanted, or else as `tell` tells it.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the result cannot be written as JSON.
    pub(crate) fn give<T: Serialize + ?Sized>(
        &self,
        result: &T,
        tell: impl FnOnce(),
    ) -> Result<()> {
        if !self.is_json() {
            tell();
            return Ok(());
        }
        let text = serde_json::to_string_pretty(result).map_err(|source| {
            Error::new(ErrorKind::Internal, "cannot write the result as JSON").source(source)
        })?;
        // JSON lets some control characters stand, and a terminal would obey them.
        self.print_raw(&line(plain::json(&text)));
        Ok(())
    }

    /// Tells something on standard error, and ends its last line if the text does not.
    pub(crate) fn tell(&self, text: impl fmt::Display) {
        let text = line(text);
        // Whoever does not listen is not told.
        self.0.bars.suspend(|| drop(anstream::stderr().lock().write_all(text.as_bytes())));
    }

    /// Tells what a person should know.
    pub(crate) fn note(&self, text: &str) {
        self.tell(format_args!("{} {}", paint(NOTABLE.bold(), "note:"), plain::text(text)));
    }

    /// Asks a person a question that is answered by yes or no; `None` if there is nobody to ask.
    pub(crate) fn ask(&self, question: &str) -> Option<bool> {
        if self.is_json() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let question = format!("{} [y/N] ", paint(STRONG, plain::text(question)));
        self.0.bars.suspend(|| drop(anstream::stderr().lock().write_all(question.as_bytes())));
        let mut answer = String::new();
        io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Tells an error: what failed, its causes, what to do about it. Where standard output is for a
    /// JSON document and none was given, it is that document, too.
    pub(crate) fn error(&self, error: &Error) {
        if self.is_json() && !self.0.given.load(Ordering::Relaxed) {
            let Problem { error, hints } = Problem::from(error);
            let hints = hints.iter().map(|hint| redacted(hint).into_owned()).collect();
            let problem = Problem { error: redacted(&error).into_owned(), hints };
            // One that cannot be written is told in words all the same.
            drop(self.give(&problem, || {}));
        }
        self.tell(redacted(&rendered(error)));
    }

    /// What shows the events of runs, of more than one project if `several`.
    pub(crate) fn progress(&self, several: bool) -> Progress {
        Progress::new(self.clone(), several)
    }

    /// Shows a spinner until it is dropped, if somebody looks.
    pub(crate) fn spinner(&self, text: &'static str) -> Spinner {
        if !self.has_audience() {
            return Spinner(ProgressBar::hidden());
        }
        let bar = self.0.bars.add(ProgressBar::new_spinner().with_message(text));
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Spinner(bar)
    }

    /// Sends the log of the program to standard error: what a `daemon` does, or for a command what
    /// is worth a warning.
    pub(crate) fn log(&self, daemon: bool) {
        log::start(self, daemon);
    }

    /// Says that nothing more will be printed.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] if standard output could not be written, unless its reader just went
    /// away.
    pub(crate) fn close(&self) -> Result<()> {
        self.write(|| io::stdout().lock(), "");
        match self.trouble().take() {
            Some(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                Err(Error::new(ErrorKind::Usage, "cannot write to standard output").source(source))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is somebody who looks at both streams.
    fn has_audience(&self) -> bool {
        !self.0.json && io::stdout().is_terminal() && io::stderr().is_terminal()
    }

    fn write<W: Write>(&self, stream: impl FnOnce() -> W, text: &str) {
        let mut trouble = self.trouble();
        if trouble.is_some() {
            return;
        }
        self.0.given.fetch_or(!text.is_empty(), Ordering::Relaxed);
        *trouble = self.0.bars.suspend(|| {
            let mut stream = stream();
            stream.write_all(text.as_bytes()).and_then(|()| stream.flush()).err()
        });
    }

    fn trouble(&self) -> std::sync::MutexGuard<'_, Option<io::Error>> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A spinner that is shown as long as this lives.
pub(crate) struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// An error as lines: what failed, its causes, what to do about it.
fn rendered(error: &Error) -> String {
    let mut text = format!("{} {}\n", paint(BAD.bold(), "error:"), plain::text(error.message()));
    let mut hints: Vec<String> = error.hints().map(str::to_owned).collect();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let message = match cause.downcast_ref::<Error>() {
            Some(cause) => {
                hints.extend(cause.hints().map(str::to_owned));
                cause.message().to_owned()
            }
            None => cause.to_string(),
        };
        text.push_str(&format!(
            "  {} {}\n",
            paint(FAINT, "because:"),
            plain::text(message.trim_end())
        ));
        source = cause.source();
    }
    for (place, hint) in hints.iter().enumerate() {
        if !hints.iter().take(place).any(|earlier| earlier == hint) {
            text.push_str(&format!("{} {}\n", paint(GOOD.bold(), "hint:"), plain::text(hint)));
        }
    }
    text
}

/// A text without what looks like a secret.
fn redacted(text: &str) -> Cow<'_, str> {
    static SECRETS: LazyLock<Option<Secrets>> = LazyLock::new(|| Secrets::new().ok());
    SECRETS.as_ref().map_or(Cow::Borrowed(text), |secrets| secrets.redact(text))
}

fn line(text: impl fmt::Display) -> String {
    let mut text = text.to_string();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes_and_each_hint_once() {
        let cause = Error::new(ErrorKind::Process, "cannot start `git`")
            .source(io::Error::from_raw_os_error(2))
            .hint("install git");
        let error = Error::new(ErrorKind::Git, "no checkout: `/x\u{1b}[2J`")
            .source(cause)
            .hint("look at the path")
            .hint("install git");
        let text = anstream::adapter::strip_str(&rendered(&error)).to_string();
        let expected = "error: no checkout: `/x␛[2J`\n  because: cannot start `git`\n  because: No such file or directory (os error 2)\n\
                        hint: look at the path\nhint: install git\n";
        assert_eq!(text, expected);
    }
}
