//! Changes in the strings of JSON, as in `{"patch": "--- a/x…"}`, and files in them, as in
//! `{"path": "a.py", "content": "…"}`.

use serde_json::{Map, Value};

use super::{
    extract::{Form, begins_section, extract},
    fence::Fence,
    other_format,
};

/// Keys of what a model thought, or decided against.
const NOT_MEANT: [&str; 12] = [
    "analysis",
    "alternative",
    "alternatives",
    "before",
    "draft",
    "example",
    "old",
    "previous",
    "reasoning",
    "rejected",
    "thinking",
    "thought",
];

/// Keys under which an object names a file, and under which it has what that says.
const PATHS: [&str; 5] = ["path", "file", "filename", "file_path", "filepath"];
const CONTENTS: [&str; 2] = ["content", "contents"];

/// The text of a reply that is JSON, or has JSON in a fence, with the changes that its strings
/// hold in its place; `None` if there is no such.
pub(super) fn unpacked(text: &str) -> Option<String> {
    if let Some(changes) = changes(text, true) {
        return Some(changes);
    }
    if !text.contains("\\n") {
        return None;
    }
    let lines: Vec<_> = text.split('\n').collect();
    let said = |lines: &[&str]| lines.iter().filter(|line| !line.trim().is_empty()).count();
    let all = said(&lines);
    let (mut unpacked, mut at, mut found) = (Vec::new(), 0, false);
    while at < lines.len() {
        let fence = Fence::open(lines[at]);
        let closing = fence.and_then(|fence| {
            (at + 1..lines.len()).find(|number| fence.is_closed_by(lines[*number]))
        });
        // A fence that is not closed is around all that follows.
        let end = closing.unwrap_or(if fence.is_some() { lines.len() - 1 } else { at });
        let is_answer = closing.is_some_and(|closing| said(&lines[at..=closing]) == all);
        match closing.and_then(|closing| changes(&lines[at + 1..closing].join("\n"), is_answer)) {
            Some(changes) => {
                unpacked.push(changes);
                found = true;
            }
            None => unpacked.extend(lines[at..=end].iter().map(ToString::to_string)),
        }
        at = end + 1;
    }
    found.then(|| unpacked.join("\n"))
}

/// The changes in all strings of a JSON text. Where it is all of the answer, files are meant, too;
/// otherwise they may be an example.
fn changes(text: &str, is_answer: bool) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) || !text.contains("\\n") {
        return None;
    }
    let value = serde_json::from_str(text).ok()?;
    let mut found = Vec::new();
    collect(&value, is_answer, &mut found);
    (!found.is_empty()).then(|| found.join("\n"))
}

fn collect(value: &Value, is_answer: bool, found: &mut Vec<String>) {
    match value {
        Value::String(text) if holds_change(text) => found.push(in_fence(text)),
        Value::Array(values) => {
            values.iter().for_each(|value| collect(value, is_answer, found));
        }
        Value::Object(values) => {
            // It is told by its name where nothing of it is read.
            if other_format::is_edit(values) {
                found.push(fenced(&format!("{value:#}"), "json"));
                return;
            }
            found.extend(file(values).filter(|_| is_answer));
            let is_meant = |name: &str| {
                let name = name.to_lowercase();
                !name.split(['_', '-', ' ']).any(|word| NOT_MEANT.contains(&word))
            };
            let values = values.iter().filter(|(name, _)| is_meant(name));
            values.for_each(|(_, value)| collect(value, is_answer, found));
        }
        _ => {}
    }
}

fn holds_change(text: &str) -> bool {
    extract(text).regions.iter().any(|region| region.form != Form::File)
}

/// The file that an object holds, in a fence below its name.
fn file(values: &Map<String, Value>) -> Option<String> {
    let text = |keys: &[&str]| keys.iter().find_map(|key| values.get(*key)?.as_str());
    let (path, content) = (text(&PATHS)?, text(&CONTENTS)?);
    let is_file = !path.contains(['"', '\n']) && !holds_change(content);
    is_file.then(|| format!("`{path}`\n{}", fenced(content, &format!("file=\"{path}\""))))
}

/// A change in a fence of its own: a string ends where it ends. Text with a change in it stays text.
fn in_fence(text: &str) -> String {
    let text = text.trim_start_matches('\n');
    let lines: Vec<_> = text.lines().skip_while(|line| line.trim().is_empty()).collect();
    if begins_section(&lines) { fenced(text, "diff") } else { format!("{text}\n") }
}

/// A text in a fence that none of its lines closes.
fn fenced(text: &str, info: &str) -> String {
    let marks = |line: &str| line.trim_start().chars().take_while(|mark| *mark == '~').count();
    let longest = text.lines().map(marks).max().unwrap_or(0);
    let marks = "~".repeat(longest.max(2) + 1);
    let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{marks}{info}\n{text}{end}{marks}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_taken_out_of_strings() {
        let diff = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n";
        let quoted = serde_json::to_string(diff).unwrap();
        let fenced = format!("~~~diff\n{diff}~~~\n");
        let rows = [
            (format!("{{\"patch\": {quoted}}}"), Some(fenced.clone())),
            (
                format!("{{\"a\": [{quoted}], \"b\": {quoted}}}"),
                Some(format!("{fenced}\n{fenced}")),
            ),
            (
                format!("Here:\n```json\n{{\"patch\": {quoted}}}\n```\nDone."),
                Some(format!("Here:\n{fenced}\nDone.")),
            ),
            ("{\"patch\": \"none\\n\"}".to_owned(), None),
            (
                r#"{"files": [{"path": "a.py", "content": "x\n~~~\n"}]}"#.to_owned(),
                Some("`a.py`\n~~~~file=\"a.py\"\nx\n~~~\n~~~~\n".to_owned()),
            ),
            (
                r#"{"path": "a.py", "old_string": "x\n", "new_string": "y\n"}"#.to_owned(),
                Some(
                    "~~~json\n{\n  \"new_string\": \"y\\n\",\n  \"old_string\": \"x\\n\",\n  \"path\": \"a.py\"\n}\n~~~\n"
                        .to_owned(),
                ),
            ),
            (diff.to_owned(), None),
            (format!("{{\"patch\": {quoted}"), None),
        ];
        for (text, expected) in rows {
            assert_eq!(unpacked(&text), expected, "{text}");
        }
    }
}
