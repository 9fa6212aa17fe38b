//! The secrets that a diff adds.

use std::{collections::HashSet, fmt};

use super::{Finding, MARK, Secrets, private_key};

/// How many are told one by one.
const TOLD: usize = 3;

/// A secret that a change adds: where and what, never its value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AddedSecret {
    /// The file, as the diff names it.
    pub file: String,
    /// The line in the new file, from 1; of a private key its first.
    pub line: usize,
    /// What it is.
    pub kind: &'static str,
}

/// What a hunk makes of a part of a file: its text without the marks, and what each line of it is.
#[derive(Default)]
struct Side {
    text: String,
    lines: Vec<Line>,
}

struct Line {
    /// Where it begins in the text.
    start: usize,
    /// Its number in the file.
    number: usize,
    /// Whether the change makes it, or takes it away.
    is_changed: bool,
}

/// One hunk.
#[derive(Default)]
struct Hunk {
    file: String,
    old: Side,
    new: Side,
}

/// See [`Secrets::added_in`].
pub(super) fn added_in(secrets: &Secrets, diff: &str) -> Vec<AddedSecret> {
    let hunks = hunks(diff);
    let mut removed = HashSet::new();
    for side in hunks.iter().map(|hunk| &hunk.old) {
        removed.extend(
            secrets
                .find(&side.text)
                .into_iter()
                .filter(|finding| side.changed_line(finding).is_some())
                .map(|finding| side.text.get(finding.range)),
        );
    }
    let mut added: Vec<AddedSecret> = Vec::new();
    for Hunk { file, new, .. } in &hunks {
        let mut end = 0;
        for finding in secrets.find(&new.text) {
            let Some(line) = new.changed_line(&finding) else { continue };
            if removed.contains(&new.text.get(finding.range.clone())) {
                continue;
            }
            // Every line of a private key is a finding.
            let goes_on = finding.kind == private_key::KIND && end == line;
            end = line + 1;
            if !goes_on {
                added.push(AddedSecret { file: file.clone(), line, kind: finding.kind });
            }
        }
    }
    added
}

/// See [`Secrets::concern`].
pub(super) fn concern(secrets: &Secrets, diff: &str) -> Option<String> {
    let added = added_in(secrets, diff);
    let told: Vec<String> = added.iter().take(TOLD).map(ToString::to_string).collect();
    let rest = if added.len() > TOLD {
        format!(", and {} more", added.len() - TOLD)
    } else {
        String::new()
    };
    if told.is_empty() {
        return mark(diff).map(|(file, line)| {
            format!("it writes `{MARK}…]` where a secret was, in `{file}`, line {line}")
        });
    }
    Some(format!("it adds what looks like a secret: {}{rest}", told.join(", ")))
}

/// Where the diff writes what a backend is shown in the place of a secret. It takes it for the
/// text, and would overwrite the secret with it.
fn mark(diff: &str) -> Option<(String, usize)> {
    let hunks = hunks(diff);
    let mut found = hunks.iter().filter_map(|hunk| {
        let places = hunk
            .new
            .text
            .match_indices(MARK)
            .map(|(start, mark)| Finding { range: start..start + mark.len(), kind: "mark" });
        places
            .into_iter()
            .find_map(|place| hunk.new.changed_line(&place))
            .map(|line| (hunk.file.clone(), line))
    });
    found.next()
}

impl Side {
    /// The number of the first changed line that a finding is in.
    fn changed_line(&self, finding: &Finding) -> Option<usize> {
        let first =
            self.lines.partition_point(|line| line.start <= finding.range.start).saturating_sub(1);
        let lines =
            self.lines.get(first..)?.iter().take_while(|line| line.start < finding.range.end);
        lines.into_iter().find(|line| line.is_changed).map(|line| line.number)
    }

    fn push(&mut self, text: &str, number: &mut usize, is_changed: bool) {
        self.lines.push(Line { start: self.text.len(), number: *number, is_changed });
        self.text.push_str(text);
        self.text.push('\n');
        *number += 1;
    }
}

/// Reads a diff as Git writes it.
fn hunks(diff: &str) -> Vec<Hunk> {
    let (mut hunks, mut file) = (Vec::new(), String::new());
    // How many lines of the current hunk are to come, before and after the change; and their
    // numbers.
    let (mut left, mut number) = ((0, 0), (0, 0));
    for line in diff.split('\n') {
        if left == (0, 0) {
            if let Some(path) = line.strip_prefix("+++ ") {
                path.strip_prefix("b/").unwrap_or(path).clone_into(&mut file);
            } else if let Some(((old, old_lines), (new, new_lines))) =
                line.strip_prefix("@@ -").and_then(ranges)
            {
                (left, number) = ((old_lines, new_lines), (old, new));
                hunks.push(Hunk { file: file.clone(), ..Hunk::default() });
            }
            continue;
        }
        let Some(hunk) = hunks.last_mut() else { continue };
        if let Some(text) = line.strip_prefix('+') {
            hunk.new.push(text, &mut number.1, true);
            left.1 = left.1.saturating_sub(1);
        } else if let Some(text) = line.strip_prefix('-') {
            hunk.old.push(text, &mut number.0, true);
            left.0 = left.0.saturating_sub(1);
        } else if !line.starts_with('\\') {
            let text = line.strip_prefix(' ').unwrap_or(line);
            hunk.old.push(text, &mut number.0, false);
            hunk.new.push(text, &mut number.1, false);
            left = (left.0.saturating_sub(1), left.1.saturating_sub(1));
        }
    }
    hunks
}

/// The two ranges of a hunk's head behind `@@ -`, each the first line and how many.
fn ranges(head: &str) -> Option<((usize, usize), (usize, usize))> {
    let (old, rest) = head.split_once(" +")?;
    let range = |text: &str| match text.split_once(',') {
        Some((first, lines)) => Some((first.parse().ok()?, lines.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    };
    Some((range(old)?, range(rest.split(' ').next()?)?))
}

/// Writes it as part of a sentence.
impl fmt::Display for AddedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} in `{}`, line {}", self.kind, self.file, self.line)
    }
}
