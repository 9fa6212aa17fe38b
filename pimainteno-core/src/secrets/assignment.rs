//! Assignments to something that is called a password, a token or a key: `password = "…"`,
//! `API_KEY=…`, `"token": "…"`, `--secret …`.
//!
//! The name decides what is expected and how sure the value must look: a password is chosen by a
//! person, a key is made up by a machine. Quotes say where a value ends and that it is one. Without
//! them, `token = next_token` is a program, so the line must look like one of a configuration.
//!
//! | what | where |
//! |---|---|
//! | whether the name is that of a secret | `assignment/name.rs` |
//! | what stands between name and value | `assignment/joint.rs` |
//! | where the value is | `assignment/extent.rs` |

mod extent;
mod joint;
mod name;

use std::ops::Range;

use super::{Finding, joined, value};

use extent::{is_path, opening, quote, quoted, unquoted};
use joint::Join;
use name::Sort;

pub(super) use name::ANCHORS;

/// The longest name, and the most white space, that is looked at on each side of the anchor, in
/// bytes.
const LONGEST_NAME: usize = 64;
const MOST_SPACE: usize = 16;

/// The longest value, in bytes.
const LONGEST_VALUE: usize = 512;

/// Adds the value that is assigned to the name that the anchor is in.
pub(super) fn look(text: &str, anchor: Range<usize>, found: &mut Vec<Finding>) {
    let name = name::extent(text, &anchor);
    let Some((join, at)) = joint::joint(text, &name) else { return };
    let Some(sort) = name::sort(text, &name, &anchor) else { return };
    // A word may stand beside a word; only of a password is it said so.
    if join == Join::Spoken && sort != Sort::Password {
        return;
    }
    let (at, is_call) = opening(text, at, join);
    let kind = match sort {
        Sort::Password => "password",
        Sort::Secret => "secret",
        Sort::Key | Sort::SomeKey | Sort::BareKey => "key or token",
    };
    match quote(text, at).filter(|_| join != Join::Element) {
        Some((quote, start)) => {
            let pieces = pieces(text, start, quote);
            let whole: String = pieces.iter().filter_map(|piece| text.get(piece.clone())).collect();
            if is_secret_string(&whole, sort, is_call || join == Join::Argument) {
                found.extend(
                    pieces
                        .into_iter()
                        .filter(|piece| !piece.is_empty())
                        .map(|range| Finding { range, kind }),
                );
            }
        }
        None if join == Join::Argument => {}
        None => {
            // One byte more than what can be a secret tells that it is none.
            let longest = match sort {
                Sort::Password => 257,
                Sort::BareKey => 45,
                Sort::Secret | Sort::Key | Sort::SomeKey => LONGEST_VALUE,
            };
            let range = unquoted(text, &name, at, join, longest).filter(|range| {
                text.get(range.clone()).is_some_and(|value| is_secret_word(value, sort))
            });
            found.extend(
                range.filter(|range| !range.is_empty()).map(|range| Finding { range, kind }),
            );
        }
    }
}

/// The string that begins at a place, and what is joined to it.
fn pieces(text: &str, start: usize, quote: &str) -> Vec<Range<usize>> {
    let mut pieces: Vec<Range<usize>> = quoted(text, start, quote).into_iter().collect();
    while let Some(last) = pieces.last()
        && pieces.len() < 8
        && let Some(piece) =
            joined::next(text, last.end).and_then(|start| quoted(text, start, quote))
    {
        pieces.push(piece);
    }
    pieces
}

/// Whether a string is a secret if it has such a name.
fn is_secret_string(value: &str, sort: Sort, is_argument: bool) -> bool {
    match sort {
        Sort::Password if !is_argument => {
            (value::is_password(value) || value::is_secret_uuid(value)) && !is_path(value)
        }
        Sort::Secret if !is_argument => {
            value::is_token(value)
                || value::is_password(value) && !value::is_wordy(value) && !is_path(value)
        }
        Sort::Password | Sort::Secret | Sort::Key => value::is_token(value) && !is_path(value),
        Sort::SomeKey => value::is_key(value) && !is_path(value),
        Sort::BareKey => value::is_key_of_32_bytes(value),
    }
}

/// Whether a word without quotes is a secret if it has such a name.
fn is_secret_word(value: &str, sort: Sort) -> bool {
    !extent::is_code(value)
        && match sort {
            Sort::Password => value::is_password(value) || value::is_secret_uuid(value),
            Sort::Secret | Sort::Key => value::is_token(value),
            Sort::SomeKey => value::is_key(value),
            Sort::BareKey => value::is_key_of_32_bytes(value),
        }
}
