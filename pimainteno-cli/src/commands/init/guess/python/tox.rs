//! What tox installs for the tests: `tox.ini`, `setup.cfg`, `tox.toml` and `pyproject.toml`.

use toml::{Table, Value};

use super::{
    super::Files,
    needs::{Needs, Purpose, purpose},
};

/// What the environments for tests name, in whatever file tox is configured; with the names of the
/// groups of dependencies among it.
pub(super) fn find(files: &Files<'_>, manifest: &Table, needs: &mut Needs) -> Vec<String> {
    let mut groups = Vec::new();
    let own: Option<Table> = files.read("tox.toml").and_then(|text| text.parse().ok());
    let tool = manifest.get("tool").and_then(|tool| tool.get("tox")).and_then(Value::as_table);
    for table in own.iter().chain(tool) {
        let tests = table.get("env").and_then(Value::as_table).into_iter().flatten();
        let tests = tests.filter(|(name, _)| is_for_tests(name)).map(|(_, table)| table);
        for environment in table.get("env_run_base").into_iter().chain(tests) {
            for key in ["deps", "extras", "dependency_groups"] {
                for entry in strings(environment.get(key)) {
                    take(key, entry, files, needs, &mut groups);
                }
            }
        }
    }
    let legacy = tool.and_then(|tool| tool.get("legacy_tox_ini")).and_then(Value::as_str);
    let texts = ["tox.ini", "setup.cfg"].map(|name| files.read(name));
    for text in texts.into_iter().flatten().chain(legacy.map(str::to_owned)) {
        for (key, entry) in entries(&text) {
            take(&key, &entry, files, needs, &mut groups);
        }
    }
    groups
}

/// The texts of a list; nothing of one that is no list.
pub(super) fn strings(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn is_for_tests(name: &str) -> bool {
    purpose(name, []) == Some(Purpose::Tests)
}

/// Takes one entry of a key.
fn take(key: &str, entry: &str, files: &Files<'_>, needs: &mut Needs, groups: &mut Vec<String>) {
    let entry = entry.replace("{toxinidir}/", "").replace("{tox_root}/", "");
    let entry = entry.trim();
    match key {
        "extras" => return needs.extra(Purpose::All, entry),
        "dependency_groups" => return groups.push(entry.to_owned()),
        _ => {}
    }
    if let Some(list) = entry.strip_prefix("-r") {
        let list = list.trim().trim_start_matches("./");
        if files.has(list) {
            needs.list(Purpose::All, list);
        }
        return;
    }
    // The project itself, with extras.
    let project = entry.strip_prefix("-e").map_or(entry, str::trim_start);
    if let Some(rest) = project.strip_prefix('.') {
        let extras = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        for extra in extras.into_iter().flat_map(|extras| extras.split(',')) {
            needs.extra(Purpose::All, extra.trim());
        }
        return;
    }
    needs.package(Purpose::All, entry);
}

/// The entries of the keys that matter, in the sections for tests, a line each.
fn entries(text: &str) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let (mut is_tests, mut key) = (false, String::new());
    for line in text.lines() {
        let bare = line.split(" #").next().unwrap_or_default().trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        let is_continued = line.starts_with([' ', '\t']);
        if let (false, Some(section)) = (is_continued, bare.strip_prefix('[')) {
            let section = section.trim_end_matches(']').trim();
            is_tests =
                section == "testenv" || section.strip_prefix("testenv:").is_some_and(is_for_tests);
            key.clear();
            continue;
        }
        let entry = match (is_continued, bare.split_once('=')) {
            (true, _) => bare,
            (false, Some((name, rest))) => {
                name.trim().clone_into(&mut key);
                rest.trim()
            }
            (false, None) => continue,
        };
        if is_tests && ["deps", "extras", "dependency_groups"].contains(&&key[..]) {
            let entry = match entry.split_once(": ").or_else(|| entry.split_once(":\t")) {
                // Behind factors it is for some environments, mostly for other versions.
                Some((factor, rest)) if is_for_tests(factor.trim()) => rest.trim(),
                Some(_) => continue,
                None => entry,
            };
            let is_list = key == "deps";
            let several = entry.split([',', ' ']).filter(|entry| !is_list && !entry.is_empty());
            entries.extend(several.map(|entry| (key.clone(), entry.to_owned())));
            if is_list && !entry.is_empty() {
                entries.push((key.clone(), entry.to_owned()));
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::super::tests::prepare;

    #[test]
    fn what_tox_installs_for_the_tests_is_installed() {
        let pip = "python3 -m venv .venv && .venv/bin/python -m pip install --quiet ";
        let tox = "[tox]\nenvlist = py\n\n[testenv]\nusedevelop = True\ndeps =\n    hypothesis >= 6  # new\n    # none\n    pytest !=3.1.1, !=3.1.2\n    py38: tomli\n    tests: sybil\n    -r{toxinidir}/more.txt\n    -r gone.txt\n    -c bounds.txt\n    {[base]deps}\n    .[fast]\nextras = a, b\ncommands =\n    pytest\n\n[testenv:lint]\ndeps = ruff\n\n[testenv:test]\ndeps = mock\n";
        let base =
            [("setup.py", ""), ("tests/test_a.py", ""), ("more.txt", ""), ("bounds.txt", "")];
        let expected = format!(
            "{pip}-r more.txt -e '.[fast,a,b]' 'hypothesis >= 6' 'pytest !=3.1.1, !=3.1.2' 'sybil' 'mock'"
        );
        assert_eq!(prepare(&[&base[..], &[("tox.ini", tox)]].concat()), expected);
        let manifest = "[project]\nname = \"x\"\n[dependency-groups]\nchecks = [\"six\"]\n[tool.tox.env_run_base]\ndeps = [\"hypothesis\", { replace = \"x\" }]\ndependency_groups = [\"checks\"]\n[tool.tox.env.test]\ndeps = [\"mock\"]\n[tool.tox.env.docs]\ndeps = [\"sphinx\"]\n";
        let source = [("pyproject.toml", manifest), ("tests/test_a.py", "")];
        assert_eq!(prepare(&source), format!("{pip}-e . 'hypothesis' 'mock' 'six' pytest"));
        let legacy = "[project]\nname = \"x\"\n[tool.tox]\nlegacy_tox_ini = \"\"\"\n[testenv]\ndeps = mock\n\"\"\"\n";
        let source = [("pyproject.toml", legacy), ("tests/test_a.py", "")];
        assert_eq!(prepare(&source), format!("{pip}-e . 'mock' pytest"));
    }
}
