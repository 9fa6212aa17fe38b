//! A file as lines that keep their bytes.

use std::borrow::Cow;

/// The mark in front of UTF-8, which belongs to the file and not to its first line.
pub(super) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A file as lines. Nothing is lost: [`Text::bytes`] of what [`Text::new`] read is the same file.
#[derive(Clone, Debug, Default)]
pub(super) struct Text<'a> {
    lines: Vec<Line<'a>>,
    has_mark: bool,
    is_utf8: bool,
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
    /// The reply shows the mark in front of the first line that is replaced.
    pub(super) shows_mark: bool,
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
        let is_utf8 = str::from_utf8(content).is_ok();
        let marked = content.strip_prefix(BYTE_ORDER_MARK.as_bytes());
        let lines =
            marked.unwrap_or(content).split_inclusive(|byte| *byte == b'\n').map(
                |line| match line {
                    [text @ .., b'\r', b'\n'] => Line { text: Cow::Borrowed(text), end: End::CrLf },
                    [text @ .., b'\n'] => Line { text: Cow::Borrowed(text), end: End::Lf },
                    text => Line { text: Cow::Borrowed(text), end: End::Missing },
                },
            );
        Self { lines: lines.collect(), has_mark: marked.is_some(), is_utf8 }
    }

    /// Whether the file is in UTF-8.
    pub(super) fn is_utf8(&self) -> bool {
        self.is_utf8
    }

    /// How many steps it takes to look at every line once.
    pub(super) fn cost(&self) -> usize {
        self.lines.iter().map(|line| 16 + line.text.len() / 4).sum()
    }

    /// How all lines end that have an end, if they do so in one way.
    pub(super) fn only_end(&self) -> Option<End> {
        let mut ends = self.lines.iter().map(|line| line.end).filter(|end| *end != End::Missing);
        let first = ends.next()?;
        ends.all(|end| end == first).then_some(first)
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
        let mut bytes = Vec::with_capacity(size + BYTE_ORDER_MARK.len());
        if self.has_mark {
            bytes.extend_from_slice(BYTE_ORDER_MARK.as_bytes());
        }
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
            for (number, line) in edit.lines.iter().enumerate() {
                // In a file with both ends, a line in the place of another one ends as that does.
                let replaced = (edit.start..edit.end).nth(number).and_then(|at| self.lines.get(at));
                let replaced = replaced.map(|line| line.end).filter(|end| *end != End::Missing);
                let told = line.end.filter(|end| *end != End::Missing);
                let end = told.or(replaced).unwrap_or(usual);
                let is_first = edit.start == 0 && number == 0;
                let text = if is_first { line.without_mark() } else { &line.text };
                lines.push(Line { text: Cow::Owned(text.to_vec()), end });
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
        Text { lines, ..self.marked(edits) }
    }

    /// Whether there is a mark in front of the text with `edits`: it stays, unless the reply shows
    /// it where it is replaced and not behind that.
    fn marked(&self, edits: &[Edit]) -> Self {
        let first = edits.first().filter(|edit| edit.start == 0);
        let is_shown = first.and_then(|edit| edit.lines.first()).is_some_and(NewLine::has_mark);
        let is_taken = first.is_some_and(|edit| edit.shows_mark);
        let has_mark = is_shown || (self.has_mark && !is_taken);
        Self { lines: Vec::new(), has_mark, is_utf8: self.is_utf8 }
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

impl NewLine {
    fn has_mark(&self) -> bool {
        self.text.starts_with(BYTE_ORDER_MARK.as_bytes())
    }

    fn without_mark(&self) -> &[u8] {
        self.text.strip_prefix(BYTE_ORDER_MARK.as_bytes()).unwrap_or(&self.text)
    }
}
