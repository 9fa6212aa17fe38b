//! Placing the hunks of one file.
//!
//! Each hunk is looked for in the file as it was; if it is not there, in the file as the other
//! hunks leave it; and if it is not there either, by what of it can be found. Every place counts: a
//! hunk that could stand in several is refused, unless its line number or the line that it is said
//! to be below decides.

mod evidence;
mod reading;

use std::{borrow::Cow, cell::OnceCell, ops::Range};

use reading::readings;

use super::{
    align::{Alignment, align},
    change::{Hunk, HunkLine, Kind},
    indent::{Habit, Mapping, Pairs},
    locate::{Fit, Index, Steps},
    refusal::{Reason, Refusal},
    text::{Edit, End, NewLine, Text},
};

/// The mark in front of UTF-8, which belongs to the file and not to its first line.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The most places that the line above is looked up for.
const MOST_ANCHORED: usize = 64;

/// How often hunks are looked for in what the others leave.
const MOST_ROUNDS: usize = 8;

/// A hunk that is to be placed in a file.
#[derive(Clone, Debug)]
pub(super) struct Job<'a> {
    pub(super) hunk: &'a Hunk,
    /// Its number in the file, from 1.
    pub(super) number: usize,
    /// Which section it is from.
    pub(super) section: usize,
    /// The loosest fit that is accepted.
    pub(super) loosest: Fit,
    /// A tool made it from real files, so that what it adds is meant as it is.
    pub(super) verbatim: bool,
}

/// A file with its hunks in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) bytes: Vec<u8>,
    /// For each hunk, how well it fits and the first line of what it changes, from 1.
    pub(super) fits: Vec<(usize, Fit, usize)>,
}

/// Places all hunks in a file, or none.
pub(super) fn place(content: &[u8], jobs: &[Job<'_>]) -> Result<Placed, Refusal> {
    if content.contains(&0) {
        return Err(Refusal::new(Reason::Binary, "it is a binary file"));
    }
    let text = Text::new(content);
    let mut steps = Steps::new();
    let mut fits = Vec::new();
    let mut first = Round::new(&text);
    let mut left = first.whole_hunks(jobs, &mut steps)?;
    let edits = merged(&text, std::mem::take(&mut first.edits))?;
    fits.append(&mut first.fits);
    let mut image = text.edited(&edits);
    let mut rounds = 0;
    // Later hunks may be written against what the earlier ones leave.
    while !left.is_empty() && !fits.is_empty() && rounds < MOST_ROUNDS {
        let (after, rest, mut found) = {
            let mut round = Round::new(&image);
            let rest = round.whole_hunks(&left, &mut steps)?;
            let edits = merged(&image, std::mem::take(&mut round.edits))?;
            (image.edited(&edits), rest, std::mem::take(&mut round.fits))
        };
        if found.is_empty() {
            break;
        }
        fits.append(&mut found);
        (image, left) = (after, rest);
        rounds += 1;
    }
    if !left.is_empty() {
        // By what can be found of them, in the file as it was unless some already went on top of
        // others.
        let base = if rounds == 0 { &text } else { &image };
        let mut round = Round::new(base);
        for job in &left {
            round.align(job, &mut steps)?;
        }
        let mut all = std::mem::take(&mut round.edits);
        if rounds == 0 {
            all.extend(edits.into_iter().map(|edit| (0, edit)));
        }
        fits.append(&mut round.fits);
        let all = merged(base, all)?;
        image = base.edited(&all);
    }
    fits.sort_by_key(|(number, ..)| *number);
    Ok(Placed { bytes: image.bytes(), fits })
}

/// Hunks against one state of a file.
struct Round<'a> {
    text: &'a Text<'a>,
    indexes: [OnceCell<Index<'a>>; 4],
    /// With the number of the hunk that each is from.
    edits: Vec<(usize, Edit)>,
    fits: Vec<(usize, Fit, usize)>,
    habit: OnceCell<Habit>,
}

/// Where a whole hunk stands.
struct Found<'a> {
    hunk: Cow<'a, Hunk>,
    fit: Fit,
    places: Vec<usize>,
}

impl<'a> Round<'a> {
    fn new(text: &'a Text<'a>) -> Self {
        Self {
            text,
            indexes: [const { OnceCell::new() }; 4],
            edits: Vec::new(),
            fits: Vec::new(),
            habit: OnceCell::new(),
        }
    }

