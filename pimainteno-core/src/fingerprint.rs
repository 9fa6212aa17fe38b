//! What tells changes and failures apart: fingerprints that stay the same where nothing that
//! matters differs.

use std::collections::BTreeSet;

use crate::words::Sha256;

/// How many hexadecimal digits of a hash are kept: enough to tell apart whatever a project will
/// ever see.
const LENGTH: usize = 32;

/// Directories whose entries have names that are made up.
const TEMPORARY: [&str; 4] = ["/tmp/", "/var/tmp/", "/dev/shm/", "/private/var/folders/"];

/// What Git says of a file that matters beside its lines.
const HEADERS: [&str; 3] = ["new file mode", "deleted file mode", "new mode"];

/// Words of a date.
const DATE_WORDS: [&str; 22] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Mon",
    "Tue", "Wed", "Thu", "Fri", "Sat", "Sun", "UTC", "AM", "PM",
];

/// The fingerprint of a change, as Git writes it: which lines go and come in which files. Where
/// they are, what surrounds them and blanks do not count.
pub(crate) fn of_change(diff: &str) -> String {
    let mut text = String::new();
    // Which of two neighbours goes first depends on the lines around them.
    let mut added = String::new();
    let (mut in_hunk, mut is_binary) = (false, false);
    for line in diff.lines() {
        let mut into = Some(&mut text);
        if line.starts_with("diff --git ") {
            (in_hunk, is_binary) = (false, false);
            text.push_str(&std::mem::take(&mut added));
            into = Some(&mut text);
        } else if line.starts_with("@@ ") {
            in_hunk = true;
            into = None;
        } else if in_hunk {
            into = match line.bytes().next() {
                Some(b'+') => Some(&mut added),
                Some(b'-') => Some(&mut text),
                _ => None,
            };
        } else {
            is_binary |= line == "GIT binary patch";
            into =
                into.filter(|_| is_binary || HEADERS.iter().any(|header| line.starts_with(header)));
        }
        let packed = || line.chars().filter(|character| !character.is_whitespace());
        if let Some(into) = into.filter(|_| packed().nth(1).is_some()) {
            into.extend(packed());
            into.push('\n');
        }
    }
    text.push_str(&added);
    short(&text)
}

/// The signature of a failure, from what is said about it: stable under times, durations, process
/// ids, addresses, line numbers, made-up names, and the order of lines.
pub(crate) fn of_failure(text: &str) -> String {
    let lines: BTreeSet<_> = text.lines().map(normal).filter(|line| !line.is_empty()).collect();
    short(&lines.into_iter().collect::<Vec<_>>().join("\n"))
}

fn short(text: &str) -> String {
    format!("{:.LENGTH$}", Sha256::of(text))
}

