//! What is wrong with a configuration file, and the one error that tells all of it.

use std::path::Path;

use crate::error::{Error, ErrorKind};

/// How alike a known word must be to what was written to be suggested, from 0 to 1 (Jaro-Winkler).
const ALIKE: f64 = 0.8;

/// One thing that is wrong, and where.
#[derive(Debug)]
pub(super) struct Problem {
    at: usize,
    message: String,
}

impl Problem {
    /// `message` is about what stands at the offset `at`.
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }

    /// The offset of what it is about.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The problem as one line: `FILE:LINE:COLUMN: message`.
    pub(super) fn line(&self, path: &Path, text: &str) -> String {
        let (line, column) = position(text, self.at);
        format!("{}:{line}:{column}: {}", path.display(), self.message)
    }
}

/// The error that tells all `problems`, a line each, in the order in which they stand in the file.
pub(super) fn error(mut problems: Vec<Problem>, path: &Path, text: &str) -> Error {
    problems.sort_by_key(|problem| problem.at);
    // What is said later about the same place follows from what was said first.
    problems.dedup_by_key(|problem| problem.at);
    let mut lines: Vec<_> = problems.iter().map(|problem| problem.line(path, text)).collect();
    if lines.len() > 1 {
        lines.insert(0, format!("the configuration has {} problems", lines.len()));
    }
    Error::new(ErrorKind::Config, lines.join("\n"))
}

/// `; did you mean …?` with the one of `known` that looks most like `word`, if any does.
pub(super) fn did_you_mean<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let alike = known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(word, known), known))
        .filter(|(alike, _)| *alike > ALIKE);
    let (_, nearest) = alike.max_by(|left, right| left.0.total_cmp(&right.0))?;
    Some(format!("; did you mean `{nearest}`?"))
}

/// The line and the column of an offset: from 1, and columns are characters.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before.get(line_start..).unwrap_or_default().chars().count() + 1,
    )
}
