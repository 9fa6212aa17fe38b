//! The files that a change is placed in.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, HashMap},
    fs, io,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use super::paths::last;

/// How many files are looked through for a path that lacks its leading directories.
const MOST_FILES: usize = 100_000;

/// Where a change is placed: a directory, or files in memory.
pub trait Files {
    /// What is at `path`, which is relative, has `/` between its components and was checked.
    ///
    /// # Errors
    /// What kept it from being read.
    fn entry(&self, path: &str) -> io::Result<Entry>;

    /// The paths of all files, up to a limit; none if there are more.
    ///
    /// # Errors
    /// What kept them from being listed.
    fn paths(&self) -> io::Result<Vec<String>>;

    /// Those of them that end with the components of `path` and have others in front.
    ///
    /// # Errors
    /// As [`Self::paths`].
    fn below_others(&self, path: &str) -> io::Result<Vec<String>> {
        let end = format!("/{path}");
        Ok(self.paths()?.into_iter().filter(|other| other.ends_with(&end)).collect())
    }
}

/// Files that are listed once, however often a reply names them otherwise than they are.
pub(super) struct Listed<'a> {
    files: &'a dyn Files,
    paths: OnceCell<Vec<String>>,
    /// By their last components.
    by_name: OnceCell<HashMap<String, Vec<String>>>,
}

impl<'a> Listed<'a> {
    pub(super) fn new(files: &'a dyn Files) -> Self {
        Self { files, paths: OnceCell::new(), by_name: OnceCell::new() }
    }
}

impl Files for Listed<'_> {
    fn entry(&self, path: &str) -> io::Result<Entry> {
        self.files.entry(path)
    }

    fn paths(&self) -> io::Result<Vec<String>> {
        if let Some(paths) = self.paths.get() {
            return Ok(paths.clone());
        }
        let paths = self.files.paths()?;
        Ok(self.paths.get_or_init(|| paths).clone())
    }

    fn below_others(&self, path: &str) -> io::Result<Vec<String>> {
        let by_name = match self.by_name.get() {
            Some(by_name) => by_name,
            None => {
                let mut by_name = HashMap::<_, Vec<_>>::new();
                for path in self.paths()? {
                    by_name.entry(last(&path).to_owned()).or_default().push(path);
                }
                self.by_name.get_or_init(|| by_name)
            }
        };
        let end = format!("/{path}");
        let named = by_name.get(last(path)).into_iter().flatten();
        Ok(named.filter(|other| other.ends_with(&end)).cloned().collect())
    }
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing.
    Missing,
    /// A file.
    File(Content),
    /// A directory.
    Directory,
    /// The place of another repository, whose files are not the project's.
    Submodule,
    /// A symbolic link, a device or something else that a change leaves alone.
    Other,
}

/// A file's bytes and mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Whether it may be executed.
    pub executable: bool,
}

/// The files below a directory.
#[derive(Clone, Debug)]
pub struct Directory(PathBuf);

impl Directory {
    /// The files below `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }
}

impl Files for Directory {
    fn entry(&self, path: &str) -> io::Result<Entry> {
        let path = self.0.join(path);
        let metadata = match fs::symlink_metadata(&path) {
            Ok(metadata) => metadata,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(Entry::Missing);
            }
            Err(error) => return Err(error),
        };
        if metadata.is_dir() {
            return Ok(Entry::Directory);
        }
        if !metadata.is_file() {
            return Ok(Entry::Other);
        }
        Ok(Entry::File(Content {
            bytes: fs::read(&path)?,
            executable: metadata.permissions().mode() & 0o100 != 0,
        }))
    }

    fn paths(&self) -> io::Result<Vec<String>> {
        let (mut paths, mut open) = (Vec::new(), vec![String::new()]);
        while let Some(directory) = open.pop() {
            for entry in fs::read_dir(self.0.join(&directory))? {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path =
                    if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
                let kind = entry.file_type()?;
                if kind.is_dir() && name != ".git" {
                    open.push(path);
                } else if kind.is_file() {
                    paths.push(path);
                }
                if paths.len() + open.len() > MOST_FILES {
                    return Ok(Vec::new());
                }
            }
        }
        Ok(paths)
    }
}

/// Files in memory, by path.
impl Files for BTreeMap<String, Content> {
    fn entry(&self, path: &str) -> io::Result<Entry> {
        if let Some(content) = self.get(path) {
            return Ok(Entry::File(content.clone()));
        }
        let below = format!("{path}/");
        let next = self.range(below.clone()..).next();
        Ok(if next.is_some_and(|(path, _)| path.starts_with(&below)) {
            Entry::Directory
        } else {
            Entry::Missing
        })
    }

    fn paths(&self) -> io::Result<Vec<String>> {
        Ok(self.keys().cloned().collect())
    }
}
