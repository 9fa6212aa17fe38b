//! Replies in every format that models write, each with the files before and what becomes of them.

mod beside;
mod blocks;
mod diffs;
mod envelopes;
mod names;
mod whole_files;

use pimainteno_core::patch::{Content, Reason, Rules};

use crate::{Tree, applied, content};

/// A reply, the files before it, and those that differ afterwards (`None`: gone), or why it is
/// refused and a word of the message.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Expected<'a>);

type Expected<'a> = Result<&'a [(&'a str, Option<&'a str>)], (Reason, &'a str)>;

/// Asserts what becomes of every row.
fn check(rows: &[Row<'_>]) {
    let wrong: Vec<_> = rows.iter().filter_map(mistake).collect();
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// What is wrong with a row, if anything is.
fn mistake((reply, before, expected): &Row<'_>) -> Option<String> {
    let tree: Tree =
        before.iter().map(|(path, text)| ((*path).to_owned(), content(text))).collect();
    let after = applied(&tree, reply, &Rules::new());
    let is_right = match (&after, expected) {
        (Ok(after), Ok(changes)) => {
            let mut wanted = tree;
            for (path, text) in *changes {
                match text {
                    Some(text) => wanted.insert((*path).to_owned(), content(text)),
                    None => wanted.remove(*path),
                };
            }
            *after == wanted
        }
        (Err(refusal), Err((reason, word))) => {
            refusal.reason == *reason && refusal.message.contains(word)
        }
        _ => false,
    };
    let text = |content: &Content| String::from_utf8_lossy(&content.bytes).into_owned();
    let shown = after
        .map(|after| {
            after.iter().map(|(path, file)| (path.clone(), text(file))).collect::<Vec<_>>()
        })
        .map_err(|refusal| format!("{:?}: {refusal}", refusal.reason));
    (!is_right).then(|| format!("{reply}\n  is {shown:?}\n  and not {expected:?}"))
}
