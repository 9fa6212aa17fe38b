//! The names of files that stand around a block: in the line above, behind the marks of its fence,
//! in a comment that is its first line.

use std::collections::HashSet;

use super::{
    label::{self, Label},
    paths::last,
};

/// Words that people put before a name.
const LEADS: [&str; 12] = [
    "filename:",
    "file name:",
    "file path:",
    "file:",
    "path:",
    "new file:",
    "new file ",
    "create file:",
    "create ",
    "created file:",
    "updated file:",
    "modified file:",
];

/// Remarks that people put behind a name.
const REMARKS: [&str; 6] =
    ["(new file)", "(new)", "(updated)", "(modified)", "(full file)", "(complete file)"];

/// Names of files that have neither a directory nor an extension.
const PLAIN_NAMES: [&str; 16] = [
    "Makefile",
    "GNUmakefile",
    "Dockerfile",
    "Containerfile",
    "Jenkinsfile",
    "Vagrantfile",
    "Gemfile",
    "Rakefile",
    "Procfile",
    "Brewfile",
    "Justfile",
    "justfile",
    "LICENSE",
    "README",
    "CHANGELOG",
    "VERSION",
];

/// Characters that stand around a name in a text.
const AROUND: [char; 12] = ['*', '"', '\'', '(', ')', '[', ']', ',', ';', ':', '!', '?'];

/// Keys that carry a name behind the marks of a fence.
const KEYS: [&str; 5] = ["title", "filename", "file", "path", "name"];

/// What stands above a block, and behind the marks of its fence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Title<'a> {
    /// What stands behind the marks of the fence.
    pub(super) info: &'a str,
    /// The line right above the block; a blank one may stand between.
    pub(super) line: &'a str,
    /// The lines between the block before and this one, without blank ones.
    pub(super) above: Vec<&'a str>,
}

impl<'a> Title<'a> {
    /// The title of what stands below `above` and is opened with `info`.
    pub(super) fn new(above: &[&'a str], info: &'a str) -> Self {
        let mut last = above.iter().rev();
        let line = match last.next() {
            Some(line) if line.trim().is_empty() => last.next(),
            line => line,
        };
        Self {
            info,
            line: line.copied().unwrap_or_default(),
            above: above.iter().copied().filter(|line| !line.trim().is_empty()).collect(),
        }
    }

    /// The language that the fence names.
    pub(super) fn language(&self) -> String {
        let word = self.info.split([' ', ':', '{', ',']).next().unwrap_or_default();
        if looks_like_path(word) { String::new() } else { word.to_ascii_lowercase() }
    }

    /// The name that is said to be that of the block, and nothing else.
    pub(super) fn name(&self) -> Option<String> {
        in_info(self.info).or_else(|| alone(self.line))
    }

    /// What the block is about: the name that is said, or one of those that stand right above.
    pub(super) fn label(&self) -> Option<Label> {
        if let Some(name) = self.name() {
            return Some(Label::whole(name));
        }
        let names = named(self.line);
        let is_reference = |name: &&String| label::is_reference(self.line, name);
        let references = names.iter().filter(is_reference).cloned().collect();
        // All of the line can be a name, too.
        (!names.is_empty()).then(|| {
            Label::mention([vec![self.line.trim().to_owned()], names].concat(), references)
        })
    }
}

/// The name in a line that says nothing else, with the marks of headings, lists and emphasis.
pub(super) fn alone(line: &str) -> Option<String> {
    let mut text = line.trim().trim_start_matches('#').trim_start();
    if let Some((number, rest)) = text.split_once(['.', ')'])
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
        && rest.starts_with(' ')
    {
        text = rest.trim_start();
    }
    text = text.strip_prefix("- ").unwrap_or(text);
    let (mut said, mut marked) = (false, false);
    loop {
        let before = text;
        text = text.trim().trim_end_matches(':');
        for mark in ["**", "__", "`", "*", "\""] {
            if let Some(inner) = text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark)) {
                (text, marked) = (inner, true);
            }
        }
        let remark = REMARKS.iter().find(|remark| text.to_ascii_lowercase().ends_with(**remark));
        if let Some(remark) = remark {
            text = text[..text.len() - remark.len()].trim_end();
        }
        // As in **File:** `x`.
        let unmarked = text.trim_start_matches("**");
        let lead = LEADS.iter().find(|lead| {
            unmarked.get(..lead.len()).is_some_and(|start| start.eq_ignore_ascii_case(lead))
        });
        if let Some(lead) = lead {
            text = unmarked[lead.len()..].trim_start_matches("**");
            said = true;
        }
        if text == before {
            break;
        }
    }
    // In marks, whatever has a directory is a path.
    let has_directory = marked && text.contains('/') && text.split('/').all(is_plain);
    let is_path = looks_like_path(text) || PLAIN_NAMES.contains(&text) || has_directory;
    let is_named = is_path && !text.contains(char::is_whitespace);
    let is_marked = (said || marked) && is_path && !text.contains(['`', '"', '*']);
    (is_named || is_marked).then(|| text.strip_prefix("./").unwrap_or(text).to_owned())
}

