//! Lists of requirements, by their names.

use super::{
    super::Files,
    needs::{Needs, Purpose},
};

/// What stands in the names of lists that are for something else, or for some machines.
const OTHERS: [&str; 16] = [
    "doc",
    "docs",
    "lint",
    "constraints",
    "min",
    "minimum",
    "lowest",
    "windows",
    "win",
    "mac",
    "macos",
    "gpu",
    "cuda",
    "build",
    "release",
    "deploy",
];

/// The lists that the project keeps for itself, its development and its tests.
pub(super) fn find(files: &Files<'_>, needs: &mut Needs) {
    if files.has("requirements.txt") {
        needs.list(Purpose::All, "requirements.txt");
    }
    let mut lists: Vec<_> = files
        .tracked
        .iter()
        .flatten()
        .filter_map(|path| {
            let purpose = purpose(path)?;
            // What `pip-compile` makes of it is more exact.
            let compiled = path.strip_suffix(".in").map(|stem| format!("{stem}.txt"));
            let is_source = compiled.is_some_and(|compiled| files.has(&compiled));
            (!is_source).then_some((purpose, path))
        })
        .collect();
    // What all need stands first, as the others may refer to it.
    lists.sort_by_key(|(purpose, _)| *purpose != Purpose::All);
    for (purpose, path) in lists {
        needs.list(purpose, path);
    }
}

/// What the list at `path` is for; `None` if it is no such list.
fn purpose(path: &str) -> Option<Purpose> {
    let (place, name) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = name.strip_suffix(".txt").or_else(|| name.strip_suffix(".in"))?;
    let stem = stem.to_ascii_lowercase();
    let is_list = stem.contains("requirements") || stem.contains("reqs");
    let words = stem.replace("requirements", "-").replace("reqs", "-");
    let mut words: Vec<_> = words
        .split(|it: char| !it.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    match place {
        "" if is_list => {}
        "requirements" | "reqs" => {}
        "tests" | "test" if is_list => words.push("tests"),
        _ => return None,
    }
    let is_other =
        |word: &&str| OTHERS.contains(word) || word.starts_with(|it: char| it.is_ascii_digit());
    if words.iter().any(is_other) {
        return None;
    }
    let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
    if has(&["test", "tests", "testing", "unittest", "unittests"]) {
        Some(Purpose::Tests)
    } else if has(&["dev", "devel", "develop", "development"]) {
        Some(Purpose::Development)
    } else if !place.is_empty() && matches!(words[..], ["base" | "local"]) {
        Some(Purpose::All)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_known_by_the_words_of_its_name() {
        for (path, expected) in [
            ("requirements-dev.txt", Some(Purpose::Development)),
            ("test_requirements.txt", Some(Purpose::Tests)),
            ("requirements-testing.txt", Some(Purpose::Tests)),
            ("requirements/requirements-tests.txt", Some(Purpose::Tests)),
            ("requirements/development.in", Some(Purpose::Development)),
            ("requirements/base.txt", Some(Purpose::All)),
            ("tests/requirements.txt", Some(Purpose::Tests)),
            ("requirements/test-docs.txt", None),
            ("requirements-device.txt", None),
            ("requirements-test-3.8.txt", None),
            ("test.txt", None),
            ("examples/requirements-test.txt", None),
            ("requirements/prod.txt", None),
        ] {
            assert_eq!(purpose(path), expected, "{path}");
        }
    }
}
