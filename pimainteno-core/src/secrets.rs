//! What must not leave: keys, tokens and passwords in a text, found and taken out.
//!
//! Text goes in, text comes out; this knows nothing of runs. Two things are looked for:
//!
//! | what | where |
//! |---|---|
//! | values that are known exactly, such as the configured key, also encoded | `secrets/known.rs` |
//! | what looks like a secret: tokens of known formats, private keys, addresses with a password, assignments | the other files in `secrets/` |
//!
//! One pass finds the anchors, short fixed texts that a secret begins with or stands beside; around
//! each the text is looked at once, as far as a fixed bound. So time grows with the length of the
//! text and with nothing else, whoever wrote it.

mod added;
mod address;
mod assignment;
mod authorization;
mod base64;
mod command_line;
mod encoded;
mod formats;
mod infix;
mod joined;
mod known;
mod kubernetes;
mod mnemonic;
mod netrc;
mod one_time;
mod password_hash;
mod pgpass;
mod private_key;
mod putty;
mod scan;
mod shell;
mod stored_login;
mod token;
mod value;

use std::{
    borrow::Cow,
    fmt,
    ops::Range,
    sync::{Arc, PoisonError, RwLock},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use crate::error::{Context, ErrorKind, Result};

pub use added::AddedSecret;

use known::Known;

/// Finds secrets in texts and takes them out. Clones share what they learned.
#[derive(Clone)]
pub struct Secrets(Arc<Inner>);

struct Inner {
    anchors: AhoCorasick,
    /// What each of the anchors leads to.
    lookers: Vec<Looker>,
    known: RwLock<Known>,
}

/// Where a secret is in a text, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The secret's bytes.
    pub range: Range<usize>,
    /// What it is, such as `AWS access key`.
    pub kind: &'static str,
}

/// What a secret is replaced by begins so; its kind and a bracket follow.
const MARK: &str = "[redacted: ";

/// What looks around an anchor, which is at the range: no further than a fixed bound, or than what
/// it finds.
#[derive(Clone, Copy)]
enum Looker {
    Token(token::Format),
    Infix(&'static infix::Infix),
    Encoded(token::Format),
    One(fn(&str, Range<usize>) -> Option<Finding>),
    Many(fn(&str, Range<usize>, &mut Vec<Finding>)),
}

impl Secrets {
    /// Knows the formats of secrets, and no values yet.
    ///
    /// # Errors
    /// None are expected.
    pub fn new() -> Result<Self> {
        let mut words: Vec<Cow<'static, str>> = Vec::new();
        let mut lookers = Vec::new();
        for format in formats::formats() {
            words.push(format.prefix.into());
            lookers.push(Looker::Token(format));
            if let Some(beginning) = encoded::beginning(format.prefix) {
                words.push(beginning.into());
                lookers.push(Looker::Encoded(format));
            }
        }
        for format in infix::INFIXES {
            words.push(format.anchor.into());
            lookers.push(Looker::Infix(format));
        }
        let others: [(&[&'static str], Looker); 16] = [
            (&assignment::ANCHORS, Looker::Many(assignment::look)),
            (&private_key::ANCHORS, Looker::Many(private_key::look)),
            (&kubernetes::ANCHORS, Looker::Many(kubernetes::look)),
            (&putty::ANCHORS, Looker::Many(putty::look)),
            (&address::ANCHORS, Looker::One(address::look)),
            (&address::ORACLE_ANCHORS, Looker::One(address::look_for_oracle)),
            (&authorization::ANCHORS, Looker::One(authorization::look)),
            (&token::WEB_TOKEN_ANCHORS, Looker::One(token::look_for_web_token)),
            (&encoded::PEM_ANCHORS, Looker::One(encoded::look_for_pem)),
            (&password_hash::ANCHORS, Looker::One(password_hash::look)),
            (&netrc::ANCHORS, Looker::One(netrc::look)),
            (&pgpass::ANCHORS, Looker::One(pgpass::look)),
            (&stored_login::ANCHORS, Looker::One(stored_login::look)),
            (&mnemonic::ANCHORS, Looker::One(mnemonic::look)),
            (&one_time::ANCHORS, Looker::One(one_time::look)),
            (&command_line::ANCHORS, Looker::One(command_line::look)),
        ];
        for (anchors, looker) in others {
            words.extend(anchors.iter().map(|anchor| Cow::Borrowed(*anchor)));
            lookers.extend(anchors.iter().map(|_| looker));
        }
        let anchors = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(words.iter().map(|word| word.as_bytes()))
            .context(ErrorKind::Internal, || "cannot prepare the search for secrets")?;
        Ok(Self(Arc::new(Inner { anchors, lookers, known: RwLock::default() })))
    }

    /// Takes this value out of every text from now on, as it is and in base64, hexadecimal and the
    /// encoding of addresses. Values of fewer than six bytes, words, and what stands in for a
    /// key, such as `ollama`, are left alone: they would be found in the middle of sentences.
    ///
    /// # Errors
    /// None are expected.
    pub fn learn(&self, value: &str) -> Result<()> {
        if self.0.known.read().unwrap_or_else(PoisonError::into_inner).has(value) {
            return Ok(());
        }
        self.0.known.write().unwrap_or_else(PoisonError::into_inner).learn(value)
    }

    /// The text without its secrets: each is replaced by what it is, in square brackets. Lines stay
    /// lines.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        replaced(text, self.find(text))
    }

    /// The same as [`Secrets::redact`], and at how many places something was taken out. What stands
    /// in pieces beside each other, as the lines of a key do, is one place; what had been taken
    /// out before is not counted.
    pub fn redact_counted<'a>(&self, text: &'a str) -> (Cow<'a, str>, usize) {
        let findings = self.find(text);
        let places = places(text, &findings);
        (replaced(text, findings), places)
    }

