//! Projects of Python: their packages go into `.venv`, beside the project's files.

use toml::{Table, Value};

use super::{Files, Guess};

/// Lock files, and how what they say is installed into `.venv`.
const MANAGERS: [(&str, &str); 4] = [
    ("uv.lock", "uv sync --frozen --all-extras --all-groups"),
    ("poetry.lock", "poetry install --no-interaction --all-extras"),
    ("pdm.lock", "pdm sync --dev"),
    ("Pipfile.lock", "PIPENV_VENV_IN_PROJECT=1 pipenv sync --dev"),
];

/// Where lists of requirements are mostly kept, besides `requirements.txt`.
const FOR_TESTS: [&str; 16] = [
    "requirements-dev.txt",
    "requirements-test.txt",
    "requirements-tests.txt",
    "requirements_dev.txt",
    "requirements_test.txt",
    "dev-requirements.txt",
    "test-requirements.txt",
    "requirements/base.txt",
    "requirements/dev.txt",
    "requirements/development.txt",
    "requirements/local.txt",
    "requirements/test.txt",
    "requirements/testing.txt",
    "requirements/tests.txt",
    "tests/requirements.txt",
    "test/requirements.txt",
];

/// How deep groups may include others: they could do so in a circle.
const DEEPEST: usize = 8;

/// How the packages are mostly called that tests need.
const TEST_GROUPS: [&str; 6] = ["test", "tests", "testing", "dev", "develop", "development"];

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
    let install = format!(
        "python3 -m venv .venv && .venv/bin/python -m pip install --quiet {}{runner}",
        wanted.join(" ")
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
/// its manifest names for tests.
fn wanted(manifest: &Table, files: &Files<'_>) -> Vec<String> {
    let lists = ["requirements.txt"].into_iter().chain(FOR_TESTS).filter(|list| files.has(list));
    let mut wanted: Vec<_> = lists.map(|list| format!("-r {list}")).collect();
    let settings = files.read("setup.cfg").unwrap_or_default();
    let can_be_installed = manifest.contains_key("build-system")
        || manifest.contains_key("project")
        || files.has("setup.py");
    if can_be_installed {
        let mut extras =
            for_tests(manifest.get("project").and_then(|it| it.get("optional-dependencies")));
        // What `pyproject.toml` says of a project goes before what is said here.
        if !manifest.contains_key("project") {
            extras.extend(for_tests(Some(&Value::Table(extras_of(&settings)))));
        }
        wanted.push(match extras.is_empty() {
            true => "-e .".to_owned(),
            false => format!("-e '.[{}]'", extras.join(",")),
        });
    }
    let groups = manifest.get("dependency-groups");
    let mut packages = Vec::new();
    for group in for_tests(groups) {
        collect(groups, &group, &mut packages, 0);
    }
    wanted.extend(packages.into_iter().map(|package| format!("'{package}'")));
    wanted
}

/// The extras that a `setup.cfg` names, with their packages: a line each below the name, or behind
/// it.
fn extras_of(settings: &str) -> Table {
    let is_section = |line: &&str| line.starts_with('[');
    let lines = settings.lines().skip_while(|line| line.trim_end() != "[options.extras_require]");
    let mut extras = Table::new();
    let mut last = String::new();
    for line in lines.skip(1).take_while(|line| !is_section(line)) {
        let text = line.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        let package = if line.starts_with([' ', '\t']) {
            text
        } else {
            let Some((name, rest)) = line.split_once(['=', ':']) else { continue };
            name.trim().clone_into(&mut last);
            rest.trim()
        };
        let is_name =
            |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        if last.is_empty() || !last.chars().all(is_name) {
            continue;
        }
        let list = extras.entry(last.clone()).or_insert_with(|| Value::Array(Vec::new()));
        if let (Value::Array(list), false) = (list, package.is_empty()) {
            list.push(package.into());
        }
    }
    extras
}

/// The packages of a dependency group, and of those that it includes (PEP 735).
fn collect(groups: Option<&Value>, group: &str, packages: &mut Vec<String>, depth: usize) {
    let list = groups.and_then(|groups| groups.get(group)).and_then(Value::as_array);
    for entry in list.into_iter().flatten() {
        if let Some(included) = entry.get("include-group").and_then(Value::as_str) {
            if depth < DEEPEST {
                collect(groups, included, packages, depth + 1);
            }
        } else if let Some(package) = entry.as_str()
            // A quote would end the shell's.
            && !package.contains('\'')
            && !packages.iter().any(|known| known == package)
        {
            packages.push(package.to_owned());
        }
    }
}

/// Of lists of packages, the names of those that tests need: called so, or with pytest in them.
fn for_tests(lists: Option<&Value>) -> Vec<String> {
    let has_pytest = |list: &Value| {
        let packages = list.as_array().into_iter().flatten().filter_map(Value::as_str);
        packages.into_iter().any(|package| package.starts_with("pytest"))
    };
    let lists = lists.and_then(Value::as_table).into_iter().flatten();
    let lists =
        lists.filter(|(name, list)| TEST_GROUPS.contains(&name.as_str()) || has_pytest(list));
    lists.map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::guessed;

    fn prepare(files: &[(&str, &str)]) -> String {
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
        assert_eq!(prepare(&source), format!("{pip}-e '.[all,test]' 'tox>4' 'six' pytest"));
        assert_eq!(
            prepare(&[("setup.py", ""), ("tests/test_a.py", "")]),
            format!("{pip}-e . pytest")
        );
        let settings = "[metadata]\nname = x\n[options.extras_require]\ntesting =\n    pytest>=7\n    six\ndocs = sphinx\n[options]\n";
        let old = [("setup.py", ""), ("setup.cfg", settings), ("tests/test_a.py", "")];
        assert_eq!(prepare(&old), format!("{pip}-e '.[testing]' pytest"));
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
