//! Whether all of a reply that may belong to its change is read.

use std::collections::{HashMap, HashSet};

use crate::patch::{
    align::is_elision,
    change::{Action, Kind, Section},
    extract::{Extract, Form, Region, Unread},
    files::{Entry, Files},
    label,
    message::declines,
    other_format,
    paths::{self, check_path, last},
    plan::Rules,
    refusal::{Reason, Refusal},
    remedy::Remedy,
    search_replace, title, whole_file,
};

/// Languages of fences that hold commands; those without one may.
const SHELLS: [&str; 10] = [
    "",
    "sh",
    "bash",
    "shell",
    "zsh",
    "powershell",
    "console",
    "terminal",
    "shell-session",
    "bash-session",
];

/// The most files that are looked up for what stands beside a change: each is asked of the disk.
const MOST_LOOKED_UP: usize = 200;

/// Files, how many of them may still be looked up, and what a change names.
struct Lookup<'a> {
    files: &'a dyn Files,
    rules: &'a Rules<'a>,
    left: usize,
    /// The names that it has for files, by their last components.
    changed: HashMap<&'a str, HashSet<&'a str>>,
    /// Those of files that it removes or renames.
    gone: HashMap<&'a str, HashSet<&'a str>>,
    /// How names of files end, behind the last full stop.
    ends: HashSet<&'a str>,
}

/// Refuses a reply of which a part is left that may belong to its change.
pub(super) fn check(
    reply: &Extract<'_>,
    sections: &[Section],
    files: &dyn Files,
    rules: &Rules<'_>,
) -> Result<(), Refusal> {
    check_blocks(reply)?;
    let mut files = Lookup::new(files, rules, sections);
    for block in &reply.illustrations {
        if block.form == Form::Hunks {
            check_hunks(block, sections)?;
        } else if let Some(name) = whole_file::name(&block.title, &block.lines) {
            check_shown(&name, &block.lines, &mut files)?;
        }
    }
    for block in &reply.unread {
        if other_format::is_tag(block.title.line) {
            return Err(other_format::refusal(other_format::TAG));
        }
        if let Some(name) = whole_file::introduced(&block.title) {
            check_shown(&name, &block.lines, &mut files)?;
        }
    }
    let rest: Vec<_> = reply.rest.lines().filter(|line| !line.trim().is_empty()).collect();
    let rest = without_wrappers(&rest);
    let unread = reply.unread.iter().map(|unread| &unread.lines).chain([&rest]);
    if let Some(format) = unread.filter_map(|lines| other_format::name(lines)).next() {
        return Err(other_format::refusal(format));
    }
    let in_fences = reply.unread.iter().filter(|unread| is_shell(unread));
    let in_fences = in_fences.flat_map(|unread| unread.lines.iter().copied());
    for command in in_fences.chain(rest.iter().flat_map(|line| advice(line))) {
        check_command(command, &mut files)?;
    }
    Ok(())
}

/// The commands of Git that a line of text says to run, and does not just speak of.
fn advice(line: &str) -> impl Iterator<Item = &str> {
    let lower = line.to_lowercase();
    let says = |words: &[&str]| {
        lower.split(|letter: char| !letter.is_alphabetic()).any(|word| words.contains(&word))
    };
    let is_advice = says(&["run", "then", "also"]) && !says(&["but", "not", "same", "instead"]);
    line.split('`').skip(1).step_by(2).filter(move |code| is_advice && code.starts_with("git "))
}

/// The lines of a text without the tags that stand around changes: nothing is left between them.
fn without_wrappers<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let closes = |line: &str| line.trim_start().starts_with("</");
    let opens = |line: &str| line.trim_start().starts_with('<') && line.trim_end().ends_with('>');
    let (mut left, mut is_end) = (Vec::new(), true);
    for line in lines.iter().rev() {
        is_end = closes(line) || (is_end && opens(line));
        if !is_end {
            left.push(*line);
        }
    }
    left.reverse();
    left
}

