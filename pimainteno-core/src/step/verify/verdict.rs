//! What a check's end means: passed, failed, or nothing was checked at all.

use serde::{Deserialize, Serialize};

use crate::process::End;

/// The exit code by which a test says that it was skipped (GNU automake, meson, and what follows
/// them).
const SKIPPED: i32 = 77;

/// The exit code of pytest and of Python's unittest when there were no tests.
const NO_TESTS: i32 = 5;

/// What a check says about a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// It ran and found nothing wrong.
    Passed,
    /// It ran, or could not, and says no.
    Failed,
    /// Nothing was checked, which is not the same as passed.
    Skipped,
    /// It says one thing and then another about the same tree.
    Flaky,
}

impl Verdict {
    /// Whether it never failed: if this is what a check says without a change, its failure with the
    /// change is the change's.
    pub(super) fn is_no_failure(self) -> bool {
        matches!(self, Self::Passed | Self::Skipped)
    }
}

/// Reads how a check ended, and what it wrote.
///
/// An exit code decides first. A check that ends well has passed unless what it wrote says plainly
/// that no test ran, and nothing in it says that one did.
pub(super) fn verdict(check: &str, end: End, log: &str) -> Verdict {
    match end {
        End::Exited(0) if is_one_command(check) && nothing_ran(log) => Verdict::Skipped,
        End::Exited(0) => Verdict::Passed,
        End::Exited(SKIPPED) => Verdict::Skipped,
        End::Exited(NO_TESTS) if nothing_ran(log) => Verdict::Skipped,
        _ => Verdict::Failed,
    }
}

/// Whether the check is one command: where several are joined, another one may have checked
/// something without a word.
fn is_one_command(check: &str) -> bool {
    let rest = check.trim_start();
    // Changing the directory checks nothing.
    let rest = rest
        .strip_prefix("cd ")
        .and_then(|rest| rest.split_once("&&"))
        .map_or(rest, |(_, rest)| rest);
    !["&&", ";", "\n"].iter().any(|joint| rest.trim_end_matches([';', '\n', ' ']).contains(joint))
}

fn nothing_ran(log: &str) -> bool {
    let lines = || log.lines().map(str::trim);
    lines().any(says_none) && !lines().any(says_some)
}

/// Whether a line says in the words of a known test runner that no test ran.
fn says_none(line: &str) -> bool {
    let bare = line.trim_matches(|character: char| "=-#ℹ[] \t".contains(character));
    let begins = [
        // cargo test, with ignored tests only or with none
        "test result: ok. 0 passed; 0 failed;",
        // cargo nextest
        "error: no tests to run",
        "no tests to run",
        // pytest
        "no tests ran",
        "collected 0 items",
        // unittest
        "Ran 0 tests in",
        "NO TESTS RAN",
        // jest, vitest
        "No tests found, exiting",
        "No test files found, exiting",
        // mocha
        "0 passing",
        // node --test
        "tests 0",
        // ctest
        "No tests were found",
        // PHPUnit
        "No tests executed!",
        // RSpec
        "0 examples, 0 failures",
        // minitest
        "0 runs, 0 assertions",
        // Maven, JUnit
        "Tests run: 0,",
        "No tests to run",
        // prove
        "Files=0, Tests=0,",
        "Result: NOTESTS",
        // GoogleTest
        "Running 0 tests from",
        // Deno
        "ok | 0 passed | 0 failed",
        // TAP
        "1..0",
    ];
    let ends = ["[no test files]", "[no tests to run]"];
    let only_skipped = (line.starts_with('=')
        && line.ends_with('=')
        && is_count_of(bare, &["skipped", "deselected"]))
        || line
            .strip_prefix("Tests:")
            .is_some_and(|rest| is_count_of(rest.trim(), &["skipped", "todo"]));
    only_skipped
        || begins.iter().any(|begin| bare.starts_with(begin))
        || ends.iter().any(|end| line.ends_with(end))
}

/// Whether a summary begins with a number of one of `words`: `3 skipped in 0.02s`.
fn is_count_of(summary: &str, words: &[&str]) -> bool {
    let mut parts = summary.split([' ', ',']).filter(|part| !part.is_empty());
    parts.next().is_some_and(|number| number.parse::<u64>().is_ok())
        && parts.next().is_some_and(|word| words.contains(&word))
}

