//! The format of `diff -c`: what was there and what comes there, one below the other.

use super::{
    change::{Action, Hunk, HunkLine, Kind, Section},
    label,
    refusal::{Reason, Refusal},
};

/// The line above each hunk.
const RULE: &str = "***************";

/// Whether a section in this format begins with the first of `lines`.
pub(super) fn begins(lines: &[&str]) -> bool {
    let [old, new, rule, ..] = lines else { return false };
    old.starts_with("*** ") && new.starts_with("--- ") && rule.starts_with(RULE)
}

/// Reads the section that begins with the first of `lines`, and says how many they are.
///
/// # Errors
/// [`Reason::Truncated`] if a hunk has fewer lines than it says, [`Reason::Malformed`] if its halves
/// do not fit together.
pub(super) fn read(lines: &[&str]) -> Result<(Section, usize), Refusal> {
    let name = |line: Option<&&str>, mark: &str| {
        line.and_then(|line| line.strip_prefix(mark)).and_then(label::read)
    };
    let (old, new) = (name(lines.first(), "*** "), name(lines.get(1), "--- "));
    let action = match (&old, &new) {
        (None, None) => return Err(malformed("a section names no file")),
        (None, _) => Action::Create,
        (_, None) => Action::Delete,
        _ => Action::Modify,
    };
    let mut section = Section { old, new, action, prefixed: true, ..Section::default() };
    let mut at = 2;
    while lines.get(at).is_some_and(|line| line.starts_with(RULE)) {
        let (mut hunk, behind) = hunk(&lines[at + 1..])?;
        let anchor = lines[at][RULE.len()..].trim_end();
        if let Some(anchor) =
            anchor.strip_prefix(' ').filter(|anchor| anchor.contains(char::is_alphanumeric))
        {
            hunk.anchors.push(anchor.to_owned());
        }
        at += 1 + behind;
        if hunk.changes() {
            section.hunks.push(hunk);
        }
    }
    Ok((section, at))
}

/// Reads a hunk below its rule.
fn hunk(lines: &[&str]) -> Result<(Hunk, usize), Refusal> {
    let (start, old_count) = range(lines.first(), "*** ", " ****").ok_or_else(cut_off)?;
    let (old, mut at) = half(&lines[1..], old_count, '-')?;
    let old_lines = &lines[1..=at];
    at += 1;
    let (_, new_count) = range(lines.get(at), "--- ", " ----").ok_or_else(cut_off)?;
    let (new, behind) = half(&lines[at + 1..], new_count, '+')?;
    let new_lines = &lines[at + 1..=at + behind];
    at += 1 + behind;
    // A line that changes is in both halves.
    let changes = |lines: &[&str]| lines.iter().any(|line| line.starts_with('!'));
    if changes(old_lines) != changes(new_lines) {
        return Err(cut_off());
    }
    // A half without a change is left out: it says what is context in the other.
    let context = |lines: &[HunkLine]| -> Vec<HunkLine> {
        lines.iter().filter(|line| line.kind == Kind::Context).cloned().collect()
    };
    let (old, new) = match (old.is_empty(), new.is_empty()) {
        (true, false) => (context(&new), new),
        (false, true) => {
            let new = context(&old);
            (old, new)
        }
        _ => (old, new),
    };
    // One number is said of one line, and of none.
    let fits = |half: &[HunkLine], count| half.len() == count || (half.is_empty() && count == 1);
    if !fits(&old, old_count) || !fits(&new, new_count) {
        return Err(cut_off());
    }
    let mut hunk =
        Hunk { old: Some((start, old.len())), new_count: Some(new.len()), ..Hunk::default() };
    let (mut old, mut new) = (old.into_iter().peekable(), new.into_iter().peekable());
    loop {
        while let Some(line) = old.next_if(|line| line.kind != Kind::Context) {
            hunk.lines.push(line);
        }
        while let Some(line) = new.next_if(|line| line.kind != Kind::Context) {
            hunk.lines.push(line);
        }
        match (old.next(), new.next()) {
            (Some(old), Some(new)) if old.text == new.text => hunk.lines.push(old),
            (None, None) => return Ok((hunk, at)),
            _ => return Err(malformed("the halves of a hunk have other lines in common")),
        }
    }
}