/// The names in a line of text: what stands in marks for code, and every word that looks like one.
pub(super) fn named(line: &str) -> Vec<String> {
    let (mut names, mut seen) = (Vec::new(), HashSet::new());
    let mut add = |name: &str| {
        let name = name.strip_prefix("./").unwrap_or(name);
        if !name.is_empty() && seen.insert(name.to_owned()) {
            names.push(name.to_owned());
        }
    };
    let mut outside = String::new();
    for (number, part) in line.split('`').enumerate() {
        if number % 2 == 1 && !part.trim().is_empty() {
            add(part.trim());
        } else {
            outside.push_str(part);
            outside.push(' ');
        }
    }
    for word in outside.split_whitespace() {
        let is_around = |character: char| AROUND.contains(&character);
        let word = word
            .trim_start_matches(is_around)
            .trim_end_matches(|character| is_around(character) || character == '.');
        if looks_like_path(word) || PLAIN_NAMES.contains(&word) {
            add(word);
        }
    }
    names
}

/// The name behind the marks of a fence: alone, behind the language, or with a key.
pub(super) fn in_info(info: &str) -> Option<String> {
    for key in KEYS {
        for (at, _) in info.match_indices(key) {
            let starts = info[..at].ends_with([' ', '{', ',']) || at == 0;
            let value = info[at + key.len()..].trim_start().strip_prefix(['=', ':']);
            if let Some(value) = value.filter(|_| starts).map(str::trim_start) {
                let quote = value.chars().next().filter(|mark| matches!(mark, '"' | '\''));
                let name = match quote {
                    Some(quote) => value[1..].split(quote).next(),
                    None => value.split([' ', '}', ',']).next(),
                };
                return name.filter(|name| !name.is_empty()).map(str::to_owned);
            }
        }
    }
    let (first, rest) = info.split_once([' ', '\t']).unwrap_or((info, ""));
    if let Some((language, path)) = first.split_once(':')
        && !language.is_empty()
        && (looks_like_path(path) || PLAIN_NAMES.contains(&path))
    {
        return Some(path.to_owned());
    }
    let rest = rest.trim();
    if rest.is_empty() {
        return looks_like_path(first).then(|| first.to_owned());
    }
    let rest = label::bare(rest.trim_matches(['(', ')']));
    let is_path = (looks_like_path(&rest) || PLAIN_NAMES.contains(&rest.as_str()))
        && !rest.contains(char::is_whitespace);
    is_path.then_some(rest)
}

/// The name in a comment that says nothing else.
pub(super) fn in_comment(line: &str) -> Option<String> {
    let line = line.trim();
    let text = ["<!--", "/*", "//", "--", "#", ";", "%"]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
        .filter(|text| !text.starts_with('!'))?;
    let text = text.trim_end_matches("-->").trim_end_matches("*/").trim();
    let lead = LEADS.iter().find_map(|lead| {
        text.get(..lead.len()).filter(|start| start.eq_ignore_ascii_case(lead)).map(str::len)
    });
    let text = text[lead.unwrap_or(0)..].trim();
    (looks_like_path(text) && !text.contains(char::is_whitespace)).then(|| text.to_owned())
}

