//! Whether one line is another one, mistyped.

use std::cell::OnceCell;

use rapidfuzz::distance::osa;

use crate::patch::{
    locate::{Fit, Index},
    refusal::Refusal,
    steps::Steps,
    text::Text,
};

/// How alike two lines must be for one to be the other mistyped: a word may be left out, and two
/// calls of the same function with other arguments are still two lines.
const ALIKE: f64 = 0.75;

/// The longest line that is compared with others, in bytes: longer ones are data, and take long.
const LONGEST: usize = 500;

/// A line, ready to be compared with many.
#[derive(Clone)]
pub(super) struct Sample {
    text: String,
    /// Which of 64 classes its pairs of characters fall into.
    pairs: u64,
}

/// A line of a reply, which each line of a file is held against.
pub(super) struct Wanted {
    sample: Sample,
    compare: osa::BatchComparator<char>,
}

/// The different lines of a file, by their numbers in its index; each is made when it is asked for.
pub(in crate::patch) struct Samples(Vec<OnceCell<Sample>>);

impl Samples {
    pub(in crate::patch) fn new(index: &Index<'_>) -> Self {
        Self(vec![OnceCell::new(); index.count()])
    }

    pub(super) fn get(&self, number: u32, text: &Text<'_>, index: &Index<'_>) -> Option<&Sample> {
        let sample = self.0.get(number as usize)?;
        let line = *index.places(number).first()? as usize;
        Some(sample.get_or_init(|| Sample::new(text.line(line))))
    }
}

impl Sample {
    fn new(line: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&Fit::Punctuation.key(line)).into_owned();
        let pairs = text.as_bytes().windows(2).fold(0, |pairs, pair| {
            pairs
                | 1_u64
                    << ((u32::from(pair[0]).wrapping_mul(31).wrapping_add(u32::from(pair[1])))
                        .wrapping_mul(0x9e37_79b1)
                        >> 26)
        });
        Self { text, pairs }
    }

    /// Whether two lines can be alike, by bounds that cost next to nothing: each character that
    /// differs changes two pairs.
    fn may_be_alike(&self, other: &Self) -> bool {
        let (short, long) =
            (self.text.len().min(other.text.len()), self.text.len().max(other.text.len()));
        let (common, all) =
            ((self.pairs & other.pairs).count_ones(), (self.pairs | other.pairs).count_ones());
        short as f64 >= long as f64 * ALIKE && long <= LONGEST && common * 5 >= all * 2
    }
}

impl Wanted {
    pub(super) fn new(line: &str) -> Self {
        let sample = Sample::new(line.as_bytes());
        let compare = osa::BatchComparator::new(sample.text.chars());
        Self { sample, compare }
    }

    /// Whether a line of the file is this one, mistyped.
    pub(super) fn is_alike(&self, line: &Sample, steps: &mut Steps<'_>) -> Result<bool, Refusal> {
        steps.take(1)?;
        if !self.sample.may_be_alike(line) {
            return Ok(false);
        }
        // Of the one 64 characters are held against each character of the other at a time.
        steps.take((self.sample.text.len() / 64 + 1) * line.text.len())?;
        let limit = osa::Args::default().score_cutoff(ALIKE);
        let likeness = self.compare.normalized_similarity_with_args(line.text.chars(), &limit);
        Ok(likeness.is_some())
    }
}
