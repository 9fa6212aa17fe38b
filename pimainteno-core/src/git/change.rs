//! What differs between two states of a project.

use serde::{Deserialize, Serialize};

/// What differs between two states of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Change {
    /// The change as `git diff --binary` writes it; empty if there is none.
    pub diff: String,
    /// The files it touches. A renamed file is one removed and one added.
    pub files: Vec<FileChange>,
}

/// What is changed in one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileChange {
    /// The path from the top of the project, with `/`.
    pub path: String,
    /// Lines added; 0 for a binary file.
    pub added: usize,
    /// Lines removed; 0 for a binary file.
    pub removed: usize,
}

/// What is changed in one file, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section<'change> {
    /// The path from the top of the project, with `/`.
    pub(crate) path: String,
    /// Whether the file is new.
    pub(crate) is_new: bool,
    /// Whether the file is deleted.
    pub(crate) is_deleted: bool,
    /// Whether it may be executed, before the change or after it.
    pub(crate) is_program: bool,
    /// Whether a program, a link or a submodule comes of it, or goes.
    pub(crate) becomes_another: bool,
    /// Whether it is a symbolic link or a submodule after the change.
    makes_link: bool,
    /// The lines with their marks `+`, `-` and ` `, all hunks one after the other; none for a
    /// binary file.
    pub(crate) lines: Vec<&'change str>,
    /// Of each hunk the place of its first line in `lines`, and the number of that line in the new
    /// file.
    hunks: Vec<(usize, usize)>,
}

impl Change {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.diff.is_empty()
    }

    /// Lines added and removed, in all files.
    pub fn lines(&self) -> (usize, usize) {
        self.files
            .iter()
            .fold((0, 0), |(added, removed), file| (added + file.added, removed + file.removed))
    }

    /// The paths of the files that it deletes.
    pub fn deleted(&self) -> impl Iterator<Item = &str> {
        let sections = self.sections();
        let is_deleted = move |path: &str| {
            let mut own = sections.iter().filter(|section| section.path == path);
            own.next().is_some_and(|first| first.is_deleted) && own.next().is_none()
        };
        self.files.iter().map(|file| file.path.as_str()).filter(move |path| is_deleted(path))
    }

    /// What is changed in each file, line by line. A file that becomes a link, or the other way
    /// round, has two: what goes, and what comes.
    pub(crate) fn sections(&self) -> Vec<Section<'_>> {
        let (mut files, mut sections) = (self.files.iter(), Vec::<Section<'_>>::new());
        let mut last = ("", String::new());
        for section in self.diff.split("\ndiff --git ").filter(|section| !section.is_empty()) {
            // The first one begins with the words that the others were split at.
            let head = section.lines().next().unwrap_or_default();
            let head = head.strip_prefix("diff --git ").unwrap_or(head);
            if head != last.0 {
                // One that nobody has counted is looked at, whatever it is called.
                last = (head, files.next().map_or(head.to_owned(), |file| file.path.clone()));
            }
            sections.push(Section::read(section, last.1.clone()));
        }
        sections
    }

    /// One line: how many files and lines.
    pub fn describe(&self) -> String {
        let (added, removed) = self.lines();
        let files = self.files.len();
        format!("{files} file{}, +{added} -{removed}", if files == 1 { "" } else { "s" })
    }

    /// Reads what `git diff --numstat --patch` writes: a line for each file, an empty line, the
    /// diff.
    pub(crate) fn parse(text: &str) -> Self {
        let (numbers, diff) = text.split_once("\n\n").unwrap_or((text, ""));
        let file = |line: &str| {
            let mut fields = line.splitn(3, '\t');
            let (added, removed, path) = (fields.next()?, fields.next()?, fields.next()?);
            // Binary files have dashes for numbers.
            Some(FileChange {
                path: unquoted(path),
                added: added.parse().unwrap_or(0),
                removed: removed.parse().unwrap_or(0),
            })
        };
        Self { diff: diff.to_owned(), files: numbers.lines().filter_map(file).collect() }
    }

    /// Whether it makes or moves a symbolic link (which could lead out of the project) or a
    /// submodule (which names code that nobody saw).
    pub(crate) fn makes_links(&self) -> bool {
        self.sections().iter().any(|section| section.makes_link)
    }
}

impl<'change> Section<'change> {
    fn read(section: &'change str, path: String) -> Self {
        let (mut found, mut in_hunk) = (Self { path, ..Self::default() }, false);
        for line in section.lines() {
            if line.starts_with("@@ ") {
                in_hunk = true;
                found.hunks.push((found.lines.len(), first_new_line(line)));
            } else if in_hunk {
                found.lines.extend(Some(line).filter(|line| line.starts_with(['+', '-', ' '])));
            } else {
                found.is_new |= line.starts_with("new file mode ");
                found.is_deleted |= line.starts_with("deleted file mode ");
                found.read_mode(line);
            }
        }
        found
    }

    /// Reads the mode that a line above the hunks tells.
    fn read_mode(&mut self, line: &str) {
        let new = line.strip_prefix("new file mode ").or_else(|| line.strip_prefix("new mode "));
        let old =
            line.strip_prefix("deleted file mode ").or_else(|| line.strip_prefix("old mode "));
        // The mode of a file that keeps it stands behind the two objects.
        let kept = line
            .strip_prefix("index ")
            .and_then(|line| line.rsplit_once(' '))
            .map(|(_, mode)| mode);
        let is_plain = |mode: &str| mode == "100644";
        self.makes_link |= new.or(kept).is_some_and(|mode| matches!(mode, "120000" | "160000"));
        self.is_program |= [new, old, kept].into_iter().flatten().any(|mode| !is_plain(mode));
        self.becomes_another |= new.is_some_and(|mode| !is_plain(mode))
            || old.is_some_and(|mode| !mode.starts_with("100"));
    }

