//! Which paths a change may name, and which file a label means.

use std::{
    collections::BTreeSet,
    io,
    path::{Component, Path},
};

use unicode_normalization::UnicodeNormalization as _;

use super::{
    files::{Entry, Files},
    refusal::{Reason, Refusal},
};
use crate::{error::Result, git::Change};

/// Code points that HFS+ leaves out when it compares names (Apple Technical Note 1150); Git refuses
/// names for them too.
const IGNORED: [std::ops::RangeInclusive<char>; 4] = [
    '\u{200c}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{206a}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
];

/// Pairs of prefixes that `git diff` puts in front of the old and the new path.
const PREFIXES: [(&str, &str); 9] = [
    ("a", "b"),
    ("i", "w"),
    ("c", "w"),
    ("c", "i"),
    ("o", "w"),
    ("1", "2"),
    ("old", "new"),
    ("original", "modified"),
    ("before", "after"),
];

/// Refuses a change that touches a path outside the project or inside `.git`.
pub(crate) fn check_paths(change: &Change) -> Result<()> {
    change.files.iter().try_for_each(|file| check_path(&file.path).map_err(Into::into))
}

/// Refuses a path that is not plainly below the project's top.
pub(super) fn check_path(path: &str) -> Result<(), Refusal> {
    let plain = |component| match component {
        Component::Normal(name) => name.to_str().is_some_and(|name| !is_git_directory(name)),
        _ => false,
    };
    let odd = path.is_empty()
        || path.starts_with('~')
        || path.contains(['\\', '\0'])
        || path.chars().any(char::is_control);
    // Components of a path leave out `.` and double slashes.
    let odd = odd
        || path.ends_with('/')
        || path.split('/').any(|component| component.is_empty() || component == ".");
    if odd || !Path::new(path).components().all(plain) {
        return Err(Refusal::new(
            Reason::Path,
            format!("the change names a path that it must not touch: {path:?}"),
        ));
    }
    Ok(())
}

/// Refuses a path for a new file that looks like another one: characters that cannot be seen or
/// turn the text around, or a drive in front.
pub(super) fn check_new_path(path: &str) -> Result<(), Refusal> {
    let is_hidden = |character| matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    let has_drive =
        matches!(path.as_bytes(), [letter, b':', b'/', ..] if letter.is_ascii_alphabetic());
    if has_drive || path.chars().any(is_hidden) {
        return Err(Refusal::new(
            Reason::Path,
            format!("the change makes a file whose name looks like another: {path:?}"),
        ));
    }
    Ok(())
}

/// Refuses a path that leads through something other than directories, or to something other than a
/// file.
pub(super) fn check_way(files: &dyn Files, path: &str) -> Result<(), Refusal> {
    for (at, _) in path.match_indices('/') {
        match entry(files, &path[..at])? {
            Entry::Directory | Entry::Missing | Entry::File(_) => {}
            Entry::Submodule => return Err(in_submodule(&path[..at]).file(path)),
            Entry::Other => {
                return Err(Refusal::new(
                    Reason::Path,
                    format!("`{}` on the way to it is a link, which is not followed", &path[..at]),
                )
                .file(path));
            }
        }
    }
    match entry(files, path)? {
        Entry::Missing | Entry::File(_) => Ok(()),
        Entry::Directory => Err(Refusal::new(Reason::Path, "it is a directory").file(path)),
        Entry::Submodule => Err(in_submodule(path).file(path)),
        Entry::Other => Err(Refusal::new(
            Reason::Path,
            "it is a link, a file that is not the project's, or no file at all",
        )
        .file(path)),
    }
}

/// Refuses a path in a submodule.
pub(super) fn check_own(files: &dyn Files, path: &str) -> Result<(), Refusal> {
    for (at, _) in path.match_indices('/') {
        if entry(files, &path[..at])? == Entry::Submodule {
            return Err(in_submodule(&path[..at]).file(path));
        }
    }
    Ok(())
}

fn in_submodule(place: &str) -> Refusal {
    let message = format!("`{place}` is a submodule, whose files are another repository's");
    Refusal::new(Reason::Path, message)
}

/// What is at `path`.
pub(super) fn entry(files: &dyn Files, path: &str) -> Result<Entry, Refusal> {
    files.entry(path).map_err(|error| {
        Refusal::new(Reason::Unreadable, format!("it cannot be read: {error}")).file(path)
    })
}

