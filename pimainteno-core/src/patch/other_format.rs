//! Formats of changes that are told apart and not read.

use serde_json::{Map, Value};

use super::{
    fence::{Fence, without_indentation},
    label,
    refusal::{Reason, Refusal},
};

/// Tags with which tools mark changes, and that no page has.
const TAGS: [&str; 14] = [
    "write_to_file",
    "replace_in_file",
    "apply_diff",
    "apply_patch",
    "str_replace",
    "str_replace_editor",
    "edit_file",
    "create_file",
    "invoke",
    "function_calls",
    "tool_call",
    "search_and_replace",
    "insert_content",
    "artifact",
];

/// Keys of JSON under which tools say what to replace, and by what.
const OLD_KEYS: [&str; 6] = ["old_string", "old_str", "old_text", "old_code", "search", "find"];
const NEW_KEYS: [&str; 6] =
    ["new_string", "new_str", "new_text", "new_code", "replace", "replacement"];

/// What a tag says that names a file.
const PATHS: [&str; 7] =
    ["path=", "file=", "filename=", "filepath=", "file_path=", "filePath=", "name="];

/// What a change in tags is called.
pub(super) const TAG: &str = "change in tags (`<file path=…>`)";

/// The name of the format that `lines` are a change in, if it is one that is not read.
pub(super) fn name(lines: &[&str]) -> Option<&'static str> {
    let pairs = || lines.iter().zip(lines.iter().skip(1).map(Some).chain([None]));
    let is = |found: bool, name: &'static str| found.then_some(name);
    let is_normal = |(line, next): (&&str, Option<&&str>)| {
        command(line).is_some_and(|letter| {
            next.is_some_and(|next| next.starts_with(if letter == 'a' { '>' } else { '<' }))
        })
    };
    is(pairs().any(is_normal), "normal diff (`3c3` with `<` and `>`)")
        .or_else(|| {
            is(lines.iter().any(|line| line.starts_with("GIT binary patch")), "binary patch of Git")
        })
        .or_else(|| is(lines.iter().any(|line| is_merge(line)), "diff of a merge"))
        .or_else(|| is(is_ed_script(lines), "script for ed"))
        .or_else(|| is(is_rcs(lines), "diff of RCS"))
        .or_else(|| is(is_json_patch(lines), "JSON Patch"))
        .or_else(|| is(holds_edit(lines), "list of edits in JSON"))
        .or_else(|| is(lines.iter().any(|line| is_tag(line)), TAG))
}

/// The name of the format of a change somewhere in a text, in its fences or in all of it.
pub(super) fn within(text: &str) -> Option<&'static str> {
    let lines: Vec<_> = text.lines().collect();
    let (mut at, mut found) = (0, None);
    while let Some(line) = lines.get(at).filter(|_| found.is_none()) {
        if let Some(fence) = Fence::open(line) {
            let inside = lines[at + 1..].iter().take_while(|line| !fence.is_closed_by(line));
            let inside: Vec<_> =
                inside.map(|line| without_indentation(line, fence.indentation)).collect();
            at += inside.len() + 1;
            found = name(&inside);
        }
        at += 1;
    }
    found.or_else(|| name(&lines))
}

/// The refusal of a change in the format of this name.
pub(super) fn refusal(name: &str) -> Refusal {
    Refusal::new(
        Reason::Malformed,
        format!("the reply holds a {name}, which is not read; a unified diff is"),
    )
}

