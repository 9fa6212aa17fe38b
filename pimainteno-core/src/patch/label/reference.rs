//! Names in a text that are not what a change is for: what it is compared with, or what it is not.

/// The longest line that is looked at, in bytes: a sentence is shorter.
const LONGEST: usize = 2000;

/// Words that may stand between such a word and the name.
const BETWEEN: [&str; 21] = [
    "in", "from", "of", "to", "by", "for", "at", "on", "the", "a", "file", "module", "is", "are",
    "was", "were", "be", "been", "done", "made", "it",
];

/// Words that make a reference of the name behind them.
const BEFORE: [&str; 9] =
    ["like", "unlike", "not", "than", "similar", "analogous", "except", "besides", "without"];

/// Words that do so only in front of another: what is set instead in a file is set there.
const PAIRED: [[&str; 2]; 2] = [["instead", "of"], ["copied", "from"]];

/// Words that do so if what they compare with is said, too: `as in a.py`, `as a.py does`.
const COMPARED: [&str; 4] = ["as", "what", "how", "way"];

/// Words that say what another file does.
const DOES: [&str; 6] = ["does", "do", "did", "has", "had", "already"];

/// What others do with a file that is left alone.
const USES: [[&str; 2]; 5] = [
    ["imported", "by"],
    ["imported", "from"],
    ["called", "by"],
    ["called", "from"],
    ["used", "by"],
];

/// Whether a line says a name, and only to compare with it or to say what is not meant.
pub(in crate::patch) fn is_reference(line: &str, name: &str) -> bool {
    if line.len() > LONGEST {
        return false;
    }
    let mut places = line.match_indices(name).map(|(at, _)| at).peekable();
    places.peek().is_some() && places.all(|at| refers(&line[..at], &line[at + name.len()..]))
}

/// Whether the name between these words is one that others are compared with.
fn refers(before: &str, behind: &str) -> bool {
    let is_mark = |letter: char| matches!(letter, '`' | '*' | '"' | '\'' | '(' | ')' | '[' | ']');
    // What ends a clause ends what belongs to the name.
    let clause = before.rsplit([',', ';', ':', '.']).next().unwrap_or_default().to_lowercase();
    let mut words: Vec<_> =
        clause.split_whitespace().map(|word| word.trim_matches(is_mark)).collect();
    words.retain(|word| !word.is_empty());
    if USES.iter().any(|pair| words.ends_with(pair)) {
        return true;
    }
    let count = words.len();
    let mut next = "";
    while let Some(word) = words.pop_if(|word| BETWEEN.contains(word)) {
        next = word;
    }
    let Some(last) = words.last() else { return false };
    let behind = behind.trim_start_matches(is_mark).to_lowercase();
    let verb = behind.split(|letter: char| !letter.is_alphabetic()).nth(1).unwrap_or_default();
    let does = behind.starts_with(' ') && DOES.contains(&verb);
    BEFORE.contains(last)
        || PAIRED.contains(&[*last, next])
        || (COMPARED.contains(last) && (does || (*last == "as" && words.len() < count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_with_is_told_from_what_is_changed() {
        for line in [
            "This follows what `b.py` does already:",
            "The same as was done in b.py last week is missing here.",
            "Do it as in `b.py`.",
            "Handle it as b.py does:",
            "We read `a.py`, not `b.py`.",
            "It comes from a.py, not from b.py.",
            "The check is similar to **b.py**:",
            "This is imported by b.py:",
            "Change it instead of `b.py`:",
            "It was copied from the file `b.py`:",
        ] {
            assert!(is_reference(line, "b.py"), "{line}");
        }
        for line in [
            "In `b.py`:",
            "Save this as `b.py`:",
            "Do it like this in b.py:",
            "This is what `b.py` should say:",
            "Not much changes, in b.py:",
            "A file called `b.py`:",
            "Remove the import from b.py:",
            "As follows, in `b.py`:",
            "It is done in `b.py`:",
            "Not in b.py, but there. In b.py:",
            "In a.py:",
            "The limit is set instead in `b.py`:",
            "It is copied to `b.py`:",
        ] {
            assert!(!is_reference(line, "b.py"), "{line}");
        }
    }
}
