//! Manifests: what a project says about itself to its tools.

use serde_json::Value;
use toml::Table;

use super::{code, count, inline, list, shorten, titled};
use crate::files::Files;

/// So many are read at most, those nearest to the root first.
const LIMIT: usize = 40;

/// What a manifest says.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    /// Where it is.
    pub(super) path: String,
    /// The project's name.
    pub(super) name: Option<String>,
    /// The project's version.
    version: Option<String>,
    /// What the project is.
    pub(super) description: Option<String>,
    /// How many packages it asks for.
    dependencies: Option<usize>,
    /// Something else worth a word.
    note: Option<String>,
    /// The programs that it names.
    pub(super) programs: Vec<String>,
    /// The command that runs the tests.
    pub(super) tests: Option<String>,
}

/// Reads the manifests, those nearest to the root first.
pub(super) fn read(files: &Files) -> Vec<Manifest> {
    let mut found: Vec<_> =
        files.iter().filter(|file| is_manifest(&file.path) && file.is_kept_by_hand()).collect();
    found.sort_by_key(|file| (file.path.matches('/').count(), &file.path));
    found.truncate(LIMIT);
    found.into_iter().filter_map(|file| Some(parse(&file.path, &files.read(file)?))).collect()
}

/// The manifests as a list.
pub(super) fn section(manifests: &[Manifest]) -> String {
    let items: Vec<_> = manifests.iter().map(Manifest::line).collect();
    titled("Manifests", &list(&items, 15))
}

impl Manifest {
    /// The directory that it is in; empty for the root.
    pub(super) fn directory(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(directory, _)| directory)
    }

    /// Whether it is somewhere below the directory of `other`.
    pub(super) fn is_under(&self, other: &Self) -> bool {
        other.directory().is_empty()
            || self
                .directory()
                .strip_prefix(other.directory())
                .is_some_and(|rest| rest.starts_with('/'))
    }

    fn line(&self) -> String {
        let name = self.name.iter().chain(&self.version).cloned().collect::<Vec<_>>().join(" ");
        let dependencies = self.dependencies.map(|number| {
            if number == 1 { "1 dependency".into() } else { format!("{number} dependencies") }
        });
        let facts: Vec<_> =
            [Some(name).filter(|name| !name.is_empty()), self.note.clone(), dependencies]
                .into_iter()
                .flatten()
                .collect();
        if facts.is_empty() {
            code(&self.path)
        } else {
            format!("{}: {}", code(&self.path), facts.join(", "))
        }
    }
}

fn is_manifest(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    const NAMES: [&str; 18] = [
        "Cargo.toml",
        "CMakeLists.txt",
        "Gemfile",
        "Makefile",
        "build.gradle",
        "build.gradle.kts",
        "composer.json",
        "flake.nix",
        "go.mod",
        "justfile",
        "meson.build",
        "mix.exs",
        "package.json",
        "pom.xml",
        "pyproject.toml",
        "requirements.txt",
        "setup.py",
        "tox.ini",
    ];
    NAMES.contains(&name)
}

fn parse(path: &str, text: &str) -> Manifest {
    let manifest = Manifest { path: path.to_owned(), ..Manifest::default() };
    match path.rsplit('/').next().unwrap_or(path) {
        "Cargo.toml" => cargo(manifest, text),
        "pyproject.toml" => python(manifest, text),
        "package.json" => node(manifest, text),
        "go.mod" => go(manifest, text),
        "requirements.txt" => {
            let asks =
                |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with(['#', '-']);
            Manifest { dependencies: Some(text.lines().filter(asks).count()), ..manifest }
        }
        "Makefile" | "justfile" => {
            let tool = if path.ends_with("justfile") { "just" } else { "make" };
            let target = ["test", "check"]
                .into_iter()
                .find(|target| text.lines().any(|line| line.starts_with(&format!("{target}:"))));
            Manifest { tests: target.map(|target| format!("{tool} {target}")), ..manifest }
        }
        "CMakeLists.txt" => {
            Manifest { tests: text.contains("enable_testing").then(|| "ctest".into()), ..manifest }
        }
        "build.gradle" | "build.gradle.kts" => {
            Manifest { tests: Some("gradle test".into()), ..manifest }
        }
        "meson.build" => {
            Manifest { tests: text.contains("test(").then(|| "meson test".into()), ..manifest }
        }
        "mix.exs" => Manifest { tests: Some("mix test".into()), ..manifest },
        "pom.xml" => Manifest { tests: Some("mvn test".into()), ..manifest },
        "tox.ini" => Manifest { tests: Some("tox".into()), ..manifest },
        _ => manifest,
    }
}

fn cargo(mut manifest: Manifest, text: &str) -> Manifest {
    let Ok(table) = text.parse::<Table>() else { return unreadable(manifest) };
    if let Some(package) = table.get("package").and_then(toml::Value::as_table) {
        describe(&mut manifest, package);
    }
    if let Some(members) = table
        .get("workspace")
        .and_then(|workspace| workspace.get("members"))
        .and_then(toml::Value::as_array)
    {
        manifest.note = Some(format!(
            "workspace of {}",
            count(members.len(), "entry").replace("entrys", "entries")
        ));
    }
    let sizes = ["dependencies", "dev-dependencies", "build-dependencies"]
        .map(|key| table.get(key).and_then(toml::Value::as_table).map_or(0, Table::len));
    manifest.dependencies = manifest.name.is_some().then_some(sizes.iter().sum());
    let programs = table.get("bin").and_then(toml::Value::as_array).into_iter().flatten();
    manifest.programs = programs
        .filter_map(|program| program.get("name").and_then(toml::Value::as_str).map(inline))
        .collect();
    manifest.tests = Some("cargo test".into());
    manifest
}

