//! Projects of Node.js: the lock file tells the package manager.

use serde_json::Value;

use super::{Files, Guess};

/// What `npm init` writes where a project has no tests.
const NO_TEST: &str = "no test specified";

/// Lock files, how what they say is installed, and how the tests are run then.
const MANAGERS: [(&str, &str, &str); 5] = [
    ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm test"),
    ("yarn.lock", "yarn install --frozen-lockfile", "yarn test"),
    ("bun.lock", "bun install --frozen-lockfile", "bun run test"),
    ("bun.lockb", "bun install --frozen-lockfile", "bun run test"),
    ("package-lock.json", "npm ci", "npm test"),
];

pub(super) fn guess(files: &Files<'_>) -> Option<Guess> {
    let manifest: Value = serde_json::from_str(&files.read("package.json")?).ok()?;
    let test = manifest.pointer("/scripts/test")?.as_str()?;
    if test.trim().is_empty() || test.contains(NO_TEST) {
        return None;
    }
    let has_packages = ["dependencies", "devDependencies", "optionalDependencies", "workspaces"]
        .into_iter()
        .filter_map(|key| manifest.get(key))
        .any(|list| match list {
            Value::Object(list) => !list.is_empty(),
            Value::Array(list) => !list.is_empty(),
            _ => false,
        });
    let locked = MANAGERS.iter().find(|(lock, ..)| files.has(lock));
    let (install, check) = match locked {
        // Yarn from 2 on has the option under another name.
        Some(("yarn.lock", _, check)) if files.has(".yarnrc.yml") => {
            ("yarn install --immutable", *check)
        }
        Some((_, install, check)) => (*install, *check),
        None if files.has("npm-shrinkwrap.json") => ("npm ci", "npm test"),
        None => ("npm install --no-package-lock", "npm test"),
    };
    Some(Guess::new(Some(install).filter(|_| has_packages), check))
}

#[cfg(test)]
mod tests {
    use super::super::tests::guessed;

    const JEST: &str = r#"{"scripts": {"test": "jest"}, "devDependencies": {"jest": "1"}}"#;

    #[test]
    fn the_lock_file_tells_the_package_manager() {
        for (lock, prepare, verify) in [
            ("package-lock.json", "npm ci", "npm test"),
            ("npm-shrinkwrap.json", "npm ci", "npm test"),
            ("pnpm-lock.yaml", "pnpm install --frozen-lockfile", "pnpm test"),
            ("yarn.lock", "yarn install --frozen-lockfile", "yarn test"),
            ("README.md", "npm install --no-package-lock", "npm test"),
        ] {
            let guessed = guessed(&[("package.json", JEST), (lock, "")]);
            assert_eq!(guessed, (vec![prepare.to_owned()], vec![verify.to_owned()]));
        }
    }

    #[test]
    fn npm_is_asked_only_for_tests_that_there_are() {
        let bare = r#"{"scripts": {"test": "node --test"}}"#;
        assert_eq!(guessed(&[("package.json", bare)]), (vec![], vec!["npm test".to_owned()]));
        for manifest in [
            r#"{"scripts": {"test": "echo \"Error: no test specified\" && exit 1"}}"#,
            "{}",
            "[",
            r#"{"scripts": 1}"#,
        ] {
            assert_eq!(guessed(&[("package.json", manifest)]), (vec![], vec![]), "{manifest}");
        }
    }
}