/// What the two labels of a section mean.
pub(super) struct Meaning {
    /// The paths that each label can mean, the likelier first.
    pub(super) old: Vec<String>,
    pub(super) new: Vec<String>,
    /// Both labels carry the two prefixes of a pair, and are read without them first.
    pub(super) is_pair: bool,
}

/// The prefixes of a pair of labels, if they are some of those that are common.
pub(super) fn prefixes(old: &str, new: &str) -> Option<(&'static str, &'static str)> {
    let (old, new) = (old.split_once('/')?, new.split_once('/')?);
    PREFIXES.into_iter().find(|pair| *pair == (old.0, new.0) && old.1 == new.1)
}

/// Reads the labels of a section: with the prefixes that are common, and without. `elsewhere` are
/// those that the change shows in pairs.
///
/// # Errors
/// [`Reason::Path`] if a reading leads out of the project.
pub(super) fn meaning(
    old: Option<&str>,
    new: Option<&str>,
    prefixed: bool,
    elsewhere: &BTreeSet<(&str, &str)>,
) -> Result<Meaning, Refusal> {
    // `.` means nothing between slashes.
    let parts =
        |label: Option<&str>| label.map(|label| label.trim_start_matches("./").replace("/./", "/"));
    let (old, new) = (parts(old), parts(new));
    for label in [&old, &new].into_iter().flatten() {
        check_path(label)?;
    }
    let first = |label: &Option<String>| {
        label.as_deref().and_then(|label| label.split_once('/')).map(|(first, _)| first.to_owned())
    };
    let is_known = |pair: &(&str, &str)| *pair == ("a", "b") || elsewhere.contains(pair);
    let pair = PREFIXES.iter().any(|(a, b)| match (first(&old), first(&new)) {
        (Some(old), Some(new)) => old == *a && new == *b,
        // Beside `/dev/null` only those are prefixes that are usual, or that others have.
        (Some(old), None) if new.is_none() => old == *a && is_known(&(a, b)),
        (None, Some(new)) if old.is_none() => new == *b && is_known(&(a, b)),
        _ => false,
    });
    let read = |label: Option<String>| -> Result<Vec<String>, Refusal> {
        let Some(label) = label else { return Ok(Vec::new()) };
        let rest = without_prefix(&label).map(str::to_owned);
        if let Some(rest) = &rest {
            check_path(rest)?;
        }
        Ok(match rest {
            Some(rest) if prefixed && pair => vec![rest, label],
            Some(rest) => vec![label, rest],
            None => vec![label],
        })
    };
    let is_pair = prefixed && pair && old.is_some() && new.is_some();
    Ok(Meaning { old: read(old)?, new: read(new)?, is_pair })
}

/// A label without the directory in front of it, if that may be a prefix.
pub(super) fn without_prefix(label: &str) -> Option<&str> {
    let (first, rest) = label.split_once('/')?;
    PREFIXES.iter().any(|(a, b)| first == *a || first == *b).then_some(rest)
}

/// The last component of a path.
pub(super) fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The paths of all files, up to a limit.
pub(super) fn all(files: &dyn Files) -> Result<Vec<String>, Refusal> {
    files.paths().map_err(|error| not_listed(&error))
}

fn not_listed(error: &io::Error) -> Refusal {
    Refusal::new(Reason::Unreadable, format!("the project's files cannot be listed: {error}"))
}

/// The other files whose names are the same text in other code points, as `é` is one or two of
/// them.
pub(super) fn same_text(files: &dyn Files, path: &str) -> Result<Vec<String>, Refusal> {
    if path.is_ascii() {
        return Ok(Vec::new());
    }
    let is_same =
        |other: &String| !other.is_ascii() && other.as_str() != path && other.nfc().eq(path.nfc());
    Ok(all(files)?.into_iter().filter(is_same).collect())
}

/// The other file whose path differs in upper and lower case only.
pub(super) fn same_letters(files: &dyn Files, path: &str) -> Result<Option<String>, Refusal> {
    let wanted = path.to_lowercase();
    let is_same = |other: &String| other != path && other.to_lowercase() == wanted;
    Ok(all(files)?.into_iter().find(is_same))
}

/// The path of a new file in the directory that is there, which may be spelled in other code points.
pub(super) fn in_known_directory(files: &dyn Files, path: &str) -> Result<String, Refusal> {
    let Some((directory, name)) = path.rsplit_once('/').filter(|(first, _)| !first.is_ascii())
    else {
        return Ok(path.to_owned());
    };
    let paths = all(files)?;
    let directories: BTreeSet<_> = paths
        .iter()
        .flat_map(|path| path.match_indices('/').map(|(at, _)| &path[..at]))
        .filter(|known| known.nfc().eq(directory.nfc()))
        .collect();
    let known = directories.first().filter(|_| directories.len() == 1);
    let known = known.filter(|_| !directories.contains(directory));
    Ok(known.map_or_else(|| path.to_owned(), |known| format!("{known}/{name}")))
}

