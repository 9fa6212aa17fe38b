//! Placing the hunks of one file.
//!
//! Each hunk is looked for in the file as it was; if it is not there, in the file as the other
//! hunks leave it; and if it is not there either, by what of it can be found. Every place counts: a
//! hunk that could stand in several is refused, unless its line number or the line that it is said
//! to be below decides.

mod anchors;
mod edits;
mod ends;
mod evidence;
mod numbered;
mod punctuation;
mod reading;
mod strings;
mod tabs;

use std::{borrow::Cow, cell::OnceCell, collections::HashMap};

use edits::merged;
use reading::readings;

use super::{
    align::{self, Alignment, align},
    change::{Hunk, HunkLine, Kind},
    indent::Habit,
    locate::{Fit, Index, MOST_PLACES},
    refusal::{Reason, Refusal},
    remedy::Remedy,
    steps::Steps,
    text::{BYTE_ORDER_MARK, Edit, Text},
};

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
    /// What is named right above it.
    pub(super) said: &'a [String],
}

/// A file with its hunks in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) bytes: Vec<u8>,
    /// For each hunk, how well it fits and the first line of what it changes, from 1.
    pub(super) fits: Vec<(usize, Fit, usize)>,
}

/// Places all hunks in a file, or none.
///
/// # Errors
/// Why that cannot be done. [`Reason::AlreadyThere`] is about the change of the file as a whole if
/// the file says all of it already.
pub(super) fn place(
    content: &[u8],
    jobs: &[Job<'_>],
    steps: &mut Steps<'_>,
) -> Result<Placed, Refusal> {
    if content.contains(&0) {
        return Err(Refusal::new(Reason::Binary, "it is a binary file"));
    }
    let text = Text::new(content);
    steps.take(2 * text.cost())?;
    let tells_ends = ends::are_told(&text, jobs)?;
    let (mut fits, mut already) = (Vec::new(), Vec::new());
    let mut first = Round::new(&text, tells_ends);
    let mut left = first.whole_hunks(jobs, steps)?;
    let edits = merged(&text, std::mem::take(&mut first.edits))?;
    fits.append(&mut first.fits);
    already.append(&mut first.already);
    let mut image = text.edited(&edits);
    let mut rounds = 0;
    // Later hunks may be written against what the earlier ones leave.
    while !left.is_empty() && !fits.is_empty() {
        let (after, rest, mut found) = {
            let mut round = Round::new(&image, tells_ends);
            let rest = round.whole_hunks(&left, steps)?;
            let edits = merged(&image, std::mem::take(&mut round.edits))?;
            already.append(&mut round.already);
            (image.edited(&edits), rest, std::mem::take(&mut round.fits))
        };
        let is_same = rest.len() == left.len();
        fits.append(&mut found);
        (image, left) = (after, rest);
        if is_same {
            break;
        }
        rounds += 1;
    }
    if !left.is_empty() {
        // By what can be found of them, in the file as it was unless some already went on top of
        // others.
        let base = if rounds == 0 { &text } else { &image };
        let mut round = Round::new(base, tells_ends);
        for job in &left {
            round.align(job, steps)?;
        }
        let mut all = std::mem::take(&mut round.edits);
        if rounds == 0 {
            all.extend(edits.into_iter().map(|edit| (0, edit)));
        }
        fits.append(&mut round.fits);
        already.append(&mut round.already);
        let all = merged(base, all)?;
        image = base.edited(&all);
    }
    if let Some(refusal) = already.into_iter().min_by_key(|refusal| refusal.hunk) {
        return Err(Refusal { is_whole: fits.is_empty(), ..refusal });
    }
    fits.sort_by_key(|(number, ..)| *number);
    Ok(Placed { bytes: image.bytes(), fits })
}

/// Hunks against one state of a file.
struct Round<'a> {
    text: &'a Text<'a>,
    /// Added lines end as the hunks show.
    tells_ends: bool,
    indexes: [OnceCell<Index<'a>>; 4],
    samples: OnceCell<align::Samples>,
    habit: OnceCell<Habit>,
    /// With the number of the hunk that each is from.
    edits: Vec<(usize, Edit)>,
    fits: Vec<(usize, Fit, usize)>,
    /// For each hunk that the file says already, how that is told.
    already: Vec<Refusal>,
}

/// Where a whole hunk stands.
struct Found<'a> {
    hunk: Cow<'a, Hunk>,
    fit: Fit,
    places: Vec<usize>,
}

impl<'a> Round<'a> {
    fn new(text: &'a Text<'a>, tells_ends: bool) -> Self {
        Self {
            text,
            tells_ends,
            indexes: [const { OnceCell::new() }; 4],
            samples: OnceCell::new(),
            habit: OnceCell::new(),
            edits: Vec::new(),
            fits: Vec::new(),
            already: Vec::new(),
        }
    }

