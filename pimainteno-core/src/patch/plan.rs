//! What a reply does to all files, worked out in memory before anything is written.

mod completeness;
mod content;
mod guess;
mod names;
mod rules;
mod vacant;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use content::{check_deleted, new_content};
use names::Names;
pub use rules::Rules;

use super::{
    change::{Action, Hunk, Section},
    drafts,
    extract::extract,
    files::{Content, Entry, Files},
    locate::Fit,
    other_format,
    paths::{self, Meaning, check_path, check_way, existing},
    place::{Job, place},
    placeholder,
    refusal::{Reason, Refusal},
    remedy::Remedy,
    reply, sections,
    soundness::Looks,
    steps::Steps,
};

/// How much of a reply without a change a refusal shows, in characters.
const SHOWN: usize = 200;

/// What a reply does to files: all of it was placed, nothing was written yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub(super) files: Vec<PlannedFile>,
    placements: Vec<Placement>,
}

/// What happens to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlannedFile {
    /// Its path from the top of the project.
    pub path: String,
    /// What it is now; `None` if it is not there.
    pub before: Option<Content>,
    /// What it becomes; `None` if it is removed.
    pub after: Option<Content>,
}

/// Where one hunk went, and how well it fits there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placement {
    /// The file.
    pub path: String,
    /// The hunk, counted from 1 within what the reply says of the file.
    pub hunk: usize,
    /// The first line that it changes, from 1.
    pub line: usize,
    /// How loosely lines were compared to find it.
    pub fit: Fit,
}

/// Works out what `reply` does to `files`.
///
/// The reply is what a model wrote: unified diffs, sections of `*** Begin Patch`, blocks to search
/// and replace or whole files, in fences or bare, with text around them.
///
/// # Errors
/// Why it is refused. What could mean two places, or is not there, is refused; so is a reply of
/// which only a part can be placed.
pub fn plan(reply: &[u8], files: &dyn Files, rules: &Rules<'_>) -> Result<Plan, Refusal> {
    let text = reply::read(reply, rules.verbatim)?;
    let reply = extract(&text);
    let mut sections = sections::read(&reply.regions, &reply.rest)?;
    if sections.is_empty() {
        return Err(no_change_in(&text));
    }
    drafts::check(&reply)?;
    completeness::check(&reply, &sections, files, rules)?;
    // A draft and its final form may be the same.
    let mut seen = HashSet::new();
    let mut is_new =
        sections.iter().map(|section| seen.insert(section)).collect::<Vec<_>>().into_iter();
    sections.retain(|_| is_new.next() == Some(true));
    let mut planner = Planner {
        sections: &sections,
        said: reply.rest.to_lowercase(),
        ..Planner::new(files, rules)
    };
    let is_one = matches!(sections.as_slice(), [only] if only.hunks.len() == 1);
    let planned = planner.run().and_then(|()| planner.finish());
    planned.map_err(|refusal| Refusal { is_whole: is_one || refusal.is_whole, ..refusal })
}

/// The refusal of a reply without a change: what it says instead.
pub(super) fn no_change_in(text: &str) -> Refusal {
    if let Some(format) = other_format::within(text) {
        return other_format::refusal(format);
    }
    let shown: String = text
        .trim()
        .chars()
        .take(SHOWN)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    Refusal::new(
        Reason::NoDiff,
        format!("the reply holds no unified diff; it begins with: {shown:?}"),
    )
}

impl Plan {
    /// The files that it touches, in the order of their paths.
    pub fn files(&self) -> &[PlannedFile] {
        &self.files
    }

    /// Where each hunk goes.
    pub fn placements(&self) -> &[Placement] {
        &self.placements
    }

    /// The loosest way in which lines had to be compared.
    pub fn fit(&self) -> Fit {
        self.placements.iter().map(|placement| placement.fit).max().unwrap_or(Fit::Exact)
    }
}