/// The one existing file that a label means, and whether that is a guess: a label with directories
/// too many or too few.
///
/// # Errors
/// [`Reason::Missing`] if there is none, or several.
pub(super) fn existing(
    files: &dyn Files,
    readings: &[String],
    exists: &dyn Fn(&str) -> Result<bool, Refusal>,
) -> Result<Option<(String, bool)>, Refusal> {
    for reading in readings {
        if exists(reading)? {
            return Ok(Some((reading.clone(), false)));
        }
    }
    let mut found = Vec::new();
    for reading in readings {
        for path in same_text(files, reading)? {
            if check_path(&path).is_ok() && exists(&path)? && !found.contains(&path) {
                found.push(path);
            }
        }
    }
    if let [one] = found.as_slice() {
        return Ok(Some((one.clone(), false)));
    }
    if found.is_empty() {
        found = elsewhere(files, readings, exists)?;
    }
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((one.clone(), true))),
        several => {
            let shown: Vec<_> = several.iter().take(4).map(|path| format!("`{path}`")).collect();
            let label = readings.first().map_or("", String::as_str);
            Err(Refusal::new(
                Reason::Missing,
                format!("there is no such file; it could be {}", shown.join(", ")),
            )
            .file(label))
        }
    }
}

/// The existing files whose paths have directories more or fewer in front.
fn elsewhere(
    files: &dyn Files,
    readings: &[String],
    exists: &dyn Fn(&str) -> Result<bool, Refusal>,
) -> Result<Vec<String>, Refusal> {
    let mut found = Vec::new();
    for reading in readings {
        // Too many, such as the project's own.
        for (at, _) in reading.match_indices('/') {
            let shorter = &reading[at + 1..];
            if !found.iter().any(|known| known == shorter)
                && check_path(shorter).is_ok()
                && exists(shorter)?
            {
                found.push(shorter.to_owned());
            }
        }
    }
    if found.is_empty() {
        for reading in readings {
            found.extend(files.below_others(reading).map_err(|error| not_listed(&error))?);
        }
        found.sort();
        found.dedup();
    }
    Ok(found)
}

/// Whether a file system could take a name for `.git`: some fold case, some leave out code points,
/// some shorten names or drop what is at their end.
fn is_git_directory(name: &str) -> bool {
    let visible: String = name
        .chars()
        .filter(|character| !IGNORED.iter().any(|range| range.contains(character)))
        .collect();
    let name = visible.split(':').next().unwrap_or_default().trim_end_matches([' ', '.']);
    name.eq_ignore_ascii_case(".git")
        || name
            .to_ascii_lowercase()
            .strip_prefix("git~")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let bad = [
            "",
            "/etc/passwd",
            "a/../b",
            "..",
            "~/x",
            "a\\b",
            ".git/config",
            "a/.GIT/x",
            "GIT~1/x",
            ".g\u{200c}it/x",
            ".git./x",
            ".git::$INDEX/x",
            "a//b",
            "./a",
            "a/",
            "a\nb",
        ];
        for path in bad {
            assert_eq!(check_path(path).unwrap_err().reason, Reason::Path, "{path:?}");
        }
        for path in [".github/x", ".gitignore", "src/a b.rs", "git/x", "ä/ö", "a..b/c"] {
            check_path(path).unwrap();
        }
    }

    #[test]
    fn prefixes_are_taken_off_in_pairs() {
        let none = BTreeSet::new();
        let read = |old: &str, new: &str| meaning(Some(old), Some(new), true, &none).unwrap().new;
        assert_eq!(read("a/b/x", "b/b/x"), ["b/x", "b/b/x"]);
        assert_eq!(read("i/x", "w/x"), ["x", "w/x"]);
        assert_eq!(read("b/x", "b/x"), ["b/x", "x"]);
        let made =
            |label: &str, known: &BTreeSet<_>| meaning(None, Some(label), true, known).unwrap().new;
        assert_eq!(made("b/x", &none), ["x", "b/x"]);
        assert_eq!(made("new/x", &none), ["new/x", "x"]);
        let known = BTreeSet::from([("old", "new")]);
        assert_eq!(made("new/x", &known), ["x", "new/x"]);
        assert_eq!(made("after/x", &known), ["after/x", "x"]);
    }
}