fn python(mut manifest: Manifest, text: &str) -> Manifest {
    let Ok(table) = text.parse::<Table>() else { return unreadable(manifest) };
    let poetry =
        table.get("tool").and_then(|tool| tool.get("poetry")).and_then(toml::Value::as_table);
    if let Some(project) = table.get("project").and_then(toml::Value::as_table).or(poetry) {
        describe(&mut manifest, project);
        manifest.dependencies = match project.get("dependencies") {
            Some(toml::Value::Array(list)) => Some(list.len()),
            Some(toml::Value::Table(table)) => {
                Some(table.keys().filter(|name| *name != "python").count())
            }
            _ => None,
        };
        let scripts = project.get("scripts").and_then(toml::Value::as_table);
        manifest.programs =
            scripts.into_iter().flat_map(Table::keys).map(|name| inline(name)).collect();
    }
    manifest.tests = text.contains("pytest").then(|| "python -m pytest".into());
    manifest
}

fn node(mut manifest: Manifest, text: &str) -> Manifest {
    let Ok(value) = serde_json::from_str::<Value>(text) else { return unreadable(manifest) };
    let string =
        |key: &str| value.get(key).and_then(Value::as_str).map(|text| inline(&shorten(text, 200)));
    (manifest.name, manifest.version, manifest.description) =
        (string("name"), string("version"), string("description"));
    let size =
        |key: &str| value.get(key).and_then(Value::as_object).map_or(0, serde_json::Map::len);
    manifest.dependencies = Some(size("dependencies") + size("devDependencies"));
    let programs =
        value.get("bin").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys);
    let scripts =
        value.get("scripts").and_then(Value::as_object).into_iter().flat_map(serde_json::Map::keys);
    manifest.programs = programs
        .map(|name| inline(name))
        .chain(scripts.map(|name| format!("npm run {}", inline(name))))
        .collect();
    let test = value.get("scripts").and_then(|scripts| scripts.get("test")).and_then(Value::as_str);
    // This is what a new package says before it has tests.
    manifest.tests =
        test.filter(|command| !command.contains("no test specified")).map(|_| "npm test".into());
    manifest
}

fn go(manifest: Manifest, text: &str) -> Manifest {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(inline);
    let is_required = |line: &&str| {
        line.contains(" v") && !line.contains("=>") && !line.trim_start().starts_with("//")
    };
    let dependencies = Some(text.lines().filter(is_required).count());
    Manifest {
        name: value("module "),
        version: None,
        note: value("go ").map(|version| format!("Go {version}")),
        dependencies,
        tests: Some("go test ./...".into()),
        ..manifest
    }
}

fn describe(manifest: &mut Manifest, table: &Table) {
    let string = |key: &str| {
        table.get(key).and_then(toml::Value::as_str).map(|text| inline(&shorten(text, 300)))
    };
    (manifest.name, manifest.version, manifest.description) =
        (string("name"), string("version"), string("description"));
}

fn unreadable(manifest: Manifest) -> Manifest {
    Manifest { note: Some("cannot be read".into()), ..manifest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_read_as_one_line() {
        let line = |path: &str, text: &str| parse(path, text).line();
        let cargo = "[package]\nname = \"tool\"\nversion = \"1.2.0\"\n[dependencies]\na = \"1\"\n[dev-dependencies]\nb = \"1\"\n";
        assert_eq!(line("Cargo.toml", cargo), "`Cargo.toml`: tool 1.2.0, 2 dependencies");
        assert_eq!(
            line("Cargo.toml", "[workspace]\nmembers = [\"a\", \"b\"]\n"),
            "`Cargo.toml`: workspace of 2 entries"
        );
        assert_eq!(
            line("a/pyproject.toml", "[project]\nname = 'x'\ndependencies = ['y']\n"),
            "`a/pyproject.toml`: x, 1 dependency"
        );
        assert_eq!(
            line("package.json", "{\"name\": \"x\", \"dependencies\": {}}"),
            "`package.json`: x, 0 dependencies"
        );
        assert_eq!(
            line(
                "go.mod",
                "module x/y\n\ngo 1.22\n\nrequire (\n\ta/b v1\n\tc/d v2 // indirect\n)\n"
            ),
            "`go.mod`: x/y, Go 1.22, 2 dependencies"
        );
        assert_eq!(line("package.json", "{"), "`package.json`: cannot be read");
    }

    #[test]
    fn a_package_without_tests_has_no_command_for_them() {
        let tests = |script: &str| {
            parse("package.json", &format!("{{\"scripts\": {{\"test\": \"{script}\"}}}}")).tests
        };
        assert_eq!(tests("jest").as_deref(), Some("npm test"));
        assert_eq!(tests("echo no test specified"), None);
    }
}
