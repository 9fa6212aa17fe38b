//! Files whose lines end in two ways.

use std::ops::ControlFlow;

use pimainteno_core::Result;

use super::{Edit, Edits, editor_config::EditorConfig, white_space};
use crate::files::{self, Files};

/// Finds lines that end unlike most of their file.
pub(super) fn find(files: &Files, edits: &mut Edits) -> Result<()> {
    let editor_config = EditorConfig::read(files);
    files.walk(
        |file| {
            white_space::is_wanted(file)
                && !file.attributes.line_ends
                && !editor_config.any(&file.path, "end_of_line", |_| true)
        },
        |file, text| {
            for edit in in_text(text) {
                if !edits.add(&file.path, text, edit) {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        },
    )?;
    Ok(())
}

fn in_text(text: &str) -> Vec<Edit> {
    let windows = text.matches("\r\n").count();
    let unix = text.matches('\n').count() - windows;
    if windows == 0 || unix == 0 || files::is_generated(text) {
        return Vec::new();
    }
    let to_windows = windows > unix;
    let mut edits = Vec::new();
    for (at, _) in text.match_indices('\n') {
        let is_windows = at > 0 && text.as_bytes().get(at - 1) == Some(&b'\r');
        if is_windows != to_windows {
            let (range, replacement, note) = if to_windows {
                (at..at, "\r", "LF -> CRLF")
            } else {
                (at - 1..at, "", "CRLF -> LF")
            };
            edits.push(Edit { range, replacement: replacement.into(), note: note.into() });
        }
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_wins() {
        let unified = |text: &str| {
            let mut unified = text.to_owned();
            for edit in in_text(text).into_iter().rev() {
                unified.replace_range(edit.range, &edit.replacement);
            }
            unified
        };
        assert_eq!(unified("a\r\nb\nc\n"), "a\nb\nc\n");
        assert_eq!(unified("\na\r\nb\r\n"), "\r\na\r\nb\r\n");
        assert_eq!(unified("a\nb\r\n"), "a\nb\n");
        assert_eq!(unified("a\r\n"), "a\r\n");
    }
}
