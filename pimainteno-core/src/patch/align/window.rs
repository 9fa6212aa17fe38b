//! The part of a file that a hunk is held against.

use std::collections::BTreeSet;

use super::{BLANK, ELSEWHERE, OF_MARKS, weight};
use crate::patch::{
    change::{Hunk, HunkLine, Kind},
    locate::Index,
    text::Text,
};

/// From how many lines on a file is looked at in parts: all of a longer one may take too long.
const LONG: usize = 4000;
/// How many lines around each that is in the hunk too are looked at: so many that to pass over them
/// costs as much as any gap, even if they are blank.
const AROUND: usize = (ELSEWHERE / BLANK) as usize + 1;

/// The lines of a file that a hunk is held against: all, or those around the lines that are in the
/// hunk too, in a long file and where the hunk removes some.
pub(super) struct Window(Vec<usize>);

impl Window {
    pub(super) fn new(hunk: &Hunk, text: &Text<'_>, index: &Index<'_>) -> Self {
        // What is removed must be there, so that nothing far from it says anything.
        let is_pinned =
            |line: &HunkLine| line.kind == Kind::Removed && weight(&line.text) > OF_MARKS;
        if text.len() <= LONG && !hunk.lines.iter().any(is_pinned) {
            return Self((0..text.len()).collect());
        }
        let mut lines = vec![false; text.len()];
        let said = hunk.old_lines().filter(|line| weight(&line.text) > OF_MARKS);
        let numbers: BTreeSet<u32> =
            said.filter_map(|line| index.number(line.text.as_bytes())).collect();
        for number in numbers {
            for place in index.places(number) {
                let place = *place as usize;
                lines[place.saturating_sub(AROUND)..(place + AROUND + 1).min(text.len())]
                    .fill(true);
            }
        }
        Self((0..text.len()).filter(|line| lines[*line]).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn lines(&self) -> impl Iterator<Item = usize> {
        self.0.iter().copied()
    }

    /// The line of the file that is at `place`; behind the last one, the line that would follow.
    pub(super) fn line(&self, place: usize) -> usize {
        self.0.get(place).copied().unwrap_or_else(|| self.0.last().map_or(0, |last| last + 1))
    }
}
