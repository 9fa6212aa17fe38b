//! Guesses, from the files that describe a project, how its dependencies are made ready and how it
//! is checked.

mod node;
mod parts;
mod python;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use pimainteno_core::process::{Command, Environment};

/// How long Git may take to list a repository's files, and how long the list may be.
const LIST_DEADLINE: Duration = Duration::from_secs(30);
const LIST_LIMIT: usize = 64 << 20;

/// How a project is probably prepared and checked.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Guess {
    /// Commands that make its dependencies ready.
    pub(super) prepare: Vec<String>,
    /// Commands that check it.
    pub(super) verify: Vec<String>,
    /// Where nothing is known that checks it, the directories in it that are projects by themselves.
    pub(super) parts: Vec<String>,
}

/// The files of a project that say what it is: those that Git keeps, because the checks see no
/// others.
struct Files<'a> {
    path: &'a Path,
    /// What is tracked; `None` where Git does not tell, and then what lies there counts.
    tracked: Option<BTreeSet<String>>,
}

/// How the project at `path` is probably prepared and checked; nothing if nothing is recognised.
pub(super) async fn guess(path: &Path, environment: &Environment) -> Guess {
    let list = Command::new("git").args(["ls-files", "-z"]).directory(path);
    let list = list.envs(environment.iter()).timeout(LIST_DEADLINE).output_limit(LIST_LIMIT);
    let list = list.run().await.ok().filter(|list| list.success() && !list.truncated);
    let tracked = list.map(|list| {
        let names = list.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        names.map(|name| String::from_utf8_lossy(name).into_owned()).collect()
    });
    let files = Files { path, tracked };
    let mut guess = of(&files);
    if guess.verify.is_empty() {
        guess.parts = parts::find(&files);
    }
    guess
}

fn of(files: &Files<'_>) -> Guess {
    let mut guess = Guess::default();
    for of in
        [cargo as fn(&Files<'_>) -> Option<Guess>, node::guess, python::guess, go, ruby, php, cmake]
    {
        if let Some(Guess { prepare, verify, .. }) = of(files) {
            guess.prepare.extend(prepare);
            guess.verify.extend(verify);
        }
    }
    if guess.verify.is_empty() {
        let makefile = ["GNUmakefile", "makefile", "Makefile"];
        let makefile = makefile.into_iter().find_map(|name| files.read(name));
        guess.verify.extend(makefile.and_then(|makefile| make(&makefile)));
    }
    guess
}

impl Guess {
    fn new(prepare: Option<&str>, verify: &str) -> Self {
        Self {
            prepare: prepare.map(str::to_owned).into_iter().collect(),
            verify: vec![verify.into()],
            parts: Vec::new(),
        }
    }
}

impl Files<'_> {
    /// Whether there is a file or a directory of this name.
    fn has(&self, name: &str) -> bool {
        let Some(tracked) = &self.tracked else { return self.path.join(name).exists() };
        let inside = format!("{name}/");
        tracked.contains(name)
            || tracked.range(inside.clone()..).next().is_some_and(|next| next.starts_with(&inside))
    }

    /// Whether any file is `wanted`, by its path.
    fn any(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.tracked.iter().flatten().any(|path| wanted(path))
    }

    /// The text of a file; `None` if there is none, or no text.
    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path.join(name)).ok().filter(|_| self.has(name))
    }

    /// The first of these that there is.
    fn first<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().find(|name| self.has(name)).copied()
    }
}

fn cargo(files: &Files<'_>) -> Option<Guess> {
    let manifest: toml::Table = files.read("Cargo.toml")?.parse().unwrap_or_default();
    // What belongs to a workspace may have none of its own.
    let depends = ["dependencies", "dev-dependencies", "build-dependencies", "target", "workspace"]
        .iter()
        .any(|key| manifest.contains_key(*key));
    let fetch = if files.has("Cargo.lock") { "cargo fetch --locked" } else { "cargo fetch" };
    // In the root of a workspace, without it, only the root's own package would be tested, or those
    // that `default-members` names.
    let check =
        if manifest.contains_key("workspace") { "cargo test --workspace" } else { "cargo test" };
    Some(Guess::new(Some(fetch).filter(|_| depends), check))
}

