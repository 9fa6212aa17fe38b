//! What a reply says besides its change.

use super::{
    extract::{Extract, extract},
    fence::Fence,
    mail,
};

/// What a backend writes when there is nothing to change; the prompts ask for it.
const DECLINE: &str = "NO CHANGE";

/// The longest first line that is taken for the subject of a commit message, in characters.
const LONGEST_SUBJECT: usize = 100;

/// Whether a reply says that there is nothing to change.
pub(super) fn declines(text: &str) -> bool {
    text.lines().any(|line| line.trim().trim_matches(['.', '*', '`']).eq_ignore_ascii_case(DECLINE))
}

/// What a reply says besides its change, if it can serve as a commit message: a first line that is
/// a subject, then a body. Of mails it is what they say above their diffs.
pub(super) fn read(text: &str) -> String {
    let Extract { regions, rest, .. } = extract(text);
    if !regions.is_empty()
        && let Some(message) = mail::message(text)
    {
        return message;
    }
    // Without a change, a fence around everything is around the message.
    let rest = in_one_fence(text).filter(|_| regions.is_empty()).unwrap_or(rest);
    let mut lines = rest.lines().skip_while(|line| line.trim().is_empty());
    let subject = lines.next().unwrap_or_default().trim().trim_matches(['#', '*', '`']).trim();
    // A subject is one short line. Whoever ends it with a colon introduces the change.
    if subject.is_empty() || subject.ends_with(':') || subject.chars().count() > LONGEST_SUBJECT {
        return String::new();
    }
    let body = lines.collect::<Vec<_>>().join("\n");
    if body.trim().is_empty() {
        subject.to_owned()
    } else {
        format!("{subject}\n\n{}", body.trim())
    }
}

/// A text without the fence around all of it, or the marks around it, if it has such.
pub(super) fn unfenced(text: &str) -> String {
    in_one_fence(text).unwrap_or_else(|| text.trim().trim_matches('`').trim().to_owned())
}

/// What stands in a fence that is around all of the text.
fn in_one_fence(text: &str) -> Option<String> {
    let lines: Vec<_> = text.trim().lines().collect();
    let [first, inside @ .., last] = lines.as_slice() else { return None };
    let fence = Fence::open(first).filter(|fence| fence.is_closed_by(last))?;
    let is_one = !inside.iter().any(|line| fence.is_closed_by(line));
    is_one.then(|| inside.join("\n").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_what_is_said_besides_the_change() {
        let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        let mail = format!(
            "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nSubject: [PATCH] Fix it\n\nBecause.\n---\n x | 2 +-\n\n{diff}-- \n2.39.5\n"
        );
        let long = "Read the settings again when their file changes, and tell what changed";
        let block = "<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n";
        let rows = [
            (format!("Fix it\n\nBecause.\n\n```diff\n{diff}```\n"), "Fix it\n\nBecause."),
            (format!("Here it is:\n\n{diff}"), ""),
            (mail.clone(), "Fix it\n\nBecause."),
            (format!("Here:\n\n```\n{mail}```\n"), "Fix it\n\nBecause."),
            (format!("> {}\n", mail.trim_end().replace('\n', "\n> ")), "Fix it\n\nBecause."),
            (format!("x.txt\n```\n{block}```\n"), ""),
            (format!("Fix it\n\n`x.txt`\n```\n{block}```\n"), "Fix it"),
            (format!("**x.txt**\n\n```diff\n{diff}```\n"), ""),
            ("Fix it\n\nx.txt\n```\na\n```\n".to_owned(), "Fix it"),
            ("```\nFix it\n```\n".to_owned(), "Fix it"),
            (format!("{long}\n\n{diff}"), long),
            (format!("{long} {long}\n\n{diff}"), ""),
        ];
        for (text, message) in rows {
            assert_eq!(read(&text), message, "{text}");
        }
    }
}
