//! What each section of a reply does to the files.

use super::{
    Planner,
    content::{check_deleted, new_content},
    guess, nameless,
};
use crate::patch::{
    change::{Action, Section},
    files::{Content, Entry},
    paths::{self, Meaning, existing},
    refusal::{Reason, Refusal},
    remedy::Remedy,
};

impl<'a> Planner<'a> {
    pub(super) fn create(
        &mut self,
        section: &'a Section,
        meaning: &Meaning,
    ) -> Result<(), Refusal> {
        let Some(path) = meaning.new.first().or(meaning.old.first()) else {
            return Err(nameless());
        };
        let path = paths::in_known_directory(self.files, path)?;
        self.check(&path)?;
        let content = Content {
            bytes: new_content(section).map_err(|refusal| refusal.file(&path))?,
            executable: section.executable == Some(true),
        };
        if self.written.get(&path) == Some(&content) {
            return Ok(());
        }
        let is_there = paths::entry(self.files, &path)? == Entry::File(content.clone());
        if is_there && !self.pending.contains_key(&path) {
            return Ok(());
        }
        self.check_vacant(&path)?;
        self.written.insert(path, content);
        Ok(())
    }

    pub(super) fn delete(
        &mut self,
        section: &'a Section,
        meaning: &Meaning,
    ) -> Result<(), Refusal> {
        let readings = if meaning.old.is_empty() { &meaning.new } else { &meaning.old };
        // Without prefixes, another file than the one that is named is not deleted.
        let readings = readings.get(..1).filter(|_| !section.prefixed).unwrap_or(readings);
        let label = readings.first().ok_or_else(nameless)?;
        let found = existing(self.files, readings, &|path| self.exists_now(path))?
            .filter(|(_, guessed)| !guessed);
        let (path, _) = found.ok_or_else(|| {
            Refusal::new(Reason::Missing, "the file to delete does not exist").file(label)
        })?;
        self.check(&path)?;
        if self.pending.contains_key(&path) || self.written.contains_key(&path) {
            return Err(Refusal::new(
                Reason::Conflict,
                "one part of the change deletes the file and another changes it",
            )
            .file(&path));
        }
        let content = self.now(&path)?.unwrap_or_default();
        check_deleted(section, &content.bytes).map_err(|refusal| refusal.file(&path))?;
        self.removed.insert(path);
        Ok(())
    }

    pub(super) fn rename(
        &mut self,
        number: usize,
        section: &'a Section,
        meaning: &Meaning,
    ) -> Result<(), Refusal> {
        let label = meaning.old.first().ok_or_else(nameless)?;
        let found = existing(self.files, &meaning.old, &|path| self.exists_at_first(path))?
            .filter(|(_, guessed)| !guessed);
        let (from, _) = found.ok_or_else(|| {
            Refusal::new(Reason::Missing, "the file to rename does not exist").file(label)
        })?;
        // Both paths are to be read in the same way.
        let reading = meaning.old.iter().position(|reading| *reading == from).unwrap_or(0);
        let to = meaning.new.get(reading).or(meaning.new.first()).ok_or_else(nameless)?.clone();
        if from == to {
            return self.modify(number, section, meaning);
        }
        self.move_file(&from, &to, section)?;
        self.wait(&to, number, section, false);
        Ok(())
    }

