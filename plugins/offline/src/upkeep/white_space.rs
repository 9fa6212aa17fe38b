//! White space that does nothing: at the end of lines, a missing end of the last line, a byte order
//! mark before plain ASCII.

use std::ops::ControlFlow;

use pimainteno_core::Result;

use super::{Edit, Edits, editor_config::EditorConfig};
use crate::{
    comments::{self, Kind},
    files::{self, File, Files},
    languages::{self, Dialect, Language, Syntax},
    markdown,
};

const BYTE_ORDER_MARK: char = '\u{feff}';

/// What begins a comment that documents something.
const DOCUMENTATION: [&str; 4] = ["///", "//!", "/**", "/*!"];

/// Finds stray white space.
pub(super) fn find(files: &Files, edits: &mut Edits) -> Result<()> {
    let editor_config = EditorConfig::read(files);
    files.walk(is_wanted, |file, text| {
        let forbidden = |key| editor_config.any(&file.path, key, |value| value == "false");
        let (trim, end) =
            (!forbidden("trim_trailing_whitespace"), !forbidden("insert_final_newline"));
        for edit in in_text(&file.path, text, trim, end) {
            if !edits.add(&file.path, text, edit) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// Whether white space means nothing in the file: where strings are not understood, it may.
pub(super) fn is_wanted(file: &File) -> bool {
    let understood =
        languages::is_prose(&file.path) || languages::of(&file.path).and_then(lexed).is_some();
    understood && file.is_kept_by_hand() && !(file.is_in_tests() && languages::is_prose(&file.path))
}

/// The syntax of `language` if all of its strings are found for certain.
fn lexed(language: &'static Language) -> Option<&'static Syntax> {
    language
        .syntax
        .filter(|syntax| matches!(syntax.dialect, Dialect::Plain | Dialect::Rust | Dialect::Cpp))
}

fn in_text(path: &str, text: &str, trim: bool, end: bool) -> Vec<Edit> {
    if text.trim().is_empty() || files::is_generated(text) {
        return Vec::new();
    }
    let syntax = languages::of(path).and_then(lexed);
    let spans = syntax.map(|syntax| comments::spans(text, syntax)).unwrap_or_default();
    // The comment or string around a place; they are sorted and apart.
    let around = |at: usize| {
        let index = spans.partition_point(|span| span.range.start < at).checked_sub(1)?;
        spans.get(index).filter(|span| at <= span.range.end)
    };
    let in_string =
        |at: usize| around(at).is_some_and(|span| span.kind == Kind::String && at < span.range.end);
    // The comments that a program makes pages of are often written in Markdown.
    let in_documentation = |at: usize| {
        let comment = around(at)
            .filter(|span| span.kind != Kind::String)
            .and_then(|span| text.get(span.range.clone()));
        comment.is_some_and(|comment| DOCUMENTATION.iter().any(|mark| comment.starts_with(mark)))
    };
    let mut edits = Vec::new();
    if let Some(rest) =
        text.strip_prefix(BYTE_ORDER_MARK).filter(|rest| syntax.is_some() && rest.is_ascii())
    {
        edits.push(Edit {
            range: 0..text.len() - rest.len(),
            replacement: String::new(),
            note: "no byte order mark".into(),
        });
    }
    let is_markdown = languages::is_markdown(path);
    for line in markdown::lines(text).into_iter().filter(|_| trim) {
        let content = text.get(line.range.clone()).unwrap_or_default();
        let kept = content.trim_end_matches([' ', '\t']);
        let stray = kept.len() < content.len();
        // Two blanks break a line in Markdown, and what is in its code may be there to be seen.
        let breaks_line = !kept.is_empty() && content.len() - kept.len() > 1;
        let means_something = (is_markdown && line.is_code)
            || (breaks_line && (is_markdown || in_documentation(line.range.end)));
        // A blank after the last backslash keeps it from joining lines.
        if stray && !means_something && !kept.ends_with('\\') && !in_string(line.range.end) {
            let range = line.range.start + kept.len()..line.range.end;
            edits.push(Edit {
                range,
                replacement: String::new(),
                note: "no white space at the end of lines".into(),
            });
        }
    }
    let open_string = around(text.len()).is_some_and(|span| span.kind == Kind::String);
    if end && !text.ends_with('\n') && !open_string {
        let line_end = if text.contains("\r\n") { "\r\n" } else { "\n" };
        edits.push(Edit {
            range: text.len()..text.len(),
            replacement: line_end.into(),
            note: "an end for the last line".into(),
        });
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(path: &str, text: &str) -> String {
        let mut cleaned = text.to_owned();
        for edit in in_text(path, text, true, true).into_iter().rev() {
            cleaned.replace_range(edit.range, &edit.replacement);
        }
        cleaned
    }

    #[test]
    fn white_space_that_means_something_stays() {
        assert_eq!(
            cleaned("a.rs", "fn a() { \n\t\n let b = \"c \nd\"; // e \r\n}"),
            "fn a() {\n\n let b = \"c \nd\"; // e\r\n}\r\n"
        );
        assert_eq!(
            cleaned("a.md", "one  \ntwo \n \n```\nthree \n```"),
            "one  \ntwo\n\n```\nthree \n```\n"
        );
        assert_eq!(cleaned("a.c", "#define A \\ \n 1\n"), "#define A \\ \n 1\n");
        assert_eq!(cleaned("a.rs", "/// a  \n/// b \n// c  \n"), "/// a  \n/// b\n// c\n");
        assert_eq!(cleaned("a.py", "\u{feff}a = '''b \n''' \n"), "a = '''b \n'''\n");
        assert_eq!(cleaned("a.py", "\u{feff}a = 'é'\n"), "\u{feff}a = 'é'\n");
        for untouched in ["", " ", "a\n"] {
            assert_eq!(cleaned("a.txt", untouched), untouched);
        }
    }
}
