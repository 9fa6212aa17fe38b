//! `.netrc`, which curl, Git and many others read: `machine … login … password …`, on one line or
//! on several.

use std::ops::Range;

use super::{Finding, scan, value};

/// What an entry begins with.
pub(super) const ANCHORS: [&str; 2] = ["machine ", "default login "];

/// The longest entry, in bytes, and the most words of one.
const LONGEST: usize = 1024;
const MOST_WORDS: usize = 10;

/// The password of the entry that begins at the anchor.
pub(super) fn look(text: &str, anchor: Range<usize>) -> Option<Finding> {
    let is_word =
        scan::before(text, anchor.start, 1).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let end = text.floor_char_boundary(anchor.start.saturating_add(LONGEST).min(text.len()));
    let entry = text.get(anchor.start..end).filter(|_| is_word)?;
    let mut words = Words { text: entry, at: 0 }.take(MOST_WORDS).peekable();
    let mut has_login = false;
    while let Some((_, word)) = words.next() {
        match word {
            "machine" | "login" | "account" => {
                has_login |= words.next().is_some() && word == "login";
            }
            "default" => {}
            "password" => {
                let (at, password) = words.next()?;
                let is_secret = has_login
                    && password.len() >= 3
                    && !password.contains('[')
                    && !value::is_placeholder(password);
                return is_secret.then(|| Finding::of(password, anchor.start + at, "password"));
            }
            _ => return None,
        }
    }
    None
}

/// The words of a text and where they are. A line that begins as in a diff has its mark passed
/// over, and so has a string's end.
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let rest = self.text.get(self.at..)?;
            let word = rest.trim_start();
            let has_line_end = rest.get(..rest.len() - word.len())?.contains('\n');
            let word = if has_line_end {
                word.strip_prefix(['+', '-', '>']).unwrap_or(word).trim_start_matches(' ')
            } else {
                word
            };
            let start = self.at + (rest.len() - word.len());
            let rest = self.text.get(start..)?;
            let word = rest
                .split(|character: char| {
                    character.is_whitespace() || matches!(character, '"' | '\'' | '\\')
                })
                .next()?;
            if word.is_empty() {
                // `\n` in a string.
                let escape = rest.strip_prefix("\\n")?;
                self.at = start + (rest.len() - escape.len());
                continue;
            }
            self.at = start + word.len();
            return Some((start, word));
        }
    }
}
