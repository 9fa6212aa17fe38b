//! A diff in colours, with the words that changed inside a line brought out.

use anstyle::{AnsiColor, Effects, Style};
use similar::{ChangeTag, TextDiff};

use super::{BAD, GOOD, NAME, STRONG, paint, plain};

/// A removed and an added line of more characters than this together are not compared word by word:
/// that takes time, and nobody reads it.
const LONGEST_PAIR: usize = 4000;

/// How much of two lines must be the same for their differences to be worth bringing out.
const LEAST_RATIO: f32 = 0.4;

/// The words that are gone.
const REMOVED: Style =
    AnsiColor::Red.on_default().effects(Effects::BOLD.insert(Effects::UNDERLINE));
/// The words that are new.
const ADDED: Style =
    AnsiColor::Green.on_default().effects(Effects::BOLD.insert(Effects::UNDERLINE));

/// Lines that were removed and the lines that came for them.
#[derive(Default)]
struct Block<'a> {
    removed: Vec<&'a str>,
    added: Vec<&'a str>,
}

/// A unified diff as `git diff` writes it, in colours.
pub(crate) fn render(diff: &str) -> String {
    let mut text = String::with_capacity(diff.len() * 2);
    let mut block = Block::default();
    // How many lines of the two sides are left in the hunk: only these tell a removed line `-- a`
    // from the head of a file.
    let (mut old, mut new) = (0_usize, 0_usize);
    for line in diff.lines() {
        if old + new > 0 {
            match line.split_at_checked(1) {
                Some(("-", rest)) if old > 0 => {
                    old -= 1;
                    if !block.added.is_empty() {
                        block.flush(&mut text);
                    }
                    block.removed.push(rest);
                    continue;
                }
                Some(("+", rest)) if new > 0 => {
                    new -= 1;
                    block.added.push(rest);
                    continue;
                }
                Some(("\\", _)) => {}
                _ => {
                    old = old.saturating_sub(1);
                    new = new.saturating_sub(1);
                }
            }
            block.flush(&mut text);
            push(&mut text, plain::coloured(&plain::marked(line), Style::new()));
            continue;
        }
        block.flush(&mut text);
        if let Some(sizes) = sizes(line) {
            (old, new) = sizes;
            push(&mut text, paint(NAME, plain::coloured(&plain::marked(line), NAME)));
        } else if line.starts_with('\\') {
            push(&mut text, plain::text(line));
        } else {
            push(&mut text, paint(STRONG, plain::coloured(&plain::marked(line), STRONG)));
        }
    }
    block.flush(&mut text);
    text
}

impl Block<'_> {
    /// Writes the lines, in pairs where there are as many new ones as old ones.
    fn flush(&mut self, text: &mut String) {
        let Self { removed, added } = std::mem::take(self);
        let visible = |lines: Vec<&str>| {
            lines.into_iter().map(|line| plain::marked(line).into_owned()).collect::<Vec<_>>()
        };
        let (removed, added) = (visible(removed), visible(added));
        let pairs: Vec<_> = if removed.len() == added.len() {
            removed.iter().zip(&added).map(|(old, new)| compared(old, new)).collect()
        } else {
            Vec::new()
        };
        for (place, line) in removed.iter().enumerate() {
            let line = pairs
                .get(place)
                .map_or_else(|| plain::coloured(line, BAD), |(old, _)| old.as_str().into());
            push(text, paint(BAD, format_args!("-{line}")));
        }
        for (place, line) in added.iter().enumerate() {
            let line = pairs
                .get(place)
                .map_or_else(|| plain::coloured(line, GOOD), |(_, new)| new.as_str().into());
            push(text, paint(GOOD, format_args!("+{line}")));
        }
    }
}

/// Two lines with their differences, and what was made visible in them, brought out.
fn compared(old: &str, new: &str) -> (String, String) {
    let as_they_are =
        || (plain::coloured(old, BAD).into_owned(), plain::coloured(new, GOOD).into_owned());
    if old.len() + new.len() > LONGEST_PAIR {
        return as_they_are();
    }
    let (old_words, new_words) = (words(old), words(new));
    let diff = TextDiff::from_slices(&old_words, &new_words);
    if diff.ratio() < LEAST_RATIO {
        return as_they_are();
    }
    let side = |own: ChangeTag, line: Style, emphasis: Style| {
        let words = diff
            .iter_all_changes()
            .filter(|change| change.tag() == own || change.tag() == ChangeTag::Equal);
        let words: Vec<_> = words.map(|change| (change.tag() == own, change.value())).collect();
        let same = |a: &(bool, &str), b: &(bool, &str)| a.0 == b.0;
        let parts = words.chunk_by(same).map(|part| {
            let text: String = part.iter().map(|(_, word)| *word).collect();
            // The line's own colour follows, because the end of a style ends all styles.
            if part.iter().any(|(changed, _)| *changed) {
                format!("{line:#}{}{line}", paint(emphasis, plain::coloured(&text, emphasis)))
            } else {
                plain::coloured(&text, line).into_owned()
            }
        });
        parts.collect::<String>()
    };
    (side(ChangeTag::Delete, BAD, REMOVED), side(ChangeTag::Insert, GOOD, ADDED))
}

