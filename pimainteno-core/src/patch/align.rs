//! Placing a hunk whose lines do not stand in the file as they are: context is missing, mistyped,
//! elided or invented.
//!
//! What is removed must be there. Context is evidence: each line that is there counts for a place,
//! each that is not counts against it. The best place is taken if enough of the hunk is there, and
//! if every other place that any change of the hunk could go to has clearly less to say for itself.

mod neighbours;
mod sample;
mod shown;
mod window;

use std::collections::HashMap;

use neighbours::Found;
pub(super) use sample::Samples;
use sample::Wanted;
use window::Window;

use super::{
    change::{Hunk, Kind},
    locate::Index,
    refusal::{Reason, Refusal},
    steps::Steps,
    text::Text,
};

// Evidence is counted in hundredths of a line that says something.

/// What a blank line says: the same are everywhere.
const OF_BLANK: i32 = 10;
/// What a line says that has neither letters nor digits: brackets end whatever there is.
const OF_MARKS: i32 = 30;
/// What a line with few of them says, such as `end`, `fi` or `x = 1`.
const OF_FEW: i32 = 60;
/// How many are few.
const FEW: usize = 3;
/// What any other line says.
const OF_WORDS: i32 = 100;

/// What a removed line counts, in percent of what it says: more than one of context, because the
/// change is about it. One alone is evidence enough.
const REMOVED: i32 = 150;
/// What a line of context counts that is almost the same, in percent: evidence enough beside one
/// that is there, and less than that one where both could be meant.
const MISTYPED: i32 = 60;
/// What a line of context costs that is not in the file, in percent of what it says: half, so that
/// something speaks for a hunk of which half is there.
const INVENTED: i32 = 50;
/// What a line of the file costs that is not in the hunk: one of them tells no place from another,
/// two do.
const MISSING: i32 = 60;
/// The same beside an insertion, which could go before or behind that line: one of them does.
const MISSING_AT_INSERTION: i32 = 120;
/// The most that a gap costs, however long: the hunk continues elsewhere. So much that a few lines
/// further down are nearer than what is alike in the next function.
const ELSEWHERE: i32 = 400;
/// What a blank line costs that one side has more than the other: half as much, because blank lines
/// are what replies lose first.
const BLANK: i32 = 30;

/// How much more must speak for the best place than for any other: a line that says something.
const MARGIN: i32 = 100;
/// How much more for a place that has another witness: the line number is right, or the lines right
/// before and behind the change are there, and the other place is nearby, so that it leaves out one
/// of them. More than a blank line makes that is there or not, less than between a line and one
/// that is almost the same.
const WITNESSED_MARGIN: i32 = 20;
/// How near that is, in lines: within the same function, most of the time.
const NEARBY: usize = 8;
/// No way leads here.
const NO_WAY: i32 = i32::MIN / 4;

/// Where the lines of a hunk stand: for each line of the hunk the line of the file, and for each
/// change where it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alignment {
    /// For each line of the hunk that is in the old file: where it stands, if it does.
    pub(super) lines: Vec<Option<usize>>,
    /// For each run of changed lines, in order: the lines of the file that it replaces.
    pub(super) blocks: Vec<std::ops::Range<usize>>,
}

/// A file that hunks are held against.
#[derive(Clone, Copy)]
pub(super) struct File<'a> {
    pub(super) text: &'a Text<'a>,
    /// Of its lines, compared as loosely as lines are.
    pub(super) index: &'a Index<'a>,
    /// Its different lines, by their numbers.
    pub(super) samples: &'a Samples,
}

/// One thing that is held against the file.
#[derive(Clone, Copy, Debug)]
struct Element {
    what: What,
    /// Which line of the hunk it is; the first of the block for an insertion.
    line: usize,
    /// Which run of changed lines it belongs to.
    block: usize,
    weight: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Context,
    Removed,
    /// The place of lines that are added where none is removed.
    Insertion,
    /// A line that stands for others, such as `...`, unless the file says the same.
    Elision,
}

