//! What codex says while it works: one JSON object a line.
//!
//! Only what is needed is read, and by name, so that a type or a field that another version adds or
//! drops does no harm.

use std::path::Path;

use pimainteno_core::Usage;
use serde_json::Value;

/// Programs whose only effect is to show a file.
const READERS: [&str; 6] = ["cat", "head", "tail", "nl", "sed -n", "wc"];

/// Something that codex said.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// The agent wrote text; the last one is the answer.
    Message(String),
    /// The agent began to run a command.
    CommandStarted { id: String, command: String },
    /// A command ended.
    CommandEnded { id: String },
    /// The agent writes these files.
    Edits(Vec<String>),
    /// The agent does something else that is worth a line.
    Works(String),
    /// Something went wrong, and codex may yet recover.
    Trouble(String),
    /// The end: the turn succeeded, at this cost.
    Completed(Usage),
    /// The end: the turn failed.
    Failed(String),
    /// Nothing that matters here.
    Other,
}

impl Event {
    /// Reads a line; a line that is no JSON object, or only a piece of one, says nothing.
    pub(crate) fn read(line: &str) -> Self {
        let Ok(event) = serde_json::from_str::<Value>(line) else { return Self::Other };
        match text(&event["type"]) {
            "turn.completed" => Self::Completed(usage(&event["usage"])),
            "turn.failed" => Self::Failed(text(&event["error"]["message"]).to_owned()),
            "error" => Self::Trouble(text(&event["message"]).to_owned()),
            "item.started" => Self::read_item(&event["item"], true),
            "item.completed" => Self::read_item(&event["item"], false),
            _ => Self::Other,
        }
    }

