//! Whether a change makes the checks themselves weaker: tests that go, are skipped or assert less,
//! and what decides what a check does.
//!
//! It reads the change alone, with each file from its first line to its last where that is at hand:
//! in Rust, tests lie beside the code. What it finds is a reason to show the change to a person,
//! not a verdict.

mod assertion;
mod hollow;
mod marks;
mod silence;

use std::collections::{BTreeSet, HashMap};

use self::{
    hollow::{Hollow, comparisons},
    marks::{Language, assertions, disabling, test_name, trivial},
    silence::Silence,
};
use super::files::{is_decisive, is_test};
use crate::{
    git::{Change, Section},
    policy::is_run_by,
    step::{quoted, told},
};

/// What a change takes from the tests.
pub(super) struct Weakening {
    /// Why a person should see it: each reason in one line.
    pub(super) reasons: Vec<String>,
    /// How many tests it is said to remove or to disable.
    pub(super) gone: usize,
}

/// What `change`, whose files are whole, takes from the tests. `checks` are the project's commands.
pub(super) fn find(change: &Change, checks: &[String]) -> Weakening {
    let sections = change.sections();
    let paths = |sections: Vec<&Section<'_>>| {
        sections.into_iter().map(|section| section.path.clone()).collect()
    };
    let decides = |section: &&Section<'_>| {
        is_decisive(&section.path)
            || checks.iter().any(|check| is_run_by(check, &section.path))
            || edits_settings(section)
    };
    let decisive = paths(sections.iter().filter(decides).collect());
    let is_deleted = |section: &&Section<'_>| is_removed_test(section, &sections);
    let deleted = paths(sections.iter().filter(is_deleted).collect());
    let mut reasons: Vec<_> = [
        reason("it edits what decides what the checks do", decisive),
        reason("it deletes tests or what they compare with", deleted),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (more, gone) = Side::read(&sections, '-').reasons(Side::read(&sections, '+'));
    reasons.extend(more);
    reasons.extend(silenced(&sections));
    Weakening { reasons, gone }
}

