//! Small projects of real package managers, with dependencies: they are verified as `init` guesses.

use pimainteno_core::{
    Outcome, StepStatus,
    config::{Config, Globs, Project},
};

use crate::support::machine::{Machine, edits, is_applied, sh, step};

/// Runs `init` on a project with these files, which `lock` locks, and gives what the file says.
fn init(machine: &Machine, lock: &str) -> Project {
    sh(&machine.site, lock);
    machine.commit();
    let written = machine.env.run(&["init", machine.site.to_str().unwrap()]).expect(0);
    drop(written);
    let text = std::fs::read_to_string(machine.env.path("work/PiMainteno.toml")).unwrap();
    let path = machine.env.path("work/PiMainteno.toml");
    let loaded = Config::parse(&text, &path, |_| None, None).unwrap();
    loaded.config.projects().remove(0)
}

/// Takes over what `init` guessed; the checks pass, without the network, on a change and fail on a
/// bad one.
#[track_caller]
fn is_verified(
    machine: Machine,
    lock: &str,
    source: &'static str,
    good: &'static str,
    bad: &'static str,
) {
    let guessed = init(&machine, lock);
    assert!(!guessed.prepare.is_empty(), "{guessed:?}");
    passes_and_fails(machine, guessed, source, good, bad);
}

/// The same with what was guessed already.
#[track_caller]
fn passes_and_fails(
    mut machine: Machine,
    guessed: Project,
    source: &'static str,
    good: &'static str,
    bad: &'static str,
) {
    assert!(!guessed.sandbox.network, "{guessed:?}");
    (machine.project.prepare, machine.project.verify) = (guessed.prepare, guessed.verify);
    machine.project.unasked = Globs::compile(["**"]).unwrap();
    machine.project.steps = None;
    let record = machine.run(edits(source, good));
    is_applied(&record);
    assert_eq!(step(&record, "verify").1, "1 of 1 checks passed", "{record:?}");
    let record = machine.run(edits(source, bad));
    assert!(
        matches!(&record.outcome, Some(Outcome::Failed { step, .. }) if step == "verify"),
        "{:?}",
        record.outcome
    );
    // Done once, where there is something to prepare.
    assert!(
        record
            .steps
            .iter()
            .all(|step| step.name != "prepare" || step.status == StepStatus::Skipped),
        "{record:?}"
    );
}

#[test]
fn a_project_of_npm_is_verified_as_init_guesses() {
    let machine = Machine::new(&[
        (".gitignore", "node_modules/\n"),
        (
            "package.json",
            r#"{"name": "sum", "version": "1.0.0", "scripts": {"test": "node --test"}, "dependencies": {"is-number": "7.0.0"}}"#,
        ),
        ("index.js", "const isNumber = require('is-number');\nexports.ok = n => isNumber(n);\n"),
        (
            "index.test.js",
            "require('node:test')('numbers', () => require('node:assert')(require('./index.js').ok(1)));\n",
        ),
    ]);
    is_verified(
        machine,
        "npm install --package-lock-only --silent --no-audit --no-fund",
        "index.js",
        "const isNumber = require('is-number');\nexports.ok = number => isNumber(number);\n",
        "exports.ok = () => false;\n",
    );
}

#[test]
fn a_project_of_python_with_its_sources_below_src_is_verified_as_init_guesses() {
    let machine = Machine::new(&[
        (".gitignore", ".venv/\n*.egg-info/\n__pycache__/\n"),
        (
            "pyproject.toml",
            "[build-system]\nrequires = [\"setuptools\"]\nbuild-backend = \"setuptools.build_meta\"\n\n[project]\nname = \"thing\"\nversion = \"1\"\ndependencies = [\"six\"]\n",
        ),
        ("src/thing/__init__.py", "import six\n\n\ndef text():\n    return six.text_type(1)\n"),
        (
            "tests/test_thing.py",
            "import thing\n\n\ndef test_text():\n    assert thing.text() == \"1\"\n",
        ),
    ]);
    is_verified(
        machine,
        "echo requests > notes.txt",
        "src/thing/__init__.py",
        "import six\n\n\ndef text():\n    return six.text_type(\"1\")\n",
        "def text():\n    return \"2\"\n",
    );
}

