//! What weakens tests, and what only looks like it.

use std::collections::BTreeSet;

use super::*;

/// The change of one file from `old` to `new`, whole; an empty text is no file.
fn change(files: &[(&str, &str, &str)]) -> Change {
    let mut numbers = String::new();
    let mut diff = String::new();
    for (path, old, new) in files {
        let (old_lines, new_lines): (Vec<_>, Vec<_>) =
            (old.lines().collect(), new.lines().collect());
        let (in_old, in_new): (BTreeSet<_>, BTreeSet<_>) =
            (old_lines.iter().collect(), new_lines.iter().collect());
        numbers.push_str(&format!("1\t1\t{path}\n"));
        let mode = match (old.is_empty(), new.is_empty()) {
            (true, _) => "new file mode 100644\n",
            (_, true) => "deleted file mode 100644\n",
            _ => "",
        };
        diff.push_str(&format!(
            "diff --git a/{path} b/{path}\n{mode}--- a/{path}\n+++ b/{path}\n@@ -1 +1 @@\n"
        ));
        // Lines in both are context; the tests keep them in order.
        let mut rest = new_lines.iter().peekable();
        for line in &old_lines {
            if !in_new.contains(line) {
                diff.push_str(&format!("-{line}\n"));
                continue;
            }
            while let Some(new) = rest.next_if(|new| new != &line) {
                diff.push_str(&format!("+{new}\n"));
            }
            rest.next();
            diff.push_str(&format!(" {line}\n"));
        }
        for new in rest.filter(|new| !in_old.contains(new)) {
            diff.push_str(&format!("+{new}\n"));
        }
    }
    Change::parse(&format!("{numbers}\n{diff}"))
}

fn concerns_of(files: &[(&str, &str, &str)]) -> String {
    find(&change(files), &["./check.sh".into(), "npm test".into()]).reasons.join("; ")
}

#[test]
fn what_weakens_tests_is_noticed() {
    let rust = "fn f() {}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(f(1), 2);\n    }\n}\n";
    let inline = |from: &str, to: &str| rust.replace(from, to);
    let cases: Vec<(&str, String, String, &str)> = vec![
        // A file of tests goes.
        (
            "tests/a.rs",
            "#[test]\nfn a() {\n    assert!(f());\n}\n".into(),
            String::new(),
            "deletes tests",
        ),
        ("tests/data/golden.txt", "1\n".into(), String::new(), "deletes tests"),
        // A test goes.
        (
            "src/a.rs",
            rust.into(),
            inline("    #[test]\n    fn adds() {\n        assert_eq!(f(1), 2);\n    }\n", ""),
            "removes 1 test: `adds`",
        ),
        ("src/a.rs", rust.into(), inline("    #[test]\n", ""), "removes 1 test: `adds`"),
        (
            "test_a.py",
            "def test_a():\n    assert f()\ndef test_b():\n    x()\n".into(),
            "def test_a():\n    assert f()\n".into(),
            "removes 1 test: `test_b`",
        ),
        (
            "a_test.go",
            "func TestA(t *testing.T) {\n}\n".into(),
            "package a\n".into(),
            "removes 1 test: `TestA`",
        ),
        ("a.test.ts", "it('adds', () => {\n});\n".into(), "x\n".into(), "removes 1 test: `adds`"),
        ("a_spec.rb", "it \"adds\" do\nend\n".into(), "x\n".into(), "removes 1 test: `adds`"),
        (
            "src/test/ATest.java",
            "@Test\nvoid adds() {\n}\n".into(),
            "x\n".into(),
            "removes 1 test: `adds`",
        ),
        (
            "tests/a_test.cc",
            "TEST(A, adds) {\n}\n".into(),
            "x\n".into(),
            "removes 1 test: `A, adds`",
        ),
        (
            "tests/ATest.php",
            "public function testAdds() {\n}\n".into(),
            "x\n".into(),
            "removes 1 test: `testAdds`",
        ),
        ("check.bats", "@test \"adds\" {\n}\n".into(), "x\n".into(), "removes 1 test: `adds`"),
        // A test is skipped.
        (
            "src/a.rs",
            rust.into(),
            inline("    fn adds", "    #[ignore]\n    fn adds"),
            "disables tests or checks: `#[ignore]`",
        ),
        (
            "test_a.py",
            "def test_a():\n".into(),
            "@pytest.mark.xfail\ndef test_a():\n".into(),
            "disables",
        ),
        ("a.spec.js", "it('x', () => {\n".into(), "it.skip('x', () => {\n".into(), "disables"),
        ("a.spec.js", "y\n".into(), "it.only('x', () => {\ny\n".into(), "disables"),
        ("a_test.go", "f()\n".into(), "t.Skip(\"flaky\")\nf()\n".into(), "disables"),
        ("test_a.c", "f();\n".into(), "#if 0\nf();\n".into(), "disables"),
        ("ATest.java", "f();\n".into(), "@Disabled\nf();\n".into(), "disables"),
        ("a_spec.rb", "f\n".into(), "skip \"later\"\nf\n".into(), "disables"),
        ("ATest.php", "f();\n".into(), "$this->markTestSkipped('x');\nf();\n".into(), "disables"),
        ("tests/run.sh", "./a\n".into(), "./a || true\n".into(), "disables"),
        // A test asserts less.
        (
            "test_a.py",
            "def test_a():\n    assert f()\n    g()\n".into(),
            "def test_a():\n    g()\n".into(),
            "assert less: 1 assertion fewer",
        ),
        (
            "test_a.py",
            "    assert f() == 1\n".into(),
            "    assert True\n".into(),
            "always hold: `assert True`",
        ),
        (
            "a.test.js",
            "expect(f()).toBe(1);\n".into(),
            "expect(true).toBe(true);\n".into(),
            "always hold",
        ),
        (
            "src/a.rs",
            rust.into(),
            inline("f(1), 2", "f(1), 3"),
            "changes what tests beside the code expect: src/a.rs",
        ),
        // What decides the checks.
        (
            "check.sh",
            "set -e\n./a\n".into(),
            "./a\n".into(),
            "decides what the checks do: check.sh",
        ),
        (
            "Makefile",
            "test:\n\tpytest\n".into(),
            "test:\n\ttrue\n".into(),
            "decides what the checks do",
        ),
        (
            ".github/workflows/ci.yml",
            "run: make\n".into(),
            "run: true\n".into(),
            "decides what the checks do",
        ),
        ("tests/conftest.py", "a\n".into(), "b\n".into(), "decides what the checks do"),
        (
            "package.json",
            "{\n  \"scripts\": {\n    \"test\": \"jest\"\n  }\n}\n".into(),
            "{\n  \"scripts\": {\n    \"test\": \"true\"\n  }\n}\n".into(),
            "decides",
        ),
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\na = 1\n".into(),
            "[tool.pytest.ini_options]\na = 2\n".into(),
            "decides what the checks do",
        ),
        (
            "Cargo.toml",
            "[lib]\n[lints.rust]\na = \"deny\"\n".into(),
            "[lib]\n[lints.rust]\na = \"allow\"\n".into(),
            "decides what the checks do",
        ),
    ];
    for (path, old, new, reason) in cases {
        let said = concerns_of(&[(path, &old, &new)]);
        assert!(said.contains(reason), "{path}: {reason}: {said:?}\n{old}\n{new}");
    }
}

