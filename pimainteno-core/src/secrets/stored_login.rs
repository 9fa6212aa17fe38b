//! Logins that tools keep in base64: Docker's `"auth": "…"` (`auths` in its configuration), npm's
//! `_auth=…`, and npm's `_password=…`.

use std::ops::Range;

use super::{Finding, base64, scan, token::Alphabet, value};

/// The names that the value follows.
pub(super) const ANCHORS: [&str; 3] = ["\"auth\"", "_auth", "auth\\\""];

/// The longest value, in bytes.
const LONGEST: usize = 4096;

/// The login behind the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let start = scan::behind_joint(text, anchor.end, b" \t:=\"'\\", b":=")?;
    let login = scan::run(text, start, LONGEST, |byte| Alphabet::Base64.has(byte));
    (login.len() >= 8 && is_login(login)).then(|| Finding::of(login, start, "basic credentials"))
}

/// Whether it is `user:password` in base64.
pub(super) fn is_login(encoded: &str) -> bool {
    let decoded = base64::decoded(encoded).and_then(|bytes| String::from_utf8(bytes).ok());
    let login = decoded.as_deref().and_then(|decoded| decoded.split_once(':'));
    login.is_some_and(|(user, password)| {
        password.len() >= 4
            && !value::is_placeholder(password)
            && !user.contains(char::is_control)
            && !password.contains(char::is_control)
    })
}
