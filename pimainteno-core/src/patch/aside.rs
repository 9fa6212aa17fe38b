//! Parts of a reply that are not its answer: what a model thought, and comments.

use super::fence::Fence;

/// Tags that models put around what they think before they answer.
const THOUGHTS: [&str; 7] =
    ["think", "thinking", "thought", "thoughts", "reasoning", "analysis", "scratchpad"];

/// The line that ends what begins with a line which stands in no fence; both stand on lines of their
/// own.
pub(super) fn end_of(line: &str) -> Option<String> {
    let line = line.trim();
    if line == "<!--" {
        return Some("-->".into());
    }
    let tag = line.strip_prefix('<')?.strip_suffix('>')?;
    let tag = THOUGHTS.iter().find(|thought| tag.eq_ignore_ascii_case(thought))?;
    Some(format!("</{tag}>"))
}

/// The text behind what the model thought before it answered, once or several times. Some templates
/// swallow the tag in front of it.
pub(super) fn without_thoughts(text: &str) -> &str {
    let mut text = text;
    loop {
        let start = text.trim_start();
        let behind = THOUGHTS.iter().find_map(|tag| {
            let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
            let begins = start.get(..open.len()).is_some_and(|it| it.eq_ignore_ascii_case(&open));
            let end = begins.then(|| find_ignoring_case(start, &close)).flatten()?;
            Some(&start[end + close.len()..])
        });
        match behind {
            Some(rest) => text = rest,
            None => break,
        }
    }
    // On a line of its own, and in no fence: otherwise it is text.
    match text.split_once("\n</think>\n") {
        Some((before, rest)) if !before.contains("<think>") && !ends_in_fence(before) => rest,
        _ => text,
    }
}

/// Whether a text ends within a fence.
fn ends_in_fence(text: &str) -> bool {
    let mut open: Option<Fence<'_>> = None;
    for line in text.lines() {
        open = match open {
            Some(fence) if fence.is_closed_by(line) => None,
            Some(fence) => Some(fence),
            None => Fence::open(line),
        };
    }
    open.is_some()
}

/// Where a text of ASCII begins in another one, in capitals or not.
fn find_ignoring_case(text: &str, wanted: &str) -> Option<usize> {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    text.windows(wanted.len()).position(|window| window.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_no_answer_are_told_from_text() {
        let rows = [
            ("<think>", Some("</think>")),
            (" <THINK> ", Some("</think>")),
            ("<!--", Some("-->")),
            ("<details>", None),
            ("<thinker>", None),
            ("a <think>", None),
            ("<!-- x -->", None),
            ("<é", None),
            ("", None),
        ];
        for (line, expected) in rows {
            assert_eq!(end_of(line).as_deref(), expected, "{line}");
        }
    }
}
