//! What `.editorconfig` says that must be left alone.

use crate::{files::Files, languages};

/// The settings of the repository's own `.editorconfig`, as far as they forbid something.
///
/// Its patterns are not matched exactly: a section that may be about a file is taken to be.
#[derive(Debug, Default)]
pub(super) struct EditorConfig {
    /// Pattern, key and value, in small letters.
    settings: Vec<(String, String, String)>,
}

impl EditorConfig {
    /// Reads the one in the repository's root; none says nothing.
    pub(super) fn read(files: &Files) -> Self {
        files
            .get(".editorconfig")
            .and_then(|file| files.read(file))
            .map(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut pattern = String::new();
        let mut settings = Vec::new();
        for line in text.lines().map(str::trim) {
            if let Some(section) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                pattern = section.to_ascii_lowercase();
            } else if let Some((key, value)) =
                line.split_once('=').filter(|_| !line.starts_with(['#', ';']))
            {
                settings.push((
                    pattern.clone(),
                    key.trim().to_ascii_lowercase(),
                    value.trim().to_ascii_lowercase(),
                ));
            }
        }
        Self { settings }
    }

    /// Whether a setting `key` for the file at `path` may have a value that `forbids`.
    pub(super) fn any(&self, path: &str, key: &str, forbids: impl Fn(&str) -> bool) -> bool {
        let extension = languages::extension(path).to_ascii_lowercase();
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        self.settings.iter().any(|(pattern, setting, value)| {
            let concerns = matches!(pattern.as_str(), "*" | "**")
                || pattern.contains(&name)
                || (!extension.is_empty() && pattern.contains(&extension));
            setting == key && concerns && forbids(value)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_that_may_be_about_a_file_counts() {
        let config = EditorConfig::parse(
            "[*]\nend_of_line = lf\n[*.{py,MD}]\ntrim_trailing_whitespace = False\n",
        );
        let trim = |path| config.any(path, "trim_trailing_whitespace", |value| value == "false");
        assert_eq!(["a.md", "b/a.py", "a.rs"].map(trim), [true, true, false]);
        assert!(config.any("a.rs", "end_of_line", |_| true));
    }
}
