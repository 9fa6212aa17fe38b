//! A summary of a repository, from what can be counted in it.
//!
//! It is a function of the commit and of the previous summary: it holds no other dates than those
//! of commits.

mod contents;
mod entry_points;
mod history;
mod manifests;
mod observations;

use std::fmt::Write as _;

use pimainteno_core::Result;

use crate::{
    files::{self, Files},
    git::Git,
    markdown,
};
use contents::Contents;
use history::History;
use manifests::Manifest;

/// How much of a README is quoted, in characters.
const QUOTE_LIMIT: usize = 600;

/// Summarises the repository in Markdown. A `previous` summary tells which commit it was made at,
/// and so what is new.
pub(crate) async fn summarize(git: &Git, previous: Option<&str>) -> Result<String> {
    let files = Files::list(git).await?;
    let history = History::read(git, previous).await;
    let ignored = observations::tracked_but_ignored(git).await;
    files::blocking(move || {
        let contents = Contents::read(&files)?;
        let manifests = manifests::read(&files);
        let readme = Readme::read(&files);
        let mut text = String::new();
        text.push_str(&heading(&readme, &manifests));
        text.push_str(&size(&files, &history));
        text.push_str(&contents.languages());
        text.push_str(&manifests::section(&manifests));
        text.push_str(&entry_points::section(&files, &manifests));
        text.push_str(&contents.tests(&manifests));
        text.push_str(&history.section(&files));
        text.push_str(&contents.open_ends());
        text.push_str(&observations::section(&files, &contents, &ignored)?);
        text.push_str(&history.since());
        Ok(text)
    })
    .await
}

/// What a README says first.
#[derive(Debug, Default)]
struct Readme {
    title: Option<String>,
    paragraph: Option<String>,
}

impl Readme {
    fn read(files: &Files) -> Self {
        let is_readme =
            |path: &str| !path.contains('/') && path.to_ascii_lowercase().starts_with("readme");
        files
            .iter()
            .find(|file| is_readme(&file.path))
            .and_then(|file| files.read(file))
            .map(|text| Self::parse(&text))
            .unwrap_or_default()
    }

    fn parse(text: &str) -> Self {
        let mut readme = Self::default();
        let mut paragraph: Vec<&str> = Vec::new();
        for line in markdown::lines(text) {
            let content = text.get(line.range).unwrap_or_default().trim();
            // Titles, badges, pictures, tags, rules and the tables and lists before the first
            // sentence say little.
            let is_decoration = content.starts_with(['#', '!', '<', '|', '=', '[', '*', '.', '-'])
                || content.contains("[![");
            let is_underline = content.len() >= 3
                && (content.bytes().all(|byte| byte == b'=')
                    || content.bytes().all(|byte| byte == b'-'));
            if let ([title], true) = (&paragraph[..], is_underline) {
                readme.title = readme.title.or_else(|| Some(inline(title)));
                paragraph.clear();
                continue;
            }
            if let Some(title) =
                content.strip_prefix("# ").filter(|_| !line.is_code && readme.title.is_none())
            {
                readme.title = Some(inline(title));
            }
            if content.is_empty() || line.is_code || (paragraph.is_empty() && is_decoration) {
                if paragraph.is_empty() {
                    continue;
                }
                break;
            }
            paragraph.push(content);
        }
        let quoted = shorten(&paragraph.join(" "), QUOTE_LIMIT);
        Self { paragraph: Some(inline(&quoted)).filter(|quoted| !quoted.is_empty()), ..readme }
    }
}

fn heading(readme: &Readme, manifests: &[Manifest]) -> String {
    let root = || manifests.iter().filter(|manifest| manifest.directory().is_empty());
    let named = root().find_map(|manifest| manifest.name.clone());
    let title = readme.title.clone().or(named).unwrap_or_else(|| "Summary".into());
    let mut text = format!("# {title}\n\n");
    let description = root().find_map(|manifest| manifest.description.as_deref());
    for said in [description, readme.paragraph.as_deref()].into_iter().flatten() {
        let _ = write!(text, "{said}\n\n");
    }
    text
}

fn size(files: &Files, history: &History) -> String {
    let bytes: u64 = files.iter().map(|file| file.size).sum();
    format!(
        "{}, {}. {}\n\n",
        count(files.iter().count(), "tracked file"),
        human_size(bytes),
        history.stamp()
    )
}

/// Text of someone else's, in one line of Markdown, with no tag in it.
fn inline(text: &str) -> String {
    let text: String =
        text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('<', "\\<")
}

/// A path or another piece of text as code.
fn code(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| if letter.is_control() || letter == '`' { '?' } else { letter })
        .collect();
    format!("`{text}`")
}

/// The beginning of `text`, cut at a word.
fn shorten(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => {
            let cut = text.get(..end).unwrap_or(text);
            format!("{} …", cut.rsplit_once(' ').map_or(cut, |(cut, _)| cut))
        }
        None => text.to_owned(),
    }
}

/// `1 file`, `2 files`.
fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A size in the unit that makes it readable.
fn human_size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{}.{} kB", bytes / 1000, bytes % 1000 / 100),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

/// A list of the first `limit` of `items`, and how many there are more; empty for none.
fn list<T: AsRef<str>>(items: &[T], limit: usize) -> String {
    let mut text: String =
        items.iter().take(limit).flat_map(|item| ["- ", item.as_ref(), "\n"]).collect();
    if items.len() > limit {
        let _ = writeln!(text, "- and {} more", items.len() - limit);
    }
    text
}

/// A section, unless there is nothing in it.
fn titled(title: &str, content: &str) -> String {
    if content.is_empty() {
        String::new()
    } else {
        format!("## {title}\n\n{}\n\n", content.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readme_says_what_the_project_is_after_its_decoration() {
        let readme = Readme::parse(
            "[![CI](x)](y)\n# Tool\n\n<p>logo</p>\n\nIt does <b>this</b>\nand that.\n\nMore.\n",
        );
        assert_eq!(readme.title.as_deref(), Some("Tool"));
        assert_eq!(readme.paragraph.as_deref(), Some("It does \\<b>this\\</b> and that."));
        let underlined = Readme::parse("Tool\n====\n\nIt does this.\n");
        assert_eq!(
            (underlined.title.as_deref(), underlined.paragraph.as_deref()),
            (Some("Tool"), Some("It does this."))
        );
    }

    #[test]
    fn figures_are_readable() {
        assert_eq!([0, 999, 1500, 2_340_000].map(human_size), ["0 B", "999 B", "1.5 kB", "2.3 MB"]);
        assert_eq!(list(&["a", "b", "c"], 2), "- a\n- b\n- and 1 more\n");
        assert_eq!(shorten("one two three", 9), "one two …");
        assert_eq!(code("a`b\n"), "`a?b?`");
    }
}
