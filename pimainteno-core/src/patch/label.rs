//! The names that a reply gives to files.
//!
//! What stands behind a name may be a remark, or the end of the name. So a label keeps both, and
//! which is meant is told by the files that are there, or by a header of Git that says the name
//! whole.

mod quoted;
mod reference;

pub(super) use reference::is_reference;

use super::paths::last;

/// Words that tools and people put behind a label, in parentheses.
const REMARKS: [&str; 10] = [
    "original",
    "modified",
    "old",
    "new",
    "before",
    "after",
    "updated",
    "revised",
    "current",
    "working copy",
];

/// The longest extension of a name, in bytes: `properties` is one, and a sentence that lacks a blank
/// is none.
const LONGEST_EXTENSION: usize = 12;

/// The longest line with names that is read, in bytes: two of the longest paths of Linux
/// (`PATH_MAX`), each with four bytes for one in a quoted name.
const LONGEST: usize = 2 * 4 * 4096;

/// Marks that people put around a name.
const MARKS: [&str; 5] = ["**", "`", "*", "'", "\""];

/// The name of a file, in all the ways in which it can be meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Label {
    /// As it is written first, then without marks, times and remarks.
    names: Vec<String>,
    /// Which of them a new file gets.
    new: usize,
    /// They are names of several files, one of which is meant.
    is_mention: bool,
    /// Those of them that are only said for comparison.
    references: Vec<String>,
}

impl Label {
    /// A name that is said whole.
    pub(super) fn whole(name: impl Into<String>) -> Self {
        Self { names: vec![name.into()], new: 0, is_mention: false, references: Vec::new() }
    }

    /// Names that stand near a change, of which the one that exists is meant; none of `references`,
    /// which are only said for comparison.
    pub(super) fn mention(names: Vec<String>, references: Vec<String>) -> Self {
        Self { names, new: 0, is_mention: true, references }
    }

    /// All ways to read it, the literal one first.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The name that a new file gets.
    pub(super) fn for_new(&self) -> &str {
        self.names.get(self.new).map_or("", String::as_str)
    }

    /// Whether it is one of several files that happen to be named.
    pub(super) fn is_mention(&self) -> bool {
        self.is_mention
    }

    /// Whether one of several files is only named for comparison.
    pub(super) fn is_reference(&self, name: &str) -> bool {
        self.references.iter().any(|reference| reference == name)
    }

    /// Whether it can mean what `other` says whole.
    fn can_be(&self, other: &Self) -> bool {
        matches!(other.names.as_slice(), [whole] if self.names.contains(whole))
    }

    /// The names in their order, each once.
    fn of(names: impl IntoIterator<Item = String>, new: &str) -> Option<Self> {
        let mut kept: Vec<String> = Vec::new();
        for name in names {
            if !name.is_empty() && !kept.contains(&name) {
                kept.push(name);
            }
        }
        if kept.is_empty()
            || kept.iter().any(|name| matches!(name.as_str(), "/dev/null" | "dev/null"))
        {
            return None;
        }
        let new = kept.iter().position(|name| name == new).unwrap_or(0);
        Some(Self { names: kept, new, is_mention: false, references: Vec::new() })
    }
}

/// Reads a label behind `---` or `+++`; `None` if it stands for no file.
pub(super) fn read(label: &str) -> Option<Label> {
    let label = readable(label)?;
    let label = label.strip_suffix('\r').unwrap_or(label).trim_start();
    if let Some((name, _)) = quoted::read(label) {
        return Label::of([name.clone()], &name);
    }
    // Git puts a tab behind a name with blanks, and other tools put it before the time.
    let (literal, ends) = match label.split_once('\t') {
        Some((name, _)) => (name, true),
        None => (label, false),
    };
    let trimmed = literal.trim_end();
    let plain = plain(trimmed);
    let new = if ends { trimmed } else { &plain };
    Label::of([literal.to_owned(), trimmed.to_owned(), bare(trimmed), plain.clone()], new)
}

