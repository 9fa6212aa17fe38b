//! Projects of Python: their packages go into `.venv`, beside the project's files.

mod lists;
mod needs;
mod setup;
mod tools;
mod tox;

use self::needs::{Needs, Purpose, purpose};
use toml::{Table, Value};

use super::{Files, Guess};

/// Lock files, and how what they say is installed into `.venv`.
const MANAGERS: [(&str, &str); 4] = [
    ("uv.lock", "uv sync --frozen --all-extras --all-groups"),
    ("poetry.lock", "poetry install --no-interaction --all-extras"),
    ("pdm.lock", "pdm sync --dev"),
    ("Pipfile.lock", "PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev"),
];

/// How deep groups may include others: they could do so in a circle.
const DEEPEST: usize = 8;

pub(super) fn guess(files: &Files<'_>) -> Option<Guess> {
    let manifest = files.read("pyproject.toml");
    let (check, runner) = if is_tested(manifest.as_deref(), files) {
        ("-m pytest", " pytest")
    } else if is_django(files) {
        ("manage.py test", "")
    } else {
        return None;
    };
    let in_environment = format!(".venv/bin/python {check}");
    if let Some((_, install)) = MANAGERS.iter().find(|(lock, _)| files.has(lock)) {
        return Some(Guess::new(Some(install), &in_environment));
    }
    let manifest: Table = manifest.and_then(|text| text.parse().ok()).unwrap_or_default();
    let wanted = wanted(&manifest, files);
    if wanted.is_empty() {
        return Some(Guess::new(None, &format!("python3 {check}")));
    }
    // What the project says of it is said already.
    let is_named = wanted.iter().any(|package| {
        let rest = package.strip_prefix("'pytest");
        rest.is_some_and(|rest| rest.starts_with(|it: char| " '[<>=!~;@".contains(it)))
    });
    let install = format!(
        "python3 -m venv .venv && .venv/bin/python -m pip install --quiet {}{}",
        wanted.join(" "),
        if is_named { "" } else { runner }
    );
    Some(Guess::new(Some(&install), &in_environment))
}

/// Whether it is a site of Django with tests, which its own command finds.
fn is_django(files: &Files<'_>) -> bool {
    files.read("manage.py").is_some_and(|text| text.contains("django"))
        && files.any(|path| {
            path.rsplit('/').next().is_some_and(|name| {
                name == "tests.py" || (name.starts_with("test") && name.ends_with(".py"))
            })
        })
}

/// Whether there are tests that pytest finds.
fn is_tested(manifest: Option<&str>, files: &Files<'_>) -> bool {
    let is_configured = manifest.is_some_and(|text| text.contains("pytest"));
    let is_python = manifest.is_some()
        || files.first(&["setup.py", "setup.cfg", "requirements.txt"]).is_some()
        || (files.has("requirements") && files.has("tests"));
    let is_test = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.ends_with("_test.py") || (name.starts_with("test_") && name.ends_with(".py"))
    };
    files.first(&["pytest.ini", "conftest.py"]).is_some()
        || is_configured
        || (is_python && files.any(is_test))
}

/// What pip is told to install: lists of requirements, the project itself where it can be, and what
/// its files name for tests.
fn wanted(manifest: &Table, files: &Files<'_>) -> Vec<String> {
    let mut needs = Needs::default();
    lists::find(files, &mut needs);
    let extras = extras(manifest, files);
    for (name, packages) in &extras {
        if let Some(purpose) = purpose(name, packages.iter().map(String::as_str)) {
            needs.extra(purpose, name);
        }
    }
    let of_tox = tox::find(files, manifest, &mut needs);
    tools::find(manifest, &mut needs);
    let groups = manifest.get("dependency-groups");
    for (name, list) in groups.and_then(Value::as_table).into_iter().flatten() {
        let purpose = if of_tox.contains(name) {
            Some(Purpose::Tests)
        } else {
            purpose(name, tox::strings(Some(list)))
        };
        if let Some(purpose) = purpose {
            collect(groups, name, purpose, &mut needs, 0);
        }
    }
    let can_be_installed = manifest.contains_key("build-system")
        || manifest.contains_key("project")
        || files.has("setup.py");
    needs.told(can_be_installed)
}

