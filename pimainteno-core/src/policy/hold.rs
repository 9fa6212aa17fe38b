//! Files that a person looks at before a change to them is delivered.

use super::Globs;
use crate::{
    config::Project,
    error::{Error, ErrorKind, Result},
    git::Change,
};

/// How many files are named.
const NAMED: usize = 5;

/// Why `change` waits for a person: it touches files that the project's `hold` means.
///
/// # Errors
/// [`ErrorKind::Config`] if `hold` has a glob that is none.
pub(crate) fn held_files(project: &Project, change: &Change) -> Result<Option<String>> {
    concern(&project.hold, change.files.iter().map(|file| file.path.as_str()))
        .map_err(|reason| Error::new(ErrorKind::Config, format!("in `hold` of project `{}`: {reason}", project.name)))
}

/// Why a change of `files` waits for a person: it touches some that the globs `hold` mean. `Err` says which glob is wrong.
fn concern<'a>(hold: &[String], files: impl IntoIterator<Item = &'a str>) -> std::result::Result<Option<String>, String> {
    let globs = Globs::compile(hold.iter().map(String::as_str))?;
    let held: Vec<_> = files.into_iter().filter(|path| globs.matches(path)).collect();
    let named: Vec<_> = held.iter().take(NAMED).map(|path| format!("`{path}`")).collect();
    let more = if held.len() > NAMED { format!(" and {} more", held.len() - NAMED) } else { String::new() };
    let what = if held.len() == 1 { "a file" } else { "files" };
    Ok((!held.is_empty()).then(|| format!("it touches {}{more}, {what} that a person looks at first (`hold`)", named.join(", "))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DEFAULT_HOLD;

    #[test]
    fn what_decides_about_other_files_is_held_and_what_does_not_is_not() {
        let hold = DEFAULT_HOLD.map(str::to_owned);
        let held = |path| concern(&hold, [path]).unwrap().is_some();
        for path in [
            ".github/workflows/ci.yml",
            ".gitlab-ci.yml",
            ".ci/run",
            "Jenkinsfile",
            "AGENTS.md",
            "sub/CLAUDE.md",
            ".cursor/rules/a.mdc",
            ".cursorrules",
            ".gitattributes",
            "vendor/.gitmodules",
            ".cargo/config.toml",
            "crates/a/Cargo.toml",
            "Cargo.lock",
            "web/package-lock.json",
            "a/b/.hidden/deep/er/file",
            "requirements-dev.txt",
            "deploy/radio.service",
            "build.rs",
        ] {
            assert!(held(path), "{path}");
        }
        for path in ["README.md", "src/main.rs", "docs/a.b/c.md", "tests/it.py", "radio.sh", "src/cargo.rs", "a./b"] {
            assert!(!held(path), "{path}");
        }
    }

    #[test]
    fn the_reason_names_the_files_but_not_all_of_many() {
        let hold = ["*.lock".to_owned()];
        let one = concern(&hold, ["a.lock", "b"]).unwrap().unwrap();
        assert_eq!(one, "it touches `a.lock`, a file that a person looks at first (`hold`)");
        let many = concern(&hold, ["a.lock"; 7]).unwrap().unwrap();
        assert!(many.ends_with("and 2 more, files that a person looks at first (`hold`)"), "{many}");
        assert_eq!(concern(&[], ["a.lock"]).unwrap(), None);
    }
}