/// Reads a path that a line of the format of `*** Begin Patch` says: the rest of the line.
pub(super) fn path(text: &str) -> Option<Label> {
    let text = readable(text)?;
    let literal = text.strip_suffix('\r').unwrap_or(text);
    let literal = literal.strip_prefix(' ').unwrap_or(literal);
    let trimmed = literal.trim();
    let unquoted = quoted::read(trimmed).filter(|(_, rest)| rest.trim().is_empty());
    let bare = unquoted.map_or_else(|| bare(trimmed), |(name, _)| name);
    let plain = plain(&bare);
    // What the line says is the name. Only behind an extension a remark is surely none of it.
    let new = if has_extension(&plain) { plain.clone() } else { bare.clone() };
    Label::of([literal.to_owned(), trimmed.to_owned(), bare, plain], &new)
}

/// Reads what Git says behind `rename to` and its like: the whole name, without a prefix.
/// `header` is the line that begins the section.
pub(super) fn renamed(text: &str, header: &str) -> Option<Label> {
    let text = readable(text)?;
    let literal = text.strip_suffix('\r').unwrap_or(text);
    let trimmed = literal.trim();
    if let Some((name, _)) = quoted::read(trimmed) {
        return Label::of([name.clone()], &name);
    }
    let header = header.strip_suffix('\r').unwrap_or(header);
    let new = if header.ends_with(literal) { literal.to_owned() } else { bare(trimmed) };
    Label::of([literal.to_owned(), trimmed.to_owned(), bare(trimmed)], &new)
}

/// The two names behind `diff --git`; `None` if it cannot be told where the first ends.
pub(super) fn pair(labels: &str) -> Option<(Label, Label)> {
    let labels = readable(labels)?;
    let labels = labels.strip_suffix('\r').unwrap_or(labels).trim_start();
    if let Some((old, rest)) = quoted::read(labels) {
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let new = quoted::read(rest).map_or_else(|| rest.to_owned(), |(new, _)| new);
        return Some((Label::whole(old), Label::whole(new)));
    }
    if let Some(start) = labels.find(" \"")
        && let Some((new, _)) = quoted::read(&labels[start + 1..])
    {
        return Some((Label::whole(&labels[..start]), Label::whole(new)));
    }
    // A name may hold blanks. Mostly both are the same behind their prefixes, and then there is one
    // way to part them.
    let same = |labels: &str| {
        let path = |label: &str| label.split_once('/').map(|(_, path)| path.to_owned());
        splits(labels)
            .find(|(old, new)| old == new || (path(old).is_some() && path(old) == path(new)))
            .map(|(old, new)| (Label::whole(old), Label::whole(new)))
    };
    if let Some(pair) = same(labels).or_else(|| same(labels.trim_end())) {
        return Some(pair);
    }
    let labels = labels.trim_end();
    let only = |is_split: &dyn Fn(&(&str, &str)) -> bool| {
        let mut found = splits(labels).filter(is_split);
        found.next().filter(|_| found.next().is_none())
    };
    let (old, new) = only(&|(_, new)| new.starts_with("b/")).or_else(|| only(&|_| true))?;
    Some((read(old)?, read(new)?))
}

/// The label of a file that a header of Git names too: what the header says whole is meant.
pub(super) fn agreed(label: Option<Label>, header: Option<Label>) -> Option<Label> {
    match (label, header) {
        (Some(label), Some(header)) if label.can_be(&header) => Some(header),
        (label, _) => label,
    }
}

/// Whether two lines that may be labels name the same file, or one of them none.
pub(super) fn are_alike(old: &str, new: &str) -> bool {
    let (Some(old), Some(new)) = (old.strip_prefix("--- "), new.strip_prefix("+++ ")) else {
        return true;
    };
    let (Some(old), Some(new)) = (read(old), read(new)) else { return true };
    let (Some(old), Some(new)) = (old.names.last(), new.names.last()) else { return true };
    let name = |path: &str| last(path).to_owned();
    let behind_prefix =
        |path: &str| path.split_once('/').map_or(path.to_owned(), |(_, path)| path.to_owned());
    let is_path = |path: &str| path.contains(['/', '.']) && !path.contains("  ");
    name(old) == name(new)
        || behind_prefix(old) == behind_prefix(new)
        || (old.starts_with("a/") && new.starts_with("b/") && is_path(old) && is_path(new))
}

