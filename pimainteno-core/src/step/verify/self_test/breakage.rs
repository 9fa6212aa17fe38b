//! How a file is broken.

use std::{fs, path::Path};

/// What stands in a broken file: an error in every language that has a syntax, and nothing that a
/// search for a word would find.
pub(super) const NONSENSE: &str = ")]}>\"'`\u{0}<<<<<<< )]}>\n";

/// The largest file that gets faults, in bytes: what is larger is data that nobody wrote by hand.
const LARGEST: u64 = 1 << 20;

/// What linters of prose, pages, settings and data look for: links that lead nowhere, marks of a
/// merge, blanks at the ends of lines, words that are left for later or spelled wrong, a line that
/// is too long, one with another number of columns, more empty lines than one, a block that does
/// not end, and no line feed at the end.
const FAULTS: &str = concat!(
    "\n\n\n",
    "[broken](broken-on-purpose.md#nowhere) ![broken](broken-on-purpose.png) [broken][broken-on-purpose]\n",
    "`broken <broken-on-purpose.rst>`_ broken_on_purpose_ :ref:`broken-on-purpose`\n",
    "<a href=\"broken-on-purpose.html\"><img src='broken-on-purpose.png'></p></broken> http://broken-on-purpose.invalid/\n",
    "broken,on,purpose,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n",
    "TODO FIXME XXX HACK teh recieve \t \n",
    "\t  \tbroken = on = purpose\r\n",
    "<<<<<<< broken\n=======\n>>>>>>> on purpose\n",
    "##### broken\n##### broken\n.. broken-on-purpose::\n{{ broken {% broken %}\n",
);

/// How a project is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breakage {
    /// Its files hold nonsense.
    Nonsense,
    /// Its files end in what is wrong in one of their kind, and are else as they were.
    Faults,
    /// Its files are gone.
    Gone,
}

/// What is in a file, followed by faults and by what `check` may look for; `None` of what is no
/// text, or too large.
pub(super) fn with_faults(file: &Path, check: &str) -> Option<String> {
    let is_small = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= LARGEST);
    let text = is_small.then(|| fs::read_to_string(file).ok())??;
    if text.contains('\0') {
        return None;
    }
    // A command that forbids words has them in it.
    let long = "broken on purpose ".repeat(32);
    Some(format!("{text}{FAULTS}{long}\n{check}\n```\nbroken on purpose"))
}
