//! What the caller asks of a change.

use std::fmt;

/// Whether a path is one of those that are meant.
type IsMeant<'a> = dyn Fn(&str) -> bool + Send + Sync + 'a;

/// What a change must keep to, besides staying in the project.
#[derive(Default)]
pub struct Rules<'a> {
    protected: Option<Box<IsMeant<'a>>>,
    cancelled: Option<Box<dyn Fn() -> bool + Send + Sync + 'a>>,
    pub(super) verbatim: bool,
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
            .finish()
    }
}