    /// The lines around the beginning of the first hunk, without their marks: what the file begins
    /// with, if the hunk is there.
    pub(crate) fn first_lines(&self) -> impl Iterator<Item = &'change str> {
        let is_changed = |line: &&&'change str| line.starts_with(['+', '-']);
        let changed = self.lines.iter().take_while(is_changed).count();
        self.lines.iter().take(changed + 1).filter_map(|line| line.get(1..))
    }

    /// The lines that are added, without their mark.
    pub(crate) fn added(&self) -> impl Iterator<Item = &'change str> {
        self.lines.iter().filter_map(|line| line.strip_prefix('+'))
    }

    /// The same with their numbers in the new file.
    pub(crate) fn added_with_numbers(&self) -> impl Iterator<Item = (usize, &'change str)> {
        let (mut hunks, mut number) = (self.hunks.iter().peekable(), 0);
        let numbered = self.lines.iter().enumerate().map(move |(place, line)| {
            if let Some((_, first)) = hunks.next_if(|(begin, _)| *begin == place) {
                number = *first;
            }
            let own = number;
            number += usize::from(!line.starts_with('-'));
            (own, *line)
        });
        numbered.filter_map(|(number, line)| Some((number, line.strip_prefix('+')?)))
    }

    /// The lines that are removed, without their mark.
    pub(crate) fn removed(&self) -> impl Iterator<Item = &'change str> {
        self.lines.iter().filter_map(|line| line.strip_prefix('-'))
    }
}

/// The number of the first line that a hunk shows of the new file.
fn first_new_line(head: &str) -> usize {
    let new = head.split_once(" +").map_or("", |(_, new)| new);
    new.split([',', ' ']).next().and_then(|number| number.parse().ok()).unwrap_or(1)
}

/// A path as Git writes it: in quotes and with C escapes if it holds quotes, backslashes or control
/// characters.
fn unquoted(path: &str) -> String {
    let Some(quoted) = path.strip_prefix('"').and_then(|path| path.strip_suffix('"')) else {
        return path.to_owned();
    };
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'n') => bytes.push(b'\n'),
            Some(b't') => bytes.push(b'\t'),
            Some(b'r') => bytes.push(b'\r'),
            Some(digit @ b'0'..=b'3') => {
                let digits = [Some(digit), rest.next(), rest.next()];
                bytes.push(digits.into_iter().flatten().fold(0_u8, |value, digit| {
                    value.wrapping_mul(8).wrapping_add(digit.wrapping_sub(b'0'))
                }));
            }
            Some(other) => bytes.push(other),
            None => {}
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diff_is_read_with_its_numbers() {
        let change = Change::parse(
            "3\t1\tsrc/a.rs\n-\t-\t\"a\\tb\\303\\244.png\"\n\ndiff --git a/src/a.rs b/src/a.rs\n",
        );
        assert_eq!(
            change.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(),
            ["src/a.rs", "a\tbä.png"]
        );
        assert_eq!((change.lines(), change.describe().as_str()), ((3, 1), "2 files, +3 -1"));
        assert_eq!(Change::parse(""), Change::default());
    }

    #[test]
    fn a_file_that_becomes_a_link_takes_no_other_ones_place() {
        let text = "1\t1\ta\n1\t0\tb\n1\t0\tc\n\ndiff --git a/a b/a\ndeleted file mode 100644\n--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-old\n\
                    diff --git a/a b/a\nnew file mode 120000\n--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+/etc/passwd\n\
                    diff --git a/b b/b\n--- a/b\n+++ b/b\n@@ -1 +1,2 @@\n b\n+of b\n\
                    diff --git a/c b/c\nnew file mode 120000\n--- /dev/null\n+++ b/c\n@@ -0,0 +1 @@\n+of c\n";
        let change = Change::parse(text);
        let told: Vec<_> = change
            .sections()
            .iter()
            .map(|section| (section.path.clone(), section.makes_link, section.added().count()))
            .collect();
        let expected = [("a", false, 0), ("a", true, 1), ("b", false, 1), ("c", true, 1)];
        assert_eq!(told, expected.map(|(path, link, added)| (path.to_owned(), link, added)));
        assert!(change.makes_links() && change.deleted().next().is_none());
        // Nothing is passed over because the numbers are of fewer files.
        let fewer = Change { files: change.files[..1].to_vec(), ..change.clone() };
        assert_eq!(fewer.sections().len(), 4);
    }

    #[test]
    fn the_lines_of_each_file_are_told_apart() {
        let text = "1\t1\ta\n0\t1\tb\n\ndiff --git a/a b/a\nindex 1..2 100644\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@ fn x\n-old\n+++ new\n same\n\
                    diff --git a/b b/b\ndeleted file mode 100644\n--- a/b\n+++ /dev/null\n@@ -1 +0,0 @@\n--- b\n\\ No newline at end of file\n";
        let change = Change::parse(text);
        let sections = change.sections();
        assert_eq!(
            sections[0].added().chain(sections[0].removed()).collect::<Vec<_>>(),
            ["++ new", "old"]
        );
        assert_eq!(sections[0].added_with_numbers().collect::<Vec<_>>(), [(1, "++ new")]);
        assert_eq!((sections[0].lines.len(), sections[0].is_deleted), (3, false));
        assert_eq!(
            (
                sections[1].path.as_str(),
                sections[1].removed().collect::<Vec<_>>(),
                sections[1].is_deleted
            ),
            ("b", vec!["-- b"], true)
        );
    }
}
