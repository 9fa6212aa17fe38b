//! Finding the unified diff in a reply.

use super::{paths::check_path, reply::clean};
use crate::error::{Error, ErrorKind, Result};

/// What a backend writes when there is nothing to change; the prompts ask for it.
const DECLINE: &str = "NO CHANGE";

/// How much of a reply an error shows, in characters.
const SHOWN: usize = 200;

/// The longest first line that is taken for the subject of a commit message, in characters.
const LONGEST_SUBJECT: usize = 100;

/// A diff that was found in a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// The diff, one section after the other, nothing around it.
    pub(crate) diff: String,
    /// How many leading components the paths carry besides their own: 1 for `a/` and `b/`.
    pub(crate) strip: usize,
}

/// Takes the unified diff out of a reply.
///
/// # Errors
/// [`ErrorKind::Patch`] if there is none, if it was cut off, or if a path in it leads out of the project.
pub(crate) fn extract(reply: &str) -> Result<Found> {
    let text = clean(reply);
    let diff = sections(&text)?.0;
    if diff.is_empty() {
        return Err(no_diff_in(reply));
    }
    let mut paths = Vec::new();
    for line in diff.lines() {
        let label = line.strip_prefix("--- ").or_else(|| line.strip_prefix("+++ "));
        // A removed line that begins with `-- ` looks like a label; it is checked as well, and can only make the check stricter.
        if let Some(path) = label.map(|label| label.split('\t').next().unwrap_or(label).trim()).filter(|path| *path != "/dev/null") {
            paths.push(path.to_owned());
        }
    }
    let prefixed = |path: &String| path.starts_with("a/") || path.starts_with("b/");
    let strip = usize::from(!paths.is_empty() && paths.iter().all(prefixed));
    for path in &paths {
        check_path(if strip == 1 { path.get(2..).unwrap_or_default() } else { path })?;
    }
    Ok(Found { diff, strip })
}

/// Whether a reply holds something that looks like a diff.
pub(crate) fn holds_diff(reply: &str) -> bool {
    let text = clean(reply);
    text.lines().zip(text.lines().skip(1)).any(|(line, next)| line.starts_with("--- ") && next.starts_with("+++ "))
}

/// Whether a reply says that there is nothing to change.
pub(crate) fn declines(reply: &str) -> bool {
    clean(reply).lines().any(|line| line.trim().trim_matches(['.', '*', '`']).eq_ignore_ascii_case(DECLINE))
}

/// What a reply says besides its diff, if it can serve as a commit message: a first line that is a subject, then a body.
pub(crate) fn message_of(reply: &str) -> String {
    let text = clean(reply);
    let rest = sections(&text).map(|(_, rest)| rest).unwrap_or_default();
    let mut lines = rest.lines().skip_while(|line| line.trim().is_empty());
    let subject = lines.next().unwrap_or_default().trim().trim_matches(['#', '*', '`']).trim();
    // A subject is one short line. Whoever ends it with a colon introduces the diff.
    if subject.is_empty() || subject.ends_with(':') || subject.chars().count() > LONGEST_SUBJECT {
        return String::new();
    }
    let body = lines.collect::<Vec<_>>().join("\n");
    if body.trim().is_empty() { subject.to_owned() } else { format!("{subject}\n\n{}", body.trim()) }
}

/// The error for a reply without a diff: what it says instead.
pub(crate) fn no_diff_in(reply: &str) -> Error {
    let text = clean(reply);
    let shown: String = text.trim().chars().take(SHOWN).map(|character| if character.is_control() { ' ' } else { character }).collect();
    Error::new(ErrorKind::Patch, format!("the reply holds no unified diff; it begins with: {shown:?}"))
}