    fn index(&self, fit: Fit, steps: &mut Steps<'_>) -> Result<&Index<'a>, Refusal> {
        let index = &self.indexes[(fit as usize).min(3)];
        if index.get().is_none() {
            steps.take(self.text.cost())?;
        }
        Ok(index.get_or_init(|| Index::new(self.text, fit)))
    }

    /// The file, to hold hunks against it.
    fn file(&self, steps: &mut Steps<'_>) -> Result<align::File<'_>, Refusal> {
        let index = self.index(Fit::Punctuation, steps)?;
        let samples = self.samples.get_or_init(|| align::Samples::new(index));
        Ok(align::File { text: self.text, index, samples })
    }

    /// Places the hunks that stand in the file as a whole; gives those that do not.
    fn whole_hunks<'j>(
        &mut self,
        jobs: &[Job<'j>],
        steps: &mut Steps<'_>,
    ) -> Result<Vec<Job<'j>>, Refusal> {
        let (mut found, mut left, mut decided) = (Vec::new(), Vec::new(), Vec::new());
        for job in jobs {
            match self.find(job, steps).map_err(|refusal| refusal.hunk(job.number))? {
                Some(places) => found.push((job, places)),
                None => left.push(job.clone()),
            }
        }
        // Line numbers decide only while nothing shows that they are wrong.
        let is_off = |found: &Found<'_>| matches!((found.places.as_slice(), found.hunk.old), ([place], Some((start, _))) if place + 1 != start);
        let numbers_hold = !found.iter().any(|(_, found)| is_off(found));
        // How many hunks say the same, and which of them each is.
        let mut alike: HashMap<(usize, &[HunkLine]), usize> = HashMap::new();
        let turns: Vec<usize> = found
            .iter()
            .map(|(job, found)| {
                let so_far = alike.entry((job.section, job.hunk.lines.as_slice())).or_default();
                *so_far += 1;
                steps.take(found.hunk.lines.len()).map(|()| *so_far - 1)
            })
            .collect::<Result<_, _>>()?;
        let counts: Vec<_> =
            found.iter().map(|(job, _)| alike[&(job.section, job.hunk.lines.as_slice())]).collect();
        for (job, found) in &found {
            self.check_anchors(found, steps).map_err(|refusal| refusal.hunk(job.number))?;
        }
        for (at, turn) in turns.into_iter().enumerate() {
            let (job, found) = &found[at];
            if found.places.len() > 1 {
                let place = self
                    .decide(found, numbers_hold, (turn, counts[at]), steps)
                    .and_then(|place| self.check_said(job.said, found, place, steps))
                    .map_err(|refusal| refusal.hunk(job.number))?;
                decided.push((at, place));
            }
        }
        for (at, place) in decided {
            found[at].1.places = vec![place];
        }
        for (job, found) in found {
            let Some(place) = found.places.first() else { continue };
            // The change may have been made where it was meant, so that its lines fit elsewhere
            // only.
            let is_meant = found.hunk.old.map(|(start, _)| start) == Some(place + 1);
            let only_adds = found.hunk.lines.iter().all(|line| line.kind != Kind::Removed);
            let has_context = found.hunk.old_lines().any(|line| !line.text.trim().is_empty());
            if !is_meant && self.stands_with_gaps(&found.hunk, *place, steps)? {
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
                only_adds && self.was_meant_elsewhere(&found, *place, job.verbatim, steps)?
            };
            if has_context && stands {
                self.note_already(job, steps)?;
                continue;
            }
            let lines = straight(&found.hunk, *place);
            self.edit(job, &found.hunk, &lines, found.fit, steps)?;
        }
        Ok(left)
    }

    /// Where a hunk stands as a whole, compared as strictly as finds it.
    fn find<'j>(&self, job: &Job<'j>, steps: &mut Steps<'_>) -> Result<Option<Found<'j>>, Refusal> {
        if job.hunk.old_lines().next().is_none() {
            return self.find_insertion(job).map(Some);
        }
        if says_nothing(job.hunk) {
            let message = "it adds lines and shows none but blank ones around them, so that they could go anywhere";
            return Err(Refusal::new(Reason::Ambiguous, message));
        }
        let readings = readings(job.hunk);
        for fit in Fit::OF_LINES.into_iter().filter(|fit| {
            *fit <= job.loosest && (*fit <= Fit::TrailingBlanks || !job.hunk.must_fit)
        }) {
            let index = self.index(fit, steps)?;
            let mut hits = Vec::new();
            for hunk in &readings {
                // Each line is looked up, in every round.
                steps.take(8 * hunk.lines.len())?;
                let pattern: Option<Vec<u32>> =
                    hunk.old_lines().map(|line| number(index, &line.text)).collect();
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
            if hits.len() > 1 && hits.iter().all(|found| found.places.len() == 1) {
                steps.take(hits.len() * self.text.cost())?;
                let mut results = hits
                    .iter()
                    .map(|found| self.result(&found.hunk, &straight(&found.hunk, found.places[0])));
                let first = results.next();
                if results.all(|result| Some(result) == first) {
                    hits.truncate(1);
                }
            }
            if hits.len() > 1 {
                let places: Vec<_> =
                    hits.iter().flat_map(|found| found.places.iter().copied()).collect();
                let message = "it has empty lines without a marker, and both readings of them fit";
                return Err(Refusal::new(Reason::Ambiguous, message)
                    .remedy(Remedy::Copy)
                    .places(self.text, &places, 1));
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
        steps: &mut Steps<'_>,
    ) -> Result<usize, Refusal> {
        let (places, length) = (&found.places, found.hunk.old_lines().count());
        let start = found.hunk.old.and_then(|(start, _)| start.checked_sub(1));
        let numbered = start.filter(|start| numbers_hold && places.contains(start));
        let below = self.below(&found.hunk.anchors, places, steps)?;
        // Two witnesses that contradict each other decide nothing.
        if let Some(start) = numbered.filter(|start| below.is_none_or(|place| place == *start)) {
            return Ok(start);
        }
        if found.hunk.at_end
            && let Some(place) = places.iter().find(|place| **place + length == self.text.len())
        {
            return Ok(*place);
        }
        // Where not all places are known, another one may be there, too.
        let is_complete = places.len() < MOST_PLACES;
        if let Some(place) = below.filter(|_| is_complete && numbered.is_none()) {
            return Ok(place);
        }
        // So many times the same change for so many places.
        if is_complete && turn.1 == places.len() {
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

    /// Places a hunk by what can be found of it.
    fn align(&mut self, job: &Job<'_>, steps: &mut Steps<'_>) -> Result<(), Refusal> {
        if job.loosest < Fit::Context || job.hunk.must_fit {
            let refusal = Refusal::new(Reason::NotFound, "its lines are not in the file");
            return Err(self.explained(refusal, job.hunk, steps)?.hunk(job.number));
        }
        if self.stands_already(job.hunk, Fit::TrailingBlanks, steps)? {
            if !self.holds_removed(job.hunk, steps)? {
                return self.note_already(job, steps);
            }
            let message =
                "what it leads to stands in the file, and what it removes stands elsewhere";
            let refusal = Refusal::new(Reason::Ambiguous, message);
            return Err(self.explained(refusal, job.hunk, steps)?.hunk(job.number));
        }
        match self.aligned(job.hunk, steps) {
            Ok((hunk, alignment)) => self.edit(job, &hunk, &alignment, Fit::Context, steps),
            Err(refusal) if self.is_undone_by(job.hunk, &refusal, steps)? => {
                self.note_already(job, steps)
            }
            Err(refusal) => Err(self.explained(refusal, job.hunk, steps)?.hunk(job.number)),
        }
    }

    /// Notes that the file says already what a hunk leads to.
    fn note_already(&mut self, job: &Job<'_>, steps: &mut Steps<'_>) -> Result<(), Refusal> {
        let refusal =
            Refusal::new(Reason::AlreadyThere, "the file already says what it would be changed to");
        let refusal = self.explained(refusal, job.hunk, steps)?.hunk(job.number);
        self.already.push(refusal);
        Ok(())
    }

    /// Where the lines of a hunk stand of which not all are in the file, and how it is read.
    fn aligned<'j>(
        &self,
        hunk: &'j Hunk,
        steps: &mut Steps<'_>,
    ) -> Result<(Cow<'j, Hunk>, Alignment), Refusal> {
        let file = self.file(steps)?;
        let (mut best, mut refusal) = (Vec::new(), None);
        for hunk in readings(hunk) {
            match align(&hunk, &file, steps) {
                Ok(alignment) => best.push((hunk, alignment)),
                Err(error) if error.reason == Reason::NotFound => refusal = refusal.or(Some(error)),
                Err(error) => return Err(error),
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
            steps.take(best.len() * self.text.cost())?;
            let mut results = best.iter().map(|(hunk, alignment)| self.result(hunk, alignment));
            let first = results.next();
            if results.all(|result| Some(result) == first) {
                best.truncate(1);
            }
        }
        match (best.pop(), best.is_empty()) {
            (Some(found), true) => Ok(found),
            (Some(_), false) => Err(Refusal::new(
                Reason::Ambiguous,
                "it has empty lines without a marker, and it cannot be told what they are",
            )
            .remedy(Remedy::Copy)),
            (None, _) => Err(refusal.unwrap_or_else(|| {
                Refusal::new(Reason::NotFound, "its lines are not in the file")
            })),
        }
    }
}

/// Whether nothing tells where the lines of a hunk go: no line around them says anything, none is
/// replaced, and it has neither a number nor a line that it is below.
fn says_nothing(hunk: &Hunk) -> bool {
    let is_blank = |line: &HunkLine| line.text.trim().is_empty();
    hunk.old_lines().all(|line| line.kind == Kind::Context && is_blank(line))
        && hunk.old.is_none()
        && hunk.anchors.is_empty()
        && !hunk.at_end
}

/// The number of a hunk's line in an index. The mark in front of a file is none of its first line.
fn number(index: &Index<'_>, line: &str) -> Option<u32> {
    let unmarked = || line.strip_prefix(BYTE_ORDER_MARK);
    index.number(line.as_bytes()).or_else(|| index.number(unmarked()?.as_bytes()))
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
