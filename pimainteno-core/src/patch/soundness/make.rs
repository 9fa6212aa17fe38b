//! Makefiles: recipes without their tab.

use super::{Fault, line_of};

/// Words with which a line begins that is neither a rule nor a variable (GNU make, chapter
/// "Quick Reference").
const DIRECTIVES: [&str; 19] = [
    "-include", "-load", "define", "else", "endef", "endif", "export", "ifdef", "ifeq", "ifndef",
    "ifneq", "include", "load", "override", "private", "sinclude", "undefine", "unexport", "vpath",
];

/// Looks whether all recipes of a makefile have their tabs.
pub(super) fn look(text: &str) -> Result<(), Fault> {
    // Another mark than a tab, or another make, whose directives begin with a dot.
    if text.contains(".RECIPEPREFIX") || text.lines().any(is_foreign) {
        return Err(Fault::Unclear);
    }
    let mut in_rule = false;
    let mut definitions = 0;
    let mut at = 0;
    while at < text.len() {
        let start = at;
        let line = logical_line(&text[start..]);
        at += line.len();
        let first =
            line.trim_start().split([' ', '\t', '\r', '\n', '(']).next().unwrap_or_default();
        if definitions > 0 {
            definitions += usize::from(first == "define");
            definitions -= usize::from(first == "endef");
            continue;
        }
        let is_recipe = line.starts_with('\t') && in_rule;
        if is_recipe || line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if matches!(first, "define") || (first == "override" && line.contains(" define ")) {
            definitions += 1;
            in_rule = false;
            continue;
        }
        if DIRECTIVES.contains(&first) {
            // A recipe may go on behind a condition.
            in_rule &= first.starts_with("if") || first == "else" || first == "endif";
            continue;
        }
        let meaning = Meaning::of(line.trim());
        if in_rule && meaning == Meaning::Command {
            let line = line_of(text, start);
            let what = format!("line {} is a recipe that does not begin with a tab", line + 1);
            return Err(Fault::Broken { line, what });
        }
        in_rule = meaning == Meaning::Rule;
    }
    Ok(())
}

/// A line with those that it goes on in, and the newline.
fn logical_line(text: &str) -> &str {
    let mut length = 0;
    for line in text.split_inclusive('\n') {
        length += line.len();
        let line = line.trim_end_matches(['\n', '\r']);
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        if backslashes % 2 == 0 {
            break;
        }
    }
    &text[..length]
}

/// Whether a line is for a make of BSD.
fn is_foreign(line: &str) -> bool {
    let word = line.strip_prefix('.').unwrap_or_default().trim_start();
    ["if", "else", "endif", "for", "endfor", "include"].iter().any(|name| word.starts_with(name))
}

/// What a line means that does not begin with a tab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Rule,
    /// A variable, or a call that may leave anything behind.
    Other,
    /// Nothing but a command.
    Command,
}

impl Meaning {
    /// What a line means, without the blanks around it.
    fn of(line: &str) -> Self {
        // Commands have colons too: `@echo "Usage: make"`.
        if line.starts_with('@') {
            return Self::Command;
        }
        // What is outside of references to variables, which are taken as a letter each.
        let plain = without_references(line);
        let plain = plain.split(['#', ';']).next().unwrap_or_default();
        let name = plain.find([' ', '\t', '=', ':', '+', '?', '!']).unwrap_or(plain.len());
        let operator = plain[name..].trim_start();
        let assigns = ["=", ":=", "::=", ":::=", "+=", "?=", "!="];
        if assigns.iter().any(|assign| operator.starts_with(assign)) {
            return Self::Other;
        }
        match plain.split_once(':') {
            // A variable of a target has no recipe.
            Some((_, behind)) if behind.contains('=') => Self::Other,
            Some(_) => Self::Rule,
            None if plain.chars().all(|letter| letter == REFERENCE || letter.is_whitespace()) => {
                Self::Other
            }
            None => Self::Command,
        }
    }
}

/// What stands for a reference to a variable: no other line has it.
const REFERENCE: char = '\0';

/// A line with its references to variables, as `$(name)`, replaced.
fn without_references(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut depth = 0_usize;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '$' if depth == 0 => {
                plain.push(REFERENCE);
                depth = usize::from(matches!(letters.next(), Some('(' | '{')));
            }
            '(' | '{' if depth > 0 => depth += 1,
            ')' | '}' if depth > 0 => depth -= 1,
            _ if depth == 0 => plain.push(letter),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn recipes_begin_with_a_tab() {
        for (text, line) in [
            ("a: b\n    c -d $(E)\n", 2),
            ("a: b\n\tc\nd $@\n", 3),
            ("a: b\n    @echo \"c: d\"\n", 2),
            ("a: b\n    $(CC) -c $<\n", 2),
            ("a: b\n    c && d=e f\n", 2),
            ("a: b\n    c; d: e\n", 2),
            ("a: b\nifdef C\n    d\nendif\n", 3),
            ("a: b\n\n# c\n    d e\n", 4),
        ] {
            let expected = format!("line {line} is a recipe that does not begin with a tab");
            assert_eq!(seen("Makefile", text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_recipe_needs_no_tab() {
        for text in [
            "a: b\n\tc\n\n# d\n\te\n",
            "a: b\n    C = d\n    E += f\n    G::=h\n",
            "a: b\n    c: d\n",
            "a: b\n    $(call c,d e)\n",
            "a: b\n\tc \\\n    d\n",
            "a: b \\\n    c\n",
            "a: b\nC = d \\\n    e\n",
            "a: B = c\n    d\n",
            "define a\nb: c\n    d\nendef\ne: f\n",
            "a: b\ninclude c\n    d e\n",
            "a: b\n    # c d\n",
        ] {
            assert_eq!(seen("a.mk", text), "sound", "{text}");
        }
        // These have other rules.
        for text in [".RECIPEPREFIX = >\na: b\n c\n", ".if A\na: b\n    c\n.endif\n"] {
            assert_eq!(seen("a.mk", text), "unclear", "{text}");
        }
    }
}
