//! Passwords in addresses, such as `postgres://user:password@host/database` (RFC 3986, section
//! 3.2.1), and tokens in the place of a user.

use std::ops::Range;

use super::{Finding, scan, value};

/// What stands between the scheme and the rest.
pub(super) const ANCHORS: [&str; 1] = ["://"];

/// What an address of Oracle's driver begins with: `jdbc:oracle:thin:user/password@…`.
pub(super) const ORACLE_ANCHORS: [&str; 2] = ["jdbc:oracle:thin:", "jdbc:oracle:oci:"];

/// What such a password is called.
const KIND: &str = "password in an address";

/// The longest user and password that are looked at, in bytes.
const LONGEST: usize = 512;

/// What stands for a password in manuals.
const STAND_INS: [&str; 9] = ["pass", "pw", "pwd", "passwd", "password", "pswd", "p", "foo", "bar"];

/// The password of the address that the anchor is in.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    scan::before(text, anchor.start, 1).filter(u8::is_ascii_alphanumeric)?;
    // A password may hold `@` unescaped, against the rules; its last one separates.
    let authority = scan::run(text, anchor.end, LONGEST, |byte| {
        !byte.is_ascii_whitespace() && !byte.is_ascii_control() && !b"/?#\"'`<>\\,".contains(&byte)
    });
    let (credentials, host) = authority.rsplit_once('@')?;
    let Some((user, password)) = credentials.split_once(':') else {
        return value::is_key(credentials)
            .then(|| Finding::of(credentials, anchor.end, "token in an address"));
    };
    let host = host.split(':').next().unwrap_or_default();
    // Domains that exist for examples (RFC 2606).
    let is_example = host.split('.').any(|label| label.eq_ignore_ascii_case("example"))
        || [".invalid", ".test"].iter().any(|end| host.to_ascii_lowercase().ends_with(end))
        || host.is_empty();
    let stands_in = STAND_INS.iter().any(|stand_in| password.eq_ignore_ascii_case(stand_in))
        || password == user;
    let is_password = password.len() >= 3
        && !is_example
        && !stands_in
        && !value::is_placeholder(password)
        && (password.len() >= 8 || !password.contains(['(', ')', '|', '[', ']', '*', '%']));
    is_password.then(|| Finding::of(password, anchor.end + user.len() + 1, KIND))
}

/// The password of the address that begins at the anchor.
pub(super) fn look_for_oracle(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let address = scan::run(text, anchor.end, LONGEST, |byte| {
        !byte.is_ascii_whitespace() && !b"\"'`<>".contains(&byte)
    });
    let (credentials, _) = address.rsplit_once('@')?;
    let (user, password) = credentials.split_once('/')?;
    let is_password = password.len() >= 3
        && !value::is_placeholder(password)
        && !STAND_INS.contains(&password)
        && password != user;
    is_password.then(|| Finding::of(password, anchor.end + user.len() + 1, KIND))
}
