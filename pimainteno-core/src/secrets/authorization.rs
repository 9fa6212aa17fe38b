//! The Authorization header of HTTP (RFC 9110, section 11.6.2), also as an argument of a command.

use std::ops::Range;

use super::{Finding, scan, stored_login, value};

/// What stands before the credentials.
pub(super) const ANCHORS: [&str; 6] =
    ["bearer ", "basic ", "token ", "apikey ", "ssws ", "authorization"];

/// The longest credentials that are looked at, in bytes.
const LONGEST: usize = 4096;

/// The credentials behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let credentials = scan::run(text, anchor.end, LONGEST, is_of_credentials);
    let scheme = text.get(anchor.clone()).unwrap_or_default().to_ascii_lowercase();
    let (is_secret, kind) = match scheme.as_str() {
        "authorization" => return look_for_bare(text, anchor.end),
        "basic " => (stored_login::is_login(credentials), "basic credentials"),
        // These words stand before much else, `Authorization: ` before the credentials alone.
        "token " | "apikey " | "ssws " if !follows_header(text, anchor.start) => return None,
        _ => (value::is_token(credentials), "bearer token"),
    };
    is_secret.then(|| Finding::of(credentials, anchor.end, kind))
}

/// Whether the header's name stands right before a place.
fn follows_header(text: &str, at: usize) -> bool {
    let before =
        text.as_bytes().get(at.saturating_sub(24)..at).unwrap_or_default().to_ascii_lowercase();
    let trimmed = before
        .iter()
        .rposition(|byte| !b" \t:=\"'\\>,".contains(byte))
        .map_or(&[][..], |last| &before[..=last]);
    trimmed.ends_with(b"authorization")
}

/// The credentials that follow the header's name without a scheme.
fn look_for_bare(text: &str, at: usize) -> Option<Finding> {
    let start = scan::behind_joint(text, at, b" \t:=\"'\\", b":=")?;
    let credentials = scan::run(text, start, LONGEST, is_of_credentials);
    let next = text.as_bytes().get(start + credentials.len());
    let ends = next.is_none_or(|byte| b"\"'\\\r\n".contains(byte));
    (ends && value::is_key(credentials)).then(|| Finding::of(credentials, start, "bearer token"))
}

/// Whether it is a character of `token68`.
fn is_of_credentials(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}
