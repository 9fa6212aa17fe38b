//! Where in a reply its changes are.

use super::{
    aside, context_diff,
    fence::{Fence, without_indentation},
    message, search_replace,
    title::{self, Title},
    whole_file,
};

/// How many fences and quotations may be around a change: an answer in one, that quotes another, has
/// four.
const DEEPEST: usize = 8;

/// For how many commands the end of the text that they read is looked for in vain: each look goes
/// to the end of the reply.
const MOST_ENDLESS: usize = 16;

/// Languages of text in which code stands.
const TEXTS: [&str; 6] = ["markdown", "md", "mdx", "rst", "asciidoc", "adoc"];

/// What a reply holds.
#[derive(Debug, Default)]
pub(super) struct Extract<'a> {
    /// Where its changes are.
    pub(super) regions: Vec<Region<'a>>,
    /// Blocks and hunks between them that are taken for illustrations because it has another
    /// change.
    pub(super) illustrations: Vec<Region<'a>>,
    /// Fences that hold nothing which is read.
    pub(super) unread: Vec<Unread<'a>>,
    /// What stands below the last block.
    pub(super) below: Vec<&'a str>,
    /// All that it says besides.
    pub(super) rest: String,
}

/// What stands in a fence and is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unread<'a> {
    pub(super) lines: Vec<&'a str>,
    pub(super) title: Title<'a>,
}

/// Some lines of a reply with changes among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Region<'a> {
    /// The lines, without the indentation that all share.
    pub(super) lines: Vec<&'a str>,
    pub(super) form: Form,
    /// What stands above it.
    pub(super) title: Title<'a>,
    /// How many quotations are around it: it is a change only where nothing else is.
    pub(super) quoted: usize,
    /// Whether it stands in a code fence, so that nothing but changes is expected in it.
    pub(super) fenced: bool,
    /// Whether the reply ends with it, without a closing fence: it may have been cut off.
    pub(super) open: bool,
    /// Whether it is cut off within a line: the reply ends with it, and without a newline.
    pub(super) torn: bool,
    /// Whether what closed its fence may be a fence within it: all of a text that shows code.
    pub(super) cut: bool,
}

/// How a region states its change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As sections of a diff, which name their files.
    Diff,
    /// As hunks that name no file.
    Hunks,
    /// As a block that says what to search for; `follows` if it names no file because it stands
    /// right behind one that does.
    Block { follows: bool },
    /// As all that a file says.
    File,
}

/// Finds the changes of a reply, and everything else that it says.
///
/// A block that may be a whole file is one only in a reply without another change, or where it is
/// said to be new, and in one that does not say that there is none: otherwise it illustrates
/// something.
pub(super) fn extract(text: &str) -> Extract<'_> {
    let torn = !text.ends_with('\n');
    let inside = text.strip_suffix('\n').unwrap_or(text);
    let lines: Vec<_> = inside.split('\n').collect();
    let mut walk = Walk { torn, ..Walk::default() };
    walk.over(&lines, true);
    let Walk { mut regions, unread, above: below, rest, .. } = walk;
    let is_diff = |region: &Region<'_>| matches!(region.form, Form::Diff | Form::Block { .. });
    let is_named = |region: &Region<'_>| region.title.label().is_some();
    // Whoever quotes a change answers to it.
    if regions.iter().any(|region| region.quoted == 0) {
        regions.retain(|region| region.quoted == 0);
    }
    let rest: String = rest.into_iter().flat_map(|line| [line, "\n"]).collect();
    let declines = message::declines(&rest);
    let has_diff = regions.iter().any(is_diff);
    let has_other = regions.iter().any(|region| region.form != Form::File);
    let illustrates = |region: &mut Region<'_>| match region.form {
        Form::Diff | Form::Block { .. } => false,
        Form::Hunks => has_diff && !is_named(region),
        Form::File => declines || (has_other && !whole_file::is_new(&region.title)),
    };
    let mut illustrations: Vec<_> = regions.extract_if(.., illustrates).collect();
    if declines {
        illustrations.clear();
    }
    Extract { regions, illustrations, unread, below, rest }
}

/// Whether a section begins with the first of `lines`.
pub(super) fn begins_section(lines: &[&str]) -> bool {
    let Some(line) = lines.first() else { return false };
    let next = lines.get(1).copied().unwrap_or_default();
    line.starts_with("diff --git ")
        || line.starts_with("diff --cc ")
        || line.starts_with("diff --combined ")
        || (line.starts_with("--- ") && next.starts_with("+++ "))
        || context_diff::begins(lines)
        || is_patch_header(line)
}

/// Whether a line belongs to the format that begins with `*** Begin Patch`, and begins something in
/// it.
pub(super) fn is_patch_header(line: &str) -> bool {
    ["*** Begin Patch", "*** Update File:", "*** Add File:", "*** Delete File:"]
        .iter()
        .any(|start| line.starts_with(start))
}

