//! Private keys of PuTTY (`.ppk`): `Private-Lines: 14` and so many lines of base64.

use std::ops::Range;

use super::{Finding, private_key, scan, token::Alphabet};

/// What the private part begins with.
pub(super) const ANCHORS: [&str; 1] = ["Private-Lines: "];

/// The most lines of a key: one of 16384 bits has 150.
const MOST_LINES: usize = 200;

/// Adds the lines behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let count = scan::run(text, anchor.end, 4, |byte| byte.is_ascii_digit());
    let lines = count.parse().unwrap_or(0).min(MOST_LINES);
    let mut at = anchor.end + count.len();
    // A line of base64 may begin with the mark of a diff.
    let is_added = scan::before(text, anchor.start, 1) == Some(b'+');
    for _ in 0..lines {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        let escape = if rest.starts_with(b"\\n") { 2 } else { 0 };
        // A line end, and what a diff or a quotation puts in front of the line.
        let is_in_front = |byte| b"\r\n \t-\"'>|#*".contains(&byte);
        let mut gap = escape + scan::count(text, at + escape, 64, is_in_front);
        gap += usize::from(is_added && rest.get(gap) == Some(&b'+'));
        let line = scan::run(text, at + gap, 128, |byte| Alphabet::Base64.has(byte));
        if line.is_empty() {
            return;
        }
        found.push(Finding::of(line, at + gap, private_key::KIND));
        at += gap + line.len();
    }
}
