//! A message that a model wrote, made one that only people read.
//!
//! Forges, CI and Git act on what stands in a commit's message, and take a model's word for a
//! maintainer's. What they would act on is *quoted*: a person still reads all of it, and nothing
//! else finds it. What it is, and what is known of who reads it how:
//!
//! | what | becomes | why that form |
//! |---|---|---|
//! | `Closes: #1` (`references.rs`) | `"Closes": #1` | every forge wants the reference right behind the word, with at most a colon, blanks and `issue` between. Backticks would not do: messages of commits are not Markdown to them |
//! | `ABC-1 #close` | `ABC-1 # close` | Jira and YouTrack want the command right behind the `#` |
//! | `@user`, `@scope/name` (`mentions.rs`) | ``@`user` `` | a name has to be right behind the `@`, in plain text and in Markdown. What is code already stays |
//! | `[skip ci]` (`switches.rs`) | `("skip" ci)` | found anywhere in a message, also in backticks, by its brackets or by its words; `[skip-ci]` is a switch too |
//! | `Signed-off-by: …` (`lines.rs`) | `"Signed-off-by": …` | the name of a trailer has letters, digits and `-` alone; some look for it in any paragraph |
//! | `fixup! …` | `"fixup!" …` | `rebase --autosquash` wants it first |
//! | lines that begin as `#`, `---`, `diff --git`, a scissors line | a blank before them, or in the scissors | that is where Git's comments, and the ends of messages in mails, begin |
//!
//! Hidden characters are taken out before (`hidden_text.rs`), so that none of them keeps a switch
//! from being seen here and not there. What was quoted is not quoted again, because a message comes
//! by here more than once.

mod lines;
mod mentions;
mod references;
mod switches;

use std::ops::Range;

use crate::hidden_text;

/// Something to write in the place of a part of a text.
type Edit = (Range<usize>, String);

/// How often a message is looked at: what is quoted in it can make another part of it have an
/// effect, though hardly more than once.
const MOST_PASSES: usize = 4;

/// The message without what anybody but a person would act on.
pub(crate) fn without_effects(message: &str) -> String {
    let mut text = hidden_text::without(message).trim().to_owned();
    for _ in 0..MOST_PASSES {
        let mut quoted = text.clone();
        for edits in [switches::edits, references::edits, mentions::edits] {
            quoted = edited(&quoted, edits(&quoted));
        }
        quoted = lines::without_effects(&quoted).trim().to_owned();
        if quoted == text {
            break;
        }
        text = quoted;
    }
    text
}

/// The text with edits, which are in its order; one that overlaps the one before it is left out.
fn edited(text: &str, edits: Vec<Edit>) -> String {
    let (mut changed, mut end) = (String::with_capacity(text.len() + 16), 0);
    for (range, new) in edits {
        if range.start < end {
            continue;
        }
        changed.push_str(text.get(end..range.start).unwrap_or_default());
        changed.push_str(&new);
        end = range.end;
    }
    changed.push_str(text.get(end..).unwrap_or_default());
    changed
}

/// Whether the byte is part of a word as forges see it.
fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The places of the words of a text: of letters and digits, or what `is_part` says.
fn words(text: &str, is_part: fn(&u8) -> bool) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = text.as_bytes().get(from..)?;
        let start = rest.iter().position(is_part)?;
        let length = rest.iter().skip(start).take_while(|byte| is_part(byte)).count();
        let word = from + start..from + start + length;
        from = word.end;
        Some(word)
    })
}

#[cfg(test)]
mod tests;
