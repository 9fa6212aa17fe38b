//! Tests that are there and run, and say less than they did: they return early, pass over failures,
//! assert what always holds, or test a copy of the code.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    assertion::Assertion,
    marks::{Language, assertions, test_name},
};
use crate::{git::Section, step::verify::files::is_test};

/// What comes after the line that catches everything, if nothing is done about it.
const NOTHING: [&str; 5] = ["pass", "...", "return", "continue", "}"];

/// What is never come to, without blanks.
const NEVER: [&str; 11] = [
    "ifFalse:",
    "if0:",
    "whileFalse:",
    "if(false)",
    "if(0)",
    "iffalse{",
    "inrange(0):",
    "in[]:",
    "in():",
    "of[])",
    "in0..0{",
];

/// What the tests of a file say less.
#[derive(Default)]
pub(super) struct Hollow {
    /// Names of tests of which the last one of the name counts.
    pub(super) twice: Vec<String>,
    /// Names of tests that return before they assert.
    pub(super) early: Vec<String>,
    /// Assertions without what they expect.
    pub(super) lost: Vec<String>,
    /// Lines that keep a failure from being seen.
    pub(super) passed_over: Vec<String>,
    /// Names that were imported, and are defined in the test instead.
    pub(super) own: Vec<String>,
}

impl Hollow {
    /// Reads the file, from its first line to its last where that is at hand.
    pub(super) fn add(&mut self, section: &Section<'_>) {
        let language = Language::of(&section.path);
        let is_test = is_test(&section.path);
        // Where the tests begin, in a file that holds code too.
        let begin = section.lines.iter().position(|line| {
            is_test || language.begins_tests(line.get(1..).unwrap_or_default().trim())
        });
        let Some(begin) = begin else { return };
        let lines = &section.lines[begin..];
        self.twice.extend(twice(language, lines));
        self.early.extend(early(language, lines));
        self.lost.extend(lost(language, lines));
        self.passed_over.extend(passed_over(language, lines));
        if is_test {
            self.own.extend(own(lines));
        }
    }
}

/// How many lines of a side of a change compare values.
pub(super) fn comparisons(language: Language, line: &str) -> usize {
    usize::from(Assertion::read(language, line).is_some_and(|assertion| assertion.compares))
}

/// The lines of one side, without their marks.
fn side<'line>(lines: &[&'line str], mark: char) -> impl Iterator<Item = &'line str> {
    lines.iter().filter(move |line| line.starts_with([' ', mark])).filter_map(|line| line.get(1..))
}

fn changed<'line>(lines: &[&'line str], mark: char) -> impl Iterator<Item = &'line str> {
    lines.iter().filter_map(move |line| line.strip_prefix(mark)).map(str::trim)
}

/// Names of tests that the new side has more often at one place than the old one, where the last one
/// replaces those before.
fn twice(language: Language, lines: &[&str]) -> Vec<String> {
    if !matches!(language, Language::Python | Language::Ruby) {
        return Vec::new();
    }
    let counts = |mark| {
        let mut around = Vec::<(usize, &str)>::new();
        let mut counts = BTreeMap::<(String, String), usize>::new();
        for line in side(lines, mark) {
            let text = line.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            around.retain(|(outer, _)| *outer < indent);
            let class = text.strip_prefix("class ").and_then(|rest| rest.split(['(', ':']).next());
            let name = test_name(language, text, false)
                .filter(|_| text.contains("def "))
                .or_else(|| class.filter(|_| language == Language::Python).map(str::to_owned));
            if let Some(name) = name {
                let outer: Vec<_> = around.iter().map(|(_, outer)| *outer).collect();
                *counts.entry((outer.join("\n"), name)).or_default() += 1;
            }
            around.push((indent, text));
        }
        counts
    };
    let old = counts('-');
    let new = counts('+')
        .into_iter()
        .filter(|(key, count)| *count > 1 && *count > old.get(key).copied().unwrap_or_default());
    new.map(|((_, name), _)| name).collect()
}

/// Names of tests in which a `return` was added before the first assertion.
fn early(language: Language, lines: &[&str]) -> Vec<String> {
    const FUNCTIONS: [&str; 8] =
        ["def ", "async def ", "fn ", "async fn ", "pub fn ", "func ", "function ", "class "];
    let (mut found, mut test, mut is_marked) = (Vec::new(), None, false);
    for line in lines.iter().filter(|line| line.starts_with([' ', '+'])) {
        let text = line.get(1..).unwrap_or_default().trim();
        let name = test_name(language, text, is_marked);
        is_marked = language.marks_test(text)
            || is_marked && (text.is_empty() || text.starts_with(['#', '@', '/', '*', '[']));
        if name.is_some() {
            test = name;
        } else if FUNCTIONS.iter().any(|begin| text.starts_with(begin))
            || assertions(language, text) > 0
        {
            test = None;
        } else if line.starts_with('+') && returns_nothing(text) {
            found.extend(test.take());
        }
    }
    found
}

fn returns_nothing(text: &str) -> bool {
    let bare = text.trim_end_matches([';', '}', ' ']);
    ["return", "return None", "return Ok(())"].iter().any(|end| {
        bare.strip_suffix(end)
            .is_some_and(|before| before.is_empty() || before.ends_with([' ', ')', '{', ':', ';']))
    })
}

