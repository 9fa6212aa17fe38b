//! Tokens of known formats: a prefix that nothing else has, and so many characters of an alphabet.
//! The formats are in `formats.rs`.
//!
//! A string that is broken in two, by a sign that joins strings or by the end of a line, is read as
//! one: `"ghp_abc" + "def"`.

use std::ops::Range;

use super::{Finding, joined, scan, value};

/// A format of tokens.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// What such a token is called.
    pub(super) kind: &'static str,
    /// What it begins with, as it is written.
    pub(super) prefix: &'static str,
    pub(super) alphabet: Alphabet,
    /// How many characters come after the prefix, at least and at most.
    pub(super) length: (usize, usize),
}

/// The characters that a token is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Alphabet {
    /// `A-Z` and `0-9`.
    Upper,
    /// The same with `-`.
    UpperDashed,
    /// `a-z` and `0-9`.
    Lower,
    /// `0-9` and `a-f`.
    Hexadecimal,
    /// The same in either case.
    AnyHexadecimal,
    /// Letters and digits.
    Alphanumeric,
    /// Letters, digits, `-` and `_`, as in base64 for addresses.
    Address,
    /// Letters, digits, `+`, `/` and `=`.
    Base64,
    /// Letters, digits, `-`, `_`, `.` and `=`.
    Dotted,
    /// All of these with what else stands in the path of an address.
    Location,
    /// `0-9`.
    Digits,
    /// Those of `Dotted` and `~`.
    Tilde,
    /// Those of base64 and `%`, as in an address.
    Percent,
}

/// Most tokens are shorter than this.
pub(super) const LONGEST: usize = 512;

use Alphabet::{
    Address, Alphanumeric, AnyHexadecimal, Base64, Digits, Dotted, Hexadecimal, Location, Lower,
    Percent, Tilde, Upper, UpperDashed,
};

/// What a JSON Web Token (RFC 7519) begins with: `{"` in base64.
pub(super) const WEB_TOKEN_ANCHORS: [&str; 1] = ["eyJ"];

/// The longest part of a JSON Web Token that is looked at, in bytes.
const LONGEST_PART: usize = 16 << 10;

impl Format {
    /// Adds the token of this format whose prefix is at the anchor.
    pub(super) fn look(&self, text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
        // Anchors are found in either case, and the start of a word is no token.
        if text.get(anchor.clone()) != Some(self.prefix)
            || !(self.begins_with_a_sign() || is_start(text, anchor.start))
        {
            return;
        }
        let (least, most) = self.length;
        let body = scan::run(text, anchor.end, most + 2, |byte| self.alphabet.has(byte));
        if let Some(length) = self.fitting(body) {
            if body.get(..length).is_some_and(|body| self.is_made_up(body)) {
                found.push(Finding { range: anchor.start..anchor.end + length, kind: self.kind });
            }
            return;
        }
        if body.len() >= least || !joined::may_go_on(text, anchor.end + body.len()) {
            return;
        }
        let pieces = joined::pieces(text, anchor.end..anchor.end + body.len(), most + 2, |byte| {
            self.alphabet.has(byte)
        });
        let whole: String = pieces.iter().filter_map(|piece| text.get(piece.clone())).collect();
        if pieces.len() > 1 && self.fitting(&whole) == Some(whole.len()) && self.is_made_up(&whole)
        {
            let first = pieces.first().map(|piece| anchor.start..piece.end);
            found.extend(
                first
                    .into_iter()
                    .chain(pieces.into_iter().skip(1))
                    .map(|range| Finding { range, kind: self.kind }),
            );
        }
    }

    /// Whether the text is a token of this format as a whole.
    pub(super) fn is(&self, text: &str) -> bool {
        let body = text.strip_prefix(self.prefix);
        body.is_some_and(|body| {
            body.bytes().all(|byte| self.alphabet.has(byte))
                && self.fitting(body) == Some(body.len())
                && self.is_made_up(body)
        })
    }

    /// Whether it is no placeholder and no name. `s.` and the like stand before many a name.
    fn is_made_up(&self, body: &str) -> bool {
        let has = |is: fn(&u8) -> bool, least: usize| body.bytes().filter(is).count() >= least;
        let is_of_mixed_case = self.alphabet != Address
            || has(u8::is_ascii_uppercase, 2) && has(u8::is_ascii_lowercase, 2);
        let is_beyond_doubt = self.prefix.len() > 2
            || has(u8::is_ascii_digit, 2) && is_of_mixed_case && !value::is_wordy(body);
        is_beyond_doubt && is_made_up_by_a_machine(body, self.alphabet)
    }

