//! Secrets of known formats that are encoded in base64 as a whole, as Kubernetes and others keep
//! them.

use std::ops::Range;

use super::{Finding, base64, scan, token};

/// The longest one, in bytes: a private key of 4096 bits has 4.4 KiB.
const LONGEST: usize = 16 << 10;

/// What a key in the shape of PEM begins with: `-----BEGI`.
pub(super) const PEM_ANCHORS: [&str; 1] = ["LS0tLS1CRUdJ"];

/// The digits that any text has in base64 that begins so; `None` if they are too few to tell it.
pub(super) fn beginning(prefix: &str) -> Option<String> {
    let mut encoded = base64::encoded(prefix.as_bytes());
    encoded.truncate(prefix.len() * 8 / 6);
    (encoded.len() >= 5).then_some(encoded)
}

/// The token of a format that is encoded at the anchor.
pub(super) fn look_for_token(
    format: &token::Format,
    text: &str,
    anchor: Range<usize>,
) -> Option<Finding> {
    // Four digits are three bytes.
    let longest = (format.prefix.len() + format.length.1) * 4 / 3 + 8;
    let encoded = encoded_at(text, anchor.start, longest)?;
    let decoded = String::from_utf8(base64::decoded(encoded)?).ok()?;
    format.is(decoded.trim_end()).then(|| Finding::of(encoded, anchor.start, format.kind))
}

/// The private key that is encoded at the anchor. Certificates begin alike.
pub(super) fn look_for_pem(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let head = encoded_at(text, anchor.start, 64).filter(|head| head.len() == 64)?;
    let label = base64::decoded(head)?;
    if !label.windows(b"PRIVATE KEY".len()).any(|label| label == b"PRIVATE KEY") {
        return None;
    }
    let encoded = encoded_at(text, anchor.start, LONGEST)?;
    Some(Finding::of(encoded, anchor.start, super::private_key::KIND))
}

/// What is encoded from a place on, if nothing that is encoded goes on there: so no byte is looked
/// at for two places.
fn encoded_at(text: &str, at: usize, longest: usize) -> Option<&str> {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    let before = |distance| scan::before(text, at, distance);
    // A `+` at the beginning of a line is the mark of a diff.
    let goes_on =
        before(1) == Some(b'/') || before(1) == Some(b'+') && before(2).is_some_and(is_digit);
    if goes_on || !token::is_start(text, at) {
        return None;
    }
    let length = scan::count(text, at, longest, is_digit);
    let padding = scan::count(text, at + length, 2, |byte| byte == b'=');
    text.get(at..at + length + padding)
}
