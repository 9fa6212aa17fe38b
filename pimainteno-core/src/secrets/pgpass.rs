//! `.pgpass` of PostgreSQL: `host:port:database:user:password`, a line each.

use std::ops::Range;

use super::{Finding, scan, value};

/// What such a line has in it: the port of PostgreSQL, or that any port or database will do.
pub(super) const ANCHORS: [&str; 4] = [":5432:", ":5433:", ":6432:", ":*:"];

/// The longest line, in bytes.
const LONGEST: usize = 512;

/// The password of the line that the anchor is in.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let bytes = text.as_bytes();
    let is_inside = |byte: u8| !byte.is_ascii_whitespace() && !b"\"'`".contains(&byte);
    let start = anchor.start - scan::count_before(text, anchor.start, LONGEST, is_inside);
    let start = start + usize::from(matches!(bytes.get(start), Some(b'+' | b'-')));
    let end = anchor.end + scan::count(text, anchor.end, LONGEST, is_inside);
    let line = text.get(start.min(anchor.start)..end)?;
    let mut fields = line.splitn(5, ':');
    let [Some(host), Some(port), Some(database), Some(user), Some(password)] =
        std::array::from_fn(|_| fields.next())
    else {
        return None;
    };
    let is_name = |field: &str| {
        !field.is_empty()
            && field.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*@/".contains(&byte))
    };
    let is_line = [host, database, user].into_iter().all(is_name)
        && (port == "*" || port.bytes().all(|byte| byte.is_ascii_digit()));
    let is_alone =
        start == 0 || bytes.get(start - 1).is_some_and(|byte| b"\n+-\"'` ".contains(byte));
    let is_secret = is_line
        && is_alone
        && password.len() >= 3
        && !password.contains(['[', '{', ':'])
        && !value::is_placeholder(password)
        && password != user;
    is_secret.then(|| Finding::of(password, end - password.len(), "password"))
}
