//! Private keys of PuTTY (`.ppk`): `Private-Lines: 14` and so many lines of base64.

use std::ops::Range;

use super::{Finding, private_key, token};

/// What the private part begins with.
pub(super) const ANCHORS: [&str; 1] = ["Private-Lines: "];

/// The most lines of a key: one of 16384 bits has 150.
const MOST_LINES: usize = 200;

/// Adds the lines behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let count = token::run(text, anchor.end, 4, |byte| byte.is_ascii_digit());
    let lines = count.parse().unwrap_or(0).min(MOST_LINES);
    let mut at = anchor.end + count.len();
    // A line of base64 may begin with the mark of a diff.
    let is_added =
        anchor.start.checked_sub(1).and_then(|before| text.as_bytes().get(before)) == Some(&b'+');
    for _ in 0..lines {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        let escape = if rest.starts_with(b"\\n") { 2 } else { 0 };
        // A line end, and what a diff or a quotation puts in front of the line.
        let mut gap = escape
            + rest
                .get(escape..)
                .unwrap_or_default()
                .iter()
                .take(64)
                .take_while(|byte| b"\r\n \t-\"'>|#*".contains(byte))
                .count();
        gap += usize::from(is_added && rest.get(gap) == Some(&b'+'));
        let line = token::run(text, at + gap, 128, |byte| token::Alphabet::Base64.has(byte));
        if line.is_empty() {
            return;
        }
        found.push(Finding { range: at + gap..at + gap + line.len(), kind: private_key::KIND });
        at += gap + line.len();
    }
}
