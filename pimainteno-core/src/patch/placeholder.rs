//! Added lines that stand for text that a model left out.

use std::{cell::OnceCell, collections::HashSet};

use super::{
    change::{Hunk, Kind, Section},
    refusal::{Reason, Refusal},
};

/// Words that such a line says beside its dots.
const WORDS: [&str; 13] = [
    "rest of",
    "the rest",
    "unchanged",
    "existing",
    "remaining",
    "remainder",
    "omitted",
    "same as",
    "as before",
    "previous code",
    "other code",
    "snip",
    "no change",
];

/// Words of a remark about what was left out: that it was,
const LEFT: [&str; 12] = [
    "rest",
    "remaining",
    "remainder",
    "existing",
    "original",
    "other",
    "same",
    "unchanged",
    "omitted",
    "continue",
    "continues",
    "your",
];
/// what it was: code,
const CODE: [&str; 12] = [
    "code",
    "function",
    "functions",
    "method",
    "methods",
    "logic",
    "implementation",
    "body",
    "helpers",
    "lines",
    "rest",
    "remainder",
];
/// or something else,
const NOUNS: [&str; 6] = ["file", "class", "content", "here", "before", "unchanged"];
/// and what stands between these words.
const BETWEEN: [&str; 14] = [
    "the", "of", "as", "is", "it", "was", "stays", "remains", "remain", "goes", "keep", "for",
    "brevity", "this",
];

/// Code that does nothing.
const NOTHING: [&str; 8] =
    ["pass", "...", "{", ";", "return;", "return", "todo!()", "unimplemented!()"];

/// Refuses a section with an added line that stands for others.
pub(super) fn check(section: &Section) -> Result<(), Refusal> {
    for (number, hunk) in section.hunks.iter().enumerate() {
        let old = OnceCell::new();
        for line in hunk.lines.iter().filter(|line| line.kind == Kind::Added) {
            let is_moved = || old.get_or_init(|| trimmed(hunk)).contains(line.text.trim());
            check_line(&line.text, is_moved).map_err(|refusal| refusal.hunk(number + 1))?;
        }
    }
    Ok(())
}

/// The old lines of a hunk.
fn trimmed(hunk: &Hunk) -> HashSet<&str> {
    hunk.old_lines().map(|line| line.text.trim()).collect()
}

/// Refuses an added line that stands for others, unless it is there before.
pub(super) fn check_line(line: &str, is_there: impl FnOnce() -> bool) -> Result<(), Refusal> {
    // Text about placeholders is moved as it is.
    if !stands_for_others(line) || is_there() {
        return Ok(());
    }
    let message = format!("an added line stands for text that is left out: {:?}", line.trim());
    Err(Refusal::new(Reason::Placeholder, message))
}

/// Whether a line is dots and a word about what they stand for, or a comment that says so.
fn stands_for_others(line: &str) -> bool {
    let line = line.trim();
    let comment = ["//", "#", "/*", "<!--", "--", ";", "%", "*"]
        .iter()
        .find_map(|mark| line.strip_prefix(mark));
    let names_code = |comment: &str| {
        let comment = comment.to_lowercase();
        let mut words = comment.split(|letter: char| !letter.is_alphanumeric());
        // Other remarks behind code that does nothing, such as `no change`, say what it does.
        let is_code = |word| CODE.contains(&word) || matches!(word, "omitted" | "snip");
        comment.contains("...") || comment.contains('…') || words.any(is_code)
    };
    let behind = || behind_nothing(line).filter(|comment| names_code(comment));
    if comment.or_else(behind).is_some_and(is_remark) {
        return true;
    }
    let text = line.trim().trim_start_matches([
        '/', '#', '*', ';', '-', '<', '!', '%', '(', '[', '{', '"', '\'', ' ',
    ]);
    let text = text.trim_end_matches(['*', '/', '-', '>', ')', ']', '}', '"', '\'', ' ']);
    let dotted = |text: &str| {
        text.starts_with("...")
            || text.starts_with('…')
            || text.ends_with("...")
            || text.ends_with('…')
    };
    if !dotted(text) {
        return false;
    }
    let text = text.to_lowercase();
    WORDS.iter().any(|word| text.contains(word))
}

/// The comment behind code that does nothing, and that a block needs to be one.
fn behind_nothing(line: &str) -> Option<&str> {
    let rest = NOTHING.iter().find_map(|code| line.strip_prefix(code))?.trim_start();
    ["//", "#", "/*", "--"].iter().find_map(|mark| rest.strip_prefix(mark))
}

/// Whether a comment says that something is left out.
fn is_remark(comment: &str) -> bool {
    let text = comment
        .trim_end_matches(['*', '/', '-', '>', ' '])
        .trim_start_matches(['/', '#', '*', '-', '!', ' ']);
    let text =
        text.trim_matches(['[', ']', '(', ')', '{', '}', '<', '>', '.', '…', ' ']).to_lowercase();
    // Dots alone.
    if text.is_empty() {
        return comment.contains("...") || comment.contains('…');
    }
    if is_filler(&text) {
        return true;
    }
    let starts = |starts: &[&str]| starts.iter().any(|start| text.starts_with(start));
    let ends = |ends: &[&str]| ends.iter().any(|end| text.ends_with(end));
    let stays = ends(&[
        "unchanged",
        "the same",
        "as is",
        "as before",
        "omitted",
        "here",
        "goes here",
        "as it was",
        "untouched",
    ]);
    (starts(&[
        "rest of ",
        "the rest of ",
        "remaining ",
        "existing ",
        "other ",
        "previous ",
        "keep ",
        "same ",
    ]) && stays)
        || matches!(
            text.as_str(),
            "unchanged"
                | "same as before"
                | "no changes"
                | "no change"
                | "existing code"
                | "rest of code"
                | "rest of the code"
                | "rest of the file"
        )
}

/// Whether words say nothing but that something stays or was left out.
fn is_filler(text: &str) -> bool {
    let words: Vec<_> =
        text.split(|letter: char| !letter.is_alphanumeric()).filter(|it| !it.is_empty()).collect();
    let is_noun = |word: &str| CODE.contains(&word) || NOUNS.contains(&word);
    let is_one = matches!(words.as_slice(), ["rest" | "snip" | "unchanged" | "omitted"]);
    is_one
        || (words.len() > 1
            && words.iter().any(|word| LEFT.contains(word))
            && words.iter().any(|word| is_noun(word))
            && words
                .iter()
                .all(|word| LEFT.contains(word) || is_noun(word) || BETWEEN.contains(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_with_a_word_about_what_they_stand_for_are_a_placeholder() {
        for line in [
            "    // ... rest of the code unchanged ...",
            "# ... (existing code)",
            "/* ... remaining methods ... */",
            "<!-- … unchanged … -->",
            "// [existing code here]",
            "# ...",
            "// rest of the file stays the same",
            "# rest of function",
            "# existing code continues",
            "// your code here",
            "# remaining logic",
            "/* original implementation */",
        ] {
            assert!(stands_for_others(line), "{line}");
        }
        for line in [
            "...",
            "    ...",
            "the rest is unchanged.",
            "fn rest(..) {}",
            "println!(\"working...\")",
            "[1, 2, ...]",
            "# keep the existing order",
            "// the original",
            "# Same order as before the call",
            "// Remaining bytes of the body",
            "// other callers must not be touched",
        ] {
            assert!(!stands_for_others(line), "{line}");
        }
    }
}
