//! Lines that a hunk is said to be below.

use std::ops::Range;

use super::{Found, Round};
use crate::patch::{
    change::letters,
    locate::Fit,
    refusal::{Reason, Refusal},
    steps::Steps,
};

/// From how many bytes on an anchor may be the beginning of a longer line: `diff -p` cuts it off at
/// 40, Git at 80.
const CUT: usize = 40;

/// How many letters and digits all different lines must have together where the line that they are
/// said to be below is nowhere: if a number tells where they are, even if it is wrong, and if that
/// line alone does.
const NUMBERED: usize = 4;
const UNNUMBERED: usize = 16;

/// Words in front of the name of what a line begins.
const KEYWORDS: [&str; 14] = [
    "def",
    "fn",
    "fun",
    "func",
    "function",
    "sub",
    "class",
    "struct",
    "enum",
    "trait",
    "impl",
    "interface",
    "module",
    "type",
];

impl Round<'_> {
    /// The one of several places that is below these lines, each looked for in what begins with the
    /// one before it, if each of them stands there once.
    pub(super) fn below(
        &self,
        anchors: &[String],
        places: &[usize],
        steps: &mut Steps<'_>,
    ) -> Result<Option<usize>, Refusal> {
        if anchors.is_empty() {
            return Ok(None);
        }
        let mut within = 0..self.text.len();
        for anchor in anchors {
            // With its indentation if that finds it.
            let mut line = self.only(anchor, &within, Fit::TrailingBlanks, steps)?;
            if line.is_none() {
                line = self.only(anchor, &within, Fit::Punctuation, steps)?;
            }
            let Some(line) = line else { return Ok(None) };
            within = line + 1..self.end_of(line, within.end, steps)?;
        }
        let mut below = places.iter().filter(|place| within.contains(place));
        let (place, None) = (below.next(), below.next()) else { return Ok(None) };
        Ok(place.copied())
    }

    /// Refuses the only place of a hunk if it is not below the line that it is said to be below,
    /// where nothing else tells where it is.
    pub(super) fn check_anchors(
        &self,
        found: &Found<'_>,
        steps: &mut Steps<'_>,
    ) -> Result<(), Refusal> {
        let ([place], Some(anchor)) = (found.places.as_slice(), found.hunk.anchors.last()) else {
            return Ok(());
        };
        if self.is_unfounded(found, *place, anchor, steps)? {
            let message = "it shows too little to be meant for the only place of its lines, since the line that it is said to be below is not in the file";
            let lines = found.hunk.old_lines().count();
            return Err(Refusal::new(Reason::Ambiguous, message).places(
                self.text,
                &[*place],
                lines,
            ));
        }
        if found.hunk.old.is_some() {
            return Ok(());
        }
        let whole = 0..self.text.len();
        let Some(line) = self.only(anchor, &whole, Fit::TrailingBlanks, steps)? else {
            return Ok(());
        };
        let lines = found.hunk.old_lines().count();
        // The line may be one of the hunk's own.
        if *place + lines > line {
            return Ok(());
        }
        let message = "its lines do not stand below the line that it is said to be below";
        Err(Refusal::new(Reason::Ambiguous, message).places(self.text, &[line, *place], lines))
    }

    /// Refuses one of several places if what is named above the hunk has another of them.
    pub(super) fn check_said(
        &self,
        said: &[String],
        found: &Found<'_>,
        place: usize,
        steps: &mut Steps<'_>,
    ) -> Result<usize, Refusal> {
        let mut others = Vec::new();
        for name in said.iter().map(|name| name.trim_end_matches("()")).filter(|it| is_word(it)) {
            steps.take(self.text.cost())?;
            for line in (0..self.text.len()).filter(|line| defines(self.text.line(*line), name)) {
                let within = line..self.end_of(line, self.text.len(), steps)?;
                if within.contains(&place) {
                    return Ok(place);
                }
                others.extend(found.places.iter().filter(|place| within.contains(place)));
            }
        }
        if others.is_empty() {
            return Ok(place);
        }
        others.push(place);
        let message = "its lines stand in several places, and the text above it names another than what else speaks for one";
        let lines = found.hunk.old_lines().count();
        Err(Refusal::new(Reason::Ambiguous, message).places(self.text, &others, lines))
    }

    /// Whether nothing but lines that say little speaks for a place: the line that the hunk is said to be
    /// below is nowhere, and its number is another.
    fn is_unfounded(
        &self,
        found: &Found<'_>,
        place: usize,
        anchor: &str,
        steps: &mut Steps<'_>,
    ) -> Result<bool, Refusal> {
        let is_at_number = found.hunk.old.is_some_and(|(start, _)| start == place + 1);
        let enough = if found.hunk.old.is_some() { NUMBERED } else { UNNUMBERED };
        if is_at_number || anchor.trim().is_empty() || letters(found.hunk.old_lines()) >= enough {
            return Ok(false);
        }
        steps.take(2 * self.text.cost())?;
        let wanted = Fit::Punctuation.key(anchor.as_bytes());
        let wanted = String::from_utf8_lossy(&wanted);
        // The search in text takes no longer for a long heading.
        let says =
            |line: &[u8]| String::from_utf8_lossy(&Fit::Punctuation.key(line)).contains(&*wanted);
        Ok(!self.text.lines().any(says))
    }

    /// The one line of a part of the file that says this.
    fn only(
        &self,
        anchor: &str,
        within: &Range<usize>,
        fit: Fit,
        steps: &mut Steps<'_>,
    ) -> Result<Option<usize>, Refusal> {
        let (index, wanted) = (self.index(fit, steps)?, fit.key(anchor.as_bytes()));
        let is_within = |line: &usize| within.contains(line);
        let places = index.number(anchor.as_bytes()).map_or(&[][..], |number| index.places(number));
        steps.take(places.len() + 1)?;
        let mut whole = places.iter().map(|place| *place as usize).filter(is_within);
        let first = whole.next();
        if first.is_some() || wanted.len() < CUT {
            return Ok(first.filter(|_| whole.next().is_none()));
        }
        steps.take(self.text.cost())?;
        let mut cut =
            within.clone().filter(|line| fit.key(self.text.line(*line)).starts_with(&wanted));
        let first = cut.next();
        Ok(first.filter(|_| cut.next().is_none()))
    }

    /// Where what begins with a line ends: before the next line that is indented no further and
    /// begins something, as a name or a keyword does.
    fn end_of(&self, line: usize, last: usize, steps: &mut Steps<'_>) -> Result<usize, Refusal> {
        let depth = indentation(self.text.line(line));
        let begins = |other: &usize| {
            let text = self.text.line(*other);
            let first = text.trim_ascii_start().first();
            indentation(text) <= depth
                && first
                    .is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$'))
        };
        let end = (line + 1..last).find(begins).unwrap_or(last);
        steps.take(4 * (end - line))?;
        Ok(end)
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}

/// Whether a line begins what has this name: a function, a type.
fn defines(line: &[u8], name: &str) -> bool {
    let Ok(line) = str::from_utf8(line) else { return false };
    let mut words = line
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
        .filter(|word| !word.is_empty());
    words.any(|word| KEYWORDS.contains(&word)) && words.next() == Some(name)
}

fn indentation(line: &[u8]) -> usize {
    line.len() - line.trim_ascii_start().len()
}
