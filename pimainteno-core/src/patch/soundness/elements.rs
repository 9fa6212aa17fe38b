//! Elements within code, as in JSX: tags, and the text between them.

use super::{
    Fault,
    scan::{Inside, Last, Scanner, is_word},
    syntax::Nesting,
};

impl Scanner<'_> {
    /// Reads `<` in code, which is at `start` and behind: an element, an operator, or wrong.
    pub(super) fn angle(&mut self, start: usize) -> Result<(), Fault> {
        if self.byte(0) == Some(b'/') {
            let end = self.name(self.at + 1);
            if self.text[end..].starts_with('>') {
                let what = format!(
                    "the `{}` of line {} closes nothing",
                    &self.text[start..=end],
                    self.line(start)
                );
                return Err(self.broken(start, what));
            }
        }
        if self.last == Last::Operator {
            return self.open_element(start);
        }
        // A shift.
        self.at += self.run(b'<', usize::MAX);
        self.last = Last::Operator;
        Ok(())
    }

    /// Begins an element, unless the `<` at `start`, which is behind, is something else.
    pub(super) fn open_element(&mut self, start: usize) -> Result<(), Fault> {
        self.last = Last::Operator;
        let name = self.name(self.at);
        let rest = &self.text[name..];
        let behind = rest.trim_start();
        if name == self.at && !rest.starts_with('>') {
            return Ok(());
        }
        let is_const = &self.text[self.at..name] == "const" && behind != rest;
        if behind.starts_with([',', '=']) || behind.starts_with("extends ") || is_const {
            // Parameters of a generic function.
            return Ok(());
        }
        if self.byte(0).is_some_and(|byte| byte.is_ascii_uppercase()) && rest.starts_with(">(") {
            // Those too, or a component.
            return Err(Fault::Unclear);
        }
        self.at = name;
        self.push(start, Inside::Tag(name));
        Ok(())
    }

    /// Reads on in an element, up to code or to its end.
    pub(super) fn element(&mut self) -> Result<(), Fault> {
        match self.open.last().map(|open| open.inside) {
            Some(Inside::Tag(name)) => self.tag(name),
            Some(Inside::Element(name)) => self.children(name),
            _ => Ok(()),
        }
    }

    /// Reads on between `<name` and `>`.
    fn tag(&mut self, name: usize) -> Result<(), Fault> {
        while let Some(byte) = self.byte(0) {
            match (byte, self.byte(1)) {
                (b'{', _) => {
                    self.enter_code();
                    return Ok(());
                }
                (b'"' | b'\'', _) => {
                    let length = self.text[self.at + 1..].find(char::from(byte));
                    self.at += length.ok_or(Fault::Unclear)? + 2;
                }
                (b'/', Some(b'>')) => {
                    self.at += 2;
                    self.end_element();
                    return Ok(());
                }
                (b'/', Some(b'*')) => self.skip_comment(Nesting::Flat)?,
                (b'/', Some(b'/')) => self.skip_line(),
                (b'>', _) => {
                    self.at += 1;
                    if let Some(open) = self.open.last_mut() {
                        open.inside = Inside::Element(name);
                    }
                    return Ok(());
                }
                (b'<', _) if self.at == name => self.skip_parameters()?,
                (b' ' | b'\t' | b'\r' | b'\n' | b'=' | b'-' | b':' | b'.', _) => self.at += 1,
                _ if is_word(byte) => self.at += 1,
                (b')' | b']' | b'}' | b';' | b'`', _) => {
                    let what = format!(
                        "the `{}` of line {} stands in the tag that begins in line {}",
                        char::from(byte),
                        self.line(self.at),
                        self.open.last().map_or(0, |open| self.line(open.at))
                    );
                    return Err(self.broken(self.at, what));
                }
                // It may be no tag, but types.
                _ => return Err(Fault::Unclear),
            }
        }
        self.finish().map(drop)
    }

    /// Skips the types behind the name of a generic component, as in `<Table<Row>>`.
    fn skip_parameters(&mut self) -> Result<(), Fault> {
        let mut depth = 0;
        while let Some(byte) = self.byte(0) {
            self.at += 1;
            match byte {
                b'<' => depth += 1,
                b'>' if depth == 1 => return Ok(()),
                b'>' => depth -= 1,
                b' ' | b'\r' | b'\n' | b'.' | b',' | b'|' | b'&' | b'[' | b']' => {}
                _ if is_word(byte) => {}
                _ => break,
            }
        }
        Err(Fault::Unclear)
    }

    /// Reads on in the text between `<name>` and `</name>`.
    fn children(&mut self, name: usize) -> Result<(), Fault> {
        while let Some(byte) = self.byte(0) {
            match byte {
                b'{' => {
                    self.enter_code();
                    return Ok(());
                }
                b'}' => {
                    let line = self.line(self.at);
                    let what = format!("the `}}` of line {line} closes nothing");
                    return Err(self.broken(self.at, what));
                }
                b'<' if self.byte(1) == Some(b'/') => return self.closing_tag(name),
                b'<' => {
                    let start = self.at;
                    self.at += 1;
                    let depth = self.depth();
                    self.open_element(start)?;
                    return if self.depth() > depth { Ok(()) } else { Err(Fault::Unclear) };
                }
                _ => self.at += 1,
            }
        }
        self.finish().map(drop)
    }

    /// Reads `</name>`, which must close what is open.
    fn closing_tag(&mut self, opened: usize) -> Result<(), Fault> {
        let start = self.at;
        self.at += 2;
        let name = self.name(self.at);
        let closed = &self.text[self.at..name];
        let end = self.text[name..].trim_start();
        self.at = self.text.len() - end.len() + 1;
        let Some(open) = self.open.last().copied() else { return Err(Fault::Unclear) };
        if !end.starts_with('>') {
            return Err(Fault::Unclear);
        }
        if self.text.get(open.at + 1..opened) != Some(closed) {
            let what = format!(
                "the `</{closed}>` of line {} stands where the `{}` of line {} is to be closed",
                self.line(start),
                self.shown(open),
                self.line(open.at)
            );
            return Err(self.broken(start, what));
        }
        self.end_element();
        Ok(())
    }

    fn end_element(&mut self) {
        self.open.pop();
        self.last = Last::Value;
    }

    /// Enters the code in `{`.
    fn enter_code(&mut self) {
        self.open_bracket(self.at, b'{', None, false);
        self.at += 1;
    }

    /// Where the name of a tag that begins at `start` ends.
    fn name(&self, start: usize) -> usize {
        let rest = &self.text.as_bytes()[start..];
        let is_name = |byte: &&u8| is_word(**byte) || matches!(byte, b'.' | b':' | b'-');
        let length = rest.iter().take_while(is_name).count();
        let is_letter = rest.first().is_some_and(|byte| is_word(*byte) && !byte.is_ascii_digit());
        start + if is_letter { length } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn elements_hold_text_and_code() {
        for text in [
            "a = <b>it's ( {c('}')} <d e=\"{\" f={g => {}} h-i /></b>;",
            "return <><A.B c='\n>'>/* ) */</A.B></>;",
            "a = b <c && d > (e);",
            "a = 1<<b; c = (1<<d);",
            "a = <T,>(b: T) => b; c = <T extends D>(e: T) => e; f = <const T>(g: T) => g;",
            "a = <b // it's }\n /* } */ c />;",
            "a = <Table<Row | null> b={c} />;",
            "a = b ? <c /> : d / e('/');",
        ] {
            assert_eq!(seen("a.tsx", text), "sound", "{text}");
        }
    }

    #[test]
    fn elements_must_be_closed() {
        for (text, expected) in [
            (
                "a = <b>\n<c></b>",
                "the `</b>` of line 2 stands where the `<c` of line 2 is to be closed",
            ),
            ("a = <b>\n", "the `<b` of line 1 is not closed"),
            ("a = <b c={d/>;", "the `/>` of line 1 ends no tag"),
            ("a = <b c=d} />;", "the `}` of line 1 stands in the tag that begins in line 1"),
            ("a = <b>c}</b>", "the `}` of line 1 closes nothing"),
            ("a = b</c>;", "the `</c>` of line 1 closes nothing"),
            // A component, or types.
            ("a = <B>(c)</B>", "unclear"),
            ("a = <b c(d) />", "unclear"),
        ] {
            assert_eq!(seen("a.tsx", text), expected, "{text}");
        }
        // Without elements these are operators.
        assert_eq!(seen("a.ts", "a = <B>c;"), "sound");
    }
}
