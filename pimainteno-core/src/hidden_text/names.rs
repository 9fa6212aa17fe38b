//! Which characters have no shape of their own, and what they are called; and which names are read
//! as they are written.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark, is_nfkc};
use unicode_security::{MixedScript as _, confusable_detection::skeleton};

use super::{find, look_alikes};

/// Whether what is not ASCII in `name` is letters and digits, of one script in each word, which
/// nobody and no file system takes for others: composed (NFC), no wide or joined forms, nothing
/// hidden, none that looks like a Latin one.
pub(crate) fn is_plain_letters(name: &str) -> bool {
    let is_letter = |character: char| {
        character.is_ascii() || character.is_alphanumeric() || is_combining_mark(character)
    };
    let words =
        name.split(|character: char| character.is_ascii() && !character.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_ascii());
    name.chars().all(|character| is_letter(character) && !is_read_as_ascii(character))
        && is_nfkc(name)
        && find(name).is_empty()
        && look_alikes::find(name, true).is_empty()
        // A mark at the beginning belongs to nothing.
        && words.into_iter().all(|word| {
            word.is_single_script() && !word.starts_with(is_combining_mark)
        })
}

/// Whether a Latin letter that is not ASCII is read as one that is, such as the `i` without a dot,
/// or is written as one in another case.
fn is_read_as_ascii(character: char) -> bool {
    if character.is_ascii() {
        return false;
    }
    let mut buffer = [0; 4];
    let text: &str = character.encode_utf8(&mut buffer);
    let mut like = skeleton(text);
    let is_one =
        like.next().is_some_and(|one| one.is_ascii_alphanumeric()) && like.next().is_none();
    let in_cases = character.to_lowercase().chain(character.to_uppercase());
    let is_latin =
        unicode_script::UnicodeScript::script(&character) == unicode_script::Script::Latin;
    is_latin && (is_one || in_cases.nfc().any(|other| other.is_ascii() && character != 'ß'))
}

/// Whether the character is one that a reader may not see, wherever it stands.
pub(super) fn may_be_hidden(character: char) -> bool {
    !matches!(character, '\n' | '\t' | ' '..='~')
        && (character.is_control()
            || matches!(
                character,
                '\u{ad}'
                    | '\u{34f}'
                    | '\u{61c}'
                    | '\u{115f}'..='\u{1160}'
                    | '\u{17b4}'..='\u{17b5}'
                    | '\u{180b}'..='\u{180f}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{2800}'
                    | '\u{3164}'
                    | '\u{fe00}'..='\u{fe0f}'
                    | '\u{feff}'
                    | '\u{ffa0}'
                    | '\u{fff0}'..='\u{fffb}'
                    | '\u{1bca0}'..='\u{1bca3}'
                    | '\u{1d173}'..='\u{1d17a}'
                    | '\u{e0000}'..='\u{e0fff}'
            ))
}

/// What a character without a shape is called.
pub(super) fn name(character: char) -> &'static str {
    match character {
        '\0' => "null",
        '\u{8}' => "backspace",
        '\u{c}' => "form feed",
        '\r' => "carriage return",
        '\u{1b}' => "escape",
        '\u{7f}' => "delete",
        _ if character.is_control() => "control character",
        '\u{ad}' => "soft hyphen",
        '\u{61c}' => "Arabic letter mark",
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' => "Hangul filler",
        '\u{180e}' => "Mongolian vowel separator",
        '\u{200b}' => "zero width space",
        '\u{200c}' => "zero width non-joiner",
        '\u{200d}' => "zero width joiner",
        '\u{200e}' => "left-to-right mark",
        '\u{200f}' => "right-to-left mark",
        '\u{2028}' => "line separator",
        '\u{2029}' => "paragraph separator",
        '\u{202a}' => "left-to-right embedding",
        '\u{202b}' => "right-to-left embedding",
        '\u{202c}' => "pop directional formatting",
        '\u{202d}' => "left-to-right override",
        '\u{202e}' => "right-to-left override",
        '\u{2060}' => "word joiner",
        '\u{2061}'..='\u{2064}' => "invisible operator",
        '\u{2066}' => "left-to-right isolate",
        '\u{2067}' => "right-to-left isolate",
        '\u{2068}' => "first strong isolate",
        '\u{2069}' => "pop directional isolate",
        '\u{2800}' => "blank of Braille",
        '\u{feff}' => "byte order mark",
        '\u{fff9}'..='\u{fffb}' => "interlinear annotation",
        '\u{180b}'..='\u{180f}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {
            "variation selector"
        }
        '\u{e0000}'..='\u{e007f}' => "tag character",
        _ => "invisible character",
    }
}

#[cfg(test)]
mod tests {
    use super::is_plain_letters;

    #[test]
    fn letters_of_any_script_are_plain_and_what_is_taken_for_others_is_not() {
        for name in [
            "Größe.md",
            "café.txt",
            "Ærø_øl.md",
            "smørrebrød-2.html",
            "ação.py",
            "Łódź.md",
            "Привет.md",
            "мир-2.txt",
            "こんにちは.md",
            "日本語メモ.md",
            "한국어.md",
            "مرحبا.md",
            "नमस्ते.md",
            "ελληνικά.md",
            "Tiếng_Việt.md",
        ] {
            assert!(is_plain_letters(name), "{name}");
        }
        for name in [
            "cafe\u{301}.md",
            "p\u{430}ckage.md",
            "\u{430}.py",
            "a\u{200b}b.md",
            "a\u{202e}b.md",
            "\u{ff41}.md",
            "\u{fb01}le.md",
            "a\u{2215}b.md",
            "a\u{2024}md",
            "\u{131}nit.md",
            "\u{17f}.md",
            "\u{212a}.md",
            "😀.md",
            "\u{301}a.md",
            "a\u{a0}b.md",
        ] {
            assert!(!is_plain_letters(name), "{name:?}");
        }
    }
}
