//! Changes that a reply quotes.

use crate::patch::{
    extract::Region,
    refusal::{Reason, Refusal},
};

/// Words of an answer that is no approval.
const AGAINST: [&str; 22] = [
    "no", "nope", "not", "nak", "nack", "don't", "doesn't", "didn't", "cannot", "can't", "won't",
    "wrong", "reject", "rejected", "instead", "rather", "however", "but", "breaks", "broken",
    "never", "disagree",
];

/// Refuses a change that is only quoted, if it is said to be somebody else's or there is an answer
/// below it that is no approval.
pub(super) fn check_quoted(text: &str, regions: &[Region<'_>]) -> Result<(), Refusal> {
    let is_quoted = |line: &&str| line.trim_start().starts_with('>');
    if regions.is_empty() || !regions.iter().all(|region| region.quoted) {
        return Ok(());
    }
    let is_against = |line: &str| {
        let mut words = line.split(|letter: char| !(letter.is_alphanumeric() || letter == '\''));
        line.trim_end().ends_with('?')
            || words.any(|word| AGAINST.contains(&word.to_lowercase().as_str()))
    };
    let others = text.lines().any(|line| !is_quoted(&line) && line.trim_end().ends_with("wrote:"));
    if others || text.lines().rev().take_while(|line| !is_quoted(line)).any(is_against) {
        return Err(Refusal::new(
            Reason::Ambiguous,
            "its change is quoted and answered, and it cannot be told whether it is meant",
        ));
    }
    Ok(())
}
