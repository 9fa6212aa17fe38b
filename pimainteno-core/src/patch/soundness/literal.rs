//! Literals: strings, characters, regular expressions, and the code that stands in strings.

use super::{
    Fault,
    scan::{Inside, Last, Scanner, is_word},
    syntax::{Escape, FORMAT, Form, Hole, Kind, Literal},
};

/// The longest delimiter of a raw string of C++ (ISO/IEC 14882, lex.string).
const LONGEST_DELIMITER: usize = 16;

/// How many `#` a raw string may have (The Rust Reference, on raw string literals).
const MOST_HASHES: usize = 255;

impl Scanner<'_> {
    /// Reads a literal of this form; false, and nothing is read, if it is none.
    pub(super) fn read(&mut self, form: &Form) -> Result<bool, Fault> {
        let start = self.at;
        self.at += form.open.len();
        match form.kind {
            Kind::Plain(literal) => {
                let hole = if self.has_fields(start) { Hole::Brace } else { literal.hole };
                self.text_of(Literal { hole, ..literal }, start)?;
            }
            Kind::Grown(literal) => {
                let more = self.run(literal.quote, usize::MAX);
                self.at += more;
                self.text_of(Literal { quotes: literal.quotes + more, ..literal }, start)?;
            }
            Kind::Hashed(literal) => {
                let more = self.run(b'#', MOST_HASHES);
                self.at += more;
                let hashes = form.open.bytes().filter(|byte| *byte == b'#').count() + more;
                let quotes = self.run(literal.quote, 3);
                if quotes == 0 {
                    self.at = start;
                    return Ok(false);
                }
                // Swift has raw strings over lines.
                let is_block = literal.escape == Escape::Backslash && quotes >= 3;
                let quotes = if is_block { 3 } else { 1 };
                self.at += quotes;
                let over_lines = literal.over_lines || is_block;
                self.text_of(Literal { hashes, quotes, over_lines, ..literal }, start)?;
            }
            Kind::Delimited => {
                let rest = &self.text[self.at..];
                let delimiter = rest.find('(').filter(|length| *length <= LONGEST_DELIMITER);
                let Some(length) = delimiter else { return Err(Fault::Unclear) };
                let end = format!("){}\"", &rest[..length]);
                match rest.find(&end) {
                    Some(at) => {
                        self.at += at + end.len();
                        self.last = Last::Value;
                    }
                    None => return Err(self.endless(start)),
                }
            }
            Kind::Character => self.character(),
        }
        Ok(true)
    }

    /// Reads the text of a literal that began at `start`, up to its end or to code in it, behind
    /// which it goes on.
    pub(super) fn text_of(&mut self, literal: Literal, start: usize) -> Result<(), Fault> {
        while let Some(byte) = self.byte(0) {
            let begun = self.at;
            if byte == literal.quote {
                // Of more quotes than needed the first ones belong to a raw text.
                let is_raw = literal.quotes >= 3 && literal.escape == Escape::None;
                let most = if is_raw { usize::MAX } else { literal.quotes.max(2) };
                let run = self.run(byte, most);
                if literal.escape == Escape::Doubled && run >= 2 {
                    self.at += 2;
                } else if run < literal.quotes {
                    self.at += run;
                } else if self.ends(literal, if is_raw { run } else { literal.quotes }) {
                    return Ok(());
                } else {
                    self.at += 1;
                }
                continue;
            }
            self.at += 1;
            match (byte, literal.hole) {
                (b'\n', _) if !literal.over_lines => return Err(self.endless(start)),
                (b'\\', hole) if literal.escape == Escape::Backslash => {
                    if self.run(b'#', literal.hashes) < literal.hashes {
                        continue;
                    }
                    self.at += literal.hashes;
                    if hole == Hole::Backslash && self.byte(0) == Some(b'(') {
                        return self.enter(literal, start, 1, b'(');
                    }
                    // Python has no escape for a brace.
                    let is_brace = hole == Hole::Brace && self.byte(0) == Some(b'{');
                    if !is_brace {
                        self.skip_one();
                    }
                }
                (_, Hole::Marked(mark)) if byte == mark && self.byte(0) == Some(b'{') => {
                    return self.enter(literal, start, 1, b'{');
                }
                (b'{', Hole::Brace) if self.byte(0) == Some(b'{') => self.at += 1,
                (b'{', Hole::Brace) => {
                    self.at = begun;
                    return self.enter(literal, start, 1, b'{');
                }
                (b'{', Hole::Braces(count)) => {
                    let run = self.run(b'{', usize::MAX) + 1;
                    if run >= count {
                        self.at = begun + run - count;
                        return self.enter(literal, start, count, b'{');
                    }
                    self.at = begun + run;
                }
                _ => {}
            }
        }
        Err(self.endless(start))
    }

    /// Whether so many quotes, which are here, end a literal; then it is behind.
    fn ends(&mut self, literal: Literal, quotes: usize) -> bool {
        let from = self.at;
        self.at += quotes;
        let is_end = self.run(b'#', literal.hashes) == literal.hashes;
        if is_end {
            self.at += literal.hashes;
            // What ends a format ends its field too.
            self.at -= usize::from(literal.quote == FORMAT.quote);
            self.last = Last::Value;
        } else {
            self.at = from;
        }
        is_end
    }

    /// Enters code in a literal: `count` brackets are here.
    fn enter(
        &mut self,
        literal: Literal,
        start: usize,
        count: usize,
        bracket: u8,
    ) -> Result<(), Fault> {
        for number in 0..count {
            let behind = (number == 0).then_some((literal, start));
            self.open_bracket(self.at, bracket, behind, false);
            self.at += 1;
        }
        Ok(())
    }

    fn endless(&self, start: usize) -> Fault {
        let line = self.line(start);
        self.broken(start, format!("the string that begins in line {line} does not end"))
    }

    /// Reads a character, or the quote of a lifetime: it is behind the quote.
    fn character(&mut self) {
        self.last = Last::Value;
        let rest = &self.text[self.at..];
        if rest.starts_with('\\') {
            // What is escaped may be a quote.
            let mut escaped = rest.char_indices().skip(2);
            let end = escaped.find(|(_, character)| matches!(character, '\'' | '\n'));
            self.at += end.map_or(1, |(at, _)| at + 1);
        } else {
            if let Some((at, '\'')) = rest.char_indices().nth(1) {
                self.at += at + 1;
            }
        }
    }

    /// Whether a string of Python that begins at `start` has fields, by what is in front of it.
    fn has_fields(&self, start: usize) -> bool {
        let before = &self.text.as_bytes()[..start];
        let is_prefix = |byte: &&u8| b"fFrRtT".contains(byte);
        let length = before.iter().rev().take(3).take_while(is_prefix).count();
        let (before, prefix) = before.split_at(start - length);
        self.syntax.fields
            && !before.last().is_some_and(|byte| is_word(*byte))
            && prefix.iter().any(|byte| b"fFtT".contains(byte))
    }

    /// Reads the format behind a colon that is directly in the braces of a string, and that may
    /// hold braces of its own.
    pub(super) fn format(&mut self) -> Result<(), Fault> {
        let innermost = self.open.last().map(|open| open.inside);
        let Some(Inside::Bracket { literal: Some((literal, _)), .. }) = innermost else {
            return Ok(());
        };
        let is_field = matches!(literal.hole, Hole::Brace | Hole::Braces(1));
        if !is_field {
            return Ok(());
        }
        // In C# two colons are between names.
        if self.byte(0) == Some(b':') {
            self.at += 1;
            return Ok(());
        }
        self.text_of(FORMAT, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn literals_hold_anything() {
        for (path, text) in [
            ("a.rs", r#"let a = "\"{";"#),
            ("a.rs", "let a = \"{\n\";"),
            ("a.rs", r###"let a = r#""{"#; let r#type = br"\";"###),
            ("a.rs", r"let a: &'a str = ('{', b'\'', '\'', '\u{7d}', '}');"),
            ("a.rs", "let a = '{';"),
            ("a.rs", r"let a = ['\'','('];"),
            ("a.rs", "fn a<'a, 'b>() -> &'static str {}"),
            ("a.c", r"char a = '\''; wchar_t b = L'{';"),
            ("a.c", "char16_t a = u'b' + u'{';"),
            ("a.cpp", "int a = 1'000; auto b = u8R\"x()\" { )x\";"),
            ("a.cpp", "auto a = R\"sql(\" ( )sql\";"),
            ("a.rs", "let a = r####\"\"### ( \"####;"),
            ("a.go", "a := `\\` + \"{\" + string('{')\nb := `\n{`"),
            ("a.java", "String a = \"\"\"\n  {\" \\\"\"\" {\"\"\";"),
            ("a.cs", r#"var a = @"\" + @"""{" + '{' + "\"{";"#),
            ("a.cs", r#"var a = $"{{ {b["c"]:x} {'}'} {d:HH'h}";"#),
            ("a.cs", r#"var a = $"{b::c("}")}";"#),
            ("a.cs", r#"var a = $@"\{b}\""{{";"#),
            ("a.cs", "var a = @\"b\"\"\n{\";"),
            ("a.cs", "var a = \"\"\"\"{ \"\"\" \"\"\"\"; var b = $$\"\"\"{ {{c(\"}\")}} \"\"\";"),
            ("a.kt", r#"val a = "${b("}")} {" + '{'; fun `it's {`() {}"#),
            ("a.kt", "val a = \"\"\"\\\"{ ${b(\"}\")} \"\"\"\""),
            ("a.swift", r##"let a = "\(b("}")) {" + #""\(" \#(c(")"))"#"##),
            ("a.swift", "let a = \"\"\"\n\"{\n\"\"\"\nlet b = #\"\"\"\n\"{\n\"\"\"#\n#selector(a)"),
            ("a.ts", "let a = `{${b(`}${'}'}`)}'`;"),
            ("a.py", "a = '''it's (''' + \"\"\"\\\"\"\"(\"\"\"\n"),
            ("a.py", "a = f\"{', '.join(b['c'])}{{ {d:\\{e}>(}\" f'{x!r:)<9}'\n"),
            ("a.py", "a = f'{b:{f'{c}'}>{d}(}'\n"),
            ("a.py", "a = f\"{'(' if b[\"it's\"] else ')'}\"\n"),
            ("a.py", "a = rf'\\{{(' + tf'{b(')')}'\nif_ = '{'\n"),
            ("a.py", "a = b if'{'in c else d\n"),
            ("a.scss", "a { b: \"#{map(\"}\")}\"; c: '}' }"),
        ] {
            assert_eq!(seen(path, text), "sound", "{path}: {text}");
        }
    }

    #[test]
    fn literals_must_end() {
        for (path, text, expected) in [
            ("a.rs", "let a = \"b;\n", "the string that begins in line 1 does not end"),
            ("a.c", "\nchar *a = \"b;\n", "the string that begins in line 2 does not end"),
            ("a.cpp", "auto a = R\"x()\";", "the string that begins in line 1 does not end"),
            ("a.cpp", "auto a = R\"01234567890123456789()01234567890123456789\";", "unclear"),
            ("a.py", "a = 'b\nc = 'd'\n", "the string that begins in line 1 does not end"),
            ("a.ts", "let a = `${b`;\n", "the string that begins in line 1 does not end"),
            (
                "a.ts",
                "let a = `${b(}`;\n",
                "the `}` of line 1 stands where the `(` of line 1 is to be closed",
            ),
        ] {
            assert_eq!(seen(path, text), expected, "{path}: {text}");
        }
    }
}
