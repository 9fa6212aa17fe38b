//! Blocks that say all of a file.
//!
//! Whoever takes a part of a file for all of it destroys the rest. So such a block must be named,
//! nothing around it or in it may say that it is a part, and it must begin and end where the file
//! does and keep most of it.

mod compare;

use compare::{Difference, differences};

use super::{
    align::is_elision,
    change::{Action, Hunk, HunkLine, Kind, Section},
    extract::Region,
    fence::Fence,
    label::Label,
    other_format, placeholder,
    refusal::{Reason, Refusal},
    text::{Edit, NewLine, Text},
    title::{self, Title},
};

/// Languages of blocks that show what a program wrote, or no file.
const OUTPUT: [&str; 19] = [
    "console",
    "text",
    "txt",
    "plain",
    "plaintext",
    "output",
    "log",
    "shell-session",
    "sh-session",
    "shellsession",
    "bash-session",
    "terminal",
    "ansi",
    "diff",
    "patch",
    "udiff",
    "stdout",
    "mermaid",
    "http",
];

/// Languages of blocks that show either commands or a script.
const SHELLS: [&str; 6] = ["sh", "bash", "shell", "zsh", "fish", "powershell"];

/// Words that say that a block is a part of the file that is named, or not what it is to be.
const PARTS: [&str; 43] = [
    "add",
    "adds",
    "added",
    "adding",
    "insert",
    "inserted",
    "append",
    "snippet",
    "snippets",
    "function",
    "functions",
    "method",
    "methods",
    "part",
    "parts",
    "section",
    "sections",
    "excerpt",
    "fragment",
    "after",
    "before",
    "only",
    "just",
    "within",
    "inside",
    "between",
    "below",
    "line",
    "lines",
    "rest",
    "unchanged",
    "remaining",
    "existing",
    "relevant",
    "not",
    "don't",
    "old",
    "former",
    "formerly",
    "previous",
    "example",
    "wrong",
    "bad",
];

/// Those of them that say so of a file that is not there yet.
const PARTS_OF_NEW: [&str; 13] = [
    "snippet", "snippets", "part", "parts", "section", "sections", "excerpt", "fragment",
    "relevant", "not", "don't", "example", "wrong",
];

/// Words that say that a file is made.
const NEW: [&str; 9] =
    ["new", "create", "creates", "created", "creating", "add", "adds", "added", "adding"];

/// How many lines in a row may be missing.
const MOST_MISSING: usize = 2;

/// Words with which a line of text says that the block below is all of the file that it names.
const WHOLES: [&str; 10] = [
    "full",
    "complete",
    "entire",
    "whole",
    "updated",
    "create",
    "creating",
    "contents",
    "content",
    "rewritten",
];

/// Words with which a reply says anywhere that a block leaves something out.
const LEFT_OUT: [&str; 9] = [
    "rest of the file",
    "rest of the code",
    "rest stays",
    "rest remains",
    "rest is ",
    "stays the same",
    "remains the same",
    "remain the same",
    "unchanged",
];

/// How many of the lines above a block are looked at.
const LINES_ABOVE: usize = 4;

/// All that a file is to say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Whole {
    lines: Vec<String>,
    /// The first line is a comment that names the file.
    has_name: bool,
    /// A word above it that says that it is a part of the file, and one that says so even if the
    /// file is new.
    part: Option<String>,
    part_of_new: Option<String>,
    /// A path is said, and not just a name that something else may have, too; or that it is new.
    may_be_new: bool,
}

/// Whether the lines of a fence are said to be those of one file.
pub(super) fn is_named(title: &Title<'_>, lines: &[&str]) -> bool {
    let Some(name) = name(title, lines) else { return false };
    let language = title.language();
    // A comment above commands is rather a remark.
    let is_script = || {
        lines.first().is_some_and(|line| line.starts_with("#!"))
            || title.name().is_some()
                && [".sh", ".bash", ".zsh", ".fish", ".ps1"].iter().any(|end| name.ends_with(end))
    };
    !OUTPUT.contains(&language.as_str())
        && (!SHELLS.contains(&language.as_str()) || is_script())
        && !lines.iter().any(|line| line.starts_with("$ "))
}

