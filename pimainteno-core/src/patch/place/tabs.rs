//! Tabs within lines, which a reply shows as blanks.

use std::{borrow::Cow, collections::BTreeSet};

use crate::patch::{align::Alignment, change::Hunk, text::Text};

/// How many blanks are surely not one that parts two words.
const SEVERAL: usize = 2;

/// Blanks within the lines of a hunk, as it shows them.
#[derive(Debug, Default)]
pub(super) struct Inner {
    /// How many stand for what has a tab in the file.
    tabs: BTreeSet<usize>,
    /// How many stand for themselves.
    blanks: BTreeSet<usize>,
}

impl Inner {
    /// What the lines of the file tell about the blanks of a hunk.
    pub(super) fn of(text: &Text<'_>, hunk: &Hunk, alignment: &Alignment) -> Self {
        let mut inner = Self::default();
        for (line, place) in hunk.lines.iter().zip(&alignment.lines) {
            let Some(place) = place.filter(|_| line.is_old()) else { continue };
            let file = String::from_utf8_lossy(text.line(place));
            let (shown, there): (Vec<_>, Vec<_>) =
                (runs(&line.text).collect(), runs(&file).collect());
            if shown.len() != there.len() {
                continue;
            }
            for (shown, there) in shown.into_iter().zip(there) {
                match (shown.contains('\t'), there.contains('\t')) {
                    (false, true) => inner.tabs.insert(shown.len()),
                    (false, false) => inner.blanks.insert(shown.len()),
                    _ => continue,
                };
            }
        }
        inner
    }

    /// Whether a line that is added has blanks where the file would have a tab.
    pub(super) fn hide_tabs<'l>(&self, mut lines: impl Iterator<Item = Cow<'l, str>>) -> bool {
        let several = self.tabs.iter().any(|count| *count >= SEVERAL);
        let hides = |count: usize| {
            (several && count >= SEVERAL)
                || (self.tabs.contains(&count) && !self.blanks.contains(&count))
        };
        !self.tabs.is_empty()
            && lines.any(|line| {
                runs(&line).filter(|run| !run.contains('\t')).any(|run| hides(run.len()))
            })
    }
}

/// The runs of blanks and tabs between the words of a line.
fn runs(line: &str) -> impl Iterator<Item = &str> {
    let is_blank = |letter: char| matches!(letter, ' ' | '\t');
    line.trim().split(move |letter: char| !is_blank(letter)).filter(|run| !run.is_empty())
}
