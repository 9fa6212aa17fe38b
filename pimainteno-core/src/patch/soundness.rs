//! Whether a file that parsed still does, by a cheap look at it.
//!
//! A look is no compiler: it finds brackets that do not match, indentation that Python cannot read,
//! recipes of make without their tab, and what the parsers of JSON, TOML and YAML refuse. It may
//! miss what is broken, and must not refuse what is right. Hence a change is only refused if the
//! file was sound by the same look before, and whatever a look cannot tell is let through.

mod branches;
mod comment;
mod data;
mod elements;
mod language;
mod literal;
mod make;
mod python;
mod scan;
mod syntax;
mod value;

use std::ops::Range;

use language::Language;

use super::{
    refusal::{Reason, Refusal},
    remedy::Remedy,
    text::Text,
};

/// The largest file that is looked at, in bytes.
const LARGEST: usize = 2 * 1024 * 1024;

/// How much the looks for one reply may cost, in steps as those of `steps.rs`: about a fifth of a
/// second. They are counted apart, so that a large file is placed as it would be without a look.
const MOST: usize = 20_000_000;

/// How many more looks there may be.
pub(super) struct Looks {
    left: usize,
}

/// Why a file is not known to be sound.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fault {
    /// It does not parse.
    Broken {
        /// The line where that shows, from 0.
        line: usize,
        /// What is wrong there, with the line's number.
        what: String,
    },
    /// It holds something that the look cannot tell apart.
    Unclear,
}

impl Looks {
    pub(super) fn new() -> Self {
        Self { left: MOST }
    }

    /// Refuses a change after which a file does not parse that parsed before.
    pub(super) fn check(&mut self, path: &str, before: &[u8], after: &[u8]) -> Result<(), Refusal> {
        let Some(language) = language::of(path) else { return Ok(()) };
        let (Some(old), Some(new)) = (readable(before), readable(after)) else { return Ok(()) };
        // Most changes are right, and then one look is enough.
        let known = old.bytes().zip(new.bytes()).take_while(|(old, new)| old == new).count();
        if let Some(line) = language.wide_blank(old, new, changed(old, new, known)) {
            let message = format!(
                "line {} would be indented with blanks that {} takes for text",
                line + 1,
                language.name
            );
            let refusal = Refusal::new(Reason::Ambiguous, message).remedy(Remedy::Copy);
            return Err(refusal.places(&Text::new(after), &[line], 1));
        }
        let Err(Fault::Broken { line, what }) = self.look(&language, new, known) else {
            return Ok(());
        };
        if self.look(&language, old, old.len()).is_err() {
            return Ok(());
        }
        let message = format!("what it makes of the file is no {} any more: {what}", language.name);
        Err(Refusal::new(Reason::Broken, message).places(&Text::new(after), &[line], 1))
    }

    /// Looks at a text, if so much may still be looked at.
    fn look(&mut self, language: &Language, text: &str, known: usize) -> Result<(), Fault> {
        let cost = language.steps_per_byte() * text.len();
        self.left = self.left.checked_sub(cost).ok_or(Fault::Unclear)?;
        language.look(text, known)
    }
}

/// Whether a file is one of those programs that are looked at, by its name.
pub(super) fn is_program(path: &str) -> bool {
    language::of(path).is_some_and(|language| language.is_program())
}

/// The bytes of the lines in which `new` differs from `old`, which begin with `known` equal bytes.
fn changed(old: &str, new: &str, known: usize) -> Range<usize> {
    let same = |(old, new): &(u8, u8)| old == new;
    let behind = old.bytes().rev().zip(new.bytes().rev()).take_while(same).count();
    let end = new.len() - behind.min(old.len().min(new.len()) - known);
    let end = (end..new.len()).find(|at| new.is_char_boundary(*at)).unwrap_or(new.len());
    let start = new.as_bytes()[..known].iter().rposition(|byte| *byte == b'\n');
    start.map_or(0, |at| at + 1)..end
}

