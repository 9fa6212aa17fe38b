//! What loggers put in front of a message: times, levels, ids, names.

use super::line::Level;

/// How many parts a prefix has at most.
const MOST_PARTS: usize = 12;

/// The longest part in brackets, in bytes.
const LONGEST_BRACKET: usize = 80;

/// Levels by their names.
const LEVELS: [(&str, Level); 22] = [
    ("TRACE", Level::Ordinary),
    ("DEBUG", Level::Ordinary),
    ("DBG", Level::Ordinary),
    ("INFO", Level::Ordinary),
    ("INF", Level::Ordinary),
    ("NOTICE", Level::Ordinary),
    ("FINE", Level::Ordinary),
    ("LOG", Level::Ordinary),
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
    /// Where it ends if its last part, which may be the name of a logger, is none.
    pub(super) end_without_name: usize,
    /// The level that it names.
    pub(super) level: Option<Level>,
}

/// The prefix of a line; an empty one if there is none.
///
/// It is read part by part: a time, a level, something in brackets, and, once one of these was
/// there, a number, a dash or the name of a logger. What cannot be told from the message stays.
pub(super) fn find(text: &str) -> Prefix {
    let mut found = Prefix::default();
    let mut before = Before::default();
    for _ in 0..MOST_PARTS {
        let rest = text.get(found.end..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        let Some((length, what)) = part(rest.trim_start(), &before) else {
            break;
        };
        // An indented line begins with no prefix: a source line of a trace may look like one.
        if found.end == 0 && blanks > 0 && what != What::Time {
            break;
        }
        if what != What::Name {
            found.end_without_name = found.end + blanks + length;
        }
        found.end += blanks + length;
        match what {
            What::Time => before.time = true,
            What::Level(level) => {
                found.level = Some(level);
                before.level = true;
            }
            What::Name => before.name = true,
            What::Other => before.other = true,
        }
    }
    // A level that stays with the message, as in `error: no such option`.
    if found.level.is_none() {
        let rest = text.get(found.end..).unwrap_or_default().trim_start();
        found.level = rest.split([':', ' ']).next().and_then(level);
    }
    found
}

/// What the parts before are.
#[derive(Default)]
struct Before {
    time: bool,
    level: bool,
    name: bool,
    other: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Time,
    Level(Level),
    Name,
    Other,
}

/// How long the first part of `text` is, and what it is, if it is one of a prefix.
fn part(text: &str, before: &Before) -> Option<(usize, What)> {
    let is_after = before.time || before.level;
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (token, behind) = text.split_at_checked(end)?;
    let behind = behind.trim_start();
    if is_time(token, behind, before.time) {
        return Some((token.len(), What::Time));
    }
    if let Some(inner) = text.strip_prefix('[').and_then(bracketed) {
        return Some((inner.len() + 2, level(inner.trim()).map_or(What::Other, What::Level)));
    }
    // `E1130 23:56:03.123456   12345 main.go:12] message`, of klog and glog.
    if let Some(level) = glog(token) {
        return Some((text.find("] ").map_or(end, |end| end + 1), What::Level(level)));
    }
    // `E, [2026-01-01T12:00:00.123456 #4711] ERROR -- : message`, of Ruby.
    let is_first = !is_after && !before.name && !before.other;
    if is_first
        && behind.starts_with('[')
        && matches!(token, "D," | "I," | "W," | "E," | "F," | "A,")
    {
        return Some((token.len(), What::Time));
    }
    if let Some((length, level)) = leading_level(text, is_after) {
        return Some((length, What::Level(level)));
    }
    // `web_1  | message`, of docker compose.
    if is_first && behind.starts_with("| ") && is_name(token) {
        return Some((text.len() - behind.len() + 1, What::Other));
    }
    if !is_after {
        return None;
    }
    let is_separator =
        matches!(token, "-" | "--" | "|" | ":") || token == "---" && behind.starts_with('[');
    if is_separator {
        return Some((token.len(), What::Other));
    }
    // The number of a process or a thread.
    let is_followed = before.level && !behind.is_empty() || behind.starts_with('[');
    if is_number(token) && is_followed {
        return Some((token.len(), What::Other));
    }
    if before.name {
        return None;
    }
    // `name[123]:` of syslog, with the host before it.
    let next = behind.split(char::is_whitespace).next().unwrap_or_default();
    if is_program(token) {
        return Some((token.len(), What::Name));
    }
    if before.time && is_name(token) && is_program(next) {
        return Some((text.len() - behind.len() + next.len(), What::Name));
    }
    // `name - `, `name : ` and, once the level was there, `name: `.
    if is_name(token) && (behind.starts_with("- ") || before.level && behind.starts_with(": ")) {
        return Some((text.len() - behind.len() + 1, What::Name));
    }
    let (name, rest) = text.split_once(':').filter(|(name, _)| before.level && is_name(name))?;
    let is_place = rest.starts_with(|next: char| ":/".contains(next) || next.is_ascii_digit());
    (!is_place && !is_error_name(name)).then_some((name.len() + 1, What::Name))
}

/// Whether a token is a part of a time: `2026-01-01T12:00:00Z`, `12:00:00,123`, or one of `Nov 30,
/// 2026 11:56:38 PM`.
fn is_time(token: &str, behind: &str, is_after_time: bool) -> bool {
    let plain = token.trim_end_matches([':', ',', ']']);
    let is_part = |byte: u8| byte.is_ascii_digit() || b"-/:.,TZ+".contains(&byte);
    let separators = plain.bytes().filter(|byte| b"-/:".contains(byte)).count();
    let begins = plain.starts_with(|first: char| first.is_ascii_digit());
    if begins && plain.len() >= 8 && separators >= 2 && plain.bytes().all(is_part) {
        return true;
    }
    let begins_with_digit = behind.starts_with(|first: char| first.is_ascii_digit());
    if MONTHS.contains(&token) {
        return begins_with_digit;
    }
    if !is_after_time {
        return false;
    }
    // A day or a year has the clock, or the year, behind it.
    let is_day = matches!(plain.len(), 1 | 2 | 4) && is_number(plain) && begins_with_digit;
    is_day || matches!(token, "AM" | "PM" | "UTC")
}

/// Whether a token is a program with its number: `app[4711]:`.
fn is_program(token: &str) -> bool {
    let split = token.strip_suffix("]:").and_then(|name| name.split_once('['));
    split.is_some_and(|(name, number)| is_name(name) && is_number(number))
}

/// What stands in brackets that were opened, if it is no message: `[AggregateError: all failed]`
/// is one.
fn bracketed(text: &str) -> Option<&str> {
    let end = text.find(']')?;
    let inner = text.get(..end)?;
    let rest = text.get(end + 1..)?;
    let is_short = (2..=LONGEST_BRACKET).contains(&inner.len());
    let is_level = level(inner.trim()).is_some();
    let is_message = inner.contains(": ")
        || matches!(inner, "cause" | "errors")
        || names_error(inner.split(':').next()?);
    let is_parted = rest.is_empty() || rest.starts_with([' ', ':', '[', '\t']);
    (is_short && (is_level || !is_message) && is_parted).then_some(inner)
}

/// The level that a text begins with, and how long it is with its colon.
fn leading_level(text: &str, is_after: bool) -> Option<(usize, Level)> {
    let end = text.find(|next: char| !next.is_ascii_alphabetic())?;
    let word = text.get(..end)?;
    let level = level(word)?;
    let rest = text.get(end..)?;
    let is_upper = word.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_lower = word.bytes().all(|byte| byte.is_ascii_lowercase());
    // `panic: …`, `fatal error: …` and `Error: …` are messages.
    let is_message = matches!(word, "panic" | "fatal") || rest.starts_with(" error: ");
    let is_level = is_upper && rest.starts_with([':', ' ', '\t', '|', ']'])
        || is_after && is_lower && !is_message && rest.starts_with([' ', '\t', ']']);
    is_level.then_some((end + usize::from(rest.starts_with([':', '|', ']'])), level))
}

/// The level with a name.
fn level(name: &str) -> Option<Level> {
    LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, level)| *level)
}

/// The level of a word such as `E1130`: its letter, month and day.
fn glog(word: &str) -> Option<Level> {
    let mut bytes = word.bytes();
    let level = match bytes.next()? {
        b'I' => Level::Ordinary,
        b'W' => Level::Warning,
        b'E' | b'F' => Level::Error,
        _ => return None,
    };
    (word.len() == 5 && bytes.all(|byte| byte.is_ascii_digit())).then_some(level)
}

/// Whether a word can be the name of a logger, a program or a host.
fn is_name(word: &str) -> bool {
    !word.is_empty()
        && word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/$@".contains(&byte))
}

/// Whether a word rather is what an error is called, or begins what it says.
fn is_error_name(word: &str) -> bool {
    let last = word.rsplit('.').next().unwrap_or_default();
    names_error(last) || last.starts_with(|first: char| first.is_ascii_uppercase())
}

/// Whether a word says itself that it is the name of an error.
fn names_error(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    ["error", "exception", "failure", "rejection", "panic", "interrupt", "errno", "fatal"]
        .iter()
        .any(|end| lower.ends_with(end))
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}
