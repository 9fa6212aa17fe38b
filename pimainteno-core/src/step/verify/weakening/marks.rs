//! How tests, assertions and what disables them look, language by language.

/// A language, as far as its tests look different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Rust,
    Python,
    JavaScript,
    Go,
    C,
    Java,
    CSharp,
    Ruby,
    Php,
    /// Scripts, and what CI and builds are described in: commands.
    Shell,
    Other,
}

/// What keeps a failing command from failing what runs it.
const FORGIVING: [&str; 12] = [
    "|| true",
    "|| :",
    "||true",
    "|| exit 0",
    "; exit 0",
    "; true",
    "set +e",
    "continue-on-error: true",
    "allow_failure: true",
    "--exit-zero",
    "--passWithNoTests",
    "|| echo",
];

/// Assertions that hold whatever the code does, without blanks.
const TRIVIAL: [&str; 14] = [
    "assert!(true",
    "asserttrue",
    "assert(true",
    "assert(1",
    "assert1==1",
    "asserttrue(true",
    "self.asserttrue(true",
    "$this->asserttrue(true",
    "expect(true).tobe(true",
    "expect(true).tobetruthy(",
    "expect(true).toequal(true",
    "assert.ok(true",
    "assert.true(t,true",
    "expect(true).toeqtrue",
];

