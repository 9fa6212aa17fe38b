//! The prose of a file: that of a text for people, or that of the comments of source text.

use std::ops::Range;

use crate::{
    comments::{self, Kind},
    languages::{self, Language, Syntax},
    markdown::{self, Inline},
};

/// A paragraph or a comment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Block {
    /// Its prose, in bytes of the file; code, links and the like are between the pieces.
    pub(super) pieces: Vec<Range<usize>>,
}

/// The blocks of prose of the file at `path`; none if its language is not known well enough.
pub(super) fn blocks(path: &str, text: &str) -> Vec<Block> {
    match languages::of(path) {
        Some(Language { name: "Markdown" | "Text" | "reStructuredText", .. }) => {
            paragraphs(path, text)
        }
        Some(Language { syntax: Some(syntax), .. }) => in_comments(text, syntax),
        _ => Vec::new(),
    }
}

/// The paragraphs of a text for people.
fn paragraphs(path: &str, text: &str) -> Vec<Block> {
    let is_markdown = languages::is_markdown(path);
    let mut state = Inline::default();
    let mut blocks = vec![Block::default()];
    let lines = markdown::lines(text);
    for (number, line) in lines.iter().enumerate() {
        let content = text.get(line.range.clone()).unwrap_or_default();
        if content.trim().is_empty() {
            blocks.push(Block::default());
        }
        let pieces = markdown::prose(content, &mut state);
        // An underline must be as long as its title.
        let underlined =
            lines.get(number + 1).and_then(|next| text.get(next.range.clone())).is_some_and(
                |next| next.len() >= 3 && next.bytes().all(|byte| byte.is_ascii_punctuation()),
            );
        let is_markup = !is_markdown
            && (underlined
                || content.starts_with(' ')
                || content.starts_with(".. ")
                || content.contains('|'));
        if !line.is_code && !is_markup && !speaks_of_spelling(content) {
            add(&mut blocks, line.range.start, pieces);
        }
    }
    blocks.retain(|block| !block.pieces.is_empty());
    blocks
}

/// The comments of source text.
fn in_comments(text: &str, syntax: &Syntax) -> Vec<Block> {
    let mut blocks = vec![Block::default()];
    let mut lines: Vec<Range<usize>> = Vec::new();
    let mut end = 0;
    for span in comments::spans(text, syntax).into_iter().filter(|span| span.kind != Kind::String) {
        let gap = text.get(end..span.range.start).unwrap_or_default();
        let continues = span.kind == Kind::LineComment
            && gap.trim().is_empty()
            && gap.matches('\n').count() < 2;
        if !continues {
            close(text, &mut lines, &mut blocks);
        }
        end = span.range.end;
        let mut at = span.range.start;
        for line in text.get(span.range).unwrap_or_default().split_inclusive('\n') {
            lines.push(at..at + line.trim_end_matches(['\r', '\n']).len());
            at += line.len();
        }
    }
    close(text, &mut lines, &mut blocks);
    blocks.retain(|block| !block.pieces.is_empty());
    blocks
}

/// Makes a block of the lines of a comment.
fn close(text: &str, lines: &mut Vec<Range<usize>>, blocks: &mut Vec<Block>) {
    let lines = std::mem::take(lines);
    blocks.push(Block::default());
    let is_legal = |line: &Range<usize>| {
        text.get(line.clone())
            .is_some_and(|line| line.contains("opyright") || line.contains("SPDX"))
    };
    if lines.iter().any(is_legal) {
        return;
    }
    let mut state = Inline::default();
    let mut in_fence = false;
    for line in lines {
        let content = text.get(line.clone()).unwrap_or_default();
        let unmarked = content.trim_start().trim_start_matches(['/', '*', '!', '#', ';', '-']);
        let start = line.start + content.len() - unmarked.len();
        let unmarked = unmarked.trim_end().trim_end_matches("*/");
        let inner = unmarked.trim_start();
        let is_fence = inner.starts_with("```") || inner.starts_with("~~~");
        in_fence ^= is_fence;
        if is_fence {
            continue;
        }
        let pieces = markdown::prose(unmarked, &mut state);
        let indented = unmarked.len() - inner.len() >= 5;
        if !in_fence && !indented && !looks_like_code(inner) && !speaks_of_spelling(inner) {
            add(blocks, start, pieces);
        }
    }
}

fn add(blocks: &mut [Block], offset: usize, pieces: Vec<Range<usize>>) {
    if let Some(block) = blocks.last_mut() {
        block
            .pieces
            .extend(pieces.into_iter().map(|piece| piece.start + offset..piece.end + offset));
    }
}

/// Whether a line of a comment has what code has and sentences have not.
fn looks_like_code(line: &str) -> bool {
    line.contains(['{', '}', '=', '<', '>', '|', '\\', '$', '^', '~', '@'])
        || ["()", "::", "->", "//", "&&", "[]", "%s", "%d"].iter().any(|mark| line.contains(mark))
        || line.trim_end().ends_with(';')
}

/// Whether a line speaks of misspellings, and so must keep them.
fn speaks_of_spelling(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    ["typo", "spell", "spelt", "(sic)", "[sic]"].iter().any(|word| line.contains(word))
}
