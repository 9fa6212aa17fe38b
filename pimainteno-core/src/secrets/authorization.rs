//! The Authorization header of HTTP (RFC 9110, section 11.6.2), also as an argument of a command.

use std::ops::Range;

use super::{Finding, stored_login, value};

/// What stands before the credentials.
pub(super) const ANCHORS: [&str; 6] =
    ["bearer ", "basic ", "token ", "apikey ", "ssws ", "authorization"];

/// The longest credentials that are looked at, in bytes.
const LONGEST: usize = 4096;

/// Adds the credentials behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let rest = &text.as_bytes()[anchor.end..];
    // The characters of `token68`.
    let length = rest
        .iter()
        .take(LONGEST)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte))
        .count();
    let range = anchor.end..anchor.end + length;
    let Some(credentials) = text.get(range.clone()) else { return };
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
    let joint = text
        .as_bytes()
        .get(at..)
        .unwrap_or_default()
        .iter()
        .take(16)
        .take_while(|byte| b" \t:=\"'\\".contains(byte))
        .count();
    let start = at + joint;
    let has_sign = text
        .as_bytes()
        .get(at..start)
        .is_some_and(|joint| joint.iter().any(|byte| b":=".contains(byte)));
    let length = text.as_bytes().get(start..).unwrap_or_default().iter().take(LONGEST);
    let length =
        length.take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte)).count();
    let credentials = text.get(start..start + length).filter(|_| has_sign);
    let ends = text.as_bytes().get(start + length).is_none_or(|byte| b"\"'\\\r\n".contains(byte));
    if ends && credentials.is_some_and(value::is_key) {
        found.push(Finding { range: start..start + length, kind: "bearer token" });
    }
}
