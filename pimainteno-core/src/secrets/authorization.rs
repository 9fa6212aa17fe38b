//! The Authorization header of HTTP (RFC 9110, section 11.6.2), also as an argument of a command.

use std::ops::Range;

use super::{Finding, scan, stored_login, value};

/// What stands before the credentials.
pub(super) const ANCHORS: [&str; 6] =
    ["bearer ", "basic ", "token ", "apikey ", "ssws ", "authorization"];

/// The longest credentials that are looked at, in bytes.
const LONGEST: usize = 4096;

/// Adds the credentials behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let credentials = scan::run(text, anchor.end, LONGEST, is_of_credentials);
    let range = anchor.end..anchor.end + credentials.len();
    let scheme = text.get(anchor.clone()).unwrap_or_default().to_ascii_lowercase();
    match scheme.as_str() {
        "basic " => {
            if stored_login::is_login(credentials) {
                found.push(Finding { range, kind: "basic credentials" });
            }
        }
        "authorization" => look_for_bare(text, anchor.end, found),
        // These words stand before much else, `Authorization: ` before the credentials alone.
        "token " | "apikey " | "ssws " if !follows_header(text, anchor.start) => {}
        _ => {
            if value::is_random(credentials) || value::is_secret_uuid(credentials) {
                found.push(Finding { range, kind: "bearer token" });
            }
        }
    }
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

/// Adds the credentials that follow the header's name without a scheme.
fn look_for_bare(text: &str, at: usize, found: &mut Vec<Finding>) {
    let Some(start) = scan::behind_joint(text, at, b" \t:=\"'\\", b":=") else { return };
    let credentials = scan::run(text, start, LONGEST, is_of_credentials);
    let end = start + credentials.len();
    let ends = text.as_bytes().get(end).is_none_or(|byte| b"\"'\\\r\n".contains(byte));
    if ends && value::is_key(credentials) {
        found.push(Finding { range: start..end, kind: "bearer token" });
    }
}

/// Whether it is a character of `token68`.
fn is_of_credentials(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte)
}
