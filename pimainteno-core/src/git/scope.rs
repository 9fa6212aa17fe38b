//! Which part of its repository a project is: all of it, or one directory below its top.
//!
//! Whatever a project is told, and says, of paths begins at its own directory: its settings, its
//! changes, its checks. Git counts from the top of the repository; here one becomes the other.

use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use super::head::is_bare;

/// A project's directory in its repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scope {
    /// From the top on; empty where the project is the whole repository.
    directory: PathBuf,
}

impl Scope {
    /// That of the directory `path` below `top`; `None` if it is not there.
    pub(super) fn of(path: &Path, top: &Path) -> Option<Self> {
        let (path, top) = (fs::canonicalize(path).ok()?, fs::canonicalize(top).ok()?);
        path.strip_prefix(top).ok().map(|directory| Self { directory: directory.to_owned() })
    }

    /// That of the project at `path`, as far as files tell; `None` if it is in no repository.
    pub(crate) fn of_project(path: &Path) -> Option<Self> {
        Self::of(path, &top_above(path)?)
    }

    /// Whether a path may be that of this directory in a repository that lay elsewhere.
    pub(crate) fn ends(&self, path: &Path) -> bool {
        path.ends_with(&self.directory)
    }

    /// Whether it is the whole repository.
    pub(crate) fn is_all(&self) -> bool {
        self.directory.as_os_str().is_empty()
    }

    /// The project's directory, from the top on; empty where it is the whole repository.
    pub(crate) fn place(&self) -> &Path {
        &self.directory
    }

    /// Where the project is in a tree of the repository's files.
    pub(crate) fn within(&self, top: &Path) -> PathBuf {
        if self.is_all() { top.to_owned() } else { top.join(&self.directory) }
    }

    /// A path of the project, from the top of the repository on.
    pub(crate) fn outer(&self, path: impl AsRef<Path>) -> PathBuf {
        self.directory.join(path)
    }

    /// A path from the top of the repository on, as the project has it; `None` if it lies outside.
    pub(crate) fn inner<'p>(&self, path: &'p Path) -> Option<&'p Path> {
        path.strip_prefix(&self.directory).ok()
    }

    /// A path from the top of the repository on, as it is from the project's directory on: one that
    /// lies outside begins with `..`.
    pub(crate) fn seen(&self, path: &Path) -> PathBuf {
        let mut up = PathBuf::new();
        for above in self.directory.ancestors() {
            if let Ok(rest) = path.strip_prefix(above) {
                return up.join(rest);
            }
            up.push("..");
        }
        path.to_owned()
    }

    /// The words that name the project's files to Git, at the top; none where those are all.
    pub(super) fn files(&self) -> Option<OsString> {
        (!self.is_all()).then(|| self.words(":(top,literal)"))
    }

    /// The words that name all files but the project's; `None` where there are no others.
    pub(super) fn others(&self) -> Option<[OsString; 2]> {
        (!self.is_all()).then(|| [":/".into(), self.words(":(top,exclude,literal)")])
    }

    /// The arguments of a command of Git that compares, which end with `--`, so that it tells of the
    /// project's files alone, with its paths.
    pub(super) fn relative(&self, arguments: &[&str]) -> Vec<OsString> {
        let mut arguments: Vec<_> = arguments.iter().map(OsString::from).collect();
        if let Some(files) = self.files() {
            arguments.insert(1, joined("--relative=", &self.directory, "/"));
            arguments.push(files);
        }
        arguments
    }

    /// What has `git apply` take paths for the project's.
    pub(super) fn directory(&self) -> Option<OsString> {
        (!self.is_all()).then(|| self.words("--directory="))
    }

    fn words(&self, before: &str) -> OsString {
        joined(before, &self.directory, "")
    }
}

/// The top of the work tree that `path` lies in, as far as files tell: itself, or the nearest
/// directory above it that has a `.git`.
pub fn top_above(path: &Path) -> Option<PathBuf> {
    let is_top = |directory: &Path| directory.join(".git").exists();
    if is_top(path) {
        return Some(path.to_owned());
    }
    if is_bare(path) {
        return None;
    }
    // As Git does: links are followed before it goes up.
    let place = fs::canonicalize(path).ok().filter(|place| place.is_dir())?;
    place.ancestors().find(|directory| is_top(directory)).map(Path::to_owned)
}

/// The top of the work tree that the project at `path` lies in, and its directory from there on, as
/// far as files tell; `None` if it is in none.
pub fn place_in_repository(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let top = top_above(path)?;
    let Scope { directory } = Scope::of(path, &top)?;
    Some((top, directory))
}

fn joined(before: &str, directory: &Path, after: &str) -> OsString {
    let bytes = [before.as_bytes(), directory.as_os_str().as_bytes(), after.as_bytes()].concat();
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_paths_are_those_of_its_directory() {
        let place = tempfile::tempdir().unwrap();
        let top = place.path().join("mono");
        fs::create_dir_all(top.join("services/räd io")).unwrap();
        fs::create_dir(top.join(".git")).unwrap();
        std::os::unix::fs::symlink(top.join("services"), place.path().join("link")).unwrap();
        let path = place.path().join("link/räd io");
        let found = top_above(&path).unwrap();
        assert_eq!(found, fs::canonicalize(&top).unwrap());
        let scope = Scope::of(&path, &found).unwrap();
        assert_eq!(scope.outer("src/a"), Path::new("services/räd io/src/a"));
        assert_eq!(scope.inner(Path::new("services/räd io/b")), Some(Path::new("b")));
        assert_eq!(scope.inner(Path::new("services/räd io2/b")), None);
        assert_eq!(scope.within(&top), top.join("services/räd io"));
        for (path, seen) in [
            ("services/räd io/src/a", "src/a"),
            ("services/tv/a", "../tv/a"),
            ("package-lock.json", "../../package-lock.json"),
        ] {
            assert_eq!(scope.seen(Path::new(path)), Path::new(seen));
        }
        assert_eq!(scope.files().unwrap(), ":(top,literal)services/räd io");
        assert_eq!(
            scope.relative(&["diff", "--"]),
            ["diff", "--relative=services/räd io/", "--", ":(top,literal)services/räd io"]
        );

        assert_eq!(top_above(&top), Some(top.clone()));
        let all = Scope::of(&top, &top).unwrap();
        assert!(all.is_all() && all == Scope::default() && all.files().is_none());
        assert_eq!(all.outer("src/a"), Path::new("src/a"));
        assert_eq!(all.inner(Path::new("src/a")), Some(Path::new("src/a")));
        assert_eq!(all.within(&top), top);
        assert!(Scope::of(place.path(), &top).is_none() && top_above(place.path()).is_none());
    }
}
