//! What tells one failure from others.

use super::{
    LogLine,
    cause::{Cause, CauseKind},
    trace::{self, Place},
};
use crate::fingerprint;

/// Directories of code that belongs to no project: a failure is told by the project's own code that
/// called it.
const NOT_OURS: [&str; 16] = [
    "site-packages",
    "dist-packages",
    "node_modules",
    "node:",
    "internal/",
    "<",
    "/usr/lib/",
    "/rustc/",
    "/.cargo/",
    "/pkg/mod/",
    "/lib/python",
    "/gems/",
    "/vendor/",
    "/sysdeps/",
    "libsanitizer",
    "/usr/local/go/",
];

/// The signature of a failure, 32 hexadecimal digits.
///
/// It is made of how the unit ended, what the error says, and where it was: the innermost place,
/// and the innermost one that is no library's, by file and function. So it is the same at another
/// time and in another process, after lines were added above, in another temporary directory, with
/// other lines in between or fewer lines before. It differs where another error, another way to
/// end or another place is meant.
///
/// `places` are those of the trace, as they stand there or resolved; always the same of these.
pub fn signature(cause: &Cause, lines: &[LogLine], places: &[Place]) -> String {
    let mut text = format!("cause {}\n", how(cause));
    if let Some(message) = trace::message(lines) {
        text.push_str("error ");
        text.push_str(&without_ids(&message));
        text.push('\n');
    }
    let is_ours = |place: &&Place| !NOT_OURS.iter().any(|part| place.path.contains(part));
    let ours = places.iter().find(is_ours);
    let innermost = places.first().filter(|first| Some(*first) != ours);
    for (place, name) in [(innermost, "in"), (ours, "at")] {
        if let Some(place) = place {
            let function = place.function.as_deref().unwrap_or_default();
            text.push_str(&format!("{name} {} {function}\n", place.path));
        }
    }
    fingerprint::of_failure(&text)
}

/// How the unit ended, without what differs between two ends of the same kind: how often it was
/// restarted before, whether systemd gave up.
fn how(cause: &Cause) -> String {
    let text = match cause.kind {
        CauseKind::ExitCode | CauseKind::Signal | CauseKind::CoreDump | CauseKind::Setup => {
            cause.text.split([';', ',']).next().unwrap_or_default()
        }
        _ => "",
    };
    // Numbers count here: `code 1` is not `code 2`.
    let digits = |digit: char| char::from(b'a' + digit.to_digit(10).unwrap_or(0) as u8);
    let text: String =
        text.chars().map(|next| if next.is_ascii_digit() { digits(next) } else { next }).collect();
    format!("{:?} {text}", cause.kind)
}

/// Lengths of the parts of a UUID.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];

/// A text with a number in place of each UUID, and of each word that is made up of digits and letters, such as an id.
fn without_ids(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let text = without_uuids(text);
    for part in text.split_inclusive(|next: char| !next.is_alphanumeric()) {
        let word = part.trim_end_matches(|next: char| !next.is_alphanumeric());
        if is_made_up(word) {
            plain.push('0');
            plain.push_str(part.get(word.len()..).unwrap_or_default());
        } else {
            plain.push_str(part);
        }
    }
    plain
}

/// A text with a number in place of each UUID: some of its parts may read like words.
fn without_uuids(text: &str) -> String {
    let is_outside = |next: char| !next.is_ascii_hexdigit() && next != '-';
    let mut plain = String::with_capacity(text.len());
    for part in text.split_inclusive(is_outside) {
        let id = part.trim_end_matches(is_outside);
        let is_uuid = id.split('-').map(str::len).eq(UUID);
        plain.push_str(if is_uuid { "0" } else { id });
        plain.push_str(part.get(id.len()..).unwrap_or_default());
    }
    plain
}

/// Whether a word changes between digits and letters as no name does: twice at least, in six
/// characters or more.
fn is_made_up(word: &str) -> bool {
    let kinds: Vec<_> = word.chars().map(|next| next.is_ascii_digit()).collect();
    let changes = kinds.windows(2).filter(|pair| pair.first() != pair.last()).count();
    kinds.len() >= 6 && changes >= 2
}
