//! The program's log, on standard error.

use std::{
    borrow::Cow,
    env,
    io::{self, IsTerminal as _, Write},
};

use pimainteno_core::hidden_text;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use super::Terminal;

/// Starts the log: `RUST_LOG` decides what is in it, or else whether the program is a `daemon` and
/// how often a person asked for more.
pub(super) fn start(terminal: &Terminal, daemon: bool) {
    let level = match terminal.verbosity() + u8::from(daemon) {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_target(false)
        .with_writer(Bars(terminal.clone()));
    let log = log.with_ansi(
        io::stderr().is_terminal()
            && anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never,
    );
    // The journal has the time of each line already. Whoever called us may have a log of their own;
    // that one stays.
    drop(if env::var_os("JOURNAL_STREAM").is_some() || !daemon {
        log.without_time().try_init()
    } else {
        log.try_init()
    });
}

/// Writes to standard error while the bars step aside, without the secrets in a line.
struct Bars(Terminal);

struct Line<'a>(&'a Terminal);

impl<'a> MakeWriter<'a> for Bars {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

impl Write for Line<'_> {
    /// Gets a whole line at a time.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = redacted(bytes);
        self.0.0.bars.suspend(|| io::stderr().lock().write_all(&line)).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

/// A line without its secrets, and with what a reader would not see made visible. Events were told
/// without secrets already; this is for whatever else is logged. The log's own colours stay: in
/// what it is told, the escape character is made visible before.
fn redacted(line: &[u8]) -> Cow<'_, [u8]> {
    let Ok(text) = std::str::from_utf8(line) else { return Cow::Borrowed(line) };
    let clean = super::redacted(text);
    let visible = hidden_text::replaced(&clean, |found, visible| match found.character {
        '\u{1b}' => visible.push('\u{1b}'),
        _ => visible.push_str(&found.escape()),
    });
    if matches!((&clean, &visible), (Cow::Borrowed(_), Cow::Borrowed(_))) {
        return Cow::Borrowed(line);
    }
    Cow::Owned(visible.into_owned().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_logged_without_the_secrets_in_it() {
        let line = redacted(b"WARN cannot fetch `https://ada:hunter2@git.home/x`\n");
        assert_eq!(
            &*line,
            b"WARN cannot fetch `https://ada:[redacted: password in an address]@git.home/x`\n"
        );
        assert!(matches!(redacted(b"nothing\n"), Cow::Borrowed(_)));
        let line =
            redacted("\u{1b}[33mWARN\u{1b}[0m it is \u{202e}done\u{9b}\n".as_bytes()).into_owned();
        assert_eq!(
            String::from_utf8(line).unwrap(),
            "\u{1b}[33mWARN\u{1b}[0m it is ‹U+202E›done‹U+009B›\n"
        );
    }
}
