//! How many tests a check says that it ran, in the words of known test runners.

/// Words beside numbers, in the lines in which a runner sums up.
struct Summary {
    /// What the line begins with.
    begins: Begin,
    /// What it has besides.
    holds: &'static str,
    /// On which side of its number a word stands.
    side: Side,
    /// Words of tests that ran.
    ran: &'static [&'static str],
    /// Words of tests that are among them and were skipped.
    skipped: &'static [&'static str],
    /// Whether it may sum up what others have told already.
    is_outer: bool,
}

enum Begin {
    Words(&'static str),
    /// A number, and then one of the words.
    Number,
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// `12 passed`
    After,
    /// `pass 12`
    Before,
}

/// Most begin like this.
const PLAIN: Summary = Summary {
    begins: Begin::Number,
    holds: "",
    side: Side::After,
    ran: &["passed", "failed"],
    skipped: &[],
    is_outer: false,
};

/// The first one that a line fits counts.
const SUMMARIES: [Summary; 27] = [
    // cargo test
    Summary { begins: Begin::Words("test result:"), ..PLAIN },
    // cargo nextest
    Summary { begins: Begin::Words("Summary ["), holds: " run:", ..PLAIN },
    // unittest, and bun
    Summary { begins: Begin::Words("Ran "), ran: &["tests", "test"], ..PLAIN },
    Summary {
        begins: Begin::Words("OK ("),
        holds: "skipped=",
        side: Side::Before,
        ran: &[],
        skipped: &["skipped"],
        ..PLAIN
    },
    Summary {
        begins: Begin::Words("FAILED ("),
        holds: "skipped=",
        side: Side::Before,
        ran: &[],
        skipped: &["skipped"],
        ..PLAIN
    },
    // PHPUnit, JUnit
    Summary { begins: Begin::Words("OK ("), ran: &["tests", "test"], ..PLAIN },
    Summary {
        begins: Begin::Words("Tests: "),
        holds: ", Assertions: ",
        side: Side::Before,
        ran: &["Tests"],
        skipped: &["Skipped", "Incomplete"],
        ..PLAIN
    },
    // jest
    Summary { begins: Begin::Words("Tests: "), holds: " total", ..PLAIN },
    // vitest
    Summary { begins: Begin::Words("Tests  "), ..PLAIN },
    // mocha
    Summary { ran: &["passing", "failing"], ..PLAIN },
    // node --test, tape
    Summary { begins: Begin::Words("# pass "), side: Side::Before, ran: &["pass"], ..PLAIN },
    Summary { begins: Begin::Words("# fail "), side: Side::Before, ran: &["fail"], ..PLAIN },
    Summary { begins: Begin::Words("ℹ pass "), side: Side::Before, ran: &["pass"], ..PLAIN },
    Summary { begins: Begin::Words("ℹ fail "), side: Side::Before, ran: &["fail"], ..PLAIN },
    // tap
    Summary { begins: Begin::Words("# {"), side: Side::Before, ran: &["pass", "fail"], ..PLAIN },
    Summary { begins: Begin::Words("Asserts:"), ..PLAIN },
    // Deno
    Summary { begins: Begin::Words("ok | "), ..PLAIN },
    // prove
    Summary { begins: Begin::Words("Files="), side: Side::Before, ran: &["Tests"], ..PLAIN },
    // RSpec
    Summary { holds: " failure", ran: &["examples", "example"], skipped: &["pending"], ..PLAIN },
    // minitest
    Summary { holds: " assertion", ran: &["runs", "tests"], skipped: &["skips"], ..PLAIN },
    // ExUnit, bats
    Summary {
        holds: " failure",
        ran: &["tests", "test", "doctests", "doctest"],
        skipped: &["skipped", "excluded", "invalid"],
        ..PLAIN
    },
    // Catch2 and doctest
    Summary { begins: Begin::Words("All tests passed ("), ran: &["test"], ..PLAIN },
    Summary { begins: Begin::Words("test cases:"), ..PLAIN },
    Summary { begins: Begin::Words("[doctest] test cases:"), ..PLAIN },
    // .NET
    Summary {
        begins: Begin::Words("Passed! "),
        side: Side::Before,
        ran: &["Passed", "Failed"],
        ..PLAIN
    },
    // gotestsum
    Summary {
        begins: Begin::Words("DONE "),
        ran: &["tests", "test"],
        skipped: &["skipped"],
        ..PLAIN
    },
    // CTest
    Summary {
        begins: Begin::Words("100% tests passed"),
        side: Side::Before,
        ran: &["of"],
        is_outer: true,
        ..PLAIN
    },
];

/// How many tests ran, by what a check wrote; `None` if no runner that is known tells a number.
/// Skipped ones did not run.
pub(super) fn tests_run(log: &str) -> Option<u64> {
    let (mut own, mut outer) = (None, None);
    let mut skipped = 0_u64;
    let mut add = |sum: &mut Option<u64>, (ran, less): (u64, u64)| {
        *sum = Some(sum.unwrap_or(0).saturating_add(ran));
        skipped = skipped.saturating_add(less);
    };
    for line in log.lines() {
        let plain = without_colours(line);
        let line = plain.trim();
        if plain.starts_with("ok ") || plain.starts_with("not ok ") {
            // TAP tells each test, and some sum up besides.
            if let Some(counts) = of_tap(line) {
                add(&mut outer, counts);
                continue;
            }
        }
        if line.starts_with("--- PASS: ") || line.starts_with("--- FAIL: ") {
            add(&mut own, (1, 0));
        } else if let Some(counts) =
            of_pytest(line).or_else(|| of_maven(line)).or_else(|| of_google(line))
        {
            add(&mut own, counts);
        } else if let Some((summary, counts)) =
            SUMMARIES.iter().find_map(|summary| Some((summary, summary.read(line)?)))
        {
            add(if summary.is_outer { &mut outer } else { &mut own }, counts);
        }
    }
    own.or(outer).map(|ran| ran.saturating_sub(skipped))
}

impl Summary {
    /// How many ran and were skipped, if the line is one like this.
    fn read(&self, line: &str) -> Option<(u64, u64)> {
        let fits = match self.begins {
            Begin::Words(words) => line.starts_with(words),
            Begin::Number => {
                let mut words = words(line);
                words.next().is_some_and(|word| word.parse::<u64>().is_ok())
                    && words.next().is_some_and(|word| self.ran.contains(&word))
            }
        };
        if !fits || !line.contains(self.holds) {
            return None;
        }
        let (ran, skipped) = (sum(line, self.side, self.ran), sum(line, self.side, self.skipped));
        (ran.is_some() || skipped.is_some()).then(|| (ran.unwrap_or(0), skipped.unwrap_or(0)))
    }
}

/// `==== 3 passed, 1 skipped in 0.02s ====`, and the same without the rules.
fn of_pytest(line: &str) -> Option<(u64, u64)> {
    const WORDS: [&str; 10] = [
        "passed",
        "failed",
        "skipped",
        "deselected",
        "xfailed",
        "xpassed",
        "error",
        "errors",
        "warning",
        "warnings",
    ];
    let bare = line.trim_matches(['=', ' ']);
    let (counts, time) = bare.rsplit_once(" in ")?;
    let mut begin = words(counts);
    let is_count = begin.next()?.parse::<u64>().is_ok() && WORDS.contains(&begin.next()?);
    let seconds = time.split(' ').next()?.strip_suffix('s')?;
    let is_time = seconds.parse::<f64>().is_ok();
    (is_count && is_time)
        .then(|| (sum(counts, Side::After, &["passed", "failed", "xpassed"]).unwrap_or(0), 0))
}

/// `[INFO] Tests run: 12, Failures: 0, Errors: 0, Skipped: 1`; each class tells its time besides.
fn of_maven(line: &str) -> Option<(u64, u64)> {
    let (_, counts) = line.split_once("Tests run: ")?;
    let run = words(counts).next()?.parse().ok()?;
    (counts.contains("Failures: ") && !counts.contains("Time elapsed"))
        .then(|| (run, sum(counts, Side::Before, &["Skipped"]).unwrap_or(0)))
}

/// `[==========] 12 tests from 3 test suites ran. (5 ms total)`
fn of_google(line: &str) -> Option<(u64, u64)> {
    let tests = ["tests", "test"];
    if let Some(rest) = line.strip_prefix("[==========] ").filter(|rest| rest.contains(" ran.")) {
        return Some((words(rest).next()?.parse().ok()?, 0));
    }
    let rest = line.strip_prefix("[  SKIPPED ] ").filter(|rest| rest.contains("listed below"))?;
    Some((0, sum(rest, Side::After, &tests)?))
}

/// `ok 3 - adds`
fn of_tap(line: &str) -> Option<(u64, u64)> {
    let rest = line.strip_prefix("not ").unwrap_or(line).strip_prefix("ok ")?;
    rest.split(' ').next()?.parse::<u64>().ok()?;
    let lower = rest.to_ascii_lowercase();
    Some((u64::from(!lower.contains("# skip") && !lower.contains("# todo")), 0))
}

/// The sum of the numbers beside one of `wanted`; `None` if there is none.
fn sum(line: &str, side: Side, wanted: &[&str]) -> Option<u64> {
    let words: Vec<_> = words(line).collect();
    let found: Vec<u64> = words
        .windows(2)
        .filter_map(|pair| match side {
            Side::After => wanted.contains(&pair[1]).then(|| pair[0].parse().ok())?,
            Side::Before => wanted.contains(&pair[0]).then(|| pair[1].parse().ok())?,
        })
        .collect();
    (!found.is_empty()).then(|| found.into_iter().fold(0, u64::saturating_add))
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// A line without what makes it coloured in a terminal.
fn without_colours(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|last: char| last.is_ascii_alphabetic()).map_or(0, |end| end + 1);
        plain.push_str(part.get(end..).unwrap_or_default());
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runners_tell_is_counted() {
        let cases = [
            (
                "running 2 tests\ntest a ... ok\n\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 7 filtered out; finished in 0.00s\n\n   Doc-tests a\n\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
                3,
            ),
            ("     Summary [   0.12s] 12 tests run: 11 passed, 1 failed, 3 skipped", 12),
            ("...\n-----\nRan 3 tests in 0.001s\n\nOK", 3),
            ("Ran 3 tests in 0.001s\n\nOK (skipped=2)", 1),
            ("Ran 4 tests in 0.001s\n\nFAILED (failures=1, skipped=2)", 2),
            ("Ran 0 tests in 0.000s", 0),
            ("collected 4 items\n\n===== 1 failed, 2 passed, 1 skipped in 0.02s =====", 3),
            ("3 passed, 2 warnings in 61.02s (0:01:01)", 3),
            ("==== 2 skipped in 0.01s ====", 0),
            ("Test Suites: 1 passed, 1 total\nTests:       1 skipped, 2 passed, 3 total", 2),
            (" Test Files  2 passed (2)\n      Tests  12 passed | 1 skipped (13)", 12),
            ("\n  12 passing (5ms)\n  2 pending\n  1 failing\n", 13),
            ("\u{1b}[32m  12 passing\u{1b}[0m (5ms)", 12),
            ("ok 1 - a\nok 2 - b\n1..2\n# tests 2\n# suites 0\n# pass 2\n# fail 0", 2),
            ("ℹ tests 4\nℹ pass 3\nℹ fail 0\nℹ skipped 1", 3),
            ("1..3\nok 1 - a\nnot ok 2 - b\nok 3 # SKIP no display", 2),
            (
                "=== RUN   TestA\n--- PASS: TestA (0.00s)\n    --- PASS: TestA/b (0.00s)\nok  \ta\t0.1s",
                2,
            ),
            ("t/a.t .. ok\nFiles=2, Tests=12,  0 wallclock secs\nResult: PASS", 12),
            ("12 examples, 0 failures, 1 pending", 11),
            ("12 runs, 30 assertions, 0 failures, 0 errors, 2 skips", 10),
            ("3 doctests, 12 tests, 0 failures, 1 skipped", 14),
            ("OK (12 tests, 30 assertions)", 12),
            ("Tests: 12, Assertions: 30, Skipped: 1.", 11),
            (
                "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.1 s - in A\n[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 1",
                2,
            ),
            (
                "[==========] Running 3 tests from 1 test suite.\n[==========] 3 tests from 1 test suite ran. (0 ms total)",
                3,
            ),
            ("All tests passed (30 assertions in 12 test cases)", 12),
            ("[doctest] test cases: 12 | 12 passed | 0 failed | 1 skipped", 12),
            ("100% tests passed, 0 tests failed out of 12", 12),
            ("ok | 12 passed (2 steps) | 0 failed (5ms)", 12),
            ("Passed!  - Failed:     0, Passed:    12, Skipped:     0, Total:    12", 12),
            ("DONE 12 tests, 1 skipped in 0.5s", 11),
        ];
        for (log, number) in cases {
            assert_eq!(tests_run(log), Some(number), "{log}");
        }
    }

    #[test]
    fn what_tells_no_number_is_not_counted() {
        for log in [
            "",
            "ok  \texample.com/a\t0.004s",
            "OK",
            "all 3 files are formatted",
            "Compiling a v1.0.0\n    Finished in 3.2s",
            "2 errors in 3 files",
            "ok then",
            "I ran 3 of them in 5s",
        ] {
            assert_eq!(tests_run(log), None, "{log}");
        }
    }
}
