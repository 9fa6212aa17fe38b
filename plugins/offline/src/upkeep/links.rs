//! Relative links in Markdown whose target is not there.

use std::{
    collections::{BTreeSet, HashMap},
    ops::{ControlFlow, Range},
};

use pimainteno_core::Result;

use super::{Edit, Edits};
use crate::{
    files::{self, File, Files},
    languages, markdown,
};

/// A relative link to nothing.
#[derive(Debug)]
pub(crate) struct DeadLink {
    /// The file with the link.
    pub(crate) path: String,
    /// The target as it is written, without what follows `#` or `?`.
    pub(crate) target: String,
    /// The path that the target leads to.
    resolved: String,
    /// The only file that can have been meant, if there is one.
    only: Option<String>,
    range: Range<usize>,
}

/// Finds dead links with one obvious target.
pub(super) fn find(files: &Files, edits: &mut Edits) -> Result<()> {
    let mut deleted = None;
    dead_links(files, |link, text| {
        let is_obvious = |found: &&String| {
            found.eq_ignore_ascii_case(&link.resolved)
                || has_moved(&link, found, deleted.get_or_insert_with(|| files.deleted()))
        };
        let Some(fix) = link
            .only
            .as_ref()
            .filter(is_obvious)
            .map(|found| relative(&link.path, found))
            .filter(|fix| is_simple(fix))
        else {
            return ControlFlow::Continue(());
        };
        let note = format!("{} -> {fix}", link.target);
        if edits.add(&link.path, text, Edit { range: link.range, replacement: fix, note }) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })
}

/// Shows `visit` every dead link, with the text that it is in.
pub(crate) fn dead_links(
    files: &Files,
    mut visit: impl FnMut(DeadLink, &str) -> ControlFlow<()>,
) -> Result<()> {
    let index = Index::new(files);
    let is_wanted = |file: &File| {
        languages::is_markdown(&file.path)
            && file.is_kept_by_hand()
            && !file.is_in_tests()
            && !(index.is_site && is_page(&file.path))
    };
    files.walk(is_wanted, |file, text| {
        if markdown::has_front_matter(text) || files::is_generated(text) {
            return ControlFlow::Continue(());
        }
        for range in targets(text) {
            let target = text.get(range.clone()).unwrap_or_default();
            let Some(resolved) = resolve(&file.path, target) else { continue };
            // What is there but not tracked may be made by a build.
            if files.get(&resolved).is_some()
                || files.has_directory(&resolved)
                || files.root().join(&resolved).exists()
            {
                continue;
            }
            let only = index.only(&resolved).map(str::to_owned);
            visit(
                DeadLink {
                    path: file.path.clone(),
                    target: target.to_owned(),
                    resolved,
                    only,
                    range,
                },
                text,
            )?;
        }
        ControlFlow::Continue(())
    })?;
    Ok(())
}

/// Whether history shows that a link to `found` was broken by a move: of its target, or of the file
/// that it is written in.
fn has_moved(link: &DeadLink, found: &str, deleted: &BTreeSet<String>) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let was_here = |old: &&String| {
        name(old) == name(&link.path) && resolve(old, &link.target).as_deref() == Some(found)
    };
    deleted.contains(&link.resolved) || deleted.iter().any(|old| was_here(&old))
}

/// Where files are, by name.
struct Index<'a> {
    by_name: HashMap<String, Vec<&'a str>>,
    /// Whether a site generator gives links a meaning of its own.
    is_site: bool,
}

impl<'a> Index<'a> {
    fn new(files: &'a Files) -> Self {
        let mut index = Self { by_name: HashMap::new(), is_site: false };
        for file in files.iter() {
            let name = file.path.rsplit('/').next().unwrap_or(&file.path);
            index.is_site |= SITE.iter().any(|site| name.starts_with(site));
            index.by_name.entry(name.to_ascii_lowercase()).or_default().push(&file.path);
        }
        index
    }

    /// The only file that a link to `path` can have meant: it differs in case only, or it is the
    /// only one of that name.
    fn only(&self, path: &str) -> Option<&'a str> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let found = self.by_name.get(&name.to_ascii_lowercase())?;
        let mut same: Vec<_> =
            found.iter().filter(|found| found.eq_ignore_ascii_case(path)).collect();
        let stem = name.split('.').next().unwrap_or(name).to_ascii_lowercase();
        // A name that every directory may have says nothing about where it went.
        if same.is_empty()
            && !COMMON.contains(&stem.as_str())
            && name.contains('.')
            && found.len() == 1
        {
            same = found.iter().filter(|found| found.ends_with(name)).collect();
        }
        match same[..] {
            [found] => Some(found),
            _ => None,
        }
    }
}

