//! What is understood of a unit that failed, by journals in `cases/*.toml`.
//!
//! A case is a journal and what has to be made of it. Lines are the program's; one that begins with
//! `@NAME N: ` was logged by NAME with priority N. Besides as it stands, each journal is read in
//! the other ways in which the same may be logged: `variants.rs` has them.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on says where, or in which file"
)]

mod bytes;
mod cases;
mod signatures;
mod variants;

use pimainteno_core::incident::{Cause, Ending, LogLine};
use serde::Deserialize;

/// How a unit ended, as a case writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct End {
    result: String,
    code: i32,
    status: i32,
    restarts: u32,
    gave_up: bool,
    phase: pimainteno_core::incident::Phase,
}

impl Default for End {
    /// Most programs that fail exit with code 1.
    fn default() -> Self {
        let ending = Ending { result: "exit-code".into(), code: 1, status: 1, ..Ending::default() };
        let Ending { result, code, status, restarts, gave_up, phase } = ending;
        Self { result, code, status, restarts, gave_up, phase }
    }
}

impl End {
    fn cause(&self) -> Cause {
        let Self { result, code, status, restarts, gave_up, phase } = self.clone();
        Cause::of(&Ending { result, code, status, restarts, gave_up, phase })
    }
}

/// The lines of a journal as a case writes them.
fn journal(text: &str, by: &str) -> Vec<LogLine> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let line = |text: &str| {
        let other = text.strip_prefix('@').and_then(|text| {
            let (head, text) = text.split_once(": ")?;
            let (by, priority) = head.split_once(' ')?;
            Some((by.to_owned(), priority.parse().ok()?, text.to_owned()))
        });
        let (by, priority, text) = other.unwrap_or((by.to_owned(), 6, text.to_owned()));
        LogLine { by, priority, text }
    };
    text.split('\n').map(line).collect()
}

/// The data files whose names begin with `start`, with their texts.
fn files(start: &str) -> Vec<(String, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/incident/cases");
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &std::path::Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut files: Vec<_> = entries
        .filter(|path| name(path).starts_with(start))
        .map(|path| (name(&path), std::fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{directory} has no {start}*.toml");
    files
}