/// Reads a block as all that a file says; `rest` is what the reply says besides.
///
/// # Errors
/// [`Reason::Truncated`] if it is not closed, [`Reason::Malformed`] if it is a change in a format
/// that is not read, [`Reason::Ambiguous`] if it shows an excerpt.
pub(super) fn read(region: &Region<'_>, rest: &str) -> Result<Section, Refusal> {
    let name = name(&region.title, &region.lines).unwrap_or_default();
    if region.open {
        return Err(Refusal::new(Reason::Truncated, "the reply ends within a file").file(&name));
    }
    if let Some(format) = other_format::name(&region.lines) {
        return Err(other_format::refusal(format));
    }
    if is_numbered(&region.lines) {
        return Err(is_part("its lines carry numbers, as those of an excerpt do").file(&name));
    }
    if has_open_fence(&region.lines) {
        return Err(is_part("a code fence in it is not closed").file(&name));
    }
    let said = rest.to_lowercase();
    if let Some(words) = LEFT_OUT.iter().find(|words| said.contains(**words)) {
        return Err(is_part(&format!("the reply says {words:?}")).file(&name));
    }
    let above = region.title.above.iter().rev().take(LINES_ABOVE).chain([&region.title.line]);
    let words: Vec<_> = above
        .flat_map(|line| line.split_whitespace())
        .map(|word| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase())
        .collect();
    let says = |parts: &[&str]| words.iter().find(|word| parts.contains(&word.as_str())).cloned();
    // A heading can name anything.
    let line = region.title.line.trim();
    let is_bare_name = line.trim_matches(['*', '`', '\'', '"', ':']) == name;
    let whole = Whole {
        lines: region
            .lines
            .iter()
            .map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned())
            .collect(),
        has_name: region
            .lines
            .first()
            .and_then(|line| title::in_comment(line))
            .is_some_and(|named| named == name || name.ends_with(&format!("/{named}"))),
        part: says(&PARTS),
        part_of_new: says(&PARTS_OF_NEW),
        may_be_new: name.contains('/') || says(&NEW).is_some() || is_bare_name,
    };
    let label = Label::whole(name);
    Ok(Section {
        old: Some(label.clone()),
        new: Some(label),
        action: Action::Replace,
        whole: Some(whole),
        ..Section::default()
    })
}

impl Whole {
    /// The bytes of the file, which says `old` now if it is there.
    ///
    /// # Errors
    /// [`Reason::Placeholder`] or [`Reason::Ambiguous`] if it may be a part of the file.
    pub(super) fn content(&self, old: Option<&[u8]>) -> Result<Vec<u8>, Refusal> {
        if old.is_some_and(|old| old.contains(&0)) {
            return Err(Refusal::new(Reason::Binary, "it is a binary file"));
        }
        let text = Text::new(old.unwrap_or_default());
        let first = text.line(0);
        let mut lines: Vec<String> = self.lines.clone();
        if self.has_name
            && lines
                .first()
                .is_some_and(|line| line.trim_end().as_bytes() != first.trim_ascii_end())
        {
            lines.remove(0);
            // What parts the name from the file.
            let is_blank = |line: &[u8]| line.trim_ascii().is_empty();
            if lines.first().is_some_and(|line| is_blank(line.as_bytes()))
                && (text.is_empty() || !is_blank(first))
            {
                lines.remove(0);
            }
        }
        // A line that parts the block from its fence is none of the file.
        let is_blank = |line: &[u8]| line.trim_ascii().is_empty();
        if !text.is_empty() && !is_blank(first) && lines.len() > 1 && is_blank(lines[0].as_bytes())
        {
            lines.remove(0);
        }
        self.check_lines(&lines, &text)?;
        if old.is_none() && !self.may_be_new {
            return Err(is_part("there is no such file, and nothing says that it is a new one"));
        }
        let word = if text.is_empty() { &self.part_of_new } else { &self.part };
        if let Some(word) = word {
            return Err(is_part(&format!("the text above it says `{word}`")));
        }
        let (before, after): (Vec<&[u8]>, Vec<&[u8]>) =
            (text.lines().collect(), lines.iter().map(String::as_bytes).collect());
        let differences = differences(&before, &after).ok_or_else(|| {
            Refusal::new(Reason::TooLarge, "the file is too large to compare it with the block")
        })?;
        if !text.is_empty() {
            check_whole(&before, &after, &differences)?;
        }
        let new_line = |line: &String| NewLine { text: line.clone().into_bytes(), end: None };
        let edits: Vec<_> = differences
            .into_iter()
            .map(|Difference { old, new }| Edit {
                start: old.start,
                end: old.end,
                lines: lines[new].iter().map(new_line).collect(),
                ended_bare: false,
                shows_mark: false,
            })
            .collect();
        Ok(text.edited(&edits).bytes())
    }

