//! The edits of one proposal: as many as a person reviews at a glance.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use pimainteno_core::{Error, ErrorKind, Result};

use crate::files::Files;

/// So many files at most.
const MAX_FILES: usize = 10;

/// So many lines at most, in all files together.
const MAX_LINES: usize = 50;

/// One replacement in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// What is replaced, in bytes.
    pub(crate) range: Range<usize>,
    /// What comes in its place.
    pub(crate) replacement: String,
    /// What was done, for the commit message; edits of a file with the same note are counted.
    pub(crate) note: String,
}

/// The edits, by path.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    by_path: BTreeMap<String, Vec<Edit>>,
    lines: BTreeSet<(String, usize)>,
}

impl Edits {
    /// Adds `edit` of the file at `path`, which contains `text`; says whether there was room for
    /// it.
    pub(crate) fn add(&mut self, path: &str, text: &str, edit: Edit) -> bool {
        let number =
            text.as_bytes().iter().take(edit.range.start).filter(|byte| **byte == b'\n').count()
                + 1;
        let line = (path.to_owned(), number);
        let full = self.lines.len() >= MAX_LINES && !self.lines.contains(&line);
        if full || (self.by_path.len() >= MAX_FILES && !self.by_path.contains_key(path)) {
            return false;
        }
        self.lines.insert(line);
        self.by_path.entry(path.to_owned()).or_default().push(edit);
        true
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_path.is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.by_path.values().map(Vec::len).sum()
    }

    /// The changed files.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.by_path.keys().map(String::as_str)
    }

    /// What was done, in one line for each file and note.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.by_path.iter().flat_map(|(path, edits)| {
            let mut counts: Vec<(&str, usize)> = Vec::new();
            for edit in edits {
                match counts.iter_mut().find(|(note, _)| *note == edit.note) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((&edit.note, 1)),
                }
            }
            counts.into_iter().map(move |(note, count)| match count {
                1 => format!("{path}: {note}"),
                _ => format!("{path}: {note} ({count} times)"),
            })
        })
    }

    /// Writes them to the files.
    pub(crate) fn apply(&self, files: &Files) -> Result<()> {
        for (path, edits) in &self.by_path {
            let moved = || {
                Error::new(
                    ErrorKind::Backend,
                    format!("a file changed while it was read: `{path}`"),
                )
            };
            let mut text = files.get(path).and_then(|file| files.read(file)).ok_or_else(moved)?;
            let mut edits: Vec<_> = edits.iter().collect();
            edits.sort_by_key(|edit| edit.range.start);
            for edit in edits.into_iter().rev() {
                if text.get(edit.range.clone()).is_none() {
                    return Err(moved());
                }
                text.replace_range(edit.range.clone(), &edit.replacement);
            }
            files.write(path, &text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposal_stays_small() {
        let text = "x\n".repeat(100);
        let mut edits = Edits::default();
        let edit = |line: usize| Edit {
            range: line * 2..line * 2 + 1,
            replacement: "y".into(),
            note: "x -> y".into(),
        };
        assert_eq!((0..100).filter(|line| edits.add("a", &text, edit(*line))).count(), MAX_LINES);
        assert!(edits.add("a", &text, edit(0)), "a line that is changed anyway costs nothing");
        let mut edits = Edits::default();
        assert_eq!(
            (0..20).filter(|file| edits.add(&format!("{file}"), &text, edit(0))).count(),
            MAX_FILES
        );
    }
}
