//! Reading what stands around a place of a text, no further than a bound.

/// The longest joint between a name and its value, in bytes.
const LONGEST_JOINT: usize = 16;

/// How many bytes from a place on are of a kind, at most `most`.
pub(super) fn count(text: &str, at: usize, most: usize, is_in: impl Fn(u8) -> bool) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    rest.iter().take(most).take_while(|byte| is_in(**byte)).count()
}

/// How many bytes right before a place are of a kind, at most `most`.
pub(super) fn count_before(
    text: &str,
    at: usize,
    most: usize,
    is_in: impl Fn(u8) -> bool,
) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().rev().take(most).take_while(|byte| is_in(**byte)).count()
}

/// The bytes from a place on that are of a kind, at most `most`; none if they end within a
/// character.
pub(super) fn run(text: &str, at: usize, most: usize, is_in: impl Fn(u8) -> bool) -> &str {
    text.get(at..at + count(text, at, most, is_in)).unwrap_or_default()
}

/// The byte that stands so far before a place.
pub(super) fn before(text: &str, at: usize, distance: usize) -> Option<u8> {
    at.checked_sub(distance).and_then(|place| text.as_bytes().get(place)).copied()
}

/// Where the value begins that `joint` bytes join to the name before `at`, one of them a `sign`.
pub(super) fn behind_joint(text: &str, at: usize, joint: &[u8], sign: &[u8]) -> Option<usize> {
    let joint = run(text, at, LONGEST_JOINT, |byte| joint.contains(&byte));
    joint.bytes().any(|byte| sign.contains(&byte)).then_some(at + joint.len())
}
