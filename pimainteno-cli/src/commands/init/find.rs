//! Looks for Git checkouts.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use pimainteno_core::{Error, ErrorKind, Result, git};

/// How deep below the home directory is looked.
const DEPTH: usize = 2;

/// How many directories are looked at: a home directory may hold anything, and an SD card is slow.
const MOST_LOOKS: usize = 5000;

/// The checkouts in and directly below `directory`, and those at most two levels below `home`; each
/// once, sorted.
///
/// # Errors
/// [`ErrorKind::Usage`] if there are none.
pub(super) fn below(directory: &Path, home: Option<&Path>) -> Result<Vec<PathBuf>> {
    let mut looks = MOST_LOOKS;
    let mut found = BTreeSet::new();
    look(directory, 1, &mut looks, &mut found);
    if let Some(home) = home {
        look(home, DEPTH, &mut looks, &mut found);
    }
    if found.is_empty() {
        let error = Error::new(
            ErrorKind::Usage,
            format!(
                "there is no Git checkout in or below `{}` and the home directory",
                directory.display()
            ),
        );
        return Err(error.hint("name the paths of your projects: `pi-mainteno init PATH…`"));
    }
    Ok(found.into_iter().collect())
}

/// The projects at `paths`, which are checkouts or directories in them, and which start at `directory` where they are relative; each once, in
/// their order.
///
/// # Errors
/// [`ErrorKind::Usage`] that names every path that is no checkout.
pub(super) fn named(directory: &Path, paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut checkouts: Vec<PathBuf> = Vec::new();
    let mut others = Vec::new();
    for path in paths {
        match directory.join(path).canonicalize() {
            Ok(checkout) if git::top_above(&checkout).is_some() => {
                if !checkouts.contains(&checkout) {
                    checkouts.push(checkout);
                }
            }
            Ok(other) => others.push(what(path, &other)),
            Err(_) => others.push(format!("there is no directory `{}`", path.display())),
        }
    }
    if others.is_empty() {
        return Ok(checkouts);
    }
    Err(Error::new(ErrorKind::Usage, others.join("; "))
        .hint("a project's path is the directory that contains `.git`, or one below it"))
}

/// What a path leads to that is no checkout.
fn what(named: &Path, place: &Path) -> String {
    let named = named.display();
    if !place.is_dir() {
        format!("`{named}` is no directory")
    } else if git::is_bare(place) {
        format!(
            "`{named}` is a bare repository, which has no files to work on; clone it, and name the clone"
        )
    } else {
        format!("`{named}` is not a Git checkout")
    }
}

/// Adds `directory` if it is a checkout, and what is at most `depth` levels below it if it is none.
fn look(directory: &Path, depth: usize, looks: &mut usize, found: &mut BTreeSet<PathBuf>) {
    if *looks == 0 {
        return;
    }
    *looks -= 1;
    if is_checkout(directory) {
        // A place that has two names is one project.
        found.extend(directory.canonicalize());
        return;
    }
    if depth == 0 {
        return;
    }
    // What cannot be read is nobody's project here.
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        // Links are not followed: they may lead anywhere, and in circles.
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_directory && !is_hidden {
            look(&entry.path(), depth - 1, looks, found);
        }
    }
}

/// Whether `directory` is the top of a checkout that has a work tree.
fn is_checkout(directory: &Path) -> bool {
    directory.join(".git").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkouts_are_found_two_levels_below_the_home_and_not_within_each_other() {
        let home = tempfile::tempdir().unwrap();
        for path in [
            "a/.git",
            "a/inner/.git",
            "code/b/.git",
            "code/deep/er/c/.git",
            ".hidden/.git",
            "empty",
        ] {
            fs::create_dir_all(home.path().join(path)).unwrap();
        }
        std::os::unix::fs::symlink(home.path().join("a"), home.path().join("link")).unwrap();
        let home_path = home.path().canonicalize().unwrap();
        let found = below(&home_path.join("empty"), Some(home.path())).unwrap();
        assert_eq!(found, [home_path.join("a"), home_path.join("code/b")]);
        assert_eq!(below(&home_path.join("a"), None).unwrap(), [home_path.join("a")]);
        assert_eq!(below(&home_path.join("empty"), None).unwrap_err().kind(), ErrorKind::Usage);
        for path in ["bare.git/objects", "bare.git/refs"] {
            fs::create_dir_all(home.path().join(path)).unwrap();
        }
        fs::write(home.path().join("bare.git/HEAD"), "ref: refs/heads/main\n").unwrap();
        let paths = ["a", "empty", "nowhere", "bare.git", "bare.git/HEAD"].map(PathBuf::from);
        let error = named(&home_path, &paths).unwrap_err();
        assert_eq!(
            error.message(),
            "`empty` is not a Git checkout; there is no directory `nowhere`; `bare.git` is a bare repository, which has no files to work on; \
             clone it, and name the clone; `bare.git/HEAD` is no directory"
        );
        assert_eq!(named(&home_path, &["a".into(), "link".into()]).unwrap(), [home_path.join("a")]);
        fs::create_dir(home.path().join("a/service")).unwrap();
        let part = named(&home_path, &["a/service".into()]).unwrap();
        assert_eq!(part, [home_path.join("a/service")]);
    }
}
