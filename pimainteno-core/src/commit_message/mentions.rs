//! Names behind an `@`, which forges tell the one they name of.

use super::{Edit, is_word};

pub(super) fn edits(text: &str) -> Vec<Edit> {
    let (mut edits, mut start, mut is_fenced) = (Vec::new(), 0, false);
    for line in text.split_inclusive('\n') {
        is_fenced ^= line.trim_start().starts_with("```");
        if !is_fenced {
            edits.extend(
                line.match_indices('@')
                    .filter_map(|(at, _)| mention(line, at))
                    .map(|(at, name)| (start + at..start + at + name.len(), format!("`{name}`"))),
            );
        }
        start += line.len();
    }
    edits
}

/// The name behind the `@` at `at`, if somebody would be told.
fn mention(line: &str, at: usize) -> Option<(usize, &str)> {
    let (before, after) = (line.get(..at)?, line.get(at + 1..)?);
    // An address has letters before it, and so has a version such as `checkout@v4`.
    let local =
        before.trim_end_matches(|one: char| one.is_ascii_alphanumeric() || "_.+-".contains(one));
    let is_address = before.bytes().next_back().is_some_and(is_word) && !local.ends_with('@');
    let word = before.rsplit(char::is_whitespace).next().unwrap_or_default();
    let is_link = word.contains("https://") || word.contains("http://");
    let is_code = before.matches('`').count() % 2 == 1 && after.contains('`');
    if is_address
        || is_link
        || is_code
        || !after.starts_with(|one: char| one.is_ascii_alphanumeric() || one == '_')
    {
        return None;
    }
    let length = after
        .bytes()
        .take_while(|byte| is_word(*byte) || matches!(byte, b'-' | b'.' | b'/'))
        .count();
    Some((at + 1, after.get(..length)?.trim_end_matches(['.', '/', '-'])))
}