/// A line with `#` in place of whatever differs from time to time.
fn normal(line: &str) -> String {
    let line = without_made_up_names(line);
    let mut normal = String::new();
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        if first.is_alphanumeric() {
            let end = rest
                .find(|character: char| !character.is_alphanumeric() && character != '_')
                .unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            match is_incidental(word) {
                // Numbers with a dot, a colon or a blank between them are one, whatever their
                // parts.
                true if ends_in_number(&normal) => {
                    normal.truncate(normal.trim_end_matches(|last: char| last != '#').len());
                }
                true => normal.push('#'),
                false => normal.push_str(word),
            }
            rest = after;
        } else {
            if !first.is_whitespace() {
                normal.push(first);
            } else if !normal.ends_with(' ') {
                normal.push(' ');
            }
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    normal.trim().to_owned()
}

/// Whether what was read last is a number and nothing but what stands inside dates, times and
/// versions.
fn ends_in_number(text: &str) -> bool {
    text.trim_end_matches([' ', '.', ',', ':', '-', '+', '/']).ends_with('#')
}

/// Whether a word differs from time to time: a number with or without a unit, an address, an id, a
/// part of a date.
fn is_incidental(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    if digits == 0 {
        return DATE_WORDS.contains(&word);
    }
    let unit = word.trim_start_matches(|character: char| character.is_ascii_digit());
    let begins_with_digit = unit.len() < word.len();
    // `12ms`, `21T12`, `3rd`
    if begins_with_digit
        && unit.trim_end_matches(|character: char| character.is_ascii_digit()).len() <= 3
    {
        return true;
    }
    let is_hexadecimal = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    // The code of a compiler's message.
    let is_code =
        word.starts_with(|first: char| first.is_ascii_uppercase()) && digits == word.len() - 1;
    word.strip_prefix("0x").is_some_and(is_hexadecimal)
        || word.len() >= 4 && is_hexadecimal(word) && !is_code
}

/// A line with `#` for each made-up name of a temporary file or directory.
fn without_made_up_names(line: &str) -> String {
    let mut text = line.to_owned();
    for directory in TEMPORARY {
        let mut from = 0;
        while let Some(found) = text.get(from..).and_then(|rest| rest.find(directory)) {
            let start = from + found + directory.len();
            let end = text.get(start..).and_then(|rest| {
                rest.find(|end: char| end == '/' || end.is_whitespace() || "'\"`:,;)".contains(end))
            });
            let end = end.map_or(text.len(), |end| start + end);
            text.replace_range(start..end, "#");
            from = start;
        }
    }
    let parts: Vec<_> =
        text.split('/').map(|part| if is_made_up(part) { "#" } else { part }).collect();
    parts.join("/")
}

/// Whether a part of a path is a name as `mktemp` and its like make them up.
fn is_made_up(part: &str) -> bool {
    let name = part.trim_start_matches('.');
    name.strip_prefix("tmp").is_some_and(|rest| {
        let rest = rest.trim_start_matches(['.', '-', '_']);
        rest.len() >= 6
            && rest.chars().all(|character| character.is_ascii_alphanumeric() || character == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(path: &str, start: u32, context: &str, removed: &str, added: &str) -> String {
        format!(
            "diff --git a/{path} b/{path}\nindex 1..2 100644\n--- a/{path}\n+++ b/{path}\n@@ -{start},2 +{start},2 @@ {context}\n {context}\n-{removed}\n+{added}\n"
        )
    }

    #[test]
    fn a_change_is_the_same_wherever_its_lines_are() {
        let one = of_change(&diff("a.rs", 1, "fn a", "    x = 1;", "    x = 2;"));
        assert_eq!(one, of_change(&diff("a.rs", 99, "fn other", "\tx = 1;", "\tx  =  2; ")));
        assert_eq!(one, of_change(&format!("{}+\n", diff("a.rs", 1, "fn a", "x = 1;", "x = 2;"))));
        for other in [
            diff("b.rs", 1, "fn a", "x = 1;", "x = 2;"),
            diff("a.rs", 1, "fn a", "x = 1;", "x = 3;"),
            diff("a.rs", 1, "fn a", "x = 2;", "x = 1;"),
        ] {
            assert_ne!(one, of_change(&other), "{other}");
        }
        let around = "diff --git a/a b/a\n@@ -1,3 +1 @@\n-a\n-\n-b\n+c\n";
        assert_eq!(
            of_change(around),
            of_change("diff --git a/a b/a\n@@ -1,3 +1,2 @@\n-a\n+c\n \n-b\n")
        );
        let binary = |data: &str| {
            format!(
                "diff --git a/i.png b/i.png\nindex 1..2 100644\nGIT binary patch\nliteral 3\n{data}\n"
            )
        };
        assert_ne!(of_change(&binary("Kc1")), of_change(&binary("Kc2")));
    }

    #[test]
    fn a_failure_is_the_same_at_another_time_and_place() {
        let same = [
            (
                "2026-11-21T12:37:28.285Z ERROR connect failed",
                "2027-01-02T01:02:03Z ERROR connect failed",
            ),
            ("Sat Nov 21 12:37:28 2026 died", "Mon Jan 2 01:02:03 2027 died"),
            ("process 4711 exited after 1.25s", "process 9 exited after 999ms"),
            ("panic at 0x7ffd1234abcd", "panic at 0x55d0deadbeef"),
            (
                "run 01a1fe1c-945d-739a-aa58-e79622144725 failed",
                "run 01b2ee2d-145d-7a9b-bb58-f79622144726 failed",
            ),
            ("cannot open /tmp/.tmpVOIplj/radio/a.txt", "cannot open /tmp/x12/radio/a.txt"),
            ("at target/.tmpAb12Cd/x", "at target/.tmpQq99Zz/x"),
            (
                "src/lib.rs:10:5: error[E0432]: unresolved",
                "src/lib.rs:128:17: error[E0432]: unresolved",
            ),
            ("a\nb\n", "b\n\na\na\n"),
            ("commit 8ece199976d5 is bad", "commit 1f2e3d4c5b6a is bad"),
            ("took 3 s", "took 12.5 s"),
        ];
        for (one, other) in same {
            assert_eq!(
                of_failure(one),
                of_failure(other),
                "{one}: {} / {}",
                normal(one),
                normal(other)
            );
        }
        let different = [
            ("error[E0432]: unresolved", "error[E0499]: unresolved"),
            ("test adds ... FAILED", "test subtracts ... FAILED"),
            ("src/a.rs:1: error", "src/b.rs:1: error"),
            ("`make test` fails", "`make lint` fails"),
            ("utf8 expected", "utf16 expected"),
            ("deadbeef", "cafe"),
        ];
        for (one, other) in different {
            assert_ne!(
                of_failure(one),
                of_failure(other),
                "{one}: {} / {}",
                normal(one),
                normal(other)
            );
        }
    }
}
