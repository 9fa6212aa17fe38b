//! The ways in which a hunk can be read that has empty lines without a marker.

use std::borrow::Cow;

use crate::patch::change::{Hunk, HunkLine, Kind};

/// The most runs of empty lines without a marker that are each read in both ways: that many double
/// the readings as often.
const MOST_RUNS: usize = 4;

/// The ways to read a hunk: empty lines without a marker are context, or belong to the change that
/// they stand beside.
pub(super) fn readings(hunk: &Hunk) -> Vec<Cow<'_, Hunk>> {
    let is_guess = |line: &HunkLine| line.guessed && line.text.is_empty();
    let kind = |at: Option<usize>| at.and_then(|at| hunk.lines.get(at)).map(|line| line.kind);
    let (mut runs, mut at) = (Vec::new(), 0);
    while at < hunk.lines.len() {
        let end = at + hunk.lines[at..].iter().take_while(|line| is_guess(line)).count();
        if end > at {
            match (kind(at.checked_sub(1)), kind(Some(end))) {
                (Some(Kind::Removed), Some(Kind::Removed)) => runs.push((at..end, Kind::Removed)),
                (Some(Kind::Added), _) | (_, Some(Kind::Added)) => {
                    runs.push((at..end, Kind::Added));
                }
                _ => {}
            }
        }
        at = end + 1;
    }
    let is_edge = |run: &std::ops::Range<usize>| run.start == 0 || run.end == hunk.lines.len();
    let at_edge = runs.iter().any(|(run, _)| is_edge(run));
    // Each run for itself while they are few, otherwise all alike.
    let choices: Vec<u32> =
        if runs.len() <= MOST_RUNS { (0..1 << runs.len()).collect() } else { vec![0, u32::MAX] };
    let read = |choice: u32| {
        if choice == 0 {
            return Cow::Borrowed(hunk);
        }
        let mut other = hunk.clone();
        for (number, (run, kind)) in runs.iter().enumerate() {
            if choice >> number.min(31) & 1 == 1 {
                other.lines[run.clone()].iter_mut().for_each(|line| line.kind = *kind);
            }
        }
        Cow::Owned(other)
    };
    // With nothing before or behind them, empty lines are added only if the counts say so.
    let edges = |read: &Hunk| {
        [read.lines.first(), read.lines.last()].map(|line| line.map(|line| line.kind))
    };
    let is_likely =
        |read: &Cow<'_, Hunk>| !at_edge || edges(read) == edges(hunk) || read.counts_fit();
    choices.into_iter().map(read).filter(is_likely).collect()
}
