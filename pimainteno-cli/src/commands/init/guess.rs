//! Guesses a project's checks from the files that describe it.

use std::{fs, path::Path};

/// What `npm init` writes where a project has no tests.
const NO_NPM_TEST: &str = "no test specified";

/// The commands that probably check the project at `path`; none if nothing is recognised.
pub(super) fn checks(path: &Path) -> Vec<String> {
    let read = |name: &str| fs::read_to_string(path.join(name)).ok();
    let has = |name: &str| path.join(name).exists();
    let mut checks = Vec::new();
    if has("Cargo.toml") {
        checks.push("cargo test".to_owned());
    }
    checks
        .extend(read("package.json").and_then(|manifest| npm(&manifest, has("package-lock.json"))));
    if is_tested_python(read("pyproject.toml").as_deref(), has) {
        checks.push("python3 -m pytest".to_owned());
    }
    if has("go.mod") {
        checks.push("go test ./...".to_owned());
    }
    if checks.is_empty() {
        let makefile = ["GNUmakefile", "makefile", "Makefile"].into_iter().find_map(read);
        checks.extend(makefile.and_then(|makefile| make(&makefile)));
    }
    checks
}

/// Checks run in a workspace of their own, which has none of the packages that the checkout has.
fn npm(manifest: &str, is_locked: bool) -> Option<String> {
    let manifest: serde_json::Value = serde_json::from_str(manifest).ok()?;
    let test = manifest.get("scripts")?.get("test")?.as_str()?;
    if test.trim().is_empty() || test.contains(NO_NPM_TEST) {
        return None;
    }
    let has_packages = ["dependencies", "devDependencies"]
        .into_iter()
        .filter_map(|key| manifest.get(key)?.as_object())
        .any(|list| !list.is_empty());
    Some(match (has_packages, is_locked) {
        (false, _) => "npm test".into(),
        (true, true) => "npm ci && npm test".into(),
        (true, false) => "npm install --no-package-lock && npm test".into(),
    })
}

/// Whether a Python project has tests that pytest finds.
fn is_tested_python(pyproject: Option<&str>, has: impl Fn(&str) -> bool) -> bool {
    let is_configured = || pyproject.is_some_and(|text| text.contains("pytest"));
    let is_python =
        || pyproject.is_some() || has("setup.py") || has("setup.cfg") || has("requirements.txt");
    has("pytest.ini")
        || has("conftest.py")
        || is_configured()
        || (is_python() && (has("tests") || has("test")))
}

/// The first of the usual targets that a makefile has.
fn make(makefile: &str) -> Option<String> {
    let targets = || {
        makefile
            .lines()
            .filter(|line| !line.starts_with(['\t', '#', ' ']))
            .filter_map(|line| line.split_once(':'))
    };
    // `test := x` sets a variable.
    let has = |target: &str| {
        targets().any(|(names, rest)| {
            !rest.starts_with('=') && names.split_whitespace().any(|name| name == target)
        })
    };
    ["check", "test"].into_iter().find(|target| has(target)).map(|target| format!("make {target}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guessed(files: &[(&str, &str)]) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(directory.path().join(name), text).unwrap();
        }
        checks(directory.path())
    }

    #[test]
    fn checks_are_guessed_from_manifests() {
        assert_eq!(guessed(&[("Cargo.toml", ""), ("Makefile", "test:\n")]), ["cargo test"]);
        assert_eq!(
            guessed(&[("go.mod", "module x"), ("pyproject.toml", "[tool.pytest.ini_options]")]),
            ["python3 -m pytest", "go test ./..."]
        );
        assert_eq!(
            guessed(&[("Makefile", "test := 1\nall check: all\n\tgo test:\n")]),
            ["make check"]
        );
        assert_eq!(guessed(&[("Makefile", ".PHONY: test\ntest := 1\n")]), Vec::<String>::new());
        assert_eq!(
            guessed(&[("README.md", ""), ("pyproject.toml", "[project]")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn npm_is_asked_only_for_tests_that_there_are() {
        assert_eq!(
            npm(r#"{"scripts": {"test": "node --test"}}"#, true).as_deref(),
            Some("npm test")
        );
        assert_eq!(
            npm(r#"{"scripts": {"test": "jest"}, "devDependencies": {"jest": "1"}}"#, true)
                .as_deref(),
            Some("npm ci && npm test")
        );
        for manifest in [
            r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#,
            "{}",
            "[",
            r#"{"scripts": 1}"#,
        ] {
            assert_eq!(npm(manifest, true), None, "{manifest}");
        }
    }
}
