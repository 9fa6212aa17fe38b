//! Seeds of one-time passwords: `otpauth://totp/…?secret=…`.

use std::ops::Range;

use super::{Finding, scan};

/// What such an address begins with.
pub(super) const ANCHORS: [&str; 1] = ["otpauth://"];

/// The longest address, in bytes.
const LONGEST: usize = 512;

/// The seed of the address that begins at the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let address = scan::run(text, anchor.end, LONGEST, |byte| {
        byte.is_ascii_graphic() && !b"\"'`<>".contains(&byte)
    });
    let start = anchor.end + address.find("secret=")? + "secret=".len();
    let seed = scan::run(text, start, LONGEST, |byte| byte.is_ascii_alphanumeric() || byte == b'=');
    (seed.len() >= 8).then(|| Finding::of(seed, start, "seed of one-time passwords"))
}
