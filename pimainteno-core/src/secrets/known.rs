//! Values that are known exactly, such as the configured key: taken out wherever they are, also
//! encoded.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::{Finding, base64, value};
use crate::error::{Context, ErrorKind, Result};

/// The shortest value, and the shortest encoded one, that is looked for, in bytes: a shorter one is
/// found in the middle of words.
const SHORTEST: usize = 6;

/// The longest single word that counts as one, in bytes; ten random letters are no key of anybody's.
const LONGEST_WORD: usize = 10;

/// The most digits that stand in texts as numbers: a date has eight.
const MOST_DIGITS: usize = 8;

/// How many different characters a value has that a text has by chance.
const FEW_CHARACTERS: usize = 3;

/// Words that servers on one's own machine are given for a key, because clients want one.
const STANDING_IN: [&str; 26] = [
    "anything",
    "api",
    "cpp",
    "empty",
    "here",
    "ignored",
    "key",
    "llama",
    "lm",
    "local",
    "localai",
    "localhost",
    "model",
    "needed",
    "no",
    "none",
    "not",
    "null",
    "ollama",
    "openai",
    "required",
    "server",
    "sk",
    "studio",
    "unused",
    "vllm",
];

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
        value.len() < SHORTEST || is_plain(value) || self.values.iter().any(|known| known == value)
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

/// Whether a value is one that everybody knows, a word, or so simple that it stands in many texts:
/// looked for, it would be taken out of sentences and hide nothing.
fn is_plain(value: &str) -> bool {
    let mut characters: Vec<_> = value.bytes().collect();
    characters.sort_unstable();
    characters.dedup();
    let is_number = value.len() <= MOST_DIGITS && value.bytes().all(|byte| byte.is_ascii_digit());
    let pieces: Vec<_> = value
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|piece| !piece.is_empty())
        .collect();
    let is_word = value.len() <= LONGEST_WORD
        && value.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (value.bytes().skip(1).all(|byte| byte.is_ascii_lowercase())
            || value.bytes().all(|byte| byte.is_ascii_uppercase()));
    let stands_in = |piece: &&str| STANDING_IN.contains(&&*piece.to_ascii_lowercase());
    characters.len() <= FEW_CHARACTERS
        || is_number
        || is_word
        || pieces.iter().all(stands_in)
        || value::is_placeholder(value)
}

/// The value as it is, in an address, in JSON, in hexadecimal and in base64.
fn appearances(value: &str) -> Vec<String> {
    let hexadecimal: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
    let in_address = |escape: fn(u8) -> String| -> String {
        // RFC 3986, section 2.3: these stand for themselves.
        let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        value
            .bytes()
            .map(|byte| if is_kept(byte) { char::from(byte).into() } else { escape(byte) })
            .collect()
    };
    let in_json = serde_json::to_string(value)
        .map(|text| text.trim_matches('"').to_owned())
        .unwrap_or_default();
    let mut appearances = vec![
        value.to_owned(),
        in_address(|byte| format!("%{byte:02X}")),
        in_address(|byte| format!("%{byte:02x}")),
        in_json,
        hexadecimal.to_uppercase(),
        hexadecimal,
    ];
    appearances.extend(base64::appearances(value.as_bytes()));
    appearances.retain(|appearance| appearance.len() >= SHORTEST);
    appearances
}