/// Whether a line is the header of a hunk, with or without numbers.
pub(super) fn is_hunk_header(line: &str) -> bool {
    line.strip_prefix("@@")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '@', '\r']))
}

#[derive(Default)]
struct Walk<'a> {
    regions: Vec<Region<'a>>,
    unread: Vec<Unread<'a>>,
    rest: Vec<&'a str>,
    /// The lines of `rest` since the last block.
    above: Vec<&'a str>,
    torn: bool,
    /// How many quotations are around it.
    quoted: usize,
    /// How many commands read a text that has no end.
    endless: usize,
    /// The lines that were looked for as the end of a part that is no answer, and that are nowhere
    /// below.
    missing: Vec<String>,
    /// How many fences and quotations are around it.
    depth: usize,
}

impl<'a> Walk<'a> {
    /// Looks through what stands in a fence.
    fn within(&mut self, lines: &[&'a str], last: bool) {
        if self.depth < DEEPEST {
            self.depth += 1;
            self.over(lines, last);
            self.depth -= 1;
        }
    }

    /// Looks through what stands in a quotation.
    fn within_quotation(&mut self, lines: &[&'a str], last: bool) {
        self.quoted += 1;
        self.within(lines, last);
        self.quoted -= 1;
    }

    /// Looks through `lines`; `last` says that the reply ends with them.
    fn over(&mut self, lines: &[&'a str], last: bool) {
        let mut at = 0;
        while let Some(line) = lines.get(at) {
            if let Some(fence) = Fence::open(line) {
                let closing = closing(lines, at, &fence);
                let end = closing.unwrap_or(lines.len());
                let inside: Vec<_> = lines[at + 1..end]
                    .iter()
                    .map(|line| without_indentation(line, fence.indentation))
                    .collect();
                let before = self.regions.len();
                self.inside(&inside, fence.info, closing.is_none() && last);
                if let [region] = &mut self.regions[before..]
                    && region.form == Form::File
                    && is_text(&region.title)
                {
                    region.cut = goes_on(lines, end, &fence);
                }
                self.above.clear();
                at = end + 1;
            } else if search_replace::opens(line) {
                let end = search_replace::end(&lines[at..]).map_or(lines.len(), |end| at + end + 1);
                let follows = self.above.iter().all(|line| line.trim().is_empty());
                let title = self.title("");
                let open = last && end == lines.len();
                self.push(&lines[at..end], Form::Block { follows }, title, false, open);
                at = end;
            } else if let Some(end) = self.end_of_fed(lines, at) {
                let title = self.title("");
                self.push(&lines[at + 1..end], Form::Diff, title, true, false);
                at = end + 1;
            } else if let Some(indentation) = begins_indented(&lines[at..]) {
                let end = end_of_unfenced(lines, at, indentation);
                let region: Vec<_> = lines[at..end]
                    .iter()
                    .map(|line| without_indentation(line, indentation))
                    .collect();
                let title = self.title("");
                self.push(&region, Form::Diff, title, false, last && end == lines.len());
                // What stands below it may name the next block.
                let text = lines[at..end]
                    .iter()
                    .rev()
                    .take_while(|line| !line.starts_with([' ', '+', '-', '@', '\\', '*']));
                self.above.extend(&lines[end - text.count()..end]);
                at = end;
            } else if let Some(end) = self.end_of_aside(lines, at) {
                at = end + 1;
            } else if line.starts_with('>') {
                let end = at + lines[at..].iter().take_while(|line| line.starts_with('>')).count();
                match quoted(&lines[at..end]) {
                    Some(quoted) => self.within_quotation(&quoted, last && end == lines.len()),
                    None => {
                        self.rest.extend(&lines[at..end]);
                        self.above.extend(&lines[at..end]);
                    }
                }
                at = end;
            } else {
                self.rest.push(line);
                self.above.push(line);
                at += 1;
            }
        }
    }

    /// Where the text ends which the command at `at` reads, if that is a change.
    fn end_of_fed(&mut self, lines: &[&str], at: usize) -> Option<usize> {
        if self.endless == MOST_ENDLESS {
            return None;
        }
        let word = feeds(lines, at)?;
        let end = end_of_text(lines, at, word);
        self.endless += usize::from(end.is_none());
        end
    }

    /// Where a part ends that begins at `at` and is no answer.
    fn end_of_aside(&mut self, lines: &[&str], at: usize) -> Option<usize> {
        let close = aside::end_of(lines[at])?;
        if self.missing.contains(&close) {
            return None;
        }
        let mut number = at + 1;
        while let Some(line) = lines.get(number) {
            if line.trim().eq_ignore_ascii_case(&close) {
                return Some(number);
            }
            // What stands in a fence ends nothing.
            let fence = Fence::open(line).map(|fence| closing(lines, number, &fence));
            match fence {
                Some(None) => break,
                Some(Some(end)) => number = end + 1,
                None => number += 1,
            }
        }
        self.missing.push(close);
        None
    }

    /// Looks at what stands in a fence.
    fn inside(&mut self, lines: &[&'a str], info: &'a str, open: bool) {
        let section = (0..lines.len()).find(|at| begins_section(&lines[*at..]));
        let block = lines.iter().position(|line| search_replace::opens(line));
        let fence = lines.iter().position(|line| Fence::open(line).is_some());
        let first = section.into_iter().chain(block).min();
        let title = Title::new(&self.above, info);
        match first {
            // A text about changes holds changes that are none.
            Some(first) if is_about(&title, &lines[..first]) => {
                self.forget_title(&title);
                self.push(lines, Form::File, title, true, open);
            }
            // A fence around a whole answer, with fences of its own.
            Some(first) if fence.is_some_and(|fence| fence < first) => {
                self.within(lines, open);
            }
            Some(first) if block == Some(first) => {
                self.forget_title(&title);
                self.blocks(lines, title, open);
            }
            Some(first) => {
                self.forget_title(&title);
                let mut at = 0;
                // Each script that is read by a program is a change of its own.
                while let Some((line, word)) = (at..lines.len())
                    .find_map(|line| feeds(lines, line).map(|word| (line, word)))
                    .filter(|(line, _)| at > 0 || *line < first)
                    && let Some(end) = end_of_text(lines, line, word)
                {
                    self.push(&lines[line + 1..end], Form::Diff, title.clone(), true, false);
                    at = end + 1;
                }
                if at == 0 {
                    self.push(lines, Form::Diff, title, true, open);
                }
            }
            None if holds_hunks(lines, &title) => {
                self.forget_title(&title);
                self.push(lines, Form::Hunks, title, true, open);
            }
            None if whole_file::is_named(&title, lines) => {
                self.forget_title(&title);
                self.push(lines, Form::File, title, true, open);
            }
            None => self.unread.push(Unread { lines: lines.to_vec(), title }),
        }
    }

    /// Takes the blocks to search and replace out of a fence.
    fn blocks(&mut self, lines: &[&'a str], title: Title<'a>, open: bool) {
        let (mut at, mut above, mut is_first) = (0, 0, true);
        while at < lines.len() {
            if !search_replace::opens(lines[at]) {
                at += 1;
                continue;
            }
            let end = search_replace::end(&lines[at..]);
            let stop = end.map_or(lines.len(), |end| at + end + 1);
            let own = Title::new(&lines[above..at], "");
            let follows = own.line.trim().is_empty() && !is_first;
            let title = if own.line.trim().is_empty() && is_first { title.clone() } else { own };
            let open = open && end.is_none();
            self.push(&lines[at..stop], Form::Block { follows }, title, true, open);
            (at, above, is_first) = (stop, stop, false);
        }
    }

    /// What stands above a block that is not in a fence.
    fn title(&mut self, info: &'a str) -> Title<'a> {
        let title = Title::new(&self.above, info);
        self.forget_title(&title);
        self.above.clear();
        title
    }

    /// Takes a line out of the rest that names the file of a block and says nothing more.
    fn forget_title(&mut self, title: &Title<'_>) {
        if title::alone(title.line).is_none() {
            return;
        }
        let last = self.rest.iter().rposition(|line| !line.trim().is_empty());
        if let Some(last) = last.filter(|last| self.rest[*last] == title.line) {
            self.rest.truncate(last);
        }
    }

    fn push(&mut self, lines: &[&'a str], form: Form, title: Title<'a>, fenced: bool, open: bool) {
        self.regions.push(Region {
            lines: lines.to_vec(),
            form,
            title,
            quoted: self.quoted,
            fenced,
            open,
            torn: open && self.torn,
            cut: false,
        });
    }
}

/// Whether a block is a text that shows changes, of which these are the lines above the first.
fn is_about(title: &Title<'_>, above: &[&str]) -> bool {
    TEXTS.contains(&title.language().as_str())
        && title.name().is_some()
        && above.iter().any(|line| !line.trim().is_empty())
}

/// Whether a block is a text in which code stands, in fences of its own.
fn is_text(title: &Title<'_>) -> bool {
    let name = title.name().unwrap_or_default();
    TEXTS.contains(&title.language().as_str())
        || name.rsplit_once('.').is_some_and(|(_, end)| TEXTS.contains(&end))
}

/// Whether a text that is closed at `end` rather shows code there, and is closed by a later fence:
/// what is shown begins right below the marks, or was announced above them.
fn goes_on(lines: &[&str], end: usize, fence: &Fence<'_>) -> bool {
    let announces = lines[..end]
        .iter()
        .rfind(|line| !line.trim().is_empty())
        .is_some_and(|line| line.trim_end().ends_with(':') && Fence::open(line).is_none());
    let behind = lines.get(end + 1..).unwrap_or_default();
    let begins = behind.first().is_some_and(|line| !line.trim().is_empty());
    (announces || begins) && behind.iter().any(|line| fence.is_closed_by(line))
}

/// The line that closes the fence that opens at `at`. Blocks to search and replace may hold fences.
fn closing(lines: &[&str], at: usize, fence: &Fence<'_>) -> Option<usize> {
    let mut number = at + 1;
    while number < lines.len() {
        if fence.is_closed_by(lines[number]) {
            return Some(number);
        }
        let block = search_replace::opens(lines[number])
            .then(|| search_replace::end(&lines[number..]))
            .flatten();
        number += block.map_or(1, |end| end + 1);
    }
    None
}

/// The word that ends the text which the command at `at` reads, as in `apply_patch <<'EOF'`, if
/// that text begins with a change.
fn feeds<'a>(lines: &[&'a str], at: usize) -> Option<&'a str> {
    let line = lines.get(at).filter(|line| !line.starts_with([' ', '+', '-', '<']))?;
    let (_, behind) = line.split_once("<<")?;
    let behind = behind.strip_prefix('-').unwrap_or(behind).trim_start();
    let behind = behind.trim_start_matches(['\'', '"', '\\']);
    let is_of_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let word = behind.split(|character| !is_of_word(character)).next()?;
    let next = lines.get(at + 1..).unwrap_or_default();
    let begins = begins_section(next) || next.first().is_some_and(|line| line.starts_with("From "));
    (begins && !word.is_empty()).then_some(word)
}

/// Where the text ends that begins behind `at`: at the line that says `word`.
fn end_of_text(lines: &[&str], at: usize, word: &str) -> Option<usize> {
    (at + 1..lines.len()).find(|number| lines[*number].trim_end() == word)
}

/// The lines of a quotation without their marks, if it holds a change.
fn quoted<'a>(lines: &[&'a str]) -> Option<Vec<&'a str>> {
    let wide = lines.iter().all(|line| line.len() == 1 || line.starts_with("> "));
    let marks = if wide { "> " } else { ">" };
    let inside: Vec<_> =
        lines.iter().map(|line| line.strip_prefix(marks).unwrap_or_default()).collect();
    let holds = |at: usize| {
        begins_section(&inside[at..])
            || search_replace::opens(inside[at])
            || Fence::open(inside[at]).is_some()
    };
    (0..inside.len()).any(holds).then_some(inside)
}

/// Whether lines are hunks, or lines with their markers in a fence that says so.
fn holds_hunks(lines: &[&str], title: &Title<'_>) -> bool {
    let is_change = |line: &&str| {
        line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---")
    };
    let header = lines.iter().position(|line| is_hunk_header(line));
    let says_so = matches!(title.language().as_str(), "diff" | "patch" | "udiff");
    let from = header.or(says_so.then_some(0));
    from.is_some_and(|from| lines[from..].iter().any(is_change))
}

/// By how many blanks a section is indented that begins here.
fn begins_indented(lines: &[&str]) -> Option<usize> {
    if begins_section(lines) {
        return Some(0);
    }
    let line = lines.first()?;
    let indentation = line.len() - line.trim_start_matches(' ').len();
    if indentation == 0 {
        return None;
    }
    let some: Vec<_> =
        lines.iter().take(3).map(|line| without_indentation(line, indentation)).collect();
    begins_section(&some).then_some(indentation)
}

/// Where an unfenced change ends that begins at `at`: with the reply, before a fence or a block of
/// another form, or before a line that is indented less.
fn end_of_unfenced(lines: &[&str], at: usize, indentation: usize) -> usize {
    (at + 1..lines.len())
        .find(|number| {
            let line = lines[*number];
            let less = indentation > 0
                && !line.trim().is_empty()
                && !line.get(..indentation).is_some_and(|start| start.trim().is_empty());
            let is_block = indentation == 0 && search_replace::opens(line);
            // A fence opens another block only if it is closed again and holds a change, or names a
            // language.
            less || is_block
                || (indentation == 0
                    && line.starts_with(['`', '~'])
                    && Fence::open(line).is_some_and(|fence| opens_block(lines, *number, &fence)))
        })
        .unwrap_or(lines.len())
}

fn opens_block(lines: &[&str], at: usize, fence: &Fence<'_>) -> bool {
    let closing = (at + 1..lines.len()).find(|number| fence.is_closed_by(lines[*number]));
    let end = closing.unwrap_or(lines.len());
    closing.is_none()
        || lines[at].trim_end().len() > fence.length
        || (at + 1..end).any(|number| {
            begins_section(&lines[number..end]) || search_replace::opens(lines[number])
        })
}
