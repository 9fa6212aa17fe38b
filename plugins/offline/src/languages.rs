//! What a file's name says about what is in it: the language, and what its comments and strings
//! look like.

/// A language, as far as it matters here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Language {
    /// The name that people know it by.
    pub(crate) name: &'static str,
    /// The ends of file names, without the dot, or whole file names.
    endings: &'static [&'static str],
    /// What its comments look like; `None` if that is not known well enough to change anything in
    /// them.
    pub(crate) syntax: Option<&'static Syntax>,
}

/// What comments and strings look like.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// What begins a comment that ends with the line.
    pub(crate) line: &'static [&'static str],
    /// What begins and ends a comment of several lines.
    pub(crate) block: Option<(&'static str, &'static str)>,
    /// Whether such comments nest.
    pub(crate) nested: bool,
    /// The strings; what begins like another one comes after it.
    pub(crate) strings: &'static [Quote],
    /// What is peculiar.
    pub(crate) dialect: Dialect,
}

/// One form of string.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Quote {
    /// What begins and ends it.
    pub(crate) mark: &'static str,
    /// Whether a backslash takes the next character's meaning away.
    pub(crate) escapes: bool,
    /// Whether it may contain line ends.
    pub(crate) multiline: bool,
}

/// What no table can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Nothing.
    Plain,
    /// Lifetimes, and raw strings `r#"…"#`.
    Rust,
    /// Raw strings `R"x(…)x"`.
    Cpp,
    /// Regular expressions between slashes, and strings in which code can be embedded.
    Script,
    /// Here-documents, and `#` within words.
    Shell,
    /// Comments are whole lines; the rest is not understood.
    WholeLines,
}

const fn quote(mark: &'static str, escapes: bool, multiline: bool) -> Quote {
    Quote { mark, escapes, multiline }
}

const DOUBLE: Quote = quote("\"", true, false);
const SINGLE: Quote = quote("'", true, false);
const TRIPLE: Quote = quote("\"\"\"", true, true);

const SLASHES: Syntax = Syntax {
    line: &["//"],
    block: Some(("/*", "*/")),
    nested: false,
    strings: &[DOUBLE, SINGLE],
    dialect: Dialect::Plain,
};
const C: Syntax = Syntax { dialect: Dialect::Cpp, ..SLASHES };
const JVM: Syntax = Syntax { strings: &[TRIPLE, DOUBLE, SINGLE], ..SLASHES };
const RUST: Syntax =
    Syntax { nested: true, strings: &[quote("\"", true, true)], dialect: Dialect::Rust, ..SLASHES };
const GO: Syntax = Syntax { strings: &[DOUBLE, SINGLE, quote("`", false, true)], ..SLASHES };
const SCRIPT: Syntax = Syntax {
    strings: &[DOUBLE, SINGLE, quote("`", true, true)],
    dialect: Dialect::Script,
    ..SLASHES
};
const PYTHON: Syntax = Syntax {
    line: &["#"],
    block: None,
    nested: false,
    strings: &[TRIPLE, quote("'''", true, true), DOUBLE, SINGLE],
    dialect: Dialect::Plain,
};
const TOML: Syntax = Syntax {
    strings: &[TRIPLE, quote("'''", false, true), DOUBLE, quote("'", false, false)],
    ..PYTHON
};
const SHELL: Syntax = Syntax {
    strings: &[quote("$'", true, true), quote("\"", true, true), quote("'", false, true)],
    dialect: Dialect::Shell,
    ..PYTHON
};
const HASH_LINES: Syntax = Syntax { strings: &[], dialect: Dialect::WholeLines, ..PYTHON };
const INI: Syntax = Syntax { line: &["#", ";"], ..HASH_LINES };
const SQL: Syntax = Syntax {
    line: &["--"],
    strings: &[quote("'", false, true), quote("\"", false, true)],
    ..SLASHES
};
const CSS: Syntax = Syntax { line: &[], ..SLASHES };

const fn language(
    name: &'static str,
    endings: &'static [&'static str],
    syntax: Option<&'static Syntax>,
) -> Language {
    Language { name, endings, syntax }
}