/// What silences tests that are still there.
fn silenced(sections: &[Section<'_>]) -> impl Iterator<Item = String> {
    let (mut silence, mut hollow) = (Silence::default(), Hollow::default());
    for section in sections {
        silence.add(section);
        hollow.add(section);
    }
    [
        ("it replaces what runs tests, or what they assert by", silence.replacing),
        ("its code asks whether it is tested", silence.asking),
        ("its code ends the program, or tells what test runners tell", silence.ending),
        ("it defines tests twice, so that the first of a name is not run", hollow.twice),
        ("its tests return before they assert anything", hollow.early),
        ("its assertions lose what they expect", hollow.lost),
        ("its tests pass over failures", hollow.passed_over),
        ("its tests define themselves what they imported", hollow.own),
    ]
    .into_iter()
    .filter_map(|(what, found)| reason(what, quoted(found)))
}

/// The tests of all files of one side of the change, the old one or the new one, together: what
/// only moves is in both.
#[derive(Default)]
struct Side {
    /// The names of tests.
    tests: Vec<String>,
    /// Lines that disable a test.
    disabled: Vec<String>,
    /// Lines that assert what always holds.
    trivial: Vec<String>,
    assertions: usize,
    /// Those that compare with a value.
    comparisons: usize,
    /// Assertions beside code, each with its file.
    inside: Vec<(String, String)>,
}

impl Side {
    /// Reads one side of each section: the lines with this mark, and those that are on both sides.
    fn read(sections: &[Section<'_>], mark: char) -> Self {
        let mut side = Self::default();
        for section in sections {
            side.add(section, mark);
        }
        side
    }

    fn add(&mut self, section: &Section<'_>, mark: char) {
        let language = Language::of(&section.path);
        let is_test = is_test(&section.path);
        // Where the tests of a file begin that holds code too.
        let mut is_inside = is_test;
        let mut is_marked = false;
        for line in section.lines.iter().filter(|line| line.starts_with([' ', mark])) {
            let text = line.get(1..).unwrap_or_default().trim();
            is_inside |= language.begins_tests(text);
            // A script that is new took the place of none.
            if !language.is_script() && is_inside || language.is_script() && !section.is_new {
                self.disabled.extend(disabling(language, text, is_inside).then(|| text.to_owned()));
            }
            if !is_inside {
                continue;
            }
            let is_mark = language.marks_test(text);
            self.tests.extend(test_name(language, text, is_marked));
            // Attributes and comments may stand between the mark and the name.
            is_marked = is_mark
                || is_marked && (text.is_empty() || text.starts_with(['#', '@', '/', '*', '[']));
            let count = assertions(language, text);
            self.assertions += count;
            self.comparisons += comparisons(language, text);
            self.trivial.extend(trivial(text).then(|| text.to_owned()));
            if count > 0 && !is_test {
                self.inside.push((section.path.clone(), text.to_owned()));
            }
        }
    }

    /// What a person should know of the way from this side to the new one, and how many tests are
    /// lost on it.
    fn reasons(self, new: Self) -> (Vec<String>, usize) {
        let (mut reasons, mut gone) = (Vec::new(), 0);
        let added = without(new.tests.clone(), &self.tests).len();
        let removed = without(self.tests, &new.tests);
        if removed.len() > added {
            gone += removed.len() - added;
            reasons.push(format!(
                "it removes {}: {}",
                counted(removed.len() - added, "test"),
                told(quoted(removed))
            ));
        }
        let mut changed: Vec<_> =
            without(self.inside, &new.inside).into_iter().map(|(path, _)| path).collect();
        changed.dedup();
        if self.assertions > new.assertions {
            reasons.push(format!(
                "its tests assert less: {} fewer",
                counted(self.assertions - new.assertions, "assertion")
            ));
        } else if self.comparisons > new.comparisons {
            reasons.push(format!(
                "its tests compare less: {} fewer",
                counted(self.comparisons - new.comparisons, "comparison")
            ));
        } else {
            reasons.extend(reason("it changes what tests beside the code expect", changed));
        }
        let disabled = quoted(without(new.disabled, &self.disabled));
        gone += disabled.len();
        reasons.extend(reason("it disables tests or checks", disabled));
        let trivial = quoted(without(new.trivial, &self.trivial));
        reasons.extend(reason("it adds assertions that always hold", trivial));
        (reasons, gone)
    }
}

/// What a change does, and with what; `None` if there is nothing.
fn reason(what: &str, names: Vec<String>) -> Option<String> {
    (!names.is_empty()).then(|| format!("{what}: {}", told(names)))
}

/// Whether a test is deleted and did not only move: no new file has its name or most of its lines.
fn is_removed_test(section: &Section<'_>, sections: &[Section<'_>]) -> bool {
    if !section.is_deleted || !is_test(&section.path) {
        return false;
    }
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let lines: BTreeSet<_> =
        section.removed().map(str::trim).filter(|line| !line.is_empty()).collect();
    !sections.iter().filter(|other| other.is_new).any(|other| {
        let kept = other.added().map(str::trim).filter(|line| lines.contains(line)).count();
        name(&other.path) == name(&section.path) || !lines.is_empty() && 2 * kept >= lines.len()
    })
}

/// Whether a manifest is changed where it holds the settings of tests: the scripts of
/// `package.json`, a test runner's table in `pyproject.toml`.
fn edits_settings(section: &Section<'_>) -> bool {
    const JSON_KEYS: [&str; 9] =
        ["scripts", "jest", "vitest", "mocha", "ava", "nyc", "c8", "tap", "eslintConfig"];
    const TABLES: [&str; 14] = [
        "tool.pytest",
        "tool.tox",
        "tool.coverage",
        "tool.nox",
        "tool.hatch.envs",
        "tool.pdm.scripts",
        "tool.poe",
        "tool.ruff",
        "tool.mypy",
        "lints",
        "workspace.lints",
        "test",
        "[test",
        "profile.test",
    ];
    let name = section.path.rsplit('/').next().unwrap_or(&section.path);
    let is_json = matches!(name, "package.json" | "composer.json" | "deno.json");
    // One that is new has no settings that could become weaker.
    if section.is_new || !is_json && !matches!(name, "pyproject.toml" | "Cargo.toml") {
        return false;
    }
    let mut is_setting = false;
    section.lines.iter().any(|line| {
        let text = line.get(1..).unwrap_or_default();
        if is_json {
            // A key of the outermost object, by its indent: the first that is seen is one.
            let indent = text.len() - text.trim_start().len();
            if let Some((key, _)) = text
                .trim_start()
                .strip_prefix('"')
                .and_then(|rest| rest.split_once('"'))
                .filter(|_| (1..=4).contains(&indent))
                && (indent <= 2 || !is_setting)
            {
                is_setting = JSON_KEYS.contains(&key);
            }
        } else if let Some(table) = text.trim().strip_prefix('[') {
            is_setting = TABLES.iter().any(|prefix| table.starts_with(prefix));
        }
        is_setting && !line.starts_with(' ') && !text.trim().is_empty()
    })
}

/// `items` without as many of each as are among `others`.
fn without<T: Eq + std::hash::Hash>(items: Vec<T>, others: &[T]) -> Vec<T> {
    let mut left = HashMap::new();
    for other in others {
        *left.entry(other).or_insert(0_usize) += 1;
    }
    let is_left = |item: &T| match left.get_mut(item) {
        Some(count @ 1..) => {
            *count -= 1;
            false
        }
        _ => true,
    };
    let mut items = items;
    items.retain(is_left);
    items
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
