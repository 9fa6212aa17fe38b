//! What is in the files: languages, tests, open ends, conflict markers. All of it is counted in one
//! walk.

use std::{cmp::Reverse, collections::BTreeMap, fmt::Write as _, ops::ControlFlow};

use pimainteno_core::Result;

use super::{Manifest, code, count, human_size, list, titled};
use crate::{
    comments::{self, Kind},
    files::{File, Files},
    languages,
};

/// What marks work that is left to do.
const OPEN_ENDS: [&str; 4] = ["TODO", "FIXME", "XXX", "HACK"];

/// What begins a test, by language.
const TESTS: [(&str, &[&str]); 6] = [
    ("Rust", &["#[test]", "#[tokio::test"]),
    ("Python", &["def test_"]),
    ("Go", &["\nfunc Test"]),
    ("Java", &["@Test\n"]),
    ("Kotlin", &["@Test\n"]),
    ("C++", &["\nTEST(", "\nTEST_F("]),
];

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Contents {
    languages: BTreeMap<&'static str, Language>,
    /// Files that nobody writes by hand, and their size in bytes.
    other: (usize, u64),
    is_complete: bool,
    tests: BTreeMap<&'static str, usize>,
    test_files: usize,
    open_ends: BTreeMap<&'static str, usize>,
    open_ends_by_path: BTreeMap<String, usize>,
    /// Files that a merge left unfinished.
    pub(super) conflicts: Vec<String>,
}

#[derive(Debug, Default)]
struct Language {
    files: usize,
    lines: usize,
    bytes: u64,
}

impl Contents {
    /// Reads the text files, up to the limit of a walk.
    pub(super) fn read(files: &Files) -> Result<Self> {
        let mut contents = Self::default();
        for file in files.iter() {
            match languages::of(&file.path).filter(|_| file.is_kept_by_hand()) {
                Some(language) => {
                    let entry = contents.languages.entry(language.name).or_default();
                    entry.files += 1;
                    entry.bytes += file.size;
                    contents.test_files += usize::from(is_test_file(file));
                }
                None => contents.other = (contents.other.0 + 1, contents.other.1 + file.size),
            }
        }
        contents.is_complete = files.walk(File::is_kept_by_hand, |file, text| {
            contents.look_at(&file.path, text);
            ControlFlow::Continue(())
        })?;
        Ok(contents)
    }

    fn look_at(&mut self, path: &str, text: &str) {
        if has_conflict_markers(text) {
            self.conflicts.push(path.to_owned());
        }
        let Some(language) = languages::of(path) else { return };
        self.languages.entry(language.name).or_default().lines += text.lines().count();
        if languages::is_prose(path) {
            return;
        }
        // What has such a word in its code or strings is a tool that looks for it.
        let is_marked = OPEN_ENDS.iter().any(|mark| text.contains(mark));
        let comments: Vec<&str> = match language.syntax.filter(|_| is_marked) {
            Some(syntax) => {
                let spans = comments::spans(text, syntax)
                    .into_iter()
                    .filter(|span| span.kind != Kind::String);
                spans.filter_map(|span| text.get(span.range)).collect()
            }
            None => vec![text],
        };
        for mark in OPEN_ENDS.into_iter().filter(|_| is_marked) {
            let found: usize = comments.iter().map(|comment| words(comment, mark)).sum();
            if found > 0 {
                *self.open_ends.entry(mark).or_default() += found;
                *self.open_ends_by_path.entry(path.to_owned()).or_default() += found;
            }
        }
        for (_, marks) in TESTS.iter().filter(|(name, _)| *name == language.name) {
            let found: usize = marks.iter().map(|mark| text.matches(mark).count()).sum();
            if found > 0 {
                *self.tests.entry(language.name).or_default() += found;
            }
        }
    }