    /// Takes the secrets out of a text that is changed in place.
    pub(crate) fn clean(&self, text: &mut String) {
        if let Cow::Owned(clean) = self.redact(text) {
            *text = clean;
        }
    }

    /// The secrets in a text, in its order; none overlaps another.
    pub fn find(&self, text: &str) -> Vec<Finding> {
        let plain = without_colours(text);
        let (text, mut found) = (&*plain, Vec::new());
        for anchor in self.0.anchors.find_overlapping_iter(text) {
            let (before, range) = (found.len(), anchor.range());
            match self.0.lookers.get(anchor.pattern().as_usize()) {
                Some(Looker::Token(format)) => format.look(text, range, &mut found),
                Some(Looker::Infix(format)) => found.extend(format.look(text, range)),
                Some(Looker::Encoded(format)) => {
                    found.extend(encoded::look_for_token(format, text, range));
                }
                Some(Looker::One(look)) => {
                    found.extend(look(text, range));
                    show_commands(text, before, &mut found);
                }
                Some(Looker::Many(look)) => {
                    look(text, range, &mut found);
                    show_commands(text, before, &mut found);
                }
                None => {}
            }
        }
        self.0.known.read().unwrap_or_else(PoisonError::into_inner).look(text, &mut found);
        merged(found)
    }

    /// The secrets that a unified diff adds: in its added lines, and not in its removed ones.
    ///
    /// A secret that is moved is in the history already; what is held for it would be held in vain.
    /// Binary files are not looked into.
    pub fn added_in(&self, diff: &str) -> Vec<AddedSecret> {
        added::added_in(self, diff)
    }

    /// Why a change with this diff is for a person to look at, in one line: it adds secrets, or
    /// writes our mark over one; `None` if it does neither.
    pub(crate) fn concern(&self, diff: &str) -> Option<String> {
        added::concern(self, diff)
    }

    /// Why a change with this message is for a person to look at: it tells a secret, or told one
    /// before that was taken out of it. A message is never rewritten without anybody seeing it.
    pub(crate) fn concern_about_message(&self, message: &str) -> Option<String> {
        let kind = match self.find(message).first() {
            Some(finding) => finding.kind,
            None => message.split_once(MARK)?.1.split(']').next().unwrap_or_default(),
        };
        Some(format!(
            "its message has what looks like a secret: {kind}; once approved it is committed as it is shown"
        ))
    }
}

impl Finding {
    /// The finding of `value`, which begins at `start`.
    fn of(value: &str, start: usize, kind: &'static str) -> Self {
        Self { range: start..start + value.len(), kind }
    }
}

/// Writes nothing of what is known.
impl fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secrets")
    }
}

/// The text with what was found replaced by what it is.
fn replaced(text: &str, findings: Vec<Finding>) -> Cow<'_, str> {
    if findings.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut clean = String::with_capacity(text.len());
    let mut end = 0;
    for Finding { range, kind } in findings {
        clean.push_str(text.get(end..range.start).unwrap_or_default());
        clean.push_str(MARK);
        clean.push_str(kind);
        clean.push(']');
        end = range.end;
    }
    clean.push_str(text.get(end..).unwrap_or_default());
    Cow::Owned(clean)
}

/// How many places the findings are: those of a kind with nothing between them but signs and line
/// ends are one.
fn places(text: &str, findings: &[Finding]) -> usize {
    let goes_on = |pair: &[Finding]| {
        let [one, other] = pair else { return false };
        let between = text.get(one.range.end..other.range.start).unwrap_or_default();
        one.kind == other.kind
            && between.len() <= 64
            && !between.replace("\\n", "").contains(|character: char| character.is_alphanumeric())
    };
    findings.len() - findings.windows(2).filter(|pair| goes_on(pair)).count()
}

/// Leaves out of what was found from a place on what a shell would run.
fn show_commands(text: &str, from: usize, found: &mut Vec<Finding>) {
    for Finding { range, kind } in found.split_off(from.min(found.len())) {
        found.extend(shell::hidden(text, range).into_iter().map(|range| Finding { range, kind }));
    }
}

/// The text with blanks in place of what gives a terminal colours (ECMA-48, select graphic
/// rendition), so that each byte stays at its place: the letter that ends a colour is none of the
/// word behind it.
fn without_colours(text: &str) -> Cow<'_, str> {
    let mut plain = Cow::Borrowed(text);
    for (start, _) in text.match_indices("\u{1b}[") {
        let rest = text.get(start + 2..).unwrap_or_default();
        let length = rest.bytes().take_while(|byte| matches!(byte, b'0'..=b';')).count();
        let end = start + 2 + length + 1;
        if text.as_bytes().get(end - 1) == Some(&b'm') {
            plain.to_mut().replace_range(start..end, &" ".repeat(end - start));
        }
    }
    plain
}

/// In order, with those that overlap made one; the one that begins first, or is longer, says what
/// it is.
fn merged(mut found: Vec<Finding>) -> Vec<Finding> {
    found.sort_by(|one, other| {
        (one.range.start, other.range.end).cmp(&(other.range.start, one.range.end))
    });
    let mut merged: Vec<Finding> = Vec::with_capacity(found.len());
    for finding in found {
        match merged.last_mut() {
            Some(last) if finding.range.start < last.range.end => {
                last.range.end = last.range.end.max(finding.range.end);
            }
            _ => merged.push(finding),
        }
    }
    merged
}

#[cfg(test)]
mod tests;
