//! Text as data: what a terminal would obey, and what a reader would not see, is made visible
//! instead.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use pimainteno_core::hidden_text;
use unicode_width::UnicodeWidthChar as _;

/// What is not seen as it is.
const HIDDEN: Style = AnsiColor::Yellow.on_default().invert();

/// Stand around what was made visible, until it is coloured. A text cannot have them: they would be
/// made visible.
const MARKS: [char; 2] = ['\u{1}', '\u{2}'];

/// `text` without anything that a terminal would obey or a reader would not see; lines and tabs
/// stay.
pub(crate) fn text(text: &str) -> Cow<'_, str> {
    hidden_text::replaced(text, shape)
}

/// `text` without what programs colour their output with, and what they clear the rest of a line
/// with: `ESC [ … m` and `ESC [ … K`. All else that a terminal would obey stays, to be made visible.
pub(crate) fn unstyled(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut plain = first.to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|it: char| it.is_ascii_digit() || ";:".contains(it));
        match rest.strip_prefix(['m', 'K']) {
            Some(rest) => plain.push_str(rest),
            None => {
                plain.push_str("\u{1b}[");
                plain.push_str(part);
            }
        }
    }
    Cow::Owned(plain)
}

/// `text` as a part of one line: line ends are made visible too, and tabs are spaces, so that its
/// width can be told.
pub(crate) fn inline(text: &str) -> Cow<'_, str> {
    let visible = self::text(text.trim_end());
    if visible.contains(['\t', '\n']) {
        Cow::Owned(visible.replace('\t', " ").replace('\n', "␊"))
    } else {
        visible
    }
}

/// As [`text`], with marks for [`coloured`] around what was made visible.
pub(crate) fn marked(text: &str) -> Cow<'_, str> {
    hidden_text::replaced(text, |found, visible| {
        visible.push(MARKS[0]);
        shape(found, visible);
        visible.push(MARKS[1]);
    })
}

/// A text of [`marked`] that is painted in `around`, with what was made visible in a colour of its
/// own.
pub(crate) fn coloured(marked: &str, around: Style) -> Cow<'_, str> {
    if !marked.contains(MARKS) {
        return Cow::Borrowed(marked);
    }
    // The outer style follows, because the end of a style ends all styles.
    let (begin, end) = (format!("{around:#}{HIDDEN}"), format!("{HIDDEN:#}{around}"));
    Cow::Owned(marked.replace(MARKS[0], &begin).replace(MARKS[1], &end))
}

/// How long what was made visible is at the beginning of a text of [`marked`]; 0 if there is
/// nothing.
pub(crate) fn marked_length(text: &str) -> usize {
    if text.starts_with(MARKS[0]) { text.find(MARKS[1]).map_or(0, |end| end + 1) } else { 0 }
}

/// JSON without anything that a terminal would obey or a reader would not see; it means the same.
pub(crate) fn json(text: &str) -> Cow<'_, str> {
    hidden_text::replaced(text, |found, escaped| {
        for unit in found.character.encode_utf16(&mut [0; 2]) {
            escaped.push_str(&format!("\\u{unit:04x}"));
        }
    })
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

/// Writes a picture of a character that has none of its own.
fn shape(found: hidden_text::HiddenCharacter, visible: &mut String) {
    match found.character {
        // Unicode has pictures of these, in their order.
        '\0'..='\u{1f}' => visible.extend(char::from_u32(0x2400 + u32::from(found.character))),
        '\u{7f}' => visible.push('␡'),
        _ => visible.push_str(&found.escape()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_dropped_and_nothing_else() {
        assert_eq!(unstyled("\u{1b}[1;32mpass\u{1b}[0m\u{1b}[K \u{1b}[m."), "pass .");
        assert_eq!(text(&unstyled("\u{1b}[2J\u{1b}[1;3Ha\u{1b}[")), "␛[2J␛[1;3Ha␛[");
        assert_eq!(unstyled("[32m"), "[32m");
    }

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(text("a\tb\nc"), "a\tb\nc");
        assert_eq!(text("\u{1b}[31mred\r\n\u{7}\u{7f}\u{9b}2J"), "␛[31mred␍\n␇␡‹U+009B›2J");
        assert_eq!(text("if admin\u{202e} // \u{2066}"), "if admin‹U+202E› // ‹U+2066›");
        assert_eq!(
            text("a\u{200b}b\u{e0041}\u{fe0f} 👩\u{200d}🚀"),
            "a‹U+200B›b‹U+E0041›‹U+FE0F› 👩\u{200d}🚀"
        );
        assert_eq!(inline("one\ttwo\nthree\n"), "one two␊three");
    }

    #[test]
    fn what_was_made_visible_has_a_colour_of_its_own() {
        let line = marked("a\u{202e}b\u{1}");
        assert_eq!(coloured("plain", HIDDEN), "plain");
        let shown = anstream::adapter::strip_str(&coloured(&line, Style::new().bold())).to_string();
        assert_eq!(shown, "a‹U+202E›b␁");
        assert!(
            coloured(&line, Style::new().bold()).contains(&format!("{HIDDEN}‹U+202E›{HIDDEN:#}"))
        );
        assert_eq!(
            (marked_length(line.get(1..).unwrap()), marked_length(&line)),
            ("‹U+202E›".len() + 2, 0)
        );
    }

    #[test]
    fn json_keeps_its_meaning() {
        let value = "a\u{1b}\u{9b}\u{202e}\u{e0041}é\n";
        let document = serde_json::to_string(value).unwrap();
        let shown = json(&document);
        assert_eq!(hidden_text::find(&shown), [], "{shown}");
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