/// Reads `count` lines of one half, or none if that half is left out.
fn half(lines: &[&str], count: usize, mark: char) -> Result<(Vec<HunkLine>, usize), Refusal> {
    let changed = if mark == '-' { Kind::Removed } else { Kind::Added };
    let (mut read, mut at) = (Vec::new(), 0);
    while let Some(line) = lines.get(at) {
        if line.starts_with("\\ ") {
            if let Some(last) = read.last_mut() {
                let last: &mut HunkLine = last;
                last.bare = true;
            }
            at += 1;
            continue;
        }
        if read.len() == count {
            break;
        }
        let kind = match line.as_bytes() {
            [b' ', b' ', ..] | [] | [b' '] => Kind::Context,
            [b'!', b' ', ..] | b"!" => changed,
            [byte, b' ', ..] | [byte] if char::from(*byte) == mark => changed,
            _ if read.is_empty() => return Ok((read, 0)),
            _ => return Err(cut_off()),
        };
        // The range of the other half.
        if read.is_empty() && mark == '-' && range(Some(line), "--- ", " ----").is_some() {
            return Ok((read, 0));
        }
        read.push(HunkLine::new(kind, line.get(2..).unwrap_or_default()));
        at += 1;
    }
    Ok((read, at))
}

/// Reads `*** 3,7 ****`: the first line, and how many there are.
fn range(line: Option<&&str>, before: &str, behind: &str) -> Option<(usize, usize)> {
    let text = line?.trim_end().strip_prefix(before)?.strip_suffix(behind)?;
    let (start, end): (usize, usize) = match text.split_once(',') {
        Some((start, end)) => (start.parse().ok()?, end.parse().ok()?),
        None => (text.parse().ok()?, text.parse().ok()?),
    };
    let count = if end == 0 { 0 } else { end.checked_sub(start)?.checked_add(1)? };
    Some((start, count))
}

fn cut_off() -> Refusal {
    Refusal::new(Reason::Truncated, "a hunk of `diff -c` has fewer lines than it says")
}

fn malformed(message: &str) -> Refusal {
    Refusal::new(Reason::Malformed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the hunks of a section, with their markers.
    fn shown(text: &str) -> Result<(Vec<String>, usize), Reason> {
        let lines: Vec<_> = text.lines().collect();
        assert!(begins(&lines), "{text}");
        let (section, count) = read(&lines).map_err(|refusal| refusal.reason)?;
        let mark = |kind| match kind {
            Kind::Context => ' ',
            Kind::Removed => '-',
            Kind::Added => '+',
        };
        let lines = section.hunks.iter().flat_map(|hunk| {
            hunk.lines.iter().map(|line| format!("{}{}", mark(line.kind), line.text))
        });
        Ok((lines.collect(), count))
    }

    #[test]
    fn both_halves_become_one_hunk() {
        type Read<'a> = Result<(&'a [&'a str], usize), Reason>;
        let head = "*** a/x\t2024-01-01\n--- b/x\t2024-01-02\n***************\n";
        let rows: [(&str, Read<'_>); 8] = [
            (
                "*** 1,3 ****\n  a\n! b\n  c\n--- 1,3 ----\n  a\n! B\n  c\n",
                Ok((&[" a", "-b", "+B", " c"], 11)),
            ),
            ("*** 1,2 ****\n--- 1,3 ----\n  a\n+ b\n  c\nmore\n", Ok((&[" a", "+b", " c"], 8))),
            ("*** 1,3 ****\n  a\n- b\n  c\n--- 1,2 ----\n", Ok((&[" a", "-b", " c"], 8))),
            ("*** 1,2 ****\n- - 1,3 ----\n  c\n--- 1 ----\n", Ok((&["-- 1,3 ----", " c"], 7))),
            ("*** 1 ****\n! b\n--- 1 ----\n! B\n", Ok((&["-b", "+B"], 7))),
            (
                "*** 1 ****\n! b\n--- 1 ----\n! B\n***************\n*** 5 ****\n- e\n--- 4 ----\n",
                Ok((&["-b", "+B", "-e"], 11)),
            ),
            ("*** 1,3 ****\n  a\n! b\n", Err(Reason::Truncated)),
            ("*** 1,2 ****\n  a\n! b\n--- 1,2 ----\n  A\n! B\n", Err(Reason::Malformed)),
        ];
        for (text, expected) in rows {
            let expected = expected.map(|(lines, count)| {
                (lines.iter().map(ToString::to_string).collect::<Vec<_>>(), count)
            });
            assert_eq!(shown(&format!("{head}{text}")), expected, "{text}");
        }
    }
}
