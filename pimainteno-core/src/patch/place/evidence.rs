//! What speaks against a place: the change may be in the file already, or the hunk may be meant
//! elsewhere.

use std::collections::{BTreeMap, HashSet};

use super::{Found, Round};
use crate::patch::{
    change::{Hunk, HunkLine, Kind},
    locate::Fit,
    refusal::{Reason, Refusal},
    steps::Steps,
};

/// How much the longest line of a reply has to say, in bytes, to be told from one that just looks
/// like it: more than `end;` or brackets.
const LEAST_SAID: usize = 8;

/// The most places of a line that vote for where a hunk most likely belongs, which an excerpt shows:
/// a line that stands more often says nothing.
const MOST_VOTES: usize = 64;

/// The most lines between those of a hunk where its number says that it stands: where there are
/// more, the number is wrong.
const MOST_BETWEEN: usize = 3;

impl Round<'_> {
    /// Whether the lines of a hunk that stands at `place` also stand where its number says, with a
    /// few others between them.
    pub(super) fn stands_with_gaps(
        &self,
        hunk: &Hunk,
        place: usize,
        steps: &mut Steps<'_>,
    ) -> Result<bool, Refusal> {
        let Some(start) = hunk.old.and_then(|(start, _)| start.checked_sub(1)) else {
            return Ok(false);
        };
        let count = hunk.old_lines().count();
        // A window that reaches the place itself says nothing.
        if count < 3 || start.abs_diff(place) < 2 * (count + MOST_BETWEEN) {
            return Ok(false);
        }
        // Numbers are often wrong by a line or two.
        steps.take(16 * count * MOST_BETWEEN)?;
        Ok((start.saturating_sub(MOST_BETWEEN)..=start + MOST_BETWEEN)
            .any(|start| self.follows_with_gaps(hunk, start)))
    }

    /// Whether the lines of a hunk stand from `start` on, with a few others between them.
    fn follows_with_gaps(&self, hunk: &Hunk, start: usize) -> bool {
        let (mut next, mut between) = (start, 0);
        for line in hunk.old_lines() {
            let wanted = Fit::Punctuation.key(line.text.as_bytes());
            while next < self.text.len() && Fit::Punctuation.key(self.text.line(next)) != wanted {
                (next, between) = (next + 1, between + 1);
                if between > MOST_BETWEEN || next == start + 1 {
                    return false;
                }
            }
            if next >= self.text.len() {
                return false;
            }
            next += 1;
        }
        true
    }

    /// Whether the lines that a hunk leads to stand in the file already.
    pub(super) fn stands_already(
        &self,
        hunk: &Hunk,
        fit: Fit,
        steps: &mut Steps<'_>,
    ) -> Result<bool, Refusal> {
        Ok(!self.places_already(hunk, fit, steps)?.is_empty())
    }

    /// Where the lines that a hunk leads to stand in the file already, if they say something.
    fn places_already(
        &self,
        hunk: &Hunk,
        fit: Fit,
        steps: &mut Steps<'_>,
    ) -> Result<Vec<usize>, Refusal> {
        let index = self.index(fit, steps)?;
        let pattern: Option<Vec<u32>> = hunk
            .lines
            .iter()
            .filter(|line| line.is_new())
            .map(|line| index.number(line.text.as_bytes()))
            .collect();
        let says_something =
            hunk.lines.iter().any(|line| line.kind == Kind::Added && !line.text.trim().is_empty());
        match pattern {
            Some(pattern) if says_something => index.find(&pattern, steps),
            _ => Ok(Vec::new()),
        }
    }

    /// Whether what a hunk adds behind all of its other lines follows them in the file already,
    /// where they stand at `place`.
    ///
    /// A tool shows the lines below a change, so that one which is `verbatim` and shows none was
    /// made where the file ended: whatever follows by now was added meanwhile. A reply that leaves
    /// them out must say the same as the very next lines. Both must say something, a reply
    /// enough of it where more follows: a bracket ends whatever others have added, too.
    pub(super) fn follows_already(&self, hunk: &Hunk, place: usize, verbatim: bool) -> bool {
        let is_added = |line: &&HunkLine| line.kind == Kind::Added;
        let count = hunk.lines.iter().rev().take_while(is_added).count();
        let (others, added) = hunk.lines.split_at(hunk.lines.len() - count);
        let only_added = others.iter().all(|line| line.kind == Kind::Context);
        let longest = added.iter().map(|line| line.text.trim().len()).max().unwrap_or_default();
        let end = place + others.len();
        let ends_file = end + count == self.text.len();
        let says_enough = if verbatim || ends_file {
            added.iter().any(|line| line.text.contains(char::is_alphanumeric))
        } else {
            longest >= LEAST_SAID
        };
        if !only_added || !says_enough {
            return false;
        }
        let is_same = |from: usize| {
            added.iter().enumerate().all(|(offset, line)| {
                from + offset < self.text.len()
                    && Fit::TrailingBlanks.key(self.text.line(from + offset))
                        == Fit::TrailingBlanks.key(line.text.as_bytes())
            })
        };
        let last = self.text.len().saturating_sub(count);
        let places = if verbatim { end..last + 1 } else { end..end + 1 };
        places.into_iter().any(is_same)
    }

    /// Whether a hunk that only adds lines, and that stands at `place`, is in the file already where
    /// it was meant.
    ///
    /// Its own lines stand in one place. So whatever says the same elsewhere is another place, unless
    /// the number or the line that it is said to be below is of that one, or a tool made the hunk,
    /// whose lines may have been in several places then.
    pub(super) fn was_meant_elsewhere(
        &self,
        found: &Found<'_>,
        place: usize,
        verbatim: bool,
        steps: &mut Steps<'_>,
    ) -> Result<bool, Refusal> {
        let hunk = &found.hunk;
        let count = |of: fn(&HunkLine) -> bool| hunk.lines.iter().filter(|line| of(line)).count();
        let (old, new) = (count(HunkLine::is_old), count(HunkLine::is_new));
        let start = hunk.old.map(|(start, _)| start.saturating_sub(1));
        for other in self.places_already(hunk, found.fit, steps)? {
            let is_same = other < place + old && place < other + new;
            let is_nearer = start.is_some_and(|it| it.abs_diff(other) <= it.abs_diff(place));
            if verbatim
                || is_same
                || is_nearer
                || self.below(&hunk.anchors, &[other, place], steps)? == Some(other)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether any line that a hunk removes, and that says something, is still in the file: then
    /// the change may be meant there, although what it leads to stands elsewhere.
    pub(super) fn holds_removed(
        &self,
        hunk: &Hunk,
        steps: &mut Steps<'_>,
    ) -> Result<bool, Refusal> {
        let index = self.index(Fit::Punctuation, steps)?;
        let said: HashSet<_> = hunk
            .lines
            .iter()
            .filter(|line| line.is_new())
            .map(|line| Fit::Punctuation.key(line.text.as_bytes()))
            .collect();
        Ok(hunk.lines.iter().any(|line| {
            line.kind == Kind::Removed
                && line.text.contains(char::is_alphanumeric)
                && !said.contains(&Fit::Punctuation.key(line.text.as_bytes()))
                && index.number(line.text.as_bytes()).is_some()
        }))
    }

    /// Whether a hunk does not fit because what it leads to is there: turned around, it does.
    pub(super) fn is_undone_by(
        &self,
        hunk: &Hunk,
        refusal: &Refusal,
        steps: &mut Steps<'_>,
    ) -> Result<bool, Refusal> {
        let only_adds = hunk.lines.iter().all(|line| line.kind != Kind::Removed);
        let may_be = match refusal.reason {
            Reason::NotFound => true,
            // What is there already stands between the lines that it is to go between.
            Reason::Ambiguous => only_adds,
            _ => false,
        };
        if !may_be || self.holds_removed(hunk, steps)? {
            return Ok(false);
        }
        let mut inverse = hunk.clone();
        for line in &mut inverse.lines {
            line.kind = match line.kind {
                Kind::Context => Kind::Context,
                Kind::Removed => Kind::Added,
                Kind::Added => Kind::Removed,
            };
        }
        // In the order in which a hunk shows them.
        for block in hunk.blocks() {
            inverse.lines[block].sort_by_key(|line| line.kind == Kind::Added);
        }
        match self.aligned(&inverse, steps) {
            Ok(_) => Ok(true),
            Err(refusal) if matches!(refusal.reason, Reason::TooLarge | Reason::Cancelled) => {
                Err(refusal)
            }
            Err(_) => Ok(false),
        }
    }

    /// The same refusal with what the file says where the hunk most likely belongs.
    pub(super) fn explained(
        &self,
        refusal: Refusal,
        hunk: &Hunk,
        steps: &mut Steps<'_>,
    ) -> Result<Refusal, Refusal> {
        if !refusal.places.is_empty() || refusal.reason == Reason::Cancelled {
            return Ok(refusal);
        }
        let Ok(index) = self.index(Fit::Punctuation, steps) else { return Ok(refusal) };
        let mut votes = BTreeMap::new();
        for (offset, line) in hunk.old_lines().enumerate() {
            let Some(number) =
                index.number(line.text.as_bytes()).filter(|_| !line.text.trim().is_empty())
            else {
                continue;
            };
            for place in index.places(number).iter().take(MOST_VOTES) {
                *votes.entry((*place as usize).saturating_sub(offset)).or_insert(0_usize) += 1;
            }
        }
        let said = hunk.old.map_or(0, |(start, _)| start.saturating_sub(1));
        let most = votes
            .iter()
            .max_by_key(|(place, count)| (**count, usize::MAX - place.abs_diff(said)))
            .map(|(place, _)| *place);
        let place = most.or_else(|| hunk.old.map(|_| said.min(self.text.len().saturating_sub(1))));
        Ok(match place {
            Some(place) => refusal.places(self.text, &[place], hunk.old_lines().count()),
            None => refusal,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::patch::{Content, Reason, Rules, plan};

    /// What a change of `list` makes of it, or why not.
    fn placed(list: &str, hunk: &str, rules: &Rules<'_>) -> Result<String, Reason> {
        let content = Content { bytes: list.as_bytes().to_vec(), executable: false };
        let files = BTreeMap::from([("list".to_owned(), content)]);
        let diff = format!("--- a/list\n+++ b/list\n{hunk}");
        let plan = plan(diff.as_bytes(), &files, rules).map_err(|refusal| refusal.reason)?;
        let after = plan.files()[0].after.clone().unwrap();
        Ok(String::from_utf8(after.bytes).unwrap())
    }

    #[test]
    fn a_line_that_follows_already_is_told_from_one_that_is_meant_twice() {
        let hunk = "@@ -1,3 +1,4 @@\n a\n b\n c\n+the last of all\n";
        let both = [Rules::new(), Rules::new().verbatim()];
        for rules in &both {
            // Added meanwhile, alone and with more behind it.
            for more in ["", "d\ne\n"] {
                let list = format!("a\nb\nc\nthe last of all\n{more}");
                assert_eq!(placed(&list, hunk, rules), Err(Reason::AlreadyThere), "{list}");
            }
            // What Git makes of a commit that says it once more: what is there is shown.
            let again = "@@ -2,3 +2,4 @@\n b\n c\n the last of all\n+the last of all\n";
            let list = "a\nb\nc\nthe last of all\n";
            assert_eq!(placed(list, again, rules).unwrap(), format!("{list}the last of all\n"));
            let middle = "@@ -1,5 +1,6 @@\n a\n b\n c\n+the last of all\n the last of all\n d\n";
            assert_eq!(
                placed(&format!("{list}d\n"), middle, rules).unwrap(),
                "a\nb\nc\nthe last of all\nthe last of all\nd\n"
            );
            // Another line was added there.
            assert!(placed("a\nb\nc\nanother one\n", hunk, rules).is_ok());
        }
        // A reply leaves out what is below, and brackets come in rows.
        let bracket = "@@ -1,2 +1,3 @@\n x {\n y {\n+}\n";
        assert_eq!(placed("x {\ny {\n}\n", bracket, &both[0]).unwrap(), "x {\ny {\n}\n}\n");
        // A block of others ends in what this one says, too.
        let list = "x {\ny {\nothers {\n}\n";
        for rules in &both {
            let placed = placed(list, bracket, rules).unwrap();
            assert_eq!(placed, "x {\ny {\n}\nothers {\n}\n");
        }
        // Something else came before it.
        let list = "a\nb\nc\nd\nthe last of all\n";
        assert_eq!(placed(list, hunk, &both[1]), Err(Reason::AlreadyThere));
        assert!(placed(list, hunk, &both[0]).is_ok());
    }
}