struct Planner<'a> {
    steps: Steps<'a>,
    looks: Looks,
    files: &'a dyn Files,
    rules: &'a Rules<'a>,
    sections: &'a [Section],
    /// What the reply says besides, in small letters.
    said: String,
    /// Files that are made or changed.
    written: BTreeMap<String, Content>,
    /// Files that are removed or renamed.
    removed: BTreeSet<String>,
    /// Files that some section removes or renames, whenever that is.
    vacated: BTreeSet<String>,
    /// Hunks that wait until all of their file are known, with their section and whether the file
    /// was guessed.
    pending: BTreeMap<String, Vec<(usize, &'a Hunk, bool)>>,
    placements: Vec<Placement>,
    /// The paths of all files by what they are in lower case, and those of files that are made.
    letters: OnceCell<HashMap<String, Vec<String>>>,
    made: HashMap<String, String>,
}

impl<'a> Planner<'a> {
    fn new(files: &'a dyn Files, rules: &'a Rules<'a>) -> Self {
        Self {
            steps: Steps::new(rules.is_cancelled()),
            looks: Looks::new(),
            files,
            rules,
            sections: &[],
            said: String::new(),
            written: BTreeMap::new(),
            removed: BTreeSet::new(),
            vacated: BTreeSet::new(),
            pending: BTreeMap::new(),
            placements: Vec::new(),
            letters: OnceCell::new(),
            made: HashMap::new(),
        }
    }

    fn run(&mut self) -> Result<(), Refusal> {
        let sections = self.sections;
        let names = Names::new(self.files, self.rules, sections)?;
        let mut meanings = Vec::with_capacity(sections.len());
        for section in sections {
            if !self.rules.verbatim {
                let label = section.new.as_ref().or(section.old.as_ref());
                placeholder::check(section)
                    .map_err(|refusal| refusal.file(label.map_or("", |label| label.for_new())))?;
            }
            let meaning = names.meaning(section)?;
            if matches!(section.action, Action::Delete | Action::Rename) {
                self.vacated.extend(meaning.old.iter().cloned());
            }
            meanings.push(meaning);
        }
        let mut done = BTreeSet::new();
        for number in 0..sections.len() {
            // A file may be changed above the section that makes it.
            if let Some(maker) = self.made_later(number, &meanings)?
                && done.insert(maker)
            {
                self.section(maker, &meanings[maker])?;
            }
            if done.insert(number) {
                self.section(number, &meanings[number])?;
            }
        }
        self.place_pending(None)
    }

    /// The section further down that makes the file which this one changes, if it is not there.
    fn made_later(&self, number: usize, meanings: &[Meaning]) -> Result<Option<usize>, Refusal> {
        let (section, meaning) = (&self.sections[number], &meanings[number]);
        if section.action != Action::Modify {
            return Ok(None);
        }
        for reading in meaning.old.iter().chain(&meaning.new) {
            if self.exists_now(reading)? {
                return Ok(None);
            }
        }
        let makes = |later: &usize| {
            self.sections[*later].action == Action::Create
                && meanings[*later].new.first().is_some_and(|new| meaning.new.contains(new))
        };
        Ok((number + 1..self.sections.len()).find(makes))
    }

    fn section(&mut self, number: usize, meaning: &Meaning) -> Result<(), Refusal> {
        let section = &self.sections[number];
        match section.action {
            Action::Create => self.create(section, meaning),
            Action::Delete => self.delete(section, meaning),
            Action::Rename | Action::Copy => self.rename(number, section, meaning),
            Action::Modify => self.modify(number, section, meaning),
            Action::Replace => self.replace(section, meaning),
        }
    }

    /// The plan, if there is anything in it.
    fn finish(self) -> Result<Plan, Refusal> {
        let mut planned = Vec::new();
        let paths: BTreeSet<_> = self.removed.iter().chain(self.written.keys()).cloned().collect();
        for path in paths {
            let before = match paths::entry(self.files, &path)? {
                Entry::File(content) => Some(content),
                _ => None,
            };
            let after = self.written.get(&path).cloned();
            if after.is_some() {
                self.check_parents(&path)?;
            }
            if before != after {
                planned.push(PlannedFile { path, before, after });
            }
        }
        if planned.is_empty() {
            let refusal =
                Refusal::new(Reason::AlreadyThere, "the change leaves every file as it is");
            return Err(Refusal { is_whole: true, ..refusal });
        }
        Ok(Plan { files: planned, placements: self.placements })
    }

