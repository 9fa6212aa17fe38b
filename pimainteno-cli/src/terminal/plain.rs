//! Text as data: what a terminal would obey is made visible instead.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

/// `text` without anything that a terminal would obey; lines and tabs stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    replaced(text, |character| character == '\n' || character == '\t')
}

/// `text` as a part of one line: line ends are made visible too, and tabs are spaces, so that its width can be told.
pub(crate) fn inline(text: &str) -> Cow<'_, str> {
    let text = text.trim_end();
    if text.contains('\t') { Cow::Owned(replaced(&text.replace('\t', " "), |_| false).into_owned()) } else { replaced(text, |_| false) }
}

/// JSON without anything that a terminal would obey; it means the same.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    let obeyed = |character: char| character != '\n' && is_obeyed(character);
    if !text.contains(obeyed) {
        return Cow::Borrowed(text);
    }
    let escape = |character: char| if obeyed(character) { format!("\\u{:04x}", u32::from(character)) } else { character.to_string() };
    Cow::Owned(text.chars().map(escape).collect())
}

/// The first columns of `text`, which is one line; what had to be left out is marked by `…`.
pub(crate) fn truncated(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut used = 1;
    let fits = |character: &char| {
        used += character.width().unwrap_or(0);
        used <= columns
    };
    let kept: String = text.chars().take_while(fits).collect();
    Cow::Owned(if columns == 0 { kept } else { format!("{}…", kept.trim_end()) })
}

/// The columns that `text`, which is one line without styles, takes on a terminal.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0)).sum()
}

fn replaced(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_replaced = |character: char| is_obeyed(character) && !stays(character);
    if !text.contains(is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut visible = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            _ if !is_replaced(character) => visible.push(character),
            // Unicode has pictures of these, in their order.
            '\0'..='\u{1f}' => visible.extend(char::from_u32(0x2400 + u32::from(character))),
            '\u{7f}' => visible.push('␡'),
            _ => visible.extend(character.escape_unicode()),
        }
    }
    Cow::Owned(visible)
}

/// Whether a terminal does something else with the character than show it: control characters, and those that turn the order of text around,
/// with which a change could be made to look like another one.
fn is_obeyed(character: char) -> bool {
    character.is_control() || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(text("a\tb\nc"), "a\tb\nc");
        assert_eq!(text("\u{1b}[31mred\r\n\u{7}\u{7f}\u{9b}2J"), "␛[31mred␍\n␇␡\\u{9b}2J");
        assert_eq!(text("if admin\u{202e} // \u{2066}"), "if admin\\u{202e} // \\u{2066}");
        assert_eq!(inline("one\ttwo\nthree\n"), "one two␊three");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = "a\u{1b}\u{9b}\u{202e}é\n";
        let document = serde_json::to_string(value).unwrap();
        let shown = json(&document);
        assert!(!shown.chars().any(is_obeyed), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), value);
    }

    #[test]
    fn a_text_is_cut_by_columns_and_not_by_characters() {
        assert_eq!(truncated("plain", 5), "plain");
        assert_eq!(truncated("plain text", 6), "plain…");
        assert_eq!(truncated("漢字漢字", 5), "漢字…");
        assert_eq!((width("漢字"), width("e\u{301}")), (4, 1));
        assert_eq!(truncated("abc", 0), "");
    }
}
