//! Python: brackets, strings, and indentation as its tokenizer checks it.

use super::{
    Fault, line_of,
    scan::{Scanner, Token},
    syntax::PYTHON,
};

/// How far a tab reaches at most (The Python Language Reference, on indentation).
const TAB: usize = 8;

/// The blocks around a statement, and what stands before it.
struct Blocks<'a> {
    text: &'a str,
    /// Outermost first; never empty.
    levels: Vec<Level<'a>>,
    /// Where the statement began that ended with a colon just before.
    opening: Option<usize>,
}

/// A block that is open.
struct Level<'a> {
    indentation: Indentation,
    /// What its last statement begins with.
    word: &'a str,
    /// Where that statement begins, in bytes.
    at: usize,
}

/// How far a line is indented. Python counts a tab twice, as up to eight blanks and as one, and
/// both must lead to the same order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Indentation {
    wide: usize,
    narrow: usize,
}

/// Looks whether a text is Python.
pub(super) fn look(text: &str) -> Result<(), Fault> {
    let mut blocks = Blocks::new(text);
    let mut scanner = Scanner::new(text, &PYTHON);
    // Where the line begins, as long as nothing of its statement was read.
    let mut line_start = Some(scanner.at);
    let mut at = 0;
    let mut last = Token::Newline;
    while let Some(token) = scanner.next()? {
        if token == Token::Newline {
            if scanner.depth() == 0 {
                if line_start.is_none() && last == Token::Mark(b':') {
                    blocks.opening = Some(at);
                }
                line_start = Some(scanner.at);
            }
            continue;
        }
        if let Some(start) = line_start.take() {
            at = scanner.start;
            let word = &text[at..scanner.at];
            blocks.statement(Indentation::of(&text[start..at])?, word, at)?;
        }
        last = token;
    }
    if line_start.is_none() && last == Token::Mark(b':') {
        blocks.opening = Some(at);
    }
    blocks.end()
}

impl<'a> Blocks<'a> {
    fn new(text: &'a str) -> Self {
        let outermost = Level { indentation: Indentation::default(), word: "", at: 0 };
        Self { text, levels: vec![outermost], opening: None }
    }

    /// Goes on to the statement at the byte `at`, which begins with `word`.
    fn statement(
        &mut self,
        indentation: Indentation,
        word: &'a str,
        at: usize,
    ) -> Result<(), Fault> {
        let opening = self.opening.take();
        let Some(innermost) = self.levels.last() else { return Ok(()) };
        let known = innermost.indentation;
        let is_deeper = indentation.wide > known.wide;
        if is_deeper != (indentation.narrow > known.narrow) {
            return Err(self.broken(at, "mixes tabs and blanks in a way that Python cannot read"));
        }
        match opening {
            Some(_) if is_deeper => {
                self.levels.push(Level { indentation, word, at });
                return Ok(());
            }
            Some(opening) => return Err(self.broken(opening, "opens a block that is empty")),
            None if is_deeper => {
                return Err(self.broken(at, "is indented deeper than the block that it is in"));
            }
            None => {}
        }
        while self.levels.last().is_some_and(|level| level.indentation.wide > indentation.wide) {
            self.close()?;
        }
        let Some(level) = self.levels.last() else { return Ok(()) };
        if level.indentation.wide != indentation.wide {
            return Err(self.broken(at, "is indented as no block around it"));
        }
        if level.indentation != indentation {
            return Err(self.broken(at, "mixes tabs and blanks in a way that Python cannot read"));
        }
        self.follow(word, at)
    }

    /// Goes on to a statement in the same block, which may need what is before it.
    fn follow(&mut self, word: &'a str, at: usize) -> Result<(), Fault> {
        let Some(level) = self.levels.last_mut() else { return Ok(()) };
        let fits = match word {
            "elif" => matches!(level.word, "if" | "elif"),
            "else" => {
                matches!(level.word, "async" | "elif" | "except" | "for" | "if" | "try" | "while")
            }
            "except" => matches!(level.word, "except" | "try"),
            "finally" => matches!(level.word, "else" | "except" | "try"),
            _ => {
                let is_definition = matches!(word, "@" | "async" | "class" | "def");
                if !continues(level.word, is_definition) {
                    let begun = level.at;
                    return Err(self.alone(begun));
                }
                true
            }
        };
        if !fits {
            let what = format!("begins with `{word}`, which belongs to nothing before it");
            return Err(self.broken(at, &what));
        }
        level.word = word;
        level.at = at;
        Ok(())
    }

    /// Leaves the innermost block.
    fn close(&mut self) -> Result<(), Fault> {
        match self.levels.pop() {
            Some(level) if !continues(level.word, false) => Err(self.alone(level.at)),
            _ => Ok(()),
        }
    }

