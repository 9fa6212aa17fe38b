//! The known misspellings, each with its only correction.
//!
//! The data is that of the crate `typos-dict`, which a build script filters and writes as text.

use std::cmp::Ordering;

/// `word<TAB>correction` a line, sorted, in small ASCII letters.
const ENTRIES: &str = include_str!(concat!(env!("OUT_DIR"), "/misspellings.txt"));

/// How many bits the filter has: one in fourteen is set, so that few words are looked up in vain.
const BITS: u64 = 1 << 20;

/// The known misspellings. It takes 128 KiB for as long as it is needed, which makes it ten times
/// as fast as the text alone.
pub(super) struct Dictionary {
    filter: Vec<u64>,
}

impl Dictionary {
    /// Prepares to look words up.
    pub(super) fn new() -> Self {
        let mut filter = vec![0; (BITS / 64) as usize];
        for entry in ENTRIES.lines() {
            let (word, _) = entry.split_once('\t').unwrap_or_default();
            let (index, mask) = place(word);
            if let Some(bits) = filter.get_mut(index) {
                *bits |= mask;
            }
        }
        Self { filter }
    }

    /// The correction of `word`, if it is a known misspelling, in small letters. `word` consists of
    /// ASCII letters of either case.
    pub(super) fn correction(&self, word: &str) -> Option<&'static str> {
        let (index, mask) = place(word);
        self.filter.get(index).filter(|bits| **bits & mask != 0)?;
        search(&word.to_ascii_lowercase())
    }
}

/// The place of a word in the filter, whatever its case.
fn place(word: &str) -> (usize, u64) {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in word.bytes() {
        hash = (hash ^ u64::from(byte | 0x20)).wrapping_mul(0x0100_0000_01b3);
    }
    let bit = (hash ^ (hash >> 32)) % BITS;
    ((bit / 64) as usize, 1 << (bit % 64))
}

fn search(word: &str) -> Option<&'static str> {
    let entries = ENTRIES.as_bytes();
    let (mut low, mut high) = (0, entries.len());
    // `low` and `high` are always at the start of a line.
    while low < high {
        let middle = low + (high - low) / 2;
        let start = entries
            .get(low..middle)?
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(low, |end| low + end + 1);
        let end = start + entries.get(start..)?.iter().position(|byte| *byte == b'\n')?;
        let (entry, correction) = ENTRIES.get(start..end)?.split_once('\t')?;
        match entry.cmp(word) {
            Ordering::Equal => return Some(correction),
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_and_nothing_else() {
        let dictionary = Dictionary::new();
        assert!(ENTRIES.lines().count() > 50_000);
        for entry in ENTRIES.lines() {
            let (word, fix) = entry.split_once('\t').unwrap();
            assert_eq!(dictionary.correction(word), Some(fix));
            assert_eq!(dictionary.correction(fix), None, "{fix} is both right and wrong");
        }
        assert_eq!(dictionary.correction("RECIEVE"), Some("receive"));
        assert_eq!(search(""), None);
        assert_eq!(search("zzz"), None);
    }

    #[test]
    fn what_may_be_right_is_not_in_it() {
        let certain = ["recieve", "teh", "lenght", "occured"].map(search);
        assert_eq!(certain, [Some("receive"), Some("the"), Some("length"), Some("occurred")]);
        // Another form, an abbreviation, another language, a variant, terms.
        assert_eq!(
            ["leafs", "execut", "programa", "writeable", "seeked", "restat"].map(search),
            [None; 6]
        );
    }
}