/// Whether a name ends as the names of most files do.
pub(super) fn has_extension(name: &str) -> bool {
    last(name).rsplit_once('.').is_some_and(|(_, end)| {
        (1..=LONGEST_EXTENSION).contains(&end.len())
            && end.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && end.bytes().any(|byte| byte.is_ascii_alphabetic())
    })
}

/// A name without the marks around it.
pub(super) fn bare(name: &str) -> String {
    let mut name = name.trim();
    while let Some(inner) = MARKS
        .iter()
        .find_map(|mark| name.strip_prefix(mark).and_then(|name| name.strip_suffix(mark)))
        .filter(|inner| !inner.is_empty())
    {
        name = inner.trim();
    }
    name.trim_start_matches('"').trim_end_matches('"').to_owned()
}

/// A line that is no longer than its names can be.
fn readable(line: &str) -> Option<&str> {
    (line.len() <= LONGEST).then_some(line)
}

fn splits(labels: &str) -> impl Iterator<Item = (&str, &str)> {
    labels.match_indices(' ').map(|(at, _)| (&labels[..at], &labels[at + 1..]))
}

/// A name without marks, times and remarks.
fn plain(label: &str) -> String {
    let mut path = bare(label);
    loop {
        let shorter = without_remark(&path).or_else(|| without_time(&path));
        match shorter.map(bare).filter(|shorter| !shorter.is_empty()) {
            Some(shorter) => path = shorter,
            None => return path,
        }
    }
}

fn without_remark(path: &str) -> Option<&str> {
    let (before, remark) = path.strip_suffix(')')?.rsplit_once(" (")?;
    let is_remark =
        REMARKS.contains(&remark.to_ascii_lowercase().as_str()) || remark.starts_with("revision ");
    is_remark.then_some(before)
}

/// What stands before a date, if nothing but a time follows it.
fn without_time(path: &str) -> Option<&str> {
    let at = path.match_indices(' ').map(|(at, _)| at).find(|at| is_time(&path[at + 1..]))?;
    Some(&path[..at])
}

