//! What a shell would run in the middle of a secret: it stays to be seen, whatever is around it.
//!
//! A reviewer reads the redacted text. Were `PASSWORD="x9;curl …"` hidden as a whole, so would be
//! the command. What is told from a secret here is what a shell would run or put in its place:
//! `$(…)`, `${…}`, backticks, `<(…)`, and what follows `;`, `|` and `&&`.

use std::ops::Range;

/// The parts of a secret that may be hidden, in order.
pub(super) fn hidden(text: &str, range: Range<usize>) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    let (mut start, mut at) = (range.start, range.start);
    while at < range.end {
        let Some(rest) = text.as_bytes().get(at..range.end) else { break };
        if let Some(entity) = entity(rest) {
            // Of `&amp;` a shell runs nothing.
            at += entity;
            continue;
        }
        match command(rest) {
            Some(length) => {
                hidden.push(start..at);
                at += length;
                start = at;
            }
            None => at += 1,
        }
    }
    hidden.push(start..range.end);
    hidden.retain(|part| !part.is_empty());
    hidden
}

/// How long the command is that begins here, if one does.
fn command(rest: &[u8]) -> Option<usize> {
    let closed = |open: usize, close: u8| {
        rest.get(open..)
            .and_then(|inside| inside.iter().position(|byte| *byte == close))
            .map(|end| open + end + 1)
    };
    let names_something =
        |from: usize| rest.get(from..).is_some_and(|rest| rest.iter().any(u8::is_ascii_alphabetic));
    match rest {
        [b'$' | b'<' | b'>', b'(', ..] => Some(balanced(rest)),
        [b'$', b'{', ..] => Some(closed(2, b'}').unwrap_or(rest.len())),
        [b'`', ..] => Some(closed(1, b'`').unwrap_or(rest.len())),
        [b'&', b'&', ..] if names_something(2) => Some(rest.len()),
        [b';' | b'|', ..] if names_something(1) => Some(rest.len()),
        _ => None,
    }
}

/// How long `$(…)` is, with what is in brackets in it.
fn balanced(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in rest.iter().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    rest.len()
}

/// How long the entity of XML is that begins here, if one does.
fn entity(rest: &[u8]) -> Option<usize> {
    ["&amp;", "&lt;", "&gt;", "&quot;", "&apos;"]
        .into_iter()
        .find(|entity| rest.starts_with(entity.as_bytes()))
        .map(str::len)
}
