//! What has an effect by where it stands: trailers, the beginnings of lines, the subject.

/// The longest subject in characters; what is longer goes on in the body.
const LONGEST_SUBJECT: usize = 100;

/// Names of trailers and of headers of mails that have no `-`, by which the others are known, but
/// are looked for in any paragraph.
const NAMES: [&str; 6] = ["cc", "bcc", "to", "from", "date", "subject"];

/// What `rebase --autosquash` wants first.
const SQUASHED: [&str; 3] = ["fixup!", "squash!", "amend!"];

/// How lines begin at which Git stops reading, or which it leaves out.
const STARTS: [&str; 7] =
    ["#", "---", "diff -", "Index: ", "From ", "(cherry picked from", ">From "];

/// The marks of a line that mails are cut at.
const SCISSORS: [&str; 4] = ["8<", ">8", "%<", ">%"];

pub(super) fn without_effects(text: &str) -> String {
    let (subject, body) = text.split_once('\n').unwrap_or((text, ""));
    let (subject, rest) = bounded(&quoted_subject(subject.trim()));
    let lines: Vec<&str> = body.trim_end().lines().map(str::trim_end).collect();
    // Git reads trailers from the last paragraph. There is always a line that ends the one before
    // it: the subject.
    let last = lines.iter().rposition(|line| line.is_empty()).map_or(0, |blank| blank + 1);
    let mut message = subject;
    if let Some(rest) = rest {
        message.push_str("\n\n");
        message.push_str(&rest);
        if !lines.first().is_none_or(|line| line.is_empty()) {
            message.push('\n');
        }
    }
    for (place, line) in lines.iter().enumerate() {
        message.push('\n');
        message.push_str(&quoted_line(line, place >= last));
    }
    message
}

/// The subject with what it begins with quoted, if that has an effect.
fn quoted_subject(subject: &str) -> String {
    let lower = subject.to_ascii_lowercase();
    let first = |length: usize| {
        let (first, rest) = subject.split_at_checked(length).unwrap_or((subject, ""));
        format!("\"{first}\"{rest}")
    };
    if let Some(squashed) = SQUASHED.iter().find(|squashed| lower.starts_with(**squashed)) {
        return first(squashed.len());
    }
    if subject.starts_with('#') {
        return first(subject.find(char::is_whitespace).unwrap_or(subject.len()));
    }
    // `pre-commit: …` is about a part of the project.
    let is_known = |name: &str| {
        name.ends_with("-by") || matches!(name, "pimainteno-run" | "change-id" | "skip-checks")
    };
    match trailer(subject) {
        Some((_, end)) if is_known(lower.get(..end).unwrap_or_default()) => first(end),
        _ => subject.to_owned(),
    }
}

/// A subject that a list can show, and what had to go.
fn bounded(subject: &str) -> (String, Option<String>) {
    let Some((limit, _)) = subject.char_indices().nth(LONGEST_SUBJECT) else {
        return (subject.to_owned(), None);
    };
    // The sign that it goes on takes a place.
    let kept = subject
        .char_indices()
        .nth(LONGEST_SUBJECT - 1)
        .and_then(|(end, _)| subject.get(..end))
        .unwrap_or_default();
    let end = kept.rfind(' ').filter(|end| *end > limit / 2).unwrap_or(kept.len());
    let (kept, rest) = subject.split_at(end);
    (format!("{}…", kept.trim_end()), Some(format!("… {}", rest.trim())))
}

/// A line of the body.
fn quoted_line(line: &str, is_last: bool) -> String {
    let mut line = line.to_owned();
    if line.matches('-').count() > 1 {
        for mark in SCISSORS {
            let (first, second) = mark.split_at(1);
            line = line.replace(mark, &format!("{first} {second}"));
        }
    }
    if STARTS.iter().any(|start| line.starts_with(start)) {
        return format!(" {line}");
    }
    if is_command(&line) {
        let end = line
            .trim_start()
            .find(char::is_whitespace)
            .map_or(line.len(), |end| end + line.len() - line.trim_start().len());
        let (command, rest) = line.split_at(end);
        return format!("\"{}\"{rest}", command.trim_start());
    }
    let Some((start, end)) = trailer(&line) else { return line };
    let name = line.get(start..end).unwrap_or_default();
    let is_address = line.get(end..).is_some_and(|rest| rest.starts_with("://"));
    if is_address {
        return if is_last && start == 0 { format!(" {line}") } else { line };
    }
    if is_last || name.contains('-') || NAMES.contains(&&*name.to_ascii_lowercase()) {
        return format!(
            "{}\"{name}\"{}",
            line.get(..start).unwrap_or_default(),
            line.get(end..).unwrap_or_default()
        );
    }
    line
}

/// Where the name is in a line that Git would take for a trailer: letters, digits and `-`, blanks,
/// a colon. Blanks before it are somebody's mistake, and do not stop everybody.
fn trailer(line: &str) -> Option<(usize, usize)> {
    let start = line.len() - line.trim_start().len();
    let rest = line.get(start..)?;
    let length =
        rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'-').count();
    let is_trailer =
        length > 0 && rest.get(length..)?.trim_start_matches([' ', '\t']).starts_with(':');
    is_trailer.then_some((start, start + length))
}

/// Whether the line begins with a command to a bot, such as `/approve`; a path has another `/`.
fn is_command(line: &str) -> bool {
    let Some(command) =
        line.trim_start().strip_prefix('/').and_then(|rest| rest.split_whitespace().next())
    else {
        return false;
    };
    command.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
