//! Words that close issues, and commands to trackers: `Closes #1`, `fixes owner/repo#1`, `ABC-1
//! #close`.

use super::{Edit, is_word, words};

/// Words that do something to the issue that stands behind them, on one forge or tracker or
/// another. Words that end with one count too: not all of them look for the beginning of a word.
const KEYWORDS: [&str; 33] = [
    "close",
    "closes",
    "closed",
    "closing",
    "fix",
    "fixes",
    "fixed",
    "fixing",
    "resolve",
    "resolves",
    "resolved",
    "resolving",
    "implement",
    "implements",
    "implemented",
    "implementing",
    "reopen",
    "reopens",
    "reopened",
    "reopening",
    "finish",
    "finishes",
    "finished",
    "complete",
    "completes",
    "completed",
    "deliver",
    "delivers",
    "delivered",
    "wontfix",
    "invalidate",
    "invalidates",
    "reference",
];

/// Words that may stand between.
const FILLERS: [&str; 11] =
    ["issue", "issues", "bug", "bugs", "ticket", "tickets", "pr", "task", "story", "number", "the"];

/// How many of those.
const MOST_FILLERS: usize = 3;

pub(super) fn edits(text: &str) -> Vec<Edit> {
    let mut edits = commands(text);
    for range in words(text, u8::is_ascii_alphabetic) {
        let word = text.get(range.clone()).unwrap_or_default();
        let lower = word.to_ascii_lowercase();
        let is_keyword = KEYWORDS.iter().any(|keyword| lower.ends_with(keyword));
        if is_keyword && is_reference_behind(text.get(range.end..).unwrap_or_default()) {
            edits.push((range, format!("\"{word}\"")));
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    edits
}

/// Whether what stands behind a word is a reference, with nothing but signs and fillers between.
fn is_reference_behind(mut rest: &str) -> bool {
    for _ in 0..=MOST_FILLERS {
        let behind =
            rest.trim_start_matches(|one: char| one.is_whitespace() || ":*_`([<~-=>".contains(one));
        // Some take what stands right behind the word.
        if begins_reference(behind) {
            return true;
        }
        let filler = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (filler, after) = behind.split_at(filler);
        if behind.len() == rest.len() || !FILLERS.contains(&&*filler.to_ascii_lowercase()) {
            return false;
        }
        rest = after;
    }
    false
}

/// Whether the text begins with `#1`, `!1`, `owner/repo#1`, `GH-1`, `ABC-1` or an address.
fn begins_reference(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        return true;
    }
    let path = text
        .bytes()
        .take_while(|byte| is_word(*byte) || matches!(byte, b'/' | b'.' | b'-'))
        .count();
    let (path, rest) = text.split_at(path);
    let is_number = |text: &str| text.starts_with(|one: char| one.is_ascii_digit());
    let is_numbered = rest
        .strip_prefix(['#', '!', '&', '$', '%'])
        .is_some_and(|rest| is_number(rest) || is_key(rest));
    is_numbered || is_key(path)
}

/// Whether the text begins with the key of an issue: `ABC-1`.
fn is_key(text: &str) -> bool {
    let Some((project, number)) = text.split_once('-') else { return false };
    let is_upper = |byte: u8| is_word(byte) && !byte.is_ascii_lowercase();
    let is_project = project.starts_with(|one: char| one.is_ascii_uppercase())
        && project.len() > 1
        && project.bytes().all(is_upper);
    is_project && number.starts_with(|one: char| one.is_ascii_digit())
}

/// Commands behind a `#`, on a line that names an issue before them.
fn commands(text: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        for (at, _) in line.match_indices('#') {
            let (before, rest) =
                (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default());
            let names_issue = || {
                before
                    .split(|one: char| !one.is_ascii_alphanumeric() && one != '_' && one != '-')
                    .any(is_key)
            };
            let is_command = rest.starts_with(|one: char| one.is_ascii_alphabetic())
                && !before.ends_with(|one: char| one.is_ascii_alphanumeric());
            if is_command && (names_issue() || is_key(rest)) {
                edits.push((start + at..start + at + 1, "# ".to_owned()));
            }
        }
        start += line.len();
    }
    edits
}
