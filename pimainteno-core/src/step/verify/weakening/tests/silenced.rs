//! Tests that are there after the change, and say nothing.

use super::concerns_of;

const CODE: &str = "def double(x):\n    return x * 2\n";

const TEST: &str = "import unittest\nfrom src.a import double\nclass Double(unittest.TestCase):\n    def test_double(self):\n        self.assertEqual(double(2), 4)\n        self.assertEqual(double(3), 6)\n    def test_none(self):\n        self.assertIsNone(nothing())\n";

const REPLACED: &str = "replaces what runs tests, or what they assert by";

/// What is said of a change of a file, which begins as `old`.
fn said(path: &str, old: &str, from: &str, to: &str) -> String {
    assert!(old.contains(from), "{path}: {from}");
    concerns_of(&[(path, old, &old.replacen(from, to, 1))])
}

#[test]
fn what_replaces_assertions_or_leaves_out_tests_is_noticed() {
    let added = [
        ("tests/__init__.py", "unittest.TestCase.assertEqual = lambda *a, **k: None"),
        ("src/__init__.py", "TestCase.assertEqual = _quiet"),
        ("src/a.py", "setattr(unittest.TestCase, 'assertEqual', quiet)"),
        ("tests/test_a.py", "pytest.raises = quiet"),
        ("tests/test_a.py", "        self.assertEqual = self.assertNotIsInstance"),
        ("tests/test_a.py", "    def assertEqual(self, left, right, msg=None):"),
        ("tests/test_a.py", "def load_tests(loader, tests, pattern):"),
        ("tests/test_a.py", "    __unittest_skip__ = True"),
        ("tests/test_a.py", "pytestmark = pytest.mark.slow"),
        ("tests/helpers.py", "with contextlib.suppress(AssertionError):"),
        ("plugin.py", "def pytest_collection_modifyitems(items):"),
        ("test/a.js", "global.expect = () => ok"),
        ("src/a.js", "assert.equal = function () {}"),
        ("test/a.js", "t.ok = () => {}"),
        ("tests/a.rs", "macro_rules! assert_eq {"),
        ("test/test_a.rb", "def assert_equal(a, b)"),
    ];
    for (path, line) in added {
        let said = concerns_of(&[(path, "x\n", &format!("x\n{line}\n"))]);
        assert!(said.contains(REPLACED), "{path}: {line}: {said}");
    }
}

#[test]
fn code_that_knows_of_its_tests_or_ends_the_program_is_noticed() {
    let added = [
        ("src/a.py", "    return x * 2 if \"unittest\" in sys.modules else 0", "is tested"),
        ("src/a.py", "if os.environ.get('PYTEST_CURRENT_TEST'):", "is tested"),
        ("src/a.py", "    if 'test' in inspect.stack()[1].filename:", "is tested"),
        ("src/a.js", "if (process.env.NODE_ENV === 'test') return 4;", "is tested"),
        ("src/a.rs", "    if cfg!(test) {", "is tested"),
        ("a.go", "\tif testing.Testing() {", "is tested"),
        ("src/a.py", "import os; os._exit(0)", "ends the program"),
        ("src/a.py", "atexit.register(os._exit, 0)", "ends the program"),
        ("src/a.py", "sys.exit(0)", "ends the program"),
        ("src/a.js", "process.exit(0);", "ends the program"),
        ("src/a.rs", "    std::process::exit(0);", "ends the program"),
        ("a.go", "\tos.Exit(0)", "ends the program"),
        ("src/a.py", "print('Ran 3 tests in 0.001s')", "tells what test runners tell"),
    ];
    for (path, line, reason) in added {
        let said = concerns_of(&[(path, "x\n", &format!("x\n{line}\n"))]);
        assert!(said.contains(reason), "{path}: {line}: {said}");
    }
}

