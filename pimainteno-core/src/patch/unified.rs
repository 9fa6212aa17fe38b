//! Reading sections and hunks, of `git diff`, of `diff -u`, and of what models make of them.
//!
//! Counts never end a hunk. They choose between readings where the text has two, as where a line
//! that is removed looks like a label, and they tell that a hunk was cut off.

mod count;

use count::{Count, exact, is_signature, without_chatter};

use super::{
    align::is_elision,
    change::{Action, Hunk, HunkLine, Kind, Section},
    context_diff,
    extract::{Region, begins_section, is_hunk_header, is_patch_header},
    label::{self, Label},
    refusal::{Reason, Refusal},
};

/// Lines between the first line of a section and its labels, besides the modes.
const EXTENDED: [&str; 9] = [
    "index ",
    "similarity index ",
    "dissimilarity index ",
    "rename from ",
    "rename to ",
    "copy from ",
    "copy to ",
    "old mode ",
    "new mode ",
];

/// How the name of an empty file's content begins in Git.
const EMPTY_FILE: &str = "e69de29";

/// Reads the sections of a region; what stands above them is a hunk of the file that `label` names.
pub(super) fn sections(region: &Region<'_>, label: Option<Label>) -> Result<Vec<Section>, Refusal> {
    let mut parser = Parser {
        region,
        lines: &region.lines,
        at: 0,
        sections: Vec::new(),
        last_end: region.lines.iter().rposition(|line| line.starts_with("*** End Patch")),
        head: Head::default(),
    };
    if let Some(label) = label {
        parser.hunks_of(label)?;
    }
    parser.run()?;
    Ok(parser.sections)
}

struct Parser<'a> {
    region: &'a Region<'a>,
    lines: &'a [&'a str],
    at: usize,
    sections: Vec<Section>,
    /// Where the last `*** End Patch` is.
    last_end: Option<usize>,
    head: Head<'a>,
}

/// What the lines of Git above the hunks of the last section say.
#[derive(Default)]
struct Head<'a> {
    /// The names behind `diff --git`.
    names: &'a str,
    /// There is an `index` line: a program wrote it.
    is_exact: bool,
    /// A file that is renamed or copied stays as it is.
    is_same: bool,
    /// Nothing follows it but text.
    is_all: bool,
}

