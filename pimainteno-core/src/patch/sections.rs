//! The sections of a reply, whatever the form in which it states them.

use std::{cell::OnceCell, collections::HashSet};

use super::{
    change::{Hunk, Section},
    extract::{Form, Region},
    label::{self, Label},
    other_format,
    refusal::{Reason, Refusal},
    search_replace,
    title::{self, Title},
    unified, whole_file,
};

/// The most hunks, and files without any, that are read: each hunk is looked for in all of its file.
const MOST_HUNKS: usize = 5_000;

/// The most names of a reply that a change without one of its own can be for: of more, none is near.
const MOST_NAMES: usize = 64;

/// Reads all sections of a reply; `rest` is what it says besides.
///
/// # Errors
/// What is wrong with one of them.
pub(super) fn read(regions: &[Region<'_>], rest: &str) -> Result<Vec<Section>, Refusal> {
    let titles = regions.iter().filter_map(|region| region.title.name());
    let mut seen = HashSet::new();
    let mut names: Vec<_> = titles.filter(|name| seen.insert(name.clone())).collect();
    let mut references = HashSet::new();
    for line in rest.lines() {
        for name in title::named(line) {
            if !label::is_reference(line, &name) {
                references.remove(&name);
            } else if !seen.contains(&name) {
                references.insert(name.clone());
            }
            if seen.insert(name.clone()) {
                names.push(name);
            }
        }
    }
    let references = names.iter().filter(|name| references.contains(*name)).cloned().collect();
    let mut reader = Reader {
        names,
        references,
        sections: Vec::new(),
        blocks: 0,
        said: HashSet::new(),
        same: 0,
    };
    let left_out = OnceCell::new();
    for region in regions {
        match region.form {
            Form::Diff => reader.sections.append(&mut unified::sections(region, None)?),
            Form::Hunks => {
                if let Some(format) = other_format::name(&region.lines) {
                    return Err(other_format::refusal(format));
                }
                let label = reader.label(&region.title)?;
                reader.sections.append(&mut unified::sections(region, Some(label))?);
            }
            Form::Block { follows } => reader.block(region, follows)?,
            Form::File => {
                let left_out =
                    *left_out.get_or_init(|| whole_file::leaves_out(&rest.to_lowercase()));
                reader.sections.push(whole_file::read(region, left_out)?);
            }
        }
    }
    if reader.sections.iter().map(|section| section.hunks.len().max(1)).sum::<usize>() > MOST_HUNKS
    {
        return Err(Refusal::new(
            Reason::TooLarge,
            format!("the reply has more than {MOST_HUNKS} hunks and files"),
        ));
    }
    if reader.sections.is_empty() && reader.same > 0 {
        return Err(Refusal::new(Reason::NoChange, "the change leaves every file as it is"));
    }
    Ok(reader.sections)
}

struct Reader {
    /// All files that the reply names anywhere but in its changes.
    names: Vec<String>,
    /// Those of them that are only said for comparison.
    references: Vec<String>,
    sections: Vec<Section>,
    /// How many of the last sections are made of blocks to search and replace.
    blocks: usize,
    /// The blocks that were read, with their files.
    said: HashSet<(Label, Hunk)>,
    /// How many blocks change nothing.
    same: usize,
}

impl Reader {
    /// Adds a block to search and replace to the section of its file.
    fn block(&mut self, region: &Region<'_>, follows: bool) -> Result<(), Refusal> {
        let before =
            self.sections.last().filter(|_| self.blocks > 0).and_then(|last| last.new.clone());
        let label = match before {
            Some(label) if follows => label,
            _ => self.label(&region.title)?,
        };
        let file = label.for_new().to_owned();
        let Some(hunk) =
            search_replace::read(&region.lines).map_err(|refusal| refusal.file(&file))?
        else {
            self.same += 1;
            return Ok(());
        };
        // Below a text of its own it is said once more, and not meant for another place.
        let is_new = self.said.insert((label.clone(), hunk.clone()));
        if !is_new && region.title.above.len() > 1 {
            return Ok(());
        }
        let makes_file =
            |section: &Section| section.hunks.iter().all(|hunk| hunk.old == Some((0, 0)));
        let from = self.sections.len() - self.blocks;
        let known = self.sections[from..]
            .iter_mut()
            .find(|section| section.new.as_ref() == Some(&label) && !makes_file(section));
        match known {
            Some(section) if hunk.old != Some((0, 0)) => section.hunks.push(hunk),
            _ => {
                self.sections.push(Section {
                    old: Some(label.clone()),
                    new: Some(label),
                    hunks: vec![hunk],
                    ..Section::default()
                });
                self.blocks += 1;
            }
        }
        Ok(())
    }

    /// The file that the title of a block names, or the only one that the reply names.
    fn label(&self, title: &Title<'_>) -> Result<Label, Refusal> {
        // What is no path may be something within a file.
        let is_path = |label: &Label| label.names().iter().any(|name| title::is_path(name));
        if let Some(label) = title.label().filter(|label| !label.is_mention() || is_path(label)) {
            return Ok(label);
        }
        // Whatever stands right above can be a name, too.
        let line = Some(title.line.trim().to_owned()).filter(|line| !line.is_empty());
        let names: Vec<_> = line.into_iter().chain(self.names.iter().cloned()).collect();
        if names.len() > MOST_NAMES {
            let message = "the reply names too many files to tell which its change is for";
            return Err(Refusal::new(Reason::Malformed, message));
        }
        if names.is_empty() {
            let message = "the reply does not say which file its change is for";
            return Err(Refusal::new(Reason::Malformed, message));
        }
        Ok(Label::mention(names, self.references.clone()))
    }
}
