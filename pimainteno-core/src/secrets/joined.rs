//! A value that a program writes in pieces: `"abc" + "def"`, or over the end of a line.

use std::ops::Range;

use super::scan;

/// The most pieces of one value.
const MOST_PIECES: usize = 8;

/// The most that stands between two pieces, in bytes: quotation marks, a sign, a line end and an
/// indentation.
const LONGEST_JOINT: usize = 64;

/// Whether a value that ends here may go on: its string ends, or its line ends with a backslash.
pub(super) fn may_go_on(text: &str, at: usize) -> bool {
    matches!(text.as_bytes().get(at), Some(b'"' | b'\'' | b'`' | b'\\'))
}

/// The pieces of a value whose first one is known, all of characters of an alphabet and together of
/// no more than `most` bytes.
pub(super) fn pieces(
    text: &str,
    first: Range<usize>,
    most: usize,
    is_in: impl Fn(u8) -> bool,
) -> Vec<Range<usize>> {
    let (mut length, mut end) = (first.len(), first.end);
    let mut pieces = vec![first];
    while pieces.len() < MOST_PIECES
        && length < most
        && let Some(start) = next(text, end)
    {
        let piece = scan::count(text, start, most - length, &is_in);
        if piece == 0 {
            break;
        }
        length += piece;
        end = start + piece;
        pieces.push(start..end);
    }
    pieces
}

/// Where the value goes on that ends here, if it does: behind `" + "`, `' . '`, `" "` over a line
/// end, and `\` at one.
pub(super) fn next(text: &str, end: usize) -> Option<usize> {
    let rest = text.as_bytes().get(end..)?;
    let rest = rest.get(..rest.len().min(LONGEST_JOINT)).unwrap_or(rest);
    let spaces = |from: usize| {
        rest.get(from..)
            .unwrap_or_default()
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count()
    };
    match rest.first()? {
        b'\\' if matches!(rest.get(1), Some(b'\n')) || rest.get(1..3) == Some(b"\r\n") => {
            Some(end + 1 + spaces(1))
        }
        quote @ (b'"' | b'\'' | b'`') => {
            let mut at = 1 + spaces(1);
            let has_line_end = rest.get(1..at).unwrap_or_default().contains(&b'\n');
            let sign = rest.get(at).copied()?;
            if matches!(sign, b'+' | b'.' | b'&' | b'\\' | b'~') {
                at += 1;
                at += usize::from(sign == b'.' && rest.get(at) == Some(&b'.'));
                at += spaces(at);
            } else if !has_line_end {
                return None;
            }
            (rest.get(at)? == quote).then_some(end + at + 1)
        }
        _ => None,
    }
}