impl<'a> Parser<'a> {
    fn run(&mut self) -> Result<(), Refusal> {
        let (mut begun, mut ended) = (false, true);
        while let Some(line) = self.line(0) {
            if line.starts_with("*** Begin Patch") {
                (begun, ended) = (true, false);
                self.at += 1;
            } else if line.starts_with("*** End Patch") {
                ended = true;
                self.at += 1;
            } else if is_patch_header(line) {
                self.patch_section()?;
            } else if context_diff::begins(&self.lines[self.at..]) {
                let (section, count) = context_diff::read(&self.lines[self.at..])?;
                self.sections.push(section);
                self.at += count;
            } else if begins_section(&self.lines[self.at..]) {
                self.section()?;
            } else if is_hunk_header(line) {
                if self.sections.is_empty() {
                    return Err(Refusal::new(
                        Reason::Malformed,
                        format!("a hunk stands before any file: {line:?}"),
                    ));
                }
                self.hunk()?;
            } else {
                // Chatter, between sections.
                self.at += 1;
            }
        }
        if begun && !ended {
            return Err(Refusal::new(Reason::Truncated, "the reply ends before `*** End Patch`"));
        }
        match self.sections.last() {
            Some(last) if self.region.open && last.hunks.is_empty() && !self.is_whole(last) => {
                Err(Refusal::new(Reason::Truncated, "the reply ends in the middle of its change"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a section without hunks, with which the reply ends, says all that there is to say.
    fn is_whole(&self, section: &Section) -> bool {
        let (torn, bare) = (self.region.torn, !self.region.fenced && self.head.is_all);
        match section.action {
            // A section of the other format ends with its name.
            Action::Rename | Action::Copy if self.head.names.is_empty() => true,
            Action::Rename | Action::Copy => {
                let named = section.new.as_ref().map_or("", Label::for_new);
                self.head.is_same && (!torn || self.head.names.ends_with(named))
            }
            _ if !section.prefixed => true,
            Action::Delete => bare,
            Action::Modify => section.executable.is_some() && (bare || !torn),
            _ => section.is_empty_file && (bare || !torn),
        }
    }

    /// Reads hunks whose file is not named by themselves.
    fn hunks_of(&mut self, label: Label) -> Result<(), Refusal> {
        let section = Section { old: Some(label.clone()), new: Some(label), ..Section::default() };
        self.sections.push(section);
        while self.line(0).is_some_and(|line| line.trim().is_empty()) {
            self.at += 1;
        }
        if self.lines.iter().any(|line| is_hunk_header(line)) {
            return Ok(());
        }
        self.body(Hunk::default())
    }

    /// Reads the header of a section, and its first hunk if that has no header.
    fn section(&mut self) -> Result<(), Refusal> {
        let mut section = Section { prefixed: true, ..Section::default() };
        let first = self.line(0).unwrap_or_default();
        if first.starts_with("diff --cc ") || first.starts_with("diff --combined ") {
            return Err(Refusal::new(
                Reason::Malformed,
                "the reply holds the diff of a merge, which cannot be applied",
            ));
        }
        self.head = Head::default();
        if let Some(labels) = first.strip_prefix("diff --git ") {
            self.head = Head { names: labels, is_same: true, ..Head::default() };
            if let Some((old, new)) = label::pair(labels) {
                (section.old, section.new) = (Some(old), Some(new));
                section.has_git_header = true;
            }
            self.at += 1;
            self.extended(&mut section)?;
        }
        let rest = &self.lines[self.at..];
        self.head.is_all = match rest.first() {
            Some(next) => !self.region.torn && next.trim().is_empty(),
            None => true,
        };
        if let (Some(old), Some(new)) = (self.line(0), self.line(1))
            && let (Some(old), Some(new)) = (old.strip_prefix("--- "), new.strip_prefix("+++ "))
        {
            section.old = label::agreed(label::read(old), section.old);
            section.new = label::agreed(label::read(new), section.new);
            self.at += 2;
        }
        section.action = match (section.action, &section.old, &section.new) {
            (_, None, None) => {
                return Err(Refusal::new(
                    Reason::Malformed,
                    format!("a section names no file: {first:?}"),
                ));
            }
            (Action::Modify, None, _) => Action::Create,
            (Action::Modify, _, None) => Action::Delete,
            (action, ..) => action,
        };
        self.sections.push(section);
        if self.line(0).is_some_and(|line| {
            !is_hunk_header(line)
                && line.starts_with([' ', '+', '-', '\t'])
                && !begins_section(&self.lines[self.at..])
                // Half of the labels.
                && (!line.starts_with("--- ") || self.head.names.is_empty())
        }) {
            return self.body(Hunk::default());
        }
        Ok(())
    }

    /// Reads the lines of `git diff` between the first line of a section and its labels.
    fn extended(&mut self, section: &mut Section) -> Result<(), Refusal> {
        while let Some(line) = self.line(0) {
            let mode = |start| line.strip_prefix(start).map(|mode: &str| mode.trim().to_owned());
            if let Some(mode) = mode("new file mode ") {
                section.action = Action::Create;
                section.executable = Some(executable(&mode)?);
            } else if let Some(mode) = mode("deleted file mode ") {
                section.action = Action::Delete;
                executable(&mode)?;
            } else if let Some(mode) = mode("new mode ") {
                section.executable = Some(executable(&mode)?);
            } else if let Some(from) =
                line.strip_prefix("rename from ").or_else(|| line.strip_prefix("copy from "))
            {
                section.action =
                    if line.starts_with("rename") { Action::Rename } else { Action::Copy };
                section.old = label::renamed(from, self.head.names);
                section.prefixed = false;
            } else if let Some(to) =
                line.strip_prefix("rename to ").or_else(|| line.strip_prefix("copy to "))
            {
                section.new = label::renamed(to, self.head.names);
                section.prefixed = false;
            } else if line.starts_with("GIT binary patch")
                || (line.starts_with("Binary files ") && line.ends_with(" differ"))
            {
                let refusal = Refusal::new(Reason::Binary, "the reply changes a binary file");
                return Err(match section.new.as_ref().or(section.old.as_ref()) {
                    Some(file) => refusal.file(file.for_new()),
                    None => refusal,
                });
            } else if !EXTENDED.iter().any(|start| line.starts_with(start)) {
                break;
            }
            section.is_empty_file |= line.starts_with("index ") && line.contains(EMPTY_FILE);
            self.head.is_exact |= line.starts_with("index ");
            if let Some(share) = line.strip_prefix("similarity index ") {
                self.head.is_same = share.trim() == "100%";
            }
            // A link that keeps being one is no file either.
            if line.starts_with("index ")
                && let Some((_, mode)) = line.rsplit_once(' ')
                && mode.len() == 6
            {
                executable(mode)?;
            }
            self.at += 1;
        }
        // Labels that follow belong to a rename all the same, and carry prefixes; the paths of the
        // rename are plain.
        if matches!(section.action, Action::Rename | Action::Copy)
            && self.line(0).is_some_and(|line| line.starts_with("--- "))
            && self.line(1).is_some_and(|line| line.starts_with("+++ "))
        {
            self.at += 2;
        }
        Ok(())
    }

    /// Reads a section of the format that begins with `*** Begin Patch`.
    fn patch_section(&mut self) -> Result<(), Refusal> {
        let line = self.line(0).unwrap_or_default();
        let path = |start: &str| line.strip_prefix(start).and_then(label::path);
        let mut section = Section::default();
        self.head = Head::default();
        if let Some(path) = path("*** Add File:") {
            (section.action, section.new) = (Action::Create, Some(path));
        } else if let Some(path) = path("*** Delete File:") {
            (section.action, section.old) = (Action::Delete, Some(path));
        } else if let Some(path) = path("*** Update File:") {
            (section.old, section.new) = (Some(path.clone()), Some(path));
        } else {
            return Err(Refusal::new(
                Reason::Malformed,
                format!("a section names no file: {line:?}"),
            ));
        }
        self.at += 1;
        if let Some(to) =
            self.line(0).and_then(|line| line.strip_prefix("*** Move to:")).and_then(label::path)
        {
            section.action = Action::Rename;
            section.new = Some(to);
            self.at += 1;
        }
        // Labels of the other format say nothing more.
        if self.line(0).is_some_and(|line| line.starts_with("--- "))
            && self.line(1).is_some_and(|line| line.starts_with("+++ "))
        {
            self.at += 2;
        }
        let has_body = section.action != Action::Delete;
        self.sections.push(section);
        if has_body
            && self.line(0).is_some_and(|line| !is_hunk_header(line) && !line.starts_with("***"))
        {
            return self.body(Hunk::default());
        }
        Ok(())
    }

    /// Reads a hunk with its header.
    fn hunk(&mut self) -> Result<(), Refusal> {
        let mut hunk = Hunk::default();
        // Several anchors may follow each other, from the outer to the inner.
        while let Some(line) = self.line(0).filter(|line| is_hunk_header(line)) {
            if line.starts_with("@@@") {
                return Err(Refusal::new(
                    Reason::Malformed,
                    "the reply holds the diff of a merge, which cannot be applied",
                ));
            }
            let mut next = Hunk { old: hunk.old, new_count: hunk.new_count, ..Hunk::default() };
            header(line, &mut next);
            // Numbers begin another hunk.
            if hunk.old.is_some() && next.old != hunk.old {
                break;
            }
            (hunk.old, hunk.new_count) = (next.old, next.new_count);
            hunk.anchors.append(&mut next.anchors);
            self.at += 1;
        }
        self.body(hunk)
    }

    /// Reads the lines of a hunk.
    fn body(&mut self, mut hunk: Hunk) -> Result<(), Refusal> {
        let (end, is_known) = self.body_end(&hunk);
        let lines = &self.lines[self.at..end];
        let taken = if self.region.fenced || is_known {
            lines.len()
        } else {
            without_chatter(lines, &hunk)?
        };
        let is_patch = self.is_patch();
        for line in lines.iter().take(taken) {
            if is_patch && line.starts_with("*** End of File") {
                hunk.at_end = true;
                continue;
            }
            if is_marker(line) {
                if let Some(last) = hunk.lines.last_mut() {
                    last.bare = true;
                }
                continue;
            }
            hunk.lines.push(read_line(line));
        }
        // Blank lines behind a hunk belong to what is around it.
        while hunk.lines.last().is_some_and(|line| line.guessed && line.text.is_empty())
            && !hunk.counts_fit()
        {
            hunk.lines.pop();
        }
        self.at += lines.len();
        self.notice_truncation(&mut hunk)?;
        let Some(section) = self.sections.last_mut() else { return Ok(()) };
        if hunk.changes() {
            section.hunks.push(hunk);
        }
        Ok(())
    }

    /// Where the body ends at the latest that begins here, and whether that is known exactly.
    fn body_end(&self, hunk: &Hunk) -> (usize, bool) {
        let mut at = self.at;
        while let Some(line) = self.lines.get(at) {
            let patch_end = line.starts_with("*** End Patch") || is_patch_header(line);
            if patch_end || is_hunk_header(line) || line.starts_with("diff --git ") {
                break;
            }
            if self.is_patch() && line.starts_with("*** End of File") {
                return (at + 1, true);
            }
            if is_signature(&self.lines[at..]) {
                break;
            }
            // A removed line that begins with `-- `, before an added one that begins with `++ `,
            // looks like labels.
            if begins_section(&self.lines[at..])
                && label::are_alike(line, self.lines.get(at + 1).copied().unwrap_or_default())
            {
                match self.content_end(hunk, at) {
                    Some(end) if end > at => return (end, true),
                    Some(_) => {}
                    None => break,
                }
            }
            at += 1;
        }
        (at, false)
    }

    /// Where the body of a hunk ends if what looks like labels at `at` is two of its lines; `at` if
    /// they are, and that is not known.
    fn content_end(&self, hunk: &Hunk, at: usize) -> Option<usize> {
        let [old, new, ..] = &self.lines[at..] else { return None };
        if !old.starts_with("--- ") {
            return None;
        }
        let begins_hunk = self.lines.get(at + 2).is_some_and(|line| line.starts_with("@@ -"));
        let is_path =
            |line: &str| line[4..].contains('/') || label::has_extension(line[4..].trim_end());
        let are_labels = begins_hunk && is_path(old) && is_path(new);
        // A program begins each section with a line of its own.
        if are_labels && !self.head.is_exact {
            return None;
        }
        // The other format has no labels before its end.
        if self.is_patch() && !begins_hunk && self.last_end.is_some_and(|end| end > at) {
            return Some(at);
        }
        let end = self.at + exact(&self.lines[self.at..], hunk)?;
        (end > at).then_some(end)
    }

    /// Whether the last section is of the format that begins with `*** Begin Patch`.
    fn is_patch(&self) -> bool {
        self.sections.last().is_some_and(|section| !section.prefixed)
    }

    /// Refuses a hunk with which the reply breaks off.
    fn notice_truncation(&self, hunk: &mut Hunk) -> Result<(), Refusal> {
        // What is deleted is compared with the whole file.
        let deletes = self.sections.last().is_some_and(|section| section.action == Action::Delete);
        let leaves_out =
            hunk.lines.iter().any(|line| line.kind == Kind::Context && is_elision(&line.text));
        if !self.region.open || self.at < self.lines.len() || deletes || leaves_out {
            return Ok(());
        }
        let mut count = Count::new(hunk);
        for line in &hunk.lines {
            count.add_kind(line.kind);
        }
        let last_is_change = hunk.lines.last().is_some_and(|line| line.kind != Kind::Context);
        let short = count.is_short();
        let cut = match (self.region.fenced, self.region.torn) {
            // The fence would have been closed.
            (true, true) => short || last_is_change || hunk.old.is_none(),
            (true, false) => short || hunk.old.is_none(),
            (false, true) => last_is_change && !count.is_full(),
            (false, false) => short && last_is_change,
        };
        let cut = cut || (short && !hunk.changes());
        // Replies often lack the last newline, and counts are often wrong. Both together are fine
        // if the last line is one of the file's.
        hunk.must_fit = !self.region.fenced && self.region.torn && short;
        if cut {
            Err(Refusal::new(Reason::Truncated, "the reply ends in the middle of its change"))
        } else {
            Ok(())
        }
    }

    fn line(&self, ahead: usize) -> Option<&'a str> {
        self.lines.get(self.at + ahead).copied()
    }
}

/// Reads the header of a hunk: numbers if there are any, and what stands behind them.
fn header(line: &str, hunk: &mut Hunk) {
    let rest = line.trim_start_matches('@');
    let (numbers, anchor) = match rest.split_once("@@") {
        Some((numbers, anchor)) => (numbers, anchor),
        None if ranges(rest).is_some() => (rest, ""),
        None => ("", rest),
    };
    let range = ranges(numbers);
    if let Some((start, old, new)) = range {
        hunk.old = Some((start, old));
        hunk.new_count = Some(new);
    }
    let says = |text: &str| text.chars().any(char::is_alphanumeric);
    // As in `@@ fn go() @@`: what stands there is no number, and nothing stands behind it.
    let is_number = |text: &str| {
        text.trim_start()
            .starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+' | ','))
    };
    let anchor =
        if says(anchor) || range.is_some() || is_number(numbers) { anchor } else { numbers };
    let anchor = anchor.trim_end();
    let anchor = anchor.strip_prefix(' ').unwrap_or(anchor);
    if says(anchor) {
        hunk.anchors.push(anchor.to_owned());
    }
}

/// Reads `-5,7 +5,8`: where the old lines start, how many there are, and how many new ones.
fn ranges(text: &str) -> Option<(usize, usize, usize)> {
    let mut words = text.split_whitespace();
    let range = |word: &str| {
        let (start, count) = word.split_once(',').unwrap_or((word, "1"));
        // No file has more lines than these numbers can tell.
        let number = |text: &str| usize::try_from(text.parse::<u32>().ok()?).ok();
        Some((number(start)?, number(count)?))
    };
    let (start, old) = range(words.next()?.strip_prefix('-')?)?;
    let (_, new) = range(words.next()?.strip_prefix('+')?)?;
    Some((start, old, new))
}

/// Reads a line of a hunk. One without a marker is context that lost it.
fn read_line(line: &str) -> HunkLine {
    let kind = match line.as_bytes().first() {
        Some(b' ') => Kind::Context,
        Some(b'-') => Kind::Removed,
        Some(b'+') => Kind::Added,
        _ => return HunkLine { guessed: true, ..HunkLine::new(Kind::Context, line) },
    };
    HunkLine::new(kind, &line[1..])
}

/// Whether a line says that the one before it has no newline, in whatever language.
fn is_marker(line: &str) -> bool {
    line.starts_with("\\ ")
}

/// Whether a mode is that of an executable file; links and submodules are refused.
fn executable(mode: &str) -> Result<bool, Refusal> {
    match mode {
        "100755" => Ok(true),
        "100644" | "100664" => Ok(false),
        _ => Err(Refusal::new(
            Reason::Path,
            format!("the change makes or changes a link or a submodule (mode {mode})"),
        )),
    }
}
