//! Lines of a preprocessor: conditions, of which one branch or another holds, and what is no code.

use super::{
    Fault,
    scan::{Open, Scanner},
    syntax::{Directives, Nesting},
};

/// How many conditions may be within each other, and how deep brackets may be there: what is open
/// is kept for each condition.
const DEEPEST: usize = 200;

/// A condition that is open.
pub(super) struct Branch {
    /// Where it begins, in bytes.
    pub(super) at: usize,
    /// What was open before it.
    before: Vec<Open>,
    /// How many brackets were open at the end of its first branch.
    first_end: Option<usize>,
    has_else: bool,
    /// Whether it asks for C++, where the brackets of `extern "C"` are in two such conditions.
    is_linkage: bool,
}

impl Branch {
    /// Whether it may close what was opened before it, or leave that to another condition.
    pub(super) fn may_close(&self, open: &Open) -> bool {
        self.at > open.at && !self.is_linkage
    }
}

impl Scanner<'_> {
    /// Reads a line that begins with `#`; false, and nothing is read, if it is code.
    pub(super) fn directive(&mut self) -> Result<bool, Fault> {
        let start = self.at;
        if self.syntax.directives == Directives::None {
            return Ok(false);
        }
        let line = self.text[start..].lines().next().unwrap_or_default();
        let line = line[1..].trim_start();
        let length = line.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(line.len());
        let (name, condition) = line.split_at(length);
        match name {
            "if" | "ifdef" | "ifndef" => self.begin_branch(condition)?,
            "else" | "elif" | "elseif" | "elifdef" | "elifndef" => self.next_branch(name)?,
            "endif" => self.end_branch()?,
            _ if self.syntax.directives == Directives::Conditions => return Ok(false),
            _ => {}
        }
        self.skip_directive()?;
        let condition = condition.split('/').next().unwrap_or_default();
        let is_false = matches!(condition.trim(), "0" | "false");
        if is_false && matches!(name, "if" | "elif") {
            self.skip_branch();
        }
        Ok(true)
    }

    fn begin_branch(&mut self, condition: &str) -> Result<(), Fault> {
        if self.branches.len() >= DEEPEST || self.open.len() >= DEEPEST {
            return Err(Fault::Unclear);
        }
        self.branches.push(Branch {
            at: self.at,
            before: self.open.clone(),
            first_end: None,
            has_else: false,
            is_linkage: condition.contains("__cplusplus"),
        });
        Ok(())
    }

    fn next_branch(&mut self, name: &str) -> Result<(), Fault> {
        let end = self.open.len();
        let Some(branch) = self.branches.last_mut() else { return Err(self.stray(name)) };
        self.open.clone_from(&branch.before);
        self.is_uneven |= branch.first_end.is_some_and(|first| first != end);
        branch.first_end.get_or_insert(end);
        branch.has_else |= name == "else";
        Ok(())
    }

    fn end_branch(&mut self) -> Result<(), Fault> {
        let end = self.open.len();
        let Some(branch) = self.branches.pop() else { return Err(self.stray("endif")) };
        let is_even = branch.first_end.is_none_or(|first| first == end)
            && (branch.has_else || branch.is_linkage || end == branch.before.len());
        self.is_uneven |= !is_even;
        Ok(())
    }

    /// What is wrong with the end of a condition that did not begin.
    fn stray(&self, name: &str) -> Fault {
        let line = self.line(self.at);
        self.broken(self.at, format!("the `#{name}` of line {line} belongs to no condition"))
    }

    /// Skips the rest of a directive, with a comment that goes on behind it.
    fn skip_directive(&mut self) -> Result<(), Fault> {
        let goes_on = self.syntax.directives == Directives::Continued;
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\n' => return Ok(()),
                b'\\' => {
                    self.at += 1;
                    if goes_on {
                        self.skip_one();
                    }
                }
                b'/' if self.byte(1) == Some(b'*') => self.skip_comment(Nesting::Flat)?,
                b'/' if self.byte(1) == Some(b'/') => self.skip_line(),
                b'"' | b'\'' => {
                    self.at += 1;
                    self.skip_quoted(byte);
                }
                _ => self.at += 1,
            }
        }
        Ok(())
    }

    /// Skips what is quoted, unless it is an apostrophe in words: it is behind the quote.
    fn skip_quoted(&mut self, quote: u8) {
        let mut is_escaped = false;
        let rest = self.text.as_bytes()[self.at..].iter().take_while(|byte| **byte != b'\n');
        let end = rest.copied().position(|byte| {
            let ends = byte == quote && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        });
        self.at += end.map_or(0, |length| length + 1);
    }

    /// Skips a branch that never holds, which may hold any text.
    fn skip_branch(&mut self) {
        let mut depth = 0;
        while self.byte(0).is_some() {
            // The newline is in front of the line.
            let line = self.text[self.at + 1..].lines().next().unwrap_or_default();
            let name = line.trim_start().strip_prefix('#').map_or("", str::trim_start);
            if name.starts_with("if") {
                depth += 1;
            } else if name.starts_with("endif") && depth > 0 {
                depth -= 1;
            } else if depth == 0 && (name.starts_with("e") && !name.starts_with("error")) {
                return;
            }
            self.at += line.len() + 1;
            while self.byte(0).is_some_and(|byte| byte != b'\n') {
                self.at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn conditions_are_within_each_other_as_deep_as_anybody_writes_them() {
        let nested = |depth: usize| {
            format!("{}f(;\n{}", "#if A\n{\n".repeat(depth), "}\n#endif\n".repeat(depth))
        };
        assert!(seen("a.c", &nested(10)).starts_with("the `}` of line 22"));
        assert_eq!(seen("a.c", &nested(1000)), "unclear");
    }

    #[test]
    fn one_branch_or_another_holds() {
        let linkage =
            "#ifdef __cplusplus\nextern \"C\" {\n#endif\nint a(;\n#ifdef __cplusplus\n}\n#endif\n";
        for (path, text, expected) in [
            ("a.c", "#if A\nif (b) {\n#elif C\nif (d) {\n#else\nif (c) {\n#endif\n}\n", "sound"),
            ("a.c", "{\n#if A\n} else {\n#else\n}\n{\n#endif\n}\n", "sound"),
            ("a.c", "#if A\nx\n#else\ny(\n#endif\n", "unclear"),
            ("a.c", "#if A\nx(\n#endif\n", "unclear"),
            ("a.c", linkage, "the `}` of line 6 stands where the `(` of line 4 is to be closed"),
            ("a.c", "x(\n#if A\n}\n#endif\n", "unclear"),
            (
                "a.c",
                "#if 0 /* no */\nit's {\n#if B\n#endif\n#error '\n#else\nint a;\n#endif\n",
                "sound",
            ),
            ("a.c", "#if A\n", "the condition that begins in line 1 does not end"),
            ("a.c", "#endif\n", "the `#endif` of line 1 belongs to no condition"),
            ("a.c", "#define A(b) { \\\n  it's ( \"(\\\"\" /* \n*/\n", "sound"),
            ("a.c", "a #if\n", "sound"),
            ("a.c", "#if 0\n#error '\nit's {\n#endif\n", "sound"),
            ("a.c", "#define A \"\\\"/*\"\n", "sound"),
            ("a.c", "#define A // it's /*\n", "sound"),
            ("a.c", "#define A /*\n it's { */\n", "sound"),
            ("a.c", "# define A \"/*\"\n#error it's \"\n#include <a> // '\n", "sound"),
            ("a.cs", "#region it's {\n#endregion\n", "sound"),
            ("a.cs", "#region \\\n{\n", "the `{` of line 2 is not closed"),
            (
                "a.swift",
                "#if A\n#elseif B\n#endif\n#Preview {\n",
                "the `{` of line 4 is not closed",
            ),
            ("a.ts", "class A {\n#if = '}'\n}\n", "sound"),
        ] {
            assert_eq!(seen(path, text), expected, "{path}: {text}");
        }
    }
}
