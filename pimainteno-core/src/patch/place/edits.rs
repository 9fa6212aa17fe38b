//! What a hunk does to the file once it is known where its lines stand.

use std::{borrow::Cow, ops::Range};

use super::{Job, Round, numbered, punctuation, strings, tabs};
use crate::patch::{
    align::Alignment,
    change::{Hunk, HunkLine, Kind},
    indent::{Habit, Indenting, Mapping},
    locate::Fit,
    refusal::{Reason, Refusal},
    remedy::Remedy,
    steps::Steps,
    text::{BYTE_ORDER_MARK, Edit, End, NewLine, Text},
};

impl Round<'_> {
    /// Notes what a hunk does to the file, its lines standing where `alignment` says.
    pub(super) fn edit(
        &mut self,
        job: &Job<'_>,
        hunk: &Hunk,
        alignment: &Alignment,
        fit: Fit,
        steps: &mut Steps<'_>,
    ) -> Result<(), Refusal> {
        let refused = |refusal: Refusal| refusal.hunk(job.number);
        let hunk = &match fit >= Fit::Punctuation {
            true => punctuation::without_guests(self.text, hunk, alignment),
            false => Cow::Borrowed(hunk),
        };
        let added = hunk.lines.iter().filter(|line| line.kind == Kind::Added);
        if !self.text.is_utf8() && added.clone().any(|line| !line.text.is_ascii()) {
            let message = "it adds characters beyond ASCII, and the file is not in UTF-8";
            return Err(refused(Refusal::new(Reason::Encoding, message)));
        }
        let mut mappings = vec![Mapping::Same; alignment.blocks.len()];
        if fit >= Fit::Blanks {
            mappings = self.indenting(hunk, alignment).mappings(self.habit()).map_err(refused)?;
        }
        let inner = match fit >= Fit::Blanks {
            true => tabs::Inner::of(self.text, hunk, alignment),
            false => tabs::Inner::default(),
        };
        let mut edits = Vec::with_capacity(alignment.blocks.len());
        for ((block, place), mapping) in hunk.blocks().zip(&alignment.blocks).zip(&mappings) {
            if mapping.is_told() && strings::has_flush_lines(hunk, block.clone()) {
                let message = "it adds a string of several lines and is indented otherwise than the file, and it cannot be told how that string is";
                return Err(refused(Refusal::new(Reason::Ambiguous, message).remedy(Remedy::Copy)));
            }
            let mut edit = self.block(hunk, block.clone(), place, mapping);
            if fit >= Fit::Blanks {
                punctuation::restore(
                    self.text,
                    hunk,
                    (block, mapping.is_told()),
                    alignment,
                    &mut edit,
                    steps,
                )
                .map_err(refused)?;
            }
            if !job.verbatim {
                if numbered::is_numbered(self.text, &edit) {
                    let message = "the lines that it adds begin with their numbers";
                    return Err(refused(Refusal::new(Reason::Malformed, message)));
                }
                let lines = edit.lines.iter().map(|line| String::from_utf8_lossy(&line.text));
                self.habit().check(lines.clone(), fit).map_err(refused)?;
                if inner.hide_tabs(lines) {
                    let message = "the file has tabs where it shows blanks, and it cannot be told which blanks of what it adds are tabs, too";
                    return Err(refused(
                        Refusal::new(Reason::Ambiguous, message).remedy(Remedy::Copy),
                    ));
                }
            }
            edits.push(edit);
        }
        let first = edits.first().map_or(0, |edit| edit.start);
        self.fits.push((job.number, fit, first + 1));
        self.edits.extend(edits.into_iter().map(|edit| (job.number, edit)));
        Ok(())
    }

    /// How the lines of the file are indented.
    fn habit(&self) -> &Habit {
        self.habit.get_or_init(|| Habit::of(self.text))
    }

    /// How the lines of a hunk are indented in it and in the file.
    fn indenting(&self, hunk: &Hunk, alignment: &Alignment) -> Indenting {
        let mut indenting = Indenting::default();
        let mut next = 0;
        for block in hunk.blocks() {
            self.note(&mut indenting, hunk, alignment, next..block.start);
            indenting.begin_block();
            self.note(&mut indenting, hunk, alignment, block.clone());
            indenting.end_block();
            next = block.end;
        }
        self.note(&mut indenting, hunk, alignment, next..hunk.lines.len());
        indenting
    }

    fn note(
        &self,
        indenting: &mut Indenting,
        hunk: &Hunk,
        alignment: &Alignment,
        lines: Range<usize>,
    ) {
        for at in lines {
            let line = &hunk.lines[at];
            if line.kind == Kind::Added {
                indenting.add(&line.text);
                continue;
            }
            let Some(place) = alignment.lines.get(at).copied().flatten() else {
                indenting.pass(&line.text, line.kind);
                continue;
            };
            // A line that is only alike says nothing about blanks.
            let file = self.text.line(place);
            if Fit::Punctuation.key(line.text.as_bytes()) == Fit::Punctuation.key(file) {
                indenting.note(&line.text, file, line.kind == Kind::Removed);
            } else {
                indenting.pass(&line.text, line.kind);
            }
        }
    }

    /// The whole file with one hunk in place.
    pub(super) fn result(&self, hunk: &Hunk, alignment: &Alignment) -> Vec<u8> {
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
        let first = match mapping {
            Mapping::First(_) => hunk.lines.iter().position(HunkLine::is_new),
            _ => None,
        };
        let lines = &hunk.lines[block];
        let removed = || lines.iter().filter(|line| line.kind == Kind::Removed);
        let is_first =
            |line: &HunkLine| first.is_some_and(|at| std::ptr::eq(line, &hunk.lines[at]));
        let new_line = |line: &HunkLine| NewLine {
            text: mapping.apply(&line.text, is_first(line)).into_bytes(),
            end: match (line.bare, self.tells_ends, line.carriage_return) {
                (true, ..) => Some(End::Missing),
                (_, true, true) => Some(End::CrLf),
                (_, true, false) => Some(End::Lf),
                _ => None,
            },
        };
        Edit {
            start: place.start,
            end: place.end,
            lines: lines.iter().filter(|line| line.kind == Kind::Added).map(new_line).collect(),
            ended_bare: removed().next_back().is_some_and(|line| line.bare),
            shows_mark: removed().next().is_some_and(|line| line.text.starts_with(BYTE_ORDER_MARK)),
        }
    }
}

/// The edits in order, each once.
///
/// # Errors
/// [`Reason::Conflict`] if two change the same lines differently.
pub(super) fn merged(text: &Text<'_>, mut edits: Vec<(usize, Edit)>) -> Result<Vec<Edit>, Refusal> {
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
