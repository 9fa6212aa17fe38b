//! What tells CI to leave a commit alone: `[skip ci]`, `[netlify skip]`, `***NO_CI***`,
//! `skip-checks: true` and their kin.

use super::{Edit, words};

/// The most bytes between two brackets that are looked into.
const LONGEST: usize = 80;

/// The most words that a switch in brackets has.
const MOST_WORDS: usize = 6;

/// What is skipped without brackets too. Longer lists would find names in programs.
const BARE: [&str; 3] = ["ci", "cd", "checks"];

/// What is skipped in one word, as in `[skipci]`.
const COMPOUND: [&str; 8] = ["ci", "cd", "checks", "build", "builds", "deploy", "actions", "tests"];

pub(super) fn edits(text: &str) -> Vec<Edit> {
    let mut edits = in_brackets(text);
    let is_free = |edits: &[Edit], at: usize| !edits.iter().any(|(range, _)| range.contains(&at));
    let bare: Vec<Edit> =
        bare(text).into_iter().filter(|(range, _)| is_free(&edits, range.start)).collect();
    edits.extend(bare);
    edits.sort_by_key(|(range, _)| range.start);
    edits
}

/// `[skip ci]` as `("skip" ci)`.
fn in_brackets(text: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (start, _) in text.match_indices('[') {
        let Some(rest) = text.get(start + 1..) else { continue };
        let Some(length) = rest
            .find(['[', ']'])
            .filter(|length| *length <= LONGEST && rest.as_bytes().get(*length) == Some(&b']'))
        else {
            continue;
        };
        let inner = rest.get(..length).unwrap_or_default();
        if let Some(quoted) = switch(inner) {
            edits.push((start..start + length + 2, format!("({quoted})")));
        }
    }
    edits
}

/// What stands between the brackets of a switch, with the word that makes it one quoted; `None` if
/// it is none.
fn switch(inner: &str) -> Option<String> {
    let words: Vec<_> = words(inner, u8::is_ascii_alphanumeric).collect();
    let last = words.len().checked_sub(1)?;
    let verb = |place: &usize| {
        let word = words.get(*place)?;
        let (range, is_no) = verb(inner.get(word.clone())?)?;
        (!is_no || *place == 0).then(|| word.start + range.start..word.start + range.end)
    };
    let verb = [0, last].iter().find_map(verb).filter(|_| words.len() <= MOST_WORDS)?;
    let is_quoted =
        inner.get(..verb.start)?.ends_with('"') && inner.get(verb.end..)?.starts_with('"');
    if is_quoted {
        return None;
    }
    Some(format!(
        "{}\"{}\"{}",
        inner.get(..verb.start)?,
        inner.get(verb.clone())?,
        inner.get(verb.end..)?
    ))
}

/// Where `skip` or `no` is in a word that says to skip something, and whether it is `no`.
fn verb(word: &str) -> Option<(std::ops::Range<usize>, bool)> {
    let word = word.to_ascii_lowercase();
    match &*word {
        "skip" => return Some((0..4, false)),
        "no" => return Some((0..2, true)),
        _ => {}
    }
    let has = |rest: Option<&str>| rest.is_some_and(|rest| COMPOUND.contains(&rest));
    if has(word.strip_prefix("skip")) {
        return Some((0..4, false));
    }
    if has(word.strip_prefix("no")) {
        return Some((0..2, false));
    }
    has(word.strip_suffix("skip")).then(|| (word.len() - 4..word.len(), false))
}

/// `skip-checks`, `--skip-ci`, `NO_CI`, `ci.skip` and `skip ci` without brackets, with the `skip`
/// or `no` quoted.
fn bare(text: &str) -> Vec<Edit> {
    let words: Vec<_> = words(text, u8::is_ascii_alphanumeric).collect();
    let lower = text.to_ascii_lowercase();
    let word = |range: &std::ops::Range<usize>| lower.get(range.clone()).unwrap_or_default();
    let mut edits = Vec::new();
    for pair in words.windows(2) {
        let [first, second] = pair else { continue };
        let between = text.get(first.end..second.start).unwrap_or_default();
        let is_joined = between.len() <= 3
            && between.chars().all(|one| matches!(one, '-' | '_' | '.' | ' ' | '\t' | '\n'));
        // "There is no CI" is a sentence.
        let is_tight = is_joined && !between.contains([' ', '\t', '\n']);
        let quoted = match (word(first), word(second)) {
            ("skip", what) if is_joined && BARE.contains(&what) => first,
            ("no", what) if is_tight && BARE.contains(&what) => first,
            (what, "skip") if is_joined && BARE.contains(&what) => second,
            _ => continue,
        };
        edits.push((
            quoted.clone(),
            format!("\"{}\"", text.get(quoted.clone()).unwrap_or_default()),
        ));
    }
    edits
}
