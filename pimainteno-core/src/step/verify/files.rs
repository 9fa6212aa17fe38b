//! Which files are tests, and which decide what a check does. By their names alone.

/// Directories whose files are tests, or what tests compare with.
const TEST_DIRECTORIES: [&str; 14] = [
    "test",
    "tests",
    "spec",
    "specs",
    "__tests__",
    "__snapshots__",
    "testdata",
    "test-data",
    "test_data",
    "testing",
    "unittests",
    "e2e",
    "cypress",
    "features",
];

/// What the name of a test begins with.
const TEST_PREFIXES: [&str; 2] = ["test_", "test-"];

/// What the name of a test ends with, before its extension.
const TEST_SUFFIXES: [&str; 12] = [
    "_test",
    "-test",
    ".test",
    "_tests",
    "_spec",
    "-spec",
    ".spec",
    "_unittest",
    "Test",
    "Tests",
    "TestCase",
    "Spec",
];

/// Names of tests without anything before or after.
const TEST_STEMS: [&str; 2] = ["test", "tests"];

/// Extensions of files that hold nothing but tests, or what tests compare with.
const TEST_EXTENSIONS: [&str; 4] = ["bats", "snap", "t", "feature"];

/// Extensions of what is never a test, wherever it lies.
const NO_TESTS: [&str; 5] = ["md", "rst", "adoc", "lock", "toml"];

/// Files that decide what a check does, by name.
const DECISIVE_NAMES: [&str; 33] = [
    "makefile",
    "gnumakefile",
    "justfile",
    ".justfile",
    "taskfile.yml",
    "taskfile.yaml",
    "rakefile",
    "noxfile.py",
    "tox.ini",
    "pytest.ini",
    ".pytest.ini",
    "conftest.py",
    "setup.cfg",
    ".coveragerc",
    ".rspec",
    "clippy.toml",
    ".clippy.toml",
    "rustfmt.toml",
    ".rustfmt.toml",
    "nextest.toml",
    "mypy.ini",
    ".flake8",
    "ruff.toml",
    ".ruff.toml",
    ".pylintrc",
    ".golangci.yml",
    ".golangci.yaml",
    ".pre-commit-config.yaml",
    "jenkinsfile",
    ".gitlab-ci.yml",
    ".travis.yml",
    "azure-pipelines.yml",
    "deny.toml",
];

/// Files that decide what a check does, by the first part of their name.
const DECISIVE_STEMS: [&str; 15] = [
    ".mocharc",
    ".nycrc",
    "phpunit.xml",
    "phpstan.neon",
    "jest.config",
    "vitest.config",
    "vitest.workspace",
    "karma.conf",
    "playwright.config",
    "cypress.config",
    "eslint.config",
    ".eslintrc",
    "wdio.conf",
    "ava.config",
    "web-test-runner.config",
];

/// Directories that decide what a check does.
const DECISIVE_DIRECTORIES: [&str; 6] = [
    ".github/workflows/",
    ".circleci/",
    ".ci/",
    ".gitea/workflows/",
    ".forgejo/workflows/",
    ".config/nextest",
];

/// Files without which nothing is built or run, by name: what is left in place when it is tried
/// whether the checks notice a broken project.
const MANIFESTS: [&str; 40] = [
    "cargo.toml",
    "cargo.lock",
    "build.rs",
    "rust-toolchain.toml",
    "rust-toolchain",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "tsconfig.json",
    "deno.json",
    "bun.lockb",
    "go.mod",
    "go.sum",
    "go.work",
    "pyproject.toml",
    "setup.py",
    "requirements.txt",
    "pipfile",
    "pipfile.lock",
    "poetry.lock",
    "uv.lock",
    "gemfile",
    "gemfile.lock",
    "composer.json",
    "composer.lock",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "settings.gradle",
    "settings.gradle.kts",
    "gradlew",
    "mvnw",
    "cmakelists.txt",
    "meson.build",
    "configure.ac",
    "makefile.am",
    "mix.exs",
];

/// Whether a file is a test, or something that tests compare with.
pub(super) fn is_test(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    if NO_TESTS.contains(&extension) {
        return false;
    }
    TEST_EXTENSIONS.contains(&extension)
        || directory.split('/').any(|part| TEST_DIRECTORIES.contains(&part))
        || TEST_STEMS.contains(&stem) && !extension.is_empty()
        || TEST_PREFIXES.iter().any(|prefix| stem.starts_with(prefix))
        || TEST_SUFFIXES.iter().any(|suffix| stem.len() > suffix.len() && stem.ends_with(suffix))
}

/// Whether a file decides what some check does: the settings of a test runner or a linter, a
/// build's targets, CI.
pub(super) fn is_decisive(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    DECISIVE_NAMES.contains(&name.as_str())
        || name.ends_with(".mk")
        || DECISIVE_STEMS.iter().any(|stem| {
            name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
        || DECISIVE_DIRECTORIES
            .iter()
            .any(|directory| path.starts_with(directory) || path.contains(&format!("/{directory}")))
}

/// Whether nothing could be built or run without a file.
pub(super) fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    name.starts_with('.')
        || MANIFESTS.contains(&name.as_str())
        || name.starts_with("requirements") && name.ends_with(".txt")
        || is_decisive(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_known_by_their_names() {
        let tests = [
            "tests/a.rs",
            "src/tests.rs",
            "src/store/tests/wear.rs",
            "pkg/a_test.go",
            "test_a.py",
            "app/tests.py",
            "web/a.test.tsx",
            "web/a.spec.ts",
            "spec/models/a_spec.rb",
            "src/test/java/ATest.java",
            "src/foo_unittest.cc",
            "t/basic.t",
            "web/__tests__/a.js",
            "web/__snapshots__/a.js.snap",
            "pkg/testdata/a.golden",
            "check.bats",
            "lib/ATests.cs",
            "scripts/test.sh",
        ];
        for path in tests {
            assert!(is_test(path), "{path}");
        }
        for path in [
            "src/latest.rs",
            "src/contest.py",
            "README.md",
            "tests/README.md",
            "src/attestation.go",
            "Cargo.toml",
            "protest.js",
            "src/testing.rs",
            "test",
        ] {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn what_decides_a_check_is_known_by_its_name() {
        for path in [
            "Makefile",
            "sub/rules.mk",
            ".github/workflows/ci.yml",
            "tests/conftest.py",
            "jest.config.ts",
            ".eslintrc",
            ".ci/run",
            "tox.ini",
        ] {
            assert!(is_decisive(path), "{path}");
        }
        for path in [
            "src/makefile.rs",
            "docs/github/workflows.md",
            "jest.configuration.ts",
            "Cargo.toml",
            "package.json",
        ] {
            assert!(!is_decisive(path), "{path}");
        }
        assert!(
            is_manifest("web/package.json")
                && is_manifest("requirements-dev.txt")
                && is_manifest(".gitignore")
                && !is_manifest("README.md")
        );
    }
}
