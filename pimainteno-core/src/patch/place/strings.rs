//! Strings of several lines, whose blanks are a part of them.

use std::ops::Range;

use crate::patch::change::{Hunk, Kind};

/// What opens and closes them.
const QUOTES: [&str; 2] = ["\"\"\"", "'''"];

/// Whether lines that are added begin a string and go on in it without the indentation of what
/// begins it, so that they would say something else if they were indented like that.
pub(super) fn has_flush_lines(hunk: &Hunk, block: Range<usize>) -> bool {
    // The quote of the string that is open, and how deep it may not be.
    let mut open: Option<(&str, Option<usize>)> = None;
    for line in hunk.lines[block].iter().filter(|line| line.kind == Kind::Added) {
        let text = line.text.as_str();
        let depth = text.len() - text.trim_start().len();
        let is_odd = |quote: &str| text.matches(quote).count() % 2 == 1;
        match open {
            Some((quote, _)) if is_odd(quote) => open = None,
            Some((_, Some(outer))) if !text.trim().is_empty() && depth <= outer => return true,
            Some(_) => {}
            None => {
                let quote = QUOTES.into_iter().find(|quote| is_odd(quote));
                // A string that stands for itself is text about the code, and moves with it.
                let is_text = |quote: &str| text.trim_start().starts_with(quote);
                open = quote.map(|quote| (quote, (!is_text(quote)).then_some(depth)));
            }
        }
    }
    false
}
