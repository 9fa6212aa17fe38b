//! From a model's reply to files, in steps that each can refuse.
//!
//! 1. `reply` makes text of it: colours, carriage returns of transport and what the model thought
//!    first are dropped, and `json` takes changes out of strings.
//! 2. `extract` finds the regions that hold changes, in code fences (`fence`), with what stands
//!    above them (`title`), and between chatter; `aside` knows what is no part of the answer,
//!    `drafts` which changes are taken back or offered; `message` and `mail` read what else is said.
//! 3. `sections` reads them into sections and hunks, each form by its reader: `unified` the diffs
//!    of Git and of `*** Begin Patch`, and what models make of them, `context_diff` those of
//!    `diff -c`, `search_replace` blocks that say what to search for, `whole_file` all that a file
//!    says. `other_format` tells apart what is not read. `label` keeps every way to read a name.
//! 4. `paths` checks every path, and finds the one file that is meant.
//! 5. `place` puts the hunks of a file into it: `locate` finds whole hunks, compared ever more
//!    loosely, and `align` the others by what of them is there; `indent` indents what is added as
//!    the file does, and `text` keeps every byte that is not touched.
//! 6. `plan` does that for all files in memory, and `write` writes all of them or none.
//!
//! What could mean two places is refused. Wrong is far worse than refused: a [`Refusal`] says why,
//! where, and what the file really says there, which is good for a person and for asking the model
//! again.
//!
//! ```
//! use std::collections::BTreeMap;
//! use pimainteno_core::patch::{self, Content, Rules};
//!
//! let files = BTreeMap::from([("greet.py".to_owned(), Content { bytes: b"print('hello')\n".to_vec(), executable: false })]);
//! let reply = "Louder:\n\n```diff\n--- a/greet.py\n+++ b/greet.py\n@@ -1 +1 @@\n-print('hello')\n+print('HELLO')\n```\n";
//! let plan = patch::plan(reply.as_bytes(), &files, &Rules::new()).unwrap();
//! assert_eq!(plan.files()[0].after.as_ref().unwrap().bytes, b"print('HELLO')\n");
//! ```

mod align;
mod aside;
mod change;
mod context_diff;
mod drafts;
mod extract;
mod fence;
mod files;
mod indent;
mod json;
mod label;
mod locate;
mod mail;
mod message;
mod other_format;
mod paths;
mod place;
mod placeholder;
mod plan;
mod refusal;
mod remedy;
mod reply;
mod search_replace;
mod sections;
mod soundness;
mod steps;
mod text;
mod title;
mod unified;
mod whole_file;
mod write;

pub use files::{Content, Directory, Entry, Files};
pub use locate::Fit;
pub use plan::{Placement, Plan, PlannedFile, Rules, plan};
pub use refusal::{Reason, Refusal};

pub(crate) use paths::check_paths;

use crate::error::Error;

/// Whether a reply holds something that looks like a change, and like nothing else.
pub(crate) fn holds_change(reply: &str) -> bool {
    use extract::Form;
    let text = reply::clean(reply);
    extract::extract(&text).regions.iter().any(|region| match region.form {
        Form::Diff | Form::Block { .. } => true,
        Form::Hunks => region.title.label().is_some(),
        Form::File => false,
    })
}

/// Whether a reply holds what is a change if one was asked for, and could otherwise illustrate
/// something: a whole file, or hunks of a file that is named elsewhere.
pub(crate) fn shows_change(reply: &str) -> bool {
    !extract::extract(&reply::clean(reply)).regions.is_empty()
}

/// Whether a reply says that there is nothing to change.
pub(crate) fn declines(reply: &str) -> bool {
    message::declines(&reply::clean(reply))
}

/// What a reply says besides its change, if it can serve as a commit message: a first line that is
/// a subject, then a body.
pub(crate) fn message_of(reply: &str) -> String {
    message::read(&reply::clean(reply))
}

/// A reply that is a message alone, without the fence or the marks around all of it.
pub(crate) fn unfenced(reply: &str) -> String {
    message::unfenced(&reply::clean(reply))
}

/// The error for a reply without a change: what it says instead.
pub(crate) fn no_change_in(reply: &str) -> Error {
    plan::no_change_in(&reply::clean(reply)).into()
}
