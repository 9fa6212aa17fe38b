//! What joins a name and its value, in configurations and in programs.

use std::ops::Range;

use super::MOST_SPACE;
use crate::secrets::scan;

/// How the value is joined to the name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Join {
    /// `name=value`, or `--name value`.
    Tight,
    /// `name: value`, `name = value` and the like.
    Loose,
    /// `<name>value</name>`.
    Element,
    /// `name "value"`, or a line of `name value`, as prose may have it too.
    Spoken,
    /// `"name", "value"`: two strings beside each other may be anything.
    Argument,
}

/// The signs that assign, the longer ones first.
const SIGNS: [&[u8]; 13] =
    [b":::=", b"::=", b"||=", b"??=", b"===", b"=>", b":=", b"==", b"?=", b"||", b"??", b"=", b":"];

/// What joins name and value, and where it ends.
pub(super) fn joint(text: &str, name: &Range<usize>) -> Option<(Join, usize)> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let mut at = name.end;
    // The name may be quoted, in a string even with a backslash, and in brackets.
    for close in [b'\\', b'"', b'\'', b'`', b']'] {
        at += usize::from(byte(at) == close);
    }
    if bytes.get(at..).is_some_and(|rest| rest.starts_with(b"&quot;")) {
        at += "&quot;".len();
    }
    let is_quoted = at > name.end;
    let space = spaces(text, at);
    if let Some(value) = pair(text, at) {
        return Some((Join::Loose, value));
    }
    at += space;
    // `Unseal Key 1: …`
    let number = scan::count(text, at, 2, |byte| byte.is_ascii_digit());
    if space == 1 && number > 0 && byte(at + number) == b':' {
        at += number;
    }
    if let Some(sign) =
        SIGNS.iter().find(|sign| bytes.get(at..).is_some_and(|rest| rest.starts_with(sign)))
    {
        at += sign.len();
        let after = spaces(text, at);
        let join =
            if *sign == b"=" && space == 0 && after == 0 { Join::Tight } else { Join::Loose };
        return Some((join, at + after));
    }
    match byte(at) {
        // `<name>`, or `<entry key="name">`.
        b'>' if space == 0 && (is_quoted || byte(name.start.wrapping_sub(1)) == b'<') => {
            Some((Join::Element, at + 1 + spaces(text, at + 1)))
        }
        b',' if is_quoted => Some((Join::Argument, at + 1 + spaces(text, at + 1))),
        _ if space > 0 && !is_quoted => spoken(text, name, at),
        _ => None,
    }
}

/// `"name" value="…"`, `name: name` with `value: …` on the next line, `"name": "name", "value":
/// "…"`, and `variable "name" { default = "…" }`: where the value begins.
fn pair(text: &str, mut at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let byte = |at: usize| bytes.get(at).copied().unwrap_or(0);
    let white = |at| scan::count(text, at, 4 * MOST_SPACE, |byte| byte.is_ascii_whitespace());
    at += usize::from(byte(at) == b',');
    at += white(at);
    let is_block = byte(at) == b'{';
    if is_block {
        at += 1 + white(at + 1);
    }
    let quotes = |at: usize| {
        usize::from(byte(at) == b'\\')
            + usize::from(matches!(byte(at + usize::from(byte(at) == b'\\')), b'"' | b'\''))
    };
    at += quotes(at);
    let word: &[u8] = if is_block { b"default" } else { b"value" };
    if !bytes.get(at..at + word.len())?.eq_ignore_ascii_case(word) {
        return None;
    }
    at += word.len();
    at += quotes(at);
    at += spaces(text, at);
    matches!(byte(at), b'=' | b':').then(|| at + 1 + spaces(text, at + 1))
}

/// `--name value`, `-name value`, `ENV NAME value`, `the name is "value"`, `name "value"` and a
/// line of `name value`.
fn spoken(text: &str, name: &Range<usize>, at: usize) -> Option<(Join, usize)> {
    let before = text.as_bytes().get(..name.start)?;
    let is_after_space =
        before.last().is_none_or(|byte| byte.is_ascii_whitespace() || b"\"'`[".contains(byte));
    if text.get(name.clone())?.starts_with('-') && is_after_space {
        return Some((Join::Tight, at));
    }
    let instruction = before.get(before.len().saturating_sub(5)..).unwrap_or_default();
    if [&b"ENV "[..], b"ARG "].iter().any(|word| instruction.ends_with(word))
        && (instruction.len() == 4 || instruction.first() == Some(&b'\n'))
    {
        return Some((Join::Tight, at));
    }
    let rest = text.get(at..)?;
    let is_string = |rest: &str| rest.starts_with(['"', '\'']);
    if is_string(rest) {
        return Some((Join::Spoken, at));
    }
    if rest.strip_prefix("is ").is_some_and(is_string) {
        return Some((Join::Spoken, at + "is ".len()));
    }
    let starts_line = before
        .iter()
        .rev()
        .take(MOST_SPACE)
        .find(|byte| !b" \t".contains(byte))
        .is_none_or(|byte| *byte == b'\n');
    starts_line.then_some((Join::Spoken, at))
}

/// How many spaces and tabulators are at a place.
fn spaces(text: &str, at: usize) -> usize {
    scan::count(text, at, MOST_SPACE, |byte| byte == b' ' || byte == b'\t')
}
