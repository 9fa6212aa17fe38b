//! Characters that a reader does not see, or takes for others: found in a text, named, made
//! visible, taken out.
//!
//! Text goes in, text comes out; this knows nothing of runs. What is meant, and what is left alone,
//! a sentence each:
//!
//! | what | is hidden | unless |
//! |---|---|---|
//! | control characters | always | they are a line feed or a tab |
//! | marks that turn the order of text around | always | never: Arabic and Hebrew need none |
//! | tag characters | always | they spell the flag of England, Scotland or Wales |
//! | variation selectors | always | one stands behind what it varies: an emoji, or a letter of a script that has variants |
//! | joiners | always | one stands between two emoji, or two letters of an Arabic or Indic script |
//! | other characters without a shape | always | they belong to the script of the letter before them |
//!
//! Words that are taken for others are looked for in changes alone (`hidden_text/look_alikes.rs`),
//! because only there it matters what is compared or run.

mod added;
mod context;
mod look_alikes;
mod names;

use std::{borrow::Cow, fmt};

pub(crate) use added::concern;
pub(crate) use names::is_plain_letters;

/// A character that a reader does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HiddenCharacter {
    /// The byte of the text at which it begins.
    pub at: usize,
    /// The character.
    pub character: char,
}

/// The characters of a text that a reader does not see, in its order. Line feeds and tabs are none.
pub fn find(text: &str) -> Vec<HiddenCharacter> {
    let may_be_hidden =
        |byte: u8| byte >= 0x80 || (byte < 0x20 && !matches!(byte, b'\n' | b'\t')) || byte == 0x7f;
    if !text.bytes().any(may_be_hidden) {
        return Vec::new();
    }
    let candidates = text.char_indices().filter(|(_, character)| names::may_be_hidden(*character));
    let hidden = candidates.filter(|(at, character)| !context::explains(text, *at, *character));
    hidden.map(|(at, character)| HiddenCharacter { at, character }).collect()
}

/// `text` with its hidden characters written by their numbers: `‹U+202E›`.
pub fn visible(text: &str) -> Cow<'_, str> {
    replaced(text, |found, visible| visible.push_str(&found.escape()))
}

/// `text` without its hidden characters.
pub fn without(text: &str) -> Cow<'_, str> {
    replaced(text, |_, _| {})
}

/// `text` with something else in the place of each of its hidden characters.
pub fn replaced(text: &str, mut replace: impl FnMut(HiddenCharacter, &mut String)) -> Cow<'_, str> {
    let found = find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let (mut changed, mut end) = (String::with_capacity(text.len() + 16), 0);
    for one in found {
        changed.push_str(text.get(end..one.at).unwrap_or_default());
        replace(one, &mut changed);
        end = one.at + one.character.len_utf8();
    }
    changed.push_str(text.get(end..).unwrap_or_default());
    Cow::Owned(changed)
}

impl HiddenCharacter {
    /// Its number in a form that stands out: `‹U+202E›`.
    pub fn escape(self) -> String {
        format!("‹{}›", number(self.character))
    }
}

/// Writes its number and its name: `U+202E right-to-left override`.
impl fmt::Display for HiddenCharacter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", number(self.character), names::name(self.character))
    }
}

/// A character's number as Unicode writes it.
fn number(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests;
