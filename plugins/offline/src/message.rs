//! Commit messages.

use std::collections::BTreeMap;

use crate::languages;

/// How long a subject may be.
const SUBJECT_LIMIT: usize = 72;

/// A subject that says that `what` was done in the files at `paths`.
pub(crate) fn subject(paths: &[&str], what: &str) -> String {
    let scope = scope(paths).map(|scope| format!("{scope}: ")).unwrap_or_default();
    let place = match paths {
        [path] => format!(" in {path}"),
        _ => format!(" in {} files", paths.len()),
    };
    let fits = |text: &String| text.chars().count() <= SUBJECT_LIMIT;
    let name = paths.first().and_then(|path| path.rsplit('/').next()).unwrap_or_default();
    let short = if paths.len() == 1 { format!(" in {name}") } else { String::new() };
    [
        format!("{scope}{what}{place}"),
        format!("{scope}{what}{short}"),
        format!("{scope}{what}"),
        what.to_owned(),
    ]
    .into_iter()
    .find(fits)
    .unwrap_or_else(|| what.chars().take(SUBJECT_LIMIT).collect())
}

/// A message for the change `diff`.
///
/// A proposal of this backend says in its first line what it does; where that line is in `prompt`,
/// it is used with the list that follows it.
pub(crate) fn commit_message(prompt: &str, diff: &str) -> String {
    own_message(prompt).unwrap_or_else(|| from_diff(diff))
}

/// The message of a proposal of this backend, if `text` contains one.
fn own_message(text: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| !is_own_subject(line));
    let subject = lines.next()?;
    let list: Vec<_> = lines
        .skip_while(|line| line.trim().is_empty())
        .take_while(|line| line.starts_with("- "))
        .collect();
    Some(if list.is_empty() {
        subject.to_owned()
    } else {
        format!("{subject}\n\n{}\n", list.join("\n"))
    })
}

fn is_own_subject(line: &str) -> bool {
    let what = line
        .split_once(": ")
        .filter(|(scope, _)| !scope.contains(' '))
        .map_or(line, |(_, what)| what);
    let Some(rest) = ["fix ", "remove stray white space from ", "unify the line ends of "]
        .iter()
        .find_map(|verb| what.strip_prefix(verb))
    else {
        return false;
    };
    let mut words = rest.split(' ');
    line.chars().count() <= SUBJECT_LIMIT
        && words.next().is_some_and(|count| count.parse::<usize>().is_ok())
        && words.next().is_some_and(|what| {
            ["misspelling", "misspellings", "dead", "line", "lines"].contains(&what)
        })
}

/// A message that says which files changed.
fn from_diff(diff: &str) -> String {
    let mut changes: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut old, mut in_hunk) = ("", false);
    for line in diff.lines() {
        if let Some(header) = line.strip_prefix("diff --git ") {
            in_hunk = false;
            // Where the two names are the same, the header says which; what is renamed is said
            // again below.
            let half = header.len() / 2;
            if let (Some(one), Some(other)) = (header.get(..half), header.get(half + 1..))
                && let (Some(path), Some(same)) = (one.strip_prefix("a/"), other.strip_prefix("b/"))
                && path == same
            {
                changes.insert(path, "change");
                old = path;
            }
        } else if line.starts_with("@@ ") {
            in_hunk = true;
        } else if let Some(path) = line.strip_prefix("--- a/").filter(|_| !in_hunk) {
            old = path;
        } else if let Some(path) = line.strip_prefix("+++ b/").filter(|_| !in_hunk) {
            changes.entry(path).or_insert("change");
        } else if !in_hunk && line.starts_with("new file mode") {
            changes.insert(old, "add");
        } else if !in_hunk && line.starts_with("deleted file mode") {
            changes.insert(old, "remove");
        } else if let Some(path) = line.strip_prefix("rename to ").filter(|_| !in_hunk) {
            changes.insert(path, "rename");
        }
    }
    changes.remove("");
    let paths: Vec<_> = changes.keys().copied().collect();
    let verbs: std::collections::BTreeSet<_> = changes.values().copied().collect();
    let verb = if verbs.len() == 1 { verbs.first().copied().unwrap_or("change") } else { "change" };
    match paths[..] {
        [] => "change nothing".to_owned(),
        [path] => {
            let scope = scope(&paths).map(|scope| format!("{scope}: ")).unwrap_or_default();
            let name = path.rsplit('/').next().unwrap_or(path);
            [
                format!("{scope}{verb} {path}"),
                format!("{scope}{verb} {name}"),
                format!("{scope}{verb} one file"),
            ]
            .into_iter()
            .find(|text| text.chars().count() <= SUBJECT_LIMIT)
            .unwrap_or_else(|| format!("{verb} one file"))
        }
        _ => {
            let scope = scope(&paths).map(|scope| format!("{scope}: ")).unwrap_or_default();
            let list: String =
                changes.iter().take(20).map(|(path, verb)| format!("- {verb} {path}\n")).collect();
            let more = if paths.len() > 20 {
                format!("- and {} more\n", paths.len() - 20)
            } else {
                String::new()
            };
            format!("{scope}{verb} {} files\n\n{list}{more}", paths.len())
        }
    }
}

/// What the change is about: `docs`, or the directory that all of it is in.
fn scope(paths: &[&str]) -> Option<String> {
    if !paths.is_empty() && paths.iter().all(|path| languages::is_prose(path)) {
        return Some("docs".into());
    }
    let first = paths.first()?.split_once('/')?.0;
    let is_short = first.len() <= 20 && !first.contains([' ', ':']);
    (is_short
        && paths
            .iter()
            .all(|path| path.split_once('/').is_some_and(|(directory, _)| directory == first)))
    .then(|| first.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_says_what_and_where_and_stays_short() {
        assert_eq!(
            subject(&["README.md"], "fix 3 misspellings"),
            "docs: fix 3 misspellings in README.md"
        );
        assert_eq!(
            subject(&["src/a.rs", "src/b.rs"], "fix 2 misspellings"),
            "src: fix 2 misspellings in 2 files"
        );
        assert_eq!(
            subject(&["a.rs", "b/c.rs"], "fix 2 misspellings"),
            "fix 2 misspellings in 2 files"
        );
        let long = format!("src/{}/b.rs", "a".repeat(80));
        assert_eq!(subject(&[&long], "fix 1 misspelling"), "src: fix 1 misspelling in b.rs");
    }

    #[test]
    fn the_message_of_our_own_proposal_is_kept() {
        let own = "docs: fix 1 misspelling in a.md\n\n- a.md: teh -> the\n";
        assert_eq!(
            commit_message(
                &format!("Write a message.\n\n{own}\nThe diff:"),
                "diff --git a/x b/x\n"
            ),
            own
        );
    }

    #[test]
    fn a_foreign_diff_is_described_by_its_files() {
        let one = "diff --git a/src/a.rs b/src/a.rs\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1 +1 @@\n-x\n+++ b/no.rs\n";
        assert_eq!(commit_message("", one), "src: change src/a.rs");
        let new = "diff --git a/b.md b/b.md\nnew file mode 100644\n--- /dev/null\n+++ b/b.md\n@@ -0,0 +1 @@\n+x\n";
        assert_eq!(commit_message("", new), "docs: add b.md");
        assert_eq!(
            commit_message("", &format!("{one}{new}")),
            "change 2 files\n\n- add b.md\n- change src/a.rs\n"
        );
        let renamed = "diff --git a/a b/c\nsimilarity index 100%\nrename from a\nrename to c\n";
        assert_eq!(commit_message("", renamed), "rename c");
        assert_eq!(commit_message("", ""), "change nothing");
    }
}
