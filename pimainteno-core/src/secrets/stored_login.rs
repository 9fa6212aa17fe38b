//! Logins that tools keep in base64: Docker's `"auth": "…"` (`auths` in its configuration), npm's
//! `_auth=…`, and npm's `_password=…`.

use std::ops::Range;

use super::{Finding, base64, token, value};

/// The names that the value follows.
pub(super) const ANCHORS: [&str; 3] = ["\"auth\"", "_auth", "auth\\\""];

/// The longest value, in bytes.
const LONGEST: usize = 4096;

/// Adds the login behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let bytes = text.as_bytes();
    let is_joint = |byte: &&u8| b" \t:=\"'\\".contains(byte);
    let joint =
        bytes.get(anchor.end..).unwrap_or_default().iter().take(16).take_while(is_joint).count();
    if !bytes
        .get(anchor.end..anchor.end + joint)
        .is_some_and(|joint| joint.contains(&b':') || joint.contains(&b'='))
    {
        return;
    }
    let start = anchor.end + joint;
    let login = token::run(text, start, LONGEST, |byte| token::Alphabet::Base64.has(byte));
    if login.len() >= 8 && is_login(login) {
        found.push(Finding { range: start..start + login.len(), kind: "basic credentials" });
    }
}

/// Whether it is `user:password` in base64.
pub(super) fn is_login(encoded: &str) -> bool {
    let decoded = base64::decoded(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    let login = decoded.as_deref().and_then(|decoded| decoded.split_once(':'));
    login.is_some_and(|(user, password)| {
        password.len() >= 4
            && !value::is_placeholder(password)
            && !user.contains(|character: char| character.is_control())
            && !password.contains(|character: char| character.is_control())
    })
}
