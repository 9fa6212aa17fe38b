//! Changes that a reply quotes.

use crate::patch::{
    extract::Extract,
    refusal::{Reason, Refusal},
    remedy::Remedy,
};

/// Words of an answer that is no approval.
const AGAINST: [&str; 22] = [
    "no", "nope", "not", "nak", "nack", "don't", "doesn't", "didn't", "cannot", "can't", "won't",
    "wrong", "reject", "rejected", "instead", "rather", "however", "but", "breaks", "broken",
    "never", "disagree",
];

/// Refuses a change that is only quoted, if it is said to be somebody else's, there is an answer
/// below it that is no approval, or one of them is itself an answer to another.
pub(super) fn check(reply: &Extract<'_>) -> Result<(), Refusal> {
    let regions = &reply.regions;
    if regions.is_empty() || !regions.iter().all(|region| region.quoted > 0) {
        return Ok(());
    }
    let is_against = |line: &str| {
        let mut words = line.split(|letter: char| !(letter.is_alphanumeric() || letter == '\''));
        line.trim_end().ends_with('?')
            || words.any(|word| AGAINST.contains(&word.to_lowercase().as_str()))
    };
    let is_quoted = |line: &str| line.trim_start().starts_with('>');
    let is_others =
        reply.rest.lines().any(|line| !is_quoted(line) && line.trim_end().ends_with("wrote:"));
    let is_answered = reply.below.iter().any(|line| !is_quoted(line) && is_against(line));
    let is_answer = regions.windows(2).any(|pair| pair[0].quoted != pair[1].quoted);
    if is_others || is_answered || is_answer {
        return Err(Refusal::new(
            Reason::Ambiguous,
            "its change is one that the reply quotes, and it cannot be told whether it is meant",
        )
        .remedy(Remedy::One));
    }
    Ok(())
}
