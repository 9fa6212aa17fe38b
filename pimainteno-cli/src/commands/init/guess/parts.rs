//! The projects in a directory that is none itself, as in a repository of several services.

use std::collections::BTreeSet;

use super::{Files, of};

/// What tells that a directory is a project.
const MANIFESTS: [&str; 9] = [
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "setup.py",
    "requirements.txt",
    "go.mod",
    "Gemfile",
    "composer.json",
    "CMakeLists.txt",
];

/// Directories of what others wrote, or of what was made, that some repositories keep.
const OTHERS: [&str; 5] = ["node_modules", "vendor", "third_party", "target", ".venv"];

/// How many directories are looked into, from the top down.
const MOST: usize = 500;

/// The directories that have a manifest and known checks, and are in no other such one; nothing
/// where Git does not tell what it keeps.
pub(super) fn find(files: &Files<'_>) -> Vec<String> {
    let places: BTreeSet<_> = files
        .tracked
        .iter()
        .flatten()
        .filter_map(|path| {
            let (place, name) = path.rsplit_once('/')?;
            let is_own = !place.split('/').any(|part| OTHERS.contains(&part));
            (is_own && MANIFESTS.contains(&name)).then(|| (place.matches('/').count(), place))
        })
        .collect();
    let mut parts: Vec<String> = Vec::new();
    for (_, place) in places.into_iter().take(MOST) {
        let is_inside =
            |part: &String| place.strip_prefix(&part[..]).is_some_and(|rest| rest.starts_with('/'));
        if !parts.iter().any(is_inside) && is_project(files, place) {
            parts.push(place.to_owned());
        }
    }
    parts.sort();
    parts
}

fn is_project(files: &Files<'_>, place: &str) -> bool {
    let inside = format!("{place}/");
    let tracked = files.tracked.as_ref().map(|tracked| {
        let below = tracked.range(inside.clone()..).map_while(|path| path.strip_prefix(&inside));
        below.map(str::to_owned).collect()
    });
    !of(&Files { path: &files.path.join(place), tracked }).verify.is_empty()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn parts_are_the_outermost_directories_that_can_be_checked() {
        let directory = tempfile::tempdir().unwrap();
        let npm = r#"{"scripts": {"test": "node --test"}}"#;
        let files = [
            ("README.md", ""),
            ("web/package.json", npm),
            ("web/inner/package.json", npm),
            ("web-2/package.json", npm),
            ("services/radio/Cargo.toml", ""),
            ("docs/package.json", "{}"),
            ("node_modules/x/package.json", npm),
            ("services/vendor/x/go.mod", "module x"),
        ];
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tracked = Some(files.iter().map(|(name, _)| (*name).to_owned()).collect());
        let found = find(&Files { path: directory.path(), tracked });
        assert_eq!(found, ["services/radio", "web", "web-2"]);
    }
}
