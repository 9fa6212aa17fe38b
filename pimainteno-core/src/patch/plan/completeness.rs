//! Whether all of a reply that may belong to its change is read.

use std::collections::HashSet;

use crate::patch::{
    change::{Kind, Section},
    extract::{Form, Region},
    files::{Entry, Files},
    message::declines,
    paths::{self, check_path},
    refusal::{Reason, Refusal},
    search_replace, whole_file,
};

/// Refuses a reply of which only some blocks to search and replace can be read, and one that says
/// besides them, `rest`, that there is nothing to change.
pub(super) fn check_blocks(text: &str, rest: &str, regions: &[Region<'_>]) -> Result<(), Refusal> {
    if declines(rest) {
        let message = "the reply says that there is nothing to change, and holds a change";
        return Err(Refusal::new(Reason::Ambiguous, message));
    }
    let blocks = regions.iter().filter(|region| matches!(region.form, Form::Block { .. })).count();
    let inside = regions.iter().filter(|region| !matches!(region.form, Form::Block { .. }));
    let inside = inside.flat_map(|region| &region.lines);
    let opened = |lines: &mut dyn Iterator<Item = &str>| {
        lines.filter(|line| search_replace::nearly_opens(line)).count()
    };
    let content = opened(&mut inside.copied());
    if blocks > 0 && opened(&mut text.lines()) > blocks + content {
        return Err(Refusal::new(
            Reason::Malformed,
            "the reply holds a block to search and replace whose marks are not those of the others",
        ));
    }
    Ok(())
}

/// Refuses a reply that shows all of a file beside its change, where there is no such file, or
/// hunks: both may be a part of it.
pub(super) fn check_illustration(
    block: &Region<'_>,
    sections: &[Section],
    files: &dyn Files,
) -> Result<(), Refusal> {
    if block.form == Form::Hunks {
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
        return Err(Refusal::new(
            Reason::Malformed,
            "the reply holds hunks beside its change that name no file",
        ));
    }
    let Some(name) = whole_file::name(&block.title, &block.lines) else { return Ok(()) };
    let is_changed = sections
        .iter()
        .flat_map(|section| [&section.old, &section.new])
        .flatten()
        .any(|label| label.names().iter().any(|other| other.ends_with(&name)));
    let is_path = check_path(&name).is_ok() && name.contains(['/', '.']);
    if is_changed || !is_path || !matches!(paths::entry(files, &name)?, Entry::Missing) {
        return Ok(());
    }
    let message = "the reply shows this file, which is not there, beside its change, and it cannot be told whether it belongs to that";
    Err(Refusal::new(Reason::Ambiguous, message).file(&name))
}
