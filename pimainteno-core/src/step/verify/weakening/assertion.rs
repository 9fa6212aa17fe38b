//! What one line asserts of what, as far as it can be read from the line alone.

use super::marks::Language;

/// What compares two values, by the end of its name.
const COMPARING: [&str; 26] = [
    "assertEqual",
    "assertEquals",
    "assertListEqual",
    "assertDictEqual",
    "assertTupleEqual",
    "assertSetEqual",
    "assertCountEqual",
    "assertSequenceEqual",
    "assertMultiLineEqual",
    "assertIs",
    "assertSame",
    "assert_eq!",
    "assert_equal",
    "toBe",
    "toEqual",
    "toStrictEqual",
    "strictEqual",
    "deepEqual",
    "deepStrictEqual",
    "equal",
    "equals",
    "same",
    "eql",
    "Equal",
    "EXPECT_EQ",
    "ASSERT_EQ",
];

/// An assertion about a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assertion<'line> {
    /// What it is about.
    pub(super) about: &'line str,
    /// What it is compared with, or told besides.
    pub(super) other: Option<&'line str>,
    /// Whether it says that both are equal.
    pub(super) compares: bool,
}

impl<'line> Assertion<'line> {
    /// Reads a line; `None` if it asserts nothing, or goes on in the next one.
    pub(super) fn read(language: Language, line: &'line str) -> Option<Self> {
        let line = line.trim();
        if language == Language::Python
            && let Some(rest) = line.strip_prefix("assert ")
        {
            return Some(Self::of_condition(rest));
        }
        let (name, inside, after) = call(line)?;
        let mut values = arguments(inside);
        if name == "expect" {
            // `expect(a).to.be.equal(b)`
            let end = after.find('(')?;
            let word = after[..end].rsplit('.').next()?;
            let other = after[end + 1..].strip_suffix([';', ','].as_slice());
            let other = other.unwrap_or(&after[end + 1..]).trim_end_matches(')');
            let compares = COMPARING.contains(&word) && !after[..end].contains("not");
            let other = (!other.is_empty()).then_some(other);
            return Some(Self { about: values.first()?, other, compares });
        }
        let last = name.rsplit(['.', '>', ':']).next().unwrap_or(name);
        let is_assertion = last.to_ascii_lowercase().starts_with("assert")
            || name.starts_with("assert.")
            || name.starts_with("require.")
            || name.starts_with("t.")
            || last.starts_with("EXPECT_");
        if !is_assertion {
            return None;
        }
        // The test itself, in Go.
        if values.first() == Some(&"t") && values.len() > 1 {
            values.remove(0);
        }
        if values.len() == 1 && matches!(last, "assert!" | "assert") {
            return Some(Self::of_condition(values[0]));
        }
        Some(Self {
            about: values.first()?,
            other: values.get(1).copied(),
            compares: COMPARING.contains(&last),
        })
    }

    /// Whether both sides are the same text, so that it holds whatever the code does.
    pub(super) fn is_alike(&self) -> bool {
        self.compares && self.other == Some(self.about)
    }

    /// Whether it compares with a value that is written out. Instead of `true` and the like it can
    /// be said in another way.
    pub(super) fn expects_literal(&self) -> bool {
        self.compares && self.other.is_some_and(is_literal)
    }

    /// Whether a value is told to what takes none to compare with: `assertTrue(f(2), 4)`.
    pub(super) fn drops_value(&self, line: &str) -> bool {
        let takes_one = ["assertTrue(", "assertFalse(", "assertIsNotNone(", "assertIsNone("];
        takes_one.iter().any(|name| line.contains(name))
            && self.other.is_some_and(|other| other.starts_with(|first: char| first.is_numeric()))
    }

    fn of_condition(condition: &'line str) -> Self {
        let condition = condition.trim();
        match split_at_top(condition, " == ") {
            Some((about, rest)) => {
                let other = split_at_top(rest, ", ").map_or(rest, |(other, _)| other);
                Self { about: about.trim(), other: Some(other.trim()), compares: true }
            }
            None => Self { about: condition, other: None, compares: false },
        }
    }
}

/// Whether a value is written out, and is none of those that have an assertion of their own.
fn is_literal(value: &str) -> bool {
    let value = value.trim_start_matches(['&', '-']);
    value.starts_with(|first: char| first.is_ascii_digit() || "\"'`[{(".contains(first))
        || value.ends_with("::new()")
        || ["b\"", "r\"", "b'", "r'", "vec![", "Some("].iter().any(|begin| value.starts_with(begin))
}

