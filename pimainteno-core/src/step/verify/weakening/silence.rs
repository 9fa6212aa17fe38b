//! What silences tests though they are still there, by single lines: what they assert by is
//! replaced, they are not collected, code asks whether it is tested, or ends the program.

use super::marks::Language;
use crate::{git::Section, step::verify::files::is_test};

/// Where a mark silences tests.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Anywhere,
    Tests,
    /// What is tested.
    Code,
    /// At the outermost level of a file: what is run when it is only imported.
    Import,
    /// Anywhere but where the program begins, which may end it.
    Inside,
}

/// Marks of one language at one place.
struct Marks {
    language: Language,
    place: Place,
    /// What a line has, without blanks but between names, and with `"` for any quote. `*` is a name,
    /// and `=` at an end assigns.
    forms: &'static [&'static str],
}

/// Files where a program begins, by their names without extension.
const MAIN: [&str; 8] = ["main", "__main__", "cli", "manage", "setup", "server", "run", "index"];

/// Directories of programs.
const PROGRAMS: [&str; 7] = ["bin", "cmd", "scripts", "tools", "examples", "benches", "benchmarks"];

/// What is set for tests without a say in whether they are run, or what they assert.
const HARMLESS: [&str; 11] = [
    "maxDiff",
    "longMessage",
    "asyncio",
    "anyio",
    "trio",
    "django_db",
    "usefixtures",
    "parametrize",
    "filterwarnings",
    "xdist_group",
    "flaky",
];

/// What is replaced, or keeps tests from being collected.
const REPLACING: [Marks; 10] = [
    Marks {
        language: Language::Python,
        place: Place::Anywhere,
        forms: &[
            "TestCase.*=",
            "pytest.*=",
            "unittest.*=",
            ".assert*=",
            "setattr(unittest.",
            "setattr(TestCase",
            "setattr(pytest",
            "patch.object(unittest.",
            "patch.object(TestCase",
            "def load_tests(",
            "load_tests=",
            "__unittest_skip__",
            "__unittest_expecting_failure__",
            "failureException=",
            "def pytest_collection_modifyitems(",
            "def pytest_ignore_collect(",
            "def pytest_runtest_*(",
            "def pytest_pyfunc_call(",
            "sys.modules[\"unittest",
            "sys.modules[\"pytest",
        ],
    },
    Marks {
        language: Language::Python,
        place: Place::Tests,
        forms: &[
            "def assertEqual(",
            "def assertNotEqual(",
            "def assertTrue(",
            "def assertFalse(",
            "def assertIs(",
            "def assertIn(",
            "def assertIsNone(",
            "def assertRaises(",
            "def assertAlmostEqual(",
            "def assertListEqual(",
            "def assertDictEqual(",
            "def run(self,result",
            "def runTest(",
            "suppress(Exception",
            "suppress(BaseException",
            "suppress(AssertionError",
            "except AssertionError",
            "pytestmark=",
        ],
    },
    Marks {
        language: Language::JavaScript,
        place: Place::Anywhere,
        forms: &[
            "global.expect=",
            "global.assert=",
            "global.it=",
            "global.test=",
            "global.describe=",
            "globalThis.expect=",
            "globalThis.assert=",
            "globalThis.it=",
            "globalThis.test=",
            "globalThis.describe=",
            "Assertion.prototype.*=",
            "expect.*=",
            "assert.*=",
        ],
    },
    Marks {
        language: Language::JavaScript,
        place: Place::Tests,
        forms: &[
            "t.ok=",
            "t.is=",
            "t.true=",
            "t.equal=",
            "t.same=",
            "t.deepEqual=",
            "t.assert=",
            "function expect(",
            "function assert(",
            "const expect=(",
            "const assert=(",
        ],
    },
    Marks {
        language: Language::Rust,
        place: Place::Tests,
        forms: &[
            "macro_rules!assert{",
            "macro_rules!assert_eq{",
            "macro_rules!assert_ne{",
            "macro_rules!panic{",
            "let _=std::panic::catch_unwind(",
            "let _=panic::catch_unwind(",
            "let _=catch_unwind(",
        ],
    },
    Marks {
        language: Language::Ruby,
        place: Place::Tests,
        forms: &["def assert(", "def assert_equal(", "def assert_nil(", "def expect("],
    },
    Marks {
        language: Language::Php,
        place: Place::Tests,
        forms: &["function assertEquals(", "function assertSame(", "function assertTrue("],
    },
    Marks {
        language: Language::Java,
        place: Place::Tests,
        forms: &["void assertEquals(", "void assertTrue(", "void assertThat(", "void assertFalse("],
    },
    Marks {
        language: Language::C,
        place: Place::Tests,
        forms: &[
            "#define assert",
            "#define ASSERT",
            "#define EXPECT",
            "#define CHECK",
            "#undef assert",
        ],
    },
    Marks {
        language: Language::CSharp,
        place: Place::Tests,
        forms: &["class Assert{", "static class Assert"],
    },
];