/// The targets of links in `text`: `[…](target)` and `[…]: target`.
fn targets(text: &str) -> Vec<Range<usize>> {
    let mut targets = Vec::new();
    let mut code = 0;
    let mut comment = false;
    for line in markdown::lines(text) {
        let content = text.get(line.range.clone()).unwrap_or_default();
        if content.trim().is_empty() {
            code = 0;
        }
        if line.is_code {
            continue;
        }
        let bytes = content.as_bytes();
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            let run = rest.iter().take_while(|byte| **byte == b'`').count();
            if comment {
                comment = !rest.starts_with(b"-->");
            } else if run > 0 {
                code = if code == 0 {
                    run
                } else if code == run {
                    0
                } else {
                    code
                };
            } else if code == 0 && rest.starts_with(b"<!--") {
                comment = true;
            } else if code == 0
                && (rest.starts_with(b"](")
                    || (rest.starts_with(b"]: ") && content.trim_start().starts_with('[')))
            {
                let start = at + if rest.starts_with(b"](") { 2 } else { 3 };
                let written = content.get(start..).unwrap_or_default();
                let length = written
                    .find([')', ' ', '\t', '#', '?', '(', '<', '"'])
                    .unwrap_or(written.len());
                let closed = rest.starts_with(b"]: ")
                    || written
                        .get(length..)
                        .is_some_and(|rest| rest.starts_with([')', '#', '?', ' ']));
                if closed && length > 0 {
                    targets.push(line.range.start + start..line.range.start + start + length);
                }
            }
            at += run.max(1);
        }
    }
    targets
}

/// The path that `target`, written in the file at `path`, leads to; `None` if it is no plain
/// relative path inside the repository.
fn resolve(path: &str, target: &str) -> Option<String> {
    if !is_simple(target) || target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            _ => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Whether a path is written in a link as it is.
fn is_simple(path: &str) -> bool {
    path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/+".contains(&byte))
}

/// How `to` is written in a link in the file at `from`.
fn relative(from: &str, to: &str) -> String {
    let from: Vec<_> = from.split('/').collect();
    let to: Vec<_> = to.split('/').collect();
    let directories = from.len() - 1;
    let shared = from
        .iter()
        .take(directories)
        .zip(to.iter().take(to.len() - 1))
        .take_while(|(one, other)| one == other)
        .count();
    let up = std::iter::repeat_n("..", directories - shared);
    up.chain(to.into_iter().skip(shared)).collect::<Vec<_>>().join("/")
}

/// Whether the file may be a page of a site, as opposed to one that is read where it is.
fn is_page(path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(_, name)| !name.to_ascii_lowercase().starts_with("readme"))
}

/// What the names of the settings of site generators begin with.
const SITE: [&str; 10] = [
    "mkdocs.",
    "_config.y",
    "hugo.",
    "docusaurus.",
    "astro.",
    "gatsby-config",
    "conf.py",
    "antora",
    "zensical",
    "eleventy.config",
];

/// Names that many directories have.
const COMMON: [&str; 12] = [
    "readme",
    "index",
    "mod",
    "lib",
    "main",
    "changelog",
    "license",
    "contributing",
    "makefile",
    "cargo",
    "package",
    "__init__",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_found_outside_of_code() {
        let text = "[a](b.md#c) ![d](e/f.png \"g\") `[h](i)` <!-- [j](k) --> [l](<m n>)\n[o]: p.md\n```\n[q](r)\n```\n[s](t(u)) [v](#w)\n";
        let found: Vec<_> = targets(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, ["b.md", "e/f.png", "p.md"]);
    }

    #[test]
    fn paths_are_resolved_and_written_relative_to_the_file() {
        assert_eq!(resolve("docs/a.md", "../src/./b.rs").as_deref(), Some("src/b.rs"));
        for not_ours in ["https://x", "/a", "../../b", "a%20b", "{{x}}", "mailto:a@b"] {
            assert_eq!(resolve("docs/a.md", not_ours), None, "{not_ours}");
        }
        assert_eq!(relative("docs/a/b.md", "docs/c/d.md"), "../c/d.md");
        assert_eq!(relative("README.md", "docs/a.md"), "docs/a.md");
        assert_eq!(relative("docs/a.md", "docs/b.md"), "b.md");
    }
}