impl Language {
    /// The language of a file, by its name.
    pub(super) fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        match name.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "rs" => Self::Rust,
            "py" | "pyi" => Self::Python,
            "js" | "jsx" | "ts" | "tsx" | "mjs" | "cjs" | "mts" | "cts" | "vue" | "svelte" => {
                Self::JavaScript
            }
            "go" => Self::Go,
            "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" | "m" | "mm" => Self::C,
            "java" | "kt" | "kts" | "scala" | "groovy" => Self::Java,
            "cs" => Self::CSharp,
            "rb" => Self::Ruby,
            "php" => Self::Php,
            "sh" | "bash" | "bats" | "yml" | "yaml" | "mk" | "zsh" => Self::Shell,
            "" if matches!(
                name,
                "Makefile"
                    | "GNUmakefile"
                    | "makefile"
                    | "justfile"
                    | "Justfile"
                    | "Jenkinsfile"
                    | "run"
            ) =>
            {
                Self::Shell
            }
            _ => Self::Other,
        }
    }

    /// Whether its lines are commands, of which any may be part of a check.
    pub(super) fn is_script(self) -> bool {
        self == Self::Shell
    }

    /// Whether the tests of a file that holds code too begin at this line.
    pub(super) fn begins_tests(self, line: &str) -> bool {
        self == Self::Rust && (line.starts_with("#[cfg(test)]") || line.starts_with("mod tests"))
    }

    /// Whether the function behind this line is a test.
    pub(super) fn marks_test(self, line: &str) -> bool {
        let bare = line.trim_start_matches(['#', '[', '@', '!']);
        let word = bare.split(['(', ']', ' ', ',']).next().unwrap_or_default();
        match self {
            Self::Rust => {
                line.starts_with("#[")
                    && word.rsplit("::").next().is_some_and(|last| {
                        matches!(last, "test" | "rstest" | "test_case" | "quickcheck")
                    })
            }
            Self::Java => {
                line.starts_with('@')
                    && matches!(word, "Test" | "ParameterizedTest" | "RepeatedTest" | "Property")
            }
            Self::CSharp => {
                line.starts_with('[')
                    && matches!(word, "Test" | "TestMethod" | "Fact" | "Theory" | "TestCase")
            }
            _ => false,
        }
    }

    /// What disables a test, or keeps a failure from being seen, wherever in a line.
    fn disabling_marks(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &[
                "#[ignore",
                ", ignore)]",
                ", ignore =",
                "#[cfg(any())]",
                "#[cfg(false)]",
                "#[cfg(FALSE)]",
                "#[should_panic",
            ],
            Self::Python => &[
                "mark.skip",
                "mark.xfail",
                "pytest.skip(",
                "pytest.xfail(",
                "unittest.skip",
                "@skip",
                ".skipTest(",
                "raise SkipTest",
                "raise unittest.SkipTest",
                "expectedFailure",
                "__test__ = False",
                "collect_ignore",
                "importorskip(",
            ],
            Self::JavaScript => &[
                "it.skip(",
                "test.skip(",
                "describe.skip(",
                "suite.skip(",
                "it.todo(",
                "test.todo(",
                "xit(",
                "xdescribe(",
                "xtest(",
                "xcontext(",
                ".only(",
                "fit(",
                "fdescribe(",
                "this.skip(",
                "t.skip(",
                "context.skip(",
                "skip: true",
                "todo: true",
                "test.failing(",
                "it.failing(",
                "it.fails(",
                "test.fails(",
                "test.fixme(",
                "skipIf(true",
            ],
            Self::Go => &[
                "t.Skip(",
                "t.Skipf(",
                "t.SkipNow(",
                "b.Skip(",
                "//go:build ignore",
                "// +build ignore",
            ],
            Self::C => &[
                "GTEST_SKIP(",
                "DISABLED_",
                "disabled()",
                "QSKIP(",
                "doctest::skip",
                "may_fail",
                "should_fail",
                "[!mayfail]",
                "[!shouldfail]",
                "[.]",
                "#if 0",
                "TEST_IGNORE",
                "ignore_test",
                "expected_failures",
            ],
            Self::Java => &[
                "@Disabled",
                "@Ignore",
                "enabled = false",
                "assumeTrue(false",
                "assumeFalse(true",
                "Assume.",
                "Assumptions.",
                ".xcontext(",
                "xit(",
            ],
            Self::CSharp => {
                &["[Ignore", "Skip =", "Assert.Ignore(", "Assert.Inconclusive(", "[Explicit"]
            }
            Self::Ruby => &["xit ", "xdescribe ", "xcontext ", "xspecify ", "skip:", "pending:"],
            Self::Php => &[
                "markTestSkipped(",
                "markTestIncomplete(",
                "->skip(",
                "->todo(",
                "oesNotPerformAssertions",
                "@group skip",
            ],
            _ => &[],
        }
    }

    /// The same, as the first word of a statement.
    fn disabling_statements(self) -> &'static [&'static str] {
        match self {
            Self::Ruby => &["skip", "pending"],
            Self::Shell => &["skip"],
            _ => &[],
        }
    }

    /// What an assertion looks like, wherever in a line.
    fn asserting_marks(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &[
                "assert!(",
                "assert_eq!(",
                "assert_ne!(",
                "assert_matches!(",
                "assert_snapshot!(",
                "panic!(",
            ],
            Self::Python => {
                &["assert ", "assert(", "self.assert", ".assert_", "self.fail(", "pytest.raises("]
            }
            Self::JavaScript => &[
                "expect(",
                "assert(",
                "assert.",
                "t.is(",
                "t.deepEqual(",
                "t.true(",
                "t.throws(",
                ".should.",
            ],
            Self::Go => &[
                "t.Error(",
                "t.Errorf(",
                "t.Fatal(",
                "t.Fatalf(",
                "t.Fail(",
                "t.FailNow(",
                "assert.",
                "require.",
            ],
            Self::C => &[
                "ASSERT",
                "EXPECT_",
                "CHECK",
                "REQUIRE",
                "assert(",
                "BOOST_TEST",
                "QVERIFY",
                "QCOMPARE",
                "ck_assert",
                "cr_assert",
            ],
            Self::Java => &["assert", "Assert.", "verify(", "should"],
            Self::CSharp => &["Assert.", ".Should("],
            Self::Ruby => {
                &["assert", "refute", "expect(", "expect {", ".must_", ".should", "is_expected"]
            }
            Self::Php => &["->assert", "::assert", "expect(", "expectException"],
            _ => &[],
        }
    }
}

