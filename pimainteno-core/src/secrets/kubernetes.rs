//! Kubernetes' `kind: Secret`: every value under `data:` and `stringData:` is one, whatever its
//! name is.

use std::ops::Range;

use super::{Finding, base64, value};

/// What such an object has in it.
pub(super) const ANCHORS: [&str; 3] =
    ["kind: Secret", "\"kind\": \"Secret\"", "\"kind\":\"Secret\""];

/// The most that is looked at before and behind the anchor, in bytes. `kind` may come last.
const LONGEST: usize = 4 << 10;

/// Adds the values of the object that the anchor is in.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let ends = text.as_bytes().get(anchor.end).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    if !ends || text.get(anchor.clone()).is_none_or(|kind| !kind.contains("Secret")) {
        return;
    }
    let start = text.floor_char_boundary(anchor.start.saturating_sub(LONGEST));
    let before = text.get(start..anchor.start).unwrap_or_default();
    // Another object, or another such anchor, is looked at by itself.
    let start = [before.rfind("\n---"), before.rfind("kind")]
        .into_iter()
        .flatten()
        .max()
        .map_or(start, |end| start + end + 1);
    let end = text.floor_char_boundary(anchor.end.saturating_add(LONGEST).min(text.len()));
    let rest = text.get(anchor.end..end).unwrap_or_default();
    let end = [rest.find("\n---"), rest.find("kind")]
        .into_iter()
        .flatten()
        .min()
        .map_or(end, |length| anchor.end + length);
    let Some(object) = text.get(start..end) else { return };
    // Where `data` is, how far it is indented, and whether its values are encoded.
    let mut data: Option<(usize, bool)> = None;
    let mut at = start;
    for line in object.split_inclusive('\n') {
        let plain = line
            .strip_prefix(['+', '-', ' '])
            .filter(|_| line.starts_with(['+', '-']))
            .unwrap_or(line);
        let indent = plain.len() - plain.trim_start().len();
        let content = plain.trim().trim_matches(['{', '"']);
        let key = content.split(':').next().unwrap_or_default().trim_end_matches('"');
        if matches!(key, "data" | "stringData")
            && content.trim_end_matches(['{', ' ']).ends_with(':')
        {
            data = Some((indent, key == "data"));
        } else if let Some((of_data, is_encoded)) = data {
            if content.is_empty() || content.starts_with('#') {
            } else if indent > of_data {
                found.extend(entry(text, at..at + line.len(), is_encoded));
            } else {
                data = None;
            }
        }
        at += line.len();
    }
}

/// The value of a line `name: value`.
fn entry(text: &str, line: Range<usize>, is_encoded: bool) -> Option<Finding> {
    let content = text.get(line.clone())?;
    let (name, rest) = content.split_once(':')?;
    let value = rest.trim().trim_end_matches(',').trim_matches(['"', '\'']);
    let start = line.start + name.len() + 1 + rest.find(value)?;
    let is_secret = if is_encoded {
        let decoded = base64::decoded(value)?;
        value.len() >= 8
            && std::str::from_utf8(&decoded)
                .map_or(value.len() >= 24, |decoded| !value::is_placeholder(decoded.trim()))
    } else {
        value::is_random(value) || value::is_password(value) && !value::is_wordy(value)
    };
    is_secret.then(|| Finding::of(value, start, "value of a Secret"))
}
