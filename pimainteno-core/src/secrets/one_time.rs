//! Seeds of one-time passwords: `otpauth://totp/…?secret=…`.

use std::ops::Range;

use super::{Finding, scan};

/// What such an address begins with.
pub(super) const ANCHORS: [&str; 1] = ["otpauth://"];

/// The longest address, in bytes.
const LONGEST: usize = 512;

/// Adds the seed of the address that begins at the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let address = scan::run(text, anchor.end, LONGEST, |byte| {
        byte.is_ascii_graphic() && !b"\"'`<>".contains(&byte)
    });
    let Some(at) = address.find("secret=") else { return };
    let start = anchor.end + at + "secret=".len();
    let seed = scan::run(text, start, LONGEST, |byte| byte.is_ascii_alphanumeric() || byte == b'=');
    if seed.len() >= 8 {
        found
            .push(Finding { range: start..start + seed.len(), kind: "seed of one-time passwords" });
    }
}
