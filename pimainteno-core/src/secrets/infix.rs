//! Tokens that are told by something in their middle or at their end: a table as that of
//! `formats.rs`, with so many characters on each side.

use std::ops::Range;

use super::{
    Finding, scan,
    token::{
        self,
        Alphabet::{
            self, Address, Alphanumeric, Base64, Digits, Dotted, Hexadecimal, Lower, Percent, Tilde,
        },
    },
};

/// A format of tokens.
pub(super) struct Infix {
    /// What such a token is called.
    pub(super) kind: &'static str,
    /// What is in it, as it is written.
    pub(super) anchor: &'static str,
    /// The characters before and behind it, and how many at least and at most.
    pub(super) before: (Alphabet, usize, usize),
    pub(super) behind: (Alphabet, usize, usize),
    /// What it may begin with, or be preceded by, although that is no part of it.
    start: Start,
}

/// Where the characters before the anchor begin.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Start {
    /// At a place where nothing of the same alphabet stands.
    Word,
    /// Anywhere: what is before may go on, as `bot` in an address does.
    Anywhere,
}

use Start::{Anywhere, Word};

const fn infix(
    kind: &'static str,
    before: (Alphabet, usize, usize),
    anchor: &'static str,
    behind: (Alphabet, usize, usize),
    start: Start,
) -> Infix {
    Infix { kind, anchor, before, behind, start }
}

/// The formats.
pub(super) const INFIXES: &[Infix] = &[
    // Telegram: a bot's id is digits, and the rest begins with `A`.
    infix("Telegram bot token", (Digits, 8, 12), ":AA", (Address, 32, 34), Anywhere),
    infix("Telegram bot token", (Digits, 5, 16), ":A", (Address, 34, 34), Anywhere),
    // Azure: client secrets, keys of DevOps, of storage and of caches.
    infix("Azure client secret", (Dotted, 4, 4), "Q~", (Tilde, 31, 34), Word),
    infix("Azure DevOps token", (Alphanumeric, 76, 76), "AZDO", (Alphanumeric, 4, 4), Word),
    infix("Azure key", (Base64, 76, 76), "+AStAAAAAAAA", (Base64, 0, 4), Word),
    infix("Azure key", (Base64, 42, 42), "+ACR", (Alphanumeric, 6, 6), Word),
    infix("Azure key", (Alphanumeric, 33, 33), "AzCa", (Base64, 7, 16), Word),
    infix("Azure key", (Alphanumeric, 52, 52), "AzSe", (Alphanumeric, 0, 40), Word),
    infix("Azure key", (Alphanumeric, 76, 76), "ACOG", (Alphanumeric, 4, 4), Word),
    // What signs an address: shared access signatures, and triggers of workflows.
    infix("signature in an address", (Dotted, 0, 512), "&sig=", (Percent, 20, 120), Anywhere),
    infix("signature in an address", (Dotted, 0, 512), "?sig=", (Percent, 20, 120), Anywhere),
    infix("Terraform token", (Alphanumeric, 14, 14), ".atlasv1.", (Dotted, 60, 70), Word),
    infix("MaxMind key", (Address, 36, 36), "_mmk", (Alphanumeric, 0, 0), Word),
    infix("Mailchimp key", (Hexadecimal, 32, 32), "-us", (Digits, 1, 3), Word),
    infix("New Relic key", (Lower, 32, 36), "FFFFNRAL", (Alphanumeric, 0, 0), Word),
    infix("New Relic key", (Lower, 36, 36), "NRAL", (Alphanumeric, 0, 0), Word),
    infix("New Relic token", (Alphanumeric, 42, 42), "-NRMA", (Alphanumeric, 0, 0), Word),
    infix("Facebook token", (Digits, 15, 16), "|", (Address, 27, 40), Word),
    infix("Facebook token", (Digits, 15, 16), "%", (Address, 27, 42), Word),
    infix("Salesforce token", (Alphanumeric, 15, 15), "!", (Dotted, 90, 110), Word),
    infix("Dropbox token", (Alphanumeric, 11, 11), "AAAAAAAAAA", (Address, 43, 43), Word),
    infix("Amazon secret", (Alphanumeric, 0, 0), "amzn1.oa2-cs.v1.", (Hexadecimal, 64, 64), Word),
    infix("Discord bot token", (Address, 24, 30), ".G", (Dotted, 33, 46), Word),
];

impl Infix {
    /// Adds the token that the anchor is in.
    pub(super) fn look(&self, text: &str, anchor: Range<usize>) -> Option<Finding> {
        if text.get(anchor.clone()) != Some(self.anchor) {
            return None;
        }
        let (alphabet, least, most) = self.before;
        let before = scan::count_before(text, anchor.start, most + 1, |byte| alphabet.has(byte));
        let is_whole = before <= most || self.start == Anywhere;
        if before < least || !is_whole {
            return None;
        }
        let start = anchor.start - before.min(most);
        let (alphabet, least, most) = self.behind;
        let behind = scan::run(text, anchor.end, most + 2, |byte| alphabet.has(byte));
        let trimmed = behind.trim_end_matches(['.', '-', '=']).len();
        let length =
            [behind.len(), trimmed].into_iter().find(|length| (least..=most).contains(length))?;
        let end = anchor.end + length;
        // What an address is signed with is the secret, not the address.
        let start = if matches!(self.anchor, "&sig=" | "?sig=") { anchor.end } else { start };
        let token = text.get(start..end)?;
        let is_token = token::is_made_up_by_a_machine(token, Alphanumeric)
            && (self.start == Anywhere || token::is_start(text, start));
        is_token.then(|| Finding::of(token, start, self.kind))
    }
}