impl Element {
    /// Whether its line says next to nothing.
    fn is_blank(&self) -> bool {
        self.weight == OF_BLANK
    }

    /// What it gains where its line stands as it is; `None` if it has no line that can stand.
    fn full_gain(&self) -> Option<i32> {
        match self.what {
            What::Context | What::Elision => Some(self.weight),
            What::Removed => Some(self.weight * REMOVED / 100),
            What::Insertion => None,
        }
    }
}

/// Aligns a hunk with a file.
///
/// # Errors
/// [`Reason::NotFound`] if too little of it is there, [`Reason::Ambiguous`] if it could be meant
/// elsewhere too.
pub(super) fn align(
    hunk: &Hunk,
    file: &File<'_>,
    steps: &mut Steps<'_>,
) -> Result<Alignment, Refusal> {
    let File { text, index, .. } = *file;
    let (elements, blocks) = elements(hunk);
    let window = Window::new(hunk, text, index);
    let width = window.len() + 1;
    // Both ways through the table.
    steps.take((elements.len() + 1).saturating_mul(3 * width))?;
    let table = Table::new(hunk, file, &elements, &window, steps)?;
    let (forward, backward) = (table.forward(), table.backward());
    let last = &forward[elements.len() * width..];
    let Some((end, best)) =
        last.iter().enumerate().max_by_key(|(at, score)| (**score, usize::MAX - at))
    else {
        return Err(not_found());
    };
    let best = *best;
    if best <= 0 {
        return Err(not_found());
    }
    let path = table.trace(&forward, end);
    let lines: Vec<_> = path.iter().map(|place| place.map(|place| window.line(place))).collect();
    Found { hunk, text, index, table: &table, places: &path, lines: &lines }.check()?;
    // The line number is a witness too, if the first line that is there stands exactly where it
    // says.
    let first = elements.iter().zip(&path).find_map(|(element, place)| Some((element, (*place)?)));
    let at_number = hunk.old.is_some_and(|(start, _)| {
        first.is_some_and(|(element, place)| {
            let before = hunk.lines[..element.line].iter().filter(|line| line.is_old()).count();
            window.line(place) + 1 == start + before
        })
    });
    let mut rivals = Vec::new();
    for block in 0..blocks {
        let Some(pin) = table.pin(block) else { continue };
        let chosen = path[pin];
        for place in 0..width {
            let margin = match chosen {
                Some(chosen)
                    if window.line(chosen).abs_diff(window.line(place)) <= NEARBY
                        && table.is_enclosed(pin, &path) =>
                {
                    WITNESSED_MARGIN
                }
                _ if at_number => WITNESSED_MARGIN,
                _ => MARGIN,
            };
            if Some(place) != chosen && table.total(&forward, &backward, pin, place) > best - margin
            {
                rivals.push(place);
            }
        }
        if let (false, Some(chosen)) = (rivals.is_empty(), chosen) {
            rivals.push(chosen);
            rivals.iter_mut().for_each(|rival| *rival = window.line(*rival));
            rivals.sort_unstable();
            rivals.dedup();
            let message = format!(
                "its lines are not in the file as they are, and what is alike stands in {} places",
                rivals.len()
            );
            return Err(Refusal::new(Reason::Ambiguous, message).places(text, &rivals, 1));
        }
    }
    Ok(table.alignment(&lines, blocks))
}

fn not_found() -> Refusal {
    Refusal::new(Reason::NotFound, "its lines are not in the file")
}

