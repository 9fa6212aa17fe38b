//! Workspaces of a package manager for Node.js: where the root has no tests of its own, those of
//! its packages are what checks it.

use pimainteno_core::config::Globs;
use serde_json::Value;

use super::{super::Files, tests_of};

/// The packages of a workspace.
pub(super) struct Workspace {
    /// Those that can be tested, by their directory, with their name.
    pub(super) tested: Vec<(String, String)>,
    /// Whether the others have no script `test` or one that works, so that all may be asked.
    pub(super) all_or_none: bool,
    /// Whether every package has tests.
    pub(super) all: bool,
}

/// What belongs to the workspace that `manifest`, the root's, or `pnpm-workspace.yaml` describes.
pub(super) fn of(files: &Files<'_>, manifest: &Value) -> Workspace {
    let mut patterns = patterns(manifest);
    patterns.extend(files.read("pnpm-workspace.yaml").iter().flat_map(|text| listed(text)));
    let mut workspace = Workspace { tested: Vec::new(), all_or_none: true, all: true };
    let (left_out, taken): (Vec<_>, Vec<_>) =
        patterns.iter().map(String::as_str).partition(|pattern| pattern.starts_with('!'));
    let anchored = |pattern: &str| {
        format!("/{}", pattern.trim_start_matches('!').trim_start_matches("./").trim_matches('/'))
    };
    let compile = |patterns: Vec<&str>| Globs::compile(patterns.into_iter().map(anchored));
    let (Ok(taken), Ok(left_out)) = (compile(taken), compile(left_out)) else { return workspace };
    for path in files.tracked.iter().flatten() {
        let Some(place) = path.strip_suffix("/package.json") else { continue };
        if !taken.matches(place) || left_out.matches(place) || is_installed(place) {
            continue;
        }
        let text = files.read(path).unwrap_or_default();
        let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
        let name = manifest.get("name").and_then(Value::as_str).filter(|name| is_plain(name));
        if let (Some(_), Some(name), true) = (tests_of(&manifest), name, is_plain(place)) {
            workspace.tested.push((place.to_owned(), name.to_owned()));
        } else {
            workspace.all = false;
            workspace.all_or_none &= manifest.pointer("/scripts/test").is_none();
        }
    }
    workspace
}

impl Workspace {
    /// `option` with the place of each package that has tests, or with its name.
    pub(super) fn each(&self, option: &str, by_name: bool) -> String {
        let each = self.tested.iter().map(|(place, name)| if by_name { name } else { place });
        each.map(|package| format!(" {option} {package}")).collect()
    }
}

/// What npm, Yarn and Bun read: a list, or a table with one.
fn patterns(manifest: &Value) -> Vec<String> {
    let list = manifest.get("workspaces");
    let list = list.and_then(|it| it.get("packages")).or(list).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// What `packages:` of a `pnpm-workspace.yaml` lists, a line each.
fn listed(text: &str) -> Vec<String> {
    let below = text.lines().skip_while(|line| line.trim_end() != "packages:").skip(1);
    let lines = below.map(|line| line.split(" #").next().unwrap_or_default().trim());
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let lines = lines.map_while(|line| line.strip_prefix('-'));
    lines.map(|line| line.trim().trim_matches(['"', '\'']).to_owned()).collect()
}

fn is_installed(place: &str) -> bool {
    place.split('/').any(|part| part == "node_modules")
}

/// Whether a shell takes `text` as it is.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.chars().all(|it| it.is_ascii_alphanumeric() || "@/._-".contains(it))
}