/// The name of the first call of a line, what stands in its brackets, and what follows.
fn call(line: &str) -> Option<(&str, &str, &str)> {
    let open = line.find('(')?;
    let name = line[..open].rsplit([' ', '(', '=']).next().filter(|name| !name.is_empty())?;
    let close = open + 1 + closing(&line[open + 1..])?;
    Some((name, &line[open + 1..close], &line[close + 1..]))
}

/// Where the bracket is that closes what was opened before `text`.
fn closing(text: &str) -> Option<usize> {
    let mut scan = Scan::default();
    text.char_indices().find(|(_, character)| scan.see(*character) < 0).map(|(place, _)| place)
}

/// Arguments between commas that are in no brackets and quotes.
fn arguments(inside: &str) -> Vec<&str> {
    let (mut rest, mut found) = (inside, Vec::new());
    while let Some((argument, after)) = split_at_top(rest, ",") {
        found.push(argument.trim());
        rest = after;
    }
    found.push(rest.trim());
    found.retain(|argument| !argument.is_empty());
    found
}

fn split_at_top<'text>(text: &'text str, mark: &str) -> Option<(&'text str, &'text str)> {
    let mut scan = Scan::default();
    let place = text.char_indices().find(|(place, character)| {
        let is_top = scan.is_top();
        scan.see(*character);
        is_top && text[*place..].starts_with(mark)
    });
    place.map(|(place, _)| (&text[..place], &text[place + mark.len()..]))
}

/// How deep in brackets and quotes one is.
#[derive(Default)]
struct Scan {
    depth: i32,
    quote: Option<char>,
    is_escaped: bool,
}

impl Scan {
    /// Goes on by one character, and tells how deep it is then.
    fn see(&mut self, next: char) -> i32 {
        match (self.quote, next) {
            _ if self.is_escaped => self.is_escaped = false,
            (Some(_), '\\') => self.is_escaped = true,
            (Some(quote), _) if quote == next => self.quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => self.quote = Some(next),
            (None, '(' | '[' | '{') => self.depth += 1,
            (None, ')' | ']' | '}') => self.depth -= 1,
            _ => {}
        }
        self.depth
    }

    fn is_top(&self) -> bool {
        self.depth == 0 && self.quote.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_read() {
        let cases = [
            (Language::Python, "self.assertEqual(double(2), 4)", "double(2)", Some("4"), true),
            (Language::Python, "self.assertTrue(f(1, 2))", "f(1, 2)", None, false),
            (
                Language::Python,
                "assert f(\"a, b\") == [1, 2], 'no'",
                "f(\"a, b\")",
                Some("[1, 2]"),
                true,
            ),
            (Language::Rust, "assert_eq!(f(\"(\"), g());", "f(\"(\")", Some("g()"), true),
            (Language::Rust, "assert!(x == 2);", "x", Some("2"), true),
            (Language::JavaScript, "expect(f(1)).toBe(2);", "f(1)", Some("2"), true),
            (Language::JavaScript, "expect(f(1)).not.toBe(2);", "f(1)", Some("2"), false),
            (Language::JavaScript, "assert.strictEqual(f(1), 2)", "f(1)", Some("2"), true),
            (Language::Go, "assert.Equal(t, f(1), 2)", "f(1)", Some("2"), true),
        ];
        for (language, line, about, other, compares) in cases {
            let read = Assertion::read(language, line);
            assert_eq!(read, Some(Assertion { about, other, compares }), "{line}");
        }
        for line in ["x = f(1)", "print(1, 1)", "self.assertEqual(f("] {
            assert_eq!(Assertion::read(Language::Python, line), None, "{line}");
        }
    }

    #[test]
    fn what_asserts_nothing_is_told_from_what_does() {
        let read = |line| Assertion::read(Language::Python, line).unwrap();
        assert!(read("self.assertEqual(f(2), f(2))").is_alike());
        assert!(!read("self.assertEqual(f(2), f(3))").is_alike());
        assert!(!read("self.assertNotEqual(f(2), f(2))").is_alike());
        let line = "self.assertTrue(f(2), 4)";
        assert!(read(line).drops_value(line));
        let line = "self.assertTrue(f(2), 'why')";
        assert!(!read(line).drops_value(line));
        assert!(read("self.assertEqual(f(2), -4)").expects_literal());
        assert!(!read("self.assertEqual(f(2), True)").expects_literal());
    }
}