fn go(files: &Files<'_>) -> Option<Guess> {
    let places = files.read("go.work").map(|workspace| used(&workspace));
    let places = places.unwrap_or_else(|| vec![".".into()]);
    let modules: Vec<_> =
        places.iter().filter_map(|place| files.read(&inside(place, "go.mod"))).collect();
    if modules.is_empty() {
        return None;
    }
    let mut lines = modules.iter().flat_map(|module| module.lines());
    let depends = lines.any(|line| line.trim_start().starts_with("require"));
    // What is in `vendor` need not be fetched.
    let fetch = Some("go mod download").filter(|_| depends && !files.has("vendor/modules.txt"));
    // A pattern means nothing of the modules below: each is named.
    let patterns: String =
        places.iter().map(|place| format!(" {}", inside(place, "..."))).collect();
    Some(Guess::new(fetch, &format!("go test{patterns}")))
}

/// The modules within the project that a `go.work` names, as `.` or `./…`.
fn used(workspace: &str) -> Vec<String> {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "./_-".contains(it);
    let mut is_inside = false;
    let mut places = Vec::new();
    for line in workspace.lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        let place = match line.strip_prefix("use") {
            Some(rest) if rest.trim() == "(" => {
                is_inside = true;
                continue;
            }
            Some(rest) if rest.starts_with([' ', '\t']) => rest.trim(),
            _ if line == ")" => {
                is_inside = false;
                continue;
            }
            _ if is_inside => line,
            _ => continue,
        };
        let place = place.trim_matches(['"', '`']).trim_end_matches('/');
        let is_within = place == "." || place.starts_with("./");
        if is_within && !place.contains("..") && place.chars().all(is_plain) {
            places.push(place.to_owned());
        }
    }
    places
}

/// `name` in `place`, which is `.` or `./…`; without the dot where Git's names have none.
fn inside(place: &str, name: &str) -> String {
    match (place.strip_prefix("./"), name) {
        (None, "...") => "./...".into(),
        (None, _) => name.into(),
        (Some(_), "...") => format!("{place}/..."),
        (Some(below), _) => format!("{below}/{name}"),
    }
}

fn ruby(files: &Files<'_>) -> Option<Guess> {
    let gems = files.read("Gemfile")?;
    let check = if files.has("spec") && gems.contains("rspec") {
        "bundle exec rspec"
    } else if files.has("Rakefile") && (files.has("test") || files.has("spec")) {
        "bundle exec rake"
    } else {
        return None;
    };
    Some(Guess::new(Some("bundle install"), check))
}

fn php(files: &Files<'_>) -> Option<Guess> {
    let manifest: serde_json::Value = serde_json::from_str(&files.read("composer.json")?).ok()?;
    let check = if manifest.pointer("/scripts/test").is_some() {
        "composer test"
    } else if files.first(&["phpunit.xml", "phpunit.xml.dist", "phpunit.dist.xml"]).is_some() {
        "vendor/bin/phpunit"
    } else if manifest.pointer("/require-dev/phpunit~1phpunit").is_some() && files.has("tests") {
        "vendor/bin/phpunit tests"
    } else {
        return None;
    };
    Some(Guess::new(Some("composer install --no-interaction"), check))
}

