//! Which of the ways to indent what is added is right.

use std::collections::BTreeSet;

use super::{
    Habit, Mapping, unclear,
    unit::{Levels, Shown, is_of_blocks, is_other},
};
use crate::patch::refusal::Refusal;

/// What all lines of a hunk say about it.
pub(super) struct Choice<'a> {
    habit: &'a Habit,
    /// How its lines are indented in the reply and in the file, each way once.
    pairs: Vec<(String, String)>,
    levels: Option<Mapping>,
    known: Option<Mapping>,
    /// The reply has another unit than the file.
    is_other: bool,
    /// What is deeper is so because a block begins.
    is_of_blocks: bool,
}

impl<'a> Choice<'a> {
    pub(super) fn new(shown: &[Shown], habit: &'a Habit) -> Self {
        let pairs: BTreeSet<_> = shown
            .iter()
            .filter_map(Shown::pair)
            .map(|(reply, file)| (reply.to_owned(), file.to_owned()))
            .collect();
        let is_told = pairs.iter().zip(pairs.iter().skip(1)).all(|(one, next)| one.0 != next.0);
        let pairs: Vec<_> = pairs.into_iter().collect();
        Self {
            habit,
            levels: Levels::of(shown, habit).map(Mapping::Levels),
            known: is_told.then(|| Mapping::Known(pairs.clone())),
            is_other: is_other(shown, habit),
            is_of_blocks: is_of_blocks(shown),
            pairs,
        }
    }

    /// What is done to lines that are `added`, if the lines near them say `near`.
    ///
    /// # Errors
    /// That of `near`, or that it would lead to a depth at which nothing is.
    pub(super) fn of_block(
        &self,
        near: Result<Mapping, Refusal>,
        added: &[String],
    ) -> Result<Mapping, Refusal> {
        let goes = |mapping: &&Mapping| added.iter().all(|it| mapping.indentation(it).is_some());
        let levels = self.levels.as_ref().filter(goes);
        let mapping = match near {
            Ok(mapping) => mapping,
            Err(refusal) => {
                return levels.or(self.known.as_ref().filter(goes)).cloned().ok_or(refusal);
            }
        };
        let explains = mapping.explains(self.pairs.iter());
        let is_shift = mapping != Mapping::Same;
        let is_odd = (self.is_other || (is_shift && !explains))
            && added
                .iter()
                .filter_map(|it| mapping.indentation(it))
                .any(|depth| self.habit.is_odd(&depth));
        let has_several_depths = self.pairs.iter().any(|pair| pair.1 != self.pairs[0].1);
        if explains && (!is_shift || has_several_depths) {
            // Beside lines of several depths, an odd one is aligned.
            return Ok(mapping);
        }
        let Some(levels) = levels else {
            return if is_odd { Err(unclear()) } else { Ok(mapping) };
        };
        let is_same = added.iter().all(|it| mapping.indentation(it) == levels.indentation(it));
        // One step of lines of one depth may be a level of the reply, or several of the file.
        if explains && !is_odd && !is_same && !self.is_of_blocks {
            return Err(unclear());
        }
        Ok(levels.clone())
    }
}
