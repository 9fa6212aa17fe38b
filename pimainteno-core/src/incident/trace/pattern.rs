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

/// How many steps are taken to match one line with one pattern: it bounds the time that a line
/// made for it can cost.
const MOST_STEPS: u32 = 2_000;

/// What a pattern found in a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Found<'a> {
    pub(in super::super) path: Option<&'a str>,
    pub(in super::super) line: Option<u32>,
    pub(in super::super) function: Option<&'a str>,
    pub(in super::super) message: Option<&'a str>,
    /// What stood for the first `{word}`.
    pub(in super::super) word: Option<&'a str>,
}

/// What a text holds that is as the pattern says, if it is.
pub(in super::super) fn find<'a>(pattern: &'static str, text: &'a str) -> Option<Found<'a>> {
    // Most patterns begin with text that most lines do not begin with.
    let literal = pattern.split('{').next().unwrap_or_default();
    if !text.starts_with(literal) {
        return None;
    }
    let mut found = Found::default();
    let mut steps = MOST_STEPS;
    matches(pattern, text, &mut found, &mut steps).then_some(found)
}

/// Whether `text` is as `pattern` says. It calls itself once for each word of a pattern.
fn matches<'a>(
    pattern: &'static str,
    text: &'a str,
    found: &mut Found<'a>,
    steps: &mut u32,
) -> bool {
    let (literal, word, rest) = split(pattern);
    let Some(text) = text.strip_prefix(literal) else {
        return false;
    };
    let Some(word) = word else {
        return text.is_empty();
    };
    if word == "{" {
        return text.strip_prefix('{').is_some_and(|text| matches(rest, text, found, steps));
    }
    let next = split(rest).0;
    let longest = longest(word, text);
    let mut end = shortest(word);
    loop {
        if *steps == 0 {
            return false;
        }
        *steps -= 1;
        // The next place where the text behind the word can begin.
        let Some(at) = text.get(end..).and_then(|behind| {
            if rest.is_empty() { Some(behind.len()) } else { behind.find(next) }
        }) else {
            return false;
        };
        end += at;
        if end > longest {
            return false;
        }
        let Some((value, behind)) = text.split_at_checked(end) else {
            return false;
        };
        if fits(word, value) && matches(rest, behind, found, steps) {
            found.take(word, value);
            return true;
        }
        let Some(character) = behind.chars().next() else {
            return false;
        };
        end += character.len_utf8();
    }
}

/// The text up to the first word of a pattern, the word, and what comes behind it.
fn split(pattern: &'static str) -> (&'static str, Option<&'static str>, &'static str) {
    let Some((literal, behind)) = pattern.split_once('{') else {
        return (pattern, None, "");
    };
    if let Some(rest) = behind.strip_prefix('{') {
        return (literal, Some("{"), rest);
    }
    let (word, rest) = behind.split_once('}').unwrap_or((behind, ""));
    (literal, Some(word), rest)
}

/// How many bytes a word stands for at least.
fn shortest(word: &str) -> usize {
    usize::from(word != "any")
}

/// How many bytes of `text` a word can stand for at most.
fn longest(word: &str, text: &str) -> usize {
    let while_is = |is: fn(char) -> bool| text.find(|next| !is(next)).unwrap_or(text.len());
    match word {
        "n" | "line" => while_is(|next| next.is_ascii_digit()),
        "hex" => while_is(|next| next.is_ascii_hexdigit() || next == 'x'),
        "word" => while_is(|next| !next.is_whitespace()),
        _ => text.len(),
    }
}

fn fits(word: &str, value: &str) -> bool {
    match word {
        "n" | "hex" | "word" | "any" | "message" => true,
        "line" => value.len() <= 9,
        "function" => is_function(value),
        _ => word.strip_prefix("path").is_some_and(|ends| is_path(value, ends)),
    }
}

fn is_function(value: &str) -> bool {
    // An operator is one, a path is none.
    let is_name = value.len() <= 3 || !value.starts_with(['/', '.']);
    is_name && !value.starts_with(' ') && !value.ends_with(' ')
}

/// Whether a text can be a path, with one of the `ends` in `:go|mod` if there are any.
fn is_path(value: &str, ends: &str) -> bool {
    let is_clean = !value.starts_with([' ', '(', '"', '\'', '`'])
        && !value.ends_with([' ', ':', '"', '\'', '`'])
        && !value.contains(['\t', '"']);
    let Some(ends) = ends.strip_prefix(':') else {
        return is_clean;
    };
    let end = value.rsplit_once('.').map(|(_, end)| end);
    is_clean && ends.split('|').any(|known| end == Some(known))
}

impl<'a> Found<'a> {
    fn take(&mut self, word: &str, value: &'a str) {
        match word {
            "line" => self.line = value.parse().ok(),
            "function" => self.function = Some(value),
            "message" => self.message = Some(value),
            // The words are taken from the last one to the first.
            "word" => self.word = Some(value),
            _ if word.starts_with("path") => self.path = Some(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_for_as_little_as_fits() {
        let found = find("at {function} ({path}:{line}:{n})", "at a (b) (/x (1)/y.js:3:4)");
        assert_eq!(
            found,
            Some(Found {
                path: Some("b) (/x (1)/y.js"),
                line: Some(3),
                function: Some("a"),
                ..Found::default()
            })
        );
        let found = find("{path:go}:{line}{any}", "C:/x:1/main.go:12 +0x1d").unwrap();
        assert_eq!((found.path, found.line), (Some("C:/x:1/main.go"), Some(12)));
        assert_eq!(find("{path:go}:{line}{any}", "main.rs:12"), None);
        let found = find("{{file,\"{path}\"},{{line,{line}}{any}", "{file,\"a.erl\"},{line,7}]");
        assert_eq!(found.unwrap().line, Some(7));
        assert_eq!(find("a{n}", "a1b"), None);
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
