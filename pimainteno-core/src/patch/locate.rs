//! Where the lines of a hunk stand in a file, compared ever more loosely.

use std::{borrow::Cow, collections::HashMap};

use super::{refusal::Refusal, steps::Steps, text::Text};

/// The most places that are listed for one hunk, since a reply may have many hunks. Of more, only
/// the line number and the end of the file decide.
pub(super) const MOST_PLACES: usize = 200;

/// How loosely lines are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// They are the same, whatever their ends.
    Exact,
    /// Blanks at their ends do not count.
    TrailingBlanks,
    /// Indentation does not count, and a run of blanks is as good as another.
    Blanks,
    /// Nor does it count which of several characters is used for the same punctuation.
    Punctuation,
    /// Context may be missing, mistyped or invented.
    Context,
}

impl Fit {
    /// The ways to compare lines, from the strictest.
    pub(super) const OF_LINES: [Self; 4] =
        [Self::Exact, Self::TrailingBlanks, Self::Blanks, Self::Punctuation];

    /// What is left of a line of what counts.
    pub(super) fn key(self, line: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Exact => Cow::Borrowed(line),
            Self::TrailingBlanks => Cow::Borrowed(line.trim_ascii_end()),
            Self::Blanks => collapsed(line),
            Self::Punctuation | Self::Context => Cow::Owned(folded(line)),
        }
    }
}

/// A file's lines as numbers, equal for lines that compare as equal, and where each stands.
pub(super) struct Index<'a> {
    numbers: HashMap<Cow<'a, [u8]>, u32>,
    lines: Vec<u32>,
    /// For each number, where in `places` its lines begin.
    starts: Vec<u32>,
    places: Vec<u32>,
    fit: Fit,
}

impl<'a> Index<'a> {
    pub(super) fn new(text: &'a Text<'_>, fit: Fit) -> Self {
        let mut numbers: HashMap<Cow<'a, [u8]>, u32> = HashMap::with_capacity(text.len());
        let lines: Vec<u32> = text
            .lines()
            .map(|line| {
                let next = numbers.len() as u32;
                *numbers.entry(fit.key(line)).or_insert(next)
            })
            .collect();
        let mut starts = vec![0_u32; numbers.len() + 1];
        for line in &lines {
            starts[*line as usize + 1] += 1;
        }
        for number in 1..starts.len() {
            starts[number] += starts[number - 1];
        }
        let (mut next, mut places) = (starts.clone(), vec![0_u32; lines.len()]);
        for (place, line) in lines.iter().enumerate() {
            let slot = &mut next[*line as usize];
            places[*slot as usize] = place as u32;
            *slot += 1;
        }
        Self { numbers, lines, starts, places, fit }
    }

    /// The number of a line; `None` if the file has no such line.
    pub(super) fn number(&self, line: &[u8]) -> Option<u32> {
        self.numbers.get(&self.fit.key(line)).copied()
    }

    /// The numbers of the file's lines.
    pub(super) fn lines(&self) -> &[u32] {
        &self.lines
    }

    /// How many different lines there are.
    pub(super) fn count(&self) -> usize {
        self.numbers.len()
    }

    /// Where the lines with this number stand.
    pub(super) fn places(&self, number: u32) -> &[u32] {
        let range =
            self.starts[number as usize] as usize..self.starts[number as usize + 1] as usize;
        &self.places[range]
    }

    /// Where all of `pattern` stand, one after the other; the first places, if there are very many.
    ///
    /// # Errors
    /// [`Reason::TooLarge`](super::Reason::TooLarge) if that takes more than `steps` are left.
    pub(super) fn find(
        &self,
        pattern: &[u32],
        steps: &mut Steps<'_>,
    ) -> Result<Vec<usize>, Refusal> {
        let Some((offset, rarest)) =
            pattern.iter().enumerate().min_by_key(|(_, number)| self.places(**number).len())
        else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for place in self.places(*rarest) {
            let Some(start) = (*place as usize).checked_sub(offset) else { continue };
            let Some(lines) = self.lines.get(start..start + pattern.len()) else { continue };
            let same =
                lines.iter().zip(pattern).take_while(|(line, number)| line == number).count();
            steps.take(same + 1)?;
            if same == pattern.len() {
                found.push(start);
                if found.len() == MOST_PLACES {
                    break;
                }
            }
        }
        Ok(found)
    }