/// The letter of a line such as `3,4c5`, `7a8` or `3d`.
fn command(line: &str) -> Option<char> {
    let line = line.trim_end();
    let at = line.find(['a', 'c', 'd'])?;
    let range = |text: &str| {
        let mut numbers = text.splitn(2, ',');
        numbers.all(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let behind = &line[at + 1..];
    (range(&line[..at]) && (behind.is_empty() || range(behind)))
        .then(|| line[at..].chars().next())
        .flatten()
}

fn is_merge(line: &str) -> bool {
    line.starts_with("@@@ -")
        || line.starts_with("diff --cc ")
        || line.starts_with("diff --combined ")
}

/// Commands of ed, the text of each ended by a line with a dot.
fn is_ed_script(lines: &[&str]) -> bool {
    let mut commands = 0;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        match command(line).filter(|_| line.trim_end().ends_with(['a', 'c', 'd'])) {
            Some('d') => commands += 1,
            Some(_) => match lines[at..].iter().position(|line| line.trim_end() == ".") {
                Some(end) => (at, commands) = (at + end, commands + 2),
                None => return false,
            },
            None if matches!(line.trim(), "" | "w" | "q" | "wq") => {}
            None => return false,
        }
        at += 1;
    }
    commands > 0
}

/// Commands such as `a3 2`, the first of them above everything.
fn is_rcs(lines: &[&str]) -> bool {
    let Some(first) = lines.iter().find(|line| !line.trim().is_empty()) else { return false };
    let Some((line, count)) = first.strip_prefix(['a', 'd']).and_then(|rest| rest.split_once(' '))
    else {
        return false;
    };
    line.parse::<usize>().is_ok() && count.trim_end().parse::<usize>().is_ok()
}

fn is_json_patch(lines: &[&str]) -> bool {
    if !lines.iter().any(|line| line.contains("\"op\"")) {
        return false;
    }
    let Ok(Value::Array(steps)) = serde_json::from_str(&lines.join("\n")) else { return false };
    !steps.is_empty()
        && steps.iter().all(|step| step.get("op").is_some() && step.get("path").is_some())
}

/// Whether an object of JSON says what to replace in a file, or what to do with it.
pub(super) fn is_edit(values: &Map<String, Value>) -> bool {
    let has = |keys: &[&str]| keys.iter().any(|key| values.get(*key).is_some_and(Value::is_string));
    let is_gone = |key: &&str| values.get(*key).and_then(Value::as_bool) == Some(true);
    let is_action = |key: &&str| {
        let action = values.get(*key).and_then(Value::as_str).unwrap_or_default().to_lowercase();
        ["delete", "remove", "rename", "move"].contains(&action.as_str())
    };
    (has(&OLD_KEYS) && has(&NEW_KEYS))
        || (has(&["path", "file", "filename", "file_path"])
            && (["delete", "deleted", "remove"].iter().any(is_gone)
                || ["action", "op", "operation", "type"].iter().any(is_action)))
}

fn holds_edit(lines: &[&str]) -> bool {
    let is_value = lines.first().is_some_and(|line| line.starts_with(['{', '[']));
    is_value && serde_json::from_str(&lines.join("\n")).is_ok_and(|value| has_edit(&value))
}

fn has_edit(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.iter().any(has_edit),
        Value::Object(values) => is_edit(values) || values.values().any(has_edit),
        _ => false,
    }
}

/// Whether a line opens a tag with which tools mark changes.
pub(super) fn is_tag(line: &str) -> bool {
    let Some(tag) = line.trim().strip_prefix('<') else { return false };
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let end = tag.find(|letter: char| !is_of_name(letter));
    let Some((name, rest)) = end.map(|end| tag.split_at(end)) else { return false };
    let value = |word: &str| {
        PATHS.iter().find_map(|path| {
            let value = word.strip_prefix(path)?.trim_end_matches(['/', '>']);
            Some(label::has_extension(value.trim_matches(['"', '\''])))
        })
    };
    let names_file = !name.is_empty() && rest.split(' ').filter_map(value).any(|is_file| is_file);
    names_file || (TAGS.contains(&name) && rest.starts_with(['>', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart() {
        let rows = [
            ("3c3\n< beta\n---\n> BETA", Some("normal diff")),
            ("0a1,2\n> x\n> y", Some("normal diff")),
            ("5,6d4\n< x\n< y", Some("normal diff")),
            ("3c\nBETA\n.\nw", Some("script for ed")),
            ("4d", Some("script for ed")),
            ("d3 1\na3 1\nBETA", Some("diff of RCS")),
            ("[{\"op\": \"replace\", \"path\": \"/a\", \"value\": 1}]", Some("JSON Patch")),
            (
                "{\"file\": \"a\",\n\"search\": \"x\", \"replace\": \"y\"}",
                Some("list of edits in JSON"),
            ),
            ("{\"search\": \"x\"}", None),
            ("@@@ -1,2 -1,2 +1,2 @@@", Some("diff of a merge")),
            ("GIT binary patch\nliteral 3", Some("binary patch")),
            ("<file path=\"a.txt\">\nx\n</file>", Some("change in tags")),
            ("<write_to_file>\n<path>a</path>", Some("change in tags")),
            ("alpha\nbeta", None),
            ("<html>\n<body file=\"x\">", None),
            ("3c3\nno diff", None),
            ("add 1", None),
            ("[1, 2]", None),
        ];
        for (text, expected) in rows {
            let found = name(&text.lines().collect::<Vec<_>>());
            assert_eq!(found.is_some(), expected.is_some(), "{text}: {found:?}");
            assert!(
                found.unwrap_or_default().starts_with(expected.unwrap_or_default()),
                "{text}: {found:?}"
            );
        }
    }
}
