//! Comments, and lines that go on.

use super::{
    Fault,
    scan::Scanner,
    syntax::{Directives, Nesting},
};

impl Scanner<'_> {
    /// Skips a comment, if one begins here.
    pub(super) fn comment(&mut self) -> Result<bool, Fault> {
        let rest = &self.text.as_bytes()[self.at..];
        if self.is_address() {
            return Ok(false);
        }
        if self.syntax.line_comments.iter().any(|start| rest.starts_with(start.as_bytes())) {
            self.skip_line();
            return Ok(true);
        }
        match self.syntax.block_comments {
            Some(nesting) if rest.starts_with(b"/*") => {
                self.skip_comment(nesting)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Whether this is in the parentheses of `url(`, where slashes begin no comment.
    fn is_address(&self) -> bool {
        let Some(open) = self.open.last().filter(|_| self.syntax.styles) else { return false };
        let before = &self.text.as_bytes()[..=open.at];
        before.len().checked_sub(4).is_some_and(|from| before[from..].eq_ignore_ascii_case(b"url("))
    }

    /// Skips a block comment.
    pub(super) fn skip_comment(&mut self, nesting: Nesting) -> Result<(), Fault> {
        let start = self.at;
        let mut depth = 0;
        while self.at < self.text.len() {
            let rest = &self.text.as_bytes()[self.at..];
            if rest.starts_with(b"*/") {
                self.at += 2;
                depth -= 1;
                if depth == 0 {
                    return Ok(());
                }
            } else if rest.starts_with(b"/*") && (depth == 0 || nesting == Nesting::Nested) {
                self.at += 2;
                depth += 1;
            } else {
                self.at += 1;
            }
        }
        let line = self.line(start);
        Err(self.broken(start, format!("the comment that begins in line {line} does not end")))
    }

    /// Skips to the end of the line, over a backslash before it where a preprocessor would.
    pub(super) fn skip_line(&mut self) {
        while let Some(byte) = self.byte(0) {
            if byte == b'\n' {
                return;
            }
            self.at += 1;
            if byte == b'\\' && self.syntax.directives == Directives::Continued {
                self.at += self.newline();
            }
        }
    }

    /// Skips a backslash that makes a line go on, or that escapes in a style sheet.
    pub(super) fn escape(&mut self) -> bool {
        self.at += 1;
        let newline = self.newline();
        if newline > 0 {
            self.at += newline;
        } else if self.syntax.styles {
            self.at += usize::from(self.byte(0).is_some());
        } else {
            self.at -= 1;
            return false;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn comments_hold_anything() {
        for (path, text, expected) in [
            ("a.rs", "// it's {\n/* } /* ) */ ] */", "sound"),
            ("a.c", "/* /* ( */", "sound"),
            ("a.rs", "/* /* */", "the comment that begins in line 1 does not end"),
            ("a.c", "// goes on \\\n it's {\n", "sound"),
            ("a.java", "// ends \\\n {\n", "the `{` of line 2 is not closed"),
            ("a.py", "a = 1  # it's (\n", "sound"),
            ("a.css", "a { b: c } /* it's { */", "sound"),
            ("a.css", "a { b: url(//c/*.png) }", "sound"),
            ("a.scss", "a { b: URL(http://c) } // it's {", "sound"),
            ("a.css", ".a\\{b { c: d }", "sound"),
            ("a.rs", "#!/bin/sh it's {\n", "sound"),
            (
                "a.rs",
                "#![allow(a]",
                "the `]` of line 1 stands where the `(` of line 1 is to be closed",
            ),
        ] {
            assert_eq!(seen(path, text), expected, "{path}: {text}");
        }
    }
}
