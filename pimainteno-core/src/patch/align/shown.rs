//! What a hunk shows of itself that a way through the table must keep to: what it leaves out, and
//! how many lines it says it has.

use super::{OF_WORDS, What, neighbours::Found};
use crate::patch::{
    change::Kind,
    refusal::{Reason, Refusal},
    remedy::Remedy,
};

/// How many lines that say something stand for themselves.
const FEW: usize = 2;

impl Found<'_> {
    /// Lines that are left out below one that opens a block are of that block, as is what follows
    /// further in, unless that says enough to stand for itself.
    pub(super) fn check_elisions(&self) -> Result<(), Refusal> {
        let elements = self.table.elements.iter().enumerate();
        for (at, _) in elements.filter(|(_, element)| element.what == What::Elision) {
            if self.lines[at].is_some() {
                continue;
            }
            let above = at.checked_sub(1).and_then(|at| self.lines[at].as_ref());
            let Some(above) = above else { continue };
            let Some(below) = self.lines[at + 1..].iter().flatten().next() else { break };
            let depth = |line: usize| {
                let text = self.text.line(line);
                text.len() - text.trim_ascii_start().len()
            };
            let (outer, inner) = (depth(*above), depth(*below));
            let opens = self.text.line(*above).trim_ascii_end().ends_with(b":")
                || self.text.line(*above).trim_ascii_end().ends_with(b"{");
            if !opens || inner <= outer || self.said_behind(at) >= FEW {
                continue;
            }
            let leaves = |line: &usize| {
                let first = self.text.line(*line).trim_ascii_start().first();
                let begins = first.is_some_and(|it| it.is_ascii_alphabetic() || *it == b'_');
                begins && depth(*line) <= outer
            };
            if (above + 1..*below).any(|line| leaves(&line)) {
                let message =
                    "the lines that it leaves out go beyond what the line above them begins";
                let refusal = Refusal::new(Reason::Ambiguous, message);
                return Err(refusal.places(self.text, &[*above, *below], 1));
            }
        }
        Ok(())
    }

    /// How many lines that say something stand in the file behind element `at`, up to what is left
    /// out next.
    fn said_behind(&self, at: usize) -> usize {
        let behind = self.table.elements.iter().zip(self.lines).skip(at + 1);
        behind
            .take_while(|(element, place)| element.what != What::Elision || place.is_some())
            .filter(|(element, place)| element.weight >= OF_WORDS && place.is_some())
            .count()
    }

    /// A line that is nowhere in the file, and that by the counts of the hunk is not one of the old
    /// file, is added and lost its marker.
    pub(super) fn check_counts(&self) -> Result<(), Refusal> {
        let (Some((_, old)), Some(new)) = (self.hunk.old, self.hunk.new_count) else {
            return Ok(());
        };
        let is_lost = |(at, element): &(usize, &super::Element)| {
            element.what == What::Context && self.lines[*at].is_none()
        };
        let lost = self.table.elements.iter().enumerate().filter(is_lost).count();
        let count =
            |of: fn(&Kind) -> bool| self.hunk.lines.iter().filter(|it| of(&it.kind)).count();
        let is_told = count(|kind| *kind != Kind::Added) == old + lost
            && count(|kind| *kind != Kind::Removed) == new;
        if lost > 0 && is_told {
            let message = "by its counts it adds a line that it shows as kept, and the file does not have that";
            return Err(Refusal::new(Reason::Ambiguous, message).remedy(Remedy::Copy));
        }
        Ok(())
    }
}
