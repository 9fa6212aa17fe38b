//! What a maintainer would want to know, but must decide about.

use std::{cmp::Reverse, ops::ControlFlow};

use pimainteno_core::Result;

use super::{code, count, human_size, list, titled};
use crate::{
    files::{FILE_LIMIT, Files},
    git::Git,
    summary::contents::Contents,
    upkeep,
};

/// So many examples of each.
const EXAMPLES: usize = 5;

/// Files that are tracked although `.gitignore` names them.
pub(super) async fn tracked_but_ignored(git: &Git) -> Vec<String> {
    let paths = git
        .fact(["ls-files", "-z", "--cached", "--ignored", "--exclude-standard"])
        .await
        .unwrap_or_default();
    paths.split('\0').filter(|path| !path.is_empty()).map(code).collect()
}

/// The observations.
pub(super) fn section(files: &Files, contents: &Contents, ignored: &[String]) -> Result<String> {
    let mut large: Vec<_> = files.iter().filter(|file| file.size > FILE_LIMIT).collect();
    large.sort_by_key(|file| (Reverse(file.size), &file.path));
    let large: Vec<_> = large
        .into_iter()
        .map(|file| format!("{} ({})", code(&file.path), human_size(file.size)))
        .collect();
    let mut links = Vec::new();
    upkeep::dead_links(files, |link, _| {
        links.push(format!("{} to {}", code(&link.path), code(&link.target)));
        ControlFlow::Continue(())
    })?;
    let conflicts: Vec<_> = contents.conflicts.iter().map(|path| code(path)).collect();
    let mut items = Vec::new();
    let mut observe = |what: &str, found: &[String]| {
        if !found.is_empty() {
            let more = if found.len() > EXAMPLES { ", …" } else { "" };
            let examples: Vec<_> = found.iter().take(EXAMPLES).map(String::as_str).collect();
            items.push(format!("{}: {}{more}", count(found.len(), what), examples.join(", ")));
        }
    };
    observe("unfinished merge", &conflicts);
    observe("dead link", &links);
    observe("large file", &large);
    observe("tracked but ignored file", ignored);
    let at_root = |name: &str| {
        files.iter().any(|file| {
            !file.path.contains('/') && file.path.to_ascii_lowercase().starts_with(name)
        })
    };
    if !at_root("readme") {
        items.push("There is no README.".into());
    }
    if !["license", "licence", "copying", "unlicense"].iter().any(|name| at_root(name))
        && !files.has_directory("LICENSES")
    {
        items.push("There is no license file.".into());
    }
    if !contents.has_tests() {
        items.push("No tests were found.".into());
    }
    Ok(titled("Observations", &list(&items, 10)))
}
