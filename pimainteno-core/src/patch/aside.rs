//! Parts of a reply that stand apart from its answer: what a model thought, comments, and what is
//! folded away.

/// Tags that models put around what they think before they answer.
const THOUGHTS: [&str; 7] =
    ["think", "thinking", "thought", "thoughts", "reasoning", "analysis", "scratchpad"];

/// How a part is meant that stands apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    /// Nobody is to read it.
    Dropped,
    /// It is shown to whoever wants to see it: a change in it is meant where nothing else is.
    Folded,
}

/// What begins with a line that stands in no fence, and the line that ends it; both stand on lines
/// of their own.
pub(super) fn opens(line: &str) -> Option<(Aside, String)> {
    let line = line.trim();
    if line == "<!--" {
        return Some((Aside::Dropped, "-->".into()));
    }
    let tag = line.strip_prefix('<')?;
    if let Some((name, behind)) = tag.split_at_checked("details".len())
        && name.eq_ignore_ascii_case("details")
        && behind.starts_with(['>', ' '])
    {
        return Some((Aside::Folded, "</details>".into()));
    }
    let tag = tag.strip_suffix('>')?;
    let tag = THOUGHTS.iter().find(|thought| tag.eq_ignore_ascii_case(thought))?;
    Some((Aside::Dropped, format!("</{tag}>")))
}

/// The text behind what the model thought before it answered, once or several times. Some templates
/// swallow the tag in front of it.
pub(super) fn without_thoughts(text: &str) -> &str {
    let mut text = text;
    // Tags that nothing closes any more: what is left is not searched again for each of very many.
    let mut unclosed = Vec::new();
    loop {
        let start = text.trim_start();
        let begins = |tag: &&&str| {
            let tag = format!("<{tag}>");
            start.get(..tag.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(&tag))
        };
        let opened = THOUGHTS.iter().find(begins).filter(|tag| !unclosed.contains(tag));
        if let Some(tag) = opened {
            let close = format!("</{tag}>");
            match find_ignoring_case(start, &close) {
                Some(end) => text = &start[end + close.len()..],
                None => unclosed.push(tag),
            }
            continue;
        }
        // On a line of its own: within one, it is text.
        match start.split_once("\n</think>\n") {
            Some((before, rest)) if !before.contains("<think>") => text = rest,
            _ => return text,
        }
    }
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
    fn parts_that_stand_apart_are_told_from_text() {
        let rows = [
            ("<think>", Some((Aside::Dropped, "</think>"))),
            (" <THINK> ", Some((Aside::Dropped, "</think>"))),
            ("<!--", Some((Aside::Dropped, "-->"))),
            ("<details>", Some((Aside::Folded, "</details>"))),
            ("<Details open><summary>All</summary>", Some((Aside::Folded, "</details>"))),
            ("<thinker>", None),
            ("<detailsx>", None),
            ("a <think>", None),
            ("<!-- x -->", None),
            ("<é", None),
            ("", None),
        ];
        for (line, expected) in rows {
            let found = opens(line);
            assert_eq!(found.as_ref().map(|(aside, end)| (*aside, &**end)), expected, "{line}");
        }
    }
}