/// Whether a text is a path that has no blanks.
pub(super) fn is_path(text: &str) -> bool {
    (looks_like_path(text) || PLAIN_NAMES.contains(&text)) && !text.contains(char::is_whitespace)
}

/// Whether a text holds nothing but what stands in most names.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

/// Whether a text has the form of a path: an extension or directories, and no address.
fn looks_like_path(text: &str) -> bool {
    let odd = text.contains("://")
        || text.contains(['<', '>', '|', '*', '?', '=', '(', ')', '{', '}', '"', '`', ',', ';'])
        || text.ends_with(['/', '.', ':'])
        || text.contains(": ");
    if odd || text.is_empty() {
        return false;
    }
    let is_word = |part: &str| !part.is_empty() && !part.starts_with(' ') && !part.ends_with(' ');
    // `and/or` is none.
    let has_directory = text.split('/').count() > 1
        && text.split('/').all(is_word)
        && (label::has_extension(text)
            || text.split('/').count() > 2
            || PLAIN_NAMES.contains(&last(text)));
    let is_hidden = text.len() > 2
        && text.starts_with('.')
        && text[1..]
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
    let has_stem = !last(text).starts_with('.');
    has_directory
        || is_hidden
        || (label::has_extension(text) && has_stem)
        || text.starts_with("../")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_a_name_is_told_from_text() {
        let rows = [
            ("a.txt", Some("a.txt")),
            ("a.txt:", Some("a.txt")),
            ("`src/a b.rs`", Some("src/a b.rs")),
            ("**a.txt**", Some("a.txt")),
            ("**`a.txt`:**", Some("a.txt")),
            ("### a.txt", Some("a.txt")),
            ("### 1. `src/a.rs`", Some("src/a.rs")),
            ("- `a.txt`:", Some("a.txt")),
            ("File: a.txt", Some("a.txt")),
            ("**File:** `a.txt`", Some("a.txt")),
            ("### File: `a.txt`", Some("a.txt")),
            ("./a.txt", Some("a.txt")),
            (".gitignore", Some(".gitignore")),
            ("Makefile", Some("Makefile")),
            ("../x.txt", Some("../x.txt")),
            ("Output:", None),
            ("In `a.txt`:", None),
            ("and/or", None),
            ("Done.", None),
            ("https://example.org/a.txt", None),
            ("v1.0", None),
            ("the file a.txt", None),
            ("", None),
        ];
        for (line, name) in rows {
            assert_eq!(alone(line).as_deref(), name, "{line}");
        }
    }

    #[test]
    fn names_are_found_in_text() {
        let rows: [(&str, &[&str]); 5] = [
            ("In `a.txt`:", &["a.txt"]),
            ("Change src/a.rs (not b.rs).", &["src/a.rs", "b.rs"]),
            ("**Edit** `LICENSE` now", &["LICENSE"]),
            ("Call `run()` in x.py", &["run()", "x.py"]),
            ("Nothing here.", &[]),
        ];
        for (line, names) in rows {
            assert_eq!(named(line), names, "{line}");
        }
    }

    #[test]
    fn names_stand_behind_the_marks_of_a_fence() {
        let rows = [
            ("diff a.txt", Some("a.txt")),
            ("diff title=\"a b.txt\"", Some("a b.txt")),
            ("python filename=a.py", Some("a.py")),
            ("{.python filename=\"a.py\"}", Some("a.py")),
            ("python:src/a.py", Some("src/a.py")),
            ("a.txt", Some("a.txt")),
            ("make Makefile", Some("Makefile")),
            ("python", None),
            ("c++", None),
            ("rust ignore", None),
            ("", None),
        ];
        for (info, name) in rows {
            assert_eq!(in_info(info).as_deref(), name, "{info}");
        }
    }

    #[test]
    fn a_comment_can_be_a_name() {
        let rows = [
            ("# src/a.py", Some("src/a.py")),
            ("// File: a.rs", Some("a.rs")),
            ("<!-- a.html -->", Some("a.html")),
            ("/* a.css */", Some("a.css")),
            ("#!/usr/bin/env python", None),
            ("# Reads a.py", None),
            ("x = 1", None),
        ];
        for (line, name) in rows {
            assert_eq!(in_comment(line).as_deref(), name, "{line}");
        }
    }
}