    pub(super) fn modify(
        &mut self,
        number: usize,
        section: &'a Section,
        meaning: &Meaning,
    ) -> Result<(), Refusal> {
        let (old, new) =
            (meaning.old.first().ok_or_else(nameless)?, meaning.new.first().ok_or_else(nameless)?);
        let mut readings = meaning.old.clone();
        if old != new {
            let (old_exists, new_exists) = (self.exists_now(old)?, self.exists_now(new)?);
            if old_exists && new_exists {
                let message =
                    format!("its section names two files that both exist, `{old}` and `{new}`");
                return Err(Refusal::new(Reason::Ambiguous, message)
                    .remedy(Remedy::Name)
                    .file(new));
            }
            if old_exists && meaning.is_pair && !section.hunks.is_empty() {
                if !section.has_git_header {
                    let message = format!(
                        "its labels name `{old}` and `{new}`, and nothing says that the file is renamed"
                    );
                    return Err(Refusal::new(Reason::Ambiguous, message)
                        .remedy(Remedy::Name)
                        .file(old));
                }
                self.move_file(old, new, section)?;
                self.wait(new, number, section, false);
                return Ok(());
            }
            if new_exists {
                readings = vec![new.clone()];
            }
        }
        let strictly = existing(self.files, &readings, &|path| self.exists_now(path))?;
        let Some((path, guessed)) = strictly else {
            let creates = !section.hunks.is_empty()
                && section.hunks.iter().all(|hunk| {
                    hunk.old == Some((0, 0)) && hunk.old_lines().all(|line| line.guessed)
                });
            if creates {
                return self.create(section, meaning);
            }
            return Err(
                Refusal::new(Reason::Missing, "the file to change does not exist").file(new)
            );
        };
        self.check(&path)?;
        if guessed {
            guess::check(self.files, &readings, &path, section)?;
        }
        if section.hunks.is_empty() && section.executable.is_none() {
            return Err(Refusal::new(
                Reason::Malformed,
                "the reply names the file and no change to it",
            )
            .file(&path));
        }
        if let Some(executable) = section.executable {
            let content = self.now(&path)?.unwrap_or_default();
            self.written.insert(path.clone(), Content { executable, ..content });
        }
        self.wait(&path, number, section, guessed);
        Ok(())
    }

    /// Lets a file say what a block says, which is all of it.
    pub(super) fn replace(&mut self, section: &Section, meaning: &Meaning) -> Result<(), Refusal> {
        let (Some(whole), Some(label)) = (&section.whole, meaning.new.first()) else {
            return Err(nameless());
        };
        let found = existing(self.files, &meaning.new, &|path| self.exists_now(path))?;
        // Whoever says all of a file that is there may have named it otherwise.
        let other = match &found {
            Some((path, true)) => Some(path.clone()),
            Some(_) => None,
            None => paths::same_letters(self.files, label)?,
        };
        if let Some(other) = other {
            let message = format!("there is no such file; it could be `{other}`");
            return Err(Refusal::new(Reason::Missing, message).file(label));
        }
        let path = match found {
            Some((path, _)) => path,
            None => paths::in_known_directory(self.files, label)?,
        };
        self.check(&path)?;
        if self.written.contains_key(&path) {
            let message = "two parts of the change say all of the same file";
            return Err(Refusal::new(Reason::Conflict, message).file(&path));
        }
        let now = self.now(&path)?;
        let bytes = whole
            .content(
                now.as_ref().map(|content| content.bytes.as_slice()),
                &self.said,
                &mut self.steps,
            )
            .map_err(|refusal| refusal.file(&path))?;
        match &now {
            Some(content) => self.check_sound(&path, &content.bytes, &bytes)?,
            None => self.check_vacant(&path)?,
        }
        let executable = now.is_some_and(|content| content.executable);
        self.written.insert(path, Content { bytes, executable });
        Ok(())
    }

    /// Renames or copies a file.
    fn move_file(&mut self, from: &str, to: &str, section: &Section) -> Result<(), Refusal> {
        self.check(from)?;
        self.check(to)?;
        self.place_pending(Some(from))?;
        let keep = section.action == Action::Copy;
        if self.removed.contains(from) {
            return Err(Refusal::new(
                Reason::Conflict,
                "two parts of the change move or delete the file",
            )
            .file(from));
        }
        // What another section puts in its place came later in the change, whatever the order.
        let at_first = match paths::entry(self.files, from)? {
            Entry::File(content) => Some(content),
            _ => None,
        };
        let replaced =
            at_first.is_some() && self.vacated.contains(from) && self.written.contains_key(from);
        let content = if replaced { at_first } else { self.now(from)? };
        let mut content = content.ok_or_else(|| {
            Refusal::new(Reason::Missing, "the file to rename does not exist").file(from)
        })?;
        self.check_vacant(to)?;
        if let Some(executable) = section.executable {
            content.executable = executable;
        }
        self.written.insert(to.to_owned(), content);
        if !keep {
            self.removed.insert(from.to_owned());
            if !replaced {
                self.written.remove(from);
            }
        }
        Ok(())
    }

    /// Lets the hunks of a section wait for others of the same file.
    fn wait(&mut self, path: &str, number: usize, section: &'a Section, guessed: bool) {
        if section.hunks.is_empty() {
            return;
        }
        self.pending
            .entry(path.to_owned())
            .or_default()
            .extend(section.hunks.iter().map(|hunk| (number, hunk, guessed)));
    }
}
