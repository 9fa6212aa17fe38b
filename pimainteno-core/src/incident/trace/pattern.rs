//! The small language of the tables: text as it stands in a line, with words in braces for what
//! differs.
//!
//! | word | stands for |
//! |---|---|
//! | `{path}` | the path of a file |
//! | `{path:go\|mod}` | one that ends in `.go` or `.mod` |
//! | `{line}` | the number of a line |
//! | `{function}` | the name of a function |
//! | `{message}` | what is said about the error |
//! | `{n}` | a number |
//! | `{hex}` | a number such as `0x7f00` |
//! | `{word}` | anything without a blank, one character at least |
//! | `{any}` | anything, or nothing |
//! | `{{` | a brace |
//!
//! A pattern is for a whole line, from its message on; each word stands for as little as it can.

/// How many bytes of a line are looked at for one pattern, over and over: it bounds the time that
/// a line made for it can cost.
const MOST_BYTES: usize = 16_000;

/// A pattern that was read.
#[derive(Debug)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    /// The longest of its texts: a line without it is not as the pattern says.
    longest: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Text(&'static str),
    Gap(Word),
}

/// What a word in braces stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// A path, with the endings that it may have: `go|mod`.
    Path(&'static str),
    Line,
    Function,
    Message,
    Number,
    Hexadecimal,
    Unbroken,
    Any,
}

/// What a pattern found in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) path: Option<&'a str>,
    pub(super) line: Option<u32>,
    pub(super) function: Option<&'a str>,
    pub(super) message: Option<&'a str>,
}

impl Pattern {
    /// Reads a pattern. A word that is none stands for anything.
    pub(super) fn new(mut pattern: &'static str) -> Self {
        let mut pieces = Vec::new();
        while let Some((text, behind)) = pattern.split_once('{') {
            if !text.is_empty() {
                pieces.push(Piece::Text(text));
            }
            if let Some(rest) = behind.strip_prefix('{') {
                pieces.push(Piece::Text("{"));
                pattern = rest;
            } else {
                let (word, rest) = behind.split_once('}').unwrap_or((behind, ""));
                pieces.push(Piece::Gap(Word::new(word)));
                pattern = rest;
            }
        }
        if !pattern.is_empty() {
            pieces.push(Piece::Text(pattern));
        }
        let texts = pieces.iter().filter_map(|piece| match piece {
            Piece::Text(text) => Some(*text),
            Piece::Gap(_) => None,
        });
        let longest = texts.max_by_key(|text| text.len()).unwrap_or_default();
        Self { pieces, longest }
    }

    /// What a text holds that is as the pattern says, if it is.
    pub(super) fn find<'a>(&self, text: &'a str) -> Option<Found<'a>> {
        let starts = match self.pieces.first() {
            Some(Piece::Text(start)) => text.starts_with(start),
            _ => true,
        };
        let ends = match self.pieces.last() {
            Some(Piece::Text(end)) => text.ends_with(end),
            _ => true,
        };
        if !starts || !ends || !text.contains(self.longest) {
            return None;
        }
        let mut found = Found::default();
        let mut left = MOST_BYTES;
        matches(&self.pieces, text, &mut found, &mut left).then_some(found)
    }
}

/// Whether `text` is as the pieces say. It calls itself once for each piece of a pattern.
fn matches<'a>(pieces: &[Piece], text: &'a str, found: &mut Found<'a>, left: &mut usize) -> bool {
    let Some((piece, rest)) = pieces.split_first() else {
        return text.is_empty();
    };
    let word = match piece {
        Piece::Text(start) => {
            return text
                .strip_prefix(start)
                .is_some_and(|behind| matches(rest, behind, found, left));
        }
        Piece::Gap(word) => *word,
    };
    let longest = word.longest(text);
    // A number ends where its digits do.
    let mut end = if word.is_number() { longest.max(1) } else { word.shortest() };
    loop {
        // The next place where the text behind the word can begin.
        let Some(behind) = text.get(end..) else {
            return false;
        };
        let at = match rest.first() {
            None => Some(behind.len()),
            Some(Piece::Text(next)) => behind.find(next),
            Some(Piece::Gap(_)) => Some(0),
        };
        // The value, too, is looked at, and what comes behind it.
        let looked_at = at.unwrap_or(behind.len()) + end + 16;
        match (at, left.checked_sub(looked_at)) {
            (Some(at), Some(rest)) if end + at <= longest => {
                *left = rest;
                end += at;
            }
            _ => return false,
        }
        let Some((value, behind)) = text.split_at_checked(end) else {
            return false;
        };
        if word.fits(value) && matches(rest, behind, found, left) {
            found.take(word, value);
            return true;
        }
        let Some(next) = behind.chars().next() else {
            return false;
        };
        end += next.len_utf8();
    }
}

