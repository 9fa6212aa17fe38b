//! Whether a value or an operator comes next, which tells what `/` means.

use super::{
    Fault,
    scan::{Last, Scanner, Token, is_word},
    syntax::Expressions,
};

/// Words of JavaScript behind which a value begins.
const BEFORE_VALUE: [&[u8]; 16] = [
    b"await",
    b"case",
    b"default",
    b"delete",
    b"do",
    b"else",
    b"extends",
    b"export",
    b"in",
    b"instanceof",
    b"new",
    b"of",
    b"return",
    b"throw",
    b"typeof",
    b"yield",
];

/// Words of JavaScript whose parentheses are followed by a statement.
const BEFORE_STATEMENT: [&[u8]; 4] = [b"for", b"if", b"while", b"with"];

impl Scanner<'_> {
    /// Reads a word or a number.
    pub(super) fn word(&mut self) {
        let start = self.at;
        let is_number = self.byte(0).is_some_and(|byte| byte.is_ascii_digit());
        while let Some(byte) = self.byte(0) {
            let separates = || {
                is_number
                    && self.syntax.separators
                    && self.byte(1).is_some_and(|next| next.is_ascii_alphanumeric())
            };
            if !(is_word(byte) || byte == b'\'' && separates()) {
                break;
            }
            self.at += 1;
        }
        let word = &self.text.as_bytes()[start..self.at];
        self.last = if self.last == Last::Dot || self.syntax.expressions == Expressions::None {
            Last::Value
        } else if BEFORE_VALUE.contains(&word) {
            Last::Operator
        } else if BEFORE_STATEMENT.contains(&word) {
            Last::Condition
        } else {
            Last::Value
        };
    }

    /// A slash that begins no comment.
    pub(super) fn slash(&mut self) -> Result<Token, Fault> {
        let is_value = match self.last {
            Last::Operator => true,
            Last::Brace => self.syntax.expressions != Expressions::None,
            _ => false,
        };
        if self.syntax.elements && self.last != Last::Operator && self.byte(0) == Some(b'>') {
            let what = format!("the `/>` of line {} ends no tag", self.line(self.start));
            return Err(self.broken(self.start, what));
        }
        match self.syntax.expressions {
            Expressions::Read if is_value && self.last != Last::Brace => {
                self.expression()?;
                self.last = Last::Value;
                Ok(Token::Literal)
            }
            Expressions::Unclear if matches!(self.byte(0), Some(b' ' | b'=')) => {
                Ok(Token::Mark(b'/'))
            }
            Expressions::Read | Expressions::Unclear if is_value => Err(Fault::Unclear),
            _ => {
                self.last = Last::Operator;
                Ok(Token::Mark(b'/'))
            }
        }
    }

    /// Reads a regular expression that began at `start`.
    fn expression(&mut self) -> Result<(), Fault> {
        let mut in_class = false;
        while let Some(byte) = self.byte(0) {
            self.at += 1;
            match byte {
                b'\n' => break,
                b'\\' => self.at += usize::from(self.byte(0).is_some_and(|byte| byte != b'\n')),
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => return Ok(()),
                _ => {}
            }
        }
        // It was a division, or something else that was not understood.
        Err(Fault::Unclear)
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn a_slash_begins_an_expression_where_a_value_is_wanted() {
        for (text, expected) in [
            ("a = /[/(]'/; b", "sound"),
            ("a(/\\/(/)", "sound"),
            ("a = b / (c) / d", "sound"),
            ("a = b[0] / c('/')", "sound"),
            ("if (a) /'/.test(b)", "sound"),
            ("a = (b) / c('/')", "sound"),
            ("return /'/", "sound"),
            ("a.return / b('/')", "sound"),
            ("a++ / b('/')", "sound"),
            ("a! / b('/')", "sound"),
            // A block or a value is before it.
            ("a = {} / b", "unclear"),
            ("a = / b", "unclear"),
        ] {
            assert_eq!(seen("a.ts", text), expected, "{text}");
        }
        assert_eq!(seen("a.swift", "let a = /(/"), "unclear");
        assert_eq!(seen("a.swift", "let a = b.reduce(c, / ) / d"), "sound");
    }
}