    /// Leaves all blocks.
    fn end(mut self) -> Result<(), Fault> {
        if let Some(opening) = self.opening {
            return Err(self.broken(opening, "opens a block that is empty"));
        }
        while !self.levels.is_empty() {
            self.close()?;
        }
        Ok(())
    }

    /// What is wrong with a statement that needs another one behind it.
    fn alone(&self, at: usize) -> Fault {
        let what = match self.text[at..].starts_with('@') {
            true => "has a decorator that decorates nothing",
            false => "has a `try` without an `except` or a `finally`",
        };
        self.broken(at, what)
    }

    fn broken(&self, at: usize, what: &str) -> Fault {
        let line = line_of(self.text, at);
        Fault::Broken { line, what: format!("line {} {what}", line + 1) }
    }
}

/// Whether a statement that begins with `word` may be followed by any other, or by a definition.
fn continues(word: &str, by_definition: bool) -> bool {
    match word {
        "try" => false,
        "@" => by_definition,
        _ => true,
    }
}

impl Indentation {
    /// How far these blanks reach.
    fn of(blanks: &str) -> Result<Self, Fault> {
        let mut indentation = Self::default();
        for blank in blanks.bytes() {
            match blank {
                b' ' => {
                    indentation.wide += 1;
                    indentation.narrow += 1;
                }
                b'\t' => {
                    indentation.wide = (indentation.wide / TAB + 1) * TAB;
                    indentation.narrow += 1;
                }
                0x0c => indentation = Self::default(),
                // A backslash at the end of a line that is blank otherwise.
                _ => return Err(Fault::Unclear),
            }
        }
        Ok(indentation)
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn blocks_are_indented_as_python_reads_them() {
        let mixed = "line 3 mixes tabs and blanks in a way that Python cannot read";
        for (text, expected) in [
            ("if a:\n  b\n  c\nelse:\n    d\n", "sound"),
            ("if a:\n  b\n   c\n", "line 3 is indented deeper than the block that it is in"),
            ("if a:\n  b\n c\n", "line 3 is indented as no block around it"),
            ("a\nif b:\nc\n", "line 2 opens a block that is empty"),
            ("a\nif b: # c\n", "line 2 opens a block that is empty"),
            ("if a:", "line 1 opens a block that is empty"),
            ("a = b[1:\n2]\nc = {'d':\n e}\n", "sound"),
            ("if a and \\\n      b: c\nd\n", "sound"),
            ("if a:\n  b\n# c\n\n   # d\n  e\n", "sound"),
            ("a = (\nb,\n  c)\nd = '''\n  e\n'''\n", "sound"),
            ("if a:\n\tb\n        c\n", mixed),
            ("if a:\n        if b:\n\t  c\n", mixed),
            (
                "if a:\n        if b:\n            c\n\td\n",
                "line 4 mixes tabs and blanks in a way that Python cannot read",
            ),
            ("if a:\n            b\n\tc\n", "line 3 is indented as no block around it"),
            ("if a:\n\tif b:\n\t  c\n\td\n", "sound"),
            ("if a:\n    b\n\x0cc\n", "sound"),
            ("if a:\n    b\n  \\\n  c\n", "unclear"),
        ] {
            assert_eq!(seen("a.py", text), expected, "{text}");
        }
    }

    #[test]
    fn some_statements_need_another() {
        let alone = "line 1 has a `try` without an `except` or a `finally`";
        let belongs = |line: usize, word: &str| {
            format!("line {line} begins with `{word}`, which belongs to nothing before it")
        };
        for (text, expected) in [
            ("if a: b\nelif c: d\nelse: e\n", "sound".to_owned()),
            ("for a in b: c\nelse: d\nwhile a: b\nelse: c\n", "sound".to_owned()),
            ("try: a\nexcept: b\nexcept: c\nelse: d\nfinally: e\n", "sound".to_owned()),
            ("a\nelse: b\n", belongs(2, "else")),
            ("if a: b\nc\nelif d: e\n", belongs(3, "elif")),
            ("if a: b\nexcept: c\n", belongs(2, "except")),
            ("if a: b\nfinally: c\n", belongs(2, "finally")),
            ("try: a\nb\n", alone.to_owned()),
            ("try: a\n", alone.to_owned()),
            ("if a:\n  try: b\nc\n", alone.replace('1', "2")),
            ("@a\n@b\nasync def c(): d\n@e\nclass F: g\n", "sound".to_owned()),
            ("@a\nb = 1\n", "line 1 has a decorator that decorates nothing".to_owned()),
        ] {
            assert_eq!(seen("a.py", text), expected, "{text}");
        }
    }
}