/// What asks whether it is tested.
const ASKING: [Marks; 7] = [
    Marks {
        language: Language::Python,
        place: Place::Code,
        forms: &[
            "\"unittest\"in",
            "\"pytest\"in",
            "\"_pytest\"in",
            "\"test\"in sys.argv",
            "modules.get(\"unittest",
            "modules.get(\"pytest",
            "PYTEST_CURRENT_TEST",
            "PYTEST_VERSION",
            "inspect.stack(",
            "inspect.currentframe(",
            "sys._getframe(",
            "traceback.extract_stack(",
            "import unittest",
            "from unittest import",
            "import pytest",
            "from pytest import",
        ],
    },
    Marks {
        language: Language::JavaScript,
        place: Place::Code,
        forms: &[
            "NODE_ENV===\"test\"",
            "NODE_ENV==\"test\"",
            "NODE_ENV!==\"test\"",
            "NODE_ENV!=\"test\"",
            "\"test\"===process.env.NODE_ENV",
            "\"test\"==process.env.NODE_ENV",
            "JEST_WORKER_ID",
            "NODE_TEST_CONTEXT",
            "process.env.VITEST",
            "import.meta.vitest",
            "typeof jest",
            "typeof describe",
            "typeof it",
        ],
    },
    Marks {
        language: Language::Rust,
        place: Place::Code,
        forms: &["cfg!(test)", "cfg!(not(test))", "cfg(not(test))", "RUST_TEST_THREADS"],
    },
    Marks {
        language: Language::Go,
        place: Place::Code,
        forms: &["testing.Testing()", "flag.Lookup(\"test.", "\".test\")"],
    },
    Marks {
        language: Language::Ruby,
        place: Place::Code,
        forms: &[
            "Rails.env.test?",
            "defined?(RSpec)",
            "defined?(Minitest)",
            "defined?(Test::Unit)",
        ],
    },
    Marks {
        language: Language::Php,
        place: Place::Code,
        forms: &["runningUnitTests(", "PHPUNIT_COMPOSER_INSTALL", "__PHPUNIT_PHAR__"],
    },
    Marks {
        language: Language::Java,
        place: Place::Code,
        forms: &["forName(\"org.junit", "surefire.test.class.path"],
    },
];

/// What ends the program as if all were well.
const ENDING: [Marks; 10] = [
    Marks {
        language: Language::Python,
        place: Place::Inside,
        forms: &["os._exit", "_exit(", "os.execv", "os.execl", "os.execvp"],
    },
    Marks {
        language: Language::Python,
        place: Place::Import,
        forms: &["sys.exit(0)", "sys.exit()", "exit(0)", "exit()", "quit()", "raise SystemExit(0)"],
    },
    Marks {
        language: Language::JavaScript,
        place: Place::Inside,
        forms: &["process.exit(0)", "process.exit()", "process.reallyExit(", "Deno.exit("],
    },
    Marks {
        language: Language::Rust,
        place: Place::Inside,
        forms: &["process::exit(0)", "libc::exit(0)", "libc::_exit(0)"],
    },
    Marks { language: Language::Go, place: Place::Inside, forms: &["os.Exit(0)", "syscall.Exit("] },
    Marks {
        language: Language::Java,
        place: Place::Inside,
        forms: &["System.exit(0)", "exitProcess(0)", "halt(0)"],
    },
    Marks { language: Language::CSharp, place: Place::Inside, forms: &["Environment.Exit(0)"] },
    Marks {
        language: Language::Ruby,
        place: Place::Inside,
        forms: &["exit!", "exit(0)", "exit(true)"],
    },
    Marks { language: Language::Php, place: Place::Inside, forms: &["exit(0)", "exit;", "die;"] },
    Marks {
        language: Language::C,
        place: Place::Inside,
        forms: &["exit(0)", "_exit(0)", "_Exit(0)", "exit(EXIT_SUCCESS)"],
    },
];

/// What test runners write, in code that is no test: it may pretend that they ran.
const PRETENDING: [&str; 4] = ["test result: ok", " tests in 0", " passing (", " passed in 0"];

/// The added lines of a file that silence tests, by what they do.
#[derive(Default)]
pub(super) struct Silence {
    pub(super) replacing: Vec<String>,
    pub(super) asking: Vec<String>,
    pub(super) ending: Vec<String>,
}

