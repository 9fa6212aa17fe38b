//! Whether there is room for a file that a change makes.

use std::collections::HashMap;

use super::Planner;
use crate::patch::{
    files::Entry,
    paths::{self, check_new_path},
    refusal::{Reason, Refusal},
};

impl Planner<'_> {
    /// Refuses a path where something is and stays; otherwise what is made there is known from then on.
    pub(super) fn check_vacant(&mut self, path: &str) -> Result<(), Refusal> {
        if self.written.contains_key(path) {
            return Err(Refusal::new(
                Reason::Conflict,
                "two parts of the change make the same file",
            )
            .file(path));
        }
        check_new_path(path)?;
        let stays = |path: &str| !self.removed.contains(path) && !self.vacated.contains(path);
        let is_there = !matches!(paths::entry(self.files, path)?, Entry::Missing);
        if is_there && stays(path) {
            return Err(
                Refusal::new(Reason::Exists, "the file to create exists already").file(path)
            );
        }
        if paths::same_text(self.files, path)?.iter().any(|other| stays(other)) {
            let message = "the file to create exists already, its name in other code points";
            return Err(Refusal::new(Reason::Exists, message).file(path));
        }
        // A tool saw them both.
        if self.rules.verbatim {
            return Ok(());
        }
        let lower = path.to_lowercase();
        let is_same = |other: &&String| other.as_str() != path && other.to_lowercase() == lower;
        let is_made = |other: &&String| is_same(other) && self.written.contains_key(*other);
        let made = self.made.get(&lower).filter(is_made);
        let known = self.letters()?.get(&lower).into_iter().flatten();
        if let Some(other) = known.filter(is_same).find(|other| stays(other)).or(made) {
            let message = format!(
                "it is to be made beside `{other}`, which is the same name where upper and lower case are not told apart"
            );
            return Err(Refusal::new(Reason::Exists, message).file(path));
        }
        self.made.insert(lower, path.to_owned());
        Ok(())
    }

    /// The paths of all files by what they are in lower case.
    fn letters(&self) -> Result<&HashMap<String, Vec<String>>, Refusal> {
        if let Some(letters) = self.letters.get() {
            return Ok(letters);
        }
        let mut letters: HashMap<_, Vec<_>> = HashMap::new();
        for path in paths::all(self.files)? {
            letters.entry(path.to_lowercase()).or_default().push(path);
        }
        Ok(self.letters.get_or_init(|| letters))
    }

    /// Refuses a file below another file.
    pub(super) fn check_parents(&self, path: &str) -> Result<(), Refusal> {
        for (at, _) in path.match_indices('/') {
            let parent = &path[..at];
            let is_file = self.written.contains_key(parent)
                || (matches!(paths::entry(self.files, parent)?, Entry::File(_))
                    && !self.removed.contains(parent));
            if is_file {
                return Err(Refusal::new(
                    Reason::Path,
                    format!("`{parent}` on the way to it is a file"),
                )
                .file(path));
            }
        }
        Ok(())
    }
}