    /// The languages, the largest first.
    pub(super) fn languages(&self) -> String {
        let mut languages: Vec<_> = self.languages.iter().collect();
        languages.sort_by_key(|(name, language)| {
            (Reverse(language.lines), Reverse(language.bytes), **name)
        });
        let mut text = String::new();
        if !languages.is_empty() {
            text.push_str("| language | files | lines | size |\n|---|---:|---:|---:|\n");
        }
        for (name, language) in languages.iter().take(12) {
            let _ = writeln!(
                text,
                "| {name} | {} | {} | {} |",
                language.files,
                language.lines,
                human_size(language.bytes)
            );
        }
        if languages.len() > 12 {
            let _ = writeln!(text, "\nAnd {} more.", languages.len() - 12);
        }
        if self.other.0 > 0 {
            let _ = writeln!(
                text,
                "\nNot counted: {} ({}) of other kinds, or that nobody writes by hand.",
                count(self.other.0, "file"),
                human_size(self.other.1)
            );
        }
        if !self.is_complete {
            text.push_str("\nThe repository is large: lines, tests and open ends are those of a part of it.\n");
        }
        titled("Languages", &text)
    }

    /// What tests there are and how to run them.
    pub(super) fn tests(&self, manifests: &[Manifest]) -> String {
        let mut items: Vec<String> = Vec::new();
        for manifest in manifests {
            let Some(command) = &manifest.tests else { continue };
            // A workspace's command runs the tests of its members too.
            let shadowed = manifests.iter().any(|other| {
                other.tests == manifest.tests
                    && other.directory() != manifest.directory()
                    && manifest.is_under(other)
            });
            if !shadowed {
                items.push(if manifest.directory().is_empty() {
                    code(command)
                } else {
                    format!("{} in {}", code(command), code(manifest.directory()))
                });
            }
        }
        items.dedup();
        let mut text = list(&items, 6);
        let counted: Vec<_> = self
            .tests
            .iter()
            .map(|(language, tests)| format!("{} in {language}", count(*tests, "test")))
            .collect();
        if !counted.is_empty() {
            let _ = writeln!(text, "\nFound: {}.", counted.join(", "));
        } else if self.test_files > 0 {
            let _ = writeln!(
                text,
                "\nFound: {}.",
                count(self.test_files, "file with tests").replace("testss", "tests")
            );
        }
        titled("Tests", &text)
    }

    /// What is marked as left to do.
    pub(super) fn open_ends(&self) -> String {
        if self.open_ends.is_empty() {
            return String::new();
        }
        let kinds: Vec<_> =
            self.open_ends.iter().map(|(mark, found)| format!("{found} {mark}")).collect();
        let mut paths: Vec<_> = self.open_ends_by_path.iter().collect();
        paths.sort_by_key(|(path, found)| (Reverse(**found), *path));
        let paths: Vec<_> =
            paths.into_iter().map(|(path, found)| format!("{}: {found}", code(path))).collect();
        titled("Open ends", &format!("{}.\n\n{}", kinds.join(", "), list(&paths, 5)))
    }

    /// Whether any tests were found.
    pub(super) fn has_tests(&self) -> bool {
        self.test_files > 0 || !self.tests.is_empty()
    }
}

fn is_test_file(file: &File) -> bool {
    let name = file.path.rsplit('/').next().unwrap_or(&file.path).to_ascii_lowercase();
    let named = name.starts_with("test_")
        || [".test.", ".spec.", "_test.", "_spec."].iter().any(|part| name.contains(part));
    (named || file.is_in_tests()) && !languages::is_prose(&file.path)
}

/// How often `word` stands in `text` as a whole word.
fn words(text: &str, word: &str) -> usize {
    let is_part = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
    };
    let is_whole = |at: usize| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !is_part(before) && !is_part(after)
    };
    text.match_indices(word).filter(|(at, _)| is_whole(*at)).count()
}

/// Whether a merge left its three markers, in order, each at the start of a line.
fn has_conflict_markers(text: &str) -> bool {
    // Few files contain the first one, and so few are read line by line.
    if !text.contains("<<<<<<< ") {
        return false;
    }
    let mut lines = text.lines();
    lines.any(|line| line.starts_with("<<<<<<< "))
        && lines.any(|line| line == "=======")
        && lines.any(|line| line.starts_with(">>>>>>> "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_and_whole_conflicts_count() {
        assert_eq!(words("TODO: x, TODOS, MY_TODO, (TODO)", "TODO"), 2);
        assert!(has_conflict_markers("a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> x\n"));
        assert!(!has_conflict_markers("Title\n=======\n <<<<<<< a\n>>>>>>> b\n"));
    }
}
