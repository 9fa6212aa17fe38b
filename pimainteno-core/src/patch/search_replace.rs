//! Blocks that say what to search for and what to put in its place.
//!
//! ```text
//! <<<<<<< SEARCH
//! what is there
//! =======
//! what comes there
//! >>>>>>> REPLACE
//! ```
//!
//! Lines that both halves begin or end with are context; between them, what is searched is removed
//! and the rest added. The marks of a merge that was not finished (`<<<<<<< HEAD`) are no block.

use super::{
    change::{Hunk, HunkLine, Kind},
    refusal::{Reason, Refusal},
};

/// How many marks a line of them has: seven, and models count badly.
const MARKS: std::ops::RangeInclusive<usize> = 5..=9;

/// Words behind the marks at the top, and those behind the marks at the end.
const TOPS: [&str; 2] = ["SEARCH", "ORIGINAL"];
const ENDS: [&str; 2] = ["REPLACE", "UPDATED"];

/// Whether a line looks as if it opened a block, in whatever way it is written.
pub(super) fn nearly_opens(line: &str) -> bool {
    let line = line.trim();
    let word = line.trim_start_matches(['<', '-']);
    let is_word = |known: &&str| word.trim().eq_ignore_ascii_case(known);
    line.len() - word.len() >= *MARKS.start() && ["SEARCH", "ORIGINAL", "FIND"].iter().any(is_word)
}

/// Whether a line opens a block.
pub(super) fn opens(line: &str) -> bool {
    ['<', '-'].iter().any(|mark| marks(line, *mark, &TOPS).is_some())
}

/// The line that closes the block that begins with the first of `lines`; `None` if it is not
/// closed before another begins.
pub(super) fn end(lines: &[&str]) -> Option<usize> {
    let end = (1..lines.len()).find(|at| closes(lines[*at]) || opens(lines[*at]))?;
    closes(lines[end]).then_some(end)
}

/// Reads a block, from the line that opens it to the one that closes it; `None` if it changes
/// nothing.
///
/// # Errors
/// [`Reason::Truncated`] if it is not closed, [`Reason::Malformed`] if it cannot be told where its
/// halves meet.
pub(super) fn read(lines: &[&str]) -> Result<Option<Hunk>, Refusal> {
    let [top, inside @ .., last] = lines else { return Err(cut_off()) };
    if !closes(last) {
        return Err(cut_off());
    }
    let length = top.bytes().take_while(|byte| *byte == top.as_bytes()[0]).count();
    let is_divider = |line: &str, count: usize| {
        let line = line.trim_end();
        line.len() == count && line.bytes().all(|byte| byte == b'=')
    };
    let find = |lengths: std::ops::RangeInclusive<usize>| -> Vec<usize> {
        let is_one = |at: &usize| lengths.clone().any(|count| is_divider(inside[*at], count));
        (0..inside.len()).filter(is_one).collect()
    };
    let as_long = find(length..=length);
    let dividers = if as_long.is_empty() { find(MARKS) } else { as_long };
    let [divider] = dividers.as_slice() else {
        let message = if dividers.is_empty() {
            "a block to search and replace has no line of `=` between its halves"
        } else {
            "a block to search and replace has several lines of `=`, and it cannot be told which of them parts its halves"
        };
        return Err(Refusal::new(Reason::Malformed, message));
    };
    let (start, search) = without_numbers(&inside[..*divider]);
    Ok(hunk(start, search, &inside[divider + 1..]))
}

/// The hunk that replaces `search`, which begins with line `start` if that is said.
fn hunk(start: Option<usize>, search: &[&str], replace: &[&str]) -> Option<Hunk> {
    if search == replace {
        return None;
    }
    let same = |(old, new): &(&&str, &&str)| old == new;
    let before = search.iter().zip(replace).take_while(same).count();
    let (old, new) = (&search[before..], &replace[before..]);
    let behind = old.iter().rev().zip(new.iter().rev()).take_while(same).count();
    let (removed, added) = (&old[..old.len() - behind], &new[..new.len() - behind]);
    let lines = |lines: &[&str], kind: Kind| -> Vec<HunkLine> {
        lines.iter().map(|line| HunkLine::new(kind, line)).collect()
    };
    let all = [
        lines(&search[..before], Kind::Context),
        lines(removed, Kind::Removed),
        lines(added, Kind::Added),
        lines(&search[search.len() - behind..], Kind::Context),
    ];
    // What is put in the place of nothing is all of the file.
    let start = if search.is_empty() { Some(0) } else { start };
    Some(Hunk {
        old: start.map(|start| (start, search.len())),
        new_count: Some(replace.len()),
        lines: all.concat(),
        ..Hunk::default()
    })
}

