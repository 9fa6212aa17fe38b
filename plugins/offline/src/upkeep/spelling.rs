//! Known misspellings in prose and in comments.
//!
//! A word is put right only if all of its occurrences in the repository are plain prose and there
//! are few of them: a misspelling that is also somewhere in code, in a link or between quotes is a
//! name, and one that is used again and again is the project's own word.

mod dictionary;
mod english;
mod prose;

use std::{collections::HashMap, ops::ControlFlow, ops::Range};

use pimainteno_core::Result;

use super::{Edit, Edits};
use crate::{
    files::{self, Files},
    languages,
};
use dictionary::Dictionary;
use english::Tongue;
use prose::Block;

/// A word that occurs so often belongs to the project's vocabulary.
const VOCABULARY: usize = 3;

/// Reads the texts of a repository one after the other, and tells in the end which words are
/// certainly misspelt.
struct Search {
    dictionary: Dictionary,
    seen: HashMap<String, Seen>,
    candidates: Vec<Candidate>,
}

/// What is known of a misspelling that occurs in the repository.
#[derive(Debug, Default)]
struct Seen {
    count: usize,
    is_name: bool,
}

/// A misspelling in prose.
#[derive(Debug)]
struct Candidate {
    path: String,
    range: Range<usize>,
    word: String,
    correction: &'static str,
}

/// Finds misspellings.
pub(super) fn find(files: &Files, edits: &mut Edits) -> Result<()> {
    let mut search = Search::new();
    files.walk(
        |_| true,
        |file, text| {
            let is_data = file.is_in_tests() && languages::is_prose(&file.path);
            search.look_at(&file.path, text, || {
                file.is_kept_by_hand() && !is_data && !files::is_generated(text)
            });
            ControlFlow::Continue(())
        },
    )?;
    for candidate in search.certain() {
        let Some(text) = files.get(&candidate.path).and_then(|file| files.read(file)) else {
            continue;
        };
        let replacement = with_case_of(&candidate.word, candidate.correction);
        let note = format!("{} -> {replacement}", candidate.word);
        if !edits.add(&candidate.path, &text, Edit { range: candidate.range, replacement, note }) {
            break;
        }
    }
    Ok(())
}

impl Search {
    fn new() -> Self {
        Self { dictionary: Dictionary::new(), seen: HashMap::new(), candidates: Vec::new() }
    }

    /// Counts the misspellings of one text, and collects those in its prose if `may_change` says
    /// that the text may be changed.
    fn look_at(&mut self, path: &str, text: &str, may_change: impl FnOnce() -> bool) {
        let correction = |range: Range<usize>| {
            Some((self.dictionary.correction(text.get(range.clone())?)?, range))
        };
        let hits: Vec<_> = words(text).filter_map(correction).collect();
        // Most texts have no misspelling, and need not be understood.
        if hits.is_empty() {
            return;
        }
        let blocks = if may_change() { prose::blocks(path, text) } else { Vec::new() };
        let tongue = |blocks: &[Block]| {
            let mut tongue = Tongue::default();
            blocks
                .iter()
                .flat_map(|block| &block.pieces)
                .for_each(|piece| tongue.hear(text.get(piece.clone()).unwrap_or_default()));
            tongue
        };
        let is_english = tongue(&blocks).is_english();
        for (correction, range) in hits {
            let word = text.get(range.clone()).unwrap_or_default();
            let entry = self.seen.entry(word.to_ascii_lowercase()).or_default();
            entry.count += 1;
            let holds = |block: &&Block| {
                block
                    .pieces
                    .iter()
                    .any(|piece| piece.start <= range.start && range.end <= piece.end)
            };
            match blocks.iter().find(holds).filter(|_| is_plain(text, &range)) {
                Some(block) if is_english && !tongue(std::slice::from_ref(block)).is_foreign() => {
                    self.candidates.push(Candidate {
                        path: path.to_owned(),
                        range,
                        word: word.to_owned(),
                        correction,
                    });
                }
                Some(_) => {}
                None => entry.is_name = true,
            }
        }
    }

    /// The misspellings that are no name and no word of the project's own.
    fn certain(self) -> impl Iterator<Item = Candidate> {
        let Self { seen, candidates, .. } = self;
        let is_certain = move |word: &str| {
            seen.get(&word.to_ascii_lowercase())
                .is_some_and(|seen| !seen.is_name && seen.count < VOCABULARY)
        };
        candidates.into_iter().filter(move |candidate| is_certain(&candidate.word))
    }
}

/// The words of `text`: runs of ASCII letters, cut where a capital follows a small letter.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at + bytes.get(at..)?.iter().position(u8::is_ascii_alphabetic)?;
        let mut end = start + 1;
        while let (Some(last), Some(next)) = (bytes.get(end - 1), bytes.get(end)) {
            if !next.is_ascii_alphabetic()
                || (last.is_ascii_lowercase() && next.is_ascii_uppercase())
            {
                break;
            }
            end += 1;
        }
        at = end;
        Some(start..end)
    })
}

