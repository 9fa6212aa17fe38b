//! Words that are taken for others, because letters of one script look like those of another.
//!
//! | a word | is held | unless |
//! |---|---|---|
//! | of Latin letters and others that look like Latin ones | always | never; `_`, `-` and the like separate words |
//! | of such others alone | in a file of code | another letter of its script on the line could not be Latin, as in any sentence; or it is one Greek letter, as in a formula |
//!
//! What looks like what is the table of the Unicode consortium (UTS 39), as compilers use it.

use unicode_script::{Script, UnicodeScript as _};
use unicode_security::confusable_detection::skeleton;

/// Alphabets that have letters like the Latin ones. Others, such as Hebrew, Han or Hangul, are
/// written right beside Latin words, and mistaken by nobody.
const ALPHABETS: [Script; 14] = [
    Script::Cyrillic,
    Script::Greek,
    Script::Armenian,
    Script::Coptic,
    Script::Cherokee,
    Script::Lisu,
    Script::Deseret,
    Script::Osage,
    Script::Tifinagh,
    Script::Canadian_Aboriginal,
    Script::Gothic,
    Script::Old_Italic,
    Script::Carian,
    Script::Lycian,
];

/// A letter that makes a word look like another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LookAlike<'a> {
    /// The word.
    pub(super) word: &'a str,
    /// The first of its letters that are not what they look like.
    pub(super) letter: char,
    /// What that one looks like.
    pub(super) like: char,
}

/// What letters a word has.
#[derive(Default)]
struct Letters {
    latin: bool,
    others: bool,
    first: Option<(char, char)>,
    count: usize,
}

/// The words of a line that look like others.
pub(super) fn find(line: &str, is_code: bool) -> Vec<LookAlike<'_>> {
    if line.is_ascii() {
        return Vec::new();
    }
    let words =
        line.split(|character: char| !is_part_of_word(character)).filter(|word| !word.is_ascii());
    let is_one = |word| {
        let letters = Letters::of(word);
        let (letter, like) = letters.first?;
        let is_formula = letters.count == 1 && letter.script() == Script::Greek;
        let alone = || is_code && !letters.others && !is_formula && !has_others(line, letter);
        (letters.latin || alone()).then_some(LookAlike { word, letter, like })
    };
    words.filter_map(is_one).collect()
}

impl Letters {
    fn of(word: &str) -> Self {
        let mut letters = Self::default();
        for character in word.chars().filter(|character| character.is_alphabetic()) {
            letters.count += 1;
            match looks_like(character) {
                Some(like) => letters.first = letters.first.or(Some((character, like))),
                None if character.script() == Script::Latin => letters.latin = true,
                None => letters.others = true,
            }
        }
        letters
    }
}

/// Whether the line has a letter of the same script that could not be Latin.
fn has_others(line: &str, letter: char) -> bool {
    let script = letter.script();
    line.chars().any(|other| {
        other.is_alphabetic() && other.script() == script && looks_like(other).is_none()
    })
}

/// The Latin letter that the character, which is none, looks like. Letters for mathematics are
/// meant to look so, and are taken for them by languages.
fn looks_like(character: char) -> Option<char> {
    let is_other = match character.script() {
        Script::Common => character.is_alphabetic(),
        Script::Latin => matches!(character, '\u{ff21}'..='\u{ff5a}'),
        script => ALPHABETS.contains(&script),
    };
    if character.is_ascii() || !is_other {
        return None;
    }
    let mut buffer = [0; 4];
    // A letter with a mark, such as `ё`, looks like the Latin one with that mark.
    let mut like = skeleton(character.encode_utf8(&mut buffer))
        .filter(|one| one.script() != Script::Inherited);
    like.next()
        .filter(char::is_ascii_alphabetic)
        .filter(|_| like.all(|one| one.is_ascii_alphabetic()))
}

fn is_part_of_word(character: char) -> bool {
    character.is_alphanumeric() || character.script() == Script::Inherited
}
