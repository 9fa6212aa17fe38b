//! Numbers of lines that were pasted with them.

use crate::patch::text::{Edit, Text};

/// How many lines on each side show that lines of the file begin with numbers of its own, such as
/// keys.
const NEAR: usize = 8;

/// Whether all lines of an edit begin with the numbers that they get in the file, and those that
/// they replace and those around do not begin like that.
pub(super) fn is_numbered(text: &Text<'_>, edit: &Edit) -> bool {
    let said = |line: &[u8]| !line.trim_ascii().is_empty();
    let begins = |line: &[u8]| number(line).is_some();
    let near = edit.start.saturating_sub(NEAR)..edit.end + NEAR;
    edit.lines.iter().any(|line| said(&line.text))
        && edit
            .lines
            .iter()
            .enumerate()
            .all(|(at, line)| !said(&line.text) || number(&line.text) == Some(edit.start + at + 1))
        && !near.into_iter().any(|at| begins(text.line(at)))
}

/// The number that a line begins with, if a mark and a blank stand behind it.
fn number(line: &[u8]) -> Option<usize> {
    let line = line.trim_ascii_start();
    let digits = line.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = str::from_utf8(&line[..digits]).ok()?.parse().ok()?;
    match &line[digits..] {
        [b':' | b'|'] | [b':' | b'|', b' ' | b'\t', ..] | [b' ', b'|', ..] => Some(number),
        _ => None,
    }
}
