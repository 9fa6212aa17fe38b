//! Where the value of an assignment begins and ends.

use std::ops::Range;

use super::{LONGEST_NAME, LONGEST_VALUE, MOST_SPACE, joint::Join};
use crate::secrets::{scan, value};

/// The longest type or call between name and value, in bytes: `: &'static str = `, `String::from(`.
const LONGEST_TYPE: usize = 40;

/// Passes over a type and over what makes a string of a value; says whether that is a call.
pub(super) fn opening(text: &str, at: usize, join: Join) -> (usize, bool) {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    if quote(text, at).is_some() {
        return (at, false);
    }
    // `: &'static str = "…"`
    if join == Join::Loose
        && let Some(end) = rest
            .iter()
            .take(LONGEST_TYPE)
            .position(|byte| *byte == b'=' || b"\n,;(){}".contains(byte))
            .filter(|end| rest[*end] == b'=')
    {
        let after = at + end + 1;
        let value = after + scan::count(text, after, MOST_SPACE, |byte| byte == b' ');
        if quote(text, value).is_some() {
            return (value, false);
        }
    }
    // `String::from("…")`, or a prefix of a string as in `b"…"`.
    let is_of_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_:.!&@".contains(&byte);
    let name = scan::count(text, at, LONGEST_TYPE, is_of_name);
    let is_call = rest.get(name) == Some(&b'(');
    let value = at + name + usize::from(is_call);
    if join != Join::Element && (is_call || name <= 2) && quote(text, value).is_some() {
        (value, is_call)
    } else {
        (at, false)
    }
}

/// The quotation mark at a place, with a backslash if it is in a string itself, and where the value
/// begins.
pub(super) fn quote(text: &str, at: usize) -> Option<(&str, usize)> {
    let rest = text.get(at..)?;
    ["\\\"", "\\'", "\"", "'", "`", "&quot;"]
        .into_iter()
        .find(|quote| rest.starts_with(quote))
        .map(|quote| (quote, at + quote.len()))
}

/// The value up to its closing quotation mark.
pub(super) fn quoted(text: &str, start: usize, quote: &str) -> Option<Range<usize>> {
    let end = text.floor_char_boundary(start.saturating_add(LONGEST_VALUE));
    let rest = text.get(start..end)?;
    let length = rest.find(quote)?;
    rest.get(..length).filter(|value| !value.contains('\n')).map(|_| start..start + length)
}

/// The value up to a space or another sign that ends it. A loosely joined one must be all that its
/// line has besides the name.
pub(super) fn unquoted(
    text: &str,
    name: &Range<usize>,
    at: usize,
    join: Join,
    longest: usize,
) -> Option<Range<usize>> {
    let rest = text.as_bytes().get(at..)?;
    let ends = |place: usize, byte: u8| match byte {
        // `&amp;` is one character of it.
        b'&' | b';' if join == Join::Element => false,
        // In an address it separates from the next name; a shell runs what follows it.
        b'&' => {
            let after = rest.get(place + 1..).unwrap_or_default();
            after
                .iter()
                .take(LONGEST_NAME)
                .find(|byte| !byte.is_ascii_alphanumeric() && !b"_-.;".contains(byte))
                == Some(&b'=')
                || after
                    .first()
                    .is_some_and(|byte| byte.is_ascii_alphabetic() || b"&/. ".contains(byte))
        }
        _ => {
            byte.is_ascii_whitespace() || byte.is_ascii_control() || b"\"'`;,<>|)]}".contains(&byte)
        }
    };
    let length = rest
        .iter()
        .take(longest)
        .enumerate()
        .take_while(|(place, byte)| !ends(*place, **byte))
        .count();
    text.get(at..at + length)?;
    match join {
        Join::Element => rest.get(length..)?.starts_with(b"</").then_some(at..at + length),
        Join::Loose | Join::Spoken => {
            is_all(text, name, at..at + length).then_some(at..at + length)
        }
        Join::Tight | Join::Argument => Some(at..at + length),
    }
}

/// Whether the line has nothing but the name and the value, or a string has nothing but them: `-H
/// "X-Api-Key: …"`.
fn is_all(text: &str, name: &Range<usize>, value: Range<usize>) -> bool {
    let bytes = text.as_bytes();
    let next = bytes.get(value.end);
    let before = bytes.get(..name.start).unwrap_or_default();
    if let Some(quote @ (b'"' | b'\'')) = before.last()
        && next == Some(quote)
    {
        return true;
    }
    let mut before = before.iter().rev().take(LONGEST_NAME).take_while(|byte| **byte != b'\n');
    let ends_line = next.is_none_or(|byte| *byte == b'\n' || *byte == b'\r');
    let is_sign = |byte: u8| b" \t+-.\"'><#*/;".contains(&byte);
    // `Unseal Key 1: …`: words, if nothing but a key can follow them.
    let is_key = text.get(value).is_some_and(|value| value.len() >= 20 && value::is_key(value));
    ends_line
        && before
            .all(|byte| is_sign(*byte) || is_key && (byte.is_ascii_alphabetic() || *byte == b':'))
}

/// Whether it is an expression of a program.
pub(super) fn is_code(value: &str) -> bool {
    value.contains(['(', '[', '{', '$', '\\'])
        || value.contains("::")
        || value.contains("->")
        || is_path(value)
}

/// Whether it leads to a file, or names a member of something: words joined by slashes or full
/// stops.
pub(super) fn is_path(value: &str) -> bool {
    value.contains(['/', '.']) && value::is_wordy(value)
}
