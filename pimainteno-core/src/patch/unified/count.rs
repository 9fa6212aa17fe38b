//! What the counts in the header of a hunk say about the lines below it.

use super::{is_marker, read_line};
use crate::patch::{
    change::{Hunk, Kind},
    refusal::{Reason, Refusal},
};

/// How many lines a hunk's header promised and how many were read.
pub(super) struct Count {
    promised: Option<(usize, usize)>,
    read: (usize, usize),
}

impl Count {
    pub(super) fn new(hunk: &Hunk) -> Self {
        Self { promised: hunk.old.map(|(_, count)| count).zip(hunk.new_count), read: (0, 0) }
    }

    pub(super) fn add(&mut self, line: &str) {
        if !is_marker(line) {
            self.add_kind(read_line(line).kind);
        }
    }

    pub(super) fn add_kind(&mut self, kind: Kind) {
        self.read.0 += usize::from(kind != Kind::Added);
        self.read.1 += usize::from(kind != Kind::Removed);
    }

    /// Whether `line` is of a kind that is still missing.
    pub(super) fn wants(&self, line: &str) -> bool {
        self.promised.is_some_and(|(old, new)| match read_line(line).kind {
            _ if is_marker(line) => true,
            Kind::Context => self.read.0 < old && self.read.1 < new,
            Kind::Removed => self.read.0 < old,
            Kind::Added => self.read.1 < new,
        })
    }

    /// Whether exactly as many lines were read as were promised.
    pub(super) fn is_full(&self) -> bool {
        self.promised == Some(self.read)
    }

    /// Whether lines of both sides are missing, or of one and the other is complete.
    pub(super) fn is_short(&self) -> bool {
        self.promised.is_some_and(|(old, new)| {
            (self.read.0 < old && self.read.1 <= new) || (self.read.1 < new && self.read.0 <= old)
        })
    }
}

/// How many of `lines` a hunk has if its counts are exact: each has a marker and is wanted, and what
/// follows the last is no line of a hunk.
pub(super) fn exact(lines: &[&str], hunk: &Hunk) -> Option<usize> {
    let mut count = Count::new(hunk);
    let mut at = 0;
    while !count.is_full() {
        let line = lines.get(at)?;
        if !(line.is_empty() || line.starts_with([' ', '+', '-', '\\'])) || !count.wants(line) {
            return None;
        }
        count.add(line);
        at += 1;
    }
    at += lines[at..].iter().take_while(|line| is_marker(line)).count();
    let goes_on = lines.get(at).is_some_and(|line| {
        line.starts_with([' ', '+', '-', '\t'])
            && !is_signature(&lines[at..])
            && !(line.starts_with("--- ")
                && lines.get(at + 1).is_some_and(|next| next.starts_with("+++ ")))
    });
    (!goes_on).then_some(at)
}

/// Whether a mail ends here: two dashes, and the version of Git.
pub(super) fn is_signature(lines: &[&str]) -> bool {
    let is_version = |line: &str| {
        let mut numbers = line.trim().split('.').take(2);
        numbers.clone().count() == 2
            && numbers
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let ends = |line: Option<&&str>| {
        line.is_none_or(|line| line.trim().is_empty() || line.starts_with("From "))
    };
    lines.first().is_some_and(|line| line.trim_end() == "--")
        && lines.get(1).is_some_and(|line| is_version(line))
        && ends(lines.get(2))
}

/// How many of the lines of an unfenced hunk are its own, and not of the text that follows.
///
/// # Errors
/// [`Reason::Malformed`] if lines after a gap can be either.
pub(super) fn without_chatter(lines: &[&str], hunk: &Hunk) -> Result<usize, Refusal> {
    let solid = lines.iter().rposition(|line| is_solid(line)).map_or(0, |last| last + 1);
    let is_marked =
        |line: &str| line.starts_with(['+', '-', '\\']) && !matches!(line.trim_end(), "--" | "---");
    // What follows without a gap belongs to the hunk; behind a gap, what is still missing.
    let mut taken = solid + lines[solid..].iter().take_while(|line| is_marked(line)).count();
    let mut count = Count::new(hunk);
    lines[..taken].iter().for_each(|line| count.add(line));
    while let Some(line) = lines.get(taken).filter(|line| count.wants(line)) {
        count.add(line);
        taken += 1;
    }
    let rest = lines[taken..].iter().skip_while(|line| line.trim().is_empty());
    if !count.is_full() && rest.clone().next().is_some_and(|line| is_marked(line)) {
        let message = format!(
            "it cannot be told whether {:?} is part of the change or a remark below it",
            rest.clone().next().unwrap_or(&"")
        );
        return Err(Refusal::new(Reason::Malformed, message));
    }
    Ok(taken)
}

/// Whether a line is one of a hunk and can hardly be chatter.
fn is_solid(line: &str) -> bool {
    match line.as_bytes() {
        [b' ' | b'\t', rest @ ..] => !rest.is_empty(),
        // A list in Markdown, or the rule above a signature.
        [b'+' | b'-', b' ', rest @ ..] => rest.first().is_some_and(u8::is_ascii_whitespace),
        b"--" | b"-- " | b"---" => false,
        [b'+' | b'-', ..] => true,
        _ => is_marker(line),
    }
}
