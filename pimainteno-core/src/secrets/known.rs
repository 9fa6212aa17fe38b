//! Values that are known exactly, such as the configured key: taken out wherever they are, also
//! encoded.

use std::fmt::Write as _;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{Finding, base64};
use crate::error::{Context, ErrorKind, Result};

/// The shortest value, and the shortest encoded one, that is looked for, in bytes: a shorter one is
/// found in the middle of words.
const SHORTEST: usize = 6;

/// Values that are known exactly.
#[derive(Default)]
pub(super) struct Known {
    values: Vec<String>,
    /// Finds the values and what they look like when they are encoded; `None` while there are
    /// none.
    search: Option<AhoCorasick>,
}

impl Known {
    /// Whether the value needs not be learned any more.
    pub(super) fn has(&self, value: &str) -> bool {
        value.len() < SHORTEST || self.values.iter().any(|known| known == value)
    }

    /// Looks for this value too.
    pub(super) fn learn(&mut self, value: &str) -> Result<()> {
        if self.has(value) {
            return Ok(());
        }
        self.values.push(value.to_owned());
        let mut appearances: Vec<String> =
            self.values.iter().flat_map(|value| appearances(value)).collect();
        appearances.sort();
        appearances.dedup();
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(appearances);
        self.search = Some(
            search
                .context(ErrorKind::Internal, || "cannot prepare the search for known secrets")?,
        );
        Ok(())
    }

    /// Adds where they are.
    pub(super) fn look(&self, text: &str, found: &mut Vec<Finding>) {
        let matches = self.search.iter().flat_map(|search| search.find_iter(text));
        found.extend(
            matches.map(|known| Finding { range: known.range(), kind: "configured secret" }),
        );
    }
}

/// The value as it is, in an address, in JSON, in hexadecimal and in base64.
fn appearances(value: &str) -> Vec<String> {
    let (mut in_address, mut in_address_lower, mut hexadecimal) =
        (String::new(), String::new(), String::new());
    for byte in value.bytes() {
        // Writing to a string cannot fail. RFC 3986, section 2.3: these stand for themselves.
        let _ = write!(hexadecimal, "{byte:02x}");
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            in_address.push(char::from(byte));
            in_address_lower.push(char::from(byte));
        } else {
            let _ = write!(in_address, "%{byte:02X}");
            let _ = write!(in_address_lower, "%{byte:02x}");
        }
    }
    let in_json = serde_json::to_string(value)
        .map(|text| text.trim_matches('"').to_owned())
        .unwrap_or_default();
    let mut appearances = vec![
        value.to_owned(),
        in_address,
        in_address_lower,
        in_json,
        hexadecimal.to_uppercase(),
        hexadecimal,
    ];
    appearances.extend(base64::appearances(value.as_bytes()));
    appearances.retain(|appearance| appearance.len() >= SHORTEST);
    appearances
}
