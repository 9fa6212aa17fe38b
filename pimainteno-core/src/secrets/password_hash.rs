//! Hashes of passwords, as `/etc/shadow`, `.htpasswd` and databases of users have them: from one, a
//! weak password can be guessed.

use std::ops::Range;

use super::{Finding, scan, token, value};

/// What such hashes begin with.
pub(super) const ANCHORS: [&str; 26] = [
    "$1$",
    "$apr1$",
    "$2a$",
    "$2b$",
    "$2x$",
    "$2y$",
    "$5$",
    "$6$",
    "$7$",
    "$8$",
    "$9$",
    "$y$",
    "$gy$",
    "$argon2",
    "$scrypt$",
    "$pbkdf2",
    "$bcrypt-sha256$",
    "$krb5",
    "pbkdf2_sha",
    "bcrypt_sha256$",
    "pbkdf2:sha",
    "scrypt:",
    "{SSHA",
    "{SHA",
    "{CRYPT}",
    "{SMD5}",
];

/// The fewest and the most characters of one behind its beginning.
const SHORTEST: usize = 20;
const LONGEST: usize = 768;

/// The hash that begins at the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let begin = text.get(anchor.clone())?;
    // `${SHA}` is a variable, and what follows `$` or a letter is the middle of something.
    if scan::before(text, anchor.start, 1) == Some(b'$') || !token::is_start(text, anchor.start) {
        return None;
    }
    let rest = scan::run(text, anchor.end, LONGEST, |byte| {
        byte.is_ascii_alphanumeric() || b"$./+=,-_:@*}".contains(&byte)
    });
    // In a file of users, fields of numbers follow.
    let mut end = rest.len();
    if begin.starts_with(['$', '{']) && !begin.starts_with("$krb5") {
        end = rest.find(':').unwrap_or(end);
    }
    let rest = rest.get(..end)?.trim_end_matches(['.', ',', ':', '-', '_', '}']);
    let is_hash = rest.len() >= SHORTEST && has_the_shape(begin, rest);
    is_hash.then(|| Finding { range: anchor.start..anchor.end + rest.len(), kind: "password hash" })
}

/// Whether salt and sum are where they are to be, and are such.
fn has_the_shape(begin: &str, rest: &str) -> bool {
    let is_sum = |sum: &str| {
        sum.len() >= 16
            && sum.bytes().any(|byte| byte.is_ascii_alphanumeric())
            && !value::is_wordy(sum)
            && !value::is_placeholder(sum)
    };
    let sections = rest.split('$').count();
    let last = rest.rsplit(['$', ':', '}']).next().unwrap_or_default();
    match begin.to_ascii_lowercase().as_str() {
        "{ssha" | "{sha" => {
            rest.split_once('}').is_some_and(|(_, sum)| sum.len() >= 24 && !value::is_wordy(sum))
        }
        "{crypt}" | "{smd5}" => rest.len() >= SHORTEST && is_sum(last),
        // `cost$salt+sum`: 22 and 31 characters.
        "$2a$" | "$2b$" | "$2x$" | "$2y$" => rest.split_once('$').is_some_and(|(cost, sum)| {
            cost.len() == 2 && cost.bytes().all(|byte| byte.is_ascii_digit()) && sum.len() >= 50
        }),
        "scrypt:" | "pbkdf2:sha" => sections >= 3 && is_sum(last),
        _ => sections >= 2 && is_sum(last),
    }
}