/// The name of the test that a line declares. `is_marked` says that a mark of a test stands before
/// it.
pub(super) fn test_name(language: Language, line: &str, is_marked: bool) -> Option<String> {
    let word = |text: &str| -> Option<String> {
        let name: String = text
            .trim_start()
            .chars()
            .take_while(|character| character.is_alphanumeric() || "_-".contains(*character))
            .collect();
        Some(name).filter(|name| !name.is_empty())
    };
    let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest);
    let quoted = |text: &str| -> Option<String> {
        let text = text.trim_start();
        let quote = text.chars().next().filter(|quote| "\"'`".contains(*quote))?;
        text.get(1..)?.split(quote).next().map(str::to_owned)
    };
    let called = |names: &[&str], open: &str| {
        names.iter().find_map(|name| line.strip_prefix(name)?.strip_prefix(open).and_then(quoted))
    };
    match language {
        Language::Rust => is_marked.then(|| after("fn ").and_then(word)).flatten(),
        Language::Python => line
            .trim_start_matches("async ")
            .strip_prefix("def ")
            .filter(|rest| rest.starts_with("test"))
            .and_then(word),
        Language::JavaScript => {
            called(&["it", "test", "specify", "it.only", "test.only", "Deno.test"], "(")
        }
        Language::Go => line
            .strip_prefix("func ")
            .filter(|rest| ["Test", "Fuzz", "Example"].iter().any(|begin| rest.starts_with(begin)))
            .and_then(word),
        Language::C => [
            "TEST(",
            "TEST_F(",
            "TEST_P(",
            "TEST_CASE(",
            "SCENARIO(",
            "BOOST_AUTO_TEST_CASE(",
            "START_TEST(",
            "Test(",
        ]
        .iter()
        .find_map(|mark| line.strip_prefix(mark))
        .and_then(|rest| rest.split_once(')').map(|(name, _)| name.trim().to_owned())),
        Language::Java if is_marked => line
            .split_once('(')
            .and_then(|(head, _)| head.rsplit([' ', '`']).find(|name| !name.is_empty()))
            .map(str::to_owned),
        Language::CSharp if is_marked => {
            line.split_once('(').and_then(|(head, _)| head.rsplit(' ').next()).map(str::to_owned)
        }
        Language::Java | Language::CSharp => None,
        Language::Ruby => called(&["it", "specify", "test", "scenario"], " ")
            .or_else(|| after("def ").filter(|rest| rest.starts_with("test_")).and_then(word)),
        Language::Php => after("function ")
            .filter(|rest| rest.starts_with("test"))
            .and_then(word)
            .or_else(|| called(&["it", "test"], "(")),
        Language::Shell => line.strip_prefix("@test ").and_then(quoted),
        Language::Other => None,
    }
}

/// Whether a line disables a test, or keeps a failing command from being seen. `in_test` says that
/// the file is a test.
pub(super) fn disabling(language: Language, line: &str, in_test: bool) -> bool {
    let code = line
        .split_once("//")
        .filter(|(before, _)| !before.is_empty() && !before.ends_with(':'))
        .map_or(line, |(before, _)| before);
    let is_comment = match language {
        Language::Python | Language::Ruby | Language::Shell => line.starts_with('#'),
        Language::Go | Language::Rust | Language::Other => false,
        _ => line.starts_with("//") || line.starts_with('*'),
    };
    if is_comment {
        return false;
    }
    if language == Language::Shell && FORGIVING.iter().any(|mark| code.contains(mark)) {
        return true;
    }
    if !in_test {
        return false;
    }
    let statement = code.split([' ', '(', '"']).next().unwrap_or_default();
    language.disabling_marks().iter().any(|mark| has_mark(code, mark))
        || language.disabling_statements().contains(&statement)
}

/// Whether a line has a mark that is not the end of a longer word.
fn has_mark(line: &str, mark: &str) -> bool {
    let is_word = mark.starts_with(|first: char| first.is_alphanumeric());
    line.match_indices(mark).any(|(place, _)| {
        !is_word
            || !line.get(..place).is_some_and(|before| {
                before.ends_with(|last: char| last.is_alphanumeric() || last == '_')
            })
    })
}

/// How many assertions a line makes.
pub(super) fn assertions(language: Language, line: &str) -> usize {
    if line.starts_with("//")
        || line.starts_with('#') && language != Language::C
        || line.starts_with('*')
        || line.starts_with("import ")
        || line.starts_with("use ")
    {
        return 0;
    }
    // One line says one thing, however many of the words it holds.
    usize::from(language.asserting_marks().iter().any(|mark| line.contains(mark)))
}

/// Whether a line asserts what always holds.
pub(super) fn trivial(line: &str) -> bool {
    let packed: String = line
        .chars()
        .filter(|character| !character.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect();
    TRIVIAL.iter().any(|form| {
        packed == *form
            || packed
                .strip_prefix(form)
                .is_some_and(|rest| rest.trim_start_matches([')', ';', ',']).is_empty())
    })
}
