//! Which of a project's files a change could touch without asking.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use pimainteno_core::{
    config::Mode,
    git,
    policy::{FileState, Held, Hold, Link},
};
use serde::Serialize;

/// How many files, or kinds, stand for a group in its line.
const EXAMPLES: usize = 3;

/// Whether a file is held for a reason of one group.
type IsOne = fn(&Held) -> bool;

/// The reasons, in the order in which they are told, and what the files are called.
const GROUPS: [(IsOne, &str); 6] = [
    (|why| matches!(why, Held::Named), "that `hold` names"),
    (|why| matches!(why, Held::Kind(_)), "by kind"),
    (|why| matches!(why, Held::Decides | Held::Prepares | Held::Linked(_)), "that decide"),
    (|why| matches!(why, Held::RunBy(_)), "that your commands or hooks run"),
    (|why| matches!(why, Held::Program), "programs or links"),
    (|why| matches!(why, Held::Name), "with unusual names"),
];

/// The tracked files of a project, sorted by what becomes of a change to them.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Files {
    /// Those that could be changed without asking.
    unasked: Vec<String>,
    /// Those that a person is asked about.
    held: Vec<HeldFile>,
}

/// A file that a person is asked about.
#[derive(Clone, Debug, Serialize)]
struct HeldFile {
    path: String,
    #[serde(flatten)]
    why: Held,
}

impl Files {
    /// Sorts what `git ls-files --stage -z` lists, from the top of the repository on, of the project
    /// at `project`.
    pub(super) fn sort(list: &[u8], project: &Path, hold: Hold) -> Self {
        let (top, directory) = git::place_in_repository(project)
            .unwrap_or_else(|| (project.to_owned(), PathBuf::new()));
        let entries: Vec<_> = list.split(|byte| *byte == 0).filter_map(entry).collect();
        let link = |(mode, path): &(&[u8], &[u8])| {
            let target = std::fs::read_link(top.join(OsStr::from_bytes(path)))
                .ok()
                .filter(|_| *mode == b"120000")?;
            Link::new(std::str::from_utf8(path).ok()?, target.to_str()?)
        };
        let hold = hold.with_links(entries.iter().filter_map(link).collect());
        let mut files = Self::default();
        for (mode, path) in entries {
            let Ok(path) = Path::new(OsStr::from_bytes(path)).strip_prefix(&directory) else {
                continue;
            };
            // What Git says goes: the checkout may have another mode, or not have the file.
            let mut state = FileState::read(&project.join(path));
            state.is_program |= mode == b"100755";
            state.becomes_another |= !mode.starts_with(b"100");
            let path = path.to_string_lossy().into_owned();
            match hold.why(&path, state) {
                None => files.unasked.push(path),
                Some(why) => files.held.push(HeldFile { path, why }),
            }
        }
        files
    }

    /// One line: how many could be changed without asking, and what the others are.
    pub(super) fn describe(&self, mode: Mode) -> String {
        let all = self.unasked.len() + self.held.len();
        let condition = if mode == Mode::Auto { "" } else { ", were `mode` \"auto\"" };
        let groups: Vec<_> =
            GROUPS.iter().filter_map(|(is_one, noun)| self.group(*is_one, noun)).collect();
        let held = if groups.is_empty() {
            String::new()
        } else {
            format!("; held: {}", groups.join(", "))
        };
        format!(
            "{} of {all} tracked files could be changed without asking you{condition}{held}",
            self.unasked.len()
        )
    }

    /// Every file in a line of its own, those that could be changed without asking first.
    pub(super) fn lines(&self) -> impl Iterator<Item = String> {
        let unasked = self.unasked.iter().map(|path| format!("unasked  {path}"));
        unasked
            .chain(self.held.iter().map(|HeldFile { path, why }| format!("held     {path}: {why}")))
    }

    /// How many files are held for a reason, with the most frequent kinds or the first few files.
    fn group(&self, is_one: IsOne, noun: &str) -> Option<String> {
        let files: Vec<_> = self.held.iter().filter(|file| is_one(&file.why)).collect();
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for file in &files {
            if let Held::Kind(extension) = &file.why {
                *kinds.entry(extension).or_default() += 1;
            }
        }
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let kind = |(extension, count): &(&str, usize)| match *extension {
            "" => format!("no extension {count}"),
            extension => format!(".{extension} {count}"),
        };
        let all = if kinds.is_empty() { files.len() } else { kinds.len() };
        let mut examples: Vec<_> = kinds.iter().take(EXAMPLES).map(kind).collect();
        if examples.is_empty() {
            examples = files.iter().take(EXAMPLES).map(|file| file.path.clone()).collect();
        }
        examples.extend((all > EXAMPLES).then(|| "…".to_owned()));
        (!files.is_empty()).then(|| format!("{} {noun} ({})", files.len(), examples.join(", ")))
    }
}

/// The mode and the path of an entry of the list: mode, object and stage, a tab, the path.
fn entry(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    let tab = entry.iter().position(|byte| *byte == b'\t')?;
    Some((entry.get(..6)?, entry.get(tab + 1..)?))
}

#[cfg(test)]
mod tests {
    use pimainteno_core::config::{Config, Project, ProjectConfig};

    use super::*;

    #[test]
    fn every_tracked_file_is_told_with_its_reason() {
        let hold =
            Hold::new(&Project::new(&ProjectConfig::new("/nowhere"), &Config::default())).unwrap();
        let entries = [
            ("100644", "README.md"),
            ("100644", "src/a.rs"),
            ("100644", "a.json"),
            ("100644", "b.json"),
            ("100644", "c.sh"),
            ("100755", "d.py"),
            ("100644", "Makefile"),
            ("120000", "e.md"),
        ];
        let list: String =
            entries.iter().map(|(mode, path)| format!("{mode} 0123 0\t{path}\0")).collect();
        let files = Files::sort(list.as_bytes(), Path::new("/nowhere"), hold);
        assert_eq!(
            files.describe(Mode::Auto),
            "2 of 8 tracked files could be changed without asking you; held: 3 by kind (.json 2, .sh 1), 1 that decide (Makefile), \
             2 programs or links (d.py, e.md)"
        );
        assert!(files.describe(Mode::Review).contains("you, were `mode` \"auto\"; held"));
        let lines: Vec<_> = files.lines().collect();
        assert_eq!(lines.len(), 8);
        assert!(
            lines.contains(
                &"held     a.json: is of a kind that is not known to be harmless".to_owned()
            ),
            "{lines:?}"
        );
        let json = serde_json::to_value(&files).unwrap();
        assert_eq!(
            json["held"][0],
            serde_json::json!({ "path": "a.json", "why": "kind", "what": "json" })
        );
    }
}
