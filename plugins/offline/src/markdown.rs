//! Markdown, as far as it must be understood to tell prose from everything else.

use std::ops::Range;

/// A line of a text, without its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Where it is, in bytes.
    pub(crate) range: Range<usize>,
    /// Whether it belongs to code, to the front matter or to an indented block.
    pub(crate) is_code: bool,
}

/// What is open at the end of a line and goes on in the next one.
#[derive(Debug, Default)]
pub(crate) struct Inline {
    /// The number of backticks that began a code span.
    code: usize,
    /// Within `<…>`.
    tag: bool,
    /// Within `<!-- … -->`.
    comment: bool,
    /// Within `[…]`, so deep.
    brackets: usize,
}

/// The lines of `text`.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut at = 0;
    let mut fence: Option<(char, usize)> = None;
    let mut front_matter = has_front_matter(text);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let content = line.trim_end_matches(['\r', '\n']);
        let trimmed = content.trim_start_matches([' ', '\t', '>']);
        let indented = content.starts_with("    ") || content.starts_with('\t');
        let run = |mark: char| trimmed.chars().take_while(|found| *found == mark).count();
        let mut is_code = indented || front_matter || fence.is_some();
        if front_matter {
            front_matter = number == 0 || (content != "---" && content != "...");
        } else if let Some((mark, length)) = fence {
            if run(mark) >= length && trimmed.trim_start_matches(mark).trim().is_empty() {
                fence = None;
            }
        } else if let Some(mark) = ['`', '~'].into_iter().find(|mark| run(*mark) >= 3)
            // A code span that begins with three backticks ends on the same line.
            && !(mark == '`' && trimmed.trim_start_matches('`').contains('`'))
        {
            fence = Some((mark, run(mark)));
            is_code = true;
        }
        lines.push(Line { range: at..at + content.len(), is_code });
        at += line.len();
    }
    lines
}

/// Whether `text` begins with settings for a site generator.
pub(crate) fn has_front_matter(text: &str) -> bool {
    let mut lines = text.lines();
    lines.next().is_some_and(|line| line.trim_end() == "---")
        && lines.take(200).any(|line| matches!(line.trim_end(), "---" | "..."))
}

/// The pieces of `line` that are plain prose: no code, no link's text or target, no tag. `state`
/// carries on to the next line.
pub(crate) fn prose(line: &str, state: &mut Inline) -> Vec<Range<usize>> {
    if line.trim().is_empty() {
        // A paragraph ends, and with it everything but a comment.
        *state = Inline { comment: state.comment, ..Inline::default() };
        return Vec::new();
    }
    let bytes = line.as_bytes();
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    while let (Some(byte), Some(rest)) = (bytes.get(at), bytes.get(at..)) {
        let run = rest.iter().take_while(|byte| **byte == b'`').count();
        let length = match byte {
            _ if state.comment => {
                state.comment = !rest.starts_with(b"-->");
                if state.comment { 1 } else { 3 }
            }
            _ if state.code > 0 => {
                if run == state.code {
                    state.code = 0;
                }
                run.max(1)
            }
            _ if run > 0 => {
                state.code = run;
                run
            }
            b'\\' if rest.get(1).is_some_and(u8::is_ascii_punctuation) => 2,
            _ if state.tag => {
                state.tag = *byte != b'>';
                1
            }
            b'<' if rest.starts_with(b"<!--") => {
                state.comment = true;
                4
            }
            b'<' if rest.get(1).is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'/') => {
                state.tag = true;
                1
            }
            b'[' => {
                state.brackets += 1;
                1
            }
            b']' => {
                state.brackets = state.brackets.saturating_sub(1);
                // The target of a link follows at once.
                1 + rest.get(1..).and_then(target_length).unwrap_or_default()
            }
            _ if state.brackets > 0 => 1,
            _ => {
                match pieces.last_mut() {
                    Some(piece) if piece.end == at => piece.end = at + 1,
                    _ => pieces.push(at..at + 1),
                }
                1
            }
        };
        at += length;
    }
    pieces
}

/// The length of `(…)` or `: …` after a closing bracket.
fn target_length(rest: &[u8]) -> Option<usize> {
    match rest.first()? {
        b':' => Some(rest.len()),
        b'(' => {
            let mut depth = 0_usize;
            let close = rest.iter().position(|byte| {
                depth = match byte {
                    b'(' => depth + 1,
                    b')' => depth - 1,
                    _ => depth,
                };
                depth == 0
            });
            Some(close.map_or(rest.len(), |close| close + 1))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prose_of(text: &str) -> String {
        let mut state = Inline::default();
        let lines = lines(text).into_iter().filter(|line| !line.is_code);
        let pieces = lines.map(|line| {
            let line = &text[line.range];
            prose(line, &mut state)
                .into_iter()
                .map(|piece| &line[piece])
                .collect::<Vec<_>>()
                .join("|")
        });
        pieces.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn code_links_and_tags_are_no_prose() {
        assert_eq!(prose_of("a `b` c ``d ` e`` f"), "a | c | f");
        assert_eq!(
            prose_of("see [text](target(1)) or <https://x> and <b>bold</b>"),
            "see | or | and |bold"
        );
        assert_eq!(prose_of("[label]: target \"title\"\n- [ ] task"), "\n- | task");
        assert_eq!(prose_of("a `b\nc` d <!-- e\n\nf --> g"), "a \n d \n\n g");
        assert_eq!(
            prose_of("---\ntitle: x\n---\na\n```sh\nb\n```\nc\n    d\n~~~\n```\n~~~\n"),
            "a\nc"
        );
    }
}