/// Refuses a reply of which only some blocks to search and replace can be read, and one that says
/// besides them that there is nothing to change.
fn check_blocks(reply: &Extract<'_>) -> Result<(), Refusal> {
    if declines(&reply.rest) {
        let message = "the reply says that there is nothing to change, and holds a change";
        return Err(Refusal::new(Reason::Ambiguous, message).remedy(Remedy::One));
    }
    let is_block = |region: &Region<'_>| matches!(region.form, Form::Block { .. });
    let unread = reply.unread.iter().flat_map(|unread| unread.lines.iter().copied());
    let shown = reply.illustrations.iter().flat_map(|block| block.lines.iter().copied());
    let mut left = unread.chain(shown).chain(reply.rest.lines());
    if reply.regions.iter().any(is_block) && left.any(search_replace::nearly_opens) {
        return Err(Refusal::new(
            Reason::Malformed,
            "the reply holds a block to search and replace whose marks are not those of the others",
        ));
    }
    Ok(())
}

/// Refuses hunks beside a change that name no file: they may be a part of it.
fn check_hunks(block: &Region<'_>, sections: &[Section]) -> Result<(), Refusal> {
    // The same lines once more show what was changed.
    let said: HashSet<_> = sections
        .iter()
        .flat_map(|section| &section.hunks)
        .flat_map(|hunk| &hunk.lines)
        .map(|line| (line.kind, line.text.trim_end()))
        .collect();
    let is_said = |line: &&str| match line.split_at_checked(1) {
        Some(("+", text)) => said.contains(&(Kind::Added, text.trim_end())),
        Some(("-", text)) => said.contains(&(Kind::Removed, text.trim_end())),
        _ => true,
    };
    if block.lines.iter().all(is_said) {
        return Ok(());
    }
    let message = "the reply holds hunks beside its change that name no file";
    Err(Refusal::new(Reason::Malformed, message))
}

/// Refuses lines of a file that the reply shows beside its change, if they are not there: they may
/// be a part of it.
fn check_shown(name: &str, lines: &[&str], files: &mut Lookup<'_>) -> Result<(), Refusal> {
    let is_path = check_path(name).is_ok() && name.contains(['/', '.']);
    if !is_path || files.is_changed(name) {
        return Ok(());
    }
    let message = match files.entry(name)? {
        // A name with a full stop can be that of something in a program.
        Entry::Missing if title::is_path(name) && (name.contains('/') || files.is_alike(name)) => {
            "the reply shows this file, which is not there, beside its change, and it cannot be told whether it belongs to that"
        }
        Entry::File(content) if !shows(lines, &content.bytes) => {
            "the reply shows this file otherwise than it is, beside its change, and it cannot be told whether that belongs to it"
        }
        _ => return Ok(()),
    };
    Err(Refusal::new(Reason::Ambiguous, message).remedy(Remedy::One).file(name))
}

/// Whether lines are those of a file as it is, in its order, with others between them left out or
/// not.
fn shows(lines: &[&str], file: &[u8]) -> bool {
    let mut file = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let mut said = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
    let is_remark = |line: &str| is_elision(line) || title::in_comment(line).is_some();
    said.all(|line| is_remark(line) || file.any(|other| other == line.as_bytes()))
}

fn is_shell(unread: &Unread<'_>) -> bool {
    SHELLS.contains(&unread.title.language().as_str())
}

