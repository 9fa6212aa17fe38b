//! The Authorization header of HTTP (RFC 9110, section 11.6.2), also as an argument of a command.

use std::ops::Range;

use super::{Finding, base64, value};

/// What stands before the credentials.
pub(super) const ANCHORS: [&str; 2] = ["bearer ", "basic "];

/// The longest credentials that are looked at, in bytes.
const LONGEST: usize = 4096;

/// Adds the credentials behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let rest = &text.as_bytes()[anchor.end..];
    // The characters of `token68`.
    let length = rest.iter().take(LONGEST).take_while(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte)).count();
    let range = anchor.end..anchor.end + length;
    let Some(credentials) = text.get(range.clone()) else { return };
    let is_basic = text.as_bytes()[anchor.start].eq_ignore_ascii_case(&b'b') && anchor.len() == "basic ".len();
    if is_basic {
        let decoded = base64::decoded(credentials).and_then(|bytes| String::from_utf8(bytes).ok());
        let password = decoded.as_deref().and_then(|decoded| decoded.split_once(':')).map(|(_, password)| password);
        if password.is_some_and(|password| password.len() >= 4 && !value::is_placeholder(password)) {
            found.push(Finding { range, kind: "basic credentials" });
        }
    } else if value::is_random(credentials) {
        found.push(Finding { range, kind: "bearer token" });
    }
}
