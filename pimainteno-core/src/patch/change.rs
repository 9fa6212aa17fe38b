//! A change as a reply states it: sections, hunks and lines, not placed anywhere yet.

use std::collections::HashSet;

use super::{label::Label, whole_file::Whole};

/// What is said about one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Section {
    /// The label of the old file; `None` is `/dev/null`.
    pub(super) old: Option<Label>,
    /// The label of the new file; `None` is `/dev/null`.
    pub(super) new: Option<Label>,
    pub(super) action: Action,
    /// Labels begin with the prefixes of `git diff`, or may; a label of the other format is the
    /// path itself.
    pub(super) prefixed: bool,
    /// A header of Git names both files, whatever its labels say.
    pub(super) has_git_header: bool,
    /// The mode that the file gets, if it is said.
    pub(super) executable: Option<bool>,
    /// The content is said to be that of an empty file.
    pub(super) is_empty_file: bool,
    pub(super) hunks: Vec<Hunk>,
    /// All that the file is to say.
    pub(super) whole: Option<Whole>,
}

/// What happens to the file as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// Its lines change; or its name, if the labels say so.
    #[default]
    Modify,
    Create,
    Delete,
    Rename,
    Copy,
    /// All of it is said; it may be new.
    Replace,
}

/// Some lines of a file with a change among them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Hunk {
    /// The first line of the old file, from 1, and how many there are.
    pub(super) old: Option<(usize, usize)>,
    /// How many lines there are in the new file.
    pub(super) new_count: Option<usize>,
    /// Lines of the file that the hunk is said to be below.
    pub(super) anchors: Vec<String>,
    pub(super) lines: Vec<HunkLine>,
    /// The hunk is said to end where the file does.
    pub(super) at_end: bool,
    /// The hunk may have been cut off, so that all of its lines must be in the file as they are.
    pub(super) must_fit: bool,
}

/// A line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct HunkLine {
    pub(super) kind: Kind,
    /// What it says, without its marker and without its end.
    pub(super) text: String,
    /// It ended with a carriage return that is its own.
    pub(super) carriage_return: bool,
    /// It is said to have no newline.
    pub(super) bare: bool,
    /// It is empty and lost its marker, so that its kind is a guess.
    pub(super) guessed: bool,
}

/// What a hunk's line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Context,
    Removed,
    Added,
}

impl Section {
    /// What is named right above it besides its file, if that is named among others.
    pub(super) fn said(&self) -> &[String] {
        match &self.new {
            Some(label) if label.is_mention() => label.names(),
            _ => &[],
        }
    }
}

/// How many letters and digits different lines have together: how much they say.
pub(super) fn letters<'a>(lines: impl Iterator<Item = &'a HunkLine>) -> usize {
    let said: HashSet<_> = lines.map(|line| line.text.trim()).collect();
    said.iter().flat_map(|line| line.chars()).filter(|it| it.is_alphanumeric()).count()
}

impl HunkLine {
    /// A line of `kind` that says `text`, which may end with a carriage return.
    pub(super) fn new(kind: Kind, text: &str) -> Self {
        let (text, carriage_return) = match text.strip_suffix('\r') {
            Some(text) => (text, true),
            None => (text, false),
        };
        Self { kind, text: text.to_owned(), carriage_return, bare: false, guessed: false }
    }

    /// Whether it is in the old file.
    pub(super) fn is_old(&self) -> bool {
        self.kind != Kind::Added
    }

    /// Whether it is in the new file.
    pub(super) fn is_new(&self) -> bool {
        self.kind != Kind::Removed
    }
}

impl Hunk {
    /// The lines of the old file.
    pub(super) fn old_lines(&self) -> impl Iterator<Item = &HunkLine> {
        self.lines.iter().filter(|line| line.is_old())
    }

    /// The runs of changed lines.
    ///
    /// Where lines are removed, others added, and then some are removed again, two runs meet: a
    /// line between them was left out, or none was there.
    pub(super) fn blocks(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let start =
                at + self.lines.get(at..)?.iter().position(|line| line.kind != Kind::Context)?;
            let (mut removes, mut adds) = (false, false);
            let is_of_run = |line: &&HunkLine| match line.kind {
                Kind::Context => false,
                Kind::Removed if removes && adds => false,
                kind => {
                    removes |= kind == Kind::Removed;
                    adds |= removes && kind == Kind::Added;
                    true
                }
            };
            at = start + self.lines[start..].iter().take_while(is_of_run).count();
            Some(start..at)
        })
    }

    /// Whether it changes anything.
    pub(super) fn changes(&self) -> bool {
        self.lines.iter().any(|line| line.kind != Kind::Context)
    }

    /// Whether its header counts as many lines as it has, of both sides.
    pub(super) fn counts_fit(&self) -> bool {
        let new = self.lines.iter().filter(|line| line.is_new()).count();
        self.old.map(|(_, count)| count) == Some(self.old_lines().count())
            && self.new_count == Some(new)
    }
}
