//! One small change at a time: the most worthwhile kind of which there is something to do.

mod editor_config;
mod edits;
mod line_ends;
mod links;
mod spelling;
mod white_space;

use pimainteno_core::Result;

pub(crate) use edits::{Edit, Edits};
pub(crate) use links::dead_links;

use crate::{
    files::{self, Files},
    git::Git,
    message,
};

/// A kind of change.
struct Theme {
    /// What the subject of the commit message says is done, with the singular and the plural of
    /// what it is done to.
    verb: &'static str,
    singular: &'static str,
    plural: &'static str,
    /// Finds what can be put right, until `edits` are full.
    find: fn(&Files, &mut Edits) -> Result<()>,
}

/// The kinds of changes; what is worth most comes first.
const THEMES: [Theme; 4] = [
    Theme { verb: "fix", singular: "misspelling", plural: "misspellings", find: spelling::find },
    Theme { verb: "fix", singular: "dead link", plural: "dead links", find: links::find },
    Theme {
        verb: "remove stray white space from",
        singular: "line",
        plural: "lines",
        find: white_space::find,
    },
    Theme {
        verb: "unify the line ends of",
        singular: "line",
        plural: "lines",
        find: line_ends::find,
    },
];

/// Makes one change in the worktree and answers with its commit message, or with nothing if there
/// is nothing to do.
pub(crate) async fn propose(git: &Git) -> Result<Option<String>> {
    let files = Files::list(git).await?.with_attributes().await?;
    files::blocking(move || {
        for theme in &THEMES {
            let mut edits = Edits::default();
            (theme.find)(&files, &mut edits)?;
            if !edits.is_empty() {
                edits.apply(&files)?;
                return Ok(Some(describe(theme, &edits)));
            }
        }
        Ok(None)
    })
    .await
}

fn describe(theme: &Theme, edits: &Edits) -> String {
    let count = edits.len();
    let what = if count == 1 { theme.singular } else { theme.plural };
    let paths: Vec<_> = edits.paths().collect();
    let mut text = message::subject(&paths, &format!("{} {count} {what}", theme.verb));
    text.push_str("\n\n");
    for line in edits.notes() {
        text.push_str("- ");
        text.push_str(&line);
        text.push('\n');
    }
    text
}