/// Whether a text is a date such as 2024-03-01, alone or with a time.
fn is_time(text: &str) -> bool {
    let shape = |(at, byte): (usize, u8)| {
        if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
    };
    text.len() >= 10
        && text.bytes().take(10).enumerate().all(shape)
        && text.bytes().skip(10).all(|byte| {
            byte.is_ascii_digit() || matches!(byte, b' ' | b':' | b'.' | b'+' | b'-' | b'T' | b'Z')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of a label, and the one that a new file gets.
    fn all(label: Option<Label>) -> (Vec<String>, String) {
        label.map_or_else(Default::default, |label| {
            (label.names().to_vec(), label.for_new().to_owned())
        })
    }

    #[test]
    fn extensions_are_short_words() {
        for name in ["a.c", "b/a.tar.gz", "a.properties", "a.f90"] {
            assert!(has_extension(name), "{name}");
        }
        for name in ["a", "a.1", "e.g. this", "so.itgoesonwithoutaspace", "a.b/c"] {
            assert!(!has_extension(name), "{name}");
        }
    }

    #[test]
    fn the_literal_name_comes_first() {
        let rows: [(&str, &[&str], &str); 14] = [
            ("a/x y.rs", &["a/x y.rs"], "a/x y.rs"),
            ("a/x y.rs\t", &["a/x y.rs"], "a/x y.rs"),
            ("a/x y.rs\t2024-01-01", &["a/x y.rs"], "a/x y.rs"),
            ("a/x 2024-03-01 10:00:00", &["a/x 2024-03-01 10:00:00", "a/x"], "a/x"),
            ("a/x 2024-03-01.md", &["a/x 2024-03-01.md"], "a/x 2024-03-01.md"),
            ("`a/x y.rs`", &["`a/x y.rs`", "a/x y.rs"], "a/x y.rs"),
            ("a/x (Original)", &["a/x (Original)", "a/x"], "a/x"),
            ("a/x (old)\t", &["a/x (old)", "a/x"], "a/x (old)"),
            ("`a/x` (old)", &["`a/x` (old)", "a/x"], "a/x"),
            ("a/x (old) 2024-03-01", &["a/x (old) 2024-03-01", "a/x"], "a/x"),
            ("a/x (odd)", &["a/x (odd)"], "a/x (odd)"),
            ("a/x \t", &["a/x ", "a/x"], "a/x"),
            ("\"a/x (old)\"", &["a/x (old)"], "a/x (old)"),
            ("\"a/\\303\\244\\t\\\"\" (old)", &["a/ä\t\""], "a/ä\t\""),
        ];
        for (label, names, new) in rows {
            let (found, for_new) = all(read(label));
            assert_eq!(
                (found, for_new.as_str()),
                (names.iter().map(ToString::to_string).collect(), new),
                "{label}"
            );
        }
        assert_eq!(read("/dev/null\t1970-01-01"), None);
        assert_eq!(read("/dev/null (old)"), None);
    }

    #[test]
    fn a_line_of_the_other_format_is_a_name() {
        let rows = [
            (" x.rs", "x.rs"),
            (" x.rs (new)", "x.rs"),
            (" notes (new)", "notes (new)"),
            (" `x y.rs`", "x y.rs"),
            (" \"x y.rs\"", "x y.rs"),
            (" post 2024-01-01.md", "post 2024-01-01.md"),
            (" x ", "x"),
        ];
        for (text, new) in rows {
            assert_eq!(all(path(text)).1, new, "{text}");
        }
        assert_eq!(all(path(" x (old) ")).0, ["x (old) ", "x (old)", "x"]);
    }

    #[test]
    fn both_names_of_the_first_line_are_found() {
        let rows = [
            ("a/x y b/x y", Some(("a/x y", "b/x y"))),
            ("a/x (old) b/x (old)", Some(("a/x (old)", "b/x (old)"))),
            ("a/x b/x b/x b/x", Some(("a/x b/x", "b/x b/x"))),
            ("a/x  b/x ", Some(("a/x ", "b/x "))),
            ("a/x b/x ", Some(("a/x", "b/x"))),
            ("x y x y", Some(("x y", "x y"))),
            ("a/x b/y z", Some(("a/x", "b/y z"))),
            ("a/x (old) b/x (new)", Some(("a/x (old)", "b/x (new)"))),
            ("\"a/\\303\\244\" b/x", Some(("a/ä", "b/x"))),
            ("\"a/\\\\\" \"b/\\\\\"", Some(("a/\\", "b/\\"))),
            ("a/x y \"b/\\303\\244\"", Some(("a/x y", "b/ä"))),
            ("a/p b/q b/r", None),
            ("x y z", None),
        ];
        for (labels, expected) in rows {
            let found = pair(labels);
            let found =
                found.as_ref().map(|(old, new)| (old.names()[0].as_str(), new.names()[0].as_str()));
            assert_eq!(found, expected, "{labels}");
        }
    }

    #[test]
    fn what_the_header_says_whole_is_meant() {
        let header = || pair("a/x (old) b/x (old)").map(|(old, _)| old);
        assert_eq!(all(agreed(read("a/x (old)"), header())).0, ["a/x (old)"]);
        let header = || pair("a/x b/x").map(|(old, _)| old);
        assert_eq!(all(agreed(read("a/x (old)"), header())).0, ["a/x"]);
        assert_eq!(all(agreed(read("a/y"), header())).0, ["a/y"]);
        assert_eq!(agreed(None, header()), None);
    }

    #[test]
    fn lines_of_text_are_no_labels() {
        assert!(
            are_alike("--- a/x", "+++ b/x")
                && are_alike("--- old/x.rs", "+++ new/x.rs")
                && are_alike("--- /dev/null", "+++ x")
        );
        assert!(!are_alike("--- the first comment", "+++ another one"));
    }
}
