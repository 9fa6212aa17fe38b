//! JSON, TOML and YAML, each read by its parser.

use saphyr_parser::Parser;
use serde::de::IgnoredAny;
use toml::de::DeTable;

use super::{Fault, line_of};

/// Looks whether a text is JSON; with comments, whether it is depends on its reader.
pub(super) fn json(text: &str) -> Result<(), Fault> {
    serde_json::from_str::<IgnoredAny>(text).map(drop).map_err(|error| {
        if text.lines().any(|line| line.trim_start().starts_with(['/', '#'])) {
            return Fault::Unclear;
        }
        // The message ends with the place.
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        broken(error.line().saturating_sub(1), message)
    })
}

/// Looks whether a text is TOML.
pub(super) fn toml(text: &str) -> Result<(), Fault> {
    DeTable::parse(text).map(drop).map_err(|error| {
        if error.message().contains("recursion") {
            return Fault::Unclear;
        }
        broken(line_of(text, error.span().map_or(0, |span| span.start)), error.message())
    })
}

/// Looks whether a text is YAML; a template of it is not read.
pub(super) fn yaml(text: &str) -> Result<(), Fault> {
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        if let Err(error) = event {
            if text.lines().any(is_template) {
                return Err(Fault::Unclear);
            }
            return Err(broken(error.marker().line().saturating_sub(1), error.info()));
        }
    }
    Ok(())
}

/// Whether a line of YAML is for what makes YAML of it: Jinja, Helm and their like.
fn is_template(line: &str) -> bool {
    let line = line.trim_start();
    line.contains("{%")
        || line.starts_with("{{")
        || line.starts_with("<%")
        || line.contains(": {{")
        || line.contains("- {{")
}

fn broken(line: usize, message: &str) -> Fault {
    // What a parser says may have lines, and ends without a full stop.
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    Fault::Broken { line, what: format!("in line {}, {message}", line + 1) }
}

#[cfg(test)]
mod tests {
    use super::super::seen;

    #[test]
    fn data_is_read_by_its_parser() {
        for (path, text, expected) in [
            ("a.json", "{\"a\": [1, 2]}", "sound"),
            ("a.json", "{\n\"a\": 1\n\"b\": 2}", "in line 3, expected `,` or `}`"),
            ("a.json", "{\n// b\n\"a\": 1}", "unclear"),
            ("tsconfig.json", "{\"a\": [1,], // b\n}", "sound"),
            (
                "tsconfig.json",
                "{\"a\": [1,}",
                "the `}` of line 1 stands where the `[` of line 1 is to be closed",
            ),
            (".vscode/a.json", "{\"a\": 1,}", "sound"),
            ("a.toml", "a = [1,\n2,]\n", "sound"),
            ("a.toml", "a = 1\nb = [1\n", "in line 2, "),
            ("a.toml", "a = 1\na = 2\n", "in line 2, duplicate key"),
            ("Cargo.lock", "a =\n", "in line 1, "),
            ("a.yml", "a:\n  - b: ${{ c }}\n---\n{{ d }}: 1\n", "sound"),
            ("a.yaml", "a:\n  b: 1\n c: 2\n", "in line 3, "),
            ("a.yaml", "a:\n\tb: 1\n", "in line 2, "),
            ("a.yaml", "a: 1\n{% if b %}\nc: 2\n{% endif %}\n", "unclear"),
            ("a.yaml", "a: {{ b }} c\n", "unclear"),
        ] {
            let seen = seen(path, text);
            let is_expected =
                if expected.ends_with(' ') { seen.starts_with(expected) } else { seen == expected };
            assert!(is_expected, "{path}: {text}: {seen}");
        }
    }
}
