//! Which blocks are said to be a file, and which show what a program wrote.

use crate::patch::{
    label, soundness,
    title::{self, Title},
};

/// Languages of blocks that show what a program wrote, or no file.
const OUTPUT: [&str; 15] = [
    "console",
    "output",
    "log",
    "shell-session",
    "sh-session",
    "shellsession",
    "bash-session",
    "terminal",
    "ansi",
    "diff",
    "patch",
    "udiff",
    "stdout",
    "mermaid",
    "http",
];

/// Languages of blocks that show text, be it that of a file or what a program wrote.
const PLAIN: [&str; 4] = ["text", "txt", "plain", "plaintext"];

/// How lines begin that a program wrote.
const WRITTEN: [&str; 4] =
    ["$ ", "Traceback (most recent call last):", "thread 'main' panicked at", "panic: "];

/// What lines begin with that show a tree of files.
const BRANCHES: [&str; 2] = ["├── ", "└── "];

/// Languages of blocks that show either commands or a script.
const SHELLS: [&str; 6] = ["sh", "bash", "shell", "zsh", "fish", "powershell"];

/// How files end that are in a language, if not as it is called.
const ENDS: [(&str, &str); 17] = [
    ("bash", "sh"),
    ("c", "h"),
    ("c++", "cpp"),
    ("cpp", "h"),
    ("cpp", "hpp"),
    ("csharp", "cs"),
    ("golang", "go"),
    ("javascript", "js"),
    ("jsx", "js"),
    ("kotlin", "kt"),
    ("markdown", "md"),
    ("python", "py"),
    ("ruby", "rb"),
    ("rust", "rs"),
    ("tsx", "ts"),
    ("typescript", "ts"),
    ("yaml", "yml"),
];

/// Words with which a line of text says that the block below is all of the file that it names.
const WHOLES: [&str; 10] = [
    "full",
    "complete",
    "entire",
    "whole",
    "updated",
    "create",
    "creating",
    "contents",
    "content",
    "rewritten",
];

/// Whether the line above a block says that its file is a new one, so that it is meant beside
/// another change.
pub(in crate::patch) fn is_new(title: &Title<'_>) -> bool {
    let word =
        |word: &str| word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase();
    let mut words = title.line.split_whitespace().map(word);
    words.any(|word| matches!(word.as_str(), "new" | "create" | "created" | "creating"))
}

/// Whether the lines of a fence are said to be those of one file.
pub(in crate::patch) fn is_named(title: &Title<'_>, lines: &[&str]) -> bool {
    let Some(name) = name(title, lines) else { return false };
    let language = title.language();
    // A comment above commands is rather a remark.
    let is_script = || {
        lines.first().is_some_and(|line| line.starts_with("#!"))
            || title.name().is_some()
                && (!label::has_extension(&name)
                    || [".sh", ".bash", ".zsh", ".fish", ".ps1"]
                        .iter()
                        .any(|end| name.ends_with(end)))
    };
    // What is code to its name is not shown as text.
    let is_text = || title.name().is_some() && !soundness::is_program(&name);
    !OUTPUT.contains(&language.as_str())
        && (!SHELLS.contains(&language.as_str()) || is_script())
        && (!PLAIN.contains(&language.as_str()) || is_text())
        && !is_output(&name, lines)
}

/// The name of the file that stands above a block in its language, where it is not said to be all
/// of it: what it shows may belong to a change.
pub(in crate::patch) fn introduced(title: &Title<'_>) -> Option<String> {
    let language = title.language();
    let is_meant = |name: &String| title::is_path(name) && is_in(name, &language);
    let names: Vec<_> = title::named(title.line).into_iter().filter(is_meant).collect();
    <[String; 1]>::try_from(names).ok().map(|[name]| name)
}

/// Whether a file is in a language, by its name.
fn is_in(name: &str, language: &str) -> bool {
    let Some((_, end)) = name.rsplit_once('.') else { return false };
    end == language || ENDS.contains(&(language, end))
}

/// The name of the file: said above or behind the marks of the fence, in a comment, or in a line of
/// text that says that all of the file follows.
pub(in crate::patch) fn name(title: &Title<'_>, lines: &[&str]) -> Option<String> {
    title.name().or_else(|| lines.first().and_then(|line| title::in_comment(line))).or_else(|| {
        let names = title::named(title.line).into_iter().filter(|name| title::is_path(name));
        let [name] = <[String; 1]>::try_from(names.collect::<Vec<_>>()).ok()?;
        let says_so = title.line.split_whitespace().any(|word| {
            let word = word.trim_matches(|letter: char| !letter.is_alphanumeric());
            WHOLES.contains(&word.to_lowercase().as_str())
        });
        (says_so && title.line.trim_end().ends_with(':')).then_some(name)
    })
}

/// Whether the commands below the name of a script may show how it is called.
pub(super) fn may_be_call(title: &Title<'_>, name: &str, lines: &[&str]) -> bool {
    SHELLS.contains(&title.language().as_str())
        && !label::has_extension(name)
        && !lines.first().is_some_and(|line| line.starts_with("#!"))
}

/// Whether the lines below the name of a file are rather what a program wrote.
fn is_output(name: &str, lines: &[&str]) -> bool {
    let first = lines.iter().find(|line| !line.trim().is_empty());
    let is_branch = |line: &&str| BRANCHES.iter().any(|branch| line.starts_with(branch));
    first.is_some_and(|line| WRITTEN.iter().any(|start| line.starts_with(start)))
        || [".log", ".out"].iter().any(|end| name.ends_with(end))
        || (soundness::is_program(name) && lines.iter().any(is_branch))
}
