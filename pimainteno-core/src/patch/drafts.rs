//! Changes that a reply takes back, or among which it offers a choice.
//!
//! Which of several changes is meant, only the text between them says. It is not understood here:
//! where it uses the words with which people take back what they wrote, nothing is applied.

mod quoted;

use super::{
    extract::{Extract, Region},
    refusal::{Reason, Refusal},
    remedy::Remedy,
};

/// What a line begins with that offers one of several changes; a number or a letter follows.
const CHOICES: [&str; 8] =
    ["option", "alternative", "variant", "approach", "attempt", "draft", "choice", "proposal"];

/// Words that offer another change, at the beginning of a line.
const OTHERWISE: [&str; 4] = ["alternatively", "or:", "or,", "or alternatively"];

/// Words with which a text asks which change is wanted.
const ASKS: [&str; 8] = [
    "choose one",
    "choose whichever",
    "pick one",
    "pick whichever",
    "which one do you",
    "which do you prefer",
    "which would you prefer",
    "whichever you prefer",
];

/// Words with which a text takes back the change above it.
const WITHDRAWN: [&str; 30] = [
    "that is wrong",
    "that's wrong",
    "that was wrong",
    "this is wrong",
    "this was wrong",
    "that is not right",
    "that's not right",
    "this is not right",
    "this isn't right",
    "that isn't right",
    "scratch that",
    "ignore the above",
    "ignore that",
    "disregard",
    "correction:",
    "corrected:",
    "corrected version",
    "corrected patch",
    "corrected diff",
    "let me correct",
    "my mistake",
    "i made a mistake",
    "sorry",
    "on second thought",
    "no, wait",
    "instead of the above",
    "this instead:",
    "rather:",
    "revised version",
    "revised patch",
];

/// Words with which a text says of the change below it that it is not to be made.
const REJECTED: [&str; 8] = [
    "do not do",
    "don't do",
    "not like this",
    "first i thought",
    "first thought",
    "first idea",
    "first attempt",
    "first draft",
];

/// Words with which a text says of any change that it is not to be made.
const NOT_TO_BE_MADE: [&str; 10] = [
    "do not apply it",
    "do not apply this",
    "do not apply that",
    "do not apply the",
    "don't apply it",
    "don't apply this",
    "don't apply that",
    "don't apply the",
    "nothing has to be changed here",
    "nothing needs to be changed here",
];

/// Refuses a reply that takes back one of its changes, or offers a choice among them.
pub(super) fn check(reply: &Extract<'_>) -> Result<(), Refusal> {
    let said: Vec<_> = reply.rest.lines().map(plain).collect();
    let all = || said.iter().map(String::as_str);
    if let Some(words) = found(all(), &NOT_TO_BE_MADE) {
        return Err(refusal(&format!(
            "the reply says {words:?}, so it cannot be told whether its change is meant"
        )));
    }
    quoted::check(reply)?;
    let [first, others @ ..] = reply.regions.as_slice() else { return Ok(()) };
    if others.is_empty() {
        return Ok(());
    }
    let above =
        |region: &Region<'_>| region.title.above.iter().map(|line| plain(line)).collect::<Vec<_>>();
    let mut between: Vec<_> = others.iter().flat_map(above).collect();
    // Whoever weighs options above all changes has chosen one.
    let choice = between.iter().map(String::as_str).find(|line| offers(line));
    let choice = choice.or_else(|| found(all(), &ASKS)).map(str::to_owned);
    let before: Vec<_> = above(first).into_iter().chain(between.iter().cloned()).collect();
    between.extend(reply.below.iter().map(|line| plain(line)));
    if let Some(words) = choice {
        return Err(refusal(&format!(
            "the reply offers several changes ({words:?}), and it cannot be told which is meant"
        )));
    }
    let taken_back = found(between.iter().map(String::as_str), &WITHDRAWN)
        .or_else(|| found(before.iter().map(String::as_str), &REJECTED));
    match taken_back {
        Some(words) => Err(refusal(&format!(
            "the reply says {words:?} beside one of its changes, and it cannot be told which are meant"
        ))),
        None => Ok(()),
    }
}

/// Whether a line offers one of several changes.
fn offers(line: &str) -> bool {
    let line = line.trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let is_numbered = |rest: &str| {
        let word = rest.trim_start().split(|letter: char| !letter.is_alphanumeric()).next();
        let word = word.unwrap_or_default();
        rest.starts_with(' ')
            && (word.chars().count() == 1 || matches!(word, "one" | "two" | "three"))
    };
    CHOICES.iter().any(|word| line.strip_prefix(word).is_some_and(is_numbered))
        || OTHERWISE.iter().any(|word| line.starts_with(word))
}

/// The first of `words` that stands in one of the lines.
fn found<'a>(
    mut lines: impl Iterator<Item = &'a str>,
    words: &[&'static str],
) -> Option<&'static str> {
    lines.find_map(|line| words.iter().copied().find(|word| line.contains(word)))
}

/// A line in small letters, without the marks for emphasis.
fn plain(line: &str) -> String {
    line.replace(['*', '_', '`'], "").replace('’', "'").trim().to_lowercase()
}

fn refusal(message: &str) -> Refusal {
    Refusal::new(Reason::Ambiguous, message).remedy(Remedy::One)
}
