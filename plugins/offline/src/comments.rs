//! Finds comments and strings in source text, without understanding anything else of it.
//!
//! It errs on the side of code: what may be code is not called a comment.

use std::ops::Range;

use crate::languages::{Dialect, Syntax};

/// A piece of source text that is not code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Where it is, in bytes, with its marks; a comment of one line ends before the line end.
    pub(crate) range: Range<usize>,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What a piece of source text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A comment that ends with its line.
    LineComment,
    /// A comment with a mark at its end.
    BlockComment,
    /// A string, or text that is not understood and must be taken for one.
    String,
}

/// The comments and strings of `text`, in order.
pub(crate) fn spans(text: &str, syntax: &Syntax) -> Vec<Span> {
    if syntax.dialect == Dialect::WholeLines {
        return whole_lines(text, syntax);
    }
    let mut spans = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let Some((length, kind)) = span_at(text, at, syntax) else {
            // A backslash takes the next character's meaning away, outside of strings too.
            at += if syntax.dialect == Dialect::Shell && text.as_bytes().get(at) == Some(&b'\\') {
                2
            } else {
                1
            };
            continue;
        };
        let end = (at + length.max(1)).min(text.len());
        spans.push(Span { range: at..end, kind });
        at = end;
    }
    spans
}

/// The length and kind of what begins at `at`, if it is not code.
fn span_at(text: &str, at: usize, syntax: &Syntax) -> Option<(usize, Kind)> {
    let rest = text.as_bytes().get(at..)?;
    let before = at.checked_sub(1).and_then(|index| text.as_bytes().get(index)).copied();
    let in_word = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if let Some((open, close)) = syntax.block
        && rest.starts_with(open.as_bytes())
    {
        return Some((
            block_length(rest, open.as_bytes(), close.as_bytes(), syntax.nested),
            Kind::BlockComment,
        ));
    }
    // `http://` in the text of a page is no comment, nor is `$#` or `a#b` in a shell.
    let may_comment = match syntax.dialect {
        Dialect::Script => before != Some(b':'),
        Dialect::Shell => before.is_none_or(|byte| byte.is_ascii_whitespace()),
        _ => true,
    };
    if may_comment && syntax.line.iter().any(|mark| rest.starts_with(mark.as_bytes())) {
        return Some((line_length(rest), Kind::LineComment));
    }
    let peculiar = match syntax.dialect {
        Dialect::Rust => raw_rust(rest, in_word).or_else(|| quoted_character(rest)),
        Dialect::Cpp => raw_cpp(rest, in_word),
        Dialect::Script => regular_expression(text, at),
        // What a here-document contains is for another program, and where it ends is not worth
        // knowing.
        Dialect::Shell => rest.starts_with(b"<<").then_some(rest.len()),
        Dialect::Plain | Dialect::WholeLines => None,
    };
    if let Some(length) = peculiar {
        return Some((length, Kind::String));
    }
    let quote = syntax.strings.iter().find(|quote| rest.starts_with(quote.mark.as_bytes()))?;
    // `1'000` and `don't` in the text of a page open no string.
    if quote.mark == "'" && in_word && syntax.dialect != Dialect::Shell && !is_prefix(text, at) {
        return None;
    }
    let close = quote.mark.strip_prefix('$').unwrap_or(quote.mark).as_bytes();
    let mut length = quote.mark.len();
    while let Some(byte) = rest.get(length) {
        match byte {
            b'\\' if quote.escapes => length += 2,
            // An open string of one line was none.
            b'\n' if !quote.multiline => return Some((length, Kind::String)),
            _ if rest.get(length..).is_some_and(|rest| rest.starts_with(close)) => {
                return Some((length + close.len(), Kind::String));
            }
            _ => length += 1,
        }
    }
    Some((length, Kind::String))
}

/// Whether the word before `at` is short enough to say what kind of string follows, as in `rb'…'`
/// or `u8'…'`.
fn is_prefix(text: &str, at: usize) -> bool {
    let word = text
        .as_bytes()
        .get(..at)
        .unwrap_or_default()
        .iter()
        .rev()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_');
    let letters: Vec<_> = word.take(4).map(u8::to_ascii_lowercase).collect();
    matches!(
        &letters[..],
        [b'r' | b'b' | b'u' | b'f' | b'l']
            | [b'r', b'b' | b'f' | b'u']
            | [b'b' | b'f', b'r']
            | [b'8', b'u']
    )
}

fn line_length(rest: &[u8]) -> usize {
    let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    if length > 0 && rest.get(length - 1) == Some(&b'\r') { length - 1 } else { length }
}