impl Word {
    fn new(word: &'static str) -> Self {
        match word {
            "line" => Self::Line,
            "function" => Self::Function,
            "message" => Self::Message,
            "n" => Self::Number,
            "hex" => Self::Hexadecimal,
            "word" => Self::Unbroken,
            "path" => Self::Path(""),
            _ => word.strip_prefix("path:").map_or(Self::Any, Self::Path),
        }
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Line | Self::Number | Self::Hexadecimal)
    }

    /// How many bytes it stands for at least.
    fn shortest(self) -> usize {
        usize::from(self != Self::Any)
    }

    /// How many bytes of `text` it can stand for at most.
    fn longest(self, text: &str) -> usize {
        let while_is = |is: fn(char) -> bool| text.find(|next| !is(next)).unwrap_or(text.len());
        match self {
            Self::Number | Self::Line => while_is(|next| next.is_ascii_digit()),
            Self::Hexadecimal => while_is(|next| next.is_ascii_hexdigit() || next == 'x'),
            Self::Unbroken => while_is(|next| !next.is_whitespace()),
            _ => text.len(),
        }
    }

    fn fits(self, value: &str) -> bool {
        match self {
            Self::Line => value.len() <= 9,
            Self::Function => is_function(value),
            Self::Path(ends) => is_path(value, ends),
            _ => true,
        }
    }
}

fn is_function(value: &str) -> bool {
    // An operator is one, a path is none.
    let is_name = value.len() <= 3 || !value.starts_with(['/', '.']);
    is_name && !value.starts_with(' ') && !value.ends_with(' ')
}

/// Whether a text can be a path, with one of the `ends` if there are any.
fn is_path(value: &str, ends: &str) -> bool {
    let end = value.rsplit_once('.').map(|(_, end)| end);
    if !ends.is_empty() && !ends.split('|').any(|known| end == Some(known)) {
        return false;
    }
    // Blanks are in names of directories further down; before that they part words of a sentence.
    let first = value.split('/').next().unwrap_or_default();
    !first.contains(char::is_whitespace)
        && !value.starts_with(['(', '"', '\'', '`'])
        && !value.ends_with([' ', ':', '"', '\'', '`'])
        && !value.contains(['\t', '"'])
}

impl<'a> Found<'a> {
    fn take(&mut self, word: Word, value: &'a str) {
        match word {
            Word::Line => self.line = value.parse().ok(),
            Word::Function => self.function = Some(value),
            Word::Message => self.message = Some(value),
            Word::Path(_) => self.path = Some(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'a>(pattern: &'static str, text: &'a str) -> Option<Found<'a>> {
        Pattern::new(pattern).find(text)
    }

    #[test]
    fn a_word_stands_for_as_little_as_fits() {
        let found = find("at {function} ({path}:{line}:{n})", "at a (b) (/x (1)/y.js:3:4)");
        assert_eq!(
            found,
            Some(Found {
                path: Some("/x (1)/y.js"),
                line: Some(3),
                function: Some("a (b)"),
                ..Found::default()
            })
        );
        let found = find("{path:go}:{line}{any}", "C:/x:1/main.go:12 +0x1d").unwrap();
        assert_eq!((found.path, found.line), (Some("C:/x:1/main.go"), Some(12)));
        assert_eq!(find("{path:go}:{line}{any}", "main.rs:12"), None);
        let found = find("{{file,\"{path}\"},{{line,{line}}{any}", "{file,\"a.erl\"},{line,7}]");
        assert_eq!(found.unwrap().line, Some(7));
        assert_eq!(find("a{n}", "a1b"), None);
        assert_eq!(find("{any} line {line}{any}", "at x line 12.").unwrap().line, Some(12));
    }

    #[test]
    fn a_line_that_was_made_for_it_costs_no_time() {
        let line = "a (".repeat(1_300);
        let start = std::time::Instant::now();
        for _ in 0..100 {
            assert_eq!(find("{any} ({any} ({any} ({any} ({n}", &line), None);
        }
        assert!(start.elapsed().as_secs() < 2, "{:?}", start.elapsed());
    }
}
