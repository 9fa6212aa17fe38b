//! What a way through the table must keep to, whatever speaks for it.

use super::{Table, What, not_found};
use crate::patch::{
    change::{Hunk, Kind},
    locate::Index,
    refusal::{Reason, Refusal},
    remedy::Remedy,
    text::Text,
};

/// How much must speak for the best place at least: a removed line, or two of context of which one
/// may be mistyped.
const EVIDENCE: i32 = 150;
/// The share of the hunk that must be in the file, in percent.
const SHARE: i32 = 50;

/// A way that was found, with what it was found in.
pub(super) struct Found<'a> {
    pub(super) hunk: &'a Hunk,
    pub(super) text: &'a Text<'a>,
    pub(super) index: &'a Index<'a>,
    pub(super) table: &'a Table<'a>,
    /// For each element where it stands: in the table, and in the file.
    pub(super) places: &'a [Option<usize>],
    pub(super) lines: &'a [Option<usize>],
}

/// On which side of an insertion.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    Behind,
}

/// What the line next to an insertion says about its place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Witness {
    /// It stands next to it.
    Near,
    /// It stands elsewhere, or could.
    Elsewhere,
    /// It is nowhere in the file.
    Nowhere,
    /// There is none: the hunk ends, or leaves lines out.
    None,
}

impl Found<'_> {
    /// Refuses a way on which too little of the hunk is in the file, one on which nothing stands of
    /// what is replaced, one that replaces a line which the hunk keeps, and an insertion away from
    /// the lines that it stands between.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        self.check_evidence()?;
        self.check_replaced()?;
        self.check_kept()?;
        self.check_elisions()?;
        self.check_counts()?;
        let insertions = self.table.elements.iter().enumerate();
        let mut insertions = insertions.filter(|(_, element)| element.what == What::Insertion);
        insertions.try_for_each(|(at, _)| self.check_neighbours(at))
    }

    fn check_evidence(&self) -> Result<(), Refusal> {
        let (mut there, mut all) = (0, 0);
        for (at, element) in self.table.elements.iter().enumerate() {
            let Some(full) = element.full_gain().filter(|_| element.what != What::Elision) else {
                continue;
            };
            all += full;
            there += self.places[at].map_or(0, |place| self.table.gain(at, place));
        }
        if there < EVIDENCE || there * 100 < all * SHARE { Err(not_found()) } else { Ok(()) }
    }

    /// Of the lines that others replace one stands somewhere, though each may be a blank line that
    /// the file does not have.
    fn check_replaced(&self) -> Result<(), Refusal> {
        for (block, lines) in self.hunk.blocks().enumerate() {
            let elements = self.table.elements.iter().zip(self.lines);
            let mut removed = elements
                .filter(|(element, _)| element.block == block && element.what == What::Removed)
                .map(|(_, place)| place)
                .peekable();
            let adds = self.hunk.lines[lines].iter().any(|line| line.kind == Kind::Added);
            if adds && removed.peek().is_some() && removed.all(Option::is_none) {
                let message = "what it replaces is not in the file where its other lines are";
                return Err(Refusal::new(Reason::NotFound, message));
            }
        }
        Ok(())
    }

    /// A line that is shown both as kept and as removed must stand there as often.
    fn check_kept(&self) -> Result<(), Refusal> {
        let removed = |number: u32| {
            let elements = self.table.elements.iter().zip(self.lines);
            elements
                .filter(|(element, _)| element.what == What::Removed)
                .find(|(element, _)| self.number(element.line) == Some(number))
                .and_then(|(_, place)| *place)
        };
        for (element, place) in self.table.elements.iter().zip(self.lines) {
            if element.what != What::Context || place.is_some() || element.is_blank() {
                continue;
            }
            if let Some(line) = self.number(element.line).and_then(removed) {
                let message = "it shows the same line as kept and as removed, and it cannot be told which of them the file has";
                return Err(Refusal::new(Reason::Ambiguous, message).remedy(Remedy::Copy).places(
                    self.text,
                    &[line],
                    1,
                ));
            }
        }
        Ok(())
    }

    /// The nearest line on each side of an insertion stands next to it, or is nowhere in the file;
    /// and one of them stands next to it.
    fn check_neighbours(&self, at: usize) -> Result<(), Refusal> {
        let Some(place) = self.lines[at] else { return Ok(()) };
        let witnesses = [Side::Before, Side::Behind].map(|side| self.witness(at, place, side));
        if witnesses.contains(&Witness::Elsewhere) {
            let message = "the lines beside an insertion do not stand next to each other in the file, so that it could go to several places";
            return Err(Refusal::new(Reason::Ambiguous, message).places(self.text, &[place], 1));
        }
        let sides = [Side::Before, Side::Behind].into_iter().zip(witnesses);
        if sides
            .filter(|(_, witness)| *witness == Witness::Nowhere)
            .any(|(side, _)| self.leaves_room(at, place, side))
        {
            let message = "of the lines beside an insertion one is not in the file, and in its place there are several others";
            return Err(Refusal::new(Reason::Ambiguous, message).places(self.text, &[place], 1));
        }
        if !witnesses.contains(&Witness::Near) {
            let message = "the lines beside an insertion are not in the file";
            return Err(Refusal::new(Reason::NotFound, message));
        }
        Ok(())
    }

    fn witness(&self, at: usize, place: usize, side: Side) -> Witness {
        let mut next = at;
        loop {
            next = match side {
                Side::Before => next.wrapping_sub(1),
                Side::Behind => next + 1,
            };
            let Some(element) = self.table.elements.get(next) else { return Witness::None };
            match element.what {
                What::Elision if self.lines[next].is_none() => return Witness::None,
                What::Insertion => continue,
                _ if element.is_blank() => continue,
                _ => {}
            }
            return match self.lines[next] {
                Some(line) if self.is_next_to(line, place, side) => Witness::Near,
                Some(_) => Witness::Elsewhere,
                None if self.number(element.line).is_some() => Witness::Elsewhere,
                None => Witness::Nowhere,
            };
        }
    }

    /// Whether the file has more lines between an insertion and the next line that stands in it than
    /// the hunk has, so that the insertion could go between them.
    fn leaves_room(&self, at: usize, place: usize, side: Side) -> bool {
        let mut shown = 0;
        let mut next = at;
        loop {
            next = match side {
                Side::Before => next.wrapping_sub(1),
                Side::Behind => next + 1,
            };
            let Some(element) = self.table.elements.get(next) else { return false };
            let between = match (self.lines[next], side) {
                (Some(line), Side::Before) => line + 1..place,
                (Some(line), Side::Behind) => place..line,
                (None, _) if element.what == What::Elision => return false,
                (None, _) => {
                    shown += usize::from(!element.is_blank() && element.what == What::Context);
                    continue;
                }
            };
            if element.what == What::Insertion || element.is_blank() {
                continue;
            }
            let is_said = |line: &usize| !self.text.line(*line).trim_ascii().is_empty();
            return between.filter(is_said).count() > shown;
        }
    }

    /// Whether nothing but blank lines is between a line and a place of an insertion.
    fn is_next_to(&self, line: usize, place: usize, side: Side) -> bool {
        let between = match side {
            Side::Before => line + 1..place,
            Side::Behind => place..line,
        };
        let is_right_side = (side == Side::Before) == (line < place);
        let is_blank = |line| self.text.line(line).trim_ascii().is_empty();
        is_right_side && between.into_iter().all(is_blank)
    }

    /// The number of a line of the hunk, if the file has it.
    fn number(&self, line: usize) -> Option<u32> {
        self.index.number(self.hunk.lines[line].text.as_bytes())
    }
}
