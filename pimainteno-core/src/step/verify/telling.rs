//! The line of a check's log that says best why it failed.

/// What the lines of errors have in them, in lower case.
const SIGNS: [&str; 12] = [
    "error",
    "fail",
    "***",
    "not found",
    "no such",
    "no rule",
    "cannot",
    "can't",
    "panicked",
    "fatal",
    "undefined",
    "denied",
];

/// How long the line may be, in characters.
const LONGEST: usize = 160;

/// The sum that a runner of tests ends with, or else the first line that tells of an error, or else
/// the last one; `None` if nothing was written.
pub(super) fn line(output: &str) -> Option<String> {
    let lines = || {
        let lines = output.lines().map(|line| line.trim().trim_matches('=').trim());
        lines.filter(|line| !line.is_empty())
    };
    let is_sum = |line: &&str| {
        let words: Vec<_> = line.split([' ', ',', ';']).collect();
        words.windows(2).any(|two| {
            two[0].parse::<u64>().is_ok_and(|count| count > 0) && two[1].starts_with("fail")
        })
    };
    let is_error = |line: &&str| {
        let line = line.to_ascii_lowercase();
        SIGNS.iter().any(|sign| line.contains(sign))
    };
    let found = lines().rfind(is_sum);
    let found = found.or_else(|| lines().find(is_error)).or_else(|| lines().next_back())?;
    let mut kept: String = found.chars().take(LONGEST).collect();
    if kept.len() < found.len() {
        kept.push('…');
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_tells_most_is_found() {
        for (output, expected) in [
            ("", None),
            ("one\n\ntwo\n", Some("two")),
            (
                "cc a.c\nmake: *** No rule to make target 'chek'.  Stop.\nlast\n",
                Some("make: *** No rule to make target 'chek'.  Stop."),
            ),
            (
                "E  error\nFAILED a\n== 3 failed, 5341 passed in 43.2s ==\nbye\n",
                Some("3 failed, 5341 passed in 43.2s"),
            ),
            ("0 failed\nall is well\n", Some("0 failed")),
        ] {
            assert_eq!(line(output).as_deref(), expected, "{output}");
        }
        assert_eq!(line(&"ä".repeat(200)).unwrap().chars().count(), LONGEST + 1);
    }
}