impl Silence {
    /// Reads the lines that a change adds to a file.
    pub(super) fn add(&mut self, section: &Section<'_>) {
        let language = Language::of(&section.path);
        let is_test = is_test(&section.path);
        let mut site =
            Site { language, is_test, is_main: is_main(&section.path), is_import: false };
        let mut outer = Outer::default();
        for line in section.lines.iter().filter(|line| line.starts_with([' ', '+'])) {
            let text = line.get(1..).unwrap_or_default();
            site.is_test |= language.begins_tests(text.trim());
            site.is_import = outer.is_import(text);
            if !line.starts_with('+') || is_comment(language, text.trim()) {
                continue;
            }
            let packed = packed(text);
            let told = || text.trim().to_owned();
            let is_harmless = HARMLESS.iter().any(|mark| text.contains(mark));
            if site.has(&REPLACING, &packed) && !is_harmless {
                self.replacing.push(told());
            } else if site.has(&ASKING, &packed) {
                self.asking.push(told());
            } else if site.has(&ENDING, &packed)
                || !site.is_test
                    && language != Language::Other
                    && PRETENDING.iter().any(|words| text.contains(words))
            {
                self.ending.push(told());
            }
        }
    }
}

/// Where a line stands.
struct Site {
    language: Language,
    is_test: bool,
    is_main: bool,
    is_import: bool,
}

impl Site {
    fn has(&self, table: &[Marks], packed: &str) -> bool {
        table
            .iter()
            .filter(|marks| marks.language == self.language && self.is(marks.place))
            .any(|marks| marks.forms.iter().any(|form| has_form(packed, form)))
    }

    fn is(&self, place: Place) -> bool {
        match place {
            Place::Anywhere => true,
            Place::Tests => self.is_test,
            Place::Code => !self.is_test,
            Place::Import => self.is_import && !self.is_main,
            Place::Inside => !self.is_main,
        }
    }
}

/// The statements around a line of Python, by their indent.
#[derive(Default)]
struct Outer<'text> {
    around: Vec<(usize, &'text str)>,
}

impl<'text> Outer<'text> {
    /// Whether the next line is run when its file is imported: it is in no function or class, and
    /// not behind the question whether this is the program.
    fn is_import(&mut self, line: &'text str) -> bool {
        let text = line.trim();
        if text.is_empty() || text.starts_with('#') {
            return false;
        }
        let indent = line.len() - line.trim_start().len();
        self.around.retain(|(outer, _)| *outer < indent);
        let is_import = !self.around.iter().any(|(_, outer)| {
            ["def ", "async ", "class "].iter().any(|begin| outer.starts_with(begin))
                || outer.starts_with("if __name__ ==") && outer.contains("__main__")
        });
        self.around.push((indent, text));
        is_import
    }
}

/// Whether a program begins in a file, by its name.
fn is_main(path: &str) -> bool {
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    MAIN.contains(&name.split('.').next().unwrap_or(name))
        || directory.split('/').any(|part| PROGRAMS.contains(&part))
}

fn is_comment(language: Language, text: &str) -> bool {
    match language {
        Language::Python | Language::Ruby | Language::Shell => text.starts_with('#'),
        _ => text.starts_with("//") || text.starts_with("* ") || text.starts_with("/*"),
    }
}

/// A line without blanks but between names, and with one kind of quotes.
fn packed(text: &str) -> String {
    let mut packed = String::with_capacity(text.len());
    let mut is_blank = false;
    for character in text.trim().chars() {
        if character.is_whitespace() {
            is_blank = true;
            continue;
        }
        if is_blank && is_name(character) && packed.ends_with(is_name) {
            packed.push(' ');
        }
        is_blank = false;
        packed.push(if character == '\'' { '"' } else { character });
    }
    packed
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether a packed line has a form, and not at the end of a longer name.
fn has_form(packed: &str, form: &str) -> bool {
    packed.char_indices().any(|(place, _)| {
        let (before, rest) = packed.split_at(place);
        // `exit()` of anything else ends something else.
        let is_other =
            before.ends_with('.') && (form.starts_with("exit") || form.starts_with("quit"));
        let is_begin = !is_other && (!form.starts_with(is_name) || !before.ends_with(is_name));
        is_begin
            && fitted(rest, form)
                .is_some_and(|rest| !form.ends_with('=') || !rest.starts_with(['=', '>']))
    })
}

/// What follows `form` at the beginning of `text`.
fn fitted<'text>(text: &'text str, form: &str) -> Option<&'text str> {
    let mut rest = text;
    for (number, part) in form.split('*').enumerate() {
        if number > 0 {
            let name = rest.trim_start_matches(is_name);
            if name.len() == rest.len() {
                return None;
            }
            rest = name;
        }
        rest = rest.strip_prefix(part)?;
    }
    Some(rest)
}