#[test]
fn a_project_of_cargo_is_verified_as_init_guesses() {
    let machine = Machine::new(&[
        (".gitignore", "target/\n"),
        (
            "Cargo.toml",
            "[package]\nname = \"sum\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\nitoa = \"1\"\n",
        ),
        (
            "src/lib.rs",
            "pub fn text(n: u8) -> String {\n    itoa::Buffer::new().format(n).into()\n}\n\n#[test]\nfn texts() {\n    assert_eq!(text(1), \"1\");\n}\n",
        ),
    ]);
    is_verified(
        machine,
        "cargo generate-lockfile --quiet",
        "src/lib.rs",
        "pub fn text(n: u8) -> String {\n    itoa::Buffer::new().format(n).to_owned()\n}\n\n#[test]\nfn texts() {\n    assert_eq!(text(1), \"1\");\n}\n",
        "pub fn text(_: u8) -> String {\n    \"2\".into()\n}\n\n#[test]\nfn texts() {\n    assert_eq!(text(1), \"1\");\n}\n",
    );
}

/// Writes a module as a proxy of Go's would serve it, below `proxy`, and the sums of the project.
const GO_PROXY: &str = r#"
python3 - <<'END'
import os, zipfile
place = "proxy/example.org/words/@v"
os.makedirs(place)
module, version = "module example.org/words\n", "v1.0.0"
open(f"{place}/list", "w").write(version + "\n")
open(f"{place}/{version}.info", "w").write('{"Version": "%s"}' % version)
open(f"{place}/{version}.mod", "w").write(module)
with zipfile.ZipFile(f"{place}/{version}.zip", "w") as archive:
    inside = f"example.org/words@{version}/"
    archive.writestr(inside + "go.mod", module)
    archive.writestr(inside + "words.go", 'package words\n\nfunc One() string { return "one" }\n')
END
GOPROXY="file://$PWD/proxy" GOSUMDB=off GOFLAGS=-modcacherw GOMODCACHE="$PWD/../modules" go mod tidy"#;

#[test]
fn a_project_of_go_is_verified_as_init_guesses() {
    let machine = Machine::new(&[
        ("go.mod", "module example.org/site\n\ngo 1.19\n\nrequire example.org/words v1.0.0\n"),
        (
            "site.go",
            "package site\n\nimport \"example.org/words\"\n\nfunc Text() string { return words.One() }\n",
        ),
        (
            "site_test.go",
            "package site\n\nimport \"testing\"\n\nfunc TestText(t *testing.T) {\n\tif Text() != \"one\" {\n\t\tt.Fatal(Text())\n\t}\n}\n",
        ),
    ]);
    let mut guessed = init(&machine, GO_PROXY);
    let [download] = &mut guessed.prepare[..] else { panic!("{guessed:?}") };
    assert_eq!(download.command, "go mod download");
    // Go's own proxy is far away; the project brings one.
    download.command = format!("GOPROXY=file://$PWD/proxy GOSUMDB=off {}", download.command);
    passes_and_fails(
        machine,
        guessed,
        "site.go",
        "package site\n\nimport \"example.org/words\"\n\n// Text is a word.\nfunc Text() string { return words.One() }\n",
        "package site\n\nimport \"example.org/words\"\n\nfunc Text() string { return words.One() + \"!\" }\n",
    );
}

#[test]
fn a_project_of_make_is_verified_as_init_guesses() {
    let machine = Machine::new(&[
        (".gitignore", "*.o\n*.a\n/site\n"),
        (
            "Makefile",
            "LDLIBS = -lm\n\nsite: site.o words/words.a\n\t$(CC) -o $@ $^ $(LDLIBS)\n\nwords/words.a: words/words.o\n\t$(AR) rcs $@ $^\n\n.PHONY: test\ntest: site\n\ttest \"$$(./site 4)\" = 'root 2'\n",
        ),
        ("words/words.c", "const char *word(void) { return \"root\"; }\n"),
        (
            "site.c",
            "#include <math.h>\n#include <stdio.h>\n#include <stdlib.h>\n\nconst char *word(void);\n\nint main(int count, char **arguments) {\n    return count < 2 || printf(\"%s %g\\n\", word(), sqrt(atof(arguments[1]))) < 0;\n}\n",
        ),
    ]);
    let guessed = init(&machine, "make --silent test && echo built > NOTES");
    assert!(guessed.prepare.is_empty(), "{guessed:?}");
    passes_and_fails(
        machine,
        guessed,
        "words/words.c",
        "/* What is taken of the number. */\nconst char *word(void) { return \"root\"; }\n",
        "const char *word(void) { return \"square\"; }\n",
    );
}
