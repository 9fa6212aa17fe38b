//! Whether one line is another one, mistyped.

use crate::patch::locate::Fit;

/// How alike two lines must be for one to be the other mistyped.
const ALIKE: f64 = 0.75;

/// A line, ready to be compared with many.
pub(super) struct Sample {
    text: String,
    /// Which of 64 classes its pairs of characters fall into.
    pairs: u64,
}

impl Sample {
    pub(super) fn new(line: &[u8]) -> Self {
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

    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let (short, long) =
            (self.text.len().min(other.text.len()), self.text.len().max(other.text.len()));
        // Cheap bounds first: each character that differs changes two pairs.
        if (short as f64) < long as f64 * ALIKE || long > 500 {
            return false;
        }
        let (common, all) =
            ((self.pairs & other.pairs).count_ones(), (self.pairs | other.pairs).count_ones());
        common * 5 >= all * 2
            && strsim::normalized_damerau_levenshtein(&self.text, &other.text) >= ALIKE
    }
}