    fn index(&self, fit: Fit) -> &Index<'a> {
        self.indexes[(fit as usize).min(3)].get_or_init(|| Index::new(self.text, fit))
    }

    /// Places the hunks that stand in the file as a whole; gives those that do not.
    fn whole_hunks<'j>(
        &mut self,
        jobs: &[Job<'j>],
        steps: &mut Steps,
    ) -> Result<Vec<Job<'j>>, Refusal> {
        let (mut found, mut left) = (Vec::new(), Vec::new());
        for job in jobs {
            match self.find(job, steps).map_err(|refusal| refusal.hunk(job.number))? {
                Some(places) => found.push((job, places)),
                None => left.push(job.clone()),
            }
        }
        // Line numbers decide only while nothing shows that they are wrong.
        let is_off = |found: &Found<'_>| matches!((found.places.as_slice(), found.hunk.old), ([place], Some((start, _))) if place + 1 != start);
        let numbers_hold = !found.iter().any(|(_, found)| is_off(found));
        let several: Vec<_> = found
            .iter()
            .enumerate()
            .filter(|(_, (_, found))| found.places.len() > 1)
            .map(|(at, _)| at)
            .collect();
        for at in several {
            let (job, _) = &found[at];
            let alike: Vec<_> = found
                .iter()
                .filter(|(other, _)| {
                    other.section == job.section && other.hunk.lines == job.hunk.lines
                })
                .collect();
            let turn = alike.iter().take_while(|(other, _)| other.number < job.number).count();
            let place = self
                .decide(&found[at].1, numbers_hold, (turn, alike.len()))
                .map_err(|refusal| refusal.hunk(job.number))?;
            found[at].1.places = vec![place];
        }
        for (job, found) in found {
            let Some(place) = found.places.first() else { continue };
            // The change may have been made where it was meant, so that its lines fit elsewhere
            // only.
            let is_meant = found.hunk.old.map(|(start, _)| start) == Some(place + 1);
            let only_adds = found.hunk.lines.iter().all(|line| line.kind != Kind::Removed);
            let has_context = found.hunk.old_lines().any(|line| !line.text.trim().is_empty());
            if !is_meant && self.stands_with_gaps(&found.hunk, *place) {
                let message = "its lines stand in one place as they are, and with others between them where its line number says";
                let start = found.hunk.old.map_or(0, |(start, _)| start.saturating_sub(1));
                let refusal = Refusal::new(Reason::Ambiguous, message).places(
                    self.text,
                    &[start, *place],
                    found.hunk.old_lines().count(),
                );
                return Err(refusal.hunk(job.number));
            }
            // Where nothing of the hunk is below what it adds, its lines stand there whether or not
            // that does, too.
            let stands = if is_meant {
                self.follows_already(&found.hunk, *place, job.verbatim)
            } else {
                only_adds && self.stands_already(&found.hunk, found.fit, steps)?
            };
            if has_context && stands {
                return Err(Refusal::new(
                    Reason::NoChange,
                    "the file already says what it would be changed to",
                )
                .hunk(job.number));
            }
            let lines = straight(&found.hunk, *place);
            self.edit(job, &found.hunk, &lines, found.fit)?;
        }
        Ok(left)
    }

    /// Where a hunk stands as a whole, compared as strictly as finds it.
    fn find<'j>(&self, job: &Job<'j>, steps: &mut Steps) -> Result<Option<Found<'j>>, Refusal> {
        if job.hunk.old_lines().next().is_none() {
            return self.find_insertion(job).map(Some);
        }
        let readings = readings(job.hunk);
        for fit in Fit::OF_LINES.into_iter().filter(|fit| {
            *fit <= job.loosest && (*fit <= Fit::TrailingBlanks || !job.hunk.must_fit)
        }) {
            let index = self.index(fit);
            let mut hits = Vec::new();
            for hunk in &readings {
                let pattern: Option<Vec<u32>> =
                    hunk.old_lines().map(|line| number(index, line, fit)).collect();
                let Some(pattern) = pattern else { continue };
                let mut places = index.find(&pattern, steps)?;
                // There may be more places than are listed.
                if let Some(start) = hunk.old.and_then(|(start, _)| start.checked_sub(1))
                    && index.is_at(&pattern, start)
                    && !places.contains(&start)
                {
                    places.push(start);
                }
                if !places.is_empty() {
                    hits.push(Found { hunk: hunk.clone(), fit, places });
                }
            }
            // Of several readings, the counts choose.
            if hits.len() > 1 && hits.iter().filter(|found| found.hunk.counts_fit()).count() == 1 {
                hits.retain(|found| found.hunk.counts_fit());
            }
            // At one place the reading is right that takes the fewest of them for something else
            // than context.
            let converted = |found: &Found<'_>| {
                found
                    .hunk
                    .lines
                    .iter()
                    .filter(|line| line.guessed && line.kind != Kind::Context)
                    .count()
            };
            if let Some((fewest, place)) =
                hits.iter().map(|found| (converted(found), found.places[0])).min()
                && hits.iter().all(|found| {
                    found.places.len() == 1
                        && found.places[0].abs_diff(place) <= job.hunk.lines.len()
                })
            {
                hits.retain(|found| converted(found) == fewest);
            }
            let result = |found: &Found<'_>| {
                (found.places.len() == 1)
                    .then(|| self.result(&found.hunk, &straight(&found.hunk, found.places[0])))
            };
            if hits.len() > 1
                && let Some(Some(first)) = hits.first().map(result)
                && hits.iter().all(|found| result(found).as_ref() == Some(&first))
            {
                hits.truncate(1);
            }
            if hits.len() > 1 {
                let places: Vec<_> =
                    hits.iter().flat_map(|found| found.places.iter().copied()).collect();
                let message = "it has empty lines without a marker, and both readings of them fit";
                return Err(Refusal::new(Reason::Ambiguous, message).places(self.text, &places, 1));
            }
            if let Some(found) = hits.pop() {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// Where lines are added that have no others around them.
    fn find_insertion<'j>(&self, job: &Job<'j>) -> Result<Found<'j>, Refusal> {
        let place = if self.text.is_empty() {
            0
        } else if job.hunk.at_end {
            self.text.len()
        } else {
            let refusal = Refusal::new(
                Reason::Ambiguous,
                "it adds lines and has no line of the file around them, so that they could go anywhere",
            );
            return Err(refusal.hunk(job.number));
        };
        Ok(Found { hunk: Cow::Borrowed(job.hunk), fit: Fit::Exact, places: vec![place] })
    }

    /// Which of several places is meant. `turn` says which of how many hunks with the same lines
    /// this is.
    fn decide(
        &self,
        found: &Found<'_>,
        numbers_hold: bool,
        turn: (usize, usize),
    ) -> Result<usize, Refusal> {
        let (places, length) = (&found.places, found.hunk.old_lines().count());
        let start = found.hunk.old.and_then(|(start, _)| start.checked_sub(1));
        if let Some(start) = start.filter(|start| numbers_hold && places.contains(start)) {
            return Ok(start);
        }
        if found.hunk.at_end
            && let Some(place) = places.iter().find(|place| **place + length == self.text.len())
        {
            return Ok(*place);
        }
        if let Some(anchor) = found.hunk.anchors.last()
            && let Some(place) = self.below(anchor, places)
        {
            return Ok(place);
        }
        // So many times the same change for so many places.
        if turn.1 == places.len() {
            return Ok(places[turn.0]);
        }
        let shown: Vec<_> = places.iter().take(8).map(|place| (place + 1).to_string()).collect();
        let more = if places.len() > shown.len() { " …" } else { "" };
        let message = format!(
            "its lines stand in {} places, at lines {}{more}, and it cannot be told which is meant",
            places.len(),
            shown.join(", ")
        );
        Err(Refusal::new(Reason::Ambiguous, message).places(self.text, places, length))
    }

    /// The one place in what begins with the line that says `anchor`, if that line and the place
    /// are the only ones.
    fn below(&self, anchor: &str, places: &[usize]) -> Option<usize> {
        // With its indentation if that finds it. Git cuts long lines off.
        let only = |fit: Fit| {
            let wanted = fit.key(anchor.as_bytes());
            let mut found = (0..self.text.len()).filter(|line| {
                let line = fit.key(self.text.line(*line));
                line == wanted || (wanted.len() >= 40 && line.starts_with(&wanted))
            });
            found.next().filter(|_| found.next().is_none())
        };
        let line = only(Fit::TrailingBlanks).or_else(|| only(Fit::Punctuation))?;
        let depth = indentation(self.text.line(line));
        let begins = |other: &usize| {
            let text = self.text.line(*other);
            let first = text.trim_ascii_start().first();
            indentation(text) <= depth
                && first
                    .is_some_and(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$'))
        };
        let mut below = places
            .iter()
            .take(MOST_ANCHORED + 1)
            .filter(|place| (0..**place).rev().find(begins) == Some(line));
        let (place, None) = (below.next()?, below.next()) else { return None };
        (places.len() <= MOST_ANCHORED).then_some(*place)
    }

    /// Places a hunk by what can be found of it.
    fn align(&mut self, job: &Job<'_>, steps: &mut Steps) -> Result<(), Refusal> {
        let refused = |refusal: Refusal| self.explained(refusal, job.hunk).hunk(job.number);
        if job.loosest < Fit::Context || job.hunk.must_fit {
            return Err(refused(Refusal::new(Reason::NotFound, "its lines are not in the file")));
        }
        if self.stands_already(job.hunk, Fit::TrailingBlanks, steps)? {
            return Err(refused(Refusal::new(
                Reason::NoChange,
                "the file already says what it would be changed to",
            )));
        }
        let (mut best, mut refusal) = (Vec::new(), None);
        for hunk in readings(job.hunk) {
            match align(&hunk, self.text, self.index(Fit::Punctuation), steps) {
                Ok(alignment) => best.push((hunk, alignment)),
                Err(error) if error.reason == Reason::NotFound => refusal = refusal.or(Some(error)),
                Err(error) => return Err(refused(error)),
            }
        }
        // Empty lines that stand in the file where they are as context are context.
        if let Some((hunk, alignment)) = best.first()
            && hunk
                .lines
                .iter()
                .zip(&alignment.lines)
                .all(|(line, place)| !(line.guessed && line.text.is_empty()) || place.is_some())
        {
            best.truncate(1);
        }
        if best.len() > 1 && best.iter().filter(|(hunk, _)| hunk.counts_fit()).count() == 1 {
            best.retain(|(hunk, _)| hunk.counts_fit());
        }
        if best.len() > 1 {
            let mut results = best.iter().map(|(hunk, alignment)| self.result(hunk, alignment));
            let first = results.next();
            if results.all(|result| Some(result) == first) {
                best.truncate(1);
            }
        }
        match (best.pop(), best.is_empty()) {
            (Some((hunk, alignment)), true) => self.edit(job, &hunk, &alignment, Fit::Context),
            (Some(_), false) => Err(refused(Refusal::new(
                Reason::Ambiguous,
                "it has empty lines without a marker, and it cannot be told what they are",
            ))),
            (None, _) => Err(refused(refusal.unwrap_or_else(|| {
                Refusal::new(Reason::NotFound, "its lines are not in the file")
            }))),
        }
    }

    /// Notes what a hunk does to the file, its lines standing where `alignment` says.
    fn edit(
        &mut self,
        job: &Job<'_>,
        hunk: &Hunk,
        alignment: &Alignment,
        fit: Fit,
    ) -> Result<(), Refusal> {
        let mut pairs = Pairs::default();
        if fit >= Fit::Blanks {
            for (line, place) in hunk.lines.iter().zip(&alignment.lines) {
                if let Some(place) = place.filter(|_| line.is_old()) {
                    // A line that is only alike says nothing about blanks.
                    if Fit::Punctuation.key(line.text.as_bytes())
                        == Fit::Punctuation.key(self.text.line(place))
                    {
                        pairs.note(&line.text, self.text.line(place), line.kind == Kind::Removed);
                    }
                }
            }
        }
        let added = hunk
            .lines
            .iter()
            .filter(|line| line.kind == Kind::Added)
            .map(|line| line.text.as_str());
        let mapping = pairs.mapping(added.clone()).map_err(|refusal| refusal.hunk(job.number))?;
        if !job.verbatim {
            let habit = self.habit.get_or_init(|| Habit::of(self.text));
            habit
                .check(added.map(|line| mapping.apply(line)), fit)
                .map_err(|refusal| refusal.hunk(job.number))?;
        }
        let edits: Vec<_> = hunk
            .blocks()
            .zip(&alignment.blocks)
            .map(|(block, place)| self.block(hunk, block, place, &mapping))
            .collect();
        let first = edits.first().map_or(0, |edit| edit.start);
        self.fits.push((job.number, fit, first + 1));
        self.edits.extend(edits.into_iter().map(|edit| (job.number, edit)));
        Ok(())
    }

    /// The whole file with one hunk in place.
    fn result(&self, hunk: &Hunk, alignment: &Alignment) -> Vec<u8> {
        let edits: Vec<_> = hunk
            .blocks()
            .zip(&alignment.blocks)
            .map(|(block, place)| self.block(hunk, block, place, &Mapping::Same))
            .collect();
        self.text.edited(&edits).bytes()
    }

    /// What one run of changed lines does.
    fn block(
        &self,
        hunk: &Hunk,
        block: Range<usize>,
        place: &Range<usize>,
        mapping: &Mapping,
    ) -> Edit {
        // A hunk that shows carriage returns shows all of them.
        let shows_ends = hunk.lines.iter().any(|line| line.carriage_return);
        let lines = &hunk.lines[block];
        let removed = || lines.iter().filter(|line| line.kind == Kind::Removed);
        let new_line = |line: &HunkLine| NewLine {
            text: mapping.apply(&line.text).into_bytes(),
            end: match (line.bare, line.carriage_return, shows_ends) {
                (true, ..) => Some(End::Missing),
                (_, true, _) => Some(End::CrLf),
                (_, false, true) => Some(End::Lf),
                _ => None,
            },
        };
        let mut edit = Edit {
            start: place.start,
            end: place.end,
            lines: lines.iter().filter(|line| line.kind == Kind::Added).map(new_line).collect(),
            ended_bare: removed().next_back().is_some_and(|line| line.bare),
        };
        // The mark in front of the file stays, unless the reply shows it.
        let marked = self.text.line(0).starts_with(BYTE_ORDER_MARK.as_bytes());
        if marked
            && place.contains(&0)
            && removed().next().is_some_and(|line| !line.text.starts_with(BYTE_ORDER_MARK))
            && let Some(first) = edit.lines.first_mut()
        {
            first.text.splice(0..0, BYTE_ORDER_MARK.bytes());
        }
        edit
    }
}