/// What a hunk is made of, and how many runs of changed lines it has.
fn elements(hunk: &Hunk) -> (Vec<Element>, usize) {
    let (mut elements, mut blocks, mut line, mut runs) = (Vec::new(), 0, 0, hunk.blocks());
    while let Some(current) = hunk.lines.get(line) {
        if current.kind == Kind::Context {
            let what = if is_elision(&current.text) { What::Elision } else { What::Context };
            elements.push(Element { what, line, block: blocks, weight: weight(&current.text) });
            line += 1;
            continue;
        }
        let start = line;
        let end = runs.next().map_or(hunk.lines.len(), |run| run.end);
        while line < end {
            if hunk.lines[line].kind == Kind::Removed {
                elements.push(Element {
                    what: What::Removed,
                    line,
                    block: blocks,
                    weight: weight(&hunk.lines[line].text),
                });
            }
            line += 1;
        }
        if !elements.last().is_some_and(|last| last.what == What::Removed && last.block == blocks) {
            elements.push(Element { what: What::Insertion, line: start, block: blocks, weight: 0 });
        }
        blocks += 1;
    }
    (elements, blocks)
}

/// Whether a line of context stands for others that were left out.
pub(super) fn is_elision(text: &str) -> bool {
    let text = text
        .trim()
        .trim_start_matches(['#', '/', '*', ';', '-', '<', '!', ' '])
        .trim_end_matches(['*', '/', '-', '>', ' ']);
    let text = text.trim_matches(['(', ')', '[', ']', ' ']);
    text == "..."
        || text == "…"
        || text == "⋮"
        || text == "etc."
        || ((text.starts_with("...") || text.starts_with('…'))
            && (text.ends_with("...") || text.ends_with('…')))
}

/// What a line says.
fn weight(text: &str) -> i32 {
    match text.chars().filter(|character| character.is_alphanumeric()).count() {
        0 if text.trim().is_empty() => OF_BLANK,
        0 => OF_MARKS,
        1..=FEW => OF_FEW,
        _ => OF_WORDS,
    }
}

/// A hunk's elements against a file's lines. A state is how many elements are done and at which
/// line of the file one stands.
struct Table<'a> {
    elements: &'a [Element],
    /// What an element gains at a line, by the line's number; none where it cannot stand.
    gains: Vec<Vec<i32>>,
    numbers: Vec<usize>,
    blank: Vec<bool>,
}

impl<'a> Table<'a> {
    fn new(
        hunk: &Hunk,
        file: &File<'_>,
        elements: &'a [Element],
        window: &Window,
        steps: &mut Steps<'_>,
    ) -> Result<Self, Refusal> {
        // Lines that compare as equal are held against a line once.
        let (mut known, mut different, mut numbers) =
            (HashMap::new(), Vec::new(), Vec::with_capacity(window.len()));
        for line in window.lines() {
            let number = file.index.lines().get(line).copied().unwrap_or(u32::MAX);
            numbers.push(*known.entry(number).or_insert_with(|| {
                different.push(number);
                different.len() - 1
            }));
        }
        let mut gains = Vec::with_capacity(elements.len());
        for element in elements {
            let Some(full) = element.full_gain() else {
                gains.push(Vec::new());
                continue;
            };
            let line = &hunk.lines[element.line].text;
            let mut of_element = vec![NO_WAY; different.len()];
            if element.what == What::Context && element.weight > OF_MARKS {
                let wanted = Wanted::new(line);
                for (gain, number) in of_element.iter_mut().zip(&different) {
                    if let Some(sample) = file.samples.get(*number, file.text, file.index)
                        && wanted.is_alike(sample, steps)?
                    {
                        *gain = element.weight * MISTYPED / 100;
                    }
                }
            }
            let number = file.index.number(line.as_bytes()).and_then(|number| known.get(&number));
            if let Some(gain) = number.and_then(|number| of_element.get_mut(*number)) {
                *gain = full;
            }
            gains.push(of_element);
        }
        let is_blank = |line| file.text.line(line).trim_ascii().is_empty();
        let blank = window.lines().map(is_blank).collect();
        Ok(Self { elements, gains, numbers, blank })
    }