    fn read_item(item: &Value, started: bool) -> Self {
        let id = text(&item["id"]).to_owned();
        match (text(&item["type"]), started) {
            ("agent_message", false) => Self::Message(text(&item["text"]).to_owned()),
            ("command_execution", true) => {
                Self::CommandStarted { id, command: text(&item["command"]).to_owned() }
            }
            ("command_execution", false) => Self::CommandEnded { id },
            ("file_change", true) => {
                let changes = item["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
                Self::Edits(changes.iter().map(|change| text(&change["path"]).to_owned()).collect())
            }
            ("reasoning", false) => {
                let thought =
                    text(&item["text"]).lines().next().unwrap_or_default().trim_matches(['*', ' ']);
                if thought.is_empty() {
                    Self::Other
                } else {
                    Self::Works(format!("thinks: {thought}"))
                }
            }
            ("web_search", true) => Self::Works(format!("searches {}", text(&item["query"]))),
            ("mcp_tool_call", true) => {
                Self::Works(format!("calls {}.{}", text(&item["server"]), text(&item["tool"])))
            }
            _ => Self::Other,
        }
    }

    /// What the agent does in `workspace`, for a person; the words are a model's and must be cut to
    /// size and cleaned.
    pub(crate) fn progress(&self, workspace: &Path) -> Option<String> {
        let message = match self {
            Self::CommandStarted { command, .. } => {
                let command = unwrap_shell(command);
                read_file(&command)
                    .map_or_else(|| format!("runs `{command}`"), |file| format!("reads {file}"))
            }
            Self::Edits(paths) => {
                let name = |path: &String| {
                    Path::new(path)
                        .strip_prefix(workspace)
                        .unwrap_or(Path::new(path))
                        .display()
                        .to_string()
                };
                let more = paths.len().saturating_sub(3);
                let names = paths.iter().take(3).map(name).collect::<Vec<_>>().join(", ");
                format!(
                    "edits {names}{}",
                    if more == 0 { String::new() } else { format!(" and {more} more") }
                )
            }
            Self::Works(what) => what.clone(),
            Self::Trouble(message) => match message.strip_prefix("Reconnecting... ") {
                Some(attempt) => format!("reconnects: {attempt}"),
                None => return None,
            },
            _ => return None,
        };
        Some(message)
    }
}

/// `text` as one line of at most `limit` characters, none of them a control character: it goes to
/// terminals and logs, and a model wrote it.
pub(crate) fn one_line(text: &str, limit: usize) -> String {
    let words = text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// The command that a shell was told to run: codex reports `/bin/bash -c 'cargo test'`.
fn unwrap_shell(command: &str) -> String {
    let inner = ["-lc ", "-c "].iter().find_map(|option| {
        let (shell, inner) = command.split_once(option)?;
        (shell.ends_with("sh ") && !shell.trim_end().contains(' ')).then_some(inner)
    });
    let Some(inner) = inner else { return command.to_owned() };
    let inner = inner.trim();
    ['\'', '"']
        .iter()
        .find_map(|quote| inner.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(inner)
        .to_owned()
}

/// The file that `command` shows, if it does nothing else.
fn read_file(command: &str) -> Option<&str> {
    let shows = READERS
        .iter()
        .any(|reader| command.strip_prefix(reader).is_some_and(|rest| rest.starts_with(' ')));
    let (_, file) = command.rsplit_once(' ')?;
    (shows && !command.contains(['|', ';', '&', '>', '<', '$', '`', '\n']))
        .then_some(file.trim_matches(['\'', '"']))
}

fn usage(usage: &Value) -> Usage {
    let tokens = |name: &str| usage[name].as_u64().unwrap_or_default();
    Usage::call(tokens("input_tokens"), tokens("cached_input_tokens"), tokens("output_tokens"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn progress(line: &str) -> Option<String> {
        Event::read(line).progress(Path::new("/w")).map(|message| one_line(&message, 120))
    }

    #[test]
    fn the_end_of_a_turn_is_read_with_its_cost() {
        let line = r#"{"type":"turn.completed","usage":{"input_tokens":200,"cached_input_tokens":80,"output_tokens":40,"new_tokens":{}}}"#;
        assert_eq!(Event::read(line), Event::Completed(Usage::call(200, 80, 40)));
        assert_eq!(
            Event::read(r#"{"type":"turn.completed"}"#),
            Event::Completed(Usage::call(0, 0, 0))
        );
        assert_eq!(
            Event::read(r#"{"type":"turn.failed","error":{"message":"no"}}"#),
            Event::Failed("no".into())
        );
    }

    #[test]
    fn what_is_unknown_or_broken_says_nothing() {
        for line in [
            "",
            "{",
            "[1]",
            "null",
            r#"{"type":7}"#,
            r#"{"type":"item.completed"}"#,
            r#"{"type":"item.started","item":{"type":"todo_list"}}"#,
        ] {
            assert_eq!(Event::read(line), Event::Other, "{line}");
        }
        // A piece of a line that was too long must not pass for an event of its own.
        assert_eq!(Event::read(r#"\"{\\\"type\\\":\\\"turn.completed\\\"}\""#), Event::Other);
    }

    #[test]
    fn progress_is_short_and_human() {
        let command = |command: &str| {
            let item = serde_json::json!({"type": "item.started", "item": {"id": "1", "type": "command_execution", "command": command}});
            progress(&item.to_string()).unwrap()
        };
        assert_eq!(command("/bin/bash -c 'cargo test'"), "runs `cargo test`");
        assert_eq!(command("/bin/bash -lc \"sed -n '1,3p' a.txt\""), "reads a.txt");
        assert_eq!(command("/bin/bash -c 'cat a.txt | sh'"), "runs `cat a.txt | sh`");
        assert_eq!(command("\u{1b}[2Jrm\n-r x"), "runs ` [2Jrm -r x`");
        assert!(command(&"x".repeat(1000)).chars().count() <= 121);
        let edit = r#"{"type":"item.started","item":{"type":"file_change","changes":[{"path":"/w/src/x.rs","kind":"add"}]}}"#;
        assert_eq!(progress(edit).as_deref(), Some("edits src/x.rs"));
        let trouble = r#"{"type":"error","message":"Reconnecting... 1/2 (503)"}"#;
        assert_eq!(progress(trouble).as_deref(), Some("reconnects: 1/2 (503)"));
    }
}