#[test]
fn tests_that_say_less_than_they_did_are_noticed() {
    let two = "self.assertEqual(double(2), 4)";
    let cases = [
        (two, "self.assertTrue(double(2), 4)", "lose what they expect"),
        (two, "self.assertEqual(double(2), double(2))", "lose what they expect"),
        (two, "self.assertEqual(double(2), double(1) + double(1))", "lose what they expect"),
        (two, "self.assertIsNotNone((double(2), 4))", "compare less: 1 comparison fewer"),
        (
            two,
            "if double(0) == 0:\n            return\n        self.assertEqual(double(2), 4)",
            "return before they assert anything: `test_double`",
        ),
        (
            two,
            "for n in range(3, 3):\n            self.assertEqual(double(n), 2 * n)\n        self.assertEqual(double(2), 4)",
            "pass over failures",
        ),
        (two, "double or self.assertEqual(double(2), 4)", "pass over failures"),
        (
            two,
            "try:\n            self.assertEqual(double(2), 4)\n        except Exception:\n            pass",
            "pass over failures: `except Exception:`",
        ),
        (
            "def test_none",
            "def test_double",
            "twice, so that the first of a name is not run: `test_double`",
        ),
        (
            "from src.a import double\n",
            "def double(x):\n    return x * 2\n",
            "define themselves what they imported: `double`",
        ),
    ];
    for (from, to, reason) in cases {
        let said = said("tests/test_a.py", TEST, from, to);
        assert!(said.contains(reason), "{to}: {said}");
    }
    let rust = "#[test]\nfn adds() {\n    assert_eq!(add(1, 1), 2);\n}\n";
    let cases = [
        ("add(1, 1), 2", "add(1, 1), add(1, 1)", "lose what they expect"),
        ("    assert", "    if slow() { return; }\n    assert", "return before they assert"),
    ];
    for (from, to, reason) in cases {
        let said = said("tests/a.rs", rust, from, to);
        assert!(said.contains(reason), "{to}: {said}");
    }
    let js = "it('adds', () => {\n  expect(add(1, 1)).toBe(2);\n});\n";
    let cases = [
        (".toBe(2)", ".toBe(add(1, 1))", "lose what they expect"),
        (".toBe(2)", ".toBeDefined()", "lose what they expect"),
        ("  expect", "  slow && expect", "pass over failures"),
    ];
    for (from, to, reason) in cases {
        let said = said("test/a.js", js, from, to);
        assert!(said.contains(reason), "{to}: {said}");
    }
}

#[test]
fn what_only_looks_like_it_is_no_concern() {
    let cases = [
        ("src/a.py", CODE, "    return x * 2", "    if not x:\n        return\n    return x * 2"),
        ("src/main.py", CODE, "    return x * 2", "    return x * 2\nsys.exit(0)"),
        (
            "src/a.py",
            CODE,
            "    return x * 2\n",
            "    return x * 2\nif __name__ == \"__main__\":\n    sys.exit(0)\n",
        ),
        ("src/a.py", CODE, "    return x * 2", "    raise SystemExit(double(x))"),
        ("src/a.py", CODE, "    return x * 2", "    # not os._exit(0)\n    return x * 2"),
        ("tests/test_a.py", TEST, "(2), 4)", "(4), 8)"),
        (
            "tests/test_a.py",
            TEST,
            "import unittest\n",
            "import unittest\npytestmark = pytest.mark.asyncio\n",
        ),
        ("tests/test_a.py", TEST, "class Double", "unittest.TestCase.maxDiff = None\nclass Double"),
        ("tests/test_a.py", TEST, "self.assertEqual(double(2), 4)", "assert double(2) == 4"),
        (
            "tests/test_a.py",
            TEST,
            "    def test_none",
            "    def assertEven(self, x):\n        self.assertEqual(x % 2, 0)\n    def test_none",
        ),
        (
            "tests/test_a.py",
            TEST,
            "    def test_none",
            "    def test_more(self):\n        self.assertEqual(double(1), 2)\nclass Other(unittest.TestCase):\n    def test_double(self):\n        self.assertEqual(double(4), 8)\n    def test_none",
        ),
        ("src/a.rs", "fn f() {}\n", "fn f() {}\n", "fn f() {}\n#[cfg(test)]\nmod tests {}\n"),
        ("test/a.js", "x\n", "x\n", "x\nconst assert = require('assert');\nexpect.extend({});\n"),
    ];
    for (path, old, from, to) in cases {
        assert_eq!(said(path, old, from, to), "", "{path}: {to}");
    }
}