    /// Refuses lines that stand for others, or that begin within something.
    fn check_lines(&self, lines: &[String], text: &Text<'_>) -> Result<(), Refusal> {
        let is_there =
            |line: &str| text.lines().any(|old| old.trim_ascii() == line.trim().as_bytes());
        if let Some(line) = lines.iter().find(|line| is_elision(line) && !is_there(line)) {
            let message =
                format!("a line of the file stands for text that is left out: {:?}", line.trim());
            return Err(Refusal::new(Reason::Placeholder, message));
        }
        let old =
            text.lines().map(|line| HunkLine::new(Kind::Removed, &String::from_utf8_lossy(line)));
        let new = lines.iter().map(|line| HunkLine::new(Kind::Added, line));
        let hunk = Hunk { lines: old.chain(new).collect(), ..Hunk::default() };
        placeholder::check(&Section { hunks: vec![hunk], ..Section::default() })
            .map_err(|refusal| Refusal { hunk: None, ..refusal })?;
        let is_indented =
            |line: &[u8]| line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
        let first = lines.iter().find(|line| !line.trim().is_empty());
        let old = text.lines().find(|line| !line.trim_ascii().is_empty());
        if first.is_some_and(|line| is_indented(line.as_bytes())) && !old.is_some_and(is_indented) {
            return Err(is_part("it begins with a line that is indented"));
        }
        Ok(())
    }
}

/// Refuses a block that leaves out the beginning, the end or most of the file.
fn check_whole(old: &[&[u8]], new: &[&[u8]], differences: &[Difference]) -> Result<(), Refusal> {
    let count = |lines: &[&[u8]]| lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
    let gone: usize = differences.iter().map(|found| count(&old[found.old.clone()])).sum();
    let all = count(old);
    // Upkeep changes less than half of a file. A block that does not keep half of it is rather
    // another file, or a part with others around it.
    if gone * 2 > all {
        return Err(is_part(&format!("{gone} of the {all} lines of the file are not in it")));
    }
    for Difference { old: lines, new: others } in differences {
        if count(&old[lines.clone()]) <= count(&new[others.clone()]) {
            continue;
        }
        let (mut first, mut last) = (lines.start, lines.end);
        if others.is_empty() {
            // The same lines can be said to be missing further up or down.
            while first > 0 && old[first - 1] == old[first + lines.len() - 1] {
                first -= 1;
            }
            while last < old.len() && old[last] == old[last - lines.len()] {
                last += 1;
            }
        }
        for (place, around) in [("beginning", &old[..first]), ("end", &old[last..])] {
            if count(around) == 0 {
                return Err(is_part(&format!("the {place} of the file is not in it")));
            }
        }
        // Whoever leaves out a function means that it stays, with a remark or without one.
        let missing = count(&old[lines.clone()]).saturating_sub(count(&new[others.clone()]));
        if missing > MOST_MISSING {
            let place = lines.start + 1;
            return Err(is_part(&format!("{missing} lines are not in it, from line {place} on")));
        }
    }
    Ok(())
}

/// Whether a fence opens in the lines and is not closed: then it was closed by what looks like the end
/// of the block around it.
fn has_open_fence(lines: &[&str]) -> bool {
    let mut at = 0;
    while at < lines.len() {
        if let Some(fence) = Fence::open(lines[at]) {
            match lines[at + 1..].iter().position(|line| fence.is_closed_by(line)) {
                Some(inside) => at += inside + 1,
                None => return true,
            }
        }
        at += 1;
    }
    false
}

/// Whether most lines begin with numbers that grow.
fn is_numbered(lines: &[&str]) -> bool {
    let said: Vec<_> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
    let number = |line: &str| {
        let line = line.trim_start();
        let end = line.find(|letter: char| !letter.is_ascii_digit())?;
        let behind = line[end..].starts_with([':', '|', '\t', '→', ' ', ')', '.']);
        line[..end].parse::<u64>().ok().filter(|_| behind)
    };
    let numbers: Vec<_> = said.iter().filter_map(|line| number(line)).collect();
    numbers.len() > 1
        && numbers.len() * 3 > said.len() * 2
        && numbers.windows(2).all(|pair| pair[0] < pair[1])
}

/// The name of the file: said above or behind the marks of the fence, in a comment, or in a line of
/// text that says that all of the file follows.
pub(super) fn name(title: &Title<'_>, lines: &[&str]) -> Option<String> {
    title.name().or_else(|| lines.first().and_then(|line| title::in_comment(line))).or_else(|| {
        let [name] = <[String; 1]>::try_from(title::named(title.line)).ok()?;
        let says_so = title.line.split_whitespace().any(|word| {
            let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
            WHOLES.contains(&word.to_lowercase().as_str())
        });
        (says_so && title.line.trim_end().ends_with(':')).then_some(name)
    })
}

fn is_part(why: &str) -> Refusal {
    Refusal::new(
        Reason::Ambiguous,
        format!("it cannot be told whether the block is all of the file or a part of it: {why}"),
    )
}
