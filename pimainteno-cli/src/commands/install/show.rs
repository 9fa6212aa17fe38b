//! What is to be done, shown to a person who then says whether it is.

use std::path::Path;

use pimainteno_core::{Error, ErrorKind, Result};
use similar::TextDiff;

use super::plan::Change;
use crate::terminal::{FAINT, NAME, NOTABLE, STRONG, Terminal, diff, paint, plain};

/// Shows the changes, each as a diff unless it is long and of no interest, and the commands that
/// follow them.
pub(super) fn show(changes: &[Change], commands: &[String], terminal: &Terminal) {
    for change in changes {
        let path = change.file.path.display().to_string();
        terminal.tell(format_args!(
            "{} {}  {}",
            paint(NOTABLE, format_args!("{:<7}", change.kind())),
            paint(NAME, plain::inline(&path)),
            paint(FAINT, change.file.what)
        ));
        if !change.file.is_made || terminal.verbosity() > 0 {
            terminal.tell(diff::render(&difference(change)));
        }
    }
    for command in commands {
        terminal.tell(format_args!("{} {}", paint(NOTABLE, "runs   "), paint(STRONG, command)));
    }
}

/// Shows the files that are to be removed, and the commands that come before.
pub(super) fn show_removal(files: &[&Path], commands: &[String], terminal: &Terminal) {
    for command in commands {
        terminal.tell(format_args!("{} {}", paint(NOTABLE, "runs   "), paint(STRONG, command)));
    }
    for file in files {
        let path = file.display().to_string();
        terminal.tell(format_args!(
            "{} {}",
            paint(NOTABLE, "removes"),
            paint(NAME, plain::inline(&path))
        ));
    }
}

/// Asks whether to do it, unless that was said before.
///
/// # Errors
/// [`ErrorKind::Usage`] if there is nobody to ask; [`ErrorKind::Cancelled`] if he says no.
pub(super) fn confirm(yes: bool, question: &str, terminal: &Terminal) -> Result<()> {
    if yes {
        return Ok(());
    }
    match terminal.ask(question) {
        Some(true) => Ok(()),
        Some(false) => Err(Error::new(ErrorKind::Cancelled, "nothing was changed")),
        None => Err(Error::new(ErrorKind::Usage, "nobody can be asked, so nothing was changed")
            .hint("`--yes` does what is shown above without asking")),
    }
}

impl Change {
    /// What becomes of the file, in a word.
    pub(super) fn kind(&self) -> &'static str {
        match (&self.old, &self.file.content) {
            (None, _) => "writes",
            (Some(_), Some(_)) => "changes",
            (Some(_), None) => "removes",
        }
    }
}

/// A change as `git diff` would write it.
fn difference(change: &Change) -> String {
    let (old, new) = (change.old.as_deref(), change.file.content.as_deref());
    let path = change.file.path.display().to_string();
    let name = |side: Option<&str>| side.map_or("/dev/null", |_| path.as_str()).to_owned();
    let diff = TextDiff::from_lines(old.unwrap_or_default(), new.unwrap_or_default());
    diff.unified_diff().header(&name(old), &name(new)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::install::plan::File;

    fn change(old: Option<&str>, new: Option<&str>) -> Change {
        let file = File {
            path: "/etc/x".into(),
            what: "x",
            content: new.map(str::to_owned),
            mode: 0o644,
            group: None,
            is_made: false,
        };
        Change { file, old: old.map(str::to_owned) }
    }

    #[test]
    fn what_a_person_edited_is_seen_line_by_line() {
        let shown = difference(&change(Some("a\nmine\nc\n"), Some("a\nours\nc\n")));
        assert_eq!(shown, "--- /etc/x\n+++ /etc/x\n@@ -1,3 +1,3 @@\n a\n-mine\n+ours\n c\n");
        assert!(difference(&change(None, Some("a\n"))).starts_with("--- /dev/null\n+++ /etc/x\n"));
        assert_eq!(change(None, Some("")).kind(), "writes");
        assert_eq!(change(Some(""), Some("a")).kind(), "changes");
        assert_eq!(change(Some(""), None).kind(), "removes");
    }

    #[test]
    fn without_anybody_to_ask_nothing_is_done_unless_it_was_said_before() {
        let terminal = Terminal::new(true, 0);
        assert!(confirm(true, "?", &terminal).is_ok());
        assert_eq!(confirm(false, "?", &terminal).unwrap_err().kind(), ErrorKind::Usage);
    }
}
