//! What two versions of a file have in common.

use std::ops::Range;

use crate::patch::{
    refusal::{Reason, Refusal},
    steps::Steps,
};

/// The most pairs of lines that are held against each other, of one file: each takes four bytes.
const MOST_PAIRS: usize = 8_000_000;

/// Lines of the old version in whose place lines of the new one come; one of them may be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) old: Range<usize>,
    pub(super) new: Range<usize>,
}

/// The differences of two versions, in order, with as many lines kept as can be.
///
/// # Errors
/// [`Reason::TooLarge`] if there are too many to tell, and what [`Steps::take`] gives.
pub(super) fn differences<T: PartialEq>(
    old: &[T],
    new: &[T],
    steps: &mut Steps<'_>,
) -> Result<Vec<Difference>, Refusal> {
    let before = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[before..], &new[before..]);
    let behind = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, new) = (&old[..old.len() - behind], &new[..new.len() - behind]);
    let width = new.len() + 1;
    let pairs = (old.len() + 1).saturating_mul(width);
    if pairs > MOST_PAIRS {
        let message = "the file is too large to compare it with the block";
        return Err(Refusal::new(Reason::TooLarge, message));
    }
    steps.take(pairs)?;
    // How many lines the rest of both, from here on, have in common.
    let mut common = vec![0_u32; (old.len() + 1) * width];
    for at in (0..old.len()).rev() {
        for to in (0..new.len()).rev() {
            common[at * width + to] = if old[at] == new[to] {
                common[(at + 1) * width + to + 1] + 1
            } else {
                common[(at + 1) * width + to].max(common[at * width + to + 1])
            };
        }
    }
    let (mut found, mut at, mut to) = (Vec::<Difference>::new(), 0, 0);
    while at < old.len() || to < new.len() {
        if at < old.len() && to < new.len() && old[at] == new[to] {
            (at, to) = (at + 1, to + 1);
            continue;
        }
        let (from, start) = (at, to);
        while at < old.len() || to < new.len() {
            if at < old.len() && to < new.len() && old[at] == new[to] {
                break;
            }
            let removes = to == new.len()
                || (at < old.len() && common[(at + 1) * width + to] >= common[at * width + to + 1]);
            if removes {
                at += 1;
            } else {
                to += 1;
            }
        }
        found
            .push(Difference { old: before + from..before + at, new: before + start..before + to });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_found_in_order() {
        let rows = [
            ("abc", "abc", vec![]),
            ("abc", "aBc", vec![(1..2, 1..2)]),
            ("abc", "ac", vec![(1..2, 1..1)]),
            ("ac", "abc", vec![(1..1, 1..2)]),
            ("abcd", "bxd", vec![(0..1, 0..0), (2..3, 1..2)]),
            ("", "ab", vec![(0..0, 0..2)]),
        ];
        for (old, new, expected) in rows {
            let found =
                differences(old.as_bytes(), new.as_bytes(), &mut Steps::new(&|| false)).unwrap();
            let found: Vec<_> = found.into_iter().map(|found| (found.old, found.new)).collect();
            assert_eq!(found, expected, "{old} {new}");
        }
    }
}