/// Whether a line says, in whatever words, that some test ran.
fn says_some(line: &str) -> bool {
    const WORDS: [&str; 17] = [
        "passed",
        "failed",
        "passing",
        "failing",
        "pass",
        "fail",
        "xfailed",
        "xpassed",
        "error",
        "errors",
        "failure",
        "failures",
        "examples",
        "runs",
        "assertions",
        "succeeded",
        "ok",
    ];
    let is_skip = line.contains("# SKIP") || line.contains("# skip") || line.contains("# TODO");
    // TAP, and Go's summary of a package.
    if (line.starts_with("ok ")
        || line.starts_with("not ok ")
        || line.starts_with("ok\t")
        || line.starts_with("--- PASS"))
        && !is_skip
    {
        return !line.ends_with("[no tests to run]") && !line.starts_with("ok |");
    }
    if line.contains("pending") && line.contains(" examples,") {
        return false;
    }
    let words: Vec<_> = line
        .split(|character: char| !character.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let counted = |number: &str, word: &str| {
        number.parse::<u64>().is_ok_and(|number| number > 0) && WORDS.contains(&word)
    };
    // "3 passed", and "pass 3" of node's runner.
    words.windows(2).any(|pair| {
        counted(pair[0], pair[1])
            || (matches!(pair[0], "pass" | "fail" | "Passed" | "Failed")
                && counted(pair[1], "pass"))
    }) || line.starts_with("PASS ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(check: &str, code: i32, log: &str) -> Verdict {
        verdict(check, End::Exited(code), log)
    }

    #[test]
    fn exit_codes_decide_first() {
        assert_eq!(of("make", 0, ""), Verdict::Passed);
        assert_eq!(of("make", 1, "no tests ran"), Verdict::Failed);
        assert_eq!(of("make", 77, ""), Verdict::Skipped);
        assert_eq!(
            of("pytest", 5, "collected 0 items\n\n==== no tests ran in 0.01s ===="),
            Verdict::Skipped
        );
        assert_eq!(of("grep x y", 5, "what?"), Verdict::Failed);
        assert_eq!(verdict("make", End::TimedOut, "1..0"), Verdict::Failed);
        assert_eq!(verdict("make", End::Signalled(11), ""), Verdict::Failed);
    }

    #[test]
    fn a_runner_that_ran_no_test_is_skipped() {
        let empty = [
            "running 0 tests\n\ntest result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "running 2 tests\ntest a ... ignored\ntest b ... ignored\n\ntest result: ok. 0 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out",
            "collected 2 items\n\ntest_a.py ss  [100%]\n\n===== 2 skipped in 0.01s =====",
            "----------------------------------------------------------------------\nRan 0 tests in 0.000s\n\nOK",
            "?   \texample.com/a\t[no test files]\n?   \texample.com/b\t[no test files]",
            "ok  \texample.com/a\t0.002s [no tests to run]",
            "No tests found, exiting with code 0",
            "No test files found, exiting with code 0",
            "Test Suites: 1 skipped, 0 of 1 total\nTests:       2 skipped, 2 total",
            "\n  0 passing (1ms)\n",
            "# tests 0\n# suites 0\n# pass 0\n# fail 0\n# cancelled 0",
            "ℹ tests 0\nℹ suites 0\nℹ pass 0\nℹ fail 0",
            "Test project /tmp/build\nNo tests were found!!!",
            "PHPUnit 11.0 by Sebastian Bergmann.\n\nNo tests executed!",
            "Finished in 0.0 seconds\n0 examples, 0 failures",
            "1..0 # SKIP no display",
            "Files=0, Tests=0,  0 wallclock secs\nResult: NOTESTS",
            "[==========] Running 0 tests from 0 test suites.\n[  PASSED  ] 0 tests.",
            "Tests run: 0, Failures: 0, Errors: 0, Skipped: 0",
        ];
        for log in empty {
            assert_eq!(of("make test", 0, log), Verdict::Skipped, "{log}");
            assert_eq!(of("cd web && make test", 0, log), Verdict::Skipped, "{log}");
            // Whatever came before may have checked something.
            assert_eq!(of("make lint && make test", 0, log), Verdict::Passed, "{log}");
        }
    }

    #[test]
    fn one_test_that_ran_is_enough() {
        let some = [
            "running 0 tests\ntest result: ok. 0 passed; 0 failed; 0 ignored\nrunning 1 test\ntest a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored",
            "===== 1 passed, 2 skipped in 0.01s =====",
            "?   \texample.com/a\t[no test files]\nok  \texample.com/b\t0.004s",
            "?   \texample.com/a\t[no test files]\nok  \texample.com/b\t(cached)",
            "Tests:       1 skipped, 2 passed, 3 total",
            "# tests 3\n# pass 3\n# fail 0",
            "1..0\n1..2\nok 1 - a\nok 2 - b",
            "0 examples, 0 failures\n3 examples, 0 failures",
            "0 errors, 0 warnings",
            "all 0 files are formatted",
            "no output that anybody knows",
            "",
        ];
        for log in some {
            assert_eq!(of("make test", 0, log), Verdict::Passed, "{log}");
        }
    }
}