    fn width(&self) -> usize {
        self.numbers.len() + 1
    }

    /// What element `at` gains if it stands at `line`.
    fn gain(&self, at: usize, line: usize) -> i32 {
        let gains = self.numbers.get(line).and_then(|number| self.gains[at].get(*number));
        gains.copied().unwrap_or(NO_WAY)
    }

    /// What it costs that element `at` stands nowhere.
    fn cost_of_none(&self, at: usize) -> i32 {
        let element = self.elements[at];
        match element.what {
            What::Context => element.weight * INVENTED / 100,
            What::Insertion | What::Elision => 0,
            What::Removed if element.is_blank() => BLANK,
            What::Removed => -NO_WAY,
        }
    }

    /// What it costs to pass over a line of the file before element `at`, and what at most to pass
    /// over many.
    fn cost_of_missing(&self, at: usize, line: usize) -> (i32, i32) {
        let (before, behind) = (self.elements.get(at.wrapping_sub(1)), self.elements.get(at));
        let what = |element: Option<&Element>| element.map(|element| element.what);
        match (what(before), what(behind)) {
            (Some(What::Removed), Some(What::Removed))
                if before.map(|element| element.block) == behind.map(|element| element.block) =>
            {
                (if self.blank.get(line) == Some(&true) { MISSING } else { -NO_WAY }, -NO_WAY)
            }
            (Some(What::Insertion), _) | (_, Some(What::Insertion)) => {
                (MISSING_AT_INSERTION, -NO_WAY)
            }
            _ => (if self.blank.get(line) == Some(&true) { BLANK } else { MISSING }, ELSEWHERE),
        }
    }

    /// The best that can be said for having done `row` elements and standing at a line, for each
    /// row and line.
    fn forward(&self) -> Vec<i32> {
        let width = self.width();
        let mut table = vec![NO_WAY; (self.elements.len() + 1) * width];
        table[..width].fill(0);
        for at in 0..self.elements.len() {
            let (done, rest) = table.split_at_mut((at + 1) * width);
            let (before, row) = (&done[at * width..], &mut rest[..width]);
            let none = self.cost_of_none(at);
            let is_elision = self.elements[at].what == What::Elision;
            let (mut most, mut elided) = (NO_WAY, NO_WAY);
            for line in 0..width {
                elided = elided.max(before[line]);
                let mut score = if is_elision { elided } else { before[line] - none };
                if line > 0 {
                    score = score.max(before[line - 1] + self.gain(at, line - 1));
                    if at + 1 < self.elements.len() {
                        let (cost, cap) = self.cost_of_missing(at + 1, line - 1);
                        score = score.max(row[line - 1] - cost).max(most - cap);
                    }
                }
                row[line] = score.max(NO_WAY);
                most = most.max(row[line]);
            }
        }
        table
    }

    /// The best that can be said for what follows, for each row and line.
    fn backward(&self) -> Vec<i32> {
        let (width, count) = (self.width(), self.elements.len());
        let mut table = vec![NO_WAY; (count + 1) * width];
        table[count * width..].fill(0);
        for at in (0..count).rev() {
            let (rest, done) = table.split_at_mut((at + 1) * width);
            let (row, behind) = (&mut rest[at * width..], &done[..width]);
            let none = self.cost_of_none(at);
            let is_elision = self.elements[at].what == What::Elision;
            let (mut most, mut elided) = (NO_WAY, NO_WAY);
            for line in (0..width).rev() {
                elided = elided.max(behind[line]);
                let mut score = if is_elision { elided } else { behind[line] - none };
                if line + 1 < width {
                    score = score.max(behind[line + 1] + self.gain(at, line));
                    if at > 0 {
                        let (cost, cap) = self.cost_of_missing(at, line);
                        score = score.max(row[line + 1] - cost).max(most - cap);
                    }
                }
                row[line] = score.max(NO_WAY);
                most = most.max(row[line]);
            }
        }
        table
    }

