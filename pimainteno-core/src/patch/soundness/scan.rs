//! A scan of source text for brackets, past its comments and literals.

use super::{
    Fault,
    branches::Branch,
    line_of,
    syntax::{Form, Literal, Syntax},
};

/// How many brackets may be open. No source has as many, and each takes memory.
const MOST_OPEN: usize = 10_000;

/// Text that is read token by token; brackets are matched on the way.
pub(super) struct Scanner<'a> {
    pub(super) text: &'a str,
    /// How far it was read, in bytes.
    pub(super) at: usize,
    pub(super) syntax: &'static Syntax,
    /// What is open, outermost first.
    pub(super) open: Vec<Open>,
    /// The conditions of a preprocessor that are open.
    pub(super) branches: Vec<Branch>,
    /// Whether some condition has a bracket that closes outside of it: then one that is missing
    /// says nothing.
    pub(super) is_uneven: bool,
    pub(super) last: Last,
    /// Whether a byte may begin a literal or a comment.
    starts: [bool; 256],
    /// Where the last token began.
    pub(super) start: usize,
    /// Whether nothing but blanks was on this line so far.
    at_line_start: bool,
    /// How many blanks this line begins with.
    indentation: usize,
    /// How far the text is as it was when it was sound, in bytes: what is odd there is not new.
    known: usize,
    /// The first bracket behind that whose end is indented as what is around it.
    suspect: Option<Open>,
}

/// Something that must be closed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    /// Where it opens, in bytes.
    pub(super) at: usize,
    pub(super) inside: Inside,
    indentation: usize,
}

/// What is open.
#[derive(Clone, Copy, Debug)]
pub(super) enum Inside {
    Bracket {
        /// What closes it.
        close: u8,
        /// The literal that goes on behind it, and where that began.
        literal: Option<(Literal, usize)>,
        /// Whether a statement follows it.
        before_statement: bool,
    },
    /// Between `<name` and `>`; the name ends here.
    Tag(usize),
    /// Between `<name>` and `</name>`; the name ends here.
    Element(usize),
}

/// What is before, as far as it tells what `/` and `<` mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// A value begins now.
    Operator,
    /// A dot: now a name begins.
    Dot,
    Value,
    /// A word whose parentheses are followed by a statement.
    Condition,
    /// A closing brace: of a block or of a value.
    Brace,
}

/// A piece of the text that is neither blank nor comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Newline,
    Word,
    Literal,
    Open,
    Close,
    /// Any other byte.
    Mark(u8),
}

