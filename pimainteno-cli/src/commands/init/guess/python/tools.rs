//! What Poetry, PDM, hatch and uv are told of development and tests, where no lock file says more.

use toml::{Table, Value};

use super::{
    needs::{Needs, Purpose, purpose},
    tox::strings,
};

/// What the tables of these tools in `pyproject.toml` name.
pub(super) fn find(manifest: &Table, needs: &mut Needs) {
    let tool = |name: &str| manifest.get("tool").and_then(|tool| tool.get(name));
    if let Some(poetry) = tool("poetry") {
        of_poetry(poetry, needs);
    }
    for (name, list) in tables(tool("pdm").and_then(|pdm| pdm.get("dev-dependencies"))) {
        if let Some(purpose) = purpose(name, strings(Some(list))) {
            strings(Some(list)).for_each(|package| needs.package(purpose, package));
        }
    }
    for (name, environment) in tables(tool("hatch").and_then(|hatch| hatch.get("envs"))) {
        of_hatch(name, environment, needs);
    }
    for package in strings(tool("uv").and_then(|uv| uv.get("dev-dependencies"))) {
        needs.package(Purpose::Development, package);
    }
}

fn tables(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    value.and_then(Value::as_table).into_iter().flatten().map(|(name, value)| (&name[..], value))
}

fn of_hatch(name: &str, environment: &Value, needs: &mut Needs) {
    let lists = ["dependencies", "extra-dependencies"];
    let packages = || lists.into_iter().flat_map(|key| strings(environment.get(key)));
    let purpose = match name {
        // All others begin with it.
        "default" => Some(Purpose::All),
        "hatch-test" => Some(Purpose::Tests),
        _ => purpose(name, packages()),
    };
    let Some(purpose) = purpose else { return };
    packages().for_each(|package| needs.package(purpose, package));
    strings(environment.get("features")).for_each(|extra| needs.extra(purpose, extra));
}

fn of_poetry(poetry: &Value, needs: &mut Needs) {
    for package in requirements(poetry.get("dev-dependencies")) {
        needs.package(Purpose::Development, &package);
    }
    for (name, group) in tables(poetry.get("group")) {
        let packages: Vec<_> = requirements(group.get("dependencies")).collect();
        if let Some(purpose) = purpose(name, packages.iter().map(String::as_str)) {
            packages.iter().for_each(|package| needs.package(purpose, package));
        }
    }
}

/// The packages of a table of Poetry's as pip is told them. One that is fetched from a repository or
/// a directory is left out: pip may not have it under its name.
fn requirements(table: Option<&Value>) -> impl Iterator<Item = String> {
    tables(table).filter(|(name, _)| *name != "python").filter_map(|(name, value)| {
        if let Some(version) = value.as_str() {
            return Some(format!("{name}{}", versions(version)));
        }
        let version = versions(value.get("version")?.as_str()?);
        let extras: Vec<_> = strings(value.get("extras")).collect();
        let extras =
            if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
        let marker = value.get("markers").and_then(Value::as_str);
        let marker = marker.map(|marker| format!("; {marker}")).unwrap_or_default();
        Some(format!("{name}{extras}{version}{marker}"))
    })
}

/// Poetry's way to name versions in that of pip: `^1.2` and `~1.2`, and a bare one. What is said in
/// another way, such as `^1 || ^2`, leaves the version open.
fn versions(text: &str) -> String {
    let one = |text: &str| {
        let text = text.trim();
        match text.chars().next()? {
            '^' => bounded(&text[1..], |parts| {
                parts.iter().position(|part| *part != 0).unwrap_or(parts.len() - 1)
            }),
            '~' if !text.starts_with("~=") => {
                bounded(&text[1..], |parts| usize::from(parts.len() > 1))
            }
            '0'..='9' => Some(format!("=={text}")),
            '*' if text == "*" => Some(String::new()),
            '<' | '>' | '=' | '!' | '~' => Some(text.to_owned()),
            _ => None,
        }
    };
    let all: Option<Vec<_>> = text.split(',').map(one).collect();
    all.map(|all| all.join(",")).filter(|_| !text.contains('|')).unwrap_or_default()
}

/// From this version to before the next one of the part that `which` says.
fn bounded(version: &str, which: impl Fn(&[u64]) -> usize) -> Option<String> {
    let version = version.trim();
    let parts: Vec<u64> = version.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
    let place = which(&parts);
    let mut next = parts.get(..=place)?.to_vec();
    *next.last_mut()? += 1;
    let next: Vec<_> = next.iter().map(u64::to_string).collect();
    Some(format!(">={version},<{}", next.join(".")))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::prepare, *};

    #[test]
    fn versions_of_poetry_are_those_of_pip() {
        for (poetry, pip) in [
            ("^7.4", ">=7.4,<8"),
            ("^0.3.1", ">=0.3.1,<0.4"),
            ("~2.5.1", ">=2.5.1,<2.6"),
            ("~2", ">=2,<3"),
            ("*", ""),
            ("1.2", "==1.2"),
            (">=1,<3", ">=1,<3"),
            ("^1 || ^2", ""),
            ("^1.0b1", ""),
        ] {
            assert_eq!(versions(poetry), pip, "{poetry}");
        }
    }

    #[test]
    fn what_other_tools_would_install_for_tests_is_installed() {
        let pip = "python3 -m venv .venv && .venv/bin/python -m pip install --quiet ";
        for (manifest, expected) in [
            (
                "[tool.poetry.dependencies]\npython = \"^3.9\"\n[tool.poetry.group.dev.dependencies]\npytest = \"^8\"\nsix = { version = \"*\", extras = [\"a\"] }\nmine = { path = \"x\" }\n",
                "'pytest>=8,<9' 'six[a]'",
            ),
            (
                "[tool.poetry.dev-dependencies]\nruff = \"1\"\n[tool.poetry.group.test.dependencies]\nsix = \"*\"\n",
                "'six' pytest",
            ),
            (
                "[tool.pdm.dev-dependencies]\ntest = [\"six\", \"-e file:///x\", \"tomli; python_version<'3.11'\"]\nlint = [\"ruff\"]\n",
                "'six' 'tomli; python_version<\"3.11\"' pytest",
            ),
            (
                "[tool.hatch.envs.default]\ndependencies = [\"six\"]\n[tool.hatch.envs.hatch-test]\nextra-dependencies = [\"mock\", \"{root:uri}/x\"]\n[tool.hatch.envs.lint]\ndependencies = [\"ruff\"]\n",
                "'six' 'mock' pytest",
            ),
            ("[tool.uv]\ndev-dependencies = [\"six\"]\n", "'six' pytest"),
        ] {
            let manifest = format!("[build-system]\nrequires = []\n{manifest}");
            let source = [("pyproject.toml", &manifest[..]), ("tests/test_a.py", "")];
            assert_eq!(prepare(&source), format!("{pip}-e . {expected}"));
        }
    }
}