/// Refuses a reply that says to run a command which changes a file of the project, or makes one.
fn check_command(line: &str, files: &mut Lookup<'_>) -> Result<(), Refusal> {
    let refusal = |command: &str| {
        let command = command.trim();
        let message = format!(
            "the reply says to run `{command}` beside its change, and only its change is made"
        );
        Refusal::new(Reason::Malformed, message).remedy(Remedy::Command)
    };
    let writes = |command: &&str| line.trim_start().starts_with(*command);
    if line.contains("<<") && ["cat >", "tee "].iter().any(writes) {
        return Err(refusal(line));
    }
    // What is quoted is of one command.
    let is_end = |letter: char| matches!(letter, '&' | ';' | '|') && !line.contains(['"', '\'']);
    for command in line.split(is_end) {
        let mut words = command.split_whitespace().skip_while(|word| matches!(*word, "$" | "sudo"));
        let mut behind = words.clone().skip_while(|word| !matches!(*word, ">" | ">>")).skip(1);
        let mut removes = false;
        let arguments: Vec<_> = match words.next() {
            Some("git") if matches!(words.next(), Some("mv" | "rm")) => {
                removes = true;
                words.collect()
            }
            Some("mv" | "rm" | "unlink" | "Remove-Item" | "Move-Item") => {
                removes = true;
                words.collect()
            }
            Some("chmod") => words.collect(),
            Some("sed" | "perl") if words.clone().any(edits_in_place) => words.collect(),
            // A file that is there needs no touch.
            Some("touch") if words.clone().any(|name| !files.is_changed(name)) => {
                return Err(refusal(command));
            }
            _ => behind.next().into_iter().collect(),
        };
        for name in arguments {
            let name = name.trim_matches(['\'', '"']);
            let name = name.strip_prefix("./").unwrap_or(name).trim_end_matches('/');
            // What the change does itself may be told once more as a command.
            let is_done = if removes { files.is_gone(name) } else { files.is_changed(name) };
            let is_other = check_path(name).is_ok() && !is_done;
            if is_other && !matches!(files.entry(name)?, Entry::Missing) {
                return Err(refusal(command).file(name));
            }
        }
    }
    Ok(())
}

/// Whether an option of sed or perl has it change its files.
fn edits_in_place(word: &str) -> bool {
    word.starts_with("--in-place")
        || (word.starts_with('-') && !word.starts_with("--") && word.contains('i'))
}

impl<'a> Lookup<'a> {
    fn new(files: &'a dyn Files, rules: &'a Rules<'a>, sections: &'a [Section]) -> Self {
        let labels = sections.iter().flat_map(|section| [&section.old, &section.new]).flatten();
        let goes = |section: &&Section| matches!(section.action, Action::Delete | Action::Rename);
        let gone = sections.iter().filter(goes).flat_map(|section| &section.old);
        let gone = by_last(gone.flat_map(|label| label.names()));
        let names = labels.flat_map(|label| label.names());
        let ends = names.clone().filter_map(|name| name.rsplit_once('.')).map(|(_, end)| end);
        let (ends, changed) = (ends.collect(), by_last(names));
        Self { files, rules, left: MOST_LOOKED_UP, changed, gone, ends }
    }

    /// Whether the change is about a file of this name.
    fn is_changed(&self, name: &str) -> bool {
        holds(&self.changed, name)
    }

    /// Whether the change removes or renames a file of this name.
    fn is_gone(&self, name: &str) -> bool {
        holds(&self.gone, name)
    }

    /// Whether a file that the change is about ends as a name does.
    fn is_alike(&self, name: &str) -> bool {
        label::has_extension(name)
            && name.rsplit_once('.').is_some_and(|(_, end)| self.ends.contains(end))
    }

    fn entry(&mut self, name: &str) -> Result<Entry, Refusal> {
        let message = "the reply names too many files beside its change";
        self.left =
            self.left.checked_sub(1).ok_or_else(|| Refusal::new(Reason::TooLarge, message))?;
        let inner = self.rules.inner(self.files, name)?;
        paths::entry(self.files, inner.unwrap_or(name))
    }
}

/// Names by their last components.
fn by_last<'a>(names: impl Iterator<Item = &'a String>) -> HashMap<&'a str, HashSet<&'a str>> {
    let mut by_last = HashMap::<_, HashSet<_>>::new();
    for name in names {
        by_last.entry(last(name)).or_default().insert(name.as_str());
    }
    by_last
}

/// Whether one of the names ends with the components of this one.
fn holds(names: &HashMap<&str, HashSet<&str>>, name: &str) -> bool {
    let is_same = |other: &&str| {
        other.strip_suffix(name).is_some_and(|above| above.is_empty() || above.ends_with('/'))
    };
    names.get(last(name)).is_some_and(|named| named.iter().any(is_same))
}
