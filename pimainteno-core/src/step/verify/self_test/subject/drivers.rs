//! Which files say to a program what to do.

use std::collections::BTreeSet;

/// Programs, and the names of the files without which they do nothing.
const DRIVEN: [(&[&str], &[&str]); 15] = [
    (&["make", "gmake"], &["makefile", "gnumakefile", "makefile.am"]),
    (&["just"], &["justfile", ".justfile"]),
    (&["task"], &["taskfile.yml", "taskfile.yaml"]),
    (&["rake", "bundle", "rspec"], &["rakefile", "gemfile", "gemfile.lock"]),
    (
        &["cargo", "cross", "rustc"],
        &["cargo.toml", "cargo.lock", "build.rs", "rust-toolchain.toml", "rust-toolchain"],
    ),
    (
        &["npm", "npx", "yarn", "pnpm", "node", "bun", "bunx", "deno", "tsc"],
        &[
            "package.json",
            "package-lock.json",
            "npm-shrinkwrap.json",
            "yarn.lock",
            "pnpm-lock.yaml",
            "pnpm-workspace.yaml",
            "tsconfig.json",
            "deno.json",
            "bun.lockb",
            ".npmrc",
            ".nvmrc",
        ],
    ),
    (&["go", "gofmt", "golangci-lint"], &["go.mod", "go.sum", "go.work"]),
    (
        &["pip", "pytest", "tox", "nox", "uv", "poetry", "pdm", "hatch", "pipenv", "ruff", "mypy"],
        &[
            "pyproject.toml",
            "setup.py",
            "setup.cfg",
            "conftest.py",
            "tox.ini",
            "noxfile.py",
            "pipfile",
            "pipfile.lock",
            "poetry.lock",
            "uv.lock",
            "requirements.txt",
            ".python-version",
        ],
    ),
    (&["composer", "phpunit"], &["composer.json", "composer.lock"]),
    (&["mvn", "mvnw"], &["pom.xml"]),
    (
        &["gradle", "gradlew"],
        &["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts"],
    ),
    (&["cmake", "ctest"], &["cmakelists.txt"]),
    (&["meson"], &["meson.build"]),
    (&["mix"], &["mix.exs", "mix.lock"]),
    (&["mdbook"], &["book.toml"]),
];

/// Files that hold commands: whoever runs one of their targets runs those.
const WITH_COMMANDS: [&str; 9] = [
    "makefile",
    "gnumakefile",
    "justfile",
    ".justfile",
    "taskfile.yml",
    "taskfile.yaml",
    "package.json",
    "tox.ini",
    ".pre-commit-config.yaml",
];

/// Programs that read their settings only where they are used by a person.
const SHELLS: [&str; 7] = ["sh", "bash", "dash", "zsh", "ksh", "fish", "profile"];

/// Whether a file with this name, in lower case, is known to say to one of `programs` what to do.
pub(super) fn is_listed(name: &str, programs: &BTreeSet<String>) -> bool {
    DRIVEN
        .iter()
        .filter(|(_, names)| names.contains(&name))
        .any(|(known, _)| known.iter().any(|program| programs.contains(*program)))
}

/// Whether a file with this name, in lower case, is called after one of `programs`, as
/// `.yamllint.yml` and `mkdocs.yml` are.
pub(super) fn is_called_after(name: &str, programs: &BTreeSet<String>) -> bool {
    settings_of(name).filter(|program| !SHELLS.contains(program)).is_some_and(|program| {
        programs.iter().any(|known| {
            known.strip_prefix(program).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        })
    })
}

/// Whether a file with this name, in lower case, may hold commands that a check runs.
pub(super) fn holds_commands(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    WITH_COMMANDS.contains(&name.as_str()) || name.ends_with(".mk")
}

/// Whether a file with this name is one that Git reads.
pub(super) fn is_of_git(name: &str) -> bool {
    [".gitignore", ".gitattributes", ".gitmodules", ".gitkeep"].contains(&name)
}

/// The program that settings of this name may be of: a hidden file, or one that ends as settings
/// do.
fn settings_of(name: &str) -> Option<&str> {
    let hidden = name.strip_prefix('.');
    let bare = hidden.unwrap_or(name);
    let (stem, extension) = bare.split_once('.').unwrap_or((bare, ""));
    let is_settings = hidden.is_some()
        || ["yml", "yaml", "toml", "json", "ini", "cfg"].contains(&extension)
        || extension.starts_with("config.");
    let program =
        ["-config", "_config", "ignore", "rc"].iter().find_map(|end| stem.strip_suffix(end));
    Some(program.unwrap_or(stem)).filter(|program| is_settings && program.len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_check_is_known_by_its_name() {
        let is_driving = |name: &str, words: &str| {
            let programs = words.split_whitespace().map(str::to_owned).collect();
            is_listed(name, &programs) || is_called_after(name, &programs)
        };
        for (name, words) in [
            ("makefile", "make test"),
            ("package.json", "npm test"),
            (".yamllint", "yamllint ."),
            (".yamllint.yml", "yamllint ."),
            ("mkdocs.yml", "mkdocs build --strict"),
            (".markdownlint.json", "markdownlint-cli2 docs"),
            (".pre-commit-config.yaml", "pre-commit run"),
            (".eslintrc", "eslint ."),
            ("vale.ini", "vale docs"),
        ] {
            assert!(is_driving(name, words), "{name}");
        }
        for (name, words) in [
            ("makefile", "cat a.md"),
            ("package.json", "python3 json.load package.json"),
            (".bashrc", "bash -n .bashrc"),
            (".profile", "sh -n .profile"),
            ("radio.md", "radio"),
            ("config.yml", "yamllint ."),
        ] {
            assert!(!is_driving(name, words), "{name}");
        }
        assert!(holds_commands("sub/Makefile") && holds_commands("a/rules.mk"));
    }
}
