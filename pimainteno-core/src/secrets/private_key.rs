//! Private keys in the shape of PEM (RFC 7468), which OpenSSH and PGP use too: also in a diff, in a
//! YAML block, or in a string with `\n` for its line ends.

use std::ops::Range;

use super::{Finding, scan};

/// What every such key begins with.
pub(super) const ANCHORS: [&str; 1] = ["-----BEGIN "];

/// The longest label, such as `RSA PRIVATE KEY`, in bytes.
const LONGEST_LABEL: usize = 64;

/// The longest line that is looked at, in bytes. A key of 8192 bits on one line has 6.4 KiB.
const LONGEST_LINE: usize = 8 << 10;

/// The fewest characters of a key: half of the shortest, which is an Ed25519 key of 64.
const SHORTEST: usize = 32;

pub(super) const KIND: &str = "private key";

/// Adds the body of the key that begins at the anchor, line by line. A key that is cut off is a
/// key.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let label_end = text.as_bytes()[anchor.end..]
        .iter()
        .take(LONGEST_LABEL)
        .position(|byte| *byte == b'-')
        .unwrap_or(0);
    let Some(label) = text.get(anchor.end..anchor.end + label_end) else { return };
    if !label.to_ascii_uppercase().contains("PRIVATE KEY") {
        return;
    }
    let mut at = anchor.end + label_end;
    at += scan::count(text, at, 5, |byte| byte == b'-');
    let (before, mut length) = (found.len(), 0);
    while let Some((line, next)) = line_at(text, at) {
        let (line, is_last) = match line.find("-----END") {
            Some(end) => (line.get(..end).unwrap_or_default(), true),
            None => (line, false),
        };
        let Some(body) = body(line) else { break };
        if !body.is_empty() {
            length += body.len();
            found.push(Finding { range: at + body.start..at + body.end, kind: KIND });
        }
        // Only the last line is short. What follows the beginning of a key that is cut off may look
        // like one.
        if is_last || (1..SHORTEST).contains(&body.len()) {
            break;
        }
        at = next;
    }
    if length < SHORTEST {
        found.truncate(before);
    }
}

/// The line that begins at a place, and where the next one begins; `None` at the end. In a string,
/// `\n` ends a line as well.
fn line_at(text: &str, at: usize) -> Option<(&str, usize)> {
    let end = text.floor_char_boundary(at.saturating_add(LONGEST_LINE));
    let rest = text.get(at..end).filter(|rest| !rest.is_empty())?;
    let line = rest.get(..rest.find('\n').unwrap_or(rest.len()))?;
    match line.find("\\n") {
        Some(end) => Some((line.get(..end)?, at + end + 2)),
        None => Some((line, (at + line.len() + 1).min(text.len()))),
    }
}

/// Where the key's characters are in a line, without what a diff, a quotation or a program puts
/// around them; `None` if the line is no part of a key.
fn body(line: &str) -> Option<Range<usize>> {
    let end = line.trim_end();
    let end = ["\\r", "\" +", "' +"]
        .iter()
        .find_map(|end_of_string| end.strip_suffix(end_of_string))
        .unwrap_or(end);
    let end = end.trim_end_matches([',', ';', '"', '\'', '\\', ' ', '\t']).len();
    let marker = usize::from(line.starts_with(['+', '-', ' ']));
    let start = marker
        + line.get(marker..)?.find(|character| !" \t\r\"'>|#*".contains(character)).unwrap_or(0);
    let Some(text) = line.get(start..end).filter(|text| !text.is_empty()) else {
        return Some(0..0);
    };
    // Encrypted keys have a few lines in front: `Proc-Type: 4,ENCRYPTED`, `DEK-Info: …`; so do
    // those of PGP: `Version: …`.
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-')
    };
    if text.split_once(": ").is_some_and(|(name, _)| is_name(name)) {
        return Some(0..0);
    }
    // On one line, spaces may stand for line ends.
    let is_base64 =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/= ".contains(&byte));
    let is_prose = text.split(' ').any(|word| word.len() < 16) && text.contains(' ');
    (is_base64 && !is_prose).then_some(start..end)
}
