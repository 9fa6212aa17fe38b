//! The text of a reply, without what transport and terminals put around it.

use std::borrow::Cow;

use serde_json::Value;

use super::{
    aside,
    extract::extract,
    json,
    refusal::{Reason, Refusal},
};

/// The largest reply that is read, in bytes: eight times what the longest answers of models have:
/// 128,000 tokens of about four bytes.
const LARGEST: usize = 4 << 20;

/// The most lines that it has, also where they stand in strings of JSON.
const MOST_LINES: usize = 100_000;

/// The largest change that is read of a tool, which makes its lines of files that there are.
const LARGEST_OF_TOOL: usize = 16 << 20;

/// How lines begin that belong to a change and to no file.
const HEADERS: [&str; 8] = [
    "@@ ",
    "--- a/",
    "+++ b/",
    "*** Update File:",
    "*** Begin Patch",
    "*** Add File:",
    "<<<<<<< SEARCH",
    ">>>>>>> REPLACE",
];

/// The reply as text; a tool may have made it.
pub(super) fn read(reply: &[u8], by_tool: bool) -> Result<String, Refusal> {
    let unreadable = |message: String| Refusal::new(Reason::Unreadable, message);
    let largest = if by_tool { LARGEST_OF_TOOL } else { LARGEST };
    if reply.len() > largest {
        return Err(unreadable(format!("the reply is larger than {} MiB", largest >> 20)));
    }
    if !by_tool && has_too_many_lines(reply) {
        return Err(unreadable(format!("the reply has more than {MOST_LINES} lines")));
    }
    let text = str::from_utf8(reply).map_err(|error| {
        unreadable(format!("the reply is not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    if let Some(place) = text.find('\0') {
        return Err(unreadable(format!("the reply has a NUL at byte {place}")));
    }
    let text = clean(text);
    if !by_tool && has_too_many_lines(text.as_bytes()) {
        return Err(unreadable(format!("the reply has more than {MOST_LINES} lines")));
    }
    Ok(text)
}

fn has_too_many_lines(text: &[u8]) -> bool {
    text.iter().filter(|byte| **byte == b'\n').count() > MOST_LINES
}

/// The reply's text: JSON Lines are read for the agent's messages, and other JSON for the changes
/// in its strings; what the model thought first, colours and the carriage returns of transport are
/// dropped.
pub(super) fn clean(reply: &str) -> String {
    let text = messages_of_json_lines(reply).map_or(Cow::Borrowed(reply), Cow::Owned);
    let text = aside::without_thoughts(text.strip_prefix('\u{feff}').unwrap_or(&text));
    // A file may hold escapes and carriage returns of its own. Headers do not: what they carry
    // comes from the way here.
    let text = if headers(text).any(|line| line.starts_with('\u{1b}')) {
        Cow::Owned(without_escapes(text))
    } else {
        Cow::Borrowed(text)
    };
    let from_transport = has_returns_of_transport(&text);
    let text = if from_transport { text.replace("\r\n", "\n") } else { text.into_owned() };
    json::unpacked(&text).unwrap_or(text)
}

/// Whether lines that cannot be a file's end with carriage returns.
fn has_returns_of_transport(text: &str) -> bool {
    let is_returned = |line: &str| line.ends_with('\r');
    // A line of content begins with a marker. What looks like a header behind one may be content,
    // unless all headers are alike.
    let mut whole = headers(text).filter(|line| line.starts_with(['@', '*', '<', '>']));
    whole.any(is_returned) || (headers(text).next().is_some() && headers(text).all(is_returned))
}

/// The lines that begin a section or a hunk, as they are.
fn headers(text: &str) -> impl Iterator<Item = &str> {
    let is_header = |line: &&str| {
        if !["@@", "---", "+++", "***", "<<<", ">>>"].iter().any(|mark| line.contains(mark)) {
            return false;
        }
        let line = if line.contains('\u{1b}') {
            Cow::Owned(without_escapes(line))
        } else {
            Cow::Borrowed(*line)
        };
        let line = line.trim_start();
        HEADERS.iter().any(|start| line.starts_with(start))
    };
    text.split('\n').filter(is_header)
}

/// The agent's messages, if the reply is a log of codex events: every line that is not empty is a
/// JSON object with a type.
fn messages_of_json_lines(reply: &str) -> Option<String> {
    let mut messages = Vec::new();
    for line in reply.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let event: Value = serde_json::from_str(line).ok()?;
        event.get("type")?;
        let item = event.get("item").unwrap_or(&Value::Null);
        if item.get("type").and_then(Value::as_str) == Some("agent_message") {
            messages.push(item.get("text").and_then(Value::as_str).unwrap_or_default().to_owned());
        }
    }
    // Of several changes the last one is the answer.
    let has_change = |message: &&String| !extract(message).regions.is_empty();
    let last = messages.iter().filter(has_change).count() > 1;
    let changed = messages.iter().rfind(has_change).filter(|_| last).cloned();
    (!messages.is_empty()).then(|| changed.unwrap_or_else(|| messages.join("\n")))
}

/// Drops ANSI escape sequences (CSI, OSC and two-character ones, ECMA-48).
fn without_escapes(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            clean.push(character);
            continue;
        }
        match characters.next() {
            // CSI: parameters, then one final byte from `@` to `~`.
            Some('[') => {
                while characters.next().is_some_and(|next| !('@'..='~').contains(&next)) {}
            }
            // OSC: up to BEL or ESC \.
            Some(']') => {
                while let Some(next) = characters.next() {
                    if next == '\u{7}' {
                        break;
                    }
                    if next == '\u{1b}' {
                        characters.next_if_eq(&'\\');
                        break;
                    }
                }
            }
            _ => {}
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_carriage_returns_of_transport_are_dropped() {
        let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        assert_eq!(clean(&diff.replace('\n', "\r\n")), diff);
        assert_eq!(
            clean(
                &diff
                    .replace("@@ -1 +1 @@", "\u{1b}[36m@@ -1 +1 @@\u{1b}[m")
                    .replace("+b", "\u{1b}[32m+b\u{1b}[0m")
            ),
            diff
        );
        assert_eq!(
            without_escapes("\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\ end"),
            "link end"
        );
    }

    #[test]
    fn escapes_and_carriage_returns_of_the_file_stay() {
        let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\r\n+\u{1b}[0m\r\n";
        assert_eq!(clean(diff), diff);
    }

    #[test]
    fn what_the_model_thought_first_is_dropped() {
        assert_eq!(clean("<think>\n--- a/x\n</think>\nfine"), "\nfine");
        assert_eq!(clean("a <think>b</think>"), "a <think>b</think>");
    }

    #[test]
    fn the_agents_messages_are_taken_out_of_json_lines() {
        let log = r#"{"type":"thread.started","thread_id":"1"}
{"type":"item.completed","item":{"type":"reasoning","text":"hm"}}
{"type":"item.completed","item":{"type":"agent_message","text":"--- a/x\n+++ b/x"}}
{"type":"turn.completed","usage":{}}"#;
        assert_eq!(clean(log), "--- a/x\n+++ b/x");
        assert_eq!(clean("{\"type\": 1}\nnot json"), "{\"type\": 1}\nnot json");
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert_eq!(read(b"a\0b", false).unwrap_err().reason, Reason::Unreadable);
        assert_eq!(read(b"a\xffb", false).unwrap_err().reason, Reason::Unreadable);
    }
}
