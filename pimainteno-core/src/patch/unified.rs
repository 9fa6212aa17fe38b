//! Reading sections and hunks, of `git diff`, of `diff -u`, and of what models make of them.
//!
//! Counts never end a hunk. They choose between readings where the text has two, and they tell that
//! a hunk was cut off.

use super::{
    align::is_elision,
    change::{Action, Hunk, HunkLine, Kind, Section},
    extract::{Region, begins_section, is_patch_header},
    label,
    refusal::{Reason, Refusal},
};

/// The most hunks that are read.
const MOST_HUNKS: usize = 20_000;

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

/// Reads all sections of a reply.
pub(super) fn parse(regions: &[Region<'_>]) -> Result<Vec<Section>, Refusal> {
    let mut sections = Vec::new();
    for region in regions {
        let mut parser = Parser { region, lines: &region.lines, at: 0, sections: Vec::new() };
        parser.run()?;
        sections.append(&mut parser.sections);
    }
    if sections.iter().map(|section| section.hunks.len()).sum::<usize>() > MOST_HUNKS {
        return Err(Refusal::new(
            Reason::TooLarge,
            format!("the reply has more than {MOST_HUNKS} hunks"),
        ));
    }
    Ok(sections)
}

struct Parser<'a> {
    region: &'a Region<'a>,
    lines: &'a [&'a str],
    at: usize,
    sections: Vec<Section>,
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
            Some(last)
                if self.region.open
                    && last.prefixed
                    && last.hunks.is_empty()
                    && !self.is_whole(last) =>
            {
                Err(Refusal::new(Reason::Truncated, "the reply ends in the middle of its change"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a section without hunks, with which the reply ends, says all that there is to say.
    fn is_whole(&self, section: &Section) -> bool {
        !self.region.torn
            && (section.is_empty_file
                || section.executable.is_some_and(|_| section.action == Action::Modify))
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
        if let Some(labels) = first.strip_prefix("diff --git ") {
            if let Some((old, new)) = label::pair(labels) {
                (section.old, section.new) = (Some(old), Some(new));
            }
            self.at += 1;
            self.extended(&mut section)?;
        }
        if let (Some(old), Some(new)) = (self.line(0), self.line(1))
            && let (Some(old), Some(new)) = (old.strip_prefix("--- "), new.strip_prefix("+++ "))
        {
            (section.old, section.new) = (label::read(old), label::read(new));
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
                section.old = label::read(from);
                section.prefixed = false;
            } else if let Some(to) =
                line.strip_prefix("rename to ").or_else(|| line.strip_prefix("copy to "))
            {
                section.new = label::read(to);
                section.prefixed = false;
            } else if line.starts_with("GIT binary patch")
                || (line.starts_with("Binary files ") && line.ends_with(" differ"))
            {
                let refusal = Refusal::new(Reason::Binary, "the reply changes a binary file");
                return Err(match section.new.as_ref().or(section.old.as_ref()) {
                    Some(file) => refusal.file(file),
                    None => refusal,
                });
            } else if !EXTENDED.iter().any(|start| line.starts_with(start)) {
                break;
            }
            section.is_empty_file |= line.starts_with("index ") && line.contains(EMPTY_FILE);
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
        let path = |start: &str| line.strip_prefix(start).and_then(label::read);
        let mut section = Section::default();
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
            self.line(0).and_then(|line| line.strip_prefix("*** Move to:")).and_then(label::read)
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
            header(line, &mut hunk);
            self.at += 1;
            if hunk.old.is_some() {
                break;
            }
        }
        self.body(hunk)
    }

    /// Reads the lines of a hunk.
    fn body(&mut self, mut hunk: Hunk) -> Result<(), Refusal> {
        let end = self.body_end();
        let lines = &self.lines[self.at..end];
        let taken = if self.region.fenced { lines.len() } else { without_chatter(lines, &hunk)? };
        let is_patch = self.sections.last().is_some_and(|section| !section.prefixed);
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

    /// Where the body ends at the latest that begins here.
    fn body_end(&self) -> usize {
        let mut at = self.at;
        while let Some(line) = self.lines.get(at) {
            let patch_end = line.starts_with("*** End Patch") || is_patch_header(line);
            if patch_end || is_hunk_header(line) || line.starts_with("diff --git ") {
                break;
            }
            // A removed line that begins with `-- `, before an added one that begins with `++ `,
            // looks like labels.
            if begins_section(&self.lines[at..])
                && label::are_alike(line, self.lines.get(at + 1).copied().unwrap_or_default())
            {
                break;
            }
            at += 1;
        }
        at
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

/// How many lines a hunk's header promised and how many were read.
struct Count {
    promised: Option<(usize, usize)>,
    read: (usize, usize),
}

impl Count {
    fn new(hunk: &Hunk) -> Self {
        Self { promised: hunk.old.map(|(_, count)| count).zip(hunk.new_count), read: (0, 0) }
    }

    fn add(&mut self, line: &str) {
        if !is_marker(line) {
            self.add_kind(read_line(line).kind);
        }
    }

    fn add_kind(&mut self, kind: Kind) {
        self.read.0 += usize::from(kind != Kind::Added);
        self.read.1 += usize::from(kind != Kind::Removed);
    }

    /// Whether `line` is of a kind that is still missing.
    fn wants(&self, line: &str) -> bool {
        self.promised.is_some_and(|(old, new)| match read_line(line).kind {
            _ if is_marker(line) => true,
            Kind::Context => self.read.0 < old && self.read.1 < new,
            Kind::Removed => self.read.0 < old,
            Kind::Added => self.read.1 < new,
        })
    }

    /// Whether exactly as many lines were read as were promised.
    fn is_full(&self) -> bool {
        self.promised == Some(self.read)
    }

    /// Whether lines of both sides are missing, or of one and the other is complete.
    fn is_short(&self) -> bool {
        self.promised.is_some_and(|(old, new)| {
            (self.read.0 < old && self.read.1 <= new) || (self.read.1 < new && self.read.0 <= old)
        })
    }
}

/// How many of the lines of an unfenced hunk are its own, and not of the text that follows.
///
/// # Errors
/// [`Reason::Malformed`] if lines after a gap can be either.
fn without_chatter(lines: &[&str], hunk: &Hunk) -> Result<usize, Refusal> {
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

/// Whether a line is the header of a hunk, with or without numbers.
fn is_hunk_header(line: &str) -> bool {
    line.strip_prefix("@@")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '@', '\r']))
}

/// Reads the header of a hunk: numbers if there are any, and what stands behind them.
fn header(line: &str, hunk: &mut Hunk) {
    let rest = line.trim_start_matches('@');
    let (numbers, anchor) = match rest.split_once("@@") {
        Some((numbers, anchor)) => (numbers, anchor),
        None if ranges(rest).is_some() => (rest, ""),
        None => ("", rest),
    };
    if let Some((start, old, new)) = ranges(numbers) {
        hunk.old = Some((start, old));
        hunk.new_count = Some(new);
    }
    let anchor = anchor.trim_end();
    let anchor = anchor.strip_prefix(' ').unwrap_or(anchor);
    if anchor.chars().any(char::is_alphanumeric) {
        hunk.anchors.push(anchor.to_owned());
    }
}

/// Reads `-5,7 +5,8`: where the old lines start, how many there are, and how many new ones.
fn ranges(text: &str) -> Option<(usize, usize, usize)> {
    let mut words = text.split_whitespace();
    let range = |word: &str| {
        let (start, count) = word.split_once(',').unwrap_or((word, "1"));
        Some((start.parse::<usize>().ok()?, count.parse::<usize>().ok()?))
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

/// Whether a line says that the one before it has no newline.
fn is_marker(line: &str) -> bool {
    line.starts_with("\\ ") && (line.contains("newline") || line.contains("ewline at end"))
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
