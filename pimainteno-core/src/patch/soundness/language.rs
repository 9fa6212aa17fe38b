//! Which language a file is in, by its name, and how it is looked at.

use std::{collections::HashSet, ops::Range};

use super::{
    Fault, data, make, python, scan,
    syntax::{
        C, C_SHARP, COMMENTED_JSON, CSS, GO, JAVA, JAVASCRIPT, KOTLIN, RUST, SCSS, SWIFT, Syntax,
        TYPESCRIPT,
    },
};

/// How the names of files begin that are JSON with comments, or may be.
const LENIENT: [&str; 8] = [
    ".eslintrc",
    "api-extractor",
    "deno",
    "devcontainer",
    "jsconfig",
    "renovate",
    "tsconfig",
    "turbo",
];

/// A language, and how a file in it is looked at.
pub(super) struct Language {
    /// Its name in a message.
    pub(super) name: &'static str,
    look: Look,
}

/// How a file is looked at.
enum Look {
    Brackets(&'static Syntax),
    Read(fn(&str) -> Result<(), Fault>),
}

impl Language {
    /// Looks whether a text is sound that was so up to the byte `known`.
    pub(super) fn look(&self, text: &str, known: usize) -> Result<(), Fault> {
        match self.look {
            Look::Brackets(syntax) => scan::look(text, known, syntax),
            Look::Read(read) => read(text),
        }
    }

    /// What a look costs for each byte, in steps of about seven nanoseconds: the most that was
    /// measured of texts made of the repetitions of two words.
    pub(super) fn steps_per_byte(&self) -> usize {
        match self.name {
            "YAML" => 32,
            "Swift" => 24,
            "TOML" => 16,
            _ => 6,
        }
    }

    /// Whether it is a language of programs, and not of data.
    pub(super) fn is_program(&self) -> bool {
        !matches!(self.name, "JSON" | "Makefile" | "TOML" | "YAML")
    }

    /// The first of the lines within `changed` that is indented with blanks beyond ASCII, where
    /// indentation means something and `old` has no such line: lines between two changes are no
    /// new ones.
    pub(super) fn wide_blank(&self, old: &str, text: &str, changed: Range<usize>) -> Option<usize> {
        if !matches!(self.look, Look::Read(_)) || text.is_ascii() {
            return None;
        }
        let is_wide = |line: &str| {
            let rest = line.trim_start();
            !rest.is_empty() && !line[..line.len() - rest.len()].is_ascii()
        };
        let known: HashSet<_> = old.lines().filter(|line| is_wide(line)).collect();
        let first = super::line_of(text, changed.start);
        let mut lines = text.get(changed)?.lines();
        lines.position(|line| is_wide(line) && !known.contains(line)).map(|at| first + at)
    }
}

/// The language of a file, if it is one that is looked at.
pub(super) fn of(path: &str) -> Option<Language> {
    let brackets = |name, syntax| Some(Language { name, look: Look::Brackets(syntax) });
    let read = |name, read| Some(Language { name, look: Look::Read(read) });
    let name = path.rsplit('/').next()?;
    match name {
        "Makefile" | "makefile" | "GNUmakefile" => return read("Makefile", make::look),
        "Cargo.lock" | "Pipfile" | "poetry.lock" | "uv.lock" => return read("TOML", data::toml),
        _ => {}
    }
    match name.rsplit_once('.')?.1 {
        "c" | "h" => brackets("C", &C),
        "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" => brackets("C++", &C),
        "cs" => brackets("C#", &C_SHARP),
        "css" => brackets("CSS", &CSS),
        "go" => brackets("Go", &GO),
        "java" => brackets("Java", &JAVA),
        "cjs" | "js" | "jsx" | "mjs" => brackets("JavaScript", &JAVASCRIPT),
        "jsonc" => brackets("JSON", &COMMENTED_JSON),
        "json" if may_have_comments(path, name) => brackets("JSON", &COMMENTED_JSON),
        "json" => read("JSON", data::json),
        "kt" | "kts" => brackets("Kotlin", &KOTLIN),
        "less" => brackets("Less", &SCSS),
        "mk" => read("Makefile", make::look),
        "py" | "pyi" => read("Python", python::look),
        "rs" => brackets("Rust", &RUST),
        "scss" => brackets("SCSS", &SCSS),
        "swift" => brackets("Swift", &SWIFT),
        "toml" => read("TOML", data::toml),
        "cts" | "mts" | "ts" => brackets("TypeScript", &TYPESCRIPT),
        "tsx" => brackets("TypeScript", &JAVASCRIPT),
        "yaml" | "yml" => read("YAML", data::yaml),
        _ => None,
    }
}

/// Whether a file of JSON is read by programs that allow comments and further commas.
fn may_have_comments(path: &str, name: &str) -> bool {
    LENIENT.iter().any(|start| name.starts_with(start))
        || path.split('/').any(|folder| matches!(folder, ".vscode" | ".devcontainer"))
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_name_tells_the_language() {
        for (path, name) in [
            ("a/b.rs", Some("Rust")),
            ("Makefile", Some("Makefile")),
            ("a/rules.mk", Some("Makefile")),
            ("poetry.lock", Some("TOML")),
            ("yarn.lock", None),
            ("a.sh", None),
            ("rs", None),
            ("a.rs/b", None),
        ] {
            assert_eq!(of(path).map(|language| language.name), name, "{path}");
        }
    }
}
