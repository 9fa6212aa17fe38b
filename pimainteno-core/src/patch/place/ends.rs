//! Whether a reply tells how lines end.

use std::collections::HashSet;

use super::Job;
use crate::patch::{
    change::{HunkLine, Kind},
    refusal::{Reason, Refusal},
    text::{End, Text},
};

/// Whether the lines that `jobs` add end as the reply shows, and not as those around them.
///
/// A file mostly has one kind of ends. A reply that shows others in lines which the file has, or
/// only in some of them, got them on its way here.
///
/// # Errors
/// [`Reason::Malformed`] if a file with one kind of ends would get the other one, in only some of
/// the lines, or in lines that do not change their ends.
pub(super) fn are_told(text: &Text<'_>, jobs: &[Job<'_>]) -> Result<bool, Refusal> {
    let lines = || jobs.iter().flat_map(|job| &job.hunk.lines);
    let added = || lines().filter(|line| line.kind == Kind::Added && !line.bare);
    if all(lines(), false) {
        return Ok(false);
    }
    let Some(end) = text.only_end() else { return Ok(true) };
    // The last line of a file may have no end.
    let old = lines().filter(|line| line.is_old() && !line.bare);
    if !all(old, end == End::CrLf) {
        return Ok(false);
    }
    if jobs.iter().all(|job| job.verbatim) {
        return Ok(true);
    }
    let is_one_kind = all(added(), true) || all(added(), false);
    let is_usual = |line: &&HunkLine| line.carriage_return == (end == End::CrLf);
    // Whoever changes an end shows the line with the other one, too.
    let removed: HashSet<_> =
        lines().filter(|line| line.kind == Kind::Removed).map(|line| line.text.as_str()).collect();
    let is_meant = added().all(|line| is_usual(&line))
        || added().any(|line| !is_usual(&line) && removed.contains(line.text.as_str()));
    if is_one_kind && is_meant {
        return Ok(true);
    }
    let number = jobs.iter().find(|job| job.hunk.lines.iter().any(|line| line.carriage_return));
    let message = "what it adds ends otherwise than the file, with a carriage return or without one, and not because that is changed";
    let refusal = Refusal::new(Reason::Malformed, message);
    Err(number.map_or(refusal.clone(), |job| refusal.hunk(job.number)))
}

/// Whether all lines are shown with a carriage return, or all without.
fn all<'l>(mut lines: impl Iterator<Item = &'l HunkLine>, with: bool) -> bool {
    lines.all(|line| line.carriage_return == with)
}