/// Names and numbers, white space, what was made visible, and every other character by itself.
fn words(line: &str) -> Vec<&str> {
    let kind = |character: char| match character {
        _ if character.is_alphanumeric() || character == '_' => 0,
        _ if character.is_whitespace() => 1,
        _ => 2,
    };
    let mut words = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let same = |character: char| kind(first) < 2 && kind(character) == kind(first);
        let visible = plain::marked_length(rest);
        let after = || {
            rest.char_indices()
                .skip(1)
                .find(|(_, character)| !same(*character))
                .map_or(rest.len(), |(at, _)| at)
        };
        let end = if visible > 0 { visible } else { after() };
        let (word, after) = rest.split_at(end);
        words.push(word);
        rest = after;
    }
    words
}

/// The numbers of old and of new lines that the head of a hunk announces.
fn sizes(line: &str) -> Option<(usize, usize)> {
    let (ranges, _) = line.strip_prefix("@@ -")?.split_once(" @@")?;
    let (old, new) = ranges.split_once(" +")?;
    let size = |range: &str| range.split_once(',').map_or(Some(1), |(_, size)| size.parse().ok());
    Some((size(old)?, size(new)?))
}

fn push(text: &mut String, line: impl std::fmt::Display) {
    text.push_str(&format!("{line}\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "diff --git a/x.sql b/x.sql\n--- a/x.sql\n+++ b/x.sql\n@@ -1,3 +1,3 @@ fn x\n keep\n--- old comment\n-limit(10)\n+++ new comment\n+limit(20)\n";

    #[test]
    fn no_line_is_lost_or_changed() {
        let diff = format!(
            "{DIFF}\\ No newline at end of file\ndiff --git a/y b/y\nBinary files differ\n"
        );
        assert_eq!(anstream::adapter::strip_str(&render(&diff)).to_string(), diff);
        // A model may write anything.
        for diff in [
            "",
            "@@ -1,9 +1,9 @@\n",
            "@@ -1 +1 @@\n-a\n+b\n+c\n",
            "@@ -99999999999999999999 +1 @@\n-é\n",
            "\\\n",
            "@@ -1,2 +1,2 @@\n\n \n",
        ] {
            assert_eq!(anstream::adapter::strip_str(&render(diff)).to_string(), diff);
        }
    }

    #[test]
    fn a_removed_line_that_looks_like_the_head_of_a_file_is_red() {
        let text = render(&DIFF.replace("+++ new comment\n", "").replace("+1,3", "+1,2"));
        assert!(text.contains(&paint(STRONG, "--- a/x.sql").to_string()), "{text:?}");
        assert!(text.contains(&paint(BAD, "--- old comment").to_string()), "{text:?}");
    }

    #[test]
    fn the_words_that_changed_are_brought_out() {
        let text = render(DIFF);
        assert!(
            text.contains(&paint(REMOVED, "10").to_string())
                && text.contains(&paint(ADDED, "20").to_string()),
            "{text:?}"
        );
        assert_eq!(words("a_1  (é)"), ["a_1", "  ", "(", "é", ")"]);
    }

    #[test]
    fn a_change_cannot_command_the_terminal() {
        let text = render("@@ -1 +1 @@\n-a\n+\u{1b}]0;title\u{7}\r\n");
        let text = anstream::adapter::strip_str(&text).to_string();
        assert!(text.contains("␛]0;title␇"), "{text:?}");
        // In every kind of line, and beside what is the same.
        let text = render(
            "+++ b/x\u{202e}\n@@ -1,3 +1,3 @@ x\u{202e}\n same\u{200b}\n-if admin\u{202e} {\n+if admin\u{2066} {\n\\ \u{202e}\n",
        );
        let shown = anstream::adapter::strip_str(&text).to_string();
        let expected = "+++ b/x‹U+202E›\n@@ -1,3 +1,3 @@ x‹U+202E›\n same‹U+200B›\n-if admin‹U+202E› {\n+if admin‹U+2066› {\n\\ ‹U+202E›\n";
        assert_eq!(shown, expected);
        assert!(!text.contains(['\u{1}', '\u{2}', '\u{202e}', '\u{2066}']), "{text:?}");
    }
}