    fn create(&mut self, section: &'a Section, meaning: &Meaning) -> Result<(), Refusal> {
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

    fn delete(&mut self, section: &'a Section, meaning: &Meaning) -> Result<(), Refusal> {
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

    fn rename(
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

    fn modify(
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
    fn replace(&mut self, section: &Section, meaning: &Meaning) -> Result<(), Refusal> {
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

    /// Places the hunks that wait: all, or those of one file.
    fn place_pending(&mut self, only: Option<&str>) -> Result<(), Refusal> {
        let due = match only {
            Some(path) => self.pending.remove_entry(path).into_iter().collect(),
            None => std::mem::take(&mut self.pending),
        };
        let mut already = None;
        for (path, hunks) in due {
            let content = self.now(&path)?.unwrap_or_default();
            let jobs: Vec<_> = hunks
                .iter()
                .enumerate()
                .map(|(at, (section, hunk, guessed))| Job {
                    hunk,
                    number: at + 1,
                    section: *section,
                    // Where the file is a guess, the lines must all be there.
                    loosest: if *guessed { Fit::Punctuation } else { Fit::Context },
                    verbatim: self.rules.verbatim,
                    said: self.sections[*section].said(),
                })
                .collect();
            let placed = match place(&content.bytes, &jobs, &mut self.steps) {
                Ok(placed) => placed,
                Err(refusal) if refusal.reason == Reason::AlreadyThere && refusal.is_whole => {
                    already.get_or_insert(refusal.file(&path));
                    continue;
                }
                Err(refusal) => return Err(refusal.file(&path)),
            };
            if placed.bytes == content.bytes {
                return Err(Refusal::new(Reason::NoChange, "the change leaves the file as it is")
                    .file(&path));
            }
            self.check_sound(&path, &content.bytes, &placed.bytes)?;
            self.placements.extend(placed.fits.iter().map(|(hunk, fit, line)| Placement {
                path: path.clone(),
                hunk: *hunk,
                line: *line,
                fit: *fit,
            }));
            self.written
                .insert(path, Content { bytes: placed.bytes, executable: content.executable });
        }
        // What is there already is all that the change does, or a part of it.
        let is_whole = self.written.is_empty() && self.removed.is_empty();
        already.map_or(Ok(()), |refusal| Err(Refusal { is_whole, ..refusal }))
    }

    /// Refuses a path that a change must not touch.
    fn check(&self, path: &str) -> Result<(), Refusal> {
        check_path(path)?;
        check_way(self.files, path)?;
        if self.rules.protects(path) {
            return Err(Refusal::new(Reason::Protected, "the file is protected").file(path));
        }
        Ok(())
    }

    /// Refuses a change after which a file cannot be parsed any more. One that a tool made from
    /// real files is as it is meant.
    fn check_sound(&mut self, path: &str, before: &[u8], after: &[u8]) -> Result<(), Refusal> {
        if self.rules.verbatim {
            return Ok(());
        }
        self.looks.check(path, before, after).map_err(|refusal| refusal.file(path))
    }

    /// What a file says after the sections that were read so far.
    fn now(&self, path: &str) -> Result<Option<Content>, Refusal> {
        if let Some(content) = self.written.get(path) {
            return Ok(Some(content.clone()));
        }
        if self.removed.contains(path) {
            return Ok(None);
        }
        check_way(self.files, path)?;
        Ok(match paths::entry(self.files, path)? {
            Entry::File(content) => Some(content),
            _ => None,
        })
    }

    fn exists_now(&self, path: &str) -> Result<bool, Refusal> {
        if self.written.contains_key(path) {
            return Ok(true);
        }
        Ok(!self.removed.contains(path)
            && !matches!(paths::entry(self.files, path)?, Entry::Missing | Entry::Directory))
    }

    fn exists_at_first(&self, path: &str) -> Result<bool, Refusal> {
        Ok(self.written.contains_key(path)
            || !matches!(paths::entry(self.files, path)?, Entry::Missing | Entry::Directory))
    }
}

fn nameless() -> Refusal {
    Refusal::new(Reason::Malformed, "a section names no file")
}