#[test]
fn what_leaves_tests_as_strong_is_no_concern() {
    let test = "def test_a():\n    assert f() == 1\n";
    let rust = "fn f() {\n    assert!(x);\n}\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn adds() {\n        assert_eq!(f(1), 2);\n    }\n}\n";
    let cases: Vec<Vec<(&str, String, String)>> = vec![
        // Code, words and dependencies.
        vec![("src/a.py", "def f():\n    skip()\n".into(), "def f():\n    return 1\n".into())],
        vec![("README.md", "Run `make test || true`.\n".into(), "Run `make test`.\n".into())],
        vec![(
            "package.json",
            "{\n  \"dependencies\": {\n    \"a\": \"1\"\n  }\n}\n".into(),
            "{\n  \"dependencies\": {\n    \"a\": \"2\"\n  }\n}\n".into(),
        )],
        vec![(
            "Cargo.toml",
            "[dependencies]\na = \"1\"\n".into(),
            "[dependencies]\na = \"2\"\n".into(),
        )],
        // An assertion in the code is no test.
        vec![("src/a.rs", rust.into(), rust.replace("    assert!(x);\n", "    return;\n"))],
        // More tests, and the same test under another name or in another place.
        vec![("test_a.py", test.into(), format!("{test}def test_b():\n    assert g()\n"))],
        vec![("test_a.py", test.into(), test.replace("test_a", "test_aa"))],
        vec![
            ("test_a.py", test.into(), String::new()),
            ("tests/test_a.py", String::new(), test.into()),
        ],
        vec![(
            "src/a.rs",
            rust.into(),
            rust.replace(
                "        assert_eq!(f(1), 2);\n",
                "        assert_eq!(f(1), 2);\n        assert_eq!(f(2), 3);\n",
            ),
        )],
        // A mark that goes, or only moves.
        vec![("test_a.py", format!("@pytest.mark.skip\n{test}"), test.into())],
        vec![(
            "a_test.go",
            "t.Skip(\"x\")\nf()\n".into(),
            "f()\nif short {\n\tt.Skip(\"x\")\n}\n".into(),
        )],
        vec![("a.test.js", "// it.skip('x')\n".into(), "// xit('x')\n".into())],
    ];
    for files in cases {
        let files: Vec<_> =
            files.iter().map(|(path, old, new)| (*path, old.as_str(), new.as_str())).collect();
        assert_eq!(concerns_of(&files), "", "{files:?}");
    }
}

mod silenced;