/// Looks whether all brackets, strings and comments of a text are closed; `known` is how far it is
/// as it was when it was sound.
pub(super) fn look(text: &str, known: usize, syntax: &'static Syntax) -> Result<(), Fault> {
    let mut scanner = Scanner { known, ..Scanner::new(text, syntax) };
    while scanner.next()?.is_some() {}
    Ok(())
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, syntax: &'static Syntax) -> Self {
        let mut starts = [false; 256];
        let comments = syntax.line_comments.iter().copied();
        let comments = comments.chain(syntax.block_comments.map(|_| "/*"));
        for start in syntax.forms.iter().map(|form| form.open).chain(comments) {
            starts[usize::from(start.as_bytes()[0])] = true;
        }
        let mut scanner = Self {
            text,
            at: 0,
            start: 0,
            syntax,
            open: Vec::new(),
            branches: Vec::new(),
            is_uneven: false,
            last: Last::Operator,
            starts,
            at_line_start: true,
            indentation: 0,
            known: 0,
            suspect: None,
        };
        if text.starts_with("#!") && !text.starts_with("#![") {
            scanner.skip_line();
        }
        scanner
    }

    /// The next token; `None` at the end, where nothing may be open.
    pub(super) fn next(&mut self) -> Result<Option<Token>, Fault> {
        loop {
            if self.open.len() > MOST_OPEN {
                return Err(Fault::Unclear);
            }
            let inside = self.open.last().map(|open| open.inside);
            if matches!(inside, Some(Inside::Tag(_) | Inside::Element(_))) {
                self.element()?;
                continue;
            }
            let Some(byte) = self.byte(0) else { return self.finish() };
            if byte == b'\n' {
                self.at += 1;
                self.at_line_start = true;
                self.indentation = 0;
                return Ok(Some(Token::Newline));
            }
            if matches!(byte, b' ' | b'\t' | b'\r' | 0x0c) {
                self.indentation += usize::from(self.at_line_start);
                self.at += 1;
                continue;
            }
            if byte == b'\\' && self.escape() {
                continue;
            }
            self.start = self.at;
            let at_line_start = std::mem::replace(&mut self.at_line_start, false);
            if byte == b'#' && at_line_start && self.directive()? {
                continue;
            }
            if self.starts[usize::from(byte)] {
                if self.comment()? {
                    continue;
                }
                if self.literal()? {
                    return Ok(Some(Token::Literal));
                }
            }
            return self.token(byte, at_line_start).map(Some);
        }
    }

    /// How deep the brackets are here.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Reads what is neither blank, comment nor literal.
    fn token(&mut self, byte: u8, at_line_start: bool) -> Result<Token, Fault> {
        let start = self.at;
        if is_word(byte) {
            self.word();
            return Ok(Token::Word);
        }
        self.at += 1;
        match byte {
            b'(' | b'[' | b'{' => {
                let before_statement = self.last == Last::Condition;
                self.open_bracket(start, byte, None, before_statement);
                Ok(Token::Open)
            }
            b')' | b']' | b'}' => {
                self.close(start, byte, at_line_start)?;
                Ok(Token::Close)
            }
            b'/' => self.slash(),
            b'<' if self.syntax.elements => {
                self.angle(start)?;
                Ok(Token::Mark(byte))
            }
            _ => {
                self.last = match (byte, self.last) {
                    (b'.', _) => Last::Dot,
                    // A decrement, an increment and an assertion of TypeScript follow a value.
                    (b'!', Last::Value) => Last::Value,
                    (b'+' | b'-', Last::Value) if self.byte(0) == Some(byte) => {
                        self.at += 1;
                        Last::Value
                    }
                    _ => Last::Operator,
                };
                if byte == b':' {
                    self.format()?;
                }
                Ok(Token::Mark(byte))
            }
        }
    }

    /// Opens a bracket, behind which `literal` goes on.
    pub(super) fn open_bracket(
        &mut self,
        at: usize,
        bracket: u8,
        literal: Option<(Literal, usize)>,
        before_statement: bool,
    ) {
        let close = match bracket {
            b'(' => b')',
            b'[' => b']',
            _ => b'}',
        };
        self.push(at, Inside::Bracket { close, literal, before_statement });
        self.last = Last::Operator;
    }

    /// Opens something.
    pub(super) fn push(&mut self, at: usize, inside: Inside) {
        self.open.push(Open { at, inside, indentation: self.indentation });
    }

    /// Closes a bracket, behind which the literal that it is in goes on.
    fn close(&mut self, at: usize, byte: u8, at_line_start: bool) -> Result<(), Fault> {
        let shown = char::from(byte);
        let Some(open) = self.open.pop() else {
            let what = format!("the `{shown}` of line {} closes nothing", self.line(at));
            return Err(self.broken(at, what));
        };
        let Inside::Bracket { close, literal, before_statement } = open.inside else {
            return Err(Fault::Unclear);
        };
        if close != byte {
            if self.branches.last().is_some_and(|branch| branch.may_close(&open)) {
                return Err(Fault::Unclear);
            }
            let what = format!(
                "the `{shown}` of line {} stands where the `{}` of line {} is to be closed",
                self.line(at),
                self.shown(open),
                self.line(open.at)
            );
            return Err(self.broken(at, what));
        }
        // It may be meant to close what is around.
        let around = self.open.last().map(|around| around.indentation);
        let closes_around = around == Some(self.indentation) && around < Some(open.indentation);
        if at_line_start && closes_around && at >= self.known && self.suspect.is_none() {
            self.suspect = Some(open);
        }
        self.last = match byte {
            b')' if before_statement => Last::Operator,
            b'}' => Last::Brace,
            _ => Last::Value,
        };
        literal.map_or(Ok(()), |(literal, start)| self.text_of(literal, start))
    }

    /// The end, where nothing may be open.
    pub(super) fn finish(&mut self) -> Result<Option<Token>, Fault> {
        if let Some(branch) = self.branches.last() {
            let line = self.line(branch.at);
            let what = format!("the condition that begins in line {line} does not end");
            return Err(self.broken(branch.at, what));
        }
        match self.suspect.filter(|_| !self.open.is_empty()).or(self.open.first().copied()) {
            None => Ok(None),
            Some(open) => {
                let line = self.line(open.at);
                let what = format!("the `{}` of line {line} is not closed", self.shown(open));
                Err(self.broken(open.at, what))
            }
        }
    }

    /// The line, from 1, of the byte `at`.
    pub(super) fn line(&self, at: usize) -> usize {
        line_of(self.text, at) + 1
    }

    /// What opens something, as text.
    pub(super) fn shown(&self, open: Open) -> &'a str {
        let end = match open.inside {
            Inside::Bracket { .. } => open.at + 1,
            Inside::Tag(end) | Inside::Element(end) => end,
        };
        self.text.get(open.at..end).unwrap_or_default()
    }

    /// What is wrong at the byte `at`, unless conditions of a preprocessor leave that open.
    pub(super) fn broken(&self, at: usize, what: String) -> Fault {
        if self.is_uneven {
            Fault::Unclear
        } else {
            Fault::Broken { line: line_of(self.text, at), what }
        }
    }

    /// How long the newline here is, if there is one.
    pub(super) fn newline(&self) -> usize {
        match (self.byte(0), self.byte(1)) {
            (Some(b'\n'), _) => 1,
            (Some(b'\r'), Some(b'\n')) => 2,
            _ => 0,
        }
    }

    /// Skips a newline or another byte, if there is one.
    pub(super) fn skip_one(&mut self) {
        self.at += self.newline().max(usize::from(self.byte(0).is_some()));
    }

    /// The byte that is `ahead`.
    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    /// How often `byte` stands here in a row, up to `most`.
    pub(super) fn run(&self, byte: u8, most: usize) -> usize {
        let rest = self.text.as_bytes()[self.at..].iter().take(most);
        rest.take_while(|other| **other == byte).count()
    }

    /// Reads a literal, if one begins here.
    fn literal(&mut self) -> Result<bool, Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        let starts_here = |form: &&Form| rest.starts_with(form.open.as_bytes());
        for form in self.syntax.forms.iter().filter(starts_here) {
            if self.read(form)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether a byte belongs to a word.
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn brackets_must_match() {
        for (text, expected) in [
            ("fn a() { b[(1)] }", "sound"),
            (
                "fn a() {\n    b(\n}\n",
                "the `}` of line 3 stands where the `(` of line 2 is to be closed",
            ),
            ("fn a() {}\n}\n", "the `}` of line 2 closes nothing"),
            ("\nfn a() {\n", "the `{` of line 2 is not closed"),
            // The end that is indented as what is around closes too little.
            (
                "mod a {\n    fn b() {\n        if c {\n    }\n}\n",
                "the `{` of line 3 is not closed",
            ),
            ("mod a {\n    fn b(\n        c: C) {\n    }\n", "the `{` of line 1 is not closed"),
        ] {
            assert_eq!(seen("a.rs", text), expected, "{text}");
        }
    }

    #[test]
    fn too_many_brackets_are_not_read() {
        assert_eq!(seen("a.rs", &"(".repeat(20_000)), "unclear");
        assert_eq!(seen("a.rs", &format!("{}{}", "(".repeat(20), ")".repeat(20))), "sound");
    }

    #[test]
    fn what_was_odd_before_is_not_what_is_wrong() {
        let odd = "if a\n        && b {\n}\n";
        let before = format!("mod c {{\n{odd}fn d() {{\n}}\n}}\n");
        let after = before.replace("fn d() {\n}", "fn d() {\n");
        let refusal = super::super::Looks::new().check("a.rs", before.as_bytes(), after.as_bytes());
        assert_eq!(refusal.map_err(|refusal| refusal.places), Err(vec![1]));
    }
}