/// Added assertions that compare a value with itself, or with nothing where a value was written
/// out.
fn lost(language: Language, lines: &[&str]) -> Vec<String> {
    let expected: BTreeSet<_> = changed(lines, '-')
        .filter_map(|line| Assertion::read(language, line))
        .filter(Assertion::expects_literal)
        .map(|assertion| assertion.about)
        .collect();
    // It is still said of as many.
    let kept: BTreeSet<_> = changed(lines, '+')
        .filter_map(|line| Assertion::read(language, line))
        .filter(Assertion::expects_literal)
        .map(|assertion| assertion.about)
        .collect();
    let is_lost = |line: &&str| {
        Assertion::read(language, line).is_some_and(|assertion| {
            assertion.is_alike()
                || assertion.drops_value(line)
                || expected.contains(assertion.about)
                    && !kept.contains(assertion.about)
                    && !assertion.expects_literal()
        })
    };
    changed(lines, '+').filter(is_lost).map(str::to_owned).collect()
}

/// Added lines that keep a failure from being seen: what catches it and does nothing, a condition
/// before an assertion, what is never come to.
fn passed_over(language: Language, lines: &[&str]) -> Vec<String> {
    let new: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with([' ', '+']))
        .map(|line| (line.starts_with('+'), line.get(1..).unwrap_or_default().trim()))
        .filter(|(_, text)| !text.is_empty())
        .collect();
    let is_passed_over = |place: usize, text: &str| {
        let next = new.get(place + 1).map_or("", |(_, next)| next.trim_end_matches(';'));
        catches_all(language, text) && NOTHING.contains(&next)
            || is_conditional(language, text)
            || is_never(text)
    };
    new.iter()
        .enumerate()
        .filter(|(place, (is_added, text))| *is_added && is_passed_over(*place, text))
        .map(|(_, (_, text))| (*text).to_owned())
        .collect()
}

fn catches_all(language: Language, text: &str) -> bool {
    match language {
        Language::Python => {
            text == "except:"
                || text.starts_with("except Exception")
                || text.starts_with("except BaseException")
        }
        Language::JavaScript | Language::Java | Language::CSharp => {
            text.trim_start_matches(['}', ' ']).starts_with("catch") && text.ends_with('{')
        }
        Language::Ruby => text == "rescue" || text.starts_with("rescue Exception"),
        _ => false,
    }
}

/// Whether something else decides, on the same line, whether it asserts anything.
fn is_conditional(language: Language, text: &str) -> bool {
    let (marks, joints): (&[&str], &[&str]) = match language {
        Language::Python => (&[".assert"], &[" or", " and"]),
        Language::JavaScript => (&["expect(", "assert(", "assert."], &["||", "&&"]),
        _ => return false,
    };
    marks.iter().any(|mark| {
        text.find(mark).is_some_and(|place| {
            let before = &text[..place];
            let before =
                before.trim_end_matches(|last: char| last.is_alphanumeric() || last == '_');
            joints.iter().any(|joint| before.trim_end().ends_with(joint))
        })
    })
}

fn is_never(text: &str) -> bool {
    let packed: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let is_empty_range = packed.split_once("inrange(").is_some_and(|(_, rest)| {
        rest.split_once(',').is_some_and(|(from, rest)| {
            rest.split_once(')').is_some_and(|(until, _)| from == until)
        })
    });
    let is_loop = packed.starts_with("for");
    is_loop && is_empty_range
        || NEVER.iter().any(|form| {
            packed.starts_with(form) || is_loop && !form.starts_with("if") && packed.contains(form)
        })
}

/// Names that the old side imports and the new one defines instead: what was tested, not what
/// tests share.
fn own(lines: &[&str]) -> Vec<String> {
    const SHARED: [&str; 6] = ["support", "test", "helper", "common", "fixture", "util"];
    let is_import = |line: &&str| {
        let text = line.trim();
        text.starts_with("from ")
            || text.starts_with("import ")
            || text.starts_with("use ")
            || text.contains("require(")
    };
    let names = |line: &str| {
        line.split(|character: char| !character.is_alphanumeric() && character != '_')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let imported: BTreeSet<_> = side(lines, '+').filter(is_import).flat_map(names).collect();
    let gone: BTreeSet<_> = changed(lines, '-')
        .filter(is_import)
        .filter(|line| !SHARED.iter().any(|word| line.contains(word)))
        .flat_map(names)
        .filter(|name| !imported.contains(name))
        .collect();
    let mut own: Vec<_> = changed(lines, '+')
        .filter(|line| !is_import(line))
        .filter_map(defined)
        .filter(|name| gone.contains(*name))
        .map(str::to_owned)
        .collect();
    own.dedup();
    own
}

/// The name of the function or class that a line defines.
fn defined(line: &str) -> Option<&str> {
    const BEGINS: [&str; 7] =
        ["def ", "async def ", "class ", "function ", "async function ", "fn ", "func "];
    const VALUES: [&str; 3] = ["const ", "let ", "var "];
    let is_function = ["=>", "function", "lambda"].iter().any(|mark| line.contains(mark));
    let after = |begins: &[&str]| begins.iter().find_map(|begin| line.strip_prefix(begin));
    let rest = after(&BEGINS)
        .or_else(|| after(&VALUES).filter(|_| is_function))
        .or_else(|| line.contains("= lambda").then_some(line))?;
    let is_name = |character: char| character.is_alphanumeric() || character == '_';
    rest.split(|character: char| !is_name(character)).next().filter(|name| !name.is_empty())
}