/// Whether the word at `range` stands as a word in a sentence, and is no part of an identifier, a
/// path, an address, a name or a quotation.
fn is_plain(text: &str, range: &Range<usize>) -> bool {
    let (Some(word), Some(before), Some(after)) =
        (text.get(range.clone()), text.get(..range.start), text.get(range.end..))
    else {
        return false;
    };
    let (Some(first), Some(rest)) = (word.chars().next(), word.get(1..)) else { return false };
    if !rest.chars().all(|letter| letter.is_ascii_lowercase())
        || (first.is_ascii_uppercase() && !begins_sentence(before))
    {
        return false;
    }
    let previous = before.chars().next_back().unwrap_or('\n');
    let mut following = after.chars();
    let (next, second) = (following.next().unwrap_or('\n'), following.next().unwrap_or('\n'));
    let opens = previous.is_whitespace() || matches!(previous, '(' | '"' | '\'' | '*');
    let closes = next.is_whitespace()
        || matches!(next, ')' | '"' | '*')
        || (matches!(next, '.' | ',' | ':' | ';' | '!' | '?') && (second.is_whitespace() || matches!(second, ')' | '"' | '*' | '.')))
        // A genitive.
        || after.starts_with("'s ");
    // What is quoted or stressed alone is spoken of, not used.
    let is_quoted = matches!((previous, next), ('"', '"' | '.' | ',') | ('\'' | '*', _));
    opens && closes && !is_quoted
}

/// Whether a sentence begins after `before`. A capital in the middle of one begins a name.
fn begins_sentence(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or(before);
    let sentence = line.trim_end();
    sentence.ends_with(['.', '!', '?', ':'])
        || sentence
            .trim_start_matches(|mark: char| mark.is_whitespace() || "/#*->!;+".contains(mark))
            .is_empty()
}

fn with_case_of(word: &str, correction: &str) -> String {
    match correction.get(..1).zip(correction.get(1..)) {
        Some((first, rest)) if word.starts_with(|letter: char| letter.is_ascii_uppercase()) => {
            first.to_ascii_uppercase() + rest
        }
        _ => correction.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is put right in files with these texts.
    fn fixed(files: &[(&str, &str)]) -> Vec<String> {
        let mut search = Search::new();
        for (path, text) in files {
            search.look_at(path, text, || true);
        }
        search
            .certain()
            .map(|candidate| with_case_of(&candidate.word, candidate.correction))
            .collect()
    }

    #[test]
    fn misspellings_in_prose_and_comments_keep_their_case() {
        let readme =
            "# Tool\n\nThis will recieve what you send to it. Occured errors are seperate.\n";
        assert_eq!(fixed(&[("README.md", readme)]), ["receive", "Occurred", "separate"]);
        assert_eq!(
            fixed(&[("a.rs", "/// Will seperate the words of the text.\nfn split() {}\n")]),
            ["separate"]
        );
    }

    #[test]
    fn names_code_and_quotations_are_left_alone() {
        let text = "The `recieve` of this, recieve_all, --recieve, recieve.rs, a/recieve, recieve(), Recieve, \"recieve\" and that.\n";
        assert!(fixed(&[("a.md", text)]).is_empty());
        let text = "This will recieve what was sent to it and that is all.\n";
        assert_eq!(fixed(&[("a.md", text)]), ["receive"]);
        assert!(
            fixed(&[("a.md", text), ("b.rs", "fn recieve() {}")]).is_empty(),
            "it is the name of a function"
        );
        assert!(
            fixed(&[("a.md", text), ("b.rs", "fn tryRecieveAll() {}")]).is_empty(),
            "it is part of the name of a function"
        );
        assert!(
            fixed(&[("a.md", text), ("b.md", text), ("c.md", text)]).is_empty(),
            "it is the project's word"
        );
        assert!(
            fixed(&[("a.md", "This was the typo of recieve for all of them.\n")]).is_empty(),
            "it is spoken of"
        );
        assert!(
            fixed(&[("a.md", "According to Lastname and Seperate, this is the one for you.\n")])
                .is_empty(),
            "it is a name"
        );
    }

    #[test]
    fn other_languages_are_left_alone() {
        let german = "Das ist der Paket und das Projekt mit dem Standart, der nicht existance ist und für alle von uns gilt.\n";
        assert!(fixed(&[("LIESMICH.md", german)]).is_empty());
        let english = "This is what you need for it, and that is all that it does with the files you have.\n\n";
        assert!(fixed(&[("a.md", &(english.repeat(8) + german))]).is_empty());
    }

    #[test]
    fn code_in_comments_is_left_alone() {
        assert!(fixed(&[("a.rs", "// let x = recieve;\n// if this is the one { recieve }\n// This is for the rest of it.\n")]).is_empty());
        assert!(fixed(&[("a.rs", "/// The text of this:\n/// ```\n/// recieve the\n/// ```\n/// and that is all for this\n")]).is_empty());
        assert!(fixed(&[("a.rs", "let a = \"you will recieve the text of this\";\n")]).is_empty());
    }
}