/// The extras of the project, with their packages, from wherever it says what they are.
fn extras(manifest: &Table, files: &Files<'_>) -> Vec<(String, Vec<String>)> {
    let named = |table: Option<&Value>| -> Vec<_> {
        let table = table.and_then(Value::as_table).into_iter().flatten();
        let owned = |list| tox::strings(Some(list)).map(str::to_owned).collect();
        table.map(|(name, list)| (name.clone(), owned(list))).collect()
    };
    let project = manifest.get("project");
    // What `pyproject.toml` says of a project goes before what is said elsewhere.
    let is_elsewhere = project.is_none_or(|project| {
        tox::strings(project.get("dynamic")).any(|key| key == "optional-dependencies")
    });
    if !is_elsewhere {
        return named(project.and_then(|project| project.get("optional-dependencies")));
    }
    let poetry = manifest.get("tool").and_then(|tool| tool.get("poetry"));
    let mut extras = named(poetry.and_then(|poetry| poetry.get("extras")));
    extras.extend(setup::of_settings(&files.read("setup.cfg").unwrap_or_default()));
    extras.extend(setup::of_program(&files.read("setup.py").unwrap_or_default()));
    extras
}

/// The packages of a dependency group, and of those that it includes (PEP 735).
fn collect(groups: Option<&Value>, group: &str, why: Purpose, needs: &mut Needs, depth: usize) {
    let list = groups.and_then(|groups| groups.get(group)).and_then(Value::as_array);
    for entry in list.into_iter().flatten() {
        if let Some(included) = entry.get("include-group").and_then(Value::as_str) {
            if depth < DEEPEST {
                collect(groups, included, why, needs, depth + 1);
            }
        } else if let Some(package) = entry.as_str() {
            needs.package(why, package);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::guessed;

    /// What `prepare` is for a project with these files, whose checks run in its environment.
    pub(super) fn prepare(files: &[(&str, &str)]) -> String {
        let (prepare, verify) = guessed(files);
        assert_eq!(verify, [".venv/bin/python -m pytest"]);
        prepare.join("\n")
    }

    #[test]
    fn packages_go_into_an_environment_of_the_project() {
        let pip = "python3 -m venv .venv && .venv/bin/python -m pip install --quiet ";
        let lists = [("requirements.txt", ""), ("requirements-dev.txt", ""), ("tests/a.py", "")];
        let expected = format!("{pip}-r requirements.txt -r requirements-dev.txt pytest");
        assert_eq!(prepare(&[&lists[..], &[("src/x/tests/test_x.py", "")]].concat()), expected);
        let manifest = "[project]\nname = \"x\"\n[project.optional-dependencies]\ntest = []\ndocs = []\nall = [\"pytest>8\"]\n[dependency-groups]\ndev = [\"tox>4\", {include-group = \"base\"}]\nbase = [\"six\"]\n";
        let source = [("pyproject.toml", manifest), ("tests/test_a.py", "")];
        assert_eq!(prepare(&source), format!("{pip}-e '.[test]' pytest"));
        let manifest = manifest.replace("test = []\n", "");
        let source = [("pyproject.toml", &manifest[..]), ("tests/test_a.py", "")];
        assert_eq!(prepare(&source), format!("{pip}-e '.[all]' 'tox>4' 'six' pytest"));
        assert_eq!(
            prepare(&[("setup.py", ""), ("tests/test_a.py", "")]),
            format!("{pip}-e . pytest")
        );
        let settings = "[metadata]\nname = x\n[options.extras_require]\ntesting =\n    pytest>=7\n    six\ndocs = sphinx\n[options]\n";
        let old = [("setup.py", ""), ("setup.cfg", settings), ("tests/test_a.py", "")];
        assert_eq!(prepare(&old), format!("{pip}-e '.[testing]' pytest"));
        let program = "setup(extras_require={'test': ['six'], 'docs': ['sphinx']})";
        let old = [("setup.py", program), ("tests/test_a.py", "")];
        assert_eq!(prepare(&old), format!("{pip}-e '.[test]' pytest"));
        let lists = [("requirements/base.txt", ""), ("requirements/test.txt", "")];
        let expected = format!("{pip}-r requirements/base.txt -r requirements/test.txt pytest");
        assert_eq!(prepare(&[&lists[..], &[("tests/test_a.py", "")]].concat()), expected);
        let locked = [("pyproject.toml", "[tool.pytest]"), ("uv.lock", "")];
        assert_eq!(prepare(&locked), "uv sync --frozen --all-extras --all-groups");
    }

    #[test]
    fn a_site_of_django_is_checked_by_its_own_command() {
        let files = [
            ("manage.py", "from django.core.management import x"),
            ("requirements.txt", ""),
            ("shop/tests.py", ""),
        ];
        let (prepare, verify) = guessed(&files);
        assert_eq!(verify, [".venv/bin/python manage.py test"]);
        assert!(prepare[0].ends_with("--quiet -r requirements.txt"), "{prepare:?}");
    }

    #[test]
    fn what_needs_nothing_is_checked_with_what_is_there() {
        let (prepare, verify) = guessed(&[("pytest.ini", ""), ("test_a.py", "")]);
        assert_eq!((prepare.len(), &verify[..]), (0, &["python3 -m pytest".to_owned()][..]));
    }
}
