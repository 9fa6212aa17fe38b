//! The labels with which a diff names its files.

/// Words that tools and people put behind a label, in parentheses.
const REMARKS: [&str; 10] = [
    "original",
    "modified",
    "old",
    "new",
    "before",
    "after",
    "updated",
    "revised",
    "current",
    "working copy",
];

/// The path in a label; `None` if it stands for no file.
pub(super) fn read(label: &str) -> Option<String> {
    let label = label.trim();
    let label = match label.strip_prefix('"') {
        Some(quoted) => unquoted(quoted).unwrap_or_else(|| label.trim_matches('"').to_owned()),
        None => plain(label),
    };
    (!matches!(label.as_str(), "/dev/null" | "dev/null" | "")).then_some(label)
}

/// The two paths behind `diff --git`.
pub(super) fn pair(labels: &str) -> Option<(String, String)> {
    let labels = labels.trim();
    if labels.starts_with('"') {
        let end = (1..labels.len())
            .find(|at| labels.as_bytes()[*at] == b'"' && labels.as_bytes()[at - 1] != b'\\')?;
        return Some((read(labels.get(..=end)?)?, read(labels.get(end + 1..)?)?));
    }
    if labels.ends_with('"') {
        let start = labels.find(" \"")?;
        return Some((read(&labels[..start])?, read(&labels[start..])?));
    }
    // A path may hold blanks. Mostly both are the same behind their prefixes.
    let splits = || labels.match_indices(' ').map(|(at, _)| (&labels[..at], &labels[at + 1..]));
    let same = |(old, new): &(&str, &str)| {
        old.split_once('/').map(|(_, path)| path) == new.split_once('/').map(|(_, path)| path)
            || old == new
    };
    let split = splits()
        .find(same)
        .or_else(|| splits().find(|(_, new)| new.starts_with("b/")))
        .or_else(|| splits().next())?;
    Some((read(split.0)?, read(split.1)?))
}

/// Whether two lines that may be labels name the same file, or one of them none.
pub(super) fn are_alike(old: &str, new: &str) -> bool {
    let (Some(old), Some(new)) = (old.strip_prefix("--- "), new.strip_prefix("+++ ")) else {
        return true;
    };
    let (Some(old), Some(new)) = (read(old), read(new)) else { return true };
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let behind_prefix =
        |path: &str| path.split_once('/').map_or(path.to_owned(), |(_, path)| path.to_owned());
    let is_path = |path: &str| path.contains(['/', '.']) && !path.contains("  ");
    name(&old) == name(&new)
        || behind_prefix(&old) == behind_prefix(&new)
        || (old.starts_with("a/") && new.starts_with("b/") && is_path(&old) && is_path(&new))
}

/// A label without quotes: a tab, a time or a remark ends it.
fn plain(label: &str) -> String {
    let mut path = label.split('\t').next().unwrap_or_default().trim();
    for mark in ["**", "`", "*", "'"] {
        if let Some(inner) = path.strip_prefix(mark).and_then(|path| path.strip_suffix(mark)) {
            path = inner.trim();
        }
    }
    if let Some((before, remark)) = path.strip_suffix(')').and_then(|path| path.rsplit_once(" ("))
        && (REMARKS.contains(&remark.to_ascii_lowercase().as_str())
            || remark.starts_with("revision "))
    {
        path = before.trim();
    }
    if let Some(at) = path.match_indices(' ').map(|(at, _)| at).find(|at| is_date(&path[at + 1..]))
    {
        path = path[..at].trim();
    }
    path.to_owned()
}

/// Whether a text begins as 2024-03-01 does.
fn is_date(text: &str) -> bool {
    let shape = |(at, byte): (usize, u8)| {
        if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() }
    };
    text.len() >= 10 && text.bytes().take(10).enumerate().all(shape)
}

/// What stands in quotes, with the escapes of C; `None` if it is broken or not UTF-8.
fn unquoted(quoted: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut rest = quoted.bytes();
    loop {
        match rest.next()? {
            b'"' => return String::from_utf8(bytes).ok(),
            b'\\' => bytes.push(match rest.next()? {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'a' => 7,
                b'b' => 8,
                b'v' => 11,
                b'f' => 12,
                digit @ b'0'..=b'3' => {
                    let digits = [digit, rest.next()?, rest.next()?];
                    digits.iter().try_fold(0_u8, |value, digit| {
                        digit
                            .is_ascii_digit()
                            .then(|| value.wrapping_mul(8).wrapping_add(digit.wrapping_sub(b'0')))
                    })?
                }
                other => other,
            }),
            byte => bytes.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_without_what_stands_behind_it() {
        for label in [
            "a/x y.rs",
            "a/x y.rs\t2024-01-01",
            "a/x y.rs 2024-03-01 10:00:00",
            "`a/x y.rs`",
            "a/x y.rs (Original)",
            "\"a/x y.rs\"",
        ] {
            assert_eq!(read(label).as_deref(), Some("a/x y.rs"), "{label}");
        }
        assert_eq!(read("/dev/null\t1970-01-01"), None);
        assert_eq!(read("\"a/\\303\\244\\t\\\"\""), Some("a/ä\t\"".into()));
    }

    #[test]
    fn both_paths_of_the_first_line_are_found() {
        assert_eq!(pair("a/x y b/x y"), Some(("a/x y".into(), "b/x y".into())));
        assert_eq!(pair("a/x b/y z"), Some(("a/x".into(), "b/y z".into())));
        assert_eq!(pair("\"a/\\303\\244\" b/x"), Some(("a/ä".into(), "b/x".into())));
    }

    #[test]
    fn lines_of_text_are_no_labels() {
        assert!(
            are_alike("--- a/x", "+++ b/x")
                && are_alike("--- old/x.rs", "+++ new/x.rs")
                && are_alike("--- /dev/null", "+++ x")
        );
        assert!(!are_alike("--- the first comment", "+++ another one"));
    }
}
