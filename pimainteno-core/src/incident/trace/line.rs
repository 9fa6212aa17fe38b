//! Lines of a journal as they are read: one a line, without colours, without what a logger puts in
//! front, and with stacks unfolded that were logged as one line.

use super::super::LogLine;
use super::{prefix, unfold};

/// How many lines are looked at, the last ones: more than a journal's excerpt has.
const MOST_LINES: usize = 4_000;

/// How much of a line is looked at, in bytes.
const LONGEST_LINE: usize = 2_000;

/// How bad a program calls what it logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Level {
    /// For whoever looks for errors in the program, or nothing out of the ordinary.
    Ordinary,
    /// Something that the program went on after.
    Warning,
    /// Something that did not work.
    Error,
}

/// One line.
#[derive(Clone, Debug)]
pub(in super::super) struct Line {
    /// Who logged it.
    pub(in super::super) by: String,
    /// The whole line, without colours.
    pub(in super::super) text: String,
    /// Where in `text` the message begins, behind time, level and name of the logger.
    body: usize,
    /// The same, where what was taken for the name of the logger is a part of the message.
    body_with_name: usize,
    /// How far the message is indented.
    pub(in super::super) indent: usize,
    /// How bad the program calls it, if it does.
    pub(in super::super) level: Option<Level>,
    /// The priority by which it was logged.
    pub(in super::super) priority: u8,
}

impl Line {
    fn new(entry: &LogLine, text: &str) -> Self {
        let mut text = without_colours(truncated(text));
        text.truncate(text.trim_end().len());
        let found = prefix::find(&text);
        let rest = text.get(found.end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        // One blank behind a prefix parts it from the message.
        let indent = if found.end > 0 { blanks.saturating_sub(1) } else { blanks };
        let body = found.end + blanks;
        let with_name = text.get(found.end_without_name..).unwrap_or_default();
        let body_with_name = text.len() - with_name.trim_start().len();
        let (by, priority) = (entry.by.clone(), entry.priority);
        Self { by, text, body, body_with_name, indent, level: found.level, priority }
    }

    /// The message: the line without what a logger puts in front, and without blanks.
    pub(in super::super) fn body(&self) -> &str {
        self.text.get(self.body..).unwrap_or_default()
    }

    /// The message with what may be the name of the logger, or of the program.
    pub(in super::super) fn body_with_name(&self) -> &str {
        self.text.get(self.body_with_name..).unwrap_or_default()
    }

    /// Whether systemd says it, of the unit or in the place of its program.
    pub(in super::super) fn is_systemds(&self) -> bool {
        self.by == "systemd" || self.by.starts_with('(')
    }
}

/// The lines of a journal's entries, the last ones if there are very many.
pub(in super::super) fn lines(entries: &[LogLine]) -> Vec<Line> {
    let from = entries.len().saturating_sub(MOST_LINES);
    let mut lines = Vec::new();
    for entry in entries.get(from..).unwrap_or_default() {
        let texts = entry.text.split('\n').flat_map(|text| text.trim_end_matches('\r').split('\r'));
        for text in texts {
            match unfold::unfold(text) {
                Some(unfolded) => {
                    lines.extend(unfolded.split('\n').map(|text| Line::new(entry, text)));
                }
                None => lines.push(Line::new(entry, text)),
            }
        }
    }
    let superfluous = lines.len().saturating_sub(MOST_LINES);
    lines.drain(..superfluous);
    lines
}

fn truncated(text: &str) -> &str {
    text.get(..text.floor_char_boundary(LONGEST_LINE)).unwrap_or_default()
}

/// The text without the escape sequences of terminals, and with blanks for other control
/// characters.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                // `ESC [ … letter`; of other sequences only the escape goes.
                if characters.next_if_eq(&'[').is_some() {
                    let is_parameter = |next: &char| matches!(next, '0'..='?' | ' '..='/');
                    while characters.next_if(is_parameter).is_some() {}
                    characters.next();
                }
            }
            '\t' => plain.push('\t'),
            control if control.is_control() => plain.push(' '),
            character => plain.push(character),
        }
    }
    plain
}
