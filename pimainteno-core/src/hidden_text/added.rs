//! The hidden characters and look-alikes that a change adds.
//!
//! What was there is not blamed: a line that is only moved, and a word that stays in its file while
//! the line around it changes.

use std::{collections::HashMap, path::Path};

use super::{
    HiddenCharacter, find,
    look_alikes::{self, LookAlike},
    number, visible,
};
use crate::git::Change;

/// How many places are told one by one.
const TOLD: usize = 5;

/// Endings of files that hold sentences or data in any language, and not names that a program
/// compares.
const PROSE: [&str; 22] = [
    "md",
    "markdown",
    "txt",
    "rst",
    "adoc",
    "asciidoc",
    "org",
    "tex",
    "html",
    "htm",
    "xml",
    "svg",
    "po",
    "pot",
    "json",
    "yaml",
    "yml",
    "toml",
    "csv",
    "srt",
    "properties",
    "strings",
];

/// What was there before: how often each line, and each word of each file, is taken away.
#[derive(Default)]
struct Removed<'c> {
    lines: HashMap<&'c str, usize>,
    words: HashMap<(&'c str, &'c str), usize>,
}

/// Why a change is for a person to look at, in one line: it adds what a reader does not see, or
/// takes for something else; `None` if it does not.
pub(crate) fn concern(change: &Change) -> Option<String> {
    let mut found = in_paths(change);
    found.extend(in_lines(change));
    if found.is_empty() {
        return None;
    }
    let rest = if found.len() > TOLD {
        format!(", and {} more", found.len() - TOLD)
    } else {
        String::new()
    };
    found.truncate(TOLD);
    Some(format!(
        "it adds characters that a reader does not see or takes for others: {}{rest}",
        found.join(", ")
    ))
}

fn in_lines(change: &Change) -> Vec<String> {
    let sections = change.sections();
    let mut removed = Removed::default();
    for section in &sections {
        for line in section.removed().filter(|line| is_suspect(line)) {
            *removed.lines.entry(line).or_default() += 1;
            for word in line.split_whitespace().filter(|word| is_suspect(word)) {
                *removed.words.entry((&section.path, word)).or_default() += 1;
            }
        }
    }
    let mut told = Vec::new();
    for section in &sections {
        let (path, code) = (visible(&section.path), is_code(&section.path));
        for (number, line) in section.added_with_numbers().filter(|(_, line)| is_suspect(line)) {
            let is_moved = taken(&mut removed.lines, &line);
            let had_mark = number == 1
                && section.removed().next().is_some_and(|line| line.starts_with('\u{feff}'));
            let mut was_there = |word| taken(&mut removed.words, &(section.path.as_str(), word));
            // Words are looked at once each, so that what was there once is not there twice.
            let old: Vec<&str> = line
                .split_whitespace()
                .filter(|word| is_suspect(word) && was_there(word))
                .collect();
            if is_moved {
                continue;
            }
            let is_old = |at: usize| old.iter().any(|word| range(line, word).contains(&at));
            let hidden = find(line)
                .into_iter()
                .filter(|one| is_held(*one, line, had_mark) && !is_old(one.at));
            told.extend(hidden.map(|one| format!("{path}:{number}: {one}")));
            let alike = look_alikes::find(line, code)
                .into_iter()
                .filter(|one| !is_old(range(line, one.word).start));
            told.extend(alike.map(|one| format!("{path}:{number}: {}", described(one))));
        }
    }
    told
}

/// What the names of new files hide. What a file that goes away is called is no news.
fn in_paths(change: &Change) -> Vec<String> {
    let sections = change.sections();
    let gone = |part: &str| {
        sections
            .iter()
            .any(|section| section.is_deleted && section.path.split('/').any(|old| old == part))
    };
    let mut told = Vec::new();
    for path in
        sections.iter().filter(|section| section.is_new).map(|section| section.path.as_str())
    {
        let parts = || path.split('/').filter(|part| !gone(part));
        let mut characters: Vec<_> = parts().flat_map(find).map(|one| one.to_string()).collect();
        characters.extend(
            parts()
                .filter(|part| part.contains(['\n', '\t']))
                .map(|_| "line feed or tab".to_owned()),
        );
        characters
            .extend(parts().flat_map(|part| look_alikes::find(part, is_code(path))).map(described));
        told.extend(
            characters
                .into_iter()
                .map(|one| format!("the path {}: {one}", visible(path).replace(['\n', '\t'], "␤"))),
        );
    }
    told
}

/// Whether a hidden character is held: not the end of a line, a form feed between pages, or the
/// byte order mark that the file had.
fn is_held(one: HiddenCharacter, line: &str, had_mark: bool) -> bool {
    match one.character {
        '\r' => one.at + 1 != line.len(),
        '\u{c}' => false,
        '\u{feff}' => !(had_mark && one.at == 0),
        _ => true,
    }
}

/// Whether a line is worth looking at closely.
fn is_suspect(line: &str) -> bool {
    line.bytes().any(|byte| !(b' '..0x7f).contains(&byte))
}

fn is_code(path: &str) -> bool {
    let ending = Path::new(path).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| !PROSE.contains(&&*ending.to_ascii_lowercase()))
}

fn described(LookAlike { letter, like, .. }: LookAlike<'_>) -> String {
    use unicode_script::UnicodeScript as _;
    format!("{} {}, which looks like `{like}`", number(letter), letter.script().full_name())
}

/// Where a part of a line is in it.
fn range(line: &str, part: &str) -> std::ops::Range<usize> {
    let start = part.as_ptr().addr().saturating_sub(line.as_ptr().addr());
    start..start + part.len()
}

/// Takes one away, if there is one.
fn taken<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) -> bool {
    match counts.get_mut(key) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    }
}
