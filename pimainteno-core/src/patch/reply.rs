//! The text of a reply, without what transport and terminals put around it.

use serde_json::Value;

/// The reply's text: JSON Lines are read for the agent's messages, ANSI escapes and carriage returns are dropped.
pub(super) fn clean(reply: &str) -> String {
    let text = messages_of_json_lines(reply).unwrap_or_else(|| reply.to_owned());
    without_escapes(&text)
}

/// The agent's messages, if the reply is a log of codex events: every line that is not empty is a JSON object with a type.
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
    (!messages.is_empty()).then(|| messages.join("\n"))
}

/// Drops ANSI escape sequences (CSI, OSC and two-character ones, ECMA-48) and the carriage return of each line end.
fn without_escapes(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                // CSI: parameters, then one final byte from `@` to `~`.
                Some('[') => while characters.next().is_some_and(|next| !('@'..='~').contains(&next)) {},
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
            },
            '\r' if characters.peek() == Some(&'\n') => {}
            _ => clean.push(character),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_carriage_returns_are_dropped() {
        assert_eq!(clean("\u{1b}[1;32m+ok\u{1b}[0m\r\n\u{1b}]8;;http://x\u{7}link\u{1b}]8;;\u{1b}\\ end"), "+ok\nlink end");
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
}
