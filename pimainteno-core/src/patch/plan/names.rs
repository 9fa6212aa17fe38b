//! Which of the names that a label can be read as is meant.

use std::collections::BTreeSet;

use crate::patch::{
    change::{Action, Section},
    files::{Entry, Files},
    label::Label,
    paths::{self, Meaning, check_own, check_path, existing, meaning, without_prefix},
    plan::Rules,
    refusal::{Reason, Refusal},
    remedy::Remedy,
};

/// The most names of which each is looked for in all directories: for each, all files are listed.
const MOST_MENTIONED: usize = 16;

/// The names that there are: of files, and of those that the change makes.
pub(super) struct Names<'a> {
    files: &'a dyn Files,
    rules: &'a Rules<'a>,
    made: BTreeSet<String>,
    /// The prefixes that labels have in pairs.
    prefixes: BTreeSet<(&'static str, &'static str)>,
}

impl<'a> Names<'a> {
    pub(super) fn new(
        files: &'a dyn Files,
        rules: &'a Rules<'a>,
        sections: &[Section],
    ) -> Result<Self, Refusal> {
        let makes = |section: &&Section| {
            matches!(section.action, Action::Create | Action::Rename | Action::Copy)
        };
        let mut names = Self { files, rules, made: BTreeSet::new(), prefixes: BTreeSet::new() };
        let made = sections
            .iter()
            .filter(makes)
            .filter_map(|section| section.new.as_ref())
            .map(|label| names.readings(label.for_new()));
        names.made = made.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let pair = |section: &Section| {
            let name = |label: &Option<Label>| Some(label.as_ref()?.names().first()?.clone());
            paths::prefixes(&name(&section.old)?, &name(&section.new)?)
        };
        names.prefixes = sections.iter().filter_map(pair).collect();
        Ok(names)
    }

    /// What the labels of a section mean.
    pub(super) fn meaning(&self, section: &Section) -> Result<Meaning, Refusal> {
        let is_new = matches!(section.action, Action::Create | Action::Rename | Action::Copy);
        let choose = |label: &Option<Label>, is_new| {
            label.as_ref().map(|label| self.choose(label, is_new)).transpose()
        };
        let (old, new) = (choose(&section.old, false)?, choose(&section.new, is_new)?);
        let mut meaning =
            meaning(old.as_deref(), new.as_deref(), section.prefixed, &self.prefixes)?;
        self.find_inside(&mut meaning.old)?;
        self.find_inside(&mut meaning.new)?;
        // A remark is none where a file has it in its name. Then it may be one in the other label.
        let has_remark = |label: &Option<Label>, name: Option<String>| {
            label.as_ref().and_then(|label| label.names().last().cloned()) != name
        };
        if section.action == Action::Modify
            && meaning.old.first() != meaning.new.first()
            && (has_remark(&section.old, old) || has_remark(&section.new, new))
        {
            let file = meaning.old.first().map_or("", String::as_str);
            return Err(Refusal::new(
                Reason::Ambiguous,
                "its labels could name one file or two, because a file has what looks like a remark in its name",
            )
            .remedy(Remedy::Name)
            .file(file));
        }
        Ok(meaning)
    }

    /// Makes paths from the top of the repository on those of the project, and refuses what lies
    /// beside it.
    fn find_inside(&self, readings: &mut [String]) -> Result<(), Refusal> {
        let mut is_inside = false;
        for reading in &mut *readings {
            if let Some(inner) = self.rules.inner(self.files, reading)? {
                *reading = inner.to_owned();
                check_path(reading)?;
                is_inside = true;
            }
        }
        let Some(first) = readings.first() else { return Ok(()) };
        // Otherwise a file of the same name elsewhere could be taken for it.
        check_own(self.files, first)?;
        if is_inside { Ok(()) } else { self.rules.check_inside(self.files, first) }
    }

    /// The name that is meant: the first, in the order of the label, that there is.
    fn choose(&self, label: &Label, is_new: bool) -> Result<String, Refusal> {
        if label.is_mention() {
            return self.mentioned(label);
        }
        if let [only] = label.names() {
            return Ok(only.clone());
        }
        for name in label.names() {
            if self.is_there(name)? {
                return Ok(name.clone());
            }
        }
        if is_new {
            return Ok(label.for_new().to_owned());
        }
        for name in label.names() {
            if self.is_elsewhere(name)? {
                return Ok(name.clone());
            }
        }
        Ok(label.names().last().cloned().unwrap_or_default())
    }

    /// The one file that there is of those that are named near a change.
    fn mentioned(&self, label: &Label) -> Result<String, Refusal> {
        let mut found = Vec::new();
        for name in label.names() {
            if !found.contains(&name) && self.is_there(name)? {
                found.push(name);
            }
        }
        if found.is_empty() && label.names().len() <= MOST_MENTIONED {
            for name in label.names() {
                if !found.contains(&name) && self.is_elsewhere(name)? {
                    found.push(name);
                }
            }
        }
        match found.as_slice() {
            [one] if label.is_reference(one) => Err(Refusal::new(
                Reason::Missing,
                format!("it is not said which file it is for, and `{one}` is named for comparison"),
            )),
            [one] => Ok((*one).clone()),
            [] => Err(Refusal::new(
                Reason::Missing,
                "no file that there is is named right above its change",
            )),
            several => {
                let shown: Vec<_> =
                    several.iter().take(4).map(|name| format!("`{name}`")).collect();
                let message =
                    format!("several files are named right above its change: {}", shown.join(", "));
                Err(Refusal::new(Reason::Ambiguous, message).remedy(Remedy::Name))
            }
        }
    }

    fn is_there(&self, name: &str) -> Result<bool, Refusal> {
        for reading in self.readings(name)? {
            if check_path(&reading).is_ok()
                && (self.made.contains(&reading)
                    || matches!(paths::entry(self.files, &reading)?, Entry::File(_) | Entry::Other))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether there is a file of this name further up or down.
    fn is_elsewhere(&self, name: &str) -> Result<bool, Refusal> {
        let readings: Vec<_> = self
            .readings(name)?
            .into_iter()
            .filter(|reading| check_path(reading).is_ok())
            .collect();
        let found = existing(self.files, &readings, &|path| {
            Ok(matches!(paths::entry(self.files, path)?, Entry::File(_)))
        });
        match found {
            Ok(found) => Ok(found.is_some()),
            // Several: that is refused where the file is looked for.
            Err(refusal) if refusal.reason == Reason::Missing => Ok(true),
            Err(refusal) => Err(refusal),
        }
    }

    /// A name with what may be a prefix, and without.
    fn readings(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let name = name.trim_start_matches("./");
        let mut readings = Vec::new();
        for reading in [Some(name), without_prefix(name)].into_iter().flatten() {
            let inner = self.rules.inner(self.files, reading)?;
            readings.push(inner.unwrap_or(reading).to_owned());
        }
        Ok(readings)
    }
}
