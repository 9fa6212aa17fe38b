//! Changes that a reply takes back, or among which it offers a choice.
//!
//! Which of several changes is meant, only the text between them says. It is not understood here:
//! where a sentence begins as those do with which people take back what they wrote, nothing is
//! applied. What is said in passing, of the program or of its users, is none of these.

mod quoted;

use super::{
    extract::{Extract, Region},
    refusal::{Reason, Refusal},
    remedy::Remedy,
    title,
};

/// What a line says, with a number or a letter behind it, that is the heading of one of several
/// changes.
const CHOICES: [&str; 9] = [
    "option",
    "alternative",
    "variant",
    "approach",
    "solution",
    "method",
    "version",
    "proposal",
    "draft",
];

/// How a line begins that offers another change.
const OTHERWISE: [&str; 11] = [
    "alternatively",
    "or alternatively",
    "or:",
    "or this:",
    "or you could",
    "or, if you prefer",
    "better yet",
    "another option",
    "the other option",
    "if that doesn't work",
    "if this doesn't work",
];

/// How a line begins that asks which change is wanted.
const ASKS: [&str; 4] = ["choose one", "pick one of", "which one do you", "which do you prefer"];

/// How the first sentence behind a change begins that takes it back.
const TAKES_BACK: [&str; 24] = [
    "that is wrong",
    "that's wrong",
    "that was wrong",
    "that is incorrect",
    "that's incorrect",
    "that is not right",
    "that's not right",
    "that isn't right",
    "that will not work",
    "that won't work",
    "ignore that",
    "ignore the",
    "disregard",
    "sorry,",
    "my mistake",
    "i made a mistake",
    "on second thought",
    "let me correct",
    "let me redo",
    "wait,",
    "oops",
    "correction",
    "corrected",
    "use this instead:",
];

/// What may stand in front of it.
const HESITATIONS: [&str; 6] = ["hmm, ", "actually, ", "wait, ", "oops, ", "but ", "no, "];

/// What a line between changes says that takes the one above it back, wherever it stands.
const INSTEAD: [&str; 9] = [
    "ignore the above",
    "ignore the first",
    "disregard the above",
    "corrected version:",
    "corrected patch:",
    "corrected diff:",
    "so this instead:",
    "scratch that",
    "strike that",
];

/// How a line begins that says of the change below it that it is not to be made.
const REJECTS: [&str; 10] = [
    "do not do this",
    "don't do this",
    "not like this",
    "instead of this:",
    "first i thought",
    "a first idea",
    "my first idea was",
    "my first attempt was",
    "my first draft was",
    "my first thought was",
];

/// What a sentence says of any change that is not to be made.
const NOT_TO_BE_MADE: [&str; 15] = [
    "do not apply it",
    "don't apply it",
    "do not apply this patch",
    "don't apply this patch",
    "do not use this patch",
    "don't use this patch",
    "ignore this patch",
    "disregard this patch",
    "disregard the diff",
    "disregard the patch",
    "ignore the diff above",
    "would not make this change",
    "on second thought, leave",
    "nothing has to be changed here",
    "nothing needs to be changed here",
];

/// Refuses a reply that takes back one of its changes, or offers a choice among them.
pub(super) fn check(reply: &Extract<'_>) -> Result<(), Refusal> {
    let said = reply.rest.lines().map(plain);
    let says = |line: &String| NOT_TO_BE_MADE.iter().any(|words| line.contains(words));
    // Of a file, it is said of that alone.
    let is_against =
        |line: &String| says(line) && !title::named(line).iter().any(|name| title::is_path(name));
    if let Some(line) = said.into_iter().find(is_against) {
        return Err(refusal(&format!(
            "the reply says {line:?}, so it cannot be told whether its change is meant"
        )));
    }
    quoted::check(reply)?;
    let [first, others @ ..] = reply.regions.as_slice() else { return Ok(()) };
    if others.is_empty() {
        return Ok(());
    }
    let above = |region: &Region<'_>| region.title.above.iter().map(|line| plain(line)).collect();
    let below = reply.below.iter().map(|line| plain(line)).filter(|line| !line.is_empty());
    // What stands behind each change.
    let mut behind: Vec<Vec<String>> = others.iter().map(above).collect();
    // Whoever weighs options above all changes has chosen one.
    let mut lines = behind.iter().flatten();
    let choice = lines.find(|line| offers(line)).cloned();
    behind.push(below.collect());
    let asks = |line: &&String| ASKS.iter().any(|words| line.starts_with(words));
    if let Some(line) = choice.or_else(|| behind.iter().flatten().find(asks).cloned()) {
        return Err(refusal(&format!(
            "the reply offers several changes ({line:?}), and it cannot be told which is meant"
        )));
    }
    let taken_back = behind.iter().find_map(|lines| takes_back(lines)).cloned();
    let rejects = |line: &&String| {
        REJECTS.iter().any(|words| line.starts_with(words))
            || matches!(line.as_str(), "bad:" | "wrong:")
    };
    let before: Vec<String> = above(first);
    let rejected = || before.iter().chain(behind.iter().flatten()).find(rejects).cloned();
    match taken_back.or_else(rejected) {
        Some(line) => Err(refusal(&format!(
            "the reply says {line:?} beside one of its changes, and it cannot be told which are meant"
        ))),
        None => Ok(()),
    }
}

/// The line that takes back the change which these stand behind.
fn takes_back(lines: &[String]) -> Option<&String> {
    let begins = |line: &str| TAKES_BACK.iter().any(|words| line.starts_with(words));
    let is_taken_back = |line: &&String| {
        let bare = HESITATIONS
            .iter()
            .fold(line.as_str(), |line, words| line.strip_prefix(words).unwrap_or(line));
        begins(line) || begins(bare) || bare == "rather:"
    };
    let is_instead = |line: &&String| INSTEAD.iter().any(|words| line.contains(words));
    lines.first().filter(is_taken_back).or_else(|| lines.iter().find(is_instead))
}

/// Whether a line offers one of several changes.
fn offers(line: &str) -> bool {
    let line = line.trim_start_matches(|letter: char| !letter.is_alphanumeric());
    let is_numbered = |rest: &str| {
        let Some(rest) = rest.strip_prefix(' ') else { return false };
        let rest = rest.trim_start_matches('#');
        let end = rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        let is_number = number.chars().count() == 1 || matches!(number, "one" | "two" | "three");
        // Nothing else is said of it, or what it is.
        is_number
            && (behind.is_empty()
                || behind.starts_with([':', '.', ')'])
                || behind.starts_with(" ("))
    };
    let is_ordinal = ["first option", "second option", "third option"]
        .iter()
        .any(|words| line.starts_with(words));
    is_ordinal
        || CHOICES.iter().any(|word| line.strip_prefix(word).is_some_and(is_numbered))
        || OTHERWISE.iter().any(|words| line.starts_with(words))
}

/// A line in small letters, without the marks for headings and emphasis.
fn plain(line: &str) -> String {
    let line = line.replace(['*', '_', '`'], "").replace('’', "'");
    line.trim_start_matches(['#', '-', '>', ' ']).trim().to_lowercase()
}

fn refusal(message: &str) -> Refusal {
    Refusal::new(Reason::Ambiguous, message).remedy(Remedy::One)
}
