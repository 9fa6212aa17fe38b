//! Seeds of wallets in words (BIP-39), beside a name that tells.

use std::{collections::HashSet, ops::Range};

use super::{Finding, scan};

/// The names.
pub(super) const ANCHORS: [&str; 6] =
    ["mnemonic", "seed_phrase", "seed phrase", "seedphrase", "recovery phrase", "recovery_phrase"];

/// The longest seed, in bytes: 24 words of eight letters.
const LONGEST: usize = 24 * 9 + 16;

/// The words that follow the name.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let start = scan::behind_joint(text, anchor.end, b" \t:=\"'`\\>", b":=>")?;
    let is_of_words = |byte: u8| byte.is_ascii_lowercase() || byte == b' ';
    let words = scan::run(text, start, LONGEST, is_of_words).trim_end();
    let all: Vec<&str> = words.split(' ').collect();
    let different: HashSet<&&str> = all.iter().collect();
    let is_seed = matches!(all.len(), 12 | 15 | 18 | 21 | 24)
        && all.iter().all(|word| (3..=8).contains(&word.len()))
        && different.len() > all.len() / 2;
    is_seed.then(|| Finding::of(words, start, "seed of a wallet"))
}