    /// Whether all of `pattern` stand at `place`.
    pub(super) fn is_at(&self, pattern: &[u32], place: usize) -> bool {
        self.lines.get(place..place + pattern.len()) == Some(pattern)
    }
}

/// A line without indentation, with one blank for each run of blanks.
fn collapsed(line: &[u8]) -> Cow<'_, [u8]> {
    let line = line.trim_ascii();
    let is_plain = |pair: &[u8]| !(pair[0].is_ascii_whitespace() && pair[1].is_ascii_whitespace());
    if line.windows(2).all(is_plain) && !line.contains(&b'\t') {
        return Cow::Borrowed(line);
    }
    let mut collapsed = Vec::with_capacity(line.len());
    for byte in line {
        if !byte.is_ascii_whitespace() {
            collapsed.push(*byte);
        } else if collapsed.last() != Some(&b' ') {
            collapsed.push(b' ');
        }
    }
    Cow::Owned(collapsed)
}

/// A line with the plainest of each group of characters that are mistaken for each other, and
/// blanks collapsed.
fn folded(line: &[u8]) -> Vec<u8> {
    let Ok(text) = str::from_utf8(line) else { return collapsed(line).into_owned() };
    if text.is_ascii() {
        return collapsed(line).into_owned();
    }
    let folded: String =
        text.chars().flat_map(|character| plain(character).into_iter().flatten()).collect();
    collapsed(folded.as_bytes()).into_owned()
}

/// What a character is mistaken for, or written as where it cannot be typed: the plainest of its
/// kind, several of them, or none where it cannot be seen.
pub(super) fn plain(character: char) -> [Option<char>; 3] {
    let plain = match character {
        '\u{2018}'..='\u{201b}' | '\u{2032}' | '\u{00b4}' | '\u{02bc}' => '\'',
        '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{00ab}' | '\u{00bb}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => '-',
        '\u{2026}' => return [Some('.'); 3],
        '\u{00a0}'
        | '\u{1680}'
        | '\u{2000}'..='\u{200a}'
        | '\u{202f}'
        | '\u{205f}'
        | '\u{3000}' => ' ',
        '\u{00ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => return [None; 3],
        // Full-width forms of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(character as u32 - 0xfee0).unwrap_or(character),
        other => other,
    };
    [Some(plain), None, None]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_compare_ever_more_loosely() {
        let same = |fit: Fit, a: &str, b: &str| fit.key(a.as_bytes()) == fit.key(b.as_bytes());
        assert!(!same(Fit::Exact, "a ", "a") && same(Fit::TrailingBlanks, "a \t\r", "a"));
        assert!(!same(Fit::TrailingBlanks, " a", "a") && same(Fit::Blanks, "\t a  b", "a b"));
        assert!(!same(Fit::Blanks, "ab", "a b"), "that a blank is there at all counts");
        assert!(same(Fit::Punctuation, "“it’s” – …", "\"it's\" - ..."));
    }

    #[test]
    fn every_place_is_found() {
        let text = Text::new(b"a\nb\na\nb\na\n");
        let index = Index::new(&text, Fit::Exact);
        let pattern: Vec<_> =
            ["a", "b"].iter().map(|line| index.number(line.as_bytes()).unwrap()).collect();
        assert_eq!(index.find(&pattern, &mut Steps::new(&|| false)).unwrap(), [0, 2]);
        assert_eq!(index.number(b"c"), None);
        assert!(index.is_at(&pattern, 2) && !index.is_at(&pattern, 4));
    }
}
