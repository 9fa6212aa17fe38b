//! The message of a commit in the mails that `git format-patch` writes.

/// How many lines of a header may stand above its subject.
const MOST_ABOVE: usize = 12;

/// The messages of the mails in a text: the subject of the first, its body, then the others.
pub(super) fn message<'a>(text: &'a str) -> Option<String> {
    let is_quoted = text.lines().any(|line| line.starts_with("> From"));
    let unquoted = |line: &'a str| match line.strip_prefix('>') {
        Some(rest) if is_quoted => rest.strip_prefix(' ').unwrap_or(rest),
        _ => line,
    };
    let lines: Vec<_> = text.lines().map(unquoted).collect();
    let (mut messages, mut at) = (Vec::new(), 0);
    while at < lines.len() {
        match subject(&lines[at..]) {
            Some((subject, behind)) => {
                at += behind;
                let body = body(&lines[at..]);
                messages.push(if body.is_empty() {
                    subject
                } else {
                    format!("{subject}\n\n{body}")
                });
            }
            None => at += 1,
        }
    }
    (!messages.is_empty()).then(|| messages.join("\n\n"))
}

/// The subject of the mail that begins with the first of `lines`, and the line behind its header.
fn subject(lines: &[&str]) -> Option<(String, usize)> {
    let first = lines.first()?;
    let is_mail = first
        .strip_prefix("From ")
        .and_then(|rest| rest.split(' ').next())
        .is_some_and(|name| name.len() >= 7 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if !is_mail && !first.starts_with("From: ") {
        return None;
    }
    let at = (1..lines.len().min(MOST_ABOVE))
        .take_while(|at| !lines[*at].trim().is_empty())
        .find(|at| lines[*at].starts_with("Subject: "))?;
    let mut subject = lines[at]["Subject: ".len()..].trim().to_owned();
    let mut end = at + 1;
    // A long subject goes on in lines that are indented.
    while let Some(more) = lines.get(end).filter(|line| line.starts_with([' ', '\t'])) {
        let words = more.trim();
        if !(subject.ends_with("?=") && words.starts_with("=?")) {
            subject.push(' ');
        }
        subject.push_str(words);
        end += 1;
    }
    let header = lines[end..].iter().take_while(|line| !line.trim().is_empty()).count();
    let subject = decoded(&subject);
    let subject = without_tag(&subject);
    (!subject.is_empty()).then(|| (subject.to_owned(), end + header))
}

/// What a mail says before the statistics of its change.
fn body(lines: &[&str]) -> String {
    let is_end = |line: &&&str| {
        line.trim_end() != "---" && !line.starts_with("diff --git ") && !line.starts_with("--- ")
    };
    let body: Vec<_> = lines.iter().take_while(is_end).copied().collect();
    body.join("\n").trim().to_owned()
}

/// A subject without `[PATCH 1/2]`.
fn without_tag(subject: &str) -> &str {
    let tagged = subject.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match tagged {
        Some((tag, rest)) if tag.contains("PATCH") => rest.trim(),
        _ => subject,
    }
}

/// A subject whose words were encoded for mail (RFC 2047, the form with `=` and hexadecimal digits).
fn decoded(subject: &str) -> String {
    let (mut decoded, mut rest) = (String::new(), subject);
    while let Some((before, word)) = rest.split_once("=?") {
        let mut parts = word.splitn(3, '?');
        let (Some(_), Some(how), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
            break;
        };
        let Some((text, behind)) = text.split_once("?=").filter(|_| how.eq_ignore_ascii_case("q"))
        else {
            break;
        };
        let Some(text) = from_hexadecimal(text) else { break };
        decoded.push_str(before);
        decoded.push_str(&text);
        rest = behind;
    }
    decoded.push_str(rest);
    decoded
}

fn from_hexadecimal(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => {
                let mut digit = || (rest.next()? as char).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {

    #[test]
    fn the_message_is_taken_out_of_mails() {
        let head = "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001\nFrom: A <a@example.org>\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n";
        let tail = "---\n a | 2 +-\n\ndiff --git a/a b/a\n";
        let rows = [
            (format!("{head}Subject: [PATCH] Fix it\n\n{tail}"), Some("Fix it")),
            (
                format!("{head}Subject: [PATCH 1/2] Fix it\n\nBecause.\n\n{tail}"),
                Some("Fix it\n\nBecause."),
            ),
            (
                format!("{head}Subject: [PATCH] Fix\n it all\nMIME-Version: 1.0\n\n{tail}"),
                Some("Fix it all"),
            ),
            (
                format!(
                    "{head}To: b@example.org\nCc: c@example.org\nReply-To: d@example.org\nMessage-Id: <1@e>\nSubject: Fix it\n\n{tail}"
                ),
                Some("Fix it"),
            ),
            (format!("{head}Subject: =?UTF-8?q?[PATCH]=20=C3=84ndern?=\n\n{tail}"), Some("Ändern")),
            (
                format!(
                    "{head}Subject: [PATCH 1/2] One\n\n{tail}\n{head}Subject: [PATCH 2/2] Two\n\n{tail}"
                ),
                Some("One\n\nTwo"),
            ),
            ("From: somebody\n\nSubject: x\n".to_owned(), None),
            ("Fix it\n".to_owned(), None),
        ];
        for (text, message) in rows {
            assert_eq!(super::message(&text).as_deref(), message, "{text}");
        }
    }
}