/// A project of CMake that says that it has tests.
fn cmake(files: &Files<'_>) -> Option<Guess> {
    let has_tests = |text: &str| {
        let calls = |line: &str| {
            let line = line.trim_start().to_ascii_lowercase();
            ["enable_testing", "add_test", "include(ctest"]
                .iter()
                .any(|call| line.replace(' ', "").starts_with(call))
        };
        text.lines().any(calls)
    };
    files.read("CMakeLists.txt").filter(|text| has_tests(text))?;
    Some(Guess::new(
        None,
        "cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure",
    ))
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

    /// What is guessed of a project with these files, as `prepare` and `verify`.
    pub(super) fn guessed(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tracked = Some(files.iter().map(|(name, _)| (*name).to_owned()).collect());
        let Guess { prepare, verify, .. } = of(&Files { path: directory.path(), tracked });
        (prepare, verify)
    }

    fn check(files: &[(&str, &str)], prepare: &[&str], verify: &[&str]) {
        let (prepared, verified) = guessed(files);
        assert_eq!((&prepared[..], &verified[..]), (&owned(prepare)[..], &owned(verify)[..]));
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn commands_are_guessed_from_manifests_and_lock_files() {
        check(&[("Cargo.toml", ""), ("Makefile", "test:\n")], &[], &["cargo test"]);
        let manifest = "[dependencies]\nitoa = \"1\"\n";
        check(&[("Cargo.toml", manifest)], &["cargo fetch"], &["cargo test"]);
        let locked = [("Cargo.toml", manifest), ("Cargo.lock", "")];
        check(&locked, &["cargo fetch --locked"], &["cargo test"]);
        let root = "[package]\nname = \"x\"\n[workspace]\nmembers = [\"y\"]\n";
        check(&[("Cargo.toml", root)], &["cargo fetch"], &["cargo test --workspace"]);
        let root = "[workspace]\nmembers = [\"y\", \"z\"]\ndefault-members = [\"y\"]\n";
        let locked = [("Cargo.toml", root), ("Cargo.lock", "")];
        check(&locked, &["cargo fetch --locked"], &["cargo test --workspace"]);
        check(&[("go.mod", "module x")], &[], &["go test ./..."]);
        let module = "module x\n\nrequire example.com/y v1.0.0\n";
        check(&[("go.mod", module)], &["go mod download"], &["go test ./..."]);
        let vendored = [("go.mod", module), ("vendor/modules.txt", "")];
        check(&vendored, &[], &["go test ./..."]);
        let workspace = [
            (
                "go.work",
                "go 1.22\n\nuse (\n\t. // this\n\t./a\n)\nuse ./b/c\nuse ../other\nreplace ./d => ./e\n",
            ),
            ("go.mod", "module x"),
            ("a/go.mod", module),
            ("b/c/go.mod", "module z"),
        ];
        check(&workspace, &["go mod download"], &["go test ./... ./a/... ./b/c/..."]);
        let virtual_one = [("go.work", "use ./a"), ("a/go.mod", "module x")];
        check(&virtual_one, &[], &["go test ./a/..."]);
        let gems = [("Gemfile", "gem \"rspec\""), ("spec/a_spec.rb", "")];
        check(&gems, &["bundle install"], &["bundle exec rspec"]);
        let php = [("composer.json", "{}"), ("phpunit.xml.dist", "")];
        check(&php, &["composer install --no-interaction"], &["vendor/bin/phpunit"]);
        let php = [
            ("composer.json", "{\"require-dev\": {\"phpunit/phpunit\": \"^11\"}}"),
            ("tests/ATest.php", ""),
        ];
        check(&php, &["composer install --no-interaction"], &["vendor/bin/phpunit tests"]);
        let ctest = "cmake -S . -B build && cmake --build build && ctest --test-dir build --output-on-failure";
        let lists = "project(x)\n  add_test (NAME a COMMAND a)\n";
        check(&[("CMakeLists.txt", lists)], &[], &[ctest]);
        check(&[("CMakeLists.txt", "project(x)\n# add_test\n")], &[], &[]);
        check(&[("Makefile", "test := 1\nall check: all\n\tgo test:\n")], &[], &["make check"]);
        check(&[("Makefile", ".PHONY: test\ntest := 1\n")], &[], &[]);
        check(&[("README.md", ""), ("pyproject.toml", "[project]")], &[], &[]);
    }
}
