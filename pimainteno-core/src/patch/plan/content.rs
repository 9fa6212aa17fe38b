//! What a section says of a file as a whole.

use crate::patch::{
    change::{Kind, Section},
    locate::Fit,
    refusal::{Reason, Refusal},
    text::Text,
};

/// What a section makes a new file of.
pub(super) fn new_content(section: &Section) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    if section.hunks.len() > 1 {
        return Err(Refusal::new(Reason::Malformed, "the new file is made of several hunks"));
    }
    let lines = section.hunks.iter().flat_map(|hunk| &hunk.lines);
    let last = section.hunks.last().map_or(0, |hunk| hunk.lines.len()).saturating_sub(1);
    for (number, line) in lines.enumerate() {
        match line.kind {
            Kind::Added => {}
            // An empty line that lost its marker.
            Kind::Context if line.text.trim().is_empty() => {}
            _ => {
                return Err(Refusal::new(
                    Reason::Malformed,
                    format!("the new file has a line that is not added: {:?}", line.text),
                ));
            }
        }
        let text = if line.kind == Kind::Added { line.text.as_str() } else { "" };
        bytes.extend_from_slice(text.as_bytes());
        if line.carriage_return {
            bytes.push(b'\r');
        }
        if !(line.bare && number == last) {
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}

/// Refuses the deletion of a file that says something else than what is deleted.
pub(super) fn check_deleted(section: &Section, content: &[u8]) -> Result<(), Refusal> {
    if section.hunks.is_empty() {
        return Ok(());
    }
    let text = Text::new(content);
    let lines: Vec<_> = section.hunks.iter().flat_map(|hunk| &hunk.lines).collect();
    if lines.iter().any(|line| line.kind == Kind::Added && !line.text.trim().is_empty()) {
        return Err(Refusal::new(
            Reason::Malformed,
            "the reply deletes the file and adds lines to it",
        ));
    }
    let says = |line: &[u8]| Fit::Blanks.key(line).into_owned();
    let deleted: Vec<_> =
        lines.iter().filter(|line| line.is_old()).map(|line| says(line.text.as_bytes())).collect();
    let real: Vec<_> = text.lines().map(says).collect();
    if deleted == real {
        return Ok(());
    }
    let first = deleted
        .iter()
        .zip(&real)
        .position(|(deleted, real)| deleted != real)
        .unwrap_or(deleted.len().min(real.len()));
    let message = format!(
        "the file to delete says something else than the reply, from line {} on",
        first + 1
    );
    Err(Refusal::new(Reason::NotFound, message).places(
        &text,
        &[first.min(real.len().saturating_sub(1))],
        1,
    ))
}
