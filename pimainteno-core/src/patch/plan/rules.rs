//! What the caller asks of a change.

use std::{collections::BTreeSet, fmt};

use crate::patch::{
    files::{Entry, Files},
    paths,
    refusal::{Reason, Refusal},
};

/// Whether a path is one of those that are meant.
type IsMeant<'a> = dyn Fn(&str) -> bool + Send + Sync + 'a;

/// What a change must keep to, besides staying in the project.
#[derive(Default)]
pub struct Rules<'a> {
    protected: Option<Box<IsMeant<'a>>>,
    cancelled: Option<Box<dyn Fn() -> bool + Send + Sync + 'a>>,
    pub(super) verbatim: bool,
    below: Option<Below>,
}

/// Where a project is that is a part of its repository.
struct Below {
    /// From the top of the repository on.
    directory: String,
    /// The names of the directories at the top.
    top: BTreeSet<String>,
}

impl<'a> Rules<'a> {
    /// No rules besides those that always hold.
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses changes to the files for which `is_protected` is true; it is given paths from the
    /// top of the project.
    #[must_use]
    pub fn protect(mut self, is_protected: impl Fn(&str) -> bool + Send + Sync + 'a) -> Self {
        self.protected = Some(Box::new(is_protected));
        self
    }

    /// Gives up as soon as `is_cancelled` is true; it is asked now and then.
    #[must_use]
    pub fn cancel(mut self, is_cancelled: impl Fn() -> bool + Send + Sync + 'a) -> Self {
        self.cancelled = Some(Box::new(is_cancelled));
        self
    }

    /// Takes every added line for what it says: the change was made by a tool from real files, so
    /// that no line stands for others.
    #[must_use]
    pub fn verbatim(mut self) -> Self {
        self.verbatim = true;
        self
    }

    /// Says that the project is `directory` of its repository, at whose top are the directories
    /// `top`: a path from there on is then understood, and one that leads beside the project is
    /// refused.
    #[must_use]
    pub fn inside(mut self, directory: impl Into<String>, top: BTreeSet<String>) -> Self {
        self.below = Some(Below { directory: directory.into(), top });
        self
    }

    /// A path from the top of the repository on, as the project has it; `None` if it is not one, or
    /// the project has a directory of that name itself.
    pub(super) fn inner<'p>(
        &self,
        files: &dyn Files,
        path: &'p str,
    ) -> Result<Option<&'p str>, Refusal> {
        // A tool says the project's own paths.
        let Some(below) = self.below.as_ref().filter(|_| !self.verbatim) else { return Ok(None) };
        let inner = path.strip_prefix(&below.directory).and_then(|rest| rest.strip_prefix('/'));
        let is_own = inner.is_some() && paths::entry(files, &below.directory)? == Entry::Directory;
        Ok(inner.filter(|_| !is_own))
    }

    /// Refuses a path that begins at a directory of the repository's top which the project has not.
    pub(super) fn check_inside(&self, files: &dyn Files, path: &str) -> Result<(), Refusal> {
        let Some(below) = self.below.as_ref().filter(|_| !self.verbatim) else { return Ok(()) };
        let Some((first, _)) = path.split_once('/').filter(|(first, _)| below.top.contains(*first))
        else {
            return Ok(());
        };
        if paths::entry(files, first)? != Entry::Missing {
            return Ok(());
        }
        let directory = &below.directory;
        let message = format!(
            "it is outside of the project: `{first}` is a directory of the repository, of which the project is `{directory}`; if the project's own is meant, its path is `{directory}/{path}`"
        );
        Err(Refusal::new(Reason::Path, message).file(path))
    }

    /// Tells whether the caller does not wait any more.
    pub(super) fn is_cancelled(&self) -> &(dyn Fn() -> bool + '_) {
        match &self.cancelled {
            Some(is_cancelled) => is_cancelled,
            None => &|| false,
        }
    }

    /// Whether the caller protects a path.
    pub(super) fn protects(&self, path: &str) -> bool {
        self.protected.as_ref().is_some_and(|is_protected| is_protected(path))
    }
}

impl fmt::Debug for Rules<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Rules")
            .field("protected", &self.protected.is_some())
            .field("verbatim", &self.verbatim)
            .field("inside", &self.below.as_ref().map(|below| &below.directory))
            .finish()
    }
}
