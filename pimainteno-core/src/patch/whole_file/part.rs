//! What tells that a block is a part of a file, and not all of it.

use std::collections::{BTreeSet, HashSet};

use super::compare::Difference;
use crate::patch::{
    fence::Fence,
    refusal::{Reason, Refusal},
    remedy::Remedy,
};

/// How many things that go from a file with data are looked for in what the reply says: nobody names
/// more, and each look goes through all of it.
const MOST_NAMED: usize = 64;

/// How many lines in a row may be missing.
const MOST_MISSING: usize = 2;

/// Refuses a block that leaves out the beginning, the end or most of the file.
pub(super) fn check_whole(
    old: &[&[u8]],
    new: &[&[u8]],
    differences: &[Difference],
) -> Result<(), Refusal> {
    let count = |lines: &[&[u8]]| lines.iter().filter(|line| !line.trim_ascii().is_empty()).count();
    let gone: usize = differences.iter().map(|found| count(&old[found.old.clone()])).sum();
    let all = count(old);
    // Upkeep changes less than half of a file. A block that does not keep half of it is rather
    // another file, or a part with others around it.
    if gone * 2 > all {
        return Err(is_part(&format!("{gone} of the {all} lines of the file are not in it")));
    }
    for Difference { old: lines, new: others } in differences {
        if count(&old[lines.clone()]) <= count(&new[others.clone()]) {
            continue;
        }
        let (mut first, mut last) = (lines.start, lines.end);
        if others.is_empty() {
            // The same lines can be said to be missing further up or down.
            while first > 0 && old[first - 1] == old[first + lines.len() - 1] {
                first -= 1;
            }
            while last < old.len() && old[last] == old[last - lines.len()] {
                last += 1;
            }
        }
        for (place, around) in [("beginning", &old[..first]), ("end", &old[last..])] {
            if count(around) == 0 {
                return Err(is_part(&format!("the {place} of the file is not in it")));
            }
        }
        // Whoever leaves out a function means that it stays, with a remark or without one.
        let missing = count(&old[lines.clone()]).saturating_sub(count(&new[others.clone()]));
        if missing > MOST_MISSING {
            let place = lines.start + 1;
            return Err(is_part(&format!("{missing} lines are not in it, from line {place} on")));
        }
    }
    Ok(())
}

/// Refuses lines with the marks of a diff in front.
pub(super) fn check_marks(old: &[&[u8]], new: &[&[u8]]) -> Result<(), Refusal> {
    let old: HashSet<_> = old.iter().map(|line| line.trim_ascii_end()).collect();
    let is_marked = |line: &&&[u8]| {
        line.strip_prefix(b"-").is_some_and(|behind| {
            !behind.trim_ascii().is_empty()
                && old.contains(behind.trim_ascii_end())
                && !old.contains(line.trim_ascii_end())
        })
    };
    let has_added = new.iter().any(|line| line.starts_with(b"+"));
    match new.iter().find(is_marked).filter(|_| has_added) {
        Some(line) => Err(is_part(&format!(
            "a line of the file has the mark of a removed one in front, {:?}",
            String::from_utf8_lossy(line)
        ))),
        None => Ok(()),
    }
}

/// Refuses a block that lacks a key of a file with data which the reply, in `said`, does not name,
/// unless another line stands in its place.
pub(super) fn check_data(
    old: &[&[u8]],
    new: &[String],
    differences: &[Difference],
    said: &str,
) -> Result<(), Refusal> {
    let key = |line: &str| {
        let start = line.trim_start_matches(|letter: char| !letter.is_alphanumeric());
        let is_of_key = |letter: char| letter.is_alphanumeric() || "_-./@".contains(letter);
        start.split(|letter| !is_of_key(letter)).next().unwrap_or_default().to_lowercase()
    };
    let kept: HashSet<_> = new.iter().map(|line| key(line)).collect();
    let is_said = |line: &&[u8]| !line.trim_ascii().is_empty();
    let lacks = |difference: &&Difference| {
        let others = new[difference.new.clone()].iter().map(String::as_bytes);
        old[difference.old.clone()].iter().copied().filter(|line| is_said(line)).count()
            > others.filter(|line| is_said(line)).count()
    };
    let gone = differences.iter().filter(lacks).flat_map(|found| &old[found.old.clone()]);
    let gone = gone.map(|line| String::from_utf8_lossy(line)).filter(|line| has_key(line.trim()));
    let gone: BTreeSet<_> = gone
        .map(|line| key(&line))
        .filter(|key| !key.is_empty() && !kept.contains(key))
        .take(MOST_NAMED + 1)
        .collect();
    let is_named = |key: &&String| gone.len() <= MOST_NAMED && said.contains(*key);
    match gone.iter().find(|key| !is_named(key)) {
        Some(key) => Err(is_part(&format!("`{key}` is not in it, and the reply does not say so"))),
        None => Ok(()),
    }
}

/// Whether a line of data has a key, or is the heading of those below: a comment has none, nor has
/// most of what is in a list.
fn has_key(line: &str) -> bool {
    let is_heading = line.starts_with('[') && line.ends_with(']') && !line.contains(',');
    !["#", ";", "//"].iter().any(|mark| line.starts_with(mark))
        && (line.contains([':', '=']) || is_heading)
}

/// Whether a fence opens in the lines and is not closed: then it was closed by what looks like the end
/// of the block around it.
pub(super) fn has_open_fence(lines: &[&str]) -> bool {
    let mut at = 0;
    while at < lines.len() {
        if let Some(fence) = Fence::open(lines[at]) {
            match lines[at + 1..].iter().position(|line| fence.is_closed_by(line)) {
                Some(inside) => at += inside + 1,
                None => return true,
            }
        }
        at += 1;
    }
    false
}

/// Whether most lines begin with numbers that grow.
pub(super) fn is_numbered(lines: &[&str]) -> bool {
    let said: Vec<_> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
    let number = |line: &str| {
        let line = line.trim_start();
        let end = line.find(|letter: char| !letter.is_ascii_digit())?;
        let behind = line[end..].starts_with([':', '|', '\t', '→', ' ', ')', '.']);
        line[..end].parse::<u64>().ok().filter(|_| behind)
    };
    let numbers: Vec<_> = said.iter().filter_map(|line| number(line)).collect();
    numbers.len() > 1
        && numbers.len() * 3 > said.len() * 2
        && numbers.windows(2).all(|pair| pair[0] < pair[1])
}

pub(super) fn is_part(why: &str) -> Refusal {
    Refusal::new(
        Reason::Ambiguous,
        format!("it cannot be told whether the block is all of the file or a part of it: {why}"),
    )
    .remedy(Remedy::Diff)
}
