//! What loggers put in front of a message: times, levels, ids, names.

use super::line::Level;

/// How many parts a prefix has at most.
const MOST_PARTS: usize = 12;

/// The longest part in brackets, in bytes.
const LONGEST_BRACKET: usize = 80;

/// Levels by their names.
const LEVELS: [(&str, Level); 21] = [
    ("TRACE", Level::Ordinary),
    ("DEBUG", Level::Ordinary),
    ("DBG", Level::Ordinary),
    ("INFO", Level::Ordinary),
    ("INF", Level::Ordinary),
    ("NOTICE", Level::Ordinary),
    ("FINE", Level::Ordinary),
    ("WARN", Level::Warning),
    ("WRN", Level::Warning),
    ("WARNING", Level::Warning),
    ("ERROR", Level::Error),
    ("ERR", Level::Error),
    ("CRITICAL", Level::Error),
    ("CRIT", Level::Error),
    ("FATAL", Level::Error),
    ("FTL", Level::Error),
    ("SEVERE", Level::Error),
    ("ALERT", Level::Error),
    ("EMERG", Level::Error),
    ("EMERGENCY", Level::Error),
    ("PANIC", Level::Error),
];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// What was found in front of a message.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prefix {
    /// Where it ends.
    pub(super) end: usize,
    /// The level that it names.
    pub(super) level: Option<Level>,
}

/// The prefix of a line; an empty one if there is none.
///
/// It is read part by part: a time, a level, something in brackets, and, once one of these was
/// there, a number, a dash or the name of a logger. What cannot be told from the message stays.
pub(super) fn find(text: &str) -> Prefix {
    let mut found = Prefix::default();
    let mut is_after_time = false;
    for _ in 0..MOST_PARTS {
        let rest = text.get(found.end..).unwrap_or_default();
        let rest_trimmed = rest.trim_start();
        let start = found.end + rest.len() - rest_trimmed.len();
        let Some(part) = part(rest_trimmed, is_after_time, found.level.is_some()) else {
            break;
        };
        // An indented line begins with no prefix: a source line of a trace may look like one.
        if found.end == 0 && start > 0 && !matches!(part.what, What::Time) {
            break;
        }
        found.end = start + part.length;
        match part.what {
            What::Time => is_after_time = true,
            What::Level(level) => found.level = found.level.max(Some(level)),
            What::Other => {}
        }
    }
    // A level that stays with the message, as in `error: no such option`.
    if found.level.is_none() {
        let rest = text.get(found.end..).unwrap_or_default().trim_start();
        found.level = rest.split([':', ' ']).next().and_then(level);
    }
    found
}

enum What {
    Time,
    Level(Level),
    Other,
}

struct Part {
    length: usize,
    what: What,
}

/// The first part of `text`, if it is one of a prefix.
fn part(text: &str, is_after_time: bool, is_after_level: bool) -> Option<Part> {
    let is_after = is_after_time || is_after_level;
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let token = text.get(..end)?;
    let part = |length, what| Some(Part { length, what });
    if let Some(length) = time(token, text, is_after_time) {
        return part(length, What::Time);
    }
    if let Some(inner) = text.strip_prefix('[').and_then(bracketed) {
        let what = level(inner.trim()).map_or(What::Other, What::Level);
        return part(inner.len() + 2, what);
    }
    // `E1130 23:56:03.123456   12345 main.go:12] message`, of klog and glog.
    if let Some(letter) = token.strip_suffix(|last: char| last.is_ascii_digit()).and_then(glog) {
        let length = text.find("] ").map_or(end, |end| end + 1);
        return part(length, What::Level(letter));
    }
    if let Some((length, level)) = leading_level(text, is_after) {
        return part(length, What::Level(level));
    }
    if token == "---" || is_after && matches!(token, "-" | "|" | ":" | "--") {
        return part(token.len(), What::Other);
    }
    // `web_1  | message`, of docker compose.
    let behind = text.get(end..)?.trim_start();
    if !is_after && behind.starts_with("| ") && is_name(token) {
        return part(text.len() - behind.len() + 1, What::Other);
    }
    if !is_after {
        return None;
    }
    // Ids of processes and threads; `name[123]:` of syslog, with the host before it.
    if is_number(token) && is_after_level {
        return part(token.len(), What::Other);
    }
    let is_program = |token: &str| {
        token
            .strip_suffix("]:")
            .and_then(|name| name.split_once('['))
            .is_some_and(|(name, number)| is_name(name) && is_number(number))
    };
    if is_program(token) {
        return part(token.len(), What::Other);
    }
    let next = behind.split(char::is_whitespace).next().unwrap_or_default();
    if is_after_time && !is_after_level && is_name(token) && is_program(next) {
        return part(text.len() - behind.len() + next.len(), What::Other);
    }
    // `name - `, `name : ` and, once the level was there, `name: `.
    if is_name(token) && (behind.starts_with("- ") || is_after_level && behind.starts_with(": ")) {
        return part(text.len() - behind.len() + 1, What::Other);
    }
    let name = token.split_once(':').map(|(name, _)| name)?;
    let is_logger = is_after_level && is_name(name) && !is_error_name(name);
    let ends_it = token.len() == name.len() + 1 || text.starts_with(&format!("{name}:"));
    if is_logger
        && ends_it
        && !token
            .get(name.len() + 1..)?
            .starts_with(|next: char| next == ':' || next.is_ascii_digit())
    {
        return part(name.len() + 1, What::Other);
    }
    None
}

