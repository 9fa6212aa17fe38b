//! A file as lines that keep their bytes.

use std::borrow::Cow;

/// A file as lines. Nothing is lost: [`Text::bytes`] of what [`Text::new`] read is the same file.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a> {
    lines: Vec<Line<'a>>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// What it says, without its end.
    pub(super) text: Cow<'a, [u8]>,
    pub(super) end: End,
}

/// How a line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Lf,
    CrLf,
    /// At the end of the file, which has no final newline.
    Missing,
}

/// Lines in the place of others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// The first line that is replaced, from 0; the line before which something is inserted.
    pub(super) start: usize,
    /// The line behind the last one that is replaced.
    pub(super) end: usize,
    pub(super) lines: Vec<NewLine>,
    /// The reply says that the last line that is replaced has no newline.
    pub(super) ended_bare: bool,
}

/// A line that comes into a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewLine {
    pub(super) text: Vec<u8>,
    /// How it ends, if the reply says so; otherwise as the lines around it.
    pub(super) end: Option<End>,
}

impl<'a> Text<'a> {
    /// Reads a file's content.
    pub(super) fn new(content: &'a [u8]) -> Self {
        let lines = content.split_inclusive(|byte| *byte == b'\n').map(|line| match line {
            [text @ .., b'\r', b'\n'] => Line { text: Cow::Borrowed(text), end: End::CrLf },
            [text @ .., b'\n'] => Line { text: Cow::Borrowed(text), end: End::Lf },
            text => Line { text: Cow::Borrowed(text), end: End::Missing },
        });
        Self { lines: lines.collect() }
    }

    /// How many lines there are.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line.
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// What line `number`, from 0, says; empty if there is none.
    pub(super) fn line(&self, number: usize) -> &[u8] {
        self.lines.get(number).map_or(&[], |line| &line.text)
    }

    /// What all lines say.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(|line| &*line.text)
    }

    /// The content again.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let size = self.lines.iter().map(|line| line.text.len() + 2).sum::<usize>();
        let mut bytes = Vec::with_capacity(size);
        for line in &self.lines {
            bytes.extend_from_slice(&line.text);
            bytes.extend_from_slice(match line.end {
                End::Lf => b"\n",
                End::CrLf => b"\r\n",
                End::Missing => b"",
            });
        }
        bytes
    }

    /// The text with `edits`, which are in order and do not overlap.
    ///
    /// Untouched lines keep their bytes. A new line ends as its neighbours do, and whether the file
    /// has a final newline changes only where an edit says so.
    pub(super) fn edited(&self, edits: &[Edit]) -> Self {
        let mut lines = Vec::with_capacity(
            self.lines.len() + edits.iter().map(|edit| edit.lines.len()).sum::<usize>(),
        );
        let mut from = 0;
        for edit in edits {
            lines.extend(self.lines.get(from..edit.start).unwrap_or_default().iter().cloned());
            let usual = self.usual_end(edit);
            for line in &edit.lines {
                let end = line.end.filter(|end| *end != End::Missing).unwrap_or(usual);
                lines.push(Line { text: Cow::Owned(line.text.clone()), end });
            }
            from = edit.end.max(from);
        }
        lines.extend(self.lines.get(from..).unwrap_or_default().iter().cloned());
        let had_none = self.lines.last().is_some_and(|line| line.end == End::Missing);
        let at_end =
            edits.last().filter(|edit| edit.end >= self.lines.len() && !edit.lines.is_empty());
        let none_now = match at_end {
            Some(edit) if edit.lines.last().is_some_and(|line| line.end == Some(End::Missing)) => {
                true
            }
            Some(edit) => had_none && !edit.ended_bare,
            // The last lines may be gone, and those before them have their ends.
            None => had_none && lines.last().is_some_and(|line| line.end == End::Missing),
        };
        let usual = self
            .lines
            .iter()
            .find(|line| line.end != End::Missing)
            .map_or(End::Lf, |line| line.end);
        let count = lines.len();
        for (number, line) in lines.iter_mut().enumerate() {
            if number + 1 == count && none_now {
                line.end = End::Missing;
            } else if line.end == End::Missing {
                line.end = usual;
            }
        }
        Text { lines }
    }

    /// How a line that comes into the place of `edit` ends, unless it says so itself.
    fn usual_end(&self, edit: &Edit) -> End {
        let near = [Some(edit.start), edit.start.checked_sub(1), Some(edit.end)];
        let mut near = near
            .into_iter()
            .flatten()
            .filter_map(|number| self.lines.get(number))
            .map(|line| line.end);
        near.find(|end| *end != End::Missing)
            .or_else(|| self.lines.iter().map(|line| line.end).find(|end| *end != End::Missing))
            .unwrap_or(End::Lf)
    }
}
