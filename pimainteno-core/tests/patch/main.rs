//! The placer from outside: replies that models write, and properties that hold for all.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod blanks;
mod careful;
mod costs;
mod damage;
mod formats;
mod indentation;
mod limits;
mod placing;
mod properties;
mod which_file;
mod which_place;

use std::collections::BTreeMap;

use pimainteno_core::patch::{self, Content, Refusal, Rules};

/// Files by their paths.
type Tree = BTreeMap<String, Content>;

fn content(text: &str) -> Content {
    Content { bytes: text.as_bytes().to_vec(), executable: false }
}

/// The tree after `reply`.
fn applied(tree: &Tree, reply: &str, rules: &Rules<'_>) -> Result<Tree, Refusal> {
    let plan = patch::plan(reply.as_bytes(), tree, rules)?;
    let mut after = tree.clone();
    for file in plan.files() {
        match &file.after {
            Some(content) => after.insert(file.path.clone(), content.clone()),
            None => after.remove(&file.path),
        };
    }
    Ok(after)
}
