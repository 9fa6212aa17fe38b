//! Blocks that say all of a file.
//!
//! Whoever takes a part of a file for all of it destroys the rest. So such a block must be named,
//! nothing around it or in it may say that it is a part, and it must begin and end where the file
//! does and keep most of it.

mod block;
mod compare;
mod part;

use block::may_be_call;
pub(super) use block::{introduced, is_named, is_new, name};
use compare::{Difference, differences};
use part::{check_data, check_marks, check_whole, has_open_fence, is_numbered, is_part};

use super::{
    align::is_elision,
    change::{Action, Section},
    extract::Region,
    label::Label,
    other_format, placeholder,
    refusal::{Reason, Refusal},
    steps::Steps,
    text::{Edit, NewLine, Text},
    title,
};

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

/// How the names of files end that hold data: what goes from them is seen nowhere else.
const DATA: [&str; 8] = [".json", ".jsonc", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".conf"];

/// Words that say that a file is made.
const NEW: [&str; 9] =
    ["new", "create", "creates", "created", "creating", "add", "adds", "added", "adding"];

/// Words that say that a block is all of a file, whatever else is said of it.
const ALL: [&str; 4] = ["full", "complete", "entire", "whole"];

/// Words with which a reply says anywhere that a block leaves something out.
const LEFT_OUT: [&str; 6] = [
    "rest of the file",
    "rest of the code",
    "rest stays",
    "rest remains",
    "rest is ",
    "rest unchanged",
];

/// How many of the lines above a block are looked at: a heading and a sentence or two.
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
    /// The file holds data: what goes from it is named by the reply.
    is_data: bool,
}

/// Words in a text, in small letters, that say that blocks leave something out.
pub(super) fn leaves_out(said: &str) -> Option<&'static str> {
    LEFT_OUT.into_iter().find(|words| said.contains(words))
}

/// Reads a block as all that a file says; `left_out` are words that say that it is not.
///
/// # Errors
/// [`Reason::Truncated`] if it is not closed, [`Reason::Malformed`] if it is a change in a format
/// that is not read, [`Reason::Ambiguous`] if it shows an excerpt.
pub(super) fn read(region: &Region<'_>, left_out: Option<&str>) -> Result<Section, Refusal> {
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
    if region.cut {
        let why = "a fence in it may have ended it; put longer marks around it";
        return Err(is_part(why).file(&name));
    }
    if let Some(words) = left_out {
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
        part: if says(&ALL).is_some() { says(&PARTS_OF_NEW) } else { says(&PARTS) },
        part_of_new: says(&PARTS_OF_NEW),
        may_be_new: (name.contains('/') || says(&NEW).is_some() || is_bare_name)
            && !may_be_call(&region.title, &name, &region.lines),
        is_data: DATA.iter().any(|end| name.ends_with(end)),
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
    /// The bytes of the file, which says `old` now if it is there; the reply says `said` besides, in
    /// small letters.
    ///
    /// # Errors
    /// [`Reason::Placeholder`] or [`Reason::Ambiguous`] if it may be a part of the file.
    pub(super) fn content(
        &self,
        old: Option<&[u8]>,
        said: &str,
        steps: &mut Steps<'_>,
    ) -> Result<Vec<u8>, Refusal> {
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
        let differences = differences(&before, &after, steps)?;
        if !text.is_empty() {
            check_whole(&before, &after, &differences)?;
            check_marks(&before, &after)?;
            if self.is_data {
                check_data(&before, &lines, &differences, said)?;
            }
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
        for line in lines {
            placeholder::check_line(line, || is_there(line))?;
        }
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
