//! Reads traces: which places of the code a failure names, and what it says.
//!
//! What the lines of a trace look like is a table, `trace/table.rs`, for all runtimes;
//! `trace/read.rs` puts the lines together. Lines of others may stand between those of a trace, and
//! each may have in front of it what a logger puts there. A trace is read from one entry of the
//! journal or from many, or from a field of a JSON log line.
//!
//! The last trace counts: where a program logs errors and goes on, that is what ended it.

pub(super) mod ending;
pub(super) mod line;
mod pattern;
mod prefix;
pub(super) mod read;
mod resolve;
mod table;
mod unfold;
mod wording;

use serde::{Deserialize, Serialize};

use super::LogLine;
pub use resolve::resolve;

/// A place in the code that a trace names.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// The path as the trace writes it; once it is resolved, that of a tracked file.
    pub path: String,
    /// The number of the line, from 1.
    pub line: Option<u32>,
    /// The function, as its runtime calls it.
    pub function: Option<String>,
}

/// The places that the last trace in the lines names, the innermost first: where it went wrong.
/// Of errors that led to one another, those of the one that ended the program come first.
pub fn places(lines: &[LogLine]) -> Vec<Place> {
    read::last(&line::lines(lines)).map_or_else(Vec::new, |trace| trace.places())
}

/// The error message: that of the error which ended the program, or else the last line that says
/// that something went wrong.
pub fn message(lines: &[LogLine]) -> Option<String> {
    let lines = line::lines(lines);
    ending::Ended::of(&lines).message()
}
