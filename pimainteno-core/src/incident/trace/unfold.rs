//! Stacks that a program logged as one line: as a field of JSON, or with `\n` for each end of a
//! line.

use serde_json::Value;

/// The fields of a JSON log line that say what went wrong, as the usual loggers call them; the
/// first one that is there is the message.
const MESSAGES: [&str; 8] =
    ["message", "msg", "error", "err", "exception", "exc_info", "reason", "text"];

/// The fields that hold a stack.
const STACKS: [&str; 10] = [
    "stack",
    "stack_trace",
    "stacktrace",
    "stackTrace",
    "traceback",
    "backtrace",
    "exc_info",
    "exception",
    "exc_text",
    "error_stack",
];

/// The fields that hold another object of such fields.
const INNER: [&str; 9] =
    ["err", "error", "exception", "exc_info", "log", "record", "fields", "extra", "data"];

/// The fields that say how bad it is.
const LEVELS: [&str; 5] = ["level", "severity", "levelname", "log.level", "lvl"];

/// What begins a line of a stack.
const FRAMES: [&str; 5] = ["at ", "File \"", "from ", "#0 ", "goroutine "];

/// How deep objects in objects are looked into.
const DEEPEST: usize = 3;

/// The lines that one line stands for, if it stands for several or hides its message.
pub(super) fn unfold(text: &str) -> Option<String> {
    if let Some(object) = text.find('{').and_then(|start| object(text, start)) {
        return from_object(&object);
    }
    if let Some(line) = from_fields(text) {
        return Some(line);
    }
    let has_stack = FRAMES.iter().any(|frame| {
        text.match_indices("\\n").any(|(at, end)| {
            let rest = text.get(at + end.len()..).unwrap_or_default();
            let rest = rest.trim_start_matches("\\t").trim_start();
            rest.starts_with(frame)
        })
    });
    has_stack.then(|| unescaped(text))
}

/// The message of a line of fields, `level=error msg="cannot start" err="no stations"`, with its
/// level in front.
fn from_fields(text: &str) -> Option<String> {
    let message = field(text, "msg").or_else(|| field(text, "message"))?;
    let level = level(&Value::String(field(text, "level").or_else(|| field(text, "lvl"))?))?;
    let error = ["err", "error"].iter().find_map(|key| field(text, key));
    let stack = ["stack", "stacktrace"].iter().find_map(|key| field(text, key));
    let mut line = format!("{level}: {message}");
    if let Some(error) = error.filter(|error| !message.contains(error.as_str())) {
        line.push_str(": ");
        line.push_str(&error);
    }
    if let Some(stack) = stack {
        line.push('\n');
        line.push_str(&stack);
    }
    Some(line)
}

/// What a field of such a line holds.
fn field(text: &str, key: &str) -> Option<String> {
    let with_sign = format!("{key}=");
    let (at, _) = text.match_indices(&with_sign).find(|(at, _)| {
        text.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with(' '))
    })?;
    let value = text.get(at + with_sign.len()..)?;
    let Some(quoted) = value.strip_prefix('"') else {
        return Some(value.split(' ').next()?.to_owned());
    };
    let mut is_escaped = false;
    let end = quoted.find(|next: char| {
        let ends = next == '"' && !is_escaped;
        is_escaped = next == '\\' && !is_escaped;
        ends
    })?;
    Some(unescaped(quoted.get(..end)?))
}

/// The JSON object that a line consists of, but for what a logger puts in front.
fn object(text: &str, start: usize) -> Option<serde_json::Map<String, Value>> {
    let json = text.get(start..)?.trim_end();
    let is_json = json.ends_with('}') && json.get(1..)?.trim_start().starts_with('"');
    if !is_json {
        return None;
    }
    match serde_json::from_str(json) {
        Ok(Value::Object(object)) => Some(object),
        _ => None,
    }
}

/// The message and the stack of an object, as lines; nothing if it is no log line.
fn from_object(object: &serde_json::Map<String, Value>) -> Option<String> {
    let mut fields = Fields::default();
    fields.read(object);
    let text = match (fields.message, fields.stack) {
        // A message that is a line of the stack, or the end of one, need not stand twice.
        (Some(message), Some(stack)) => {
            let is_told = stack.lines().any(|line| line.trim_end().ends_with(message.trim_end()));
            if is_told { stack } else { format!("{message}\n{stack}") }
        }
        (message, stack) => message.or(stack)?,
    };
    Some(match fields.level {
        Some(level) => format!("{level}: {text}"),
        None => text,
    })
}

/// What was found in an object.
#[derive(Default)]
struct Fields {
    message: Option<String>,
    stack: Option<String>,
    level: Option<&'static str>,
}

impl Fields {
    /// Reads an object and those in it, the outermost first.
    fn read(&mut self, object: &serde_json::Map<String, Value>) {
        let mut objects = vec![object];
        for _ in 0..DEEPEST {
            for object in &objects {
                self.read_one(object);
            }
            let inner = objects.iter().flat_map(|object| {
                INNER.iter().filter_map(|key| object.get(*key).and_then(Value::as_object))
            });
            objects = inner.collect();
        }
    }

    fn read_one(&mut self, object: &serde_json::Map<String, Value>) {
        let text = |keys: &[&str]| {
            keys.iter()
                .filter_map(|key| object.get(*key).and_then(Value::as_str))
                .find(|text| !text.is_empty())
                .map(str::to_owned)
        };
        let stack = text(&STACKS).filter(|text| text.contains('\n') || text.contains("\\n"));
        let lines = || {
            let lines = STACKS.iter().find_map(|key| object.get(*key).and_then(Value::as_array))?;
            let lines: Vec<_> = lines.iter().filter_map(Value::as_str).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        };
        self.stack = self.stack.take().or_else(|| stack.or_else(lines));
        self.message = self.message.take().or_else(|| text(&MESSAGES));
        self.level = self.level.or_else(|| LEVELS.iter().find_map(|key| level(object.get(*key)?)));
    }
}

/// The level that loggers name, or number as pino and bunyan do.
fn level(value: &Value) -> Option<&'static str> {
    if let Some(number) = value.as_u64() {
        return Some(match number {
            0..40 => "INFO",
            40..50 => "WARN",
            _ => "ERROR",
        });
    }
    let name = value.as_str()?;
    let is = |names: &[&str]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
    if is(&["error", "err", "fatal", "critical", "crit", "panic", "dpanic", "emergency", "alert"]) {
        Some("ERROR")
    } else if is(&["warn", "warning"]) {
        Some("WARN")
    } else if is(&["info", "debug", "trace", "notice"]) {
        Some("INFO")
    } else {
        None
    }
}

/// A text with what `\n`, `\t`, `\"` and `\\` stand for.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => {}
            Some(quoted @ ('"' | '\\' | '/' | '\'')) => plain.push(quoted),
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}