/// How long the time is that a text begins with.
fn time(token: &str, text: &str, is_after_time: bool) -> Option<usize> {
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-/:.,TZ+".contains(&byte);
    let token_end = token.trim_end_matches([':', ',', ']']);
    let starts_with_digit = token_end.starts_with(|first: char| first.is_ascii_digit());
    let separators = token_end.bytes().filter(|byte| b"-/:".contains(byte)).count();
    if starts_with_digit
        && token_end.len() >= 8
        && separators >= 2
        && token_end.bytes().all(is_part)
    {
        return Some(token.len());
    }
    // `Nov 30 12:00:00`, `Nov 30, 2026 11:56:38 PM`.
    let is_day = |word: &str| {
        let digits = word.trim_end_matches(',');
        matches!(digits.len(), 1 | 2 | 4) && is_number(digits)
    };
    if MONTHS.contains(&token) {
        let day = text.get(token.len()..)?.trim_start();
        return day.split(char::is_whitespace).next().is_some_and(is_day).then_some(token.len());
    }
    let belongs = is_day(token) || matches!(token, "AM" | "PM" | "UTC");
    // A level and a message never begin with such a number.
    let is_followed = || {
        let behind = text.get(token.len()..).unwrap_or_default().trim_start();
        behind.starts_with(|first: char| first.is_ascii_digit())
            || matches!(token, "AM" | "PM" | "UTC")
    };
    (belongs
        && is_followed()
        && (is_after_time || token.ends_with(',') || is_day(token) && is_time_next(text, token)))
    .then_some(token.len())
}

/// Whether a clock time comes behind a token.
fn is_time_next(text: &str, token: &str) -> bool {
    let behind = text.get(token.len()..).unwrap_or_default().trim_start();
    let next = behind.split(char::is_whitespace).next().unwrap_or_default();
    next.bytes().filter(|byte| *byte == b':').count() >= 2
        && next.bytes().all(|byte| byte.is_ascii_digit() || b":.,".contains(&byte))
}

/// What stands in brackets that were opened, if it is no message: `[AggregateError: all failed]`
/// is one.
fn bracketed(text: &str) -> Option<&str> {
    let end = text.find(']')?;
    let inner = text.get(..end)?;
    let rest = text.get(end + 1..)?;
    let is_short = (2..=LONGEST_BRACKET).contains(&inner.len());
    let is_message = inner.contains(": ") || is_error_name(inner.split(':').next()?);
    let is_parted = rest.is_empty() || rest.starts_with([' ', ':', '[', '\t']);
    (is_short && !is_message && is_parted).then_some(inner)
}

/// The level that a text begins with, and how long it is with its colon.
fn leading_level(text: &str, is_after: bool) -> Option<(usize, Level)> {
    let end = text.find(|next: char| !next.is_ascii_alphabetic())?;
    let word = text.get(..end)?;
    let level = level(word)?;
    let rest = text.get(end..)?;
    let is_upper = word.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_lower = word.bytes().all(|byte| byte.is_ascii_lowercase());
    // `panic: …` and `Error: …` are messages.
    let is_level = is_upper && rest.starts_with([':', ' ', '\t', '|', ']'])
        || is_after && is_lower && word != "panic" && rest.starts_with([' ', '\t', ']']);
    is_level.then_some((end + usize::from(rest.starts_with([':', '|', ']'])), level))
}

/// The level with a name.
fn level(name: &str) -> Option<Level> {
    LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
}

/// The level of a word such as `E1130` without its last digit.
fn glog(word: &str) -> Option<Level> {
    let mut bytes = word.bytes();
    let level = match bytes.next()? {
        b'I' => Level::Ordinary,
        b'W' => Level::Warning,
        b'E' | b'F' => Level::Error,
        _ => return None,
    };
    (word.len() == 4 && bytes.all(|byte| byte.is_ascii_digit())).then_some(level)
}

/// Whether a word can be the name of a logger, a program or a host.
fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/$@".contains(&byte))
}

/// Whether a word rather is what an error is called, or begins what it says.
fn is_error_name(word: &str) -> bool {
    let last = word.rsplit(['.', ':']).next().unwrap_or_default();
    ["error", "exception", "failure", "rejection", "panic", "interrupt", "errno", "fatal"]
        .iter()
        .any(|end| last.to_ascii_lowercase().ends_with(end))
        || last.starts_with(|first: char| first.is_ascii_uppercase()) && !word.contains('.')
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}