fn block_length(rest: &[u8], open: &[u8], close: &[u8], nested: bool) -> usize {
    let (mut depth, mut length) = (1, open.len());
    while let Some(rest) = rest.get(length..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with(close) {
            length += close.len();
            depth -= 1;
            if depth == 0 {
                return length;
            }
        } else if nested && rest.starts_with(open) {
            length += open.len();
            depth += 1;
        } else {
            length += 1;
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, `br"…"` and so on.
fn raw_rust(rest: &[u8], in_word: bool) -> Option<usize> {
    let prefix = [&b"r"[..], b"br", b"cr"]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix))
        .filter(|_| !in_word)?;
    let after = rest.get(prefix.len()..)?;
    let hashes = after.iter().take_while(|byte| **byte == b'#').count();
    after.get(hashes).filter(|byte| **byte == b'"')?;
    let close = [b"\"".to_vec(), vec![b'#'; hashes]].concat();
    let start = prefix.len() + hashes + 1;
    Some(find(rest, start, &close).map_or(rest.len(), |end| end + close.len()))
}

/// A character between single quotes, as opposed to a lifetime.
fn quoted_character(rest: &[u8]) -> Option<usize> {
    if !rest.starts_with(b"'") {
        return None;
    }
    if rest.get(1) == Some(&b'\\') {
        return rest.get(3..)?.iter().take(12).position(|byte| *byte == b'\'').map(|end| end + 4);
    }
    let end = rest.get(2..)?.iter().take(4).position(|byte| *byte == b'\'')?;
    // One character, of up to four bytes; `'a, 'b` has more between its quotes.
    std::str::from_utf8(rest.get(1..end + 2)?)
        .ok()
        .filter(|text| text.chars().count() == 1)
        .map(|_| end + 3)
}

/// `R"x(…)x"`.
fn raw_cpp(rest: &[u8], in_word: bool) -> Option<usize> {
    if !rest.starts_with(b"R\"") || in_word {
        return None;
    }
    let open = rest.iter().take(20).position(|byte| *byte == b'(')?;
    let close = [b")", rest.get(2..open)?, b"\""].concat();
    Some(find(rest, open, &close).map_or(rest.len(), |end| end + close.len()))
}

/// `/…/` where an expression is expected.
fn regular_expression(text: &str, at: usize) -> Option<usize> {
    let rest = text.as_bytes().get(at..)?;
    if !rest.starts_with(b"/") {
        return None;
    }
    let before = text.get(..at)?.trim_end_matches([' ', '\t']);
    let expected = before.is_empty()
        || before.ends_with([
            '(', ',', '=', ':', '[', '!', '&', '|', '?', '{', '}', ';', '\n', '+', '>',
        ])
        || before.ends_with("return");
    let (mut length, mut in_class) = (1, false);
    while let Some(byte) = rest.get(length).filter(|byte| expected && **byte != b'\n') {
        match byte {
            b'\\' => length += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => return Some(length + 1),
            _ => {}
        }
        length += 1;
    }
    None
}

fn find(text: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    text.get(from..)?
        .windows(wanted.len())
        .position(|window| window == wanted)
        .map(|position| from + position)
}

fn whole_lines(text: &str, syntax: &Syntax) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at + line.len() - line.trim_start_matches([' ', '\t']).len();
        // An indented line may belong to a recipe or to a value of several lines.
        if start == at && syntax.line.iter().any(|mark| line.starts_with(mark)) {
            spans.push(Span {
                range: start..at + line.trim_end_matches(['\r', '\n']).len(),
                kind: Kind::LineComment,
            });
        }
        at += line.len();
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::languages;

    fn comments(path: &str, text: &str) -> Vec<String> {
        let syntax = languages::of(path).unwrap().syntax.unwrap();
        spans(text, syntax)
            .into_iter()
            .filter(|span| span.kind != Kind::String)
            .map(|span| text[span.range].to_owned())
            .collect()
    }

    #[test]
    fn strings_are_no_comments() {
        assert_eq!(comments("a.rs", r##"let a = "http://x"; // one"##), ["// one"]);
        assert_eq!(
            comments(
                "a.rs",
                "let a = r#\"\" // no \"#; let b: &'static str = '\"'; // 'yes'\n/* a /* b */ c */"
            ),
            ["// 'yes'", "/* a /* b */ c */"]
        );
        assert_eq!(comments("a.rs", "let q = '\\''; fn f<'a, 'b>() {} // é\r\nx"), ["// é"]);
        assert_eq!(comments("a.py", "a = '# no' # yes\n'''\n# no\n'''\n"), ["# yes"]);
        assert_eq!(comments("a.py", "a = rb'\\' # no' # yes"), ["# yes"]);
        assert_eq!(
            comments("a.c", "int n = 1'000; char *s = \"/* no \\\" */\"; /* yes */"),
            ["/* yes */"]
        );
        assert_eq!(comments("a.cpp", "auto s = R\"x( // no \" )x\"; // yes"), ["// yes"]);
        assert_eq!(comments("a.go", "a := `// no\n// no` // yes"), ["// yes"]);
        assert_eq!(comments("a.toml", "a = '\\' # yes\nb = \"\"\"\n# no\n\"\"\"\n"), ["# yes"]);
        assert_eq!(comments("a.sql", "select '-- no\n-- no', 'it''s' -- yes"), ["-- yes"]);
    }

    #[test]
    fn scripts_have_regular_expressions_and_shells_have_here_documents() {
        assert_eq!(
            comments("a.js", "a = /[/*\"`]/; b = 1 / 2; // yes\n<a>http://no</a>"),
            ["// yes"]
        );
        assert_eq!(
            comments("a.sh", "echo \"# no\" a#no \\# ${#no} # yes\ncat <<E\n# no\nE\n"),
            ["# yes"]
        );
        assert_eq!(comments("Makefile", "# yes\nA = # no\n\t# no\n"), ["# yes"]);
    }
}
