//! From a model's reply to a change that can be placed.
//!
//! A reply is data: it is cleaned, searched for a unified diff, and every path in it is checked before Git sees any of it.

mod extract;
mod paths;
mod reply;

pub(crate) use extract::{declines, extract, holds_diff, message_of, no_diff_in};
pub(crate) use paths::check_paths;
