//! Where a character without a shape belongs: what it does there is seen.

use unicode_script::{Script, UnicodeScript as _};

/// The flags that are spelled with tag characters, behind the black flag.
const FLAGS: [&str; 3] = ["gbeng", "gbsct", "gbwls"];

/// The black flag that a spelled flag begins with.
const BLACK_FLAG: char = '\u{1f3f4}';

/// Scripts whose letters take another shape beside a joiner.
const JOINING: [Script; 17] = [
    Script::Arabic,
    Script::Syriac,
    Script::Nko,
    Script::Mandaic,
    Script::Devanagari,
    Script::Bengali,
    Script::Gurmukhi,
    Script::Gujarati,
    Script::Oriya,
    Script::Tamil,
    Script::Telugu,
    Script::Kannada,
    Script::Malayalam,
    Script::Sinhala,
    Script::Khmer,
    Script::Myanmar,
    Script::Mongolian,
];

/// Whether what stands around the character at `at` says what it is for.
pub(super) fn explains(text: &str, at: usize, character: char) -> bool {
    let (before, after) = text.split_at(at);
    let after = after.get(character.len_utf8()..).unwrap_or_default();
    let (last, next) = (before.chars().next_back(), after.chars().next());
    match character {
        '\u{200d}' if last.is_some_and(|last| is_emoji(last) || last == '\u{fe0f}') => {
            next.is_some_and(is_emoji)
        }
        '\u{200c}' | '\u{200d}' => joining(before.chars().rev())
            .is_some_and(|script| joining(after.chars()) == Some(script)),
        '\u{fe0e}' | '\u{fe0f}'
            if last.is_some_and(|last| last.is_ascii_digit() || matches!(last, '#' | '*')) =>
        {
            next == Some('\u{20e3}')
        }
        '\u{fe0e}' | '\u{fe0f}' => last.is_some_and(is_emoji),
        '\u{fe00}'..='\u{fe0d}' | '\u{e0100}'..='\u{e01ef}' => script(last) == Some(Script::Han),
        '\u{180b}'..='\u{180f}' => {
            script(last) == Some(Script::Mongolian) && last.is_some_and(char::is_alphabetic)
        }
        '\u{2800}' => {
            script(last) == Some(Script::Braille) || script(next) == Some(Script::Braille)
        }
        '\u{e0020}'..='\u{e007f}' => is_in_flag(before, character, after),
        _ => false,
    }
}

/// The script of the next letter, if it is one that joins; marks on a letter do not count, and
/// another joiner ends the search.
fn joining(characters: impl Iterator<Item = char>) -> Option<Script> {
    let mut marked = characters
        .take_while(|character| !matches!(character, '\u{200c}' | '\u{200d}'))
        .map(|character| character.script());
    marked.find(|script| *script != Script::Inherited).filter(|script| JOINING.contains(script))
}

fn script(character: Option<char>) -> Option<Script> {
    character
        .filter(|character| {
            *character != '\u{2800}' && !matches!(character, '\u{180b}'..='\u{180f}')
        })
        .map(|one| one.script())
}

/// Whether a tag character is part of a flag that is spelled with them.
fn is_in_flag(before: &str, character: char, after: &str) -> bool {
    let begun = before
        .char_indices()
        .rev()
        .find(|(_, character)| !is_tag(*character))
        .filter(|(_, character)| *character == BLACK_FLAG);
    let Some((start, _)) = begun else { return false };
    let spelled = before
        .get(start..)
        .unwrap_or_default()
        .chars()
        .skip(1)
        .chain([character])
        .chain(after.chars().take_while(|one| is_tag(*one)));
    let spelled: String = spelled
        .take(8)
        .filter_map(|tag| char::from_u32(u32::from(tag).checked_sub(0xe0000)?))
        .collect();
    spelled.strip_suffix('\u{7f}').is_some_and(|flag| FLAGS.contains(&flag))
}

fn is_tag(character: char) -> bool {
    matches!(character, '\u{e0020}'..='\u{e007f}')
}

/// Whether the character is a picture, or a sign that has a form as one.
fn is_emoji(character: char) -> bool {
    matches!(
        character,
        '©' | '®' | '‼' | '⁉' | '™' | 'ℹ' | '〰' | '〽' | '㊗' | '㊙' | 'Ⓜ' | '\u{20e3}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{23ff}'
            | '\u{25a0}'..='\u{27bf}' | '\u{2934}'..='\u{2935}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}'
    )
}
