//! Projects of Node.js: the lock file tells the package manager.

mod workspaces;

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
    let has_packages = ["dependencies", "devDependencies", "optionalDependencies", "workspaces"]
        .into_iter()
        .filter_map(|key| manifest.get(key))
        .any(|list| match list {
            Value::Object(list) => !list.is_empty(),
            Value::Array(list) => !list.is_empty(),
            _ => false,
        })
        || files.has("pnpm-workspace.yaml");
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
    let verify = match tests_of(&manifest) {
        Some(_) => vec![check.to_owned()],
        None => of_packages(files, &manifest, check)?,
    };
    let prepare = has_packages.then(|| install.to_owned()).into_iter().collect();
    Some(Guess { prepare, verify, ..Guess::default() })
}

/// The script `test` of a package, if it is one that tests.
fn tests_of(manifest: &Value) -> Option<&str> {
    let test = manifest.pointer("/scripts/test")?.as_str()?;
    Some(test).filter(|test| !test.trim().is_empty() && !test.contains(NO_TEST))
}

/// How the packages of a workspace are tested whose root has no tests: `check` alone would test
/// nothing. A package whose script says that there are no tests would make the whole red, so then
/// the others are named.
fn of_packages(files: &Files<'_>, manifest: &Value, check: &str) -> Option<Vec<String>> {
    let packages = workspaces::of(files, manifest);
    if packages.tested.is_empty() {
        return None;
    }
    Some(vec![match check {
        "pnpm test" if packages.all_or_none => "pnpm -r test".into(),
        "pnpm test" => format!("pnpm{} test", packages.each("--filter", true)),
        "bun run test" if packages.all_or_none => "bun run --filter '*' test".into(),
        "bun run test" => format!("bun run{} test", packages.each("--filter", true)),
        "yarn test" if is_new_yarn(files, manifest) && packages.all_or_none => {
            "yarn workspaces foreach --all run test".into()
        }
        // The first Yarn fails where a package has no such script.
        "yarn test" if packages.all && !files.has(".yarnrc.yml") => {
            "yarn workspaces run test".into()
        }
        "yarn test" => {
            let each = packages.tested.iter();
            return Some(each.map(|(_, name)| format!("yarn workspace {name} run test")).collect());
        }
        _ if packages.all_or_none => "npm test --workspaces --if-present".into(),
        _ => format!("npm test{}", packages.each("--workspace", false)),
    }])
}

/// Whether it is a Yarn that can run a script in each package of a workspace: from 4 on, and before
/// with a plugin.
fn is_new_yarn(files: &Files<'_>, manifest: &Value) -> bool {
    let settings = files.read(".yarnrc.yml");
    let manager = manifest.get("packageManager").and_then(Value::as_str);
    let major = manager.and_then(|manager| manager.strip_prefix("yarn@"));
    let major = major.and_then(|version| version.split('.').next()?.parse::<u32>().ok());
    settings.is_some_and(|text| {
        major.is_some_and(|major| major >= 4)
            || text.contains("releases/yarn-4.")
            || text.contains("plugin-workspace-tools")
    })
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

    #[test]
    fn a_workspace_whose_root_has_no_tests_is_checked_by_those_of_its_packages() {
        let root = r#"{"private": true, "workspaces": ["packages/*", "!packages/old"]}"#;
        let package = |name: &str, test: &str| {
            format!(r#"{{"name": "@x/{name}", "scripts": {{"test": "{test}"}}}}"#)
        };
        let (a, b) = (package("a", "node --test"), package("b", "echo no test specified; exit 1"));
        let base = [
            ("package.json", root),
            ("packages/a/package.json", &a),
            ("packages/c/package.json", "{}"),
            ("packages/old/package.json", &b),
            ("elsewhere/package.json", &b),
        ];
        let verify = |more: &[(&str, &str)]| {
            let (prepare, verify) = guessed(&[&base[..], more].concat());
            assert_eq!(prepare.len(), 1);
            verify.join(", ")
        };
        let untested = ("packages/b/package.json", &b[..]);
        assert_eq!(verify(&[]), "npm test --workspaces --if-present");
        assert_eq!(verify(&[untested]), "npm test --workspace packages/a");
        assert_eq!(verify(&[("yarn.lock", "")]), "yarn workspace @x/a run test");
        let all = ("packages/c/package.json", &package("c", "jest")[..]);
        assert_eq!(verify(&[("yarn.lock", ""), all]), "yarn workspaces run test");
        let berry = [("yarn.lock", ""), (".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.5.0.cjs")];
        assert_eq!(verify(&berry), "yarn workspaces foreach --all run test");
        assert_eq!(verify(&[("bun.lock", "")]), "bun run --filter '*' test");
        // pnpm has a file of its own for it.
        let pnpm = [
            ("package.json", "{}"),
            ("pnpm-lock.yaml", ""),
            ("pnpm-workspace.yaml", "packages:\n  # all\n  - 'apps/*'\nother:\n  - lib\n"),
            ("apps/a/package.json", &a),
            ("lib/package.json", &b),
        ];
        let (prepare, verify) = guessed(&pnpm);
        assert_eq!((prepare.len(), verify), (1, vec!["pnpm -r test".to_owned()]));
        let (_, verify) = guessed(&[&pnpm[..], &[("apps/b/package.json", &b)]].concat());
        assert_eq!(verify, ["pnpm --filter @x/a test"]);
        // A root with tests says itself what they are; without any packages that have some, there
        // is nothing to run.
        let own = r#"{"workspaces": ["packages/*"], "scripts": {"test": "turbo test"}}"#;
        let (_, verify) = guessed(&[("package.json", own), ("packages/a/package.json", &a)]);
        assert_eq!(verify, ["npm test"]);
        let (prepare, verify) = guessed(&[("package.json", root), ("packages/b/package.json", &b)]);
        assert_eq!((prepare.len(), verify.len()), (0, 0));
    }
}
