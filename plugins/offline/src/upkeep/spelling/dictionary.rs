//! The known misspellings, each with its only correction.
//!
//! The data is that of the crate `typos-dict`, which a build script filters and writes as text.

/// `word<TAB>correction` a line, sorted, in small ASCII letters.
const ENTRIES: &str = include_str!(concat!(env!("OUT_DIR"), "/misspellings.txt"));

/// The correction of `word`, if it is a known misspelling in small letters.
pub(super) fn correction(word: &str) -> Option<&'static str> {
    let entries = ENTRIES.as_bytes();
    let (mut low, mut high) = (0, entries.len());
    // `low` and `high` are always at the start of a line.
    while low < high {
        let middle = low + (high - low) / 2;
        let start = entries.get(low..middle)?.iter().rposition(|byte| *byte == b'\n').map_or(low, |end| low + end + 1);
        let end = start + entries.get(start..)?.iter().position(|byte| *byte == b'\n')?;
        let (entry, correction) = ENTRIES.get(start..end)?.split_once('\t')?;
        match entry.cmp(word) {
            std::cmp::Ordering::Equal => return Some(correction),
            std::cmp::Ordering::Less => low = end + 1,
            std::cmp::Ordering::Greater => high = start,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found_and_nothing_else() {
        assert!(ENTRIES.lines().count() > 50_000);
        for entry in ENTRIES.lines() {
            let (word, fix) = entry.split_once('\t').unwrap();
            assert_eq!(correction(word), Some(fix));
            assert_eq!(correction(fix), None, "{fix} is both right and wrong");
        }
        assert_eq!(correction(""), None);
        assert_eq!(correction("zzz"), None);
    }

    #[test]
    fn what_may_be_right_is_not_in_it() {
        assert_eq!(
            ["recieve", "teh", "lenght", "occured"].map(correction),
            [Some("receive"), Some("the"), Some("length"), Some("occurred")]
        );
        // Another form, an abbreviation, another language, a variant, a term.
        assert_eq!(["leafs", "execut", "programa", "writeable", "seeked", "restat"].map(correction), [None; 6]);
    }
}