/// A file as text, without a byte order mark, if it can be looked at.
fn readable(bytes: &[u8]) -> Option<&str> {
    if bytes.len() > LARGEST || bytes.contains(&0) {
        return None;
    }
    let text = std::str::from_utf8(bytes).ok()?;
    Some(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// The line, from 0, of the byte `at`.
fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count()
}

/// What the look at a file finds: a word, or what is wrong.
#[cfg(test)]
fn seen(path: &str, text: &str) -> String {
    match language::of(path).map(|language| language.look(text, 0)) {
        None => "no language".to_owned(),
        Some(Ok(())) => "sound".to_owned(),
        Some(Err(Fault::Unclear)) => "unclear".to_owned(),
        Some(Err(Fault::Broken { what, .. })) => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "fn a() {\n    b();\n}\n";
    const BROKEN: &str = "fn a() {\n    b(;\n}\n";

    #[test]
    fn a_change_that_breaks_a_file_is_refused_with_the_place() {
        let refusal = Looks::new().check("a.rs", SOUND.as_bytes(), BROKEN.as_bytes()).unwrap_err();
        assert_eq!(refusal.reason, Reason::Broken);
        assert_eq!(
            refusal.message,
            "what it makes of the file is no Rust any more: the `}` of line 3 stands where the `(` \
             of line 2 is to be closed"
        );
        assert_eq!(refusal.places, [3]);
        assert!(refusal.excerpt.contains("    2      b(;\n"), "{}", refusal.excerpt);
    }

    #[test]
    fn what_was_broken_or_cannot_be_looked_at_is_let_through() {
        let large = format!("{SOUND}{}", " ".repeat(LARGEST));
        for (path, before, after) in [
            ("a.rs", BROKEN, BROKEN),
            ("a.rs", BROKEN, SOUND),
            ("a.rs", SOUND, SOUND),
            ("a.txt", SOUND, BROKEN),
            ("a.rs", "\0", BROKEN),
            ("a.rs", large.as_str(), BROKEN),
        ] {
            assert_eq!(
                Looks::new().check(path, before.as_bytes(), after.as_bytes()),
                Ok(()),
                "{before:.20}"
            );
        }
        assert_eq!(Looks::new().check("a.rs", b"\xff", BROKEN.as_bytes()), Ok(()));
        assert_eq!(
            Looks::new().check("a.json", "\u{feff}{}".as_bytes(), "\u{feff}[]".as_bytes()),
            Ok(())
        );
    }

    #[test]
    fn no_more_is_looked_at_than_there_is_time_for() {
        let (old, new) = ("a: 1\n", format!("{}b: 1\n  c: 2\n", "- a\n".repeat(2000)));
        let mut looks = Looks::new();
        assert!(looks.check("a.yml", old.as_bytes(), new.as_bytes()).is_err());
        looks.left = 32 * new.len();
        assert_eq!(looks.check("a.yml", old.as_bytes(), new.as_bytes()), Ok(()));
    }

    #[test]
    fn deep_and_endless_files_take_neither_the_stack_nor_the_day() {
        let names = [
            "a.c",
            "a.cs",
            "a.css",
            "a.go",
            "a.java",
            "a.js",
            "a.json",
            "a.kt",
            "a.mk",
            "a.py",
            "a.rs",
            "a.scss",
            "a.swift",
            "a.toml",
            "a.ts",
            "a.tsx",
            "a.yml",
            "tsconfig.json",
        ];
        let pieces = [
            "[",
            "{",
            "(",
            "\"",
            "'",
            "`",
            "#",
            "\\\"",
            "$\"{",
            "`${",
            "<a>",
            "<a ",
            "</",
            "/*",
            "a:\n ",
            "a = [",
            "- ",
            "? ",
            "$(",
            "#if a\n",
            "\\#",
            "f'{",
            "[{\"a\":",
            "&a ",
            "!!",
            "#define \"\\",
            "é\\",
            "R\"(",
        ];
        for piece in pieces {
            let text = piece.repeat(20_000 / piece.len());
            for name in names {
                // It is enough that it comes to an end.
                seen(name, &text);
                let _ = Looks::new().check(name, b"", text.as_bytes());
            }
        }
    }
}
