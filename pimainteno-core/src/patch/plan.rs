//! What a reply does to all files, worked out in memory before anything is written.

mod actions;
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

use names::Names;
pub use rules::Rules;

use super::{
    change::{Action, Hunk, Section},
    drafts,
    extract::extract,
    files::{Content, Entry, Files, Listed},
    locate::Fit,
    other_format,
    paths::{self, Meaning, check_path, check_way},
    place::{Job, place},
    placeholder,
    refusal::{Reason, Refusal},
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
    let files = &Listed::new(files);
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