    /// The best that can be said for a whole way on which element `at` stands at `line`.
    fn total(&self, forward: &[i32], backward: &[i32], at: usize, line: usize) -> i32 {
        let width = self.width();
        let before = forward[at * width + line];
        match self.elements[at].what {
            What::Insertion => before + backward[(at + 1) * width + line],
            _ if line + 1 < width => {
                before + self.gain(at, line) + backward[(at + 1) * width + line + 1]
            }
            _ => NO_WAY,
        }
    }

    /// Whether the hunk's lines right before and behind an element stand right before and behind
    /// its place.
    fn is_enclosed(&self, pin: usize, path: &[Option<usize>]) -> bool {
        let Some(place) = path[pin] else { return false };
        let behind = if self.elements[pin].what == What::Insertion { place } else { place + 1 };
        let is_before = pin
            .checked_sub(1)
            .is_some_and(|at| path[at].is_some() && path[at] == place.checked_sub(1));
        is_before && path.get(pin + 1) == Some(&Some(behind))
    }

    /// The element that says where a block is: its first removed line that says something, or its
    /// insertion.
    fn pin(&self, block: usize) -> Option<usize> {
        let of_block = |element: &Element| {
            element.block == block && matches!(element.what, What::Removed | What::Insertion)
        };
        let says = self.elements.iter().position(|element| {
            of_block(element) && (!element.is_blank() || element.what == What::Insertion)
        });
        says.or_else(|| self.elements.iter().position(of_block))
    }

    /// The way that ends at `end`: for each element the line where it stands.
    fn trace(&self, forward: &[i32], end: usize) -> Vec<Option<usize>> {
        let width = self.width();
        let mut path = vec![None; self.elements.len()];
        let (mut row, mut line) = (self.elements.len(), end);
        while row > 0 {
            let (at, score) = (row - 1, forward[row * width + line]);
            let before = |line: usize| forward[at * width + line];
            if line > 0
                && self.gain(at, line - 1) > NO_WAY
                && before(line - 1) + self.gain(at, line - 1) == score
            {
                path[at] = Some(line - 1);
                (row, line) = (at, line - 1);
            } else if self.elements[at].what == What::Elision
                && let Some(from) = (0..=line).rev().find(|from| before(*from) == score)
            {
                (row, line) = (at, from);
            } else if before(line) - self.cost_of_none(at) == score {
                path[at] = (self.elements[at].what == What::Insertion).then_some(line);
                row = at;
            } else if line > 0
                && forward[row * width + line - 1] - self.cost_of_missing(row, line - 1).0 == score
            {
                line -= 1;
            } else {
                let cap = self.cost_of_missing(row, line.saturating_sub(1)).1;
                match (0..line).rev().find(|from| forward[row * width + from] - cap == score) {
                    Some(from) => line = from,
                    None => break,
                }
            }
        }
        path
    }

    fn alignment(&self, path: &[Option<usize>], blocks: usize) -> Alignment {
        let lines =
            self.elements.iter().map(|element| element.line).max().map_or(0, |line| line + 1);
        let mut alignment = Alignment { lines: vec![None; lines], blocks: vec![0..0; blocks] };
        let mut seen = vec![false; blocks];
        for (element, place) in self.elements.iter().zip(path) {
            match (element.what, place) {
                (What::Context | What::Elision, Some(_)) => {
                    alignment.lines[element.line] = *place;
                }
                (What::Removed, Some(place)) => {
                    alignment.lines[element.line] = Some(*place);
                    let block = &mut alignment.blocks[element.block];
                    *block = if seen[element.block] {
                        block.start..place + 1
                    } else {
                        *place..place + 1
                    };
                    seen[element.block] = true;
                }
                (What::Insertion, Some(place)) => alignment.blocks[element.block] = *place..*place,
                _ => {}
            }
        }
        alignment
    }
}