    /// How much of what follows the prefix is the token, if any: a full stop, as other signs, may
    /// end a sentence.
    fn fitting(&self, body: &str) -> Option<usize> {
        let (least, most) = self.length;
        let lengths = [
            body.trim_end_matches(['.', '-', '=', '/', '+', '_', ':', '?', '&', '%']).len(),
            body.trim_end_matches('.').len(),
            body.len(),
        ];
        lengths.into_iter().find(|length| (least..=most).contains(length))
    }

    fn begins_with_a_sign(&self) -> bool {
        self.prefix.starts_with(|character: char| !character.is_ascii_alphanumeric())
    }
}

impl Alphabet {
    /// Whether the character is of it.
    pub(super) fn has(self, byte: u8) -> bool {
        match self {
            Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            UpperDashed => byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-',
            Lower => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            Hexadecimal => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            AnyHexadecimal => byte.is_ascii_hexdigit(),
            Alphanumeric => byte.is_ascii_alphanumeric(),
            Address => byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_',
            Base64 => byte.is_ascii_alphanumeric() || b"+/=".contains(&byte),
            Dotted => byte.is_ascii_alphanumeric() || b"-_.=".contains(&byte),
            Digits => byte.is_ascii_digit(),
            Tilde => Dotted.has(byte) || byte == b'~',
            Percent => Address.has(byte) || b"%+/=".contains(&byte),
            Location => byte.is_ascii_alphanumeric() || b"-_.+/=@%?:!$".contains(&byte),
        }
    }
}

/// Adds the JSON Web Token that begins at the anchor: three parts in base64, of which the last, the
/// signature, may be missing.
pub(super) fn look_for_web_token(text: &str, anchor: Range<usize>) -> Option<Finding> {
    if text.get(anchor.clone()) != Some("eyJ") || !is_start(text, anchor.start) {
        return None;
    }
    let byte = |at: usize| text.as_bytes().get(at).copied();
    let is_inside = scan::before(text, anchor.start, 1) == Some(b'-');
    let part = |at: usize, most: usize| scan::run(text, at, most, |byte| Address.has(byte));
    let header = part(anchor.start, LONGEST);
    let claims_at = anchor.start + header.len() + 1;
    if is_inside
        || header.len() < 12
        || !text.get(claims_at - 1..).is_some_and(|rest| rest.starts_with(".eyJ"))
    {
        return None;
    }
    let claims = part(claims_at, LONGEST_PART);
    if claims.len() < 12 {
        return None;
    }
    let mut end = claims_at + claims.len();
    if byte(end) == Some(b'.') {
        end += 1 + part(end + 1, LONGEST_PART).len();
    }
    Some(Finding { range: anchor.start..end, kind: "JSON Web Token" })
}

/// Whether a word can begin here: after anything but a letter or a digit, or after an escape such
/// as `\n` and `%3D`.
pub(super) fn is_start(text: &str, at: usize) -> bool {
    let before = |distance| scan::before(text, at, distance);
    let Some(last) = before(1) else { return true };
    let is_escape = b"nrt".contains(&last) && before(2) == Some(b'\\');
    let is_percent = last.is_ascii_hexdigit()
        && before(2).is_some_and(|byte| byte.is_ascii_hexdigit())
        && before(3) == Some(b'%');
    !(last.is_ascii_alphanumeric() || last == b'_') || is_escape || is_percent
}

/// Whether it is no placeholder and not made of words, as the names of variables and of styles are.
/// A prefix and a length that fit are much already.
pub(super) fn is_made_up_by_a_machine(body: &str, alphabet: Alphabet) -> bool {
    let has_digit = body.bytes().any(|byte| byte.is_ascii_digit());
    let has_both_cases = body.bytes().any(|byte| byte.is_ascii_uppercase())
        && body.bytes().any(|byte| byte.is_ascii_lowercase());
    let is_mixed = match alphabet {
        Upper | Hexadecimal | Digits => true,
        UpperDashed | AnyHexadecimal => has_digit,
        // Of so many letters in a row there is no word.
        Lower | Alphanumeric if body.len() >= 30 => true,
        Lower | Alphanumeric | Address | Base64 | Dotted | Location | Tilde | Percent => {
            has_digit || has_both_cases
        }
    };
    let lower = body.to_ascii_lowercase();
    let is_placeholder = ["xxxx", "....", "----", "0000000000", "your", "placeholder", "redacted"]
        .iter()
        .any(|word| lower.contains(word));
    is_mixed
        && !is_placeholder
        && !(matches!(alphabet, Address | Base64 | Dotted | Location) && value::is_wordy(body))
}