const LANGUAGES: &[Language] = &[
    language("Assembly", &["s", "asm"], None),
    language("Batch", &["bat", "cmd"], None),
    language("C", &["c", "h"], Some(&C)),
    language("C#", &["cs"], None),
    language("C++", &["cpp", "cc", "cxx", "hpp", "hh", "hxx", "ino"], Some(&C)),
    language("CMake", &["cmake", "CMakeLists.txt"], Some(&HASH_LINES)),
    language("CSS", &["css"], Some(&CSS)),
    language("Clojure", &["clj", "cljs"], None),
    language("Dart", &["dart"], None),
    language("Dockerfile", &["dockerfile", "Dockerfile", "Containerfile"], None),
    language("Elixir", &["ex", "exs"], None),
    language("Erlang", &["erl", "hrl"], None),
    language("Go", &["go"], Some(&GO)),
    language("HTML", &["html", "htm"], None),
    language("Haskell", &["hs"], None),
    language("INI", &["ini", "cfg", "conf"], Some(&INI)),
    language("JSON", &["json", "jsonc", "json5"], None),
    language("Java", &["java"], Some(&JVM)),
    language("JavaScript", &["js", "mjs", "cjs", "jsx"], Some(&SCRIPT)),
    language("Julia", &["jl"], None),
    language("Jupyter", &["ipynb"], None),
    language("Kotlin", &["kt", "kts"], Some(&JVM)),
    language("Lua", &["lua"], None),
    language("Makefile", &["mk", "Makefile", "makefile", "GNUmakefile"], Some(&HASH_LINES)),
    language("Markdown", &["md", "markdown"], None),
    language("Nix", &["nix"], None),
    language("Objective-C", &["m", "mm"], None),
    language("PHP", &["php"], None),
    language("Perl", &["pl", "pm"], None),
    language("PowerShell", &["ps1", "psm1"], None),
    language("Protocol Buffers", &["proto"], Some(&SLASHES)),
    language("Python", &["py", "pyi"], Some(&PYTHON)),
    language("R", &["r", "R"], None),
    language("Rhai", &["rhai"], Some(&SLASHES)),
    language("Ruby", &["rb", "Rakefile", "Gemfile"], None),
    language("Rust", &["rs"], Some(&RUST)),
    language("SQL", &["sql"], Some(&SQL)),
    language("SVG", &["svg"], None),
    language("Sass", &["scss", "sass", "less"], None),
    language("Scala", &["scala"], None),
    language("Shell", &["sh", "bash", "zsh"], Some(&SHELL)),
    language("Svelte", &["svelte"], None),
    language("Swift", &["swift"], None),
    language("TOML", &["toml"], Some(&TOML)),
    language("TeX", &["tex", "sty"], None),
    language("Terraform", &["tf"], None),
    language("Text", &["txt"], None),
    language("TypeScript", &["ts", "tsx", "mts", "cts"], Some(&SCRIPT)),
    language("Vue", &["vue"], None),
    language("XML", &["xml", "xsd", "xsl"], None),
    language("YAML", &["yaml", "yml"], None),
    language("Zig", &["zig"], None),
    language("reStructuredText", &["rst"], None),
    language("systemd unit", &["service", "timer", "socket", "target"], Some(&INI)),
];

/// The language of the file at `path`, if it is known.
pub(crate) fn of(path: &str) -> Option<&'static Language> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let extension = extension(path);
    let find = |wanted: &str| LANGUAGES.iter().find(|language| language.endings.contains(&wanted));
    find(name).or_else(|| find(extension)).or_else(|| find(&extension.to_ascii_lowercase()))
}

/// What follows the last dot of the file's name; empty if there is nothing before the dot.
pub(crate) fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.')
        .filter(|(stem, _)| !stem.is_empty())
        .map_or("", |(_, extension)| extension)
}

/// Whether the file is written in Markdown.
pub(crate) fn is_markdown(path: &str) -> bool {
    of(path).is_some_and(|language| language.name == "Markdown")
}

/// Whether the file is text for people.
pub(crate) fn is_prose(path: &str) -> bool {
    of(path)
        .is_some_and(|language| matches!(language.name, "Markdown" | "Text" | "reStructuredText"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_the_language() {
        let names = [
            "src/lib.rs",
            "deploy/Dockerfile",
            "CMakeLists.txt",
            "NOTES.TXT",
            "a/.rs",
            "unknown.xyz",
        ];
        let languages = names.map(|path| of(path).map(|language| language.name));
        assert_eq!(
            languages,
            [Some("Rust"), Some("Dockerfile"), Some("CMake"), Some("Text"), None, None]
        );
    }
}