/// What is searched without the line numbers that some put above it, and the first of them.
fn without_numbers<'s, 'a>(lines: &'s [&'a str]) -> (Option<usize>, &'s [&'a str]) {
    let is_number =
        |line: &&&str| [":start_line:", ":end_line:"].iter().any(|key| line.starts_with(key));
    let count = lines.iter().take_while(is_number).count();
    let start = lines[..count].iter().find_map(|line| {
        line.strip_prefix(":start_line:")
            .and_then(|number| number.trim().parse::<u32>().ok())
            .and_then(|number| usize::try_from(number).ok())
    });
    let rest = &lines[count..];
    match rest.split_first() {
        Some((rule, rest))
            if count > 0
                && rule.len() >= *MARKS.start()
                && rule.bytes().all(|byte| byte == b'-') =>
        {
            (start, rest)
        }
        _ => (start, rest),
    }
}

fn closes(line: &str) -> bool {
    ['>', '+'].iter().any(|mark| marks(line, *mark, &ENDS).is_some())
}

/// How many marks a line has, if it is so many and one of the words.
fn marks(line: &str, mark: char, words: &[&str]) -> Option<usize> {
    let rest = line.trim_start_matches(mark);
    let count = line.len() - rest.len();
    let word = rest.strip_prefix(' ')?.trim_end().trim_end_matches(['>', ':']);
    (MARKS.contains(&count) && words.contains(&word)).then_some(count)
}

fn cut_off() -> Refusal {
    Refusal::new(Reason::Truncated, "the reply ends within a block to search and replace")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a block's hunk with their markers.
    fn shown(text: &str) -> Result<Option<Vec<String>>, Reason> {
        let lines: Vec<_> = text.lines().collect();
        let hunk = read(&lines).map_err(|refusal| refusal.reason)?;
        Ok(hunk.map(|hunk| {
            let mark = |kind| match kind {
                Kind::Context => ' ',
                Kind::Removed => '-',
                Kind::Added => '+',
            };
            hunk.lines.iter().map(|line| format!("{}{}", mark(line.kind), line.text)).collect()
        }))
    }

    #[test]
    fn blocks_become_hunks() {
        type Shown<'a> = Result<Option<&'a [&'a str]>, Reason>;
        let rows: [(&str, Shown<'_>); 12] = [
            ("<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE", Ok(Some(&["-a", "+b"]))),
            ("<<<<< SEARCH\na\n=====\nb\n>>>>> REPLACE", Ok(Some(&["-a", "+b"]))),
            ("<<<<<<< ORIGINAL\na\n=======\nb\n>>>>>>> UPDATED", Ok(Some(&["-a", "+b"]))),
            ("------- SEARCH\na\n=======\nb\n+++++++ REPLACE", Ok(Some(&["-a", "+b"]))),
            (
                "<<<<<<< SEARCH\na\nb\nc\n=======\na\nB\nc\n>>>>>>> REPLACE",
                Ok(Some(&[" a", "-b", "+B", " c"])),
            ),
            ("<<<<<<< SEARCH\na\n=======\na\na\n>>>>>>> REPLACE", Ok(Some(&[" a", "+a"]))),
            ("<<<<<<< SEARCH\na\n=======\n>>>>>>> REPLACE", Ok(Some(&["-a"]))),
            (
                "<<<<<<< SEARCH\nT\n=====\n=======\nU\n=====\n>>>>>>> REPLACE",
                Ok(Some(&["-T", "+U", " ====="])),
            ),
            (
                "<<<<<<< SEARCH\n:start_line:3\n-------\na\n=======\nb\n>>>>>>> REPLACE",
                Ok(Some(&["-a", "+b"])),
            ),
            ("<<<<<<< SEARCH\na\n=======\na\n>>>>>>> REPLACE", Ok(None)),
            ("<<<<<<< SEARCH\na\n=======\nb\n=======\nc\n>>>>>>> REPLACE", Err(Reason::Malformed)),
            ("<<<<<<< SEARCH\na\n=======\nb", Err(Reason::Truncated)),
        ];
        for (text, expected) in rows {
            let expected = expected
                .map(|lines| lines.map(|lines| lines.iter().map(ToString::to_string).collect()));
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn marks_of_a_merge_are_no_block() {
        for line in
            ["<<<<<<< HEAD", "<<<< SEARCH", "<<<<<<<<<< SEARCH", "+<<<<<<< SEARCH", "<<<<<<<"]
        {
            assert!(!opens(line), "{line}");
        }
        assert!(opens("<<<<<<< SEARCH") && opens("<<<<<<< SEARCH>"));
    }
}