/// Splits a text into the sections of its diffs and everything else.
fn sections(text: &str) -> Result<(String, String)> {
    let (mut diff, mut rest) = (String::new(), String::new());
    let mut lines = text.lines().peekable();
    let mut fence: Option<String> = None;
    let mut in_hunk = false;
    while let Some(line) = lines.next() {
        let starts =
            line.starts_with("diff --git ") || (line.starts_with("--- ") && lines.peek().is_some_and(|next| next.starts_with("+++ ")));
        if starts {
            in_hunk = false;
            push(&mut diff, line);
            // The header runs up to the first hunk; a section may also have none, such as a deletion of an empty file.
            while let Some(next) = lines.peek() {
                let header =
                    ["index ", "new file mode ", "deleted file mode ", "old mode ", "new mode ", "similarity ", "rename ", "--- ", "+++ "];
                if !header.iter().any(|prefix| next.starts_with(prefix)) {
                    break;
                }
                push(&mut diff, next);
                lines.next();
            }
            continue;
        }
        if line.starts_with("@@ ") && !diff.is_empty() {
            in_hunk = true;
            push(&mut diff, line);
            continue;
        }
        let closes = fence.as_deref().is_some_and(|fence| line.trim_end() == fence);
        if in_hunk && !closes && fits_hunk(line, lines.peek().copied()) {
            push(&mut diff, line);
            continue;
        }
        in_hunk = false;
        match fence_of(line) {
            Some(_) if closes => fence = None,
            Some(opening) if fence.is_none() => fence = Some(opening),
            _ => push(&mut rest, line),
        }
    }
    if fence.is_some() && !diff.is_empty() {
        return Err(Error::new(ErrorKind::Patch, "the reply ends in the middle of its diff: a code fence is never closed"));
    }
    Ok((diff, rest))
}

/// Whether a line belongs to a hunk. An empty one is a context line that lost its blank, if the hunk goes on after it.
fn fits_hunk(line: &str, next: Option<&str>) -> bool {
    match line.as_bytes().first() {
        Some(b' ' | b'+' | b'-' | b'\\') => true,
        Some(_) => false,
        None => next.is_some_and(|next| next.starts_with([' ', '+', '-']) || next.starts_with("@@ ")),
    }
}

/// The characters of a line that opens or closes a code fence.
fn fence_of(line: &str) -> Option<String> {
    let mark = ['`', '~'].into_iter().find(|mark| line.starts_with(&mark.to_string().repeat(3)))?;
    Some(line.chars().take_while(|character| *character == mark).collect())
}

fn push(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/src/x.rs\n+++ b/src/x.rs\n@@ -1,2 +1,2 @@\n-old\n+new\n same\n";

    #[test]
    fn a_diff_is_found_bare_fenced_and_among_chatter() {
        let found = Found { diff: DIFF.into(), strip: 1 };
        assert_eq!(extract(DIFF).unwrap(), found);
        assert_eq!(extract(&format!("fix the thing\n\nIt was old.\n\n```diff\n{DIFF}```\nThat is all.\n")).unwrap(), found);
        assert_eq!(extract(&format!("Sure:\n\u{1b}[32m{}\u{1b}[0m", DIFF.replace('\n', "\r\n"))).unwrap(), found);
        let two = format!("```diff\n{DIFF}```\nand\n~~~\n{}~~~\n", DIFF.replace('x', "y"));
        assert_eq!(extract(&two).unwrap().diff, format!("{DIFF}{}", DIFF.replace('x', "y")));
        assert_eq!(extract(&DIFF.replace("a/", "").replace("b/", "")).unwrap().strip, 0);
    }

    #[test]
    fn blank_context_without_its_blank_stays_in_the_hunk() {
        let diff = "--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@\n-old\n+new\n\n same\n";
        assert_eq!(extract(&format!("{diff}\nRegards\n")).unwrap().diff, diff);
    }

    #[test]
    fn what_leads_out_of_the_project_or_is_cut_off_is_refused() {
        for path in ["a/../etc/passwd", "/etc/passwd", "a/.git/hooks/pre-commit", "a/.GIT/config", "a/x\\y", "~/x"] {
            let error = extract(&format!("--- {path}\n+++ {path}\n@@ -1 +1 @@\n-a\n+b\n")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Patch, "{path}");
            assert!(error.to_string().contains("path"), "{error}");
        }
        assert!(extract(&format!("```diff\n{DIFF}")).unwrap_err().to_string().contains("fence"));
        assert!(extract("I would rather not.").unwrap_err().to_string().contains("I would rather not."));
    }

    #[test]
    fn what_is_said_besides_the_diff_is_the_message() {
        assert_eq!(message_of(&format!("fix: the thing\n\nIt was old.\n```diff\n{DIFF}```\n")), "fix: the thing\n\nIt was old.");
        assert_eq!(message_of(&format!("Here is the diff:\n{DIFF}")), "");
        assert_eq!(message_of(DIFF), "");
    }

    #[test]
    fn declining_is_a_line_of_its_own() {
        assert!(declines("I looked at everything.\n\n**NO CHANGE**\n"));
        assert!(!declines("There is no change in behaviour."));
    }
}