/// The number of a hunk's line in an index.
fn number(index: &Index<'_>, line: &HunkLine, fit: Fit) -> Option<u32> {
    let text = line.text.as_bytes();
    index.number(text).or_else(|| {
        // The mark in front of a file belongs to its first line, and replies leave it out.
        (fit != Fit::Exact)
            .then(|| index.number(format!("{BYTE_ORDER_MARK}{}", line.text).as_bytes()))
            .flatten()
    })
}

/// How the lines of a hunk stand that is in the file as a whole, from `place` on.
fn straight(hunk: &Hunk, place: usize) -> Alignment {
    let mut next = place;
    let lines = hunk.lines.iter().map(|line| {
        let at = next;
        next += usize::from(line.is_old());
        line.is_old().then_some(at)
    });
    let lines: Vec<_> = lines.collect();
    let mut seen = (0, place);
    let blocks = hunk.blocks().map(|block| {
        let start =
            seen.1 + hunk.lines[seen.0..block.start].iter().filter(|line| line.is_old()).count();
        let end = start + hunk.lines[block.clone()].iter().filter(|line| line.is_old()).count();
        seen = (block.end, end);
        start..end
    });
    let blocks = blocks.collect();
    Alignment { lines, blocks }
}

/// The edits in order, each once.
///
/// # Errors
/// [`Reason::Conflict`] if two change the same lines differently.
fn merged(text: &Text<'_>, mut edits: Vec<(usize, Edit)>) -> Result<Vec<Edit>, Refusal> {
    edits.sort_by_key(|(_, edit)| (edit.start, edit.end));
    let mut merged: Vec<(usize, Edit)> = Vec::with_capacity(edits.len());
    for (number, edit) in edits {
        let Some((_, last)) = merged.last() else {
            merged.push((number, edit));
            continue;
        };
        if *last == edit {
            continue;
        }
        let both_insert =
            last.start == last.end && edit.start == edit.end && last.start == edit.start;
        if edit.start < last.end || both_insert {
            let message =
                format!("two parts of the change do different things to line {}", edit.start + 1);
            return Err(Refusal::new(Reason::Conflict, message).hunk(number).places(
                text,
                &[edit.start],
                1,
            ));
        }
        merged.push((number, edit));
    }
    Ok(merged.into_iter().map(|(_, edit)| edit).collect())
}

fn indentation(line: &[u8]) -> usize {
    line.len() - line.trim_ascii_start().len()
}
